//! Settings and counters of the reassembly.

use std::time::Duration;

use crate::model::RecordType;

/// How records are reassembled into events.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReassemblyConfig {
    /// The lowest record type to keep.
    pub min: RecordType,
    /// The highest record type to keep. EOE ends an event even if it is outside the range.
    pub max: RecordType,
    /// Types outside the range whose records are needed for the context of events. Each of these
    /// records is handed over at once, alone, in a group that is marked as being
    /// [for context](crate::AuditMessageGroup::for_context). It counts as filtered.
    pub context: &'static [RecordType],
    /// How long to wait for the end of an event, from its first record.
    pub timeout: Duration,
    /// Whether PROCTITLE ends an event that has a SYSCALL record, as in logs.
    pub ends_at_proctitle: bool,
    /// The largest number of events in flight.
    pub max_events: usize,
    /// The bound on all events in flight, in bytes, including bookkeeping; at most 2 GiB.
    pub max_bytes: usize,
    /// The bound on one event, in bytes, including bookkeeping; further records are left out.
    pub max_event_bytes: usize,
}

impl ReassemblyConfig {
    /// The timeout of audit-userspace's libauparse.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

    /// The default bounds, for record types from `min` to `max`.
    pub fn new(min: RecordType, max: RecordType) -> ReassemblyConfig {
        ReassemblyConfig {
            min,
            max,
            context: &[],
            timeout: ReassemblyConfig::DEFAULT_TIMEOUT,
            ends_at_proctitle: false,
            max_events: 131_072,
            max_bytes: 64 << 20,
            max_event_bytes: 16 << 20,
        }
    }

    /// Whether records of a type are kept.
    #[inline]
    pub(super) fn keeps(&self, record_type: RecordType) -> bool {
        (self.min.0..=self.max.0).contains(&record_type.0)
    }
}

/// Counters of records and events.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tally {
    /// Records received, of any type.
    pub records: u64,
    /// Records outside the range of types.
    pub filtered: u64,
    /// Records that only mark the end of their event, and are not part of it.
    pub ends: u64,
    /// Records left out because their event was too large.
    pub left_out: u64,
    /// Events finished.
    pub events: u64,
    /// Events whose end did not arrive before the timeout or the end of input.
    pub unfinished: u64,
    /// Events finished early because too many were in flight.
    pub evicted: u64,
    /// Events that lost a record, or part of one, to a bound.
    pub truncated: u64,
}

impl Tally {
    /// Adds the counters of another log.
    pub fn add(&mut self, other: &Tally) {
        // All of them, so that none is forgotten.
        let Tally {
            records,
            filtered,
            ends,
            left_out,
            events,
            unfinished,
            evicted,
            truncated,
        } = other;
        self.records += records;
        self.filtered += filtered;
        self.ends += ends;
        self.left_out += left_out;
        self.events += events;
        self.unfinished += unfinished;
        self.evicted += evicted;
        self.truncated += truncated;
    }
}
