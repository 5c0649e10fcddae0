//! The words of a line, as auditctl(8) reads a file of rules: spaces and nothing else separate
//! them, `\ ` is a space and `\\` a backslash within a word, and quotation marks have no meaning. A
//! line whose first character other than a space is `#` is a comment. No line goes on in the next
//! one.

/// A word of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Word {
    /// Where it starts in the line, in bytes.
    pub(crate) at: usize,
    /// The text, with escapes resolved.
    pub(crate) text: Vec<u8>,
}

impl Word {
    /// The rest of the word from a byte on.
    pub(crate) fn from(&self, start: usize) -> Word {
        Word {
            at: self.at + start,
            text: self.text.get(start..).unwrap_or_default().to_owned(),
        }
    }

    /// The text for messages.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}

/// Whether a line says nothing: it is blank or a comment.
pub(crate) fn is_silent(line: &[u8]) -> bool {
    let first = line.iter().find(|byte| **byte != b' ');
    matches!(first, None | Some(b'#'))
}

/// The words of a line without its end.
pub(crate) fn words(line: &[u8]) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut is_inside = false;
    let mut bytes = line.iter().copied().enumerate().peekable();
    while let Some((at, mut byte)) = bytes.next() {
        if byte == b' ' {
            is_inside = false;
            continue;
        }
        if byte == b'\\'
            && let Some((_, next)) = bytes.next_if(|(_, next)| matches!(next, b' ' | b'\\'))
        {
            byte = next;
        }
        match words.last_mut() {
            Some(word) if is_inside => word.text.push(byte),
            _ => words.push(Word {
                at,
                text: vec![byte],
            }),
        }
        is_inside = true;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<(usize, String)> {
        let words = words(line.as_bytes());
        words.iter().map(|word| (word.at, word.shown())).collect()
    }

    #[test]
    fn only_spaces_separate_words() {
        assert_eq!(
            texts("  -w  /a\tb \"c d\""),
            [
                (2, "-w".to_owned()),
                (6, "/a\tb".to_owned()),
                (11, "\"c".to_owned()),
                (14, "d\"".to_owned())
            ]
        );
        assert_eq!(texts("   "), []);
    }

    #[test]
    fn a_backslash_escapes_spaces_and_itself_only() {
        assert_eq!(texts(r"/a\ b"), [(0, "/a b".to_owned())]);
        assert_eq!(
            texts(r"/a\\ b"),
            [(0, r"/a\".to_owned()), (5, "b".to_owned())]
        );
        assert_eq!(texts(r"/a\n\"), [(0, r"/a\n\".to_owned())]);
        assert_eq!(texts(r"\ "), [(0, " ".to_owned())]);
    }

    #[test]
    fn comments_and_blank_lines_say_nothing() {
        assert!(is_silent(b"") && is_silent(b"   ") && is_silent(b"  # -D"));
        assert!(!is_silent(b"-D # all"));
        assert!(!is_silent(b"\t# a tab is part of a word"));
    }
}
