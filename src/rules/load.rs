//! Loading rules into the kernel, all or none of them.

use std::{io, path::Path};

use crate::{
    error::Error,
    rules::{
        Command, Errors, Host, List, Place, Problem, Rule, Ruleset, Setting, Severity, Statement,
        lint, parse, ruleset::LEFT_OUT,
    },
};

/// The settings of the kernel that rules change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// 0: off, 1: on, 2: on and locked until the next boot.
    pub enabled: u32,
    /// What happens to failures: 0 for nothing, 1 for a message in the kernel's log, 2 for a panic.
    pub failure: u32,
    /// Records per second, 0 for no limit.
    pub rate_limit: u32,
    /// Records in the kernel's queue.
    pub backlog_limit: u32,
    /// How long a process waits for that queue, in jiffies, since Linux 3.14.
    pub backlog_wait_time: Option<u32>,
}

impl Settings {
    /// A setting as it is, if it is one that can be put back.
    fn current(&self, setting: Setting) -> Option<Setting> {
        match setting {
            Setting::Enabled(_) => Some(Setting::Enabled(self.enabled)),
            Setting::Failure(_) => Some(Setting::Failure(self.failure)),
            Setting::RateLimit(_) => Some(Setting::RateLimit(self.rate_limit)),
            Setting::BacklogLimit(_) => Some(Setting::BacklogLimit(self.backlog_limit)),
            Setting::BacklogWaitTime(_) => self.backlog_wait_time.map(Setting::BacklogWaitTime),
            Setting::LoginuidImmutable
            | Setting::ResetLost
            | Setting::ResetBacklogWaitTimeActual => None,
        }
    }
}

/// The kernel's audit system, as rules see it.
pub trait Kernel {
    /// The loaded rules, in the order in which the kernel lists them.
    ///
    /// # Errors
    ///
    /// If the kernel refuses the request, as without CAP_AUDIT_CONTROL. So do the other methods.
    fn rules(&mut self) -> io::Result<Vec<Rule>>;

    /// Adds a rule at the end or at the front of its list.
    ///
    /// # Errors
    ///
    /// As [`rules`](Self::rules); `AlreadyExists` if the rule is loaded.
    fn add(&mut self, rule: &Rule, at_front: bool) -> io::Result<()>;

    /// Deletes a rule.
    ///
    /// # Errors
    ///
    /// As [`rules`](Self::rules); `NotFound` if the rule is not loaded.
    fn delete(&mut self, rule: &Rule) -> io::Result<()>;

    /// The settings.
    ///
    /// # Errors
    ///
    /// As [`rules`](Self::rules).
    fn settings(&mut self) -> io::Result<Settings>;

    /// Changes a setting.
    ///
    /// # Errors
    ///
    /// As [`rules`](Self::rules).
    fn set(&mut self, setting: Setting) -> io::Result<()>;

    /// Forgets directories below which nothing is mounted any more.
    ///
    /// # Errors
    ///
    /// As [`rules`](Self::rules).
    fn trim(&mut self) -> io::Result<()>;

    /// Watches what is mounted at `subtree` with the rules of `mount`.
    ///
    /// # Errors
    ///
    /// As [`rules`](Self::rules).
    fn make_equivalent(&mut self, mount: &Path, subtree: &Path) -> io::Result<()>;
}

/// A change that was made, by what takes it back.
#[derive(Clone, Debug)]
enum Undo {
    Delete(Box<Rule>),
    /// Rules that were deleted together, in their order.
    Add(Vec<Rule>),
    /// A setting as it was, and as it was set.
    Set(Setting, Setting),
}

/// What loading has changed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Loaded {
    /// How many rules were added.
    pub added: usize,
    /// How many were loaded already.
    pub already: usize,
    /// The lines that the kernel refused, and that are left out.
    pub refused: Vec<Problem>,
    undo: Vec<Undo>,
}

impl Ruleset {
    /// Loads the rules. If one is refused, those before it are taken back. Other rules are left
    /// alone, unless `-D` deletes them. A rule that is loaded already is no error.
    ///
    /// What cannot be taken back comes last: `--loginuid-immutable`, `--reset-lost` and
    /// `--reset_backlog_wait_time_actual`, and then `-e 2`.
    ///
    /// # Errors
    ///
    /// If a line has a mistake, if the kernel refuses one, or if auditing is locked.
    pub fn load(&self, kernel: &mut impl Kernel) -> Result<Loaded, Error> {
        let mut loaded = Loaded::default();
        self.load_into(kernel, &mut loaded)
            .inspect_err(|_| loaded.take_back(kernel))?;
        Ok(loaded)
    }

    fn load_into(&self, kernel: &mut impl Kernel, loaded: &mut Loaded) -> Result<(), Error> {
        let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
        if let Some(problem) = self.errors().next() {
            let error = invalid(problem.to_string());
            return Err(Error::new("load the rules", error)
                .help("`auditrd rules check` shows all mistakes; nothing was changed"));
        }
        let settings = kernel
            .settings()
            .map_err(|error| failed("ask for the state of auditing", error))?;
        if settings.enabled == 2 {
            let error = invalid("auditing is locked until the next boot (-e 2)".to_owned());
            return Err(Error::new("load the rules", error));
        }
        let is_last = |statement: &&Statement| statement.command.order() > 0;
        let (mut last, first): (Vec<_>, Vec<_>) = self.statements.iter().partition(is_last);
        last.sort_by_key(|statement| statement.command.order());
        for statement in first.into_iter().chain(last) {
            match loaded.apply(&statement.command, kernel) {
                Ok(()) => {}
                Err(error) if statement.errors == Errors::Fatal => {
                    return Err(refused(&statement.place, &statement.command, error));
                }
                Err(error) => loaded.refused.push(Problem {
                    place: statement.place.clone(),
                    column: 1,
                    severity: Severity::Warning,
                    text: format!("{}{LEFT_OUT}", reason(&statement.command, error)),
                    is_expected: statement.errors == Errors::Expected,
                }),
            }
        }
        Ok(())
    }

    /// The first `-e 2` or other setting that cannot be changed again until the next boot.
    pub fn lock(&self) -> Option<&Statement> {
        let mut statements = self.statements.iter();
        statements.find(|statement| statement.command.order() == Command::LOCK)
    }

    /// The rules that are loaded after the lines of this set, if none were loaded before, in the
    /// order in which the kernel lists them. Lines of [common texts](Ruleset::add_common_text) that
    /// this host refuses are left out.
    pub fn rules(&self, host: &Host) -> Vec<(&Place, &Rule)> {
        let is_loaded = |statement: &&Statement| match &statement.command {
            Command::Add { rule, .. } if statement.errors == Errors::Expected => {
                !lint::is_refused(rule, host)
            }
            _ => true,
        };
        let statements = self.statements.iter().filter(is_loaded);
        let mut rules = lint::loaded(statements, |_, _| {});
        rules.sort_by_key(|(_, rule)| rule.list);
        rules
    }
}

impl Command {
    /// The order of what locks auditing until the next boot.
    const LOCK: u8 = 2;

    /// 0 for what can be taken back; the rest comes after it in this order.
    fn order(&self) -> u8 {
        match self {
            Command::Set(Setting::ResetLost | Setting::ResetBacklogWaitTimeActual) => 1,
            Command::Set(Setting::LoginuidImmutable | Setting::Enabled(2)) => Command::LOCK,
            _ => 0,
        }
    }
}

impl Loaded {
    fn apply(&mut self, command: &Command, kernel: &mut impl Kernel) -> io::Result<()> {
        match command {
            Command::Add { rule, at_front } => match kernel.add(rule, *at_front) {
                Ok(()) => {
                    self.added += 1;
                    self.undo.push(Undo::Delete(Box::new(rule.clone())));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.already += 1,
                Err(error) => return Err(error),
            },
            Command::Delete(rule) => {
                kernel.delete(rule)?;
                self.undo.push(Undo::Add(vec![rule.clone()]));
            }
            Command::DeleteAll(key) => self.delete_all(key.as_deref(), kernel)?,
            Command::Set(setting) => self.set(*setting, kernel)?,
            Command::Trim => kernel.trim()?,
            Command::Equivalent(mount, subtree) => kernel.make_equivalent(mount, subtree)?,
            Command::IgnoreErrors(_) => {}
        }
        Ok(())
    }

    fn delete_all(&mut self, key: Option<&[u8]>, kernel: &mut impl Kernel) -> io::Result<()> {
        let mut rules = kernel.rules()?;
        rules.retain(|rule| key.is_none_or(|key| rule.has_key_with(key)));
        let mut deleted = Vec::new();
        let result = rules.into_iter().try_for_each(|rule| {
            match kernel.delete(&rule) {
                // A directory that is gone takes its rules with it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
                Ok(()) => {
                    deleted.push(rule);
                    Ok(())
                }
            }
        });
        self.undo.push(Undo::Add(deleted));
        result
    }

    /// Changes a setting, and notes how it was.
    ///
    /// # Errors
    ///
    /// As [`Kernel::set`].
    pub fn set(&mut self, setting: Setting, kernel: &mut impl Kernel) -> io::Result<()> {
        let before = kernel.settings()?.current(setting);
        if before == Some(setting) {
            return Ok(());
        }
        kernel.set(setting)?;
        self.undo
            .extend(before.map(|before| Undo::Set(before, setting)));
        Ok(())
    }

    /// The changes as text, so that another process can take them back:
    /// [`from_text`](Self::from_text). Each line is one change. Rules are in the kernel's form, in
    /// hexadecimal digits: not every rule of other programs can be said in the language of
    /// auditctl(8). Of a setting there is the new value, and the one that it replaced.
    pub fn to_text(&self) -> String {
        let lines = self.undo.iter().map(|undo| match undo {
            Undo::Delete(rule) => line(ADDED, rule),
            Undo::Add(rules) => rules.iter().map(|rule| line(DELETED, rule)).collect(),
            Undo::Set(before, set) => format!("{set} {before}\n"),
        });
        lines.collect()
    }

    /// Reads changes that another process wrote as text. Lines that make no sense are left out.
    pub fn from_text(text: &[u8], host: &Host) -> Loaded {
        let mut loaded = Loaded::default();
        for line in text.split(|byte| *byte == b'\n') {
            let rule = |change: &str| {
                let digits = line.strip_prefix(change.as_bytes())?;
                Rule::read(&bytes(digits)?)
            };
            if let Some(rule) = rule(ADDED) {
                loaded.undo.push(Undo::Delete(Box::new(rule)));
            } else if let Some(rule) = rule(DELETED) {
                match loaded.undo.last_mut() {
                    Some(Undo::Add(rules)) => rules.push(rule),
                    _ => loaded.undo.push(Undo::Add(vec![rule])),
                }
            } else if let Ok(commands) = parse::line(line, host)
                && let [Command::Set(set), Command::Set(before)] = *commands
            {
                loaded.undo.push(Undo::Set(before, set));
            }
        }
        loaded
    }

    /// Takes the changes back, the last one first, as far as others have not changed the same
    /// again.
    pub fn take_back(&mut self, kernel: &mut impl Kernel) {
        while let Some(undo) = self.undo.pop() {
            match undo {
                Undo::Delete(rule) => ignore(kernel.delete(&rule), io::ErrorKind::NotFound),
                Undo::Add(rules) => {
                    for rule in rules {
                        ignore(kernel.add(&rule, false), io::ErrorKind::AlreadyExists);
                    }
                }
                Undo::Set(before, set) => {
                    let current = kernel.settings().ok().and_then(|now| now.current(set));
                    if current == Some(set) {
                        ignore(kernel.set(before), io::ErrorKind::NotFound);
                    }
                }
            }
        }
    }
}

/// The starts of lines of [`Loaded::to_text`] that have rules.
const ADDED: &str = "added ";
const DELETED: &str = "deleted ";
const HEX: &[u8; 16] = b"0123456789abcdef";

fn line(change: &str, rule: &Rule) -> String {
    let digit = |value: u8| char::from(HEX[usize::from(value)]);
    let bytes = rule.to_bytes().into_iter();
    let digits: String = bytes
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect();
    format!("{change}{digits}\n")
}

/// The bytes of pairs of hexadecimal digits.
fn bytes(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let value = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let byte = |[high, low]: &[u8; 2]| Some(value(*high)? << 4 | value(*low)?);
    pairs.iter().map(byte).collect()
}

/// Logs an error, unless it is of a kind that only says that there is nothing left to do.
fn ignore(result: io::Result<()>, kind: io::ErrorKind) {
    if let Err(error) = result
        && error.kind() != kind
    {
        log::warn!("{}", Error::new("put back a rule or setting", error));
    }
}

fn failed(tried: &str, error: io::Error) -> Error {
    let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
    let error = Error::new(tried, error);
    match is_denied {
        true => error.help("needs CAP_AUDIT_CONTROL in the initial user namespace; try sudo"),
        false => error,
    }
}

/// The kernel's refusal of a line.
fn refused(place: &Place, command: &Command, error: io::Error) -> Error {
    failed(&format!("load {place}"), reason(command, error))
}

/// Why the kernel refused a line, in words that fit rules.
fn reason(command: &Command, error: io::Error) -> io::Error {
    let is_added = matches!(command, Command::Add { .. });
    let kind = error.kind();
    let reason = match kind {
        io::ErrorKind::NotFound if is_added => "the kernel finds no such file or directory",
        io::ErrorKind::NotFound => "no such rule is loaded",
        io::ErrorKind::InvalidInput => "the kernel does not know this, or not in this combination",
        _ => return error,
    };
    io::Error::new(kind, reason)
}

/// What tells the loaded rules from those of a set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Difference<'r> {
    /// A rule is not loaded.
    Missing(&'r Place, &'r Rule),
    /// A loaded rule is not in the set.
    Extra(&'r Rule),
    /// A rule is loaded, but before one of its list that should come before it.
    Early(&'r Place, &'r Rule),
}

/// Compares the loaded rules with those of a set: [`Ruleset::rules`].
pub fn differences<'r>(
    expected: &[(&'r Place, &'r Rule)],
    loaded: &'r [Rule],
) -> Vec<Difference<'r>> {
    let mut found = Vec::new();
    // How far the order of each list agrees.
    let mut reached: Vec<(List, usize)> = Vec::new();
    for &(place, rule) in expected {
        let Some(index) = loaded.iter().position(|own| own == rule) else {
            found.push(Difference::Missing(place, rule));
            continue;
        };
        match reached.iter_mut().find(|(list, _)| *list == rule.list) {
            Some((_, last)) if index < *last => found.push(Difference::Early(place, rule)),
            Some((_, last)) => *last = index,
            None => reached.push((rule.list, index)),
        }
    }
    let is_expected = |rule: &Rule| expected.iter().any(|(_, own)| *own == rule);
    let extra = loaded.iter().filter(|rule| !is_expected(rule));
    found.extend(extra.map(Difference::Extra));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Action, Condition, Field, Operator, Value};

    /// A kernel that refuses rules with a key `refused`.
    #[derive(Clone, Debug, Default, Eq, PartialEq)]
    struct Fake {
        rules: Vec<Rule>,
        enabled: u32,
        backlog_limit: u32,
        resets: u32,
    }

    impl Kernel for Fake {
        fn rules(&mut self) -> io::Result<Vec<Rule>> {
            Ok(self.rules.clone())
        }

        fn add(&mut self, rule: &Rule, at_front: bool) -> io::Result<()> {
            if rule.has_key_with(b"refused") {
                return Err(io::ErrorKind::InvalidInput.into());
            } else if self.rules.contains(rule) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let index = if at_front { 0 } else { self.rules.len() };
            self.rules.insert(index, rule.clone());
            Ok(())
        }

        fn delete(&mut self, rule: &Rule) -> io::Result<()> {
            let index = self.rules.iter().position(|own| own == rule);
            self.rules.remove(index.ok_or(io::ErrorKind::NotFound)?);
            Ok(())
        }

        fn settings(&mut self) -> io::Result<Settings> {
            Ok(Settings {
                enabled: self.enabled,
                failure: 1,
                rate_limit: 0,
                backlog_limit: self.backlog_limit,
                backlog_wait_time: None,
            })
        }

        fn set(&mut self, setting: Setting) -> io::Result<()> {
            match setting {
                Setting::Enabled(value) => self.enabled = value,
                Setting::BacklogLimit(value) => self.backlog_limit = value,
                Setting::ResetLost => self.resets += 1,
                _ => return Err(io::ErrorKind::Unsupported.into()),
            }
            Ok(())
        }

        fn trim(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn make_equivalent(&mut self, _: &Path, _: &Path) -> io::Result<()> {
            Ok(())
        }
    }

    fn ruleset(text: &str) -> Ruleset {
        let mut rules = Ruleset::default();
        rules.add_text(Path::new("r"), text.as_bytes(), &Host::current());
        rules
    }

    fn kernel(text: &str) -> Fake {
        let mut kernel = Fake::default();
        ruleset(text).load(&mut kernel).unwrap();
        kernel
    }

    const OTHERS: &str = "-b 64\n-w /a -k a\n-w /b -k b\n-w /c -k ab\n";

    #[test]
    fn nothing_is_left_of_rules_of_which_one_is_refused() {
        let before = kernel(OTHERS);
        for delete in [
            "",
            "-D\n",
            "-D -k a\n",
            "-d always,exit -F path=/b -F perm=rwxa -k b\n",
        ] {
            let mut kernel = before.clone();
            let text = format!("--reset-lost\n{delete}-e 1\n-b 8192\n-w /d\n-w /e -k refused\n");
            let error = ruleset(&text).load(&mut kernel).unwrap_err();
            let line = text.lines().count();
            let expected = format!("cannot load r:{line}: the kernel does not know this");
            assert!(error.to_string().starts_with(&expected), "{error}");
            // Others in a list may have moved to its end.
            kernel.rules.sort_by_key(Rule::to_line);
            assert_eq!(kernel, before, "{delete}");
        }
    }

    #[test]
    fn a_mistake_changes_nothing() {
        let mut kernel = kernel(OTHERS);
        let before = kernel.clone();
        let error = ruleset("-D\n-w x\n").load(&mut kernel).unwrap_err();
        assert!(error.to_string().contains("r:2:4: error: "), "{error}");
        assert_eq!(kernel, before);
    }

    #[test]
    fn refused_lines_are_left_out_after_an_option_that_says_so() {
        let rules = ruleset("-c\n-w /d -k refused\n-w /e\n");
        let mut kernel = Fake::default();
        let loaded = rules.load(&mut kernel).unwrap();
        assert_eq!((loaded.added, loaded.refused.len()), (1, 1));
        assert!(rules.reports_errors() && loaded.refused[0].place.line == 2);
    }

    #[test]
    fn rules_that_are_loaded_already_stay_when_the_others_are_taken_back() {
        let mut kernel = kernel(OTHERS);
        let before = kernel.clone();
        let mut loaded = ruleset("-w /a -k a\n-A never,exit -S 1\n-e 1\n")
            .load(&mut kernel)
            .unwrap();
        assert_eq!((loaded.added, loaded.already), (1, 1));
        loaded.take_back(&mut kernel);
        assert_eq!(kernel, before);
    }

    #[test]
    fn settings_that_others_have_changed_are_kept() {
        let mut kernel = kernel(OTHERS);
        let mut loaded = ruleset("-e 1\n-b 8192\n").load(&mut kernel).unwrap();
        kernel.backlog_limit = 999;
        loaded.take_back(&mut kernel);
        assert_eq!((kernel.enabled, kernel.backlog_limit), (0, 999));
    }

    #[test]
    fn another_process_can_take_changes_back() {
        let mut kernel = kernel(OTHERS);
        // As other programs may load it: without a name, and with a line feed.
        let mut strange = Rule::new(List::USER, Action::Never);
        for (field, value) in [
            (Field::LOGINUID_SET, Value::Number(1)),
            (Field::FILTERKEY, Value::Text(b"a\nb".into())),
        ] {
            strange.conditions.push(Condition {
                field,
                operator: Operator::Equal,
                value,
            });
        }
        kernel.rules.push(strange);
        let before = kernel.clone();
        let text = "-D\n-w /x\\ y -k a\\\\b\n-a never,exclude -F msgtype=CWD\n-e 1\n-b 8192\n";
        let loaded = ruleset(text).load(&mut kernel).unwrap();
        assert_ne!(kernel, before);
        let text = loaded.to_text();
        drop(loaded);
        let mut loaded = Loaded::from_text(text.as_bytes(), &Host::current());
        assert_eq!(loaded.to_text(), text);
        loaded.take_back(&mut kernel);
        assert_eq!(kernel, before);
    }

    #[test]
    fn the_lock_of_the_configuration_comes_last() {
        let rules = ruleset("-e 2\n-w /a\n");
        let lock = rules.lock().unwrap();
        assert_eq!(lock.place.line, 1);
        let mut locked = kernel(OTHERS);
        rules.load(&mut locked).unwrap();
        assert_eq!((locked.enabled, locked.rules.len()), (2, 4));
        let error = ruleset("-D\n").load(&mut locked).unwrap_err();
        assert!(error.to_string().contains("locked"), "{error}");
    }

    #[test]
    fn common_rules_that_the_host_refuses_are_not_expected() {
        let text = b"-w /b\n-a always,exit -F dir=/no/such/directory\n";
        let mut rules = Ruleset::default();
        rules.add_common_text(Path::new("r"), text, &Host::current());
        assert_eq!(rules.rules(&Host::current()).len(), 1);
        let mut rules = Ruleset::default();
        rules.add_text(Path::new("r"), text, &Host::current());
        assert_eq!(rules.rules(&Host::current()).len(), 2);
    }

    #[test]
    fn differences_are_missing_extra_and_early_rules() {
        let rules = ruleset("-w /a\n-w /b\n-w /c\n-a never,task\n");
        let expected = rules.rules(&Host::current());
        let loaded = kernel("-w /c\n-w /b\n-w /x\n-a never,task\n").rules;
        let line = |difference: &Difference<'_>| match difference {
            Difference::Missing(place, _) => format!("missing {place}"),
            Difference::Early(place, _) => format!("early {place}"),
            Difference::Extra(rule) => format!("extra {rule}"),
        };
        let found: Vec<String> = differences(&expected, &loaded).iter().map(line).collect();
        assert_eq!(found, ["missing r:1", "early r:3", "extra -w /x -p rwxa"]);
    }
}
