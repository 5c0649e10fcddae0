//! Events as JSON, one object per line.
//!
//! The order of the keys, their names and when they are left out are decided here and nowhere
//! else. Text that is not UTF-8 comes twice: readable, with U+FFFD for what is not, and exact, as
//! upper-case hex under the same key with `_hex` behind it.
//!
//! The keys are known and need no escaping, so the braces, keys and commas are written as they are;
//! every value that is text goes through serde_json.

mod shorten;

use std::borrow::Cow;

use serde::Serialize;

pub use shorten::line_within;

use crate::model::{AuditEvent, Timestamp};

/// Appends the line of an event, its line end included.
pub fn line(event: &AuditEvent, out: &mut Vec<u8>) {
    let mut object = Object { out };
    object.first("name", event.kind.name());
    object.ascii("timestamp", &event.id.time.rfc3339());
    object.number("sequence", event.id.serial);
    object.text("node", event.node);
    match event.record_type.name() {
        Some(name) => object.ascii("type", name.as_bytes()),
        None => object.ascii("type", event.record_type.to_string().as_bytes()),
    }
    object.text("arch", event.arch);
    object.text("success", event.success);
    object.text("syscall", Some(event.syscall.as_bytes()));
    object.number("exit", event.exit);
    object.number("ppid", event.ids.ppid);
    object.number("pid", event.ids.pid);
    object.number("auid", event.ids.auid);
    object.number("uid", event.ids.uid);
    object.number("gid", event.ids.gid);
    object.number("euid", event.ids.euid);
    object.number("egid", event.ids.egid);
    object.number("fsuid", event.ids.fsuid);
    object.number("fsgid", event.ids.fsgid);
    object.number("suid", event.ids.suid);
    object.number("sgid", event.ids.sgid);
    object.number("session", event.ids.session);
    object.text("msg", event.msg);
    object.text("terminal", event.terminal);
    object.text("hostname", event.hostname);
    object.text("res", event.res);
    object.text("tty", event.tty);
    object.text("comm", event.comm);
    object.text("key", event.key);
    object.text("cwd", event.cwd);
    object.text("exectuable", event.exe);
    object.text("commandline", event.commandline);
    object.text("path", event.path);
    object.text("dest_path", event.dest_path);
    object.words("argv", event.argv);
    object.text(
        "action",
        event.action.map(|action| action.name().as_bytes()),
    );
    if let Some(inode) = event.inode {
        object.ascii("inode", itoa::Buffer::new().format(inode).as_bytes());
    }
    object.text("dev", event.dev);
    object.text("mode", event.mode);
    object.optional("ouid", event.ouid);
    object.optional("ogid", event.ogid);
    object.text("error", event.error.map(str::as_bytes));
    object.flag("path_unresolved", event.path_unresolved);
    object.text("op", event.op);
    object.text("acct", event.acct);
    object.text("addr", event.addr);
    object.text("cmd", event.cmd);
    object.fields("fields", event.fields);
    object.text("subj", event.subj);
    object.flag("incomplete", event.incomplete);
    object.flag("truncated", event.truncated);
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

/// Writes the keys of one object.
struct Object<'a> {
    out: &'a mut Vec<u8>,
}

impl Object<'_> {
    fn first(&mut self, key: &str, text: &str) {
        self.out.extend_from_slice(b"{\"");
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        json(text, self.out);
    }

    fn key(&mut self, key: &str) {
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn number(&mut self, key: &str, number: impl itoa::Integer) {
        self.key(key);
        self.out
            .extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn optional(&mut self, key: &str, number: Option<u32>) {
        if let Some(number) = number {
            self.number(key, number);
        }
    }

    fn flag(&mut self, key: &str, is_set: bool) {
        if is_set {
            self.key(key);
            self.out.extend_from_slice(b"true");
        }
    }

    /// Text that needs no escaping.
    fn ascii(&mut self, key: &str, text: &[u8]) {
        self.key(key);
        self.out.push(b'"');
        self.out.extend_from_slice(text);
        self.out.push(b'"');
    }

    fn text(&mut self, key: &str, text: Option<&[u8]>) {
        let Some(text) = text else { return };
        self.key(key);
        if !string(text, self.out) {
            self.out.extend_from_slice(b",\"");
            self.out.extend_from_slice(key.as_bytes());
            self.out.extend_from_slice(b"_hex\":");
            hex(text, self.out);
        }
    }

    fn words(&mut self, key: &str, words: Option<&[&[u8]]>) {
        let Some(words) = words else { return };
        self.key(key);
        let mut all_text = true;
        list(b"[]", words.iter(), self.out, |word, out| {
            all_text &= string(word, out)
        });
        if all_text {
            return;
        }
        self.key("argv_hex");
        let words = words.iter().enumerate();
        let bad = words.filter(|(_, word)| str::from_utf8(word).is_err());
        list(b"{}", bad, self.out, |(index, word), out| {
            out.push(b'"');
            out.extend_from_slice(itoa::Buffer::new().format(index).as_bytes());
            out.extend_from_slice(b"\":");
            hex(word, out);
        });
    }

    fn fields(&mut self, key: &str, fields: &[(&[u8], &[u8])]) {
        if fields.is_empty() {
            return;
        }
        self.key(key);
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
fn string(text: &[u8], out: &mut Vec<u8>) -> bool {
    let readable = String::from_utf8_lossy(text);
    json(&*readable, out);
    matches!(readable, Cow::Borrowed(_))
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
