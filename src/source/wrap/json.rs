//! Records in JSON objects, one object in a line.
//!
//! journald's export, container logs, shippers and alerts of other programs put the record into a
//! string, with JSON's escapes. A line that is not valid JSON is malformed: a record in it would be
//! read with the escapes in its values.

#[cfg(feature = "json")]
mod entries;

#[cfg(feature = "json")]
pub(super) use entries::entries;

/// Whether a text is JSON: an object, or a member of one that is printed on several lines.
pub(super) fn is_json(text: &[u8]) -> bool {
    matches!(text, [b'{', ..] | [b'"', ..] | [b'[', b'{', ..])
}

/// The JSON that follows a prefix which is no header that we know, before any record.
pub(super) fn after_prefix(text: &[u8]) -> Option<&[u8]> {
    let start = memchr::memchr(b'{', text)?;
    let (before, object) = text.split_at(start);
    let is_object = object.get(1..)?.trim_ascii_start().starts_with(b"\"");
    (is_object && memchr::memmem::find(before, b"type=").is_none()).then_some(object)
}

/// Without the feature `json` no line of it can be read, so each is malformed.
#[cfg(not(feature = "json"))]
pub(super) fn entries(_text: &[u8]) -> Vec<super::journal::Entry> {
    Vec::new()
}
