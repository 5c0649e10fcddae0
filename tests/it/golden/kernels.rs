//! The same calls on several kernels: `kernels.log` has what Linux 5.10, 6.1, 6.12 and 7.2 recorded
//! of one workload on x86_64, each as a host of its own.

use std::collections::BTreeMap;

use super::{ALL, log};
use crate::common::{Value, replay};

/// The events of a host by their system call, and how often it was made before.
type Calls<'e> = BTreeMap<(&'e str, usize), &'e Value>;

/// The events of each host.
fn hosts(events: &[Value]) -> BTreeMap<&str, Calls<'_>> {
    let mut hosts: BTreeMap<&str, Calls> = BTreeMap::new();
    for event in events {
        let calls = hosts.entry(event["node"].as_str().unwrap()).or_default();
        let name = event["syscall"].as_str().unwrap();
        let before = calls.range((name, 0)..(name, usize::MAX)).count();
        calls.insert((name, before), event);
    }
    hosts
}

/// The captures, numbered anew: they are without the events before and between the workloads, which
/// would count as lost.
fn captures() -> String {
    let text = String::from_utf8(log("kernels")).expect("text");
    let mut numbers: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    let anew = text.lines().map(|line| {
        let (node, _) = line.split_once(' ').expect("a node");
        let (start, rest) = line.split_once("): ").expect("a stamp");
        let (start, serial) = start.rsplit_once(':').expect("a serial");
        let numbers = numbers.entry(node).or_default();
        let next = numbers.len();
        let number = numbers.entry(serial).or_insert(next);
        format!("{start}:{number}): {rest}\n")
    });
    anew.collect()
}

/// Whether a path is the same as the full one, or only a part of it that the event says is no more.
fn is_same_or_less(event: &Value, full: &Value, key: &str) -> bool {
    let (got, full) = (event[key].as_str(), full[key].as_str());
    if event["path_unresolved"] != true {
        return got == full;
    }
    let (Some(got), Some(full)) = (got, full) else {
        return got.is_none();
    };
    match got.strip_suffix('/') {
        Some("." | "") => true,
        Some(directory) if directory.starts_with('/') => full.starts_with(directory),
        Some(directory) => full.contains(&format!("/{directory}/")),
        None => full.ends_with(&format!("/{got}")),
    }
}

#[test]
fn a_call_yields_the_same_event_on_each_kernel_or_less_of_a_path() {
    let events = replay(captures(), &ALL);
    let hosts = hosts(&events);
    let names: Vec<&str> = hosts.keys().copied().collect();
    assert_eq!(
        names,
        ["linux-5.10", "linux-6.1", "linux-6.12", "linux-7.2"]
    );
    // It names all that it records.
    let newest = &hosts["linux-7.2"];
    assert_eq!(newest.len(), 29);
    for (host, calls) in &hosts {
        for (call, full) in newest {
            // A rule with perm= does not match openat2 before Linux 5.16.
            let Some(event) = calls.get(call) else {
                assert_eq!((*host, call.0), ("linux-5.10", "openat2"));
                continue;
            };
            for key in ["action", "success", "exit"] {
                assert_eq!(event[key], full[key], "{host} {call:?}");
            }
            for key in ["path", "dest_path"] {
                assert!(
                    is_same_or_less(event, full, key),
                    "{host}: {event} of {full}"
                );
            }
        }
    }
}

#[test]
fn only_names_with_slashes_are_less_on_older_kernels() {
    let events = replay(captures(), &ALL);
    for event in events {
        if event["path_unresolved"] == true {
            let directory = event["cwd"].as_str().unwrap();
            assert_eq!(directory, "/lab/slashes", "{event}");
            let is_dot = event["exit"] == -22;
            assert!(is_dot || event["node"] != "linux-7.2", "{event}");
        }
    }
}
