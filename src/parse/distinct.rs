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
    /// The bits of the names so far, by which most names are found to be free without a search.
    seen: u64,
    /// Whether a name so far has a suffix: then a name may be taken without its bit.
    has_suffixes: bool,
    /// Fields left out because all numbers of their name were taken.
    left_out: u32,
    /// Whether fields were left out.
    pub(super) truncated: bool,
}

impl<'a> Distinct<'a> {
    pub(super) fn new(arena: &'a Bump) -> Distinct<'a> {
        Distinct {
            // Most records have no more.
            fields: Vec::with_capacity_in(16, arena),
            seen: 0,
            has_suffixes: false,
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

    /// Adds a field, with a numeric suffix if its name is taken. That takes a linear search, so
    /// there are bounds on the fields kept and left out.
    #[inline]
    pub(super) fn push(&mut self, key: &'a [u8], text: &'a [u8], arena: &'a Bump) {
        if self.fields.len() >= MAX_FIELDS || self.left_out >= MAX_LEFT_OUT {
            self.truncated = true;
            return;
        }
        let key = readable(key, arena);
        let bit = bit(key);
        self.has_suffixes |= has_suffix(key);
        if self.seen & bit == 0 && !self.has_suffixes {
            self.seen |= bit;
            return self.fields.push((key, text));
        }
        self.push_searched(key, text, arena);
    }

    #[inline(never)]
    fn push_searched(&mut self, key: &'a [u8], text: &'a [u8], arena: &'a Bump) {
        // A name can be taken only by one that starts with it, or that it starts with.
        let mut names = self.fields.iter().map(|(name, _)| *name);
        if names.any(|name| name.starts_with(key) || key.starts_with(name)) {
            return self.push_numbered(key, text, arena);
        }
        self.seen |= bit(key);
        self.fields.push((key, text));
    }

    fn push_numbered(&mut self, key: &'a [u8], text: &'a [u8], arena: &'a Bump) {
        for number in self.first_free(key)..=9 {
            let name = match number {
                1 => key,
                number => {
                    self.has_suffixes = true;
                    joined(&[key, &[b'_', b'0' + number]], arena)
                }
            };
            if !self.is_taken(name, text) {
                self.seen |= bit(name);
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

/// One of 64 bits for a name, by a hash of it.
#[inline]
fn bit(name: &[u8]) -> u64 {
    // The golden ratio of 64 bits, which spreads each byte up to the upper bits.
    let spread =
        |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    1 << (name.iter().fold(0, spread) >> 58)
}

/// Whether a name ends as that of a repeated field does, or as that of the exact bytes of another.
#[inline]
fn has_suffix(name: &[u8]) -> bool {
    matches!(name, [.., b'_', b'2'..=b'9'] | [.., b'_', b'h', b'e', b'x'])
}

/// The key, escaped if it is not UTF-8, as only a forged one is.
#[inline]
fn readable<'a>(key: &'a [u8], arena: &'a Bump) -> &'a [u8] {
    match key.is_ascii() || str::from_utf8(key).is_ok() {
        true => key,
        false => Vec::from_iter_in(key.escape_ascii(), arena).into_bump_slice(),
    }
}

/// Several texts as one.
pub(super) fn joined<'a>(parts: &[&[u8]], arena: &'a Bump) -> &'a [u8] {
    let bytes = parts.iter().flat_map(|part| part.iter().copied());
    Vec::from_iter_in(bytes, arena).into_bump_slice()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_two_fields_share_a_name_nor_that_of_their_exact_bytes(
            pushed in prop::collection::vec(
                ("(a|b|aa|ab|ba){0,3}(_2|_3|_hex){0,2}", any::<bool>()),
                0..40,
            ),
        ) {
            let arena = Bump::new();
            let mut fields = Distinct::new(&arena);
            for (name, is_text) in &pushed {
                let text: &[u8] = if *is_text { b"x" } else { b"\xff" };
                fields.push(name.as_bytes(), text, &arena);
            }
            let mut names = HashSet::new();
            for (name, text) in fields.as_slice() {
                prop_assert!(names.insert(name.to_vec()), "{}", name.escape_ascii());
                if str::from_utf8(text).is_err() {
                    prop_assert!(names.insert([name, &b"_hex"[..]].concat()));
                }
            }
        }

        #[test]
        fn names_that_are_distinct_stay_as_they_are(
            names in prop::collection::hash_set("[a-z]{1,3}", 0..100),
        ) {
            let arena = Bump::new();
            let mut fields = Distinct::new(&arena);
            for name in &names {
                fields.push(name.as_bytes(), b"", &arena);
            }
            let kept: Vec<_> = Vec::from_iter_in(fields.as_slice().iter().map(|pair| pair.0), &arena);
            let pushed: Vec<_> = Vec::from_iter_in(names.iter().map(String::as_bytes), &arena);
            prop_assert_eq!(kept, pushed);
        }
    }
}
