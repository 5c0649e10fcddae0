//! Replays the captures and logs in `tests/data` and compares the events with the known truth.

mod account;
mod kernels;
mod pairs;
mod reports;
mod shape;

use std::fs;

pub(crate) use shape::check as check_line;

use crate::{
    common::{Value, data, lines, replay, replay_raw},
    score::score,
};

/// All record types: the captures were recorded without a filter.
const ALL: [&str; 4] = ["--min", "1000", "--max", "2999"];

/// The logs with golden events: three captures from a real kernel, whose `truth.jsonl` the workload
/// wrote itself, and small logs written by hand.
pub(crate) const LOGS: [&str; 9] = [
    "fim", "proc", "misc", "hosts", "enriched", "types", "machines", "old", "users",
];

pub(crate) fn log(name: &str) -> Vec<u8> {
    fs::read(data(&format!("{name}.log"))).expect("there is a log")
}

/// The number of golden events of a log.
pub(crate) fn count_lines(name: &str) -> u64 {
    let expected = fs::read(data(&format!("{name}.ndjson"))).expect("its events");
    lines(&expected).len() as u64
}

/// The output for a log.
pub(crate) fn output(log: &[u8], args: &[&str]) -> Vec<u8> {
    let output = replay_raw(log, &[&ALL[..], args].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    // Rules that recorded calls of other kinds are named.
    let mut others = said
        .lines()
        .filter(|line| !line.contains("no line is written for"));
    assert!(output.status.success() && others.next().is_none(), "{said}");
    output.stdout
}

#[track_caller]
fn check_truth(name: &str) {
    let events = replay(log(name), &ALL);
    let truths = fs::read(data(&format!("{name}.truth.jsonl"))).expect("there is a truth");
    score(&events, &lines(&truths)).assert_perfect();
}

#[test]
fn every_syscall_of_the_file_workload_is_reported_correctly() {
    check_truth("fim");
}

#[test]
fn every_syscall_of_the_process_workload_is_reported_correctly() {
    check_truth("proc");
}

#[test]
fn every_message_of_the_user_workload_is_reported_correctly() {
    check_truth("misc");
}

#[test]
fn a_falsified_event_is_a_miss() {
    let truths = lines(&fs::read(data("fim.truth.jsonl")).unwrap());
    let events = replay(log("fim"), &ALL);
    assert!(!score(&[], &truths).misses.is_empty());
    let falsified: Vec<Value> = events
        .into_iter()
        .map(|mut event| {
            event["success"] = "perhaps".into();
            event
        })
        .collect();
    let score = score(&falsified, &truths);
    assert_eq!(score.misses.len(), score.total());
    assert!(
        score.misses[0].contains("success is \"perhaps\""),
        "{score}"
    );
}
