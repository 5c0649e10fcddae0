//! Where the marshaller thread's work comes from: events from the reader thread, or lines that the
//! workers of `--jobs` have made.

use std::time::Instant;

use auditrd::{
    AuditMessageGroup, AuditReader, Error,
    reader::{Step, Totals},
};

use super::{
    jobs::{Jobs, Page},
    pipeline::Pipeline,
};

/// A source of work.
pub(crate) enum Feed {
    Reader(AuditReader),
    Jobs(Jobs),
}

/// The next piece of work.
pub(crate) enum Fed<'a> {
    /// An event.
    Event(AuditMessageGroup<'a>),
    /// Lines.
    Page(&'a mut Page),
    /// There is nothing more at the moment.
    Idle,
    /// The deadline has passed, or the wait was interrupted.
    Interrupted,
    /// There will be no more.
    End,
}

impl Feed {
    /// Waits for the next piece of work, but no longer than until the deadline or an interruption.
    ///
    /// # Errors
    ///
    /// If an input could not be read, once, after the last piece.
    #[inline]
    pub(crate) fn step(&mut self, until: Option<Instant>) -> Result<Fed<'_>, Error> {
        match self {
            Feed::Reader(reader) => Ok(match reader.step(until)? {
                Step::Event(group) => Fed::Event(group),
                Step::Idle => Fed::Idle,
                Step::Interrupted => Fed::Interrupted,
                Step::End => Fed::End,
            }),
            Feed::Jobs(jobs) => jobs.step(until),
        }
    }

    /// A function that ends a wait in [`step`](Self::step).
    pub(crate) fn interrupter(&self) -> Box<dyn Fn()> {
        match self {
            Feed::Reader(reader) => {
                let interrupter = reader.interrupter();
                Box::new(move || interrupter.interrupt())
            }
            Feed::Jobs(jobs) => Box::new(jobs.interrupter()),
        }
    }

    /// Stops reading. Events in flight are still to come.
    pub(crate) fn stop(&mut self) {
        match self {
            Feed::Reader(reader) => reader.stop(),
            Feed::Jobs(jobs) => jobs.stop(),
        }
    }

    /// The counters so far.
    pub(crate) fn totals(&self) -> Totals {
        match self {
            Feed::Reader(reader) => reader.totals(),
            Feed::Jobs(jobs) => jobs.totals(),
        }
    }

    /// Brings the counters of `pipeline` up to date, and lets it know of losses.
    pub(crate) fn report_to(&self, pipeline: &mut Pipeline) {
        match self {
            Feed::Reader(reader) => pipeline.note_losses(&reader.totals()),
            Feed::Jobs(jobs) => jobs.add_up(pipeline),
        }
    }

    /// Lets the workers know that the filters of `pipeline` were read again.
    pub(crate) fn filters_changed(&self, pipeline: &Pipeline) {
        if let (Feed::Jobs(jobs), Some(dropper)) = (self, &pipeline.dropper) {
            jobs.set_filters(dropper.lists().clone());
        }
    }
}
