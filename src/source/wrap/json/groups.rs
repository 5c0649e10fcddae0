//! The records of an event in one object.
//!
//! go-audit writes
//! `{"sequence":7,"timestamp":"1700000000.123","messages":[{"type":1300,"data":"…"}]}` for each
//! event, without an EOE record, and so does `--format raw`, which adds `node`, `incomplete`,
//! `truncated` and `data_hex`.

use bumpalo::Bump;
use serde_json::{Map, Value};

use super::Group;
use crate::{
    bytes::unhex,
    model::{EventId, RecordType},
    source::stamp::stamp,
};

/// The event that an object is, or that one of the objects inside it is.
pub(super) fn group(object: &Map<String, Value>, depth: u8) -> Option<Group> {
    read(object).or_else(|| {
        let mut objects = object.values().filter_map(Value::as_object);
        objects.find_map(|inner| group(inner, depth.checked_sub(1)?))
    })
}

fn read(object: &Map<String, Value>) -> Option<Group> {
    let messages = object.get("messages")?.as_array()?;
    let is_set = |key: &str| object.get(key) == Some(&Value::Bool(true));
    let node = object.get("node").and_then(Value::as_str);
    Some(Group {
        id: id(object)?,
        node: node.unwrap_or_default().as_bytes().to_vec(),
        records: messages.iter().map(record).collect::<Option<_>>()?,
        is_complete: !is_set("incomplete"),
        is_truncated: is_set("truncated"),
    })
}

/// The stamp, as a record has it.
fn id(object: &Map<String, Value>) -> Option<EventId> {
    let time = object.get("timestamp")?.as_str()?;
    let serial = object.get("sequence")?.as_u64()?;
    let text = format!("audit({time}:{serial})");
    let (id, rest) = stamp(text.as_bytes())?;
    rest.is_empty().then_some(id)
}

/// The type and the text of a record.
fn record(message: &Value) -> Option<(RecordType, Vec<u8>)> {
    let record_type = u16::try_from(message.get("type")?.as_u64()?).ok()?;
    let exact = message.get("data_hex").and_then(Value::as_str);
    let arena = Bump::new();
    let body = match exact.and_then(|exact| unhex(exact.as_bytes(), &arena)) {
        Some(exact) => exact,
        None => message.get("data")?.as_str()?.as_bytes(),
    };
    Some((RecordType(record_type), body.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Option<Group> {
        group(value.as_object().unwrap(), 6)
    }

    fn whole() -> Value {
        json!({
            "sequence": 7, "timestamp": "1700000007.123", "node": "h",
            "messages": [{"type": 1307, "data": "cwd=\"/\""}, {"type": 1302, "data": "x", "data_hex": "FF"}],
        })
    }

    #[test]
    fn a_group_has_the_records_of_one_event() {
        let group = read(&whole()).unwrap();
        let (time, serial) = (group.id.time, group.id.serial);
        assert_eq!((time.seconds, time.millis, serial), (1_700_000_007, 123, 7));
        let records = [
            (RecordType(1307), b"cwd=\"/\"".to_vec()),
            (RecordType(1302), vec![0xff]),
        ];
        assert_eq!(group.records, records);
        assert_eq!(
            (group.node.as_slice(), group.is_complete, group.is_truncated),
            (&b"h"[..], true, false)
        );
        assert_eq!(read(&json!({"a": {"b": whole()}})), Some(group));
    }

    #[test]
    fn an_object_that_lacks_a_part_of_an_event_is_no_group() {
        for (key, value) in [
            ("sequence", json!(-1)),
            ("sequence", json!(1_u64 << 32)),
            ("timestamp", json!("yesterday")),
            ("timestamp", json!("1700000007.123:8): ")),
            ("timestamp", json!(1_700_000_007)),
            ("messages", json!([{"type": 99_999, "data": ""}])),
            ("messages", json!([{"type": 1307}])),
            ("messages", json!("cwd")),
        ] {
            let mut group = whole();
            group[key] = value;
            assert_eq!(read(&group), None, "{group}");
        }
    }
}
