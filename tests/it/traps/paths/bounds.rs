//! How long a path may become.

use super::{Step, opened_directory, step, tell};
use crate::common::Value;

/// Bytes of the longest path that is told.
const LONGEST: usize = 64 << 10;

/// Directories made within each other, each below a descriptor of the one before, as any user can
/// make them. Their inodes prove what is where; the last is the depth + 1, and descriptor 3.
fn chain(depth: u64, name: &str) -> Vec<Step> {
    let mut steps = vec![opened_directory("/d", 1, 3)];
    for level in 1..=depth {
        let make = step("mkdirat", "a0=3").parent("/w", level);
        steps.push(make.created_directory(name, level + 1));
    }
    steps
}

/// Asserts that an event says no more than that, or than its own names.
#[track_caller]
fn bounded(event: &Value, name: &str) {
    for key in ["path", "dest_path"] {
        let length = event[key].as_str().map_or(0, str::len);
        let most = LONGEST.max(name.len());
        assert!(length <= most, "{length} bytes of {key}");
        let is_resolved = event["path_unresolved"].is_null();
        assert!(length <= LONGEST || !is_resolved, "{length} bytes of {key}");
    }
}

#[test]
fn a_path_is_not_longer_than_64_kib() {
    for (depth, length) in [(400, 255), (20, 5000), (4, 60_000), (2, 70_000)] {
        let name = "n".repeat(length);
        let mut steps = chain(depth, &name);
        let before = steps.len();
        let inode = depth + 1;
        steps.push(step("ftruncate", "a0=3"));
        steps.push(
            step("unlinkat", "a0=3")
                .parent("/w", inode)
                .deleted("x", 900),
        );
        steps.push(step("fchmodat", "a0=3").file("y", 901));
        steps.push(
            step("renameat", "a0=3 a2=3")
                .parent("/w", inode)
                .parent("/w", inode)
                .deleted("a", 902)
                .created("b", 902),
        );
        let events = tell(&steps);
        events.iter().for_each(|event| bounded(event, &name));
        for event in &events[before..] {
            assert_eq!(event["path_unresolved"], true, "{depth} of {length}");
        }
    }
}

#[test]
fn a_path_of_less_than_64_kib_is_told() {
    let name = "n".repeat(255);
    let mut steps = chain(200, &name);
    steps.push(step("unlinkat", "a0=3").parent("/w", 201).deleted("x", 900));
    let events = tell(&steps);
    let path = format!("/d{}/x", format!("/{name}").repeat(200));
    super::right(events.last().expect("the last"), &path);
}

#[test]
fn a_rename_does_not_make_a_path_longer_than_it_may_be() {
    let name = "n".repeat(250);
    let mut steps = chain(240, &name);
    // What has a path of 60 KiB moves another 10 KiB down.
    let mut top = "/top".to_owned();
    for _ in 0..40 {
        top = format!("{top}/{name}");
    }
    steps.push(
        step("rename", "")
            .parent("/", 9)
            .parent(&format!("{top}/"), 8)
            .deleted_directory("/d", 1)
            .created_directory(&format!("{top}/d"), 1),
    );
    steps.push(step("unlinkat", "a0=3").parent("/w", 241).deleted("x", 900));
    let events = tell(&steps);
    events.iter().for_each(|event| bounded(event, &name));
    let end = events.last().expect("the last");
    assert_eq!(end["path_unresolved"], true);
}
