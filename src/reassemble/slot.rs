//! One event in flight.

use std::ops::Range;

use super::{Key, progress::Progress};
use crate::model::{Entry, Groups, Head, Place, RecordType, narrow, slice};

/// What a record costs besides its bytes. Without it, records with nothing in them would be free.
const RECORD_COST: usize = 16;

/// An event whose end has not come.
///
/// Its records lie in the buffer that they came in, as most events end where they began. What is
/// still open when that buffer goes away is carried over to one of its own.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) key: Key,
    /// Tells this event from the ones that had the same place before.
    pub(super) use_number: u64,
    pub(super) progress: Progress,
    /// A bound cut the event.
    pub(super) truncated: bool,
    /// Whether it can be found by its key.
    pub(super) is_listed: bool,
    /// What it takes to keep it, in bytes.
    pub(super) cost: usize,
    node: Range<u32>,
    own: Own,
    is_carried: bool,
}

/// The buffers of an event, which are used again for another.
#[derive(Debug, Default)]
pub(super) struct Own {
    places: Vec<Place>,
    /// What was carried over.
    bytes: Vec<u8>,
}

impl Own {
    /// How many bytes of memory they hold on to.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity() + self.places.capacity() * size_of::<Place>()
    }
}

impl Slot {
    /// An event that begins with a record.
    #[inline]
    pub(super) fn new(key: Key, use_number: u64, first: &Entry, own: Own) -> Slot {
        Slot {
            key,
            use_number,
            progress: Progress::default(),
            truncated: false,
            is_listed: false,
            cost: first.node.len(),
            node: first.node.clone(),
            own,
            is_carried: false,
        }
    }

    /// Whether a record would make the event larger than a bound.
    #[inline]
    pub(super) fn has_room(&self, body: &Range<u32>, bound: usize) -> bool {
        self.cost + body.len() + RECORD_COST <= bound
    }

    /// Adds a record that lies in a buffer, and says what it costs.
    #[inline]
    pub(super) fn add(&mut self, kind: RecordType, body: &Range<u32>, buffer: &[u8]) -> usize {
        let range = if self.is_carried {
            append(&mut self.own.bytes, buffer, body)
        } else {
            body.clone()
        };
        self.own.places.push(Place { kind, range });
        let cost = body.len() + RECORD_COST;
        self.cost += cost;
        cost
    }

    /// Moves what lies in a buffer that goes away to an own one.
    pub(super) fn carry(&mut self, buffer: &[u8]) {
        let bytes = &mut self.own.bytes;
        bytes.clear();
        self.node = append(bytes, buffer, &self.node);
        for place in &mut self.own.places {
            place.range = append(bytes, buffer, &place.range);
        }
        self.is_carried = true;
    }

    /// Adds the event to those that are whole, and gives its buffers back.
    pub(super) fn finish(&mut self, incomplete: bool, whole: &mut Groups) -> Own {
        self.use_number = u64::MAX;
        let mut own = std::mem::take(&mut self.own);
        let start = if self.is_carried {
            whole.append(&own.bytes).start
        } else {
            0
        };
        let moved = |range: &Range<u32>| range.start + start..range.end + start;
        whole.add(Head {
            id: self.key.0,
            node: moved(&self.node),
            incomplete,
            truncated: self.truncated,
        });
        whole.add_places(own.places.drain(..).map(|place| Place {
            range: moved(&place.range),
            ..place
        }));
        own
    }
}

/// Copies a part of a buffer to the end of another, and says where it is there.
fn append(bytes: &mut Vec<u8>, buffer: &[u8], part: &Range<u32>) -> Range<u32> {
    let start = bytes.len();
    bytes.extend_from_slice(slice(buffer, part));
    narrow(start..bytes.len())
}
