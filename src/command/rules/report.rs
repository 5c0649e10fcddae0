//! What `auditrd rules` prints.

use auditrd::{
    error::plain,
    rules::{Difference, Problem, Rule, Severity},
};
use serde_json::json;

/// Problems for people, as compilers print them.
pub(super) fn lines(problems: &[Problem]) -> Vec<u8> {
    let lines = problems.iter().map(|problem| format!("{problem}\n"));
    lines.collect::<String>().into()
}

/// Problems for programs, an object in each line.
pub(super) fn json(problems: &[Problem]) -> Vec<u8> {
    let line = |problem: &Problem| {
        let severity = match problem.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let object = json!({
            "file": problem.place.file.to_string_lossy(),
            "line": problem.place.line,
            "column": problem.column,
            "severity": severity,
            "text": problem.text,
        });
        format!("{object}\n")
    };
    problems.iter().map(line).collect::<String>().into()
}

/// The output of `auditctl -l`.
pub(super) fn listing(rules: &[Rule]) -> Vec<u8> {
    if rules.is_empty() {
        return b"No rules\n".into();
    }
    let mut text = Vec::new();
    for rule in rules {
        text.extend(rule.to_listing());
        text.push(b'\n');
    }
    text
}

pub(super) fn differences(differences: &[Difference<'_>]) -> Vec<u8> {
    let shown = |rule: &Rule| plain(&String::from_utf8_lossy(&rule.to_line()));
    let line = |difference: &Difference<'_>| match difference {
        Difference::Missing(place, rule) => format!("{place}: not loaded: {}\n", shown(rule)),
        Difference::Early(place, rule) => {
            format!("{place}: loaded before a rule above it: {}\n", shown(rule))
        }
        Difference::Extra(rule) => format!("loaded, but in no file: {}\n", shown(rule)),
        _ => String::new(),
    };
    differences.iter().map(line).collect::<String>().into()
}
