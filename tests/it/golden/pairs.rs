//! Compares `NAME.log` with its golden events, `NAME.ndjson`, also after transformations that must
//! not change the events. `BLESS=1 cargo test` writes the golden file: review it.

use std::{env, fs, process::Stdio};

use super::{ALL, LOGS, log, output};
use crate::common::{Value, auditrd, data, lines};

/// No event expires: the transformed logs are not in order.
const NO_TIMEOUT: [&str; 2] = ["--event-timeout", "1h"];

/// The records of one event, each with its line end.
type Group<'l> = Vec<&'l [u8]>;

/// The events of a log, in the order of their first records.
fn groups(log: &[u8]) -> Vec<Group<'_>> {
    let mut groups: Vec<((&str, &str), Group)> = Vec::new();
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        let key = key(line);
        match groups.iter_mut().rev().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(line),
            None => groups.push((key, vec![line])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// The node and stamp, which identify an event.
fn key(line: &[u8]) -> (&str, &str) {
    let text = str::from_utf8(line).expect("the logs are ASCII");
    let (head, _) = text.split_once("): ").expect("every record has a stamp");
    let (before, stamp) = head.split_once(" msg=").expect("every record has a stamp");
    let (node, _) = before.split_once("type=").expect("every record has a type");
    (node, stamp)
}

fn record_type(record: &[u8]) -> &str {
    let text = str::from_utf8(record).expect("the logs are ASCII");
    let start = text.find("type=").expect("every record has a type") + 5;
    text[start..].split(' ').next().unwrap_or_default()
}

fn is_end(record: &[u8]) -> bool {
    matches!(record_type(record), "EOE" | "1320")
}

fn is_title(record: &[u8]) -> bool {
    matches!(record_type(record), "PROCTITLE" | "1327")
}

/// Whether a record is the last PATH record of an io_uring operation, which ends with it.
fn is_last_name(group: &Group, record: &[u8]) -> bool {
    let has = |name: &str| group.iter().any(|record| record_type(record) == name);
    let last = group.iter().rfind(|record| record_type(record) == "PATH");
    has("URINGOP") && !has("SYSCALL") && last.is_some_and(|last| *last == record)
}

/// Whether an event ends without an EOE record: at its PROCTITLE, at the last name of an io_uring
/// operation, or because it is a single record from user space.
fn ends_without_eoe(group: &Group) -> bool {
    let has_call = |record: &&[u8]| matches!(record_type(record), "SYSCALL" | "1300" | "URINGOP");
    if group.iter().any(has_call) {
        let ends = |record: &&[u8]| is_title(record) || is_last_name(group, record);
        return group.iter().any(ends);
    }
    record_type(group[0]) != "LOGIN"
}

#[test]
fn every_log_yields_its_golden_events() {
    for name in LOGS {
        let expected = data(&format!("{name}.ndjson"));
        let got = output(&log(name), &[]);
        if env::var_os("BLESS").is_some() {
            fs::write(&expected, &got).unwrap();
        }
        let expected = fs::read(&expected).expect("BLESS=1 cargo test writes it");
        for (got, expected) in got
            .split(|b| *b == b'\n')
            .zip(expected.split(|b| *b == b'\n'))
        {
            assert_eq!(
                String::from_utf8_lossy(got),
                String::from_utf8_lossy(expected),
                "{name}"
            );
        }
        assert_eq!(got.len(), expected.len(), "{name}");
    }
}

#[test]
fn interleaved_records_yield_the_same_events() {
    let mut disturbed = 0;
    for name in LOGS {
        let log = log(name);
        let whole = output(&log, &NO_TIMEOUT);
        for neighbours in [2, 3, 16] {
            let mixed: Vec<u8> = groups(&log)
                .chunks(neighbours)
                .flat_map(interleave)
                .flatten()
                .copied()
                .collect();
            assert_eq!(mixed.len(), log.len());
            disturbed += usize::from(mixed != log);
            same(&output(&mixed, &NO_TIMEOUT), &whole, name);
        }
    }
    assert!(disturbed > 12, "{disturbed}");
}

/// Interleaves the records of some events, each event's in order. The ends stay in the order of the
/// events, because later events use the paths of earlier ones.
fn interleave<'l>(groups: &[Group<'l>]) -> Vec<&'l [u8]> {
    let parts: Vec<_> = groups
        .iter()
        .map(|group| {
            let last = group.len() - 1;
            let end = group.iter().position(|record| {
                is_title(record) || is_end(record) || is_last_name(group, record)
            });
            group.split_at(end.unwrap_or(last))
        })
        .collect();
    let longest = parts.iter().map(|(head, _)| head.len()).max().unwrap_or(0);
    let mut mixed = Vec::new();
    for index in 0..longest {
        mixed.extend(parts.iter().filter_map(|(head, _)| head.get(index)));
    }
    mixed.extend(parts.iter().flat_map(|(_, tail)| *tail));
    mixed
}

#[test]
fn events_without_eoe_are_the_same_although_they_may_come_later() {
    for name in LOGS {
        let log = log(name);
        let groups = groups(&log);
        let endless: Vec<u8> = groups
            .iter()
            .flatten()
            .filter(|record| !is_end(record))
            .flat_map(|record| record.iter().copied())
            .collect();
        // Events without an end come last, in the order of their first records.
        let (ended, open): (Vec<Group>, Vec<Group>) =
            groups.into_iter().partition(ends_without_eoe);
        let of = |groups: Vec<Group>| {
            let log = groups.concat().concat();
            String::from_utf8(output(&log, &NO_TIMEOUT)).unwrap()
        };
        let expected = of(ended) + &of(open);
        same(&output(&endless, &NO_TIMEOUT), expected.as_bytes(), name);
    }
}

#[test]
fn a_small_queue_yields_the_same_events() {
    for name in LOGS {
        let log = log(name);
        same(&output(&log, &["--queue", "64K"]), &output(&log, &[]), name);
    }
}

#[test]
fn a_log_split_anywhere_yields_the_same_events() {
    let directory = tempfile::tempdir().unwrap();
    let first = directory.path().join("first.log");
    for name in LOGS {
        let log = log(name);
        let whole = output(&log, &[]);
        let ends: Vec<usize> = (1..log.len()).filter(|at| log[at - 1] == b'\n').collect();
        // Splits between events and within events.
        for step in 1..6 {
            let cut = ends[ends.len() * step / 6];
            fs::write(&first, &log[..cut]).unwrap();
            let second = directory.path().join("second.log");
            fs::write(&second, &log[cut..]).unwrap();
            let stdin = fs::File::open(&second).unwrap();
            let output = auditrd()
                .args(ALL)
                .arg("-i")
                .arg(&first)
                .args(["-i", "-"])
                .stdin(Stdio::from(stdin))
                .output()
                .unwrap();
            same(&output.stdout, &whole, name);
        }
    }
}

#[test]
fn a_log_replayed_twice_yields_every_event_twice() {
    for name in LOGS {
        // Adds missing ends: without one, the repeated records would join the first event.
        let log = log(name);
        let mut ended = groups(&log).concat().concat();
        for group in groups(&log) {
            if !ends_without_eoe(&group) && !group.iter().any(|record| is_end(record)) {
                let text = str::from_utf8(group[0]).unwrap();
                let (head, _) = text.split_once("): ").unwrap();
                let end = head.replacen(record_type(group[0]), "EOE", 1) + "): \n";
                ended.extend(end.as_bytes());
            }
        }
        let sorted = |output: &[u8]| {
            let id = |event: &Value| format!("{} {}", event["node"], event["sequence"]);
            let mut ids: Vec<String> = lines(output).iter().map(id).collect();
            ids.sort();
            ids
        };
        let once = output(&ended, &NO_TIMEOUT);
        let twice = output(&ended.repeat(2), &NO_TIMEOUT);
        assert_eq!(sorted(&twice), sorted(&once.repeat(2)), "{name}");
    }
}

#[track_caller]
fn same(got: &[u8], expected: &[u8], name: &str) {
    let (got, expected) = (
        String::from_utf8_lossy(got),
        String::from_utf8_lossy(expected),
    );
    for (got, expected) in got.lines().zip(expected.lines()) {
        assert_eq!(got, expected, "{name}");
    }
    assert_eq!(got.lines().count(), expected.lines().count(), "{name}");
}
