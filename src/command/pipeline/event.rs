//! One event, from its records to its line.

use std::time::Instant;

use auditrd::{
    Arena, AuditEvent, AuditMessageGroup,
    encode::raw,
    enrich::{Enricher, Key},
    model::Container,
    parse::{self, Parser},
};

use super::{Lines, Pipeline};
use crate::command::{format::Form, run::now};

/// A larger arena is freed after use, so that one huge event does not occupy its memory for ever.
const MAX_ARENA_BYTES: usize = 4 << 20;

impl Pipeline {
    /// Adds the line of an event, if it has one, and those of windows that end before it. Returns
    /// whether the lines should be written now.
    pub(crate) fn event(&mut self, group: &AuditMessageGroup<'_>, lines: &mut impl Lines) -> bool {
        match &mut self.aggregation {
            None => self.line(group, lines),
            Some(aggregation) => {
                aggregation.arrive(group, Instant::now);
                let is_full = self.add_held(lines);
                let is_full = self.line(group, lines) || is_full;
                self.add_held(lines) || is_full
            }
        }
    }

    /// Adds the line of an event, if it has one.
    fn line(&mut self, group: &AuditMessageGroup<'_>, lines: &mut impl Lines) -> bool {
        let records = group.len() as u64;
        if self.arena.allocated_bytes() > MAX_ARENA_BYTES {
            self.arena = Arena::new();
        }
        self.arena.reset();
        let group = match &mut self.redactor {
            Some(redactor) => redactor.redact(*group, &self.arena),
            None => *group,
        };
        let is_raw = matches!(self.form, Form::Raw);
        if is_raw && self.dropper.is_none() {
            let (parser, enricher) = (&mut self.parser, &mut self.enricher);
            let container = container(parser, enricher, &group, &self.arena);
            let write = |out: &mut Vec<u8>| raw::line(&group, container.as_ref(), out);
            return lines.line(records, write);
        }
        let facts = self.parser.facts(&group, &self.arena);
        if group.for_context {
            observe(&mut self.enricher, &group, &facts, None);
            return false;
        }
        if let Some(changes) = &mut self.changes {
            changes.hear(&group, facts.call);
        }
        let event = self.classifier.classify_facts(&group, &facts, &self.arena);
        observe(&mut self.enricher, &group, &facts, event.as_deref());
        self.counters.unknown_arch += u64::from(self.omitted.has_unknown_arch(&facts));
        let kind = event.as_ref().map(|event| event.kind());
        let has_line = is_raw || kind.is_some_and(|kind| self.kinds.contains(kind));
        let mut event = event.filter(|_| has_line);
        if let Some(event) = &mut event {
            if self.enricher.is_needed() {
                self.enricher.add_to(&mut event.who, &self.arena);
            }
            let dropper = self.dropper.as_mut();
            if dropper.is_some_and(|dropper| dropper.drops(event)) {
                self.counters.filter_dropped += 1;
                self.counters.filter_dropped_records += records;
                return false;
            }
        }
        match (&mut self.form, event) {
            (Form::Raw, _) => {
                let container = self.enricher.who(&self.arena).container;
                let write = |out: &mut Vec<u8>| raw::line(&group, container.as_ref(), out);
                lines.line(records, write)
            }
            (Form::Events(form), Some(event)) => {
                let (max, arena) = (self.max_line, &self.arena);
                if let Some(aggregation) = &mut self.aggregation
                    && aggregation.holds(event, records, arena, |event, out| {
                        form.line_within(event, max, arena, out)
                    })
                {
                    self.counters.hold(records);
                    return false;
                }
                lines.line(records, |out| {
                    let is_cut = form.line_within(event, max, arena, out);
                    self.counters.shortened += u64::from(is_cut);
                })
            }
            (Form::Events(_), None) => {
                self.counters.no_line += records;
                self.omitted.count(&group, &facts, kind);
                false
            }
        }
    }
}

/// The container of an event's process, for which the event need not be classified.
fn container<'a>(
    parser: &mut Parser,
    enricher: &'a mut Enricher,
    group: &AuditMessageGroup<'a>,
    arena: &'a Arena,
) -> Option<Container<'a>> {
    if !enricher.has(Key::Container) {
        return None;
    }
    let facts = parser.facts(group, arena);
    observe(enricher, group, &facts, None);
    enricher.who(arena).container
}

/// Lets the context of events learn from one.
fn observe(
    enricher: &mut Enricher,
    group: &AuditMessageGroup<'_>,
    facts: &parse::Facts<'_>,
    event: Option<&AuditEvent<'_>>,
) {
    if enricher.is_needed() {
        let now = enricher.is_live().then(now);
        enricher.observe(group, facts, event, now);
    }
}
