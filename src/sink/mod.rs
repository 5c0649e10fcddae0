//! Where lines go: standard output, or a file.
//!
//! Lines are collected and written when there is nothing more to read, or when there are many: a
//! line is out at once on a quiet host, and a busy one does not pay for each.
//!
//! An output that fails ends nothing. Lines are kept while it does, up to a bound, and what comes
//! then is counted; or whoever writes them waits, where that harms nobody. No clock is looked at
//! here: the time is an argument.

mod attempt;
mod config;
mod mend;
mod outage;
mod place;
mod rotate;
mod sync;
mod target;

use std::{
    collections::VecDeque,
    io, mem,
    path::Path,
    time::{Duration, Instant},
};

pub use config::{Fsync, Rotation, SinkConfig, SinkTally};

use crate::error::Error;
use outage::Outage;
use sync::Syncs;
use target::Target;

/// Bytes that are collected before they are written anyway.
const BUFFER: usize = 64 << 10;
/// How long an output that failed is left alone.
const RETRY: Duration = Duration::from_millis(500);

/// Writes whole lines.
///
/// ```
/// use std::time::Instant;
///
/// use auditrd::{Sink, SinkConfig};
///
/// let mut sink = Sink::stdout(SinkConfig::default())?;
/// sink.lines.extend_from_slice(b"{\"name\":\"example\"}\n");
/// let _is_much = sink.wrote(1);
/// sink.flush(Instant::now())?;
/// assert_eq!(sink.tally().lines, 1);
/// # Ok::<(), auditrd::Error>(())
/// ```
#[derive(Debug)]
pub struct Sink {
    config: SinkConfig,
    target: Target,
    /// Lines that are not written yet. Append one here, and call [`Sink::wrote`].
    pub lines: Vec<u8>,
    /// The lines in `lines`, from `head` on.
    pending: VecDeque<Line>,
    /// Where the first of them begins: what is before it is written.
    head: usize,
    /// How much of the first of them is in the file already and could not be taken back.
    torn: usize,
    outage: Option<Outage>,
    /// When to try again to open the file by its name, if that failed.
    reopen_at: Option<Instant>,
    /// Until when a file that could not be rotated grows on.
    grows_until: Option<Instant>,
    syncs: Syncs,
    rotation_fails: bool,
    /// Lines that were given up in an outage that is over, until somebody asks.
    lost: u64,
    tally: SinkTally,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    length: usize,
    records: u32,
}

impl Sink {
    /// Standard output.
    ///
    /// # Errors
    ///
    /// If there is no descriptor left for it.
    pub fn stdout(config: SinkConfig) -> Result<Sink, Error> {
        let target =
            Target::stdout().map_err(|error| Error::new("write to standard output", error))?;
        Ok(Sink::new(target, config))
    }

    /// A file that is appended to, and made for its owner alone if it is not there. A symbolic link
    /// is not followed, and a directory that others may write to is refused: they could lead root
    /// anywhere.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or is refused; or if it cannot be rotated and is to be.
    pub fn file(path: &Path, config: SinkConfig) -> Result<Sink, Error> {
        let target = Target::open(path)?;
        if config.rotation.is_some() && !target.is_named_file() {
            let cause = io::Error::other("it is no regular file");
            return Err(Error::new(format!("rotate {target}"), cause));
        }
        let mut sink = Sink::new(target, config);
        sink.syncs.sync_name(&sink.target);
        Ok(sink)
    }

    fn new(target: Target, config: SinkConfig) -> Sink {
        Sink {
            config,
            target,
            lines: Vec::new(),
            pending: VecDeque::new(),
            head: 0,
            torn: 0,
            outage: None,
            reopen_at: None,
            grows_until: None,
            syncs: Syncs::new(config.fsync),
            rotation_fails: false,
            lost: 0,
            tally: SinkTally::default(),
        }
    }

    /// Says that a line was appended, and how many records it stands for. A line that there is no
    /// room for while the output fails is given up. Returns whether it is time to flush.
    #[must_use]
    pub fn wrote(&mut self, records: u32) -> bool {
        let kept = self.kept();
        let line = Line {
            length: self.lines.len() - self.head - kept,
            records,
        };
        if let Some(outage) = &mut self.outage
            && !self.config.waits
            && (outage.lost > 0 || kept + line.length > self.config.kept)
        {
            outage.lost += 1;
            self.tally.unwritten += 1;
            self.tally.unwritten_records += u64::from(records);
            self.lines.truncate(self.head + kept);
        } else {
            self.pending.push_back(line);
            self.tally.pending += 1;
            self.tally.pending_records += u64::from(records);
            self.tally.pending_bytes += line.length as u64;
        }
        self.kept() >= BUFFER
    }

    /// Writes all lines, unless the output has just failed. Where only a part can be written, what
    /// was written of the last line is taken back if it can be.
    ///
    /// # Errors
    ///
    /// If there is no point in trying again: the reader of the output is gone; or standard output
    /// failed, and is not to be waited for.
    pub fn flush(&mut self, now: Instant) -> Result<(), Error> {
        match &self.outage {
            Some(outage) if now < outage.retry_at => Ok(()),
            _ => self.attempt(now),
        }
    }

    /// Opens the file again after it was renamed by a log rotation. What was collected goes to the
    /// old one. If there is no new one, the old one is written to until there is.
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
            // The next attempt is with the new file, if this one was not.
            return Ok(());
        }
        self.reopen_at = Some(now);
        match self.try_to_reopen(now) {
            Ok(()) => Ok(()),
            Err(error) if self.target.is_gone() => self.failed(error, now),
            Err(error) => {
                log::error!("{error}; the old file is written to until it can be");
                Ok(())
            }
        }
    }

    /// Writes what is left, for the last time.
    ///
    /// # Errors
    ///
    /// If it cannot be written; it is counted then.
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

    /// When [`flush`](Self::flush) will next have something to do besides new lines.
    pub fn next_due(&self) -> Option<Instant> {
        match &self.outage {
            Some(outage) => Some(outage.retry_at),
            None => [self.reopen_at, self.syncs.due()]
                .into_iter()
                .flatten()
                .min(),
        }
    }

    /// Whether the output fails, so that lines wait for it.
    pub fn is_failing(&self) -> bool {
        self.outage.is_some()
    }

    /// Whether as many lines are kept as should be, and none is to be given up.
    pub fn must_wait(&self) -> bool {
        self.config.waits && self.is_failing() && self.kept() >= self.config.kept
    }

    /// Whether lines wait for an output that fails, as long as it does.
    pub fn is_waiting(&self) -> bool {
        self.config.waits && self.is_failing()
    }

    /// From now on lines are given up rather than waited with.
    pub fn stop_waiting(&mut self) {
        self.config.waits = false;
    }

    /// How many lines were given up, once the output works again. The next line is the first
    /// behind the gap.
    pub fn take_lost(&mut self) -> u64 {
        mem::take(&mut self.lost)
    }

    /// What became of lines so far.
    pub fn tally(&self) -> SinkTally {
        SinkTally {
            syncs: self.syncs.done,
            failed_syncs: self.syncs.failed,
            ..self.tally
        }
    }

    /// Bytes of whole lines that are not written.
    fn kept(&self) -> usize {
        usize::try_from(self.tally.pending_bytes).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests;
