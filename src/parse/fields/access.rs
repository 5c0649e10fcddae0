//! SELinux's access decisions: `avc:  denied  { read write } for  pid=…`.

/// A decision and what it was about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::parse) struct AccessVector<'a> {
    /// `denied` or `granted`.
    pub(in crate::parse) decision: &'a [u8],
    /// The permissions, separated by single spaces; `None` if there were none.
    pub(in crate::parse) permissions: Option<&'a [u8]>,
}

impl<'a> AccessVector<'a> {
    /// Splits the text of an AVC record, or of the message of a USER_AVC record, into the decision
    /// and the pairs after it. `None` for any other text, such as `avc:  received policyload
    /// notice`.
    ///
    /// The kernel and libselinux write the same form (security/selinux/avc.c,
    /// `avc_audit_pre_callback`; libselinux/src/avc.c, `avc_audit`).
    pub(in crate::parse) fn read(text: &'a [u8]) -> Option<(AccessVector<'a>, &'a [u8])> {
        let text = text.trim_ascii_start().strip_prefix(b"avc:")?;
        let text = text.trim_ascii_start();
        let decision = [&b"denied"[..], b"granted"]
            .into_iter()
            .find(|word| text.starts_with(word))?;
        let text = text.get(decision.len()..)?.strip_prefix(b" ")?;
        let text = text.trim_ascii_start();
        let (permissions, rest) = match text {
            [b'{', inner @ ..] => {
                let end = memchr::memchr(b'}', inner)?;
                (inner.get(..end)?.trim_ascii(), inner.get(end + 1..)?)
            }
            text => (&b""[..], text.strip_prefix(b"null").unwrap_or(text)),
        };
        let rest = rest.trim_ascii_start();
        let rest = rest.strip_prefix(b"for ").unwrap_or(rest);
        let vector = AccessVector {
            decision,
            permissions: (!permissions.is_empty()).then_some(permissions),
        };
        Some((vector, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, Option<&str>, &str)>) {
        let got = AccessVector::read(text.as_bytes());
        let expected = expected.map(|(decision, permissions, rest)| {
            let vector = AccessVector {
                decision: decision.as_bytes(),
                permissions: permissions.map(str::as_bytes),
            };
            (vector, rest.as_bytes())
        });
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn a_decision_is_read_with_its_permissions() {
        check(
            "avc:  denied  { read write } for  pid=1",
            Some(("denied", Some("read write"), " pid=1")),
        );
        check(
            "avc:  granted  { 0x400000 } for  pid=1",
            Some(("granted", Some("0x400000"), " pid=1")),
        );
        check("avc:  denied  null pid=1", Some(("denied", None, "pid=1")));
    }

    #[test]
    fn other_texts_are_no_decision() {
        for text in [
            "",
            "avc:",
            "avc:  denied",
            "avc:  denied  { read",
            "avc:  received policyload notice (seqno=2)",
            "op=x avc:  denied  { read } for",
        ] {
            check(text, None);
        }
    }
}
