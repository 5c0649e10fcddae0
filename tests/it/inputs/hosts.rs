//! Logs of several hosts.

use std::fs;

use serde_json::json;

use super::creation;
use crate::common::{Counters, Value, auditrd, replay};

/// ftruncate(3) of a process, which only its descriptor can resolve.
fn truncation(serial: u32, pid: u32) -> String {
    let stamp = format!("msg=audit(1700000{:03}.123:{serial}):", serial % 1000);
    format!(
        "type=SYSCALL {stamp} arch=c000003e syscall=77 success=yes exit=0 a0=3 a1=0 a2=0 a3=0 \
         items=0 ppid=1 pid={pid} auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 \
         fsgid=0 tty=pts0 ses=3 comm=\"sh\" exe=\"/bin/sh\" key=\"k\"\n\
         type=PROCTITLE {stamp} proctitle=\"x\"\n"
    )
}

/// The lines with the header of a host, in the form of one daemon.
fn from(host: &str, form: &str, text: &str) -> String {
    let header = form.replace("HOST", host);
    text.lines()
        .map(|line| format!("{header}{line}\n"))
        .collect()
}

const FORMS: [&str; 6] = [
    "Feb 22 14:25:25 HOST audit ",
    "<13>Feb 22 14:25:25 HOST audispd: ",
    "2026-02-22T14:25:25.123456+00:00 HOST audit_log: ",
    "<13>1 2026-02-22T14:25:25Z HOST audispd 7 - - ",
    "2026-02-22T14:25:25+01:00 HOST audispd[7]: ",
    "node=HOST ",
];

#[test]
fn a_descriptor_of_one_host_does_not_resolve_that_of_another() {
    for form in FORMS {
        let log = from("web1", form, &creation(1, "one", 50))
            + &from("db2", form, &truncation(2, 50))
            + &from("web1", form, &truncation(2, 50));
        let events = replay(log, &[]);
        let paths: Vec<_> = events
            .iter()
            .map(|event| (&event["node"], &event["path"]))
            .collect();
        let (web1, db2, one) = (json!("web1"), json!("db2"), json!("/srv/one"));
        let expected = [(&web1, &one), (&db2, &Value::Null), (&web1, &one)];
        assert_eq!(paths, expected, "{form}");
        assert_eq!(events[1]["path_unresolved"], json!(true));
    }
}

#[test]
fn a_serial_that_a_host_lacks_is_a_loss_of_that_host_alone() {
    for form in FORMS {
        let log = from("web1", form, &creation(1, "one", 50))
            + &from("db2", form, &creation(11, "two", 50))
            // The file may have been closed in event 2.
            + &from("web1", form, &truncation(3, 50))
            + &from("db2", form, &truncation(12, 50))
            + &from("web1", form, &truncation(4, 50));
        let events = replay(log, &[]);
        let paths: Vec<_> = events.iter().map(|event| &event["path"]).collect();
        let (one, two) = (json!("/srv/one"), json!("/srv/two"));
        let unknown = &Value::Null;
        assert_eq!(paths, [&one, &two, unknown, &two, unknown], "{form}");
    }
}

#[test]
fn a_parent_may_have_become_another_program_in_a_lost_event_of_its_host() {
    let exec = |serial: u32, ppid: u32, pid: u32, exe: &str| {
        let stamp = format!("msg=audit(1700000{serial:03}.123:{serial}):");
        format!(
            "type=SYSCALL {stamp} arch=c000003e syscall=59 success=yes exit=0 a0=0 a1=0 a2=0 a3=0 \
             items=0 ppid={ppid} pid={pid} auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 \
             sgid=0 fsgid=0 tty=pts0 ses=3 comm=\"x\" exe=\"{exe}\" key=\"k\"\n\
             type=EXECVE {stamp} argc=1 a0=\"x\"\n\
             type=PROCTITLE {stamp} proctitle=\"x\"\n"
        )
    };
    for (serial, parent) in [(2, json!("/bin/bash")), (3, Value::Null)] {
        let text = exec(1, 5, 10, "/bin/bash") + &exec(serial, 10, 11, "/bin/id");
        let events = replay(from("web1", "node=HOST ", &text), &[]);
        assert_eq!(events[1]["parent"]["exe"], parent);
    }
}

/// How many serials of a log are counted as missing.
fn missing(log: String) -> u64 {
    let directory = tempfile::tempdir().expect("a directory");
    let [input, metrics] = ["log", "metrics"].map(|name| directory.path().join(name));
    fs::write(&input, log).expect("there is room");
    let mut command = auditrd();
    command.arg("-q").arg("--metrics-file").arg(&metrics);
    let output = command.arg(input).output().expect("the binary runs");
    assert!(output.status.success());
    Counters::of_metrics(&fs::read_to_string(metrics).expect("counters"))["missing"]
}

#[test]
fn missing_serials_of_all_hosts_are_counted() {
    let events = |serials: &[u32]| -> String {
        let events = serials.iter().map(|serial| truncation(*serial, 50));
        events.collect()
    };
    for form in FORMS {
        let (web1, db2) = (events(&[1, 2, 5]), events(&[100, 102]));
        assert_eq!(
            missing(from("web1", form, &web1) + &from("db2", form, &db2)),
            3
        );
    }
}

#[test]
fn events_that_have_no_serials_of_their_own_lack_none() {
    let line = |host| {
        format!("Feb 22 14:25:25 {host} audit[7]: SYSCALL arch=c000003e syscall=77 success=yes\n")
    };
    let hosts = (0..20).flat_map(|_| ["web1", "db2", "db3"]);
    assert_eq!(missing(hosts.map(line).collect()), 0);
}

#[test]
fn events_of_two_hosts_with_one_stamp_are_two_events() {
    for form in FORMS {
        let (one, two) = (creation(7, "one", 50), creation(7, "two", 60));
        let log: String = one
            .lines()
            .zip(two.lines())
            .map(|(one, two)| from("web1", form, one) + &from("db2", form, two))
            .collect();
        let events = replay(log, &[]);
        let got: Vec<_> = events
            .iter()
            .map(|event| {
                (
                    event["node"].clone(),
                    event["path"].clone(),
                    event["pid"].clone(),
                )
            })
            .collect();
        let expected = [
            (json!("web1"), json!("/srv/one"), json!(50)),
            (json!("db2"), json!("/srv/two"), json!(60)),
        ];
        assert_eq!(got, expected, "{form}");
    }
}

#[test]
fn an_event_that_came_through_a_relay_says_so() {
    for form in FORMS {
        let events = replay(from("web1", form, &creation(1, "one", 50)), &[]);
        let is_relayed = events[0].get("relayed") == Some(&json!(true));
        assert_eq!(is_relayed, !form.starts_with("node="), "{form}");
    }
    let forged = "Feb 22 14:25:25 web1 mallory[7]: x type=USER_LOGIN msg=audit(1.002:3): pid=1 \
                  uid=0 auid=0 msg='op=login acct=\"root\" res=success'\n";
    let event = &replay(forged, &[])[0];
    assert_eq!(
        (&event["relayed"], &event["node"]),
        (&json!(true), &json!("web1"))
    );
    let event = &replay(forged, &["--format", "ecs"])[0];
    assert_eq!(event["auditrd"]["relayed"], json!(true));
}

#[test]
fn an_event_is_not_torn_by_a_block_of_a_host_whose_clock_is_ahead() {
    let whole = from("slow", "node=HOST ", &creation(1, "one", 50));
    let (before, after) = whole.split_at(whole.rfind("node=slow type=PATH").unwrap());
    let others: String = (500..530)
        .map(|serial| from("fast", "node=HOST ", &creation(serial, "other", 60)))
        .collect();
    let events = replay(before.to_owned() + &others + after, &[]);
    assert_eq!(events.len(), 31);
    super::assert_created(&events[30..], &["one"]);
}

#[test]
fn an_event_of_a_host_that_falls_silent_expires() {
    let whole = from("silent", "node=HOST ", &creation(1, "one", 50));
    let before = whole
        .split_at(whole.rfind("node=silent type=PATH").unwrap())
        .0;
    let others: String = (500..570)
        .map(|serial| from("other", "node=HOST ", &creation(serial, "other", 60)))
        .collect();
    let events = replay(before.to_owned() + &others, &["-q"]);
    let position = events.iter().position(|event| event["node"] == "silent");
    assert!(
        position.is_some_and(|position| position < 70),
        "{position:?}"
    );
    assert_eq!(events[position.unwrap()]["incomplete"], json!(true));
}
