//! `--drop`, `--keep` and `--filter`: what is left out is counted, listed, and still remembered.

use std::fs;

use serde_json::json;

use crate::{
    common::{Counters, Value, auditrd, lines, replay, replay_raw},
    golden::{LOGS, log},
    process::{Running, deletion, end, login},
};

/// A directory is opened, and a file is removed relative to its descriptor.
const LOG: &str = "\
type=SYSCALL msg=audit(1.000:1): arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c items=1 ppid=1 pid=5 auid=1000 uid=0 exe=\"/usr/bin/rm\" key=\"k\"
type=CWD msg=audit(1.000:1): cwd=\"/root\"
type=PATH msg=audit(1.000:1): item=0 name=\"/data\" inode=9 dev=fe:00 mode=040755 ouid=0 ogid=0 nametype=NORMAL
type=PROCTITLE msg=audit(1.000:1): proctitle=\"rm\"
type=SYSCALL msg=audit(1.001:2): arch=c000003e syscall=263 success=yes exit=0 a0=3 items=2 ppid=1 pid=5 auid=1000 uid=0 exe=\"/usr/bin/rm\" key=\"k\"
type=CWD msg=audit(1.001:2): cwd=\"/root\"
type=PATH msg=audit(1.001:2): item=0 name=\"/root\" inode=9 dev=fe:00 mode=040755 ouid=0 ogid=0 nametype=PARENT
type=PATH msg=audit(1.001:2): item=1 name=\"x\" inode=8 dev=fe:00 mode=0100644 ouid=0 ogid=0 nametype=DELETE
type=PROCTITLE msg=audit(1.001:2): proctitle=\"rm\"
";

/// The events without status lines.
fn events(log: impl AsRef<[u8]> + Send, args: &[&str]) -> Vec<Value> {
    let is_event = |event: &Value| event["name"] != "status_event";
    replay(log, args).into_iter().filter(is_event).collect()
}

#[test]
fn events_that_are_left_out_are_still_remembered() {
    let left = events(
        LOG,
        &["--drop", "action=opened", "--drop", "path=/no/such/**"],
    );
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["path"], "/data/x");
    let left = events(LOG, &["--drop", "uid=root", "--keep", "syscall=unlinkat"]);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["syscall"], "unlinkat");
}

#[test]
fn the_filters_are_listed_before_the_first_event() {
    let args = [
        "--drop",
        "exe=/usr/bin/rm,uid=0",
        "--drop",
        "uid=7",
        "--keep",
        "path=/x",
    ];
    let events = replay(LOG, &args);
    assert_eq!(events.len(), 1);
    assert_eq!(
        (&events[0]["name"], &events[0]["reason"]),
        (&json!("status_event"), &json!("filters"))
    );
    assert_eq!(
        events[0]["filters"]["drop"],
        json!(["exe=/usr/bin/rm,uid=0", "uid=7"])
    );
    assert_eq!(events[0]["filters"]["keep"], json!(["path=/x"]));
}

#[test]
fn every_status_lists_all_that_is_left_out() {
    let args = [
        "--heartbeat=1h",
        "--drop=uid=7",
        "--drop=uid=7",
        "--keep=path=/x",
        "--redact=default,backup:--pin",
        "--no-args",
    ];
    let events = replay(LOG, &args);
    let statuses = events
        .iter()
        .filter(|event| event["name"] == "status_event");
    let told = statuses.map(|event| (event["reason"].as_str(), &event["filters"]));
    let filters = json!({
        "min": "USER_AUTH",
        "max": "AVC",
        "events": ["process", "fim", "user"],
        "drop": ["uid=7"],
        "keep": ["path=/x"],
        "redact": ["default", "backup:--pin"],
        "no_args": true,
    });
    let expected = [(Some("start"), &filters), (Some("end"), &filters)];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn every_expression_counts_the_events_that_it_leaves_out() {
    let directory = tempfile::tempdir().unwrap();
    let metrics = directory.path().join("metrics");
    let input = directory.path().join("log");
    fs::write(&input, LOG).unwrap();
    let output = auditrd()
        .arg(&input)
        .args([
            "--drop",
            "action=opened",
            "--drop",
            "comm=\"\\\\*",
            "-v",
            "--metrics-file",
        ])
        .arg(&metrics)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("left out 1 events: action=opened"), "{said}");
    let text = fs::read_to_string(metrics).unwrap();
    let label = "auditrd_filter_dropped_by_total{filter=\"action=opened\"} 1";
    assert!(text.lines().any(|line| line == label), "{text}");
    let counters = Counters::of_metrics(&text);
    assert_eq!(
        (
            counters["filter_dropped"],
            counters["filter_dropped_records"]
        ),
        (1, 4)
    );
    counters.assert_they_add_up();
}

#[test]
fn the_account_adds_up_with_every_filter_in_every_format() {
    for name in LOGS {
        let all = events(log(name), &[]).len();
        let mut parts = 0;
        for filter in [
            ["--drop", "uid=0-99"],
            ["--drop", "name=*"],
            ["--drop", "exe=/usr/**"],
        ] {
            // The account is checked by `replay_raw`.
            parts += events(log(name), &filter).len();
            for format in [
                &["--format", "ecs"][..],
                &["--format", "raw"],
                &["--pretty"],
            ] {
                replay_raw(log(name), &[&filter[..], format].concat());
            }
        }
        assert!(parts <= 3 * all, "{name}");
    }
}

#[test]
fn raw_records_are_filtered_by_their_decoded_values() {
    let output = replay_raw(LOG, &["--format", "raw", "--drop", "path=/data/x"]);
    let groups = lines(&output.stdout);
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0]["sequence"], 1);
}

#[test]
fn a_file_of_filters_is_one_expression_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("filters");
    fs::write(
        &file,
        "# noise\n\ndrop action=opened\nkeep pid=5,exe=/usr/bin/ls\n",
    )
    .unwrap();
    let path = file.to_str().unwrap();
    assert_eq!(events(LOG, &["--filter", path]).len(), 1);
    fs::write(&file, "drop uid=0\nkeep everything\n").unwrap();
    let output = replay_raw(LOG, &["--filter", path]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("filters: line 2: \"everything\" is not KEY=VALUE"),
        "{said}"
    );
    let output = replay_raw(LOG, &["--filter", "/no/such/file"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn wrong_expressions_are_usage_errors() {
    for (args, cause) in [
        (&["--drop", "user=0"][..], "no key"),
        (&["--drop", "uid=0", "--keep", "uid"], "KEY=VALUE"),
        (&["--keep", "uid=0"], "--keep needs --drop or --filter"),
    ] {
        let output = replay_raw(LOG, args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(said.contains(cause), "{said}");
    }
}

#[test]
fn a_changed_file_of_filters_is_read_at_sighup() {
    let directory = tempfile::tempdir().unwrap();
    let (file, new) = (
        directory.path().join("filters"),
        directory.path().join("new"),
    );
    fs::write(&file, "drop op=login\n").unwrap();
    let mut command = auditrd();
    command.args(["-i", "-", "--filter"]).arg(&file);
    let mut running = Running::start(&mut command);
    assert_eq!(running.event()["filters"]["drop"], json!(["op=login"]));
    running.write(login(1));
    // Once this one is written, the first one was left out.
    running.write(deletion(2) + &end(2));
    assert_eq!(running.event()["sequence"], 2);
    fs::write(&new, "drop pid=77\n").unwrap();
    fs::rename(&new, &file).unwrap();
    running.signal("HUP");
    assert_eq!(running.event()["filters"]["drop"], json!(["pid=77"]));
    running.write(login(3));
    assert_eq!(running.event()["sequence"], 3);
    fs::write(&file, "drop nonsense\n").unwrap();
    running.signal("HUP");
    assert!(running.log_line().contains("the filters stay as they are"));
    running.write(login(4));
    assert_eq!(running.event()["sequence"], 4);
    running.close();
}
