//! Checks that the cost per byte does not grow with the number of records, events in flight, names
//! in an event, arguments and their length, known names, processes, and hosts.
//!
//! `cargo bench --bench growth -- [--runs N]`. It fails if a larger size costs more than 2.5 times
//! as much per byte as any smaller one. Cache misses account for up to a factor of two; superlinear
//! algorithms cost many times as much.

#![expect(clippy::print_stdout, reason = "the results go there")]

mod support;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use auditrd::{
    Arena, AuditReader, Classifier, ReaderConfig, ReassemblyConfig, encode,
    enrich::{Enricher, Keys},
    model::{FileId, FileType},
    parse,
    record_type::{AUDIT_AVC, AUDIT_USER_AUTH},
    resolve::Absent,
    source::LogSource,
};
use support::{log, number, sys};

/// The largest ratio of the cost per byte to that of a smaller size.
const MAX_RATIO: f64 = 2.5;

/// The kernel splits an argument into pieces of about this many bytes (`MAX_EXECVE_AUDIT_LEN`).
const PIECE_BYTES: usize = 7500;

/// A quantity that grows, and the log for each of its sizes. All logs have about the same length.
struct Curve {
    name: &'static str,
    sizes: &'static [usize],
    make: fn(usize) -> String,
    /// Whether as many names are known before the log is read.
    has_names: bool,
}

const CURVES: &[Curve] = &[
    Curve {
        name: "events in flight",
        sizes: &[100, 1_000, 10_000, 100_000],
        make: in_flight,
        has_names: false,
    },
    Curve {
        name: "names in an event",
        sizes: &[10, 100, 1_000, 10_000],
        make: names,
        has_names: false,
    },
    Curve {
        name: "words of a command",
        sizes: &[4, 64, 1_024, 16_384],
        make: words,
        has_names: false,
    },
    Curve {
        name: "bytes of an argument",
        sizes: &[64, 1 << 10, 64 << 10, 1 << 20],
        make: |size| argument(size, b'x', "\""),
        has_names: false,
    },
    Curve {
        name: "bytes of one in hex",
        sizes: &[64, 1 << 10, 64 << 10, 1 << 20],
        make: |size| argument(2 * size, b'4', ""),
        has_names: false,
    },
    Curve {
        name: "known names",
        sizes: &[1_000, 10_000, 100_000, 1_000_000],
        make: known_names,
        has_names: true,
    },
    Curve {
        name: "processes",
        sizes: &[100, 1_000, 10_000, 100_000],
        make: processes,
        has_names: false,
    },
    Curve {
        name: "hosts",
        sizes: &[1, 4, 16, 64],
        make: hosts,
        has_names: false,
    },
];

fn main() -> ExitCode {
    if !support::is_bench() {
        return ExitCode::SUCCESS;
    }
    println!(
        "{:<22} {:>9} {:>8} {:>9} {:>8} {:>8}  against the least before it",
        "", "", "MB", "ns/record", "ns/byte", "MB/s"
    );
    let mut is_linear = records();
    for curve in CURVES {
        let mut least = f64::MAX;
        for &size in curve.sizes {
            let path = log::directory().join(format!("growth-{}.log", std::process::id()));
            fs::write(&path, (curve.make)(size)).expect("room for a log");
            let names = if curve.has_names { size } else { 0 };
            is_linear &= point(curve.name, size, &path, names, &mut least);
            fs::remove_file(&path).expect("it was there");
        }
    }
    if is_linear {
        return ExitCode::SUCCESS;
    }
    eprintln!("a larger size costs more than {MAX_RATIO} times as much per byte");
    ExitCode::FAILURE
}

/// The curve over the length of the busy host's log.
fn records() -> bool {
    let mut least = f64::MAX;
    let sizes = [
        (10_000, 1, Some(10_000)),
        (100_000, 1, Some(100_000)),
        (1_000_000, 6, None),
    ];
    sizes
        .into_iter()
        .fold(true, |is_linear, (size, copies, records)| {
            let (log, _) = log::grown(copies, records).expect("the busy host's log");
            point("records of a log", size, &log, 0, &mut least) && is_linear
        })
}

/// Measures one size, and returns whether its cost is within the limit.
fn point(name: &str, size: usize, log: &Path, names: usize, least: &mut f64) -> bool {
    let bytes = fs::metadata(log).expect("a log").len() as f64;
    let (mut time, mut records) = (Duration::MAX, 0);
    for _ in 0..number("--runs", 5) {
        let (next, count) = replay(log, names);
        time = time.min(next);
        records = count;
    }
    let nanos = time.as_nanos() as f64;
    let cost = nanos / bytes;
    let ratio = if *least == f64::MAX {
        1.0
    } else {
        cost / *least
    };
    *least = least.min(cost);
    println!(
        "{name:<22} {size:>9} {:>8.1} {:>9.0} {cost:>8.2} {:>8.0}  {ratio:>5.2}{}",
        bytes / 1e6,
        nanos / records as f64,
        bytes * 1e3 / nanos,
        if ratio > MAX_RATIO {
            "  MORE THAN LINEAR"
        } else {
            ""
        }
    );
    ratio <= MAX_RATIO
}

/// The CPU time of all threads for converting a log to lines, and the number of records. As many
/// names are known before.
fn replay(log: &Path, names: usize) -> (Duration, u64) {
    let mut classifier = Classifier::new(Box::new(Absent));
    (0..names).for_each(|number| prime(&mut classifier, number));
    let before = sys::cpu();
    let (stopper, stop) = auditrd::source::stop().expect("a pipe");
    let source = LogSource::open(&[PathBuf::from(log)], stop).expect("a log");
    let config = ReaderConfig::log(ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
    let mut reader = AuditReader::spawn(Box::new(source), stopper, config).expect("a thread");
    let mut enricher = Enricher::new(Keys::ALL);
    let (mut arena, mut line) = (Arena::new(), Vec::new());
    while let Some(group) = reader.next().expect("a log") {
        assert!(!group.truncated, "an event is cut");
        let facts = parse::facts(&group, &arena);
        let event = classifier.classify_facts(&group, &facts, &arena);
        enricher.observe(&group, &facts, event.as_deref(), None);
        if let Some(event) = event {
            event.who = enricher.who(&arena);
            line.clear();
            encode::line(event, &mut line);
        }
        arena.reset();
    }
    let tally = reader.totals().tally;
    // The first records of a log may end in the middle of an event.
    let is_whole = tally.evicted == 0 && tally.unfinished <= 1;
    assert!(is_whole, "events did not end by themselves: {tally:?}");
    drop(reader);
    (sys::cpu() - before, tally.records)
}

/// The approximate length of each log.
const LOG_BYTES: usize = 40 << 20;

fn call(out: &mut String, serial: usize, number: u32, items: usize) {
    let _ = writeln!(
        out,
        "type=SYSCALL msg=audit(1700000000.000:{serial}): arch=c000003e syscall={number} success=yes \
         exit=3 a0=ffffff9c a1=7ffc0 a2=241 a3=1b6 items={items} ppid=1 pid=2 auid=1000 uid=0 gid=0 \
         euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=1 comm=\"bench\" exe=\"/bin/bench\" \
         key=\"k\""
    );
}

fn name(out: &mut String, serial: usize, item: usize, kind: &str) {
    let _ = writeln!(
        out,
        "type=PATH msg=audit(1700000000.000:{serial}): item={item} name=\"/srv/d{}/f{item}\" \
         inode={item} dev=fe:00 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype={kind} cap_fp=0 \
         cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0",
        item % 100
    );
}

fn title(out: &mut String, serial: usize) {
    let _ = writeln!(
        out,
        "type=PROCTITLE msg=audit(1700000000.000:{serial}): proctitle=\"bench\""
    );
}

/// The file that has a number.
fn file(number: usize) -> (String, u64) {
    let path = format!("/srv/d{}/f{number}", number % 1000);
    (path, 1_000_000 + number as u64)
}

/// Takes in the name of a file, and that of its directory with the first one there.
fn prime(classifier: &mut Classifier, number: usize) {
    let id = |inode| FileId {
        dev: (0xfe, 0),
        inode,
    };
    if number < 1000 {
        let path = format!("/srv/d{number}");
        classifier.prime(
            path.as_bytes(),
            id(1000 + number as u64),
            FileType::Directory,
            2,
        );
    }
    let (path, inode) = file(number);
    classifier.prime(path.as_bytes(), id(inode), FileType::Other, 1);
}

/// A number below `bound`, spread over all of them.
fn spread(serial: usize, bound: usize) -> usize {
    serial.wrapping_mul(0x9e37_79b9_7f4a_7c15) % bound
}

/// Events about files that are among `count` known ones, by names that are relative to a directory.
fn known_names(count: usize) -> String {
    let mut out = String::with_capacity(LOG_BYTES * 5 / 4);
    let mut serial = 1;
    while out.len() < LOG_BYTES {
        let number = spread(serial, count);
        let (path, inode) = file(number);
        let name = path.rsplit('/').next().unwrap_or_default();
        call(&mut out, serial, 257, 2);
        let stamp = format!("msg=audit(1700000000.000:{serial})");
        let directory = number % 1000;
        let _ = writeln!(
            out,
            "type=CWD {stamp}: cwd=\"/\"\n\
             type=PATH {stamp}: item=0 name=\"/srv/d{directory}\" inode={} dev=fe:00 mode=040755 ouid=0 \
             ogid=0 rdev=00:00 nametype=PARENT\n\
             type=PATH {stamp}: item=1 name=\"{name}\" inode={inode} dev=fe:00 mode=0100644 ouid=0 \
             ogid=0 rdev=00:00 nametype=NORMAL",
            1000 + directory
        );
        title(&mut out, serial);
        serial += 1;
    }
    out
}

/// Programs that a shell starts, one after the other, until `count` processes have been seen; then
/// the pids are given out again.
fn processes(count: usize) -> String {
    let mut out = String::with_capacity(LOG_BYTES * 5 / 4);
    let mut serial = 1;
    while out.len() < LOG_BYTES {
        let pid = 1000 + serial / 2 % count;
        let (milli, second) = (serial % 1000, 1_700_000_000 + serial / 1000);
        let stamp = format!("msg=audit({second}.{milli:03}:{serial})");
        let ids = "ppid=900 auid=1000 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 \
                   sgid=1000 fsgid=1000 tty=pts0 ses=1";
        let _ = match serial % 2 {
            0 => writeln!(
                out,
                "type=SYSCALL {stamp}: arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 \
                 a3=4 items=0 {ids} pid={pid} comm=\"id\" exe=\"/usr/bin/id\" key=\"k\"\n\
                 type=EXECVE {stamp}: argc=2 a0=\"id\" a1=\"u{pid}\"\n\
                 type=PROCTITLE {stamp}: proctitle=\"id\""
            ),
            _ => writeln!(
                out,
                "type=SYSCALL {stamp}: arch=c000003e syscall=231 a0=0 a1=2 a2=3 a3=4 items=0 {ids} \
                 pid={pid} comm=\"id\" exe=\"/usr/bin/id\" key=\"k\"\n\
                 type=PROCTITLE {stamp}: proctitle=\"id\""
            ),
        };
        serial += 1;
    }
    out
}

/// Events of `count` hosts, in turn.
fn hosts(count: usize) -> String {
    let mut out = String::with_capacity(LOG_BYTES * 5 / 4);
    let mut serial = 1;
    while out.len() < LOG_BYTES {
        let start = out.len();
        call(&mut out, serial, 257, 1);
        name(&mut out, serial, spread(serial, 1000), "NORMAL");
        title(&mut out, serial);
        let event = out.split_off(start);
        for record in event.lines() {
            let _ = writeln!(out, "node=host{:02} {record}", spread(serial, count));
        }
        serial += 1;
    }
    out
}

/// Events of which `open` start before the first one ends.
fn in_flight(open: usize) -> String {
    let mut out = String::with_capacity(LOG_BYTES * 5 / 4);
    let mut first = 1;
    // Several rounds, because the first use of memory costs more than a record.
    while out.len() < LOG_BYTES || first <= 4 * open {
        let block = first..first + open;
        block
            .clone()
            .for_each(|serial| call(&mut out, serial, 257, 1));
        block
            .clone()
            .for_each(|serial| name(&mut out, serial, 0, "NORMAL"));
        block.for_each(|serial| title(&mut out, serial));
        first += open;
    }
    out
}

/// Events with `count` names.
fn names(count: usize) -> String {
    let mut out = String::with_capacity(LOG_BYTES * 5 / 4);
    let mut serial = 1;
    while out.len() < LOG_BYTES {
        call(&mut out, serial, 257, count);
        (0..count).for_each(|item| name(&mut out, serial, item, "NORMAL"));
        title(&mut out, serial);
        serial += 1;
    }
    out
}

/// Commands with `count` words.
fn words(count: usize) -> String {
    let mut out = String::with_capacity(LOG_BYTES * 5 / 4);
    let mut serial = 1;
    while out.len() < LOG_BYTES {
        call(&mut out, serial, 59, 0);
        let mut record = format!("argc={count}");
        for word in 0..count {
            let _ = write!(record, " a{word}=\"word-{word}\"");
            if record.len() > PIECE_BYTES {
                execve(&mut out, serial, &record);
                record.clear();
            }
        }
        execve(&mut out, serial, &record);
        title(&mut out, serial);
        serial += 1;
    }
    out
}

/// Commands with an argument of `length` bytes as written, split into pieces as by the kernel.
fn argument(length: usize, byte: u8, quote: &str) -> String {
    let mut out = String::with_capacity(LOG_BYTES * 5 / 4);
    let text = char::from(byte).to_string().repeat(length.min(PIECE_BYTES));
    let mut serial = 1;
    while out.len() < LOG_BYTES {
        call(&mut out, serial, 59, 0);
        if length <= PIECE_BYTES {
            let record = format!("argc=2 a0=\"bench\" a1={quote}{text}{quote}");
            execve(&mut out, serial, &record);
        } else {
            execve(
                &mut out,
                serial,
                &format!("argc=2 a0=\"bench\" a1_len={length}"),
            );
            for piece in 0..length.div_ceil(PIECE_BYTES) {
                let part = &text[..(length - piece * PIECE_BYTES).min(PIECE_BYTES)];
                execve(
                    &mut out,
                    serial,
                    &format!("a1[{piece}]={quote}{part}{quote}"),
                );
            }
        }
        title(&mut out, serial);
        serial += 1;
    }
    out
}

fn execve(out: &mut String, serial: usize, record: &str) {
    let _ = writeln!(
        out,
        "type=EXECVE msg=audit(1700000000.000:{serial}): {record}"
    );
}
