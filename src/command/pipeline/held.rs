//! The lines of `--aggregate`.

use std::time::Instant;

use super::{Lines, Pipeline};
use crate::command::aggregation::Aggregation;

impl Pipeline {
    /// Adds the lines of windows that have ended. Returns whether the lines should be written now.
    pub(super) fn add_held(&mut self, lines: &mut impl Lines) -> bool {
        let Some(aggregation) = &mut self.aggregation else {
            return false;
        };
        let mut is_full = false;
        while let Some(held) = aggregation.take() {
            self.counters.release(&held);
            let write = |out: &mut Vec<u8>| out.extend_from_slice(&held.line);
            is_full |= lines.line(held.records, write);
        }
        is_full
    }

    /// Adds the lines of windows that are over by now. Returns whether it was time to.
    pub(crate) fn add_held_if_due(&mut self, now: Instant, lines: &mut impl Lines) -> bool {
        let Some(aggregation) = &mut self.aggregation else {
            return false;
        };
        if aggregation.due().is_none_or(|due| now < due) {
            return false;
        }
        aggregation.pass(now);
        self.add_held(lines);
        true
    }

    /// When [`add_held_if_due`](Self::add_held_if_due) should be called next.
    pub(crate) fn held_due(&self) -> Option<Instant> {
        self.aggregation.as_ref().and_then(Aggregation::due)
    }

    /// Notes that there is nothing to read.
    pub(crate) fn idle(&mut self, now: Instant) {
        if let Some(aggregation) = &mut self.aggregation {
            aggregation.idle(now);
        }
    }

    /// Adds the lines of all windows. Returns whether the lines should be written now.
    pub(crate) fn add_all_held(&mut self, lines: &mut impl Lines) -> bool {
        if let Some(aggregation) = &mut self.aggregation {
            aggregation.end_all();
        }
        self.add_held(lines)
    }
}
