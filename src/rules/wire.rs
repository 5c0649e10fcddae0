//! A rule as `struct audit_rule_data` (include/uapi/linux/audit.h), in the host's byte order.

use crate::rules::{
    Action, Condition, Field, List, Operator, Rule, Syscalls, Value, rule::MASK_WORDS,
};

/// The conditions of a rule at most (`AUDIT_MAX_FIELDS`).
pub(crate) const MAX_CONDITIONS: usize = 64;
/// The flag of a rule that goes to the front of its list (`AUDIT_FILTER_PREPEND`).
pub(crate) const PREPEND: u32 = 0x10;

/// The 32-bit words before the texts: flags, action, the number of conditions, the mask, the
/// fields, values and operators, and the length of the texts.
const WORDS: usize = 3 + MASK_WORDS + 3 * MAX_CONDITIONS + 1;
const MASK: usize = 3;
const FIELDS: usize = MASK + MASK_WORDS;
const VALUES: usize = FIELDS + MAX_CONDITIONS;
const OPERATORS: usize = VALUES + MAX_CONDITIONS;
const LENGTH: usize = OPERATORS + MAX_CONDITIONS;

impl Rule {
    /// The rule as the kernel takes it.
    ///
    /// A rule has at most 64 conditions. The kernel refuses this form of a rule with more.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut words = [0; WORDS];
        let conditions = &self.conditions[..self.conditions.len().min(MAX_CONDITIONS)];
        words[0] = self.list.0;
        words[1] = self.action.number();
        words[2] = u32::try_from(self.conditions.len()).unwrap_or(u32::MAX);
        words[MASK..FIELDS].copy_from_slice(&self.syscalls.0);
        let mut texts = Vec::new();
        for (index, condition) in conditions.iter().enumerate() {
            words[FIELDS + index] = condition.field.0;
            words[VALUES + index] = condition.number();
            words[OPERATORS + index] = condition.operator.number();
            texts.extend_from_slice(condition.text());
        }
        words[LENGTH] = u32::try_from(texts.len()).unwrap_or(u32::MAX);
        let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
        bytes.append(&mut texts);
        bytes
    }

    /// The rule as the kernel takes it, for the front of its list.
    pub(crate) fn to_bytes_at_the_front(&self) -> Vec<u8> {
        let mut bytes = self.to_bytes();
        bytes[..4].copy_from_slice(&(self.list.0 | PREPEND).to_ne_bytes());
        bytes
    }

    /// Reads a rule as the kernel lists it; `None` if it is cut short, has more than 64 conditions,
    /// or has an action or operator that is not known.
    pub fn read(bytes: &[u8]) -> Option<Rule> {
        let word = |at: usize| {
            let word = bytes.get(4 * at..)?.first_chunk()?;
            Some(u32::from_ne_bytes(*word))
        };
        let length = usize::try_from(word(LENGTH)?).ok()?;
        let mut texts = bytes.get(4 * WORDS..)?.get(..length)?;
        let mut syscalls = Syscalls::NONE;
        for (index, own) in syscalls.0.iter_mut().enumerate() {
            *own = word(MASK + index)?;
        }
        let count = usize::try_from(word(2)?).ok()?;
        if count > MAX_CONDITIONS {
            return None;
        }
        let mut conditions = Vec::new();
        for index in 0..count {
            let field = Field(word(FIELDS + index)?);
            let number = word(VALUES + index)?;
            let value = if field.is_text() {
                Value::Text(texts.split_off(..usize::try_from(number).ok()?)?.to_owned())
            } else {
                Value::Number(number)
            };
            conditions.push(Condition {
                field,
                operator: Operator::of(word(OPERATORS + index)?)?,
                value,
            });
        }
        Some(Rule {
            list: List(word(0)? & !PREPEND),
            action: Action::of(word(1)?)?,
            syscalls,
            conditions,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Watched;

    fn condition(field: Field, value: Value) -> Condition {
        Condition {
            field,
            operator: Operator::Equal,
            value,
        }
    }

    fn text(field: Field, text: &str) -> Condition {
        condition(field, Value::Text(text.into()))
    }

    fn rule(conditions: Vec<Condition>) -> Rule {
        let mut rule = Rule::new(List::EXIT, Action::Always);
        rule.conditions = conditions;
        rule
    }

    #[test]
    fn texts_among_numbers_are_found() {
        let arch = condition(Field::ARCH, Value::Number(0xc000_003e));
        let perm = condition(Field::PERM, Value::Number(6));
        let (key, exe) = (text(Field::FILTERKEY, "/a/key"), text(Field::EXE, "/bin/x"));
        let (directory, file) = (text(Field::DIR, "/etc"), text(Field::PATH, "/etc/\u{fc}"));
        let watches = |conditions: &[&Condition]| {
            let rule = rule(conditions.iter().map(|&one| one.clone()).collect());
            let read = Rule::read(&rule.to_bytes());
            assert_eq!(read, Some(rule));
            read.unwrap().watched()
        };
        let etc = Some(Watched::Directory("/etc".into()));
        assert_eq!(watches(&[&arch, &directory, &perm, &key]), etc);
        assert_eq!(watches(&[&key, &exe, &arch, &directory]), etc);
        let passwd = Some(Watched::File("/etc/\u{fc}".into()));
        assert_eq!(watches(&[&exe, &file, &key]), passwd);
        assert_eq!(watches(&[&arch, &perm, &exe, &key]), None);
        let mut never = rule(vec![directory]);
        never.action = Action::Never;
        assert_eq!(never.watched(), None);
    }

    #[test]
    fn a_torn_rule_is_no_rule() {
        let whole = rule(vec![
            condition(Field::UID, Value::Number(0)),
            text(Field::DIR, "/etc"),
        ]);
        let bytes = whole.to_bytes();
        for length in 0..bytes.len() {
            assert_eq!(Rule::read(&bytes[..length]), None, "{length}");
        }
    }

    #[test]
    fn a_rule_with_too_many_conditions_is_not_taken_for_another_one() {
        let with = |count| rule(vec![condition(Field::UID, Value::Number(0)); count]);
        let most = with(MAX_CONDITIONS);
        assert_eq!(Rule::read(&most.to_bytes()), Some(most));
        let more = with(MAX_CONDITIONS + 1).to_bytes();
        assert_eq!(more[8..12], 65u32.to_ne_bytes());
        assert_eq!(Rule::read(&more), None);
    }

    #[test]
    fn the_front_of_the_list_is_a_flag() {
        let rule = rule(Vec::new());
        let front = rule.to_bytes_at_the_front();
        assert_eq!(front[..4], (4u32 | 0x10).to_ne_bytes());
        assert_eq!(Rule::read(&front), Some(rule));
    }
}
