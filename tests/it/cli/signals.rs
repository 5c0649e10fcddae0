//! Signals, and counters printed at an interval.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::Stdio,
    thread,
};

use crate::{
    common::{Counters, Value, auditrd, data, lines},
    process::{Running, deletion, end, login},
};

/// A running replay of standard input. Unfinished events do not time out.
fn started(args: &[&str]) -> Running {
    let mut command = auditrd();
    command
        .args(["-i", "-", "--event-timeout", "1h"])
        .args(args);
    let mut running = Running::start(&mut command);
    running.write(login(1));
    running
}

/// Waits until a file exists. Signals are handled before it is created.
fn wait_for(file: &Path) {
    while !file.exists() {
        thread::yield_now();
    }
}

#[test]
fn sigterm_writes_events_in_flight_and_exits_with_status_0() {
    for signal in ["TERM", "INT"] {
        let mut running = started(&[]);
        assert_eq!(running.event()["sequence"], 1);
        running.write(deletion(2) + &deletion(3) + &login(4));
        // Records are read in order, so the first two events are in flight once this one is
        // written.
        assert_eq!(running.event()["sequence"], 4);
        running.signal(signal);
        // The pipe is still open, so only the signal can have stopped the program.
        let (status, output, log) = running.wait();
        assert!(status.success(), "{signal}: {status} {log}");
        let events = lines(&output);
        let sequences: Vec<&Value> = events.iter().map(|event| &event["sequence"]).collect();
        assert_eq!(sequences, [2, 3]);
        // Nothing that they announce is missing.
        assert!(events.iter().all(|event| event.get("incomplete").is_none()));
    }
}

#[test]
fn sighup_reopens_the_output() {
    let directory = tempfile::tempdir().unwrap();
    let (file, rotated) = (
        directory.path().join("events"),
        directory.path().join("events.1"),
    );
    let mut running = started(&["-v", "-o", file.to_str().unwrap()]);
    // The counters are printed after earlier events are written.
    let wait = |running: &mut Running| {
        running.signal("USR1");
        while !running.log_line().contains("records ") {}
    };
    let written = |file| -> Vec<Value> {
        let text = fs::read(file).unwrap_or_default();
        lines(&text)
            .iter()
            .map(|event| event["sequence"].clone())
            .collect()
    };
    wait_for(&file);
    while written(&file) != [1] {
        wait(&mut running);
    }
    fs::rename(&file, &rotated).unwrap();
    running.write(login(2));
    while written(&rotated) != [1, 2] {
        wait(&mut running);
    }
    assert!(!file.exists(), "nobody has asked for it yet");
    running.signal("HUP");
    while !file.exists() {
        wait(&mut running);
    }
    running.write(login(3));
    assert!(running.close().0.success());
    assert_eq!(written(&rotated), [1, 2]);
    assert_eq!(written(&file), [3]);
}

#[test]
fn the_old_output_is_kept_if_reopening_fails() {
    let directory = tempfile::tempdir().unwrap();
    let (file, rotated) = (
        directory.path().join("events"),
        directory.path().join("events.1"),
    );
    let mut running = started(&["-o", file.to_str().unwrap()]);
    wait_for(&file);
    fs::rename(&file, &rotated).unwrap();
    fs::create_dir(&file).unwrap();
    running.signal("HUP");
    let said = loop {
        let line = running.log_line();
        if !line.contains("records ") {
            break line;
        }
    };
    assert!(said.contains("Is a directory"), "{said}");
    running.write(login(2));
    let (status, _, _) = running.close();
    assert!(status.success());
    assert_eq!(lines(&fs::read(&rotated).unwrap()).len(), 2);
}

#[test]
fn sighup_does_nothing_to_standard_output() {
    let mut running = started(&[]);
    assert_eq!(running.event()["sequence"], 1);
    running.signal("HUP");
    running.write(login(2));
    assert_eq!(running.event()["sequence"], 2);
    assert!(running.close().0.success());
}

#[test]
fn sigusr1_prints_the_counters() {
    for quiet in ["--quiet", "--events=user"] {
        let mut running = started(&[quiet]);
        assert_eq!(running.event()["sequence"], 1);
        running.signal("USR1");
        let line = running.log_line();
        assert!(
            line.starts_with("auditrd: records 1 filtered 0 malformed 0 "),
            "{line}"
        );
        assert!(
            line.contains(" events 1 ") && line.contains(" lines 1 "),
            "{line}"
        );
        assert!(running.close().0.success());
    }
}

#[test]
fn the_counters_are_printed_at_an_interval() {
    let mut running = started(&["--stats-interval", "10ms"]);
    assert_eq!(running.event()["sequence"], 1);
    for _ in 0..3 {
        assert!(running.log_line().contains("records "));
    }
    running.write(login(2));
    assert_eq!(running.event()["sequence"], 2);
    assert!(running.close().0.success());
}

#[test]
fn the_counters_account_for_every_record() {
    let mut running = started(&["--max", "1306"]);
    assert_eq!(running.event()["sequence"], 1);
    running.write(format!(
        "{}{}{}no record\n{}",
        deletion(2),
        end(2),
        deletion(3),
        login(4)
    ));
    for sequence in [2, 4] {
        assert_eq!(running.event()["sequence"], sequence);
    }
    running.signal("USR1");
    let line = running.log_line();
    let counters = Counters::of_log(&line);
    counters.assert_they_add_up_but_for(4 - 1);
    let counter = |name| counters[name];
    assert_eq!(counter("records"), 1 + 5 + 4 + 1);
    assert_eq!((counter("filtered"), counter("ends")), (2, 1));
    assert_eq!((counter("malformed"), counter("in_flight")), (1, 1));
    assert_eq!((counter("events"), counter("lines")), (3, 3));
    let (status, output, _) = running.close();
    assert!(status.success());
    assert_eq!(lines(&output).len(), 1);
}

#[test]
fn two_sigterms_at_once_are_one_request() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("audit.log");
    fs::write(&input, fs::read(data("misc.log")).unwrap().repeat(100)).unwrap();
    let mut child = auditrd()
        .arg("-i")
        .arg(&input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The output is stuck after the first line until the signals are sent.
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    let mut kill = std::process::Command::new("sh");
    let both = format!("kill -TERM {0}; kill -TERM {0}", child.id());
    assert!(kill.args(["-c", &both]).status().unwrap().success());
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", super::log(&output));
    assert!(!lines(&rest).is_empty());
}

#[test]
fn a_second_sigterm_exits_despite_a_stuck_output() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("audit.log");
    fs::write(&input, fs::read(data("misc.log")).unwrap().repeat(100)).unwrap();
    let mut command = auditrd();
    let mut child = command
        .arg("-i")
        .arg(&input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first line shows that the program is running; the others are not read.
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    let pid = child.id().to_string();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let mut kill = std::process::Command::new("kill");
        let _ = kill
            .args(["-s", "TERM", &pid])
            .stderr(Stdio::null())
            .status();
    };
    assert_eq!(status.code(), Some(1));
}
