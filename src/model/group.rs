//! The records of one event, stored together.

use std::ops::Range;

use crate::model::{EventId, RecordType, batch::slice};

/// One record of a group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AuditMessage<'a> {
    /// The type, such as `SYSCALL`.
    pub kind: RecordType,
    /// What follows `audit(…): `.
    pub data: &'a [u8],
}

/// The records that share an [`EventId`]: one event.
///
/// The bytes of all records lie in one buffer, and the records are offsets into it. A group has no
/// lifetime, so it can be stored, sent and used again for another event.
///
/// ```
/// use auditrd::{AuditMessageGroup, EventId, record_type::AUDIT_CWD};
///
/// let mut group = AuditMessageGroup::new(EventId::default(), b"");
/// group.push(AUDIT_CWD, b"cwd=\"/root\"");
/// assert_eq!(group.messages().next().unwrap().data, b"cwd=\"/root\"");
/// ```
#[derive(Clone, Debug, Default)]
pub struct AuditMessageGroup {
    /// The time and serial that the records share.
    pub id: EventId,
    /// The host that the records came from, or empty where the log does not say.
    pub node: Vec<u8>,
    /// The end of the event never came: its timer ran out, its place was needed, or input ended.
    pub incomplete: bool,
    /// A bound cut the event: a record was shortened or left out.
    pub truncated: bool,
    bytes: Vec<u8>,
    records: Vec<(RecordType, Range<u32>)>,
}

impl AuditMessageGroup {
    /// A group without records.
    pub fn new(id: EventId, node: &[u8]) -> AuditMessageGroup {
        let mut group = AuditMessageGroup::default();
        group.reuse(id, node);
        group
    }

    /// Makes this the empty group of another event, and keeps its capacity.
    pub fn reuse(&mut self, id: EventId, node: &[u8]) {
        self.id = id;
        self.node.clear();
        self.node.extend_from_slice(node);
        self.incomplete = false;
        self.truncated = false;
        self.bytes.clear();
        self.records.clear();
    }

    /// Adds a record.
    pub fn push(&mut self, kind: RecordType, data: &[u8]) {
        let offset = |bytes: &Vec<u8>| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let start = offset(&self.bytes);
        self.bytes.extend_from_slice(data);
        self.records.push((kind, start..offset(&self.bytes)));
    }

    /// The records, in order of arrival.
    pub fn messages(&self) -> impl Iterator<Item = AuditMessage<'_>> + Clone {
        self.records.iter().map(|(kind, range)| AuditMessage {
            kind: *kind,
            data: slice(&self.bytes, range),
        })
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The length of all records together, in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes of memory the group holds on to, used or not.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity() + self.records.capacity() * size_of::<(RecordType, Range<u32>)>()
    }
}
