//! The places of a byte as the bits of a number.

#[cfg(target_arch = "x86_64")]
pub(super) use crate::sys::equal;
#[cfg(not(target_arch = "x86_64"))]
pub(super) use portable as equal;

/// A number with a bit for each of 64 bytes that is `byte`; the first byte has the lowest bit.
#[inline(always)]
pub(super) fn equal_in_block(byte: u8, text: &[u8; 64]) -> u64 {
    let (chunks, _) = text.as_chunks();
    let bits = chunks.iter().rev();
    bits.fold(0, |bits, chunk| bits << 16 | u64::from(equal(byte, chunk)))
}

/// As `equal`, by arithmetic on words.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[inline(always)]
pub(super) fn portable(byte: u8, text: &[u8; 16]) -> u16 {
    const fn all(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    let (words, _) = text.as_chunks();
    let bits = words.iter().map(|word| {
        let others = u64::from_le_bytes(*word) ^ all(byte);
        // Clears the high bit of each byte that is not 0. Nothing carries between bytes.
        let equal = !((others & all(0x7f)).wrapping_add(all(0x7f)) | others) & all(0x80);
        // Moves the high bit of each byte to the highest byte.
        (equal >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
    });
    bits.rev().fold(0, |all, bits| all << 8 | bits as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_stands_for_its_byte() {
        let mut state = 1u64;
        for _ in 0..100_000 {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            // Bytes that differ in one bit, and those around 0 and 0x80, are the hard ones.
            let bytes = [b'\n', 0x0b, 0x8a, 0, 0x7f, 0x80, 0xff, 0x09];
            let text: [u8; 16] =
                std::array::from_fn(|at| bytes[(state >> (3 * at + 8)) as usize % 8]);
            for byte in bytes {
                let bits = (0..16).filter(|at| text[*at] == byte);
                let expected = bits.fold(0, |all, at| all | 1 << at);
                assert_eq!(equal(byte, &text), expected, "{byte} in {text:?}");
                assert_eq!(portable(byte, &text), expected, "{byte} in {text:?}");
            }
        }
        let text = std::array::from_fn(|at| at as u8);
        assert!((0..64).all(|at| equal_in_block(at, &text) == 1 << at));
    }
}
