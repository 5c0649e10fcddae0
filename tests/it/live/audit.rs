//! This kernel's audit subsystem, borrowed for a test and given back as it was.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use super::os;

/// `AUDIT_ADD_RULE` and `AUDIT_DEL_RULE` (linux/audit.h).
const ADD_RULE: u16 = 1011;
const DEL_RULE: u16 = 1012;

/// How long anything may take here that should take a moment.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until something is so.
pub(crate) fn wait_until<T>(what: &str, mut is: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = is() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Says that a test, or a part of it, was not run: on standard error, past the test harness, which
/// would keep it to itself where a test passes; and in the file that `TEST_SKIPS` names.
pub(crate) fn skip(why: &str) {
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    let line = format!("{test}: skipped: {why}\n");
    // Nothing can be done about a standard error that is closed.
    let _ = io::stderr().write_all(line.as_bytes());
    if let Some(path) = env::var_os("TEST_SKIPS") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        written.expect("the file of what is skipped can be written");
    }
}

/// What `auditctl -s` says, by its first words.
pub(crate) type Status = BTreeMap<String, String>;

/// Auditing, turned on and ours alone until this is dropped.
pub(crate) struct Audit {
    before: Status,
    rules: Vec<Vec<String>>,
    raw_rules: Vec<Vec<u8>>,
    _lock: File,
}

impl Audit {
    /// Borrows the audit subsystem, or says why not. One test at a time has it, in whatever
    /// process it runs.
    pub(crate) fn borrow() -> Option<Audit> {
        Audit::try_borrow()
            .map_err(|why| skip(&format!("needs {why}")))
            .ok()
    }

    fn try_borrow() -> Result<Audit, &'static str> {
        if !os::is_root() {
            return Err("root and auditctl");
        }
        if Command::new("auditctl").arg("-v").output().is_err() {
            return Err("auditctl");
        }
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .open(env::temp_dir().join("auditrd-live-tests.lock"))
            .and_then(|file| os::lock(&file).map(|()| file))
            .map_err(|_| "a directory for a lock")?;
        let before = status().ok_or("CAP_AUDIT_CONTROL in the initial namespaces")?;
        if before["pid"] != "0" {
            return Err("that no other audit daemon runs");
        }
        if before["enabled"] == "2" {
            return Err("that the audit configuration is not locked until the next boot");
        }
        let audit = Audit {
            before,
            rules: Vec::new(),
            raw_rules: Vec::new(),
            _lock: lock,
        };
        audit.turn("1");
        // The default of 64 records would make each workload wait for every reader.
        control(&["-b", "8192"]);
        Ok(audit)
    }

    /// Turns auditing on or off.
    pub(crate) fn turn(&self, enabled: &str) {
        control(&["-e", enabled]);
    }

    /// Sets how many records may wait in the kernel, and that no process waits for room.
    pub(crate) fn limit(&self, backlog: &str) {
        control(&["-b", backlog]);
        control(&["--backlog_wait_time", "0"]);
    }

    /// Adds a rule, or says in auditctl's words why there is none.
    pub(crate) fn try_rule(&mut self, rule: &[&str]) -> Result<(), String> {
        let added = auditctl(&[&["-a"], rule].concat());
        if !added.status.success() {
            return Err(String::from_utf8_lossy(&added.stderr).trim().to_owned());
        }
        self.rules
            .push(rule.iter().map(|&s| s.to_owned()).collect());
        Ok(())
    }

    pub(crate) fn rule(&mut self, rule: &[&str]) {
        self.try_rule(rule).expect("the kernel takes the rule");
    }

    /// Removes all rules.
    pub(crate) fn flush(&mut self) {
        control(&["-D"]);
        self.rules.clear();
        self.raw_rules.clear();
    }

    /// Adds a rule that auditctl may not have words for.
    pub(crate) fn raw_rule(&mut self, words: &[u32]) -> Result<(), String> {
        let rule: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        os::request(ADD_RULE, &rule).map_err(|error| error.to_string())?;
        self.raw_rules.push(rule);
        Ok(())
    }

    /// Loads a file of rules as a boot does.
    pub(crate) fn load(&mut self, file: &Path) {
        let text = fs::read_to_string(file).expect("the rules can be read");
        for rule in text.lines().filter_map(|line| line.strip_prefix("-a ")) {
            self.rules
                .push(rule.split_whitespace().map(str::to_owned).collect());
        }
        control(&["-R", &file.display().to_string()]);
    }

    /// Records what happens to files in a directory.
    pub(crate) fn watch(&mut self, directory: &Path) {
        let directory = format!("dir={}", directory.display());
        self.rule(&["always,exit", "-F", &directory, "-F", "perm=wa"]);
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        for rule in self.rules.drain(..) {
            let rule: Vec<&str> = rule.iter().map(String::as_str).collect();
            auditctl(&[&["-d"], &rule[..]].concat());
        }
        for rule in self.raw_rules.drain(..) {
            // There is nobody to tell if it is gone already.
            let _ = os::request(DEL_RULE, &rule);
        }
        let before = |name| self.before.get(name).map_or("0", String::as_str);
        auditctl(&["-b", before("backlog_limit")]);
        auditctl(&["--backlog_wait_time", before("backlog_wait_time")]);
        auditctl(&["-e", before("enabled")]);
    }
}

/// How many records the kernel has lost since it was started.
pub(crate) fn lost() -> u64 {
    let status = status().expect("auditctl says the state");
    status["lost"].parse().expect("a number")
}

/// The state of auditing, without the counters of what went by.
pub(crate) fn settings() -> Status {
    let mut status = status().expect("auditctl says the state");
    for counter in ["lost", "backlog", "backlog_wait_time_actual"] {
        status.remove(counter);
    }
    status
}

/// Which process is registered as the audit daemon.
pub(crate) fn registered() -> u32 {
    let status = status().expect("auditctl says the state");
    status["pid"].parse().expect("a number")
}

/// Waits until the kernel has handed all records to whoever listens.
pub(crate) fn wait_for_the_kernel() {
    let mut idle = 0;
    wait_until("the kernel sends its backlog", || {
        let status = status().expect("auditctl says the state");
        // The last record has left the queue a moment before it has arrived.
        idle = if status["backlog"] == "0" {
            idle + 1
        } else {
            0
        };
        (idle == 3).then_some(())
    });
}

/// How many rules are loaded, ours or others'.
pub(crate) fn count_rules() -> usize {
    let output = auditctl(&["-l"]).stdout;
    let text = String::from_utf8_lossy(&output);
    text.lines().filter(|line| line.starts_with('-')).count()
}

fn status() -> Option<Status> {
    let output = auditctl(&["-s"]);
    let text = String::from_utf8_lossy(&output.stdout);
    let pair = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        Some((name.to_owned(), value.to_owned()))
    };
    let status: Status = text.lines().filter_map(pair).collect();
    let is_whole = ["enabled", "pid", "backlog", "backlog_limit"]
        .iter()
        .all(|name| status.contains_key(*name));
    (output.status.success() && is_whole).then_some(status)
}

fn control(args: &[&str]) {
    let output = auditctl(args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "auditctl {args:?}: {error}");
}

fn auditctl(args: &[&str]) -> Output {
    let output = Command::new("auditctl").args(args).output();
    output.expect("auditctl runs")
}
