//! Events whose records all arrive together.

use super::{
    ReassemblyConfig,
    progress::{Kept, Progress},
    slot::RECORD_COST_BYTES,
};
use crate::model::{
    Entry, GroupInfo, Groups, Span,
    record_type::{AUDIT_EOE, AUDIT_PROCTITLE, AUDIT_URINGOP},
    slice,
};

/// A whole event. It is never in flight, so it needs no slot and no deadline.
#[derive(Debug)]
pub(super) struct Whole<'a> {
    records: &'a [Entry],
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
    /// a slot.
    #[inline]
    pub(super) fn of(
        run: &'a [Entry],
        config: &ReassemblyConfig,
        kept: Kept,
        buffer: &[u8],
    ) -> Option<Whole<'a>> {
        let (records, has_end) = match run {
            [records @ .., end] if end.record_type == AUDIT_EOE => (records, true),
            records => (records, false),
        };
        let first = records
            .first()
            .filter(|first| !first.record_type.is_single())?;
        let is_whole = match config.ends_at_proctitle {
            true if has_end => !might_end_early(records),
            true => ends_with_last(records, kept, buffer),
            false => has_end,
        };
        if !is_whole {
            return None;
        }
        let mut whole = Whole {
            records,
            has_end,
            truncated: false,
            relayed: false,
            cost: first.node.len(),
        };
        for record in records {
            if record.record_type == AUDIT_EOE || !config.keeps(record.record_type) {
                return None;
            }
            whole.truncated |= record.cut;
            whole.relayed |= record.relayed;
            whole.cost += record.body.len() + RECORD_COST_BYTES;
        }
        (whole.cost <= config.max_event_bytes).then_some(whole)
    }

    /// A record that is an event by itself.
    pub(super) fn single(record: &'a Entry) -> Whole<'a> {
        Whole {
            records: std::slice::from_ref(record),
            has_end: false,
            truncated: record.cut,
            relayed: record.relayed,
            cost: 0,
        }
    }

    /// Adds the event to `groups`.
    #[inline]
    pub(super) fn add_to(&self, groups: &mut Groups, gaps: u32, for_context: bool) {
        let Some(first) = self.records.first() else {
            return;
        };
        groups.add(GroupInfo {
            id: first.id,
            node: first.node.clone(),
            incomplete: false,
            truncated: self.truncated,
            relayed: self.relayed,
            for_context,
            redacted: false,
            gaps,
        });
        groups.add_spans(self.records.iter().map(|record| Span {
            record_type: record.record_type,
            range: record.body.clone(),
        }));
    }
}

/// Whether an event in a log can end once it has this record: its title, or the record of an
/// io_uring operation, whose event has no title. Without either, an event has not ended, and the
/// names that it announces need not be counted.
fn lets_end(record: &Entry) -> bool {
    matches!(record.record_type, AUDIT_PROCTITLE | AUDIT_URINGOP)
}

/// Whether the event might end in a log before the last of its records.
fn might_end_early(records: &[Entry]) -> bool {
    records.iter().rev().skip(1).any(lets_end)
}

/// Whether the last of the records, and none before it, ends the event in a log.
fn ends_with_last(records: &[Entry], kept: Kept, buffer: &[u8]) -> bool {
    if !records.iter().any(lets_end) {
        return false;
    }
    let mut progress = Progress::default();
    let mut ends = records.iter().map(|record| {
        let body = || slice(buffer, &record.body);
        progress.ends(record.record_type, body, kept)
    });
    ends.position(|is_end| is_end) == records.len().checked_sub(1)
}
