//! `--aggregate`: when windows of repeated events end.
//!
//! Live, they end on the clock of this program. In a log, they end on the clocks of its hosts, and
//! all of them if no record arrives for an interval of this program's time, as with `tail -f`. This
//! module reads no clock: the time is an argument.

use std::time::{Duration, Instant};

use auditrd::{
    Arena, AuditEvent, AuditMessageGroup,
    aggregate::{Aggregator, Held},
};

use super::cli::Args;

/// The stage that holds repeated events, and its clock.
#[derive(Debug)]
pub(crate) struct Aggregation {
    aggregator: Aggregator,
    interval: Duration,
    clock: Clock,
}

#[derive(Debug)]
enum Clock {
    /// Milliseconds since a start.
    Live(Instant),
    /// The stamps of records. If none arrives, since when.
    Log(Option<Instant>),
}

impl Aggregation {
    /// `None` without the option.
    pub(crate) fn new(args: &Args, now: Instant) -> Option<Aggregation> {
        let interval = args.aggregate?;
        let (aggregator, clock) = match args.is_live() {
            true => (Aggregator::live(interval), Clock::Live(now)),
            false => (Aggregator::of_log(interval), Clock::Log(None)),
        };
        Some(Aggregation {
            aggregator,
            interval,
            clock,
        })
    }

    /// Ends the windows that are over when the records of an event arrive.
    pub(crate) fn arrive(&mut self, group: &AuditMessageGroup<'_>, now: impl Fn() -> Instant) {
        match &mut self.clock {
            Clock::Live(_) => self.pass(now()),
            Clock::Log(idle_since) => {
                *idle_since = None;
                self.aggregator.pass_to(group.node, group.id.time);
            }
        }
    }

    /// Whether an event is held. See [`Aggregator::holds`].
    pub(crate) fn holds<'a>(
        &mut self,
        event: &mut AuditEvent<'a>,
        records: u64,
        arena: &'a Arena,
        write: impl FnOnce(&mut AuditEvent<'a>, &mut Vec<u8>) -> bool,
    ) -> bool {
        self.aggregator.holds(event, records, arena, write)
    }

    /// The next line of a window that has ended.
    pub(crate) fn take(&mut self) -> Option<Held> {
        self.aggregator.take()
    }

    /// Ends all windows.
    pub(crate) fn end_all(&mut self) {
        self.aggregator.end_all();
    }

    /// Notes that there is nothing to read.
    pub(crate) fn idle(&mut self, now: Instant) {
        if let Clock::Log(idle_since) = &mut self.clock {
            idle_since.get_or_insert(now);
        }
    }

    /// When [`pass`](Self::pass) should be called next.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self.clock {
            Clock::Live(start) => {
                let due = self.aggregator.due()?;
                start.checked_add(Duration::from_millis(due))
            }
            Clock::Log(idle_since) => idle_since?.checked_add(self.interval),
        }
    }

    /// Ends the windows that are over by now.
    pub(crate) fn pass(&mut self, now: Instant) {
        match &mut self.clock {
            Clock::Live(start) => {
                let passed = now.saturating_duration_since(*start);
                let passed = u64::try_from(passed.as_millis());
                self.aggregator.pass(passed.unwrap_or(u64::MAX));
            }
            Clock::Log(idle_since) => {
                if idle_since.is_some_and(|since| now >= since + self.interval) {
                    *idle_since = None;
                    self.aggregator.end_all();
                }
            }
        }
    }
}
