//! Words of a text as a POSIX shell reads them (POSIX.1-2024, Shell Command Language, section 2).
//!
//! Every byte of a word knows its place in the text, so that a secret in a word can be found there,
//! through any number of quotes.

/// What was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Token {
    /// A word, which is in the splitter.
    Word,
    /// An operator that passes the output of a command to the next one: `|`.
    Pipe,
    /// Any other operator, a line end, or the beginning or end of a substitution.
    Break,
}

/// Splits a text into words and operators.
#[derive(Debug)]
pub(super) struct Splitter<'t> {
    text: &'t [u8],
    at: usize,
    /// The last word, without its quotes.
    pub(super) word: Vec<u8>,
    /// The place of each byte of it in the text.
    pub(super) places: Vec<usize>,
}

impl<'t> Splitter<'t> {
    pub(super) fn new(text: &'t [u8]) -> Splitter<'t> {
        Splitter {
            text,
            at: 0,
            word: Vec::new(),
            places: Vec::new(),
        }
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        self.word.clear();
        self.places.clear();
        loop {
            match self.peek(0)? {
                b' ' | b'\t' => self.at += 1,
                b'\\' if matches!(self.peek(1), Some(b'\n')) => self.at += 2,
                b'|' if self.peek(1) != Some(b'|') => {
                    // `|&` is a pipe too.
                    self.at += 1 + usize::from(self.peek(1) == Some(b'&'));
                    return Some(Token::Pipe);
                }
                byte if is_break(byte) => {
                    self.at += 1 + usize::from(self.peek(1) == Some(byte));
                    return Some(Token::Break);
                }
                _ => break,
            }
        }
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' => break,
                byte if is_break(byte) => break,
                b'\'' => self.single(),
                b'"' => self.double(),
                b'$' if self.peek(1) == Some(b'\'') => self.ansi(),
                b'\\' => self.escaped(),
                _ => self.take(),
            }
        }
        Some(Token::Word)
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    /// Takes a byte into the word.
    fn take(&mut self) {
        if let Some(byte) = self.peek(0) {
            self.word.push(byte);
            self.places.push(self.at);
        }
        self.at += 1;
    }

    fn escaped(&mut self) {
        self.at += 1;
        match self.peek(0) {
            Some(b'\n') => self.at += 1,
            Some(_) => self.take(),
            None => {}
        }
    }

    fn single(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            if byte == b'\'' {
                self.at += 1;
                return;
            }
            self.take();
        }
    }

    fn double(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            match (byte, self.peek(1)) {
                (b'"', _) => {
                    self.at += 1;
                    return;
                }
                (b'\\', Some(b'"' | b'\\' | b'$' | b'`' | b'\n')) => self.escaped(),
                _ => self.take(),
            }
        }
    }

    /// `$'…'`, in which a backslash escapes a quote.
    fn ansi(&mut self) {
        self.at += 2;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\'' => {
                    self.at += 1;
                    return;
                }
                b'\\' => self.escaped(),
                _ => self.take(),
            }
        }
    }
}

/// Whether a byte ends a word, and the command with it. `\r` is a line end typed at a terminal.
fn is_break(byte: u8) -> bool {
    matches!(
        byte,
        b'\n' | b'\r' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' | b'`'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let mut splitter = Splitter::new(text.as_bytes());
        let mut got = Vec::new();
        while let Some(token) = splitter.next() {
            got.push(match token {
                Token::Word => String::from_utf8(splitter.word.clone()).unwrap(),
                Token::Pipe => "|".to_owned(),
                Token::Break => ";".to_owned(),
            });
            for (byte, place) in splitter.word.iter().zip(&splitter.places) {
                assert_eq!(text.as_bytes()[*place], *byte, "{text}");
            }
        }
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn words_are_those_of_a_shell() {
        check("a  'b c' \"d e\"f \\g", &["a", "b c", "d ef", "g"]);
        check(
            "a|b||c;d&&e",
            &["a", "|", "b", ";", "c", ";", "d", ";", "e"],
        );
        check(r#"x "a\"b\c" 'd\'"#, &["x", r#"a"b\c"#, r"d\"]);
        check("a=$(b 'c')", &["a=$", ";", "b", "c", ";"]);
        check("'' a\\\nb 'open", &["", "ab", "open"]);
        check(r"$'it\'s'", &["it's"]);
    }
}
