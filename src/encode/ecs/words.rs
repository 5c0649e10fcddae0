//! The words of a command line.

/// Splits a command line that was joined so that a POSIX shell reads the same words back.
///
/// Its quotes are single, and a backslash escapes one character outside of them.
pub(super) fn split(line: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut is_quoted = false;
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\'' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            b' ' if !is_quoted => words.extend(word.take()),
            b'\\' if !is_quoted => word.get_or_insert_default().extend(bytes.next()),
            byte => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_that_a_shell_reads() {
        let cases: [(&str, &[&str]); 6] = [
            ("", &[]),
            ("ls -l", &["ls", "-l"]),
            ("echo 'a b' ''", &["echo", "a b", ""]),
            (r"sh -c 'it'\''s'", &["sh", "-c", "it's"]),
            (r"a\ b", &["a b"]),
            ("sh -c 'x y", &["sh", "-c", "x y"]),
        ];
        for (line, words) in cases {
            let split = split(line.as_bytes());
            let expected: Vec<_> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
            assert_eq!(split, expected, "{line}");
        }
    }
}
