//! `NAME.log` and what comes of it, `NAME.ndjson`; and the same log disturbed in ways that must make
//! no difference. `BLESS=1 cargo test` writes the second file: read it before it is believed.

use std::{env, fs, process::Stdio};

use super::{ALL, LOGS, log, output};
use crate::common::{Value, auditrd, data, lines};

/// No event is finished by time: the disturbed logs are not in order.
const PATIENT: [&str; 2] = ["--event-timeout", "1h"];

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

/// What tells an event from others: the node and the stamp.
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

/// Whether an event is whole without its EOE record: by its title, or because it is one record of
/// a program.
fn ends_without_eoe(group: &Group) -> bool {
    let has_call = |record: &&[u8]| matches!(record_type(record), "SYSCALL" | "1300" | "URINGOP");
    if group.iter().any(has_call) {
        return group.iter().any(|record| is_title(record));
    }
    record_type(group[0]) != "LOGIN"
}

#[test]
fn every_log_makes_the_events_beside_it() {
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
fn interleaved_records_make_the_same_events() {
    let mut disturbed = 0;
    for name in LOGS {
        let log = log(name);
        let whole = output(&log, &PATIENT);
        for neighbours in [2, 3, 16] {
            let mixed: Vec<u8> = groups(&log)
                .chunks(neighbours)
                .flat_map(interleave)
                .flatten()
                .copied()
                .collect();
            assert_eq!(mixed.len(), log.len());
            disturbed += usize::from(mixed != log);
            same(&output(&mixed, &PATIENT), &whole, name);
        }
    }
    assert!(disturbed > 12, "{disturbed}");
}

/// The records of some events in turn, each event's own in their order. The ends come in the order
/// of the events: what one learns of a path is for those after it.
fn interleave<'l>(groups: &[Group<'l>]) -> Vec<&'l [u8]> {
    let parts: Vec<_> = groups
        .iter()
        .map(|group| {
            let last = group.len() - 1;
            let end = group
                .iter()
                .position(|record| is_title(record) || is_end(record));
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
fn without_their_ends_events_are_the_same_or_known_to_be_unfinished() {
    for name in LOGS {
        let log = log(name);
        let groups = groups(&log);
        let endless: Vec<u8> = groups
            .iter()
            .flatten()
            .filter(|record| !is_end(record))
            .flat_map(|record| record.iter().copied())
            .collect();
        // Those that nothing ends come last, in the order in which they began. That there was more
        // to come is known of a syscall: it would have had a title.
        let (ended, open): (Vec<Group>, Vec<Group>) =
            groups.into_iter().partition(ends_without_eoe);
        let of = |groups: Vec<Group>| {
            let log = groups.concat().concat();
            String::from_utf8(output(&log, &PATIENT)).unwrap()
        };
        let mark = |line: &str| match line.strip_suffix('}') {
            Some(start) if line.contains("\"SYSCALL\"") && !line.contains("\"incomplete\"") => {
                format!("{start},\"incomplete\":true}}\n")
            }
            _ => format!("{line}\n"),
        };
        let open: String = of(open).lines().map(mark).collect();
        let expected = of(ended) + &open;
        same(&output(&endless, &PATIENT), expected.as_bytes(), name);
    }
}

#[test]
fn one_record_at_a_time_makes_the_same_events() {
    for name in LOGS {
        let log = log(name);
        same(&output(&log, &["--queue", "64K"]), &output(&log, &[]), name);
    }
}

#[test]
fn files_and_streams_make_the_same_events_wherever_they_are_cut() {
    let directory = tempfile::tempdir().unwrap();
    let first = directory.path().join("first.log");
    for name in LOGS {
        let log = log(name);
        let whole = output(&log, &[]);
        let ends: Vec<usize> = (1..log.len()).filter(|at| log[at - 1] == b'\n').collect();
        // Between the records of an event as well as between events.
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
fn a_log_twice_makes_every_event_twice() {
    for name in LOGS {
        // All events get their ends: without one, the same event again would be more of the first.
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
        let once = output(&ended, &PATIENT);
        let twice = output(&ended.repeat(2), &PATIENT);
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
