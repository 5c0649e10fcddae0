//! Fatal errors, each in one line: what was tried, why it failed, and what would help.

use std::{fmt, io};

/// The reason that an operation failed.
///
/// A malformed record is never an error: it is counted and skipped.
#[derive(Debug)]
pub struct Error {
    tried: String,
    cause: io::Error,
    help: Option<&'static str>,
}

impl Error {
    /// A failed operation: `tried` completes the sentence "cannot …".
    pub fn new(tried: impl Into<String>, cause: io::Error) -> Error {
        Error {
            tried: tried.into(),
            cause,
            help: None,
        }
    }

    /// Adds a remedy for the user.
    #[must_use]
    pub fn help(self, help: &'static str) -> Error {
        Error {
            help: Some(help),
            ..self
        }
    }

    /// Keeps the cause and replaces the description of the operation by that of a larger one.
    #[must_use]
    pub(crate) fn over(self, tried: impl Into<String>) -> Error {
        Error {
            tried: tried.into(),
            ..self
        }
    }

    /// What was tried, and why it failed with what would help, for another process.
    #[cfg(feature = "confine")]
    pub(crate) fn parts(&self) -> (&str, String) {
        let reason = reason(&self.cause);
        let reason = match self.help {
            Some(help) => format!("{reason}; {help}"),
            None => reason,
        };
        (&self.tried, reason)
    }

    /// The underlying error. It is part of the message already, so it is not the `source()`.
    pub fn cause(&self) -> &io::Error {
        &self.cause
    }

    /// Whether the operation failed for lack of permission.
    pub fn is_permission(&self) -> bool {
        self.cause.kind() == io::ErrorKind::PermissionDenied
    }

    /// Whether the reader of our output has closed it.
    pub fn is_broken_pipe(&self) -> bool {
        self.cause.kind() == io::ErrorKind::BrokenPipe
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text may contain attacker-chosen names, so it must not reach the terminal as escapes.
        write!(f, "cannot {}: {}", plain(&self.tried), reason(&self.cause))?;
        self.help.map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

impl std::error::Error for Error {}

/// Replaces each character that could harm a terminal by a question mark: control
/// characters, invisible characters, and those that change the direction of text.
///
/// ```
/// assert_eq!(auditrd::error::plain("a\u{1b}[2J \u{202e}é"), "a?[2J ?é");
/// ```
pub fn plain(text: &str) -> String {
    let is_harmful = |c: char| {
        // Unicode format characters: zero width, directions and their isolates, line and paragraph
        // separators, the byte order mark, and tags.
        let is_format = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
        c.is_control() || is_format
    };
    let shown = |c| if is_harmful(c) { '?' } else { c };
    text.chars().map(shown).collect()
}

/// The message of an error without the number that std appends.
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
            .help("needs CAP_AUDIT_READ; try sudo");
        assert_eq!(
            error.to_string(),
            "cannot join the audit multicast group: Operation not permitted; \
             needs CAP_AUDIT_READ; try sudo"
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
