//! Reads the Linux audit subsystem and makes events of its records.
//!
//! The command `auditrd` is a thin shell around this library. To get events in a program of your
//! own, open an [`AuditReader`]: it reads in a thread and yields an [`AuditMessageGroup`] for each
//! event. A [`Classifier`] makes an [`AuditEvent`] of it, and [`encode::line`] a line of JSON.
//!
//! ```
//! use std::path::PathBuf;
//!
//! use auditrd::{Absent, Arena, AuditReader, Classifier, LogSource, ReassemblyConfig};
//! use auditrd::{ReaderConfig, record_type::*};
//!
//! let (stopper, stop) = auditrd::stop()?;
//! let source = LogSource::open(&[PathBuf::from("tests/data/fim.log")], stop)?;
//! let config = ReaderConfig::log(ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
//! let mut classifier = Classifier::new(Box::new(Absent));
//! let (mut arena, mut lines) = (Arena::new(), Vec::new());
//! let mut reader = AuditReader::spawn(Box::new(source), stopper, config)?;
//! while let Some(group) = reader.next()? {
//!     if let Some(event) = classifier.classify(&group, &arena) {
//!         auditrd::encode::line(&event, &mut lines);
//!     }
//!     arena.reset();
//! }
//! assert!(lines.starts_with(b"{\"name\":\"fim_event\","));
//! # Ok::<(), auditrd::Error>(())
//! ```
//!
//! # Layers
//!
//! Data flows one way: [`source`](LogSource) → [`reassemble`](Reassembler) → [`parse`] →
//! [`classify`](Classifier) → [`encode`] → sink. A stage knows the [model](AuditEvent) and the
//! stages before it. Only the reader has a thread and a channel; only `sys` calls C;
//! parsing never fails, it yields what it understood.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test ends there"))]

mod bytes;
mod classify;
#[cfg(feature = "confine")]
mod confine;
pub mod encode;
mod error;
#[cfg(feature = "confine")]
mod inspector;
mod model;
pub mod parse;
mod reader;
mod reassemble;
mod resolve;
mod sink;
pub mod source;
mod sys;

pub use classify::{Classifier, is_exec_syscall, is_fim_syscall, parse_audit_event};
#[cfg(feature = "confine")]
pub use confine::{Confinement, Duty, User};
pub use error::{Error, plain};
#[cfg(feature = "confine")]
pub use inspector::Inspector;
pub use model::{
    Action, Actor, Arch, Arena, AuditEvent, AuditMessage, AuditMessageGroup, Batch, Detail,
    EventId, EventKind, FileDetail, FileId, GroupBuilder, Groups, Identity, Millis, ProcessAction,
    ProcessDetail, Record, RecordType, Sightings, Timestamp, UserDetail, errno_name, record_type,
    syscall_name, syscall_number, uring_op_name,
};
pub use parse::{AuditMessageTokenMap, tokenize};
pub use reader::{
    AuditReader, ClockKind, Dropped, Interrupter, Overflow, ReaderConfig, SerialTracker, Step,
    Totals,
};
pub use reassemble::{Reassembler, ReassemblyConfig, Tally};
pub use resolve::{Absent, Host, Proc};
pub use sink::{Fsync, Rotation, Sink, SinkConfig, SinkTally};
pub use source::{
    AuditStatus, Client, ClientConfig, Fill, LiveSource, LogSource, MAX_AUDIT_MESSAGE_LENGTH,
    Membership, NetlinkClient, NetlinkMessage, Source, Stop, Stopper, stop,
};

/// Whether a type is that of a record from user space: 1100 to 1199 and 2100 to 2999.
///
/// ```
/// use auditrd::{is_user_event, record_type::*};
///
/// assert!(is_user_event(AUDIT_USER_LOGIN));
/// assert!(!is_user_event(AUDIT_SYSCALL));
/// ```
#[doc(alias = "IsUserEvent")]
pub fn is_user_event(record_type: RecordType) -> bool {
    record_type.is_user_event()
}
