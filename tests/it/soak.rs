//! Soak tests at full rate: memory stays flat and counters add up.
//!
//! `SOAK_SECONDS=1800 cargo test --release --test it soak -- --nocapture` takes half an hour and
//! prints its observations. By default the tests take a few seconds. They lock the audit subsystem
//! for `SOAK_SLICE` seconds at a time (20), so that other tests can run in between.

mod load;
mod subject;

use std::{
    env, fs,
    io::{self, Write},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::live::audit::{Audit, settings, wait_for_the_kernel};
use subject::{Subject, Summary};

fn seconds(name: &str, usual: u64) -> Duration {
    let text = env::var(name).ok();
    let seconds = text.map(|text| text.parse().expect("a number of seconds"));
    Duration::from_secs(seconds.unwrap_or(usual))
}

fn duration() -> Duration {
    seconds("SOAK_SECONDS", 6)
}

/// Prints at once, bypassing the test harness.
fn say(text: &str) {
    // Standard error may be closed.
    let _ = writeln!(io::stderr(), "soak: {text}");
}

/// How much resident memory may grow after the first third of the time, in KiB: the buffers of the
/// two threads reach their final sizes at different times.
const MAX_GROWTH_KIB: u64 = 16 << 10;

#[track_caller]
fn assert_flat(name: &str, resident: &[u64]) {
    let warm = resident.len() / 3;
    let (Some(first), Some(most)) = (resident.get(warm), resident.iter().skip(warm).max()) else {
        panic!("{name}: no samples");
    };
    say(&format!(
        "{name}: {} KiB resident after a third of the time, {most} KiB at most after it",
        first
    ));
    assert!(*most <= first + MAX_GROWTH_KIB, "{name}: {resident:?}");
}

#[test]
fn at_full_live_rate_memory_stays_flat_and_counters_add_up() {
    let slice = seconds("SOAK_SLICE", 20).min(duration() / 2);
    let end = Instant::now() + duration();
    let mut modes = [&[][..], &["--unicast"][..]].into_iter().cycle();
    let mut slices = 0;
    while slices < 2 || Instant::now() < end {
        let mode = modes.next().expect("it goes round");
        if !live_slice(mode, slice) {
            return;
        }
        slices += 1;
    }
}

/// Listens while a process creates, renames and removes files as fast as it can. `false` if the
/// audit subsystem is not available.
fn live_slice(mode: &[&str], time: Duration) -> bool {
    let Some(mut audit) = Audit::borrow() else {
        return false;
    };
    let before = settings();
    let directory = tempfile::tempdir().expect("a directory");
    let watched = directory.path().canonicalize().expect("a directory");
    let program = load::program(&watched);
    audit.watch(&watched);
    let exe = format!("exe={}", program.display());
    for arch in ["arch=b64", "arch=b32"] {
        audit.rule(&["always,exit", "-F", arch, "-S", "execve", "-F", &exe]);
    }
    let subject = Subject::listen(mode, &program);
    let worker = load::start(&watched, &program);
    let resident = subject.watch(time, || worker.is_alive());
    let made = worker.stop();
    wait_for_the_kernel();
    let summary = subject.stop();
    let name = mode.first().unwrap_or(&"multicast");
    account(name, made, &summary, time);
    assert_flat(name, &resident);
    let mut after = settings();
    after.remove("backlog_wait_time");
    let mut before = before;
    before.remove("backlog_wait_time");
    assert_eq!(after, before, "the state of auditing is restored");
    true
}

/// Every syscall of the load is a line or counted as lost.
fn account(name: &str, made: load::Made, summary: &Summary, time: Duration) {
    let count = |key| summary.counter(key);
    let lost_events = count("queue_dropped");
    let lost_records = count("dropped") + count("kernel_lost");
    let seen = summary.seen;
    let total = made.files + made.programs;
    say(&format!(
        "{name}: {total} calls in {} s, {} lines of them, {} records; lost: {lost_events} events from the \
         queue, {} records in the socket, {} in the kernel",
        time.as_secs(),
        seen.files + seen.programs,
        count("records"),
        count("dropped"),
        count("kernel_lost"),
    ));
    add_up(summary);
    assert_eq!(
        summary.losses > 0,
        lost_events + lost_records > 0,
        "{}",
        summary.log
    );
    let missing = total - (seen.files + seen.programs);
    if lost_events + lost_records == 0 {
        assert_eq!(missing, 0, "{}", summary.log);
    } else {
        // A lost record costs at most one event, and may not belong to the load.
        assert!(
            missing <= lost_events + lost_records,
            "{missing}: {}",
            summary.log
        );
    }
    assert_eq!(
        (count("malformed"), count("foreign"), count("evicted")),
        (0, 0, 0),
        "{}",
        summary.log
    );
}

/// Each record is in exactly one counter, and each written line was read.
#[track_caller]
fn add_up(summary: &Summary) {
    let count = |key| summary.counter(key);
    assert_eq!(
        summary.lines + summary.losses,
        count("lines"),
        "{}",
        summary.log
    );
    let accounted: u64 = [
        "filtered",
        "ends",
        "left_out",
        "no_line",
        "written",
        "unwritten_records",
        "queue_dropped_records",
    ]
    .into_iter()
    .map(count)
    .sum();
    assert_eq!(accounted, count("records"), "{}", summary.log);
}

#[test]
fn in_an_endless_log_memory_stays_flat_and_counters_add_up() {
    let stop = AtomicBool::new(false);
    let (mut subject, mut input) = Subject::replay();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut log = load::EndlessLog::new();
            while !stop.load(Ordering::Relaxed) {
                input.write_all(log.more()).expect("all is read");
            }
            drop(input);
            log.written()
        });
        let resident = subject.watch(duration(), || !writer.is_finished());
        stop.store(true, Ordering::Relaxed);
        let written = writer.join().expect("all was written");
        subject.wait();
        let summary = subject.summary();
        say(&format!(
            "log: {} records of {} events in {} s, {} lines",
            written.records,
            written.events,
            duration().as_secs(),
            summary.lines
        ));
        let count = |key| summary.counter(key);
        assert_eq!(
            (count("records"), count("malformed")),
            (written.records, 0),
            "{}",
            summary.log
        );
        assert_eq!(count("events"), written.events, "{}", summary.log);
        add_up(&summary);
        assert_eq!(summary.lines, written.lines, "{}", summary.log);
        assert_flat("log", &resident);
    });
}

fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it is alive");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse().ok())
        .expect("a number of KiB")
}
