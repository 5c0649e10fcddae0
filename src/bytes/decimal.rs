//! Numbers written in decimal.

/// Whole numbers that are written in decimal: their sign and their digits.
pub(crate) trait Integer: Copy {
    /// Whether there is a minus sign, and the number without it.
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

/// A number as text. `i64::MIN` and `u64::MAX` have 20 bytes.
pub(crate) struct Decimal {
    text: [u8; 20],
    start: usize,
}

impl Decimal {
    #[inline]
    pub(crate) fn new(number: impl Integer) -> Decimal {
        let (is_negative, mut rest) = number.parts();
        let mut text = [b'0'; 20];
        let mut start = text.len();
        // Two digits for each division.
        while rest >= 10 {
            let pair = 2 * (rest % 100) as usize;
            rest /= 100;
            start -= 2;
            text[start] = PAIRS[pair];
            text[start + 1] = PAIRS[pair + 1];
        }
        if rest > 0 || start == text.len() {
            start -= 1;
            text[start] = b'0' + rest as u8;
        }
        if is_negative {
            start -= 1;
            text[start] = b'-';
        }
        Decimal { text, start }
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text[self.start..]
    }
}

/// `00` to `99`.
static PAIRS: [u8; 200] = {
    let mut table = [0; 200];
    let mut number = 0;
    while number < 100 {
        table[2 * number] = b'0' + (number / 10) as u8;
        table[2 * number + 1] = b'0' + (number % 10) as u8;
        number += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_std_writes_it() {
        let check = |number: i64| {
            assert_eq!(
                Decimal::new(number).as_bytes(),
                number.to_string().as_bytes()
            );
            let number = number as u64;
            assert_eq!(
                Decimal::new(number).as_bytes(),
                number.to_string().as_bytes()
            );
            let number = number as u32;
            assert_eq!(
                Decimal::new(number).as_bytes(),
                number.to_string().as_bytes()
            );
        };
        (-1010..=1010).for_each(check);
        for power in 0..64 {
            (-2..=2).for_each(|near| check((1i64 << power).wrapping_add(near)));
        }
        for power in 0..19 {
            (-2..=2).for_each(|near| check(10i64.pow(power) + near));
        }
    }
}
