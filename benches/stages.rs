//! Measures each stage alone, or with the one before it where a name has both, over the records of
//! a busy host: time, throughput, allocations after warm-up and, with valgrind, instructions.
//!
//! `cargo bench --bench stages -- [--records N] [--runs N] [--instructions]`
//!
//! It fails if a stage allocates after warm-up, or if the whole pipeline allocates once in ten
//! thousand events or more in the second half of a log.

#![expect(clippy::print_stdout, reason = "the results go there")]

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
    Arena, AuditEvent, AuditMessageGroup, AuditReader, Classifier, ReaderConfig, ReassemblyConfig,
    encode,
    enrich::{Enricher, Keys},
    filter::{Filters, Lists},
    model::{Batch, Groups},
    parse::{Facts, Parser, tokenize},
    reader::Step,
    reassemble::Reassembler,
    record_type::{AUDIT_AVC, AUDIT_USER_AUTH},
    redact::Redactor,
    resolve::Absent,
    sink::{Sink, SinkConfig},
    source::{Fill, LogSource, Source},
};
use support::{log, number, option, sys};

#[global_allocator]
static ALLOCATOR: sys::Counting = sys::Counting;

/// The inputs of all stages, produced by the stages before them.
struct Input {
    path: PathBuf,
    text: Vec<u8>,
    batches: Vec<Batch>,
    groups: Groups,
    records: u64,
}

/// What the stages up to the classifier make of a group.
struct Made<'a> {
    group: AuditMessageGroup<'a>,
    facts: Facts<'a>,
    event: Option<&'a AuditEvent<'a>>,
}

/// One round of a stage over the whole input.
type Round<'a> = Box<dyn FnMut() + 'a>;

/// A stage. Its state between rounds is in the closure that `make` returns.
struct Stage {
    name: &'static str,
    make: for<'a> fn(&'a Input, &'a [Made<'a>]) -> Round<'a>,
    /// Whether it must not allocate after warm-up.
    is_frugal: bool,
}

const STAGES: &[Stage] = &[
    Stage {
        name: "read",
        make: |input, _| read(input),
        is_frugal: false,
    },
    Stage {
        name: "read+reassemble",
        make: |input, _| reassemble(input),
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
        name: "enrich",
        make: |_, made| enrich(made),
        is_frugal: true,
    },
    Stage {
        name: "encode",
        make: |_, made| encode(made),
        is_frugal: true,
    },
    Stage {
        name: "filter (1,000)",
        make: |_, made| filter(made),
        is_frugal: true,
    },
    Stage {
        name: "redact",
        make: |input, _| redact(input),
        is_frugal: false,
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
    let made = input.made(&arena);
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
        let (time, allocations) = measure(&mut *(stage.make)(&input, &made));
        report(stage.name, &input, time, allocations);
        is_frugal &= !stage.is_frugal || allocations == 0;
    }
    is_frugal &= pipeline();
    if is_frugal {
        return ExitCode::SUCCESS;
    }
    eprintln!("a stage allocates after warm-up");
    ExitCode::FAILURE
}

fn runs() -> u64 {
    number("--runs", 15)
}

/// The least time of several rounds after a warm-up, and the number of allocations of the last one.
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
        let (mut source, mut reassembler) = (input.source(), reassembler());
        loop {
            let mut batch = Batch::default();
            let fill = source.fill(&mut batch, None).expect("a log");
            input.records += batch.len() as u64;
            for record in batch.records() {
                reassembler.push(0, record);
            }
            input.batches.push(batch);
            if fill == Fill::End {
                break;
            }
        }
        reassembler.drain();
        reassembler.hand_over(&mut input.groups);
        Ok(input)
    }

    fn source(&self) -> LogSource {
        let (stopper, stop) = auditrd::source::stop().expect("a pipe");
        // Dropping the stopper would end the source.
        std::mem::forget(stopper);
        LogSource::open(std::slice::from_ref(&self.path), stop).expect("the log is there")
    }

    fn made<'a>(&'a self, arena: &'a Arena) -> Vec<Made<'a>> {
        let mut parser = Parser::default();
        let mut classifier = Classifier::new(Box::new(Absent));
        let make = |group| {
            let facts = parser.facts(&group, arena);
            let event = classifier.classify_facts(&group, &facts, arena);
            Made {
                group,
                event: event.map(|event| &*event),
                facts,
            }
        };
        self.groups.iter().map(make).collect()
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // It is in the target directory, where a leftover file is harmless.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn reassembler() -> Reassembler {
    let config = ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC);
    Reassembler::new(ReaderConfig::log(config).reassembly)
}

/// Opens the log, splits it into lines and parses their stamps.
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

/// As [`read`], and reassembles the records into events.
fn reassemble(input: &Input) -> Round<'_> {
    let mut batch = Batch::default();
    let (mut reassembler, mut groups) = (reassembler(), Groups::default());
    Box::new(move || {
        let mut source = input.source();
        while source.fill(&mut batch, None).expect("a log") != Fill::End {
            reassembler.push_batch(0, &mut batch);
            reassembler.hand_over(&mut groups);
            black_box(&groups);
        }
    })
}

/// Parses the stamps only.
fn header(input: &Input) -> Round<'_> {
    let line = |line| Some(&line[memchr::memmem::find(line, b"audit(")?..]);
    let lines: Vec<&[u8]> = input.text.split(|b| *b == b'\n').filter_map(line).collect();
    Box::new(move || {
        for line in &lines {
            black_box(auditrd::source::stamp(black_box(line)));
        }
    })
}

/// Splits bodies into keys and values.
fn tokens(input: &Input) -> Round<'_> {
    Box::new(|| {
        for record in input.batches.iter().flat_map(Batch::records) {
            for token in tokenize(record.body) {
                black_box(token);
            }
        }
    })
}

/// Parses the records of an event.
fn facts(input: &Input) -> Round<'_> {
    let (mut parser, mut arena) = (Parser::default(), Arena::new());
    Box::new(move || {
        for group in input.groups.iter() {
            black_box(parser.facts(&group, &arena));
            arena.reset();
        }
    })
}

/// Parses and classifies an event, and resolves its paths.
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

/// Adds all context that a log has.
fn enrich<'a>(made: &'a [Made<'a>]) -> Round<'a> {
    let (mut enricher, mut arena) = (Enricher::new(Keys::ALL), Arena::new());
    Box::new(move || {
        for Made {
            group,
            facts,
            event,
        } in made
        {
            enricher.observe(group, facts, *event, None);
            black_box(enricher.who(&arena));
            arena.reset();
        }
    })
}

/// A thousand expressions that no event meets.
fn expressions() -> Lists {
    let mut lists = Lists::default();
    for number in 0..125 {
        let text = format!(
            "drop exe=/opt/agent-{number}/**\n\
             drop comm=agent-{number}\n\
             drop path=/var/cache/{number}/*.tmp\n\
             drop key=rule-{number},uid=0\n\
             drop addr=10.{number}.0.0/16\n\
             drop exe=/usr/bin/*,comm=worker-{number}*\n\
             drop unit=job-{number}.service,success=no\n\
             drop auid={number},path=/home/{number}/**,syscall!=execve\n"
        );
        lists.read(&text).expect("expressions");
    }
    lists
}

/// Compares events with a thousand expressions.
fn filter<'a>(made: &'a [Made<'a>]) -> Round<'a> {
    let filters = Filters::new(expressions());
    Box::new(move || {
        for event in made.iter().filter_map(|made| made.event) {
            black_box(filters.drops(event));
        }
    })
}

/// Takes secrets out of records.
fn redact(input: &Input) -> Round<'_> {
    let mut redactor = Redactor::new(true, Vec::new(), false);
    let mut arena = Arena::new();
    Box::new(move || {
        for group in input.groups.iter() {
            black_box(redactor.redact(group, &arena).redacted);
            arena.reset();
        }
    })
}

/// Writes the line of an event.
fn encode<'a>(made: &'a [Made<'a>]) -> Round<'a> {
    let (mut encoder, mut out) = (encode::Encoder::default(), Vec::new());
    Box::new(move || {
        for event in made.iter().filter_map(|made| made.event) {
            out.clear();
            encoder.line(event, &mut out);
            black_box(&out);
        }
    })
}

/// Runs the whole pipeline from a log to a sink, with both threads and all context, and checks the
/// allocations in the second half of the log. No event is repeated. The tables of names and
/// processes grow until they are full, which they are by then.
fn pipeline() -> bool {
    let (log, size) = log::grown(10, None).expect("the busy host's log");
    let (stopper, stop) = auditrd::source::stop().expect("a pipe");
    let source = LogSource::open(&[log], stop).expect("the log is there");
    let config = ReaderConfig::log(ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
    let mut reader = AuditReader::spawn(Box::new(source), stopper, config).expect("a thread");
    let (mut parser, mut classifier) = (Parser::default(), Classifier::new(Box::new(Absent)));
    let mut enricher = Enricher::new(Keys::ALL);
    let mut sink = Sink::file("/dev/null".as_ref(), SinkConfig::default()).expect("a sink");
    let (mut encoder, mut arena) = (encode::Encoder::default(), Arena::new());
    let (mut events, mut warm) = (0, (0, 0));
    loop {
        match reader.step(None).expect("a log") {
            Step::Event(group) => {
                let facts = parser.facts(&group, &arena);
                let event = classifier.classify_facts(&group, &facts, &arena);
                enricher.observe(&group, &facts, event.as_deref(), None);
                if let Some(event) = event {
                    event.who = enricher.who(&arena);
                    if sink.line(1, |out| encoder.line(event, out)) {
                        sink.flush(Instant::now()).expect("room for lines");
                    }
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
    // Buffers grow when an event is larger than all before it; nothing else may allocate.
    count * 10_000 < rest
}

/// One round of one stage; valgrind counts its instructions.
#[inline(never)]
fn counted_round(round: &mut dyn FnMut()) {
    round();
}

/// Runs one stage twice: a warm-up, and a counted round.
fn once(name: &str) -> ExitCode {
    let input = Input::new(number("--records", 10_000)).expect("the busy host's log");
    let arena = Arena::new();
    let made = input.made(&arena);
    let stage = STAGES.iter().find(|stage| stage.name == name);
    let mut round = (stage.expect("a stage").make)(&input, &made);
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
