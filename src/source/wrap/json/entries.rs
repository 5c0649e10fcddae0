//! The text of a log line in the objects that programs put it into.

use serde_json::{Map, Value};

use super::{Item, groups::group};
use crate::{bytes::number, source::wrap::journal::Entry};

/// The keys under which programs store the text of a log line, the best first.
const TEXTS: [&str; 8] = [
    "full_log", "MESSAGE", "original", "message", "log", "_raw", "raw", "msg",
];
/// The keys under which they store the host, and objects that have it.
const HOSTS: [&str; 6] = [
    "_HOSTNAME",
    "hostname",
    "host",
    "name",
    "agent",
    "predecoder",
];
/// Objects inside objects are searched this deep.
const MAX_DEPTH: u8 = 6;

/// The texts and events in a line. None if it is not valid JSON, or has neither.
pub(in crate::source::wrap) fn items(text: &[u8]) -> Vec<Item> {
    let text = text.strip_suffix(b",").unwrap_or(text);
    let value = match text {
        [b'"', ..] => serde_json::from_slice(&[b"{", text, b"}"].concat()),
        text => serde_json::from_slice(text),
    };
    let mut items = Vec::new();
    match value {
        Ok(Value::Array(values)) => values.iter().for_each(|value| add(value, &mut items)),
        Ok(value) => add(&value, &mut items),
        Err(_) => {}
    }
    items
}

/// Adds the event of an object, or its texts.
fn add(value: &Value, items: &mut Vec<Item>) {
    let Some(object) = value.as_object() else {
        return;
    };
    if let Some(mut group) = group(object, MAX_DEPTH) {
        if group.node.is_empty() {
            group.node = host(object).unwrap_or_default();
        }
        return items.push(Item::Group(group));
    }
    let text = |key: &str| texts(object.get(key)?, &|_| true).into_iter().next();
    let entry = Entry {
        message: Vec::new(),
        host: host(object).unwrap_or_default(),
        is_audit: text("_TRANSPORT").is_some_and(|transport| transport == b"audit"),
        audit_type: text("_AUDIT_TYPE").and_then(|text| number(&text)),
        audit_id: text("_AUDIT_ID").and_then(|text| number(&text)),
        micros: text("_SOURCE_REALTIME_TIMESTAMP").and_then(|text| number(&text)),
    };
    items.extend(messages(object, MAX_DEPTH).into_iter().map(|message| {
        Item::Entry(Entry {
            message,
            ..entry.clone()
        })
    }));
}

/// The texts of log lines in an object: those under the first known key that has one, here or
/// further inside, or those under any other key that have a stamp.
fn messages(object: &Map<String, Value>, depth: u8) -> Vec<Vec<u8>> {
    let is_journal = object.contains_key("_TRANSPORT");
    let has = |text: &Vec<u8>, part: &[u8]| memchr::memmem::find(text, part).is_some();
    let may_be = |text: &Vec<u8>| is_journal || has(text, b"audit") || text.contains(&b'{');
    let known = TEXTS.iter().filter_map(|key| object.get(*key));
    let objects = object.values().filter_map(Value::as_object);
    let inner = objects.filter(|_| depth > 0);
    known
        .map(|value| texts(value, &may_be))
        .chain(inner.map(|inner| messages(inner, depth - 1)))
        .chain(
            object
                .values()
                .map(|value| texts(value, &|text| has(text, b"audit("))),
        )
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

/// The host that an object names.
fn host(object: &Map<String, Value>) -> Option<Vec<u8>> {
    HOSTS.iter().find_map(|key| match object.get(*key)? {
        Value::String(name) if *key != "name" || !name.is_empty() => {
            Some(name.clone().into_bytes())
        }
        Value::Object(inner) => host(inner),
        _ => None,
    })
}

/// The texts of a value that are meant: a string; the bytes that journald writes as an array of
/// numbers if they are not UTF-8; or several of these, as auditbeat writes the records of an event.
fn texts(value: &Value, is_meant: &impl Fn(&Vec<u8>) -> bool) -> Vec<Vec<u8>> {
    let text = match value {
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Array(values) if values.first().is_some_and(Value::is_number) => {
            let byte = |value: &Value| u8::try_from(value.as_u64()?).ok();
            values.iter().map(byte).collect()
        }
        Value::Array(values) => {
            let texts = values.iter().flat_map(|value| texts(value, is_meant));
            return texts.collect();
        }
        _ => None,
    };
    text.filter(is_meant).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let items = items(text.as_bytes());
        let got = items.iter().map(|item| {
            let Item::Entry(entry) = item else {
                panic!("{item:?} in {text}");
            };
            let text = |bytes| str::from_utf8(bytes).unwrap();
            (text(&entry.message), text(&entry.host))
        });
        assert_eq!(got.collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn the_text_of_a_line_is_found_under_the_keys_of_many_programs() {
        let text = r#"audit(1.002:3): a=\"b\""#;
        let plain = "audit(1.002:3): a=\"b\"";
        for (start, end, host) in [
            (r#"{"log":""#, r#"","stream":"stdout"}"#, ""),
            (
                r#"{"agent":{"id":"0","name":"h1"},"full_log":""#,
                r#""}"#,
                "h1",
            ),
            (
                r#"{"_HOSTNAME":"h2","_TRANSPORT":"kernel","MESSAGE":""#,
                r#""}"#,
                "h2",
            ),
            (
                r#"{"host":{"name":"h3"},"event":{"original":""#,
                r#""}}"#,
                "h3",
            ),
            (r#"{"hostname":"h4","payload":{"line":""#, r#""}},"#, "h4"),
            (r#"[{"host":"h5","message":""#, r#""}]"#, "h5"),
            (r#""full_log": ""#, r#"","#, ""),
        ] {
            check(&format!("{start}{text}{end}"), &[(plain, host)]);
        }
    }

    #[test]
    fn bytes_are_read_from_an_array_of_numbers() {
        check(r#"{"_TRANSPORT":"audit","MESSAGE":[97,98]}"#, &[("ab", "")]);
    }

    #[test]
    fn each_text_of_an_array_is_a_line() {
        let text = r#"{"agent":{"name":"h"},"event":{"original":["audit(1.002:3): a","audit(1.002:3): b"]}}"#;
        check(
            text,
            &[("audit(1.002:3): a", "h"), ("audit(1.002:3): b", "h")],
        );
        let bytes = r#"{"_TRANSPORT":"audit","MESSAGE":[[97,98],"c"]}"#;
        check(bytes, &[("ab", ""), ("c", "")]);
    }

    #[test]
    fn invalid_json_has_no_text() {
        check(r#"{"log":"audit(1.002:3): a="b""}"#, &[]);
        check(r#"{"log":"audit(1.002:3): a"#, &[]);
        check(r#"{"other":1}"#, &[]);
    }
}
