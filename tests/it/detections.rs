//! Detection rules in the languages in which people store them, over the events of a day.
//!
//! `tests/data/day.log` is of real commands: alice and bob log in with ssh, alice changes files
//! and, with sudo, accounts; bob tries things that he may not do.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::{
    common::{Value, data, lines, replay_raw},
    formats::{schema::verdicts_of, tools::python_with},
};

fn day(args: &[&str]) -> Vec<u8> {
    let log = std::fs::read(data("day.log")).unwrap();
    let output = replay_raw(&log, &[&["-q", "--events", "all"], args].concat());
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The events with these sequences.
fn with_sequences<'a>(events: &'a [Value], found: &Value) -> Vec<&'a Value> {
    let sequences = found.as_array().unwrap();
    events
        .iter()
        .filter(|event| sequences.contains(&event["sequence"]))
        .collect()
}

#[test]
fn queries_in_the_shapes_of_elastics_rules_find_what_they_describe() {
    let Some(python) = python_with("import eql") else {
        return;
    };
    let started = r#"host.os.type == "linux" and event.type == "start" and event.action in ("exec", "executed")"#;
    // A query, and the command lines of the events that it finds.
    let cases = [
        (
            format!(r#"process where {started} and process.name == "rm" and arrayContains(process.args, "-r")"#),
            json!([["rm -r /srv/day/reports/2026"]]),
        ),
        (
            r#"process where process.name == "base64" and process.parent.name : "dash" and process.args_count == 2"#.to_owned(),
            json!([["base64 -d"]]),
        ),
        // A program that is not there does not start.
        (
            format!(r#"process where {started} and process.executable : "*missing*""#),
            json!([]),
        ),
        (
            r#"sequence with maxspan=1m [process where process.name == "chmod" and arrayContains(process.args, "4755")] [process where process.executable : "/srv/*"]"#.to_owned(),
            json!([["chmod 4755 /srv/day/bin/tool", "/srv/day/bin/tool"]]),
        ),
        (
            r#"file where event.action == "opened-file" and file.path == "/etc/shadow" and event.outcome == "failure""#.to_owned(),
            json!([["cat /etc/shadow"]]),
        ),
        (
            r#"any where event.action == "killed-pid" and auditd.data.syscall == "kill" and user.id != "0""#.to_owned(),
            json!([[null]]),
        ),
        (
            r#"network where event.action == "connected-to" and network.direction == "egress" and destination.port == 8081 and process.name == "curl""#.to_owned(),
            json!([["curl -s http://127.0.0.1:8081/"]]),
        ),
        (
            r#"any where event.action in ("added-user-account", "added-group-account-to") and auditd.result == "success""#.to_owned(),
            json!([[null], [null]]),
        ),
        (
            r#"file where event.type == "creation" and file.extension == "txt""#.to_owned(),
            json!([[null]]),
        ),
        (
            r#"any where event.category == "authentication" and event.action == "logged-in" and event.outcome == "failure" and source.ip == "127.0.0.2""#.to_owned(),
            json!([[null]]),
        ),
    ];
    let queries: Vec<&str> = cases.iter().map(|(query, _)| &**query).collect();
    let queries = PathBuf::from(json!(queries).to_string());
    let script = root().join("tests/it/detections/run_eql.py");
    let found = verdicts_of(&python, &[&script, &queries], &day(&["--format", "ecs"]));
    assert_eq!(found.len(), cases.len());
    let events = lines(&day(&[]));
    for ((query, expected), found) in cases.iter().zip(found) {
        let found: Value = serde_json::from_str(&found).unwrap();
        let matches = found.as_array().unwrap();
        let expected = expected.as_array().unwrap();
        assert_eq!(matches.len(), expected.len(), "{query}: {found}");
        for (sequences, expected) in matches.iter().zip(expected) {
            let found = with_sequences(&events, sequences);
            for (event, expected) in found.iter().zip(expected.as_array().unwrap()) {
                let is_it = expected.is_null() || event["commandline"] == *expected;
                assert!(is_it, "{query}: {event}");
            }
        }
    }
}

#[test]
fn sigma_rules_of_each_form_find_what_they_describe() {
    let Some(python) = python_with("import sigma.backends.sqlite") else {
        return;
    };
    // A rule, its title, and the numbers and programs of the events that it finds.
    let cases = [
        ("auditd", "An Account Was Added", 2, "useradd"),
        ("arguments", "A Program Was Made Setuid", 1, "chmod"),
        ("process_creation", "A Decoder Feeds a Shell", 1, "base64"),
        ("file_event", "A Sudoers File Was Created", 1, "dash"),
        (
            "network_connection",
            "An Interpreter Connects",
            1,
            "python3.11",
        ),
        ("silent", "Nothing Does This", 0, ""),
    ];
    let script = root().join("tests/it/detections/run_sigma.py");
    let packaged = root().join("packaging/sigma");
    let rules: Vec<PathBuf> = cases
        .iter()
        .map(|(rule, ..)| root().join(format!("tests/it/detections/sigma/{rule}.yml")))
        .collect();
    let mut args = vec![&*script, &*packaged];
    args.extend(rules.iter().map(|rule| &**rule));
    let found = verdicts_of(&python, &args, &day(&[]));
    let events = lines(&day(&[]));
    assert_eq!(found.len(), cases.len());
    for ((rule, title, count, program), found) in cases.iter().zip(found) {
        let found: Value = serde_json::from_str(&found).unwrap();
        assert_eq!(found[0], json!(title));
        let matches = with_sequences(&events, &found[1]);
        assert_eq!(matches.len(), *count, "{rule}: {matches:?}");
        for event in matches {
            let exe = event["exectuable"].as_str().unwrap();
            assert!(exe.ends_with(program), "{rule}: {event}");
        }
    }
}

/// The SQL of each question in the guide, and the lines that its jq sample prints.
fn questions() -> Vec<(String, Vec<String>)> {
    let guide = std::fs::read_to_string(root().join("docs/hunting.md")).unwrap();
    let sections = guide.split("\n## ").skip(1);
    sections
        .map(|section| {
            let block = |language: &str| {
                let start = section.split(&format!("```{language}\n")).nth(1).unwrap();
                start.split("```").next().unwrap().to_owned()
            };
            let sample = block("console");
            let output = sample
                .lines()
                .skip_while(|line| line.ends_with('|'))
                .skip(1);
            (block("sql"), output.map(str::to_owned).collect())
        })
        .collect()
}

#[test]
fn sql_answers_the_questions_of_the_guide_as_jq_does() {
    let Some(python) = python_with("import duckdb") else {
        return;
    };
    let questions = questions();
    assert_eq!(questions.len(), 10);
    let queries: Vec<&str> = questions.iter().map(|(sql, _)| &**sql).collect();
    let queries = PathBuf::from(json!(queries).to_string());
    let script = root().join("tests/it/detections/run_duckdb.py");
    let found = verdicts_of(&python, &[&script, &queries], &day(&[]));
    assert_eq!(found.len(), questions.len());
    for ((sql, expected), rows) in questions.iter().zip(found) {
        let mut rows: Vec<String> = serde_json::from_str(&rows).unwrap();
        rows.dedup();
        assert_eq!(rows, *expected, "{sql}");
        assert!(!rows.is_empty(), "{sql}");
    }
}
