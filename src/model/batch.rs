//! What a source hands over: many records in one buffer.

use std::ops::Range;

use crate::model::{EventId, RecordType};

/// One record, as a source delivers it: the stamp is read, the body is not.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The time and serial shared by all records of the event.
    pub id: EventId,
    /// The type, such as `SYSCALL`.
    pub record_type: RecordType,
    /// The host in a `node=` prefix, or empty.
    pub node: &'a [u8],
    /// What follows `audit(…): `, without a line end.
    pub body: &'a [u8],
    /// Whether the source had to cut the record because it was too long.
    pub cut: bool,
}

/// What a source saw besides records, since the last batch.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Sightings {
    /// Lines or datagrams that are no records: no type, no stamp, or nonsense in them.
    pub malformed: u64,
    /// Times the kernel said that the socket's receive buffer had overflowed (`ENOBUFS`).
    pub overflows: u64,
    /// Datagrams that the kernel dropped for want of room in the socket, where it counts them.
    pub dropped: u64,
    /// Records that the kernel lost before it could send them, because its backlog was full, by its
    /// rate limit or for want of memory (`lost` in `struct audit_status`).
    pub kernel_lost: u64,
    /// Datagrams that did not come from the kernel (netlink port id not 0).
    pub foreign: u64,
    /// Times that something began to keep records from coming: auditing was turned off, all rules
    /// were removed, or the registration as the audit daemon was lost.
    pub interruptions: u64,
}

impl Sightings {
    /// Adds what another batch saw.
    pub fn add(&mut self, other: Sightings) {
        self.malformed += other.malformed;
        self.overflows += other.overflows;
        self.dropped += other.dropped;
        self.kernel_lost += other.kernel_lost;
        self.foreign += other.foreign;
        self.interruptions += other.interruptions;
    }
}

/// Records in order of arrival, stored as offsets into one buffer.
#[derive(Debug, Default)]
pub struct Batch {
    /// The bytes that the entries point into.
    pub(crate) bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// What was seen besides records.
    pub sightings: Sightings,
}

/// A record as places in the bytes of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: EventId,
    pub(crate) record_type: RecordType,
    pub(crate) cut: bool,
    pub(crate) node: Range<u32>,
    pub(crate) body: Range<u32>,
}

impl Batch {
    /// Adds a record.
    pub fn push(&mut self, record: Record<'_>) {
        let node = self.append(record.node);
        let body = self.append(record.body);
        self.add(Entry {
            id: record.id,
            record_type: record.record_type,
            cut: record.cut,
            node,
            body,
        });
    }

    fn append(&mut self, text: &[u8]) -> Range<u32> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        narrow(start..self.bytes.len())
    }

    /// Adds a record whose node and body are in the buffer already.
    #[inline]
    pub(crate) fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// The records, in order of arrival.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.entries.iter().map(|entry| Record {
            id: entry.id,
            record_type: entry.record_type,
            cut: entry.cut,
            node: slice(&self.bytes, &entry.node),
            body: slice(&self.bytes, &entry.body),
        })
    }

    /// The records as places in the buffer.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Empties the batch and keeps its capacity.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        self.sightings = Sightings::default();
    }
}

/// Offsets are stored in 32 bits: a batch never grows past the few MiB that its source allows, and what
/// is in flight and may join it is bounded too.
#[inline]
pub(crate) fn narrow(range: Range<usize>) -> Range<u32> {
    let narrow = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
    narrow(range.start)..narrow(range.end)
}

/// The bytes at a stored range; an impossible range is empty instead of a panic.
#[inline]
pub(crate) fn slice<'a>(bytes: &'a [u8], range: &Range<u32>) -> &'a [u8] {
    bytes
        .get(range.start as usize..range.end as usize)
        .unwrap_or_default()
}
