//! `--jobs`: logs of different hosts at the same time.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
};

use proptest::{collection::vec, prelude::*};
use serde_json::json;

use crate::{
    common::{Counters, auditrd, data, lines},
    process::{Running, deletion, end, login},
};

/// Logs of several hosts, the largest neither first nor last.
const LOGS: [&str; 7] = [
    "fim.log",
    "hosts.log",
    "noisy.log.xz",
    "misc.log",
    "enriched.log",
    "proc.log",
    "users.log",
];

fn logs() -> Vec<PathBuf> {
    LOGS.iter().map(|name| data(name)).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run(command: &mut Command) -> Output {
    command.output().expect("the binary runs")
}

/// The output of a replay with `--jobs`, which must succeed.
#[track_caller]
fn together(jobs: usize, inputs: &[impl AsRef<Path>], args: &[&str]) -> Vec<u8> {
    let mut command = auditrd();
    command.args(["-q", "--jobs", &jobs.to_string()]).args(args);
    let output = run(command.args(inputs.iter().map(AsRef::as_ref)));
    assert!(output.status.success(), "{}", text(&output.stderr));
    output.stdout
}

/// The outputs of one replay for each input, one after the other.
fn one_by_one(inputs: &[impl AsRef<Path>], args: &[&str]) -> Vec<u8> {
    let outputs = inputs
        .iter()
        .map(|input| run(auditrd().arg("-q").args(args).arg("-i").arg(input.as_ref())).stdout);
    outputs.collect::<Vec<_>>().concat()
}

#[track_caller]
fn assert_same(actual: &[u8], expected: &[u8]) {
    let (actual, expected) = (text(actual), text(expected));
    let pair = actual.lines().zip(expected.lines()).find(|(a, b)| a != b);
    assert_eq!(pair, None);
    assert_eq!(actual.len(), expected.len());
}

fn write(directory: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// A named pipe.
fn pipe(directory: &Path, name: &str) -> PathBuf {
    let path = directory.join(name);
    let status = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(status.success());
    path
}

#[test]
fn the_output_is_that_of_a_run_for_each_input() {
    let ways: [&[&str]; 6] = [
        &["--events", "all"],
        &["--format", "ecs", "--aggregate", "10m"],
        &["--format", "ocsf", "--redact", "default"],
        &["--format", "raw"],
        &["--pretty"],
        &["--max-line", "4K", "--enrich", "none"],
    ];
    for (args, jobs) in ways.into_iter().zip([1, 2, 3, 4, 16, 5]) {
        let expected = one_by_one(&logs(), args);
        assert!(!expected.is_empty());
        assert_same(&together(jobs, &logs(), args), &expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The records of each host are about the same processes and serials, so that a memory or an
    /// event that two hosts shared would show.
    #[test]
    fn any_logs_are_kept_apart(
        hosts in vec(vec((1u32..6, any::<bool>(), any::<bool>()), 1..9), 1..7),
        jobs in 1usize..6,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for (number, events) in hosts.iter().enumerate() {
            let event = |&(serial, is_login, ends): &(u32, bool, bool)| match (is_login, ends) {
                (true, _) => login(serial),
                (false, true) => deletion(serial) + &end(serial),
                (false, false) => deletion(serial),
            };
            let log: String = events.iter().map(event).collect();
            files.push(write(directory.path(), &number.to_string(), log));
        }
        assert_same(&together(jobs, &files, &[]), &one_by_one(&files, &[]));
    }
}

#[test]
fn without_the_option_the_inputs_are_one_log() {
    let directory = tempfile::tempdir().unwrap();
    let whole = deletion(1);
    let (start, rest) = whole.split_at(whole.find("type=PATH").unwrap());
    let files = [
        write(directory.path(), "audit.log.1", start),
        write(directory.path(), "audit.log", rest),
    ];
    let output = run(auditrd().args(&files));
    assert_eq!(lines(&output.stdout).len(), 1);
    assert_eq!(lines(&together(1, &files, &[])).len(), 2);
}

#[test]
fn the_files_of_a_directory_are_one_input() {
    let directory = tempfile::tempdir().unwrap();
    let log = fs::read(data("fim.log")).unwrap();
    let half = log.len() / 2 + memchr::memchr(b'\n', &log[log.len() / 2..]).unwrap() + 1;
    let mut hosts = Vec::new();
    for name in ["db1", "web1"] {
        let host = directory.path().join(name);
        fs::create_dir(&host).unwrap();
        write(&host, "audit.log.1", &log[..half]);
        write(&host, "audit.log", &log[half..]);
        hosts.push(host);
    }
    let once = one_by_one(&[data("fim.log")], &[]);
    assert_same(&one_by_one(&hosts[..1], &[]), &once);
    assert_same(&together(2, &hosts, &[]), &once.repeat(2));
}

#[test]
fn an_output_in_a_directory_that_is_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "audit.log", login(1));
    let mut command = auditrd();
    command.arg("-i").arg(directory.path());
    let output = run(command.arg("-o").arg(directory.path().join("events")));
    assert_eq!(output.status.code(), Some(2));
    let expected = "--output cannot be in the directory that --input reads";
    assert!(text(&output.stderr).contains(expected));
}

#[test]
fn an_input_that_fails_is_named_and_the_others_are_whole() {
    let directory = tempfile::tempdir().unwrap();
    let good = data("fim.log");
    let compressed = fs::read(data("noisy.log.xz")).unwrap();
    let cut = write(
        directory.path(),
        "cut.xz",
        &compressed[..compressed.len() / 2],
    );
    let prose = write(directory.path(), "prose", "not a record\n".repeat(9));
    let inputs = [&good, &cut, &good, &prose, &good];
    for jobs in ["1", "2", "4"] {
        let output = run(auditrd().args(["-q", "-j", jobs]).args(inputs));
        assert_same(&output.stdout, &one_by_one(&inputs, &[]));
        assert_eq!(output.status.code(), Some(1));
        let errors = text(&output.stderr);
        let errors: Vec<&str> = errors.lines().collect();
        let [first, second] = errors[..] else {
            panic!("{errors:?}")
        };
        let expected = format!("auditrd: cannot decompress {}", cut.display());
        assert!(first.starts_with(&expected), "{first}");
        let expected = format!(
            "auditrd: cannot find an audit record in {}",
            prose.display()
        );
        assert!(second.starts_with(&expected), "{second}");
    }
}

#[test]
fn a_missing_input_fails_before_anything_is_written() {
    let missing = Path::new("/nonexistent/audit.log");
    let output = run(auditrd()
        .args(["-j", "2"])
        .args([&data("fim.log"), missing]));
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let expected = "auditrd: cannot read /nonexistent/audit.log: No such file or directory\n";
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn the_counters_are_the_sums_of_those_of_each_input() {
    let directory = tempfile::tempdir().unwrap();
    let counters = |inputs: &[PathBuf], jobs: &[&str]| {
        let file = directory.path().join("metrics");
        let mut command = auditrd();
        command.args(["-q", "--events", "process,user", "--drop", "uid=0"]);
        command.args(jobs).arg("--metrics-file").arg(&file);
        assert!(run(command.args(inputs)).status.success());
        let text = fs::read_to_string(file).unwrap();
        (Counters::of_metrics(&text), text)
    };
    let (together, exposition) = counters(&logs(), &["-j", "3"]);
    together.assert_they_add_up();
    let each: Vec<_> = logs()
        .iter()
        .map(|log| counters(std::slice::from_ref(log), &[]))
        .collect();
    let by_name = |text: &str| -> u64 {
        let lines = text
            .lines()
            .filter(|line| line.starts_with("auditrd_no_line_events_total{"));
        lines
            .map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap())
            .sum()
    };
    let sum: u64 = each.iter().map(|(_, text)| by_name(text)).sum();
    assert_eq!(by_name(&exposition), sum);
    for name in [
        "records",
        "events",
        "malformed",
        "missing",
        "no_line",
        "filter_dropped",
        "filter_dropped_records",
        "written",
        "bytes",
        "unfinished",
        "filter_dropped_by_total{filter=\"uid=0\"}",
    ] {
        // The line about the filters is written once, and not for each input.
        let is_about_output = name == "bytes";
        let sum: u64 = each.iter().map(|(counters, _)| counters[name]).sum();
        match is_about_output {
            true => assert!(together[name] < sum),
            false => assert_eq!(together[name], sum, "{name}: {exposition}"),
        }
    }
}

#[test]
fn status_lines_and_losses_are_about_all_inputs() {
    let directory = tempfile::tempdir().unwrap();
    let lost = |count: u32| {
        format!(
            "Feb 22 14:25:25 web1 kernel: audit: audit_lost={count} audit_rate_limit=0 audit_backlog_limit=64\n"
        )
    };
    let files = [
        write(directory.path(), "a", login(1) + &lost(3) + &lost(5)),
        write(
            directory.path(),
            "b",
            login(2) + &lost(9) + &lost(9) + &lost(10),
        ),
    ];
    let single = one_by_one(&files, &["--heartbeat", "1h"]);
    let output = together(2, &files, &["--heartbeat", "1h"]);
    let sum = |output: &[u8]| -> u64 {
        let events = lines(output);
        let losses = events.iter().filter(|event| event["name"] == "loss_event");
        losses.map(|event| event["count"].as_u64().unwrap()).sum()
    };
    assert!(sum(&output) > 0);
    assert_eq!(sum(&output), sum(&single));
    let events = lines(&output);
    let reasons: Vec<_> = events.iter().map(|event| event["reason"].clone()).collect();
    assert_eq!(reasons.first(), Some(&json!("start")));
    assert_eq!(reasons.last(), Some(&json!("end")));
    let last = events.last().unwrap();
    assert_eq!(last["counters"]["records"], 2);
    assert_eq!(last["counters"]["kernel_lost"], sum(&output));
}

#[test]
fn a_rotated_output_has_all_lines_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events");
    let mut command = auditrd();
    command.args(["-q", "-j", "2", "--max-size", "64K", "--max-files", "999"]);
    let output = run(command.arg("-o").arg(&file).args(logs()));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let old = (1..).map(|number| directory.path().join(format!("events.{number}")));
    let mut files: Vec<PathBuf> = old.take_while(|file| file.exists()).collect();
    assert!(files.len() > 3);
    files.reverse();
    files.push(file);
    let parts: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(parts.iter().all(|part| part.len() <= 64 << 10));
    assert_same(&parts.concat(), &one_by_one(&logs(), &[]));
}

/// The counters of a running process, when they first meet a condition.
fn counters_when(running: &mut Running, condition: impl Fn(&Counters) -> bool) -> Counters {
    loop {
        running.signal("USR1");
        let line = running.log_line();
        // Other lines are those of each expression.
        if line.starts_with("auditrd: records ") {
            let counters = Counters::of_log(&line);
            if condition(&counters) {
                return counters;
            }
        }
        thread::yield_now();
    }
}

/// The bytes in the files of a process that have no name.
fn unnamed_bytes(pid: u32) -> u64 {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let files = descriptors.filter_map(|entry| {
        let file = fs::metadata(entry.ok()?.path()).ok()?;
        (file.is_file() && file.nlink() == 0).then(|| file.blocks() * 512)
    });
    files.sum()
}

/// The peak resident memory of a process, in bytes.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
    kib.unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn lines_that_wait_for_their_turn_are_in_a_temporary_file_and_not_in_memory() {
    const COPIES: u64 = 3;
    let log = data("mix.log.xz");
    let once = one_by_one(&[&log], &[]);
    let waiting = COPIES * once.len() as u64;
    let mut command = auditrd();
    command.args(["-q", "-j", "3", "-"]);
    let mut running = Running::start(command.args([&log, &log, &log]));
    running.write(login(1));
    assert_eq!(running.event()["sequence"], 1);
    let counters = counters_when(&mut running, |counters| {
        counters["pending_bytes"] >= waiting
    });
    let (in_file, in_memory) = (unnamed_bytes(running.pid()), peak(running.pid()));
    assert_eq!(counters["pending_bytes"], waiting);
    assert!(in_file > waiting * 9 / 10, "{in_file} of {waiting}");
    assert!(in_memory < waiting, "{in_memory} of {waiting}");

    let (status, output, errors) = running.close();
    assert!(status.success(), "{errors}");

    assert_same(&output, &once.repeat(3));
}

#[test]
fn without_a_temporary_file_inputs_wait_for_their_turn() {
    let mut command = auditrd();
    command.env("TMPDIR", "/nonexistent").args(["-j", "3"]);
    let log = data("noisy.log.xz");
    let inputs = [&log, &data("fim.log"), &log, &log, &log];
    let output = run(command.args(inputs));
    assert!(output.status.success());
    assert_same(&output.stdout, &one_by_one(&inputs, &[]));
    let expected = "auditrd: cannot create a temporary file in /nonexistent: No such file or \
                    directory; TMPDIR can name another directory; inputs wait for their turn\n";
    assert!(text(&output.stderr).starts_with(expected), "{output:?}");
}

#[test]
fn a_stream_whose_turn_comes_shows_the_events_that_it_already_has() {
    let directory = tempfile::tempdir().unwrap();
    let name = pipe(directory.path(), "host2");
    let mut command = auditrd();
    let mut running = Running::start(command.args(["-q", "-j", "2", "-"]).arg(&name));
    let mut second = OpenOptions::new().write(true).open(&name).unwrap();
    second.write_all(login(2).as_bytes()).unwrap();
    running.write(login(1));
    assert_eq!(running.event()["sequence"], 1);
    counters_when(&mut running, |counters| counters["records"] == 2);
    drop(running.take_stdin());
    assert_eq!(running.event()["sequence"], 2);
    second.write_all(login(3).as_bytes()).unwrap();
    assert_eq!(running.event()["sequence"], 3);
    drop(second);
    assert!(running.wait().0.success());
}

#[test]
fn sigterm_writes_the_events_of_all_inputs_that_were_begun() {
    let directory = tempfile::tempdir().unwrap();
    let name = pipe(directory.path(), "host2");
    let never = write(directory.path(), "host3", login(9));
    let mut command = auditrd();
    command.args(["-q", "--event-timeout", "1h", "-j", "2", "-"]);
    let mut running = Running::start(command.args([&name, &never]));
    let mut second = OpenOptions::new().write(true).open(&name).unwrap();
    running.write(login(1) + &deletion(2));
    second
        .write_all((login(3) + &deletion(4)).as_bytes())
        .unwrap();
    assert_eq!(running.event()["sequence"], 1);
    counters_when(&mut running, |counters| counters["in_flight"] == 2);
    running.signal("TERM");
    // Both pipes are still open, so only the signal can have stopped the program.
    let (status, output, errors) = running.wait();
    assert!(status.success(), "{errors}");
    let events = lines(&output);
    let sequences: Vec<_> = events.iter().map(|event| &event["sequence"]).collect();
    assert_eq!(sequences, [2, 3, 4]);
}

#[test]
fn a_reader_that_leaves_ends_all_workers() {
    let log = data("noisy.log.xz");
    let mut command = auditrd();
    command.args(["-q", "-j", "4", "-"]).args([&log; 5]);
    let running = Running::start(&mut command);
    let (status, errors) = running.stop_reading().write_until_it_ends(&login(1));
    assert!(status.success(), "{errors}");
    assert_eq!(errors, "");
}

#[test]
fn an_output_that_fails_loses_nothing_and_can_be_ended() {
    let output = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = auditrd();
    command.args(["-q", "-j", "2"]).args(logs()).stdout(output);
    let output = run(&mut command);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("No space left on device"));
}

#[test]
fn usage_errors_say_what_helps() {
    for (args, expected) in [
        (&["-j", "2"][..], "--jobs needs --input"),
        (&["-j", "0", "-i", "x"], "invalid value '0'"),
        (&["-j", "2", "-", "-"], "cannot read standard input twice"),
    ] {
        let output = run(auditrd().args(args));
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(expected), "{output:?}");
    }
}

#[test]
fn thousands_of_inputs_are_replayed_within_a_low_limit_on_open_files() {
    let directory = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = (1..2000)
        .map(|number| write(directory.path(), &number.to_string(), login(number)))
        .collect();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -S -n 256; exec \"$@\"", "-"]);
    command
        .arg(env!("CARGO_BIN_EXE_auditrd"))
        .args(["-q", "-j", "4"]);
    let output = run(command.args(&files));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let events = lines(&output.stdout);
    let sequences = events
        .iter()
        .map(|event| event["sequence"].as_u64().unwrap());
    assert!(sequences.eq(1..2000));
}
