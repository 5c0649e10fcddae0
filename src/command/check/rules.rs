//! The loaded rules: whether there are any, and what they keep from being recorded.

use std::{collections::BTreeSet, path::Path};

use auditrd::{
    RecordType,
    record_type::{AUDIT_CWD, AUDIT_EOE, AUDIT_EXECVE, AUDIT_PATH, AUDIT_SYSCALL},
    rules::{Action, Condition, Field, List, Rule, Value},
};

use super::{Facts, finding::Finding};

/// The bit of an architecture of 64 bits (`__AUDIT_ARCH_64BIT`).
const IS_64_BIT: u32 = 0x8000_0000;

/// The record types without which an event is not whole.
const NEEDED: [RecordType; 5] = [
    AUDIT_SYSCALL,
    AUDIT_PATH,
    AUDIT_CWD,
    AUDIT_EXECVE,
    AUDIT_EOE,
];

/// Exists if the kernel runs programs of 32 bits: on x86, and on 64-bit Arm.
const SETTINGS_OF_32_BIT: [&str; 2] = ["/proc/sys/abi/vsyscall32", "/proc/sys/abi/cp15_barrier"];

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let Some(rules) = &facts.kernel.rules else {
        return Vec::new();
    };
    if rules.count == 0 {
        return vec![Finding::error(
            "no_rules",
            "no audit rules are loaded, so the kernel reports only messages from programs, such \
             as logins",
            "`sudo auditrd rules load default` loads those that come with auditrd; for every boot, \
             sudo systemctl enable --now auditrd-rules.service, or augenrules if auditd is installed",
        )];
    }
    let runs_32_bit = SETTINGS_OF_32_BIT
        .iter()
        .any(|file| Path::new(file).exists());
    let one_abi = runs_32_bit.then(|| one_abi(&rules.loaded)).flatten();
    let findings = [never_task(&rules.loaded), excluded(&rules.loaded), one_abi];
    findings.into_iter().flatten().collect()
}

fn never_task(rules: &[Rule]) -> Option<Finding> {
    let is_never_task = |rule: &Rule| rule.list == List::TASK && rule.action == Action::Never;
    rules.iter().any(is_never_task).then(|| {
        Finding::error(
            "never_task",
            "the rule `-a never,task` is loaded: no system call of a process that starts from now \
             on is recorded, even if another rule asks for it",
            "sudo auditctl -d never,task; remove it from /etc/audit/rules.d; restart the \
             processes that started meanwhile",
        )
    })
}

/// Rules of the list exclude that leave out record types without which an event is not whole.
fn excluded(rules: &[Rule]) -> Option<Finding> {
    let excluding = rules.iter().filter(|rule| rule.list == List::EXCLUDE);
    let named = excluding.flat_map(|rule| rule.conditions_on(Field::MSGTYPE));
    let number = |condition: &Condition| match condition.value {
        Value::Number(number) => u16::try_from(number).ok(),
        Value::Text(_) => None,
    };
    let types: BTreeSet<RecordType> = named
        .filter_map(number)
        .map(RecordType)
        .filter(|record_type| NEEDED.contains(record_type))
        .collect();
    let names: Vec<String> = types.iter().map(RecordType::to_string).collect();
    (!names.is_empty()).then(|| {
        Finding::warning(
            "excluded_types",
            format!(
                "a rule of the list exclude leaves out records that events are made of: {}",
                names.join(", ")
            ),
            "remove the rule with `-F msgtype=` that `sudo auditctl -l` shows",
        )
    })
}

/// Rules for system calls of one word size that have no counterpart for the other.
fn one_abi(rules: &[Rule]) -> Option<Finding> {
    let recording = |rule: &&Rule| rule.list == List::EXIT && rule.action == Action::Always;
    let side = |is_64_bit: bool| {
        let is_side = move |arch: u32| (arch & IS_64_BIT != 0) == is_64_bit;
        let is_of_side = move |rule: &&Rule| rule.arch().is_some_and(is_side);
        rules.iter().filter(recording).filter(is_of_side)
    };
    let without_twin = |is_64_bit: bool| {
        let twins: Vec<_> = side(!is_64_bit).map(other_conditions).collect();
        let has_no_twin = |rule: &&Rule| !twins.contains(&other_conditions(rule));
        side(is_64_bit).filter(has_no_twin).count()
    };
    let finding = |count: usize, seen: u32, unseen: u32| {
        let flag = if seen == 64 { "b64" } else { "b32" };
        let other = if seen == 64 { "b32" } else { "b64" };
        let rules = if count == 1 { "rule" } else { "rules" };
        Finding::warning(
            "one_abi",
            format!(
                "{count} {rules} with `-F arch={flag}` and no counterpart with \
                 `-F arch={other}`, so the system calls of {unseen}-bit programs are missed"
            ),
            format!("for each of them, add the same rule with `-F arch={other}`"),
        )
    };
    match (without_twin(true), without_twin(false)) {
        (0, 0) => None,
        (0, count) => Some(finding(count, 32, 64)),
        (count, _) => Some(finding(count, 64, 32)),
    }
}

/// The conditions of a rule but the architecture: equal for a rule and its counterpart.
fn other_conditions(rule: &Rule) -> Vec<&Condition> {
    let conditions = rule.conditions.iter();
    conditions
        .filter(|condition| condition.field != Field::ARCH)
        .collect()
}

#[cfg(test)]
mod tests {
    use auditrd::rules::Host;

    use super::*;

    /// The rules of these lines.
    fn rules(lines: &[&str]) -> Vec<Rule> {
        let host = Host::current();
        let rule = |line: &&str| Rule::parse(line.as_bytes(), &host).unwrap();
        lines.iter().map(rule).collect()
    }

    #[test]
    fn only_never_in_the_list_of_tasks_turns_system_calls_off() {
        assert!(never_task(&rules(&["-a never,task"])).is_some());
        assert!(never_task(&rules(&["-a always,task"])).is_none());
        assert!(never_task(&rules(&["-a never,exit -F uid=0"])).is_none());
    }

    #[test]
    fn a_rule_without_its_counterpart_is_counted() {
        let detail = |lines: &[&str]| one_abi(&rules(lines)).map(|finding| finding.detail);
        let (wide, narrow) = (
            "-a always,exit -F arch=b64 -S execve -k k",
            "-a always,exit -F arch=b32 -S execve -k k",
        );
        assert_eq!(detail(&[wide, narrow]), None);
        let one = detail(&[wide, &wide.replace("-k k", "-k l"), narrow]).unwrap();
        assert!(one.starts_with("1 rule with `-F arch=b64`"), "{one}");
        let one = detail(&[narrow]).unwrap();
        assert!(one.contains("of 64-bit programs"), "{one}");
        assert_eq!(detail(&[&wide.replace("always", "never")]), None);
        assert_eq!(detail(&["-w /etc -p wa"]), None);
    }

    #[test]
    fn only_types_that_events_need_count_as_excluded() {
        assert_eq!(
            excluded(&rules(&["-a always,exclude -F msgtype=PROCTITLE"])),
            None
        );
        let found = excluded(&rules(&["-a always,exclude -F msgtype=SYSCALL"]));
        let detail = found.unwrap().detail;
        assert!(detail.ends_with(": SYSCALL"), "{detail}");
    }
}
