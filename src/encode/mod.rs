//! Events as JSON, one object per line.
//!
//! The order of the keys, their names and when they are left out are decided here and nowhere
//! else. Text that is not UTF-8 comes twice: readable, with U+FFFD for what is not, and exact, as
//! upper-case hex under the same key with `_hex` behind it.
//!
//! The keys are known and need no escaping, so the braces, keys and commas are written as they are,
//! and so is text that is plain; all other text goes through serde_json.

pub mod ecs;
mod last;
mod nested;
pub mod pretty;
pub mod raw;
mod shorten;

use std::borrow::Cow;

use last::Last;
use serde::Serialize;

pub use shorten::{line_within, within};

use crate::{
    bytes::is_plain,
    model::{AuditEvent, Identity, Timestamp},
};

/// Appends the line of an event, its line end included.
pub fn line(event: &AuditEvent, out: &mut Vec<u8>) {
    Encoder::default().line(event, out);
}

/// Writes line after line, faster than one by one: it knows what the last one had in common with most.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    last: Last,
}

impl Encoder {
    /// As [`line()`].
    pub fn line(&mut self, event: &AuditEvent, out: &mut Vec<u8>) {
        write(event, &mut self.last, out);
    }
}

fn write(event: &AuditEvent, last: &mut Last, out: &mut Vec<u8>) {
    let mut object = Object { out };
    object.ascii(br#"{"name":""#, event.kind.name().as_bytes());
    object.ascii(br#","timestamp":""#, last.time(event.id.time));
    object.number(br#","sequence":"#, event.id.serial);
    object.text(br#","node":""#, event.node);
    match event.record_type.name() {
        Some(name) => object.ascii(br#","type":""#, name.as_bytes()),
        None => object.ascii(br#","type":""#, event.record_type.to_string().as_bytes()),
    }
    object.text(br#","arch":""#, event.arch);
    object.text(br#","success":""#, event.success);
    object.ascii(br#","syscall":""#, event.syscall.as_bytes());
    object.number(br#","exit":"#, event.exit);
    object.id(br#","ppid":"#, event.ids.ppid);
    object.id(br#","pid":"#, event.ids.pid);
    last.ids(&event.ids, object.out, |ids, out| {
        let mut object = Object { out };
        object.id(br#","auid":"#, ids.auid);
        object.id(br#","uid":"#, ids.uid);
        object.id(br#","gid":"#, ids.gid);
        object.id(br#","euid":"#, ids.euid);
        object.id(br#","egid":"#, ids.egid);
        object.id(br#","fsuid":"#, ids.fsuid);
        object.id(br#","fsgid":"#, ids.fsgid);
        object.id(br#","suid":"#, ids.suid);
        object.id(br#","sgid":"#, ids.sgid);
        object.id(br#","session":"#, ids.session);
    });
    object.text(br#","msg":""#, event.msg);
    object.text(br#","terminal":""#, event.terminal);
    object.text(br#","hostname":""#, event.hostname);
    object.text(br#","res":""#, event.res);
    object.text(br#","tty":""#, event.tty);
    object.text(br#","comm":""#, event.comm);
    object.text(br#","key":""#, event.key);
    object.text(br#","cwd":""#, event.cwd);
    object.text(br#","exectuable":""#, event.exe);
    object.text(br#","commandline":""#, event.commandline);
    object.text(br#","path":""#, event.path);
    object.text(br#","dest_path":""#, event.dest_path);
    object.words(br#","argv":"#, event.argv);
    if let Some(action) = event.action {
        object.ascii(br#","action":""#, action.name().as_bytes());
    }
    if let Some(inode) = event.inode {
        object.ascii(
            br#","inode":""#,
            itoa::Buffer::new().format(inode).as_bytes(),
        );
    }
    object.text(br#","dev":""#, event.dev);
    object.text(br#","mode":""#, event.mode);
    object.optional(br#","ouid":"#, event.ouid);
    object.optional(br#","ogid":"#, event.ogid);
    if let Some(error) = event.error {
        object.ascii(br#","error":""#, error.as_bytes());
    }
    object.flag(br#","path_unresolved":"#, event.path_unresolved);
    object.text(br#","op":""#, event.op);
    object.text(br#","acct":""#, event.acct);
    object.text(br#","addr":""#, event.addr);
    object.text(br#","cmd":""#, event.cmd);
    object.fields(br#","fields":"#, event.fields);
    object.text(br#","subj":""#, event.subj);
    object.flag(br#","incomplete":"#, event.incomplete);
    object.flag(br#","truncated":"#, event.truncated);
    out.extend_from_slice(b"}\n");
}

/// Appends the line that says that something was lost, and how much of it.
pub fn loss(time: Timestamp, reason: &str, count: u64, out: &mut Vec<u8>) {
    #[derive(Serialize)]
    struct Loss<'a> {
        name: &'static str,
        timestamp: &'a str,
        reason: &'a str,
        count: u64,
    }
    let timestamp = time.rfc3339();
    let timestamp = str::from_utf8(&timestamp).unwrap_or_default();
    let name = "loss_event";
    json(
        &Loss {
            name,
            timestamp,
            reason,
            count,
        },
        out,
    );
    out.push(b'\n');
}

/// Writes a value as JSON. Writing to memory cannot fail, and nothing here has keys that are no
/// text, so there is no error to speak of.
fn json(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok(), "{written:?}");
}

/// Writes the members of one object. A key comes as it is written, with the comma before it and the
/// quotes and the colon: its length is known to the compiler then, and it is copied at once.
struct Object<'a> {
    out: &'a mut Vec<u8>,
}

impl Object<'_> {
    #[inline]
    fn number(&mut self, key: &[u8], number: impl itoa::Integer) {
        self.out.extend_from_slice(key);
        self.out
            .extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    /// An id. Most are 0 or unset.
    #[inline(always)]
    fn id(&mut self, key: &[u8], id: u32) {
        match id {
            0..=9 => {
                self.out.extend_from_slice(key);
                self.out.push(b'0' + id as u8);
            }
            Identity::UNSET => {
                self.out.extend_from_slice(key);
                self.out.extend_from_slice(b"4294967295");
            }
            id => self.number(key, id),
        }
    }

    #[inline]
    fn optional(&mut self, key: &[u8], number: Option<u32>) {
        if let Some(number) = number {
            self.id(key, number);
        }
    }

    #[inline]
    fn flag(&mut self, key: &[u8], is_set: bool) {
        if is_set {
            self.out.extend_from_slice(key);
            self.out.extend_from_slice(b"true");
        }
    }

    /// Text that needs no escaping, under a key with the opening quote behind it.
    #[inline(always)]
    fn ascii(&mut self, key: &[u8], text: &[u8]) {
        self.out.extend_from_slice(key);
        self.out.extend_from_slice(text);
        self.out.push(b'"');
    }

    /// Text under a key with the opening quote behind it.
    #[inline(always)]
    fn text(&mut self, key: &[u8], text: Option<&[u8]>) {
        let Some(text) = text else { return };
        if is_plain(text) {
            self.ascii(key, text);
        } else {
            self.escaped(key, text);
        }
    }

    #[inline(never)]
    fn escaped(&mut self, key: &[u8], text: &[u8]) {
        let key = key.strip_suffix(b"\"").unwrap_or(key);
        self.out.extend_from_slice(key);
        if !escaped(text, self.out) {
            self.hex(key, text);
        }
    }

    /// The exact bytes of a text that is not UTF-8, under its key with `_hex` behind it.
    #[cold]
    fn hex(&mut self, key: &[u8], text: &[u8]) {
        let key = key.strip_suffix(b"\":").unwrap_or(key);
        self.out.extend_from_slice(key);
        self.out.extend_from_slice(b"_hex\":");
        hex(text, self.out);
    }

    fn words(&mut self, key: &[u8], words: Option<&[&[u8]]>) {
        let Some(words) = words else { return };
        self.out.extend_from_slice(key);
        let mut all_text = true;
        list(b"[]", words.iter(), self.out, |word, out| {
            all_text &= string(word, out)
        });
        if all_text {
            return;
        }
        self.out.extend_from_slice(br#","argv_hex":"#);
        let words = words.iter().enumerate();
        let bad = words.filter(|(_, word)| str::from_utf8(word).is_err());
        list(b"{}", bad, self.out, |(index, word), out| {
            out.push(b'"');
            out.extend_from_slice(itoa::Buffer::new().format(index).as_bytes());
            out.extend_from_slice(b"\":");
            hex(word, out);
        });
    }

    fn fields(&mut self, key: &[u8], fields: &[(&[u8], &[u8])]) {
        if fields.is_empty() {
            return;
        }
        self.out.extend_from_slice(key);
        list(b"{}", fields.iter(), self.out, |(key, text), out| {
            string(key, out);
            out.push(b':');
            if !string(text, out) {
                out.push(b',');
                string(&[key, &b"_hex"[..]].concat(), out);
                out.push(b':');
                hex(text, out);
            }
        });
    }
}

/// Writes items between two brackets, with commas between them.
fn list<T>(
    brackets: &[u8; 2],
    items: impl Iterator<Item = T>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(T, &mut Vec<u8>),
) {
    out.push(brackets[0]);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(brackets[1]);
}

/// Writes bytes as a JSON string, with U+FFFD for each sequence that is no UTF-8. Says whether
/// there was none.
#[inline]
fn string(text: &[u8], out: &mut Vec<u8>) -> bool {
    if !is_plain(text) {
        return escaped(text, out);
    }
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
    true
}

fn escaped(text: &[u8], out: &mut Vec<u8>) -> bool {
    // It is found to be UTF-8 in a fraction of the time that it takes to look for what is not.
    let (readable, is_text) = match str::from_utf8(text) {
        Ok(text) => (Cow::Borrowed(text), true),
        Err(_) => (String::from_utf8_lossy(text), false),
    };
    json(&*readable, out);
    is_text
}

/// Writes bytes as upper-case hex in quotes.
fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push(b'"');
    for byte in bytes {
        out.extend([
            DIGITS[usize::from(byte >> 4)],
            DIGITS[usize::from(byte & 15)],
        ]);
    }
    out.push(b'"');
}
