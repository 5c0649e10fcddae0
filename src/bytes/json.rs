//! Formats text as a JSON string.

use super::{append, lanes::special};

/// Appends `text` in quotes, with only the escapes that JSON requires (RFC 8259, section 7).
pub(crate) fn json_string(text: &str, out: &mut Vec<u8>) {
    let text = text.as_bytes();
    out.reserve(text.len() + 2);
    out.push(b'"');
    // The rest behind the last whole chunk, and spaces.
    let (_, rest) = text.as_chunks::<16>();
    let mut last = [b' '; 16];
    last[..rest.len()].copy_from_slice(rest);
    let mut written = 0;
    for start in (0..text.len()).step_by(16) {
        // Most text is plain, and the other bytes of a chunk are found at once.
        let mut bits = special(text[start..].first_chunk().unwrap_or(&last));
        while bits != 0 {
            let at = start + bits.trailing_zeros() as usize;
            bits &= bits - 1;
            let escape = ESCAPES[usize::from(text[at])];
            if escape != 0 {
                append_escape(&text[written..at], escape, text[at], out);
                written = at + 1;
            }
        }
    }
    append([&text[written..], b"\""], out);
}

/// Appends plain text, and behind it the escape of a byte.
fn append_escape(plain: &[u8], escape: u8, byte: u8, out: &mut Vec<u8>) {
    append([plain, &[b'\\', escape]], out);
    if escape == b'u' {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let [high, low] = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
        append([&[b'0', b'0', high, low]], out);
    }
}

/// For each byte, the character after the backslash (`u` for `\u00XX`), or 0 if it needs no escape.
static ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = b'u';
        control += 1;
    }
    table[0x08] = b'b';
    table[b'\t' as usize] = b't';
    table[b'\n' as usize] = b'n';
    table[0x0c] = b'f';
    table[b'\r' as usize] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_formatted_as_by_serde_json() {
        let check = |text: &str| {
            let mut out = Vec::new();
            json_string(text, &mut out);
            assert_eq!(out, serde_json::to_vec(text).unwrap(), "{text:?}");
        };
        check("");
        for c in (0..0x300).chain([0x2028, 0xfffd, 0x1f600]) {
            let c = char::from_u32(c).unwrap();
            check(&c.to_string());
            check(&format!("a{c}b{c}{c}c"));
            for length in 0..20 {
                check(&format!("{0}{c}{c}{0}", "x".repeat(length)));
            }
        }
    }
}
