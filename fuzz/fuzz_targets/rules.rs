//! Files of rules, and rules as the kernel lists them: a rule is the same after its line was read
//! again, and after the kernel's form.
#![no_main]

use std::path::Path;

use auditrd::{
    model::Arch,
    rules::{Command, Field, Host, Loaded, PathKind, Rule, Ruleset, Value},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let host = Host {
        arch: Arch::host(),
        user: |name| (name == "root").then_some(0),
        group: |_| None,
        kind: |path| match path.as_os_str().len() % 3 {
            0 => PathKind::Missing,
            1 => PathKind::Directory,
            _ => PathKind::Other,
        },
        kernel: Some((5, 10)),
    };
    let mut rules = Ruleset::default();
    rules.add_text(Path::new("fuzz"), data, &host);
    for problem in rules.check(&host) {
        let text = problem.to_string();
        assert!(problem.column >= 1 && !text.contains('\n'), "{text}");
    }
    for statement in &rules.statements {
        if let Command::Add { rule, .. } | Command::Delete(rule) = &statement.command {
            assert_eq!(Rule::read(&rule.to_bytes()).as_ref(), Some(rule));
            let line = rule.to_line();
            if !has_operator_in_text(rule) {
                assert_eq!(Rule::parse(&line, &host).as_ref(), Ok(rule), "{}", line.escape_ascii());
            }
        }
    }
    if let Some(rule) = Rule::read(data) {
        assert_eq!(Rule::read(&rule.to_bytes()).as_ref(), Some(&rule));
        rule.to_listing();
        rule.watched();
    }
    let loaded = Loaded::from_text(data, &host);
    assert_eq!(Loaded::from_text(loaded.to_text().as_bytes(), &host).to_text(), loaded.to_text());
});

/// Whether no line says the same, because a value has an operator that is looked for before `=`.
fn has_operator_in_text(rule: &Rule) -> bool {
    rule.conditions.iter().any(|condition| match &condition.value {
        Value::Text(text) if condition.field != Field::FILTERKEY => {
            text.windows(2).any(|two| matches!(two, b"!=" | b">=" | b"<=" | b"&="))
        }
        _ => false,
    })
}
