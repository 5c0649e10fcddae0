//! Reads records from logs: files as auditd writes them, or streams of the same lines.
//!
//! A line is `type=SYSCALL msg=audit(…): …`, optionally prefixed by `node=NAME`. All other forms
//! are those of relays and tools, which [`wrap`](super::wrap) takes apart.

use std::{
    io,
    ops::Range,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::Instant,
};

use memchr::memchr;

use crate::{
    bytes::find_all,
    error::Error,
    model::{Batch, RecordType, Span, Timestamp, narrow},
    source::{
        EXCERPTS, Fill, Source, Stop,
        input::{Inputs, Read},
        line::{Line, common, split},
        stamp::Stamps,
        wrap::{self, Inner, JournalEntry, Unwrapper, Verdict},
    },
};

/// Longer lines are cut. The kernel's records are shorter than 9 KiB; relays may lengthen them.
const MAX_LINE_BYTES: usize = 1 << 20;

/// Reads logs, one after the other.
#[derive(Debug)]
pub struct LogSource {
    inputs: Inputs,
    /// The start of a line whose end has not been read yet.
    rest: Vec<u8>,
    /// Whether the next bytes belong to a line that has already been cut.
    skipping: bool,
    /// The line ends in the current chunk.
    ends: Vec<u32>,
    sample: Sample,
    lines: Lines,
    input: InputState,
    /// The first input that has ended without a record.
    barren: Option<Error>,
}

/// What is known of the current input.
#[derive(Debug, Default)]
struct InputState {
    has_started: bool,
    /// Whether its entries are those of the journal's export format.
    is_export: bool,
    has_records: bool,
    /// The input, if it has ended without a record.
    name: String,
}

impl LogSource {
    /// Opens all inputs, so that a wrong name fails before anything is read. `-` is standard input,
    /// and a directory stands for the files in it. Several files are read in the order of their
    /// first records.
    ///
    /// # Errors
    ///
    /// If one of them cannot be opened, or is a directory without files.
    pub fn open(names: &[PathBuf], stop: Stop) -> Result<LogSource, Error> {
        let mut inputs = Inputs::open(names, stop)?;
        inputs.sort_by_key(|start| {
            let first = wrap::first(start);
            (first.is_none(), first)
        })?;
        Ok(LogSource::new(inputs))
    }

    /// Reads lines from any descriptor.
    pub fn from_fd(fd: OwnedFd, stop: Stop) -> LogSource {
        LogSource::new(Inputs::from_fd(fd, stop))
    }

    fn new(inputs: Inputs) -> LogSource {
        LogSource {
            inputs,
            rest: Vec::new(),
            skipping: false,
            ends: Vec::new(),
            sample: Sample::default(),
            lines: Lines::default(),
            input: InputState::default(),
            barren: None,
        }
    }

    /// The total length of the unread inputs in bytes, if all of them are regular files. Call it
    /// before the first read.
    pub fn length(&self) -> Option<u64> {
        self.inputs.length()
    }

    /// A counter of the bytes read so far, for other threads.
    pub fn bytes_read(&self) -> Arc<AtomicU64> {
        self.inputs.bytes_read()
    }

    /// Prepares for an input when its first bytes have arrived.
    fn start(&mut self, bytes: &[u8]) {
        let year = |time| Timestamp::from_system(time).year();
        let name = self.inputs.name().map(|name| name.display().to_string());
        self.input = InputState {
            has_started: true,
            is_export: wrap::Entries::is_export(bytes),
            has_records: false,
            name: name.unwrap_or_default(),
        };
        self.sample = Sample::default();
        self.lines.start(self.inputs.modified().map(year));
    }

    /// Takes the records out of the bytes of the batch. An unfinished line or entry at their end is
    /// kept for later.
    fn take(&mut self, batch: &mut Batch, is_end: bool) {
        let mut bytes = std::mem::take(&mut batch.bytes);
        let before = (batch.len(), batch.sightings.kernel_lost);
        self.lines.may_be_binary &= !self.input.has_records;
        if self.input.is_export {
            self.entries(&bytes, is_end, batch);
        } else if !is_end {
            self.whole_lines(&bytes, batch);
        } else if !std::mem::take(&mut self.skipping) {
            self.lines
                .joined(&bytes, 0..bytes.len(), End::Missing, batch);
        }
        bytes.append(&mut self.lines.unescaped);
        batch.bytes = bytes;
        self.input.has_records |= (batch.len(), batch.sightings.kernel_lost) != before;
    }

    /// Splits the bytes into lines. An unterminated last line is kept for later.
    fn whole_lines(&mut self, bytes: &[u8], batch: &mut Batch) {
        self.ends.clear();
        find_all(b'\n', bytes, &mut self.ends);
        let ends = std::mem::take(&mut self.ends);
        let (first, others) = ends.split_at(self.sample.first(&ends));
        let start = self.searched_lines(bytes, 0, first, batch);
        self.lines.may_be_binary &= others.is_empty();
        if self.lines.is_binary {
            return;
        }
        let start = match self.sample.has_joined(bytes, start, others) {
            true => self.searched_lines(bytes, start, others, batch),
            false => self.usual_lines(bytes, start, others, batch),
        } as usize;
        self.sample.seen += start;
        self.ends = ends;
        let rest = bytes.get(start..).unwrap_or_default();
        if self.skipping {
            // Still the line that was cut.
        } else if rest.len() > MAX_LINE_BYTES {
            let cut = start..start + MAX_LINE_BYTES;
            self.lines.unusual(bytes, cut, End::Cut, batch);
            self.skipping = true;
        } else {
            self.rest.extend_from_slice(rest);
        }
    }

    /// Adds the records of lines, the first of which starts at `start`. Returns the start of the
    /// next line.
    #[inline(never)]
    fn usual_lines(
        &mut self,
        bytes: &[u8],
        mut start: u32,
        mut ends: &[u32],
        batch: &mut Batch,
    ) -> u32 {
        if let [end, others @ ..] = ends
            && std::mem::take(&mut self.skipping)
        {
            (start, ends) = (end + 1, others);
        }
        let mut rest = bytes.get(start as usize..).unwrap_or_default();
        let mut is_stamped = false;
        for end in ends {
            let line = rest.split_at_checked((end - start) as usize);
            let Some((line, [_, others @ ..])) = line else {
                break;
            };
            is_stamped = self.lines.usual(line, *end, is_stamped, batch);
            if !is_stamped {
                let place = start as usize..*end as usize;
                self.lines.unusual(bytes, place, End::Newline, batch);
            }
            (start, rest) = (end + 1, others);
        }
        start
    }

    /// As [`usual_lines`](Self::usual_lines), for lines in which several records may be joined.
    #[cold]
    fn searched_lines(
        &mut self,
        bytes: &[u8],
        mut start: u32,
        ends: &[u32],
        batch: &mut Batch,
    ) -> u32 {
        for end in ends {
            // Otherwise, it is still the line that was cut.
            if !std::mem::take(&mut self.skipping) {
                if self.lines.is_binary {
                    break;
                }
                let place = start as usize..*end as usize;
                self.lines.joined(bytes, place, End::Newline, batch);
            }
            start = end + 1;
        }
        start
    }

    /// Splits the bytes into entries of the journal.
    #[cold]
    fn entries(&mut self, bytes: &[u8], is_end: bool, batch: &mut Batch) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some((entry, length)) = wrap::Entries::next(rest, is_end) else {
                break;
            };
            self.lines.entry(&entry, bytes, batch);
            rest = rest.get(length..).unwrap_or_default();
        }
        if rest.len() > 4 * MAX_LINE_BYTES {
            log_malformed(rest);
            batch.sightings.malformed += 1;
        } else {
            self.rest.extend_from_slice(rest);
        }
    }

    /// Ends an input: notes whether it had any record.
    fn end_of_input(&mut self, batch: &mut Batch) {
        if !self.input.has_started {
            self.start(&batch.bytes);
        }
        self.take(batch, true);
        self.rest.clear();
        if !self.input.has_records && self.lines.strange > 0 && self.barren.is_none() {
            self.barren = Some(self.lines.nothing_found(&self.input.name));
        }
        self.input = InputState::default();
    }
}

impl Source for LogSource {
    fn fill(&mut self, batch: &mut Batch, until: Option<Instant>) -> Result<Fill, Error> {
        batch.bytes.append(&mut self.rest);
        match self.inputs.read(&mut batch.bytes, until)? {
            Read::Bytes => {
                if !self.input.has_started {
                    if wrap::Entries::may_be_export(&batch.bytes) {
                        self.rest.append(&mut batch.bytes);
                        return Ok(Fill::More);
                    }
                    self.start(&batch.bytes);
                }
                self.take(batch, false);
                if self.lines.is_binary {
                    // It has no records, so nothing refers to its bytes.
                    batch.bytes.clear();
                    self.inputs.skip();
                    self.end_of_input(batch);
                }
            }
            Read::EndOfInput => self.end_of_input(batch),
            Read::Nothing => self.rest.append(&mut batch.bytes),
            Read::Stopped => return Ok(Fill::End),
            Read::End => return self.barren.take().map_or(Ok(Fill::End), Err),
        }
        Ok(Fill::More)
    }
}

/// How a line ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Newline,
    /// It is longer than the limit.
    Cut,
    /// The input ends first.
    Missing,
}

/// Turns lines into records.
#[derive(Debug, Default)]
struct Lines {
    stamps: Stamps,
    unwrapper: Unwrapper,
    /// Texts of records that are not in the log as they are, because they had escapes in it. They
    /// belong behind the bytes of the batch.
    unescaped: Vec<u8>,
    /// Lines of the current input that are not records.
    strange: u64,
    /// Whether these are the first lines of an input, without a record so far.
    may_be_binary: bool,
    /// Whether one of them has a NUL.
    is_binary: bool,
    is_interpreted: bool,
}

impl Lines {
    fn start(&mut self, year: Option<u64>) {
        self.unwrapper.year = year;
        (self.strange, self.is_binary, self.is_interpreted) = (0, false, false);
        self.may_be_binary = true;
    }

    /// Adds the record in a line that is as auditd writes most lines, and ends at `end`. Returns
    /// `false` for any other line.
    ///
    /// `is_stamped` says that the last record of the batch has the last stamp and no node, as that
    /// of a usual line has.
    #[inline(always)]
    fn usual(&mut self, line: &[u8], end: u32, is_stamped: bool, batch: &mut Batch) -> bool {
        let Some((record_type, stamp)) = usual(line) else {
            return false;
        };
        let span = |body: &[u8]| Span::new(record_type, end - body.len() as u32..end);
        let same = self.stamps.same(stamp);
        if let Some(body) = same
            && is_stamped
        {
            batch.go_on(span(body));
            return true;
        }
        let Some(body) = same.or_else(|| self.stamps.another(stamp)) else {
            return false;
        };
        batch.add(self.stamps.last(), 0..0, span(body));
        true
    }

    /// Adds the records in any line to the batch, or counts the line as malformed. Skips empty
    /// lines.
    #[inline(never)]
    fn unusual(&mut self, bytes: &[u8], place: Range<usize>, end: End, batch: &mut Batch) {
        let start = place.start;
        let text = match bytes.get(place).unwrap_or_default() {
            [text @ .., b'\r'] => text,
            text => text,
        };
        let (text, end) = match text.get(..MAX_LINE_BYTES) {
            Some(beginning) if beginning.len() < text.len() => (beginning, End::Cut),
            _ => (text, end),
        };
        match split(text, &mut self.stamps) {
            Some(Line {
                node,
                record_type,
                id,
                body,
            }) => {
                let at = |part: Range<usize>| narrow(start + part.start..start + part.end);
                let span = Span {
                    cut: end != End::Newline && is_cut(text, end),
                    ..Span::new(record_type, at(body))
                };
                batch.add(id, at(node), span);
            }
            None => self.wrapped(bytes, text, end, batch),
        }
    }

    /// As [`unusual`](Self::unusual), for a line in which several records may be joined.
    #[cold]
    fn joined(&mut self, bytes: &[u8], place: Range<usize>, end: End, batch: &mut Batch) {
        let line = bytes.get(place.clone()).unwrap_or_default();
        if !wrap::is_joined(line) {
            return self.unusual(bytes, place, end, batch);
        }
        let text = line.get(..MAX_LINE_BYTES).unwrap_or(line);
        let end = if text.len() < line.len() {
            End::Cut
        } else {
            end
        };
        self.wrapped(bytes, text, end, batch);
    }

    /// Adds the records in a line that is not as auditd writes it.
    #[cold]
    fn wrapped(&mut self, bytes: &[u8], text: &[u8], end: End, batch: &mut Batch) {
        let cut = is_cut(text, end);
        let mut adder = Adder {
            bytes,
            unescaped: &mut self.unescaped,
            cut,
            batch,
        };
        let verdict = self.unwrapper.line(text, &mut |inner| adder.add(inner));
        self.count(verdict, text, batch);
    }

    /// Adds the record in an entry of the journal.
    fn entry(&mut self, entry: &JournalEntry, bytes: &[u8], batch: &mut Batch) {
        let mut adder = Adder {
            bytes,
            unescaped: &mut self.unescaped,
            cut: false,
            batch,
        };
        let verdict = self.unwrapper.entry(entry, &mut |inner| adder.add(inner));
        self.count(verdict, b"an entry of the journal", batch);
    }

    fn count(&mut self, verdict: Verdict, text: &[u8], batch: &mut Batch) {
        match verdict {
            Verdict::Records | Verdict::Decoration => return,
            Verdict::Lost(count) => {
                batch.sightings.kernel_lost += count;
                return;
            }
            Verdict::Interpreted => {
                if !std::mem::replace(&mut self.is_interpreted, true) {
                    log::warn!(
                        "the output of ausearch -i is ambiguous and is not read; use ausearch --raw"
                    );
                }
            }
            Verdict::Malformed => {
                log_malformed(text);
                let may_be_binary = self.may_be_binary && batch.is_empty();
                self.is_binary |= may_be_binary && memchr(0, text).is_some();
            }
        }
        self.strange += 1;
        batch.sightings.malformed += 1;
    }

    /// The error for an input without a record.
    fn nothing_found(&self, name: &str) -> Error {
        let reason = if self.is_binary {
            "it is a binary file"
        } else if self.is_interpreted {
            "it is the output of ausearch -i, which is ambiguous"
        } else {
            "it has none"
        };
        let error = io::Error::new(io::ErrorKind::InvalidData, reason);
        let error = Error::new(format!("find an audit record in {name}"), error);
        match self.is_interpreted {
            true => error.help("use ausearch --raw"),
            false => error,
        }
    }
}

/// Adds records whose texts may not be in the bytes of the batch.
struct Adder<'a> {
    bytes: &'a [u8],
    unescaped: &'a mut Vec<u8>,
    cut: bool,
    batch: &'a mut Batch,
}

impl Adder<'_> {
    fn add(&mut self, inner: Inner<'_>) {
        let (node, body) = (self.place(inner.node), self.place(inner.body));
        let span = Span {
            cut: self.cut || inner.is_truncated,
            relayed: inner.relayed,
            ..Span::new(inner.record_type, body)
        };
        self.batch.add(inner.id, node, span);
    }

    /// The range of a text in the bytes of the batch, to which it is added if it is not there.
    fn place(&mut self, text: &[u8]) -> Range<u32> {
        let addresses = self.bytes.as_ptr_range();
        let (first, last) = (text.as_ptr_range().start, text.as_ptr_range().end);
        if addresses.start <= first && last <= addresses.end {
            let start = first.addr() - addresses.start.addr();
            return narrow(start..start + text.len());
        }
        let start = self.bytes.len() + self.unescaped.len();
        self.unescaped.extend_from_slice(text);
        narrow(start..start + text.len())
    }
}

/// Whether a line lacks its last part. If the input ends without a newline, a value that is closed
/// is whole, but a number or a word may go on.
fn is_cut(text: &[u8], end: End) -> bool {
    match end {
        End::Newline => false,
        End::Cut => true,
        End::Missing => !matches!(text.trim_ascii_end(), [.., b'"' | b'\'' | b')' | b'}']),
    }
}

/// Finds out which lines have to be searched for joined records: the first ones of an input, and
/// all lines of a chunk in which a sample has some.
#[derive(Debug, Default)]
struct Sample {
    /// Bytes of the input in earlier chunks.
    seen: usize,
    /// Whether the last chunk had joined records.
    had_joined: bool,
}

impl Sample {
    /// Lines that end within this many bytes of the start of an input are all searched.
    const FIRST_BYTES: usize = 16 << 10;
    /// Of the others, one in this many is.
    const EVERY: usize = 512;

    /// How many lines of a chunk belong to the first ones.
    fn first(&self, ends: &[u32]) -> usize {
        let left = Sample::FIRST_BYTES.saturating_sub(self.seen);
        let is_start = self.seen == 0 && !ends.is_empty();
        ends.partition_point(|end| (*end as usize) < left)
            .max(usize::from(is_start))
    }

    /// Whether lines of a chunk with these ends, from `start` on, are joined, or those of the chunk
    /// before were.
    fn has_joined(&mut self, bytes: &[u8], start: u32, ends: &[u32]) -> bool {
        let is_joined = |index: usize| {
            let start = match index.checked_sub(1) {
                Some(before) => ends.get(before).map_or(start, |end| end + 1),
                None => start,
            };
            let end = ends.get(index).map_or(start, |end| *end);
            let line = bytes.get(start as usize..end as usize);
            line.is_some_and(wrap::is_joined)
        };
        let has_joined = (0..ends.len()).step_by(Sample::EVERY).any(is_joined);
        std::mem::replace(&mut self.had_joined, has_joined) || has_joined
    }
}

#[cold]
fn log_malformed(text: &[u8]) {
    log::info!(target: EXCERPTS, "not an audit record: {}", excerpt(text));
}

/// As [`common`], for a line that has nothing else that is unusual.
#[inline(always)]
fn usual(text: &[u8]) -> Option<(RecordType, &[u8])> {
    let parts = common(text)?;
    let is_whole = text.len() <= MAX_LINE_BYTES && !text.ends_with(b"\r");
    is_whole.then_some(parts)
}

/// The start of a malformed line, escaped for a terminal.
fn excerpt(text: &[u8]) -> impl std::fmt::Display {
    text.get(..120).unwrap_or(text).escape_ascii()
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;

    /// The parts of lines, most of them usual.
    const HEADS: [&str; 12] = [
        "type=PATH msg=",
        "type=SYSCALL msg=",
        "type=CWD msg=",
        "type=PROCTITLE msg=",
        "type=EOE msg=",
        "type=EXECVE msg=",
        "type=BPRM_FCAPS msg=",
        "type=PROCTITLEs msg=",
        "type=SOCKADDR msg=",
        "type=PATH ",
        "node=h type=PATH msg=",
        "",
    ];
    const STAMPS: [&str; 7] = [
        "audit(1795365817.963:231301): ",
        "audit(1795365817.963:231302): ",
        "audit(1795365817.964:231302): ",
        "audit(1795365817.963:4231301302): ",
        "audit(1795365817.963:231301):",
        "audit(1.002:3): ",
        "audit(1.002): ",
    ];
    const BODIES: [&str; 4] = ["cwd=\"/\"", "", " x", "a=audit(1.002:3): "];
    const ENDS: [&str; 3] = ["\n", "\r\n", "\n\n"];

    fn any_line() -> impl Strategy<Value = String> {
        let parts = (
            select(&HEADS),
            select(&STAMPS),
            select(&BODIES),
            select(&ENDS),
        );
        let is_cut = prop::bool::weighted(0.05);
        (parts, is_cut, 0..64usize).prop_map(|((head, stamp, body, end), is_cut, at)| {
            let mut line = format!("{head}{stamp}{body}");
            if is_cut {
                line.truncate(at);
            }
            line + end
        })
    }

    /// All that a batch says of its records.
    fn records(batch: &Batch) -> (Vec<String>, Vec<usize>, u64) {
        let records = batch.records().map(|record| format!("{record:?}"));
        let runs = batch.runs().map(|run| run.records.len());
        (records.collect(), runs.collect(), batch.sightings.malformed)
    }

    proptest! {
        #[test]
        fn usual_lines_are_read_as_any_others(
            lines in prop::collection::vec(any_line(), 0..20),
            repeats in 1..4usize,
        ) {
            let bytes = lines.iter().map(|line| line.repeat(repeats)).collect::<String>();
            let bytes = bytes.into_bytes();
            let mut ends = Vec::new();
            find_all(b'\n', &bytes, &mut ends);
            let nothing = std::fs::File::open("/dev/null").unwrap();
            let (_stopper, stop) = crate::source::stop().unwrap();
            let mut source = LogSource::from_fd(nothing.into(), stop);
            let mut usual = Batch::default();
            source.usual_lines(&bytes, 0, &ends, &mut usual);
            let (mut start, mut any) = (0, Batch::default());
            for end in ends {
                let place = start..end as usize;
                Lines::default().unusual(&bytes, place, End::Newline, &mut any);
                start = end as usize + 1;
            }
            usual.bytes.extend_from_slice(&bytes);
            any.bytes = bytes;
            prop_assert_eq!(records(&usual), records(&any));
        }
    }
}
