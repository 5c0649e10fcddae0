//! Records in JSON objects, one object in a line.
//!
//! journald's export, container logs, shippers and alerts of other programs put the record into a
//! string, with JSON's escapes; go-audit puts the records of an event into one object. A line that
//! is not valid JSON is malformed: a record in it would be read with the escapes in its values.

#[cfg(feature = "json")]
mod entries;
#[cfg(feature = "json")]
mod groups;

#[cfg(feature = "json")]
pub(super) use entries::items;

use memchr::memmem;

use super::journal::Entry;
use crate::{
    model::{EventId, RecordType, Timestamp},
    source::stamp::stamp,
};

/// What an object holds.
#[derive(Debug, Eq, PartialEq)]
#[cfg_attr(not(feature = "json"), expect(dead_code, reason = "no object is read"))]
pub(super) enum Item {
    /// The text of a log line, or an entry of the journal.
    Entry(Entry),
    /// The records of an event.
    Group(Group),
}

/// The records of an event in one object, as go-audit and `--format raw` write them.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Group {
    pub(super) id: EventId,
    /// The host, if the object names one.
    pub(super) node: Vec<u8>,
    /// The types and texts of the records. There is no EOE among them.
    pub(super) records: Vec<(RecordType, Vec<u8>)>,
    /// Whether the event was complete when it was written.
    pub(super) is_complete: bool,
    /// Whether a part of a record was missing then.
    pub(super) is_truncated: bool,
}

/// Whether a text is JSON: an object, or a member of one that is printed on several lines.
pub(super) fn is_json(text: &[u8]) -> bool {
    matches!(text, [b'{', ..] | [b'"', ..] | [b'[', b'{', ..])
}

/// The JSON that follows a prefix which is no header that we know, before any record.
pub(super) fn after_prefix(text: &[u8]) -> Option<&[u8]> {
    let start = memchr::memchr(b'{', text)?;
    let (before, object) = text.split_at(start);
    let is_object = object.get(1..)?.trim_ascii_start().starts_with(b"\"");
    (is_object && memmem::find(before, b"type=").is_none()).then_some(object)
}

/// The time of the first event in a text, whose records an object has without their stamps.
pub(super) fn time(text: &[u8]) -> Option<Timestamp> {
    const KEY: &[u8] = b"\"timestamp\":\"";
    let start = memmem::find(text, KEY)? + KEY.len();
    let time = text.get(start..)?;
    let time = time.get(..memchr::memchr(b'"', time)?)?;
    let (id, _) = stamp(&[b"audit(", time, b":0)"].concat())?;
    Some(id.time)
}

/// Without the feature `json` no line of it can be read, so each is malformed.
#[cfg(not(feature = "json"))]
pub(super) fn items(_text: &[u8]) -> Vec<Item> {
    Vec::new()
}
