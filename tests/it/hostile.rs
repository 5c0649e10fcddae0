//! Hostile input: malformed, cut, forged, or excessive.
//!
//! For any input, the program exits successfully, every line of its output is well formed, and the
//! good events before and after are complete.

mod fixtures;
mod floods;
mod histories;
mod memory;
mod mutations;
mod oddities;
mod properties;

use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
};

use crate::{
    common::{Value, lines},
    golden::check_line,
};

/// The serial of the first good event; hostile events have smaller ones.
const FIRST_GOOD: u64 = 1_000_000;

/// How many lines of an output have their keys checked; all lines must be JSON.
const CHECKED_LINES: usize = 20_000;

/// A good event, whose stamp and serial differ from those of hostile events.
fn good(number: usize) -> String {
    let serial = FIRST_GOOD + number as u64;
    format!(
        "type=USER_LOGIN msg=audit(1700000000.555:{serial}): pid=7 uid=0 auid=1000 ses=3 \
         msg='op=login acct=\"alice\" exe=\"/usr/sbin/sshd\" hostname=? addr=? terminal=ssh \
         res=success'\n"
    )
}

/// Puts each case between two good events, feeds all to one process, and returns the events of the
/// cases. The memory of the process is limited.
fn survive<C: AsRef<[u8]>>(cases: impl IntoIterator<Item = C>, args: &[&str]) -> Vec<Value> {
    let mut input = good(0).into_bytes();
    let mut goods = 1;
    for case in cases {
        input.extend(case.as_ref());
        if !input.ends_with(b"\n") {
            input.push(b'\n');
        }
        input.extend(good(goods).as_bytes());
        goods += 1;
    }
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -v 2000000; exec \"$@\"", "sh"])
        .args([env!("CARGO_BIN_EXE_auditrd"), "-q", "-i", "-"])
        .args(["--min", "1000", "--max", "2999"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(&input).expect("all is read"));
        child.wait_with_output().unwrap()
    });
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && log.is_empty(),
        "{}: {log}",
        output.status
    );
    let text = str::from_utf8(&output.stdout).unwrap();
    text.lines().take(CHECKED_LINES).for_each(check_line);
    let is_good = |event: &Value| event["sequence"].as_u64() >= Some(FIRST_GOOD);
    let (good, others): (Vec<Value>, Vec<Value>) =
        lines(&output.stdout).into_iter().partition(is_good);
    assert_eq!(good.len(), goods, "good events are missing, or too many");
    for (number, event) in good.iter().enumerate() {
        assert_eq!(event["sequence"], FIRST_GOOD + number as u64);
        let says = ["acct", "success", "type"].map(|key| event[key].as_str().unwrap());
        assert_eq!(says, ["alice", "success", "USER_LOGIN"], "{event}");
        assert!(event.get("incomplete").is_none(), "{event}");
    }
    others
}
