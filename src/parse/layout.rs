//! Records whose keys are known, read in the order in which the kernel writes them.
//!
//! To find out which key a token has takes longer than to see that it is the one that was expected.
//! So a record is asked for one key after the other, in the kernel's order, and each question is one
//! comparison with a constant. One pass over the keys reads a record of that order; a record of
//! another order takes more passes, and keys that nobody asks for are passed over.

use crate::{
    bytes::{Prefix, find_near, first_word, short_number},
    parse::{Tokens, Value, tokenize},
};

/// A key with its `=`, compared with the beginning of a token at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key(Prefix);

impl Key {
    /// A key of 15 bytes at most.
    pub(crate) const fn new(name: &str) -> Key {
        Key(Prefix::new(name.as_bytes(), b"="))
    }

    /// The length of the key and its `=`, in bytes.
    #[inline(always)]
    fn length(self) -> usize {
        self.0.length
    }

    /// Whether the token at the start of a window has this key.
    #[inline(always)]
    fn begins(self, window: &Window) -> bool {
        self.0.begins(u128::from_le_bytes(*part(window, 0)))
    }
}

/// What can be looked at without asking where the record ends: a key, a quote and a short value.
type Window = [u8; 16 + 1 + SHORT];

/// The length that a value of a window has at most, with what ends it.
const SHORT: usize = 16;

/// Some bytes of a window.
#[inline(always)]
fn part<const N: usize>(window: &Window, at: usize) -> &[u8; N] {
    window[at..].first_chunk().unwrap_or(&[0; N])
}

/// Does something with the value of a key, or with the id or number that it is, if the next token has
/// that key.
macro_rules! take {
    ($fields:ident, $key:literal, id($id:ident) => $then:expr) => {
        if let Some($id) = $fields.take_id(const { $crate::parse::layout::Key::new($key) }) {
            $then
        }
    };
    ($fields:ident, $key:literal, text($value:ident) => $then:expr) => {
        if let Some($value) = $fields.take_text(const { $crate::parse::layout::Key::new($key) }) {
            $then
        }
    };
    ($fields:ident, $key:literal, number($number:ident) => $then:expr) => {
        if let Some($number) = $fields.take_number(const { $crate::parse::layout::Key::new($key) })
        {
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

    /// The value of a key, if the next token has that key. Most values are bare and short.
    #[inline(always)]
    pub(crate) fn take(&mut self, key: Key) -> Option<Value<'a>> {
        let window = match self.window(key) {
            Ok(window) => window?,
            Err(value) => return value,
        };
        let is_bare = !matches!(window[key.length()], b'"' | b'\'');
        match find_near(b' ', part(window, key.length())).filter(|_| is_bare) {
            Some(length) => {
                let bytes = &self.rest[key.length()..key.length() + length];
                self.rest = &self.rest[key.length() + length + 1..];
                let quoted = false;
                Some(Value { bytes, quoted })
            }
            None => Some(self.value(key.length())),
        }
    }

    /// As [`take`](Self::take), for a value that is mostly in quotes.
    #[inline(always)]
    pub(crate) fn take_text(&mut self, key: Key) -> Option<Value<'a>> {
        let window = match self.window(key) {
            Ok(window) => window?,
            Err(value) => return value,
        };
        let is_quoted = window[key.length()] == b'"';
        let start = key.length() + 1;
        match find_near(b'"', part(window, start)).filter(|_| is_quoted) {
            Some(length) => {
                let bytes = &self.rest[start..start + length];
                self.rest = behind_space(&self.rest[start + length + 1..]);
                let quoted = true;
                Some(Value { bytes, quoted })
            }
            None => Some(self.value(key.length())),
        }
    }

    /// As [`take`](Self::take) and [`Value::id`]. Most ids have few digits or are unset, and that is
    /// seen at once.
    #[inline(always)]
    pub(crate) fn take_id(&mut self, key: Key) -> Option<Option<u32>> {
        let window = match self.window(key) {
            Ok(window) => window?,
            Err(value) => return value.map(Value::id),
        };
        let (id, length) = match part(window, key.length()) {
            [digit @ b'0'..=b'9', b' '] => (u32::from(digit - b'0'), 1),
            _ if part(window, key.length()) == b"4294967295 " => (u32::MAX, 10),
            _ => match short_number(part(window, key.length())) {
                Some(number) => number,
                None => return Some(self.value(key.length()).id()),
            },
        };
        self.rest = &self.rest[key.length() + length + 1..];
        Some(Some(id))
    }

    /// As [`take`](Self::take) and [`Value::integer`].
    #[inline(always)]
    pub(crate) fn take_number(&mut self, key: Key) -> Option<Option<i64>> {
        let window = match self.window(key) {
            Ok(window) => window?,
            Err(value) => return value.map(Value::integer),
        };
        let Some((number, length)) = short_number(part(window, key.length())) else {
            return Some(self.value(key.length()).integer());
        };
        self.rest = &self.rest[key.length() + length + 1..];
        Some(Some(i64::from(number)))
    }

    /// What is next, if it has this key; or the value of it, where less than a window is left.
    #[inline(always)]
    fn window(&mut self, key: Key) -> Result<Option<&'a Window>, Option<Value<'a>>> {
        match self.rest.first_chunk() {
            Some(window) => Ok(key.begins(window).then_some(window)),
            None => {
                let is_next = key.0.begins(first_word(self.rest));
                Err(is_next.then(|| self.value(key.length())))
            }
        }
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

    /// The value behind a key of this length, which is passed over with the space behind it.
    #[inline(always)]
    fn value(&mut self, length: usize) -> Value<'a> {
        let (value, rest) = value_behind(self.rest, length);
        self.rest = rest;
        value
    }

    /// What has not been read yet, as tokens.
    pub(crate) fn tokens(&self) -> Tokens<'a> {
        tokenize(self.rest)
    }

    /// Goes on behind what was read as tokens.
    pub(crate) fn go_on(&mut self, tokens: &Tokens<'a>) {
        self.rest = behind_space(tokens.rest());
    }
}

/// The value behind a key of this length, and what follows it. It is no part of its callers, which are
/// many, and hands over no place in memory, so that a record is read in registers.
#[inline(never)]
fn value_behind(text: &[u8], length: usize) -> (Value<'_>, &[u8]) {
    let (value, rest) = Value::read(text.get(length..).unwrap_or_default());
    (value, behind_space(rest))
}

#[inline(always)]
fn behind_space(text: &[u8]) -> &[u8] {
    match text {
        [b' ', tail @ ..] => tail,
        text => text,
    }
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
    fn what_is_seen_at_once_reads_as_what_takes_longer() {
        let values = [
            "",
            "0",
            "7",
            "10",
            "12345678",
            "00000001",
            "123456789",
            "-1",
            "x",
            "1x",
            "12:5678",
            "\"5\"",
            "\"5",
            "\"\"",
            "'5 6'",
            "\"of 15 bytes here\"",
            "\"of more than 16 bytes here\"",
            "of_15_bytes_too",
            "of_16_bytes_here",
            "4294967295",
            "42949672950",
            "4294967296",
            "99999999999999999999",
        ];
        let far = format!(" b={}", "1".repeat(40));
        for value in values {
            for behind in ["", " ", "  ", " b", "b", &far, &far[1..]] {
                for key in ["a0", "a_key_of_13_b", "a_key_of_14_by", "a_key_of_15_byt"] {
                    let body = format!("{key}={value}{behind}");
                    let (value, rest) = value_behind(body.as_bytes(), key.len() + 1);
                    let (new, key) = (|| Fields::new(body.as_bytes()), Key::new(key));
                    let mut fields = [new(), new(), new(), new()];
                    let [bare, text, id, number] = &mut fields;
                    assert_eq!(bare.take(key), Some(value), "{body}");
                    assert_eq!(text.take_text(key), Some(value), "{body}");
                    assert_eq!(id.take_id(key), Some(value.id()), "{body}");
                    assert_eq!(number.take_number(key), Some(value.integer()), "{body}");
                    assert!(fields.iter().all(|fields| fields.rest == rest), "{body}");
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
