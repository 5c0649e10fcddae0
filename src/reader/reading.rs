//! Reading records and reassembling them into whole events.

use std::{
    mem,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::{ClockKind, Dropped, ReaderConfig, Totals, clock::LogClock, lock, nodes::NodeSerials};
use crate::{
    error::Error,
    model::{Batch, EventId, Groups, Millis, Sightings, Stamp},
    reassemble::Reassembler,
    source::{Fill, Source},
};

/// Reads records and reassembles them.
pub(super) struct Reading {
    source: Box<dyn Source>,
    batch: Batch,
    reassembler: Reassembler,
    serials: NodeSerials,
    heartbeat: Option<Duration>,
    /// The clock of a log; `None` if live.
    clock: Option<LogClock>,
    /// The time of the reassembly at `since`.
    now: Millis,
    /// The time on the node of the last record.
    node_time: Millis,
    since: Instant,
    /// The stamp of the last record, if it has no node.
    last: Option<EventId>,
    /// The whole events of the last round.
    groups: Groups,
    totals: Arc<Mutex<Totals>>,
    /// There was progress in the last round, so that a log's clock starts anew with this one.
    progressed: bool,
    /// The result of the source, once it has ended.
    pub(super) ended: Option<Result<(), Error>>,
}

impl Reading {
    pub(super) fn new(
        source: Box<dyn Source>,
        totals: Arc<Mutex<Totals>>,
        config: ReaderConfig,
    ) -> Reading {
        Reading {
            source,
            batch: Batch::default(),
            reassembler: Reassembler::new(config.reassembly),
            serials: NodeSerials::new(config.max_out_of_order),
            heartbeat: config.heartbeat,
            clock: (config.clock == ClockKind::Records).then(LogClock::new),
            now: 0,
            node_time: 0,
            since: Instant::now(),
            last: None,
            groups: Groups::default(),
            totals,
            progressed: false,
            ended: None,
        }
    }

    /// Reads once, and waits for that until the deadline at the latest. Returns whether there are
    /// news: whole events, or counters. Events in flight become whole when the source ends or
    /// fails.
    pub(super) fn round(&mut self, until: Option<Instant>) -> bool {
        if mem::take(&mut self.progressed) && self.clock.is_some() {
            // Time spent waiting for a slow output must not expire events.
            self.since = Instant::now();
        }
        let deadline = [self.deadline(), until].into_iter().flatten().min();
        let filled = self.source.fill(&mut self.batch, deadline);
        let drained = match filled {
            Ok(Fill::Drained(at)) => Some(at),
            _ => None,
        };
        self.take(drained);
        self.ended = match filled {
            Ok(Fill::End) => Some(Ok(())),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        };
        if self.ended.is_some() {
            self.reassembler.drain();
            self.serials.finish();
        }
        self.collect()
    }

    /// When to stop waiting for records: when the oldest event in flight expires or the heartbeat
    /// is due.
    fn deadline(&mut self) -> Option<Instant> {
        let left = self.reassembler.time_left(self.now);
        let expires = left.and_then(|left| self.since.checked_add(Duration::from_millis(left)));
        let beats = self.heartbeat.map(|heartbeat| Instant::now() + heartbeat);
        [expires, beats].into_iter().flatten().min()
    }

    /// Reassembles the records of the batch.
    ///
    /// Live, an event expires only if the source was found empty after its deadline: if this
    /// process was delayed, the rest of the event may still be in the socket.
    ///
    /// In a log, the stamps of the records tell the time. While a growing log has no new records,
    /// the monotonic clock does.
    fn take(&mut self, drained: Option<Instant>) {
        self.reassembler.exchange_buffer(&mut self.batch.bytes);
        let now = drained.unwrap_or_else(Instant::now);
        let passed = millis(now.saturating_duration_since(self.since));
        if self.clock.is_none() {
            self.now += passed;
            self.node_time = self.now;
            self.since += Duration::from_millis(passed);
        } else if self.batch.is_empty() {
            self.reassembler.idle(self.now, passed);
        }
        let (mut before, mut last): (_, Option<&Stamp>) = (self.last, None);
        for run in self.batch.runs() {
            let EventId { time, serial } = run.stamp.id;
            let node = &run.stamp.node;
            // The first run may go on with the last event of the batch before. Records with the
            // name of a node are runs by themselves.
            let goes_on = match node.is_empty() {
                true => before.take() == Some(run.stamp.id),
                false => last.is_some_and(|last| self.is_same(last, run.stamp)),
            };
            if !goes_on {
                if let Some(clock) = &mut self.clock
                    && let Some(times) = clock.see_next(self.reassembler.text(node), time)
                {
                    (self.now, self.node_time) = (times.latest, times.node);
                    self.reassembler.advance(node, times.node, times.latest);
                }
                let serial = (!run.is_of_daemon()).then_some(serial);
                let gap = self.serials.see(self.reassembler.text(node), serial);
                self.reassembler.note_gap(node, gap);
            }
            self.reassembler.take(self.node_time, run);
            last = Some(run.stamp);
        }
        if let Some(stamp) = last {
            self.last = stamp.node.is_empty().then_some(stamp.id);
        }
        if self.clock.is_none() && drained.is_some() {
            self.reassembler.expire(self.now);
        }
    }

    /// Whether two stamps are those of one event, by the names in the reassembler's buffer.
    fn is_same(&self, one: &Stamp, other: &Stamp) -> bool {
        let node = |stamp: &Stamp| self.reassembler.text(&stamp.node);
        one.id == other.id && node(one) == node(other)
    }

    /// Collects the whole events and publishes the counters. Returns whether there are any.
    fn collect(&mut self) -> bool {
        let seen = mem::take(&mut self.batch.sightings);
        let had_records = !self.batch.is_empty();
        self.batch.clear();
        self.reassembler.hand_over(&mut self.groups);
        self.count(seen, Dropped::default());
        let has_news = seen != Sightings::default() || !self.groups.is_empty();
        self.progressed = had_records || has_news;
        has_news
    }

    /// Exchanges the whole events for groups whose buffers can be reused.
    pub(super) fn exchange(&mut self, groups: &mut Groups) {
        mem::swap(&mut self.groups, groups);
    }

    /// As [`Source::patience`]. A source that has ended has none.
    pub(super) fn patience(&self) -> Option<Duration> {
        match self.ended {
            None => self.source.patience(),
            Some(_) => None,
        }
    }

    /// Counts events that were dropped from a full queue.
    pub(super) fn count_dropped(&self, dropped: Dropped) {
        self.count(Sightings::default(), dropped);
    }

    fn count(&self, seen: Sightings, dropped: Dropped) {
        let mut totals = lock(&self.totals);
        totals.tally = self.reassembler.tally();
        totals.seen.add(seen);
        totals.dropped.events += dropped.events;
        totals.dropped.records += dropped.records;
        totals.missing = self.serials.missing();
        totals.in_flight = self.reassembler.in_flight() as u64;
        totals.rounds += 1;
    }
}

fn millis(duration: Duration) -> Millis {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
