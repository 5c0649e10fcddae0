//! The form of a line: its keys, their order, and the types of their values.

use std::{collections::BTreeSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use auditrd::EventKind;

use super::{LOGS, log, output};
use crate::common::Value;

/// All keys of an event line, in order.
const KEYS: [&str; 74] = [
    "name",
    "timestamp",
    "sequence",
    "node",
    "type",
    "arch",
    "success",
    "syscall",
    "exit",
    "ppid",
    "pid",
    "auid",
    "uid",
    "gid",
    "euid",
    "egid",
    "fsuid",
    "fsgid",
    "suid",
    "sgid",
    "session",
    "msg",
    "terminal",
    "hostname",
    "res",
    "tty",
    "comm",
    "key",
    "cwd",
    "exectuable",
    "commandline",
    "path",
    "dest_path",
    "real_path",
    "real_dest_path",
    "argv",
    "action",
    "status",
    "family",
    "local_address",
    "local_port",
    "remote_address",
    "remote_port",
    "socket",
    "fd",
    "inode",
    "dev",
    "mode",
    "ouid",
    "ogid",
    "error",
    "path_unresolved",
    "op",
    "acct",
    "addr",
    "cmd",
    "fields",
    "subj",
    "records",
    "parent",
    "entity_id",
    "ancestors",
    "login",
    "names",
    "container",
    "unit",
    "script",
    "incomplete",
    "truncated",
    "relayed",
    "redacted",
    "count",
    "first",
    "last",
];

/// The keys that every line has.
const ALWAYS: [&str; 18] = [
    "name",
    "timestamp",
    "sequence",
    "type",
    "syscall",
    "exit",
    "ppid",
    "pid",
    "auid",
    "uid",
    "gid",
    "euid",
    "egid",
    "fsuid",
    "fsgid",
    "suid",
    "sgid",
    "session",
];

/// The members of an object, in order and with duplicates.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Asserts that a line conforms to the table of keys in docs/events.md.
#[track_caller]
pub(crate) fn check(line: &str) {
    let Members(members) = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let mut last = None;
    for (key, value) in &members {
        let plain = key.strip_suffix("_hex").unwrap_or(key);
        let place = KEYS.iter().position(|known| *known == plain);
        let place = (
            place.unwrap_or_else(|| panic!("{key}: {line}")),
            key != plain,
        );
        assert!(last < Some(place), "{key} is not in its place: {line}");
        last = Some(place);
        assert!(
            is_right(plain, key != plain, value),
            "{key} is {value}: {line}"
        );
    }
    let has = |key: &str| members.iter().any(|(known, _)| known == key);
    for key in ALWAYS {
        assert!(has(key), "{key} is missing: {line}");
    }
    for (key, _) in &members {
        if let Some(plain) = key.strip_suffix("_hex") {
            assert!(has(plain), "{key} without {plain}: {line}");
        }
    }
    serde_json::from_str::<Once>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    for (key, value) in &members {
        if key == "fields" {
            check_fields(value, line);
        }
        if let ("records", Some(types)) = (key.as_str(), value.as_object()) {
            let records = types
                .values()
                .flat_map(|records| records.as_array().unwrap());
            records.for_each(|record| check_fields(record, line));
        }
    }
}

#[track_caller]
fn check_fields(object: &Value, line: &str) {
    let fields = object.as_object().unwrap();
    assert!(fields.values().all(Value::is_string), "{line}");
}

/// A value in which no object has two members of one name.
struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Once, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Once;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_bool<E>(self, _: bool) -> Result<Once, E> {
                Ok(Once)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Once, E> {
                Ok(Once)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Once, E> {
                Ok(Once)
            }

            fn visit_str<E>(self, _: &str) -> Result<Once, E> {
                Ok(Once)
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<Once, S::Error> {
                while items.next_element::<Once>()?.is_some() {}
                Ok(Once)
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Once, M::Error> {
                let mut names = BTreeSet::new();
                while let Some((name, Once)) = map.next_entry::<String, Once>()? {
                    if let Some(name) = names.replace(name) {
                        return Err(M::Error::custom(format!("twice the member {name}")));
                    }
                }
                Ok(Once)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

fn is_right(key: &str, is_hex: bool, value: &Value) -> bool {
    let text = value.as_str();
    if is_hex {
        let is_hex = |text: &str| {
            let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
            !text.is_empty() && text.len().is_multiple_of(2) && text.bytes().all(is_digit)
        };
        return match value {
            Value::Object(words) => {
                let is_index = |index: &String| index.parse::<usize>().is_ok();
                matches!(key, "argv" | "ancestors")
                    && words
                        .iter()
                        .all(|(i, w)| is_index(i) && w.as_str().is_some_and(is_hex))
            }
            _ => text.is_some_and(is_hex),
        };
    }
    match key {
        "name" => EventKind::ALL.iter().any(|kind| text == Some(kind.name())),
        "timestamp" | "first" | "last" => text.is_some_and(is_timestamp),
        "count" => value.as_u64().is_some_and(|count| count > 0),
        "exit" => value.is_i64() || value.is_u64(),
        "sequence" | "ppid" | "pid" | "auid" | "uid" | "gid" | "euid" | "egid" | "fsuid"
        | "fsgid" | "suid" | "sgid" | "session" | "ouid" | "ogid" | "local_port"
        | "remote_port" | "fd" => value.as_u64().is_some_and(|id| u32::try_from(id).is_ok()),
        "inode" => text.is_some_and(|text| text.parse::<u64>().is_ok()),
        "argv" | "ancestors" => value
            .as_array()
            .is_some_and(|words| words.iter().all(Value::is_string)),
        "fields" | "records" | "login" | "container" | "parent" => {
            value.as_object().is_some_and(|fields| !fields.is_empty())
        }
        "names" => value
            .as_object()
            .is_some_and(|names| !names.is_empty() && names.values().all(Value::is_string)),
        "path_unresolved" | "incomplete" | "truncated" | "relayed" | "redacted" => {
            value == &Value::Bool(true)
        }
        _ => value.is_string(),
    }
}

/// `2026-11-22T16:37:31.483Z`
fn is_timestamp(text: &str) -> bool {
    let digits: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    digits == "0000-00-00T00:00:00.000Z"
}

#[test]
fn every_line_has_its_keys_in_order_and_each_once() {
    for name in LOGS {
        let output = String::from_utf8(output(&log(name), &[])).expect("lines are UTF-8");
        assert!(output.lines().count() > 1);
        output.lines().for_each(check);
    }
}

#[test]
fn file_events_describe_the_file() {
    let output = String::from_utf8(output(&log("fim"), &[])).unwrap();
    let with = |key: &str| output.lines().filter(|line| line.contains(key)).count();
    for key in [
        "\"action\":",
        "\"inode\":\"",
        "\"dev\":\"",
        "\"mode\":\"0",
        "\"ouid\":",
        "\"path\":\"/",
    ] {
        assert!(with(key) > 90, "{key}: {}", with(key));
    }
}
