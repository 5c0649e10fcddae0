//! Records inside other formats, and joined in one line.

use serde_json::json;

use super::{assert_created, creation, read_files, write};
use crate::common::{Value, replay};

/// The lines of two events.
fn two() -> String {
    creation(1, "one", 5) + &creation(2, "two", 5)
}

/// The lines, each a value in an object that `wrap` makes of it.
fn wrapped(wrap: impl Fn(&str) -> Value) -> String {
    two()
        .lines()
        .map(|line| format!("{}\n", wrap(line)))
        .collect()
}

#[test]
fn records_are_taken_out_of_json() {
    let check = |wrap: fn(&str) -> Value, node: Option<&str>| {
        let events = replay(wrapped(wrap), &[]);
        assert_created(&events, &["one", "two"]);
        for event in &events {
            assert_eq!(event.get("node").and_then(Value::as_str), node);
            assert_eq!(event["relayed"], json!(true));
        }
    };
    check(
        |line| json!({"log": format!("{line}\n"), "stream": "stdout", "time": "x"}),
        None,
    );
    check(
        |line| json!({"agent": {"id": "7", "name": "h1"}, "rule": {"id": 1}, "full_log": line}),
        Some("h1"),
    );
    check(
        |line| json!({"_HOSTNAME": "h2", "_TRANSPORT": "kernel", "MESSAGE": format!("audit: {line}")}),
        Some("h2"),
    );
    check(
        |line| json!({"host": {"name": "h3"}, "event": {"original": line}, "message": line}),
        Some("h3"),
    );
    check(
        |line| json!({"MESSAGE": line.as_bytes(), "_TRANSPORT": "syslog"}),
        None,
    );
}

#[test]
fn a_container_runtime_puts_a_prefix_before_each_line() {
    let text = two();
    let lines = text
        .lines()
        .map(|line| format!("2026-02-22T14:25:25.1Z stdout F {line}\n"));
    assert_created(&replay(lines.collect::<String>(), &[]), &["one", "two"]);
}

#[test]
fn an_object_may_hold_a_whole_event() {
    let one = creation(1, "one", 5).replace('\n', " ");
    let two = creation(2, "two", 5).replace('\n', " ");
    let lines = format!(
        "{}\n{}\n",
        json!({"full_log": one}),
        json!({"full_log": two})
    );
    assert_created(&replay(lines, &[]), &["one", "two"]);
}

#[test]
fn records_joined_in_one_line_are_separated() {
    for joint in [" ", "  ", ""] {
        let joined = |text: String| text.trim_end().replace('\n', joint) + "\n";
        let log = joined(creation(1, "one", 5)) + &joined(creation(2, "two", 5));
        assert_created(&replay(log, &[]), &["one", "two"]);
        assert_created(&replay(joined(two()), &[]), &["one", "two"]);
    }
}

#[test]
fn lines_joined_late_in_a_log_are_separated_too() {
    let plain: String = (0..100).map(|serial| creation(serial, "x", 5)).collect();
    let joined: String = (100..400)
        .map(|serial| creation(serial, "x", 5).trim_end().replace('\n', " ") + "\n")
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let path = write(directory.path(), "audit.log", plain + &joined);
    let events = read_files(&[&path]);
    assert_eq!(events.len(), 400);
    assert!(events.iter().all(|event| event.get("incomplete").is_none()));
}

/// The records as fields of the journal's entries: type, serial, time, and message.
fn journal_fields(line: &str) -> (String, String, String, String) {
    let (record, rest) = line
        .strip_prefix("type=")
        .unwrap()
        .split_once(" msg=audit(")
        .unwrap();
    let (stamp, body) = rest.split_once("): ").unwrap();
    let (time, serial) = stamp.split_once(':').unwrap();
    let micros = time.replace('.', "") + "000";
    (
        record.to_owned(),
        serial.to_owned(),
        micros,
        format!("{record} {body}"),
    )
}

fn number(record: &str) -> &'static str {
    match record {
        "SYSCALL" => "1300",
        "PATH" => "1302",
        "CWD" => "1307",
        _ => "1327",
    }
}

#[test]
fn the_journals_export_format_is_recognized() {
    let mut log = Vec::new();
    for (index, line) in two().lines().enumerate() {
        let (record, serial, micros, message) = journal_fields(line);
        let head = format!(
            "__CURSOR=s={index}\n_TRANSPORT=audit\n_HOSTNAME=h1\n_AUDIT_TYPE={}\n_AUDIT_ID={serial}\n\
             _SOURCE_REALTIME_TIMESTAMP={micros}\n",
            number(&record)
        );
        log.extend_from_slice(head.as_bytes());
        // A value in the binary form: its length may contain any byte, and it may contain newlines.
        log.extend_from_slice(b"BINARY\n\x0a\0\0\0\0\0\0\0MESSAGE=\n\n\nMESSAGE\n");
        log.extend_from_slice(&(message.len() as u64).to_le_bytes());
        log.extend_from_slice(message.as_bytes());
        log.extend_from_slice(b"\n\n");
    }
    let events = replay(log, &[]);
    assert_created(&events, &["one", "two"]);
    assert_eq!(
        (&events[0]["node"], &events[0]["sequence"]),
        (&json!("h1"), &json!(1))
    );
}

#[test]
fn the_journals_json_has_the_stamp_in_fields() {
    let log = wrapped(|line| {
        let (record, serial, micros, message) = journal_fields(line);
        json!({
            "_TRANSPORT": "audit", "_HOSTNAME": "h1", "_AUDIT_TYPE": number(&record),
            "_AUDIT_ID": serial, "_SOURCE_REALTIME_TIMESTAMP": micros, "MESSAGE": message,
        })
    });
    let events = replay(log, &[]);
    assert_created(&events, &["one", "two"]);
    assert_eq!(events[1]["timestamp"], json!("2023-11-14T22:13:22.123Z"));
}

#[test]
fn the_journals_short_formats_are_numbered_in_order() {
    for (time, expected) in [
        ("1771770325.070000", "2026-02-22T14:25:25.070Z"),
        ("2026-02-22T14:25:25+0000", "2026-02-22T14:25:25.000Z"),
        ("Sun 2026-02-22 14:25:25 UTC", "2026-02-22T14:25:25.000Z"),
    ] {
        let line = |line: &str| {
            let message = journal_fields(line).3;
            format!("{time} h1 audit[50]: {message}\n")
        };
        let log: String = two().lines().map(line).collect();
        let events = replay(log, &[]);
        assert_created(&events, &["one", "two"]);
        assert_eq!(events[0]["timestamp"], json!(expected));
        assert_eq!(
            (&events[0]["sequence"], &events[1]["sequence"]),
            (&json!(1), &json!(2))
        );
    }
}

#[test]
fn grep_prints_names_of_files_before_records() {
    for prefix in [
        "/var/log/audit/audit.log:",
        "audit.log-",
        "audit.log:12:",
        "audit.log-12-",
    ] {
        let log: String = two()
            .lines()
            .map(|line| format!("{prefix}{line}\n"))
            .collect();
        let events = replay(log, &[]);
        assert_created(&events, &["one", "two"]);
        assert_eq!(events[0].get("relayed"), None);
    }
}

#[test]
fn the_separator_of_names_may_be_replaced_or_missing() {
    for separator in ["\x1d", "#035", "^]", "\\035", " ", ""] {
        let syscall = creation(1, "one", 5).replace(
            "key=\"srv\"",
            &format!("key=(null){separator}ARCH=x86_64 UID=\"root\""),
        );
        let log = syscall.replace(
            "nametype=CREATE",
            &format!("nametype=CREATE{separator}OUID=\"root\" OGID=\"root\""),
        );
        let event = &replay(log, &[])[0];
        assert_eq!(event.get("key"), None, "{separator}");
        assert_eq!(
            (&event["action"], &event["path"]),
            (&json!("created"), &json!("/srv/one"))
        );
        let user = format!(
            "type=USER_LOGIN msg=audit(1.002:3): pid=1 uid=0 msg='op=x acct=\"it's\" res=success'\
             {separator}UID=\"root\" ID=\"o'hara\"\n\
             type=LOGIN msg=audit(1.002:4): pid=1 uid=0 old-auid=5 auid=7 res=1{separator}UID=\"root\"\n"
        );
        let events = replay(user, &["--min", "1000"]);
        assert_eq!(
            events[0]["msg"],
            json!("op=x acct=\"it's\" res=success"),
            "{separator}"
        );
        assert_eq!(events[0]["fields"]["ID"], json!("o'hara"), "{separator}");
        assert_eq!(events[1]["success"], json!("success"), "{separator}");
        assert_eq!(events[1]["fields"]["UID"], json!("root"), "{separator}");
    }
}
