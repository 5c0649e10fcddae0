//! The nouns that all stages share. Nothing here reads, decides or writes.

mod arch;
mod batch;
mod event;
mod event_id;
mod group;
pub mod record_type;

pub use arch::Arch;
pub use batch::{Batch, Record, Sightings};
pub(crate) use batch::{Entry, narrow, slice};
pub use event::{Action, AuditEvent, EventKind, Identity};
pub use event_id::{EventId, Timestamp};
pub use group::{AuditMessage, AuditMessageGroup, Groups};
pub(crate) use group::{Head, Place};
pub use record_type::RecordType;
