//! One attempt to write all pending lines: to the open file, to the file that now has its name, or,
//! after a rotation, to a new one.

use std::{mem, time::Instant};

use crate::{
    error::Error,
    sink::{
        MAX_SPARE_BYTES, RETRY_INTERVAL, Sink,
        outage::{Outage, advice, is_temporary},
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

    /// Reopens the output by its name if it failed, or was removed: writes to a removed file are
    /// lost.
    fn prepare(&mut self, now: Instant) -> Result<(), Error> {
        let is_due = self.reopen_at.is_some_and(|at| at <= now);
        let is_gone = self.target.is_gone();
        if !is_due && !is_gone && self.outage.is_none() {
            return Ok(());
        }
        match self.try_to_reopen(now) {
            Err(error) if is_gone => return Err(error),
            // The old file can still be written to.
            Err(_) => {}
            Ok(()) if is_due => {
                self.rotation_fails = false;
                log::warn!("reopened {}", self.target);
            }
            Ok(()) if is_gone && self.outage.is_none() => {
                log::warn!("{} was removed; created a new file", self.target);
            }
            Ok(()) => {}
        }
        Ok(())
    }

    pub(super) fn try_to_reopen(&mut self, now: Instant) -> Result<(), Error> {
        // Remove the partial line while the old file is open: the whole line goes to the new one.
        if self.target.take_back(self.torn) {
            self.torn = 0;
        }
        let Some(path) = &self.target.path else {
            return Ok(());
        };
        self.target.unlock();
        match Target::open(path, &self.config.beginnings) {
            Ok(target) => {
                self.syncs.sync(&self.target);
                // A named pipe still holds the beginning of the line, for its next reader.
                if !self.target.is_named_stream() {
                    self.torn = 0;
                }
                self.target = target;
                self.reopen_at = None;
                self.grows_until = None;
                self.syncs.sync_name(&self.target);
                Ok(())
            }
            Err(error) => {
                self.target.lock_again();
                self.reopen_at = self.reopen_at.map(|_| now + RETRY_INTERVAL);
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
        if self.lines.capacity() > MAX_SPARE_BYTES {
            self.lines = Vec::new();
        }
        self.lines.clear();
        self.written = 0;
        Ok(())
    }

    /// Bytes of pending lines that fit into this file before it has to be rotated.
    fn fitting(&self, now: Instant) -> usize {
        let all = self.pending_bytes();
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
            // A line longer than the maximum size gets a file of its own.
            let is_alone = fitting == 0 && self.target.length == 0;
            if fitting + line.length > room && !is_alone {
                break;
            }
            fitting += line.length;
        }
        fitting
    }

    /// Rotates the file. If that fails, lines go to the current file until the next try.
    fn rotate(&mut self, now: Instant) {
        self.grows_until = Some(now + RETRY_INTERVAL);
        let result = self.try_to_rotate(now);
        match &result {
            Err(error) if !self.rotation_fails => {
                log::error!("{error}; appending to the current file until rotation works");
            }
            Ok(()) if self.rotation_fails => log::warn!("rotation of {} works again", self.target),
            _ => {}
        }
        self.rotation_fails = result.is_err();
    }

    fn try_to_rotate(&mut self, now: Instant) -> Result<(), Error> {
        let (Some(rotation), Some(path)) = (self.config.rotation, &self.target.path) else {
            return Ok(());
        };
        // If another program has renamed the file, the rotation is done already.
        if self.target.has_its_name() {
            rotate::shift(path, rotation.max_files)
                .map_err(|error| Error::new(format!("rotate {}", self.target), error))?;
            self.tally.rotations += 1;
        }
        self.reopen_at = Some(now);
        self.try_to_reopen(now)
    }

    /// Writes `length` bytes of whole lines, and drops the written lines from the queue.
    fn write(&mut self, length: usize, now: Instant) -> Result<(), Error> {
        let mut done = self.torn;
        let mut result = Ok(());
        while done < length && result.is_ok() {
            let rest = self.lines.get(self.written + done..self.written + length);
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
            records += line.records;
            self.pending.pop_front();
        }
        self.tally.lines += lines;
        self.tally.pending -= lines;
        self.tally.records += records;
        self.tally.pending_records -= records;
        self.written += whole;
        self.tally.bytes += whole as u64;
        self.tally.pending_bytes -= whole as u64;
        let part = done - whole;
        self.torn = if self.target.take_back(part) { 0 } else { part };
        if whole > 0 {
            self.syncs.wrote(now);
        }
        result.map_err(|error| Error::new(format!("write to {}", self.target), error))
    }

    /// Records a failure, logs the first one of an outage, and schedules the next try.
    pub(super) fn failed(&mut self, error: Error, now: Instant) -> Result<(), Error> {
        // Only a path can be opened again: the next reader of a named pipe is waited for.
        if self.target.is_stdout() && (self.config.waits || !is_temporary(error.cause())) {
            self.give_up();
            return Err(error);
        }
        let retry_at = now + RETRY_INTERVAL;
        if let Some(outage) = &mut self.outage {
            outage.retry_at = retry_at;
            outage.error = error;
        } else {
            let kept = self.config.max_pending >> 10;
            match (self.config.waits, advice(error.cause())) {
                (true, advice) => log::error!("{error}; {advice}; SIGTERM stops waiting"),
                (false, advice) => {
                    log::error!("{error}; {advice}; up to {kept} KiB of lines are kept")
                }
            }
            self.tally.failures += 1;
            self.outage = Some(Outage {
                error,
                retry_at,
                lost: 0,
            });
        }
        self.lines.drain(..self.written);
        self.written = 0;
        Ok(())
    }

    fn recovered(&mut self) {
        let Some(outage) = self.outage.take() else {
            return;
        };
        self.lost += outage.lost;
        // Free the memory: the buffer may have grown to the limit.
        self.lines = Vec::new();
        let lost = outage.lost;
        log::warn!("{} works again; {lost} lines were lost", self.target);
    }

    /// Drops the pending lines and counts them as unwritten. Returns how many there were.
    pub(super) fn give_up(&mut self) -> u64 {
        let lines = mem::take(&mut self.tally.pending);
        self.tally.unwritten += lines;
        self.tally.unwritten_records += mem::take(&mut self.tally.pending_records);
        self.tally.pending_bytes = 0;
        self.pending.clear();
        self.lines.clear();
        self.written = 0;
        lines
    }
}
