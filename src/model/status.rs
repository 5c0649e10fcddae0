//! The state of auditrd and of the kernel's audit system at one moment.

use crate::model::{Identity, Timestamp};

/// The contents of a status line.
///
/// It tells a reader of the output that auditrd is alive, so that silence is not mistaken for a
/// quiet host.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status<'a> {
    /// When the line is written.
    pub time: Timestamp,
    /// Why it is written.
    pub reason: StatusReason,
    /// The version of auditrd.
    pub version: &'a str,
    /// The process id of auditrd, in its own namespace.
    pub pid: u32,
    /// When auditrd started.
    pub started: Timestamp,
    /// The name of the host that it runs on.
    pub host: Option<&'a [u8]>,
    /// The id of this boot (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: Option<&'a str>,
    /// `multicast`, `unicast` or `log`.
    pub source: &'a str,
    /// The state of the kernel's audit system, as far as it is known.
    pub kernel: KernelState,
    /// The changes since the last line.
    pub changes: &'a [Change],
    /// All counters, by name.
    pub counters: &'a [(&'a str, u64)],
    /// The events and texts that are left out of the output.
    pub filters: Filters<'a>,
    /// The names that were read at the start, and whether more are being read.
    pub priming: Option<(u64, bool)>,
    /// The privileges that are left.
    pub confinement: Option<&'a Privileges>,
}

impl Status<'_> {
    /// A status at a time, with nothing known.
    pub fn new(time: Timestamp, reason: StatusReason) -> Status<'static> {
        Status {
            time,
            reason,
            version: env!("CARGO_PKG_VERSION"),
            pid: 0,
            started: time,
            host: None,
            boot_id: None,
            source: "log",
            kernel: KernelState::default(),
            changes: &[],
            counters: &[],
            filters: Filters::default(),
            priming: None,
            confinement: None,
        }
    }
}

/// Why a status line is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StatusReason {
    /// auditrd has started.
    Start,
    /// The interval has passed.
    Interval,
    /// The state of the kernel's audit system has changed.
    Change,
    /// The expressions that leave events out were read.
    Filters,
    /// auditrd ends.
    End,
}

impl StatusReason {
    /// Its name in a line.
    pub fn name(self) -> &'static str {
        match self {
            StatusReason::Start => "start",
            StatusReason::Interval => "interval",
            StatusReason::Change => "change",
            StatusReason::Filters => "filters",
            StatusReason::End => "end",
        }
    }
}

/// The settings of the kernel's audit system (`struct audit_status`), each as far as it is known.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct KernelState {
    /// 0: off, 1: on, 2: on and locked until the next boot.
    pub enabled: Option<u32>,
    /// 0: a lost record is ignored, 1: it is logged, 2: the kernel panics.
    pub failure: Option<u32>,
    /// The process id of the registered audit daemon; 0 if there is none.
    pub daemon_pid: Option<u32>,
    /// The name of that process.
    pub daemon_comm: Option<String>,
    /// Records per second, 0 for no limit.
    pub rate_limit: Option<u32>,
    /// The most records in the backlog.
    pub backlog_limit: Option<u32>,
    /// Records in the backlog.
    pub backlog: Option<u32>,
    /// Records lost since boot.
    pub lost: Option<u32>,
    /// The number of loaded rules.
    pub rules: Option<u64>,
    /// The SHA-256 of the lines that `auditctl -l` prints for them, in lower-case hex.
    pub rules_sha256: Option<String>,
}

/// A change of the kernel's audit system.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// The setting: `enabled`, `daemon_pid`, `rules`, `failure`, `rate_limit`, `backlog_limit`, or
    /// another name from the kernel.
    pub setting: String,
    /// The value before; for rules, their number.
    pub old: Option<u64>,
    /// The value after.
    pub new: Option<u64>,
    /// The number of rules that were added.
    pub added: u64,
    /// The number of rules that were removed.
    pub removed: u64,
    /// The process that made the change, if a record told.
    pub by: Option<ChangedBy>,
}

impl Change {
    /// A change of a setting.
    pub fn new(setting: &str, old: Option<u64>, new: Option<u64>) -> Change {
        Change {
            setting: setting.to_owned(),
            old,
            new,
            ..Change::default()
        }
    }
}

/// The process that made a change.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ChangedBy {
    /// Its ids, each unset if no record told it.
    pub ids: Identity,
    /// The name of the task.
    pub comm: Option<Vec<u8>>,
    /// The path of the executable.
    pub exe: Option<Vec<u8>>,
}

impl ChangedBy {
    /// A process of which only ids are known.
    pub fn new(ids: Identity) -> ChangedBy {
        ChangedBy {
            ids,
            comm: None,
            exe: None,
        }
    }
}

/// The events and texts that are left out of the output.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Filters<'a> {
    /// The lowest record type that is kept.
    pub min: &'a str,
    /// The highest record type that is kept.
    pub max: &'a str,
    /// The kinds of events that are written.
    pub events: &'a [&'static str],
    /// The expressions that leave events out (`--drop`).
    pub drop: &'a [String],
    /// The expressions that keep events that `drop` would leave out (`--keep`).
    pub keep: &'a [String],
    /// The secrets that are taken out of events (`--redact`).
    pub redact: &'a [String],
    /// Whether the arguments of programs are taken out of events (`--no-args`).
    pub no_args: bool,
    /// The time in which repeated events become one line (`--aggregate`).
    pub aggregate: Option<&'a str>,
}

/// The privileges of a process.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Privileges {
    /// The effective user id.
    pub uid: u32,
    /// The effective capabilities, as names in lower case, such as `audit_control`.
    pub capabilities: Vec<&'static str>,
    /// Whether its system calls are filtered.
    pub seccomp: bool,
    /// Whether its accesses to files are restricted.
    pub landlock: bool,
}
