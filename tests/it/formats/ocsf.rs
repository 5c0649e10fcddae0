//! `--format ocsf`, against the published schema.

use std::path::Path;

use auditrd::model::Timestamp;
use serde_json::json;

use super::{ecs::assert_has_all_values, schema::verdicts_of, tools::python_with};
use crate::{
    common::{Value, lines, replay},
    golden::{LOGS, log, output},
};

fn ocsf(log: &[u8]) -> Vec<Value> {
    lines(&output(log, &["--format", "ocsf", "--events", "all"]))
}

#[track_caller]
fn assert_valid(input: &[u8]) {
    let Some(python) = python_with("import jsonschema, ocsf_json_schema") else {
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/formats/ocsf.py");
    let verdicts = verdicts_of(&python, &[&script], input);
    let lines: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(verdicts.len(), lines.len());
    for (verdict, line) in verdicts.iter().zip(lines) {
        assert_eq!(verdict, "ok", "{}", String::from_utf8_lossy(line));
    }
}

#[test]
fn every_line_of_every_log_is_valid() {
    let format = ["--format", "ocsf", "--events", "all"];
    let mut all: Vec<u8> = LOGS
        .iter()
        .flat_map(|name| output(&log(name), &format))
        .collect();
    let repeated = [&format[..], &["--aggregate", "1h"]].concat();
    all.extend(output(&log("misc"), &repeated));
    let host = Some(&b"web1"[..]);
    auditrd::encode::ocsf::loss(Timestamp::default(), host, "kernel_lost", 7, &mut all);
    super::schema::with_status(|status| auditrd::encode::ocsf::status(status, &mut all));
    assert_valid(&all);
}

#[test]
fn every_value_of_the_default_format_is_in_ocsf() {
    for name in LOGS {
        let events = lines(&output(&log(name), &["--events", "all"]));
        let others = ocsf(&log(name));
        assert_eq!(events.len(), others.len());
        for (event, other) in events.iter().zip(&others) {
            assert_has_all_values(event, other);
        }
    }
}

#[test]
fn the_actor_of_an_exec_is_the_parent_and_its_process_the_program() {
    let events = ocsf(&log("proc"));
    let exec = |event: &&Value| event["class_uid"] == 1007 && event["status_id"] == 1;
    let event = events.iter().find(exec).unwrap();
    assert_eq!(event["activity_id"], json!(1));
    assert_eq!(
        event["actor"]["process"]["pid"],
        event["process"]["parent_process"]["pid"]
    );
    assert!(event["process"]["file"]["path"].is_string());
    assert!(event["process"]["cmd_line"].is_string());
}

#[test]
fn an_exec_that_failed_is_a_launch_that_failed() {
    let events = ocsf(&log("proc"));
    let failed = |event: &&Value| event["class_uid"] == 1007 && event["status_id"] == 2;
    let event = events.iter().find(failed).unwrap();
    assert!(event["status_code"].is_string(), "{event}");
}

#[test]
fn a_rename_has_both_files() {
    let events = ocsf(&log("fim"));
    let renamed = |event: &&Value| event["type_uid"] == 100_105;
    let event = events.iter().find(renamed).unwrap();
    assert!(event["file"]["path"].is_string());
    assert!(event["file_result"]["path"].is_string());
    assert_ne!(event["file"]["path"], event["file_result"]["path"]);
}

#[test]
fn a_login_has_its_account_its_address_and_its_program() {
    let events = ocsf(&log("users"));
    let auth = &events[0];
    assert_eq!(auth["class_uid"], json!(3002));
    assert_eq!(auth["user"]["name"], json!("alice"));
    assert_eq!(auth["src_endpoint"]["ip"], json!("192.0.2.7"));
    assert_eq!(auth["service"]["name"], json!("sshd"));
    assert_eq!(auth["actor"]["user"]["uid"], json!("0"));
}

#[test]
fn a_long_line_is_truncated_and_marked() {
    let events = replay(log("proc"), &["--format", "ocsf", "--max-line", "4096"]);
    let cut = |event: &&Value| event["metadata"]["is_truncated"] == true;
    assert!(events.iter().filter(cut).count() > 1);
    for event in &events {
        assert!(event.to_string().len() < 4096);
    }
}
