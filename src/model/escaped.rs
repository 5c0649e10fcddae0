//! Bytes for people to read.

use std::fmt;

/// Bytes as one line of text that is safe to print, such as a path.
///
/// UTF-8 is printed as it is. Escaped are the backslash, as `\\`; control characters and other
/// characters that cannot be seen, as in Rust; and bytes that are not UTF-8, as `\xff`. So
/// different bytes never look the same.
///
/// ```
/// use auditrd::model::Escaped;
///
/// assert_eq!(Escaped("/tmp/é".as_bytes()).to_string(), "/tmp/é");
/// assert_eq!(Escaped(b"a\n\x1b[2J\xff").to_string(), r"a\n\u{1b}[2J\xff");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;

        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' | '\'' => f.write_char(c)?,
                    c => write!(f, "{}", c.escape_debug())?,
                }
            }
            write!(f, "{}", chunk.invalid().escape_ascii())?;
        }
        Ok(())
    }
}
