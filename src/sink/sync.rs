//! Syncing written lines to disk.

use std::{
    io, mem,
    time::{Duration, Instant},
};

use crate::{
    error::Error,
    sink::{Fsync, target::Target},
};

/// Time between syncs with [`Fsync::Interval`].
pub(super) const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// Syncs, and counts them. A failed sync is logged once and not retried: the kernel may already
/// have discarded the data.
#[derive(Debug)]
pub(super) struct Syncs {
    fsync: Fsync,
    /// When to sync next, if anything was written since the last sync.
    at: Option<Instant>,
    is_failing: bool,
    pub(super) done: u64,
    pub(super) failed: u64,
}

impl Syncs {
    pub(super) fn new(fsync: Fsync) -> Syncs {
        Syncs {
            fsync,
            at: None,
            is_failing: false,
            done: 0,
            failed: 0,
        }
    }

    /// Schedules a sync after a write.
    pub(super) fn wrote(&mut self, now: Instant) {
        match self.fsync {
            Fsync::Never => {}
            Fsync::Interval => drop(self.at.get_or_insert(now + SYNC_INTERVAL)),
            Fsync::Always => self.at = Some(now),
        }
    }

    /// When the next sync is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.at
    }

    pub(super) fn sync_if_due(&mut self, target: &Target, now: Instant) {
        if self.at.is_some_and(|at| at <= now) {
            self.sync(target);
        }
    }

    /// Syncs now, because nothing more will be written to this file.
    pub(super) fn sync(&mut self, target: &Target) {
        if self.at.take().is_some() {
            self.done += 1;
            self.note(target, target.sync());
        }
    }

    /// Syncs the directory: syncing a new file does not make its name durable (fsync(2)).
    pub(super) fn sync_name(&mut self, target: &Target) {
        if self.fsync != Fsync::Never {
            self.note(target, target.sync_name());
        }
    }

    fn note(&mut self, target: &Target, result: io::Result<()>) {
        self.failed += u64::from(result.is_err());
        let did_fail = mem::replace(&mut self.is_failing, result.is_err());
        if let Err(error) = result
            && !did_fail
        {
            let error = Error::new(format!("sync {target}"), error);
            log::error!("{error}; a power failure may lose the latest lines");
        }
    }
}
