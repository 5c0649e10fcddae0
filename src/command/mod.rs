//! The command-line program around the library: options, the marshaller thread's loop, and reports
//! to the log, to Prometheus and to the service manager.

mod accounts;
mod aggregation;
pub(crate) mod check;
pub(crate) mod cli;
mod counters;
pub(crate) mod feed;
pub(crate) mod filters;
mod format;
mod heartbeat;
pub(crate) mod jobs;
mod losses;
mod metrics;
mod notify;
mod omitted;
mod pipeline;
pub(crate) mod progress;
mod redacted;
pub(crate) mod rules;
pub(crate) mod run;
mod timer;
pub(crate) mod trees;
mod values;

/// How long the marshaller thread waits for the kernel to answer a question; meanwhile, it writes
/// no events.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(250);
