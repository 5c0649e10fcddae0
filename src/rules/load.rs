//! Loading rules into the kernel, all or none of them.

use std::{io, path::Path};

use crate::{
    error::Error,
    rules::{Command, List, Place, Rule, Ruleset, Setting, Statement},
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
    /// The lines that the kernel refused and that `-i` or `-c` leaves out, with its reasons.
    pub refused: Vec<String>,
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
                Err(error) if statement.is_optional => {
                    let error = refused(&statement.place, &statement.command, error);
                    loaded.refused.push(error.to_string());
                }
                Err(error) => return Err(refused(&statement.place, &statement.command, error)),
            }
        }
        Ok(())
    }

    /// The first `-e 2` or other setting that cannot be changed again until the next boot.
    pub fn lock(&self) -> Option<&Statement> {
        let mut statements = self.statements.iter();
        statements.find(|statement| statement.command.order() == Command::LOCK)
    }

    /// The rules that are loaded after the lines of this set, if none were loaded before.
    pub fn rules(&self) -> Vec<(&Place, &Rule)> {
        let mut rules: Vec<(&Place, &Rule)> = Vec::new();
        for statement in &self.statements {
            let place = &statement.place;
            match &statement.command {
                Command::Add { rule, .. } if rules.iter().any(|(_, own)| *own == rule) => {}
                Command::Add { rule, at_front } => {
                    let index = if *at_front { 0 } else { rules.len() };
                    rules.insert(index, (place, rule));
                }
                Command::Delete(rule) => rules.retain(|(_, own)| *own != rule),
                Command::DeleteAll(None) => rules.clear(),
                Command::DeleteAll(Some(key)) => rules.retain(|(_, rule)| !rule.has_key_with(key)),
                _ => {}
            }
        }
        // As the kernel lists them.
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

    /// Takes the changes back, the last one first, as far as others have not changed the same again.
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
    let is_added = matches!(command, Command::Add { .. });
    let kind = error.kind();
    let reason = match kind {
        io::ErrorKind::NotFound if is_added => "the kernel finds no such file or directory",
        io::ErrorKind::NotFound => "no such rule is loaded",
        io::ErrorKind::InvalidInput => "the kernel does not know this, or not in this combination",
        _ => return failed(&format!("load {place}"), error),
    };
    Error::new(format!("load {place}"), io::Error::new(kind, reason))
}

/// What tells the loaded rules from those of a set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Difference<'r> {
    /// A rule is not loaded.
    Missing(&'r Place, &'r Rule),
    /// A loaded rule is not in the set.
    Extra(&'r Rule),
    /// A rule is loaded, but another one of its list that should come later is asked before it.
    Late(&'r Place, &'r Rule),
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
            Some((_, last)) if index < *last => found.push(Difference::Late(place, rule)),
            Some((_, last)) => *last = index,
            None => reached.push((rule.list, index)),
        }
    }
    let is_expected = |rule: &Rule| expected.iter().any(|(_, own)| *own == rule);
    let extra = loaded.iter().filter(|rule| !is_expected(rule));
    found.extend(extra.map(Difference::Extra));
    found
}
