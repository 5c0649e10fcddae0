//! Shared by the targets: a check of lines, and a printer of EXECVE records in the kernel's format.

use std::collections::HashSet;

use serde_json::{Map, Value};

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

/// Asserts that `output` consists of whole lines, each a JSON object with the required keys.
/// Returns the objects.
pub fn check_lines(output: &[u8]) -> Vec<Map<String, Value>> {
    assert!(output.is_empty() || output.ends_with(b"\n"));
    let lines = output.split_inclusive(|byte| *byte == b'\n');
    lines.map(check_line).collect()
}

fn check_line(line: &[u8]) -> Map<String, Value> {
    let object: Map<String, Value> = serde_json::from_slice(line).expect("a line is a JSON object");
    for key in ALWAYS {
        assert!(object.contains_key(key), "{key} is missing");
    }
    for (key, value) in &object {
        if let Some(plain) = key.strip_suffix("_hex") {
            assert!(object.contains_key(plain), "{key} without {plain}");
        }
        assert!(!value.is_null(), "{key} is null");
    }
    object
}

/// Asserts that the names are distinct.
pub fn check_distinct<'a>(names: impl Iterator<Item = &'a [u8]>) {
    let mut seen = HashSet::new();
    for name in names {
        assert!(seen.insert(name), "twice {}", name.escape_ascii());
    }
}

/// The largest length of an EXECVE record, in bytes (kernel/auditsc.c, `audit_log_execve_info`).
const MAX_EXECVE_AUDIT_LEN: usize = 7500;

/// The bodies of the EXECVE records that the kernel would print for these arguments, with at most
/// `limit` bytes in a record.
///
/// An argument is quoted if all its bytes are printable and none is a space or a double quote, and
/// hex otherwise. One that does not fit is split into pieces, each quoted or hex independently.
pub fn execve_records(argv: &[&[u8]], limit: usize) -> Vec<Vec<u8>> {
    let limit = limit.clamp(64, MAX_EXECVE_AUDIT_LEN);
    let mut records = Vec::new();
    let mut record = format!("argc={}", argv.len()).into_bytes();
    for (index, word) in argv.iter().enumerate() {
        let needs_hex = |text: &[u8]| text.iter().any(|byte| !matches!(byte, 0x21 | 0x23..=0x7e));
        let length = if needs_hex(word) {
            2 * word.len()
        } else {
            word.len()
        };
        if length <= limit {
            if record.len() + length + 16 > limit {
                records.push(std::mem::take(&mut record));
            }
            record.extend_from_slice(format!(" a{index}=").as_bytes());
            untrusted(word, &mut record);
            continue;
        }
        let mut header = format!(" a{index}_len={length}");
        for (part, piece) in word.chunks(limit / 2).enumerate() {
            records.push(std::mem::take(&mut record));
            record.extend_from_slice(std::mem::take(&mut header).as_bytes());
            record.extend_from_slice(format!(" a{index}[{part}]=").as_bytes());
            untrusted(piece, &mut record);
        }
    }
    records.push(record);
    records
}

/// As `audit_log_n_untrustedstring` prints it.
fn untrusted(text: &[u8], record: &mut Vec<u8>) {
    if text.iter().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e)) {
        record.push(b'"');
        record.extend_from_slice(text);
        record.push(b'"');
    } else {
        for byte in text {
            record.extend_from_slice(format!("{byte:02X}").as_bytes());
        }
    }
}
