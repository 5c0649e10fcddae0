//! Events against the truth: what a workload wrote down about its own calls as it made them.
//!
//! Each truth is matched, in order, with the next event of the same name, process and syscall, or,
//! for what programs say, of the same type. Events that no truth names are passed over: a workload
//! has to set things up. Every field that a truth names must be equal in the event.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt,
};

use crate::common::Value;

/// How well events match the truth.
#[derive(Debug, Default)]
pub(crate) struct Score {
    /// For each kind of truth, how many were found and how many there are.
    pub(crate) kinds: BTreeMap<String, (usize, usize)>,
    /// Each truth without an event, and what the next event says instead.
    pub(crate) misses: Vec<String>,
}

impl Score {
    /// How many truths there are.
    pub(crate) fn total(&self) -> usize {
        self.kinds.values().map(|(_, total)| total).sum()
    }

    /// Panics with all that is wrong, unless every truth has its event.
    #[track_caller]
    pub(crate) fn assert_perfect(&self) {
        assert!(self.misses.is_empty(), "{self}");
        assert!(self.total() > 0, "there is no truth to score against");
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, (found, total)) in &self.kinds {
            writeln!(f, "{kind}: {found}/{total}")?;
        }
        self.misses
            .iter()
            .try_for_each(|miss| writeln!(f, "{miss}"))
    }
}

/// Keys of a truth that say which event is meant, or what kind of call it was, and are no fields.
const NOT_FIELDS: [&str; 8] = [
    "dirfd", "fd", "arch32", "note", "name", "syscall", "pid", "type",
];

/// Finds the event of each truth.
pub(crate) fn score(events: &[Value], truths: &[Value]) -> Score {
    let mut waiting: HashMap<String, VecDeque<&Value>> = HashMap::new();
    for event in events {
        let queue = waiting.entry(queue_of(event)).or_default();
        queue.push_back(event);
    }
    let mut score = Score::default();
    for truth in truths.iter().filter(|truth| truth["name"] != "skip") {
        let (found, total) = score.kinds.entry(kind_of(truth)).or_default();
        *total += 1;
        let queue = waiting.entry(queue_of(truth)).or_default();
        match queue
            .iter()
            .position(|event| wrong(event, truth).is_empty())
        {
            Some(index) => {
                queue.drain(..=index);
                *found += 1;
            }
            None => score.misses.push(miss(truth, queue.front().copied())),
        }
    }
    score
}

/// Where an event waits for its truth.
fn queue_of(value: &Value) -> String {
    if value["name"] == "user_event" {
        return format!("user_event {}", value["type"]);
    }
    format!("{} {} {}", value["name"], value["pid"], value["syscall"])
}

fn kind_of(truth: &Value) -> String {
    let name = truth["name"].as_str().unwrap_or_default();
    let detail = if truth["dirfd"] == true {
        "/dirfd"
    } else if truth["fd"] == true {
        "/fd"
    } else {
        ""
    };
    format!("{name}{detail}")
}

/// The fields of a truth that an event does not have so.
fn wrong<'t>(event: &Value, truth: &'t Value) -> Vec<&'t str> {
    let fields = truth.as_object().into_iter().flatten();
    fields
        .filter(|(key, value)| !NOT_FIELDS.contains(&key.as_str()) && !value.is_null())
        .filter(|(key, value)| !has(event, key, value))
        .map(|(key, _)| key.as_str())
        .collect()
}

fn has(event: &Value, key: &str, expected: &Value) -> bool {
    if let Some(hex) = expected.get("hex") {
        // A value that is not UTF-8: the event must carry its exact bytes.
        return &event[format!("{key}_hex")] == hex;
    }
    if key != "argv" {
        return &event[key] == expected;
    }
    let none = Vec::new();
    let words = event["argv"].as_array().unwrap_or(&none);
    let expected = expected.as_array().unwrap_or(&none);
    words.len() == expected.len()
        && expected
            .iter()
            .enumerate()
            .all(|(index, expected)| match expected.get("hex") {
                Some(hex) => &event["argv_hex"][index.to_string()] == hex,
                None => words.get(index) == Some(expected),
            })
}

fn miss(truth: &Value, next: Option<&Value>) -> String {
    let short = |value: &Value| value.to_string().chars().take(400).collect::<String>();
    let next = match next {
        None => "there is no event left".to_owned(),
        Some(event) => wrong(event, truth)
            .into_iter()
            .map(|key| format!("{key} is {}", short(&event[key])))
            .collect::<Vec<_>>()
            .join(", "),
    };
    format!("no event for {}\n  in the next one: {next}", short(truth))
}
