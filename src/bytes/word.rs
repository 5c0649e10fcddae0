//! The start of a text as an integer, for comparison with a constant.

/// A constant prefix of at most 16 bytes, compared with a text as one integer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefix {
    word: u128,
    mask: u128,
    /// In bytes.
    pub(crate) length: usize,
}

impl Prefix {
    /// The prefix `text` followed by `end`, 1 to 16 bytes in total.
    pub(crate) const fn new(text: &[u8], end: &[u8]) -> Prefix {
        let (mut bytes, mut at) = ([0; 16], 0);
        while at < text.len() + end.len() {
            bytes[at] = if at < text.len() {
                text[at]
            } else {
                end[at - text.len()]
            };
            at += 1;
        }
        Prefix {
            word: u128::from_le_bytes(bytes),
            mask: u128::MAX >> (8 * (16 - at)),
            length: at,
        }
    }

    /// Whether a text with these first 16 bytes starts with the prefix. See [`first_word`].
    #[inline(always)]
    pub(crate) fn begins(self, word: u128) -> bool {
        word & self.mask == self.word
    }
}

/// The first 16 bytes of a text as an integer; a shorter text is padded with NULs.
#[inline]
pub(crate) fn first_word(text: &[u8]) -> u128 {
    match text.first_chunk() {
        Some(bytes) => u128::from_le_bytes(*bytes),
        None => short_word(text),
    }
}

/// As [`first_word`], for a text shorter than 16 bytes.
#[inline(never)]
fn short_word(text: &[u8]) -> u128 {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let [first, last] = [first, last].map(|word| u128::from(u64::from_le_bytes(*word)));
        return first | last << (8 * (text.len() - 8));
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let [first, last] = [first, last].map(|word| u64::from(u32::from_le_bytes(*word)));
        return u128::from(first | last << (8 * (text.len() - 4)));
    }
    let bytes = text.iter().rev();
    bytes.fold(0, |word, byte| word << 8 | u128::from(*byte))
}

/// A text of at most seven bytes as an integer that no other text has.
#[inline]
pub(crate) fn small_text(text: &[u8]) -> Option<u64> {
    let word = match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) if text.len() < 8 => {
            let [first, last] = [first, last].map(|word| u64::from(u32::from_le_bytes(*word)));
            first | last << (8 * (text.len() - 4))
        }
        (None, _) => text
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
        _ => return None,
    };
    Some(word | (text.len() as u64) << 56)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_padded_with_nuls() {
        let text: [u8; 40] = std::array::from_fn(|at| at as u8 + 1);
        for length in 0..40 {
            let text = &text[..length];
            let mut padded = [0; 32];
            padded[..length.min(32)].copy_from_slice(&text[..length.min(32)]);
            let word = |at| u128::from_le_bytes(*padded[at..].first_chunk().unwrap());
            assert_eq!(first_word(text), word(0), "{length}");
        }
    }

    #[test]
    fn a_small_text_has_an_integer_of_its_own() {
        let text = [0, 0, 1, 2, 0, 3, 4, 0, 0, 1];
        let mut all = std::collections::HashMap::new();
        for start in 0..=text.len() {
            for end in start..=text.len() {
                let part = &text[start..end];
                match small_text(part) {
                    Some(word) => assert_eq!(*all.entry(word).or_insert(part), part),
                    None => assert!(part.len() > 7),
                }
            }
        }
    }

    #[test]
    fn a_prefix_matches_only_at_the_start() {
        let prefix = Prefix::new(b"type=PATH", b" ");
        assert_eq!(prefix.length, 10);
        for (text, expected) in [
            (&b"type=PATH msg=audit"[..], true),
            (b"type=PATH ", true),
            (b"type=PATH", false),
            (b" type=PATH ", false),
        ] {
            assert_eq!(prefix.begins(first_word(text)), expected, "{text:?}");
        }
    }
}
