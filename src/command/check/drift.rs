//! Whether the loaded rules are those of files.

use std::path::PathBuf;

use auditrd::{
    Error,
    rules::{Difference, Host, Ruleset, differences},
};

use super::{Facts, finding::Finding};
use crate::command::rules;

/// The most differences that are named.
const MAX_NAMED: usize = 3;

/// Compares the loaded rules with those of files.
///
/// # Errors
///
/// If a file cannot be read.
pub(super) fn judge(facts: &Facts, files: &[PathBuf]) -> Result<Option<Finding>, Error> {
    if files.is_empty() {
        return Ok(None);
    }
    let expected = rules::read(files, &Host::current())?;
    Ok(drift(facts, &expected).map(|detail| {
        let files: Vec<String> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        let files = files.join(" ");
        Finding::error(
            "drift",
            detail,
            format!(
                "`sudo auditrd rules diff {files}` shows all differences, and `sudo auditrd rules \
                 load {files}` loads what is missing"
            ),
        )
    }))
}

fn drift(facts: &Facts, expected: &Ruleset) -> Option<String> {
    let Some(rules) = &facts.kernel.rules else {
        return Some("the loaded rules cannot be compared with those that are expected".to_owned());
    };
    let expected = expected.rules(&Host::current());
    let differences = differences(&expected, &rules.loaded);
    let named: Vec<String> = differences.iter().take(MAX_NAMED).map(describe).collect();
    let more = differences.len().saturating_sub(MAX_NAMED);
    let more = match more {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    (!named.is_empty()).then(|| {
        let named = named.join("; ");
        format!("the loaded rules are not those that are expected: {named}{more}")
    })
}

fn describe(difference: &Difference<'_>) -> String {
    match difference {
        Difference::Missing(place, rule) => format!("missing `{rule}` ({place})"),
        Difference::Extra(rule) => format!("not expected `{rule}`"),
        Difference::Early(place, rule) => format!("earlier than expected `{rule}` ({place})"),
        _ => "another difference".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use auditrd::{
        rules::{Rule, Ruleset},
        source::Rules,
    };

    use super::*;

    /// The drift between loaded and expected lines.
    fn between(loaded: &[&str], expected: &str) -> Option<String> {
        let host = Host::current();
        let mut rules = Rules::default();
        for line in loaded {
            rules
                .loaded
                .push(Rule::parse(line.as_bytes(), &host).unwrap());
        }
        let mut facts = Facts::default();
        facts.kernel.rules = Some(rules);
        let mut set = Ruleset::default();
        set.add_text(Path::new("x.rules"), expected.as_bytes(), &host);
        drift(&facts, &set)
    }

    #[test]
    fn a_missing_and_an_unexpected_rule_are_named() {
        let (one, two) = (
            "-a always,exit -S acct -k one",
            "-a always,exit -S acct -k two",
        );
        assert_eq!(between(&[one, two], &format!("{one}\n{two}\n")), None);
        let missing = between(&[one], &format!("{one}\n{two}\n")).unwrap();
        assert!(missing.contains("missing `-a always,exit"), "{missing}");
        assert!(missing.contains("key=two` (x.rules:2"), "{missing}");
        let extra = between(&[one, two], one).unwrap();
        assert!(extra.contains("not expected `"), "{extra}");
    }

    #[test]
    fn of_many_differences_only_some_are_named() {
        let lines: Vec<String> = (0..5)
            .map(|key| format!("-a always,exit -S acct -k k{key}"))
            .collect();
        let drift = between(&[], &lines.join("\n")).unwrap();
        assert!(drift.ends_with("; and 2 more"), "{drift}");
    }
}
