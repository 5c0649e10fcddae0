//! When the disk is asked to take what was written.

use std::{
    io, mem,
    time::{Duration, Instant},
};

use crate::{
    error::Error,
    sink::{Fsync, target::Target},
};

/// How often the disk is asked, with [`Fsync::Interval`].
pub(super) const SYNC: Duration = Duration::from_secs(1);

/// Asks the disk. If it cannot, nobody knows what it has taken, and the lines are written already:
/// it is said once, and counted.
#[derive(Debug)]
pub(super) struct Syncs {
    fsync: Fsync,
    /// When to ask, if there is something to ask for.
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

    /// Something was written.
    pub(super) fn wrote(&mut self, now: Instant) {
        match self.fsync {
            Fsync::Never => {}
            Fsync::Interval => drop(self.at.get_or_insert(now + SYNC)),
            Fsync::Always => self.at = Some(now),
        }
    }

    /// When there will be something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        self.at
    }

    pub(super) fn sync_if_due(&mut self, target: &Target, now: Instant) {
        if self.at.is_some_and(|at| at <= now) {
            self.sync(target);
        }
    }

    /// Has what was written taken at once, because no more will be written to it.
    pub(super) fn sync(&mut self, target: &Target) {
        if self.at.take().is_some() {
            self.done += 1;
            self.note(target, target.sync());
        }
    }

    /// A new file has a name only in memory, however often its lines are synced.
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
            log::error!("{error}; what was written last may not outlive a power cut");
        }
    }
}
