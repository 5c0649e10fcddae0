//! Rules that are valid, but do not do what they seem to.

mod implied;
mod order;
mod single;
mod twins;

use crate::rules::{Command, Host, Place, Problem, Rule, Ruleset, Setting, Severity, Statement};

/// What is wrong with rules that have no mistakes.
pub(crate) fn warnings(rules: &Ruleset, host: &Host) -> Vec<Problem> {
    let mut problems = Vec::new();
    locked(rules, &mut problems);
    let loaded = loaded(rules.statements.iter(), |place, text| {
        problems.push(warning(place, text));
    });
    for (index, (place, rule)) in loaded.iter().enumerate() {
        let before = &loaded[..index];
        let text = order::shadow(rule, before)
            .or_else(|| single::contradiction(rule))
            .or_else(|| single::unseen_field(rule))
            .or_else(|| order::turns_off(rule, &loaded));
        problems.extend(text.map(|text| warning(place, text)));
        let texts = single::warnings(rule, host).into_iter();
        problems.extend(texts.map(|text| warning(place, text)));
        let text = twins::missing(rule, &loaded, host);
        problems.extend(text.map(|text| warning(place, text)));
    }
    problems
}

fn warning(place: &Place, text: String) -> Problem {
    Problem {
        place: place.clone(),
        column: 1,
        severity: Severity::Warning,
        text,
        is_expected: false,
    }
}

/// A rule and its line.
pub(crate) type Placed<'r> = (&'r Place, &'r Rule);

/// Whether this host is known to refuse a rule: for its kernel, or for a path that does not exist.
pub(crate) fn is_refused(rule: &Rule, host: &Host) -> bool {
    !single::refusals(rule, host).is_empty()
}

/// The rules that are loaded in the end, in the order in which they are added. Reports lines that
/// are not needed, and those that delete the rules of others.
pub(crate) fn loaded<'r>(
    statements: impl Iterator<Item = &'r Statement>,
    mut report: impl FnMut(&Place, String),
) -> Vec<Placed<'r>> {
    let mut loaded: Vec<Placed<'r>> = Vec::new();
    for Statement { place, command, .. } in statements {
        match command {
            Command::Add { rule, at_front } => {
                let same = loaded.iter().find(|(_, own)| *own == rule);
                if let Some((first, _)) = same {
                    let text =
                        format!("the rule is in {first} already; auditctl stops at this line");
                    report(place, text);
                } else if *at_front {
                    loaded.insert(0, (place, rule));
                } else {
                    loaded.push((place, rule));
                }
            }
            Command::Delete(rule) => loaded.retain(|(_, own)| *own != rule),
            Command::DeleteAll(key) => {
                let before = loaded.len();
                loaded.retain(|(_, rule)| key.as_ref().is_some_and(|key| !rule.has_key_with(key)));
                let gone = before - loaded.len();
                if gone > 0 {
                    report(place, format!("removes {gone} of the rules before it"));
                }
            }
            _ => {}
        }
    }
    loaded
}

/// Reports the first line after `-e 2`. A file that [`Ruleset::load`] loads is not one that
/// auditctl(8) does.
fn locked(rules: &Ruleset, problems: &mut Vec<Problem>) {
    let lock = Command::Set(Setting::Enabled(2));
    let mut statements = rules.statements.iter();
    let lock = statements.find(|statement| statement.command == lock);
    if let (Some(lock), Some(after)) = (lock, statements.next()) {
        let text = format!(
            "auditctl stops at this line: nothing can be changed after -e 2 in {}",
            lock.place
        );
        problems.push(warning(&after.place, text));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{model::Arch, rules::PathKind};

    fn check(text: &str) -> Vec<String> {
        let host = Host {
            arch: Some(Arch::X86_64),
            user: |_| None,
            group: |_| None,
            kind: |path| match path.to_string_lossy() {
                path if path.starts_with("/no") => PathKind::Missing,
                path if path == "/file" => PathKind::Other,
                _ => PathKind::Directory,
            },
            kernel: Some((5, 10)),
        };
        let mut rules = Ruleset::default();
        rules.add_text(Path::new("r"), text.as_bytes(), &host);
        assert!(!rules.has_errors(), "{:?}", rules.problems);
        let problems = rules.check(&host);
        let is_warning = |one: &Problem| one.severity == Severity::Warning;
        assert!(problems.iter().all(is_warning), "{problems:?}");
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn each_oddity_is_reported_once_in_its_line() {
        for (text, line, expected) in [
            (
                "-a never,exit -F auid=-1\n-a always,exit -F auid=-1 -F arch=b32 -S 1",
                2,
                "leaves all",
            ),
            (
                "-w /a -k x\n-a always,exit -F path=/a -F perm=w -k y",
                2,
                "key is never written",
            ),
            (
                "-w /a -k x\n-a always,exit -F path=/a -F perm=w -k x",
                2,
                "is not needed",
            ),
            ("-w /a -p w\n-w /a -p w", 2, "is in r:1 already"),
            ("-w /a -p w\n-D", 2, "removes 1 of the rules"),
            (
                "-w /a -k abc\n-w /b -k d\n-D -k b",
                3,
                "removes 1 of the rules",
            ),
            ("-a never,task\n-w /a", 1, "turns off the 1 rules"),
            ("-e 2\n-b 64", 2, "nothing can be changed after -e 2"),
            (
                "-a always,exit -F uid=0 -F uid=5",
                1,
                "no uid meets all conditions",
            ),
            ("-a always,exit -F exit<0", 1, "without a sign"),
            (
                "-a never,user -F euid=0",
                1,
                "does not look at euid in the list user",
            ),
            (
                "-a never,exclude -F a0=0",
                1,
                "nor do the rules of its list after it",
            ),
            ("-a never,user", 1, "needs a field"),
            (
                "-a never,task -F arch=b64",
                1,
                "does not know arch when a process starts",
            ),
            (
                "-a always,exit -F arch=aarch64 -S openat",
                1,
                "no program of aarch64 runs",
            ),
            (
                "-a always,exit -F arch=b32 -S 2000",
                1,
                "no syscall with the number 2000",
            ),
            ("-a always,exit -S open", 1, "to which open is fork"),
            ("-a always,exit -F auid>=1000", 1, "without a login"),
            ("-a always,exit -F dir=/no/such", 1, "no directory /no/such"),
            ("-a always,exit -F dir=/file", 1, "/file is not a directory"),
            (
                "-a always,exit -F path=/no/such/file",
                1,
                "no directory /no/such",
            ),
            ("-w /a -k \"x\"", 1, "the \" is part of the value of key"),
            ("-w /a/*", 1, "is no pattern"),
            ("-w /a/../b", 1, "does not resolve"),
            ("-w /a -k x\r", 1, "carriage return"),
            (
                "-a always,io_uring -S openat",
                1,
                "needs Linux 5.16; this is 5.10",
            ),
            (
                "-a always,exit -F arch=b64 -S open,close",
                1,
                "no rule for arch=b32 has open,close",
            ),
            (
                "-a always,exit -F arch=b64",
                1,
                "there is no such rule for arch=b32",
            ),
        ] {
            let found = check(text);
            assert_eq!(found.len(), 1, "{text}: {found:#?}");
            let start = format!("r:{line}:1: ");
            assert!(found[0].starts_with(&start), "{text}: {found:?}");
            assert!(found[0].contains(expected), "{text}: {found:?}");
        }
    }

    #[test]
    fn rules_that_do_what_they_say_are_fine() {
        for text in [
            "-D\n-b 64\n-w /a -p wa -k x\n-w /b -p wa -k x\n-e 2",
            "-a never,exit -F path=/a -F perm=w\n-w /a -p wa",
            "-a always,exit -F arch=b64 -S open,openat -k x\n-a always,exit -F arch=b32 -S open,openat",
            "-a always,exit -F arch=b64 -S pread -k x\n-a always,exit -F arch=b32 -S pread64 -k y",
            "-a always,exit -F arch=b64 -S open\n-a never,exit -F arch=b32 -S all",
            "-a always,exit -F auid>=1000 -F auid!=unset",
            "-a never,exit -F auid>=1000",
            "-w /a -k x\n-A never,exit -F path=/a -F perm=r",
            "-a always,exit -F arch=b32 -S 1 -F uid=0\n-d always,exit -F arch=b32 -S 1 -F uid=0",
        ] {
            let found = check(text);
            assert!(found.is_empty(), "{text}: {found:#?}");
        }
    }
}
