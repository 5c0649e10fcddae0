//! Rules for 64-bit programs that have no counterpart for 32-bit ones.

use crate::{
    model::{Arch, syscall_name, syscall_number},
    rules::{
        Action, Condition, Field, Host, List, Operator, Rule, Syscalls, Value,
        calls::{abis, call_name},
        lint::{Placed, implied::is_met},
    },
};

/// The most syscalls that a message names.
const SHOWN: usize = 5;

/// The syscalls that a rule records of 64-bit programs, and that no rule records of 32-bit ones.
pub(super) fn missing(rule: &Rule, loaded: &[Placed<'_>], host: &Host) -> Option<String> {
    let (wide, narrow) = abis(host.arch?);
    let (wide, narrow) = (wide?, narrow?);
    let is_wide = rule.arch() == Some(wide) && rule.list == List::EXIT;
    if !is_wide || rule.action != Action::Always {
        return None;
    }
    let mut twin = rule.clone();
    twin.conditions
        .retain(|condition| condition.field != Field::ARCH);
    twin.conditions.push(Condition {
        field: Field::ARCH,
        operator: Operator::Equal,
        value: Value::Number(narrow),
    });
    twin.syscalls = translated(&rule.syscalls, wide, narrow)?;
    let mut seen = Syscalls::NONE;
    for (_, other) in loaded {
        // Permissions and arguments select calls that write, for example, in ways that differ
        // between architectures.
        let covers = |condition: &Condition| {
            let selects_calls = condition.field == Field::PERM || condition.field.is_argument();
            selects_calls || is_met(condition, &twin)
        };
        if other.list == List::EXIT && other.conditions.iter().all(covers) {
            seen.add(&other.syscalls);
        }
    }
    if twin.syscalls.is_subset(&seen) {
        return None;
    }
    if rule.syscalls.is_all() {
        return Some("misses 32-bit programs: there is no such rule for arch=b32".to_owned());
    }
    let unseen = twin
        .syscalls
        .iter()
        .filter(|number| !seen.contains(*number));
    let names: Vec<&str> = unseen
        .filter_map(|number| call_name(List::EXIT, Some(narrow), number))
        .collect();
    let more = match names.len() {
        0..=SHOWN => String::new(),
        count => format!(" and {} more", count - SHOWN),
    };
    let names = names[..names.len().min(SHOWN)].join(",");
    Some(format!(
        "misses 32-bit programs: no rule for arch=b32 has {names}{more}"
    ))
}

/// The syscalls of the same names on another architecture, as far as it has them.
fn translated(syscalls: &Syscalls, from: u32, to: u32) -> Option<Syscalls> {
    if syscalls.is_all() {
        return Some(Syscalls::ALL);
    }
    let (from, to) = (Arch::of(from, 0)?, Arch::of(to, 0)?);
    let mut found = Syscalls::NONE;
    for number in syscalls.iter() {
        if let Some(number) = syscall_name(from, number).and_then(|name| syscall_number(to, name)) {
            found.insert(number);
        }
    }
    Some(found)
}
