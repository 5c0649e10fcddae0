//! Parses the text of an event's records.
//!
//! Parsing never fails: it skips what it does not understand. A missing field is absent, never
//! zero. Nothing is decoded by how it looks: only the field and record type decide whether bare hex
//! is text.

mod accessed;
mod call;
mod clone;
mod distinct;
pub(crate) mod enriched;
mod exact;
mod execve;
mod facts;
mod fields;
mod layout;
mod memo;
mod path;
mod roles;
mod sockaddr;
mod tokenize;
mod user;
mod value;

use bumpalo::{Bump, collections::Vec};

use crate::{
    bytes::contains,
    model::{Arena, RecordType},
};

pub use call::CallRecord;
pub(crate) use clone::CloneFlags;
pub use execve::Argv;
pub(crate) use execve::position;
pub(crate) use facts::is_contexts;
pub use facts::{Facts, Parser, facts};
pub(crate) use fields::{decode, is_plain};
pub(crate) use memo::Memo;
pub use path::{NameType, PathRecord};
pub use sockaddr::Sockaddr;
pub use tokenize::{AuditMessageTokenMap, Token, Tokens, tokenize};
pub use user::UserRecord;
pub(crate) use user::is_encoded;
pub use value::Value;

/// The names that auditd has appended to a record, such as `UID="root"`; empty if there are none.
pub(crate) fn appended(message: crate::model::AuditMessage<'_>) -> &[u8] {
    enriched::split(message.record_type, message.data).1
}

/// The fields of a record of any type and their decoded values, in the order of the record.
///
/// Placeholders for missing values, such as `(null)` and `?`, are left out. A repeated name gets a
/// suffix, `_2` to `_9`. Words outside of any pair become the field `message`.
///
/// ```
/// use auditrd::{Arena, parse::fields, record_type::AUDIT_AVC};
///
/// let body = br#"avc:  denied  { read write } for  pid=7 name=612062 tclass=file permissive=0"#;
/// let arena = Arena::new();
/// let fields = fields(AUDIT_AVC, body, &arena);
/// assert_eq!(fields[0], (&b"decision"[..], &b"denied"[..]));
/// assert_eq!(fields[1], (&b"permissions"[..], &b"read write"[..]));
/// assert_eq!(fields[3], (&b"name"[..], &b"a b"[..]));
/// ```
pub fn fields<'a>(
    record_type: RecordType,
    body: &'a [u8],
    arena: &'a Arena,
) -> &'a [(&'a [u8], &'a [u8])] {
    fields::decode(record_type, body, arena.bump())
}

/// The keys of the rules that matched, joined with commas. In the field, the byte 0x01 separates
/// them (include/uapi/linux/audit.h, `AUDIT_KEY_SEPARATOR`).
fn keys<'a>(text: &'a [u8], arena: &'a Bump) -> &'a [u8] {
    if !contains(1, text) {
        return text;
    }
    let comma = |byte: &u8| if *byte == 1 { b',' } else { *byte };
    Vec::from_iter_in(text.iter().map(comma), arena).into_bump_slice()
}

/// The offset of `part`, a subslice of `text`.
pub(crate) fn offset(part: &[u8], text: &[u8]) -> usize {
    part.as_ptr().addr().saturating_sub(text.as_ptr().addr())
}
