//! The JSON Schema of the default format.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use auditrd::{
    encode,
    model::{Change, ChangedBy, Filters, Identity, Privileges, Status, StatusReason, Timestamp},
};

use super::tools::python_with;
use crate::{
    common::{Value, data, lines, replay},
    golden::{LOGS, log, output},
    process::login,
};

/// The validator's verdict on each line; `None` without a validator.
fn verdicts(input: &[u8]) -> Option<Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = python_with("from jsonschema import Draft202012Validator")?;
    let script = root.join("tests/it/formats/schema.py");
    let schema = root.join("packaging/schema/auditrd-event.schema.json");
    Some(verdicts_of(&python, &[&script, &schema], input))
}

/// The lines that a Python script prints for the lines of its input.
pub(crate) fn verdicts_of(python: &str, script: &[&Path], input: &[u8]) -> Vec<String> {
    let mut child = Command::new(python)
        .args(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[track_caller]
fn assert_valid(input: &[u8]) {
    let Some(verdicts) = verdicts(input) else {
        return;
    };
    let lines: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(verdicts.len(), lines.len());
    for (verdict, line) in verdicts.iter().zip(lines) {
        assert_eq!(verdict, "ok", "{}", String::from_utf8_lossy(line));
    }
}

#[test]
fn every_line_of_every_log_is_valid() {
    let mut all: Vec<u8> = LOGS
        .iter()
        .flat_map(|name| output(&log(name), &[]))
        .collect();
    for name in ["misc", "records"] {
        all.extend(output(&log(name), &["--events", "all"]));
    }
    all.extend(output(&log("misc"), &["--aggregate", "1h"]));
    for entry in fs::read_dir(data("")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "ndjson")
        {
            all.extend(fs::read(path).unwrap());
        }
    }
    assert_valid(&all);
}

#[test]
fn a_loss_event_is_valid() {
    let mut line = Vec::new();
    encode::loss(Timestamp::default(), "socket_overflow", 7, &mut line);
    assert_valid(&line);
}

/// A status of which everything is known.
pub(super) fn with_status(write: impl FnOnce(&Status<'_>)) {
    let mut status = Status::new(Timestamp::default(), StatusReason::Change);
    status.host = Some(b"web1");
    status.boot_id = Some("c604f8d7-7e76-49e9-97b5-753a9d2053e8");
    let kernel = &mut status.kernel;
    kernel.enabled = Some(1);
    kernel.failure = Some(1);
    kernel.daemon_pid = Some(812);
    kernel.daemon_comm = Some("auditd".to_owned());
    kernel.rate_limit = Some(0);
    kernel.backlog_limit = Some(8192);
    kernel.backlog = Some(0);
    kernel.lost = Some(0);
    kernel.rules = Some(2);
    kernel.rules_sha256 = Some("0".repeat(64));
    let mut change = Change::new("rules", Some(1), Some(2));
    change.added = 1;
    let mut by = ChangedBy::new(Identity::default());
    (by.ids.pid, by.ids.uid) = (7, 0);
    (by.comm, by.exe) = (Some(b"auditctl".to_vec()), Some(b"/sbin/auditctl".to_vec()));
    change.by = Some(by);
    let changes = [change];
    status.changes = &changes;
    status.counters = &[("records", 7)];
    status.priming = Some((7, true));
    let mut privileges = Privileges::default();
    privileges.capabilities = vec!["audit_control"];
    (privileges.seccomp, privileges.landlock) = (true, true);
    status.confinement = Some(&privileges);
    status.filters = filters();
    status.filters.aggregate = Some("1m");
    write(&status);
}

fn filters() -> Filters<'static> {
    let mut filters = Filters::default();
    (filters.min, filters.max) = ("USER_AUTH", "AVC");
    filters.events = &["process"];
    filters
}

#[test]
fn a_status_event_is_valid() {
    let mut lines = Vec::new();
    with_status(|status| encode::status(status, &mut lines));
    let mut least = Status::new(Timestamp::default(), StatusReason::Start);
    (least.filters, least.counters) = (filters(), &[("records", 0)]);
    encode::status(&least, &mut lines);
    assert_valid(&lines);
}

#[test]
fn wrong_lines_are_invalid() {
    let user = replay(login(1), &[]).remove(0);
    let fim = lines(&output(&log("fim"), &[])).remove(0);
    let process = lines(&output(&log("proc"), &[])).remove(0);
    let with = |event: &Value, key: &str, value: Value| {
        let mut event = event.clone();
        event[key] = value;
        event
    };
    let without = |event: &Value, key: &str| {
        let mut event = event.clone();
        assert!(
            event.as_object_mut().unwrap().remove(key).is_some(),
            "{key}"
        );
        event
    };
    let wrong = [
        with(&user, "name", "other_event".into()),
        with(&user, "extra", 1.into()),
        with(&user, "pid", "7".into()),
        with(&user, "uid", (-1).into()),
        with(&user, "auid", 4_294_967_296u64.into()),
        with(&user, "timestamp", "2026-11-22 16:43:37".into()),
        with(&user, "acct_hex", "ff".into()),
        with(&user, "msg_hex", "".into()),
        with(&without(&user, "acct"), "acct_hex", "FF".into()),
        with(&user, "pid_hex", "FF".into()),
        with(&user, "argv", Value::Array(Vec::new())),
        with(&user, "fields", serde_json::json!({"a": 1})),
        with(&user, "incomplete", false.into()),
        with(&user, "count", 2.into()),
        with(&user, "first", "2026-11-22T16:43:37.963Z".into()),
        without(&user, "sequence"),
        without(&fim, "action"),
        with(&fim, "action", "looked".into()),
        with(&fim, "inode", 5.into()),
        with(&fim, "msg", "x".into()),
        with(&process, "action", "opened".into()),
        with(&process, "argv_hex", serde_json::json!({"x": "FF"})),
        serde_json::json!({"name": "loss_event", "timestamp": "2026-11-22T16:43:37.963Z"}),
        serde_json::json!([]),
    ];
    let text: String = wrong.iter().map(|event| format!("{event}\n")).collect();
    let Some(verdicts) = verdicts(text.as_bytes()) else {
        return;
    };
    assert_eq!(verdicts.len(), wrong.len());
    for (verdict, event) in verdicts.iter().zip(&wrong) {
        assert_ne!(verdict, "ok", "{event}");
    }
}
