//! One event in flight.

use std::ops::Range;

use smallvec::SmallVec;

use super::{
    Key,
    progress::{self, Kept, Progress},
};
use crate::model::{EventId, GroupInfo, Groups, Span, Stamp, narrow, slice};

/// The cost of a record besides its text. Without it, empty records would be free.
pub(super) const RECORD_COST_BYTES: usize = 16;

/// An event whose end has not arrived.
///
/// Its records stay in the buffer that they arrived in, because most events end in the same batch.
/// If the event is still open when that buffer is handed over, its records are copied to a buffer
/// of its own: the event is *carried*.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) key: Key,
    id: EventId,
    /// Distinguishes this event from earlier ones in the same slot.
    pub(super) use_number: u64,
    pub(super) progress: Progress,
    /// Whether the event lost a record, or part of one, to a bound.
    pub(super) truncated: bool,
    /// Whether a record came through a relay.
    pub(super) relayed: bool,
    /// Whether the event is in `Reassembler::open`.
    pub(super) is_listed: bool,
    /// The memory that the event takes, in bytes.
    pub(super) cost: usize,
    node: Range<u32>,
    spans: SmallVec<[Span; INLINE_RECORDS]>,
    /// The buffer of a carried event.
    bytes: Vec<u8>,
    is_carried: bool,
}

/// Nearly all events have at most this many records.
const INLINE_RECORDS: usize = 8;
/// A larger list of spans is freed, not reused.
const MAX_SPARE_SPANS: usize = 64;

impl Slot {
    /// An event without records yet.
    #[inline]
    pub(super) fn new(key: Key, use_number: u64, stamp: &Stamp) -> Slot {
        Slot {
            key,
            id: stamp.id,
            use_number,
            progress: Progress::default(),
            truncated: false,
            relayed: false,
            is_listed: false,
            cost: stamp.node.len(),
            node: stamp.node.clone(),
            spans: SmallVec::new(),
            bytes: Vec::new(),
            is_carried: false,
        }
    }

    /// As [`new`](Self::new), reusing the memory of an earlier event.
    #[inline]
    pub(super) fn reuse(&mut self, key: Key, use_number: u64, stamp: &Stamp) {
        self.key = key;
        self.id = stamp.id;
        self.use_number = use_number;
        self.progress = Progress::default();
        self.truncated = false;
        self.relayed = false;
        self.is_listed = false;
        self.cost = stamp.node.len();
        self.node = stamp.node.clone();
        self.spans.clear();
        self.is_carried = false;
    }

    /// Adds a record that is stored in `buffer`, and returns its cost. `None` if the event does not
    /// stay under `bound` bytes with it.
    #[inline]
    pub(super) fn add(&mut self, record: Span, buffer: &[u8], bound: usize) -> Option<usize> {
        let cost = record.len() + RECORD_COST_BYTES;
        if self.cost + cost > bound {
            return None;
        }
        self.cost += cost;
        let record = match self.is_carried {
            true => record.at(append(&mut self.bytes, buffer, &record.body())),
            false => record,
        };
        self.spans.push(record);
        Some(cost)
    }

    /// Copies the records from `buffer`, which is about to be handed over, to the event's own.
    pub(super) fn carry(&mut self, buffer: &[u8], own: impl FnOnce() -> Vec<u8>) {
        self.is_carried = true;
        self.bytes = own();
        // Assumes that half of the event has arrived.
        self.bytes.reserve(2 * self.cost);
        self.node = append(&mut self.bytes, buffer, &self.node);
        for span in &mut self.spans {
            *span = span.at(append(&mut self.bytes, buffer, &span.body()));
        }
    }

    /// Whether nothing that the event announces is missing, although its end did not arrive.
    #[cold]
    fn has_all(&self, buffer: &[u8], kept: Kept) -> bool {
        let bytes = if self.is_carried { &self.bytes } else { buffer };
        let records = self.spans.iter();
        let records = records.map(|span| (span.record_type, slice(bytes, &span.body())));
        progress::has_all(records, kept)
    }

    /// Adds the event to `groups`. An event without its end is still complete if it has all
    /// records that it announces. Returns its own buffer for reuse, if it has one.
    pub(super) fn finish(
        &mut self,
        incomplete: bool,
        kept: Kept,
        last_gap: u32,
        groups: &mut Groups,
    ) -> Option<Vec<u8>> {
        let incomplete = incomplete && !self.has_all(&groups.bytes, kept);
        self.use_number = u64::MAX;
        let own = self.is_carried.then(|| std::mem::take(&mut self.bytes));
        if let Some(own) = &own {
            let start = groups.append(own).start;
            let moved = |range: Range<u32>| range.start + start..range.end + start;
            self.node = moved(self.node.clone());
            for span in &mut self.spans {
                *span = span.at(moved(span.body()));
            }
        }
        groups.add(GroupInfo {
            id: self.id,
            node: self.node.clone(),
            incomplete,
            truncated: self.truncated,
            relayed: self.relayed,
            for_context: false,
            redacted: false,
            last_gap,
        });
        groups.add_spans(&self.spans);
        if self.spans.len() > MAX_SPARE_SPANS {
            self.spans = SmallVec::new();
        }
        own
    }
}

/// Appends a part of `buffer` to `bytes`, and returns its new range.
fn append(bytes: &mut Vec<u8>, buffer: &[u8], part: &Range<u32>) -> Range<u32> {
    let start = bytes.len();
    bytes.extend_from_slice(slice(buffer, part));
    narrow(start..bytes.len())
}
