//! A rule, as the kernel takes and lists it.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use crate::rules::{Field, Operator};

/// A list that rules are in, by its kernel number (`AUDIT_FILTER_*`).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct List(pub u32);

impl List {
    /// For messages from user space.
    pub const USER: List = List(0);
    /// For new processes.
    pub const TASK: List = List(1);
    /// For syscalls and files, when a syscall ends.
    pub const EXIT: List = List(4);
    /// For records that are not to be written.
    pub const EXCLUDE: List = List(5);
    /// For whole file systems, since Linux 4.15.
    pub const FILESYSTEM: List = List(6);
    /// For the operations of io_uring, since Linux 5.16.
    pub const IO_URING: List = List(7);

    /// All lists with a name.
    pub(crate) const ALL: [(List, &str); 6] = [
        (List::USER, "user"),
        (List::TASK, "task"),
        (List::EXIT, "exit"),
        (List::EXCLUDE, "exclude"),
        (List::FILESYSTEM, "filesystem"),
        (List::IO_URING, "io_uring"),
    ];

    /// The name in the language of auditctl(8), if it has one.
    pub fn name(self) -> Option<&'static str> {
        let named = List::ALL.iter().find(|(list, _)| *list == self);
        named.map(|(_, name)| *name)
    }

    /// Whether rules of this list are for certain syscalls or operations.
    pub(crate) fn has_syscalls(self) -> bool {
        matches!(self, List::EXIT | List::IO_URING)
    }
}

/// What a matching rule does.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Action {
    /// No event is recorded, and no later rule is asked.
    Never,
    /// An event is recorded.
    Always,
    /// `AUDIT_POSSIBLE`, which kernels have refused since Linux 2.6.17.
    Possible,
}

/// The names and the kernel's numbers of the actions.
const ACTIONS: [(Action, &str, u32); 3] = [
    (Action::Never, "never", 0),
    (Action::Possible, "possible", 1),
    (Action::Always, "always", 2),
];

impl Action {
    /// The name in the language of auditctl(8).
    pub fn name(self) -> &'static str {
        let row = ACTIONS.iter().find(|(action, ..)| *action == self);
        row.map_or("", |(_, name, _)| name)
    }

    pub(crate) fn parse(name: &[u8]) -> Option<Action> {
        let row = ACTIONS.iter().find(|(_, own, _)| own.as_bytes() == name);
        row.map(|(action, ..)| *action)
    }

    pub(crate) fn number(self) -> u32 {
        let row = ACTIONS.iter().find(|(action, ..)| *action == self);
        row.map_or(0, |(.., number)| *number)
    }

    pub(crate) fn of(number: u32) -> Option<Action> {
        let row = ACTIONS.iter().find(|(.., own)| *own == number);
        row.map(|(action, ..)| *action)
    }
}

/// The number of 32-bit words of a mask of syscalls (`AUDIT_BITMASK_SIZE`).
pub(crate) const MASK_WORDS: usize = 64;
/// The syscalls that fit into a mask. The kernel takes the last 16 bits for classes of syscalls.
pub(crate) const MAX_SYSCALLS: u32 = 32 * MASK_WORDS as u32 - 16;

/// A set of syscalls, or of io_uring operations, by number.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Syscalls(pub(crate) [u32; MASK_WORDS]);

impl Syscalls {
    /// No syscall.
    pub const NONE: Syscalls = Syscalls([0; MASK_WORDS]);
    /// All syscalls. The last word is empty, as in rules of auditctl(8).
    pub const ALL: Syscalls = {
        let mut words = [u32::MAX; MASK_WORDS];
        words[MASK_WORDS - 1] = 0;
        Syscalls(words)
    };

    /// Adds a syscall. Returns `false` if its number is too high for a rule.
    pub fn insert(&mut self, number: u32) -> bool {
        let is_valid = number < MAX_SYSCALLS;
        if is_valid {
            self.0[number as usize / 32] |= 1 << (number % 32);
        }
        is_valid
    }

    /// Whether a syscall is in the set.
    pub fn contains(&self, number: u32) -> bool {
        let word = self.0.get(number as usize / 32);
        word.is_some_and(|word| word & (1 << (number % 32)) != 0)
    }

    /// Whether all syscalls are in the set.
    pub fn is_all(&self) -> bool {
        self.0[..MASK_WORDS - 1]
            .iter()
            .all(|word| *word == u32::MAX)
    }

    /// The numbers in the set, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0..32 * MASK_WORDS as u32).filter(|number| self.contains(*number))
    }

    /// Whether all syscalls of this set are in another.
    pub(crate) fn is_subset(&self, other: &Syscalls) -> bool {
        let mut words = self.0.iter().zip(&other.0);
        other.is_all() || words.all(|(own, others)| own & !others == 0)
    }

    /// Adds the syscalls of another set.
    pub(crate) fn add(&mut self, other: &Syscalls) {
        for (own, others) in self.0.iter_mut().zip(&other.0) {
            *own |= others;
        }
    }
}

/// What a field is compared with.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Value {
    /// A number; negative ones in two's complement.
    Number(u32),
    /// A text, without a NUL at its end.
    Text(Vec<u8>),
}

/// A test of one field. A rule matches if all of its conditions hold.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Condition {
    /// The field.
    pub field: Field,
    /// How it is compared.
    pub operator: Operator,
    /// What it is compared with.
    pub value: Value,
}

impl Condition {
    /// The value as a number; the length of a text, as in `audit_rule_data.values`.
    pub(crate) fn number(&self) -> u32 {
        match &self.value {
            Value::Number(number) => *number,
            Value::Text(text) => u32::try_from(text.len()).unwrap_or(u32::MAX),
        }
    }

    /// The value as text; empty if it is a number.
    pub(crate) fn text(&self) -> &[u8] {
        match &self.value {
            Value::Number(_) => b"",
            Value::Text(text) => text,
        }
    }
}

/// A rule.
///
/// ```
/// use auditrd::rules::{Host, Rule};
///
/// let line = b"-a always,exit -F arch=b64 -S execve -F auid!=unset -k process";
/// let rule = Rule::parse(line, &Host::current())?;
/// assert_eq!(Rule::read(&rule.to_bytes()), Some(rule.clone()));
/// assert_eq!(
///     rule.to_string(),
///     "-a always,exit -F arch=b64 -S execve -F auid!=-1 -F key=process"
/// );
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Rule {
    /// The list that it is in.
    pub list: List,
    /// What it does.
    pub action: Action,
    /// The syscalls that it is for. Meaningful only in the lists `exit` and `io_uring`.
    pub syscalls: Syscalls,
    /// All of these hold when it matches.
    pub conditions: Vec<Condition>,
}

/// What a rule watches.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Watched {
    /// A directory with everything below it (`-F dir=`).
    Directory(PathBuf),
    /// One file or directory (`-F path=`).
    File(PathBuf),
}

/// What stands between several keys of a rule (`AUDIT_KEY_SEPARATOR` of libaudit.h).
pub(crate) const KEY_SEPARATOR: u8 = 1;

impl Rule {
    /// A rule without conditions, for all syscalls.
    pub fn new(list: List, action: Action) -> Rule {
        Rule {
            list,
            action,
            syscalls: Syscalls::ALL,
            conditions: Vec::new(),
        }
    }

    /// The conditions on a field.
    pub fn conditions_on(&self, field: Field) -> impl Iterator<Item = &Condition> {
        let conditions = self.conditions.iter();
        conditions.filter(move |condition| condition.field == field)
    }

    /// The `AUDIT_ARCH_*` value that the rule is for, if it is for one.
    pub fn arch(&self) -> Option<u32> {
        let mut conditions = self.conditions_on(Field::ARCH);
        let equal = conditions.find(|condition| condition.operator == Operator::Equal)?;
        Some(equal.number())
    }

    /// The keys that are written into its events.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        let texts = self.conditions_on(Field::FILTERKEY).map(Condition::text);
        texts
            .flat_map(|text| text.split(|byte| *byte == KEY_SEPARATOR))
            .filter(|key| !key.is_empty())
    }

    /// Whether one of its keys contains a text, as auditctl(8) looks for the value of `-D -k`.
    pub(crate) fn has_key_with(&self, text: &[u8]) -> bool {
        let mut keys = self.conditions_on(Field::FILTERKEY);
        keys.any(|key| memchr::memmem::find(key.text(), text).is_some())
    }

    /// What the rule watches, unless it leaves events out.
    pub fn watched(&self) -> Option<Watched> {
        if self.action != Action::Always {
            return None;
        }
        self.conditions.iter().find_map(|condition| {
            let path = || Path::new(OsStr::from_bytes(condition.text())).to_owned();
            match condition.field {
                Field::DIR => Some(Watched::Directory(path())),
                Field::PATH => Some(Watched::File(path())),
                _ => None,
            }
        })
    }
}
