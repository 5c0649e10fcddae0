//! Formats text as a JSON string.

use super::lanes::special;

/// Appends `text` in quotes, with only the escapes that JSON requires (RFC 8259, section 7).
pub(crate) fn json_string(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let (mut written, mut at) = (0, 0);
    while at < bytes.len() {
        // Skips plain text, which most text is, 16 bytes at once.
        if let Some(chunk) = bytes[at..].first_chunk() {
            match special(chunk) {
                0 => {
                    at += chunk.len();
                    continue;
                }
                bits => at += bits.trailing_zeros() as usize,
            }
        }
        let byte = bytes[at];
        let escape = ESCAPES[usize::from(byte)];
        at += 1;
        if escape == 0 {
            continue;
        }
        out.extend_from_slice(&bytes[written..at - 1]);
        written = at;
        if escape == b'u' {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            let [high, low] = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        } else {
            out.extend_from_slice(&[b'\\', escape]);
        }
    }
    out.extend_from_slice(&bytes[written..]);
    out.push(b'"');
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
