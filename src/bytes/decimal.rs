//! Formats integers in decimal.

use super::append;

/// An integer that can be formatted as [`Decimal`].
pub(crate) trait Integer: Copy {
    /// Whether the number is negative, and its absolute value.
    fn parts(self) -> (bool, u64);
}

macro_rules! unsigned {
    ($($type:ty),*) => {$(
        impl Integer for $type {
            #[inline]
            fn parts(self) -> (bool, u64) {
                (false, self as u64)
            }
        }
    )*};
}

unsigned!(u16, u32, u64, usize);

impl Integer for i64 {
    #[inline]
    fn parts(self) -> (bool, u64) {
        (self < 0, self.unsigned_abs())
    }
}

/// A number as text. The longest, `i64::MIN` and `u64::MAX`, have 20 bytes.
pub(crate) struct Decimal {
    text: [u8; 20],
    start: usize,
    end: usize,
}

impl Decimal {
    #[inline]
    pub(crate) fn new(number: impl Integer) -> Decimal {
        match number.parts() {
            (false, short @ ..100_000_000) => {
                let (word, end) = digits(short);
                let mut text = [0; 20];
                text[..8].copy_from_slice(&word);
                let start = 0;
                Decimal { text, start, end }
            }
            (false, middle @ ..10_000_000_000_000_000) => {
                let (word, end) = many_digits(middle);
                let mut text = [0; 20];
                text[..16].copy_from_slice(&word);
                let start = 0;
                Decimal { text, start, end }
            }
            (is_negative, rest) => Decimal::long(is_negative, rest),
        }
    }

    /// Appends a number to a text.
    #[inline(always)]
    pub(crate) fn append(number: impl Integer, out: &mut Vec<u8>) {
        Decimal::append_behind(b"", number, out);
    }

    /// Appends a text, and a number behind it.
    #[inline(always)]
    pub(crate) fn append_behind(text: &[u8], number: impl Integer, out: &mut Vec<u8>) {
        match number.parts() {
            (false, short @ ..100_000_000) => {
                let (word, length) = digits(short);
                let end = out.len() + text.len() + length;
                // Eight bytes at once need no call, unlike their first few.
                append([text, &word], out);
                out.truncate(end);
            }
            // Such as a time in milliseconds.
            (false, middle @ ..10_000_000_000_000_000) => {
                let (word, length) = many_digits(middle);
                let end = out.len() + text.len() + length;
                append([text, &word], out);
                out.truncate(end);
            }
            (is_negative, rest) => {
                append([text, Decimal::long(is_negative, rest).as_bytes()], out);
            }
        }
    }

    #[inline(never)]
    fn long(is_negative: bool, mut rest: u64) -> Decimal {
        let mut text = [b'0'; 20];
        let mut start = text.len();
        // Two digits for each division.
        while rest >= 10 {
            let digits = pair((rest % 100) as u32);
            rest /= 100;
            start -= 2;
            text[start..start + 2].copy_from_slice(&digits);
        }
        if rest > 0 {
            start -= 1;
            text[start] = b'0' + rest as u8;
        }
        if is_negative {
            start -= 1;
            text[start] = b'-';
        }
        let end = text.len();
        Decimal { text, start, end }
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text[self.start..self.end]
    }
}

/// Formats a number of at most eight digits, all at once in one word (SWAR). Returns the digits,
/// the first one in front, and how many they are.
#[inline(always)]
fn digits(number: u64) -> ([u8; 8], usize) {
    let digits = spread(number);
    // Counts leading zeros, but not the last digit.
    let zeros = (digits | 1 << 56).trailing_zeros() / 8;
    let word = (digits | ZEROS) >> (8 * zeros);
    (word.to_le_bytes(), 8 - zeros as usize)
}

/// As [`digits`], of a number with nine to sixteen digits.
#[inline(never)]
fn many_digits(number: u64) -> ([u8; 16], usize) {
    let (high, length) = digits(number / 100_000_000);
    let low = spread(number % 100_000_000) | ZEROS;
    let high = u128::from(u64::from_le_bytes(high));
    let word = high | u128::from(low) << (8 * length);
    (word.to_le_bytes(), length + 8)
}

/// The digit `0` in each byte.
const ZEROS: u64 = u64::from_ne_bytes([b'0'; 8]);

/// The values of eight digits, the first one in the lowest byte.
#[inline(always)]
fn spread(number: u64) -> u64 {
    // Splits the number into halves, pairs and digits, with the first digit in the lowest byte.
    // Each multiplication and shift divides by 100 or 10, exactly for values of that size.
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let high = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = high | (fours - 100 * high) << 16;
    let high = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    high | (pairs - 10 * high) << 8
}

/// A number below 100 as two digits.
#[inline]
pub(crate) fn pair(number: u32) -> [u8; 2] {
    static PAIRS: [[u8; 2]; 100] = {
        let mut pairs = [[0; 2]; 100];
        let mut number = 0;
        while number < 100 {
            pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
            number += 1;
        }
        pairs
    };
    PAIRS[number as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_formatted_as_by_std() {
        fn same(number: impl Integer + ToString) {
            let expected = number.to_string();
            assert_eq!(Decimal::new(number).as_bytes(), expected.as_bytes());
            let mut out = b"before".to_vec();
            Decimal::append(number, &mut out);
            assert_eq!(out, format!("before{expected}").as_bytes());
        }
        let check = |number: i64| {
            same(number);
            same(number as u64);
            same(number as u32);
        };
        (-12_000..=12_000).for_each(check);
        (0..100_000_000).step_by(9_973).for_each(check);
        let spread = |n: i64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64) >> (n % 40);
        (1..=100_000).map(spread).for_each(check);
        for power in 0..64 {
            (-2..=2).for_each(|near| check((1i64 << power).wrapping_add(near)));
        }
        for power in 0..19 {
            (-2..=2).for_each(|near| check(10i64.pow(power) + near));
        }
    }
}
