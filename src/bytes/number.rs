//! Numbers in decimal and in hex.

use std::str::FromStr;

/// Reads a number of one to eight digits that is followed by `end`. Returns it and its length.
/// All digits are converted at once (SWAR).
#[inline(always)]
pub(crate) fn short_number(text: &[u8; 9], end: u8) -> Option<(u32, usize)> {
    const fn all(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    let values = u64::from_le_bytes(*text.first_chunk()?) ^ all(b'0');
    // Sets the high bit of each byte that is not a digit. A carry reaches only later bytes.
    let others = (values.wrapping_add(all(0x7f - 9)) | values) & all(0x80);
    let length = others.trailing_zeros() as usize / 8;
    if length == 0 || text[length] != end {
        return None;
    }
    // Pads to eight digits with leading zeros, then merges neighbours: pairs, fours, eight.
    let digits = values << (64 - 8 * length);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let [even, odd] = [pairs, pairs >> 16].map(|pairs| pairs & 0x0000_00ff_0000_00ff);
    let whole = even
        .wrapping_mul(1_000_000 << 32 | 100)
        .wrapping_add(odd.wrapping_mul(10_000 << 32 | 1));
    Some(((whole >> 32) as u32, length))
}

/// A number in decimal, if the text is one and nothing else.
pub(crate) fn number<N: FromStr>(text: &[u8]) -> Option<N> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// Splits `data` into the decimal number at its start, of at most 19 digits, and the rest.
pub(crate) fn leading_number(data: &[u8]) -> Option<(u64, &[u8])> {
    /// Any number of this many digits fits in a `u64`.
    const SAFE_DIGITS: usize = 19;
    let mut value: u64 = 0;
    let mut rest = data;
    while let [digit @ b'0'..=b'9', tail @ ..] = rest {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        rest = tail;
    }
    let length = data.len() - rest.len();
    (1..=SAFE_DIGITS).contains(&length).then_some((value, rest))
}

/// Parses all of `bytes` as a decimal number with an optional minus sign.
#[inline]
pub(crate) fn integer(bytes: &[u8]) -> Option<i64> {
    /// Any number of this many digits fits in an `i64`.
    const SAFE_DIGITS: usize = 18;
    match bytes {
        [] => None,
        [b'0'..=b'9', ..] if bytes.len() <= SAFE_DIGITS => {
            bytes.iter().try_fold(0i64, |value, byte| {
                let digit = byte.wrapping_sub(b'0');
                (digit <= 9).then(|| value * 10 + i64::from(digit))
            })
        }
        _ => long_integer(bytes),
    }
}

/// As [`integer`], for negative and long numbers.
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

/// Parses all of `digits` as a hexadecimal number of at most 64 bits, in either case.
#[inline]
pub(crate) fn hex(digits: &[u8]) -> Option<u64> {
    let digit = |digit: u8| u64::from(DIGITS[usize::from(digit)]);
    let (number, all) = match *digits {
        // The major or minor number of a device.
        [high, low] => (digit(high) << 4 | digit(low), digit(high) | digit(low)),
        // An architecture.
        [a, b, c, d, e, f, g, h] => return eight_digits([a, b, c, d, e, f, g, h]),
        _ if digits.is_empty() || digits.len() > 16 => return None,
        _ => digits.iter().fold((0, 0), |(number, all), byte| {
            (number << 4 | digit(*byte), all | digit(*byte))
        }),
    };
    (all < 16).then_some(number)
}

/// As [`hex`], of eight digits, all at once (SWAR).
#[inline]
fn eight_digits(digits: [u8; 8]) -> Option<u64> {
    const fn all(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    let word = u64::from_le_bytes(digits);
    // Sets the high bit of each ASCII byte that is at least `limit`. Nothing carries between bytes.
    let at_least = |word: u64, limit: u8| (word & all(0x7f)) + all(0x80 - limit);
    let digit = at_least(word, b'0') & !at_least(word, b'9' + 1);
    let lower = word | all(0x20);
    let letter = at_least(lower, b'a') & !at_least(lower, b'f' + 1);
    if (word | !(digit | letter)) & all(0x80) != 0 {
        return None;
    }
    // Letters have the bit 0x40, and `A` is 0x41.
    let values = (word & all(0x0f)) + 9 * (word >> 6 & all(1));
    let pairs = (values << 4 | values >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    let whole = (fours | fours >> 16) as u32;
    Some(u64::from(whole.swap_bytes()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_digits_are_read_as_by_std() {
        for text in [*b"00000000", *b"c000003e", *b"FFFFffff", *b"1234abCD"] {
            for at in 0..8 {
                for byte in 0..=255 {
                    let mut text = text;
                    text[at] = byte;
                    let number = str::from_utf8(&text)
                        .ok()
                        .filter(|text| !text.contains('+'));
                    let expected = number.and_then(|text| u64::from_str_radix(text, 16).ok());
                    assert_eq!(hex(&text), expected, "{}", text.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn a_short_number_is_read_as_the_general_parser_reads_it() {
        let check = |text: &[u8; 9]| {
            let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let ends = (1..=8).contains(&digits) && text[digits] == b' ';
            let number = integer(&text[..digits]).and_then(|number| u32::try_from(number).ok());
            let expected = number.filter(|_| ends).map(|number| (number, digits));
            assert_eq!(short_number(text, b' '), expected, "{text:?}");
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
