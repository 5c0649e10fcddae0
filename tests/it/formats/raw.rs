//! `--format raw`, the message groups of go-audit.

use std::collections::BTreeMap;

use crate::{
    common::{lines, replay},
    golden::{LOGS, log, output},
    process::login,
};

/// The data of a log's records, by serial, extracted from its lines with simple string operations.
fn records(log: &[u8]) -> BTreeMap<u64, Vec<Vec<u8>>> {
    let mut records: BTreeMap<u64, Vec<Vec<u8>>> = BTreeMap::new();
    for line in log.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let find = |what: &[u8]| line.windows(what.len()).position(|part| part == what);
        let (Some(start), Some(end)) = (find(b"audit("), find(b"): ")) else {
            continue;
        };
        let stamp = String::from_utf8(line[start..end].to_vec()).unwrap();
        let serial = stamp.rsplit(':').next().unwrap().parse().unwrap();
        if find(b"type=EOE").is_none() && find(b"type=1320").is_none() {
            let data = line[end + 3..].to_vec();
            records.entry(serial).or_default().push(data);
        }
    }
    records
}

#[test]
fn every_record_is_in_the_group_of_its_serial_unchanged() {
    for name in LOGS {
        // Events of two hosts may have the same serial.
        if ["hosts", "machines"].contains(&name) {
            continue;
        }
        let log = log(name);
        let mut groups: BTreeMap<u64, Vec<Vec<u8>>> = BTreeMap::new();
        for group in lines(&output(&log, &["--format", "raw"])) {
            for message in group["messages"].as_array().unwrap() {
                let data = match message["data_hex"].as_str() {
                    Some(hex) => unhex(hex),
                    None => message["data"].as_str().unwrap().as_bytes().to_vec(),
                };
                let serial = group["sequence"].as_u64().unwrap();
                groups.entry(serial).or_default().push(data);
            }
        }
        assert_eq!(groups, records(&log), "{name}");
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

#[test]
fn a_group_has_the_same_shape_as_in_go_audit() {
    let groups = replay(login(3), &["--format", "raw"]);
    let data = login(3);
    let (_, data) = data.trim_end().split_once("): ").unwrap();
    assert_eq!(
        groups,
        [serde_json::json!({
            "sequence": 3,
            "timestamp": "1700000000.000",
            "messages": [{"type": 1112, "data": data}],
            "uid_map": {},
        })]
    );
}

#[test]
fn bytes_that_are_not_utf8_are_kept_as_hex() {
    let mut log = login(3).into_bytes();
    let at = log.windows(5).position(|part| part == b"alice").unwrap();
    log[at] = 0xff;
    let groups = replay(log, &["--format", "raw"]);
    let message = &groups[0]["messages"][0];
    assert!(message["data"].as_str().unwrap().contains("\u{fffd}lice"));
    assert!(message["data_hex"].as_str().unwrap().contains("FF6C696365"));
}

#[test]
fn raw_records_are_filtered_by_type() {
    let all = replay(
        log("misc"),
        &["--format", "raw", "--min", "1000", "--max", "2999"],
    );
    let some = replay(
        log("misc"),
        &["--format", "raw", "--min", "1100", "--max", "1199"],
    );
    assert!(all.len() > some.len() && !some.is_empty());
    for group in some {
        for message in group["messages"].as_array().unwrap() {
            assert!((1100..1200).contains(&message["type"].as_u64().unwrap()));
        }
    }
}
