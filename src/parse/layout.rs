//! A fast parser for records with known keys in a known order.
//!
//! Checking that a token has the expected key is faster than finding out which key it has. So the
//! caller asks for one key after the other, in the order in which the kernel writes them, and each
//! check is one comparison with a constant. A record in that order takes one pass over the keys;
//! a record in another order takes more passes. Unknown keys are skipped.

use crate::{
    bytes::{Prefix, find, find_near, first_word, short_number},
    parse::{Tokens, Value, tokenize},
};

/// A key with its `=`, compared with the start of a token as one integer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key(Prefix);

impl Key {
    /// A key of at most 15 bytes.
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

/// The next bytes of a record, read without further bounds checks: a key, a quote and a short
/// value.
type Window = [u8; 16 + 1 + VALUE_BYTES];

/// The longest value in a window, including its closing quote or space.
const VALUE_BYTES: usize = 16;

/// `N` bytes of a window.
#[inline(always)]
fn part<const N: usize>(window: &Window, at: usize) -> &[u8; N] {
    window[at..].first_chunk().unwrap_or(&[0; N])
}

/// Evaluates `$then` with the value of a key, as an id, text, number or [`Value`], if the next
/// token has that key.
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

/// The next token, compared with a key.
enum Next<'a> {
    /// The token has another key.
    Other,
    /// The token has the key, and there is a whole window to read the value from.
    Window(&'a Window),
    /// The token had the key, but is near the end of the record, and was taken the slow way.
    Taken(Value<'a>),
}

/// The unread rest of a record, which starts with a token.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    /// The length of `rest` at the start of the last pass.
    before: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Fields<'a> {
        Fields {
            rest: body,
            before: usize::MAX,
        }
    }

    /// Starts a pass over the keys. `false` at the end of the record. If the last pass took
    /// nothing, skips the next token.
    #[inline]
    pub(crate) fn pass(&mut self) -> bool {
        while let [b' ', tail @ ..] = self.rest {
            self.rest = tail;
        }
        if self.rest.len() == self.before {
            let mut tokens = self.tokens();
            tokens.next();
            self.skip_to(&tokens);
        }
        self.before = self.rest.len();
        !self.rest.is_empty()
    }

    /// Takes the value of `key`, if the next token has that key. Fast for short bare values.
    #[inline(always)]
    pub(crate) fn take(&mut self, key: Key) -> Option<Value<'a>> {
        let window = match self.next(key) {
            Next::Window(window) => window,
            Next::Taken(value) => return Some(value),
            Next::Other => return None,
        };
        let space = match window[key.length()] {
            b'"' | b'\'' => None,
            _ => find_near(b' ', part(window, key.length())),
        };
        let Some(length) = space else {
            return Some(self.value(key.length()));
        };
        let bytes = &window[key.length()..key.length() + length];
        self.rest = &self.rest[key.length() + length + 1..];
        let quoted = false;
        Some(Value { bytes, quoted })
    }

    /// As [`take`](Self::take), fast for quoted values.
    #[inline(always)]
    pub(crate) fn take_text(&mut self, key: Key) -> Option<Value<'a>> {
        match self.next(key) {
            Next::Window(_) => Some(self.text(key.length())),
            Next::Taken(value) => Some(value),
            Next::Other => None,
        }
    }

    /// As [`take`](Self::take), fast for all values. Larger, so it is for a loop over keys.
    #[inline(always)]
    pub(crate) fn take_any(&mut self, key: Key) -> Option<Value<'a>> {
        if !key.0.begins(first_word(self.rest)) {
            return None;
        }
        let (value, rest) = Value::read(self.rest.get(key.length()..)?);
        self.rest = skip_space(rest);
        Some(value)
    }

    /// As [`take`](Self::take) and [`Value::id`], fast for ids that have few digits or are unset.
    ///
    /// `None` means that the next token has another key; `Some(None)`, that the token was taken but
    /// its value is not an id.
    #[inline(always)]
    pub(crate) fn take_id(&mut self, key: Key) -> Option<Option<u32>> {
        let window = match self.next(key) {
            Next::Window(window) => window,
            Next::Taken(value) => return Some(value.id()),
            Next::Other => return None,
        };
        let (id, length) = match part(window, key.length()) {
            [digit @ b'0'..=b'9', b' '] => (u32::from(digit - b'0'), 1),
            _ => match short_number(part(window, key.length()), b' ') {
                Some(number) => number,
                None if part(window, key.length()) == b"4294967295 " => (u32::MAX, 10),
                None => return Some(self.value(key.length()).id()),
            },
        };
        self.rest = &self.rest[key.length() + length + 1..];
        Some(Some(id))
    }

    /// As [`take`](Self::take) and [`Value::integer`]. The two levels of `Option` are those of
    /// [`take_id`](Self::take_id).
    #[inline(always)]
    pub(crate) fn take_number(&mut self, key: Key) -> Option<Option<i64>> {
        let window = match self.next(key) {
            Next::Window(window) => window,
            Next::Taken(value) => return Some(value.integer()),
            Next::Other => return None,
        };
        let (number, length) = match part(window, key.length()) {
            [digit @ b'0'..=b'9', b' '] => (u32::from(digit - b'0'), 1),
            _ => match short_number(part(window, key.length()), b' ') {
                Some(number) => number,
                None => return Some(self.value(key.length()).integer()),
            },
        };
        self.rest = &self.rest[key.length() + length + 1..];
        Some(Some(i64::from(number)))
    }

    /// Compares the key of the next token. Near the end of the record, takes the token too.
    #[inline(always)]
    fn next(&mut self, key: Key) -> Next<'a> {
        match self.rest.first_chunk() {
            Some(window) if key.begins(window) => Next::Window(window),
            None if key.0.begins(first_word(self.rest)) => Next::Taken(self.value(key.length())),
            Some(_) | None => Next::Other,
        }
    }

    /// Takes the number and value of an argument, if the next key is `a` and one or two digits.
    #[inline]
    pub(crate) fn take_argument(&mut self) -> Option<(u32, Value<'a>)> {
        let (number, length) = match self.rest {
            [b'a', one @ b'0'..=b'9', b'=', ..] => (one - b'0', 3),
            [b'a', ten @ b'0'..=b'9', one @ b'0'..=b'9', b'=', ..] => {
                (10 * (ten - b'0') + (one - b'0'), 4)
            }
            _ => return None,
        };
        Some((u32::from(number), self.text(length)))
    }

    /// As [`value`](Self::value), fast for quoted values.
    #[inline(always)]
    fn text(&mut self, length: usize) -> Value<'a> {
        if let Some([b'"', text @ ..]) = self.rest.get(length..)
            && let Some(end) = find(b'"', text)
        {
            let (bytes, rest) = text.split_at(end);
            self.rest = skip_space(rest.get(1..).unwrap_or_default());
            return Value {
                bytes,
                quoted: true,
            };
        }
        self.value(length)
    }

    /// Takes the value after a key of this length, and the space after it.
    #[inline(always)]
    fn value(&mut self, length: usize) -> Value<'a> {
        let (value, rest) = value_after(self.rest, length);
        self.rest = rest;
        value
    }

    /// The unread text.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The unread tokens.
    pub(crate) fn tokens(&self) -> Tokens<'a> {
        tokenize(self.rest)
    }

    /// Continues after the last token that `tokens` has returned.
    pub(crate) fn skip_to(&mut self, tokens: &Tokens<'a>) {
        self.rest = skip_space(tokens.rest());
    }
}

/// Splits a text after a key of this length into value and rest. Not inlined, because it has many
/// callers; takes and returns values rather than references, so that `Fields` stays in registers.
/// Cold, so that the callers' code for the usual values is in one piece.
#[cold]
#[inline(never)]
fn value_after(text: &[u8], length: usize) -> (Value<'_>, &[u8]) {
    let (value, rest) = Value::read(text.get(length..).unwrap_or_default());
    (value, skip_space(rest))
}

#[inline(always)]
fn skip_space(text: &[u8]) -> &[u8] {
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
    fn unknown_keys_are_skipped() {
        check("x=1 word arch=c a10=3 a0[1]=\" a0=2\" a1", &[("arch", "c")]);
        check("aarch=c arch a0 arch =c", &[]);
    }

    #[test]
    fn the_fast_paths_agree_with_the_general_parser() {
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
                    let (value, rest) = value_after(body.as_bytes(), key.len() + 1);
                    let (new, key) = (|| Fields::new(body.as_bytes()), Key::new(key));
                    let mut fields = [new(), new(), new(), new(), new()];
                    let [bare, any, text, id, number] = &mut fields;
                    assert_eq!(bare.take(key), Some(value), "{body}");
                    assert_eq!(any.take_any(key), Some(value), "{body}");
                    assert_eq!(text.take_text(key), Some(value), "{body}");
                    assert_eq!(id.take_id(key), Some(value.id()), "{body}");
                    assert_eq!(number.take_number(key), Some(value.integer()), "{body}");
                    assert!(fields.iter().all(|fields| fields.rest == rest), "{body}");
                }
            }
        }
    }

    #[test]
    fn the_longest_key_and_the_last_key_are_found() {
        check("a_key_of_15_byt=7", &[("a_key_of_15_byt", "7")]);
        check("a0=", &[("a0", "")]);
        check("", &[]);
    }
}
