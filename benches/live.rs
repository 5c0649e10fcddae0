//! Measures the cost of listening to the kernel, against a loop in C that discards every record;
//! the latency of an event; and the start.
//!
//! `cargo bench --bench live -- [--files N] [--rounds N] [--binary PATH]`, as root, with auditctl
//! and cc. With `--starts-only`, it measures the start alone, with and without many processes
//! (`--processes N`). With `--curve [--rate N] [--seconds N] [--laurel PATH]... [--plot FILE]`, it
//! measures the cost at several rates instead, also that of auditd and laurel if they are
//! installed, and draws docs/performance/live.svg. The audit settings are restored, also if the
//! bench is stopped or fails.

#![expect(clippy::print_stdout, reason = "the results go there")]

#[path = "../tests/it/live/audit.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod audit;
#[path = "live/curve.rs"]
mod curve;
#[path = "../tests/it/live/os.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod os;
mod support;

use std::{
    env,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use audit::{Audit, lost, registered, wait_for_the_kernel, wait_until};
use signal_hook::consts::{SIGINT, SIGTERM};
use support::{number, option, sys};

fn main() -> ExitCode {
    if let Some(directory) = option("--create") {
        create(directory.as_ref());
        return ExitCode::SUCCESS;
    }
    if support::has("--sleepers") {
        sleep_together(number("--sleepers", 0));
        return ExitCode::SUCCESS;
    }
    if let Some(directory) = option("--measure") {
        measure(directory.as_ref());
        return ExitCode::SUCCESS;
    }
    if !support::is_bench() {
        return ExitCode::SUCCESS;
    }
    match borrowed() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("live: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Locks the audit subsystem and measures in a child process, so that the settings are restored if
/// that process fails or the user presses Ctrl-C.
fn borrowed() -> io::Result<bool> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let Some(mut audit) = Audit::borrow() else {
        return Ok(true);
    };
    let temp = in_memory()?;
    let directory = temp.path().canonicalize()?.join("watched");
    fs::create_dir(&directory)?;
    let inside = format!("dir={}", directory.display());
    audit.rule(&[
        "always,exit",
        "-F",
        "arch=b64",
        "-S",
        "openat",
        "-F",
        &inside,
        // Not the directories, which auditrd opens to read their names.
        "-F",
        "perm=w",
    ]);
    let mut measuring = again()?
        .arg("--measure")
        .arg(&directory)
        .args(env::args().skip(1))
        .process_group(0)
        .spawn()?;
    loop {
        if let Some(status) = measuring.try_wait()? {
            return Ok(status.success());
        }
        if stop.load(Ordering::Relaxed) {
            // The process group, which includes its children.
            let group = format!("-{}", measuring.id());
            Command::new("kill")
                .args(["-TERM", "--", &group])
                .status()?;
            measuring.wait()?;
            // auditd leaves the group. There was none before.
            if registered() != 0 {
                os::kill(registered(), SIGTERM);
            }
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A directory in memory, if possible. On ext4, the creation of a file slows down with the number
/// of recently removed ones; that took most of the time of the load, and varied between rounds.
fn in_memory() -> io::Result<tempfile::TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

/// A command that runs this program again.
fn again() -> io::Result<Command> {
    Ok(Command::new(env::current_exe()?))
}

fn measure(directory: &Path) {
    let bare = compile(&directory.with_extension("bare"));
    let binary = option("--binary").unwrap_or_else(|| env!("CARGO_BIN_EXE_auditrd").to_owned());
    if support::has("--curve") {
        let plot = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance/live.svg");
        let plot = option("--plot").unwrap_or_else(|| plot.to_owned());
        curve::curve(&bare, &binary, directory, plot.as_ref());
        fs::remove_file(bare).expect("the bare loop was there");
        return;
    }
    if support::has("--starts-only") {
        fs::remove_file(bare).expect("the bare loop was there");
        starts(&binary, directory);
        return;
    }
    let (files, rounds) = (number("--files", 20_000), number("--rounds", 5));
    println!(
        "CPU s per million records, {rounds} rounds of each; wake-ups per thousand records of bare and auditrd"
    );
    println!(
        "{:<24} {:>5} {:>7} {:>5} {:>6} {:>9} {:>8} {:>8} {:>11} {:>8}",
        "",
        "bare",
        "auditrd",
        "ratio",
        "median",
        "range",
        "records",
        "wake-ups",
        "lines/write",
        "peak MiB"
    );
    for mode in ["multicast", "unicast"] {
        let work = Work {
            directory,
            files,
            pause: 0,
        };
        drain(mode, &bare, &binary, &work, rounds);
        let work = Work {
            files: files / 10,
            pause: 1000,
            ..work
        };
        drain(mode, &bare, &binary, &work, rounds);
    }
    let work = Work {
        directory,
        files,
        pause: 0,
    };
    for mode in ["multicast", "unicast"] {
        stuck(mode, &bare, &binary, &work, rounds);
    }
    fs::remove_file(bare).expect("the bare loop was there");
    latency(&binary, directory);
    starts(&binary, directory);
}

fn compile(bare: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/bare.c");
    let status = Command::new("cc")
        .args(["-O2", "-o"])
        .arg(bare)
        .arg(source)
        .status();
    assert!(status.is_ok_and(|status| status.success()), "needs cc");
    bare.to_owned()
}

/// The load that causes records.
#[derive(Clone, Copy)]
struct Work<'a> {
    directory: &'a Path,
    files: u64,
    /// The time from one file to the next, in microseconds.
    pause: u64,
}

impl<'a> Work<'a> {
    /// This number of files per second; 0 for as many as possible.
    fn at(directory: &'a Path, files: u64, rate: u64) -> Work<'a> {
        Work {
            directory,
            files,
            pause: 1_000_000_u64.checked_div(rate).unwrap_or(0),
        }
    }
}

/// The results of a listener.
struct Heard {
    used: Duration,
    records: u64,
    /// The number of times that its threads slept and were woken.
    wakes: u64,
    /// The number of calls of write(2).
    writes: u64,
    lines: u64,
    dropped: u64,
    peak: u64,
    said: String,
}

impl Heard {
    /// CPU seconds per million records.
    fn cost(&self) -> f64 {
        self.used.as_secs_f64() * 1e6 / self.records as f64
    }
}

/// Runs both listeners alternately, so that other load on the machine affects both, and each is as
/// often first as second.
fn drain(mode: &str, bare: &Path, binary: &str, work: &Work<'_>, rounds: u64) {
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let mut turns = [true, false];
        turns.rotate_left((round % 2) as usize);
        for is_bare in turns {
            if is_bare {
                theirs.push(listen(Command::new(bare).arg(mode), mode, work));
                continue;
            }
            let mut auditrd = Command::new(binary);
            // Other programs may send records too.
            auditrd.args(["-v", "--events", "fim"]);
            if mode == "unicast" {
                auditrd.arg("--unicast");
            }
            let we = listen(&mut auditrd, mode, work);
            assert_eq!(we.lines, work.files, "an event for each file: {}", we.said);
            ours.push(we);
        }
    }
    for heard in theirs.iter().chain(&ours) {
        assert_eq!(heard.dropped, 0, "nothing is lost");
        assert!(heard.records >= 5 * work.files, "{}", heard.said);
    }
    compare(mode, work, &theirs, &ours);
}

/// Prints a row of the table. The ratio is that of the sums over all rounds.
fn compare(mode: &str, work: &Work<'_>, theirs: &[Heard], ours: &[Heard]) {
    let sum = |heard: &[Heard], number: fn(&Heard) -> u64| heard.iter().map(number).sum::<u64>();
    let records = |heard: &[Heard]| sum(heard, |heard| heard.records);
    let cost = |heard: &[Heard]| {
        let used: Duration = heard.iter().map(|heard| heard.used).sum();
        used.as_secs_f64() * 1e6 / records(heard) as f64
    };
    let wakes = |heard: &[Heard]| sum(heard, |heard| heard.wakes) * 1000 / records(heard);
    let ratios = theirs
        .iter()
        .zip(ours)
        .map(|(they, we)| we.cost() / they.cost());
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    let pace = match work.pause {
        0 => "at full speed".to_owned(),
        pause => format!("every {} ms", pause / 1000),
    };
    println!(
        "{:<24} {:>5.2} {:>7.2} {:>5.2} {:>6.2} {:>9} {:>8} {:>8} {:>11.1} {:>8.1}",
        format!("{mode}, {pace}"),
        cost(theirs),
        cost(ours),
        cost(ours) / cost(theirs),
        median(ratios.clone()),
        format!("{:.2}-{:.2}", ratios[0], ratios[ratios.len() - 1]),
        records(ours),
        format!("{} {}", wakes(theirs), wakes(ours)),
        sum(ours, |heard| heard.lines) as f64 / sum(ours, |heard| heard.writes) as f64,
        ours.iter().map(|heard| heard.peak).max().unwrap_or(0) as f64 / f64::from(1 << 20),
    );
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Starts a listener, creates the files, and stops it when the kernel has sent all records.
fn listen(command: &mut Command, mode: &str, work: &Work<'_>) -> Heard {
    let directory = work.directory;
    let log = directory.with_extension("said");
    let (out, error) = (File::create(&log), File::options().append(true).open(&log));
    let is_bare = command.get_program().to_string_lossy().ends_with(".bare");
    command.stderr(error.expect("a file for its log"));
    command.stdout(if is_bare {
        out.expect("a file").into()
    } else {
        Stdio::null()
    });
    let child = Guard(command.spawn().expect("a listener"));
    await_listener(&child.0, mode);
    let pid = child.0.id();
    let (before, started) = (lost(), used_by(pid));
    let (wakes, writes) = (sleeps(pid), written(pid));
    make(work);
    wait_for_the_kernel();
    assert_eq!(lost(), before, "the kernel loses nothing");
    let (wakes, writes) = (sleeps(pid) - wakes, written(pid) - writes);
    let others: Duration = children(child.0.id()).map(used_by).sum();
    os::kill(child.0.id(), SIGTERM);
    let usage = sys::wait(&child.0).expect("its end");
    std::mem::forget(child);
    remove(directory);
    let said = fs::read_to_string(&log).expect("its log");
    fs::remove_file(&log).expect("it was there");
    assert!(usage.success, "{said}");
    let records = counter(&said, "records").expect("how many records");
    let used = usage.user + usage.system + others - started;
    Heard {
        used,
        records,
        wakes,
        writes,
        lines: counter(&said, "lines").unwrap_or(0),
        dropped: counter(&said, "dropped")
            .or(counter(&said, "overflows"))
            .unwrap_or(0),
        peak: usage.peak,
        said,
    }
}

/// Creates the files in a child process, and returns how long it took.
fn make(work: &Work<'_>) -> Duration {
    let start = Instant::now();
    let made = again()
        .expect("this program")
        .arg("--create")
        .arg(work.directory)
        .args(["--count", &work.files.to_string()])
        .args(match work.pause {
            0 => vec![],
            pause => vec!["--pause".to_owned(), pause.to_string()],
        })
        .status();
    assert!(
        made.is_ok_and(|status| status.success()),
        "all files are made"
    );
    start.elapsed()
}

/// The CPU time of the live threads of a process so far, from the scheduler's statistics. Zero if
/// the kernel has none.
fn used_by(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    let nanos = threads
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|thread| {
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
    Duration::from_nanos(nanos.sum())
}

/// The number of voluntary context switches of all threads of a process so far.
fn sleeps(pid: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    let statuses = threads.flatten().map(|thread| thread.path().join("status"));
    statuses
        .filter_map(|status| {
            counter(
                &fs::read_to_string(status).ok()?,
                "voluntary_ctxt_switches:",
            )
        })
        .sum()
}

/// The number of calls of write(2) by a process so far.
fn written(pid: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    counter(&io, "syscw:").unwrap_or(0)
}

/// The children of a process.
fn children(parent: u32) -> impl Iterator<Item = u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(move |process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let status = fs::read_to_string(process.path().join("status")).ok()?;
        (counter(&status, "PPid:") == Some(parent.into())).then_some(pid)
    })
}

/// Measures how long the load takes, with the bare loop and with an auditrd whose output is not
/// read, alternately.
fn stuck(mode: &str, bare: &Path, binary: &str, work: &Work<'_>, rounds: u64) {
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let mut loops = Command::new(bare);
        loops.arg(mode).stdout(Stdio::null());
        theirs.push(held_up(loops, None, mode, work));
        let (unread, full) = io::pipe().expect("a pipe");
        let mut auditrd = Command::new(binary);
        if mode == "unicast" {
            auditrd.arg("--unicast");
        }
        auditrd.stdout(full).stderr(Stdio::null());
        ours.push(held_up(auditrd, Some(unread), mode, work));
    }
    let (theirs, ours) = (median(theirs), median(ours));
    println!(
        "{mode}, output stuck: {} files made in {ours:.2} s; with the bare loop in {theirs:.2} s; ratio {:.2}",
        work.files,
        ours / theirs
    );
}

/// How long the load takes with a listener, in seconds. If its output is a pipe, it is closed
/// afterwards.
fn held_up(
    mut command: Command,
    unread: Option<io::PipeReader>,
    mode: &str,
    work: &Work<'_>,
) -> f64 {
    let mut listener = Guard(command.spawn().expect("a listener"));
    await_listener(&listener.0, mode);
    let taken = make(work);
    wait_for_the_kernel();
    os::kill(listener.0.id(), SIGTERM);
    drop(unread);
    listener.0.wait().expect("its end");
    remove(work.directory);
    taken.as_secs_f64()
}

/// Removes the files one by one. Listing the directory would cause an event, which the kernel would
/// keep for the next audit daemon.
fn remove(directory: &Path) {
    let mut number = 0;
    while fs::remove_file(file(directory, number)).is_ok() {
        number += 1;
    }
}

fn file(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("file-{number}"))
}

/// A child that is killed on drop.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The number after a word.
fn counter(text: &str, name: &str) -> Option<u64> {
    let mut words = text.split_whitespace().skip_while(|word| *word != name);
    words.nth(1)?.parse().ok()
}

fn await_listener(child: &Child, mode: &str) {
    let pid = child.id();
    wait_until("it listens", || match mode {
        "unicast" => (registered() == pid).then_some(()),
        _ => is_member(pid).then_some(()),
    });
}

/// Whether a process has an audit socket in the multicast group: protocol 9, group bit 1.
fn is_member(pid: u32) -> bool {
    let table = fs::read_to_string("/proc/net/netlink").expect("the table of sockets");
    table.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(1) == Some(&"9")
            && words.get(2) == Some(&pid.to_string().as_str())
            && words.get(3).is_some_and(|groups| groups.ends_with('1'))
    })
}

/// The workload: creates files in a directory, at an interval if there is one, or one for each line
/// of standard input. With `--names N`, their names are the same after N files.
fn create(directory: &Path) {
    let names = number("--names", u64::MAX);
    let pause = option("--pause").map(|_| Duration::from_micros(number("--pause", 0)));
    let mut due = Instant::now();
    let mut orders = support::has("--ordered").then(|| io::stdin().lines());
    for count in 0..number("--count", 1) {
        if orders
            .as_mut()
            .is_some_and(|orders| orders.next().is_none())
        {
            return;
        }
        let path = file(directory, count % names);
        let now = SystemTime::now();
        File::create(&path).expect("a file");
        if orders.is_some() {
            let since = now
                .duration_since(SystemTime::UNIX_EPOCH)
                .expect("after 1970");
            println!("{}", since.as_nanos());
        }
        if let Some(pause) = pause {
            due += pause;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
}

/// The time from one event to the next while latency is measured: there are 250 events per second.
const INTERVAL: Duration = Duration::from_millis(4);

/// Measures the time from the start of a syscall to its line, on a host with little else to do.
fn latency(binary: &str, directory: &Path) {
    let mut listener = Guard(
        Command::new(binary)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts"),
    );
    await_listener(&listener.0, "multicast");
    let mut lines = BufReader::new(listener.0.stdout.take().expect("a pipe"));
    let events = number("--events", 500);
    let mut worker = Guard(
        again()
            .expect("this program")
            .arg("--create")
            .arg(directory)
            .args(["--ordered", "--count", &events.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts"),
    );
    let mut orders = worker.0.stdin.take().expect("a pipe");
    let mut stamps = BufReader::new(worker.0.stdout.take().expect("a pipe"));
    let mut taken = Vec::new();
    let mut due = Instant::now();
    for _ in 0..events {
        due += INTERVAL;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        orders.write_all(b"\n").expect("it waits for orders");
        let (mut line, mut stamp) = (String::new(), String::new());
        lines.read_line(&mut line).expect("a line");
        let now = SystemTime::now();
        stamps.read_line(&mut stamp).expect("a time");
        let begun: u64 = stamp.trim().parse().expect("nanoseconds");
        let begun = SystemTime::UNIX_EPOCH + Duration::from_nanos(begun);
        taken.push(now.duration_since(begun).expect("later").as_secs_f64() * 1e3);
    }
    taken.sort_by(f64::total_cmp);
    let at = |part: f64| taken[(part * (taken.len() - 1) as f64) as usize];
    println!(
        "250 events per second, from the call to its line: p50 {:.2} ms, p99 {:.2} ms, most {:.2} ms of {events}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    let status = fs::read_to_string(format!("/proc/{}/status", listener.0.id())).expect("it runs");
    println!(
        "idle, resident: {} KiB",
        counter(&status, "VmRSS:").expect("a size")
    );
}

/// Measures the start as it is, and with many more processes in `/proc`.
fn starts(binary: &str, directory: &Path) {
    start(binary, directory);
    let count = number("--processes", 2000).to_string();
    let mut sleepers = Guard(
        again()
            .expect("this program")
            .args(["--sleepers", &count])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts"),
    );
    let mut all_sleep = BufReader::new(sleepers.0.stdout.take().expect("a pipe"));
    all_sleep.read_line(&mut String::new()).expect("they start");
    start(binary, directory);
    drop(sleepers.0.stdin.take());
    sleepers.0.wait().expect("their end");
}

/// Starts processes that sleep until standard input is closed, and says so when all of them do.
fn sleep_together(count: u64) {
    let wait = || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
    };
    let children: Vec<u32> = (0..count).map(|_| os::fork(wait)).collect();
    println!("asleep");
    wait();
    children.into_iter().for_each(|child| {
        os::wait(child);
    });
}

/// Measures the time from the start of the program to its first line, while the load is running.
fn start(binary: &str, directory: &Path) {
    let processes = fs::read_dir("/proc").expect("it is mounted").flatten();
    let is_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let processes = processes.filter(|entry| entry.file_name().to_str().is_some_and(is_process));
    let processes = processes.count();
    let before = lost();
    let taken = (0..number("--starts", 15)).map(|_| start_once(binary, directory));
    println!(
        "start to the first line, with {processes} processes: {:.2} ms",
        median(taken.collect())
    );
    assert_eq!(lost(), before, "the kernel loses nothing");
}

/// The time of one start, in milliseconds.
fn start_once(binary: &str, directory: &Path) -> f64 {
    let mut create = again().expect("this program");
    create.arg("--create").arg(directory);
    // With many names in the directory, reading them would be measured: rules watch it.
    create.args(["--count", "100000", "--pause", "100", "--names", "100"]);
    let _worker = Guard(create.spawn().expect("it starts"));
    thread::sleep(Duration::from_millis(30));
    let start = Instant::now();
    let mut listener = Guard(
        Command::new(binary)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts"),
    );
    let mut lines = BufReader::new(listener.0.stdout.take().expect("a pipe"));
    lines.read_line(&mut String::new()).expect("a line");
    let taken = start.elapsed().as_secs_f64() * 1e3;
    // The rest of /proc is read meanwhile.
    thread::sleep(Duration::from_millis(500));
    os::kill(listener.0.id(), SIGTERM);
    let read = thread::spawn(move || io::copy(&mut lines, &mut io::sink()));
    listener.0.wait().expect("its end");
    read.join().expect("it reads").expect("its lines");
    let mut said = String::new();
    let mut errors = listener.0.stderr.take().expect("a pipe");
    errors.read_to_string(&mut said).expect("its log");
    assert!(!said.contains("dropped"), "{said}");
    taken
}
