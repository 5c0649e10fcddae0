//! Storms of processes: a log of many that live for a moment, and the memory that it takes.

use std::{
    fs,
    io::{self, BufRead, BufReader, BufWriter, Write},
    process::{ChildStdin, ChildStdout, Stdio},
    thread,
};

use crate::common::auditrd;

/// The memory that a replay may take more with the context of events than without: the bound on the
/// memory of one host (docs/enrich.md).
const MAX_CONTEXT_KIB: u64 = 8 << 10;

/// The growth that is allowed after all tables are full.
const MAX_GROWTH_KIB: u64 = 2 << 10;

/// A shell that starts programs, each of which ends at once.
const SHELL: u32 = 900;

/// Writes the records of a fork, an execve and an exit.
fn process(number: u32, out: &mut impl Write) -> io::Result<()> {
    let stamp = |record: u32| {
        let millis = 1_700_000_000_000 + u64::from(number);
        let (seconds, millis) = (millis / 1000, millis % 1000);
        format!("audit({seconds}.{millis:03}:{})", number * 3 + record)
    };
    let users = "auid=1000 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 \
                 fsgid=1000 tty=pts0 ses=3";
    let pid = 1000 + number;
    let [fork, exec, exit] = [0, 1, 2].map(stamp);
    writeln!(
        out,
        "type=SYSCALL msg={fork}: arch=c000003e syscall=56 success=yes exit={pid} a0=1200011 a1=0 a2=0 \
         a3=0 items=0 ppid=800 pid={SHELL} {users} comm=\"sh\" exe=\"/usr/bin/dash\" key=\"p\"\n\
         type=EOE msg={fork}: \n\
         type=SYSCALL msg={exec}: arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=8 \
         items=0 ppid={SHELL} pid={pid} {users} comm=\"id\" exe=\"/usr/bin/id\" key=\"p\"\n\
         type=EXECVE msg={exec}: argc=2 a0=\"id\" a1=\"user-{number}\"\n\
         type=EOE msg={exec}: \n\
         type=SYSCALL msg={exit}: arch=c000003e syscall=231 a0=0 a1=3c a2=e7 a3=0 items=0 \
         ppid={SHELL} pid={pid} {users} comm=\"id\" exe=\"/usr/bin/id\" key=\"p\"\n\
         type=EOE msg={exit}: "
    )
}

/// Writes the records of many processes. Returns the input, which the caller closes.
fn write(count: u32, input: ChildStdin) -> io::Result<ChildStdin> {
    let mut out = BufWriter::new(input);
    for number in 0..count {
        process(number, &mut out)?;
    }
    Ok(out.into_inner()?)
}

/// How many lines there are, and how many of them have a parent.
fn count(lines: ChildStdout) -> (u64, u64) {
    let (mut lines, mut line) = (BufReader::new(lines), Vec::new());
    let (mut all, mut with_parent) = (0, 0);
    while lines.read_until(b'\n', &mut line).unwrap() > 0 {
        let parent = format!("\"parent\":{{\"pid\":{SHELL},\"exe\":\"/usr/bin/dash\"");
        let has = |line: &[u8]| memchr::memmem::find(line, parent.as_bytes()).is_some();
        with_parent += u64::from(has(&line));
        all += 1;
        line.clear();
    }
    (all, with_parent)
}

/// The peak of resident memory in KiB, and the lines without and with a parent, of a replay.
fn replay(processes: u32, enrich: &str) -> (u64, u64, u64) {
    let mut child = auditrd()
        .args(["-q", "-i", "-", "--enrich", enrich])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let counter = thread::spawn(|| count(output));
    // As long as its input is open, it cannot end. No more than a pipe of it is unread.
    let input = write(processes, input).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    drop(input);
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    assert!(child.wait().unwrap().success());
    let (lines, with_parent) = counter.join().unwrap();
    (peak, lines, with_parent)
}

/// Replays a short storm and a long one.
fn assert_bounded(few: u32, many: u32) {
    let [short, long] = [few, many].map(|processes| {
        let (without, lines, _) = replay(processes, "none");
        let (with, lines_with, with_parent) = replay(processes, "all");
        assert_eq!((lines, lines_with), (3 * u64::from(processes), lines));
        // But for the forks, whose own parent began before the log.
        assert_eq!(with_parent, 2 * u64::from(processes), "of {lines} lines");
        eprintln!("{processes} processes: {without} KiB without the context, {with} KiB with it");
        assert!(
            with <= without + MAX_CONTEXT_KIB,
            "{with} KiB, {without} KiB without"
        );
        with
    });
    assert!(
        long <= short + MAX_GROWTH_KIB,
        "{short} KiB, then {long} KiB"
    );
}

#[test]
fn memory_does_not_grow_with_the_number_of_short_processes() {
    assert_bounded(20_000, 40_000);
}

#[test]
#[ignore = "takes minutes: cargo test --test it million -- --ignored --nocapture"]
fn memory_does_not_grow_with_a_million_short_processes() {
    assert_bounded(100_000, 1_000_000);
}
