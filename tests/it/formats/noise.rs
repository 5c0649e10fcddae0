//! All formats on logs with changed bytes.

use super::ecs::Schema;
use crate::{
    common::{Value, lines, replay_raw},
    golden::{LOGS, log},
};

/// All logs, with some bytes changed to invalid UTF-8.
fn noise(step: usize) -> Vec<u8> {
    let mut log: Vec<u8> = LOGS.iter().flat_map(|name| log(name)).collect();
    let odd = [0xff, 0x1b, b'"', 0x80, 0x7f, b'\\', 0xc3, b'='];
    for (count, at) in (step..log.len()).step_by(step).enumerate() {
        if log[at] != b'\n' {
            log[at] = odd[count % odd.len()];
        }
    }
    log
}

fn output(log: &[u8], args: &[&str]) -> Vec<u8> {
    let output = replay_raw(
        log,
        &[&["-q", "--min", "1000", "--max", "2999"], args].concat(),
    );
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// The number of values of an event with a `_hex` value beside them.
fn exact(event: &Value) -> usize {
    let object = match event {
        Value::Object(object) => object,
        Value::Array(values) => return values.iter().map(exact).sum(),
        _ => return 0,
    };
    let of = |(key, value): (&String, &Value)| match value {
        Value::Object(words) if key == "argv_hex" => words.len(),
        Value::String(_) => usize::from(key.ends_with("_hex")),
        nested => exact(nested),
    };
    object.iter().map(of).sum()
}

fn leaves(value: &Value) -> usize {
    match value.as_object() {
        Some(object) => object.values().map(leaves).sum(),
        None => usize::from(!value.is_null()),
    }
}

#[test]
fn changed_bytes_keep_every_line_valid_and_complete() {
    let schema = Schema::read();
    for step in [89, 211, 1009] {
        let log = noise(step);
        let events = lines(&output(&log, &[]));
        let other = lines(&output(&log, &["--format", "ecs"]));
        assert_eq!(events.len(), other.len());
        let mut bytes = 0;
        for (event, other) in events.iter().zip(&other) {
            schema.check(other);
            assert_eq!(exact(event), leaves(&other["auditrd"]["hex"]), "{event}");
            bytes += exact(event);
        }
        assert!(bytes > 10);
        assert!(lines(&output(&log, &["--format", "raw"])).len() >= events.len());
        let rows = String::from_utf8(output(&log, &["--pretty"])).expect("rows are UTF-8");
        assert_eq!(rows.lines().count(), events.len());
        assert!(rows.lines().all(|row| !row.contains(char::is_control)));
    }
}
