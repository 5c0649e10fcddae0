//! Records in the journal: the export format of journalctl(1), and its short formats.
//!
//! journald reads the kernel's records itself. It takes them apart: the type and the serial become
//! fields, and the stamp becomes the time of the entry (systemd, src/journal/journald-audit.c). The
//! short formats leave out these fields, so that the events have to be numbered anew.

use memchr::memchr;

use super::syslog::word;
use crate::{
    bytes::number,
    model::{
        EventId, RecordType, Timestamp,
        record_type::{AUDIT_PROCTITLE, AUDIT_SYSCALL},
    },
};

/// The fields of an entry that matter here.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::source) struct Entry {
    pub(super) message: Vec<u8>,
    pub(super) host: Vec<u8>,
    /// Whether journald had it from the kernel's audit socket (`_TRANSPORT=audit`).
    pub(super) is_audit: bool,
    pub(super) audit_type: Option<u16>,
    pub(super) audit_id: Option<u32>,
    /// The time at the source, in microseconds since 1970.
    pub(super) micros: Option<u64>,
}

impl Entry {
    /// The record, if this is one that journald has taken apart.
    pub(super) fn record(&self) -> Option<(RecordType, EventId, &[u8])> {
        if !self.is_audit {
            return None;
        }
        let millis = self.micros? / 1000;
        let time = Timestamp {
            seconds: (millis / 1000).min(Timestamp::MAX_SECONDS),
            millis: (millis % 1000) as u16,
        };
        let serial = self.audit_id?;
        // The message starts with the name of the type.
        let body = match memchr(b' ', &self.message) {
            Some(space) => self.message.get(space + 1..)?,
            None => b"",
        };
        Some((RecordType(self.audit_type?), EventId { time, serial }, body))
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        match key {
            b"MESSAGE" => self.message = value.to_vec(),
            b"_HOSTNAME" => self.host = value.to_vec(),
            b"_TRANSPORT" => self.is_audit = value == b"audit",
            b"_AUDIT_TYPE" => self.audit_type = number(value),
            b"_AUDIT_ID" => self.audit_id = number(value),
            b"_SOURCE_REALTIME_TIMESTAMP" => self.micros = number(value),
            _ => {}
        }
    }
}

/// The entries in the export format: fields `KEY=value`, each on a line, or `KEY`, a length of
/// eight bytes and the value; and an empty line after each entry.
#[derive(Debug)]
pub(in crate::source) struct Entries;

/// The field that every entry starts with.
const CURSOR: &[u8] = b"__CURSOR=";

impl Entries {
    /// Whether an input is in this format: every entry starts with its cursor.
    pub(in crate::source) fn is_export(text: &[u8]) -> bool {
        text.trim_ascii_start().starts_with(CURSOR)
    }

    /// Whether these first bytes of an input are too few to tell.
    pub(in crate::source) fn may_be_export(text: &[u8]) -> bool {
        let text = text.trim_ascii_start();
        text.len() < CURSOR.len() && CURSOR.starts_with(text)
    }

    /// The first entry of a text and its length with the empty line; `None` if its end is missing.
    /// At the end of an input, the empty line may be missing.
    pub(in crate::source) fn next(text: &[u8], is_end: bool) -> Option<(Entry, usize)> {
        let mut entry = Entry::default();
        let mut at = 0;
        loop {
            let rest = text.get(at..)?;
            let Some(end) = memchr(b'\n', rest) else {
                return is_end.then_some((entry, text.len()));
            };
            let line = rest.get(..end)?;
            at += end + 1;
            if line.is_empty() {
                return Some((entry, at));
            }
            if let Some(equals) = memchr(b'=', line) {
                let (key, value) = line.split_at(equals);
                entry.set(key, value.get(1..)?);
                continue;
            }
            let Some(value) = binary(text.get(at..)?) else {
                return is_end.then_some((entry, text.len()));
            };
            entry.set(line, value);
            at += 8 + value.len() + 1;
        }
    }
}

/// A value after its length.
fn binary(text: &[u8]) -> Option<&[u8]> {
    let (length, rest) = text.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    rest.get(length).filter(|byte| **byte == b'\n')?;
    rest.get(..length)
}

/// The type and body of a record that a short format shows: `audit[31399]: SYSCALL arch=…`.
pub(super) fn short(message: &[u8]) -> Option<(RecordType, &[u8])> {
    let (tag, rest) = word(message)?;
    let tag = tag.strip_suffix(b":")?;
    let name = tag.get(..memchr(b'[', tag).unwrap_or(tag.len()))?;
    if name != b"audit" {
        return None;
    }
    let rest = rest.trim_ascii_start();
    let (record_type, body) = word(rest).unwrap_or((rest, b""));
    // A name in capitals; a number would be the kernel's `type=`, which is not there.
    let is_name = record_type.first().is_some_and(u8::is_ascii_uppercase);
    Some((RecordType::parse(record_type).filter(|_| is_name)?, body))
}

/// Numbers the events of hosts whose own serials are missing. Those of a host have no gaps, which
/// would be taken for losses.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// The highest number of any host.
    highest: u32,
    open: Vec<Open>,
}

/// The last event of a host.
#[derive(Debug)]
struct Open {
    host: Vec<u8>,
    id: EventId,
    has_call: bool,
    has_ended: bool,
}

/// The hosts whose events may be interleaved.
const MAX_HOSTS: usize = 256;

impl Numbers {
    /// The id for a record. A record belongs to the last event of its host unless that has ended,
    /// is from another second, or has such a record already.
    pub(super) fn id(&mut self, host: &[u8], time: Timestamp, record_type: RecordType) -> EventId {
        let found = self.open.iter().position(|open| open.host == host);
        let is_alone = record_type.is_user_event();
        let is_call = record_type == AUDIT_SYSCALL;
        let open = found
            .and_then(|index| self.open.get_mut(index))
            .filter(|open| {
                let is_next = open.id.time.seconds.abs_diff(time.seconds) <= 1;
                let is_over = open.has_ended || is_alone || is_call && open.has_call;
                is_next && !is_over
            });
        if let Some(open) = open {
            open.has_call |= is_call;
            open.has_ended |= record_type == AUDIT_PROCTITLE;
            return open.id;
        }
        // A host that was forgotten must not get its old numbers again.
        let last = found.and_then(|index| self.open.get(index));
        let last = last.map_or(self.highest, |open| open.id.serial);
        let serial = last.wrapping_add(1);
        self.highest = self.highest.max(serial);
        let id = EventId { time, serial };
        let event = Open {
            host: host.to_vec(),
            id,
            has_call: is_call,
            has_ended: is_alone || record_type == AUDIT_PROCTITLE,
        };
        match found.and_then(|index| self.open.get_mut(index)) {
            Some(open) => *open = event,
            None => {
                if self.open.len() >= MAX_HOSTS {
                    self.open.remove(0);
                }
                self.open.push(event);
            }
        }
        id
    }
}
