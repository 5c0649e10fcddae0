//! The command around the library: what was asked for, the loop of the marshaller thread, and what
//! it says of itself to people, to Prometheus and to a service manager.

pub(crate) mod cli;
mod counters;
mod format;
mod losses;
mod metrics;
mod notify;
pub(crate) mod progress;
pub(crate) mod run;
mod values;
