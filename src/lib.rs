//! Reads the Linux audit subsystem and makes events of its records.
//!
//! The command `auditrd` is a thin shell around this library. To get events in a program of your
//! own, open an [`AuditReader`]: it reads in a thread and yields an [`AuditMessageGroup`] for each
//! event. A [`Classifier`] makes an [`AuditEvent`] of it, and [`encode::line`] a line of JSON.
//!
//! ```
//! use std::path::PathBuf;
//!
//! use auditrd::{Arena, AuditReader, Classifier, ReaderConfig, ReassemblyConfig};
//! use auditrd::{encode, record_type::*, resolve::Absent, source};
//!
//! let (stopper, stop) = source::stop()?;
//! let source = source::LogSource::open(&[PathBuf::from("tests/data/fim.log")], stop)?;
//! let config = ReaderConfig::log(ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
//! let mut classifier = Classifier::new(Box::new(Absent));
//! let (mut arena, mut lines) = (Arena::new(), Vec::new());
//! let mut reader = AuditReader::spawn(Box::new(source), stopper, config)?;
//! while let Some(group) = reader.next()? {
//!     if let Some(event) = classifier.classify(&group, &arena) {
//!         encode::line(&event, &mut lines);
//!     }
//!     arena.reset();
//! }
//! assert!(lines.starts_with(b"{\"name\":\"fim_event\","));
//! # Ok::<(), auditrd::Error>(())
//! ```
//!
//! # Modules
//!
//! There is a module for each stage, in the order in which data flows: [`source`] → [`reassemble`]
//! → [`parse`] → [`classify`], with [`resolve`] for paths → [`enrich`] → [`encode`] → [`sink`].
//! [`aggregate`] joins lines that repeat. [`reader`] runs the first two in a thread, and [`model`]
//! has the types that the stages share. [`confine`], [`inspector`], [`scanner`] and [`prime`] are
//! for a program that gives up its rights.
//!
//! Only the reader has a thread and a channel. Parsing never fails: it yields what it understood.
//!
//! # Features
//!
//! The default feature `cli` is for the program `auditrd` alone. A library that depends on this one
//! takes `default-features = false`, `confine` or `pretty` for the modules of these names, and
//! `compression` or `json` to read logs that are compressed, or whose records are in JSON.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test ends there"))]

pub mod aggregate;
mod bytes;
pub mod classify;
#[cfg(feature = "confine")]
pub mod confine;
pub mod encode;
pub mod enrich;
pub mod error;
#[cfg(feature = "filter")]
pub mod filter;
#[cfg(feature = "confine")]
mod helper;
#[cfg(feature = "confine")]
pub mod inspector;
pub mod model;
pub mod parse;
#[cfg(feature = "confine")]
pub mod prime;
pub mod reader;
pub mod reassemble;
pub mod redact;
pub mod resolve;
pub mod rules;
#[cfg(feature = "confine")]
pub mod scanner;
#[cfg(feature = "confine")]
pub mod session;
pub mod sink;
pub mod source;
mod sys;

pub use classify::{Classifier, parse_audit_event};
pub use error::Error;
pub use model::{Arena, AuditEvent, AuditMessageGroup, EventKind, Kinds, RecordType, record_type};
pub use reader::{AuditReader, ReaderConfig};
pub use reassemble::ReassemblyConfig;
