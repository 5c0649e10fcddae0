//! The events of go-audit and of `--format raw` as an input.

use std::fs;

use serde_json::json;

use super::{assert_created, creation, read_files, write};
use crate::common::{Value, replay, replay_raw};

/// What `--format raw` makes of a log.
fn raw(log: &[u8]) -> Vec<u8> {
    replay_raw(log, &["--format", "raw", "--min", "1000", "--max", "2999"]).stdout
}

/// The events of a log, as they would be if a relay had handed its records on.
fn relayed(log: &[u8]) -> Vec<Value> {
    let mut events = replay(log, &[]);
    for event in &mut events {
        event["relayed"] = json!(true);
    }
    events
}

#[test]
fn the_output_of_format_raw_has_the_same_events_as_its_log() {
    for name in ["sample.log", "paths.log", "users.log"] {
        let log = fs::read(format!("tests/data/{name}")).unwrap();
        let expected = relayed(&log);
        assert!(!expected.is_empty());
        assert_eq!(replay(raw(&log), &[]), expected, "{name}");
    }
}

#[test]
fn an_event_of_go_audit_may_come_through_a_collector() {
    // As go-audit 1.0 writes it: no EOE, and here no PROCTITLE either.
    let messages: Vec<Value> = creation(7, "one", 5)
        .lines()
        .filter(|line| !line.contains("PROCTITLE"))
        .map(|line| {
            let (head, body) = line.split_once("): ").unwrap();
            let record_type = match &head[5..head.find(" msg").unwrap()] {
                "SYSCALL" => 1300,
                "CWD" => 1307,
                _ => 1302,
            };
            json!({"type": record_type, "data": body})
        })
        .collect();
    let group = json!({
        "sequence": 7, "timestamp": "1700000007.123", "messages": messages, "uid_map": {"0": "root"},
    });
    let in_object = json!({"host": {"name": "web1"}, "json": group});
    let in_text = json!({"hostname": "web1", "message": group.to_string()});
    let in_syslog = format!("2026-06-29T00:46:11Z web1 go-audit[297]: {group}");
    for line in [in_object.to_string(), in_text.to_string(), in_syslog] {
        let events = replay(line, &[]);
        assert_created(&events, &["one"]);
        assert_eq!(events[0]["timestamp"], json!("2023-11-14T22:13:27.123Z"));
        let facts = ["sequence", "node", "relayed"].map(|key| &events[0][key]);
        assert_eq!(facts, [&json!(7), &json!("web1"), &json!(true)]);
    }
    let events = replay(group.to_string(), &[]);
    assert_created(&events, &["one"]);
}

#[test]
fn an_event_that_was_not_whole_is_marked_again() {
    let group = |mark: &str| {
        json!({
            "sequence": 7, "timestamp": "1700000007.123", mark: true,
            "messages": [{"type": 1300, "data":
                "arch=c000003e syscall=59 success=yes exit=0 items=0 ppid=1 pid=5 comm=\"sh\""}],
        })
    };
    for mark in ["incomplete", "truncated"] {
        let events = replay(group(mark).to_string(), &[]);
        assert_eq!(events[0][mark], json!(true), "{events:?}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_those_of_the_record() {
    let log = b"type=USER_CMD msg=audit(1700000000.123:7): pid=1 uid=0 auid=0 ses=1 \
        msg='cwd=\"/\" acct=\"a\xffb\" exe=\"/bin/sudo\" res=success'\n";
    let again = replay(raw(log), &[]);
    assert_eq!(again, relayed(log));
    assert!(again[0].to_string().contains("61FF62"), "{again:?}");
}

#[test]
fn rotated_outputs_are_read_in_the_order_of_their_first_events() {
    let directory = tempfile::tempdir().unwrap();
    let [first, second] = [1, 2].map(|serial| raw(creation(serial, "x", 5).as_bytes()));
    let newer = write(directory.path(), "events.json", second);
    let older = write(directory.path(), "events.json.1", first);
    let events = read_files(&[&newer, &older]);
    let serials: Vec<_> = events
        .iter()
        .map(|event| event["sequence"].clone())
        .collect();
    assert_eq!(serials, [1, 2]);
}

#[test]
fn each_record_in_an_array_of_auditbeat_counts() {
    let lines: Vec<String> = creation(1, "one", 5).lines().map(str::to_owned).collect();
    let event = json!({"agent": {"name": "web1"}, "event": {"original": lines}});
    assert_created(&replay(event.to_string(), &[]), &["one"]);
}
