//! The order of records, the ends of events, and relayed lines.

use serde_json::json;

use super::{call, log};
use crate::common::{lines, replay, replay_raw};

const ALL: &[&str] = &["--min", "1000", "--max", "2999", "-q"];

#[test]
fn interleaved_events_are_reassembled_by_time_and_serial() {
    let one = log(
        1,
        &[
            &call(87, "items=1"),
            "PATH item=0 name=\"/one\" inode=1 nametype=DELETE",
            "EOE",
        ],
    );
    let two = log(
        3,
        &[
            &call(87, "items=1"),
            "PATH item=0 name=\"/two\" inode=2 nametype=DELETE",
            "EOE",
        ],
    );
    let mixed: String = one
        .lines()
        .zip(two.lines())
        .map(|(a, b)| format!("{a}\n{b}\n"))
        .collect();
    let paths: Vec<_> = replay(mixed, ALL)
        .iter()
        .map(|event| event["path"].clone())
        .collect();
    assert_eq!(paths, [json!("/one"), json!("/two")]);
}

#[test]
fn stamps_may_go_back_from_one_event_to_the_next() {
    let later = log(9, &[&call(87, "items=0"), "EOE"]).replace("1700000000.123", "1700000005.001");
    let earlier =
        log(10, &[&call(87, "items=0"), "EOE"]).replace("1700000000.123", "1700000001.000");
    let events = replay(later + &earlier, ALL);
    let serials: Vec<_> = events
        .iter()
        .map(|event| event["sequence"].clone())
        .collect();
    assert_eq!(serials, [json!(9), json!(10)]);
    assert!(events.iter().all(|event| event.get("incomplete").is_none()));
}

#[test]
fn the_same_serial_at_another_time_is_another_event() {
    let first = log(7, &[&call(87, "items=0")]);
    let second = first.replace(".123", ".124");
    assert_eq!(replay(first + &second, ALL).len(), 2);
}

#[test]
fn the_same_stamp_from_another_node_is_another_event() {
    let records = log(7, &[&call(87, "items=0"), "PROCTITLE proctitle=\"x\""]);
    let on = |host: &str| records.replace("type=", &format!("node={host} type="));
    let mixed: String = on("a")
        .lines()
        .zip(on("b").lines())
        .map(|(a, b)| format!("{a}\n{b}\n"))
        .collect();
    let nodes: Vec<_> = replay(mixed, ALL)
        .iter()
        .map(|event| event["node"].clone())
        .collect();
    assert_eq!(nodes, [json!("a"), json!("b")]);
}

#[test]
fn relayed_lines_and_numeric_types_are_parsed() {
    let syslog = "Nov 22 10:00:00 box kernel: [ 12.3] audit: type=1300 audit(1.002:3): arch=c000003e syscall=59 pid=4\n";
    let prefixed = "node=h1 type=SYSCALL msg=audit(1.002:4): arch=c000003e syscall=59 pid=5\n";
    let events = replay([syslog, prefixed].concat(), ALL);
    assert_eq!(
        (&events[0]["pid"], &events[1]["pid"]),
        (&json!(4), &json!(5))
    );
    assert_eq!(
        (&events[0]["timestamp"], &events[1]["node"]),
        (&json!("1970-01-01T00:00:01.002Z"), &json!("h1"))
    );
}

#[test]
fn the_last_event_does_not_wait_for_another() {
    let events = replay(log(7, &[&call(87, "items=0")]), ALL);
    assert_eq!((events.len(), events[0].get("incomplete")), (1, None));
    let events = replay(log(7, &[&call(87, "items=1")]), ALL);
    assert_eq!((events.len(), &events[0]["incomplete"]), (1, &json!(true)));
}

#[test]
fn an_event_without_its_syscall_record_is_written() {
    let events = replay(
        log(
            7,
            &[
                "EXECVE argc=1 a0=\"x\"",
                "PATH item=0 name=\"/bin/x\" inode=1 nametype=NORMAL",
            ],
        ),
        ALL,
    );
    assert_eq!(
        (&events[0]["argv"], &events[0]["incomplete"]),
        (&json!(["x"]), &json!(true))
    );
    assert_eq!(events[0]["type"], "EXECVE");
    let events = replay(
        log(7, &["PATH item=0 name=\"/x\" inode=1 nametype=DELETE"]),
        ALL,
    );
    assert_eq!(
        (&events[0]["action"], &events[0]["type"]),
        (&json!("deleted"), &json!("PATH"))
    );
}

#[test]
fn a_record_cut_in_a_quote_or_in_hex_is_parsed() {
    for cut in [
        "PATH item=0 name=\"/tmp/lo",
        "PATH item=0 name=2F746D702F6C6",
        "PATH item=0 name=",
    ] {
        let events = replay(log(7, &[&call(87, "items=1"), cut, "EOE"]), ALL);
        assert_eq!(
            (events.len(), &events[0]["syscall"]),
            (1, &json!("unlink")),
            "{cut}"
        );
    }
}

#[test]
fn a_line_too_long_for_any_record_is_cut_and_marked() {
    let long = format!("PROCTITLE proctitle=\"{}\"", "x".repeat(3 << 20));
    let good = log(8, &[&call(87, "items=0"), "EOE"]);
    let output = replay_raw(log(7, &[&call(87, "items=0"), &long, "EOE"]) + &good, ALL);
    let events = lines(&output.stdout);
    assert_eq!((events.len(), &events[0]["truncated"]), (2, &json!(true)));
    assert!(events[1].get("truncated").is_none());
}

#[test]
fn a_jump_and_a_rollover_of_serials_lose_nothing() {
    let at = |serial: u32| log(serial, &[&call(87, "items=0"), "EOE"]);
    let input: String = [1, 60_000_000, 4_294_967_295, 0, 1]
        .into_iter()
        .map(at)
        .collect();
    assert_eq!(replay(input, ALL).len(), 5);
}
