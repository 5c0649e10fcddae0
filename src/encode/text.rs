//! Texts, and lists and objects of texts, as JSON.

use crate::{
    bytes::{append, append_plain, is_plain, json_ascii, json_string},
    model::EventRecord,
};

/// A name and its text.
pub(super) type Field<'t> = (&'t [u8], &'t [u8]);

/// Writes an object with an array for each type of record, whose items `write` writes.
#[inline(never)]
pub(super) fn by_type(
    records: &[EventRecord],
    out: &mut Vec<u8>,
    write: impl Fn(&EventRecord, &mut Vec<u8>),
) {
    let types = records.chunk_by(|a, b| a.record_type == b.record_type);
    list(b"{}", types, out, |records, out| {
        if let Some(EventRecord { record_type, .. }) = records.first() {
            match record_type.name() {
                Some(name) => string(name.as_bytes(), out),
                None => string(record_type.to_string().as_bytes(), out),
            };
        }
        out.push(b':');
        list(b"[]", records.iter(), out, &write);
    });
}

/// Writes an object of texts, each that is not UTF-8 followed by its exact bytes.
pub(super) fn fields<'t>(fields: impl Iterator<Item = Field<'t>>, out: &mut Vec<u8>) {
    list(b"{}", fields, out, |(key, text), out| {
        if is_plain(key) && is_plain(text) {
            return plain_field(key, text, out);
        }
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

/// As [`fields`], of names and texts that need no escaping.
pub(super) fn plain_fields<'t>(fields: impl Iterator<Item = Field<'t>>, out: &mut Vec<u8>) {
    list(b"{}", fields, out, |(key, text), out| {
        plain_field(key, text, out)
    });
}

/// Writes a member whose key and text need no escaping.
#[inline]
fn plain_field(key: &[u8], text: &[u8], out: &mut Vec<u8>) {
    append([b"\"", key, b"\":\"", text, b"\""], out);
}

/// Writes items between two brackets, with commas between them.
pub(super) fn list<T>(
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
pub(super) fn string(text: &[u8], out: &mut Vec<u8>) -> bool {
    append_plain([b"\"", text, b"\""], out) || escaped(text, out)
}

pub(super) fn escaped(text: &[u8], out: &mut Vec<u8>) -> bool {
    if json_ascii(text, out) {
        return true;
    }
    // To check that a text is UTF-8 takes a fraction of the time that replacing bad bytes takes.
    let readable = str::from_utf8(text);
    match readable {
        Ok(text) => json_string(text, out),
        Err(_) => json_string(&String::from_utf8_lossy(text), out),
    }
    readable.is_ok()
}

/// Writes bytes as upper-case hex in quotes.
pub(super) fn hex(bytes: &[u8], out: &mut Vec<u8>) {
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
