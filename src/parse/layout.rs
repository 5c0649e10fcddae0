//! Records whose keys are known, read in the order in which the kernel writes them.
//!
//! To find out which key a token has takes longer than to see that it is the one that was expected.
//! So a layout lists the keys of a record type in the kernel's order; each token is held against the
//! key that should be next, and only if it is another one against all of them. Any order is
//! understood, and keys that are not in the layout are passed over.

use crate::parse::{Tokens, Value, tokenize};

/// A key with its `=`, as a number, so that one comparison tells whether a token begins with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    word: u128,
    mask: u128,
    length: usize,
}

impl Key {
    /// A key of 15 bytes at most.
    pub(crate) const fn new(name: &str) -> Key {
        let (name, mut bytes, mut at) = (name.as_bytes(), [0; 16], 0);
        while at < name.len() {
            bytes[at] = name[at];
            at += 1;
        }
        bytes[at] = b'=';
        let length = at + 1;
        Key {
            word: u128::from_le_bytes(bytes),
            mask: u128::MAX >> (8 * (16 - length)),
            length,
        }
    }
}

/// Defines the fields of a record type, in the kernel's order, with the keys they are written under.
macro_rules! layout {
    ($(#[$doc:meta])* enum $name:ident { $($field:ident = $key:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        enum $name { $($field,)* }

        impl $crate::parse::layout::Layout for $name {
            const KEYS: &'static [($crate::parse::layout::Key, $name)] =
                &[$(($crate::parse::layout::Key::new($key), $name::$field),)*];
        }
    };
}
pub(crate) use layout;

/// The fields of a record type.
pub(crate) trait Layout: Copy + 'static {
    /// Each with its key, in the kernel's order.
    const KEYS: &'static [(Key, Self)];
}

/// Iterates over the fields of a record that are in its layout.
#[derive(Debug)]
pub(crate) struct Fields<'a, L> {
    rest: &'a [u8],
    /// The place in the layout of the key that is expected next.
    expected: usize,
    layout: std::marker::PhantomData<L>,
}

/// The fields of a record that are in its layout.
pub(crate) fn fields<L: Layout>(body: &[u8]) -> Fields<'_, L> {
    Fields {
        rest: body,
        expected: 0,
        layout: std::marker::PhantomData,
    }
}

impl<'a, L: Layout> Iterator for Fields<'a, L> {
    type Item = (L, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<(L, Value<'a>)> {
        loop {
            while let [b' ', tail @ ..] = self.rest {
                self.rest = tail;
            }
            if self.rest.is_empty() {
                return None;
            }
            if let Some((field, length)) = self.field() {
                let (value, rest) = Value::read(self.rest.get(length..).unwrap_or_default());
                self.rest = rest;
                return Some((field, value));
            }
            self.skip();
        }
    }
}

impl<'a, L: Layout> Fields<'a, L> {
    /// Which field the rest begins with, and how long its key is.
    #[inline]
    fn field(&mut self) -> Option<(L, usize)> {
        let word = match self.rest.first_chunk() {
            Some(bytes) => u128::from_le_bytes(*bytes),
            None => last_word(self.rest),
        };
        let is = |(key, _): &(Key, L)| word & key.mask == key.word;
        let place = match L::KEYS.get(self.expected) {
            Some(key) if is(key) => self.expected,
            _ => L::KEYS.iter().position(is)?,
        };
        self.expected = place + 1;
        L::KEYS.get(place).map(|(key, field)| (*field, key.length))
    }

    /// Passes over a token that is in no layout.
    fn skip(&mut self) {
        let mut tokens = tokenize(self.rest);
        tokens.next();
        self.rest = tokens.rest();
    }

    /// What has not been read yet, to be looked at as tokens.
    pub(crate) fn tokens(&self) -> Tokens<'a> {
        tokenize(self.rest)
    }

    /// Goes on behind what was read as tokens.
    pub(crate) fn go_on(&mut self, tokens: &Tokens<'a>) {
        self.rest = tokens.rest();
    }
}

/// The last bytes of a record as a number, with NULs behind them.
#[cold]
fn last_word(rest: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    for (byte, from) in bytes.iter_mut().zip(rest) {
        *byte = *from;
    }
    u128::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    layout! {
        enum Test {
            Arch = "arch",
            A0 = "a0",
            A1 = "a1",
            Long = "a_key_of_15_byt",
        }
    }

    #[track_caller]
    fn check(body: &str, expected: &[(Test, &str)]) {
        let got: Vec<_> = fields::<Test>(body.as_bytes())
            .map(|(field, value)| (field, str::from_utf8(value.bytes).unwrap()))
            .collect();
        assert_eq!(got, expected, "{body}");
    }

    #[test]
    fn fields_are_found_in_any_order() {
        let expected = [(Test::Arch, "c"), (Test::A0, "1"), (Test::A1, "2")];
        check("arch=c a0=1 a1=2", &expected);
        check("arch=c  a0=\"1\" a1=2 ", &expected);
        check("a1=2 arch=c", &[(Test::A1, "2"), (Test::Arch, "c")]);
        check("a1=2 a1=3", &[(Test::A1, "2"), (Test::A1, "3")]);
    }

    #[test]
    fn what_is_not_in_the_layout_is_passed_over() {
        check(
            "x=1 word arch=c a10=3 a0[1]=\" a0=2\" a1",
            &[(Test::Arch, "c")],
        );
        check("aarch=c arch a0 arch =c", &[]);
    }

    #[test]
    fn a_key_may_be_as_long_as_the_layout_can_hold_and_stand_at_the_end() {
        check("a_key_of_15_byt=7", &[(Test::Long, "7")]);
        check("a0=", &[(Test::A0, "")]);
        check("", &[]);
    }
}
