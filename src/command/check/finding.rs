//! A cause why events may not come, or not all of them.

/// How much a cause matters, the worst first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Level {
    /// No events come, or none of a whole kind.
    Error,
    /// Some events are missing, or will be, or the host is at risk.
    Warning,
    /// Events are not affected.
    Note,
}

impl Level {
    pub(super) fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        }
    }
}

/// A cause and its remedy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// The name of the cause, for programs; it never changes.
    pub(super) cause: &'static str,
    /// What was found, in one sentence.
    pub(super) detail: String,
    /// What to do about it; a command where there is one.
    pub(super) remedy: String,
}

impl Finding {
    pub(super) fn error(
        cause: &'static str,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding {
            level: Level::Error,
            cause,
            detail: detail.into(),
            remedy: remedy.into(),
        }
    }

    pub(super) fn warning(
        cause: &'static str,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding {
            level: Level::Warning,
            ..Finding::error(cause, detail, remedy)
        }
    }

    pub(super) fn note(
        cause: &'static str,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding {
            level: Level::Note,
            ..Finding::error(cause, detail, remedy)
        }
    }

    /// Whether events are affected, so that the check fails.
    pub(super) fn is_problem(&self) -> bool {
        self.level != Level::Note
    }
}

/// The names of the causes, for tests.
#[cfg(test)]
pub(super) fn causes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.cause).collect()
}
