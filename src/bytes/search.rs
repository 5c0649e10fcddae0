//! Finding the first occurrence of a byte in a short text.

/// The index of the first `byte` in `text`. The first eight bytes are searched inline, because most
/// texts are short.
#[inline(always)]
pub(crate) fn find(byte: u8, text: &[u8]) -> Option<usize> {
    match text.first_chunk().and_then(|word| find_in(byte, *word)) {
        None => find_far(byte, text),
        at => at,
    }
}

/// As [`find`], in eight bytes.
#[inline(always)]
fn find_in(byte: u8, word: [u8; 8]) -> Option<usize> {
    first(marks(byte, word))
}

/// As [`find`], in 16 bytes.
#[inline(always)]
pub(crate) fn find_near(byte: u8, text: &[u8; 16]) -> Option<usize> {
    let near = text.first_chunk().and_then(|near| find_in(byte, *near));
    near.or_else(|| Some(8 + find_in(byte, *text.last_chunk()?)?))
}

/// The index of the first byte that is `one` or `other`.
#[inline(always)]
pub(crate) fn find_either(one: u8, other: u8, word: [u8; 8]) -> Option<usize> {
    first(marks(one, word) | marks(other, word))
}

/// A word whose lowest set bit is the high bit of the first `byte`. Higher bits may be false
/// matches.
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

/// As [`find`], when the first word has no match. Up to a few chunks, this is faster than a call to
/// memchr. The last chunk overlaps the one before it.
#[inline(never)]
fn find_far(byte: u8, text: &[u8]) -> Option<usize> {
    const MAX_BYTES: usize = 128;
    if text.len() > MAX_BYTES {
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

/// Whether `chunk` contains `byte`. It has no branches, so that the compiler vectorizes it.
#[inline(always)]
fn has(byte: u8, chunk: &[u8; 16]) -> bool {
    chunk
        .iter()
        .fold(false, |any, other| any | (*other == byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_agrees_with_memchr() {
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
}
