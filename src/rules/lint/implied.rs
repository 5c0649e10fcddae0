//! Whether the conditions of one rule are always met where another rule matches.

use crate::rules::{Condition, Field, Operator, Rule, Value};

/// The numbers that all conditions of a rule on a field leave.
struct Range {
    low: u32,
    high: u32,
    /// Those that are left out between.
    others: Vec<u32>,
}

impl Range {
    fn of<'c>(conditions: impl Iterator<Item = &'c Condition>) -> Range {
        let mut range = Range {
            low: 0,
            high: u32::MAX,
            others: Vec::new(),
        };
        for condition in conditions {
            range.narrow(condition.operator, condition.number());
        }
        while range.low < range.high && range.others.contains(&range.low) {
            range.low += 1;
        }
        while range.low < range.high && range.others.contains(&range.high) {
            range.high -= 1;
        }
        range
    }

    fn narrow(&mut self, operator: Operator, number: u32) {
        match operator {
            Operator::Equal => {
                self.low = self.low.max(number);
                self.high = self.high.min(number);
            }
            Operator::NotEqual => self.others.push(number),
            Operator::GreaterOrEqual => self.low = self.low.max(number),
            Operator::LessOrEqual => self.high = self.high.min(number),
            Operator::Greater => match number.checked_add(1) {
                Some(number) => self.low = self.low.max(number),
                None => self.empty(),
            },
            Operator::Less => match number.checked_sub(1) {
                Some(number) => self.high = self.high.min(number),
                None => self.empty(),
            },
            Operator::BitMask | Operator::BitTest => {}
        }
    }

    fn empty(&mut self) {
        (self.low, self.high) = (1, 0);
    }

    fn is_empty(&self) -> bool {
        self.low > self.high || self.low == self.high && self.others.contains(&self.low)
    }

    /// Whether all of its numbers meet a condition.
    fn meets(&self, operator: Operator, number: u32) -> bool {
        match operator {
            Operator::Equal => self.low == number && self.high == number,
            Operator::NotEqual => {
                !(self.low..=self.high).contains(&number) || self.others.contains(&number)
            }
            Operator::GreaterOrEqual => self.low >= number,
            Operator::LessOrEqual => self.high <= number,
            Operator::Greater => self.low > number,
            Operator::Less => self.high < number,
            Operator::BitMask | Operator::BitTest => false,
        }
    }
}

/// Whether an event has one value of a field, which the kernel compares as a number without a sign
/// (kernel/auditfilter.c, `audit_comparator`). A condition on a field of files is met if one file
/// of the event meets it, and a second condition perhaps by another file. Conditions on `gid` and
/// `egid` are also met by supplementary groups (kernel/auditsc.c, `audit_filter_rules`).
fn is_single_number(field: Field) -> bool {
    let has_several = matches!(
        field,
        Field::DEVMAJOR
            | Field::DEVMINOR
            | Field::INODE
            | Field::FILETYPE
            | Field::OBJ_UID
            | Field::OBJ_GID
            | Field::GID
            | Field::EGID
    );
    let is_number = !matches!(field, Field::PERM | Field::SUCCESS | Field::FIELD_COMPARE);
    is_number && !has_several && !field.is_text()
}

/// The first field whose conditions exclude each other.
pub(super) fn impossible(rule: &Rule) -> Option<Field> {
    let fields = rule.conditions.iter().map(|condition| condition.field);
    fields
        .filter(|field| is_single_number(*field))
        .find(|field| Range::of(rule.conditions_on(*field)).is_empty())
}

/// Whether the conditions of a rule leave a number of a field.
pub(super) fn allows(rule: &Rule, field: Field, number: u32) -> bool {
    let equal = Condition {
        field,
        operator: Operator::Equal,
        value: Value::Number(number),
    };
    !Range::of(rule.conditions_on(field).chain([&equal])).is_empty()
}

/// Whether a condition is met by every event that a rule matches.
pub(super) fn is_met(condition: &Condition, rule: &Rule) -> bool {
    let field = condition.field;
    if field == Field::FILTERKEY || rule.conditions.contains(condition) {
        return true;
    }
    match field {
        Field::PERM => {
            let mut own = rule.conditions_on(Field::PERM);
            own.any(|own| own.number() & !condition.number() == 0)
        }
        Field::DIR => {
            let mut paths = rule
                .conditions_on(Field::DIR)
                .chain(rule.conditions_on(Field::PATH));
            paths.any(|path| is_below(path.text(), condition.text()))
        }
        field if is_single_number(field) => {
            let range = Range::of(rule.conditions_on(field));
            range.meets(condition.operator, condition.number())
        }
        _ => false,
    }
}

/// Whether a path is a directory or below it.
fn is_below(path: &[u8], directory: &[u8]) -> bool {
    let directory = match directory.iter().rposition(|byte| *byte != b'/') {
        Some(last) => &directory[..=last],
        None => b"",
    };
    let rest = path.strip_prefix(directory);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Host;

    fn rule(fields: &str) -> Rule {
        let line = format!("-a always,exit {fields}");
        Rule::parse(line.as_bytes(), &Host::current()).unwrap()
    }

    fn implies(rule_fields: &str, conditions: &str) -> bool {
        let other = rule(conditions);
        let rule = rule(rule_fields);
        other
            .conditions
            .iter()
            .all(|condition| is_met(condition, &rule))
    }

    #[test]
    fn ranges_of_numbers_meet_wider_ones() {
        for (rule, wider) in [
            ("-F uid=5", "-F uid=5"),
            ("-F uid=5", "-F uid>=5 -F uid<6 -F uid!=4"),
            ("-F uid>=1000 -F uid!=5", "-F uid>999"),
            ("-F auid>=1000 -F auid!=unset", "-F auid!=unset"),
            ("-F uid=0 -F pid=3", "-F uid=0"),
            ("-F uid=0", ""),
            ("-F a0&3", "-F a0&3"),
        ] {
            assert!(implies(rule, wider), "{rule} meets {wider}");
        }
        for (rule, other) in [
            ("", "-F uid=5"),
            ("-F uid>=5", "-F uid=5"),
            ("-F uid=5", "-F euid=5"),
            ("-F a0=3", "-F a0&3"),
            ("-F gid=5", "-F gid!=6"),
            ("-F auid>=1000", "-F auid!=unset"),
        ] {
            assert!(!implies(rule, other), "{rule} does not meet {other}");
        }
    }

    #[test]
    fn paths_meet_the_directories_above_them() {
        assert!(implies("-F path=/etc/a", "-F dir=/etc"));
        assert!(implies("-F dir=/etc/a", "-F dir=/etc/"));
        assert!(implies("-F dir=/etc", "-F dir=/"));
        assert!(!implies("-F dir=/etcetera", "-F dir=/etc"));
        assert!(!implies("-F dir=/etc", "-F path=/etc"));
        assert!(implies("-F dir=/etc -F perm=w", "-F dir=/etc -F perm=wa"));
        assert!(!implies("-F dir=/etc -F perm=wa", "-F dir=/etc -F perm=w"));
    }

    #[test]
    fn contradictions_are_found_in_fields_with_one_value() {
        for contradiction in [
            "-F uid=5 -F uid=6",
            "-F uid>=6 -F uid<6",
            "-F uid=5 -F uid!=5",
            "-F exit<0",
            "-F sessionid>4294967295",
            "-F pid>=5 -F pid<=6 -F pid!=5 -F pid!=6",
        ] {
            assert!(
                impossible(&rule(contradiction)).is_some(),
                "{contradiction}"
            );
        }
        for fine in [
            "-F uid>=5 -F uid<=5",
            "-F devmajor=5 -F devmajor=6",
            "-F gid=5 -F gid=6",
            "-F egid=5 -F egid!=5",
            "-F exit<=-1",
        ] {
            assert_eq!(impossible(&rule(fine)), None, "{fine}");
        }
    }
}
