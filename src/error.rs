//! What can go wrong for good, in one line: what was tried, why it failed, and what would help.

use std::{fmt, io};

/// Why something could not be done.
///
/// Bad records are never an error: they are counted and passed over.
#[derive(Debug)]
pub struct Error {
    tried: String,
    cause: io::Error,
    help: Option<&'static str>,
}

impl Error {
    /// An attempt that failed: `tried` completes the sentence "cannot …".
    pub fn new(tried: impl Into<String>, cause: io::Error) -> Error {
        Error {
            tried: tried.into(),
            cause,
            help: None,
        }
    }

    /// The same with something that the user can do about it.
    #[must_use]
    pub fn help(self, help: &'static str) -> Error {
        Error {
            help: Some(help),
            ..self
        }
    }

    /// The same cause with what it kept from being done in the end.
    #[must_use]
    pub(crate) fn over(self, tried: impl Into<String>) -> Error {
        Error {
            tried: tried.into(),
            ..self
        }
    }

    /// Why it failed. It is part of this error's text, so it is not its `source()`.
    pub fn cause(&self) -> &io::Error {
        &self.cause
    }

    /// Whether more rights would have been needed.
    pub fn is_permission(&self) -> bool {
        self.cause.kind() == io::ErrorKind::PermissionDenied
    }

    /// Whether a reader of our output went away.
    pub fn is_broken_pipe(&self) -> bool {
        self.cause.kind() == io::ErrorKind::BrokenPipe
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names may come from anywhere; none of them gets to speak to the terminal.
        write!(f, "cannot {}: {}", plain(&self.tried), reason(&self.cause))?;
        self.help.map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

impl std::error::Error for Error {}

/// Text for a terminal: what would move its cursor, change its colours or turn the direction of its
/// letters around is a question mark, and so is what cannot be seen.
///
/// ```
/// assert_eq!(auditrd::plain("a\u{1b}[2J \u{202e}é"), "a?[2J ?é");
/// ```
pub fn plain(text: &str) -> String {
    let speaks = |c: char| {
        // Formats of Unicode: zero width, directions and their isolates, line and paragraph ends,
        // the byte order mark, and tags.
        let is_format = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
        c.is_control() || is_format
    };
    let shown = |c| if speaks(c) { '?' } else { c };
    text.chars().map(shown).collect()
}

/// The text of an error without the number that std puts behind it.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_was_tried_why_it_failed_and_what_helps() {
        let cause = io::Error::from_raw_os_error(libc::EPERM);
        let error = Error::new("join the audit multicast group", cause)
            .help("needs CAP_AUDIT_READ, try sudo");
        assert_eq!(
            error.to_string(),
            "cannot join the audit multicast group: Operation not permitted; \
             needs CAP_AUDIT_READ, try sudo"
        );
        assert!(error.is_permission());
    }

    #[test]
    fn names_do_not_reach_the_terminal_as_escapes() {
        let cause = io::Error::from_raw_os_error(libc::ENOENT);
        let text = Error::new("read \x1b[2Jx", cause).to_string();
        assert_eq!(text, "cannot read ?[2Jx: No such file or directory");
    }
}
