//! From the text of an event's records to the facts they state.
//!
//! Parsing never fails: it yields what it understood. What a record did not say is absent, never
//! zero, and nothing is decoded because of what it looks like, only because of which field of
//! which record it is.

mod execve;
mod facts;
mod layout;
mod path;
mod tokenize;
mod user;
mod value;

use bumpalo::{Bump, collections::Vec};

pub use execve::Argv;
pub use facts::{CallRecord, Facts, facts};
pub use path::{NameType, PathRecord};
pub use tokenize::{AuditMessageTokenMap, Token, Tokens, tokenize};
pub use user::UserRecord;
pub use value::Value;

/// The keys of the rules that fired: several stand in one field with the byte 0x01 between them
/// (include/uapi/linux/audit.h, `AUDIT_KEY_SEPARATOR`), and come out with commas.
fn keys<'a>(text: &'a [u8], arena: &'a Bump) -> &'a [u8] {
    if memchr::memchr(1, text).is_none() {
        return text;
    }
    let comma = |byte: &u8| if *byte == 1 { b',' } else { *byte };
    Vec::from_iter_in(text.iter().map(comma), arena).into_bump_slice()
}

/// Where a part of a text begins in it.
fn offset(part: &[u8], text: &[u8]) -> usize {
    part.as_ptr().addr().saturating_sub(text.as_ptr().addr())
}
