//! A line of a file of rules: its options in the order in which auditctl(8) goes through them.

use std::{
    ffi::OsStr,
    fmt,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use crate::rules::{
    Action, Condition, Field, Host, List, Operator, PathKind, Rule, Syscalls, Value,
    calls::{call_number, native},
    field::comparison,
    options::{Fault, Opt, options},
    rule::KEY_SEPARATOR,
    values::{
        MAX_KEY, integer, permissions, refuses_field, refuses_operator, refuses_value, value,
    },
    wire::MAX_CONDITIONS,
    words::{Word, words},
};

/// What a line asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// `-a`, `-w`; `-A` with `at_front`.
    Add {
        /// The rule.
        rule: Rule,
        /// Whether it goes to the front of its list.
        at_front: bool,
    },
    /// `-d` and `-W`.
    Delete(Rule),
    /// `-D`: all rules, or with `-k` those of which a key contains a text.
    DeleteAll(Option<Vec<u8>>),
    /// A setting of the kernel.
    Set(Setting),
    /// `-t`: forgets directories below which nothing is mounted any more.
    Trim,
    /// `-q`: what is mounted at the second path is watched with the first.
    Equivalent(PathBuf, PathBuf),
    /// `-i` and, if `true`, `-c`: goes on after errors.
    IgnoreErrors(bool),
}

/// A setting of the kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Setting {
    /// `-e`: 0 for off, 1 for on, 2 for on and locked until the next boot.
    Enabled(u32),
    /// `-f`: what happens to failures of auditing: 0 for nothing, 1 for a message in the kernel's
    /// log, 2 for a panic.
    Failure(u32),
    /// `-r`: records per second, 0 for no limit.
    RateLimit(u32),
    /// `-b`: records in the kernel's queue.
    BacklogLimit(u32),
    /// `--backlog_wait_time`, in jiffies.
    BacklogWaitTime(u32),
    /// `--loginuid-immutable`: an auid that is set cannot be changed, until the next boot.
    LoginuidImmutable,
    /// `--reset-lost`
    ResetLost,
    /// `--reset_backlog_wait_time_actual`
    ResetBacklogWaitTimeActual,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Enabled(value) => write!(f, "-e {value}"),
            Setting::Failure(value) => write!(f, "-f {value}"),
            Setting::RateLimit(value) => write!(f, "-r {value}"),
            Setting::BacklogLimit(value) => write!(f, "-b {value}"),
            Setting::BacklogWaitTime(value) => write!(f, "--backlog_wait_time {value}"),
            Setting::LoginuidImmutable => f.write_str("--loginuid-immutable"),
            Setting::ResetLost => f.write_str("--reset-lost"),
            Setting::ResetBacklogWaitTimeActual => f.write_str("--reset_backlog_wait_time_actual"),
        }
    }
}

/// What is known of a rule while its line is read.
#[derive(Default)]
struct Draft {
    list: Option<List>,
    action: Option<Action>,
    at_front: bool,
    is_deleted: bool,
    arch: Option<u32>,
    syscalls: Option<Syscalls>,
    /// Whether something came that a key may be given to.
    takes_key: bool,
    conditions: Vec<Condition>,
    key: Vec<u8>,
}

/// Reads a line that is no comment.
pub(crate) fn line(text: &[u8], host: &Host) -> Result<Vec<Command>, Fault> {
    if let Some(at) = text.iter().position(|byte| *byte == 0) {
        return Err(Fault::new(at, "the line has a NUL byte"));
    }
    let options = options(words(text))?;
    if let Some(command) = delete_all(&options)? {
        return Ok(vec![command]);
    }
    let mut commands = Vec::new();
    let mut draft = Draft::default();
    for option in &options {
        match setting(option)? {
            Some(command) => commands.push(command),
            None => draft.take(option, host)?,
        }
    }
    commands.extend(draft.finish(&options)?);
    Ok(commands)
}

/// `-D`, which stands alone or with one `-k`.
fn delete_all(options: &[Opt]) -> Result<Option<Command>, Fault> {
    let Some(index) = options.iter().position(|option| option.name == "D") else {
        return Ok(None);
    };
    match options {
        [_] => Ok(Some(Command::DeleteAll(None))),
        [_, key] if index == 0 && key.name == "k" => {
            Ok(Some(Command::DeleteAll(Some(key.value.text.clone()))))
        }
        _ => Err(Fault::new(
            options[index].at,
            "-D takes no other option than -k after it",
        )),
    }
}

/// An option that is no part of a rule.
fn setting(option: &Opt) -> Result<Option<Command>, Fault> {
    let value = &option.value;
    let number = || {
        let text = value.shown();
        let is_digit = text.starts_with(|first: char| first.is_ascii_digit());
        let number = match is_digit {
            true => integer(&text),
            false => Err(format!("{text} is not a number")),
        };
        number.map_err(|text| Fault::new(value.at, text))
    };
    let up_to_two = || match value.text.as_slice() {
        [digit @ b'0'..=b'2'] => Ok(u32::from(digit - b'0')),
        _ => {
            let text = format!("{} is not 0, 1 or 2", value.shown());
            Err(Fault::new(value.at, text))
        }
    };
    let command = match option.name {
        "e" => Command::Set(Setting::Enabled(up_to_two()?)),
        "f" => Command::Set(Setting::Failure(up_to_two()?)),
        "r" => Command::Set(Setting::RateLimit(number()?)),
        "b" => Command::Set(Setting::BacklogLimit(number()?)),
        "backlog_wait_time" => Command::Set(Setting::BacklogWaitTime(number()?)),
        "loginuid-immutable" => Command::Set(Setting::LoginuidImmutable),
        "reset-lost" => Command::Set(Setting::ResetLost),
        "reset_backlog_wait_time_actual" => Command::Set(Setting::ResetBacklogWaitTimeActual),
        "t" => Command::Trim,
        "i" => Command::IgnoreErrors(false),
        "c" => Command::IgnoreErrors(true),
        "q" => equivalent(value)?,
        "h" | "help" | "s" | "l" | "v" | "m" | "R" | "signal" => {
            let dashes = if option.name.len() == 1 { "-" } else { "--" };
            let text = format!("{dashes}{} has no place in a file of rules", option.name);
            return Err(Fault::new(option.at, text));
        }
        _ => return Ok(None),
    };
    Ok(Some(command))
}

fn equivalent(value: &Word) -> Result<Command, Fault> {
    let mut paths = value.text.split(|byte| *byte == b',');
    match (paths.next(), paths.next(), paths.next()) {
        (Some(mount), Some(subtree), None) if !mount.is_empty() && !subtree.is_empty() => {
            let path = |bytes| PathBuf::from(OsStr::from_bytes(bytes));
            Ok(Command::Equivalent(path(mount), path(subtree)))
        }
        _ => Err(Fault::new(
            value.at,
            "-q takes two paths with a comma between them",
        )),
    }
}

impl Draft {
    /// Takes an option of a rule.
    fn take(&mut self, option: &Opt, host: &Host) -> Result<(), Fault> {
        match option.name {
            "a" | "A" | "d" => self.list(option),
            "w" | "W" => self.watch(option, host),
            "S" => self.calls(&option.value, host),
            "F" => self.field(option, host),
            "C" => self.comparison(option),
            "p" => self.permissions(option),
            "k" => self.key_option(option),
            name => Err(Fault::new(option.at, format!("there is no option {name}"))),
        }
    }

    fn list(&mut self, option: &Opt) -> Result<(), Fault> {
        if self.list.is_some() {
            let text = "a line adds or deletes only one rule";
            return Err(Fault::new(option.at, text));
        }
        let value = &option.value;
        let comma = value.text.iter().position(|byte| *byte == b',');
        let Some(comma) = comma else {
            let text = format!("{} is no list and action, as always,exit is", value.shown());
            return Err(Fault::new(value.at, text));
        };
        let (one, other) = (&value.text[..comma], value.from(comma + 1));
        let (action, list) = match Action::parse(one) {
            Some(action) => (action, other),
            None => {
                let text = || format!("there is no action {}", other.shown());
                let action = Action::parse(&other.text);
                let first = Word {
                    at: value.at,
                    text: one.to_owned(),
                };
                let is_list = List::ALL.iter().any(|(_, name)| name.as_bytes() == one);
                match action {
                    Some(action) => (action, first),
                    None if is_list => return Err(Fault::new(other.at, text())),
                    None => {
                        let text = format!("there is no list or action {}", first.shown());
                        return Err(Fault::new(first.at, text));
                    }
                }
            }
        };
        if action == Action::Possible {
            return Err(Fault::new(
                value.at,
                "the kernel no longer has the action possible; use always",
            ));
        }
        self.list = Some(list_of(&list)?);
        self.action = Some(action);
        self.at_front = option.name == "A";
        self.is_deleted = option.name == "d";
        if self.syscalls.is_some() {
            self.refuse_calls(option.at)?;
        }
        Ok(())
    }

    /// The syscalls belong to some lists only.
    fn refuse_calls(&self, at: usize) -> Result<(), Fault> {
        match self.list {
            Some(list) if !list.has_syscalls() => {
                let name = list.name().unwrap_or_default();
                let text = format!("rules in the list {name} are for no syscalls");
                Err(Fault::new(at, text))
            }
            _ => Ok(()),
        }
    }

    fn watch(&mut self, option: &Opt, host: &Host) -> Result<(), Fault> {
        if self.list.is_some() {
            let text = "a watch is a rule by itself; use -F path= or -F dir= with -a";
            return Err(Fault::new(option.at, text));
        }
        let value = &option.value;
        let mut path = value.text.as_slice();
        while path.len() > 1 && path.ends_with(b"/") {
            path = &path[..path.len() - 1];
        }
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        if !path.starts_with(b"/") {
            return Err(Fault::new(value.at, "the path must start with /"));
        } else if path.len() >= 4096 || name.len() > 255 {
            return Err(Fault::new(value.at, "the path is too long"));
        }
        let field = match (host.kind)(Path::new(OsStr::from_bytes(path))) {
            PathKind::Directory => Field::DIR,
            PathKind::Missing | PathKind::Other => Field::PATH,
        };
        self.list = Some(List::EXIT);
        self.action = Some(Action::Always);
        self.is_deleted = option.name == "W";
        self.takes_key = true;
        self.syscalls = Some(Syscalls::ALL);
        self.push(
            value.at,
            field,
            Operator::Equal,
            Value::Text(path.to_owned()),
        )?;
        self.push(value.at, Field::PERM, Operator::Equal, Value::Number(15))
    }

    fn calls(&mut self, value: &Word, host: &Host) -> Result<(), Fault> {
        self.refuse_calls(value.at)?;
        let list = self.list.unwrap_or(List::EXIT);
        let arch = self.arch.or_else(|| host.arch.and_then(native));
        let mut syscalls = self.syscalls.unwrap_or(Syscalls::NONE);
        let mut at = 0;
        let mut is_empty = true;
        for name in value.text.split(|byte| *byte == b',') {
            let place = value.at + at;
            at += name.len() + 1;
            if name.is_empty() {
                continue;
            }
            is_empty = false;
            if name.eq_ignore_ascii_case(b"all") {
                syscalls.add(&Syscalls::ALL);
            } else if !syscalls
                .insert(number(name, list, arch).map_err(|text| Fault::new(place, text))?)
            {
                let text = "the number is too high for a syscall in a rule";
                return Err(Fault::new(place, text));
            }
        }
        if is_empty {
            return Err(Fault::new(value.at, "-S needs a syscall"));
        }
        self.syscalls = Some(syscalls);
        self.takes_key = true;
        Ok(())
    }

    fn field(&mut self, option: &Opt, host: &Host) -> Result<(), Fault> {
        let word = &option.value;
        let Some(list) = self.list else {
            let text = "-F comes after the list, which -a names";
            return Err(Fault::new(option.at, text));
        };
        if let Some(key) = word.text.strip_prefix(b"key=") {
            return self.add_key(word.at + 4, key);
        }
        let Some((name, operator, text)) = Operator::split(&word.text) else {
            let text = format!("{} has no operator, as uid=0 has", word.shown());
            return Err(Fault::new(word.at, text));
        };
        let at = word.at + name.len() + operator.symbol().len();
        let name = String::from_utf8_lossy(name);
        if name.is_empty() {
            return Err(Fault::new(word.at, "the name of the field is missing"));
        }
        if text.is_empty() {
            return Err(Fault::new(at, format!("{name} has no value")));
        }
        let field = Field::parse(&name)
            .ok_or_else(|| Fault::new(word.at, format!("there is no field {name}")))?;
        if let Some(text) = refuses_field(list, field) {
            return Err(Fault::new(word.at, text));
        }
        if field == Field::FILTERKEY {
            let text = "a key has the form -k KEY or -F key=KEY";
            return Err(Fault::new(word.at, text));
        }
        if field == Field::ARCH && self.syscalls.is_some() {
            let text = "arch must come before -S, and -w has no arch";
            return Err(Fault::new(word.at, text));
        }
        let value = value(field, text, host).map_err(|text| Fault::new(at, text))?;
        if let Some(text) = refuses_operator(field, operator, &value) {
            return Err(Fault::new(word.at, text));
        }
        if let Some(text) = refuses_value(field, &value) {
            return Err(Fault::new(at, text));
        }
        match value {
            Value::Number(arch) if field == Field::ARCH => self.arch = Some(arch),
            _ => {}
        }
        self.takes_key |= matches!(
            field,
            Field::PATH | Field::DIR | Field::PERM | Field::EXE | Field::FSTYPE
        );
        self.push(word.at, field, operator, value)
    }

    fn comparison(&mut self, option: &Opt) -> Result<(), Fault> {
        let word = &option.value;
        let fault = |text: String| Fault::new(word.at, text);
        let Some((left, operator, right)) = Operator::split(&word.text) else {
            return Err(fault(format!("{} has no operator", word.shown())));
        };
        if !matches!(operator, Operator::Equal | Operator::NotEqual) {
            return Err(fault("fields are compared with = and != only".to_owned()));
        }
        let field = |name: &[u8]| {
            let name = String::from_utf8_lossy(name);
            Field::parse(&name).ok_or_else(|| fault(format!("there is no field {name}")))
        };
        let (left, right) = (field(left)?, field(right)?);
        let number = comparison(left, right).ok_or_else(|| {
            let name = |field: Field| field.name().unwrap_or_default();
            let (left, right) = (name(left), name(right));
            fault(format!(
                "{left} and {right} cannot be compared with each other"
            ))
        })?;
        let list = self.list.unwrap_or(List(u32::MAX));
        if let Some(text) = refuses_field(list, Field::FIELD_COMPARE) {
            return Err(fault(text.replace("field_compare", "-C")));
        }
        let value = Value::Number(number);
        self.push(word.at, Field::FIELD_COMPARE, operator, value)
    }

    fn permissions(&mut self, option: &Opt) -> Result<(), Fault> {
        let value = &option.value;
        if self.list.is_none() {
            return Err(Fault::new(option.at, "-p comes after the watch"));
        }
        let fault = |text: String| Fault::new(value.at, text);
        let permissions = permissions(&value.shown()).map_err(fault)?;
        if let Some(text) = refuses_field(self.list.unwrap_or(List::EXIT), Field::PERM) {
            return Err(Fault::new(option.at, text));
        }
        self.takes_key = true;
        let value = Value::Number(permissions);
        let mut own = self.conditions.iter_mut();
        match own.find(|condition| condition.field == Field::PERM) {
            Some(condition) => condition.value = value,
            None => self.push(option.at, Field::PERM, Operator::Equal, value)?,
        }
        Ok(())
    }

    fn key_option(&mut self, option: &Opt) -> Result<(), Fault> {
        if self.list.is_none() || !self.takes_key {
            return Err(Fault::new(option.at, NO_KEY));
        }
        self.add_key(option.value.at, &option.value.text)
    }

    fn add_key(&mut self, at: usize, key: &[u8]) -> Result<(), Fault> {
        if key.is_empty() {
            return Err(Fault::new(at, "the key is empty"));
        }
        if key.contains(&KEY_SEPARATOR) {
            let text = "the key has a byte 1, which separates keys";
            return Err(Fault::new(at, text));
        }
        if !self.key.is_empty() {
            self.key.push(KEY_SEPARATOR);
        }
        self.key.extend_from_slice(key);
        if self.key.len() > MAX_KEY {
            let text = format!("the keys are longer than {MAX_KEY} bytes");
            return Err(Fault::new(at, text));
        }
        Ok(())
    }

    /// Adds a condition that its list takes, unless the kernel refuses it beside those before.
    fn push(
        &mut self,
        at: usize,
        field: Field,
        operator: Operator,
        value: Value,
    ) -> Result<(), Fault> {
        let is_file = |field: Field| matches!(field, Field::PATH | Field::DIR | Field::INODE);
        let fields = || self.conditions.iter().map(|condition| condition.field);
        if self.conditions.len() >= MAX_CONDITIONS - 1 {
            return Err(Fault::new(at, "the rule has too many fields"));
        }
        if is_file(field) && fields().any(is_file) {
            let text = "a rule has only one of path, dir and inode";
            return Err(Fault::new(at, text));
        }
        if matches!(field, Field::EXE | Field::FILTERKEY) && fields().any(|own| own == field) {
            let name = field.name().unwrap_or_default();
            return Err(Fault::new(at, format!("a rule has only one {name}")));
        }
        self.conditions.push(Condition {
            field,
            operator,
            value,
        });
        Ok(())
    }

    /// The command of the whole line, if it has a rule.
    fn finish(mut self, options: &[Opt]) -> Result<Option<Command>, Fault> {
        let (Some(list), Some(action)) = (self.list, self.action) else {
            let part = options
                .iter()
                .find(|option| matches!(option.name, "S" | "F" | "C" | "p" | "k"));
            return match part {
                Some(part) => Err(Fault::new(part.at, "no list is named; use -a always,exit")),
                None => Ok(None),
            };
        };
        if !self.key.is_empty() {
            let at = options.last().map_or(0, |option| option.at);
            if !self.takes_key {
                return Err(Fault::new(at, NO_KEY));
            }
            let key = Value::Text(std::mem::take(&mut self.key));
            self.push(at, Field::FILTERKEY, Operator::Equal, key)?;
        }
        let rule = Rule {
            list,
            action,
            syscalls: match list {
                // As auditctl(8) leaves it.
                List::TASK => Syscalls::NONE,
                _ => self.syscalls.unwrap_or(Syscalls::ALL),
            },
            conditions: self.conditions,
        };
        Ok(Some(match self.is_deleted {
            true => Command::Delete(rule),
            false => Command::Add {
                rule,
                at_front: self.at_front,
            },
        }))
    }
}

const NO_KEY: &str =
    "a key comes after what it is for: -w, -S, or -F path, dir, perm, exe or fstype";

fn list_of(word: &Word) -> Result<List, Fault> {
    let named = List::ALL
        .iter()
        .find(|(_, name)| name.as_bytes() == word.text);
    if let Some((list, _)) = named {
        return Ok(*list);
    }
    let text = match word.text.as_slice() {
        b"entry" => "the kernel no longer has the list entry; use exit".to_owned(),
        _ => format!("there is no list {}", word.shown()),
    };
    Err(Fault::new(word.at, text))
}

/// The number of a syscall, given by name or number.
fn number(name: &[u8], list: List, arch: Option<u32>) -> Result<u32, String> {
    let name = String::from_utf8_lossy(name);
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        return integer(&name);
    }
    call_number(list, arch, &name).ok_or_else(|| match (list, arch) {
        (List::IO_URING, _) => format!("io_uring has no operation {name}"),
        (_, Some(arch)) => {
            let machine = crate::model::Arch::name_of(arch, 0).unwrap_or("this architecture");
            format!("{machine} has no syscall {name}")
        }
        (_, None) => format!("no syscalls are known for this host, so {name} needs its number"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Arch;

    fn host() -> Host {
        Host {
            arch: Some(Arch::X86_64),
            user: |name| (name == "alice").then_some(1000),
            group: |name| (name == "staff").then_some(50),
            kind: |path| match path.starts_with("/dir") {
                true => PathKind::Directory,
                false => PathKind::Other,
            },
            kernel: None,
        }
    }

    #[test]
    fn lines_are_read_as_auditctl_lists_them() {
        for (text, listed) in [
            ("-w /f", "-w /f -p rwxa"),
            ("-w /dir/// -p w -k a -k b", "-w /dir -p w -k a -k b"),
            (
                "-a always,exit -F uid=alice -F gid=staff",
                "-a always,exit -S all -F uid=1000 -F gid=50",
            ),
            (
                "-a always,exit -F arch=b32 -S stime,2 -F exit=-EPERM -F key=k",
                "-a always,exit -F arch=b32 -S fork,stime -F exit=-EPERM -F key=k",
            ),
            (
                "-a never,exclude -F msgtype>=CWD",
                "-a never,exclude -F msgtype>=CWD",
            ),
            ("-a never,task", "-a never,task"),
            (
                "-a always,exit -C euid!=uid",
                "-a always,exit -S all -C uid!=euid",
            ),
            (
                "-a always,io_uring -S openat,9 -F dir=/dir",
                "-a always,io_uring -S sendmsg,openat -F dir=/dir",
            ),
            (
                "-a never,filesystem -F fstype=0x74726163",
                "-a never,filesystem -F fstype=tracefs",
            ),
            (
                "-a always,exit -F a0&=0x1f -F inode=7",
                "-a always,exit -S all -F a0&=0x1F -F inode=7",
            ),
            (
                "-a always,exit -F filetype=dir -F sessionid=unset",
                "-a always,exit -S all -F filetype=16384 -F sessionid=-1",
            ),
            ("-a always,exit -F path=/f -p r", "-w /f -p r"),
        ] {
            let rule = Rule::parse(text.as_bytes(), &host());
            assert_eq!(
                rule.map(|rule| rule.to_string()).as_deref(),
                Ok(listed),
                "{text}"
            );
        }
    }

    #[test]
    fn calls_of_a_rule_without_an_architecture_are_those_of_the_host() {
        let host = Host::current();
        let rule = Rule::parse(b"-a exit,always -S execve", &host).unwrap();
        assert_eq!(rule.to_string(), "-a always,exit -S execve");
    }

    #[test]
    fn mistakes_have_their_column() {
        for (text, at) in [
            ("-a always,exit -S open -F arch=b64", 26),
            ("-a always,exit -F arch=b64 -S open,nosuch", 35),
            ("-a always,exit -S 2040", 18),
            ("-a always,exit -F gid=12abc", 22),
            ("-a always,exit -F uid=4294967296", 22),
            ("-a always,exit -F gid=-1", 22),
            ("-a always,exit -F success=yes", 26),
            ("-a always,exit -F uid&1", 18),
            ("-a always,exit -F perm!=w", 18),
            ("-a always,exit -F path=f", 23),
            ("-a always,exit -F path=/f -F dir=/dir", 29),
            ("-a always,exit -F msgtype=CWD", 18),
            ("-a always,exit -F fstype=tracefs", 18),
            ("-a never,filesystem -F uid=0", 23),
            ("-a never,user -F exit=0", 17),
            ("-a never,task -F sessionid=5", 17),
            ("-a always,io_uring -F perm=w", 22),
            ("-a always,exit -k x", 15),
            ("-a always,exit -S 1 -F key!=x", 23),
            ("-a always,exit -S 1 -F KEY=x", 23),
            ("-w /f -F arch=b64", 9),
            ("-a always,exit -C uid=gid", 18),
            ("-a always,entry -S 1", 10),
            ("-a always,exit -w /f", 15),
            ("-w /f -p q", 9),
            ("-b x", 3),
            ("-e 3", 3),
            ("-D -S 1", 0),
            ("-q /a", 3),
            ("-l", 0),
            ("-S open", 0),
        ] {
            let fault = line(text.as_bytes(), &host()).unwrap_err();
            assert_eq!(fault.at, at, "{text}: {}", fault.text);
        }
    }

    #[test]
    fn syscalls_beside_all_are_kept() {
        let rule = |text: &str| Rule::parse(text.as_bytes(), &Host::current()).unwrap();
        let more = rule("-a always,exit -S all,2020");
        assert_ne!(more, rule("-a always,exit -S all"));
        assert_eq!(more.to_line(), b"-a always,exit -S all,2020");
        assert_eq!(more.to_listing(), b"-a always,exit -S all");
    }

    #[test]
    fn settings_are_commands() {
        let commands = |text: &str| line(text.as_bytes(), &host()).unwrap();
        let set = |setting| vec![Command::Set(setting)];
        assert_eq!(commands("-e 1"), set(Setting::Enabled(1)));
        assert_eq!(commands("-b 0x40"), set(Setting::BacklogLimit(64)));
        assert_eq!(
            commands("--backlog_wait_time=7"),
            set(Setting::BacklogWaitTime(7))
        );
        assert_eq!(commands("--loginuid-imm"), set(Setting::LoginuidImmutable));
        assert_eq!(commands("-D"), [Command::DeleteAll(None)]);
        assert_eq!(commands("-D -k x"), [Command::DeleteAll(Some(b"x".into()))]);
        assert_eq!(commands("-c"), [Command::IgnoreErrors(true)]);
        assert_eq!(commands("-t"), [Command::Trim]);
        assert_eq!(
            commands("-q /a,/b"),
            [Command::Equivalent("/a".into(), "/b".into())]
        );
        assert_eq!(commands("-f 1 -r 5").len(), 2);
    }
}
