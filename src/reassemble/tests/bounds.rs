//! What happens where there is too much of something.

use super::*;

#[test]
fn more_hosts_than_are_remembered_lose_no_event() {
    let mut marshaller = AuditMarshaller::new(config());
    let names: Vec<String> = (0..70_000).map(|number| format!("n{number}")).collect();
    let mut events = 0;
    for name in &names {
        let node = name.as_bytes();
        marshaller.push(
            0,
            Record {
                node,
                ..record(1, AUDIT_SYSCALL, b"")
            },
        );
        while let Some(group) = marshaller.pop() {
            assert!(group.incomplete && group.len() == 1);
            events += 1;
        }
    }
    marshaller.drain();
    events += popped(&mut marshaller).len();
    assert_eq!(events, names.len());
}

#[test]
fn the_oldest_goes_out_marked_when_there_are_too_many() {
    let few = MarshallerConfig {
        max_events: 2,
        ..config()
    };
    let records = [(1, AUDIT_SYSCALL), (2, AUDIT_SYSCALL), (3, AUDIT_SYSCALL)];
    let mut marshaller = pushed(few, &records);
    assert_eq!(popped(&mut marshaller), ["1: SYSCALL incomplete"]);
    assert_eq!((marshaller.in_flight(), marshaller.tally().evicted), (2, 1));
}

#[test]
fn the_oldest_goes_out_marked_when_all_are_too_large() {
    let small = MarshallerConfig {
        max_bytes: 250,
        ..config()
    };
    let mut marshaller = AuditMarshaller::new(small);
    for serial in 1..=3 {
        marshaller.push(0, record(serial, AUDIT_SYSCALL, &[b'x'; 100]));
    }
    assert_eq!(popped(&mut marshaller), ["1: SYSCALL incomplete"]);
    assert_eq!((marshaller.in_flight(), marshaller.tally().evicted), (2, 1));
    marshaller.drain();
    assert_eq!(marshaller.bytes, 0);
}

#[test]
fn records_past_the_bound_of_one_event_are_left_out_and_said() {
    let small = MarshallerConfig {
        max_event_bytes: 250,
        ..config()
    };
    let mut marshaller = AuditMarshaller::new(small);
    for _ in 0..4 {
        marshaller.push(0, record(1, AUDIT_PATH, &[b'x'; 100]));
    }
    // A small one still fits: the bound is on bytes.
    marshaller.push(0, record(1, AUDIT_CWD, b""));
    marshaller.push(0, record(1, AUDIT_EOE, b""));
    assert_eq!(popped(&mut marshaller), ["1: PATH PATH CWD truncated"]);
    assert_eq!(marshaller.tally().truncated, 1);
}

#[test]
fn records_with_nothing_in_them_are_bounded_too() {
    let small = MarshallerConfig {
        max_event_bytes: 4096,
        ..config()
    };
    let mut marshaller = AuditMarshaller::new(small);
    for _ in 0..10_000 {
        marshaller.push(0, record(1, AUDIT_PATH, b""));
    }
    marshaller.drain();
    let group = marshaller.pop().unwrap();
    assert!(group.truncated && group.len() < 1000, "{}", group.len());
}

#[test]
fn a_record_that_was_cut_marks_its_event() {
    for (kind, expected) in [
        (AUDIT_SYSCALL, "1: SYSCALL truncated"),
        (AUDIT_USER_LOGIN, "1: USER_LOGIN truncated"),
    ] {
        let mut marshaller = AuditMarshaller::new(config());
        let whole = record(1, kind, b"x");
        marshaller.push(0, Record { cut: true, ..whole });
        marshaller.push(0, record(1, AUDIT_EOE, b""));
        assert_eq!(popped(&mut marshaller), [expected]);
        assert_eq!(marshaller.tally().truncated, 1);
    }
}

#[test]
fn buffers_that_were_given_back_are_used_for_another_event() {
    let mut marshaller = AuditMarshaller::new(config());
    let node = b"old".as_slice();
    marshaller.push(
        0,
        Record {
            node,
            cut: true,
            ..record(1, AUDIT_SYSCALL, b"old")
        },
    );
    marshaller.drain();
    let group = marshaller.pop().unwrap();
    let buffer = group.messages().next().unwrap().data.as_ptr();
    marshaller.recycle(group);
    marshaller.push(0, record(2, AUDIT_SYSCALL, b"new"));
    marshaller.push(0, record(2, AUDIT_EOE, b""));
    let group = marshaller.pop().unwrap();
    let message = group.messages().next().unwrap();
    assert_eq!((message.data, message.data.as_ptr()), (&b"new"[..], buffer));
    assert!(group.node.is_empty() && !group.incomplete && !group.truncated);
}

#[test]
fn large_buffers_are_not_kept() {
    let mut marshaller = AuditMarshaller::new(config());
    let mut group = AuditMessageGroup::new(id(1), b"");
    group.push(AUDIT_PATH, &vec![b'x'; SPARE_CAPACITY + 1]);
    marshaller.recycle(group);
    let name = vec![b'n'; SPARE_CAPACITY + 1];
    marshaller.recycle(AuditMessageGroup::new(id(2), &name));
    assert!(marshaller.spare.is_empty());
    marshaller.recycle(AuditMessageGroup::new(id(3), b"n"));
    assert_eq!(marshaller.spare.len(), 1);
}

#[test]
fn finished_events_do_not_pile_up_in_the_queue() {
    let mut marshaller = AuditMarshaller::new(config());
    marshaller.push(0, record(0, AUDIT_SYSCALL, b""));
    for serial in 1..10_000 {
        marshaller.push(0, record(serial, AUDIT_SYSCALL, b""));
        marshaller.push(0, record(serial, AUDIT_EOE, b""));
    }
    assert!(marshaller.queue.len() < 2000, "{}", marshaller.queue.len());
    assert_eq!(marshaller.slots.len(), 2);
    marshaller.expire(TIMEOUT);
    assert_eq!(
        popped(&mut marshaller).last().unwrap(),
        "0: SYSCALL incomplete"
    );
}

#[test]
fn every_record_is_in_an_event_or_counted_as_left_out() {
    // All there is, in a fixed disorder, under bounds that are often met.
    let config = MarshallerConfig {
        max_events: 5,
        max_bytes: 800,
        max_event_bytes: 120,
        max: AUDIT_PATH,
        ..log_config()
    };
    let kinds = [
        AUDIT_SYSCALL,
        AUDIT_CWD,
        AUDIT_PATH,
        AUDIT_USER_LOGIN,
        AUDIT_EXECVE,
        AUDIT_PROCTITLE,
        AUDIT_EOE,
    ];
    let mut marshaller = AuditMarshaller::new(config.clone());
    let (mut pushed, mut ends, mut outside) = (0, 0, 0);
    let mut state = 1u32;
    for now in 0..20_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let kind = kinds[(state >> 16) as usize % kinds.len()];
        let length = (state >> 8) as usize % 40;
        marshaller.push(now, record((state >> 24) % 9, kind, &[b'x'; 40][..length]));
        pushed += 1;
        ends += u64::from(matches!(kind, AUDIT_EOE | AUDIT_PROCTITLE));
        outside += u64::from(matches!(kind, AUDIT_CWD | AUDIT_EXECVE));
        assert!(marshaller.in_flight() <= config.max_events);
        assert!(marshaller.bytes <= config.max_bytes);
    }
    marshaller.drain();
    assert_eq!((marshaller.in_flight(), marshaller.bytes), (0, 0));
    let groups: Vec<AuditMessageGroup> = std::iter::from_fn(|| marshaller.pop()).collect();
    let count = |test: fn(&AuditMessageGroup) -> bool| groups.iter().filter(|g| test(g)).count();
    let tally = marshaller.tally();
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
