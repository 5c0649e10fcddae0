//! Whole events, each the records that it has, stored together.

use std::ops::Range;

use crate::model::{EventId, RecordType, narrow, slice};

/// One record of a group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AuditMessage<'a> {
    /// The type, such as `SYSCALL`.
    pub record_type: RecordType,
    /// What follows `audit(…): `.
    pub data: &'a [u8],
}

/// The records that share an [`EventId`]: one event. It is borrowed from [`Groups`].
#[derive(Clone, Copy, Debug)]
pub struct AuditMessageGroup<'a> {
    /// The time and serial that the records share.
    pub id: EventId,
    /// The host that the records came from, or empty where the log does not say.
    pub node: &'a [u8],
    /// The end of the event never came: its timer ran out, its place was needed, or input ended.
    pub incomplete: bool,
    /// A bound cut the event: a record was shortened or left out.
    pub truncated: bool,
    bytes: &'a [u8],
    places: &'a [Place],
}

impl<'a> AuditMessageGroup<'a> {
    /// The records, in order of arrival.
    #[inline]
    pub fn messages(&self) -> impl Iterator<Item = AuditMessage<'a>> + Clone + use<'a> {
        let bytes = self.bytes;
        self.places.iter().map(move |place| AuditMessage {
            record_type: place.record_type,
            data: slice(bytes, &place.range),
        })
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

/// Where a record's body lies in a buffer.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) record_type: RecordType,
    pub(crate) range: Range<u32>,
}

/// Many events, in the order in which they became whole.
///
/// The bytes of all records lie in one buffer, which is the one that they were read into where that
/// can be, and the events are places in it. So events can be stored, sent and used again without
/// moving their text, and without a buffer for each.
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
    places: Vec<Place>,
    /// With where the places of each begin. They end where those of the next event begin.
    heads: Vec<(u32, Head)>,
}

/// What is said of an event besides its records.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) id: EventId,
    /// Where the name of the host is.
    pub(crate) node: Range<u32>,
    pub(crate) incomplete: bool,
    pub(crate) truncated: bool,
}

/// Room that has grown past this many bytes is not kept: one huge event must not cost its memory for
/// ever.
const SPARE_CAPACITY: usize = 2 << 20;

impl Groups {
    /// Begins another event, without records yet. `node` is the name of the host that it is from, or
    /// empty.
    pub fn begin(&mut self, id: EventId, node: &[u8]) -> GroupBuilder<'_> {
        let node = self.append(node);
        self.add(Head {
            id,
            node,
            incomplete: false,
            truncated: false,
        });
        GroupBuilder(self)
    }

    /// The event with this number, from 0.
    #[inline]
    pub fn get(&self, index: usize) -> Option<AuditMessageGroup<'_>> {
        let (start, head) = self.heads.get(index)?;
        let end = match self.heads.get(index + 1) {
            Some((next, _)) => *next as usize,
            None => self.places.len(),
        };
        Some(AuditMessageGroup {
            id: head.id,
            node: slice(&self.bytes, &head.node),
            incomplete: head.incomplete,
            truncated: head.truncated,
            bytes: &self.bytes,
            places: self.places.get(*start as usize..end).unwrap_or_default(),
        })
    }

    /// The event that came last.
    pub fn last(&self) -> Option<AuditMessageGroup<'_>> {
        self.get(self.heads.len().checked_sub(1)?)
    }

    /// All events, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = AuditMessageGroup<'_>> {
        (0..self.heads.len()).map(|index| self.get(index).expect("there are as many"))
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there are no events.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// How many records all events have together.
    pub fn records(&self) -> usize {
        self.places.len()
    }

    /// How many bytes the events take.
    pub fn size(&self) -> usize {
        size(self.bytes.len(), self.places.len(), self.heads.len())
    }

    /// Takes all events out, and keeps what room they had unless it was much.
    pub fn clear(&mut self) {
        if self.room() > SPARE_CAPACITY {
            *self = Groups::default();
        }
        self.bytes.clear();
        self.places.clear();
        self.heads.clear();
    }

    /// How many bytes there is room for, as [`size`](Self::size) counts them.
    pub(crate) fn room(&self) -> usize {
        let Groups {
            bytes,
            places,
            heads,
        } = self;
        size(bytes.capacity(), places.capacity(), heads.capacity())
    }

    /// Begins an event whose name of the host is in the buffer already.
    #[inline]
    pub(crate) fn add(&mut self, head: Head) {
        let start = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.heads.push((start, head));
    }

    /// Adds a record whose body is in the buffer already to the event that was begun last.
    #[inline]
    pub(crate) fn add_place(&mut self, place: Place) {
        self.places.push(place);
    }

    /// Adds such records.
    #[inline]
    pub(crate) fn add_places(&mut self, places: impl Iterator<Item = Place>) {
        self.places.extend(places);
    }

    /// Adds bytes to the buffer and says where they are.
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
    /// Adds a record: its type, and what follows `audit(…): `.
    pub fn push(&mut self, record_type: RecordType, data: &[u8]) -> &mut Self {
        let range = self.0.append(data);
        self.0.add_place(Place { record_type, range });
        self
    }
}

/// How many bytes so many bytes of text, records and events take.
fn size(bytes: usize, places: usize, heads: usize) -> usize {
    bytes + places * size_of::<Place>() + heads * size_of::<(u32, Head)>()
}
