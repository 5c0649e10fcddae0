//! The kernel's audit subsystem, locked for one test and restored afterwards.

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

/// The time limit of [`wait_until`]. In an emulator, TEST_SLOW is set.
fn wait_timeout() -> Duration {
    let is_slow = env::var_os("TEST_SLOW").is_some();
    Duration::from_secs(if is_slow { 120 } else { 20 })
}

/// Polls until `is` returns a value, and panics with `what` after a timeout.
pub(crate) fn wait_until<T>(what: &str, mut is: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + wait_timeout();
    loop {
        if let Some(found) = is() {
            return found;
        }
        assert!(Instant::now() < deadline, "timed out: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Reports that a test, or a part of it, was skipped: directly on standard error, because the test
/// harness hides the output of passing tests, and in the file that `TEST_SKIPS` names.
pub(crate) fn skip(why: &str) {
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    let line = format!("{test}: skipped: {why}\n");
    // Standard error may be closed.
    let _ = io::stderr().write_all(line.as_bytes());
    if let Some(path) = env::var_os("TEST_SKIPS") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        written.expect("the file of skipped tests can be written");
    }
}

/// The output of `auditctl -s`: the first word of each line, and the rest.
pub(crate) type Status = BTreeMap<String, String>;

/// Exclusive use of the audit subsystem, with auditing on. Dropping it restores the previous state.
pub(crate) struct Audit {
    before: Status,
    rules: Vec<Vec<String>>,
    raw_rules: Vec<Vec<u8>>,
    _lock: File,
}

impl Audit {
    /// Locks the audit subsystem, for all processes, or reports why this is not possible.
    pub(crate) fn borrow() -> Option<Audit> {
        Audit::try_borrow()
            .map_err(|why| skip(&format!("needs {why}")))
            .ok()
    }

    /// The same, where no rules are loaded.
    pub(crate) fn borrow_without_rules() -> Option<Audit> {
        let audit = Audit::borrow()?;
        if count_rules() > 0 {
            skip("needs a system without audit rules");
            return None;
        }
        Some(audit)
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
        // With the default of 64 records, each workload would block on every reader.
        control(&["-b", "8192"]);
        Ok(audit)
    }

    /// Turns auditing on or off.
    pub(crate) fn turn(&self, enabled: &str) {
        control(&["-e", enabled]);
    }

    /// Sets the backlog limit in records, and the backlog wait time to 0.
    pub(crate) fn limit(&self, backlog: &str) {
        control(&["-b", backlog]);
        control(&["--backlog_wait_time", "0"]);
    }

    /// Adds a rule, or returns auditctl's error message.
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

    /// Adds a rule that auditctl may not be able to express.
    pub(crate) fn raw_rule(&mut self, words: &[u32]) -> Result<(), String> {
        let rule: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        os::request(ADD_RULE, &rule).map_err(|error| error.to_string())?;
        self.raw_rules.push(rule);
        Ok(())
    }

    /// Loads a file of rules, as at boot, or returns auditctl's error messages.
    pub(crate) fn load(&mut self, file: &Path) -> Result<(), String> {
        let text = fs::read_to_string(file).expect("the rules can be read");
        for rule in text.lines().filter_map(|line| line.strip_prefix("-a ")) {
            self.rules
                .push(rule.split_whitespace().map(str::to_owned).collect());
        }
        let loaded = auditctl(&["-R", &file.display().to_string()]);
        if !loaded.status.success() {
            return Err(String::from_utf8_lossy(&loaded.stderr).into_owned());
        }
        Ok(())
    }

    /// Adds a rule for changes to files below a directory.
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
            // The test may have removed it already.
            let _ = os::request(DEL_RULE, &rule);
        }
        let before = |name| self.before.get(name).map_or("0", String::as_str);
        auditctl(&["-b", before("backlog_limit")]);
        auditctl(&["--backlog_wait_time", before("backlog_wait_time")]);
        auditctl(&["-r", before("rate_limit")]);
        auditctl(&["-e", before("enabled")]);
    }
}

/// The number of records that the kernel has lost since boot.
pub(crate) fn lost() -> u64 {
    let status = status().expect("auditctl says the state");
    status["lost"].parse().expect("a number")
}

/// The state of auditing, without the counters.
pub(crate) fn settings() -> Status {
    let mut status = status().expect("auditctl says the state");
    for counter in ["lost", "backlog", "backlog_wait_time_actual"] {
        status.remove(counter);
    }
    status
}

/// The process that is registered as the audit daemon.
pub(crate) fn registered() -> u32 {
    let status = status().expect("auditctl says the state");
    status["pid"].parse().expect("a number")
}

/// Waits until the kernel has sent all records to their readers.
pub(crate) fn wait_for_the_kernel() {
    let mut idle = 0;
    wait_until("the kernel sends its backlog", || {
        let status = status().expect("auditctl says the state");
        // A record leaves the backlog shortly before it arrives, so one look is not enough.
        idle = if status["backlog"] == "0" {
            idle + 1
        } else {
            0
        };
        (idle == 3).then_some(())
    });
}

/// The number of loaded rules.
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
