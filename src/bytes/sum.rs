//! A number for a text, by which texts that recur are found again.

use std::slice;

/// A number for a text by its length, its first 64 bytes and its last 64, of which the upper bits
/// are the best. It is no hash against an attacker: texts with the same number only take each
/// other's place in a table.
///
/// The words are added as they are, because the compiler vectorizes that; the sum is mixed once.
#[inline]
pub(crate) fn sum(text: &[u8]) -> u64 {
    // The golden ratio of 64 bits. The upper bits of a product depend on all bits of the factors.
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut sums = [text.len() as u64, 0];
    let mut add_all = |chunks: &[[u8; 16]]| chunks.iter().for_each(|chunk| add(&mut sums, chunk));
    match (text.first_chunk::<64>(), text.last_chunk::<64>()) {
        (Some(start), Some(end)) => {
            add_all(start.as_chunks().0);
            add_all(end.as_chunks().0);
        }
        _ => {
            add_all(text.as_chunks().0);
            add_all(text.last_chunk().map(slice::from_ref).unwrap_or_default());
        }
    }
    let [even, odd] = sums;
    (even ^ odd.rotate_left(29)).wrapping_mul(GOLDEN)
}

#[inline(always)]
fn add(sums: &mut [u64; 2], chunk: &[u8; 16]) {
    let (words, _) = chunk.as_chunks();
    for (sum, word) in sums.iter_mut().zip(words) {
        *sum = sum.wrapping_add(u64::from_le_bytes(*word));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn texts_that_differ_in_a_few_bytes_usually_have_different_numbers() {
        for length in [20, 64, 80, 128] {
            let mut places = HashSet::new();
            for (at, byte) in (0..length).flat_map(|at| (b'0'..=b'7').map(move |byte| (at, byte))) {
                let mut text = vec![b'0'; length];
                text[at] = byte;
                assert!(byte == b'0' || sum(&text) != sum(&vec![b'0'; length]));
                places.insert(sum(&text) >> 57);
            }
            assert!(places.len() > 48, "{length}: {}", places.len());
        }
        assert_ne!(sum(b"short"), sum(b"shorter"));
    }
}
