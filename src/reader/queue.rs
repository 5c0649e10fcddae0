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

use crate::model::Groups;

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

/// What a parcel counts for at least. It keeps the number of parcels within the bound on bytes.
const LEAST: usize = 2048;
/// Parcels at most where the reader waits: more would only be memory that is not in any cache.
const AHEAD: usize = 2;

/// What whole events that go through the queue together count for.
fn cost(parcel: &Groups) -> usize {
    parcel.size().max(LEAST)
}

/// The reader's end.
#[derive(Debug)]
pub(crate) struct Inlet {
    full: Sender<Groups>,
    /// The other end of `full`, where the oldest may be dropped.
    oldest: Option<Receiver<Groups>>,
    used: Receiver<Groups>,
    /// Parcels that came back while room was waited for.
    spare: Vec<Groups>,
    bytes: Arc<AtomicUsize>,
    bound: usize,
}

/// The marshaller's end.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) parcels: Receiver<Groups>,
    used: Sender<Groups>,
    bytes: Arc<AtomicUsize>,
}

/// A queue of about so many bytes.
pub(crate) fn queue(bound: usize, overflow: Overflow) -> (Inlet, Outlet) {
    let parcels = match overflow {
        Overflow::Wait => AHEAD,
        Overflow::DropOldest => (bound / LEAST).max(1),
    };
    let (full, receiver) = bounded(parcels);
    // What comes back is not counted, so there are few of them.
    let (returned, used) = bounded(AHEAD + 2);
    let bytes = Arc::new(AtomicUsize::new(0));
    let inlet = Inlet {
        full,
        oldest: (overflow == Overflow::DropOldest).then(|| receiver.clone()),
        used,
        spare: Vec::new(),
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
    pub(crate) fn send(&mut self, parcel: Groups) -> Option<Dropped> {
        if self.oldest.is_none() {
            self.wait_for_room(cost(&parcel))?;
        }
        let mut dropped = Dropped::default();
        while self.is_over(cost(&parcel)) && self.drop_oldest(&mut dropped) {}
        self.bytes.fetch_add(cost(&parcel), Ordering::Relaxed);
        let mut parcel = parcel;
        loop {
            match self.full.try_send(parcel) {
                Ok(()) => return Some(dropped),
                Err(TrySendError::Disconnected(_)) => return None,
                Err(TrySendError::Full(back)) => parcel = back,
            }
            self.drop_oldest(&mut dropped);
        }
    }

    /// Waits until there is room for a parcel, or nothing else in the queue. Each parcel that was
    /// used up comes back, so there is one to wait for as long as there is another in the queue.
    fn wait_for_room(&mut self, cost: usize) -> Option<()> {
        while (self.is_over(cost) && !self.full.is_empty()) || self.full.is_full() {
            self.spare.push(self.used.recv().ok()?);
        }
        Some(())
    }

    fn is_over(&self, cost: usize) -> bool {
        self.bytes.load(Ordering::Relaxed) + cost > self.bound
    }

    /// Takes the oldest parcel out again. `false` if there is none: the marshaller may have been
    /// quicker, and then there is room all the same.
    fn drop_oldest(&mut self, dropped: &mut Dropped) -> bool {
        let Some(parcel) = self
            .oldest
            .as_ref()
            .and_then(|oldest| oldest.try_recv().ok())
        else {
            return false;
        };
        self.bytes.fetch_sub(cost(&parcel), Ordering::Relaxed);
        dropped.events += parcel.len() as u64;
        dropped.records += parcel.records() as u64;
        true
    }

    /// A parcel that went through, with the buffers in it; `None` if there is none at the moment.
    pub(crate) fn used(&mut self) -> Option<Groups> {
        self.spare.pop().or_else(|| self.used.try_recv().ok())
    }
}

impl Outlet {
    /// Says that a parcel was taken out of the queue.
    pub(crate) fn taken(&self, parcel: &Groups) {
        self.bytes.fetch_sub(cost(parcel), Ordering::Relaxed);
    }

    /// Gives a parcel back with the buffers in it, to be used again.
    pub(crate) fn give_back(&self, parcel: Groups) {
        // If the channel is full there are parcels enough.
        let _ = self.used.try_send(parcel);
    }

    /// Takes no more, and gives nothing back: whoever waits for room, or for a parcel that comes
    /// back, hears that nobody wants events any more. What is still asked for is at its end.
    pub(crate) fn close(&mut self) {
        self.parcels = bounded(0).1;
        self.used = bounded(0).0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EventId, record_type::AUDIT_CWD};

    fn parcel(serial: u32, bytes: usize) -> Groups {
        let id = EventId {
            serial,
            ..EventId::default()
        };
        let mut parcel = Groups::default();
        let mut event = parcel.begin(id, b"");
        event.push(AUDIT_CWD, &vec![b'x'; bytes]);
        event.push(AUDIT_CWD, b"");
        parcel
    }

    fn serial(parcel: &Groups) -> u32 {
        parcel.get(0).unwrap().id.serial
    }

    fn serials(outlet: &Outlet) -> Vec<u32> {
        let parcels = outlet.parcels.try_iter();
        parcels
            .map(|parcel| {
                outlet.taken(&parcel);
                serial(&parcel)
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
    fn a_reader_that_waits_for_room_ends_when_nobody_takes_events_any_more() {
        let (mut inlet, mut outlet) = queue(64 << 10, Overflow::Wait);
        inlet.send(parcel(0, 60 << 10)).unwrap();
        let sender = std::thread::spawn(move || inlet.send(parcel(1, 60 << 10)));
        outlet.close();
        assert_eq!(sender.join().unwrap(), None);
    }

    #[test]
    fn a_huge_event_waits_until_there_is_nothing_else_in_the_queue() {
        let (mut inlet, outlet) = queue(1 << 20, Overflow::Wait);
        for serial in 0..2 {
            inlet.send(parcel(serial, 1 << 10)).unwrap();
        }
        let (sent, waits) = std::sync::mpsc::channel();
        let sender = std::thread::spawn(move || {
            inlet.send(parcel(2, 64 << 20)).unwrap();
            sent.send(()).unwrap();
        });
        for serial in 0..3 {
            assert!(serial == 2 || waits.try_recv().is_err(), "{serial}");
            let parcel = outlet.parcels.recv().unwrap();
            outlet.taken(&parcel);
            assert_eq!(self::serial(&parcel), serial);
            if serial < 2 {
                outlet.give_back(parcel);
            }
        }
        sender.join().unwrap();
    }

    #[test]
    fn a_reader_of_logs_ends_when_nobody_reads_what_it_sends() {
        let (mut inlet, outlet) = queue(64 << 10, Overflow::Wait);
        drop(outlet);
        assert_eq!(inlet.send(parcel(1, 10)), None);
    }
}
