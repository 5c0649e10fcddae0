//! Objects within objects, for formats that have them.

use super::text::{self, Field, by_type, list, string};
use crate::{
    bytes::{Decimal, Integer},
    model::EventRecord,
};

/// Writes one object. Nothing is written for what is not there, an object without members included.
pub(super) struct Nested<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

impl Nested<'_> {
    /// Appends an object with what `members` writes into it.
    pub(super) fn write(out: &mut Vec<u8>, members: impl FnOnce(&mut Nested)) -> bool {
        out.push(b'{');
        let mut object = Nested {
            out,
            is_empty: true,
        };
        members(&mut object);
        let is_empty = object.is_empty;
        out.push(b'}');
        !is_empty
    }

    pub(super) fn object(&mut self, key: &str, members: impl FnOnce(&mut Nested)) {
        let (start, was_empty) = (self.out.len(), self.is_empty);
        self.key(key);
        if !Nested::write(self.out, members) {
            self.out.truncate(start);
            self.is_empty = was_empty;
        }
    }

    /// A member that is neither text nor an object.
    pub(super) fn value(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.key(key);
        write(self.out);
    }

    fn key(&mut self, key: &str) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    pub(super) fn text(&mut self, key: &str, text: Option<&[u8]>) {
        if let Some(text) = text {
            self.key(key);
            string(text, self.out);
        }
    }

    pub(super) fn texts<'t>(&mut self, key: &str, texts: impl Iterator<Item = &'t [u8]>) {
        let mut texts = texts.peekable();
        if texts.peek().is_some() {
            self.key(key);
            list(b"[]", texts, self.out, |text, out| {
                string(text, out);
            });
        }
    }

    /// A list of objects, each with what `members` writes into it.
    pub(super) fn objects<T>(
        &mut self,
        key: &str,
        items: impl Iterator<Item = T>,
        mut members: impl FnMut(T, &mut Nested),
    ) {
        let mut items = items.peekable();
        if items.peek().is_some() {
            self.key(key);
            list(b"[]", items, self.out, |item, out| {
                Nested::write(out, |object| members(item, object));
            });
        }
    }

    /// Members whose keys come from outside.
    pub(super) fn fields(&mut self, key: &str, fields: &[(&[u8], &[u8])]) {
        if !fields.is_empty() {
            self.key(key);
            readable(fields.iter().copied(), self.out);
        }
    }

    /// Records by type, each type an array.
    pub(super) fn records(&mut self, key: &str, records: &[EventRecord]) {
        if !records.is_empty() {
            self.key(key);
            by_type(records, self.out, |record, out| {
                readable(record.fields(), out)
            });
        }
    }

    pub(super) fn number(&mut self, key: &str, number: Option<impl Integer>) {
        if let Some(number) = number {
            self.key(key);
            Decimal::append(number, self.out);
        }
    }

    /// A number that is a name, and is never added up.
    pub(super) fn id(&mut self, key: &str, id: Option<impl Integer>) {
        if let Some(id) = id {
            self.text(key, Some(Decimal::new(id).as_bytes()));
        }
    }

    pub(super) fn flag(&mut self, key: &str, is_set: bool) {
        if is_set {
            self.key(key);
            self.out.extend_from_slice(b"true");
        }
    }

    /// Upper-case hex.
    pub(super) fn hex(&mut self, key: &str, bytes: &[u8]) {
        self.key(key);
        text::hex(bytes, self.out);
    }
}

/// Writes an object of texts. The exact bytes of those that are not UTF-8 are elsewhere in the
/// line.
fn readable<'t>(fields: impl Iterator<Item = Field<'t>>, out: &mut Vec<u8>) {
    list(b"{}", fields, out, |(key, text), out| {
        string(key, out);
        out.push(b':');
        string(text, out);
    });
}
