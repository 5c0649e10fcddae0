//! Calls that failed, and records that were lost.

use super::{Step, honest_both, is_marked, last, step};
use crate::common::Value;

const ENOENT: i64 = -2;
const ENOTDIR: i64 = -20;
const EEXIST: i64 = -17;

/// Asserts that an event of two names has them both, and says so if it does not know which is
/// which.
#[track_caller]
fn both_or_marked(event: &Value, path: &str, dest: &str) {
    let are = event["path"] == path && event["dest_path"] == dest;
    let swapped = event["path"] == dest && event["dest_path"] == path;
    assert!(
        are || swapped && is_marked(event),
        "{path} to {dest}: {event}"
    );
}

#[test]
fn the_names_of_a_failed_link_are_not_swapped() {
    for (call, args) in [("link", ""), ("linkat", "a0=CWD a2=CWD")] {
        for exit in [ENOENT, ENOTDIR, -36, -40] {
            let neither = step(call, args)
                .returns(exit)
                .unknown("/b/new")
                .unknown("/a/missing");
            let found = step(call, args)
                .returns(exit)
                .unknown("/nodir/new")
                .file("/a/there", 5);
            for (call, path, dest) in [
                (neither.clone(), "/a/missing", "/b/new"),
                (found.clone(), "/a/there", "/nodir/new"),
                (found.reversed(), "/a/there", "/nodir/new"),
            ] {
                both_or_marked(&last(&[call]), path, dest);
            }
            // In the order of kernels that fetch the existing name first.
            both_or_marked(&last(&[neither.reversed()]), "/a/missing", "/b/new");
        }
    }
}

#[test]
fn a_name_that_a_failed_link_was_given_is_told() {
    for (call, args) in [("link", ""), ("linkat", "a0=CWD a2=CWD")] {
        let link = step(call, args)
            .returns(ENOENT)
            .unknown("/nodir/new")
            .file("/a/there", 5);
        for link in [link.clone(), link.reversed()] {
            let event = last(&[link]);
            assert_eq!(event["path"], "/a/there", "{event}");
            assert_eq!(event["dest_path"], "/nodir/new", "{event}");
        }
        let exists = step(call, args)
            .returns(EEXIST)
            .parent("/b/", 7)
            .file("/a/there", 5);
        for link in [exists.clone(), exists.reversed()] {
            let event = last(&[link]);
            assert_eq!(event["path"], "/a/there", "{event}");
            assert!(
                event["dest_path"].is_null() || event["dest_path"] == "/b/",
                "{event}"
            );
        }
    }
}

#[test]
fn the_names_of_a_failed_rename_are_not_swapped_nor_dropped() {
    for (call, args) in [
        ("rename", ""),
        ("renameat", "a0=CWD a2=CWD"),
        ("renameat2", "a0=CWD a2=CWD"),
    ] {
        for exit in [ENOENT, ENOTDIR] {
            let neither = step(call, args)
                .returns(exit)
                .unknown("/b/c")
                .unknown("/nodir/a");
            for rename in [neither.clone(), neither.reversed()] {
                let event = last(&[rename]);
                both_or_marked(&event, "/nodir/a", "/b/c");
            }
        }
    }
}

#[test]
fn a_directory_of_one_name_is_not_said_of_the_other() {
    // The new name was not found; the directory is that of the old one.
    for (call, args) in [("rename", ""), ("renameat2", "a0=CWD a2=CWD")] {
        let rename = step(call, args)
            .returns(ENOENT)
            .unknown("/nodir/c")
            .parent("/b/", 7);
        for rename in [rename.clone(), rename.reversed()] {
            let event = last(&[rename]);
            assert!(is_marked(&event), "{event}");
            assert_ne!(event["dest_path"], "/b/", "{event}");
            assert_ne!(event["path"], "/nodir/c", "{event}");
        }
    }
}

#[test]
fn a_failed_call_changes_nothing_that_is_known() {
    let opened = super::opened_in("/w/a", 5, 3, 10);
    let change = step("fchmod", "a0=3").inode(5);
    for failed in [
        step("rename", "")
            .parent("/w", 10)
            .parent("/w", 10)
            .deleted("a", 5),
        step("unlink", "").parent("/w", 10).deleted("a", 5),
        step("link", "").parent("/w", 10).file("/w/a", 5),
        step("rename", "")
            .parent("/w", 10)
            .parent("/w", 10)
            .deleted("a", 5)
            .created("b", 5),
    ] {
        let steps = [opened.clone(), failed.returns(-1), change.clone()];
        super::right(&last(&steps), "/w/a");
    }
}

/// Calls on two names, with those names.
fn calls_on_two() -> Vec<(Step, &'static str, &'static str)> {
    let overwrite = step("rename", "")
        .parent("/w", 1)
        .parent("/w", 1)
        .deleted("victim", 4)
        .deleted("old", 3)
        .created("victim", 3);
    let across = step("renameat", "a0=CWD a2=CWD")
        .parent("b/", 2)
        .parent("a/", 1)
        .deleted("a/old", 3)
        .deleted("b/victim", 4)
        .created("b/victim", 3);
    let exchange = step("renameat2", "a0=CWD a2=CWD a3=2")
        .parent("/w", 1)
        .parent("/w", 1)
        .deleted("one", 3)
        .deleted("two", 4)
        .created("two", 3)
        .created("one", 4);
    let plain = step("rename", "")
        .parent("/w", 1)
        .parent("/w", 1)
        .deleted("old", 3)
        .created("new", 3);
    let link = step("link", "")
        .parent("/w", 1)
        .file("old", 3)
        .created("new", 3);
    vec![
        (overwrite.clone(), "/w/old", "/w/victim"),
        (overwrite.reversed(), "/w/old", "/w/victim"),
        (across, "/w/a/old", "/w/b/victim"),
        (exchange, "/w/one", "/w/two"),
        (plain, "/w/old", "/w/new"),
        (link, "/w/old", "/w/new"),
    ]
}

#[test]
fn a_record_that_was_lost_leaves_no_wrong_name() {
    for (whole, path, dest) in calls_on_two() {
        super::right_both(&last(std::slice::from_ref(&whole)), path, dest);
        for record in 0..whole.records.len() {
            let event = last(&[whole.clone().without(record)]);
            assert_eq!(event["incomplete"], true, "{event}");
            let lost_a_parent = whole.records[record].contains("PARENT");
            if lost_a_parent {
                honest_both(&event, path, dest);
                continue;
            }
            assert_ne!(event["path"], event["dest_path"], "{event}");
            if !is_marked(&event) {
                super::right_both(&event, path, dest);
            }
        }
    }
}

#[test]
fn two_records_that_were_lost_leave_no_wrong_name() {
    for (whole, path, dest) in calls_on_two() {
        for one in 0..whole.records.len() {
            for two in 0..whole.records.len() - 1 {
                let event = last(&[whole.clone().without(one).without(two)]);
                assert_eq!(event["incomplete"], true, "{event}");
                if !is_marked(&event) {
                    super::right_both(&event, path, dest);
                }
            }
        }
    }
}

#[test]
fn knowledge_that_a_lost_record_would_have_changed_is_no_proof() {
    for record in 0..4 {
        let rename = step("rename", "")
            .parent("/w", 10)
            .parent("/w", 10)
            .deleted("old", 3)
            .created("new", 3)
            .without(record);
        let steps = [
            super::opened_in("/w/old", 3, 7, 10),
            rename,
            step("fchmod", "a0=7").inode(3),
        ];
        super::honest(&last(&steps), &["/w/new"]);
    }
}
