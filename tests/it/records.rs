//! Decodes a record of each type, and compares its fields with the known ones.

use std::{collections::BTreeSet, env, fs};

use auditrd::{Arena, RecordType, parse, record_type::*};

use crate::common::{Value, data, lines};

/// The types and bodies of `records.log`.
fn records(log: &str) -> impl Iterator<Item = (RecordType, &str)> {
    log.lines().map(|line| {
        let (head, body) = line.split_once("): ").expect("a record has a stamp");
        let name = head.split(' ').next().expect("a record has a type");
        let name = name.strip_prefix("type=").expect("a record has a type");
        (RecordType::parse(name.as_bytes()).expect("a type"), body)
    })
}

/// The fields of a record as a line of JSON.
fn decoded(record_type: RecordType, body: &str) -> String {
    let arena = Arena::new();
    let text = |bytes| str::from_utf8(bytes).expect("the fixtures are UTF-8");
    let fields = parse::fields(record_type, body.as_bytes(), &arena);
    let pairs = fields.iter().map(|(name, value)| {
        let [name, value] = [name, value].map(|bytes| Value::from(text(bytes)).to_string());
        format!("{name}:{value}")
    });
    let pairs = pairs.collect::<Vec<_>>().join(",");
    format!("{{\"type\":\"{record_type}\",\"fields\":{{{pairs}}}}}\n")
}

/// Whether messages of this type are never records: requests to the kernel and its replies, and
/// messages that only tell a daemon to do something.
fn is_protocol(record_type: RecordType) -> bool {
    match record_type {
        AUDIT_USER | AUDIT_LOGIN => false,
        AUDIT_DAEMON_RECONFIG | AUDIT_REPLACE => true,
        RecordType(number) => number < 1100,
    }
}

/// The golden fields are written by `BLESS=1 cargo test`: review them.
#[test]
fn the_fields_of_each_record_are_decoded() {
    let log = fs::read_to_string(data("records.log")).unwrap();
    let got: Vec<String> = records(&log)
        .map(|(record_type, body)| decoded(record_type, body))
        .collect();
    if env::var_os("BLESS").is_some() {
        return fs::write(data("records.fields.jsonl"), got.concat()).unwrap();
    }
    let expected = fs::read_to_string(data("records.fields.jsonl")).unwrap();
    let expected: Vec<&str> = expected.split_inclusive('\n').collect();
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(expected) {
        assert_eq!(got, expected);
    }
}

#[test]
fn every_record_type_has_a_fixture() {
    let log = fs::read_to_string(data("records.log")).unwrap();
    let have: BTreeSet<RecordType> = records(&log).map(|(record_type, _)| record_type).collect();
    let named = (0..=u16::MAX)
        .map(RecordType)
        .filter(|number| number.name().is_some());
    let missing: Vec<RecordType> = named
        .filter(|record_type| !is_protocol(*record_type) && !have.contains(record_type))
        .collect();
    assert_eq!(missing, []);
}

#[test]
fn every_user_record_has_the_fields_of_its_event() {
    let log = fs::read(data("records.log")).unwrap();
    let golden = lines(&fs::read(data("records.fields.jsonl")).unwrap());
    for event in crate::common::replay(log, &["--min", "1000", "--max", "2999"]) {
        let Some(fields) = event["fields"].as_object() else {
            continue;
        };
        let number = event["sequence"].as_u64().unwrap() - 7000;
        let record = &golden[usize::try_from(number).unwrap()];
        let known: Vec<&Value> = record["fields"].as_object().unwrap().values().collect();
        for (name, text) in fields {
            assert!(known.contains(&text), "{event}: {name}");
        }
    }
}
