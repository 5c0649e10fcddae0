//! The reader thread, which turns records into whole events.
//!
//! The thread reads batches of records and reassembles them. The whole events of a batch go through
//! a queue to the marshaller thread as one [`Groups`], which owns the buffer that they were read
//! into. The queue is bounded in bytes. Used buffers return to the reader for reuse.
//!
//! While few records come, the marshaller thread reads them itself and the reader thread sleeps:
//! see `turns`. An [`InlineReader`] has no thread at all.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::TryRecvError;

mod alarm;
mod bell;
mod clock;
mod inline;
mod nodes;
mod queue;
mod reading;
mod serials;
mod turns;

pub use bell::Interrupter;
pub(crate) use clock::LogClock;
pub use inline::InlineReader;
pub use queue::{Dropped, Overflow};
pub use serials::SerialTracker;

use crate::{
    error::Error,
    model::{AuditMessageGroup, Groups, Sightings},
    reassemble::{ReassemblyConfig, Tally},
    source::{self, ClientConfig, LiveSource, Source, Stopper},
};
use bell::Bell;
use queue::{Outlet, queue};
use reading::Reading;
use turns::Turns;

/// The settings of an [`AuditReader`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReaderConfig {
    /// How events are reassembled.
    pub reassembly: ReassemblyConfig,
    /// The approximate bound on whole events in the queue, in bytes.
    pub queue: usize,
    /// What happens when the queue is full.
    pub overflow: Overflow,
    /// A serial that is late by more than this many numbers counts as missing.
    pub max_out_of_order: u32,
    /// The clock for the timeout of events.
    pub clock: ClockKind,
    /// The longest time between two rounds of reading, even if no records arrive; `None` for no
    /// limit. See [`Totals::rounds`].
    pub heartbeat: Option<Duration>,
}

/// The clock that the reassembly uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClockKind {
    /// The system's monotonic clock, for live records.
    Monotonic,
    /// The stamps of the records, for logs.
    Records,
}

impl ReaderConfig {
    /// The default settings for live records.
    pub fn live(reassembly: ReassemblyConfig) -> ReaderConfig {
        ReaderConfig {
            reassembly,
            queue: 8 << 20,
            overflow: Overflow::DropOldest,
            max_out_of_order: SerialTracker::DEFAULT_WINDOW,
            clock: ClockKind::Monotonic,
            heartbeat: None,
        }
    }

    /// The default settings for logs.
    pub fn log(reassembly: ReassemblyConfig) -> ReaderConfig {
        let reassembly = ReassemblyConfig {
            ends_at_proctitle: true,
            ..reassembly
        };
        ReaderConfig {
            clock: ClockKind::Records,
            overflow: Overflow::Wait,
            ..ReaderConfig::live(reassembly)
        }
    }
}

/// The next result of an [`AuditReader`].
#[derive(Debug)]
pub enum Step<'a> {
    /// An event.
    Event(AuditMessageGroup<'a>),
    /// There are no more events at the moment: a good time to flush output, and to read the
    /// [`totals`](AuditReader::totals).
    Idle,
    /// The deadline of the wait has passed, or an [`Interrupter`] has ended it.
    Interrupted,
    /// There will be no more events.
    End,
}

/// The counters of the reader thread.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Totals {
    /// Records and events in the reassembly.
    pub tally: Tally,
    /// Losses and errors that the source has reported.
    pub seen: Sightings,
    /// Events dropped because the queue was full.
    pub dropped: Dropped,
    /// Missing serials of all nodes. See [`SerialTracker`].
    pub missing: u64,
    /// Events in flight: their end has not arrived yet.
    pub in_flight: u64,
    /// The number of rounds of reading, by either thread, so that a stuck one can be detected. See
    /// [`ReaderConfig::heartbeat`].
    pub rounds: u64,
}

impl Totals {
    /// Adds the counters of another reader.
    pub fn add(&mut self, other: &Totals) {
        // All of them, so that none is forgotten.
        let Totals {
            tally,
            seen,
            dropped,
            missing,
            in_flight,
            rounds,
        } = other;
        self.tally.add(tally);
        self.seen.add(*seen);
        self.dropped.events += dropped.events;
        self.dropped.records += dropped.records;
        self.missing += missing;
        self.in_flight += in_flight;
        self.rounds += rounds;
    }
}

/// Reads records in a separate thread and reassembles them into events.
///
/// ```
/// use auditrd::{Arena, AuditReader, ReassemblyConfig, source::{ClientConfig, Membership}};
/// use auditrd::{ReaderConfig, parse_audit_event, record_type::*};
///
/// let client = ClientConfig::new(Membership::ReadLog);
/// let config = ReaderConfig::live(ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
/// match AuditReader::open(&client, config) {
///     Ok(mut reader) => {
///         reader.stop(); // without this, the loop runs for ever
///         let arena = Arena::new();
///         while let Some(group) = reader.next()? {
///             if let Some(event) = parse_audit_event(&group, &arena) {
///                 println!("{} {:?}", event.syscall, event.detail);
///             }
///         }
///     }
///     Err(error) => eprintln!("{error}"), // without CAP_AUDIT_READ
/// }
/// # Ok::<(), auditrd::Error>(())
/// ```
#[derive(Debug)]
#[doc(alias = "NewAuditReader")]
pub struct AuditReader {
    outlet: Outlet,
    /// Rings when there are events in the queue.
    bell: Bell,
    turns: Arc<Turns>,
    /// The events being returned.
    current: Box<Groups>,
    /// The index in `current` of the next event to return.
    next: usize,
    totals: Arc<Mutex<Totals>>,
    thread: Option<JoinHandle<Result<(), Error>>>,
    stopper: Option<Stopper>,
    /// Whether `Idle` has been returned since the last event.
    reported_idle: bool,
}

impl AuditReader {
    /// Reads live from the kernel.
    ///
    /// # Errors
    ///
    /// As [`LiveSource::open`].
    pub fn open(client: &ClientConfig, config: ReaderConfig) -> Result<AuditReader, Error> {
        let (stopper, stop) = source::stop()?;
        let source = LiveSource::open(client, stop)?;
        AuditReader::spawn(Box::new(source), stopper, config)
    }

    /// Reads from any source. Dropping `stopper` must stop the source; the reader owns it. `None`
    /// if the source is stopped from elsewhere, or never.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn spawn(
        source: Box<dyn Source>,
        stopper: impl Into<Option<Stopper>>,
        config: ReaderConfig,
    ) -> Result<AuditReader, Error> {
        let stopper = stopper.into();
        let (inlet, outlet) = queue(config.queue, config.overflow);
        let totals = Arc::<Mutex<Totals>>::default();
        let waker = stopper.as_ref().map(Stopper::waker);
        let bell = Bell::new(waker.unwrap_or_default());
        let reading = Reading::new(source, Arc::clone(&totals), config);
        let turns = Arc::new(Turns::new(reading, inlet, bell.clone())?);
        let taken = Arc::clone(&turns);
        let thread = thread::Builder::new()
            .name("reader".to_owned())
            .spawn(move || taken.run())
            .map_err(|error| Error::new("start the reader thread", error))?;
        Ok(AuditReader {
            outlet,
            bell,
            turns,
            current: Box::default(),
            next: 0,
            totals,
            thread: Some(thread),
            stopper,
            reported_idle: false,
        })
    }

    /// Waits for the next event, but no longer than until the deadline, or until it is
    /// [interrupted](Self::interrupter).
    ///
    /// # Errors
    ///
    /// If the source failed. The error is returned once, after the last event; then only
    /// [`Step::End`] is.
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

    /// Takes the next events, if there are some or come. Returns the step that ends the wait for
    /// them.
    fn refill(&mut self, until: Option<Instant>) -> Result<Option<Step<'static>>, Error> {
        match self.outlet.full.try_recv() {
            Ok(groups) => {
                self.outlet.taken(&groups);
                self.next = 0;
                self.reported_idle = false;
                self.outlet
                    .give_back(mem::replace(&mut self.current, groups));
                Ok(None)
            }
            Err(TryRecvError::Disconnected) => self.join().map(|()| Some(Step::End)),
            Err(TryRecvError::Empty) if !self.reported_idle => {
                self.reported_idle = true;
                Ok(Some(Step::Idle))
            }
            Err(TryRecvError::Empty) => {
                let is_interrupted = !self.wait(until);
                Ok(is_interrupted.then_some(Step::Interrupted))
            }
        }
    }

    /// Waits until there may be events, in the queue or read here. Returns `false` on interruption
    /// or timeout.
    fn wait(&mut self, until: Option<Instant>) -> bool {
        // Once told to stop, the source needs its thread.
        if self.stopper.is_none() {
            return self.bell.wait(until);
        }
        let Some(has_news) = self.turns.read_directly(until, &mut self.current) else {
            return self.bell.wait(until);
        };
        if has_news {
            self.next = 0;
            self.reported_idle = false;
        }
        has_news
    }

    /// Waits for the next event. `None` if there are no more.
    ///
    /// # Errors
    ///
    /// As [`step`](Self::step).
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator's items cannot borrow from it"
    )]
    pub fn next(&mut self) -> Result<Option<AuditMessageGroup<'_>>, Error> {
        loop {
            match self.step(None)? {
                Step::End => return Ok(None),
                Step::Idle | Step::Interrupted => {}
                Step::Event(_) => break,
            }
        }
        Ok(self.current.get(self.next - 1))
    }

    /// A handle that ends a wait in [`step`](Self::step) from another thread.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter::new(self.bell.clone())
    }

    /// Tells the source to stop. Events in flight are still returned.
    pub fn stop(&mut self) {
        self.stopper = None;
        self.turns.wake();
    }

    /// The counters so far.
    pub fn totals(&self) -> Totals {
        *lock(&self.totals)
    }

    /// Ends the reader thread before the source ends. Events not yet returned are lost.
    ///
    /// # Errors
    ///
    /// If the source failed, unless [`step`](Self::step) has already returned that error.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.stop();
        // The thread may be waiting for room in the queue.
        self.outlet.close();
        self.join()
    }

    /// Waits for the reader thread. Returns its result the first time.
    fn join(&mut self) -> Result<(), Error> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(()),
        }
    }
}

impl Drop for AuditReader {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            log::error!("{error}");
        }
    }
}

fn lock(totals: &Mutex<Totals>) -> MutexGuard<'_, Totals> {
    totals.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
