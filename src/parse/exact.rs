//! Texts that have exactly the form that is expected.
//!
//! Most records of a type have the same keys in the same order, and short values. Reading only that
//! form takes half of the work of [`Fields`](super::layout::Fields), which read any record. So the
//! parsers of frequent types try this first.

use crate::{
    bytes::{find, leading_number, leading_word, short_number},
    model::Identity,
    parse::Value,
};

/// The unread rest of a text. Each method returns `None` if the next part has another form; what is
/// left then is not defined.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exact<'a>(&'a [u8]);

impl<'a> Exact<'a> {
    pub(super) fn new(text: &'a [u8]) -> Exact<'a> {
        Exact(text)
    }

    /// The unread text.
    #[inline(always)]
    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Skips these bytes. If they are not next, nothing is skipped.
    #[inline(always)]
    pub(super) fn skip<const N: usize>(&mut self, bytes: &[u8; N]) -> Option<()> {
        let (start, rest) = self.0.split_first_chunk()?;
        (start == bytes).then(|| self.0 = rest)
    }

    /// Takes a number of one to eight digits before a space.
    #[inline(always)]
    pub(super) fn number(&mut self) -> Option<u32> {
        let (number, length) = match self.0 {
            [digit @ b'0'..=b'9', b' ', ..] => (u32::from(digit - b'0'), 1),
            text => short_number(text.first_chunk()?, b' ')?,
        };
        self.0 = self.0.get(length..)?;
        Some(number)
    }

    /// Takes an id, which may be unset, before a space.
    #[inline(always)]
    pub(super) fn id(&mut self) -> Option<u32> {
        match self.number() {
            None => self.skip(b"4294967295").map(|()| Identity::UNSET),
            id => id,
        }
    }

    /// Takes a number that fits in an `i64`.
    #[inline(always)]
    pub(super) fn long_number(&mut self) -> Option<u64> {
        if let Some(number) = self.number() {
            return Some(u64::from(number));
        }
        let (number, rest) = leading_number(self.0)?;
        self.0 = rest;
        i64::try_from(number).is_ok().then_some(number)
    }

    /// Takes a bare value of at most 16 bytes.
    #[inline(always)]
    pub(super) fn word(&mut self) -> Option<&'a [u8]> {
        let near = self.0.first_chunk()?;
        let (word, rest) = self.0.split_at_checked(leading_word(near))?;
        self.0 = rest;
        (near[0] > b'\'').then_some(word)
    }

    /// Takes a value in double quotes, or a bare one.
    #[inline(always)]
    pub(super) fn value(&mut self) -> Option<Value<'a>> {
        let (bytes, rest, quoted) = match self.0 {
            [b'\'', ..] => return None,
            [b'"', text @ ..] => {
                let (bytes, rest) = text.split_at_checked(find(b'"', text)?)?;
                (bytes, rest.get(1..)?, true)
            }
            text => {
                let end = find(b' ', text).unwrap_or(text.len());
                let (bytes, rest) = text.split_at_checked(end)?;
                (bytes, rest, false)
            }
        };
        self.0 = rest;
        Some(Value { bytes, quoted })
    }
}
