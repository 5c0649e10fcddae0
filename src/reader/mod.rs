//! The reader thread, and the events that its records make.
//!
//! The thread reads records and puts them together, so that what waits for the marshaller thread is
//! whole events. Those of a batch go through a queue that is bounded in bytes, in the buffer that they
//! were read into, and buffers come back that way.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::TryRecvError;

mod bell;
mod clock;
mod queue;
mod serials;

pub use bell::Interrupter;
pub use queue::{Dropped, Overflow};
pub use serials::SerialTracker;

use crate::{
    error::Error,
    model::{AuditMessageGroup, Batch, EventId, Groups, Millis, Sightings},
    reassemble::{Reassembler, ReassemblyConfig, Tally},
    source::{self, ClientConfig, Fill, LiveSource, Source, Stopper},
};
use bell::{Bell, LastRing};
use clock::LogClock;
use queue::{Inlet, Outlet, queue};

/// How an [`AuditReader`] reads.
#[derive(Clone, Debug)]
pub struct ReaderConfig {
    /// How events are put together.
    pub reassembly: ReassemblyConfig,
    /// Bytes of whole events between the two threads, about.
    pub queue: usize,
    /// What happens when there are as many.
    pub overflow: Overflow,
    /// Serials that are late by more than this count as missing.
    pub max_out_of_order: u32,
    /// Which clock tells when an event's time is up.
    pub clock: ClockKind,
}

/// What tells the time to the reassembly.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClockKind {
    /// The clock on the wall, for live records.
    Monotonic,
    /// The stamps of the records, for logs.
    Records,
}

impl ReaderConfig {
    /// The usual settings for live records.
    pub fn live(reassembly: ReassemblyConfig) -> ReaderConfig {
        ReaderConfig {
            reassembly,
            queue: 8 << 20,
            overflow: Overflow::DropOldest,
            max_out_of_order: SerialTracker::DEFAULT_WINDOW,
            clock: ClockKind::Monotonic,
        }
    }

    /// The usual settings for logs.
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

/// What an [`AuditReader`] has to say next.
#[derive(Debug)]
pub enum Step<'a> {
    /// An event is whole.
    Event(AuditMessageGroup<'a>),
    /// There is nothing more to read at the moment: a good time to flush, and to look at the
    /// [`totals`](AuditReader::totals).
    Idle,
    /// The time or the signal that the caller waits for is there.
    Interrupted,
    /// There will be nothing more.
    End,
}

/// Everything that was counted so far, by the reader thread.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Totals {
    /// What became of records and events.
    pub tally: Tally,
    /// What was seen besides records.
    pub seen: Sightings,
    /// What was dropped because the queue was full.
    pub dropped: Dropped,
    /// Serials that never came. See [`SerialTracker`].
    pub missing: u64,
    /// Events that are in flight.
    pub in_flight: u64,
}

/// Reads records in a thread of its own and puts them together to events.
///
/// ```
/// use auditrd::{Arena, AuditReader, ClientConfig, ReassemblyConfig, Membership};
/// use auditrd::{ReaderConfig, parse_audit_event, record_type::*};
///
/// let client = ClientConfig {
///     membership: Membership::ReadLog,
///     receive_buffer: 8 << 20,
///     backlog_limit: 8192,
/// };
/// let config = ReaderConfig::live(ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
/// match AuditReader::open(&client, config) {
///     Ok(mut reader) => {
///         reader.stop(); // a program would leave this out, and go on for ever
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
    /// Rings when there is something in the queue.
    bell: Bell,
    /// The events that are being handed out, and how many of them were.
    current: Groups,
    next: usize,
    totals: Arc<Mutex<Totals>>,
    thread: Option<JoinHandle<Result<(), Error>>>,
    stopper: Option<Stopper>,
    /// The caller has been told that there is nothing to read.
    said_idle: bool,
}

impl AuditReader {
    /// Listens to the kernel.
    ///
    /// # Errors
    ///
    /// As [`LiveSource::open`].
    pub fn open(client: &ClientConfig, config: ReaderConfig) -> Result<AuditReader, Error> {
        let (stopper, stop) = source::stop()?;
        let source = LiveSource::open(client, stop)?;
        AuditReader::spawn(Box::new(source), stopper, config)
    }

    /// Reads from any source. Dropping `stopper`, and with it the reader, must stop the source.
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    pub fn spawn(
        source: Box<dyn Source>,
        stopper: Stopper,
        config: ReaderConfig,
    ) -> Result<AuditReader, Error> {
        let (inlet, outlet) = queue(config.queue, config.overflow);
        let totals = Arc::<Mutex<Totals>>::default();
        let bell = Bell::default();
        let reading = Reading::new(source, inlet, bell.clone(), Arc::clone(&totals), config);
        let thread = thread::Builder::new()
            .name("reader".to_owned())
            .spawn(move || reading.run())
            .map_err(|error| Error::new("start the reader thread", error))?;
        Ok(AuditReader {
            outlet,
            bell,
            current: Groups::default(),
            next: 0,
            totals,
            thread: Some(thread),
            stopper: Some(stopper),
            said_idle: false,
        })
    }

    /// Waits for the next thing to happen, but no longer than until a point in time, or until it is
    /// [interrupted](Self::interrupter).
    ///
    /// # Errors
    ///
    /// If the source could not be read any more. It comes after the last event, once; then there is
    /// only [`Step::End`].
    pub fn step(&mut self, until: Option<Instant>) -> Result<Step<'_>, Error> {
        loop {
            if self.next < self.current.len() {
                break;
            }
            match self.outlet.parcels.try_recv() {
                Ok(parcel) => {
                    self.outlet.taken(&parcel);
                    self.next = 0;
                    self.said_idle = false;
                    self.outlet
                        .give_back(mem::replace(&mut self.current, parcel));
                }
                Err(TryRecvError::Disconnected) => return self.join().map(|()| Step::End),
                Err(TryRecvError::Empty) if !self.said_idle => {
                    self.said_idle = true;
                    return Ok(Step::Idle);
                }
                Err(TryRecvError::Empty) => {
                    if !self.bell.wait(until) {
                        return Ok(Step::Interrupted);
                    }
                }
            }
        }
        self.next += 1;
        let group = self.current.get(self.next - 1);
        Ok(group.map_or(Step::End, Step::Event))
    }

    /// Waits for the next event. `None` if there will be none.
    ///
    /// # Errors
    ///
    /// As [`step`](Self::step).
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator cannot lend what it has"
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

    /// What ends a wait in [`step`](Self::step) from another thread.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter::new(self.bell.clone())
    }

    /// Tells the source to stop. Events that are in flight still come.
    pub fn stop(&mut self) {
        self.stopper = None;
    }

    /// Everything that was counted so far.
    pub fn totals(&self) -> Totals {
        *lock(&self.totals)
    }

    /// Ends the reader thread before the source does. Events that were not taken are lost.
    ///
    /// # Errors
    ///
    /// If the source could not be read any more, unless [`step`](Self::step) has said so already.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.stop();
        // The thread may wait for room in the queue.
        self.outlet.close();
        self.join()
    }

    /// Waits for the reader thread, and says once how it ended.
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

/// The reader thread: from a source to a queue of whole events.
struct Reading {
    source: Box<dyn Source>,
    batch: Batch,
    reassembler: Reassembler,
    serials: SerialTracker,
    /// What tells the time in a log.
    clock: Option<LogClock>,
    now: Millis,
    /// When it was `now`.
    since: Instant,
    /// The stamp of the last record, if it names no host.
    last: Option<EventId>,
    inlet: Inlet,
    /// An empty one, to send next.
    parcel: Groups,
    totals: Arc<Mutex<Totals>>,
    /// Dropped behind the inlet, so that whoever is woken finds that closed.
    bell: LastRing,
}

impl Reading {
    fn new(
        source: Box<dyn Source>,
        inlet: Inlet,
        bell: Bell,
        totals: Arc<Mutex<Totals>>,
        config: ReaderConfig,
    ) -> Reading {
        Reading {
            source,
            batch: Batch::default(),
            reassembler: Reassembler::new(config.reassembly),
            serials: SerialTracker::new(config.max_out_of_order),
            clock: (config.clock == ClockKind::Records).then(LogClock::new),
            now: 0,
            since: Instant::now(),
            last: None,
            inlet,
            parcel: Groups::default(),
            totals,
            bell: LastRing(bell),
        }
    }

    /// Reads until the source ends or nobody wants its events any more. What is in flight is handed
    /// over even if reading ends badly.
    fn run(mut self) -> Result<(), Error> {
        loop {
            let deadline = self.deadline();
            let filled = self.source.fill(&mut self.batch, deadline);
            let is_over = matches!(filled, Ok(Fill::End) | Err(_));
            let drained = match filled {
                Ok(Fill::Drained(at)) => Some(at),
                _ => None,
            };
            self.take(drained);
            if is_over {
                self.reassembler.drain();
                self.serials.finish();
            }
            if !self.hand_over() || is_over {
                return filled.map(|_| ());
            }
        }
    }

    /// When the time of the oldest event in flight is up, if nothing comes before.
    fn deadline(&mut self) -> Option<Instant> {
        let deadline = self.reassembler.next_deadline()?;
        let left = Duration::from_millis(deadline.saturating_sub(self.now));
        self.since.checked_add(left)
    }

    /// Puts the records of the batch together.
    ///
    /// Live, an event's time is up only once the source had nothing more after that: when this
    /// process was held up for a while, the rest of the event lies in the socket.
    ///
    /// In a log the records tell the time; but one that is still being written may have no more of
    /// them for a while, and then time goes on by the clock on the wall.
    fn take(&mut self, drained: Option<Instant>) {
        self.reassembler.exchange_buffer(&mut self.batch.bytes);
        let now = drained.unwrap_or_else(Instant::now);
        let passed = millis(now.saturating_duration_since(self.since));
        if self.clock.is_none() {
            self.now += passed;
            self.since += Duration::from_millis(passed);
        } else if self.batch.is_empty() {
            self.reassembler.expire(self.now + passed);
        }
        for record in self.batch.entries() {
            // Nothing is new in the stamp of the event that the record before was of.
            if self.last != Some(record.id) || !record.node.is_empty() {
                self.last = record.node.is_empty().then_some(record.id);
                if let Some(clock) = &mut self.clock {
                    let node = self.reassembler.text(&record.node);
                    self.now = clock.see(node, record.id.time);
                    self.reassembler.expire(self.now);
                }
                if record.node.is_empty() {
                    self.serials.see(record.id.serial);
                }
            }
            self.reassembler.take(self.now, record);
        }
        if self.clock.is_none() && drained.is_some() {
            self.reassembler.expire(self.now);
        }
    }

    /// Sends the events that are whole, and makes public what was counted. `false` if nobody wants
    /// them any more.
    fn hand_over(&mut self) -> bool {
        let seen = mem::take(&mut self.batch.sightings);
        let had_records = !self.batch.is_empty();
        self.batch.clear();
        self.reassembler.hand_over(&mut self.parcel);
        let has_news = seen != Sightings::default() || !self.parcel.is_empty();
        self.count(seen, Dropped::default());
        if has_news {
            let parcel = mem::take(&mut self.parcel);
            match self.inlet.send(parcel) {
                None => return false,
                Some(dropped) if dropped.events > 0 => self.count(Sightings::default(), dropped),
                Some(_) => {}
            }
            self.bell.0.ring();
            // One goes out and one comes back, with the room that the next events take.
            self.parcel = self.inlet.used().unwrap_or_default();
        }
        if (had_records || has_news) && self.clock.is_some() {
            // The time that was waited for a slow output makes nobody late.
            self.since = Instant::now();
        }
        true
    }

    fn count(&self, seen: Sightings, dropped: Dropped) {
        let mut totals = lock(&self.totals);
        totals.tally = self.reassembler.tally();
        totals.seen.add(seen);
        totals.dropped.events += dropped.events;
        totals.dropped.records += dropped.records;
        totals.missing = self.serials.missing();
        totals.in_flight = self.reassembler.in_flight() as u64;
    }
}

fn millis(duration: Duration) -> Millis {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
