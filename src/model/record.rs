//! A record of an event as names and texts.

use crate::model::RecordType;

/// A record whose fields have no keys of their own in the event line, decoded.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EventRecord<'a> {
    /// The type, such as `AVC`.
    pub record_type: RecordType,
    /// The fields, in the order of the record, with their decoded values.
    pub fields: &'a [(&'a [u8], &'a [u8])],
    /// The record as it was written, if its fields are all of it and none needs escaping in JSON.
    /// Records of one type with the same text have the same fields.
    pub(crate) plain: Option<&'a [u8]>,
}
