//! Sixteen bytes that are compared at once, or more where the processor can.

#[cfg(target_arch = "x86_64")]
pub(super) use crate::sys::Lanes;
#[cfg(not(target_arch = "x86_64"))]
pub(super) use Words as Lanes;

/// The bits of the bytes among 16 that are `byte`; the first byte has the lowest bit.
#[inline(always)]
pub(super) fn equal(byte: u8, text: &[u8; 16]) -> u16 {
    Lanes::new(text).equal(byte).bits()
}

/// Calls `take` with the start of each block, and the bits of its bytes that are `byte`.
#[inline]
pub(super) fn equal_in_blocks(byte: u8, blocks: &[[u8; 64]], mut take: impl FnMut(usize, u64)) {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = crate::sys::Avx2::detect() {
        return avx2.equal_in_blocks(byte, blocks, take);
    }
    for (start, block) in (0..).step_by(64).zip(blocks) {
        take(start, equal_in_block(byte, block));
    }
}

/// As [`equal`], among 64 bytes.
#[inline(always)]
fn equal_in_block(byte: u8, text: &[u8; 64]) -> u64 {
    let (chunks, _) = text.as_chunks();
    let bits = |index: usize| match chunks.get(index) {
        Some(chunk) => u64::from(equal(byte, chunk)) << (16 * index),
        None => 0,
    };
    bits(0) | bits(1) | bits(2) | bits(3)
}

/// The bits of the bytes that need escaping in JSON: control characters, quotes and backslashes;
/// and of those that are not ASCII.
#[inline(always)]
pub(super) fn special(text: &[u8; 16]) -> u16 {
    let text = Lanes::new(text);
    let escaped = text.equal(b'"').or(text.equal(b'\\'));
    escaped.or(text.below_or_not_ascii(0x20)).bits()
}

/// The bits of the bytes that are spaces or control characters, and of those that are not ASCII.
#[inline(always)]
pub(super) fn blank(text: &[u8; 16]) -> u16 {
    Lanes::new(text).below_or_not_ascii(b' ' as i8 + 1).bits()
}

/// As [`special`], of those that need escaping only.
#[inline(always)]
pub(super) fn escaped(text: &[u8; 16]) -> u16 {
    // The high bit of a byte that is not ASCII is set.
    special(text) & !Lanes::new(text).bits()
}

/// As `Lanes` on x86-64, by arithmetic on words. Of each byte, only the high bit counts.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[derive(Clone, Copy, Debug)]
pub(super) struct Words([u64; 2]);

#[cfg(any(test, not(target_arch = "x86_64")))]
impl Words {
    #[inline(always)]
    pub(super) fn new(bytes: &[u8; 16]) -> Words {
        let (words, _) = bytes.as_chunks();
        Words([words[0], words[1]].map(u64::from_le_bytes))
    }

    #[inline(always)]
    pub(super) fn equal(self, byte: u8) -> Words {
        // Clears the high bit of each byte that is not 0. Nothing carries between bytes.
        Words(self.0.map(|word| {
            let others = word ^ all(byte);
            !((others & all(0x7f)).wrapping_add(all(0x7f)) | others)
        }))
    }

    #[inline(always)]
    pub(super) fn below_or_not_ascii(self, limit: i8) -> Words {
        // Sets the high bit of each ASCII byte that is at least `limit`.
        let limit = all(0x80 - limit as u8);
        Words(self.0.map(|word| !((word & all(0x7f)) + limit) | word))
    }

    #[inline(always)]
    pub(super) fn or(self, other: Words) -> Words {
        let ([a, b], [c, d]) = (self.0, other.0);
        Words([a | c, b | d])
    }

    #[inline(always)]
    pub(super) fn bits(self) -> u16 {
        // Moves the high bits of a word to its highest byte.
        let [low, high] = self.0.map(|word| {
            let bits = word >> 7 & all(1);
            bits.wrapping_mul(0x0102_0408_1020_4080) >> 56
        });
        low as u16 | (high as u16) << 8
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
const fn all(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(text: &[u8; 16], matches: impl Fn(u8) -> bool) -> u16 {
        let matching = (0..16).filter(|at| matches(text[*at]));
        matching.fold(0, |all, at| all | 1 << at)
    }

    #[test]
    fn each_bit_stands_for_its_byte() {
        let mut state = 1u64;
        for _ in 0..100_000 {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            // Bytes that differ in one bit, and those around 0, 0x20 and 0x80, are the hard ones.
            let bytes = [b'"', b'#', b'\\', 0, 0x1f, b' ', 0x7f, 0x80, 0xa2, 0xff];
            let text: [u8; 16] =
                std::array::from_fn(|at| bytes[(state >> (2 * at + 8)) as usize % bytes.len()]);
            for byte in bytes {
                let expected = bits(&text, |other| other == byte);
                assert_eq!(equal(byte, &text), expected, "{byte} in {text:?}");
                let portable = Words::new(&text).equal(byte);
                assert_eq!(portable.bits(), expected, "{byte} in {text:?}");
                let expected = bits(&text, |other| other == byte || (other as i8) < 0x20);
                let portable = portable.or(Words::new(&text).below_or_not_ascii(0x20));
                assert_eq!(portable.bits(), expected, "{byte} in {text:?}");
            }
            let is_special = |byte: u8| (byte as i8) < 0x20 || matches!(byte, b'"' | b'\\');
            assert_eq!(special(&text), bits(&text, is_special), "{text:?}");
            let is_escaped = |byte: u8| byte.is_ascii() && is_special(byte);
            assert_eq!(escaped(&text), bits(&text, is_escaped), "{text:?}");
        }
        let text = std::array::from_fn(|at| at as u8);
        assert!((0..64).all(|at| equal_in_block(at, &text) == 1 << at));
        for at in 0..64 {
            let mut found = Vec::new();
            equal_in_blocks(at, &[text, [64; 64], text], |start, bits| {
                found.push((start, bits));
            });
            assert_eq!(found, [(0, 1 << at), (64, 0), (128, 1 << at)]);
        }
    }
}
