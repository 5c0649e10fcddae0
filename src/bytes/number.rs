//! Numbers in decimal and in hex.

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

/// The decimal number at the start of `data`, and what follows it.
pub(crate) fn leading_number(data: &[u8]) -> Option<(u64, &[u8])> {
    /// Digits that fit in 64 bits whatever they are.
    const SAFE: usize = 19;
    let mut value: u64 = 0;
    let mut rest = data;
    while let [digit @ b'0'..=b'9', tail @ ..] = rest {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        rest = tail;
    }
    let length = data.len() - rest.len();
    (1..=SAFE).contains(&length).then_some((value, rest))
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

#[cfg(test)]
mod tests {
    use super::*;

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
