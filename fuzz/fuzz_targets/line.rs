//! Whole logs, from bytes to lines: every line is JSON with the required keys and within the limit,
//! and the lines do not depend on where the stream was split.
#![no_main]

use std::io::Write;

use arbitrary::Arbitrary;
use auditrd::{
    Arena, Classifier, Kinds, ReassemblyConfig, RecordType, encode,
    model::{Batch, Groups},
    reassemble::Reassembler,
    record_type::AUDIT_GET,
    resolve::Absent,
    source::{Fill, LogSource, Source},
};
use auditrd_fuzz::check_lines;
use libfuzzer_sys::fuzz_target;

/// The capacity of a pipe.
const PIPE_BYTES: usize = 65_536;
/// The limit on the length of a line. A line without any text is shorter.
const MAX_LINE_BYTES: usize = 4096;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    cut: u16,
    log: &'a [u8],
}

fuzz_target!(|input: Input| {
    let log = input.log.get(..PIPE_BYTES).unwrap_or(input.log);
    // Compressed input may have no record before its end, and `events` waits for one before that.
    if matches!(log, [0x1f | 0x28 | 0xfd, ..]) {
        return;
    }
    let whole = events(&[log]);
    check_lines(&whole.lines);
    for line in check_lines(&whole.short) {
        assert!(serde_json::to_vec(&line).is_ok());
    }
    let lines = whole.short.split_inclusive(|byte| *byte == b'\n');
    assert!(
        lines
            .map(<[u8]>::len)
            .all(|length| length <= MAX_LINE_BYTES)
    );
    let (before, after) = log.split_at(usize::from(input.cut).min(log.len()));
    if !before.is_empty() && !after.is_empty() {
        assert!(events(&[before, after]).lines == whole.lines);
    }
});

#[derive(Default)]
struct Events {
    lines: Vec<u8>,
    /// The lines with a limit on their length.
    short: Vec<u8>,
}

/// The lines of a log that is read in these parts.
fn events(parts: &[&[u8]]) -> Events {
    let (stopper, stop) = auditrd::source::stop().expect("a pipe");
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let mut source = LogSource::from_fd(reader.into(), stop);
    let mut config = ReassemblyConfig::new(AUDIT_GET, RecordType(2999));
    config.ends_at_proctitle = true;
    let mut reassembler = Reassembler::new(config);
    let mut classifier = Classifier::new(Box::new(Absent)).with_kinds(Kinds::ALL);
    let (mut arena, mut batch) = (Arena::new(), Batch::default());
    let (mut events, mut groups) = (Events::default(), Groups::default());
    let mut take = |reassembler: &mut Reassembler| {
        reassembler.hand_over(&mut groups);
        for group in groups.iter() {
            if let Some(mut event) = classifier.classify(&group, &arena) {
                encode::line(&event, &mut events.lines);
                encode::line_within(&mut event, MAX_LINE_BYTES, &arena, &mut events.short);
            }
            arena.reset();
        }
    };
    for part in parts.iter().filter(|part| !part.is_empty()) {
        writer.write_all(part).expect("the pipe has room");
        // A log without any record is an error at its end.
        let _ = source.fill(&mut batch, None);
        for record in batch.records() {
            reassembler.push(0, record);
        }
        batch.clear();
        take(&mut reassembler);
    }
    drop(writer);
    while source
        .fill(&mut batch, None)
        .is_ok_and(|fill| fill == Fill::More)
    {
        for record in batch.records() {
            reassembler.push(0, record);
        }
        batch.clear();
    }
    reassembler.drain();
    take(&mut reassembler);
    drop(stopper);
    events
}
