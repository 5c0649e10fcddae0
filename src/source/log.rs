//! Records from logs: files as auditd writes them, or a stream of the same lines.
//!
//! A line is `type=SYSCALL msg=audit(…): …`, perhaps with `node=NAME` in front. What syslog and the
//! kernel log make of it, `… audit: type=1300 audit(…): …`, is understood too.

use std::{
    fs::{File, OpenOptions},
    io,
    ops::Range,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use memchr::{memchr, memchr_iter, memmem};

use crate::{
    error::Error,
    model::{
        Batch, EventId, RecordType,
        record_type::{
            AUDIT_BPRM_FCAPS, AUDIT_CWD, AUDIT_EOE, AUDIT_EXECVE, AUDIT_PATH, AUDIT_PROCTITLE,
            AUDIT_SYSCALL,
        },
    },
    parse::{Stamps, find},
    source::{Fill, Source, Stop, sys},
};

/// How much is read at once, in bytes. The threads wake each other once for each, which costs more than
/// a buffer that is too large for the nearer caches.
const CHUNK: usize = 512 << 10;
/// Where a line is cut. The kernel's records are below 9 KiB; relays may add to that.
const MAX_LINE: usize = 1 << 20;

/// Replays logs, one after the other.
#[derive(Debug)]
pub struct LogSource {
    inputs: std::vec::IntoIter<Input>,
    current: Option<Input>,
    /// The beginning of a line whose end has not been read yet.
    rest: Vec<u8>,
    /// Whether what comes next is the end of a line that was cut already.
    skipping: bool,
    stamps: Stamps,
    /// Where the lines of a chunk end.
    ends: Vec<usize>,
    /// Bytes that were read, for those who watch.
    bytes_read: Arc<AtomicU64>,
    stop: Stop,
}

#[derive(Debug)]
struct Input {
    name: PathBuf,
    file: File,
}

impl LogSource {
    /// Opens all inputs, so that a wrong name is an error before anything is read. `-` is standard
    /// input.
    ///
    /// # Errors
    ///
    /// If one of them cannot be opened, or is a directory.
    pub fn open(names: &[PathBuf], stop: Stop) -> Result<LogSource, Error> {
        let inputs: Result<Vec<Input>, Error> = names.iter().map(|name| open(name)).collect();
        Ok(LogSource::of(inputs?, stop))
    }

    /// Reads lines from any descriptor.
    pub fn from_fd(fd: OwnedFd, stop: Stop) -> LogSource {
        let input = Input {
            name: PathBuf::from("-"),
            file: File::from(fd),
        };
        LogSource::of(vec![input], stop)
    }

    fn of(inputs: Vec<Input>, stop: Stop) -> LogSource {
        LogSource {
            inputs: inputs.into_iter(),
            current: None,
            rest: Vec::new(),
            skipping: false,
            stamps: Stamps::default(),
            ends: Vec::new(),
            bytes_read: Arc::default(),
            stop,
        }
    }
}

fn open(name: &Path) -> Result<Input, Error> {
    let file = if name.as_os_str() == "-" {
        io::stdin().as_fd().try_clone_to_owned().map(File::from)
    } else {
        // To open a named pipe would wait for its writer, and nothing could end that wait.
        OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(name)
    };
    let is_directory = |file: File| match file.metadata()?.is_dir() {
        true => Err(io::Error::from_raw_os_error(libc::EISDIR)),
        false => Ok(file),
    };
    match file.and_then(is_directory) {
        Ok(file) => Ok(Input {
            name: name.to_owned(),
            file,
        }),
        Err(error) => {
            let denied = error.kind() == io::ErrorKind::PermissionDenied;
            let error = Error::new(format!("read {}", name.display()), error);
            Err(if denied {
                error.help("audit logs are root's, try sudo")
            } else {
                error
            })
        }
    }
}

impl Source for LogSource {
    fn fill(&mut self, batch: &mut Batch, until: Option<Instant>) -> Result<Fill, Error> {
        let Some(input) = self.current.as_ref() else {
            self.current = self.inputs.next();
            return Ok(if self.current.is_some() {
                Fill::More
            } else {
                Fill::End
            });
        };
        let [stopped, readable] = sys::wait_until([self.stop.as_fd(), input.file.as_fd()], until)
            .map_err(|error| Error::new("wait for input", error))?;
        if stopped {
            return Ok(Fill::End);
        }
        if !readable {
            return Ok(Fill::More);
        }
        batch.bytes.append(&mut self.rest);
        match sys::read(input.file.as_fd(), &mut batch.bytes, CHUNK) {
            Ok(0) => {
                // What there is of the last line is all there will be.
                if !std::mem::take(&mut self.skipping) {
                    let bytes = std::mem::take(&mut batch.bytes);
                    line(&bytes, 0..bytes.len(), false, &mut self.stamps, batch);
                    batch.bytes = bytes;
                }
                self.current = None;
            }
            Ok(length) => {
                self.bytes_read.fetch_add(length as u64, Ordering::Relaxed);
                self.lines(batch);
            }
            Err(error) if is_transient(&error) => self.rest.append(&mut batch.bytes),
            Err(error) => {
                return Err(Error::new(format!("read {}", input.name.display()), error));
            }
        }
        Ok(Fill::More)
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

impl LogSource {
    /// How many bytes there are to read, if all that is left to open are regular files.
    pub fn length(&self) -> Option<u64> {
        let lengths = self.inputs.as_slice().iter().map(|input| {
            let metadata = input.file.metadata().ok()?;
            metadata.is_file().then_some(metadata.len())
        });
        lengths.sum()
    }

    /// How many bytes were read so far. It goes on counting while the source is read elsewhere.
    pub fn bytes_read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes_read)
    }

    /// Cuts what was read into lines. The last one, if it has no end yet, is kept for later.
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
            // Nothing of it is wanted.
        } else if rest.len() > MAX_LINE {
            let cut = start..start + MAX_LINE;
            line(&bytes, cut, true, &mut self.stamps, batch);
            self.skipping = true;
        } else {
            self.rest.extend_from_slice(rest);
        }
        batch.bytes = bytes;
    }
}

/// Adds the record in one line to the batch, or counts the line as malformed. Empty lines are
/// neither.
#[inline]
fn line(bytes: &[u8], place: Range<usize>, cut: bool, stamps: &mut Stamps, batch: &mut Batch) {
    let start = place.start;
    let line = bytes.get(place).unwrap_or_default();
    let text = match line {
        [text @ .., b'\r'] => text,
        text => text,
    };
    let (text, cut) = match text.get(..MAX_LINE) {
        Some(beginning) => (beginning, cut || beginning.len() < text.len()),
        None => (text, cut),
    };
    match split(text, stamps) {
        Some(Line {
            node,
            kind,
            id,
            body,
        }) => {
            let at = |part: Range<usize>| start + part.start..start + part.end;
            batch.push(id, kind, at(node), at(body), cut);
        }
        None if text.is_empty() => {}
        None => {
            say_malformed(text);
            batch.sightings.malformed += 1;
        }
    }
}

#[cold]
fn say_malformed(text: &[u8]) {
    log::info!("not an audit record: {}", excerpt(text));
}

/// The parts of a line. Node and body are places in it.
struct Line {
    node: Range<usize>,
    kind: RecordType,
    id: EventId,
    body: Range<usize>,
}

fn split(text: &[u8], stamps: &mut Stamps) -> Option<Line> {
    let (node, kind, stamp) = match common(text) {
        Some((kind, rest)) => (0..0, kind, rest),
        None => any(text)?,
    };
    let stamp = stamp.strip_prefix(b"msg=").unwrap_or(stamp);
    let (id, body) = stamps.header(stamp)?;
    let end = text.len();
    Some(Line {
        node,
        kind,
        id,
        body: end - body.len()..end,
    })
}

/// The type in a line, and what follows it, where it is one that nearly all records of a log have and
/// nothing stands before it. That is a comparison of one word with each.
#[inline(always)]
fn common(text: &[u8]) -> Option<(RecordType, &[u8])> {
    const WORD: usize = 16;
    const fn head(text: &[u8]) -> (u128, usize) {
        let (mut bytes, mut at) = ([0; WORD], 0);
        while at < text.len() {
            bytes[at] = text[at];
            at += 1;
        }
        (u128::from_le_bytes(bytes), text.len())
    }
    static HEADS: [((u128, usize), RecordType); 7] = [
        (head(b"type=PATH "), AUDIT_PATH),
        (head(b"type=SYSCALL "), AUDIT_SYSCALL),
        (head(b"type=CWD "), AUDIT_CWD),
        (head(b"type=PROCTITLE "), AUDIT_PROCTITLE),
        (head(b"type=EOE "), AUDIT_EOE),
        (head(b"type=EXECVE "), AUDIT_EXECVE),
        (head(b"type=BPRM_FCAPS "), AUDIT_BPRM_FCAPS),
    ];
    let word = u128::from_le_bytes(*text.first_chunk()?);
    let at = |(head, length): (u128, usize)| word & u128::MAX >> (8 * (WORD - length)) == head;
    let ((_, length), kind) = HEADS.iter().find(|(head, _)| at(*head))?;
    Some((*kind, text.get(*length..)?))
}

/// Where the host is in any line, the type, and what follows it.
fn any(text: &[u8]) -> Option<(Range<usize>, RecordType, &[u8])> {
    let (node, rest) = match text.strip_prefix(b"type=") {
        Some(rest) => (0..0, rest),
        None => behind_prefix(text)?,
    };
    let (kind, rest) = rest.split_at(find(b' ', rest)?);
    Some((node, RecordType::parse(kind)?, rest.get(1..)?))
}

/// Where the host is, and what stands behind `type=`, in a line that does not begin with it.
#[cold]
fn behind_prefix(text: &[u8]) -> Option<(Range<usize>, &[u8])> {
    let at = memmem::find(text, b" type=")?;
    let (prefix, rest) = text.split_at(at);
    Some((node(prefix), rest.strip_prefix(b" type=")?))
}

/// Where the name of the host is in what stands before the type.
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

/// The beginning of a bad line, fit for a terminal.
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
                line.kind.0,
                line.id.serial,
                &text[line.body],
            )
        });
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn a_line_is_understood_in_all_its_forms() {
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
    fn what_is_no_record_is_nothing() {
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
