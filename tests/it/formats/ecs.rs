//! `--format ecs`, against the field list of the Elastic Common Schema.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use auditrd::model::{Status, StatusReason, Timestamp};

use crate::{
    common::{Value, data, lines, replay},
    golden::{LOGS, log, output},
};

/// The part of the schema that is used.
pub(super) struct Schema {
    fields: BTreeMap<String, (String, bool)>,
    values: BTreeMap<String, BTreeSet<String>>,
    categories: BTreeMap<String, BTreeSet<String>>,
}

impl Schema {
    pub(super) fn read() -> Schema {
        let text = fs::read_to_string(data("ecs_fields.txt")).unwrap();
        let (mut fields, mut values, mut categories) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let rest = words[2..].iter().cloned().collect();
            match &*words[0] {
                "field" => {
                    let field = (words[2].clone(), words[3] == "array");
                    fields.insert(words[1].clone(), field);
                }
                "values" => drop(values.insert(words[1].clone(), rest)),
                _ => drop(categories.insert(words[1].clone(), rest)),
            }
        }
        Schema {
            fields,
            values,
            categories,
        }
    }

    /// Asserts that a line has only fields of the schema, with the right types, and auditrd's own.
    pub(super) fn check(&self, line: &Value) {
        for (name, value) in leaves("", line) {
            if name.starts_with("auditrd.") || name.starts_with("auditd.") {
                continue;
            }
            let (kind, is_array) = self
                .fields
                .get(&name)
                .unwrap_or_else(|| panic!("{name} is no field: {line}"));
            let values = match value.as_array() {
                Some(values) => values.clone(),
                None => vec![value.clone()],
            };
            assert_eq!(value.is_array(), *is_array, "{name}: {line}");
            assert!(!values.is_empty(), "{name}: {line}");
            for value in values {
                let is_right = match &**kind {
                    "long" => value.is_i64() || value.is_u64(),
                    "ip" => value
                        .as_str()
                        .is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_ok()),
                    "date" => value.as_str().is_some_and(|time| time.ends_with('Z')),
                    _ => value.is_string(),
                };
                assert!(is_right, "{name} is no {kind}: {line}");
                if let Some(allowed) = self.values.get(&name) {
                    assert!(allowed.contains(value.as_str().unwrap()), "{name}: {line}");
                }
            }
        }
        let event = &line["event"];
        if let Some(category) = event["category"][0].as_str() {
            let allowed = &self.categories[category];
            for kind in event["type"].as_array().unwrap() {
                assert!(
                    allowed.contains(kind.as_str().unwrap()),
                    "{category}: {line}"
                );
            }
        }
        for always in ["kind", "type", "action", "provider"] {
            assert!(!event[always].is_null(), "{always}: {line}");
        }
    }
}

/// All values of nested objects, by dotted names.
fn leaves(prefix: &str, value: &Value) -> Vec<(String, Value)> {
    match value.as_object() {
        Some(object) => {
            assert!(!object.is_empty(), "{prefix} is empty");
            let names = object.iter().flat_map(|(key, value)| {
                let separator = if prefix.is_empty() { "" } else { "." };
                leaves(&format!("{prefix}{separator}{key}"), value)
            });
            names.collect()
        }
        None => vec![(prefix.to_owned(), value.clone())],
    }
}

/// Asserts that an event in another format has all values of the line in the default format.
#[track_caller]
pub(super) fn assert_has_all_values(event: &Value, other: &Value) {
    let said: Vec<Value> = leaves("", other)
        .into_iter()
        .flat_map(|(_, value)| match value {
            Value::Array(values) => values,
            value => vec![value],
        })
        .collect();
    for (key, value) in leaves("", event) {
        let is_there = match (&*key, &value) {
            ("name" | "success" | "mode", _) => true,
            ("exit", _) => event["syscall"] == "" || said.contains(&value),
            ("syscall", Value::String(text)) if text.is_empty() => true,
            ("key", Value::String(keys)) => keys.split(',').all(|key| said.contains(&key.into())),
            (_, Value::Number(id)) if id.as_u64() == Some(u64::from(u32::MAX)) => true,
            (_, Value::Number(id)) => {
                said.contains(&value) || said.contains(&id.to_string().into())
            }
            (_, Value::Array(words)) => words.iter().all(|word| said.contains(word)),
            _ => said.contains(&value),
        };
        assert!(is_there, "{key} {value} is not in {other}");
    }
}

fn ecs(log: &[u8]) -> Vec<Value> {
    lines(&output(log, &["--format", "ecs"]))
}

#[test]
fn every_line_has_only_known_fields_of_the_right_types() {
    let schema = Schema::read();
    for name in LOGS {
        let events = ecs(&log(name));
        assert!(events.len() > 1);
        events.iter().for_each(|event| schema.check(event));
    }
    let args = ["--format", "ecs", "--aggregate", "1h"];
    let events = lines(&output(&log("misc"), &args));
    let repeated = events
        .iter()
        .filter(|event| event["event"]["start"].is_string());
    assert!(repeated.count() > 0);
    events.iter().for_each(|event| schema.check(event));
}

#[test]
fn a_loss_event_has_only_known_fields() {
    let mut line = Vec::new();
    let host = Some(&b"web1"[..]);
    auditrd::encode::ecs::loss(Timestamp::default(), host, "kernel_lost", 7, &mut line);
    let loss = &lines(&line)[0];
    Schema::read().check(loss);
    assert_eq!(loss["event"]["kind"], "pipeline_error");
    assert_eq!(loss["auditrd"]["count"], 7);
    assert_eq!(loss["host"]["hostname"], "web1");
}

#[test]
fn a_status_event_has_only_known_fields() {
    let mut line = Vec::new();
    super::schema::with_status(|status| auditrd::encode::ecs::status(status, &mut line));
    let status = &lines(&line)[0];
    Schema::read().check(status);
    assert_eq!(status["event"]["kind"], "event");
    assert_eq!(status["event"]["category"][0], "configuration");
    assert_eq!(status["process"]["executable"], "/sbin/auditctl");
    assert_eq!(status["host"]["hostname"], "web1");
    assert_eq!(status["auditrd"]["kernel"]["daemon_comm"], "auditd");
    assert_eq!(status["auditrd"]["changes"][0]["setting"], "rules");
    let quiet = Status::new(Timestamp::default(), StatusReason::Interval);
    let mut line = Vec::new();
    auditrd::encode::ecs::status(&quiet, &mut line);
    let status = &lines(&line)[0];
    Schema::read().check(status);
    assert_eq!(status["event"]["kind"], "state");
}

#[test]
fn every_value_of_the_default_format_is_in_ecs() {
    for name in LOGS {
        let events = lines(&output(&log(name), &[]));
        let others = ecs(&log(name));
        assert_eq!(events.len(), others.len());
        for (event, other) in events.iter().zip(&others) {
            assert_has_all_values(event, other);
        }
    }
}

#[test]
fn host_name_comes_from_the_log_and_not_from_the_replaying_host() {
    let events = ecs(&log("hosts"));
    assert!(
        events
            .iter()
            .any(|event| event["host"]["hostname"].is_string())
    );
    for event in ecs(&log("fim")) {
        assert!(event["host"].get("hostname").is_none(), "{event}");
        assert!(event["host"].get("name").is_none(), "{event}");
    }
}

#[test]
fn the_user_who_logs_in_is_kept_apart_from_the_login_programs_user() {
    let events = ecs(&log("users"));
    let auth = &events[0];
    assert_eq!(auth["user"], serde_json::json!({"name": "alice"}));
    assert_eq!(auth["process"]["real_user"]["id"], "0");
    assert_eq!(auth["source"]["ip"], "192.0.2.7");
    assert_eq!(auth["event"]["category"][0], "authentication");
}

#[test]
fn of_two_paths_the_file_is_the_one_with_the_inode() {
    let events = ecs(&log("fim"));
    let find = |action: &str| {
        let is_it = |event: &&Value| event["auditrd"]["action"] == action;
        events
            .iter()
            .find(is_it)
            .unwrap_or_else(|| panic!("{action}"))
    };
    let renamed = find("renamed");
    assert!(renamed["auditrd"]["path"].is_string() && renamed["file"]["path"].is_string());
    assert_ne!(renamed["auditrd"]["path"], renamed["file"]["path"]);
    let link = find("symlinked");
    assert_eq!(link["file"]["type"], "symlink", "{link}");
    assert!(link["file"]["target_path"].is_string(), "{link}");
}

#[test]
fn a_long_line_is_truncated_and_marked() {
    let events = replay(log("proc"), &["--format", "ecs", "--max-line", "4096"]);
    let cut = |event: &&Value| event["auditrd"]["truncated"] == true;
    assert!(events.iter().filter(cut).count() > 1);
    for event in &events {
        assert!(event.to_string().len() < 4096);
    }
}

#[test]
fn a_connection_has_its_peer_in_the_words_of_auditbeat() {
    let log = "type=SYSCALL msg=audit(1700000000.123:7): arch=c000003e syscall=42 success=no \
               exit=-115 a0=3 items=0 pid=7 uid=0 subj=system_u:system_r:httpd_t:s0:c1\n\
               type=SOCKADDR msg=audit(1700000000.123:7): saddr=020001BBC00002160000000000000000\n\
               type=EOE msg=audit(1700000000.123:7): \n";
    let args = ["--format", "ecs", "--events", "socket"];
    let event = replay(log, &args).remove(0);
    Schema::read().check(&event);
    assert_eq!(event["event"]["action"], "connected-to");
    assert_eq!(event["event"]["category"], serde_json::json!(["network"]));
    assert_eq!(event["event"]["outcome"], "unknown");
    let peer = serde_json::json!({"address": "192.0.2.22", "ip": "192.0.2.22", "port": 443});
    assert_eq!(event["destination"], peer);
    let network = serde_json::json!({"type": "ipv4", "direction": "egress"});
    assert_eq!(event["network"], network);
    assert_eq!(event["related"]["ip"], serde_json::json!(["192.0.2.22"]));
    let context = serde_json::json!({
        "user": "system_u", "role": "system_r", "domain": "httpd_t", "level": "s0:c1",
    });
    assert_eq!(event["auditrd"]["selinux"], context);
}

#[test]
fn every_kind_of_event_has_only_known_fields() {
    let schema = Schema::read();
    for name in ["misc", "records"] {
        let events = lines(&output(&log(name), &["--format", "ecs", "--events", "all"]));
        assert!(
            events
                .iter()
                .any(|event| event["auditrd"]["records"].is_object())
        );
        events.iter().for_each(|event| schema.check(event));
    }
}
