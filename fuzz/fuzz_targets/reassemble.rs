//! Records of any events in any order at any time: each is part of at most one event, its own, in
//! order of arrival, and no bound is exceeded.
#![no_main]

use std::{collections::HashMap, time::Duration};

use arbitrary::Arbitrary;
use auditrd::{
    AuditMessageGroup, ReassemblyConfig, RecordType,
    model::{EventId, Groups, Record, Timestamp},
    reassemble::Reassembler,
    record_type::*,
};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    is_log: bool,
    max_events: u8,
    max_bytes: u16,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Debug)]
enum Step {
    Push {
        serial: u8,
        second: u8,
        node: u8,
        kind: Kind,
        length: u8,
        cut: bool,
    },
    Wait(u16),
    StepBack(u16),
    HandOver,
    Drain,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Kind {
    Syscall,
    Path,
    Cwd,
    Execve,
    Title,
    End,
    Login,
    Other(u16),
}

impl Kind {
    fn number(self) -> RecordType {
        match self {
            Kind::Syscall => AUDIT_SYSCALL,
            Kind::Path => AUDIT_PATH,
            Kind::Cwd => AUDIT_CWD,
            Kind::Execve => AUDIT_EXECVE,
            Kind::Title => AUDIT_PROCTITLE,
            Kind::End => AUDIT_EOE,
            Kind::Login => AUDIT_USER_LOGIN,
            Kind::Other(number) => RecordType(number),
        }
    }
}

const NODES: [&[u8]; 4] = [b"", b"a", b"b", b"a b"];

/// The events so far, and checks on them.
#[derive(Default)]
struct Seen {
    groups: u64,
    records: u64,
    /// The number of the last record of each event.
    last: HashMap<(EventId, Vec<u8>), u64>,
}

impl Seen {
    fn take(&mut self, group: AuditMessageGroup<'_>) {
        self.groups += 1;
        for message in group.messages() {
            self.records += 1;
            let text = str::from_utf8(message.data).expect("as it was pushed");
            let mut words = text.split(' ');
            let number: u64 = words
                .next()
                .and_then(|word| word.parse().ok())
                .expect("a number");
            let serial = words.next().and_then(|word| word.parse().ok());
            assert_eq!(serial, Some(group.id.serial), "a record of another event");
            let last = self
                .last
                .entry((group.id, group.node.to_vec()))
                .or_default();
            assert!(*last < number, "twice, or out of order");
            *last = number;
        }
    }
}

fuzz_target!(|input: Input| {
    let mut config = ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC);
    config.timeout = Duration::from_secs(2);
    config.ends_at_proctitle = input.is_log;
    config.max_events = 1 + usize::from(input.max_events);
    config.max_bytes = 256 + usize::from(input.max_bytes);
    config.max_event_bytes = 256;
    let max_events = config.max_events;
    let mut reassembler = Reassembler::new(config);
    let mut whole = Groups::default();
    let (mut seen, mut now, mut pushed) = (Seen::default(), 1_000_000, 0);
    for step in &input.steps {
        match step {
            Step::Push {
                serial,
                second,
                node,
                kind,
                length,
                cut,
            } => {
                pushed += 1;
                let body = format!(
                    "{pushed} {serial} items={} {:1$}",
                    length % 4,
                    usize::from(*length)
                );
                reassembler.push(
                    now,
                    Record {
                        id: EventId {
                            time: Timestamp {
                                seconds: u64::from(second % 4),
                                millis: 0,
                            },
                            serial: u32::from(*serial),
                        },
                        record_type: kind.number(),
                        node: NODES[usize::from(node % 4)],
                        body: body.as_bytes(),
                        cut: *cut,
                        relayed: false,
                    },
                );
            }
            Step::Wait(by) => {
                now += u64::from(*by);
                reassembler.expire(now);
                assert!(
                    reassembler
                        .next_deadline()
                        .is_none_or(|deadline| deadline > now)
                );
            }
            Step::StepBack(by) => now -= u64::from(*by).min(now),
            Step::HandOver => {
                reassembler.hand_over(&mut whole);
                whole.iter().for_each(|group| seen.take(group));
            }
            Step::Drain => reassembler.drain(),
        }
        assert!(reassembler.in_flight() <= max_events);
    }
    reassembler.drain();
    assert_eq!(
        (reassembler.in_flight(), reassembler.next_deadline()),
        (0, None)
    );
    reassembler.hand_over(&mut whole);
    whole.iter().for_each(|group| seen.take(group));
    let tally = reassembler.tally();
    assert_eq!((tally.records, tally.events), (pushed, seen.groups));
    assert!(seen.records + tally.filtered <= pushed);
});
