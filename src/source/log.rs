//! Reads records from logs: files as auditd writes them, or streams of the same lines.
//!
//! A line is `type=SYSCALL msg=audit(…): …`, optionally prefixed by `node=NAME`. The forms in
//! syslog and the kernel log, `… audit: type=1300 audit(…): …`, are accepted too.

use std::{
    ops::Range,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::Instant,
};

use memchr::{memchr, memchr_iter, memmem};

use crate::{
    bytes::{Prefix, find},
    error::Error,
    model::{
        Batch, Entry, EventId, RecordType, narrow,
        record_type::{
            AUDIT_BPRM_FCAPS, AUDIT_CWD, AUDIT_EOE, AUDIT_EXECVE, AUDIT_PATH, AUDIT_PROCTITLE,
            AUDIT_SYSCALL,
        },
    },
    source::{
        Fill, Source, Stop,
        input::{Inputs, Read},
        stamp::Stamps,
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
    stamps: Stamps,
    /// The line ends in the current chunk.
    ends: Vec<usize>,
}

impl LogSource {
    /// Opens all inputs, so that a wrong name fails before anything is read. `-` is standard input.
    ///
    /// # Errors
    ///
    /// If one of them cannot be opened, or is a directory.
    pub fn open(names: &[PathBuf], stop: Stop) -> Result<LogSource, Error> {
        Inputs::open(names, stop).map(LogSource::new)
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
            stamps: Stamps::default(),
            ends: Vec::new(),
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

    /// Splits the bytes of the batch into lines. An unterminated last line is kept for later.
    fn lines(&mut self, batch: &mut Batch) {
        let bytes = std::mem::take(&mut batch.bytes);
        self.ends.clear();
        self.ends.extend(memchr_iter(b'\n', &bytes));
        let mut start = 0;
        for end in &self.ends {
            if !self.skipping {
                line(&bytes, start..*end, false, &mut self.stamps, batch);
            }
            self.skipping = false;
            start = end + 1;
        }
        let rest = bytes.get(start..).unwrap_or_default();
        if self.skipping {
            // Still the line that was cut.
        } else if rest.len() > MAX_LINE_BYTES {
            let cut = start..start + MAX_LINE_BYTES;
            line(&bytes, cut, true, &mut self.stamps, batch);
            self.skipping = true;
        } else {
            self.rest.extend_from_slice(rest);
        }
        batch.bytes = bytes;
    }

    /// Treats the rest of an input that has ended as its last line.
    fn last_line(&mut self, batch: &mut Batch) {
        if !std::mem::take(&mut self.skipping) {
            let bytes = std::mem::take(&mut batch.bytes);
            line(&bytes, 0..bytes.len(), false, &mut self.stamps, batch);
            batch.bytes = bytes;
        }
    }
}

impl Source for LogSource {
    fn fill(&mut self, batch: &mut Batch, until: Option<Instant>) -> Result<Fill, Error> {
        batch.bytes.append(&mut self.rest);
        match self.inputs.read(&mut batch.bytes, until)? {
            Read::Bytes => self.lines(batch),
            Read::EndOfInput => self.last_line(batch),
            Read::Nothing => self.rest.append(&mut batch.bytes),
            Read::End => return Ok(Fill::End),
        }
        Ok(Fill::More)
    }
}

/// Adds the record in a line to the batch, or counts the line as malformed. Skips empty lines.
#[inline]
fn line(bytes: &[u8], place: Range<usize>, cut: bool, stamps: &mut Stamps, batch: &mut Batch) {
    let start = place.start;
    let line = bytes.get(place).unwrap_or_default();
    let text = match line {
        [text @ .., b'\r'] => text,
        text => text,
    };
    let (text, cut) = match text.get(..MAX_LINE_BYTES) {
        Some(beginning) => (beginning, cut || beginning.len() < text.len()),
        None => (text, cut),
    };
    match split(text, stamps) {
        Some(Line {
            node,
            record_type,
            id,
            body,
        }) => {
            let at = |part: Range<usize>| narrow(start + part.start..start + part.end);
            batch.add(Entry {
                id,
                record_type,
                cut,
                node: at(node),
                body: at(body),
            });
        }
        None if text.is_empty() => {}
        None => {
            log_malformed(text);
            batch.sightings.malformed += 1;
        }
    }
}

#[cold]
fn log_malformed(text: &[u8]) {
    log::info!("not an audit record: {}", excerpt(text));
}

/// The parts of a line. `node` and `body` are byte ranges of it.
struct Line {
    node: Range<usize>,
    record_type: RecordType,
    id: EventId,
    body: Range<usize>,
}

fn split(text: &[u8], stamps: &mut Stamps) -> Option<Line> {
    let (node, record_type, stamp) = match common(text) {
        Some((record_type, rest)) => (0..0, record_type, rest),
        None => any(text)?,
    };
    let stamp = stamp.strip_prefix(b"msg=").unwrap_or(stamp);
    let (id, body) = stamps.read(stamp)?;
    let end = text.len();
    Some(Line {
        node,
        record_type,
        id,
        body: end - body.len()..end,
    })
}

/// Splits a line into type and rest, if it starts with one of the seven most frequent types. This
/// takes one integer comparison per type.
#[inline(always)]
fn common(text: &[u8]) -> Option<(RecordType, &[u8])> {
    static COMMON: [(Prefix, RecordType); 7] = [
        (Prefix::new(b"type=PATH", b" "), AUDIT_PATH),
        (Prefix::new(b"type=SYSCALL", b" "), AUDIT_SYSCALL),
        (Prefix::new(b"type=CWD", b" "), AUDIT_CWD),
        (Prefix::new(b"type=PROCTITLE", b" "), AUDIT_PROCTITLE),
        (Prefix::new(b"type=EOE", b" "), AUDIT_EOE),
        (Prefix::new(b"type=EXECVE", b" "), AUDIT_EXECVE),
        (Prefix::new(b"type=BPRM_FCAPS", b" "), AUDIT_BPRM_FCAPS),
    ];
    let word = u128::from_le_bytes(*text.first_chunk()?);
    let (prefix, record_type) = COMMON.iter().find(|(prefix, _)| prefix.begins(word))?;
    Some((*record_type, text.get(prefix.length..)?))
}

/// Splits any line into the range of its node, the type, and the rest.
fn any(text: &[u8]) -> Option<(Range<usize>, RecordType, &[u8])> {
    let (node, rest) = match text.strip_prefix(b"type=") {
        Some(rest) => (0..0, rest),
        None => after_prefix(text)?,
    };
    let (record_type, rest) = rest.split_at(find(b' ', rest)?);
    Some((node, RecordType::parse(record_type)?, rest.get(1..)?))
}

/// The range of the node and the text after `type=`, in a line that does not start with `type=`.
#[cold]
fn after_prefix(text: &[u8]) -> Option<(Range<usize>, &[u8])> {
    let at = memmem::find(text, b" type=")?;
    let (prefix, rest) = text.split_at(at);
    Some((node(prefix), rest.strip_prefix(b" type=")?))
}

/// The range of the value of `node=` in the text before the type.
fn node(before: &[u8]) -> Range<usize> {
    let at =
        memmem::find(before, b"node=").filter(|at| *at == 0 || before.get(at - 1) == Some(&b' '));
    match at {
        Some(at) => {
            let start = at + 5;
            let name = before.get(start..).unwrap_or_default();
            start..start + memchr(b' ', name).unwrap_or(name.len())
        }
        None => 0..0,
    }
}

/// The start of a malformed line, escaped for a terminal.
fn excerpt(text: &[u8]) -> impl std::fmt::Display {
    text.get(..120).unwrap_or(text).escape_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, u16, u32, &str)>) {
        let got = split(text.as_bytes(), &mut Stamps::default()).map(|line| {
            (
                &text[line.node],
                line.record_type.0,
                line.id.serial,
                &text[line.body],
            )
        });
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn all_forms_of_a_line_are_parsed() {
        check(
            "type=CWD msg=audit(1.002:3): cwd=\"/\"",
            Some(("", 1307, 3, "cwd=\"/\"")),
        );
        check(
            "node=h1 type=CWD msg=audit(1.002:3): x",
            Some(("h1", 1307, 3, "x")),
        );
        check("type=1307 audit(1.002:3): x", Some(("", 1307, 3, "x")));
        check(
            "type=UNKNOWN[1334] msg=audit(1.002:3): x",
            Some(("", 1334, 3, "x")),
        );
        check("type=EOE msg=audit(1.002:3): ", Some(("", 1320, 3, "")));
        check(
            "Nov 22 10:00:00 box kernel: [ 1.2] audit: type=1300 audit(1.002:3): x",
            Some(("", 1300, 3, "x")),
        );
        check(
            "Nov 22 10:00:00 box audispd: node=h2 type=CWD msg=audit(1.002:3): x",
            Some(("h2", 1307, 3, "x")),
        );
    }

    #[test]
    fn a_line_without_a_record_is_rejected() {
        for text in [
            "----",
            "time->Sun Nov 22 10:00:00 2026",
            "type=",
            "type=CWD",
            "type=CWD msg=",
            "type=CWD msg=audit(1.002)",
            "type=NOSUCH msg=audit(1.002:3): x",
            "type=99999 msg=audit(1.002:3): x",
            "msg=audit(1.002:3): x",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_stamp_in_the_body_is_part_of_the_body() {
        let text = "type=CWD msg=audit(1.002:3): cwd=\"/ type=EOE msg=audit(9.9:9): \"";
        check(
            text,
            Some(("", 1307, 3, "cwd=\"/ type=EOE msg=audit(9.9:9): \"")),
        );
    }
}
