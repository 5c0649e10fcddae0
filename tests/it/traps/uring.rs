//! Operations of io_uring, whose records say that they are over, and not that they succeeded.

use serde_json::json;

use super::{call, log};
use crate::common::replay;

/// A URINGOP record that starts with these fields.
fn operation(fields: &str) -> String {
    format!("URINGOP {fields} success=yes exit=0 ppid=1 pid=2 uid=0 key=(null)")
}

fn path(name: &str, inode: u32, mode: &str, nametype: &str) -> String {
    format!("PATH name=\"{name}\" inode={inode} dev=fe:00 mode={mode} nametype={nametype}")
}

/// The lines of an event of these records.
fn event(serial: u32, records: &[String]) -> String {
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    log(serial, &[&records[..], &["EOE "]].concat())
}

#[test]
fn an_operation_that_may_have_failed_moves_and_closes_nothing_for_sure() {
    let directory = |name: &str, inode, nametype| path(name, inode, "040755", nametype);
    let cwd = "CWD cwd=\"/w\"".to_owned();
    let parent = directory("/w/", 2, "PARENT");
    let made = |name, inode| {
        let new = directory(name, inode, "CREATE");
        [call(83, "items=2"), cwd.clone(), parent.clone(), new]
    };
    // The new name is that of a directory that is not empty.
    let (old, new) = (
        directory("/w/a", 60, "DELETE"),
        directory("/w/b", 61, "DELETE"),
    );
    let rename = operation("uring_op=35 items=4");
    let renamed = [
        rename,
        cwd.clone(),
        parent.clone(),
        parent.clone(),
        old,
        new,
    ];
    let holder = directory("/w", 60, "PARENT");
    let removed = [
        call(263, "a0=6 a1=7f a2=0 items=2"),
        cwd.clone(),
        holder,
        path("f", 70, "0100644", "DELETE"),
    ];
    let opened = [
        call(257, "a0=ffffff9c a1=0 a2=2 items=1").replace("exit=0", "exit=5"),
        cwd.clone(),
        path("/w/c", 7, "0100644", "NORMAL"),
    ];
    let truncated = [call(77, "a0=5 items=0")];
    let log = event(1, &made("/w/a", 60))
        + &event(2, &made("/w/b", 61))
        + &event(3, &renamed)
        + &event(4, &removed)
        + &event(5, &opened)
        + &event(6, &truncated)
        + &event(7, &[operation("uring_op=19 items=0")])
        + &event(8, &truncated);
    let events = replay(log, &["-q", "--min", "1000", "--max", "2999"]);
    let told = |serial: u32| {
        let event = events.iter().find(|event| event["sequence"] == serial);
        let event = event.expect("an event");
        (&event["path"], event["path_unresolved"] == true)
    };
    assert_eq!(told(4), (&json!("f"), true));
    assert_eq!(told(6), (&json!("/w/c"), false));
    assert_eq!(told(8), (&json!(null), true));
}

#[test]
fn an_operation_may_have_done_the_same_as_the_call() {
    let told = |known: [String; 3], operation: &[String], asked: [String; 2]| {
        let log = event(1, &known) + &event(2, operation) + &event(3, &asked);
        let events = replay(log, &["-q", "--min", "1000", "--max", "2999"]);
        let event = events.into_iter().rfind(|event| event["sequence"] == 3);
        event.expect("an event")["path_unresolved"] == true
    };
    let cwd = || "CWD cwd=\"/w\"".to_owned();
    let parent = || path("/w", 3, "040755", "PARENT");
    let chmod = |file: &str, inode| {
        [
            call(90, "items=1"),
            cwd(),
            path(file, inode, "0100644", "NORMAL"),
        ]
    };
    let fchmod = |inode| {
        let record =
            format!("PATH name=(null) inode={inode} dev=fe:00 mode=0100644 nametype=NORMAL");
        [call(91, "a0=7 items=1").replace("pid=2", "pid=9"), record]
    };
    // It removes a link that the path leads through, or makes a file without a name.
    let link = path("l", 40, "0120777", "DELETE");
    let unlink = [operation("uring_op=36 items=2"), cwd(), parent(), link];
    assert!(told(chmod("/r/l/b", 51), &unlink, fchmod(51)));
    let nameless = [
        operation("uring_op=18 items=1"),
        "OPENAT2 oflag=020200002 mode=0600 resolve=0x0".to_owned(),
        cwd(),
        path("/tmp", 51, "0100600", "NORMAL"),
    ];
    assert!(told(chmod("/w/old", 51), &nameless, fchmod(51)));
    // A name that may lead anywhere says nothing of the one in the root directory.
    let unlink = [
        operation("uring_op=36 items=2"),
        cwd(),
        parent(),
        path("r", 41, "0100644", "DELETE"),
    ];
    assert!(!told(chmod("/r/l/b", 51), &unlink, fchmod(51)));
}
