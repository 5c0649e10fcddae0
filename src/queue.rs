//! The queue of whole events between the two threads, bounded in bytes.
//!
//! When it is full, a reader of logs waits. A reader of the kernel must not: whoever stops to empty
//! the socket makes the kernel drop records, or makes every audited process on the host wait. There
//! the oldest events are taken out of the queue again, whole and counted.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::model::AuditMessageGroup;

/// What happens when the queue is full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Overflow {
    /// The reader waits for room.
    Wait,
    /// The oldest events are dropped, and counted.
    DropOldest,
}

/// Events that were dropped from a full queue.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Dropped {
    /// Whole events.
    pub events: u64,
    /// Records in them.
    pub records: u64,
}

/// Whole events that go through the queue together.
#[derive(Debug, Default)]
pub(crate) struct Parcel {
    events: Vec<AuditMessageGroup>,
    bytes: usize,
}

/// What a parcel counts for at least. It keeps the number of parcels within the bound on bytes.
const LEAST: usize = 2048;
/// Parcels at most where the reader waits: more would only be memory that is not in any cache.
const AHEAD: usize = 16;
/// About what a parcel of a log holds, in bytes.
const USUAL: usize = 64 << 10;

impl Parcel {
    /// Adds an event.
    pub(crate) fn push(&mut self, group: AuditMessageGroup) {
        self.bytes += size_of::<AuditMessageGroup>() + group.capacity() + group.node.capacity();
        self.events.push(group);
    }

    /// Takes all events out, in any order.
    pub(crate) fn empty(&mut self) -> impl Iterator<Item = AuditMessageGroup> {
        self.bytes = 0;
        self.events.drain(..)
    }

    /// The events, to be taken out one by one.
    pub(crate) fn events(&mut self) -> &mut [AuditMessageGroup] {
        &mut self.events
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    fn cost(&self) -> usize {
        self.bytes.max(LEAST)
    }
}

/// The reader's end.
#[derive(Debug)]
pub(crate) struct Inlet {
    full: Sender<Parcel>,
    /// The other end of `full`, where the oldest may be dropped.
    oldest: Option<Receiver<Parcel>>,
    used: Receiver<Parcel>,
    bytes: Arc<AtomicUsize>,
    bound: usize,
}

/// The marshaller's end.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) parcels: Receiver<Parcel>,
    used: Sender<Parcel>,
    bytes: Arc<AtomicUsize>,
}

/// A queue of about so many bytes.
pub(crate) fn queue(bound: usize, overflow: Overflow) -> (Inlet, Outlet) {
    let parcels = match overflow {
        Overflow::Wait => (bound / USUAL).clamp(1, AHEAD),
        Overflow::DropOldest => (bound / LEAST).max(1),
    };
    let (full, receiver) = bounded(parcels);
    let (returned, used) = bounded(parcels.min(4 * AHEAD) + 2);
    let bytes = Arc::new(AtomicUsize::new(0));
    let inlet = Inlet {
        full,
        oldest: (overflow == Overflow::DropOldest).then(|| receiver.clone()),
        used,
        bytes: Arc::clone(&bytes),
        bound,
    };
    let outlet = Outlet {
        parcels: receiver,
        used: returned,
        bytes,
    };
    (inlet, outlet)
}

impl Inlet {
    /// Sends a parcel, and says what had to be dropped for it. `None` if nobody wants it.
    pub(crate) fn send(&mut self, parcel: Parcel) -> Option<Dropped> {
        let Some(oldest) = &self.oldest else {
            return self.wait(parcel).map(|()| Dropped::default());
        };
        let cost = parcel.cost();
        let mut dropped = Dropped::default();
        let mut drop_oldest = || {
            // The marshaller may have been quicker, and then there is room all the same.
            if let Ok(mut parcel) = oldest.try_recv() {
                self.bytes.fetch_sub(parcel.cost(), Ordering::Relaxed);
                dropped.events += parcel.events.len() as u64;
                dropped.records += parcel.empty().map(|event| event.len() as u64).sum::<u64>();
            }
        };
        let is_over = || self.bytes.load(Ordering::Relaxed) + cost > self.bound;
        while is_over() && !self.full.is_empty() {
            drop_oldest();
        }
        self.bytes.fetch_add(cost, Ordering::Relaxed);
        let mut parcel = parcel;
        while let Err(TrySendError::Full(back)) = self.full.try_send(parcel) {
            drop_oldest();
            parcel = back;
        }
        Some(dropped)
    }

    /// Waits for room. A parcel with as much in it as several takes the places of several, so that
    /// the queue is bounded in bytes here too; those behind it are empty.
    fn wait(&self, parcel: Parcel) -> Option<()> {
        let places = (parcel.cost() / USUAL).min(self.full.capacity().unwrap_or(1));
        self.full.send(parcel).ok()?;
        (1..places).try_for_each(|_| self.full.send(Parcel::default()).ok())
    }

    /// A parcel that went through and is empty again; `None` if there is none at the moment.
    pub(crate) fn used(&self) -> Option<Parcel> {
        self.used.try_recv().ok()
    }
}

impl Outlet {
    /// Says that a parcel was taken out of the queue.
    pub(crate) fn taken(&self, parcel: &Parcel) {
        self.bytes.fetch_sub(parcel.cost(), Ordering::Relaxed);
    }

    /// Gives a parcel back with the buffers in it, to be used again.
    pub(crate) fn give_back(&self, parcel: Parcel) {
        // If the channel is full there are parcels enough.
        let _ = self.used.try_send(parcel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EventId, record_type::AUDIT_CWD};

    fn parcel(serial: u32, bytes: usize) -> Parcel {
        let id = EventId {
            serial,
            ..EventId::default()
        };
        let mut group = AuditMessageGroup::new(id, b"");
        group.push(AUDIT_CWD, &vec![b'x'; bytes]);
        group.push(AUDIT_CWD, b"");
        let mut parcel = Parcel::default();
        parcel.push(group);
        parcel
    }

    fn serials(outlet: &Outlet) -> Vec<u32> {
        let parcels = outlet.parcels.try_iter();
        parcels
            .map(|mut parcel| {
                outlet.taken(&parcel);
                parcel.events()[0].id.serial
            })
            .collect()
    }

    #[test]
    fn past_the_bound_the_oldest_events_are_dropped_whole_and_counted() {
        let (mut inlet, outlet) = queue(100_000, Overflow::DropOldest);
        let mut lost = Dropped::default();
        for serial in 0..100 {
            let dropped = inlet.send(parcel(serial, 9_000)).unwrap();
            lost.events += dropped.events;
            lost.records += dropped.records;
        }
        let left = serials(&outlet);
        assert!((8..12).contains(&left.len()), "{left:?}");
        assert_eq!(left, (100 - left.len() as u32..100).collect::<Vec<_>>());
        let events = 100 - left.len() as u64;
        assert_eq!((lost.events, lost.records), (events, 2 * events));
        assert_eq!(inlet.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn small_events_are_bounded_too() {
        let (mut inlet, outlet) = queue(64 << 10, Overflow::DropOldest);
        for serial in 0..1000 {
            inlet.send(parcel(serial, 1)).unwrap();
        }
        assert_eq!(serials(&outlet).len(), 32);
    }

    #[test]
    fn one_event_larger_than_the_bound_goes_through() {
        let (mut inlet, outlet) = queue(64 << 10, Overflow::DropOldest);
        inlet.send(parcel(1, 10)).unwrap();
        let dropped = inlet.send(parcel(2, 1 << 20)).unwrap();
        assert_eq!(dropped.events, 1);
        assert_eq!(serials(&outlet), [2]);
    }

    #[test]
    fn a_huge_event_takes_the_place_of_many_where_the_reader_waits() {
        let (mut inlet, outlet) = queue(1 << 20, Overflow::Wait);
        inlet.send(parcel(1, 1 << 10)).unwrap();
        assert_eq!(outlet.parcels.len(), 1);
        inlet.send(parcel(2, 512 << 10)).unwrap();
        assert_eq!(outlet.parcels.len(), 1 + 8);
        let taken: Vec<_> = outlet.parcels.try_iter().collect();
        assert_eq!(taken.iter().filter(|parcel| !parcel.is_empty()).count(), 2);
        inlet.send(parcel(3, 64 << 20)).unwrap();
        assert!(outlet.parcels.is_full());
    }

    #[test]
    fn a_reader_of_logs_ends_when_nobody_reads_what_it_sends() {
        let (mut inlet, outlet) = queue(64 << 10, Overflow::Wait);
        drop(outlet);
        assert_eq!(inlet.send(parcel(1, 10)), None);
    }
}
