//! Records whose keys are known, read in the order in which the kernel writes them.
//!
//! To find out which key a token has takes longer than to see that it is the one that was expected.
//! So a record is asked for one key after the other, in the kernel's order, and each question is one
//! comparison with a constant. One pass over the keys reads a record of that order; a record of
//! another order takes more passes, and keys that nobody asks for are passed over.

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

    const fn bits(self) -> u32 {
        8 * self.length as u32
    }
}

/// Does something with the value of a key, or with the id that it is, if the next token has that key.
macro_rules! take {
    ($fields:ident, $key:literal, id($id:ident) => $then:expr) => {
        if let Some($id) = $fields.take_id(const { $crate::parse::layout::Key::new($key) }) {
            $then
        }
    };
    ($fields:ident, $key:literal, $value:ident => $then:expr) => {
        if let Some($value) = $fields.take(const { $crate::parse::layout::Key::new($key) }) {
            $then
        }
    };
}
pub(crate) use take;

/// A record, as far as it has not been read yet. It begins with a token.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    /// How much there was when the last pass began.
    before: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Fields<'a> {
        Fields {
            rest: body,
            before: usize::MAX,
        }
    }

    /// Begins a pass over the keys, if there is anything left. What the last pass had no use for is
    /// passed over.
    #[inline]
    pub(crate) fn pass(&mut self) -> bool {
        while let [b' ', tail @ ..] = self.rest {
            self.rest = tail;
        }
        if self.rest.len() == self.before {
            let mut tokens = self.tokens();
            tokens.next();
            self.go_on(&tokens);
        }
        self.before = self.rest.len();
        !self.rest.is_empty()
    }

    /// The value of a key, if the next token has that key.
    #[inline(always)]
    pub(crate) fn take(&mut self, key: Key) -> Option<Value<'a>> {
        (self.word() & key.mask == key.word).then(|| self.value(key.length))
    }

    /// As [`take`](Self::take) and [`Value::id`]. Most ids have one digit, and that is seen at once.
    #[inline(always)]
    pub(crate) fn take_id(&mut self, key: Key) -> Option<Option<u32>> {
        let word = self.word();
        if word & key.mask != key.word {
            return None;
        }
        let [first, second, ..] = word.unbounded_shr(key.bits()).to_le_bytes();
        if let (b'0'..=b'9', b' ') = (first, second)
            && let Some(rest) = self.rest.get(key.length + 2..)
        {
            self.rest = rest;
            return Some(Some(u32::from(first - b'0')));
        }
        Some(self.value(key.length).id())
    }

    /// The number and the value of the next token, if its key is `a` and a number of one or two digits.
    #[inline]
    pub(crate) fn take_argument(&mut self) -> Option<(u32, Value<'a>)> {
        let (number, length) = match self.rest {
            [b'a', one @ b'0'..=b'9', b'=', ..] => (one - b'0', 3),
            [b'a', ten @ b'0'..=b'9', one @ b'0'..=b'9', b'=', ..] => {
                (10 * (ten - b'0') + (one - b'0'), 4)
            }
            _ => return None,
        };
        Some((u32::from(number), self.value(length)))
    }

    /// What is next, as a number to compare with a key.
    #[inline(always)]
    fn word(&self) -> u128 {
        match self.rest.first_chunk() {
            Some(bytes) => u128::from_le_bytes(*bytes),
            None => last_word(self.rest),
        }
    }

    /// The value behind a key of this length, which is passed over with the space behind it.
    #[inline(always)]
    fn value(&mut self, length: usize) -> Value<'a> {
        let (value, rest) = Value::read(self.rest.get(length..).unwrap_or_default());
        self.rest = match rest {
            [b' ', tail @ ..] => tail,
            rest => rest,
        };
        value
    }

    /// What has not been read yet, as tokens.
    pub(crate) fn tokens(&self) -> Tokens<'a> {
        tokenize(self.rest)
    }

    /// Goes on behind what was read as tokens.
    pub(crate) fn go_on(&mut self, tokens: &Tokens<'a>) {
        let rest = tokens.rest();
        self.rest = rest.strip_prefix(b" ").unwrap_or(rest);
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

    #[track_caller]
    fn check(body: &str, expected: &[(&str, &str)]) {
        let mut fields = Fields::new(body.as_bytes());
        let mut got = Vec::new();
        while fields.pass() {
            for name in ["arch", "a0", "a1", "a_key_of_15_byt"] {
                if let Some(value) = fields.take(Key::new(name)) {
                    got.push((name, str::from_utf8(value.bytes).unwrap()));
                }
            }
        }
        assert_eq!(got, expected, "{body}");
    }

    #[test]
    fn fields_are_found_in_any_order() {
        let expected = [("arch", "c"), ("a0", "1"), ("a1", "2")];
        check("arch=c a0=1 a1=2", &expected);
        check("  arch=c  a0=\"1\" a1=2 ", &expected);
        check("a1=2 arch=c", &[("a1", "2"), ("arch", "c")]);
        check("a1=2 a1=3", &[("a1", "2"), ("a1", "3")]);
    }

    #[test]
    fn what_nobody_asks_for_is_passed_over() {
        check("x=1 word arch=c a10=3 a0[1]=\" a0=2\" a1", &[("arch", "c")]);
        check("aarch=c arch a0 arch =c", &[]);
    }

    #[test]
    fn an_id_of_one_digit_reads_as_any_other() {
        for value in [
            "",
            "0",
            "7",
            "10",
            "-1",
            "x",
            "\"5\"",
            "5x",
            "4294967295",
            "4294967296",
            "00",
        ] {
            for behind in ["", " ", "  ", " b", " b=12345678901234567890"] {
                for key in ["a0", "a_key_of_13_b", "a_key_of_14_by", "a_key_of_15_byt"] {
                    let body = format!("{key}={value}{behind}");
                    let (mut one, mut other) =
                        (Fields::new(body.as_bytes()), Fields::new(body.as_bytes()));
                    let expected = other.take(Key::new(key)).map(Value::id);
                    assert_eq!(one.take_id(Key::new(key)), expected, "{body}");
                    assert_eq!(one.rest, other.rest, "{body}");
                }
            }
        }
    }

    #[test]
    fn a_key_may_be_as_long_as_a_number_and_stand_at_the_end() {
        check("a_key_of_15_byt=7", &[("a_key_of_15_byt", "7")]);
        check("a0=", &[("a0", "")]);
        check("", &[]);
    }
}
