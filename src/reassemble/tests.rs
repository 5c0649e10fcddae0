//! The promises of the reassembly.

mod bounds;
mod runs;

use super::*;
use crate::model::{
    RecordType, Timestamp,
    record_type::{
        AUDIT_AVC, AUDIT_CWD, AUDIT_EXECVE, AUDIT_LOGIN, AUDIT_PATH, AUDIT_SYSCALL, AUDIT_URINGOP,
        AUDIT_USER_AUTH, AUDIT_USER_LOGIN,
    },
};

/// The timeout of all tests, in milliseconds.
const TIMEOUT: Millis = 2000;

fn config() -> ReassemblyConfig {
    ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC)
}

fn log_config() -> ReassemblyConfig {
    ReassemblyConfig {
        ends_at_proctitle: true,
        ..config()
    }
}

fn id(serial: u32) -> EventId {
    let time = Timestamp {
        seconds: 1_795_365_817,
        millis: 963,
    };
    EventId { time, serial }
}

fn record(serial: u32, record_type: RecordType, body: &[u8]) -> Record<'_> {
    Record {
        id: id(serial),
        record_type,
        node: b"",
        body,
        cut: false,
        relayed: false,
    }
}

/// Pushes records of these serials and types, all at time 0.
fn pushed(config: ReassemblyConfig, records: &[(u32, RecordType)]) -> Reassembler {
    let mut reassembler = Reassembler::new(config);
    for (serial, record_type) in records {
        reassembler.push(0, record(*serial, *record_type, b""));
    }
    reassembler
}

/// The whole events.
fn whole(reassembler: &mut Reassembler) -> Groups {
    let mut groups = Groups::default();
    reassembler.hand_over(&mut groups);
    groups
}

/// The whole events as text: `7: SYSCALL CWD incomplete`.
fn popped(reassembler: &mut Reassembler) -> Vec<String> {
    whole(reassembler)
        .iter()
        .map(|group| {
            let mut text = format!("{}:", group.id.serial);
            for message in group.messages() {
                text.push_str(&format!(" {}", message.record_type));
            }
            for (mark, is_set) in [
                (" incomplete", group.incomplete),
                (" truncated", group.truncated),
            ] {
                text.push_str(if is_set { mark } else { "" });
            }
            text
        })
        .collect()
}

/// Checks the whole events after records at time 0.
#[track_caller]
fn check(config: ReassemblyConfig, records: &[(u32, RecordType)], expected: &[&str]) {
    assert_eq!(popped(&mut pushed(config, records)), expected);
}

#[test]
fn eoe_ends_an_event() {
    let records = [
        (1, AUDIT_SYSCALL),
        (1, AUDIT_CWD),
        (1, AUDIT_PROCTITLE),
        (1, AUDIT_EOE),
    ];
    check(config(), &records[..3], &[]);
    check(config(), &records, &["1: SYSCALL CWD PROCTITLE"]);
}

#[test]
fn proctitle_ends_an_event_in_a_log() {
    let records = [(1, AUDIT_SYSCALL), (1, AUDIT_PROCTITLE)];
    check(log_config(), &records, &["1: SYSCALL PROCTITLE"]);
}

/// Checks how the records of one event come out: the event after the last record, or none.
#[track_caller]
fn check_end(config: ReassemblyConfig, records: &[(RecordType, &[u8])], expected: Option<&str>) {
    let mut reassembler = Reassembler::new(config);
    for (record_type, body) in records {
        reassembler.push(0, record(1, *record_type, body));
    }
    let ended = popped(&mut reassembler);
    assert_eq!(ended.first().map(String::as_str), expected, "{records:?}");
}

#[test]
fn an_exec_in_a_log_ends_when_its_arguments_are_there_too() {
    let call = |number, success: &str| {
        format!("arch=c000003e syscall={number} success={success} exit=0 a0=1 items=0 ppid=1")
    };
    let (exec, failed) = (call(59, "yes"), call(59, "no"));
    let other = call(91, "yes");
    let title = (AUDIT_PROCTITLE, &b"proctitle=\"id\""[..]);
    let argv = (AUDIT_EXECVE, &b"argc=1 a0=\"id\""[..]);
    let syscall = |body: &'static str| (AUDIT_SYSCALL, body.as_bytes());
    let [exec, failed, other] = [exec, failed, other].map(|text| syscall(text.leak()));
    check_end(log_config(), &[exec, title], None);
    let whole = "1: SYSCALL PROCTITLE EXECVE";
    check_end(log_config(), &[exec, title, argv], Some(whole));
    check_end(log_config(), &[failed, title], Some("1: SYSCALL PROCTITLE"));
    check_end(log_config(), &[other, title], Some("1: SYSCALL PROCTITLE"));
    let without_argv = ReassemblyConfig {
        max: AUDIT_SYSCALL,
        ..log_config()
    };
    check_end(without_argv, &[exec, title], Some("1: SYSCALL"));
}

#[test]
fn an_io_uring_operation_in_a_log_ends_with_the_names_that_it_announces() {
    let operation = (
        AUDIT_URINGOP,
        &b"uring_op=18 success=yes exit=3 items=1 ppid=1"[..],
    );
    let bare = (
        AUDIT_URINGOP,
        &b"uring_op=19 success=yes exit=0 items=0 ppid=1"[..],
    );
    let name = (AUDIT_PATH, &b"item=0 name=\"/x\""[..]);
    check_end(log_config(), &[operation], None);
    check_end(log_config(), &[operation, name], Some("1: URINGOP PATH"));
    // The SYSCALL record of the call that submitted it may follow.
    check_end(log_config(), &[bare], None);
}

#[test]
fn an_event_without_its_end_is_complete_if_nothing_that_it_announces_is_missing() {
    let call = b"arch=c000003e syscall=91 success=yes exit=0 items=1 ppid=1";
    let exec = b"arch=c000003e syscall=59 success=yes exit=0 items=0 ppid=1";
    let name = (AUDIT_PATH, &b"item=0 name=\"/x\""[..]);
    for (records, expected) in [
        (vec![(AUDIT_SYSCALL, &call[..]), name], "1: SYSCALL PATH"),
        (vec![(AUDIT_SYSCALL, &call[..])], "1: SYSCALL incomplete"),
        (vec![(AUDIT_SYSCALL, &exec[..])], "1: SYSCALL incomplete"),
        (
            vec![(AUDIT_SYSCALL, &exec[..]), (AUDIT_EXECVE, b"")],
            "1: SYSCALL EXECVE",
        ),
        (
            vec![(AUDIT_SYSCALL, &b"arch=c000"[..])],
            "1: SYSCALL incomplete",
        ),
        (vec![name], "1: PATH incomplete"),
    ] {
        let mut reassembler = Reassembler::new(config());
        for (record_type, body) in records {
            reassembler.push(0, record(1, record_type, body));
        }
        reassembler.drain();
        assert_eq!(popped(&mut reassembler), [expected]);
    }
}

#[test]
fn proctitle_without_a_syscall_record_does_not_end_an_event() {
    let records = [
        (1, AUDIT_CWD),
        (1, AUDIT_PROCTITLE),
        (1, AUDIT_SYSCALL),
        (1, AUDIT_EOE),
    ];
    check(log_config(), &records[..2], &[]);
    check(log_config(), &records[..3], &["1: CWD PROCTITLE SYSCALL"]);
    check(log_config(), &records, &["1: CWD PROCTITLE SYSCALL"]);
}

#[test]
fn proctitle_ends_an_event_once_all_path_records_have_arrived() {
    let mut reassembler = Reassembler::new(log_config());
    let mut push = |record_type, body| {
        let id = EventId::default();
        let (node, cut) = (&b""[..], false);
        reassembler.push(
            0,
            Record {
                id,
                record_type,
                node,
                body,
                cut,
                relayed: false,
            },
        );
        whole(&mut reassembler).last().map(|group| group.len())
    };
    assert_eq!(
        push(AUDIT_SYSCALL, b"arch=c000003e syscall=82 items=2 ppid=1"),
        None
    );
    assert_eq!(push(AUDIT_PROCTITLE, b"proctitle=\"mv\""), None);
    assert_eq!(push(AUDIT_PATH, b"item=0"), None);
    assert_eq!(push(AUDIT_PATH, b"item=1"), Some(4));
}

#[test]
fn eoe_after_proctitle_does_not_start_a_second_event() {
    let records = [(1, AUDIT_SYSCALL), (1, AUDIT_PROCTITLE), (1, AUDIT_EOE)];
    let mut reassembler = pushed(log_config(), &records);
    assert_eq!(popped(&mut reassembler), ["1: SYSCALL PROCTITLE"]);
    assert_eq!(reassembler.in_flight(), 0);
}

#[test]
fn a_record_that_is_a_whole_event_comes_out_at_once() {
    check(config(), &[(1, AUDIT_USER_LOGIN)], &["1: USER_LOGIN"]);
    // LOGIN is in the range of user records, but the kernel writes it as part of a syscall event.
    let records = [(1, AUDIT_LOGIN), (1, AUDIT_SYSCALL), (1, AUDIT_EOE)];
    let all = ReassemblyConfig {
        min: RecordType(1000),
        ..config()
    };
    check(all, &records, &["1: LOGIN SYSCALL"]);
}

#[test]
fn a_user_record_within_a_syscall_event_belongs_to_it() {
    let records = [(1, AUDIT_SYSCALL), (1, AUDIT_USER_LOGIN), (1, AUDIT_EOE)];
    check(config(), &records, &["1: SYSCALL USER_LOGIN"]);
}

#[test]
fn interleaved_events_come_out_in_the_order_of_their_ends() {
    let records = [
        (1, AUDIT_SYSCALL),
        (2, AUDIT_SYSCALL),
        (1, AUDIT_CWD),
        (3, AUDIT_SYSCALL),
        (2, AUDIT_PATH),
        (2, AUDIT_EOE),
        (3, AUDIT_EOE),
        (1, AUDIT_PATH),
        (1, AUDIT_EOE),
    ];
    check(
        config(),
        &records,
        &["2: SYSCALL PATH", "3: SYSCALL", "1: SYSCALL CWD PATH"],
    );
}

#[test]
fn an_event_may_begin_with_any_of_its_records() {
    let records = [
        (1, AUDIT_EXECVE),
        (1, AUDIT_PATH),
        (1, AUDIT_SYSCALL),
        (1, AUDIT_EOE),
    ];
    check(config(), &records, &["1: EXECVE PATH SYSCALL"]);
}

#[test]
fn a_lone_eoe_is_not_an_event() {
    let mut reassembler = pushed(config(), &[(1, AUDIT_EOE), (1, AUDIT_EOE)]);
    assert_eq!(popped(&mut reassembler), [""; 0]);
    assert_eq!(
        (reassembler.in_flight(), reassembler.next_deadline()),
        (0, None)
    );
}

#[test]
fn an_event_without_an_end_expires_exactly_at_its_deadline() {
    let mut reassembler = Reassembler::new(config());
    reassembler.push(500, record(1, AUDIT_SYSCALL, b""));
    // Later records do not extend the deadline.
    reassembler.push(900, record(1, AUDIT_CWD, b""));
    assert_eq!(reassembler.next_deadline(), Some(500 + TIMEOUT));
    reassembler.expire(499 + TIMEOUT);
    assert_eq!(popped(&mut reassembler), [""; 0]);
    reassembler.expire(500 + TIMEOUT);
    assert_eq!(popped(&mut reassembler), ["1: SYSCALL CWD incomplete"]);
    assert_eq!(reassembler.next_deadline(), None);
    assert_eq!(reassembler.tally().unfinished, 1);
}

#[test]
fn a_record_of_another_event_expires_events_too() {
    let mut reassembler = pushed(config(), &[(1, AUDIT_SYSCALL)]);
    reassembler.push(TIMEOUT, record(2, AUDIT_USER_LOGIN, b""));
    assert_eq!(
        popped(&mut reassembler),
        ["1: SYSCALL incomplete", "2: USER_LOGIN"]
    );
}

#[test]
fn the_next_deadline_is_that_of_the_oldest_event_in_flight() {
    let mut reassembler = Reassembler::new(config());
    for (now, serial) in [(10, 1), (20, 2), (30, 3)] {
        reassembler.push(now, record(serial, AUDIT_SYSCALL, b""));
    }
    reassembler.push(40, record(1, AUDIT_EOE, b""));
    assert_eq!(reassembler.next_deadline(), Some(20 + TIMEOUT));
    reassembler.push(50, record(2, AUDIT_EOE, b""));
    assert_eq!(reassembler.next_deadline(), Some(30 + TIMEOUT));
}

#[test]
fn a_reused_slot_has_the_deadline_of_its_new_event() {
    let mut reassembler = pushed(config(), &[(1, AUDIT_SYSCALL), (1, AUDIT_EOE)]);
    reassembler.push(100, record(2, AUDIT_SYSCALL, b""));
    assert_eq!(popped(&mut reassembler), ["1: SYSCALL"]);
    reassembler.expire(TIMEOUT);
    assert_eq!(popped(&mut reassembler), [""; 0]);
    reassembler.expire(100 + TIMEOUT);
    assert_eq!(popped(&mut reassembler), ["2: SYSCALL incomplete"]);
}

#[test]
fn a_clock_that_steps_back_delays_no_event() {
    let far = 1_000_000_000;
    let mut reassembler = Reassembler::new(config());
    reassembler.push(far, record(1, AUDIT_SYSCALL, b""));
    reassembler.push(0, record(2, AUDIT_SYSCALL, b""));
    assert_eq!(popped(&mut reassembler), ["1: SYSCALL incomplete"]);
    reassembler.expire(TIMEOUT);
    assert_eq!(popped(&mut reassembler), ["2: SYSCALL incomplete"]);
}

#[test]
fn records_after_the_deadline_form_a_new_event() {
    let mut reassembler = pushed(config(), &[(1, AUDIT_SYSCALL)]);
    reassembler.push(TIMEOUT, record(1, AUDIT_CWD, b""));
    reassembler.push(TIMEOUT, record(1, AUDIT_EOE, b""));
    assert_eq!(
        popped(&mut reassembler),
        ["1: SYSCALL incomplete", "1: CWD"]
    );
}

#[test]
fn drain_finishes_all_events_the_oldest_first() {
    let mut reassembler = pushed(config(), &[(2, AUDIT_SYSCALL), (1, AUDIT_CWD)]);
    reassembler.drain();
    assert_eq!(
        popped(&mut reassembler),
        ["2: SYSCALL incomplete", "1: CWD incomplete"]
    );
    assert_eq!((reassembler.in_flight(), reassembler.bytes), (0, 0));
    reassembler.drain();
    assert_eq!(popped(&mut reassembler), [""; 0]);
}

#[test]
fn nodes_times_and_serials_all_distinguish_events() {
    let mut reassembler = Reassembler::new(config());
    let first = record(1, AUDIT_SYSCALL, b"");
    let mut later = first.id;
    later.time.millis += 1;
    let records = [
        first,
        record(2, AUDIT_SYSCALL, b""),
        Record { id: later, ..first },
        Record {
            node: b"a",
            ..first
        },
        Record {
            node: b"b",
            ..first
        },
    ];
    for record in records {
        reassembler.push(0, record);
    }
    assert_eq!(reassembler.in_flight(), 5);
    // Each EOE ends its own event, in any order.
    for record in records.iter().rev() {
        let end = Record {
            record_type: AUDIT_EOE,
            ..*record
        };
        reassembler.push(0, end);
        let groups = whole(&mut reassembler);
        let group = groups.last().unwrap();
        assert_eq!((group.id, group.node), (record.id, record.node));
    }
    assert_eq!(reassembler.in_flight(), 0);
}

#[test]
fn types_outside_the_range_are_left_out_and_counted() {
    let narrow = ReassemblyConfig {
        min: AUDIT_SYSCALL,
        max: AUDIT_PATH,
        ..config()
    };
    let records = [
        (1, AUDIT_USER_LOGIN),
        (2, AUDIT_SYSCALL),
        (2, AUDIT_CWD),
        (2, AUDIT_EOE),
    ];
    let mut reassembler = pushed(narrow, &records);
    // EOE is outside the range and still ends the event.
    assert_eq!(popped(&mut reassembler), ["2: SYSCALL"]);
    let tally = reassembler.tally();
    assert_eq!((tally.records, tally.filtered, tally.events), (4, 2, 1));
}

#[test]
fn a_proctitle_outside_the_range_still_ends_an_event_in_a_log() {
    let narrow = ReassemblyConfig {
        max: AUDIT_PATH,
        ..log_config()
    };
    let records = [(1, AUDIT_SYSCALL), (1, AUDIT_PROCTITLE)];
    check(narrow, &records, &["1: SYSCALL"]);
}

#[test]
fn a_record_for_context_comes_alone_and_at_once() {
    let narrow = ReassemblyConfig {
        context: &[AUDIT_USER_LOGIN],
        ..ReassemblyConfig::new(AUDIT_SYSCALL, AUDIT_PATH)
    };
    let records = [(1, AUDIT_SYSCALL), (1, AUDIT_USER_LOGIN), (1, AUDIT_EOE)];
    let mut reassembler = pushed(narrow, &records);
    let groups = whole(&mut reassembler);
    let marks: Vec<_> = groups
        .iter()
        .map(|group| (group.for_context, group.len()))
        .collect();
    assert_eq!(marks, [(true, 1), (false, 1)]);
    let tally = reassembler.tally();
    assert_eq!((tally.records, tally.filtered, tally.events), (3, 1, 1));
    assert_eq!(tally.truncated, 0);
}
