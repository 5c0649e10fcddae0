//! A record as a place in a buffer.

use std::ops::Range;

use crate::model::RecordType;

/// A record: its type, its marks, and the range of its body in a buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) record_type: RecordType,
    /// As [`Record::cut`](crate::model::Record::cut).
    pub(crate) cut: bool,
    /// As [`Record::relayed`](crate::model::Record::relayed).
    pub(crate) relayed: bool,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// A record that is whole and came through no relay.
    #[inline]
    pub(crate) fn new(record_type: RecordType, body: Range<u32>) -> Span {
        Span {
            record_type,
            cut: false,
            relayed: false,
            start: body.start,
            end: body.end,
        }
    }

    /// The range of the body.
    #[inline]
    pub(crate) fn body(self) -> Range<u32> {
        self.start..self.end
    }

    /// The length of the body in bytes.
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// The same record with its body at another range.
    #[inline]
    pub(crate) fn at(self, body: Range<u32>) -> Span {
        Span {
            start: body.start,
            end: body.end,
            ..self
        }
    }
}
