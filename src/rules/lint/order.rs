//! Rules that are never asked, because an earlier one matches first.

use crate::rules::{Action, List, Rule, lint::Placed, lint::implied::is_met};

/// Why a rule never records an event, if that is because of one before it.
pub(super) fn shadow(rule: &Rule, before: &[Placed<'_>]) -> Option<String> {
    let (place, earlier) = before.iter().find(|(_, earlier)| covers(earlier, rule))?;
    Some(match earlier.action {
        Action::Never => {
            format!("never matches: the rule in {place} leaves all of its events out first")
        }
        _ if rule.keys().eq(earlier.keys()) => {
            format!("is not needed: the rule in {place} matches all of its events first")
        }
        _ => {
            format!("its key is never written: the rule in {place} matches all of its events first")
        }
    })
}

/// What a rule does to all rules for syscalls and files, if it turns them off for new processes.
pub(super) fn turns_off(rule: &Rule, loaded: &[Placed<'_>]) -> Option<String> {
    let is_for_all = rule.list == List::TASK && rule.conditions.is_empty();
    let others = loaded.iter().filter(|(_, rule)| rule.list == List::EXIT);
    match others.count() {
        count if count > 0 && is_for_all && rule.action == Action::Never => Some(format!(
            "turns off the {count} rules for syscalls and files, for every process that starts \
             after it"
        )),
        _ => None,
    }
}

/// Whether a rule matches everything that another one does.
pub(super) fn covers(rule: &Rule, other: &Rule) -> bool {
    let has_syscalls = rule.list.has_syscalls();
    rule.list == other.list
        && (!has_syscalls || other.syscalls.is_subset(&rule.syscalls))
        && rule
            .conditions
            .iter()
            .all(|condition| is_met(condition, other))
}
