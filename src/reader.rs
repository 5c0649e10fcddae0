//! The reader thread, and the events that its records make.
//!
//! The thread does nothing but read: it fills batches and sends them through a bounded channel.
//! Whoever owns the [`AuditReader`] puts the records together and gets whole events. Empty batches
//! go back through a second channel.

use std::{
    mem,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Select, Sender, TryRecvError, bounded, never};

use crate::{
    clock::LogClock,
    error::Error,
    model::{AuditMessageGroup, Batch, Sightings},
    reassemble::{AuditMarshaller, MarshallerConfig, Millis, Tally},
    serials::SerialTracker,
    source::{self, ClientConfig, Fill, LiveSource, Source, Stopper},
};

/// Records in a batch, about, for the size of the queue.
const BATCH: usize = 256;
/// A batch that keeps more memory than this is not used again.
const SPARE_CAPACITY: usize = 4 << 20;

/// How an [`AuditReader`] reads.
#[derive(Clone, Debug)]
pub struct ReaderConfig {
    /// How events are put together.
    pub marshaller: MarshallerConfig,
    /// Records between the two threads at most. When there are as many, the reader waits.
    pub queue: usize,
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
    pub fn live(marshaller: MarshallerConfig) -> ReaderConfig {
        let max_out_of_order = SerialTracker::DEFAULT_WINDOW;
        ReaderConfig {
            marshaller,
            queue: 8192,
            max_out_of_order,
            clock: ClockKind::Monotonic,
        }
    }

    /// The usual settings for logs.
    pub fn log(marshaller: MarshallerConfig) -> ReaderConfig {
        let marshaller = MarshallerConfig {
            ends_at_proctitle: true,
            ..marshaller
        };
        ReaderConfig {
            clock: ClockKind::Records,
            ..ReaderConfig::live(marshaller)
        }
    }
}

/// What an [`AuditReader`] has to say next.
#[derive(Debug)]
pub enum Step {
    /// An event is whole. Give it back with [`AuditReader::recycle`].
    Event(AuditMessageGroup),
    /// Something was seen that is no record.
    Seen(Sightings),
    /// There is nothing more to read at the moment: a good time to flush.
    Idle,
    /// The time or the signal that the caller waits for is there.
    Interrupted,
    /// There will be nothing more.
    End,
}

/// Reads records in a thread of its own and puts them together to events.
///
/// ```
/// use auditrd::{Arena, AuditReader, ClientConfig, MarshallerConfig, Membership};
/// use auditrd::{ReaderConfig, parse_audit_event, record_type::*};
///
/// let client = ClientConfig { membership: Membership::ReadLog, receive_buffer: 8 << 20 };
/// let config = ReaderConfig::live(MarshallerConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
/// match AuditReader::open(&client, config) {
///     Ok(mut reader) => {
///         reader.stop(); // a program would leave this out, and go on for ever
///         let arena = Arena::new();
///         for group in reader {
///             if let Some(event) = parse_audit_event(&group, &arena) {
///                 println!("{} {:?}", event.syscall, event.path);
///             }
///         }
///     }
///     Err(error) => eprintln!("{error}"), // without CAP_AUDIT_READ
/// }
/// ```
#[derive(Debug)]
#[doc(alias = "NewAuditReader")]
pub struct AuditReader {
    batches: Receiver<Batch>,
    empty: Sender<Batch>,
    marshaller: AuditMarshaller,
    serials: SerialTracker,
    /// What tells the time in a log; live, the batches do.
    clock: Option<LogClock>,
    now: Millis,
    /// When it was `now`.
    since: Instant,
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
        let (full, batches) = bounded(config.queue.div_ceil(BATCH).max(1));
        let (empty, spare) = bounded(2 + config.queue.div_ceil(BATCH));
        let thread = thread::Builder::new()
            .name("reader".to_owned())
            .spawn(move || read(source, &full, &spare))
            .map_err(|error| Error::new("start the reader thread", error))?;
        Ok(AuditReader {
            batches,
            empty,
            marshaller: AuditMarshaller::new(config.marshaller),
            serials: SerialTracker::new(config.max_out_of_order),
            clock: (config.clock == ClockKind::Records).then(LogClock::new),
            now: 0,
            since: Instant::now(),
            thread: Some(thread),
            stopper: Some(stopper),
            said_idle: false,
        })
    }

    /// Waits for the next thing to happen, but no longer than until a point in time, or for
    /// something on `interrupt`, which is left there.
    pub fn step<T>(&mut self, interrupt: &Receiver<T>, until: Option<Instant>) -> Step {
        loop {
            if let Some(group) = self.marshaller.pop() {
                self.said_idle = false;
                return Step::Event(group);
            }
            match self.batches.try_recv() {
                Ok(batch) => {
                    self.said_idle = false;
                    let seen = self.take(batch);
                    if seen != Sightings::default() {
                        return Step::Seen(seen);
                    }
                }
                Err(TryRecvError::Disconnected) => {
                    self.marshaller.drain();
                    return self.marshaller.pop().map_or(Step::End, Step::Event);
                }
                Err(TryRecvError::Empty) if !self.said_idle => {
                    self.said_idle = true;
                    return Step::Idle;
                }
                Err(TryRecvError::Empty) => {
                    if !self.wait(interrupt, until) {
                        return Step::Interrupted;
                    }
                }
            }
        }
    }

    /// Waits for a batch, or until an event's time is up. `false` if it was interrupted.
    ///
    /// In a log the records tell the time; but one that is still being written may have no more of
    /// them for a while, and then time goes on by the clock on the wall.
    fn wait<T>(&mut self, interrupt: &Receiver<T>, until: Option<Instant>) -> bool {
        let deadline = self.marshaller.next_deadline().and_then(|deadline| {
            let left = Duration::from_millis(deadline.saturating_sub(self.now));
            self.since.checked_add(left)
        });
        let first = [deadline, until].into_iter().flatten().min();
        let mut select = Select::new();
        let batch = select.recv(&self.batches);
        select.recv(interrupt);
        let ready = match first {
            Some(first) => select.ready_deadline(first).ok(),
            None => Some(select.ready()),
        };
        if ready.is_none() && first == deadline {
            self.marshaller
                .expire(self.now + millis(self.since.elapsed()));
            return true;
        }
        ready == Some(batch)
    }

    fn take(&mut self, mut batch: Batch) -> Sightings {
        for record in batch.records() {
            self.now = match &mut self.clock {
                Some(clock) => clock.see(record.node, record.id.time),
                None => batch.at,
            };
            if record.node.is_empty() {
                self.serials.see(record.id.serial);
            }
            self.marshaller.push(self.now, record);
        }
        self.since = Instant::now();
        let seen = batch.sightings;
        batch.clear();
        if batch.capacity() <= SPARE_CAPACITY {
            // If the channel is full there are batches enough.
            let _ = self.empty.try_send(batch);
        }
        seen
    }

    /// Gives an event back, so that its buffers are used for another.
    pub fn recycle(&mut self, group: AuditMessageGroup) {
        self.marshaller.recycle(group);
    }

    /// Tells the source to stop. Events that are in flight still come.
    pub fn stop(&mut self) {
        self.stopper = None;
    }

    /// What became of records and events so far.
    pub fn tally(&self) -> Tally {
        self.marshaller.tally()
    }

    /// How many serials are missing so far. See [`SerialTracker`].
    pub fn missing(&self) -> u64 {
        self.serials.missing()
    }

    /// Ends the reader thread and says how it ended. Serials that could still have come are missing
    /// from now on.
    ///
    /// # Errors
    ///
    /// If reading ended because the source could not be read any more.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.serials.finish();
        self.close()
    }

    fn close(&mut self) -> Result<(), Error> {
        self.stop();
        // The thread may wait for room in the channel; without a receiver it ends.
        self.batches = never();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(()),
        }
    }
}

impl Iterator for AuditReader {
    type Item = AuditMessageGroup;

    fn next(&mut self) -> Option<AuditMessageGroup> {
        loop {
            match self.step(&never::<()>(), None) {
                Step::Event(group) => return Some(group),
                Step::End => return None,
                Step::Seen(_) | Step::Idle | Step::Interrupted => {}
            }
        }
    }
}

impl Drop for AuditReader {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            log::error!("{error}");
        }
    }
}

/// The reader thread: fills batches until the source ends or nobody wants them any more.
fn read(
    mut source: Box<dyn Source>,
    full: &Sender<Batch>,
    spare: &Receiver<Batch>,
) -> Result<(), Error> {
    let (start, mut blocked) = (Instant::now(), Duration::ZERO);
    let mut batch = Batch::default();
    loop {
        let fill = source.fill(&mut batch);
        if batch.has_news() {
            batch.at = millis(start.elapsed().saturating_sub(blocked));
            let next = spare.try_recv().unwrap_or_default();
            let sending = Instant::now();
            if full.send(mem::replace(&mut batch, next)).is_err() {
                return Ok(());
            }
            blocked += sending.elapsed();
        } else {
            batch.clear();
        }
        if fill? == Fill::End {
            return Ok(());
        }
    }
}

fn millis(duration: Duration) -> Millis {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
