//! The text of a log line in the objects that programs put it into.

use serde_json::{Map, Value};

use crate::source::wrap::journal::Entry;

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

/// The entries in a line. None if it is not valid JSON, or has no text of a log line.
pub(in crate::source::wrap) fn entries(text: &[u8]) -> Vec<Entry> {
    let text = text.strip_suffix(b",").unwrap_or(text);
    let value = match text {
        [b'"', ..] => serde_json::from_slice(&[b"{", text, b"}"].concat()),
        text => serde_json::from_slice(text),
    };
    match value {
        Ok(Value::Array(values)) => values.iter().filter_map(entry).collect(),
        Ok(value) => entry(&value).into_iter().collect(),
        Err(_) => Vec::new(),
    }
}

fn entry(value: &Value) -> Option<Entry> {
    let object = value.as_object()?;
    let text = |key: &str| object.get(key).and_then(text);
    fn number<N: std::str::FromStr>(text: Option<Vec<u8>>) -> Option<N> {
        str::from_utf8(&text?).ok()?.parse().ok()
    }
    Some(Entry {
        message: message(object, MAX_DEPTH)?,
        host: host(object).unwrap_or_default(),
        is_audit: text("_TRANSPORT").is_some_and(|transport| transport == b"audit"),
        audit_type: number(text("_AUDIT_TYPE")),
        audit_id: number(text("_AUDIT_ID")),
        micros: number(text("_SOURCE_REALTIME_TIMESTAMP")),
    })
}

/// The text of the log line in an object: the first string under a known key, here or further
/// inside, or any other string that has a stamp.
fn message(object: &Map<String, Value>, depth: u8) -> Option<Vec<u8>> {
    let has_record =
        |text: &Vec<u8>| memchr::memmem::find(text, b"audit").is_some() || text.contains(&b'{');
    let known = TEXTS.iter().filter_map(|key| text(object.get(*key)?));
    let known: Vec<Vec<u8>> = known.collect();
    let is_journal = object.contains_key("_TRANSPORT");
    let known = known
        .into_iter()
        .find(|text| is_journal || has_record(text));
    known
        .or_else(|| {
            let objects = object.values().filter_map(Value::as_object);
            objects
                .filter(|_| depth > 0)
                .find_map(|inner| message(inner, depth - 1))
        })
        .or_else(|| {
            let has_stamp = |text: &Vec<u8>| memchr::memmem::find(text, b"audit(").is_some();
            object.values().filter_map(text).find(has_stamp)
        })
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

/// A string, or the bytes that journald writes as an array of numbers if they are not UTF-8. Of
/// several values, the first.
fn text(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Array(values) => match values.first()? {
            Value::Number(_) => {
                let byte = |value: &Value| u8::try_from(value.as_u64()?).ok();
                values.iter().map(byte).collect()
            }
            first => text(first),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let entries = entries(text.as_bytes());
        let got = entries.iter().map(|entry| {
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
    fn invalid_json_has_no_text() {
        check(r#"{"log":"audit(1.002:3): a="b""}"#, &[]);
        check(r#"{"log":"audit(1.002:3): a"#, &[]);
        check(r#"{"other":1}"#, &[]);
    }
}
