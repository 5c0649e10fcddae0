//! The stages from an event's records to its line, with their memory of earlier events: `redact`,
//! `parse`, `classify`, `enrich`, `filter`, `encode` and `aggregate`.

mod event;
mod held;

use std::time::Instant;

use auditrd::{
    Arena, Classifier, Kinds, enrich::Enricher, parse::Parser, reader::Totals, redact::Redactor,
    sink::Sink,
};

use super::{
    aggregation::Aggregation, cli::Args, counters::Counters, filters::Dropper, format::Form,
    heartbeat::Changes, losses::Losses, omitted::Omitted,
};

/// A place for lines.
pub(crate) trait Lines {
    /// Adds the line that `write` appends, with the number of records it represents. A line end is
    /// added if it is missing; if nothing is appended, there is no line. Returns whether the lines
    /// should be written now.
    #[must_use]
    fn line(&mut self, records: u64, write: impl FnOnce(&mut Vec<u8>)) -> bool;
}

impl Lines for Sink {
    #[inline]
    fn line(&mut self, records: u64, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        Sink::line(self, records, write)
    }
}

/// The stages, and their counters.
pub(crate) struct Pipeline {
    redactor: Option<Redactor>,
    pub(crate) dropper: Option<Dropper>,
    parser: Parser,
    pub(crate) classifier: Classifier,
    pub(crate) enricher: Enricher,
    aggregation: Option<Aggregation>,
    arena: Arena,
    pub(crate) form: Form,
    kinds: Kinds,
    max_line: Option<usize>,
    pub(crate) counters: Counters,
    pub(crate) omitted: Omitted,
    pub(crate) losses: Losses,
    /// With `--heartbeat`: changes of the kernel's audit system that no status line has told of.
    changes: Option<Changes>,
}

impl Pipeline {
    pub(crate) fn new(
        args: &Args,
        classifier: Classifier,
        dropper: Option<Dropper>,
        form: Form,
    ) -> Pipeline {
        Pipeline {
            redactor: args.redactor(),
            dropper,
            parser: Parser::default(),
            classifier,
            enricher: args.enricher(),
            aggregation: Aggregation::new(args, Instant::now()),
            arena: Arena::new(),
            form,
            kinds: args.kinds(),
            max_line: args.max_line,
            counters: Counters::default(),
            omitted: Omitted::default(),
            losses: Losses::default(),
            changes: args.heartbeat.map(|_| Changes::default()),
        }
    }

    /// Takes in the reader's losses, after which paths have to be proved anew.
    pub(crate) fn note_losses(&mut self, totals: &Totals) {
        if self.losses.note(totals) {
            self.classifier.lost();
            self.enricher.lost();
        }
    }

    /// Takes in later changes of the kernel's audit system.
    pub(crate) fn add_changes(&mut self, later: Changes) {
        if let Some(changes) = &mut self.changes {
            changes.append(later);
        }
    }

    /// Removes and returns the changes of the kernel's audit system, if there are any.
    pub(crate) fn take_changes(&mut self) -> Option<Changes> {
        let changes = self.changes.as_mut()?;
        (!changes.is_empty()).then(|| std::mem::take(changes))
    }
}
