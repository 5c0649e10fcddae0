//! Rules that are valid, but do not do what they seem to.

mod implied;
mod order;
mod single;
mod twins;

use crate::rules::{Command, Host, Place, Problem, Rule, Ruleset, Setting, Severity};

/// What is wrong with rules that have no mistakes.
pub(crate) fn warnings(rules: &Ruleset, host: &Host) -> Vec<Problem> {
    let mut problems = Vec::new();
    locked(rules, &mut problems);
    let loaded = loaded(rules, &mut problems);
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
type Placed<'r> = (&'r Place, &'r Rule);

/// The rules that are loaded in the end, in the order in which the kernel asks them. Reports those
/// that are not.
fn loaded<'r>(rules: &'r Ruleset, problems: &mut Vec<Problem>) -> Vec<Placed<'r>> {
    let mut loaded: Vec<Placed<'r>> = Vec::new();
    for statement in &rules.statements {
        let place = &statement.place;
        match &statement.command {
            Command::Add { rule, at_front } => {
                let same = loaded.iter().find(|(_, own)| *own == rule);
                if let Some((first, _)) = same {
                    let text =
                        format!("the rule is in {first} already; auditctl stops at this line");
                    problems.push(warning(place, text));
                } else if *at_front {
                    loaded.insert(0, (place, rule));
                } else {
                    loaded.push((place, rule));
                }
            }
            Command::Delete(rule) => loaded.retain(|(_, own)| *own != rule),
            Command::DeleteAll(key) => {
                let is_deleted = |rule: &Rule| match key {
                    None => true,
                    Some(key) => rule.has_key_with(key),
                };
                let gone = loaded.iter().filter(|(_, rule)| is_deleted(rule)).count();
                if gone > 0 {
                    let text = format!("removes {gone} of the rules before it");
                    problems.push(warning(place, text));
                }
                loaded.retain(|(_, rule)| !is_deleted(rule));
            }
            _ => {}
        }
    }
    loaded
}

/// Reports what comes after `-e 2`.
fn locked(rules: &Ruleset, problems: &mut Vec<Problem>) {
    let lock = Command::Set(Setting::Enabled(2));
    let mut statements = rules.statements.iter();
    let Some(lock) = statements.find(|statement| statement.command == lock) else {
        return;
    };
    if let Some(after) = statements.next() {
        let text = format!("nothing can be changed after -e 2 in {}", lock.place);
        problems.push(Problem {
            severity: Severity::Error,
            ..warning(&after.place, text)
        });
    }
}
