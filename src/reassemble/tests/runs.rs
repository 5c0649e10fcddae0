//! Records that arrive together.

use proptest::{prelude::*, sample::select};

use super::*;
use crate::model::AuditMessageGroup;

/// The types of records of one event, as the kernel orders them, or a part of them.
const ORDERS: [&[RecordType]; 6] = [
    &[AUDIT_SYSCALL, AUDIT_CWD, AUDIT_PATH, AUDIT_PROCTITLE],
    &[AUDIT_SYSCALL, AUDIT_EXECVE, AUDIT_PATH, AUDIT_PROCTITLE],
    &[AUDIT_SYSCALL, AUDIT_PROCTITLE],
    &[AUDIT_URINGOP, AUDIT_PATH],
    &[AUDIT_USER_LOGIN],
    &[],
];

/// The types of records that may follow.
const OTHERS: [RecordType; 6] = [
    AUDIT_PATH,
    AUDIT_SYSCALL,
    AUDIT_LOGIN,
    AUDIT_USER_LOGIN,
    AUDIT_PROCTITLE,
    AUDIT_EOE,
];

/// Bodies of SYSCALL and URINGOP records.
const BODIES: [&str; 4] = [
    "arch=c000003e syscall=59 success=yes exit=0 items=1 ppid=1",
    "arch=c000003e syscall=59 success=no exit=-2 items=0 ppid=1",
    "arch=c000003e syscall=2 success=yes exit=3 items=2 ppid=1",
    "",
];

/// The records of an event, in a row.
fn any_event() -> impl Strategy<Value = Vec<Record<'static>>> {
    let others = prop::collection::vec(select(&OTHERS), 0..3);
    let is_odd = prop::bool::weighted(0.1);
    let parts = (0..3u32, select(&ORDERS), others, any::<bool>());
    (parts, select(&BODIES), is_odd, is_odd).prop_map(|(parts, body, cut, relayed)| {
        let (serial, order, others, has_end) = parts;
        let types = order.iter().chain(&others).copied();
        let types = types.chain(has_end.then_some(AUDIT_EOE));
        let record = |record_type| Record {
            cut,
            relayed,
            ..record(serial, record_type, body.as_bytes())
        };
        types.map(record).collect()
    })
}

/// All events of the records, with their marks, and the counters, if they come in a batch or one by
/// one.
fn reassembled(
    config: &ReassemblyConfig,
    records: &[Record<'_>],
    is_batch: bool,
) -> (String, Tally) {
    let mut reassembler = Reassembler::new(config.clone());
    let mut batch = Batch::default();
    for record in records {
        match is_batch {
            true => batch.push(*record),
            false => reassembler.push(0, *record),
        }
    }
    reassembler.push_batch(0, &mut batch);
    assert!(batch.is_empty());
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
    fn records_in_a_batch_make_the_events_that_they_make_one_by_one(
        events in prop::collection::vec(any_event(), 1..12),
        ends_at_proctitle in any::<bool>(),
        is_narrow in any::<bool>(),
        max_events in 1..4usize,
        max_bytes in 300..2000usize,
        max_event_bytes in 100..2000usize,
    ) {
        let records = events.concat();
        let config = ReassemblyConfig {
            ends_at_proctitle,
            max: if is_narrow { AUDIT_PATH } else { AUDIT_AVC },
            max_events,
            max_bytes,
            max_event_bytes,
            ..config()
        };
        let in_batch = reassembled(&config, &records, true);
        prop_assert_eq!(in_batch, reassembled(&config, &records, false));
    }
}

#[test]
fn an_event_that_expires_when_a_batch_comes_keeps_its_records() {
    let mut reassembler = Reassembler::new(config());
    let mut batch = Batch::default();
    batch.push(record(1, AUDIT_SYSCALL, b"first"));
    reassembler.push_batch(0, &mut batch);
    assert_eq!(whole(&mut reassembler).len(), 0);
    batch.push(record(2, AUDIT_USER_LOGIN, b"second"));
    reassembler.push_batch(TIMEOUT, &mut batch);
    let groups = whole(&mut reassembler);
    let texts: Vec<_> = groups.iter().flat_map(|group| group.messages()).collect();
    assert_eq!(texts.len(), 2);
    assert_eq!([texts[0].data, texts[1].data], [&b"first"[..], b"second"]);
}
