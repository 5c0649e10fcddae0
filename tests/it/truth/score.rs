//! Events held against what really happened.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write,
};

use crate::common::Value;

/// The standard library makes this call too, so that there are more of them than a workload says.
const UNSAID: &str = "close";

/// How it came out.
#[derive(Debug, Default)]
pub(crate) struct Score {
    /// Events that are exactly as the truth says.
    pub(crate) right: usize,
    /// Events that say that a path is not known in full, as the truth says or allows.
    pub(crate) unresolved: usize,
    /// Truths that no event tells, and events that are no truth.
    pub(crate) wrong: usize,
    /// One paragraph for each truth that no event tells.
    pub(crate) misses: String,
}

/// Each truth is the next event of its process and syscall, and each event of a syscall that a
/// process speaks of is one of its truths.
pub(crate) fn score(events: &[Value], truths: &[Value]) -> Score {
    let mut score = Score::default();
    let mut queues: BTreeMap<(u64, &str), VecDeque<&Value>> = BTreeMap::new();
    for truth in truths {
        queues.entry(whose(truth)).or_default();
    }
    for event in events {
        if let Some(queue) = queues.get_mut(&whose(event)) {
            queue.push_back(event);
        }
    }
    for truth in truths {
        let queue = queues.entry(whose(truth)).or_default();
        if truth["syscall"] == UNSAID {
            let first = queue
                .iter()
                .position(|event| differences(event, truth).is_empty());
            drop(queue.drain(..first.unwrap_or(0)));
        }
        let Some(event) = queue.pop_front() else {
            score.wrong += 1;
            let _ = writeln!(score.misses, "no event for {truth}");
            continue;
        };
        let wrong = differences(event, truth);
        let is_right = wrong.is_empty();
        score.right += usize::from(is_right);
        if is_right || is_honest(event, truth, &wrong) {
            score.unresolved += usize::from(event["path_unresolved"] == true);
        } else {
            score.wrong += 1;
            let _ = writeln!(score.misses, "{truth}\n  came as {event}");
            for name in wrong {
                let _ = writeln!(score.misses, "  {name} is {}", event[name]);
            }
        }
    }
    queues.retain(|(_, syscall), _| *syscall != UNSAID);
    for event in queues.into_values().flatten() {
        score.wrong += 1;
        let _ = writeln!(score.misses, "nobody did {event}");
    }
    score
}

fn whose(line: &Value) -> (u64, &str) {
    let pid = line["pid"].as_u64().unwrap_or(0);
    (pid, line["syscall"].as_str().unwrap_or(""))
}

/// The keys of a truth that the event has otherwise. A path that is told must also be said to be a
/// full one.
fn differences<'a>(event: &Value, truth: &'a Value) -> Vec<&'a str> {
    let truth = truth.as_object().expect("an object");
    let mut wrong: Vec<&str> = truth
        .iter()
        .filter(|(name, value)| *name != "or_unresolved" && !is_same(&event[name.as_str()], value))
        .map(|(name, _)| name.as_str())
        .collect();
    let should = truth.contains_key("path_unresolved");
    if event["path_unresolved"] == true && !should {
        wrong.push("path_unresolved");
    }
    // Where nothing can be known, a full path is a guess.
    let path = event["path"].as_str().unwrap_or_default();
    if should && !truth.contains_key("path") && path.starts_with('/') {
        wrong.push("path");
    }
    wrong
}

/// Whether a value is the true one. A `..` may stay in a path where no record proves what stands
/// before it; no workload here has a symbolic link there.
fn is_same(value: &Value, truth: &Value) -> bool {
    let Some(path) = value.as_str().filter(|path| path.contains("/..")) else {
        return value == truth;
    };
    let mut parts = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    value == truth || *truth == format!("/{}", parts.join("/"))
}

/// Whether the paths are all that is missing, and are said to be. What there is of them must fit.
fn is_honest(event: &Value, truth: &Value, wrong: &[&str]) -> bool {
    let fits = match &truth["or_unresolved"] {
        Value::Bool(true) => fits,
        Value::String(least) if least == "directory" => is_directory_of,
        _ => return false,
    };
    event["path_unresolved"] == true
        && wrong.iter().all(|name| match *name {
            "path_unresolved" => true,
            "path" | "dest_path" => fits(&event[*name], &truth[*name]),
            _ => false,
        })
}

/// Whether what an event has of a path is the directory in it, marked by the slash at its end.
fn is_directory_of(part: &Value, whole: &Value) -> bool {
    let (Some(part), Some(whole)) = (part.as_str(), whole.as_str()) else {
        return false;
    };
    whole.rsplit_once('/').map(|(directory, _)| directory) == part.strip_suffix('/')
}

/// Whether what an event has of a path is a part of it: the directory, or the end of it.
fn fits(part: &Value, whole: &Value) -> bool {
    let (Some(part), Some(whole)) = (part.as_str(), whole.as_str()) else {
        return part.is_null() || whole.is_null();
    };
    let last = |path: &str| path.rsplit('/').next().map(str::to_owned);
    if part.ends_with('/') {
        whole.starts_with(part)
    } else if part.starts_with('/') {
        part == whole
    } else {
        last(part) == last(whole)
    }
}
