//! The fields of texts that recur.
//!
//! Most records end as earlier ones did: a process keeps its ids, and files of one kind on one
//! device have the same attributes. Such a text is compared as a whole, and its fields are not read
//! again.

use std::ops::Range;

use crate::{bytes::sum, parse::offset};

/// Texts, each with its fields. A text has one place in the table and takes it from any
/// other, so memory is limited.
#[derive(Debug, Default)]
pub(crate) struct Memo<T> {
    /// Empty if nothing is kept.
    slots: Vec<(Vec<u8>, T)>,
}

/// Longer texts are not kept.
const MAX_TEXT_BYTES: usize = 512;

impl<T: Default> Memo<T> {
    /// A table with this many places.
    pub(crate) fn new(places: usize) -> Memo<T> {
        let slots = std::iter::repeat_with(Default::default);
        Memo {
            slots: slots.take(places).collect(),
        }
    }

    /// The fields of a text, if it is known.
    #[inline(always)]
    pub(crate) fn get(&self, text: &[u8]) -> Option<&T> {
        let (known, value) = self.slots.get(self.index(text))?;
        (known == text).then_some(value)
    }

    /// Keeps the fields of a text. They must depend on nothing else, and those of an empty text
    /// must be the default.
    pub(super) fn put(&mut self, text: &[u8], value: T) {
        if let Some(place) = self.claim(text) {
            *place = value;
        }
    }

    /// Gives a place to a text, and returns the fields of the text that had it, to be replaced by
    /// those of this one. `None` if the text is not kept.
    pub(crate) fn claim(&mut self, text: &[u8]) -> Option<&mut T> {
        let index = self.index(text);
        let (known, value) = self.slots.get_mut(index)?;
        if text.len() > MAX_TEXT_BYTES {
            return None;
        }
        known.clear();
        known.extend_from_slice(text);
        Some(value)
    }

    #[inline]
    fn index(&self, text: &[u8]) -> usize {
        let scaled = u128::from(sum(text)) * self.slots.len() as u128;
        (scaled >> u64::BITS) as usize
    }
}

/// The place of `part`, a subslice of `text`.
pub(super) fn place(part: &[u8], text: &[u8]) -> Range<usize> {
    let start = offset(part, text);
    start..start + part.len()
}

/// As [`place`], for a text that may be none of the other's. `None` if it is not.
pub(super) fn part_of(part: &[u8], text: &[u8]) -> Option<Range<usize>> {
    let place = place(part, text);
    (text.get(place.clone()) == Some(part)).then_some(place)
}
