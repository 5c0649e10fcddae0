//! The forms in which logs reach people: files, wrappers, hosts, and what is no log.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::json;

use crate::common::{Value, auditrd, lines, replay, replay_raw};

mod account;
mod groups;
mod hosts;
mod wrappers;

/// The lines of an event: the creation of `/srv/NAME`, whose process has this id.
fn creation(serial: u32, name: &str, pid: u32) -> String {
    let stamp = format!("msg=audit(1700000{:03}.123:{serial}):", serial % 1000);
    let line = |record: &str, body: String| format!("type={record} {stamp} {body}\n");
    let path = |item, name: &str, inode, mode, role| {
        let body = format!("item={item} name=\"{name}\" inode={inode} dev=fd:00 mode={mode}");
        line(
            "PATH",
            format!("{body} ouid=0 ogid=0 rdev=00:00 nametype={role}"),
        )
    };
    [
        line(
            "SYSCALL",
            format!(
                "arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=1 a2=241 a3=1b6 \
                 items=2 ppid=1 pid={pid} auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 \
                 sgid=0 fsgid=0 tty=pts0 ses=3 comm=\"sh\" exe=\"/bin/sh\" key=\"srv\""
            ),
        ),
        line("CWD", "cwd=\"/\"".to_owned()),
        path(0, "/srv/", 10, "040755", "PARENT"),
        path(
            1,
            &format!("/srv/{name}"),
            100 + serial,
            "0100644",
            "CREATE",
        ),
        line("PROCTITLE", "proctitle=\"sh\"".to_owned()),
    ]
    .concat()
}

/// Asserts that these are the creations of files of these names, with nothing missing.
#[track_caller]
fn assert_created(events: &[Value], names: &[&str]) {
    let paths: Vec<_> = events.iter().map(|event| event["path"].clone()).collect();
    let expected: Vec<Value> = names
        .iter()
        .map(|name| json!(format!("/srv/{name}")))
        .collect();
    assert_eq!(paths, expected);
    for event in events {
        assert_eq!(
            (&event["action"], &event["key"]),
            (&json!("created"), &json!("srv"))
        );
        assert_eq!(event.get("incomplete"), None, "{event}");
        assert_eq!(event.get("truncated"), None, "{event}");
    }
}

fn write(directory: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// The events of files that are given as arguments.
#[track_caller]
fn read_files(arguments: &[&Path]) -> Vec<Value> {
    let output = auditrd().args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    lines(&output.stdout)
}

/// A file, compressed by the tool of its format. `None` if the tool is not installed.
fn compressed(tool: &str, text: &str) -> Option<Vec<u8>> {
    let mut child = Command::new(tool)
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, text.as_bytes()).unwrap();
    drop(stdin);
    Some(child.wait_with_output().unwrap().stdout)
}

const TOOLS: [&str; 3] = ["gzip", "zstd", "xz"];

#[test]
fn compressed_logs_are_recognized_by_their_first_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (creation(1, "one", 5), creation(2, "two", 5));
    for tool in TOOLS {
        let Some(mut bytes) = compressed(tool, &one) else {
            eprintln!("{tool} is not installed");
            continue;
        };
        // As `cat` joins two files.
        bytes.extend(compressed(tool, &two).unwrap());
        let path = write(directory.path(), "audit.log", &bytes);
        assert_created(&read_files(&[&path]), &["one", "two"]);
        assert_created(&replay(&bytes, &["-q"]), &["one", "two"]);
        // What was there before the damage is written, and the damage is an error.
        let torn = replay_raw(&bytes[..bytes.len() - 9], &[]);
        assert!(!torn.status.success(), "{tool}");
        assert!(
            String::from_utf8_lossy(&torn.stderr).contains("cannot decompress -: "),
            "{tool}"
        );
    }
}

#[test]
fn several_files_are_read_in_the_order_of_their_first_records() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| write(directory.path(), name, text);
    // An event may go over from one file to the next.
    let whole = creation(2, "two", 5);
    let (before, after) = whole.split_at(whole.find("type=PATH").unwrap());
    let old = file("audit.log.2", creation(1, "one", 5) + before);
    let middle = file("audit.log.1", after.to_owned() + &creation(3, "three", 5));
    let new = file("audit.log", creation(4, "four", 5));
    let names = ["one", "two", "three", "four"];
    assert_created(&read_files(&[&new, &middle, &old]), &names);
    assert_created(
        &read_files(&["-i".as_ref(), &new, &middle, "-i".as_ref(), &old]),
        &names,
    );
    if let Some(bytes) = compressed("gzip", &fs::read_to_string(&old).unwrap()) {
        let old = write(directory.path(), "audit.log.2.gz", bytes);
        assert_created(&read_files(&[&new, &old, &middle]), &names);
    }
}

#[test]
fn an_input_without_any_record_is_an_error_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let check = |bytes: &[u8], reason: &str| {
        let path = write(directory.path(), "x.log", bytes);
        let output = auditrd().arg(&path).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        let expected = format!(
            "cannot find an audit record in {}: {reason}\n",
            path.display()
        );
        assert!(errors.ends_with(&expected), "{errors}");
        assert_eq!(output.stdout, b"");
    };
    check(b"Feb 22 14:25:25 web sshd[7]: hello\n", "it has none");
    check(&fs::read("/proc/self/exe").unwrap(), "it is a binary file");
    // Text in a binary file is none of a log.
    let text = [b"\x7fELF\0\n", creation(1, "one", 5).as_bytes()].concat();
    check(&text, "it is a binary file");
    let interpreted = "type=CWD msg=audit(07/03/2024 11:39:20.891:42) : cwd=/\n";
    let reason = "it is the output of ausearch -i, which is ambiguous; use ausearch --raw";
    check(interpreted.as_bytes(), reason);
    // Nothing is wrong with a log that is empty, or with what ausearch prints if it finds nothing.
    assert_eq!(replay("", &[]), Vec::<Value>::new());
    assert_eq!(replay("----\n<no matches>\n", &[]), Vec::<Value>::new());
}

#[test]
fn one_file_without_a_record_does_not_hide_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let other = write(
        directory.path(),
        "mail.log",
        "Feb 22 14:25:25 web postfix: hello\n",
    );
    let log = write(directory.path(), "audit.log", creation(1, "one", 5));
    let output = auditrd().args([&other, &log]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_created(&lines(&output.stdout), &["one"]);
}

#[test]
fn lines_end_with_a_newline_or_with_cr_lf_and_may_follow_a_byte_order_mark() {
    let text = creation(1, "one", 5) + &creation(2, "two", 5);
    let changed = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_created(&replay(changed, &[]), &["one", "two"]);
}

#[test]
fn the_records_of_an_event_may_be_in_reverse_as_ausearch_prints_them() {
    let text = creation(1, "one", 5);
    let mut reversed: Vec<&str> = text.lines().rev().collect();
    reversed.splice(0..0, ["----", "time->Tue Nov 14 22:13:21 2023"]);
    assert_created(&replay(reversed.join("\n") + "\n", &[]), &["one"]);
}

#[test]
fn a_last_line_that_is_cut_is_marked() {
    let login = "type=USER_LOGIN msg=audit(1.002:3): pid=1 uid=0 auid=10";
    let events = replay(login, &["-q"]);
    assert_eq!(events[0]["truncated"], json!(true));
    // If the last value is closed, nothing is missing.
    let text = creation(1, "one", 5);
    assert_created(&replay(text.trim_end(), &[]), &["one"]);
}

#[test]
fn every_byte_of_a_log_is_accounted_for() {
    let directory = tempfile::tempdir().unwrap();
    let metrics = directory.path().join("metrics");
    let good = creation(1, "one", 5);
    let text = format!(
        "{good}----\n\nnot a record\n{}{}\n",
        good.replace("type=", "Feb 22 14:25:25 web audit type=")
            .replace(":1):", ":2):"),
        "{\"log\":broken}",
    );
    let log = write(directory.path(), "audit.log", &text);
    let mut command = auditrd();
    let output = command
        .arg("-q")
        .arg(&log)
        .arg("--metrics-file")
        .arg(&metrics)
        .output();
    assert!(output.unwrap().status.success());
    let counters = crate::common::Counters::of_metrics(&fs::read_to_string(&metrics).unwrap());
    counters.assert_they_add_up();
    assert_eq!((counters["records"], counters["malformed"]), (10, 2));
    let ignored = ["----", ""].len() as u64;
    let all = counters["records"] + counters["malformed"] + ignored;
    assert_eq!(all, text.lines().count() as u64);
}

#[test]
fn the_kernels_own_words_of_loss_become_a_loss_event() {
    let text = "Feb 22 14:25:25 web kernel: [12.345678] audit: audit_lost=7 audit_rate_limit=0\n\
                Feb 22 14:25:26 web kernel: [13.345678] audit: audit_lost=9 audit_rate_limit=0\n\
                Feb 22 14:25:26 web kernel: [13.345678] audit: rate limit exceeded\n\
                Feb 22 14:25:27 web kernel: audit_printk_skb: 40 callbacks suppressed\n";
    let events = replay(text, &["-q"]);
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["name"], json!("loss_event"));
    assert_eq!(events[0]["reason"], json!("kernel_lost"));
    assert_eq!(events[0]["count"], json!(1 + 2 + 40));
}
