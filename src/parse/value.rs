//! Single values: numbers, and text that may be hex-encoded.

use bumpalo::Bump;

use crate::{
    bytes::{find, hex, integer, unhex},
    model::Arena,
};

/// A value as written in a record.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Value<'a> {
    /// The bytes, without quotes.
    pub bytes: &'a [u8],
    /// Whether it was in quotes.
    pub quoted: bool,
}

impl<'a> Value<'a> {
    /// Splits a text into the value at its start and the rest.
    #[inline(always)]
    pub(crate) fn read(text: &'a [u8]) -> (Value<'a>, &'a [u8]) {
        match text {
            [b'"' | b'\'', ..] => quoted(text),
            _ => {
                let (bytes, rest) = text.split_at(find(b' ', text).unwrap_or(text.len()));
                let quoted = false;
                (Value { bytes, quoted }, rest)
            }
        }
    }

    /// The text of a field that the kernel or libaudit writes as an untrusted string: either in
    /// quotes, or bare in upper-case hex (kernel/audit.c, `audit_log_untrustedstring`).
    ///
    /// Call it for such fields only. Only bare values are decoded: `a1="3005"` is the text `3005`.
    /// A bare value that is not valid hex is returned unchanged, because older programs write
    /// `acct=root`.
    #[inline]
    pub fn decoded(self, arena: &'a Arena) -> &'a [u8] {
        self.text(arena.bump())
    }

    /// As [`decoded`](Self::decoded).
    #[inline]
    pub(crate) fn text(self, arena: &'a Bump) -> &'a [u8] {
        if self.quoted {
            self.bytes
        } else {
            unhex(self.bytes, arena).unwrap_or(self.bytes)
        }
    }

    /// As [`text`](Self::text), but `None` for bare placeholders. A quoted `"(null)"` is a name.
    pub(crate) fn optional_text(self, arena: &'a Bump) -> Option<&'a [u8]> {
        (!self.is_placeholder()).then(|| self.text(arena))
    }

    /// The bytes of a field that is never hex-encoded; `None` for placeholders.
    pub fn literal(self) -> Option<&'a [u8]> {
        (!self.is_placeholder()).then_some(self.bytes)
    }

    /// Whether this is a placeholder for a missing value: bare `(null)`, `(none)`, `?`, or empty.
    pub fn is_placeholder(self) -> bool {
        !self.quoted && matches!(self.bytes, b"(null)" | b"(none)" | b"?" | b"")
    }

    /// A decimal number, which may be negative.
    pub fn integer(self) -> Option<i64> {
        integer(self.bytes)
    }

    /// A hexadecimal number without a prefix, such as `a0` to `a3` and `arch`.
    pub fn hex(self) -> Option<u64> {
        hex(self.bytes)
    }

    /// A numeric id. `-1`, which some records print for an unset id, becomes 4294967295.
    #[inline]
    pub fn id(self) -> Option<u32> {
        match self.bytes {
            [digit @ b'0'..=b'9'] => return Some(u32::from(digit - b'0')),
            b"4294967295" => return Some(u32::MAX),
            _ => {}
        }
        match integer(self.bytes)? {
            -1 => Some(u32::MAX),
            number => u32::try_from(number).ok(),
        }
    }
}

/// Splits a text that starts with a quote into the quoted value and the rest.
fn quoted(text: &[u8]) -> (Value<'_>, &[u8]) {
    let (text, end) = match text {
        [b'"', text @ ..] => (text, find(b'"', text)),
        [b'\'', text @ ..] => (text, memchr::memrchr(b'\'', text)),
        text => (text, None),
    };
    let (bytes, rest) = text.split_at(end.unwrap_or(text.len()));
    let value = Value {
        bytes,
        quoted: true,
    };
    (value, rest.get(1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(text: &str) -> Value<'_> {
        Value {
            bytes: text.as_bytes(),
            quoted: false,
        }
    }

    #[test]
    fn only_bare_upper_case_hex_is_decoded() {
        let arena = Bump::new();
        for (text, expected) in [
            ("75736520776F726473", "use words"),
            ("41", "A"),
            ("414", "414"),
            ("6a6B", "6a6B"),
            ("root", "root"),
            ("", ""),
        ] {
            assert_eq!(bare(text).text(&arena), expected.as_bytes());
            let quoted = Value {
                quoted: true,
                ..bare(text)
            };
            assert_eq!(quoted.text(&arena), text.as_bytes());
        }
    }

    #[test]
    fn a_quoted_null_is_a_name_and_a_bare_one_is_absent() {
        let arena = Bump::new();
        assert_eq!(bare("(null)").optional_text(&arena), None);
        let quoted = Value {
            quoted: true,
            ..bare("(null)")
        };
        assert_eq!(quoted.optional_text(&arena), Some(&b"(null)"[..]));
    }

    #[test]
    fn numbers_with_other_characters_or_out_of_range_are_rejected() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-115", Some(-115)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("", None),
            ("-", None),
            ("1x", None),
        ] {
            assert_eq!(bare(text).integer(), expected, "{text}");
        }
        assert_eq!(bare("ffffffffffffff9c").hex(), Some(0xffff_ffff_ffff_ff9c));
        assert_eq!(bare("11112222333344445").hex(), None);
    }

    #[test]
    fn an_unset_id_is_4294967295_in_both_spellings() {
        assert_eq!(bare("4294967295").id(), Some(u32::MAX));
        assert_eq!(bare("-1").id(), Some(u32::MAX));
        assert_eq!(bare("4294967296").id(), None);
    }
}
