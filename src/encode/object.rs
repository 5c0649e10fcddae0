//! The members of a line whose keys are known.

use super::{
    last::Last,
    text::{by_type, escaped, fields, hex, list, plain_fields, string},
};
use crate::{
    bytes::{Decimal, Integer, append, append_plain},
    model::{EventRecord, Identity},
};

/// A key of the line, in each form that it is written in. The punctuation is part of the constant,
/// so that the compiler knows its length and copies it at once.
pub(super) struct Key {
    /// `,"key":`
    pub(super) bare: &'static [u8],
    /// `,"key":"`
    pub(super) quoted: &'static [u8],
    /// `,"key_hex":`
    pub(super) hex: &'static [u8],
}

/// The [`Key`] of a name.
macro_rules! key {
    ($name:literal) => {
        const {
            &$crate::encode::object::Key {
                bare: concat!(",\"", $name, "\":").as_bytes(),
                quoted: concat!(",\"", $name, "\":\"").as_bytes(),
                hex: concat!(",\"", $name, "_hex\":").as_bytes(),
            }
        }
    };
}
pub(super) use key;

/// Writes the members of one object but the first.
pub(super) struct Object<'a> {
    pub(super) out: &'a mut Vec<u8>,
}

impl Object<'_> {
    #[inline(always)]
    pub(super) fn number(&mut self, key: &'static Key, number: impl Integer) {
        match number.parts() {
            (false, digit @ 0..=9) => append([key.bare, &[b'0' + digit as u8]], self.out),
            _ => Decimal::append_behind(key.bare, number, self.out),
        }
    }

    /// An id. Most are 0 or unset.
    #[inline(always)]
    pub(super) fn id(&mut self, key: &'static Key, id: u32) {
        match id {
            Identity::UNSET => append([key.bare, b"4294967295"], self.out),
            id => self.number(key, id),
        }
    }

    /// An object, without the comma before its first member. Nothing if it has none.
    pub(super) fn object(&mut self, key: &'static Key, members: impl FnOnce(&mut Object)) {
        let start = self.out.len();
        self.out.extend_from_slice(key.bare);
        let first = self.out.len();
        members(self);
        match self.out.get_mut(first) {
            Some(comma) => {
                *comma = b'{';
                self.out.push(b'}');
            }
            None => self.out.truncate(start),
        }
    }

    #[inline]
    pub(super) fn optional(&mut self, key: &'static Key, number: Option<u32>) {
        if let Some(number) = number {
            self.id(key, number);
        }
    }

    #[inline]
    pub(super) fn flag(&mut self, key: &'static Key, is_set: bool) {
        if is_set {
            self.out.extend_from_slice(key.bare);
            self.out.extend_from_slice(b"true");
        }
    }

    #[inline]
    pub(super) fn error(&mut self, error: Option<&str>) {
        if let Some(error) = error {
            self.ascii(key!("error"), error.as_bytes());
        }
    }

    /// A number as text.
    #[inline(always)]
    pub(super) fn quoted(&mut self, key: &'static Key, number: impl Integer) {
        Decimal::append_behind(key.quoted, number, self.out);
        self.out.push(b'"');
    }

    /// Text that needs no escaping.
    #[inline(always)]
    pub(super) fn ascii(&mut self, key: &'static Key, text: &[u8]) {
        append([key.quoted, text, b"\""], self.out);
    }

    #[inline(always)]
    pub(super) fn text(&mut self, key: &'static Key, text: Option<&[u8]>) {
        let Some(text) = text else { return };
        if !append_plain([key.quoted, text, b"\""], self.out) {
            self.escaped(key, text);
        }
    }

    #[inline(never)]
    fn escaped(&mut self, key: &'static Key, text: &[u8]) {
        self.out.extend_from_slice(key.bare);
        if !escaped(text, self.out) {
            self.out.extend_from_slice(key.hex);
            hex(text, self.out);
        }
    }

    pub(super) fn words(&mut self, key: &'static Key, words: Option<&[&[u8]]>) {
        let Some(words) = words else { return };
        self.out.extend_from_slice(key.bare);
        let mut all_text = true;
        list(b"[]", words.iter(), self.out, |word, out| {
            all_text &= string(word, out)
        });
        if all_text {
            return;
        }
        self.out.extend_from_slice(key.hex);
        let words = words.iter().enumerate();
        let bad = words.filter(|(_, word)| str::from_utf8(word).is_err());
        list(b"{}", bad, self.out, |(index, word), out| {
            out.push(b'"');
            Decimal::append(index, out);
            out.extend_from_slice(b"\":");
            hex(word, out);
        });
    }

    pub(super) fn fields(&mut self, key: &'static Key, map: &[(&[u8], &[u8])]) {
        if !map.is_empty() {
            self.out.extend_from_slice(key.bare);
            fields(map.iter().copied(), self.out);
        }
    }

    /// Records by type, each type an array.
    #[inline]
    pub(super) fn records(&mut self, key: &'static Key, records: &[EventRecord], last: &mut Last) {
        match records {
            [] => return,
            _ => self.out.extend_from_slice(key.bare),
        }
        last.records(records, self.out, |out| {
            by_type(records, out, |record, out| match record.plain() {
                Some(_) => plain_fields(record.fields(), out),
                None => fields(record.fields(), out),
            });
        });
    }
}
