//! A list of fields in which each name occurs once.

use bumpalo::{Bump, collections::Vec};

/// The largest number of fields of one record.
const MAX_FIELDS: usize = 256;
/// After this many fields without a free name, the rest of the record is not searched for more.
const MAX_LEFT_OUT: u32 = 64;

/// Fields with distinct names: the second field of a name gets the suffix `_2`, the third `_3`, and
/// so on up to `_9`.
#[derive(Debug)]
pub(super) struct Distinct<'a> {
    fields: Vec<'a, (&'a [u8], &'a [u8])>,
    /// Fields left out because all numbers of their name were taken.
    left_out: u32,
    /// Whether fields were left out.
    pub(super) truncated: bool,
}

impl<'a> Distinct<'a> {
    pub(super) fn new(arena: &'a Bump) -> Distinct<'a> {
        Distinct {
            fields: Vec::new_in(arena),
            left_out: 0,
            truncated: false,
        }
    }

    pub(super) fn as_slice(&self) -> &[(&'a [u8], &'a [u8])] {
        &self.fields
    }

    /// All fields. If some were left out, the last one is `truncated`.
    pub(super) fn finish(mut self) -> &'a [(&'a [u8], &'a [u8])] {
        if self.truncated && !self.is_taken(b"truncated", b"yes") {
            self.fields.push((b"truncated", b"yes"));
        }
        self.fields.into_bump_slice()
    }

    /// Adds a field, with a numeric suffix if its name is taken. Each takes a linear search, so
    /// there are bounds on the fields kept and left out.
    #[inline]
    pub(super) fn push(&mut self, key: &'a [u8], text: &'a [u8], arena: &'a Bump) {
        if self.fields.len() >= MAX_FIELDS || self.left_out >= MAX_LEFT_OUT {
            self.truncated = true;
            return;
        }
        let key = readable(key, arena);
        // A name can be taken only by one that starts with it, or that it starts with.
        let mut names = self.fields.iter().map(|(name, _)| *name);
        if !names.any(|name| name.starts_with(key) || key.starts_with(name)) {
            return self.fields.push((key, text));
        }
        self.push_numbered(key, text, arena);
    }

    fn push_numbered(&mut self, key: &'a [u8], text: &'a [u8], arena: &'a Bump) {
        for number in self.first_free(key)..=9 {
            let name = match number {
                1 => key,
                number => joined(&[key, &[b'_', b'0' + number]], arena),
            };
            if !self.is_taken(name, text) {
                return self.fields.push((name, text));
            }
        }
        self.left_out += 1;
        self.truncated = true;
    }

    /// The number that follows those of the fields with this name.
    fn first_free(&self, key: &[u8]) -> u8 {
        let numbers = self
            .fields
            .iter()
            .filter_map(|(name, _)| match name.strip_prefix(key)? {
                [] => Some(2),
                [b'_', digit @ b'2'..=b'9'] => Some(digit - b'0' + 1),
                _ => None,
            });
        numbers.max().unwrap_or(1)
    }

    /// Whether a name is taken. A value that is not UTF-8 also takes the name with the suffix
    /// `_hex`, for its exact bytes.
    fn is_taken(&self, name: &[u8], text: &[u8]) -> bool {
        let is_text = |text| str::from_utf8(text).is_ok();
        let is_hex_of = |hex: &[u8], name| hex.strip_suffix(b"_hex") == Some(name);
        self.fields.iter().any(|(known, value)| {
            *known == name
                || is_hex_of(name, known) && !is_text(value)
                || is_hex_of(known, name) && !is_text(text)
        })
    }
}

/// The key, escaped if it is not UTF-8, as only a forged one is.
fn readable<'a>(key: &'a [u8], arena: &'a Bump) -> &'a [u8] {
    match str::from_utf8(key) {
        Ok(_) => key,
        Err(_) => Vec::from_iter_in(key.escape_ascii(), arena).into_bump_slice(),
    }
}

/// Several texts as one.
pub(super) fn joined<'a>(parts: &[&[u8]], arena: &'a Bump) -> &'a [u8] {
    let bytes = parts.iter().flat_map(|part| part.iter().copied());
    Vec::from_iter_in(bytes, arena).into_bump_slice()
}
