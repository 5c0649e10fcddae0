//! The reader's promises about its events and their end.

use std::io::{self, Write};

use super::*;
use crate::model::record_type::{AUDIT_AVC, AUDIT_EOE, AUDIT_SYSCALL, AUDIT_USER_AUTH};
use crate::model::{Batch, EventId, Record, RecordType};
use crate::source::{Fill, LogSource};

mod inline;
mod shared;

fn record(id: EventId, record_type: RecordType) -> Record<'static> {
    Record {
        id,
        record_type,
        node: b"",
        body: b"",
        cut: false,
        relayed: false,
    }
}

/// A source of scripted records, one per call.
struct Script(std::vec::IntoIter<(RecordType, u32, Fill)>);

impl Source for Script {
    fn fill(&mut self, batch: &mut Batch, _: Option<Instant>) -> Result<Fill, Error> {
        let Some((record_type, serial, fill)) = self.0.next() else {
            return Ok(Fill::End);
        };
        let id = EventId {
            serial,
            ..EventId::default()
        };
        batch.push(record(id, record_type));
        Ok(fill)
    }
}

/// A source without records, which waits as long as it is told to.
struct Silence;

impl Source for Silence {
    fn fill(&mut self, _: &mut Batch, until: Option<Instant>) -> Result<Fill, Error> {
        let until = until.expect("a heartbeat");
        thread::sleep(until.saturating_duration_since(Instant::now()));
        Ok(Fill::Drained(until))
    }
}

#[test]
fn the_reader_goes_round_at_each_heartbeat_without_records() {
    let mut config = ReaderConfig::live(ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
    config.heartbeat = Some(Duration::from_millis(1));
    let (stopper, _stop) = source::stop().expect("a pipe");
    let reader = AuditReader::spawn(Box::new(Silence), stopper, config).expect("a thread");
    let mut last = 0;
    for _ in 0..3 {
        while reader.totals().rounds == last {
            thread::yield_now();
        }
        last = reader.totals().rounds;
    }
    // This source does not stop, and its thread ends with the test.
    mem::forget(reader);
}

#[test]
fn an_event_does_not_expire_while_its_rest_may_be_in_the_socket() {
    let drained = Fill::Drained(Instant::now());
    let script = vec![
        (AUDIT_SYSCALL, 1, Fill::More),
        (AUDIT_SYSCALL, 2, Fill::More),
        (AUDIT_EOE, 1, drained),
        (AUDIT_EOE, 2, drained),
    ];
    // Each event expires as soon as it has started.
    let timeout = Duration::ZERO;
    let reassembly = ReassemblyConfig {
        timeout,
        ..ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC)
    };
    let (stopper, _stop) = source::stop().expect("a pipe");
    let source = Box::new(Script(script.into_iter()));
    let reader = AuditReader::spawn(source, stopper, ReaderConfig::live(reassembly));
    let mut events = reader.expect("a thread");
    let mut ends = Vec::new();
    while let Some(event) = events.next().expect("a script can be read") {
        ends.push((event.id.serial, event.incomplete));
    }
    assert_eq!(ends, [(1, false), (2, true)]);
}
/// Reads a log to its end.
fn read(text: &[u8]) -> AuditReader {
    let (input, mut output) = io::pipe().expect("a pipe");
    output.write_all(text).expect("there is room");
    let (stopper, stop) = source::stop().expect("a pipe");
    let source = Box::new(LogSource::from_fd(input.into(), stop));
    let config = ReaderConfig::log(ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
    AuditReader::spawn(source, stopper, config).expect("a thread")
}

#[test]
fn a_serial_is_tracked_although_another_node_has_just_had_the_same_stamp() {
    let lines = (1..=9).map(|serial| {
        let record = format!("type=USER_LOGIN msg=audit(1.000:{serial}): op=x\n");
        format!("node=far {record}{record}")
    });
    let mut text = lines.collect::<String>();
    text.push_str("type=USER_LOGIN msg=audit(1.000:10): op=x\n");
    // The first serial sets the start of the window, and all after it are expected.
    let first = "type=USER_LOGIN msg=audit(0.999:0): op=x\n";
    let mut reader = read((first.to_owned() + &text).as_bytes());
    while reader.next().expect("a log").is_some() {}
    let totals = reader.totals();
    assert_eq!((totals.tally.events, totals.missing), (20, 0));
}

#[test]
fn the_daemons_own_serials_are_not_missing_ones() {
    let text = "type=USER_LOGIN msg=audit(1.000:70): op=x\n\
                type=DAEMON_ROTATE msg=audit(1.001:5071): op=rotate-logs res=success\n\
                type=USER_LOGIN msg=audit(1.002:71): op=x\n\
                type=DAEMON_END msg=audit(1.003:5072): op=terminate res=success\n";
    let mut reader = read(text.as_bytes());
    while reader.next().expect("a log").is_some() {}
    assert_eq!(reader.totals().missing, 0);
}

#[test]
fn a_finished_reader_has_no_more_events() {
    let mut reader = read(b"type=USER_LOGIN msg=audit(1.000:1): op=x\n");
    reader.finish().expect("nothing went wrong");
    assert!(matches!(reader.next(), Ok(None)));
    assert!(matches!(reader.step(None), Ok(Step::End)));
}

/// A source that has one event and then fails.
struct Broken(bool);

impl Source for Broken {
    fn fill(&mut self, batch: &mut Batch, _: Option<Instant>) -> Result<Fill, Error> {
        if std::mem::replace(&mut self.0, true) {
            let cause = io::Error::from(io::ErrorKind::Other);
            return Err(Error::new("read the script", cause));
        }
        batch.push(record(EventId::default(), AUDIT_SYSCALL));
        Ok(Fill::More)
    }
}

#[test]
fn the_error_of_a_failed_source_follows_its_last_event() {
    let (stopper, _stop) = source::stop().expect("a pipe");
    let reassembly = ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC);
    let config = ReaderConfig::live(reassembly);
    let mut reader =
        AuditReader::spawn(Box::new(Broken(false)), stopper, config).expect("a thread");
    assert!(matches!(reader.next(), Ok(Some(event)) if event.incomplete));
    let error = reader.next().expect_err("it cannot be read");
    assert!(error.to_string().starts_with("cannot read the script"));
    // The error is returned once.
    assert!(matches!(reader.next(), Ok(None)));
    reader.finish().expect("the error was returned already");
}
