//! Events as JSON, one object per line.
//!
//! The order of the keys, their names and when they are left out are decided here and nowhere
//! else. Text that is not UTF-8 comes twice: readable, with U+FFFD for what is not, and exact, as
//! upper-case hex under the same key with `_hex` behind it.

mod shorten;

use std::fmt::{self, Write};

use serde::{Serialize, Serializer, ser::SerializeMap};

pub use shorten::line_within;

use crate::model::{AuditEvent, Timestamp};

/// Appends the line of an event, its line end included.
pub fn line(event: &AuditEvent, out: &mut Vec<u8>) {
    object(event, out);
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
    object(
        &Loss {
            name: "loss_event",
            timestamp,
            reason,
            count,
        },
        out,
    );
}

fn object(value: &impl Serialize, out: &mut Vec<u8>) {
    let start = out.len();
    match serde_json::to_writer(&mut *out, value) {
        Ok(()) => out.push(b'\n'),
        // Writing to memory cannot fail and no key here is anything but text; should that ever
        // change, no line is better than half a line.
        Err(_) => out.truncate(start),
    }
}

impl Serialize for AuditEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut keys = Keys {
            map: serializer.serialize_map(None)?,
        };
        macro_rules! texts {
            ($($key:literal: $value:expr),* $(,)?) => {
                $(keys.text($key, concat!($key, "_hex"), $value)?;)*
            };
        }
        keys.value("name", self.kind.name())?;
        let timestamp = self.id.time.rfc3339();
        keys.value("timestamp", str::from_utf8(&timestamp).unwrap_or_default())?;
        keys.value("sequence", &self.id.serial)?;
        texts!("node": self.node);
        keys.display("type", &self.record_type)?;
        texts!("arch": self.arch, "success": self.success);
        keys.value("syscall", self.syscall)?;
        keys.value("exit", &self.exit)?;
        for (key, id) in [
            ("ppid", self.ids.ppid),
            ("pid", self.ids.pid),
            ("auid", self.ids.auid),
            ("uid", self.ids.uid),
            ("gid", self.ids.gid),
            ("euid", self.ids.euid),
            ("egid", self.ids.egid),
            ("fsuid", self.ids.fsuid),
            ("fsgid", self.ids.fsgid),
            ("suid", self.ids.suid),
            ("sgid", self.ids.sgid),
            ("session", self.ids.session),
        ] {
            keys.value(key, &id)?;
        }
        texts!(
            "msg": self.msg,
            "terminal": self.terminal,
            "hostname": self.hostname,
            "res": self.res,
            "tty": self.tty,
            "comm": self.comm,
            "key": self.key,
            "cwd": self.cwd,
            "exectuable": self.exe,
            "commandline": self.commandline,
            "path": self.path,
            "dest_path": self.dest_path,
        );
        keys.argv(self.argv)?;
        keys.optional("action", self.action.map(|action| action.name()))?;
        if let Some(inode) = self.inode {
            keys.display("inode", &inode)?;
        }
        texts!("dev": self.dev, "mode": self.mode);
        keys.optional("ouid", self.ouid)?;
        keys.optional("ogid", self.ogid)?;
        keys.optional("error", self.error)?;
        keys.flag("path_unresolved", self.path_unresolved)?;
        texts!("op": self.op, "acct": self.acct, "addr": self.addr, "cmd": self.cmd);
        if !self.fields.is_empty() {
            keys.value("fields", &Fields(self.fields))?;
        }
        texts!("subj": self.subj);
        keys.flag("incomplete", self.incomplete)?;
        keys.flag("truncated", self.truncated)?;
        keys.map.end()
    }
}

/// Writes the keys of one object.
struct Keys<M> {
    map: M,
}

impl<M: SerializeMap> Keys<M> {
    fn value<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), M::Error> {
        self.map.serialize_entry(key, value)
    }

    fn optional<T: Serialize>(&mut self, key: &str, value: Option<T>) -> Result<(), M::Error> {
        value.map_or(Ok(()), |value| self.value(key, &value))
    }

    fn flag(&mut self, key: &str, value: bool) -> Result<(), M::Error> {
        if value {
            self.value(key, &true)
        } else {
            Ok(())
        }
    }

    fn display(&mut self, key: &str, value: &dyn fmt::Display) -> Result<(), M::Error> {
        self.value(key, &Displayed(value))
    }

    fn text(&mut self, key: &str, hex_key: &str, text: Option<&[u8]>) -> Result<(), M::Error> {
        let Some(text) = text else { return Ok(()) };
        match str::from_utf8(text) {
            Ok(text) => self.value(key, text),
            Err(_) => {
                self.display(key, &Lossy(text))?;
                self.display(hex_key, &Hex(text))
            }
        }
    }

    fn argv(&mut self, argv: Option<&[&[u8]]>) -> Result<(), M::Error> {
        let Some(argv) = argv else { return Ok(()) };
        self.value("argv", &Words(argv))?;
        if argv.iter().all(|word| str::from_utf8(word).is_ok()) {
            return Ok(());
        }
        self.value("argv_hex", &WordsInHex(argv))
    }
}

/// Anything that can be displayed, as a JSON string.
struct Displayed<'a>(&'a dyn fmt::Display);

impl Serialize for Displayed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

/// Bytes as text, with U+FFFD for each sequence that is no UTF-8.
struct Lossy<'a>(&'a [u8]);

impl fmt::Display for Lossy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

/// Bytes as upper-case hex.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

struct Words<'a>(&'a [&'a [u8]]);

impl Serialize for Words<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|word| Text(word)))
    }
}

/// Text as a JSON string, whatever its bytes.
struct Text<'a>(&'a [u8]);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match str::from_utf8(self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.collect_str(&Lossy(self.0)),
        }
    }
}

/// The arguments that are no UTF-8, by their numbers.
struct WordsInHex<'a>(&'a [&'a [u8]]);

impl Serialize for WordsInHex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let words = self.0.iter().enumerate();
        let words = words.filter(|(_, word)| str::from_utf8(word).is_err());
        serializer.collect_map(words.map(|(index, word)| (index, HexText(word))))
    }
}

struct HexText<'a>(&'a [u8]);

impl Serialize for HexText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Hex(self.0))
    }
}

struct Fields<'a>(&'a [(&'a [u8], &'a [u8])]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, text) in self.0 {
            map.serialize_entry(&Text(key), &Text(text))?;
            if str::from_utf8(text).is_err() {
                map.serialize_entry(&Suffixed(key), &HexText(text))?;
            }
        }
        map.end()
    }
}

/// The key for the exact bytes of a field.
struct Suffixed<'a>(&'a [u8]);

impl Serialize for Suffixed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}_hex", Lossy(self.0)))
    }
}
