//! Reading in the thread that handles the events.

use std::{
    fmt, mem,
    sync::{Arc, Mutex},
    time::Instant,
};

use super::{ReaderConfig, Step, Totals, lock, reading::Reading};
use crate::{error::Error, model::Groups, source::Source};

/// Reads records and reassembles them in the thread that asks for the events. This is for logs that
/// never wait, such as files, where no core is free for a second thread.
pub struct InlineReader {
    reading: Reading,
    /// The events being returned.
    current: Groups,
    /// The index in `current` of the next event to return.
    next: usize,
    totals: Arc<Mutex<Totals>>,
    /// Whether `Idle` has been returned since the last event.
    reported_idle: bool,
}

impl InlineReader {
    /// Reads from any source, which is stopped from elsewhere, or never.
    pub fn new(source: Box<dyn Source>, config: ReaderConfig) -> InlineReader {
        let totals = Arc::<Mutex<Totals>>::default();
        InlineReader {
            reading: Reading::new(source, Arc::clone(&totals), config),
            current: Groups::default(),
            next: 0,
            totals,
            reported_idle: false,
        }
    }

    /// Reads the next event, and waits for that until the deadline at the latest. It is
    /// [`Idle`](Step::Idle) whenever it has returned all events that it has read.
    ///
    /// # Errors
    ///
    /// As [`AuditReader::step`](super::AuditReader::step).
    #[inline(always)]
    pub fn step(&mut self, until: Option<Instant>) -> Result<Step<'_>, Error> {
        while self.next >= self.current.len() {
            if let Some(step) = self.refill(until)? {
                return Ok(step);
            }
        }
        self.next += 1;
        let group = self.current.get(self.next - 1);
        Ok(group.map_or(Step::End, Step::Event))
    }

    /// Reads once. Returns the step that comes before the next event.
    fn refill(&mut self, until: Option<Instant>) -> Result<Option<Step<'static>>, Error> {
        if !mem::replace(&mut self.reported_idle, true) {
            return Ok(Some(Step::Idle));
        }
        if let Some(result) = &mut self.reading.ended {
            return mem::replace(result, Ok(())).map(|()| Some(Step::End));
        }
        if self.reading.round(until) {
            self.reading.exchange(&mut self.current);
            (self.next, self.reported_idle) = (0, false);
            return Ok(None);
        }
        let is_late = until.is_some_and(|until| until <= Instant::now());
        Ok(is_late.then_some(Step::Interrupted))
    }

    /// The counters so far.
    pub fn totals(&self) -> Totals {
        *lock(&self.totals)
    }
}

impl fmt::Debug for InlineReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InlineReader").finish_non_exhaustive()
    }
}
