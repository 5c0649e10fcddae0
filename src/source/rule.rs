//! The loaded audit rules, and what they watch, from `struct audit_rule_data` (include/uapi/linux/audit.h).

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// The loaded audit rules.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Rules {
    /// How many there are.
    pub count: usize,
    /// What they watch, each once.
    pub watched: BTreeSet<Watched>,
    /// The rules in the kernel's order.
    pub loaded: Vec<LoadedRule>,
}

impl Rules {
    /// Adds a rule as the kernel lists it.
    pub(super) fn add(&mut self, rule: &[u8]) {
        self.count += 1;
        self.watched.extend(watched(rule));
        self.loaded.extend(LoadedRule::read(rule));
    }
}

/// A loaded rule, as far as a listener has to understand it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct LoadedRule {
    /// The list that it is in: 1 for task, 4 for exit, 5 for exclude (`AUDIT_FILTER_*`).
    pub list: u32,
    /// 0 for never, 2 for always.
    pub action: u32,
    /// The architecture that it is limited to (`AUDIT_ARCH_*`).
    pub arch: Option<u32>,
    /// The record types that it names (`-F msgtype=`).
    pub message_types: Vec<u32>,
    /// All its conditions but the architecture and the system calls: equal for rules that differ
    /// in these only. The bytes have no further meaning.
    pub conditions: Vec<u8>,
    /// The whole rule (`struct audit_rule_data`).
    pub bytes: Vec<u8>,
}

impl LoadedRule {
    /// Parses a rule as the kernel lists it; `None` if it is too short.
    fn read(bytes: &[u8]) -> Option<LoadedRule> {
        let word = |at: usize| {
            let bytes = bytes.get(at..)?.first_chunk()?;
            Some(u32::from_ne_bytes(*bytes))
        };
        let mut rule = LoadedRule {
            list: word(LIST)?,
            action: word(ACTION)?,
            bytes: bytes.to_vec(),
            ..LoadedRule::default()
        };
        let fields = usize::try_from(word(FIELD_COUNT)?).ok()?;
        for at in (0..fields.min(WORDS)).map(|index| 4 * index) {
            let (field, value) = (word(FIELDS + at)?, word(VALUES + at)?);
            match field {
                AUDIT_ARCH => rule.arch = Some(value),
                _ => {
                    let operator = word(OPERATORS + at)?;
                    let words = [field, operator, value].map(u32::to_ne_bytes);
                    rule.conditions.extend(words.as_flattened());
                }
            }
            if field == AUDIT_MSGTYPE {
                rule.message_types.push(value);
            }
        }
        rule.conditions.extend(bytes.get(TEXT..)?);
        Some(rule)
    }
}

/// What a rule watches.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Watched {
    /// A directory with everything below it (`-F dir=`).
    Directory(PathBuf),
    /// One file or directory (`-F path=`).
    File(PathBuf),
}

/// The number of 32-bit words of `mask`, and of each of `fields`, `values` and `fieldflags`.
const WORDS: usize = 64;
/// Offsets of the members, in bytes.
const LIST: usize = 0;
const ACTION: usize = 4;
const FIELD_COUNT: usize = 8;
const FIELDS: usize = 12 + 4 * WORDS;
const VALUES: usize = FIELDS + 4 * WORDS;
const OPERATORS: usize = VALUES + 4 * WORDS;
const LENGTH: usize = OPERATORS + 4 * WORDS;
const TEXT: usize = LENGTH + 4;

/// `action` of a rule that leaves records out.
const AUDIT_NEVER: u32 = 0;
const AUDIT_ARCH: u32 = 11;
const AUDIT_MSGTYPE: u32 = 12;
const AUDIT_WATCH: u32 = 105;
const AUDIT_DIR: u32 = 107;

/// Whether a field's value is a text, whose length is in `values` (kernel/auditfilter.c,
/// `audit_krule_to_data`): AUDIT_SUBJ_*, AUDIT_OBJ_*, AUDIT_WATCH, AUDIT_DIR, AUDIT_EXE and
/// AUDIT_FILTERKEY.
fn is_text(field: u32) -> bool {
    matches!(field, 13..=17 | 19..=23 | AUDIT_WATCH | AUDIT_DIR | 112 | 210)
}

/// What a rule watches, if it is whole and watches anything.
fn watched(rule: &[u8]) -> Option<Watched> {
    let word = |at: usize| {
        let bytes = rule.get(at..)?.first_chunk()?;
        Some(u32::from_ne_bytes(*bytes))
    };
    if word(ACTION)? == AUDIT_NEVER {
        return None;
    }
    let length = usize::try_from(word(LENGTH)?).ok()?;
    let mut text = rule.get(TEXT..)?.get(..length)?;
    let fields = usize::try_from(word(FIELD_COUNT)?).ok()?;
    for index in 0..fields.min(WORDS) {
        let field = word(FIELDS + 4 * index)?;
        if !is_text(field) {
            continue;
        }
        let length = usize::try_from(word(VALUES + 4 * index)?).ok()?;
        let value = text.split_off(..length)?;
        let path = || Path::new(OsStr::from_bytes(value)).to_owned();
        match field {
            AUDIT_DIR => return Some(Watched::Directory(path())),
            AUDIT_WATCH => return Some(Watched::File(path())),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rule with these fields; numbers have a value, texts are appended.
    fn rule(action: u32, fields: &[(u32, Result<u32, &str>)]) -> Vec<u8> {
        let mut words = vec![0u32; 3 + WORDS * 4 + 1];
        words[1] = action;
        words[2] = u32::try_from(fields.len()).unwrap();
        let mut text = Vec::new();
        for (index, (field, value)) in fields.iter().enumerate() {
            words[3 + WORDS + index] = *field;
            words[3 + 2 * WORDS + index] = match value {
                Ok(number) => *number,
                Err(value) => {
                    text.extend_from_slice(value.as_bytes());
                    u32::try_from(value.len()).unwrap()
                }
            };
        }
        words[3 + 4 * WORDS] = u32::try_from(text.len()).unwrap();
        let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
        bytes.extend(text);
        bytes
    }

    const ARCH: (u32, Result<u32, &str>) = (11, Ok(0xc000_003e));
    const PERM: (u32, Result<u32, &str>) = (106, Ok(6));
    const KEY: (u32, Result<u32, &str>) = (210, Err("/a/key"));
    const EXE: (u32, Result<u32, &str>) = (112, Err("/usr/bin/x"));

    #[test]
    fn directories_and_files_of_rules_are_found_among_their_texts() {
        let directory = (AUDIT_DIR, Err("/etc"));
        let file = (AUDIT_WATCH, Err("/etc/\u{fc}"));
        let watches = |fields: &[_]| watched(&rule(2, fields));
        let etc = Some(Watched::Directory("/etc".into()));
        assert_eq!(watches(&[ARCH, directory, PERM, KEY]), etc);
        assert_eq!(watches(&[KEY, EXE, ARCH, directory]), etc);
        let passwd = Some(Watched::File("/etc/\u{fc}".into()));
        assert_eq!(watches(&[EXE, file, KEY]), passwd);
        assert_eq!(watches(&[ARCH, PERM, EXE, KEY]), None);
        assert_eq!(watched(&rule(AUDIT_NEVER, &[directory])), None);
    }

    #[test]
    fn rules_that_differ_in_their_architecture_have_equal_conditions() {
        let read = |fields: &[_]| LoadedRule::read(&rule(2, fields)).unwrap();
        let one = read(&[ARCH, PERM, KEY]);
        assert_eq!((one.list, one.action, one.arch), (0, 2, Some(0xc000_003e)));
        let other = read(&[(AUDIT_ARCH, Ok(0x4000_0003)), PERM, KEY]);
        assert_eq!(one.conditions, other.conditions);
        assert_ne!(one.conditions, read(&[ARCH, PERM, EXE]).conditions);
        let excluding = read(&[(AUDIT_MSGTYPE, Ok(1300)), (AUDIT_MSGTYPE, Ok(1327))]);
        assert_eq!(excluding.message_types, [1300, 1327]);
        let whole = rule(2, &[ARCH]);
        assert_eq!(LoadedRule::read(&whole[..TEXT - 1]), None);
    }

    #[test]
    fn a_torn_rule_watches_nothing() {
        let whole = rule(2, &[ARCH, KEY, (AUDIT_DIR, Err("/etc"))]);
        assert!(watched(&whole).is_some());
        for length in 0..whole.len() {
            assert_eq!(watched(&whole[..length]), None, "{length}");
        }
        let mut many = whole.clone();
        many[FIELD_COUNT..FIELD_COUNT + 4].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert!(watched(&many).is_some());
    }
}
