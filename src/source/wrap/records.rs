//! Records in a text without quotes of its own: after a prefix, and joined in one line.

use std::sync::LazyLock;

use memchr::{memchr, memchr_iter, memmem::Finder, memrchr_iter};

use crate::{
    model::{EventId, RecordType, Timestamp},
    source::{stamp::stamp, wrap::json},
};

/// How many texts in the values of a record are checked for being the next record.
const MAX_LOOK_ALIKES: usize = 64;

/// How many single quotes at the end of a message are tried as the one that closes it.
const MAX_QUOTES: usize = 16;

static TYPE: LazyLock<Finder> = LazyLock::new(|| Finder::new(b"type="));

/// The records of a text, in order.
#[derive(Debug)]
pub(in crate::source) struct Found<'a> {
    text: &'a [u8],
    next: Option<Start<'a>>,
}

/// A record and the form that it was found in.
#[derive(Clone, Copy, Debug)]
pub(in crate::source) struct Record<'a> {
    pub(super) node: &'a [u8],
    pub(super) record_type: RecordType,
    pub(super) id: EventId,
    pub(super) body: &'a [u8],
    /// Whether nothing but a record is before it.
    pub(super) is_plain: bool,
    /// Whether it follows directly on the name of a file, as grep(1) prints it.
    pub(super) is_grepped: bool,
}

/// The start of a record in a text.
#[derive(Clone, Copy, Debug)]
struct Start<'a> {
    node: &'a [u8],
    record_type: RecordType,
    id: EventId,
    /// Where the record starts, with its node.
    at: usize,
    /// Where its body starts.
    body: usize,
    is_plain: bool,
    is_grepped: bool,
}

impl<'a> Found<'a> {
    pub(in crate::source) fn new(text: &'a [u8]) -> Found<'a> {
        Found {
            text,
            next: start(text, 0),
        }
    }
}

impl<'a> Iterator for Found<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let this = self.next.take()?;
        let mut from = this.body;
        let mut end = self.text.len();
        for _ in 0..MAX_LOOK_ALIKES {
            let Some(next) = start(self.text, from) else {
                break;
            };
            let between = self.text.get(this.body..next.at).unwrap_or_default();
            if is_closed(between) {
                end = next.at;
                self.next = Some(next);
                break;
            }
            from = next.body;
        }
        let body = self.text.get(this.body..end).unwrap_or_default();
        Some(Record {
            node: this.node,
            record_type: this.record_type,
            id: this.id,
            // A space that joined the records is not part of the body; auditd itself ends the
            // bodies of some records with one.
            body: match self.next {
                Some(_) => body.trim_ascii_end(),
                None => body,
            },
            is_plain: this.is_plain,
            is_grepped: this.is_grepped,
        })
    }
}

/// Whether a line has more than one record.
pub(in crate::source) fn is_joined(line: &[u8]) -> bool {
    static STAMP: LazyLock<Finder> = LazyLock::new(|| Finder::new(b"audit("));
    STAMP.find_iter(line).nth(1).is_some() && Found::new(line).nth(1).is_some()
}

/// The time of the first record in a text.
pub(in crate::source) fn first(text: &[u8]) -> Option<Timestamp> {
    let at = |at: usize| stamp(text.get(at..)?);
    let mut places = memchr::memmem::find_iter(text, b"audit(");
    match places.find_map(at) {
        Some((id, _)) => Some(id.time),
        None => json::time(text),
    }
}

/// Whether a text starts as auditd writes it.
pub(super) fn is_plain(text: &[u8]) -> bool {
    text.starts_with(b"type=") || text.starts_with(b"node=")
}

/// The lines that ausearch(8) prints between events.
pub(super) fn is_decoration(text: &[u8]) -> bool {
    text == b"----" || text.starts_with(b"time->") || text == b"<no matches>"
}

/// Whether a line is the output of `ausearch -i`, in which the stamp is a date:
/// `msg=audit(07/03/2024 11:39:20.891:42)`.
pub(super) fn is_interpreted(text: &[u8]) -> bool {
    let date = memchr::memmem::find(text, b"msg=audit(").and_then(|at| {
        let date = text.get(at + b"msg=audit(".len()..)?;
        date.get(..memchr(b')', date)?)
    });
    date.is_some_and(|date| {
        date.first().is_some_and(u8::is_ascii_alphanumeric) && date.contains(&b' ')
    })
}

/// The first record that starts at or after `from`: `type=NAME msg=audit(…): `, or `type=NUMBER
/// audit(…): ` as the kernel prints it, with `node=NAME ` before it if that is there.
fn start(text: &[u8], from: usize) -> Option<Start<'_>> {
    let mut search = from;
    loop {
        let at = search + TYPE.find(text.get(search..)?)?;
        search = at + TYPE.needle().len();
        if let Some((record_type, id, body)) = header(text.get(search..)?) {
            let before = text.get(from..at)?;
            let (node, length) = node(before);
            let at = at - length;
            return Some(Start {
                node,
                record_type,
                id,
                at,
                body: text.len() - body.len(),
                is_plain: at == 0 || from > 0,
                is_grepped: from == 0 && is_file(text.get(..at)?),
            });
        }
    }
}

/// The type, stamp and body of a record after `type=`.
fn header(text: &[u8]) -> Option<(RecordType, EventId, &[u8])> {
    /// The longest name of a type has fewer bytes.
    const MAX_NAME_BYTES: usize = 32;
    let space = memchr(b' ', text.get(..MAX_NAME_BYTES.min(text.len()))?)?;
    let (name, rest) = text.split_at(space);
    let rest = rest.get(1..)?;
    let (id, body) = stamp(rest.strip_prefix(b"msg=").unwrap_or(rest))?;
    Some((RecordType::parse(name)?, id, body))
}

/// The node at the end of the text before a type, and the length of `node=NAME `. A name may
/// contain spaces.
fn node(before: &[u8]) -> (&[u8], usize) {
    const KEY: &[u8] = b"node=";
    let at = memchr::memmem::rfind(before, KEY).filter(|at| {
        let name = before.get(at + KEY.len()..).unwrap_or_default();
        memchr(b'=', name).is_none() && name.ends_with(b" ")
    });
    match at {
        Some(at) => {
            let (_, node) = before.split_at(at);
            (
                node.get(KEY.len()..).unwrap_or_default().trim_ascii(),
                node.len(),
            )
        }
        None => (b"", 0),
    }
}

/// Whether the text before a record is the name of a file as grep(1) prints it: `FILE:`, `FILE-` in
/// the lines around a match, either with the number of the line.
fn is_file(before: &[u8]) -> bool {
    let is_end = matches!(before, [.., b':' | b'-']);
    is_end && !before.contains(&b' ') && !before.ends_with(b"::")
}

/// Whether nothing is open at the end of a body, so that what follows is another record and not
/// part of a text in quotes.
///
/// A message, `msg='…'`, is closed by a single quote outside of double quotes, after which only
/// names that auditd has added may follow.
fn is_closed(body: &[u8]) -> bool {
    let quotes = memchr_iter(b'"', body).count();
    if !quotes.is_multiple_of(2) {
        return false;
    }
    let Some(open) = memchr::memmem::find(body, b"msg='") else {
        return true;
    };
    let message = body.get(open + b"msg='".len()..).unwrap_or_default();
    // A name may contain a single quote: `UID="o'brien"`.
    let mut closes = memrchr_iter(b'\'', message).take(MAX_QUOTES);
    closes.any(|close| {
        let (inside, after) = message.split_at(close);
        let is_outside = memchr_iter(b'"', inside).count().is_multiple_of(2);
        is_outside && is_names(after.get(1..).unwrap_or_default())
    })
}

/// Whether a text is made of names that auditd appends, such as `UID="root"`, or empty.
fn is_names(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let is_key = |byte: &u8| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_');
    // The separator, in any of its forms, has no capitals.
    let names = text.iter().position(u8::is_ascii_uppercase);
    let names = names
        .and_then(|start| text.get(start..))
        .unwrap_or_default();
    let key = names.iter().take_while(|byte| is_key(byte)).count();
    text.is_empty() || key > 0 && names.get(key) == Some(&b'=') && names.ends_with(b"\"")
}
