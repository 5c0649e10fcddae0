//! systemd-journald, which collects records too, and can turn auditing on and off.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use super::{Facts, finding::Finding};

/// The directories of configuration files, the most important first (systemd.syntax(7)).
const DIRECTORIES: [&str; 4] = [
    "etc/systemd",
    "run/systemd",
    "usr/local/lib/systemd",
    "usr/lib/systemd",
];

/// The configuration of journald.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// The value of `Audit=` (journald.conf(5)), if it is set.
    audit: Option<String>,
}

impl Journal {
    pub(super) fn gather() -> Journal {
        Journal {
            audit: setting(Path::new("/")),
        }
    }

    /// Whether journald turns auditing off each time it starts.
    fn turns_off(&self) -> bool {
        let value = self.audit.as_deref().unwrap_or_default();
        matches!(value, "no" | "n" | "false" | "f" | "off" | "0")
    }
}

/// The last `Audit=` in journald's configuration below a root directory.
fn setting(root: &Path) -> Option<String> {
    let directories = DIRECTORIES.map(|directory| root.join(directory));
    let main = directories
        .iter()
        .map(|directory| directory.join("journald.conf"));
    let main = main.into_iter().find(|file| file.exists());
    // A file hides those of the same name in less important directories.
    let mut parts: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for directory in directories.iter().rev() {
        let entries = fs::read_dir(directory.join("journald.conf.d"));
        for entry in entries.into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|end| end == "conf") {
                parts.insert(entry.file_name(), entry.path());
            }
        }
    }
    let files = main.into_iter().chain(parts.into_values());
    let texts = files.filter_map(|file| fs::read_to_string(file).ok());
    let mut values = texts.filter_map(|text| last_value(&text));
    // An empty value means the default.
    values.next_back().filter(|value| !value.is_empty())
}

fn last_value(text: &str) -> Option<String> {
    let mut values = text.lines().filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "Audit").then(|| value.trim().to_lowercase())
    });
    values.next_back()
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if facts.journal.turns_off() {
        findings.push(Finding::warning(
            "journald_turns_auditing_off",
            "journald.conf has Audit=no: journald turns auditing off each time it starts",
            "remove that line, or set `Audit=` to nothing, which leaves auditing as it is",
        ));
    }
    let is_on = facts.kernel.status.is_ok_and(|status| status.enabled > 0);
    if is_on && facts.units.is_active("systemd-journald-audit.socket") {
        findings.push(Finding::note(
            "journal_copies",
            "systemd-journald-audit.socket is active, so the journal stores a copy of every record",
            "sudo systemctl mask --now systemd-journald-audit.socket, and restart \
             systemd-journald.service",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::check::{finding::causes, kernel::Silence, units};

    #[test]
    fn the_most_important_file_decides() {
        let root = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let file = root.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        assert_eq!(setting(root.path()), None);
        put("etc/systemd/journald.conf", "[Journal]\n#Audit=no\n");
        assert_eq!(setting(root.path()), None);
        put("etc/systemd/journald.conf", "[Journal]\nAudit = No\n");
        assert_eq!(setting(root.path()).as_deref(), Some("no"));
        put(
            "usr/lib/systemd/journald.conf.d/10.conf",
            "[Journal]\nAudit=yes\n",
        );
        assert_eq!(setting(root.path()).as_deref(), Some("yes"));
        put("etc/systemd/journald.conf.d/10.conf", "[Journal]\nAudit=\n");
        assert_eq!(setting(root.path()), None);
        put(
            "etc/systemd/journald.conf.d/20.bak",
            "[Journal]\nAudit=no\n",
        );
        assert_eq!(setting(root.path()), None);
    }

    #[test]
    fn a_copy_in_the_journal_and_its_switch_are_two_causes() {
        let mut facts = Facts::default();
        assert!(judge(&facts).is_empty());
        facts.journal.audit = Some("off".to_owned());
        assert_eq!(causes(&judge(&facts)), ["journald_turns_auditing_off"]);
        facts.journal.audit = None;
        facts.units = units::parsed(
            "Id=systemd-journald-audit.socket\nLoadState=loaded\nActiveState=active\n",
        );
        assert_eq!(causes(&judge(&facts)), ["journal_copies"]);
        facts.kernel.status = Err(Silence::Refused(libc::EPERM));
        assert!(judge(&facts).is_empty());
    }
}
