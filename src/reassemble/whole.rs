//! Events whose records all arrive together.

use super::{
    ReassemblyConfig,
    progress::{Kept, Progress},
    slot::RECORD_COST_BYTES,
};
use crate::model::{
    GroupInfo, Groups, RecordType, Run, Span, Stamp,
    record_type::{AUDIT_EOE, AUDIT_PROCTITLE, AUDIT_URINGOP},
    slice,
};

/// A whole event. It is never in flight, so it needs no slot and no deadline.
#[derive(Debug)]
pub(super) struct Whole<'a> {
    /// The event's records, without EOE.
    run: Run<'a>,
    /// Whether its EOE record arrived with it.
    pub(super) has_end: bool,
    /// Whether a record was cut.
    pub(super) truncated: bool,
    relayed: bool,
    /// The memory that it would take in flight, in bytes.
    pub(super) cost: usize,
}

impl<'a> Whole<'a> {
    /// The event of a run of records, if the run has exactly the records with which it would end in
    /// a slot. `None` too for the few such runs in which a record follows one that lets an event
    /// end.
    #[inline(always)]
    pub(super) fn of(
        run: Run<'a>,
        config: &ReassemblyConfig,
        kept: Kept,
        buffer: &[u8],
    ) -> Option<Whole<'a>> {
        let (records, has_end) = match run.records {
            [records @ .., end] if end.record_type == AUDIT_EOE => (records, true),
            records => (records, false),
        };
        let (first, last) = (records.first()?, records.last()?);
        if first.record_type.is_single() {
            return None;
        }
        let (mut truncated, mut relayed) = (false, false);
        let mut cost = run.stamp.node.len() + records.len() * RECORD_COST_BYTES;
        for record in records {
            let record_type = record.record_type;
            let is_early = is_end(record_type)
                && (record_type == AUDIT_EOE
                    || config.ends_at_proctitle && !std::ptr::eq(record, last));
            if is_early || !config.keeps(record_type) {
                return None;
            }
            truncated |= record.cut;
            relayed |= record.relayed;
            cost += record.len();
        }
        let might_end = config.ends_at_proctitle && is_end(last.record_type);
        let ends = has_end || might_end && is_whole(records, kept, buffer);
        (ends && cost <= config.max_event_bytes).then_some(Whole {
            run: Run { records, ..run },
            has_end,
            truncated,
            relayed,
            cost,
        })
    }

    /// A record that is an event by itself.
    pub(super) fn single(stamp: &'a Stamp, record: &'a Span) -> Whole<'a> {
        Whole {
            run: Run {
                stamp,
                records: std::slice::from_ref(record),
            },
            has_end: false,
            truncated: record.cut,
            relayed: record.relayed,
            cost: 0,
        }
    }

    /// Adds the event to `groups`.
    #[inline]
    pub(super) fn add_to(&self, groups: &mut Groups, last_gap: u32, for_context: bool) {
        groups.add(GroupInfo {
            id: self.run.stamp.id,
            node: self.run.stamp.node.clone(),
            incomplete: false,
            truncated: self.truncated,
            relayed: self.relayed,
            for_context,
            redacted: false,
            last_gap,
        });
        groups.add_spans(self.run.records);
    }
}

/// Whether an event can end with a record of this type, its last. In a log that is its title too,
/// or the record of an io_uring operation, whose event has no title. Without either, an event there
/// has not ended, and the names that it announces need not be counted.
#[inline]
fn is_end(record_type: RecordType) -> bool {
    matches!(record_type, AUDIT_EOE | AUDIT_PROCTITLE | AUDIT_URINGOP)
}

/// Whether the records are all that an event in a log announces.
fn is_whole(records: &[Span], kept: Kept, buffer: &[u8]) -> bool {
    let mut progress = Progress::default();
    let ends = |_, record: &Span| {
        let body = || slice(buffer, &record.body());
        progress.ends(record.record_type, body, kept)
    };
    records.iter().fold(false, ends)
}
