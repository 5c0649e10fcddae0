//! Finding bytes in a text.

use super::{
    lanes::{Lanes, blank, equal, equal_in_blocks},
    word::first_word,
};

/// The index of the first `byte` in `text`. The first 16 bytes are searched inline, because most
/// texts are short.
#[inline(always)]
pub(crate) fn find(byte: u8, text: &[u8]) -> Option<usize> {
    match text.first_chunk().and_then(|near| find_near(byte, near)) {
        None => find_far(byte, text),
        at => at,
    }
}

/// As [`find`], in 16 bytes.
#[inline(always)]
pub(crate) fn find_near(byte: u8, text: &[u8; 16]) -> Option<usize> {
    let bits = equal(byte, text);
    // The mask changes nothing, but it tells the compiler that the index is in bounds.
    (bits != 0).then(|| bits.trailing_zeros() as usize & 15)
}

/// Whether `text` contains `byte`. Looks at all of the text, so it is for a byte that is usually
/// not there.
#[inline(never)]
pub(crate) fn contains(byte: u8, text: &[u8]) -> bool {
    let Some(last) = text.last_chunk() else {
        return find_in_short(byte, text).is_some();
    };
    let (chunks, _) = text.as_chunks();
    let equal = |chunk| Lanes::new(chunk).equal(byte);
    let chunks = chunks.iter().map(equal);
    chunks.fold(equal(last), Lanes::or).bits() != 0
}

/// Appends the indices of each `byte` in `text`, which is shorter than 4 GiB, to `found`.
pub(crate) fn find_all(byte: u8, text: &[u8], found: &mut Vec<u32>) {
    let (blocks, rest) = text.as_chunks();
    equal_in_blocks(byte, blocks, |start, mut bits| {
        while bits != 0 {
            found.push(start as u32 + bits.trailing_zeros());
            bits &= bits - 1;
        }
    });
    let start = (text.len() - rest.len()) as u32;
    let at = (start..).zip(rest).filter(|(_, other)| **other == byte);
    found.extend(at.map(|(at, _)| at));
}

/// The index of the first byte that is `one` or `other`. The first 16 bytes are searched inline.
#[inline(always)]
pub(crate) fn find_either(one: u8, other: u8, text: &[u8]) -> Option<usize> {
    if let Some(near) = text.first_chunk() {
        let bits = equal(one, near) | equal(other, near);
        if bits != 0 {
            return Some(bits.trailing_zeros() as usize);
        }
    }
    memchr::memchr2(one, other, text)
}

/// The index of the last `byte` in `text`. The last 16 bytes are searched inline.
#[inline(always)]
pub(crate) fn find_last(byte: u8, text: &[u8]) -> Option<usize> {
    let Some((before, near)) = text.split_last_chunk() else {
        let padded = first_word(text).to_le_bytes();
        let bits = equal(byte, &padded) & !(u16::MAX << text.len());
        return (bits != 0).then(|| 15 - bits.leading_zeros() as usize);
    };
    match equal(byte, near) {
        0 => memchr::memrchr(byte, before),
        bits => Some(text.len() - 1 - bits.leading_zeros() as usize),
    }
}

/// How many printable ASCII characters a text starts with, other than spaces.
#[inline(always)]
pub(crate) fn leading_word(text: &[u8; 16]) -> usize {
    (u32::from(blank(text)) | 1 << 16).trailing_zeros() as usize
}

/// Whether a byte that is `first` stands before one of `next`, which are not NUL.
pub(crate) fn has_pair(first: u8, next: [u8; 2], text: &[u8]) -> bool {
    let is_in = |chunk: &[u8; 16], carried: &mut u32| {
        let lanes = Lanes::new(chunk);
        let before = u32::from(lanes.equal(first).bits()) << 1 | *carried;
        *carried = before >> 16;
        let [one, other] = next.map(|byte| lanes.equal(byte));
        before & u32::from(one.or(other).bits()) != 0
    };
    let Some(last) = text.last_chunk() else {
        return is_in(&first_word(text).to_le_bytes(), &mut 0);
    };
    let (chunks, mut carried) = (text.as_chunks().0, 0);
    let mut chunks = chunks.iter();
    // The last chunk overlaps the one before it.
    chunks.any(|chunk| is_in(chunk, &mut carried)) || is_in(last, &mut 0)
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

/// As [`find`], when the first 16 bytes have no match. Up to a few chunks, this is faster than a
/// call to memchr. The last chunk overlaps the one before it.
#[inline(never)]
fn find_far(byte: u8, text: &[u8]) -> Option<usize> {
    const MAX_BYTES: usize = 128;
    if text.len() > MAX_BYTES {
        return memchr::memchr(byte, text);
    }
    let Some(last) = text.last_chunk() else {
        return find_in_short(byte, text);
    };
    let (chunks, _) = text.as_chunks();
    for (index, chunk) in chunks.iter().enumerate().skip(1) {
        if let Some(at) = find_near(byte, chunk) {
            return Some(16 * index + at);
        }
    }
    Some(text.len() - 16 + find_near(byte, last)?)
}

/// As [`find`], in less than 16 bytes.
#[inline]
fn find_in_short(byte: u8, text: &[u8]) -> Option<usize> {
    let (Some(start), Some(end)) = (text.first_chunk(), text.last_chunk()) else {
        return text.iter().position(|other| *other == byte);
    };
    first(marks(byte, *start)).or_else(|| Some(text.len() - 8 + first(marks(byte, *end))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_byte_are_found() {
        let text: Vec<u8> = (0..1000u32).map(|at| (at * at % 7) as u8).collect();
        for length in (0..200).chain([1000]) {
            let text = &text[..length];
            let mut found = vec![7];
            find_all(2, text, &mut found);
            let expected: Vec<_> = memchr::memchr_iter(2, text).map(|at| at as u32).collect();
            assert_eq!(found[1..], expected, "{length}");
        }
    }

    #[test]
    fn a_word_ends_before_the_first_byte_that_is_no_printable_ascii() {
        for (at, byte) in (0..16).flat_map(|at| (0..=255).map(move |byte| (at, byte))) {
            for end in at..=16 {
                let mut text = [b'~'; 16];
                text[end..].fill(b' ');
                text[at] = byte;
                let is_in_word = |byte: &&u8| matches!(byte, 0x21..=0x7f);
                let length = text.iter().take_while(is_in_word).count();
                assert_eq!(leading_word(&text), length, "{text:?}");
            }
        }
    }

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
                assert_eq!(contains(byte, text), text.contains(&byte));
                let before = &text[..text.len() / 2];
                assert_eq!(find_last(byte, before), memchr::memrchr(byte, before));
                let short = &text[..text.len().min(usize::from(byte % 20))];
                assert_eq!(find_last(byte, short), memchr::memrchr(byte, short));
                assert_eq!(
                    find_either(byte, 7, text),
                    memchr::memchr2(byte, 7, text),
                    "{byte} in {text:?}"
                );
            }
        }
        assert_eq!(find(b'!', b"  \x00 !  !"), Some(4));
    }

    #[test]
    fn a_pair_is_found_wherever_it_stands() {
        for length in 0..70 {
            let mut text = vec![b'x'; length];
            assert!(!has_pair(b'/', [b'/', b'.'], &text));
            for at in 0..length {
                text[at] = b'/';
                assert!(!has_pair(b'/', [b'/', b'.'], &text), "{length} {at}");
                for next in [b'/', b'.'] {
                    if let Some(behind) = text.get_mut(at + 1) {
                        *behind = next;
                        assert!(has_pair(b'/', [b'/', b'.'], &text), "{length} {at}");
                        assert!(!has_pair(b'!', [b'/', b'.'], &text), "{length} {at}");
                    }
                }
                text[at..].fill(b'x');
            }
        }
    }
}
