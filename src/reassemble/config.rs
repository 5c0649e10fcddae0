//! How events are put together, and what became of them.

use std::time::Duration;

use crate::model::RecordType;

/// How events are put together.
#[derive(Clone, Debug)]
pub struct ReassemblyConfig {
    /// The lowest type of record to keep.
    pub min: RecordType,
    /// The highest type of record to keep. EOE ends an event even if it is outside.
    pub max: RecordType,
    /// How long to wait for the end of an event, counted from its first record.
    pub timeout: Duration,
    /// Whether PROCTITLE ends an event whose SYSCALL record is there, as it does in a log.
    pub ends_at_proctitle: bool,
    /// Events in flight at most.
    pub max_events: usize,
    /// Bytes of all events in flight at most, with what it costs to keep them; never more than 2 GiB.
    pub max_bytes: usize,
    /// Bytes of one event at most, counted in the same way; records past it are left out.
    pub max_event_bytes: usize,
}

impl ReassemblyConfig {
    /// The time after which auditd's own libraries give an event up.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

    /// The usual bounds for records of these types.
    pub fn new(min: RecordType, max: RecordType) -> ReassemblyConfig {
        ReassemblyConfig {
            min,
            max,
            timeout: ReassemblyConfig::DEFAULT_TIMEOUT,
            ends_at_proctitle: false,
            max_events: 131_072,
            max_bytes: 64 << 20,
            max_event_bytes: 16 << 20,
        }
    }
}

/// What became of records and events.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tally {
    /// Records taken in, of any type.
    pub records: u64,
    /// Records of a type that was not asked for.
    pub filtered: u64,
    /// Records that only say that their event ends, and are no part of it.
    pub ends: u64,
    /// Records that were left out of their event because it was too large.
    pub left_out: u64,
    /// Events that came out.
    pub events: u64,
    /// Events whose end did not come in time, or before the end of input.
    pub unfinished: u64,
    /// Events that went out early because there were too many in flight.
    pub evicted: u64,
    /// Events that lost a record or a part of one to a bound.
    pub truncated: u64,
}
