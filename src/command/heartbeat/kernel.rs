//! What is known of the kernel's audit system: its answers, or else what records told.

use std::fs;

use auditrd::{
    model::{Change, KernelState},
    rules::Rule,
    source::{AuditStatus, NetlinkClient, Rules},
};
use sha2::{Digest, Sha256};

use super::changes::{Changes, RULES};
use crate::command::PATIENCE;

/// The last known state, and the socket to ask for it.
#[derive(Debug)]
pub(super) struct Kernel {
    /// `None` without CAP_AUDIT_CONTROL, and for a log.
    control: Option<NetlinkClient>,
    pub(super) state: KernelState,
}

impl Kernel {
    /// Asks for the state, if `is_live`. Call this once the socket of the source is open: it gets
    /// the process id as its port.
    pub(super) fn new(is_live: bool) -> Kernel {
        let control = is_live.then(NetlinkClient::control).and_then(Result::ok);
        let mut kernel = Kernel {
            control,
            state: KernelState::default(),
        };
        if !kernel.ask() {
            kernel.control = None;
        }
        if let Some(control) = &mut kernel.control {
            control.set_patience(PATIENCE);
        }
        kernel
    }

    /// Whether the kernel answers.
    pub(super) fn may_ask(&self) -> bool {
        self.control.is_some()
    }

    /// Asks for the current state. `false` if there is no answer; then the last state remains.
    fn ask(&mut self) -> bool {
        let Some(control) = &mut self.control else {
            return false;
        };
        let Ok((status, rules)) = control.state() else {
            return false;
        };
        answer(&mut self.state, &status, rules.ok().as_ref());
        true
    }

    /// Brings the state up to date, and returns all changes since the last call: those that records
    /// told, and those that only the state shows.
    pub(super) fn look(&mut self, heard: &mut Changes) -> Vec<Change> {
        let before = self.state.clone();
        if !self.ask() {
            hear(&mut self.state, heard);
            return heard.take();
        }
        let mut changes = heard.take();
        // Records do not tell how many rules there are in between.
        let is_of_rules = |change: &&mut Change| change.setting == RULES;
        if let Some(first) = changes.iter_mut().find(is_of_rules) {
            first.old = before.rules;
        }
        if let Some(last) = changes.iter_mut().rfind(is_of_rules) {
            last.new = self.state.rules;
        }
        for change in differences(&before, &self.state) {
            if !changes.iter().any(|heard| heard.setting == change.setting) {
                changes.push(change);
            }
        }
        changes
    }
}

/// Takes over the kernel's answers. If it did not list its rules, the last ones remain.
fn answer(state: &mut KernelState, status: &AuditStatus, rules: Option<&Rules>) {
    state.enabled = Some(status.enabled);
    state.failure = Some(status.failure);
    state.daemon_pid = Some(status.pid);
    state.rate_limit = Some(status.rate_limit);
    state.backlog_limit = Some(status.backlog_limit);
    state.backlog = Some(status.backlog);
    state.lost = Some(status.lost);
    let comm = |pid| fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    state.daemon_comm = Some(status.pid)
        .filter(|pid| *pid > 0)
        .and_then(comm)
        .map(|comm| comm.trim_end().to_owned());
    if let Some(rules) = rules {
        state.rules = Some(rules.count as u64);
        state.rules_sha256 = Some(hash(&rules.loaded));
    }
}

/// Takes over what records told.
fn hear(state: &mut KernelState, heard: &Changes) {
    let latest = |setting| {
        heard
            .latest(setting)
            .and_then(|value| u32::try_from(value).ok())
    };
    for (setting, value) in [
        ("enabled", &mut state.enabled),
        ("failure", &mut state.failure),
        ("daemon_pid", &mut state.daemon_pid),
        ("rate_limit", &mut state.rate_limit),
        ("backlog_limit", &mut state.backlog_limit),
    ] {
        *value = latest(setting).or(*value);
    }
}

/// The settings in which two states differ. The backlog and the losses always do.
fn differences(before: &KernelState, after: &KernelState) -> Vec<Change> {
    let settings = [
        ("enabled", before.enabled, after.enabled),
        ("failure", before.failure, after.failure),
        ("daemon_pid", before.daemon_pid, after.daemon_pid),
        ("rate_limit", before.rate_limit, after.rate_limit),
        ("backlog_limit", before.backlog_limit, after.backlog_limit),
    ];
    let changed = settings.into_iter().filter(|(_, old, new)| old != new);
    let mut changes: Vec<Change> = changed
        .map(|(name, old, new)| Change::new(name, old.map(u64::from), new.map(u64::from)))
        .collect();
    if before.rules_sha256 != after.rules_sha256 {
        changes.push(Change::new(RULES, before.rules, after.rules));
    }
    changes
}

/// The SHA-256 of the lines that `auditctl -l` prints for the rules.
fn hash(rules: &[Rule]) -> String {
    let mut hash = Sha256::new();
    for rule in rules {
        hash.update(rule.to_listing());
        hash.update(b"\n");
    }
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use auditrd::rules::{Action, List};

    use super::*;

    #[test]
    fn states_differ_in_settings_and_rules_but_not_in_counters() {
        let mut before = KernelState::default();
        before.enabled = Some(1);
        before.rules = Some(2);
        before.rules_sha256 = Some(hash(&[]));
        let mut after = before.clone();
        (after.lost, after.backlog) = (Some(7), Some(8));
        assert_eq!(differences(&before, &after), []);
        after.enabled = Some(0);
        after.rules_sha256 = Some(hash(&[Rule::new(List::EXIT, Action::Always)]));
        let changes = differences(&before, &after);
        let names: Vec<_> = changes.iter().map(|change| &change.setting[..]).collect();
        assert_eq!(names, ["enabled", RULES]);
        assert_eq!((changes[0].old, changes[0].new), (Some(1), Some(0)));
    }

    #[test]
    fn rules_that_the_kernel_did_not_list_have_not_changed() {
        let mut state = KernelState::default();
        let mut rules = Rules::default();
        rules.count = 1;
        rules.loaded.push(Rule::new(List::EXIT, Action::Always));
        answer(&mut state, &AuditStatus::default(), Some(&rules));
        let before = state.clone();
        answer(&mut state, &AuditStatus::default(), None);
        assert_eq!(differences(&before, &state), []);
        assert_eq!(state.rules, Some(1));
    }

    #[test]
    fn the_hash_of_no_rules_is_that_of_nothing() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hash(&[]), empty);
    }
}
