//! The stages one by one, over the records of a busy host: time, throughput, what they allocate once
//! they are warm, and, under valgrind, how many instructions they take.
//!
//! `cargo bench --bench stages -- [--records N] [--runs N] [--instructions]`
//!
//! It fails if a stage allocates anything once it has seen its input, or if the whole way from a log
//! to a line allocates once in ten thousand events in the second half of a log, each of them new to it.

#![expect(clippy::print_stdout, reason = "figures go there")]

mod support;

use std::{
    fs::File,
    hint::black_box,
    io::{self, Write},
    path::PathBuf,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use auditrd::{
    Arena, AuditEvent, AuditReader, Classifier, ReaderConfig, ReassemblyConfig, encode,
    model::{Batch, Groups},
    parse::{self, tokenize},
    reader::Step,
    reassemble::Reassembler,
    record_type::{AUDIT_AVC, AUDIT_USER_AUTH},
    resolve::Absent,
    sink::{Sink, SinkConfig},
    source::{Fill, LogSource, Source},
};
use support::{log, number, option, sys};

#[global_allocator]
static ALLOCATOR: sys::Counting = sys::Counting;

/// What one stage is fed with, made by the stages before it.
struct Input {
    path: PathBuf,
    text: Vec<u8>,
    batches: Vec<Batch>,
    groups: Groups,
    records: u64,
}

/// One round of a stage over the whole input.
type Round<'a> = Box<dyn FnMut() + 'a>;

/// A stage: what it does to the whole input once. Whatever it keeps between two rounds is in the
/// closure that `make` returns.
struct Stage {
    name: &'static str,
    make: for<'a> fn(&'a Input, &'a [AuditEvent<'a>]) -> Round<'a>,
    /// Whether it may not allocate once it is warm.
    is_frugal: bool,
}

const STAGES: &[Stage] = &[
    Stage {
        name: "read",
        make: |input, _| read(input),
        is_frugal: false,
    },
    Stage {
        name: "header",
        make: |input, _| header(input),
        is_frugal: true,
    },
    Stage {
        name: "tokenise",
        make: |input, _| tokens(input),
        is_frugal: true,
    },
    Stage {
        name: "reassemble",
        make: |input, _| reassemble(input),
        is_frugal: true,
    },
    Stage {
        name: "parse",
        make: |input, _| facts(input),
        is_frugal: true,
    },
    Stage {
        name: "parse+classify",
        make: |input, _| classify(input),
        is_frugal: true,
    },
    Stage {
        name: "encode",
        make: |_, events| encode(events),
        is_frugal: true,
    },
];

fn main() -> ExitCode {
    if let Some(name) = option("--stage") {
        return once(&name);
    }
    if !support::is_bench() {
        return ExitCode::SUCCESS;
    }
    let input = Input::new(number("--records", 100_000)).expect("the busy host's log");
    let arena = Arena::new();
    let events = input.events(&arena);
    println!(
        "{} records, {} events, {:.1} MB; the least of {} runs",
        input.records,
        input.groups.len(),
        input.text.len() as f64 / 1e6,
        runs()
    );
    println!(
        "{:<16} {:>10} {:>9} {:>8} {:>13} {:>13}",
        "", "ns/record", "ns/event", "MB/s", "allocs/event", "instr/record"
    );
    let mut is_frugal = true;
    for stage in STAGES {
        let (time, allocations) = measure(&mut *(stage.make)(&input, &events));
        report(stage.name, &input, time, allocations);
        is_frugal &= !stage.is_frugal || allocations == 0;
    }
    is_frugal &= pipeline();
    if is_frugal {
        return ExitCode::SUCCESS;
    }
    eprintln!("a stage allocates that should not");
    ExitCode::FAILURE
}

fn runs() -> u64 {
    number("--runs", 15)
}

/// The least time of several rounds, and what the last one allocated. The first is for warming up.
fn measure(round: &mut dyn FnMut()) -> (Duration, u64) {
    round();
    let (mut least, mut allocations) = (Duration::MAX, 0);
    for _ in 0..runs() {
        let (before, start) = (sys::allocations(), Instant::now());
        round();
        least = least.min(start.elapsed());
        allocations = sys::allocations() - before;
    }
    (least, allocations)
}

fn report(name: &str, input: &Input, time: Duration, allocations: u64) {
    let (nanos, events) = (time.as_nanos() as f64, input.groups.len() as f64);
    let instructions = if support::has("--instructions") {
        instructions(name).map_or("?".to_owned(), |count| format!("{count:.0}"))
    } else {
        String::new()
    };
    println!(
        "{name:<16} {:>10.0} {:>9.0} {:>8.0} {:>13.4} {instructions:>13}",
        nanos / input.records as f64,
        nanos / events,
        input.text.len() as f64 * 1e3 / nanos,
        allocations as f64 / events,
    );
}

impl Input {
    fn new(records: u64) -> io::Result<Input> {
        let text = log::sample(records as usize)?;
        let path = log::directory().join(format!("sample-{}.log", std::process::id()));
        File::create(&path)?.write_all(&text)?;
        let mut input = Input {
            path,
            text,
            batches: Vec::new(),
            groups: Groups::default(),
            records: 0,
        };
        let mut source = input.source();
        loop {
            let mut batch = Batch::default();
            let fill = source.fill(&mut batch, None).expect("a log");
            input.records += batch.len() as u64;
            input.batches.push(batch);
            if fill == Fill::End {
                break;
            }
        }
        let mut reassembler = reassembler();
        for record in input.batches.iter().flat_map(Batch::records) {
            reassembler.push(0, record);
        }
        reassembler.drain();
        reassembler.hand_over(&mut input.groups);
        Ok(input)
    }

    fn source(&self) -> LogSource {
        let (stopper, stop) = auditrd::source::stop().expect("a pipe");
        // A source whose stopper is gone ends at once.
        std::mem::forget(stopper);
        LogSource::open(std::slice::from_ref(&self.path), stop).expect("the log is there")
    }

    fn events<'a>(&'a self, arena: &'a Arena) -> Vec<AuditEvent<'a>> {
        let mut classifier = Classifier::new(Box::new(Absent));
        let event = |group| classifier.classify(&group, arena);
        self.groups.iter().filter_map(event).collect()
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // It is in the directory for what the build makes, and may stay there.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn reassembler() -> Reassembler {
    let config = ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC);
    Reassembler::new(ReaderConfig::log(config).reassembly)
}

/// Opens the log, cuts it into lines and reads their stamps.
fn read(input: &Input) -> Round<'_> {
    let mut batch = Batch::default();
    Box::new(move || {
        let mut source = input.source();
        while source.fill(&mut batch, None).expect("a log") != Fill::End {
            black_box(&batch).len();
            batch.clear();
        }
        batch.clear();
    })
}

/// Reads the stamps of records alone.
fn header(input: &Input) -> Round<'_> {
    let line = |line| Some(&line[memchr::memmem::find(line, b"audit(")?..]);
    let lines: Vec<&[u8]> = input.text.split(|b| *b == b'\n').filter_map(line).collect();
    Box::new(move || {
        for line in &lines {
            black_box(auditrd::source::stamp(black_box(line)));
        }
    })
}

/// Cuts bodies into keys and values.
fn tokens(input: &Input) -> Round<'_> {
    Box::new(|| {
        for record in input.batches.iter().flat_map(Batch::records) {
            for token in tokenize(record.body) {
                black_box(token);
            }
        }
    })
}

/// Puts records together to events.
fn reassemble(input: &Input) -> Round<'_> {
    let (mut reassembler, mut groups) = (reassembler(), Groups::default());
    Box::new(move || {
        for batch in &input.batches {
            for record in batch.records() {
                reassembler.push(0, record);
            }
            reassembler.hand_over(&mut groups);
            black_box(&groups);
        }
    })
}

/// Tokenises and decodes what is wanted of an event's records.
fn facts(input: &Input) -> Round<'_> {
    let mut arena = Arena::new();
    Box::new(move || {
        for group in input.groups.iter() {
            black_box(parse::facts(&group, &arena));
            arena.reset();
        }
    })
}

/// As above, and makes an event of it with its paths resolved.
fn classify(input: &Input) -> Round<'_> {
    let mut classifier = Classifier::new(Box::new(Absent));
    let mut arena = Arena::new();
    Box::new(move || {
        for group in input.groups.iter() {
            black_box(classifier.classify(&group, &arena));
            arena.reset();
        }
    })
}

/// Writes the line of an event.
fn encode<'a>(events: &'a [AuditEvent<'a>]) -> Round<'a> {
    let (mut encoder, mut out) = (encode::Encoder::default(), Vec::new());
    Box::new(move || {
        for event in events {
            out.clear();
            encoder.line(event, &mut out);
            black_box(&out);
        }
    })
}

/// The whole way from a log to a sink, both threads, and what it allocates for each event in the
/// second half of the log. Every event is new to it.
fn pipeline() -> bool {
    let (log, size) = log::grown(4, None).expect("the busy host's log");
    let (stopper, stop) = auditrd::source::stop().expect("a pipe");
    let source = LogSource::open(&[log], stop).expect("the log is there");
    let config = ReaderConfig::log(ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
    let mut reader = AuditReader::spawn(Box::new(source), stopper, config).expect("a thread");
    let mut classifier = Classifier::new(Box::new(Absent));
    let mut sink = Sink::file("/dev/null".as_ref(), SinkConfig::default()).expect("a sink");
    let (mut encoder, mut arena) = (encode::Encoder::default(), Arena::new());
    let (mut events, mut warm) = (0, (0, 0));
    loop {
        match reader.step(None).expect("a log") {
            Step::Event(group) => {
                if let Some(event) = classifier.classify(&group, &arena)
                    && sink.line(1, |out| encoder.line(&event, out))
                {
                    sink.flush(Instant::now()).expect("room for lines");
                }
                arena.reset();
                events += 1;
                if events == size.events / 2 {
                    warm = (sys::allocations(), sys::allocated_bytes());
                }
            }
            Step::End => break,
            _ => {}
        }
    }
    let (count, bytes) = (sys::allocations() - warm.0, sys::allocated_bytes() - warm.1);
    let rest = events - size.events / 2;
    println!(
        "log to sink: {count} allocations ({bytes} bytes) in the last {rest} of {events} events, {:.5} per event",
        count as f64 / rest as f64
    );
    // A buffer that meets an event larger than any before it grows; nothing else may allocate.
    count * 10_000 < rest
}

/// One round of one stage, which valgrind counts.
#[inline(never)]
fn counted_round(round: &mut dyn FnMut()) {
    round();
}

/// Runs one stage twice, the second time to be counted.
fn once(name: &str) -> ExitCode {
    let input = Input::new(number("--records", 10_000)).expect("the busy host's log");
    let arena = Arena::new();
    let events = input.events(&arena);
    let stage = STAGES.iter().find(|stage| stage.name == name);
    let mut round = (stage.expect("a stage").make)(&input, &events);
    round();
    counted_round(&mut *round);
    ExitCode::SUCCESS
}

/// Instructions per record, counted by callgrind over the first 10,000 records.
fn instructions(name: &str) -> Option<f64> {
    const RECORDS: u32 = 10_000;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(["--collect-atstart=no", "--toggle-collect=*counted_round*"])
        .arg(std::env::current_exe().ok()?)
        .args(["--stage", name, "--records", &RECORDS.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let count = text
        .lines()
        .find_map(|line| line.split_once("Collected : "))?
        .1;
    Some(count.trim().parse::<f64>().ok()? / f64::from(RECORDS))
}
