//! The bounds of the reassembly.

use super::*;
use crate::model::AuditMessageGroup;

#[test]
fn more_nodes_than_the_bound_lose_no_event() {
    let mut reassembler = Reassembler::new(config());
    let names: Vec<String> = (0..70_000).map(|number| format!("n{number}")).collect();
    let mut events = 0;
    for name in &names {
        let node = name.as_bytes();
        reassembler.push(
            0,
            Record {
                node,
                ..record(1, AUDIT_SYSCALL, b"")
            },
        );
        for group in whole(&mut reassembler).iter() {
            assert!(group.incomplete && group.len() == 1);
            events += 1;
        }
    }
    reassembler.drain();
    events += popped(&mut reassembler).len();
    assert_eq!(events, names.len());
}

#[test]
fn too_many_events_evict_the_oldest_as_incomplete() {
    let few = ReassemblyConfig {
        max_events: 2,
        ..config()
    };
    let records = [(1, AUDIT_SYSCALL), (2, AUDIT_SYSCALL), (3, AUDIT_SYSCALL)];
    let mut reassembler = pushed(few, &records);
    assert_eq!(popped(&mut reassembler), ["1: SYSCALL incomplete"]);
    assert_eq!(
        (reassembler.in_flight(), reassembler.tally().evicted),
        (2, 1)
    );
}

#[test]
fn too_many_bytes_evict_the_oldest_as_incomplete() {
    let small = ReassemblyConfig {
        max_bytes: 250,
        ..config()
    };
    let mut reassembler = Reassembler::new(small);
    for serial in 1..=3 {
        reassembler.push(0, record(serial, AUDIT_SYSCALL, &[b'x'; 100]));
    }
    assert_eq!(popped(&mut reassembler), ["1: SYSCALL incomplete"]);
    assert_eq!(
        (reassembler.in_flight(), reassembler.tally().evicted),
        (2, 1)
    );
    reassembler.drain();
    assert_eq!(reassembler.bytes, 0);
}

#[test]
fn records_past_the_bound_of_one_event_are_left_out_and_marked() {
    let small = ReassemblyConfig {
        max_event_bytes: 250,
        ..config()
    };
    let mut reassembler = Reassembler::new(small);
    for _ in 0..4 {
        reassembler.push(0, record(1, AUDIT_PATH, &[b'x'; 100]));
    }
    // A smaller record still fits.
    reassembler.push(0, record(1, AUDIT_CWD, b""));
    reassembler.push(0, record(1, AUDIT_EOE, b""));
    assert_eq!(popped(&mut reassembler), ["1: PATH PATH CWD truncated"]);
    assert_eq!(reassembler.tally().truncated, 1);
}

#[test]
fn empty_records_are_bounded_too() {
    let small = ReassemblyConfig {
        max_event_bytes: 4096,
        ..config()
    };
    let mut reassembler = Reassembler::new(small);
    for _ in 0..10_000 {
        reassembler.push(0, record(1, AUDIT_PATH, b""));
    }
    reassembler.drain();
    let groups = whole(&mut reassembler);
    let group = groups.last().unwrap();
    assert!(group.truncated && group.len() < 1000, "{}", group.len());
}

#[test]
fn a_cut_record_marks_its_event_as_truncated() {
    for (record_type, expected) in [
        (AUDIT_SYSCALL, "1: SYSCALL truncated"),
        (AUDIT_USER_LOGIN, "1: USER_LOGIN truncated"),
    ] {
        let mut reassembler = Reassembler::new(config());
        let whole = record(1, record_type, b"x");
        reassembler.push(0, Record { cut: true, ..whole });
        reassembler.push(0, record(1, AUDIT_EOE, b""));
        assert_eq!(popped(&mut reassembler), [expected]);
        assert_eq!(reassembler.tally().truncated, 1);
    }
}

/// Record types of each role: within an event, at its end, and a whole event by itself.
const RECORD_TYPES: [RecordType; 7] = [
    AUDIT_SYSCALL,
    AUDIT_CWD,
    AUDIT_PATH,
    AUDIT_USER_LOGIN,
    AUDIT_EXECVE,
    AUDIT_PROCTITLE,
    AUDIT_EOE,
];

/// A reassembler that has carried and then finished events of these sizes in bytes.
fn carried(bytes: &[usize]) -> (Reassembler, Groups) {
    let mut reassembler = Reassembler::new(config());
    let mut groups = Groups::default();
    for (serial, length) in (1..).zip(bytes) {
        reassembler.push(0, record(serial, AUDIT_SYSCALL, &vec![b'x'; *length]));
    }
    reassembler.hand_over(&mut groups);
    reassembler.drain();
    reassembler.hand_over(&mut groups);
    (reassembler, groups)
}

#[test]
fn an_open_event_loses_nothing_at_a_hand_over() {
    let mut reassembler = Reassembler::new(config());
    let node = b"a".as_slice();
    let named = |serial, record_type, body| Record {
        node,
        ..record(serial, record_type, body)
    };
    reassembler.push(0, named(1, AUDIT_SYSCALL, b"one"));
    reassembler.push(0, record(2, AUDIT_SYSCALL, b"two"));
    assert!(whole(&mut reassembler).is_empty());
    reassembler.push(0, named(1, AUDIT_CWD, b"more"));
    reassembler.push(0, record(3, AUDIT_USER_LOGIN, b"between"));
    assert_eq!(popped(&mut reassembler), ["3: USER_LOGIN"]);
    reassembler.push(0, named(1, AUDIT_EOE, b""));
    reassembler.push(0, record(2, AUDIT_EOE, b""));
    let groups = whole(&mut reassembler);
    let texts = groups.iter().map(|group| {
        let data: Vec<&[u8]> = group.messages().map(|message| message.data).collect();
        (group.node, data)
    });
    let expected = [
        (node, vec![b"one".as_slice(), b"more"]),
        (b"", vec![b"two"]),
    ];
    assert!(texts.eq(expected), "{groups:?}");
}

#[test]
fn a_reused_buffer_holds_nothing_of_the_last_event() {
    let (mut reassembler, mut groups) = carried(&[10]);
    assert_eq!(reassembler.spare.len(), 1);
    reassembler.push(0, record(2, AUDIT_SYSCALL, b"new"));
    reassembler.hand_over(&mut groups);
    assert!(reassembler.spare.is_empty());
    reassembler.push(0, record(2, AUDIT_EOE, b""));
    reassembler.hand_over(&mut groups);
    assert_eq!(groups.len(), 1);
    let group = groups.last().unwrap();
    assert_eq!(group.messages().next().unwrap().data, b"new");
    assert!(group.len() == 1 && !group.incomplete && !group.truncated);
}

#[test]
fn large_buffers_are_not_kept() {
    let (reassembler, _) = carried(&[MAX_SPARE_BYTES + 1, 10, MAX_SPARE_BYTES + 1]);
    assert_eq!(reassembler.spare.len(), 1);
    let (reassembler, mut groups) = carried(&[4 << 20]);
    assert!(reassembler.spare.is_empty());
    groups.clear();
    assert_eq!(groups.bytes.capacity(), 0);
    // Empty records take memory too.
    let mut groups = Groups::default();
    let mut event = groups.begin(id(1), b"");
    for _ in 0..1 << 20 {
        event.push(AUDIT_PATH, b"");
    }
    let size = groups.size();
    groups.clear();
    groups.begin(id(2), b"").push(AUDIT_PATH, b"");
    assert!(groups.room() < size / 1000, "{}", groups.room());
}

#[test]
fn the_times_of_hand_overs_do_not_change_the_events() {
    let config = ReassemblyConfig {
        max_events: 4,
        max_bytes: 900,
        max_event_bytes: 300,
        ..log_config()
    };
    let nodes = [&b""[..], b"a", b"another"];
    // Every event, with its text, in order.
    let run = |between: u64| {
        let (mut reassembler, mut groups) = (Reassembler::new(config.clone()), Groups::default());
        let (mut events, mut state) = (Vec::new(), 1u32);
        for now in 0..20_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let pick = |shift: u32, of: usize| (state >> shift) as usize % of;
            let text = format!("{now} {}", "x".repeat(pick(8, 40)));
            let record = Record {
                node: nodes[pick(28, nodes.len())],
                ..record(
                    pick(24, 5) as u32,
                    RECORD_TYPES[pick(16, RECORD_TYPES.len())],
                    text.as_bytes(),
                )
            };
            reassembler.push(now, record);
            if now % between == 0 || now == 19_999 {
                reassembler.hand_over(&mut groups);
                events.extend(groups.iter().map(|group| {
                    let (node, marks) = (group.node.to_vec(), (group.incomplete, group.truncated));
                    let texts = group.messages().map(|m| (m.record_type, m.data.to_vec()));
                    (group.id, node, marks, texts.collect::<Vec<_>>())
                }));
            }
        }
        (events, reassembler.tally())
    };
    let at_the_end = run(u64::MAX);
    assert!(at_the_end.1.evicted > 0 && at_the_end.1.unfinished == 0);
    for between in [1, 2, 3, 7, 100] {
        assert!(run(between) == at_the_end, "{between}");
    }
}

#[test]
fn finished_events_do_not_accumulate_in_the_queue() {
    let mut reassembler = Reassembler::new(config());
    reassembler.push(0, record(0, AUDIT_SYSCALL, b""));
    for serial in 1..10_000 {
        reassembler.push(0, record(serial, AUDIT_SYSCALL, b""));
        reassembler.push(0, record(serial, AUDIT_EOE, b""));
    }
    assert!(
        reassembler.queue.len() < 2000,
        "{}",
        reassembler.queue.len()
    );
    assert_eq!(reassembler.slots.len(), 2);
    reassembler.expire(TIMEOUT);
    assert_eq!(
        popped(&mut reassembler).last().unwrap(),
        "0: SYSCALL incomplete"
    );
}

#[test]
fn every_record_is_in_an_event_or_counted_as_left_out() {
    // Pseudorandom records under bounds that are often reached.
    let config = ReassemblyConfig {
        max_events: 5,
        max_bytes: 800,
        max_event_bytes: 120,
        max: AUDIT_PATH,
        ..log_config()
    };
    let mut reassembler = Reassembler::new(config.clone());
    let (mut pushed, mut ends, mut outside) = (0, 0, 0);
    let mut state = 1u32;
    for now in 0..20_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let record_type = RECORD_TYPES[(state >> 16) as usize % RECORD_TYPES.len()];
        let length = (state >> 8) as usize % 40;
        reassembler.push(
            now,
            record((state >> 24) % 9, record_type, &[b'x'; 40][..length]),
        );
        pushed += 1;
        ends += u64::from(matches!(record_type, AUDIT_EOE | AUDIT_PROCTITLE));
        outside += u64::from(matches!(record_type, AUDIT_CWD | AUDIT_EXECVE));
        assert!(reassembler.in_flight() <= config.max_events);
        assert!(reassembler.bytes <= config.max_bytes);
    }
    reassembler.drain();
    assert_eq!((reassembler.in_flight(), reassembler.bytes), (0, 0));
    let groups = whole(&mut reassembler);
    let count =
        |test: fn(&AuditMessageGroup<'_>) -> bool| groups.iter().filter(|g| test(g)).count();
    let tally = reassembler.tally();
    let kept: u64 = groups.iter().map(|group| group.len() as u64).sum();
    assert_eq!((tally.records, tally.filtered), (pushed, outside));
    assert_eq!(tally.events, groups.len() as u64);
    assert_eq!(
        tally.unfinished + tally.evicted,
        count(|g| g.incomplete) as u64
    );
    assert_eq!(tally.truncated, count(|g| g.truncated) as u64);
    assert_eq!(tally.ends, ends);
    assert_eq!(tally.left_out, pushed - ends - outside - kept);
    assert!(tally.left_out >= tally.truncated, "{tally:?}");
    assert!(tally.evicted > 0 && tally.truncated > 0, "{tally:?}");
}
