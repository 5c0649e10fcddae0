//! One event in flight.

use std::ops::Range;

use smallvec::SmallVec;

use super::{Key, progress::Progress};
use crate::model::{Entry, EventId, Groups, Head, Place, RecordType, narrow, slice};

/// What a record costs besides its bytes. Without it, records with nothing in them would be free.
const RECORD_COST: usize = 16;

/// An event whose end has not come.
///
/// Its records lie in the buffer that they came in, as most events end where they began. What is
/// still open when that buffer goes away is carried over to one of its own.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) key: Key,
    id: EventId,
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
    places: SmallVec<[Place; INLINE]>,
    /// What was carried over, if anything was.
    bytes: Vec<u8>,
    is_carried: bool,
}

/// As many records as nearly all events have.
const INLINE: usize = 8;
/// Room for more is kept up to this.
const SPARE_PLACES: usize = 64;

impl Slot {
    /// An event that begins with a record.
    #[inline]
    pub(super) fn new(key: Key, use_number: u64, first: &Entry) -> Slot {
        Slot {
            key,
            id: first.id,
            use_number,
            progress: Progress::default(),
            truncated: false,
            is_listed: false,
            cost: first.node.len(),
            node: first.node.clone(),
            places: SmallVec::new(),
            bytes: Vec::new(),
            is_carried: false,
        }
    }

    /// Makes this another event, in the room that the last one had.
    #[inline]
    pub(super) fn reuse(&mut self, key: Key, use_number: u64, first: &Entry) {
        self.key = key;
        self.id = first.id;
        self.use_number = use_number;
        self.progress = Progress::default();
        self.truncated = false;
        self.is_listed = false;
        self.cost = first.node.len();
        self.node = first.node.clone();
        self.places.clear();
        self.is_carried = false;
    }

    /// Whether a record would make the event larger than a bound.
    #[inline]
    pub(super) fn has_room(&self, body: &Range<u32>, bound: usize) -> bool {
        self.cost + body.len() + RECORD_COST <= bound
    }

    /// Adds a record that lies in a buffer, and says what it costs.
    #[inline]
    pub(super) fn add(
        &mut self,
        record_type: RecordType,
        body: &Range<u32>,
        buffer: &[u8],
    ) -> usize {
        let range = if self.is_carried {
            append(&mut self.bytes, buffer, body)
        } else {
            body.clone()
        };
        self.places.push(Place { record_type, range });
        let cost = body.len() + RECORD_COST;
        self.cost += cost;
        cost
    }

    /// Moves what lies in a buffer that goes away to an own one.
    pub(super) fn carry(&mut self, buffer: &[u8], own: impl FnOnce() -> Vec<u8>) {
        self.is_carried = true;
        self.bytes = own();
        // There is as much to come, as far as one can tell.
        self.bytes.reserve(2 * self.cost);
        self.node = append(&mut self.bytes, buffer, &self.node);
        for place in &mut self.places {
            place.range = append(&mut self.bytes, buffer, &place.range);
        }
    }

    /// Adds the event to those that are whole. Returns the buffer that it has no use for any more, if
    /// there is one.
    pub(super) fn finish(&mut self, incomplete: bool, whole: &mut Groups) -> Option<Vec<u8>> {
        self.use_number = u64::MAX;
        let own = self.is_carried.then(|| std::mem::take(&mut self.bytes));
        let start = own.as_ref().map_or(0, |own| whole.append(own).start);
        let moved = |range: &Range<u32>| range.start + start..range.end + start;
        whole.add(Head {
            id: self.id,
            node: moved(&self.node),
            incomplete,
            truncated: self.truncated,
        });
        whole.add_places(self.places.iter().map(|place| Place {
            record_type: place.record_type,
            range: moved(&place.range),
        }));
        if self.places.len() > SPARE_PLACES {
            self.places = SmallVec::new();
        }
        own
    }
}

/// Copies a part of a buffer to the end of another, and says where it is there.
fn append(bytes: &mut Vec<u8>, buffer: &[u8], part: &Range<u32>) -> Range<u32> {
    let start = bytes.len();
    bytes.extend_from_slice(slice(buffer, part));
    narrow(start..bytes.len())
}
