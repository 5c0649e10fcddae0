//! Whole events: groups of records, stored together.

use std::ops::Range;

use crate::model::{EventId, RecordType, Span, narrow, slice};

/// One record of a group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AuditMessage<'a> {
    /// The type, such as `SYSCALL`.
    pub record_type: RecordType,
    /// The text after `audit(…): `.
    pub data: &'a [u8],
}

/// The records that share an [`EventId`]: one event. It is borrowed from [`Groups`].
#[derive(Clone, Copy, Debug)]
pub struct AuditMessageGroup<'a> {
    /// The time and serial that the records share.
    pub id: EventId,
    /// The host name in the `node=` prefix of a log, or empty.
    pub node: &'a [u8],
    /// The end of the event never came: its timer ran out, its slot was needed, or the input ended.
    pub incomplete: bool,
    /// A bound cut the event: a record was shortened or left out.
    pub truncated: bool,
    /// A record came through a relay, such as syslog.
    pub relayed: bool,
    /// The group makes no line: its only record is of a type outside the range, and is needed for
    /// the context of other events
    /// ([`ReassemblyConfig::context`](crate::ReassemblyConfig::context)).
    pub for_context: bool,
    /// Secrets were taken out of the records.
    pub redacted: bool,
    /// The number of the last gap in the serials that was still open when the event was whole, of
    /// all gaps so far, or 0. Where it grows, an event between this one and the one before may be
    /// lost; it falls when the serials of that gap arrive after all.
    pub last_gap: u32,
    bytes: &'a [u8],
    spans: &'a [Span],
}

impl<'a> AuditMessageGroup<'a> {
    /// The records, in order of arrival.
    #[inline]
    pub fn messages(&self) -> impl Iterator<Item = AuditMessage<'a>> + Clone + use<'a> {
        let bytes = self.bytes;
        self.spans.iter().map(move |span| AuditMessage {
            record_type: span.record_type,
            data: slice(bytes, &span.body()),
        })
    }

    /// The types of the records, in order of arrival.
    #[inline]
    pub(crate) fn record_types(&self) -> impl Iterator<Item = RecordType> + use<'a> {
        self.spans.iter().map(|span| span.record_type)
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

/// Many events, in the order in which they became whole.
///
/// The bytes of all records are in one buffer, if possible the one that they were read into, and
/// the events are spans of it. So events can be stored, sent and reused without a copy of their
/// text and without a buffer for each.
///
/// ```
/// use auditrd::{model::{EventId, Groups}, record_type::AUDIT_CWD};
///
/// let mut groups = Groups::default();
/// groups.begin(EventId::default(), b"").push(AUDIT_CWD, b"cwd=\"/root\"");
/// let group = groups.last().unwrap();
/// assert_eq!(group.messages().next().unwrap().data, b"cwd=\"/root\"");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Groups {
    pub(crate) bytes: Vec<u8>,
    spans: Vec<Span>,
    /// Each with the index of its first span. Its last span precedes the first of the next group.
    groups: Vec<(u32, GroupInfo)>,
}

/// The facts of an event other than its records.
#[derive(Clone, Debug)]
pub(crate) struct GroupInfo {
    pub(crate) id: EventId,
    /// The range of the host name in the buffer.
    pub(crate) node: Range<u32>,
    pub(crate) incomplete: bool,
    pub(crate) truncated: bool,
    pub(crate) relayed: bool,
    pub(crate) for_context: bool,
    pub(crate) redacted: bool,
    /// The last gap in the serials that was still open when the event was whole.
    pub(crate) last_gap: u32,
}

/// Larger buffers are freed, not reused, so that one huge event does not occupy memory for ever.
const MAX_SPARE_BYTES: usize = 2 << 20;

impl Groups {
    /// Begins another event, without records yet. `node` is the name of its host, or empty.
    pub fn begin(&mut self, id: EventId, node: &[u8]) -> GroupBuilder<'_> {
        let node = self.append(node);
        self.add(GroupInfo {
            id,
            node,
            incomplete: false,
            truncated: false,
            relayed: false,
            for_context: false,
            redacted: false,
            last_gap: 0,
        });
        GroupBuilder(self)
    }

    /// Begins a copy of an event whose records will be those without secrets.
    pub(crate) fn begin_redacted(&mut self, group: &AuditMessageGroup<'_>) -> GroupBuilder<'_> {
        let node = self.append(group.node);
        self.add(GroupInfo {
            id: group.id,
            node,
            incomplete: group.incomplete,
            truncated: group.truncated,
            relayed: group.relayed,
            for_context: group.for_context,
            redacted: true,
            last_gap: group.last_gap,
        });
        GroupBuilder(self)
    }

    /// The event with this number, from 0.
    #[inline]
    pub fn get(&self, index: usize) -> Option<AuditMessageGroup<'_>> {
        let (start, info) = self.groups.get(index)?;
        let end = match self.groups.get(index + 1) {
            Some((next, _)) => *next as usize,
            None => self.spans.len(),
        };
        Some(AuditMessageGroup {
            id: info.id,
            node: slice(&self.bytes, &info.node),
            incomplete: info.incomplete,
            truncated: info.truncated,
            relayed: info.relayed,
            for_context: info.for_context,
            redacted: info.redacted,
            last_gap: info.last_gap,
            bytes: &self.bytes,
            spans: self.spans.get(*start as usize..end).unwrap_or_default(),
        })
    }

    /// The newest event.
    pub fn last(&self) -> Option<AuditMessageGroup<'_>> {
        self.get(self.groups.len().checked_sub(1)?)
    }

    /// All events, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = AuditMessageGroup<'_>> {
        (0..self.groups.len()).map(|index| self.get(index).expect("the index is below the length"))
    }

    /// The number of events.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there are no events.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The number of records in all events.
    pub fn records(&self) -> usize {
        self.spans.len()
    }

    /// The size of all events in bytes.
    pub fn size(&self) -> usize {
        size(self.bytes.len(), self.spans.len(), self.groups.len())
    }

    /// Removes all events. Buffers are kept for reuse unless they are large.
    pub fn clear(&mut self) {
        if self.room() > MAX_SPARE_BYTES {
            *self = Groups::default();
        }
        self.bytes.clear();
        self.spans.clear();
        self.groups.clear();
    }

    /// The capacity in bytes, counted like [`size`](Self::size).
    pub(crate) fn room(&self) -> usize {
        let Groups {
            bytes,
            spans,
            groups,
        } = self;
        size(bytes.capacity(), spans.capacity(), groups.capacity())
    }

    /// Begins an event whose host name is in the buffer already.
    #[inline]
    pub(crate) fn add(&mut self, info: GroupInfo) {
        let start = u32::try_from(self.spans.len()).unwrap_or(u32::MAX);
        self.groups.push((start, info));
    }

    /// Adds a record, whose body is in the buffer already, to the newest event.
    #[inline]
    pub(crate) fn add_span(&mut self, span: Span) {
        self.spans.push(span);
    }

    /// Adds several such records.
    #[inline]
    pub(crate) fn add_spans(&mut self, spans: &[Span]) {
        self.spans.extend_from_slice(spans);
    }

    /// Appends bytes to the buffer. Returns their range.
    #[inline]
    pub(crate) fn append(&mut self, data: &[u8]) -> Range<u32> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(data);
        narrow(start..self.bytes.len())
    }
}

/// Adds records to the event that [`Groups::begin`] began.
#[derive(Debug)]
pub struct GroupBuilder<'a>(&'a mut Groups);

impl GroupBuilder<'_> {
    /// Adds a record: its type, and the text after `audit(…): `.
    pub fn push(&mut self, record_type: RecordType, data: &[u8]) -> &mut Self {
        let range = self.0.append(data);
        self.0.add_span(Span::new(record_type, range));
        self
    }
}

/// The size in bytes of a number of bytes of text, of records and of events.
fn size(bytes: usize, spans: usize, groups: usize) -> usize {
    bytes + spans * size_of::<Span>() + groups * size_of::<(u32, GroupInfo)>()
}
