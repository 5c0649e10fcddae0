//! Standard input, output and error as pipes.

use std::{ffi::OsStr, fs, process::Command};

use super::log;
use crate::{
    common::{Value, auditrd, data, lines, replay, replay_raw},
    process::{Running, deletion, end, login},
};

#[test]
fn a_closed_pipe_ends_the_program_without_a_message() {
    let mut running = Running::start(auditrd().args(["-i", "-"]));
    running.write(login(1));
    assert_eq!(running.event()["sequence"], 1);
    let (status, log) = running.stop_reading().write_until_it_ends(&login(2));
    assert!(status.success(), "{status}");
    assert_eq!(log, "");
}

#[test]
fn a_reader_that_closes_after_one_line_ends_the_program_without_a_message() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("audit.log");
    fs::write(&input, fs::read(data("fim.log")).unwrap().repeat(50)).unwrap();
    let pipeline = "{ \"$1\" -i \"$2\"; echo $? >&2; } | head -n 1";
    let output = Command::new("sh")
        .args(["-c", pipeline, "sh", env!("CARGO_BIN_EXE_auditrd")])
        .arg(&input)
        .output()
        .unwrap();
    assert_eq!(lines(&output.stdout).len(), 1);
    assert_eq!(log(&output), "0\n");
}

#[test]
fn events_are_written_when_there_is_nothing_more_to_read() {
    let mut running = Running::start(auditrd().args(["-i", "-", "--event-timeout", "1h"]));
    for serial in 1..50 {
        running.write(login(2 * serial));
        assert_eq!(running.event()["sequence"], 2 * serial);
        running.write(deletion(2 * serial + 1) + &end(2 * serial + 1));
        assert_eq!(running.event()["sequence"], 2 * serial + 1);
    }
    assert!(running.close().0.success());
}

#[test]
fn a_line_may_arrive_in_pieces() {
    let mut running = Running::start(auditrd().args(["-i", "-", "--event-timeout", "1h"]));
    let text = login(1);
    for piece in text.as_bytes().chunks(7) {
        running.write(piece);
    }
    let event = running.event();
    assert_eq!(
        (&event["acct"], &event["addr"]),
        (&"alice".into(), &"10.0.0.9".into())
    );
    assert!(running.close().0.success());
}

#[test]
fn event_timeouts_in_a_log_follow_its_timestamps() {
    // The wall clock does not matter: the first event waits as long as the log's timestamps say.
    let late = login(2).replace("1700000000.000", "1700000001.999");
    let later = login(3).replace("1700000000.000", "1700000002.000");
    let sequences = |text: String| -> Vec<Value> {
        let events = replay(text, &[]);
        events
            .iter()
            .map(|event| event["sequence"].clone())
            .collect()
    };
    assert_eq!(sequences(deletion(1) + &late + &later), [2, 1, 3]);
    assert_eq!(sequences(deletion(1) + &late + &end(1) + &later), [2, 1, 3]);
}

#[test]
fn only_events_are_written_to_standard_output() {
    let text = format!("no record\n{}type=CWD nonsense\n{}", login(1), login(2));
    for verbosity in ["-q", "-qq", "-v", "-vv", "-vvv"] {
        let output = replay_raw(&text, &[verbosity, "--stats-interval", "1ms"]);
        assert!(output.status.success());
        assert_eq!(lines(&output.stdout).len(), 2, "{verbosity}");
        for line in log(&output).lines() {
            assert!(line.starts_with("auditrd: "), "{verbosity}: {line}");
        }
    }
}

#[test]
fn verbosity_can_be_chosen() {
    let said = |text: &str, flag: &str| log(&replay_raw(text, &[flag]));
    let (good, bad) = (login(1), format!("no record\n{}", login(1)));
    // A good log causes no messages. A bad line is counted, and shown with -v.
    assert_eq!(said(&good, "--events=user"), "");
    assert!(said(&good, "-v").contains("records 1 "));
    let counted = said(&bad, "--events=user");
    assert!(
        counted.contains("malformed 1 ") && counted.lines().count() == 1,
        "{counted}"
    );
    assert!(said(&bad, "-v").contains("not an audit record: no record"));
    assert_eq!(said(&bad, "-q"), "");
    assert_eq!(said(&bad, "-qq"), "");
}

#[test]
fn the_exit_status_reports_errors_even_with_qq() {
    for (flag, lines) in [("-q", 1), ("-qq", 0)] {
        let output = super::run(auditrd().args([flag, "-i", "/nonexistent"]));
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(log(&output).lines().count(), lines);
    }
}

#[test]
fn control_characters_in_records_are_escaped() {
    let escapes = "\x1b]0;owned\x07\x1b[2J\u{9b}31m\u{202e}\r\u{8}";
    let text = format!(
        "{escapes}\ntype={escapes} msg=audit(1.000:1): x\ntype=CWD msg=audit({escapes}:1): x\n\
         node={escapes} type=USER_LOGIN msg=audit(1.000:1): pid=1 msg='op=\"{escapes}\"'\n"
    );
    let output = replay_raw(&text, &["-vvv"]);
    assert!(output.status.success());
    assert!(log(&output).contains("malformed 3 "), "{}", log(&output));
    let is_raw = |byte: &u8| !matches!(byte, b'\n' | b' '..=b'~');
    assert!(!output.stderr.iter().any(is_raw), "{:?}", log(&output));
    let is_control = |byte: &u8| matches!(byte, 0..=9 | 11..=31 | 127);
    assert!(!output.stdout.iter().any(is_control));

    // Errors name an input, an output and a user.
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join(escapes)).unwrap();
    let output = directory.path().join(escapes);
    for args in [
        [OsStr::new("-i"), OsStr::new(escapes)],
        [OsStr::new("-i"), directory.path().join(escapes).as_os_str()],
        [OsStr::new("-o"), output.as_os_str()],
        [OsStr::new("--user"), OsStr::new(escapes)],
    ] {
        let output = super::run(auditrd().args(["-i", "-"]).args(args));
        assert_ne!(output.status.code(), Some(0), "{args:?}");
        let said = log(&output);
        assert!(said.starts_with("auditrd: cannot "), "{said:?}");
        assert!(!output.stderr.iter().any(is_raw), "{said:?}");
    }
}

#[test]
fn the_queue_size_does_not_change_the_output() {
    for name in ["fim.log", "proc.log"] {
        let text = fs::read(data(name)).unwrap().repeat(3);
        let usual = replay_raw(&text, &[]);
        for queue in ["64K", "100000", "1M", "1G"] {
            let output = replay_raw(&text, &["--queue", queue]);
            assert!(
                output.stdout == usual.stdout,
                "{name} with a queue of {queue}"
            );
        }
    }
}

#[test]
fn max_line_holds_and_truncated_events_are_marked() {
    let text = fs::read(data("proc.log")).unwrap();
    let whole = replay(&text, &[]);
    for max in [4096, 10_000, 32_768] {
        let output = replay_raw(&text, &["--max-line", &max.to_string()]);
        let events = lines(&output.stdout);
        let lengths = output
            .stdout
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::len);
        assert_eq!(events.len(), whole.len());
        let mut cut = 0;
        for ((event, whole), length) in events.iter().zip(&whole).zip(lengths) {
            assert!(length <= max, "{length} bytes, {max} allowed");
            if event == whole {
                continue;
            }
            cut += 1;
            assert_eq!(event["truncated"], true);
            for key in [
                "name",
                "timestamp",
                "sequence",
                "pid",
                "syscall",
                "exit",
                "path",
            ] {
                assert_eq!(event[key], whole[key]);
            }
            let words = event["argv"].as_array().unwrap();
            let all = whole["argv"].as_array().unwrap();
            assert!(!words.is_empty() && words.len() <= all.len());
        }
        assert!(cut > 0);
        assert!(log(&output).is_empty(), "{}", log(&output));
    }
}

#[test]
fn max_line_holds_whichever_field_is_long() {
    let long = "x".repeat(20_000);
    let hex = "1BFF".repeat(10_000);
    let call = deletion(1) + &end(1);
    let exec = deletion(1).replace("syscall=87", "syscall=59")
        + "type=EXECVE msg=audit(1700000000.000:1): argc=2 a0=\"id\" a1=\"x\"\n"
        + &end(1);
    let quoted = format!("\"{long}\"");
    let mut cases = vec![];
    for value in [&quoted, &hex] {
        for key in ["comm", "exe", "key", "tty", "success", "subj"] {
            let before = format!(" {key}=");
            let start = call.find(&before).map_or_else(
                || call.replacen(" success", &format!("{before}{value} success"), 1),
                |at| {
                    let value_at = at + before.len();
                    let length = call[value_at..].find([' ', '\n']).unwrap();
                    [&call[..value_at], value, &call[value_at + length..]].concat()
                },
            );
            cases.push(start);
        }
        for (from, to) in [
            ("\"file1\"", value.as_str()),
            ("\"/home\"\n", &format!("{value}\n")),
            ("dev=fe:00", &format!("dev={value}")),
            ("mode=0100644", &format!("mode={value}")),
        ] {
            assert!(call.contains(from), "{from}");
            cases.push(call.replace(from, to));
        }
        cases.push(exec.replace("a1=\"x\"", &format!("a1={value}")));
        for key in [
            "op", "acct", "addr", "hostname", "terminal", "res", "exe", "cmd", "grp",
        ] {
            cases.push(login(1).replace("msg='", &format!("msg='{key}={value} ")));
        }
        cases.push(login(1).replace("pid=7", &format!("pid=7 other={value}")));
        cases.push(login(1).replace("pid=7", &format!("pid=7 {value}=1")));
    }
    cases.push(format!("node={long} {}", login(1)));
    for case in cases {
        let output = replay_raw(&case, &["--max-line", "4096"]);
        let events = lines(&output.stdout);
        assert!(output.status.success() && events.len() == 1, "{case:.200}");
        assert!(
            output.stdout.len() <= 4096,
            "{} bytes: {case:.200}",
            output.stdout.len()
        );
        let whole = replay(&case, &[]);
        assert!(
            events == whole || events[0]["truncated"] == true,
            "{case:.200}"
        );
    }
}

#[test]
fn an_unfinished_event_is_written_after_the_timeout() {
    let mut running = Running::start(auditrd().args(["-i", "-", "--event-timeout", "100ms"]));
    for serial in 1..4 {
        running.write(deletion(serial));
        let event = running.event();
        assert_eq!(event["sequence"], serial);
        // Nothing that it announces is missing.
        assert_eq!(event.get("incomplete"), None);
        assert_eq!(event["path"], format!("/home/file{serial}"));
    }
    assert!(running.close().0.success());
}

#[test]
fn frequent_counters_do_not_delay_unfinished_events() {
    let args = [
        "-i",
        "-",
        "--event-timeout",
        "200ms",
        "--stats-interval",
        "10ms",
    ];
    let mut running = Running::start(auditrd().args(args));
    running.write(deletion(1));
    assert_eq!(running.event()["sequence"], 1);
    assert!(running.close().0.success());
}
