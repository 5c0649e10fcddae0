//! `--aggregate`: repeated events become few lines, and each is accounted for.

use std::{collections::HashSet, env, fs};

use serde_json::json;

use crate::{
    common::{Counters, Value, auditrd, data, lines, replay, replay_raw},
    golden::{LOGS, check_line, log},
    process::{Running, deletion, end, login},
};

/// A message of cron at a time, on a host if one is named.
fn cron(host: &str, second: u32, serial: u32) -> String {
    let node = if host.is_empty() {
        String::new()
    } else {
        format!("node={host} ")
    };
    format!(
        "{node}type=USER_ACCT msg=audit({}.000:{serial}): pid={} uid=0 auid=0 ses={} \
         msg='op=PAM:accounting acct=\"root\" exe=\"/usr/sbin/cron\" hostname=? addr=? \
         terminal=cron res=success'\n",
        1_700_000_000 + second,
        serial + 100,
        serial + 50,
    )
}

/// The serial of each line, and the number of events that it stands for if they were held.
fn shape(events: &[Value]) -> Vec<(u64, Option<u64>)> {
    let pair = |event: &Value| (event["sequence"].as_u64().unwrap(), event["count"].as_u64());
    events.iter().map(pair).collect()
}

#[test]
fn the_first_event_is_a_line_and_those_after_it_are_one_in_each_interval() {
    let log: String = (0..10).map(|n| cron("", n * 20, n)).collect();
    let events = replay(log, &["--aggregate", "1m"]);
    assert_eq!(
        shape(&events),
        [
            (0, None),
            (2, Some(2)),
            (5, Some(3)),
            (8, Some(3)),
            (9, Some(1))
        ]
    );
    assert_eq!(events[2]["first"], "2023-11-14T22:14:20.000Z");
    assert_eq!(events[2]["last"], "2023-11-14T22:15:00.000Z");
    assert_eq!(events[2]["timestamp"], events[2]["last"]);
    assert_eq!(
        (&events[2]["pid"], &events[2]["session"]),
        (&json!(105), &json!(55))
    );
}

/// The recording and the expressions of docs/noise.md. `BLESS=1 cargo test` writes the golden file.
#[test]
fn a_recorded_host_yields_its_golden_lines() {
    let expressions = fs::read_to_string(data("noisy.filters")).unwrap();
    let guide = fs::read_to_string(data("../../docs/noise.md")).unwrap();
    assert!(guide.contains(&expressions), "docs/noise.md has others");
    let output = auditrd()
        .arg(data("noisy.log.xz"))
        .args(["--aggregate", "2m", "--filter"])
        .arg(data("noisy.filters"))
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    // A status line, with the time and the host of now, lists the expressions.
    let (status, events) = output.split_once('\n').unwrap();
    assert!(
        status.contains("\"drop\":[\"exe=/usr/local/bin/git,"),
        "{status}"
    );
    if env::var_os("BLESS").is_some() {
        fs::write(data("noisy.ndjson"), events).unwrap();
    }
    assert_eq!(events, fs::read_to_string(data("noisy.ndjson")).unwrap());
}

/// The lines but for `count`, `first` and `last` are lines that there are without the option.
#[test]
fn no_event_is_lost_and_no_line_is_changed_in_any_log() {
    for name in LOGS {
        for filter in [&["--events", "all"][..], &["--drop", "uid=0,success=yes"]] {
            let all = replay_raw(log(name), filter).stdout;
            let all = String::from_utf8(all).unwrap();
            let plain: HashSet<&str> = all.lines().map(|line| &line[..line.len() - 1]).collect();
            for interval in ["1ms", "10s", "1h"] {
                let output = replay_raw(log(name), &[filter, &["--aggregate", interval]].concat());
                let output = String::from_utf8(output.stdout).unwrap();
                let mut sum = 0;
                for line in output.lines() {
                    let event: Value = serde_json::from_str(line).unwrap();
                    if event["name"] != "status_event" {
                        check_line(line);
                        sum += event["count"].as_u64().unwrap_or(1);
                    }
                    let end = line.rfind(",\"count\":").unwrap_or(line.len() - 1);
                    assert!(
                        event["name"] == "status_event" || plain.contains(&line[..end]),
                        "{line}"
                    );
                }
                let events = all
                    .lines()
                    .filter(|line| !line.contains("status_event"))
                    .count();
                assert_eq!(sum, events as u64, "{name} {interval}");
            }
        }
    }
}

/// Each log, in the formats that have events. The account is checked by `replay_raw`.
#[test]
fn every_format_has_the_number_of_repeated_events() {
    for name in LOGS {
        let count = |format: &[&str]| {
            let output = replay_raw(log(name), &[format, &["--aggregate", "1h"]].concat()).stdout;
            output.iter().filter(|byte| **byte == b'\n').count()
        };
        let lines = count(&[]);
        for format in [
            &["--format", "ecs"][..],
            &["--format", "ocsf"],
            &["--pretty"],
        ] {
            assert_eq!(count(format), lines, "{name} {format:?}");
        }
    }
    let log: String = (0..3).map(|n| cron("", n, n)).collect();
    let last = |format: &[&str]| {
        let output = replay_raw(log.as_str(), &[format, &["--aggregate", "1m"]].concat()).stdout;
        String::from_utf8(output)
            .unwrap()
            .lines()
            .last()
            .unwrap()
            .to_owned()
    };
    let event: Value = serde_json::from_str(&last(&["--format", "ecs"])).unwrap();
    assert_eq!(event["auditrd"]["count"], 2);
    assert_eq!(event["event"]["start"], "2023-11-14T22:13:21.000Z");
    assert_eq!(event["event"]["end"], "2023-11-14T22:13:22.000Z");
    let event: Value = serde_json::from_str(&last(&["--format", "ocsf"])).unwrap();
    assert_eq!(event["count"], 2);
    assert_eq!(
        (&event["start_time"], &event["end_time"]),
        (&json!(1_700_000_001_000_u64), &json!(1_700_000_002_000_u64))
    );
    let row = last(&["--pretty"]);
    assert!(row.contains("(2 since 2023-11-14T22:13:21.000Z)"), "{row}");
}

#[test]
fn each_host_of_a_log_has_its_own_clock() {
    // The second host's block is of the same hour, and behind the first one's in the log.
    let mut log: String = (0..4).map(|n| cron("web1", n * 10, n)).collect();
    log.extend((0..4).map(|n| cron("web2", n * 10, n)));
    log.extend((4..8).map(|n| cron("web1", n * 10, n)));
    let events = replay(log, &["--aggregate", "1m"]);
    let of = |host: &str| {
        let events: Vec<Value> = events
            .iter()
            .filter(|event| event["node"] == host)
            .cloned()
            .collect();
        shape(&events)
    };
    assert_eq!(of("web1"), [(0, None), (5, Some(5)), (7, Some(2))]);
    assert_eq!(of("web2"), [(0, None), (3, Some(3))]);
}

#[test]
fn held_lines_are_written_when_a_growing_log_falls_silent() {
    let mut running = Running::start(auditrd().args(["-i", "-", "--aggregate", "200ms"]));
    running.write(login(1));
    running.write(login(2));
    running.write(login(3));
    assert_eq!(running.event()["sequence"], 1);
    let event = running.event();
    assert_eq!(
        (&event["sequence"], &event["count"]),
        (&json!(3), &json!(2))
    );
    running.write(login(4));
    let event = running.event();
    assert_eq!(
        (&event["sequence"], &event["count"]),
        (&json!(4), &Value::Null)
    );
    assert!(running.close().0.success());
}

#[test]
fn a_stop_signal_writes_held_lines_before_the_last_status() {
    let args = ["-i", "-", "--aggregate", "1h", "--heartbeat", "1h"];
    let mut running = Running::start(auditrd().args(args));
    let start = running.event();
    assert_eq!(start["filters"]["aggregate"], "1h");
    for serial in 1..5 {
        running.write(login(serial));
    }
    // Once this one is written, the others were read.
    running.write(deletion(5) + &end(5));
    assert_eq!(running.event()["sequence"], 1);
    assert_eq!(running.event()["sequence"], 5);
    running.signal("USR1");
    let counters = Counters::of_log(&running.log_line());
    assert_eq!(
        (
            counters["aggregated"],
            counters["held"],
            counters["held_records"]
        ),
        (3, 3, 3)
    );
    counters.assert_they_add_up_but_for(0);
    running.signal("TERM");
    let (status, rest, _) = running.wait();
    assert!(status.success());
    let rest = lines(&rest);
    assert_eq!(shape(&rest[..1]), [(4, Some(3))]);
    assert_eq!((rest.len(), &rest[1]["reason"]), (2, &json!("end")));
    let counters = &rest[1]["counters"];
    assert_eq!(
        (
            &counters["aggregated"],
            &counters["held"],
            &counters["held_records"]
        ),
        (&json!(3), &json!(0), &json!(0))
    );
}

#[test]
fn a_line_that_stands_for_others_fits_the_longest_line() {
    let log: String = (0..3)
        .map(|n| cron("", n, n).replace("op=", &format!("op={} x", "y".repeat(9000))))
        .collect();
    let output = replay_raw(log, &["--aggregate", "1m", "--max-line", "4K"]).stdout;
    let events = lines(&output);
    assert_eq!(shape(&events), [(0, None), (2, Some(2))]);
    assert!(
        output
            .split(|byte| *byte == b'\n')
            .all(|line| line.len() <= 4096)
    );
}

#[test]
fn raw_records_and_wrong_durations_are_usage_errors() {
    for (args, cause) in [
        (
            &["--aggregate", "1m", "--format", "raw"][..],
            "--format raw cannot be used with --aggregate",
        ),
        (&["--aggregate", "0s"], "not a duration"),
    ] {
        let output = replay_raw(login(1), args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(said.contains(cause), "{said}");
    }
}

/// The records of an event: lines of a type and a body.
fn stamped(records: &str, serial: u32) -> String {
    let stamped = |line: &str| {
        let (record_type, body) = line.trim().split_once(' ').unwrap();
        format!("type={record_type} msg=audit(1700000000.000:{serial}): {body}\n")
    };
    records.trim().lines().map(stamped).collect()
}

/// Whether an event repeats another one, although a piece of its text differs.
#[track_caller]
fn is_repeated(records: &str, from: &str, to: &str) -> bool {
    assert!(records.contains(from), "{from}");
    let other = records.replacen(from, to, 1);
    let log = stamped(records, 1) + &stamped(&other, 2) + &stamped(&other, 3);
    let events = replay(log, &["--events", "all", "--aggregate", "1m"]);
    match shape(&events)[..] {
        [(1, None), (3, Some(2))] => true,
        [(1, None), (2, None), (3, Some(1))] => false,
        _ => panic!("{events:?}"),
    }
}

/// The records of a call, with others between the first one and the last.
fn call(number: u32, others: &str) -> String {
    format!(
        "SYSCALL arch=c000003e syscall={number} success=yes exit=3 a0=5 a1=1 a2=2 a3=3 ppid=1 pid=5 \
         auid=1000 uid=0 ses=7 comm=\"x\" exe=\"/bin/x\" key=\"k\"\n\
         {others}\n\
         PROCTITLE proctitle=\"x\""
    )
}

/// A call on the file /tmp/x.
fn file_call(number: u32, nametype: &str) -> String {
    let others = format!(
        "CWD cwd=\"/\"\n\
         PATH item=0 name=\"/tmp/\" inode=2 dev=fe:00 mode=041777 ouid=0 ogid=0 nametype=PARENT\n\
         PATH item=1 name=\"/tmp/x\" inode=77 dev=fe:00 mode=0100600 ouid=0 nametype={nametype}"
    );
    call(number, &others)
}

#[test]
fn a_file_that_is_made_or_removed_has_another_inode_each_time() {
    for (number, nametype) in [
        // creat, unlink, rename and symlink.
        (85, "CREATE"),
        (87, "DELETE"),
        (82, "CREATE"),
        (88, "CREATE"),
    ] {
        let records = file_call(number, nametype);
        assert!(is_repeated(&records, "inode=77", "inode=78"), "{number}");
        assert!(!is_repeated(&records, "/tmp/x", "/tmp/y"), "{number}");
        assert!(!is_repeated(&records, "0100600", "0100644"), "{number}");
    }
    // An existing file is opened: another inode is another file.
    let open = file_call(2, "NORMAL");
    assert!(is_repeated(&open, "exit=3", "exit=4"));
    assert!(!is_repeated(&open, "inode=77", "inode=78"));
}

#[test]
fn connections_repeat_if_the_port_of_the_client_or_a_descriptor_differs() {
    // 127.0.0.1:50000.
    let address = "SOCKADDR saddr=0200C3507F0000010000000000000000";
    let (accept, connect) = (call(43, address), call(42, address));
    assert!(is_repeated(&accept, "C350", "C351"));
    assert!(!is_repeated(&accept, "7F000001", "7F000002"));
    assert!(!is_repeated(&connect, "C350", "C351"));
    assert!(is_repeated(&connect, "a0=5", "a0=6"));
    // bind makes the file of a socket; connect finds it.
    let socket = "SOCKADDR saddr=01002F746D702F7800\nPROCTITLE";
    let bind = file_call(49, "CREATE").replace("PROCTITLE", socket);
    assert!(is_repeated(&bind, "inode=77", "inode=78"));
    let connect = file_call(42, "NORMAL").replace("PROCTITLE", socket);
    assert!(!is_repeated(&connect, "inode=77", "inode=78"));
}

#[test]
fn records_without_keys_repeat_if_only_ids_in_them_differ() {
    let denied = "AVC avc:  denied  { read } for  pid=5 comm=\"x\" name=\"y\" dev=\"sda\" ino=7 \
                  scontext=a:b:c:s0 tcontext=a:b:d:s0 tclass=file permissive=0";
    assert!(is_repeated(denied, "pid=5", "pid=6"));
    assert!(!is_repeated(denied, "ino=7", "ino=8"));
    assert!(!is_repeated(denied, "a:b:d", "a:b:e"));
    let trapped = "SECCOMP auid=1000 uid=0 gid=0 ses=7 pid=5 comm=\"x\" exe=\"/bin/x\" sig=31 \
                   arch=c000003e syscall=41 compat=0 ip=0x7f1 code=0x80000000";
    assert!(is_repeated(trapped, "ip=0x7f1", "ip=0x7f2"));
    assert!(!is_repeated(trapped, "syscall=41", "syscall=42"));
    // The process that ptrace stops is an argument.
    let ptrace = call(101, "CWD cwd=\"/\"");
    assert!(is_repeated(&ptrace, "pid=5", "pid=6"));
    assert!(!is_repeated(&ptrace, "a1=1", "a1=2"));
}
