//! Excessive input of every kind.

use serde_json::json;

use super::{good, survive};
use crate::common::Value;

const MEGABYTE: usize = 1 << 20;

fn call(serial: u32, number: u32) -> String {
    format!(
        "type=SYSCALL msg=audit(1700000000.123:{serial}): arch=c000003e syscall={number} \
         success=yes exit=0 items=1 pid=5 uid=0 comm=\"x\" exe=\"/x\"\n"
    )
}

fn end(serial: u32) -> String {
    format!("type=EOE msg=audit(1700000000.123:{serial}): \n")
}

/// The only event.
#[track_caller]
fn only(events: Vec<Value>) -> Value {
    let [event] = events.try_into().expect("one event");
    event
}

#[test]
fn garbage_is_skipped() {
    // Pseudorandom bytes: the upper bits of a linear congruential generator.
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let garbage: Vec<u8> = (0..65_536).map(|_| next()).collect();
    let zeros = vec![0; 3 * MEGABYTE];
    let newlines = vec![b'\n'; MEGABYTE];
    assert!(survive([garbage, zeros, newlines], &[]).is_empty());
}

#[test]
fn an_overlong_line_is_cut_and_the_next_is_intact() {
    for length in [MEGABYTE - 1000, MEGABYTE, MEGABYTE + 1, 5 * MEGABYTE] {
        let text = "x".repeat(length);
        let record = format!(
            "type=USER_LOGIN msg=audit(1700000000.123:7): pid=1 uid=0 msg='op=login acct=\"{text}\" \
             res=success'\n"
        );
        let is_cut = record.len() - 1 > MEGABYTE;
        let event = only(survive([record], &[]));
        assert_eq!(
            event.get("truncated"),
            is_cut.then_some(&json!(true)),
            "{length}"
        );
        assert_eq!(event["pid"], 1);
        assert!(event["msg"].as_str().unwrap().len() > length.min(MEGABYTE) - 1000);
    }
}

#[test]
fn long_values_are_kept() {
    let long = "x".repeat(MEGABYTE - 2000);
    let hex = "41".repeat(MEGABYTE / 2 - 1000);
    for (key, value, expected) in [
        ("comm", format!("\"{long}\""), &long),
        ("comm", hex.clone(), &"A".repeat(hex.len() / 2)),
    ] {
        let record = call(7, 87).replacen("comm=\"x\"", &format!("{key}={value}"), 1);
        assert_eq!(only(survive([record + &end(7)], &[]))[key], **expected);
    }
    // Repeated separators, quotes and brackets.
    for noise in [
        " =", "= ", "a=", "\"", "'", " a0=", "a[0]=", "\x1d", "), ", "type=",
    ] {
        let noise = noise.repeat(MEGABYTE / 4 / noise.len());
        let exec = format!("type=EXECVE msg=audit(1700000000.123:7): argc=1 {noise}\n");
        let path = format!("type=PATH msg=audit(1700000000.123:7): {noise}\n");
        let user = format!("type=USER_LOGIN msg=audit(1700000000.123:8): {noise}\n");
        let cases = [
            call(7, 59) + &exec + &end(7),
            call(7, 87) + &path + &end(7),
            call(7, 87).replacen("comm", &format!("{noise} comm"), 1) + &end(7),
            user,
        ];
        assert!(survive(cases, &["--max-line", "64K"]).len() >= 2);
    }
}

#[test]
fn more_events_than_the_bound_in_flight_are_all_written() {
    let open = |serial| {
        format!("type=SYSCALL msg=audit(1700000000.123:{serial}): syscall=87 arch=c000003e\n")
    };
    let many: String = (0..140_000).map(open).collect();
    let events = survive([many], &[]);
    assert_eq!(events.len(), 140_000);
    for (serial, event) in events.iter().enumerate() {
        let expected = (&json!(serial), &json!(true));
        assert_eq!((&event["sequence"], &event["incomplete"]), expected);
    }
}

#[test]
fn an_event_of_many_records_is_one_event() {
    for (body, record_type, number) in [
        (
            "item=0 name=\"n\" inode=3 dev=fe:01 nametype=DELETE",
            "PATH",
            87,
        ),
        (
            "item=0 name=\"/d/n\" inode=3 dev=fe:01 nametype=PARENT",
            "PATH",
            82,
        ),
        ("a1[0]=61", "EXECVE", 59),
        ("cwd=\"/x\"", "CWD", 87),
        ("", "PATH", 87),
        ("", "UNKNOWN[1399]", 87),
    ] {
        let record = format!("type={record_type} msg=audit(1700000000.123:7): {body}\n");
        let event = only(survive(
            [call(7, number) + &record.repeat(100_000) + &end(7)],
            &[],
        ));
        assert_eq!(event["pid"], 5, "{record_type}");
    }
}

#[test]
fn a_hundred_thousand_arguments_are_one_command() {
    let mut exec = call(7, 59);
    for record in 0..1000 {
        exec += "type=EXECVE msg=audit(1700000000.123:7):";
        if record == 0 {
            exec += " argc=100000";
        }
        let words: String = (0..100)
            .map(|word| format!(" a{}=\"w\"", 100 * record + word))
            .collect();
        exec = exec + &words + "\n";
    }
    let event = only(survive([exec + &end(7)], &[]));
    assert_eq!(event["argv"].as_array().unwrap().len(), 100_000);
}

#[test]
fn serials_may_jump_and_wrap() {
    let serials = [
        1,
        60_000_000,
        2,
        u32::MAX - 1,
        u32::MAX,
        0,
        1_000,
        2_147_483_648,
        3_000_000_000,
        5,
    ];
    // All events have the same stamp, so that none expires.
    let case = |serial: u32| call(serial, 87) + &end(serial);
    let cases: Vec<String> = serials.into_iter().map(case).collect();
    // Serials above those of good events are allowed here, so `survive` cannot be used.
    let input: String = cases.concat() + &good(0);
    let events = crate::common::replay(input, &[]);
    let got: Vec<&Value> = events.iter().map(|event| &event["sequence"]).collect();
    assert_eq!(
        got[..serials.len()],
        serials.map(|serial| json!(serial)).each_ref()[..]
    );
    assert_eq!(events.len(), serials.len() + 1);
}

#[test]
fn jumping_stamps_delay_no_event() {
    let at = |seconds: u64, serial: u32| {
        format!("type=SYSCALL msg=audit({seconds}.123:{serial}): arch=c000003e syscall=87 pid=5\n")
    };
    let seconds = [
        1_700_000_000,
        0,
        253_402_300_799,
        1_700_000_000,
        1,
        1_700_009_999,
    ];
    let case: String = seconds
        .into_iter()
        .zip(0..)
        .map(|(s, serial)| at(s, serial))
        .collect();
    assert_eq!(survive([case], &[]).len(), seconds.len());
}

#[test]
fn events_of_many_nodes_are_not_mixed() {
    let mut log = String::new();
    for host in 0..10_000 {
        for line in (call(7, 87)
            + "type=PATH msg=audit(1700000000.123:7): item=0 name=\"/n\" inode=3 nametype=DELETE\n")
            .lines()
        {
            log += &format!("node=host{host} {line}\n");
        }
    }
    for host in 0..10_000 {
        log += &format!("node=host{host} {}", end(7));
    }
    let events = survive([log], &[]);
    assert_eq!(events.len(), 10_000);
    for (host, event) in events.iter().enumerate() {
        assert_eq!(
            (&event["node"], &event["path"]),
            (&json!(format!("host{host}")), &json!("/n"))
        );
        assert!(event.get("incomplete").is_none(), "{event}");
    }
}

#[test]
fn nodes_with_long_names_do_not_exhaust_the_memory() {
    let name = "n".repeat(100_000);
    let log: String = (0..300)
        .map(|host| format!("node={name}{host} {}", call(7, 87)))
        .collect();
    assert_eq!(survive([log], &["--max-line", "4K"]).len(), 300);
}
