//! Repeated events as one line.
//!
//! The first of several events that are the same but for ids is written at once, and opens a window
//! of time. Those that repeat it in that time are held. At the end of the window, one line stands
//! for them: that of the last one, with [`Repeats`]. Another window follows if any were held, so
//! that events that never stop have a line in each.
//!
//! Windows end on the clock of their host: live, that is a monotonic clock; in a log, the stamps of
//! the host's records. No line is ever lost to a limit: a window that has to make room ends early.
//!
//! This module reads no clock: the time is an argument.

mod same;
mod windows;

use std::{collections::VecDeque, time::Duration};

use crate::{
    encode::Encoder,
    model::{Arena, AuditEvent, Millis, Repeats, Timestamp},
    reader::LogClock,
};
use windows::{Window, Windows};

/// The most windows that are open, and the most bytes in them.
const MAX_WINDOWS: usize = 16_384;
const MAX_BYTES: usize = 16 << 20;

/// In a log of several hosts, the windows of a host that fell silent end when they are this long
/// overdue by the time of the others.
const SILENCE: Millis = 60_000;

/// Holds repeated events.
///
/// ```
/// use std::time::Duration;
///
/// use auditrd::{Arena, aggregate::Aggregator, encode, model::{EventId, Groups}};
/// use auditrd::{parse_audit_event, record_type::AUDIT_USER_LOGIN};
///
/// let mut groups = Groups::default();
/// groups.begin(EventId::default(), b"").push(AUDIT_USER_LOGIN, b"uid=0 msg='op=login'");
/// let (group, arena) = (groups.last().unwrap(), Arena::new());
/// let mut aggregator = Aggregator::live(Duration::from_secs(60));
/// let mut is_held = || {
///     let mut event = parse_audit_event(&group, &arena).unwrap();
///     aggregator.holds(&mut event, 1, &arena, |event, line| {
///         encode::line(event, line);
///         false
///     })
/// };
/// assert_eq!([is_held(), is_held(), is_held()], [false, true, true]);
/// aggregator.pass(60_000);
/// let held = aggregator.take().unwrap();
/// assert_eq!((held.events, held.records), (2, 2));
/// assert!(held.line.windows(9).any(|text| text == b"\"count\":2"));
/// ```
#[derive(Debug)]
pub struct Aggregator {
    interval: Millis,
    /// The clocks of the hosts of a log; `None` if live.
    clock: Option<LogClock>,
    /// The time on the host of the current record, and the latest time on any.
    now: Millis,
    latest: Millis,
    /// When to look for hosts that fell silent.
    next_look: Millis,
    windows: Windows,
    /// Lines of windows that have ended.
    ended: VecDeque<Held>,
    encoder: Encoder,
    key: Vec<u8>,
}

/// A line that stands for events that were held.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Held {
    /// The line of the last one.
    pub line: Vec<u8>,
    /// The number of events.
    pub events: u64,
    /// The number of their records.
    pub records: u64,
    /// Whether the line was cut to a maximum length.
    pub is_cut: bool,
}

impl Aggregator {
    /// For events of this host, whose windows end with [`pass`](Self::pass).
    pub fn live(interval: Duration) -> Aggregator {
        Aggregator::new(interval, None)
    }

    /// For the events of a log, whose windows end with [`pass_to`](Self::pass_to).
    pub fn of_log(interval: Duration) -> Aggregator {
        Aggregator::new(interval, Some(LogClock::new()))
    }

    fn new(interval: Duration, clock: Option<LogClock>) -> Aggregator {
        Aggregator {
            interval: Millis::try_from(interval.as_millis()).unwrap_or(Millis::MAX),
            clock,
            now: 0,
            latest: 0,
            next_look: 0,
            windows: Windows::new(MAX_WINDOWS, MAX_BYTES),
            ended: VecDeque::new(),
            encoder: Encoder::default(),
            key: Vec::new(),
        }
    }

    /// Ends the windows that are over at a time, in milliseconds, which never goes back.
    pub fn pass(&mut self, now: Millis) {
        self.now = now;
        self.end_windows(b"");
    }

    /// Ends the windows of a log that are over when a record has this stamp.
    pub fn pass_to(&mut self, node: &[u8], stamp: Timestamp) {
        let Some(clock) = &mut self.clock else {
            return;
        };
        let times = clock.see(node, stamp);
        (self.now, self.latest) = (times.node, times.latest);
        self.end_windows(node);
        if self.latest >= self.next_look {
            self.next_look = self.latest + SILENCE / 4;
            let overdue = self.latest.saturating_sub(SILENCE);
            for window in self.windows.drain_due(overdue) {
                self.end(window);
            }
        }
    }

    /// Ends the windows of a host that are over. Events that go on get another window.
    fn end_windows(&mut self, node: &[u8]) {
        while let Some((key, window)) = self.windows.pop_due(node, self.now) {
            if window.repeats.is_some() {
                let next = self.now.saturating_add(self.interval);
                self.windows.begin(key, node, next);
            }
            self.end(window);
        }
    }

    /// Whether an event repeats an earlier one and is held. If so, `write` has appended the line
    /// that may stand for it, and returned whether that was cut; otherwise the caller has to write
    /// the event. Either way, [`take`](Self::take) may have lines to write.
    pub fn holds<'a>(
        &mut self,
        event: &mut AuditEvent<'a>,
        records: u64,
        arena: &'a Arena,
        write: impl FnOnce(&mut AuditEvent<'a>, &mut Vec<u8>) -> bool,
    ) -> bool {
        self.key.clear();
        self.encoder
            .line(&same::without_ids(event, arena), &mut self.key);
        let is_held = self.windows.update(&self.key, |window| {
            let time = event.id.time;
            match &mut window.repeats {
                Some(repeats) => repeats.add(time),
                None => window.repeats = Some(Repeats::once(time)),
            }
            window.records += records;
            event.repeats = window.repeats;
            window.line.clear();
            window.is_cut = write(event, &mut window.line);
        });
        if !is_held {
            let due = self.now.saturating_add(self.interval);
            let node = event.node.unwrap_or_default();
            self.windows.begin(self.key.as_slice().into(), node, due);
        }
        while let Some(window) = self.windows.pop_excess() {
            self.end(window);
        }
        is_held
    }

    /// Ends all windows.
    pub fn end_all(&mut self) {
        for window in self.windows.drain_due(Millis::MAX) {
            self.end(window);
        }
    }

    fn end(&mut self, window: Window) {
        if let Some(repeats) = window.repeats {
            self.ended.push_back(Held {
                line: window.line,
                events: repeats.count,
                records: window.records,
                is_cut: window.is_cut,
            });
        }
    }

    /// The next line to write.
    pub fn take(&mut self) -> Option<Held> {
        self.ended.pop_front()
    }

    /// The time at which the next window ends, on the clock of [`pass`](Self::pass).
    pub fn due(&self) -> Option<Millis> {
        self.windows.first_due(b"")
    }
}

#[cfg(test)]
mod tests;
