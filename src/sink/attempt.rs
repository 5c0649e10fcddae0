//! One attempt to write the lines that there are: to the file that is open, to the one that is there
//! under its name by now, or to the next one.

use std::{mem, time::Instant};

use crate::{
    error::Error,
    sink::{
        RETRY, Sink,
        outage::{Outage, advice, passes},
        rotate,
        target::Target,
    },
};

impl Sink {
    pub(super) fn attempt(&mut self, now: Instant) -> Result<(), Error> {
        match self.prepare(now).and_then(|()| self.write_all(now)) {
            Ok(()) => {
                self.recovered();
                self.syncs.sync_if_due(&self.target, now);
                Ok(())
            }
            Err(error) => self.failed(error, now),
        }
    }

    /// An output that failed, or could not be opened again, may be there again under its name; and
    /// a file that was removed is written to in vain.
    fn prepare(&mut self, now: Instant) -> Result<(), Error> {
        let is_due = self.reopen_at.is_some_and(|at| at <= now);
        let is_gone = self.target.is_gone();
        if !is_due && !is_gone && self.outage.is_none() {
            return Ok(());
        }
        match self.try_to_reopen(now) {
            Err(error) if is_gone => return Err(error),
            // The old file is as good as it was.
            Err(_) => {}
            Ok(()) if is_due => {
                self.rotation_fails = false;
                log::warn!("{} is open again", self.target);
            }
            Ok(()) if is_gone && self.outage.is_none() => {
                log::warn!("{} was removed; a new one is begun", self.target);
            }
            Ok(()) => {}
        }
        Ok(())
    }

    pub(super) fn try_to_reopen(&mut self, now: Instant) -> Result<(), Error> {
        // What is torn is removed while we still have the file; the line goes out whole.
        if self.target.take_back(self.torn) {
            self.torn = 0;
        }
        let Some(path) = &self.target.path else {
            return Ok(());
        };
        match Target::open(path) {
            Ok(target) => {
                self.syncs.sync(&self.target);
                self.target = target;
                self.torn = 0;
                self.reopen_at = None;
                self.grows_until = None;
                self.syncs.sync_name(&self.target);
                Ok(())
            }
            Err(error) => {
                self.reopen_at = self.reopen_at.map(|_| now + RETRY);
                Err(error)
            }
        }
    }

    fn write_all(&mut self, now: Instant) -> Result<(), Error> {
        if self.target.take_back(self.torn) {
            self.torn = 0;
        }
        while !self.pending.is_empty() {
            match self.fitting(now) {
                0 => self.rotate(now),
                length => self.write(length, now)?,
            }
        }
        self.lines.clear();
        self.head = 0;
        Ok(())
    }

    /// How many bytes of whole lines may still go to this file.
    fn fitting(&self, now: Instant) -> usize {
        let all = self.kept();
        let is_stuck = self.torn > 0 || self.grows_until.is_some_and(|until| now < until);
        let Some(rotation) = self.config.rotation.filter(|_| !is_stuck) else {
            return all;
        };
        let room = rotation.max_size.saturating_sub(self.target.length);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        if all <= room {
            return all;
        }
        let mut fitting = 0;
        for line in &self.pending {
            // A line that fits nowhere has a file of its own.
            let is_alone = fitting == 0 && self.target.length == 0;
            if fitting + line.length > room && !is_alone {
                break;
            }
            fitting += line.length;
        }
        fitting
    }

    /// Begins a new file. Where that fails, the old one grows on for a while.
    fn rotate(&mut self, now: Instant) {
        self.grows_until = Some(now + RETRY);
        let result = self.try_to_rotate(now);
        match &result {
            Err(error) if !self.rotation_fails => {
                log::error!("{error}; the old file grows on until it can be");
            }
            Ok(()) if self.rotation_fails => log::warn!("{} is rotated again", self.target),
            _ => {}
        }
        self.rotation_fails = result.is_err();
    }

    fn try_to_rotate(&mut self, now: Instant) -> Result<(), Error> {
        let (Some(rotation), Some(path)) = (self.config.rotation, &self.target.path) else {
            return Ok(());
        };
        // Whoever has moved it already has begun a new one, or will.
        if self.target.is_in_its_place() {
            rotate::shift(path, rotation.max_files)
                .map_err(|error| Error::new(format!("rotate {}", self.target), error))?;
            self.tally.rotations += 1;
        }
        self.reopen_at = Some(now);
        self.try_to_reopen(now)
    }

    /// Writes so many bytes of whole lines, and forgets the lines that are written.
    fn write(&mut self, length: usize, now: Instant) -> Result<(), Error> {
        let mut done = self.torn;
        let mut result = Ok(());
        while done < length && result.is_ok() {
            let rest = self.lines.get(self.head + done..self.head + length);
            match self.target.write(rest.unwrap_or_default()) {
                Ok(more) => done += more,
                Err(error) => result = Err(error),
            }
        }
        let (mut whole, mut lines, mut records) = (0, 0, 0);
        while let Some(line) = self.pending.front().copied()
            && whole + line.length <= done
        {
            whole += line.length;
            lines += 1;
            records += u64::from(line.records);
            self.pending.pop_front();
        }
        self.tally.lines += lines;
        self.tally.pending -= lines;
        self.tally.records += records;
        self.tally.pending_records -= records;
        self.head += whole;
        self.tally.bytes += whole as u64;
        self.tally.pending_bytes -= whole as u64;
        let part = done - whole;
        self.torn = if self.target.take_back(part) { 0 } else { part };
        if whole > 0 {
            self.syncs.wrote(now);
        }
        result.map_err(|error| Error::new(format!("write to {}", self.target), error))
    }

    /// The output failed. Says so once, and leaves it alone for a while.
    pub(super) fn failed(&mut self, error: Error, now: Instant) -> Result<(), Error> {
        let is_filter = self.target.is_stdout() && self.config.waits;
        if error.is_broken_pipe() || is_filter || self.target.is_stdout() && !passes(error.cause())
        {
            self.give_up();
            return Err(error);
        }
        let retry_at = now + RETRY;
        if let Some(outage) = &mut self.outage {
            outage.retry_at = retry_at;
            outage.error = error;
        } else {
            let kept = self.config.kept >> 10;
            match (self.config.waits, advice(error.cause())) {
                (true, advice) => log::error!("{error}; {advice}; SIGTERM ends the wait"),
                (false, advice) => log::error!("{error}; {advice}; {kept} KiB of lines are kept"),
            }
            self.tally.failures += 1;
            self.outage = Some(Outage {
                error,
                retry_at,
                lost: 0,
            });
        }
        self.lines.drain(..self.head);
        self.head = 0;
        Ok(())
    }

    fn recovered(&mut self) {
        let Some(outage) = self.outage.take() else {
            return;
        };
        self.lost += outage.lost;
        // It may have grown to what is kept at most, which is needed no more.
        self.lines = Vec::new();
        let lost = outage.lost;
        log::warn!("{} works again; {lost} lines were not written", self.target);
    }

    /// Counts what is kept as not written. Returns how many lines that were.
    pub(super) fn give_up(&mut self) -> u64 {
        let lines = mem::take(&mut self.tally.pending);
        self.tally.unwritten += lines;
        self.tally.unwritten_records += mem::take(&mut self.tally.pending_records);
        self.tally.pending_bytes = 0;
        self.pending.clear();
        self.lines.clear();
        self.head = 0;
        lines
    }
}
