//! Events held against the calls that they tell of.

use std::{
    collections::{HashMap, VecDeque},
    fmt::Write,
};

use super::{
    calls::{Call, Truth},
    world::{Last, is_within},
};
use crate::common::Value;

/// How good an event is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Verdict {
    Right,
    /// It says that it does not know, and what it does say is so.
    Unresolved,
    Wrong,
}

/// How the events of some calls came out.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) calls: usize,
    pub(super) successful: usize,
    pub(super) right: usize,
    /// How many of the successful calls came out right.
    pub(super) right_successful: usize,
    pub(super) unresolved: usize,
    pub(super) wrong: usize,
    pub(super) missing: usize,
    /// A line for each call that did not come out right.
    pub(super) misses: String,
}

impl Tally {
    /// The percentage of the successful calls whose event is right.
    pub(super) fn percentage(&self) -> f64 {
        let [right, all] = [self.right_successful, self.successful].map(|n| n as f64);
        100.0 * right / all.max(1.0)
    }

    /// Adds the calls of a workload, each with the event that fits it best. Events that no call of
    /// it made are another's.
    pub(super) fn hold(&mut self, workload: &str, calls: &[Call], events: &[Value]) {
        let mut groups: HashMap<Key, (Vec<&Call>, VecDeque<&Value>)> = HashMap::new();
        for call in calls {
            groups.entry(Key::of_call(call)).or_default().0.push(call);
        }
        for event in events {
            if let Some((_, events)) = groups.get_mut(&Key::of_event(event)) {
                events.push_back(event);
            }
        }
        let mut found: Vec<(&Call, Option<&Value>)> = Vec::new();
        for (calls, mut events) in groups.into_values() {
            let is_in_order = calls.len() == events.len() && !calls[0].is_threaded;
            if is_in_order {
                found.extend(calls.into_iter().zip(events.into_iter().map(Some)));
                continue;
            }
            found.extend(best(calls, &mut events));
        }
        for (call, event) in found {
            self.count(workload, call, event);
        }
    }

    fn count(&mut self, workload: &str, call: &Call, event: Option<&Value>) {
        if matches!(call.path, Truth::Unknown) || matches!(call.dest_path, Some(Truth::Unknown)) {
            return;
        }
        self.calls += 1;
        let is_successful = call.error.is_none();
        self.successful += usize::from(is_successful);
        let verdict = event.map(|event| judge(call, event));
        match verdict {
            Some(Verdict::Right) => {
                self.right += 1;
                self.right_successful += usize::from(is_successful);
                return;
            }
            Some(Verdict::Unresolved) => self.unresolved += 1,
            Some(Verdict::Wrong) => self.wrong += 1,
            None => self.missing += 1,
        }
        let how = verdict.map_or("Missing".to_owned(), |verdict| format!("{verdict:?}"));
        let _ = writeln!(self.misses, "{how} [{workload}] {}", told(call, event));
    }
}

/// What calls and their events have in common.
#[derive(Eq, Hash, PartialEq)]
struct Key {
    pid: u64,
    syscall: String,
    error: Option<String>,
    /// The result, if it is a success; of a fork in a namespace it differs.
    result: i64,
}

impl Key {
    fn of_call(call: &Call) -> Key {
        Key {
            pid: u64::from(call.pid),
            syscall: call.syscall.clone(),
            error: call.error.clone(),
            result: if call.error.is_some() { 0 } else { call.result },
        }
    }

    fn of_event(event: &Value) -> Key {
        let text = |key: &str| event[key].as_str().map(str::to_owned);
        let has_failed = event["success"] != "yes";
        Key {
            pid: event["pid"].as_u64().unwrap_or(0),
            syscall: text("syscall").unwrap_or_default(),
            error: text("error").filter(|_| has_failed),
            result: if has_failed {
                0
            } else {
                event["exit"].as_i64().unwrap_or(0)
            },
        }
    }
}

/// Where there are more or fewer events than calls, or threads made them: each call with the first
/// event that is right, or else with what is left.
fn best<'c>(
    calls: Vec<&'c Call>,
    events: &mut VecDeque<&'c Value>,
) -> Vec<(&'c Call, Option<&'c Value>)> {
    let mut found = Vec::new();
    let mut open = calls;
    for wanted in [Verdict::Right, Verdict::Unresolved, Verdict::Wrong] {
        open.retain(|call| {
            let at = events.iter().position(|event| judge(call, event) == wanted);
            let event = at.and_then(|at| events.remove(at));
            found.extend(event.map(|event| (*call, Some(event))));
            event.is_none()
        });
    }
    found.extend(open.into_iter().map(|call| (call, None)));
    found
}

fn judge(call: &Call, event: &Value) -> Verdict {
    let mut verdict = name(call, &call.path, event, "path");
    if let Some(truth) = &call.dest_path {
        verdict = verdict.max(name(call, truth, event, "dest_path"));
    }
    let argv = |argv: &Vec<Vec<u8>>| {
        let words = argv.iter().map(|word| String::from_utf8_lossy(word));
        event["argv"] == Value::from_iter(words)
    };
    if call.error.is_none() && !call.argv.as_ref().is_none_or(argv) {
        return Verdict::Wrong;
    }
    let is_unresolved = event["path_unresolved"] == true;
    match (verdict, &call.path) {
        // Nothing more can be said of it.
        (Verdict::Unresolved, Truth::Nameless) => Verdict::Right,
        (Verdict::Right, _) if is_unresolved => Verdict::Unresolved,
        (Verdict::Unresolved, _) if !is_unresolved => Verdict::Wrong,
        (verdict, _) => verdict,
    }
}

/// How good one of the names is.
fn name(call: &Call, truth: &Truth, event: &Value, key: &str) -> Verdict {
    let real = bytes(event, &format!("real_{key}"));
    if let (Some(real), Truth::Paths(_) | Truth::Dots(..)) = (&real, truth) {
        // It claims more than the name does, and is the right one if that is so.
        return if is_at(call, truth, real) {
            Verdict::Right
        } else {
            Verdict::Wrong
        };
    }
    let Some(path) = bytes(event, key) else {
        return Verdict::Unresolved;
    };
    match truth {
        Truth::Unknown => Verdict::Right,
        Truth::Text(text) if *text == path => Verdict::Right,
        Truth::Text(_) => Verdict::Wrong,
        Truth::Gone(before) if *before == path => Verdict::Right,
        _ if is_at(call, truth, &path) => Verdict::Right,
        _ if path.starts_with(b"/") && !path.ends_with(b"/") => Verdict::Wrong,
        _ if could_be(call, truth, &path) => Verdict::Unresolved,
        _ => Verdict::Wrong,
    }
}

/// Whether a path leads to the file, as this host sees it or as the process did.
fn is_at(call: &Call, truth: &Truth, path: &[u8]) -> bool {
    let paths = match truth {
        Truth::Paths(paths) => paths.as_slice(),
        Truth::Dots(path, _) => std::slice::from_ref(path),
        _ => return false,
    };
    path.starts_with(b"/")
        && [b"/".as_slice(), &call.root].iter().any(|root| {
            let place = call.world.walk(root, root, path, Last::Kept);
            let place = place.map(|place| call.world.settle(place));
            place.is_some_and(|place| paths.contains(&place))
        })
}

/// Whether what an event has of a path is a part of it: a directory above it, or its end.
fn could_be(call: &Call, truth: &Truth, part: &[u8]) -> bool {
    let paths = match truth {
        Truth::Paths(paths) => paths.as_slice(),
        Truth::Dots(_, directory) => std::slice::from_ref(directory),
        Truth::Gone(path) => std::slice::from_ref(path),
        Truth::Text(_) => return false,
        Truth::Nameless | Truth::Unknown => return true,
    };
    let last = |path: &[u8]| {
        let mut parts = path.split(|byte| *byte == b'/');
        parts.rfind(|part| !part.is_empty()).map(<[u8]>::to_vec)
    };
    if !part.starts_with(b"/") {
        let end = last(part);
        let is_dots = |end: &[u8]| matches!(end, b"." | b"..");
        return end.as_deref().is_none_or(is_dots) || paths.iter().any(|path| last(path) == end);
    }
    [b"/".as_slice(), &call.root].iter().any(|root| {
        let place = call.world.walk(root, root, part, Last::Followed);
        let place = place.filter(|place| place != b"/").unwrap_or_default();
        let place = call.world.settle(place);
        paths.iter().any(|path| is_within(path, &place))
    })
}

/// The bytes of a text, which are beside it where it is not UTF-8.
fn bytes(event: &Value, key: &str) -> Option<Vec<u8>> {
    if let Some(hex) = event[format!("{key}_hex")].as_str() {
        let pair = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        return Some((0..hex.len()).step_by(2).map(pair).collect());
    }
    event[key].as_str().map(|text| text.as_bytes().to_vec())
}

fn told(call: &Call, event: Option<&Value>) -> String {
    let show = |truth: &Truth| match truth {
        Truth::Paths(paths) => {
            let paths = paths.iter().map(|path| path.escape_ascii().to_string());
            paths.collect::<Vec<_>>().join(" or ")
        }
        Truth::Dots(path, _) => path.escape_ascii().to_string(),
        Truth::Gone(path) => format!("{} (deleted)", path.escape_ascii()),
        Truth::Text(text) => format!("text {}", text.escape_ascii()),
        Truth::Nameless => "nameless".to_owned(),
        Truth::Unknown => "unknown".to_owned(),
    };
    let how = call.error.as_deref().unwrap_or("ok");
    let mut line = format!("{} {} {how}: {}", call.pid, call.syscall, show(&call.path));
    if let Some(dest) = &call.dest_path {
        let _ = write!(line, " to {}", show(dest));
    }
    if let Some(event) = event {
        let keys = [
            "sequence",
            "path",
            "dest_path",
            "real_path",
            "real_dest_path",
            "cwd",
        ];
        let keys = keys.iter().filter(|key| !event[**key].is_null());
        let said = keys.map(|key| format!("{key}={}", event[*key]));
        let _ = write!(line, "; event {}", said.collect::<Vec<_>>().join(" "));
    }
    line
}
