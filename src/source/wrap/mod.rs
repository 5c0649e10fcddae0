//! The text around records: what relays, collectors and tools put before, after and between them.
//!
//! auditd writes `type=SYSCALL msg=audit(…): …`, one record per line. On the way to their readers,
//! records get a syslog header (`syslog`), become a string in a JSON object (`json`) or an entry of
//! the journal (`journal`), or are joined into one line (`records`). This module undoes that. A
//! line as auditd writes it never comes here, except in a sample of lines that is checked for
//! joined records.

mod journal;
mod json;
mod loss;
mod records;
mod syslog;
mod time;

use crate::model::{EventId, RecordType, record_type::AUDIT_EOE};

use journal::Numbers;
pub(super) use journal::{Entries, Entry as JournalEntry};
use json::{Group, Item};
use loss::KernelLosses;
pub(super) use records::{Found, first, is_joined};

/// JSON inside JSON inside JSON is followed this far.
const MAX_DEPTH: u8 = 3;

/// A record taken out of its surroundings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Inner<'a> {
    pub(super) node: &'a [u8],
    pub(super) relayed: bool,
    /// A part of it is missing, as its surroundings say.
    pub(super) is_truncated: bool,
    pub(super) id: EventId,
    pub(super) record_type: RecordType,
    pub(super) body: &'a [u8],
}

/// What a line turned out to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// It has at least one record; each has been emitted.
    Records,
    /// The kernel reports that it lost this many records.
    Lost(u64),
    /// It separates records, or is empty.
    Decoration,
    /// It was written by `ausearch -i`. Its values are ambiguous, so it is not read.
    Interpreted,
    /// None of these.
    Malformed,
}

/// What surrounds a text.
#[derive(Clone, Copy, Debug)]
struct Around<'a> {
    /// The host that wrote it.
    host: &'a [u8],
    relayed: bool,
    depth: u8,
}

impl<'a> Around<'a> {
    /// The host that a text names, or else the one around it.
    fn named(&self, host: &'a [u8]) -> &'a [u8] {
        if host.is_empty() { self.host } else { host }
    }
}

/// Takes records out of lines.
#[derive(Debug, Default)]
pub(super) struct Unwrapper {
    /// The year of times that lack it: that of the last change of the input.
    pub(super) year: Option<u64>,
    /// Numbers events whose own numbers are not in the text.
    numbers: Numbers,
    losses: KernelLosses,
}

impl Unwrapper {
    /// Emits the records in a line.
    pub(super) fn line(&mut self, line: &[u8], emit: &mut dyn FnMut(Inner<'_>)) -> Verdict {
        let around = Around {
            host: b"",
            relayed: false,
            depth: 0,
        };
        self.text(line, around, emit)
    }

    /// Emits the record in an entry of the journal.
    pub(super) fn entry(
        &mut self,
        entry: &journal::Entry,
        emit: &mut dyn FnMut(Inner<'_>),
    ) -> Verdict {
        let around = Around {
            host: b"",
            relayed: true,
            depth: 0,
        };
        self.journal(entry, around, emit)
    }

    fn journal(
        &mut self,
        entry: &journal::Entry,
        around: Around<'_>,
        emit: &mut dyn FnMut(Inner<'_>),
    ) -> Verdict {
        let host = around.named(&entry.host);
        if let Some((record_type, id, body)) = entry.record() {
            emit(Inner {
                node: host,
                relayed: true,
                is_truncated: false,
                id,
                record_type,
                body,
            });
            return Verdict::Records;
        }
        let around = Around {
            host,
            relayed: true,
            depth: around.depth + 1,
        };
        self.text(&entry.message, around, emit)
    }

    fn text(
        &mut self,
        text: &[u8],
        around: Around<'_>,
        emit: &mut dyn FnMut(Inner<'_>),
    ) -> Verdict {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let text = text.trim_ascii();
        if text.is_empty() || records::is_decoration(text) {
            return Verdict::Decoration;
        }
        if json::is_json(text) {
            return self.json(text, around, emit);
        }
        if records::is_plain(text) {
            return self.records(text, around, emit);
        }
        match syslog::header(text) {
            Some(header) => self.after_header(&header, around, emit),
            None => self.records(text, around, emit),
        }
    }

    fn json(
        &mut self,
        text: &[u8],
        around: Around<'_>,
        emit: &mut dyn FnMut(Inner<'_>),
    ) -> Verdict {
        if around.depth >= MAX_DEPTH {
            return Verdict::Malformed;
        }
        let mut verdict = Verdict::Malformed;
        for item in json::items(text) {
            let next = match item {
                Item::Entry(entry) => self.journal(&entry, around, emit),
                Item::Group(group) => emit_group(&group, around, emit),
            };
            if verdict == Verdict::Malformed || next == Verdict::Records {
                verdict = next;
            }
        }
        verdict
    }

    fn after_header(
        &mut self,
        header: &syslog::Header<'_>,
        around: Around<'_>,
        emit: &mut dyn FnMut(Inner<'_>),
    ) -> Verdict {
        let around = Around {
            host: around.named(header.host),
            relayed: true,
            depth: around.depth,
        };
        let message = header.message.trim_ascii();
        if let Some((record_type, body)) = journal::short(header.message) {
            let time = header.time.at(self.year);
            let id = self.numbers.id(around.host, time, record_type);
            emit(Inner {
                node: around.host,
                relayed: true,
                is_truncated: false,
                id,
                record_type,
                body,
            });
            return Verdict::Records;
        }
        self.records(message, around, emit)
    }

    /// Emits the records in a text without a wrapper that has an escape of its own.
    fn records(
        &mut self,
        text: &[u8],
        around: Around<'_>,
        emit: &mut dyn FnMut(Inner<'_>),
    ) -> Verdict {
        if let Some(object) = json::after_prefix(text) {
            return self.json(object, around, emit);
        }
        let mut found = false;
        for record in Found::new(text) {
            found = true;
            let is_ours = record.is_plain || record.is_grepped;
            emit(Inner {
                node: around.named(record.node),
                relayed: around.relayed || !is_ours,
                is_truncated: false,
                id: record.id,
                record_type: record.record_type,
                body: record.body,
            });
        }
        if found {
            return Verdict::Records;
        }
        if records::is_interpreted(text) {
            return Verdict::Interpreted;
        }
        match self.losses.read(text, around.host) {
            Some(count) => Verdict::Lost(count),
            None => Verdict::Malformed,
        }
    }
}

/// Emits the records of a group, and an EOE if the event was complete.
fn emit_group(group: &Group, around: Around<'_>, emit: &mut dyn FnMut(Inner<'_>)) -> Verdict {
    let mut one = |record_type: RecordType, body: &[u8]| {
        emit(Inner {
            node: around.named(&group.node),
            relayed: true,
            is_truncated: group.is_truncated,
            id: group.id,
            record_type,
            body,
        });
    };
    for (record_type, body) in &group.records {
        one(*record_type, body);
    }
    let is_single = |(record_type, _): &(RecordType, _)| record_type.is_single();
    if group.is_complete && !group.records.iter().all(is_single) {
        one(AUDIT_EOE, b"");
    }
    Verdict::Records
}

#[cfg(test)]
mod tests;
