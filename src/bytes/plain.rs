//! What text needs no escaping.

/// Whether a text is printable ASCII without anything that JSON escapes, as most of it is. Many bytes
/// are looked at together; the last ones may overlap those before them.
#[inline(never)]
pub(crate) fn is_plain(text: &[u8]) -> bool {
    if let Some(last) = text.last_chunk() {
        let (chunks, _) = text.as_chunks();
        let mut found = [0; WIDTH];
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

/// Bytes that are looked at together.
const WIDTH: usize = 16;

/// Sets what is not 0 in the place of each byte that is special. It has no branches, so that the
/// compiler can look at all bytes at once.
#[inline(always)]
fn mark(found: &mut [u8; WIDTH], chunk: &[u8; WIDTH]) {
    for (found, byte) in found.iter_mut().zip(chunk) {
        let is_special = ((*byte as i8) < 0x20) | (*byte == b'"') | (*byte == b'\\');
        *found |= u8::from(is_special);
    }
}

/// The bytes of a text shorter than eight, some of them twice and with plain ones between them.
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

/// Not 0 if any of the bytes is a control character, a quote, a backslash or not ASCII.
#[inline]
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    // Subtracting borrows into the high bit where a byte is less; where one is not ASCII the high
    // bit is there already, and a borrow from the byte below can only come with a find there.
    let below = |limit: u8| word.wrapping_sub(ONES * u64::from(limit));
    let equals = |byte: u8| (word ^ (ONES * u64::from(byte))).wrapping_sub(ONES);
    (word | below(0x20) | equals(b'"') | equals(b'\\')) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_as_it_is_needs_no_escaping() {
        for byte in 0..=255u8 {
            for length in 1..40 {
                for at in 0..length {
                    let mut text = vec![b'x'; length];
                    text[at] = byte;
                    let plain = matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
                    // DEL need not be escaped, and may be either.
                    assert!(is_plain(&text) == plain || byte == 0x7f, "{byte} at {at}");
                }
            }
        }
        assert!(is_plain(b""));
    }
}
