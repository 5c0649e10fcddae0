//! The output: standard output, or a file.
//!
//! Lines are buffered, and written when there is nothing more to read or the buffer is full: a
//! quiet host sees each line at once, and a busy one does not pay for a write per line.
//!
//! A failing output does not end the program. Lines are kept in memory up to a limit; beyond it,
//! new lines are dropped and counted, or the caller waits. This module reads no clock: the time is
//! an argument.

mod attempt;
mod config;
mod dry;
mod lock;
mod mend;
mod outage;
mod rotate;
mod sync;
mod target;
mod trust;

use std::{
    collections::VecDeque,
    io, mem,
    path::Path,
    time::{Duration, Instant},
};

pub use config::{Fsync, Rotation, SinkConfig, SinkTally};
pub use dry::check;
pub use trust::directory_of;

use crate::error::Error;
use outage::Outage;
use sync::Syncs;
use target::Target;

/// Bytes to buffer before writing even if there is more to read.
const BUFFER_BYTES: usize = 64 << 10;
/// A larger buffer is freed once it is written, so that one huge line does not occupy its memory
/// for ever.
const MAX_SPARE_BYTES: usize = 1 << 20;
/// How long to wait before trying again after the output failed.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Writes whole lines to a file or to standard output.
///
/// ```
/// use std::time::Instant;
///
/// use auditrd::sink::{Sink, SinkConfig};
///
/// let mut sink = Sink::stdout(SinkConfig::default())?;
/// let _is_full = sink.line(1, |line| line.extend_from_slice(b"{\"name\":\"example\"}\n"));
/// sink.flush(Instant::now())?;
/// assert_eq!(sink.tally().lines, 1);
/// # Ok::<(), auditrd::Error>(())
/// ```
#[derive(Debug)]
pub struct Sink {
    config: SinkConfig,
    target: Target,
    /// Lines to write, one after the other.
    lines: Vec<u8>,
    /// The lines in `lines` that are not written yet.
    pending: VecDeque<Line>,
    /// Bytes at the start of `lines` that are written.
    written: usize,
    /// Bytes of the first pending line that are in the file and could not be removed again.
    torn: usize,
    outage: Option<Outage>,
    /// When to retry opening the file by its name, if that failed.
    reopen_at: Option<Instant>,
    /// When to retry a rotation that failed; until then the file may exceed its maximum size.
    grows_until: Option<Instant>,
    syncs: Syncs,
    rotation_fails: bool,
    /// Lines dropped in an outage that is over; cleared by [`Sink::take_lost`].
    lost: u64,
    tally: SinkTally,
}

/// The size of a line, for [`Sink::lines`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Line {
    /// Bytes, including the line end.
    pub length: usize,
    /// The number of records that the line represents.
    pub records: u64,
}

impl Sink {
    /// A sink on standard output.
    ///
    /// # Errors
    ///
    /// If standard output cannot be duplicated.
    pub fn stdout(config: SinkConfig) -> Result<Sink, Error> {
        let target =
            Target::stdout().map_err(|error| Error::new("write to standard output", error))?;
        Ok(Sink::new(target, config))
    }

    /// A sink that appends to a file, created with mode 0600 if it does not exist. Symbolic links
    /// are not followed, and a directory that other users can write to is refused: they could
    /// redirect root's output to any file.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, is refused or is locked by another process, or if rotation is
    /// configured and the file is not a regular file.
    pub fn file(path: &Path, config: SinkConfig) -> Result<Sink, Error> {
        let target = Target::open(path, &config.beginnings)?;
        if config.rotation.is_some() && !target.is_named_file() {
            let cause = io::Error::other("it is not a regular file");
            return Err(Error::new(format!("rotate {target}"), cause));
        }
        let mut sink = Sink::new(target, config);
        sink.syncs.sync_name(&sink.target);
        Ok(sink)
    }

    fn new(target: Target, config: SinkConfig) -> Sink {
        Sink {
            syncs: Syncs::new(config.fsync),
            config,
            target,
            lines: Vec::new(),
            pending: VecDeque::new(),
            written: 0,
            torn: 0,
            outage: None,
            reopen_at: None,
            grows_until: None,
            rotation_fails: false,
            lost: 0,
            tally: SinkTally::default(),
        }
    }

    /// Adds the line that `write` appends to those that are pending, with the number of records it
    /// represents. A line end is added if it is missing; if nothing is appended, there is no line.
    /// If the output is failing and the limit is reached, the line is dropped. Returns whether to
    /// [`flush`](Self::flush).
    #[inline]
    #[must_use]
    pub fn line(&mut self, records: u64, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let start = self.lines.len();
        write(&mut self.lines);
        self.add_line(start, records);
        self.pending_bytes() >= BUFFER_BYTES
    }

    /// Keeps the line that begins at `start`, unless it has to be dropped.
    fn add_line(&mut self, start: usize, records: u64) {
        match self.lines.get(start..) {
            None | Some([]) => return,
            Some([.., b'\n']) => {}
            Some(_) => self.lines.push(b'\n'),
        }
        let length = self.lines.len() - start;
        let pending = self.pending_bytes();
        if let Some(outage) = &mut self.outage
            && !self.config.waits
            && (outage.lost > 0 || pending + length > self.config.max_pending)
        {
            outage.lost += 1;
            self.tally.unwritten += 1;
            self.tally.unwritten_records += records;
            self.lines.truncate(start);
        } else {
            self.keep(Line { length, records });
        }
    }

    /// Notes a line that was added to `lines`.
    fn keep(&mut self, line: Line) {
        self.pending.push_back(line);
        self.tally.pending += 1;
        self.tally.pending_records += line.records;
        self.tally.pending_bytes += line.length as u64;
    }

    /// Adds many lines, as [`line`](Self::line) adds one. `text` has them one after the other, each
    /// with its end, and is empty afterwards. Its memory is exchanged for that of the sink, so that
    /// nothing is copied unless earlier lines are pending or the output is failing.
    pub fn lines(&mut self, text: &mut Vec<u8>, lines: &[Line]) {
        if self.lines.is_empty() && self.outage.is_none() {
            mem::swap(&mut self.lines, text);
            lines.iter().for_each(|line| self.keep(*line));
            return;
        }
        let mut rest = &text[..];
        for line in lines {
            let (one, after) = rest.split_at_checked(line.length).unwrap_or((rest, &[]));
            rest = after;
            let _is_full = self.line(line.records, |out| out.extend_from_slice(one));
        }
        text.clear();
    }

    /// Writes all pending lines, unless the output failed less than the retry interval ago. If a
    /// write stops in the middle of a line, the partial line is removed from the file if possible.
    ///
    /// # Errors
    ///
    /// If a retry is pointless: standard output was closed by its reader, or failed and must not be
    /// waited for. Other failures are logged, and retried by later calls.
    pub fn flush(&mut self, now: Instant) -> Result<(), Error> {
        match &self.outage {
            Some(outage) if now < outage.retry_at => Ok(()),
            _ => self.attempt(now),
        }
    }

    /// Reopens the file by its name, after a log rotation has renamed it. Pending lines go to the
    /// old file first. If the new file cannot be opened, the old one is used until it can.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub fn reopen(&mut self, now: Instant) -> Result<(), Error> {
        if self.target.is_stdout() {
            return self.flush(now);
        }
        self.attempt(now)?;
        if self.outage.is_some() {
            // The next attempt opens the file by its name anyway.
            return Ok(());
        }
        self.reopen_at = Some(now);
        match self.try_to_reopen(now) {
            Ok(()) => Ok(()),
            Err(error) if self.target.is_gone() => self.failed(error, now),
            Err(error) => {
                log::error!("{error}; still writing to the old file");
                Ok(())
            }
        }
    }

    /// Writes the pending lines for the last time.
    ///
    /// # Errors
    ///
    /// If lines cannot be written. They are dropped, and counted as unwritten.
    pub fn finish(&mut self, now: Instant) -> Result<(), Error> {
        self.attempt(now)?;
        self.syncs.sync(&self.target);
        let Some(outage) = self.outage.take() else {
            return Ok(());
        };
        let lost = outage.lost + self.give_up();
        Err(outage
            .error
            .over(format!("write {lost} lines to {}", self.target)))
    }

    /// When [`flush`](Self::flush) must be called even if no line is added: to retry or to sync.
    pub fn next_due(&self) -> Option<Instant> {
        match &self.outage {
            Some(outage) => Some(outage.retry_at),
            None => [self.reopen_at, self.syncs.due()]
                .into_iter()
                .flatten()
                .min(),
        }
    }

    /// Whether the output is failing. Lines stay pending until it works again.
    pub fn is_failing(&self) -> bool {
        self.outage.is_some()
    }

    /// Whether the caller must add no more lines until the output works again.
    pub fn must_wait(&self) -> bool {
        self.config.waits && self.is_failing() && self.pending_bytes() >= self.config.max_pending
    }

    /// Whether the output is failing and no line may be dropped.
    pub fn is_waiting(&self) -> bool {
        self.config.waits && self.is_failing()
    }

    /// From now on, drops lines that exceed the limit while the output is failing.
    pub fn stop_waiting(&mut self) {
        self.config.waits = false;
    }

    /// Returns the number of lines dropped in outages that are over, and resets it. The next line
    /// added is the first one after the gap.
    pub fn take_lost(&mut self) -> u64 {
        mem::take(&mut self.lost)
    }

    /// The counters of lines, records and bytes so far.
    pub fn tally(&self) -> SinkTally {
        SinkTally {
            syncs: self.syncs.done,
            failed_syncs: self.syncs.failed,
            ..self.tally
        }
    }

    /// Bytes in pending lines.
    fn pending_bytes(&self) -> usize {
        usize::try_from(self.tally.pending_bytes).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests;
