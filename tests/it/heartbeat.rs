//! `--heartbeat`: status events, and who changed the kernel's audit system.

use std::{collections::BTreeSet, fs, process::Command};

use crate::{
    common::{Value, auditrd, lines},
    live::{
        MULTICAST, USER_LOGIN, activated, as_nobody,
        audit::{Audit, registered},
        daemon::Daemon,
        directory, os,
    },
    process::{Running, login},
};

/// Whether an event is a status for a reason.
fn is_status(event: &Value, reason: &str) -> bool {
    event["name"] == "status_event" && event["reason"] == reason
}

/// The reasons of the status events.
fn reasons(events: &[Value]) -> Vec<&str> {
    let statuses = events
        .iter()
        .filter(|event| event["name"] == "status_event");
    statuses
        .filter_map(|event| event["reason"].as_str())
        .collect()
}

/// Waits for a change of a setting and returns it.
fn wait_for_change(daemon: &Daemon, setting: &str, is: impl Fn(&Value) -> bool) -> Value {
    let changes = |event: &Value| {
        let changes = event["changes"].as_array().cloned().unwrap_or_default();
        changes
            .into_iter()
            .find(|change| change["setting"] == setting && is(change))
    };
    daemon.wait_for(1, setting, |event| changes(event).is_some());
    daemon.events().iter().find_map(changes).expect("a change")
}

#[test]
fn a_log_has_a_status_at_the_start_in_between_and_at_the_end() {
    let mut command = auditrd();
    command.args(["-i", "-", "--heartbeat", "50ms"]);
    let mut running = Running::start(&mut command);
    let first = running.event();
    assert!(is_status(&first, "start"), "{first}");
    assert!(is_status(&running.event(), "interval"));
    running.write(login(1));
    while running.event()["name"] != "user_event" {}
    let (status, rest, _) = running.close();
    assert!(status.success());
    let events = lines(&rest);
    let last = events.last().expect("a last line");
    assert!(is_status(last, "end"), "{last}");
    assert_eq!(last["source"], "log");
    assert_eq!(last["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(last["counters"]["written"], 1);
    assert_eq!(last["counters"]["records"], 1);
    assert!(
        last["kernel"].is_null(),
        "a log says nothing of this kernel"
    );
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert_eq!(last["boot_id"], boot_id.trim());
}

#[test]
fn there_is_no_status_without_the_option() {
    let mut command = auditrd();
    command.args(["-i", "-"]);
    let mut running = Running::start(&mut command);
    running.write(login(1));
    let (_, rest, _) = running.close();
    assert_eq!(lines(&rest).len(), 1);
}

#[test]
fn a_status_has_the_same_counters_as_the_metrics_file() {
    let directory = tempfile::tempdir().unwrap();
    let metrics = directory.path().join("metrics");
    let mut command = auditrd();
    command.args(["-i", "/dev/null", "--heartbeat", "1h", "--metrics-file"]);
    let output = command.arg(&metrics).output().unwrap();
    let events = lines(&output.stdout);
    assert_eq!(reasons(&events), ["start", "end"]);
    let counters = events[0]["counters"].as_object().unwrap();
    let names: BTreeSet<&str> = counters.keys().map(String::as_str).collect();
    let text = fs::read_to_string(metrics).unwrap();
    let measured = text
        .lines()
        .filter_map(|line| line.strip_prefix("auditrd_"));
    let measured = measured.filter_map(|line| line.split(' ').next());
    let measured = measured.map(|name| name.strip_suffix("_total").unwrap_or(name));
    let measured: BTreeSet<&str> = measured
        .filter(|name| !name.starts_with("build_"))
        .collect();
    assert_eq!(names, measured);
}

#[test]
fn flushed_rules_and_a_switch_are_told_with_the_process_that_did_it() {
    let Some(mut audit) = Audit::borrow_without_rules() else {
        return;
    };
    let watched = directory();
    audit.watch(watched.path());
    let daemon = Daemon::listen(&[&MULTICAST[..], &["--heartbeat", "1h"]].concat());
    daemon.wait_for(1, "the start", |event| is_status(event, "start"));
    let start = daemon.events().remove(0);
    assert_eq!(start["source"], "multicast");
    assert_eq!(
        (&start["kernel"]["enabled"], &start["kernel"]["rules"]),
        (&1.into(), &1.into())
    );
    let hash = &start["kernel"]["rules_sha256"];
    let sum = Command::new("sh")
        .args(["-c", "auditctl -l | sha256sum"])
        .output();
    let sum = String::from_utf8(sum.expect("a shell").stdout).unwrap();
    assert_eq!(sum.split(' ').next(), hash.as_str());
    audit.flush();
    let flushed = wait_for_change(&daemon, "rules", |change| change["removed"] == 1);
    assert_eq!(flushed["comm"], "auditctl", "{flushed}");
    assert!(flushed["exe"].as_str().unwrap().ends_with("/auditctl"));
    assert!(flushed["pid"].is_u64() && flushed["uid"] == 0, "{flushed}");
    assert_eq!((&flushed["old"], &flushed["new"]), (&1.into(), &0.into()));
    audit.turn("0");
    let off = wait_for_change(&daemon, "enabled", |change| change["new"] == 0);
    assert_eq!(off["comm"], "auditctl", "{off}");
    // The kernel writes no record of this.
    audit.turn("1");
    let on = wait_for_change(&daemon, "enabled", |change| change["new"] == 1);
    assert_eq!(on["old"], 0);
    let ended = daemon.stop();
    let last = ended.events.last().unwrap();
    assert!(is_status(last, "end"), "{last}");
    assert_ne!(&last["kernel"]["rules_sha256"], hash);
    let confinement = &last["confinement"];
    assert_eq!(
        confinement["capabilities"][0], "audit_control",
        "{confinement}"
    );
}

#[test]
fn a_reader_without_capabilities_hears_of_changes_from_records() {
    let Some(audit) = Audit::borrow() else {
        return;
    };
    let socket = os::listening_socket().expect("root may listen");
    let mut command = activated(socket);
    command.args(["--heartbeat", "1h"]);
    let daemon = Daemon::start_on_stdout(as_nobody(command));
    daemon.wait_for(1, "the start", |event| is_status(event, "start"));
    audit.turn("0");
    let off = wait_for_change(&daemon, "enabled", |_| true);
    assert_eq!((&off["old"], &off["new"]), (&1.into(), &0.into()));
    assert_eq!(off["comm"], "auditctl", "{off}");
    audit.turn("1");
    let last = daemon.stop().events.pop().unwrap();
    assert_eq!(
        last["kernel"],
        serde_json::json!({"enabled": 0}),
        "as far as it was told"
    );
    assert!(last["confinement"]["capabilities"].is_null());
}

#[test]
fn another_daemon_that_registers_is_told() {
    let Some(_audit) = Audit::borrow() else {
        return;
    };
    let daemon = Daemon::listen(&[&MULTICAST[..], &["--heartbeat", "1h"]].concat());
    daemon.wait_for(1, "the start", |event| is_status(event, "start"));
    let other = Daemon::listen(&["--unicast"]);
    assert_eq!(registered(), other.pid());
    let pid = other.pid();
    let taken = wait_for_change(&daemon, "daemon_pid", |change| change["new"] == pid);
    assert_eq!(
        (&taken["pid"], &taken["comm"]),
        (&pid.into(), &"auditrd".into())
    );
    other.stop();
    let freed = wait_for_change(&daemon, "daemon_pid", |change| change["new"] == 0);
    assert_eq!(freed["old"], pid);
    daemon.stop();
}

#[test]
fn status_events_are_counted_as_lines() {
    let Some(_audit) = Audit::borrow() else {
        return;
    };
    let daemon = Daemon::listen(&[&MULTICAST[..], &["--heartbeat", "20ms"]].concat());
    daemon.wait_for(5, "some", |event| is_status(event, "interval"));
    os::send(0, USER_LOGIN, b"op=login acct=\"it\" res=success").expect("root may");
    daemon.wait_for(1, "the event", |event| event["name"] == "user_event");
    let ended = daemon.stop();
    let counted = ended.events.last().unwrap()["counters"]["lines"].as_u64();
    assert_eq!(
        counted,
        Some(ended.events.len() as u64 - 1),
        "all lines before it"
    );
}

#[test]
fn raw_groups_have_no_status() {
    let mut command: Command = auditrd();
    command.args(["-i", "-", "--format", "raw", "--heartbeat", "1s"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("--heartbeat"), "{text}");
}
