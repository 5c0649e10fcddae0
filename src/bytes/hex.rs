//! Decoding of text that the kernel wrote as upper-case hex.

use bumpalo::Bump;

/// Decodes upper-case hex into the arena; `None` if it is anything else, or has an odd length.
/// Lower case is not hex here: the kernel never writes it, so `deadbeef` is a word.
#[inline(never)]
pub(crate) fn unhex<'a>(hex: &[u8], arena: &'a Bump) -> Option<&'a [u8]> {
    if hex.is_empty() || !hex.len().is_multiple_of(2) {
        return None;
    }
    let (pairs, _) = hex.as_chunks();
    let bytes = arena.alloc_slice_fill_copy(pairs.len(), 0);
    (unhex_all(pairs, bytes) == 0).then_some(bytes)
}

/// Decodes each pair. Returns 0 only if all of them are upper-case hex.
#[inline]
fn unhex_all(pairs: &[[u8; 2]], bytes: &mut [u8]) -> u16 {
    let (Some(last), Some(last_bytes)) = (pairs.last_chunk(), bytes.last_chunk_mut()) else {
        return unhex_each(pairs, bytes);
    };
    // It may overlap the chunk before it.
    let invalid = unhex_chunk(last, last_bytes);
    let (chunks, _) = pairs.as_chunks();
    let chunks = chunks.iter().zip(bytes.as_chunks_mut().0);
    chunks.fold(invalid, |invalid, (pairs, bytes)| {
        invalid | unhex_chunk(pairs, bytes)
    })
}

/// As [`unhex_all`], for 16 pairs, which the compiler decodes at once.
#[inline(always)]
fn unhex_chunk(pairs: &[[u8; 2]; 16], bytes: &mut [u8; 16]) -> u16 {
    unhex_each(pairs, bytes)
}

#[inline(always)]
fn unhex_each(pairs: &[[u8; 2]], bytes: &mut [u8]) -> u16 {
    let mut invalid = 0;
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let (value, wrong) = unhex_pair(*pair);
        invalid |= wrong;
        *byte = value;
    }
    invalid
}

/// The value of two digits, and a number that is 0 only if both are upper-case hex. It has no
/// branches and no table, so that the compiler vectorizes the caller's loop.
#[inline]
fn unhex_pair(pair: [u8; 2]) -> (u8, u16) {
    const fn both(byte: u8) -> u16 {
        u16::from_le_bytes([byte; 2])
    }
    let word = u16::from_le_bytes(pair);
    // Sets the high bit of each byte that is at least `limit`. Nothing carries between bytes.
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
    use crate::bytes::hex;

    #[test]
    fn pairs_of_digits_are_read_as_the_general_parser_reads_them() {
        for pair in (0..=u16::MAX).map(u16::to_le_bytes) {
            let is_lower = pair.iter().any(u8::is_ascii_lowercase);
            let expected = hex(&pair).filter(|_| !is_lower).map(|byte| byte as u8);
            let (value, wrong) = unhex_pair(pair);
            assert_eq!((wrong == 0).then_some(value), expected, "{pair:?}");
        }
    }

    #[test]
    fn text_of_any_length_is_decoded() {
        let arena = Bump::new();
        for length in 1..40u8 {
            let text: Vec<u8> = (0..length).map(|at| at.wrapping_mul(37)).collect();
            let hex: String = text.iter().map(|byte| format!("{byte:02X}")).collect();
            assert_eq!(unhex(hex.as_bytes(), &arena), Some(&text[..]), "{hex}");
            for at in 0..hex.len() {
                let mut hex = hex.clone().into_bytes();
                hex[at] = b'g';
                assert_eq!(unhex(&hex, &arena), None, "{length} {at}");
            }
            assert_eq!(unhex(&hex.as_bytes()[1..], &arena), None);
        }
    }
}
