//! The lines of `--aggregate`.

use std::time::Instant;

use auditrd::Error;

use super::Marshaller;

impl Marshaller {
    /// Adds the lines of windows that have ended. Returns whether the lines should be written now.
    pub(super) fn add_held(&mut self) -> bool {
        let Some(aggregation) = &mut self.aggregation else {
            return false;
        };
        let mut is_full = false;
        while let Some(held) = aggregation.take() {
            self.counters.release(&held);
            let write = |out: &mut Vec<u8>| out.extend_from_slice(&held.line);
            is_full |= self.sink.line(held.records, write);
        }
        is_full
    }

    /// Writes the lines of windows that are over by now.
    pub(super) fn write_held_if_due(&mut self) -> Result<(), Error> {
        let Some(aggregation) = &mut self.aggregation else {
            return Ok(());
        };
        let now = Instant::now();
        if aggregation.due().is_none_or(|due| now < due) {
            return Ok(());
        }
        aggregation.pass(now);
        self.add_held();
        self.flush()
    }

    /// Adds the lines of all windows.
    pub(super) fn add_all_held(&mut self) {
        if let Some(aggregation) = &mut self.aggregation {
            aggregation.end_all();
            self.add_held();
        }
    }
}
