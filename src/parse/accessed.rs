//! The file that SELinux decided about in a call.

use bumpalo::Bump;

use crate::{
    model::{RecordType, record_type::AUDIT_AVC},
    parse::{enriched, fields::AccessVector, tokenize},
};

/// The path in the AVC and AVC_PATH records of an event, if all are about one file and one process.
///
/// The kernel takes it from the open file, so it is absolute, or relative to the root of the
/// process (security/lsm_audit.c, `audit_log_lsm_data`).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Accessed<'a> {
    path: Option<&'a [u8]>,
    /// The label that the decisions are about.
    scontext: Option<&'a [u8]>,
    /// Whether there are several files or labels, or a record that is not understood.
    is_mixed: bool,
}

impl<'a> Accessed<'a> {
    /// Takes in an AVC or AVC_PATH record.
    #[cold]
    pub(super) fn add(&mut self, record_type: RecordType, body: &'a [u8], arena: &'a Bump) {
        let (raw, _) = enriched::split(record_type, body);
        let is_decision = record_type == AUDIT_AVC;
        let rest = match AccessVector::read(raw) {
            Some((_, rest)) => rest,
            None if is_decision => return self.is_mixed = true,
            None => raw,
        };
        for token in tokenize(rest) {
            match token.key {
                b"path" => self.agree(|found| &mut found.path, token.value.text(arena)),
                b"scontext" => self.agree(|found| &mut found.scontext, token.value.bytes),
                _ => {}
            }
        }
    }

    fn agree(&mut self, part: fn(&mut Self) -> &mut Option<&'a [u8]>, text: &'a [u8]) {
        let known = part(self).get_or_insert(text);
        self.is_mixed |= *known != text;
    }

    /// The path, if the decisions were about a process with this label. Stacked file systems access
    /// the files under them with another label, at paths that no process can see.
    pub(crate) fn path_by(&self, subj: Option<&[u8]>) -> Option<&'a [u8]> {
        let is_file = |path: &&[u8]| path.starts_with(b"/") && !path.ends_with(b" (deleted)");
        let is_own = self.scontext.is_some() && self.scontext == subj;
        self.path
            .filter(is_file)
            .filter(|_| is_own && !self.is_mixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record_type::AUDIT_AVC_PATH;

    const USER: &str = "user_u:user_r:user_t:s0";

    fn path(records: &[(RecordType, String)]) -> Option<String> {
        let arena = Bump::new();
        let mut found = Accessed::default();
        for (record_type, body) in records {
            found.add(*record_type, arena.alloc_str(body).as_bytes(), &arena);
        }
        let path = found.path_by(Some(USER.as_bytes()));
        path.map(|path| String::from_utf8(path.to_vec()).unwrap())
    }

    fn avc(inner: &str, scontext: &str) -> (RecordType, String) {
        let body = format!("avc:  denied  {{ write }} for  pid=7 {inner} scontext={scontext}");
        (AUDIT_AVC, body)
    }

    fn avc_path(path: &str) -> (RecordType, String) {
        (AUDIT_AVC_PATH, format!("  path={path}"))
    }

    #[test]
    fn the_path_is_that_of_the_one_file_in_the_decisions() {
        let hex = avc("path=2F7372762F612062", USER);
        assert_eq!(path(&[hex]).as_deref(), Some("/srv/a b"));
        let old = [avc("name=\"x\" ino=9", USER), avc_path("\"/run/x\"")];
        assert_eq!(path(&old).as_deref(), Some("/run/x"));
        let twice = [avc("path=\"/x\"", USER), avc("path=\"/x\"", USER)];
        assert_eq!(path(&twice).as_deref(), Some("/x"));
    }

    #[test]
    fn several_files_or_processes_have_no_path() {
        assert_eq!(
            path(&[avc("path=\"/x\"", USER), avc("path=\"/y\"", USER)]),
            None
        );
        assert_eq!(path(&[avc("path=\"/x\"", USER), avc_path("\"/y\"")]), None);
        let other = "system_u:system_r:kernel_t:s0";
        assert_eq!(path(&[avc("path=\"/x\"", other)]), None);
        assert_eq!(
            path(&[avc("path=\"/x\"", USER), avc("name=\"x\"", other)]),
            None
        );
        let apparmor = (AUDIT_AVC, "apparmor=\"DENIED\" name=\"/y\"".to_owned());
        assert_eq!(path(&[avc("path=\"/x\"", USER), apparmor]), None);
        assert_eq!(path(&[avc_path("\"/x\"")]), None);
    }

    #[test]
    fn objects_that_are_no_files_have_no_path() {
        for name in [
            "\"socket:[7]\"",
            "\"pipe:[7]\"",
            "002F78",
            "2F78202864656C6574656429",
        ] {
            assert_eq!(path(&[avc(&format!("path={name}"), USER)]), None, "{name}");
        }
    }
}
