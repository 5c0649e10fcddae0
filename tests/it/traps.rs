//! Real-world records that are easily misread, and their correct interpretation. Other readers have
//! misread most of them.

use crate::common::{Value, replay};

mod argv;
mod calls;
mod kinds;
mod names;
mod paths;
mod stream;
mod uring;
mod users;

/// Turns records written as `TYPE body` into lines of one event.
fn log(serial: u32, records: &[&str]) -> String {
    let line = |record: &&str| {
        let (record_type, body) = record.split_once(' ').unwrap_or((record, ""));
        format!("type={record_type} msg=audit(1700000000.123:{serial}): {body}\n")
    };
    records.iter().map(line).collect()
}

/// The events from these records, of any type.
fn events(records: &[&str]) -> Vec<Value> {
    replay(log(7, records), &["--min", "1000", "--max", "2999", "-q"])
}

/// The only event from these records.
fn event(records: &[&str]) -> Value {
    let mut events = events(records);
    assert_eq!(events.len(), 1, "{records:?}: {events:?}");
    events.remove(0)
}

/// A SYSCALL record that starts with these fields.
fn syscall(fields: &str) -> String {
    format!(
        "SYSCALL {fields} ppid=1 pid=2 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 \
         fsgid=0 tty=pts0 ses=3 comm=\"x\" exe=\"/bin/x\" key=(null)"
    )
}

/// A successful syscall of x86_64.
fn call(number: u32, arguments: &str) -> String {
    syscall(&format!(
        "arch=c000003e syscall={number} success=yes exit=0 {arguments}"
    ))
}
