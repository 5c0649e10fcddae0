//! Reading without a thread.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

type Part = (RecordType, u32, Fill);

/// What a reader says of an event.
fn described(event: &AuditMessageGroup<'_>) -> (u32, bool, usize) {
    (event.id.serial, event.incomplete, event.len())
}

/// All events of a reader with a thread, and its counters.
fn threaded(script: Vec<Part>, config: ReaderConfig) -> (Vec<(u32, bool, usize)>, Totals) {
    let source = Box::new(Script(script.into_iter()));
    let mut reader = AuditReader::spawn(source, None, config).expect("a thread");
    let mut events = Vec::new();
    while let Some(event) = reader.next().expect("a script can be read") {
        events.push(described(&event));
    }
    (events, reader.totals())
}

/// As [`threaded`], without one.
fn inline(script: Vec<Part>, config: ReaderConfig) -> (Vec<(u32, bool, usize)>, Totals) {
    let mut reader = InlineReader::new(Box::new(Script(script.into_iter())), config);
    let mut events = Vec::new();
    loop {
        match reader.step(None).expect("a script can be read") {
            Step::Event(event) => events.push(described(&event)),
            Step::Idle => {}
            Step::Interrupted => panic!("nothing interrupts it"),
            Step::End => return (events, reader.totals()),
        }
    }
}

proptest! {
    #[test]
    fn events_and_counters_do_not_depend_on_a_thread(
        script in vec((select(&[AUDIT_SYSCALL, AUDIT_USER_AUTH, AUDIT_EOE]), 1..30u32), 0..60),
    ) {
        let part = |(record_type, serial)| (record_type, serial, Fill::More);
        let script: Vec<Part> = script.into_iter().map(part).collect();
        let config = ReaderConfig::log(ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
        prop_assert_eq!(
            inline(script.clone(), config.clone()),
            threaded(script, config)
        );
    }
}

#[test]
fn without_a_thread_the_error_of_a_failed_source_follows_its_last_event() {
    let config = ReaderConfig::log(ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
    let mut reader = InlineReader::new(Box::new(Broken(false)), config);
    assert!(matches!(reader.step(None), Ok(Step::Idle)));
    assert!(matches!(reader.step(None), Ok(Step::Event(event)) if event.incomplete));
    assert!(matches!(reader.step(None), Ok(Step::Idle)));
    let error = reader.step(None).expect_err("it cannot be read");
    assert!(error.to_string().starts_with("cannot read the script"));
    // The error is returned once.
    assert!(matches!(reader.step(None), Ok(Step::End)));
}

#[test]
fn without_a_thread_a_deadline_ends_a_wait_for_records() {
    let config = ReaderConfig::log(ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
    let mut reader = InlineReader::new(Box::new(Silence), config);
    assert!(matches!(reader.step(None), Ok(Step::Idle)));
    let until = Instant::now() + Duration::from_millis(20);
    assert!(matches!(reader.step(Some(until)), Ok(Step::Interrupted)));
    assert!(Instant::now() >= until);
}
