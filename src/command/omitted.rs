//! Events that have no line because their kind is not wanted: counted by name, and reported once
//! for each key of a rule.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write,
};

use auditrd::{
    AuditMessageGroup, EventKind,
    classify::{Subject, unknown_arch},
    model::Escaped,
    parse::Facts,
};

/// The largest number of names that are counted one by one, and of keys that are reported.
const MAX_NAMES: usize = 1024;

/// The events without a line.
#[derive(Debug, Default)]
pub(crate) struct Omitted {
    /// Events by whether they are about a call, and its name or that of the record type.
    events: BTreeMap<(bool, Cow<'static, str>), u64>,
    /// The keys that were reported, by kind.
    keys: HashMap<EventKind, HashSet<Vec<u8>>>,
    /// The architectures that were reported.
    arches: HashSet<Cow<'static, str>>,
    /// An architecture that is known: usually, the next event has the same one.
    known: Option<u32>,
}

impl Omitted {
    /// Counts an event. If a rule with a key recorded it, and no other event like it was seen, logs
    /// how to get a line for it. `kind` is the kind that it was classified as, if any.
    pub(crate) fn count(
        &mut self,
        group: &AuditMessageGroup,
        facts: &Facts,
        kind: Option<EventKind>,
    ) {
        let subject = Subject::of(group, facts);
        let kind = kind.unwrap_or(subject.kind);
        let key = facts.call.or(facts.uring).and_then(|call| call.key);
        let known = self.keys.entry(kind).or_default();
        if let Some(key) = key
            && !known.contains(key)
            && known.len() < MAX_NAMES
        {
            known.insert(key.to_owned());
            let (key, word) = (Escaped(key), kind.word());
            log::warn!(
                "no line is written for {}, which the rule key {key} matched; \
                 add {word} to --events to see it",
                subject.name
            );
        }
        self.count_name((subject.is_call, subject.name), 1);
    }

    /// Logs each architecture whose calls have no names here. Returns whether that of the event is
    /// one of them.
    pub(crate) fn has_unknown_arch(&mut self, facts: &Facts) -> bool {
        let arch = facts.call.and_then(|call| call.arch).map(|(arch, _)| arch);
        if arch.is_none() || arch == self.known {
            return false;
        }
        let Some(name) = unknown_arch(facts) else {
            self.known = arch;
            return false;
        };
        if self.arches.len() < MAX_NAMES && !self.arches.contains(&name) {
            log::warn!(
                "the system calls of {name} have no names here; its programs and files are \
                 recognised by their records alone"
            );
            self.arches.insert(name);
        }
        true
    }

    /// Leaves out reports that another one has made.
    pub(crate) fn reported_by(&mut self, other: &Omitted) {
        self.keys.clone_from(&other.keys);
        self.arches.clone_from(&other.arches);
    }

    /// Adds the counts and reports of another one.
    pub(crate) fn add(&mut self, other: Omitted) {
        for (name, count) in other.events {
            self.count_name(name, count);
        }
        for (kind, keys) in other.keys {
            self.keys.entry(kind).or_default().extend(keys);
        }
        self.arches.extend(other.arches);
    }

    /// Takes over the counts of another one.
    pub(crate) fn copy_events(&mut self, other: &Omitted) {
        self.events.clone_from(&other.events);
    }

    /// Counts events of a name.
    fn count_name(&mut self, (is_call, name): (bool, Cow<'static, str>), count: u64) {
        let is_full = self.events.len() >= MAX_NAMES;
        let mut name = (is_call, name);
        if is_full && !self.events.contains_key(&name) {
            name.1 = Cow::Borrowed("other");
        }
        *self.events.entry(name).or_default() += count;
    }

    /// The counts in the Prometheus text format, version 0.0.4.
    pub(crate) fn prometheus(&self) -> String {
        let mut text = String::from(
            "# HELP auditrd_no_line_events_total Events without a line, by call or record type.\n\
             # TYPE auditrd_no_line_events_total counter\n",
        );
        for ((is_call, name), count) in &self.events {
            let label = if *is_call { "syscall" } else { "type" };
            // Writing to memory cannot fail.
            let _ = writeln!(
                text,
                "auditrd_no_line_events_total{{{label}=\"{name}\"}} {count}"
            );
        }
        text
    }
}
