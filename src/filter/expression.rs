//! Expressions, `key=value,key=value`, and files of them.

use std::{fmt, str::FromStr};

use super::{
    keys::{Class, Key, Value},
    pattern::Pattern,
};
use crate::model::{AuditEvent, EventKind};

/// Conditions that an event must all meet: `exe=/opt/agent/*,uid=0`.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    pub(super) conditions: Vec<Condition>,
    /// The events that it never matches.
    spares: Spares,
}

/// Kinds of events that a drop expression leaves out only if one of its conditions is about them.
#[derive(Clone, Copy, Debug, Default)]
struct Spares {
    failed: bool,
    incomplete: bool,
    truncated: bool,
}

/// One condition.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) key: Key,
    /// Whether it is `!=`.
    pub(super) is_negative: bool,
    pub(super) pattern: Pattern,
}

impl Condition {
    /// Whether an event meets it. An event without the key does not, except that a flag that it
    /// lacks is not `true`.
    pub(super) fn is_met(&self, event: &AuditEvent<'_>) -> bool {
        let (mut has_value, mut matches) = (self.key.class() == Class::Flag, false);
        self.key.values(event, &mut |value: Value<'_>| {
            has_value = true;
            matches |= self.pattern.matches(value);
        });
        has_value && matches != self.is_negative
    }
}

impl Expression {
    /// Makes it spare events that failed, or are incomplete or truncated, unless a condition is
    /// about that.
    pub(super) fn sparing(mut self) -> Expression {
        let says = |keys: &[Key]| self.conditions.iter().any(|c| keys.contains(&c.key));
        self.spares = Spares {
            failed: !says(&[Key::Success, Key::Error, Key::Exit]),
            incomplete: !says(&[Key::Incomplete]),
            truncated: !says(&[Key::Truncated]),
        };
        self
    }

    /// Whether an event meets all conditions.
    pub(super) fn is_met(&self, event: &AuditEvent<'_>) -> bool {
        let Spares {
            failed,
            incomplete,
            truncated,
        } = self.spares;
        let has_failed = matches!(event.success, Some(b"no" | b"failed"));
        let is_spared =
            failed && has_failed || incomplete && event.incomplete || truncated && event.truncated;
        !is_spared
            && self
                .conditions
                .iter()
                .all(|condition| condition.is_met(event))
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Expression {
    type Err = String;

    fn from_str(text: &str) -> Result<Expression, String> {
        let conditions = split(text).map(condition).collect::<Result<_, _>>()?;
        Ok(Expression {
            text: text.to_owned(),
            conditions,
            spares: Spares::default(),
        })
    }
}

/// Splits at commas that are neither in braces nor in brackets nor behind a backslash.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let (mut depth, mut is_escaped) = (0usize, false);
    text.split(move |c| {
        let escaped = is_escaped;
        is_escaped = c == '\\' && !escaped;
        match c {
            _ if escaped => false,
            '{' | '[' => {
                depth += 1;
                false
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                false
            }
            c => c == ',' && depth == 0,
        }
    })
}

fn condition(text: &str) -> Result<Condition, String> {
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} is not KEY=VALUE"))?;
    let (name, is_negative) = match key.strip_suffix('!') {
        Some(name) => (name, true),
        None => (key, false),
    };
    let key = Key::from_name(name.trim()).ok_or_else(|| {
        let names: Vec<&str> = Key::ALL.iter().map(|key| key.name()).collect();
        format!("there is no key {name:?}; there are {}", names.join(" "))
    })?;
    if value.is_empty() {
        return Err(format!("{name} has no value"));
    }
    let value = meant(key, value);
    let pattern = Pattern::parse(key.class(), value).map_err(|error| format!("{name}: {error}"))?;
    Ok(Condition {
        key,
        is_negative,
        pattern,
    })
}

/// The value in the spelling of events: `success=success`, `name=process`.
fn meant(key: Key, value: &str) -> &str {
    match (key, value) {
        (Key::Success, "success") => "yes",
        (Key::Success, "failed") => "no",
        (Key::Name, word) => EventKind::from_word(word).map_or(word, |kind| kind.name()),
        _ => value,
    }
}

/// Expressions by their effect.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// Those whose events are left out.
    pub drop: Vec<Expression>,
    /// Those whose events are written nevertheless.
    pub keep: Vec<Expression>,
}

impl Lists {
    /// Adds the expressions of a file: lines `drop EXPR` and `keep EXPR`, empty lines, and comments
    /// behind `#`.
    ///
    /// # Errors
    ///
    /// The number of the first line that is none of these, and why.
    pub fn read(&mut self, text: &str) -> Result<(), String> {
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |error: String| format!("line {number}: {error}");
            let (list, text) = match line.split_once(char::is_whitespace) {
                Some(("drop", text)) => (&mut self.drop, text),
                Some(("keep", text)) => (&mut self.keep, text),
                _ => return Err(wrong("neither drop EXPR nor keep EXPR".to_owned())),
            };
            list.push(text.trim().parse().map_err(wrong)?);
        }
        Ok(())
    }
}
