//! The queue of whole events between the two threads, bounded in bytes.
//!
//! When it is full, a reader of logs waits. A live reader must not: if it stops emptying the
//! socket, the kernel drops records or blocks every audited process. It removes the oldest events
//! from the queue instead, as wholes, and counts them.
//!
//! The unit of the queue is a [`Groups`]: the events that became whole in one batch of records. It
//! is in a box because a channel writes to all of its memory when it is made.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::model::Groups;

/// What happens when the queue is full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Overflow {
    /// The reader waits until there is room.
    Wait,
    /// The oldest events are dropped and counted.
    DropOldest,
}

/// Events dropped from a full queue.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Dropped {
    /// The number of events.
    pub events: u64,
    /// The number of records in them.
    pub records: u64,
}

/// The least that a `Groups` counts towards the bound, so that the bound on bytes also limits their
/// number.
const MIN_COST_BYTES: usize = 2048;
/// The capacity of the queue, in `Groups`, for a reader that waits. A longer queue would only
/// spread over more cache.
const WAITING_CAPACITY: usize = 2;

/// How many bytes of the queue's bound these events use up.
fn cost(groups: &Groups) -> usize {
    groups.size().max(MIN_COST_BYTES)
}

/// The reader's end.
#[derive(Debug)]
pub(crate) struct Inlet {
    full: Sender<Box<Groups>>,
    /// The other end of `full`, if the oldest events may be dropped.
    oldest: Option<Receiver<Box<Groups>>>,
    used: Receiver<Box<Groups>>,
    /// Returned by the marshaller while we waited for room.
    #[expect(clippy::vec_box, reason = "the channels take boxes")]
    spare: Vec<Box<Groups>>,
    bytes: Arc<AtomicUsize>,
    bound: usize,
}

/// The marshaller's end.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) full: Receiver<Box<Groups>>,
    used: Sender<Box<Groups>>,
    bytes: Arc<AtomicUsize>,
}

/// A queue that holds about `bound` bytes.
pub(crate) fn queue(bound: usize, overflow: Overflow) -> (Inlet, Outlet) {
    let capacity = match overflow {
        Overflow::Wait => WAITING_CAPACITY,
        Overflow::DropOldest => (bound / MIN_COST_BYTES).max(1),
    };
    let (full, receiver) = bounded(capacity);
    // Returned buffers do not count towards the bound, so only a few are kept.
    let (returned, used) = bounded(WAITING_CAPACITY + 2);
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
        full: receiver,
        used: returned,
        bytes,
    };
    (inlet, outlet)
}

impl Inlet {
    /// Sends events, and returns the events dropped to make room. `None` if the outlet is closed.
    pub(crate) fn send(&mut self, mut groups: Box<Groups>) -> Option<Dropped> {
        if self.oldest.is_none() {
            self.wait_for_room(cost(&groups))?;
        }
        let mut dropped = Dropped::default();
        while self.is_over(cost(&groups)) && self.drop_oldest(&mut dropped) {}
        self.bytes.fetch_add(cost(&groups), Ordering::Relaxed);
        loop {
            match self.full.try_send(groups) {
                Ok(()) => return Some(dropped),
                Err(TrySendError::Disconnected(_)) => return None,
                Err(TrySendError::Full(back)) => groups = back,
            }
            self.drop_oldest(&mut dropped);
        }
    }

    /// Waits until `cost` fits or the queue is empty. The marshaller returns every `Groups`, so one
    /// will arrive as long as the queue is not empty.
    fn wait_for_room(&mut self, cost: usize) -> Option<()> {
        while (self.is_over(cost) && !self.full.is_empty()) || self.full.is_full() {
            self.spare.push(self.used.recv().ok()?);
        }
        Some(())
    }

    fn is_over(&self, cost: usize) -> bool {
        self.bytes.load(Ordering::Relaxed) + cost > self.bound
    }

    /// Removes the oldest `Groups`. `false` if there is none: the marshaller may have taken it, and
    /// then there is room too.
    fn drop_oldest(&mut self, dropped: &mut Dropped) -> bool {
        let Some(groups) = self
            .oldest
            .as_ref()
            .and_then(|oldest| oldest.try_recv().ok())
        else {
            return false;
        };
        self.bytes.fetch_sub(cost(&groups), Ordering::Relaxed);
        // Each has one record, which counts as filtered.
        let for_context = groups.iter().filter(|group| group.for_context).count();
        dropped.events += (groups.len() - for_context) as u64;
        dropped.records += (groups.records() - for_context) as u64;
        true
    }

    /// Whether all events have been taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.full.is_empty()
    }

    /// A used `Groups`, whose buffers can be reused; `None` if there is none at the moment.
    pub(crate) fn used(&mut self) -> Option<Box<Groups>> {
        self.spare.pop().or_else(|| self.used.try_recv().ok())
    }
}

impl Outlet {
    /// Accounts for events that were received from `full`. Call it for each.
    pub(crate) fn taken(&self, groups: &Groups) {
        self.bytes.fetch_sub(cost(groups), Ordering::Relaxed);
    }

    /// Returns a used `Groups` to the inlet, so that its buffers are reused.
    pub(crate) fn give_back(&self, groups: Box<Groups>) {
        // If the channel is full, the inlet has enough buffers.
        let _ = self.used.try_send(groups);
    }

    /// Closes the queue in both directions: an inlet that waits for room gets an error, and `full`
    /// is disconnected.
    pub(crate) fn close(&mut self) {
        self.full = bounded(0).1;
        self.used = bounded(0).0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EventId, record_type::AUDIT_CWD};

    fn groups(serial: u32, bytes: usize) -> Box<Groups> {
        let id = EventId {
            serial,
            ..EventId::default()
        };
        let mut groups = Groups::default();
        let mut event = groups.begin(id, b"");
        event.push(AUDIT_CWD, &vec![b'x'; bytes]);
        event.push(AUDIT_CWD, b"");
        Box::new(groups)
    }

    fn serial(groups: &Groups) -> u32 {
        groups.get(0).unwrap().id.serial
    }

    fn serials(outlet: &Outlet) -> Vec<u32> {
        let received = outlet.full.try_iter();
        received
            .map(|groups| {
                outlet.taken(&groups);
                serial(&groups)
            })
            .collect()
    }

    #[test]
    fn a_full_queue_drops_the_oldest_events_whole_and_counts_them() {
        let (mut inlet, outlet) = queue(100_000, Overflow::DropOldest);
        let mut lost = Dropped::default();
        for serial in 0..100 {
            let dropped = inlet.send(groups(serial, 9_000)).unwrap();
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
            inlet.send(groups(serial, 1)).unwrap();
        }
        assert_eq!(serials(&outlet).len(), 32);
    }

    #[test]
    fn an_event_larger_than_the_bound_passes() {
        let (mut inlet, outlet) = queue(64 << 10, Overflow::DropOldest);
        inlet.send(groups(1, 10)).unwrap();
        let dropped = inlet.send(groups(2, 1 << 20)).unwrap();
        assert_eq!(dropped.events, 1);
        assert_eq!(serials(&outlet), [2]);
    }

    #[test]
    fn closing_the_outlet_ends_a_wait_for_room() {
        let (mut inlet, mut outlet) = queue(64 << 10, Overflow::Wait);
        inlet.send(groups(0, 60 << 10)).unwrap();
        let sender = std::thread::spawn(move || inlet.send(groups(1, 60 << 10)));
        outlet.close();
        assert_eq!(sender.join().unwrap(), None);
    }

    #[test]
    fn a_huge_event_waits_until_the_queue_is_empty() {
        let (mut inlet, outlet) = queue(1 << 20, Overflow::Wait);
        for serial in 0..2 {
            inlet.send(groups(serial, 1 << 10)).unwrap();
        }
        let (sent, waits) = std::sync::mpsc::channel();
        let sender = std::thread::spawn(move || {
            inlet.send(groups(2, 64 << 20)).unwrap();
            sent.send(()).unwrap();
        });
        for serial in 0..3 {
            assert!(serial == 2 || waits.try_recv().is_err(), "{serial}");
            let received = outlet.full.recv().unwrap();
            outlet.taken(&received);
            assert_eq!(self::serial(&received), serial);
            if serial < 2 {
                outlet.give_back(received);
            }
        }
        sender.join().unwrap();
    }

    #[test]
    fn sending_fails_when_the_outlet_is_gone() {
        let (mut inlet, outlet) = queue(64 << 10, Overflow::Wait);
        drop(outlet);
        assert_eq!(inlet.send(groups(1, 10)), None);
    }
}
