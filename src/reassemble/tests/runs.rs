//! Records that arrive together.

use proptest::prelude::*;

use super::*;
use crate::model::AuditMessageGroup;

/// A record of one of three events, of any type, with texts that announce names.
fn any_record() -> impl Strategy<Value = Record<'static>> {
    let types = std::vec![
        AUDIT_SYSCALL,
        AUDIT_CWD,
        AUDIT_PATH,
        AUDIT_EXECVE,
        AUDIT_URINGOP,
        AUDIT_LOGIN,
        AUDIT_USER_LOGIN,
        AUDIT_PROCTITLE,
        AUDIT_EOE,
    ];
    let bodies = std::vec![
        "arch=c000003e syscall=59 success=yes exit=0 items=1 ppid=1",
        "arch=c000003e syscall=2 success=yes exit=3 items=1 ppid=1",
        "uring_op=18 success=yes exit=3 items=0 ppid=1",
        "item=0 name=\"/a\"",
        "",
    ];
    let (types, bodies) = (prop::sample::select(types), prop::sample::select(bodies));
    let marks = prop::bool::weighted(0.05);
    (1..4u32, types, bodies, marks, marks).prop_map(|(serial, record_type, body, cut, relayed)| {
        Record {
            cut,
            relayed,
            ..record(serial, record_type, body.as_bytes())
        }
    })
}

/// Several whole events and parts of others, as the kernel orders their records.
fn any_records() -> impl Strategy<Value = Vec<Record<'static>>> {
    let shape = prop::sample::select(std::vec![
        &[
            AUDIT_SYSCALL,
            AUDIT_CWD,
            AUDIT_PATH,
            AUDIT_PROCTITLE,
            AUDIT_EOE
        ][..],
        &[
            AUDIT_SYSCALL,
            AUDIT_EXECVE,
            AUDIT_CWD,
            AUDIT_PATH,
            AUDIT_PROCTITLE
        ],
        &[AUDIT_URINGOP, AUDIT_PATH, AUDIT_EOE],
        &[AUDIT_USER_LOGIN],
        &[],
    ]);
    prop::collection::vec((shape, prop::collection::vec(any_record(), 0..3)), 1..12).prop_map(
        |events| {
            let mut records = Vec::new();
            for (serial, (shape, others)) in (0..).zip(events) {
                let call = b"arch=c000003e syscall=59 success=yes exit=0 items=1 ppid=1";
                records.extend(shape.iter().map(|kind| record(serial % 4, *kind, call)));
                records.extend(others);
            }
            records
        },
    )
}

/// All events of the records, with their marks, and the counters, if runs are taken as they come or
/// if each record is a run.
fn events(config: &ReassemblyConfig, records: &[Record<'_>], has_runs: bool) -> (String, Tally) {
    let mut reassembler = Reassembler::new(config.clone());
    for run in records.chunk_by(|one, next| has_runs && one.id == next.id) {
        let run: Vec<Entry> = run.iter().map(|r| reassembler.store(*r)).collect();
        reassembler.take(0, &run);
    }
    reassembler.drain();
    let groups = whole(&mut reassembler);
    let text = |group: AuditMessageGroup<'_>| {
        let marks = (group.incomplete, group.truncated, group.relayed);
        let messages: Vec<_> = group.messages().collect();
        format!("{:?} {marks:?} {messages:?}\n", group.id)
    };
    (groups.iter().map(text).collect(), reassembler.tally())
}

proptest! {
    #[test]
    fn records_in_one_run_make_the_events_that_they_make_one_by_one(
        records in any_records(),
        ends_at_proctitle in any::<bool>(),
        is_narrow in any::<bool>(),
        max_events in 1..4usize,
        max_bytes in 300..1000usize,
        max_event_bytes in 100..1000usize,
    ) {
        let config = ReassemblyConfig {
            ends_at_proctitle,
            max: if is_narrow { AUDIT_PATH } else { AUDIT_AVC },
            max_events,
            max_bytes,
            max_event_bytes,
            ..config()
        };
        prop_assert_eq!(events(&config, &records, true), events(&config, &records, false));
    }
}
