//! `--heartbeat`: lines that say that auditrd is alive, and how the kernel's audit system stands.
//!
//! Where the kernel answers, it is asked before each line, and regularly in between, since it does
//! not report every change. Elsewhere only records tell. This module reads no clock: the time is an
//! argument.

mod changes;
mod kernel;

use std::{
    fs,
    time::{Duration, Instant},
};

use auditrd::{
    AuditMessageGroup, EventKind, RecordType,
    model::{Change, Privileges, Status, StatusReason, Timestamp},
    parse::CallRecord,
};

use super::cli::Args;
use changes::Changes;
use kernel::Kernel;

/// How often the kernel is asked for changes.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// How long after a record of a change the kernel is asked: such records come in bursts.
const LOOK_DELAY: Duration = Duration::from_millis(200);

/// When to write status lines, and what they say.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    interval: Duration,
    next: Instant,
    /// When to look for changes.
    look_at: Option<Instant>,
    kernel: Kernel,
    heard: Changes,
    /// Changes to tell of in the next line.
    changes: Vec<Change>,
    facts: Facts,
}

/// What never changes.
#[derive(Debug)]
pub(crate) struct Facts {
    started: Timestamp,
    host: Option<Vec<u8>>,
    boot_id: Option<String>,
    source: &'static str,
    min: String,
    max: String,
    events: Vec<&'static str>,
    privileges: Option<Privileges>,
}

impl Facts {
    pub(crate) fn new(args: &Args, time: Timestamp) -> Facts {
        let kinds = args.kinds();
        let kinds = EventKind::ALL.iter().filter(|kind| kinds.contains(**kind));
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
        Facts {
            started: time,
            host: super::format::host(),
            boot_id: boot_id.ok().map(|id| id.trim().to_owned()),
            source: args.source_name(),
            min: type_name(*args.types().start()),
            max: type_name(*args.types().end()),
            events: kinds.map(|kind| kind.word()).collect(),
            privileges: None,
        }
    }

    /// A status with nothing but these.
    pub(crate) fn status(&self, time: Timestamp, reason: StatusReason) -> Status<'_> {
        let mut status = Status::new(time, reason);
        status.pid = std::process::id();
        status.started = self.started;
        status.host = self.host.as_deref();
        status.boot_id = self.boot_id.as_deref();
        status.source = self.source;
        status.confinement = self.privileges.as_ref();
        (status.filters.min, status.filters.max) = (&self.min, &self.max);
        status.filters.events = &self.events;
        status
    }
}

impl Heartbeat {
    /// `None` without the option.
    pub(crate) fn new(args: &Args, now: Instant, time: Timestamp) -> Option<Heartbeat> {
        let interval = args.heartbeat?;
        let kernel = Kernel::new(args.is_live());
        Some(Heartbeat {
            interval,
            next: now + interval,
            look_at: kernel.may_ask().then(|| now + LOOK_INTERVAL),
            kernel,
            heard: Changes::default(),
            changes: Vec::new(),
            facts: Facts::new(args, time),
        })
    }

    /// Notes the privileges that were left to this process.
    pub(crate) fn confined(&mut self, privileges: Privileges) {
        self.facts.privileges = Some(privileges);
    }

    /// Takes in the records of an event, which may tell of a change, with its SYSCALL record.
    pub(crate) fn hear(
        &mut self,
        group: &AuditMessageGroup<'_>,
        call: Option<&CallRecord<'_>>,
        now: impl Fn() -> Instant,
    ) {
        if self.heard.hear(group, call) {
            let soon = now() + LOOK_DELAY;
            self.look_at = Some(self.look_at.map_or(soon, |at| at.min(soon)));
        }
    }

    /// When [`due_reason`](Self::due_reason) should be called next.
    pub(crate) fn due(&self) -> Instant {
        self.look_at.map_or(self.next, |at| at.min(self.next))
    }

    /// Looks for changes if it is time to, and returns why a line is due, if one is.
    pub(crate) fn due_reason(&mut self, now: Instant) -> Option<StatusReason> {
        let is_time = now >= self.next;
        if is_time {
            self.next = self.next.max(now - self.interval) + self.interval;
        }
        if is_time || self.look_at.is_some_and(|at| now >= at) {
            self.look(now);
        }
        if !self.changes.is_empty() {
            Some(StatusReason::Change)
        } else {
            is_time.then_some(StatusReason::Interval)
        }
    }

    /// Looks for changes.
    pub(crate) fn look(&mut self, now: Instant) {
        self.changes.extend(self.kernel.look(&mut self.heard));
        self.look_at = self.kernel.may_ask().then(|| now + LOOK_INTERVAL);
    }

    /// Calls `write` with the status, and forgets the changes that it tells of.
    pub(crate) fn tell(
        &mut self,
        reason: StatusReason,
        time: Timestamp,
        reports: Reports<'_>,
        write: impl FnOnce(&Status<'_>),
    ) {
        let mut status = self.facts.status(time, reason);
        status.kernel = self.kernel.state.clone();
        status.changes = &self.changes;
        status.counters = reports.counters;
        status.priming = reports.priming;
        write(&status);
        self.changes.clear();
    }
}

/// The name of a record type, or its number, as `--min` takes them.
fn type_name(record_type: RecordType) -> String {
    let number = || record_type.0.to_string();
    record_type.name().map_or_else(number, str::to_owned)
}

/// What other parts of the command report in a status line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reports<'a> {
    /// All counters, by name.
    pub(crate) counters: &'a [(&'a str, u64)],
    /// The names that were read, and whether more are being read.
    pub(crate) priming: Option<(u64, bool)>,
}
