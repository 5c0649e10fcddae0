//! The findings in words, and as JSON.

use std::fmt::Write;

use auditrd::source::AuditStatus;
use serde_json::{Map, Value, json};

use super::{Facts, finding::Finding};

/// The findings for people: one paragraph each, the remedy below the cause.
pub(super) fn words(facts: &Facts, findings: &[Finding]) -> String {
    let mut text = String::new();
    // Writing to memory cannot fail.
    if let Ok(status) = &facts.kernel.status {
        let _ = writeln!(text, "{}", state(facts, status));
    }
    for finding in findings {
        let (level, cause) = (finding.level.name(), finding.cause);
        let _ = writeln!(text, "\n{level}: {} [{cause}]", finding.detail);
        let _ = writeln!(text, "  remedy: {}", finding.remedy);
    }
    let problems = findings
        .iter()
        .filter(|finding| finding.is_problem())
        .count();
    let _ = match problems {
        0 => writeln!(text, "\nno problems found"),
        1 => writeln!(text, "\n1 problem found"),
        _ => writeln!(text, "\n{problems} problems found"),
    };
    text.trim_start().to_owned()
}

/// The state of the kernel in one line.
fn state(facts: &Facts, status: &AuditStatus) -> String {
    let AuditStatus {
        enabled,
        pid,
        lost,
        backlog,
        backlog_limit,
        failure,
        ..
    } = status;
    let rules = facts.kernel.rules.as_ref().map_or(0, |rules| rules.count);
    let holder = match &facts.kernel.holder {
        _ if *pid == 0 => "none".to_owned(),
        Some(name) => format!("{pid} ({name})"),
        None => pid.to_string(),
    };
    format!(
        "enabled {enabled}, rules {rules}, registered {holder}, backlog {backlog} of \
         {backlog_limit}, lost {lost}, failure mode {failure}"
    )
}

/// One JSON object, with what the kernel says of itself.
pub(super) fn json(facts: &Facts, findings: &[Finding]) -> String {
    let finding = |finding: &Finding| {
        json!({
            "level": finding.level.name(),
            "cause": finding.cause,
            "detail": finding.detail,
            "remedy": finding.remedy,
        })
    };
    let findings: Vec<Value> = findings.iter().map(finding).collect();
    let report = json!({ "kernel": kernel(facts), "findings": findings });
    format!("{report}\n")
}

fn kernel(facts: &Facts) -> Value {
    let mut kernel = Map::new();
    if let Ok(status) = &facts.kernel.status {
        for (key, value) in [
            ("enabled", status.enabled),
            ("failure", status.failure),
            ("pid", status.pid),
            ("rate_limit", status.rate_limit),
            ("backlog_limit", status.backlog_limit),
            ("backlog", status.backlog),
            ("lost", status.lost),
        ] {
            kernel.insert(key.to_owned(), value.into());
        }
    }
    if let Some(name) = &facts.kernel.holder {
        kernel.insert("comm".to_owned(), name.as_str().into());
    }
    if let Some(rules) = &facts.kernel.rules {
        kernel.insert("rules".to_owned(), rules.count.into());
    }
    Value::Object(kernel)
}
