//! The marshaller thread: from whole events to written lines.

use std::time::{Duration, Instant, SystemTime};

use auditrd::{
    Arena, AuditMessageGroup, AuditReader, Classifier, Error, Sink, Step, Timestamp, Totals, encode,
};
use crossbeam_channel::{Receiver, TryRecvError};

use crate::cli::{Args, Kind};

/// What the main thread tells the marshaller.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Control {
    /// Stop reading, finish what is in flight.
    Stop,
    /// Open the output file again.
    Reopen,
    /// Print the counters.
    Stats,
}

/// Classifies, encodes and writes.
pub(crate) struct Writer {
    classifier: Classifier,
    sink: Sink,
    arena: Arena,
    kinds: Vec<Kind>,
    max_line: Option<usize>,
    is_live: bool,
    stats_interval: Option<Duration>,
    counters: Counters,
    /// What the output has been told of.
    told: Totals,
    told_missing_at: Option<Instant>,
}

/// What the writer counts; the reader has counters of its own.
#[derive(Debug, Default)]
struct Counters {
    lines: u64,
    shortened: u64,
}

/// How often the output is told of missing serials: they turn out to be missing one after the other.
const BETWEEN_LOSSES: Duration = Duration::from_secs(10);

/// Events between two looks at what the main thread has to say, while records keep coming.
const EVENTS_PER_LOOK: u32 = 256;

impl Writer {
    pub(crate) fn new(args: &Args, classifier: Classifier, sink: Sink) -> Writer {
        Writer {
            classifier,
            sink,
            arena: Arena::new(),
            kinds: args.events.clone(),
            max_line: args.max_line,
            is_live: args.is_live(),
            stats_interval: args.stats_interval,
            counters: Counters::default(),
            told: Totals::default(),
            told_missing_at: None,
        }
    }

    /// Writes events until there are no more.
    ///
    /// # Errors
    ///
    /// If the source cannot be read or the output cannot be written any more.
    pub(crate) fn run(
        mut self,
        mut reader: AuditReader,
        control: &Receiver<Control>,
    ) -> Result<(), Error> {
        let mut next_stats = self
            .stats_interval
            .map(|interval| Instant::now() + interval);
        let mut events = 0u32;
        loop {
            match reader.step(control, next_stats) {
                Step::Event(group) => {
                    self.event(&group)?;
                    reader.recycle(group);
                    events = events.wrapping_add(1);
                    if !events.is_multiple_of(EVENTS_PER_LOOK) {
                        continue;
                    }
                }
                Step::Idle => self.idle(&reader)?,
                Step::Interrupted => {}
                Step::End => break,
            }
            self.tell_losses(&reader.totals())?;
            self.obey(&mut reader, control)?;
            if let (Some(at), Some(interval)) = (next_stats, self.stats_interval)
                && Instant::now() >= at
            {
                self.report(&reader, log::Level::Error);
                next_stats = Some(at.max(Instant::now() - interval) + interval);
            }
        }
        self.finish(reader)
    }

    fn event(&mut self, group: &AuditMessageGroup) -> Result<(), Error> {
        self.arena.reset();
        let Some(mut event) = self.classifier.classify(group, &self.arena) else {
            return Ok(());
        };
        if !self.kinds.iter().any(|kind| kind.matches(event.kind)) {
            return Ok(());
        }
        self.counters.lines += 1;
        let start = self.sink.lines.len();
        encode::line(&event, &mut self.sink.lines);
        if let Some(max) = self.max_line
            && self.sink.lines.len() - start > max
        {
            self.sink.lines.truncate(start);
            self.counters.shortened += 1;
            encode::line_within(&mut event, max, &self.arena, &mut self.sink.lines);
        }
        self.sink.wrote()
    }

    /// Says in the output what was lost that it has not been told of.
    fn tell_losses(&mut self, totals: &Totals) -> Result<(), Error> {
        let told = self.told;
        self.told = *totals;
        self.told.missing = told.missing;
        for (reason, count) in [
            ("socket_overflow", totals.seen.dropped - told.seen.dropped),
            (
                "kernel_lost",
                totals.seen.kernel_lost - told.seen.kernel_lost,
            ),
            (
                "queue_overflow",
                totals.dropped.events - told.dropped.events,
            ),
        ] {
            if count > 0 {
                self.loss(reason, count)?;
            }
        }
        Ok(())
    }

    /// Nothing to read: time to write what there is.
    fn idle(&mut self, reader: &AuditReader) -> Result<(), Error> {
        let is_due = |told: Instant| told.elapsed() >= BETWEEN_LOSSES;
        if self.told_missing_at.is_none_or(is_due) {
            self.tell_missing(&reader.totals())?;
        }
        self.sink.flush()
    }

    /// Says in the output how many serials are missing that it has not been told of. In a log they
    /// may be missing for any reason, and are only counted.
    fn tell_missing(&mut self, totals: &Totals) -> Result<(), Error> {
        let count = totals.missing - self.told.missing;
        if self.is_live && count > 0 {
            self.told.missing = totals.missing;
            self.told_missing_at = Some(Instant::now());
            self.loss("missing_serials", count)?;
        }
        Ok(())
    }

    fn loss(&mut self, reason: &str, count: u64) -> Result<(), Error> {
        log::warn!("lost: {count} by {reason}");
        let now = Timestamp::from_system(SystemTime::now());
        encode::loss(now, reason, count, &mut self.sink.lines);
        self.sink.wrote()
    }

    fn obey(&mut self, reader: &mut AuditReader, control: &Receiver<Control>) -> Result<(), Error> {
        loop {
            match control.try_recv() {
                Ok(Control::Stop) => reader.stop(),
                Ok(Control::Reopen) => {
                    // The old file goes on to be written to: better there than nowhere.
                    if let Err(error) = self.sink.reopen() {
                        log::error!("{error}");
                    }
                }
                Ok(Control::Stats) => self.report(reader, log::Level::Error),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Writes what is left, even if reading ended badly.
    fn finish(mut self, mut reader: AuditReader) -> Result<(), Error> {
        let result = reader.finish();
        let totals = reader.totals();
        self.tell_losses(&totals)?;
        self.tell_missing(&totals)?;
        self.sink.flush()?;
        let (tally, seen) = (totals.tally, totals.seen);
        let bad = seen.malformed + seen.foreign + tally.evicted + tally.truncated;
        let level = if bad > 0 {
            log::Level::Warn
        } else {
            log::Level::Info
        };
        self.report(&reader, level);
        result
    }

    /// Prints the counters. Those that were asked for come at any level of quiet but the last.
    fn report(&self, reader: &AuditReader, level: log::Level) {
        let totals = reader.totals();
        let (tally, seen, counters) = (totals.tally, totals.seen, &self.counters);
        log::log!(
            level,
            "records {} filtered {} malformed {} foreign {} events {} unfinished {} evicted {} \
             truncated {} queue_dropped {} queue_dropped_records {} lines {} shortened {} overflows {} \
             dropped {} kernel_lost {} missing {}",
            tally.records,
            tally.filtered,
            seen.malformed,
            seen.foreign,
            tally.events,
            tally.unfinished,
            tally.evicted,
            tally.truncated,
            totals.dropped.events,
            totals.dropped.records,
            counters.lines,
            counters.shortened,
            seen.overflows,
            seen.dropped,
            seen.kernel_lost,
            totals.missing,
        );
    }
}
