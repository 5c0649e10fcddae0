//! A test for text that needs no escaping in JSON.

use super::lanes::special;
use crate::sys::append_if;

/// Whether `text` is ASCII without control characters, quotes and backslashes, as most text is.
/// Works on chunks; the last chunk may overlap the one before it.
#[inline(never)]
pub(crate) fn is_plain(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk() else {
        return special(&filled(text)) == 0;
    };
    let (chunks, _) = text.as_chunks();
    special(last) == 0 && chunks.iter().all(|chunk| special(chunk) == 0)
}

/// Appends a text between two others if it is plain, as [`is_plain`] has it, and nothing otherwise.
/// Returns whether it did. To check and copy at once takes 60 instructions for the texts of a line,
/// one after the other 84.
#[inline(always)]
pub(crate) fn append_plain(texts: [&[u8]; 3], out: &mut Vec<u8>) -> bool {
    append_if(texts, out, |chunk| special(chunk) == 0)
}

/// All bytes of a text shorter than 16, with some repeated.
#[inline(always)]
fn filled(text: &[u8]) -> [u8; 16] {
    let [first, last] = match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) => [*first, *last],
        _ => [short(text); 2],
    }
    .map(|word| u128::from(u64::from_le_bytes(word)));
    (first | last << 64).to_le_bytes()
}

/// All bytes of a text shorter than eight, padded with repeated or plain bytes.
#[inline(always)]
fn short(text: &[u8]) -> [u8; 8] {
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
                    let mut out = b"before".to_vec();
                    let is_appended = append_plain([b"<", &text, b">"], &mut out);
                    assert_eq!(is_appended, is_plain(&text), "{byte} at {at}");
                    let expected = match is_appended {
                        true => [b"before<", &text[..], b">"].concat(),
                        false => b"before".to_vec(),
                    };
                    assert_eq!(out, expected, "{byte} at {at}");
                }
            }
        }
        assert!(is_plain(b""));
        let mut out = Vec::new();
        assert!(append_plain([b"<", b"", b">"], &mut out) && out == b"<>");
    }
}
