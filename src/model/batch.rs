//! A batch of records in one buffer, as a source delivers it.

use std::ops::Range;

use crate::model::{EventId, RecordType, Span};

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
    /// The bytes that the records refer to.
    pub(crate) bytes: Vec<u8>,
    spans: Vec<Span>,
    /// The stamps of the runs, each with the index of the first record.
    runs: Vec<(u32, Stamp)>,
    /// Losses and errors.
    pub sightings: Sightings,
}

/// The stamp that records share, and the range of the name of their node in a buffer.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    pub(crate) id: EventId,
    pub(crate) node: Range<u32>,
}

/// Consecutive records with the same stamp and node. Their texts are in a buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) stamp: &'a Stamp,
    pub(crate) records: &'a [Span],
}

impl Run<'_> {
    /// Whether the audit daemon wrote the first record about itself.
    #[inline]
    pub(crate) fn is_of_daemon(self) -> bool {
        let first = self.records.first();
        first.is_some_and(|first| first.record_type.is_of_daemon())
    }
}

impl Batch {
    /// Adds a record.
    pub fn push(&mut self, record: Record<'_>) {
        let node = self.append(record.node);
        let body = self.append(record.body);
        let span = Span {
            cut: record.cut,
            relayed: record.relayed,
            ..Span::new(record.record_type, body)
        };
        self.add(record.id, node, span);
    }

    fn append(&mut self, text: &[u8]) -> Range<u32> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        narrow(start..self.bytes.len())
    }

    /// Adds a record whose node and body are in `bytes` already.
    #[inline]
    pub(crate) fn add(&mut self, id: EventId, node: Range<u32>, span: Span) {
        let goes_on =
            |(_, last): &(u32, Stamp)| last.id == id && last.node.is_empty() && node.is_empty();
        if !self.runs.last().is_some_and(goes_on) {
            let first = u32::try_from(self.spans.len()).unwrap_or(u32::MAX);
            self.runs.push((first, Stamp { id, node }));
        }
        self.spans.push(span);
    }

    /// As [`add`](Self::add), for a record with the stamp of the last one. Neither may have a node.
    #[inline(always)]
    pub(crate) fn go_on(&mut self, span: Span) {
        self.spans.push(span);
    }

    /// The records, in order of arrival.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.runs().flat_map(move |run| {
            let node = slice(&self.bytes, &run.stamp.node);
            run.records.iter().map(move |span| Record {
                id: run.stamp.id,
                record_type: span.record_type,
                cut: span.cut,
                relayed: span.relayed,
                node,
                body: slice(&self.bytes, &span.body()),
            })
        })
    }

    /// The records as places in the buffer, in runs of consecutive records with the same stamp.
    /// A record with the name of a node is a run by itself.
    #[inline]
    pub(crate) fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        let (mut runs, mut rest) = (self.runs.iter(), self.spans.as_slice());
        std::iter::from_fn(move || {
            let (first, stamp) = runs.next()?;
            let length = match runs.as_slice().first() {
                Some((next, _)) => (next - first) as usize,
                None => rest.len(),
            };
            let (records, others) = rest.split_at_checked(length)?;
            rest = others;
            Some(Run { stamp, records })
        })
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Empties the batch and keeps its capacity.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
        self.runs.clear();
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
