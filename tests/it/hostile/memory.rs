//! Bounds on the memory of the program, for any log.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    process::Stdio,
    thread,
};

use crate::{common::auditrd, process::login};

/// The bound for any input, in MiB, as docs/performance.md promises. Events of the maximum size of
/// 16 MiB need that much, because their lines are many times as long.
const MAX_MIB: u64 = 512;
/// The bound for any number of small events, in MiB.
const MAX_SMALL_MIB: u64 = 256;

/// The serial of the record that ends each stream.
const LAST: u32 = 4_000_000_000;

/// The peak resident memory of the program while it reads a stream, in MiB.
///
/// The stream is generated piece by piece, so that it takes little memory here.
fn peak(stream: impl Iterator<Item = String> + Send) -> u64 {
    let mut command = auditrd();
    command.args(["-q", "-i", "-", "--min", "1000", "--max", "2999"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    let mut stdout = BufReader::with_capacity(1 << 20, child.stdout.take().expect("a pipe"));
    let status = format!("/proc/{}/status", child.id());
    let peak = thread::scope(|scope| {
        let writer = scope.spawn(move || {
            for piece in stream {
                stdin.write_all(piece.as_bytes()).expect("all is read");
            }
            // The stream may not end with a newline.
            let last = "\n".to_owned() + &login(LAST);
            stdin.write_all(last.as_bytes()).expect("all is read");
            stdin
        });
        let last = format!("\"sequence\":{LAST},");
        let mut line = Vec::new();
        while memchr::memmem::find(&line, last.as_bytes()).is_none() {
            line.clear();
            let length = stdout.read_until(b'\n', &mut line).expect("a pipe");
            assert_ne!(length, 0, "it ended early");
        }
        let status = fs::read_to_string(status).expect("the process is alive");
        drop(writer.join().expect("all was written"));
        // The events in flight are written at the end of input.
        io::copy(&mut stdout, &mut io::sink()).expect("a pipe");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.parse::<u64>().ok())
            .expect("a number of KiB")
            / 1024
    });
    assert!(child.wait().expect("it ends").success());
    peak
}

#[track_caller]
fn check(bound: u64, stream: impl Iterator<Item = String> + Send) {
    let peak = peak(stream);
    assert!(peak < bound, "{peak} MiB");
}

/// Joins pieces, a thousand at a time, for faster writes.
fn by_the_thousand(pieces: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    let mut pieces = pieces.peekable();
    std::iter::from_fn(move || {
        pieces.peek()?;
        Some(pieces.by_ref().take(1000).collect())
    })
}

fn record(record_type: &str, serial: u32, body: &str) -> String {
    format!("type={record_type} msg=audit(1700000000.000:{serial}): {body}\n")
}

fn call(serial: u32, number: u32, exit: u32, pid: u32) -> String {
    let body = format!(
        "arch=c000003e syscall={number} success=yes exit={exit} items=1 ppid=1 pid={pid} uid=0"
    );
    record("SYSCALL", serial, &body)
}

/// An event of a process that created a file in a new directory.
fn opening(serial: u32, prefix: &str) -> String {
    let path =
        format!("item=0 name=\"/{prefix}{serial}/n\" inode={serial} dev=fe:01 nametype=CREATE");
    call(serial, 257, 3, serial) + &record("PATH", serial, &path) + &record("EOE", serial, "")
}

/// `all`, or in a build without optimization, which would take too long, `few`: just enough to fill
/// the table in question.
const fn many(all: u32, few: u32) -> u32 {
    if cfg!(debug_assertions) { few } else { all }
}

/// The number of small items.
const MILLION: u32 = many(1_000_000, 150_000);

#[test]
fn a_million_events_that_never_end_are_bounded() {
    check(
        MAX_SMALL_MIB,
        by_the_thousand((0..MILLION).map(|serial| call(serial, 39, 0, 5))),
    );
}

#[test]
fn a_million_records_of_one_event_are_bounded() {
    for body in ["", "item=0 name=\"/d/n\" inode=3 dev=fe:01 nametype=DELETE"] {
        let paths = (0..MILLION).map(|_| record("PATH", 7, body));
        let event = [call(7, 87, 0, 5)].into_iter().chain(paths);
        check(
            MAX_SMALL_MIB,
            by_the_thousand(event.chain([record("EOE", 7, "")])),
        );
    }
}

#[test]
fn any_number_of_processes_files_and_directories_is_bounded() {
    check(
        MAX_SMALL_MIB,
        by_the_thousand((0..many(1_000_000, 50_000)).map(|serial| opening(serial, "directory"))),
    );
}

#[test]
fn a_million_nodes_are_bounded() {
    let hosts =
        (0..many(1_000_000, 70_000)).map(|host| format!("node=host{host} {}", call(7, 39, 0, 5)));
    check(MAX_SMALL_MIB, by_the_thousand(hosts));
}

#[test]
fn many_busy_nodes_are_bounded() {
    let lines = |host: u32, event: &str| -> String {
        event
            .lines()
            .map(|line| format!("node=host{host} {line}\n"))
            .collect()
    };
    let events = (0..many(20_000, 200)).flat_map(|serial| {
        let event = opening(serial, "a/directory/with/a/name/of/its/own/");
        (0..64).map(move |host| lines(host, &event))
    });
    check(MAX_SMALL_MIB, by_the_thousand(events));
}

#[test]
fn names_of_any_length_are_bounded() {
    let long = "n".repeat(200_000);
    let name = long.clone();
    check(
        MAX_MIB,
        (0..many(5000, 60)).map(move |serial| opening(serial, &name)),
    );
    let hosts =
        (0..many(5000, 60)).map(move |host| format!("node={long}{host} {}", call(7, 87, 0, 5)));
    check(MAX_MIB, hosts);
}

#[test]
fn a_million_arguments_are_bounded() {
    let words = |first: u32| {
        (first..first + 500)
            .map(|word| format!(" a{word}=\"x\""))
            .collect()
    };
    let records = (0..MILLION)
        .step_by(500)
        .map(move |first| -> String { words(first) });
    let exec = records.map(|words| record("EXECVE", 7, &words));
    let event = [call(7, 59, 0, 5)].into_iter().chain(exec);
    check(MAX_SMALL_MIB, event.chain([record("EOE", 7, "")]));
}

#[test]
fn arguments_of_64_mib_are_bounded() {
    for byte in ["FF", "41"].into_iter().take(many(2, 1) as usize) {
        let piece = byte.repeat(3500);
        let pieces = (0..2 * (64 << 20) / 7000).map(move |part| {
            let header = if part == 0 {
                "argc=1 a0_len=134217728 "
            } else {
                ""
            };
            record("EXECVE", 7, &format!("{header}a0[{part}]={piece}"))
        });
        let event = [call(7, 59, 0, 5)].into_iter().chain(pieces);
        check(MAX_MIB, event.chain([record("EOE", 7, "")]));
    }
}

#[test]
fn huge_events_in_a_row_are_bounded() {
    let word = "41".repeat(500_000);
    let events = (0..many(20, 3)).flat_map(move |serial| {
        let word = word.clone();
        let exec = (0..15).map(move |n| record("EXECVE", serial, &format!("a{n}={word}")));
        [call(serial, 59, 0, 5)]
            .into_iter()
            .chain(exec)
            .chain([record("EOE", serial, "")])
    });
    check(MAX_MIB, events);
}

#[test]
fn gaps_in_the_serials_take_no_memory() {
    let gaps = (0..many(1_000_000, 3_000)).map(|n| login(n.wrapping_mul(1_234_567) % LAST));
    check(64, by_the_thousand(gaps));
}

#[test]
fn a_line_of_a_gibibyte_is_bounded() {
    let piece = "x".repeat(1 << 20);
    check(64, (0..many(1024, 256)).map(move |_| piece.clone()));
}

/// Directories with names of half a MiB within each other, each opened below the one before, and
/// what happens in the last of them.
#[test]
fn names_that_are_long_together_are_bounded() {
    const DEPTH: u32 = 120;
    let name = "n".repeat(500_000);
    let path = |name: &str, inode: u32, nametype: &str| {
        format!("item=0 name=\"{name}\" inode={inode} dev=fe:01 mode=040755 nametype={nametype}")
    };
    let openat = |serial: u32, from: &str, to: u32, name: &str| {
        let body = format!(
            "arch=c000003e syscall=257 success=yes exit={to} a0={from} a1=0 a2=10000 items=1 ppid=1 \
             pid=7 uid=0"
        );
        record("SYSCALL", serial, &body)
            + &record("PATH", serial, &path(name, serial, "NORMAL"))
            + &record("EOE", serial, "")
    };
    let chain = (2..DEPTH + 2).map(move |serial| {
        let (from, to) = if serial % 2 == 0 { ("3", 4) } else { ("4", 3) };
        openat(serial, from, to, &name)
    });
    let renames = (DEPTH + 2..DEPTH + 4).map(move |serial| {
        let body = "arch=c000003e syscall=264 success=yes exit=0 a0=3 a1=0 a2=3 a3=0 items=2 ppid=1 \
                    pid=7 uid=0";
        record("SYSCALL", serial, body)
            + &record("PATH", serial, &path("a", 9000 + serial, "DELETE"))
            + &record("PATH", serial, &path("b", 9000 + serial, "CREATE"))
            + &record("EOE", serial, "")
    });
    let first = openat(1, "ffffff9c", 3, "/d");
    check(MAX_MIB, std::iter::once(first).chain(chain).chain(renames));
}
