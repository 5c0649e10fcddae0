//! Status lines: with `--heartbeat`, lines that say that auditrd is alive, and how the kernel's
//! audit system stands; and, with or without it, those that list the filters that were read.
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
    EventKind, RecordType,
    model::{self, Change, Privileges, Status, StatusReason, Timestamp},
};

use super::{cli::Args, filters::Dropper, timer::Timer};
pub(crate) use changes::Changes;
use kernel::Kernel;

/// How often the kernel is asked for changes.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// How long after a record of a change the kernel is asked: such records come in bursts.
const LOOK_DELAY: Duration = Duration::from_millis(200);

/// When to write status lines, and what they say.
#[derive(Debug)]
pub(crate) struct StatusLines {
    /// The timer of `--heartbeat`. Without that, there are only lines about filters.
    beat: Option<Timer>,
    /// When to list the filters, if no line has listed them.
    filters_at: Option<Instant>,
    /// When to look for changes.
    look_at: Option<Instant>,
    kernel: Kernel,
    heard: Changes,
    /// Changes to tell of in the next line.
    changes: Vec<Change>,
    facts: Facts,
}

/// The part of a status that does not depend on when it is written.
#[derive(Debug)]
struct Facts {
    started: Timestamp,
    host: Option<Vec<u8>>,
    boot_id: Option<String>,
    source: &'static str,
    filters: Filters,
    privileges: Option<Privileges>,
}

/// The events and texts that are left out of the output.
#[derive(Debug)]
struct Filters {
    min: String,
    max: String,
    events: Vec<&'static str>,
    drop: Vec<String>,
    keep: Vec<String>,
    redact: Vec<String>,
    no_args: bool,
    aggregate: Option<String>,
}

impl Facts {
    fn new(args: &Args, time: Timestamp) -> Facts {
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
        Facts {
            started: time,
            host: super::format::host(),
            boot_id: boot_id.ok().map(|id| id.trim().to_owned()),
            source: args.source_name(),
            filters: Filters::new(args),
            privileges: None,
        }
    }

    /// A status with nothing but these.
    fn status(&self, time: Timestamp, reason: StatusReason) -> Status<'_> {
        let mut status = Status::new(time, reason);
        status.pid = std::process::id();
        status.started = self.started;
        status.host = self.host.as_deref();
        status.boot_id = self.boot_id.as_deref();
        status.source = self.source;
        status.confinement = self.privileges.as_ref();
        self.filters.put(&mut status.filters);
        status
    }
}

impl Filters {
    /// The filters without those of `--drop`, `--keep` and `--filter`.
    fn new(args: &Args) -> Filters {
        let kinds = args.kinds();
        let kinds = EventKind::ALL.iter().filter(|kind| kinds.contains(**kind));
        Filters {
            min: type_name(*args.types().start()),
            max: type_name(*args.types().end()),
            events: kinds.map(|kind| kind.word()).collect(),
            drop: Vec::new(),
            keep: Vec::new(),
            redact: args.redact.iter().map(ToString::to_string).collect(),
            no_args: args.no_args,
            aggregate: args
                .aggregate
                .map(|time| humantime::format_duration(time).to_string()),
        }
    }

    fn put<'a>(&'a self, filters: &mut model::Filters<'a>) {
        (filters.min, filters.max) = (&self.min, &self.max);
        filters.events = &self.events;
        (filters.drop, filters.keep) = (&self.drop, &self.keep);
        (filters.redact, filters.no_args) = (&self.redact, self.no_args);
        filters.aggregate = self.aggregate.as_deref();
    }
}

impl StatusLines {
    /// Call this once the socket of the source is open: the first socket of a process gets the
    /// process id as its port.
    pub(crate) fn new(args: &Args, now: Instant, time: Timestamp) -> StatusLines {
        let beat = args.heartbeat.map(|interval| Timer::new(interval, now));
        let kernel = Kernel::new(beat.is_some() && args.is_live());
        StatusLines {
            beat,
            filters_at: None,
            look_at: kernel.may_ask().then(|| now + LOOK_INTERVAL),
            kernel,
            heard: Changes::default(),
            changes: Vec::new(),
            facts: Facts::new(args, time),
        }
    }

    /// Notes the privileges that were left to this process.
    pub(crate) fn confined(&mut self, privileges: Privileges) {
        self.facts.privileges = Some(privileges);
    }

    /// Notes the expressions that were read. A line that lists them is then due.
    pub(crate) fn read_filters(&mut self, dropper: &Dropper, now: Instant) {
        let filters = &mut self.facts.filters;
        (filters.drop, filters.keep) = dropper.texts();
        self.filters_at = Some(now);
    }

    /// Takes in changes that records told.
    pub(crate) fn hear(&mut self, changes: Changes, now: Instant) {
        self.heard.append(changes);
        let soon = now + LOOK_DELAY;
        self.look_at = Some(self.look_at.map_or(soon, |at| at.min(soon)));
    }

    /// When [`due_reason`](Self::due_reason) should be called next.
    pub(crate) fn due(&self) -> Option<Instant> {
        let next = self.beat.as_ref().map(Timer::due);
        [next, self.look_at, self.filters_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// Why the first line is due, if one is. It lists the filters too.
    pub(crate) fn first_reason(&self) -> Option<StatusReason> {
        match (&self.beat, self.filters_at) {
            (Some(_), _) => Some(StatusReason::Start),
            (None, Some(_)) => Some(StatusReason::Filters),
            (None, None) => None,
        }
    }

    /// Why the last line is due, if one is. It tells of all changes until now.
    pub(crate) fn last_reason(&mut self, now: Instant) -> Option<StatusReason> {
        self.beat.is_some().then(|| {
            self.look(now);
            StatusReason::End
        })
    }

    /// Looks for changes if it is time to, and returns why a line is due, if one is.
    pub(crate) fn due_reason(&mut self, now: Instant) -> Option<StatusReason> {
        let is_time = self.beat.as_mut().is_some_and(|beat| beat.rings(now));
        if is_time || self.look_at.is_some_and(|at| now >= at) {
            self.look(now);
        }
        if self.filters_at.is_some() {
            Some(StatusReason::Filters)
        } else if !self.changes.is_empty() {
            Some(StatusReason::Change)
        } else {
            is_time.then_some(StatusReason::Interval)
        }
    }

    /// Looks for changes.
    fn look(&mut self, now: Instant) {
        self.changes.extend(self.kernel.look(&mut self.heard));
        self.look_at = self.kernel.may_ask().then(|| now + LOOK_INTERVAL);
    }

    /// Calls `write` with the status, and forgets the changes and filters that it tells of.
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
        self.filters_at = None;
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
