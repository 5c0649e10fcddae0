//! Parses the text of an event's records.
//!
//! Parsing never fails: it skips what it does not understand. A missing field is absent, never
//! zero. Nothing is decoded by how it looks: only the field and record type decide whether bare hex
//! is text.

mod enriched;
mod execve;
mod facts;
mod layout;
mod path;
mod roles;
mod sockaddr;
mod tokenize;
mod user;
mod value;

use bumpalo::{Bump, collections::Vec};

pub use execve::Argv;
pub use facts::{CallRecord, Facts, facts};
pub use path::{NameType, PathRecord};
pub use sockaddr::Sockaddr;
pub use tokenize::{AuditMessageTokenMap, Token, Tokens, tokenize};
pub use user::UserRecord;
pub use value::Value;

/// The keys of the rules that matched, joined with commas. In the field, the byte 0x01 separates
/// them (include/uapi/linux/audit.h, `AUDIT_KEY_SEPARATOR`).
fn keys<'a>(text: &'a [u8], arena: &'a Bump) -> &'a [u8] {
    if memchr::memchr(1, text).is_none() {
        return text;
    }
    let comma = |byte: &u8| if *byte == 1 { b',' } else { *byte };
    Vec::from_iter_in(text.iter().map(comma), arena).into_bump_slice()
}

/// The offset of `part`, a subslice of `text`.
fn offset(part: &[u8], text: &[u8]) -> usize {
    part.as_ptr().addr().saturating_sub(text.as_ptr().addr())
}
