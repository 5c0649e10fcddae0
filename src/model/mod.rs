//! The types that all stages share. Nothing here does I/O or makes decisions.

mod actor;
mod arch;
mod arena;
mod batch;
mod detail;
mod escaped;
mod event;
mod event_id;
mod file_id;
mod group;
mod kind;
mod record;
pub mod record_type;
mod repeats;
mod socket;
mod span;
mod status;
mod syscall;
mod who;

pub use actor::{Actor, Identity};
pub use arch::Arch;
pub(crate) use arch::X32_SYSCALL_BIT;
pub use arena::Arena;
pub use batch::{Batch, Record, Sightings};
pub(crate) use batch::{Run, Stamp, narrow, slice};
pub use detail::{
    Action, Attributes, AuditDetail, Detail, FileDetail, ProcessAction, ProcessDetail, UserDetail,
};
pub use escaped::Escaped;
pub use event::AuditEvent;
pub(crate) use event::Text;
pub use event_id::{EventId, Millis, Timestamp};
pub use file_id::{FileId, FileType};
pub(crate) use group::GroupInfo;
pub use group::{AuditMessage, AuditMessageGroup, GroupBuilder, Groups};
pub use kind::{EventKind, Kinds};
pub use record::EventRecord;
pub(crate) use record::{Fields, Place};
pub use record_type::RecordType;
pub use repeats::Repeats;
pub use socket::{SocketAction, SocketDetail, SocketStatus};
pub(crate) use span::Span;
pub use status::{Change, ChangedBy, Filters, KernelState, Privileges, Status, StatusReason};
pub(crate) use syscall::errno_name_on;
pub use syscall::{errno_name, syscall_name, syscall_number, uring_op_name};
pub(crate) use who::Edition;
pub use who::{Container, Login, Origin, Parent, Who};
