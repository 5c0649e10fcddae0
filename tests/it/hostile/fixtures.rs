//! Every prefix and every changed byte of every kind of record in `tests/data`.

use std::{collections::HashSet, fs};

use auditrd::{
    Arena, RecordType, encode,
    model::{EventId, Groups},
    parse_audit_event,
};
use serde::de::IgnoredAny;

use crate::common::data;

/// The bytes that replace each byte in turn.
const BYTES: [u8; 9] = [0, b' ', b'"', b'=', 0xff, b')', b'9', b'\'', 0x1d];
/// Longer events are skipped: their records are of the same kinds as those of shorter ones.
const MAX_EVENT_BYTES: usize = 4000;

/// The records of an event.
type Event = Vec<(RecordType, Vec<u8>)>;

/// The type and keys of a record, which identify its kind.
fn shape(record_type: RecordType, body: &[u8]) -> Vec<u8> {
    let keys = auditrd::parse::tokenize(body).flat_map(|token| [token.key, b" "].concat());
    record_type
        .0
        .to_be_bytes()
        .into_iter()
        .chain(keys)
        .collect()
}

/// The events of all logs, without those whose kinds of records have been seen.
fn events() -> Vec<Event> {
    let mut known = HashSet::new();
    let mut events = Vec::new();
    for entry in fs::read_dir(data("")).expect("there are logs") {
        let path = entry.expect("there are logs").path();
        if path.extension().is_none_or(|extension| extension != "log") {
            continue;
        }
        let log = fs::read(&path).expect("a log");
        let mut last = None;
        let mut event = Event::new();
        for line in log.split(|byte| *byte == b'\n') {
            let text = String::from_utf8_lossy(line);
            let Some((head, _)) = text.split_once(" msg=") else {
                continue;
            };
            let record_type = head.rsplit("type=").next().unwrap_or_default();
            let record_type = RecordType::parse(record_type.as_bytes()).expect("a type");
            let (id, body) = auditrd::source::stamp(&line[head.len() + 5..]).expect("a stamp");
            if last.replace(id) != Some(id) {
                events.push(std::mem::take(&mut event));
            }
            event.push((record_type, body.to_vec()));
        }
        events.push(event);
    }
    events.retain(|event| {
        let shapes: Vec<_> = event
            .iter()
            .map(|(record_type, body)| shape(*record_type, body))
            .collect();
        let length: usize = event.iter().map(|(_, body)| body.len()).sum();
        length < MAX_EVENT_BYTES && known.insert(shapes)
    });
    events
}

/// Encodes an event with one record replaced, and checks that its line, if there is one, is JSON.
fn check(event: &Event, index: usize, body: &[u8], groups: &mut Groups, arena: &Arena) {
    groups.clear();
    let mut records = groups.begin(EventId::default(), b"");
    for (at, (record_type, whole)) in event.iter().enumerate() {
        records.push(*record_type, if at == index { body } else { whole });
    }
    let group = groups.last().expect("it has one");
    if let Some(event) = parse_audit_event(&group, arena) {
        let mut line = Vec::new();
        encode::line(&event, &mut line);
        let json = serde_json::from_slice::<IgnoredAny>(&line);
        assert!(json.is_ok(), "{}", line.escape_ascii());
    }
}

#[test]
fn no_prefix_and_no_changed_byte_of_any_record_breaks_the_json() {
    let (mut arena, mut groups) = (Arena::new(), Groups::default());
    let mut known = HashSet::new();
    let mut cases = 0;
    for event in &events() {
        for (index, (record_type, body)) in event.iter().enumerate() {
            if !known.insert(shape(*record_type, body)) {
                continue;
            }
            for at in 0..body.len() {
                check(event, index, &body[..at], &mut groups, &arena);
                let mut changed = body.clone();
                for other in BYTES {
                    changed[at] = other;
                    check(event, index, &changed, &mut groups, &arena);
                    arena.reset();
                }
                cases += 1 + BYTES.len();
            }
        }
    }
    assert!(cases > 50_000, "{cases}");
}
