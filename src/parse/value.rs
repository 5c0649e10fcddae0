//! Single values: numbers, and text that may be written as hex.

use bumpalo::Bump;

/// A value as it stands in a record.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Value<'a> {
    /// The bytes, without quotes.
    pub bytes: &'a [u8],
    /// Whether it stood in quotes.
    pub quoted: bool,
}

impl<'a> Value<'a> {
    /// The value at the start of a text, and what follows it.
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

    /// The text of a field that the kernel or libaudit writes as untrusted: in quotes as it is, or
    /// bare as upper-case hex (kernel/audit.c, `audit_log_untrustedstring`).
    ///
    /// Only such fields may be decoded, and only when they are bare: `a1="3005"` is the text
    /// `3005`, and `uid=1000` is a number. What is no hex of whole bytes stays as it is; older
    /// programs write `acct=root`.
    #[inline]
    pub fn text(self, arena: &'a Bump) -> &'a [u8] {
        if self.quoted {
            self.bytes
        } else {
            unhex(self.bytes, arena).unwrap_or(self.bytes)
        }
    }

    /// As [`text`](Self::text), but bare placeholders are nothing. `"(null)"` in quotes is a name.
    pub fn optional_text(self, arena: &'a Bump) -> Option<&'a [u8]> {
        (!self.is_placeholder()).then(|| self.text(arena))
    }

    /// A value that is never hex, unless it only holds the place of one.
    pub fn literal(self) -> Option<&'a [u8]> {
        (!self.is_placeholder()).then_some(self.bytes)
    }

    /// Whether this stands for "there is none": bare `(null)`, `(none)` or `?`, or nothing at all.
    pub fn is_placeholder(self) -> bool {
        !self.quoted && matches!(self.bytes, b"(null)" | b"(none)" | b"?" | b"")
    }

    /// A decimal number, which may be negative.
    pub fn integer(self) -> Option<i64> {
        integer(self.bytes)
    }

    /// A number in hex without a prefix, as `a0` to `a3` and `arch`.
    pub fn hex(self) -> Option<u64> {
        hex(self.bytes)
    }

    /// An id. `-1`, which some records print for "unset", is 4294967295.
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

/// A value in quotes, and what follows the closing quote.
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

/// Where a byte is first. Most texts are short, so the first word is looked at here.
#[inline(always)]
pub(crate) fn find(byte: u8, text: &[u8]) -> Option<usize> {
    match text.first_chunk().and_then(|word| find_in(byte, *word)) {
        None => find_far(byte, text),
        at => at,
    }
}

/// Where a byte is first in a word.
#[inline(always)]
fn find_in(byte: u8, word: [u8; 8]) -> Option<usize> {
    first(marks(byte, word))
}

/// Where a byte is first in two words.
#[inline(always)]
pub(crate) fn find_near(byte: u8, text: &[u8; 16]) -> Option<usize> {
    let near = text.first_chunk().and_then(|near| find_in(byte, *near));
    near.or_else(|| Some(8 + find_in(byte, *text.last_chunk()?)?))
}

/// Where one of two bytes is first in a word.
#[inline(always)]
pub(crate) fn find_either(one: u8, other: u8, word: [u8; 8]) -> Option<usize> {
    first(marks(one, word) | marks(other, word))
}

/// A word whose lowest bit that is set is the high bit of where a byte is first.
#[inline(always)]
fn marks(byte: u8, word: [u8; 8]) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let word = u64::from_le_bytes(word) ^ (ONES * u64::from(byte));
    word.wrapping_sub(ONES) & !word & HIGH
}

#[inline(always)]
fn first(marks: u64) -> Option<usize> {
    (marks != 0).then(|| marks.trailing_zeros() as usize / 8)
}

/// As [`find`], for what the first word does not have. To look at the next bytes here is less work than
/// to call memchr for them. The last ones are looked at with some of those before them again.
#[inline(never)]
fn find_far(byte: u8, text: &[u8]) -> Option<usize> {
    const NEAR: usize = 128;
    if text.len() > NEAR {
        return memchr::memchr(byte, text);
    }
    let Some(last) = text.last_chunk() else {
        return match text.last_chunk() {
            Some(last) => Some(text.len() - 8 + find_in(byte, *last)?),
            None => text.iter().position(|other| *other == byte),
        };
    };
    let (chunks, _) = text.as_chunks();
    for (index, chunk) in chunks.iter().enumerate() {
        if has(byte, chunk) {
            return Some(16 * index + find_near(byte, chunk)?);
        }
    }
    Some(text.len() - 16 + find_near(byte, last)?)
}

/// Whether a byte is among others. It has no branches, so that the compiler can look at all at once.
#[inline(always)]
fn has(byte: u8, chunk: &[u8; 16]) -> bool {
    chunk
        .iter()
        .fold(false, |any, other| any | (*other == byte))
}

/// The number of eight digits at most that a text begins with, and how many digits it has, if there is
/// a space behind it. All digits are looked at together.
#[inline(always)]
pub(crate) fn short_number(text: &[u8; 9]) -> Option<(u32, usize)> {
    const fn all(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    let values = u64::from_le_bytes(*text.first_chunk()?) ^ all(b'0');
    // What is more than 9 gets or has a high bit. It may carry, but only into what comes behind it.
    let others = (values.wrapping_add(all(0x7f - 9)) | values) & all(0x80);
    let length = others.trailing_zeros() as usize / 8;
    if length == 0 || text[length] != b' ' {
        return None;
    }
    // Zeros in front until there are eight, then neighbours are put together: pairs, fours, all.
    let digits = values << (64 - 8 * length);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let [even, odd] = [pairs, pairs >> 16].map(|pairs| pairs & 0x0000_00ff_0000_00ff);
    let whole = even
        .wrapping_mul(1_000_000 << 32 | 100)
        .wrapping_add(odd.wrapping_mul(10_000 << 32 | 1));
    Some(((whole >> 32) as u32, length))
}

/// A whole decimal number with an optional minus sign, within 64 bits.
#[inline]
pub(crate) fn integer(bytes: &[u8]) -> Option<i64> {
    /// Digits that fit in 64 bits whatever they are.
    const SAFE: usize = 18;
    match bytes {
        [] => None,
        [b'0'..=b'9', ..] if bytes.len() <= SAFE => bytes.iter().try_fold(0i64, |value, byte| {
            let digit = byte.wrapping_sub(b'0');
            (digit <= 9).then(|| value * 10 + i64::from(digit))
        }),
        _ => long_integer(bytes),
    }
}

/// As [`integer`], for what is negative or long.
fn long_integer(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0i64, |value, byte| {
        let digit = i64::from(byte.checked_sub(b'0').filter(|digit| *digit <= 9)?);
        let value = value.checked_mul(10)?;
        if negative {
            value.checked_sub(digit)
        } else {
            value.checked_add(digit)
        }
    })
}

/// A number in hex of at most 64 bits.
#[inline]
pub(crate) fn hex(digits: &[u8]) -> Option<u64> {
    let digit = |digit: u8| u64::from(DIGITS[usize::from(digit)]);
    let (number, all) = match *digits {
        // A device's number.
        [high, low] => (digit(high) << 4 | digit(low), digit(high) | digit(low)),
        _ if digits.is_empty() || digits.len() > 16 => return None,
        _ => digits.iter().fold((0, 0), |(number, all), byte| {
            (number << 4 | digit(*byte), all | digit(*byte))
        }),
    };
    (all < 16).then_some(number)
}

/// The value of each hex digit; 255 for any other byte.
static DIGITS: [u8; 256] = {
    let mut table = [255; 256];
    let mut digit = 0;
    while digit < 16 {
        table[b"0123456789abcdef"[digit as usize] as usize] = digit;
        table[b"0123456789ABCDEF"[digit as usize] as usize] = digit;
        digit += 1;
    }
    table
};

/// Decodes upper-case hex of whole bytes into the arena; `None` if it is anything else. Lower case is
/// no hex here: the kernel never writes it, so `deadbeef` is a word.
#[inline(never)]
pub(crate) fn unhex<'a>(hex: &[u8], arena: &'a Bump) -> Option<&'a [u8]> {
    if hex.is_empty() || !hex.len().is_multiple_of(2) {
        return None;
    }
    let (pairs, _) = hex.as_chunks();
    let bytes = arena.alloc_slice_fill_copy(pairs.len(), 0);
    let mut invalid = 0;
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let (value, wrong) = unhex_pair(*pair);
        invalid |= wrong;
        *byte = value;
    }
    (invalid == 0).then_some(bytes)
}

/// The byte that two digits are, and a number that is 0 only if both are upper-case hex. Both are
/// looked at together and without a table, so that the compiler can do so with many pairs at once.
#[inline]
fn unhex_pair(pair: [u8; 2]) -> (u8, u16) {
    const fn both(byte: u8) -> u16 {
        u16::from_le_bytes([byte; 2])
    }
    let word = u16::from_le_bytes(pair);
    // The high bit of each half, which nothing carries into the other half.
    let at_least = |limit: u8| (word & both(0x7f)) + both(0x80 - limit);
    let digit = at_least(b'0') & !at_least(b'9' + 1);
    let letter = at_least(b'A') & !at_least(b'F' + 1);
    let wrong = (word | !(digit | letter)) & both(0x80);
    // Letters have the bit 0x40, and `A` is 0x41.
    let values = (word & both(0x0f)) + 9 * (word >> 6 & both(1));
    ((values << 4 | values >> 8) as u8, wrong)
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
    fn only_bare_upper_case_hex_of_whole_bytes_is_decoded() {
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
    fn two_digits_are_read_as_one_by_one() {
        for pair in (0..=u16::MAX).map(u16::to_le_bytes) {
            let value = |digit: u8| match digit.is_ascii_lowercase() {
                true => 255,
                false => DIGITS[usize::from(digit)],
            };
            let [high, low] = pair.map(value);
            let expected = (high < 16 && low < 16).then_some(high << 4 | low);
            let (value, wrong) = unhex_pair(pair);
            assert_eq!((wrong == 0).then_some(value), expected, "{pair:?}");
        }
    }

    #[test]
    fn a_quoted_null_is_a_name_and_a_bare_one_is_nothing() {
        let arena = Bump::new();
        assert_eq!(bare("(null)").optional_text(&arena), None);
        let quoted = Value {
            quoted: true,
            ..bare("(null)")
        };
        assert_eq!(quoted.optional_text(&arena), Some(&b"(null)"[..]));
    }

    #[test]
    fn numbers_are_whole_and_within_range() {
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

    #[test]
    fn a_byte_is_found_where_it_is_first() {
        let text: [u8; 256] = std::array::from_fn(|byte| byte as u8);
        for start in 0..=255 {
            let text = &text[start..];
            for byte in 0..=255 {
                assert_eq!(
                    find(byte, text),
                    memchr::memchr(byte, text),
                    "{byte} in {text:?}"
                );
            }
        }
        assert_eq!(find(b'!', b"  \x00 !  !"), Some(4));
    }

    #[test]
    fn a_short_number_reads_as_any_other() {
        let check = |text: &[u8; 9]| {
            let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let ends = (1..=8).contains(&digits) && text[digits] == b' ';
            let number = integer(&text[..digits]).and_then(|number| u32::try_from(number).ok());
            let expected = number.filter(|_| ends).map(|number| (number, digits));
            assert_eq!(short_number(text), expected, "{text:?}");
        };
        for number in [
            "7",
            "10",
            "00",
            "307",
            "4096",
            "65537",
            "99999999",
            "100000000",
        ] {
            for at in 0..=number.len() {
                for byte in 0..=255 {
                    let mut text = *b"         ";
                    text[..number.len()].copy_from_slice(number.as_bytes());
                    check(&text);
                    text[at.min(8)] = byte;
                    check(&text);
                }
            }
        }
    }
}
