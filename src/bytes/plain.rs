//! A test for text that needs no escaping in JSON.

/// Whether `text` is ASCII without control characters, quotes and backslashes, as most text is.
/// Works on chunks; the last chunk may overlap the one before it.
#[inline(never)]
pub(crate) fn is_plain(text: &[u8]) -> bool {
    if let Some(last) = text.last_chunk() {
        let (chunks, _) = text.as_chunks();
        let mut found = [0; CHUNK_BYTES];
        for chunk in chunks.iter().chain([last]) {
            mark(&mut found, chunk);
        }
        return u128::from_ne_bytes(found) == 0;
    }
    let word = u64::from_le_bytes;
    let found = match (text.first_chunk(), text.last_chunk(), text) {
        (Some(first), Some(last), _) => special(word(*first)) | special(word(*last)),
        (_, _, text) => special(word(filled(text))),
    };
    found == 0
}

const CHUNK_BYTES: usize = 16;

/// Sets `found` to nonzero at each byte that needs escaping. It has no branches, so that the
/// compiler vectorizes it.
#[inline(always)]
fn mark(found: &mut [u8; CHUNK_BYTES], chunk: &[u8; CHUNK_BYTES]) {
    for (found, byte) in found.iter_mut().zip(chunk) {
        let is_special = ((*byte as i8) < 0x20) | (*byte == b'"') | (*byte == b'\\');
        *found |= u8::from(is_special);
    }
}

/// All bytes of a text shorter than eight, padded with repeated or plain bytes.
#[inline]
fn filled(text: &[u8]) -> [u8; 8] {
    match (text.first_chunk::<4>(), text.last_chunk::<4>(), text) {
        (Some([a, b, c, d]), Some([e, f, g, h]), _) => [*a, *b, *c, *d, *e, *f, *g, *h],
        (_, _, [first, .., last]) => {
            let middle = text[text.len() / 2];
            [*first, middle, *last, b'x', b'x', b'x', b'x', b'x']
        }
        (_, _, [only]) => [*only, b'x', b'x', b'x', b'x', b'x', b'x', b'x'],
        (_, _, []) => [b'x'; 8],
    }
}

/// Nonzero if any byte of `word` is a control character, a quote, a backslash or not ASCII.
#[inline]
pub(super) fn special(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    // The subtraction sets the high bit of a byte that is less than the limit. A byte that is not
    // ASCII has it already. A borrow from a lower byte implies a match in that byte.
    let below = |limit: u8| word.wrapping_sub(ONES * u64::from(limit));
    let equals = |byte: u8| (word ^ (ONES * u64::from(byte))).wrapping_sub(ONES);
    (word | below(0x20) | equals(b'"') | equals(b'\\')) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_has_no_byte_that_json_escapes() {
        for byte in 0..=255u8 {
            for length in 1..40 {
                for at in 0..length {
                    let mut text = vec![b'x'; length];
                    text[at] = byte;
                    let plain = matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
                    // JSON allows DEL unescaped, so either answer is right.
                    assert!(is_plain(&text) == plain || byte == 0x7f, "{byte} at {at}");
                }
            }
        }
        assert!(is_plain(b""));
    }
}
