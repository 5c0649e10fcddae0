//! Formats text as a JSON string.

use super::{
    append,
    lanes::{escaped, special},
};
use crate::sys::append_until;

/// Appends `text` in quotes, with only the escapes that JSON requires (RFC 8259, section 7).
pub(crate) fn json_string(text: &str, out: &mut Vec<u8>) {
    quote(text.as_bytes(), out, escaped);
}

/// As [`json_string`], of a text that is ASCII, as most text is. Appends nothing if it is not, and
/// returns whether it is.
pub(crate) fn json_ascii(text: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let is_ascii = quote(text, out, special);
    if !is_ascii {
        out.truncate(start);
    }
    is_ascii
}

/// Appends a text in quotes, with the bytes escaped that `find` has the bits of, among 16. Stops at
/// one that has no escape, and returns whether there was none.
#[inline(always)]
fn quote(text: &[u8], out: &mut Vec<u8>, find: impl Fn(&[u8; 16]) -> u16) -> bool {
    out.push(b'"');
    let mut rest = text;
    loop {
        let length = append_until(rest, out, &find);
        let Some([byte, behind @ ..]) = rest.get(length..) else {
            break;
        };
        match ESCAPES[usize::from(*byte)] {
            0 => return false,
            escape => append_escape(escape, *byte, out),
        }
        rest = behind;
    }
    out.push(b'"');
    true
}

/// Appends the escape of a byte.
#[inline(always)]
fn append_escape(escape: u8, byte: u8, out: &mut Vec<u8>) {
    append([&[b'\\', escape]], out);
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
            let (mut ascii, is_ascii) = (Vec::new(), text.is_ascii());
            assert_eq!(json_ascii(text.as_bytes(), &mut ascii), is_ascii);
            assert_eq!(ascii.is_empty(), !is_ascii);
            assert!(!is_ascii || ascii == out, "{text:?}");
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
