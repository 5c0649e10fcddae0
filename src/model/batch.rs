//! A batch of records in one buffer, as a source delivers it.

use std::ops::Range;

use crate::model::{EventId, RecordType};

/// One record, as a source delivers it: the stamp is parsed, the body is not.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The time and serial shared by all records of the event.
    pub id: EventId,
    /// The type, such as `SYSCALL`.
    pub record_type: RecordType,
    /// The host name in a `node=` prefix, or empty.
    pub node: &'a [u8],
    /// The text after `audit(…): `, without a line end.
    pub body: &'a [u8],
    /// Whether the source had to cut the record because it was too long, or found it cut.
    pub cut: bool,
    /// Whether the record came through a relay, such as syslog, rather than from auditd's own file
    /// or the kernel. What relays accept from any program may not be a record of the kernel.
    pub relayed: bool,
}

/// Losses and errors that a source has noticed since the last batch.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Sightings {
    /// Lines or datagrams without a valid type and stamp.
    pub malformed: u64,
    /// How often the kernel reported that the socket's receive buffer had overflowed (`ENOBUFS`).
    pub overflows: u64,
    /// Datagrams that the kernel dropped because the receive buffer was full, if it counts them.
    pub dropped: u64,
    /// Records that the kernel lost before sending them: out of memory, over its rate limit, or
    /// with a full backlog (`lost` in `struct audit_status`).
    pub kernel_lost: u64,
    /// Datagrams from senders other than the kernel (netlink port not 0).
    pub foreign: u64,
    /// How often auditing was interrupted: turned off, all rules removed, or the registration as
    /// the audit daemon lost.
    pub interruptions: u64,
    /// How often the loaded rules came to watch other files, as far as the kernel may be asked.
    pub rule_changes: u64,
}

impl Sightings {
    /// Adds the counters of another batch.
    pub fn add(&mut self, other: Sightings) {
        self.malformed += other.malformed;
        self.overflows += other.overflows;
        self.dropped += other.dropped;
        self.kernel_lost += other.kernel_lost;
        self.foreign += other.foreign;
        self.interruptions += other.interruptions;
        self.rule_changes += other.rule_changes;
    }
}

/// Records in order of arrival, stored as offsets into one buffer.
#[derive(Debug, Default)]
pub struct Batch {
    /// The bytes that the entries refer to.
    pub(crate) bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Losses and errors.
    pub sightings: Sightings,
}

/// A record whose texts are ranges of the bytes of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: EventId,
    pub(crate) record_type: RecordType,
    pub(crate) cut: bool,
    pub(crate) relayed: bool,
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
            relayed: record.relayed,
            node,
            body,
        });
    }

    fn append(&mut self, text: &[u8]) -> Range<u32> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        narrow(start..self.bytes.len())
    }

    /// Adds a record whose node and body are in `bytes` already.
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
            relayed: entry.relayed,
            node: slice(&self.bytes, &entry.node),
            body: slice(&self.bytes, &entry.body),
        })
    }

    /// The records as places in the buffer, in runs of consecutive records with the same stamp.
    /// A record with the name of a node is a run by itself.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &[Entry]> {
        self.entries
            .chunk_by(|one, next| one.id == next.id && one.node.is_empty() && next.node.is_empty())
    }

    /// The number of records.
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

/// Stores offsets in 32 bits: a source limits its batches to a few MiB, and the events in flight
/// that may be appended are bounded too.
#[inline]
pub(crate) fn narrow(range: Range<usize>) -> Range<u32> {
    let narrow = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
    narrow(range.start)..narrow(range.end)
}

/// The bytes at a stored range. An invalid range is empty rather than a panic.
#[inline]
pub(crate) fn slice<'a>(bytes: &'a [u8], range: &Range<u32>) -> &'a [u8] {
    bytes
        .get(range.start as usize..range.end as usize)
        .unwrap_or_default()
}
