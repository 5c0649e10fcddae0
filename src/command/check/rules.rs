//! The loaded rules: whether there are any, and what they keep from being recorded.

use std::{collections::BTreeSet, path::Path};

use auditrd::{RecordType, source::LoadedRule};

use super::{Facts, finding::Finding};

/// The lists of rules, and their actions (include/uapi/linux/audit.h).
const AUDIT_FILTER_TASK: u32 = 1;
const AUDIT_FILTER_EXIT: u32 = 4;
const AUDIT_FILTER_EXCLUDE: u32 = 5;
const AUDIT_NEVER: u32 = 0;
const AUDIT_ALWAYS: u32 = 2;
/// The bit of an architecture of 64 bits (`__AUDIT_ARCH_64BIT`).
const IS_64_BIT: u32 = 0x8000_0000;

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
            "load the shipped rules: sudo auditctl -R /usr/share/auditrd/rules/30-auditrd.rules",
        )];
    }
    let runs_32_bit = SETTINGS_OF_32_BIT
        .iter()
        .any(|file| Path::new(file).exists());
    let one_abi = runs_32_bit.then(|| one_abi(&rules.loaded)).flatten();
    let findings = [never_task(&rules.loaded), excluded(&rules.loaded), one_abi];
    findings.into_iter().flatten().collect()
}

fn never_task(rules: &[LoadedRule]) -> Option<Finding> {
    let is_never_task =
        |rule: &LoadedRule| rule.list == AUDIT_FILTER_TASK && rule.action == AUDIT_NEVER;
    rules.iter().any(is_never_task).then(|| {
        Finding::error(
            "never_task",
            "the rule `-a never,task` is loaded: no system call of a process that starts from now \
             on is recorded, whatever the other rules say",
            "sudo auditctl -d never,task; remove it from /etc/audit/rules.d; restart the \
             processes that started meanwhile",
        )
    })
}

/// Rules of the list exclude that leave out record types without which an event is not whole.
fn excluded(rules: &[LoadedRule]) -> Option<Finding> {
    let is_needed = |number: &&u32| matches!(**number, 1300 | 1302 | 1307 | 1309 | 1320);
    let excluding = rules
        .iter()
        .filter(|rule| rule.list == AUDIT_FILTER_EXCLUDE);
    let types: BTreeSet<u32> = excluding
        .flat_map(|rule| rule.message_types.iter().filter(is_needed))
        .copied()
        .collect();
    let number = |number: &u32| u16::try_from(*number).map_or(0, |number| number);
    let names: Vec<String> = types
        .iter()
        .map(|value| RecordType(number(value)).to_string())
        .collect();
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
fn one_abi(rules: &[LoadedRule]) -> Option<Finding> {
    let recording = |rule: &&LoadedRule| {
        rule.list == AUDIT_FILTER_EXIT && rule.action == AUDIT_ALWAYS && rule.arch.is_some()
    };
    let side = |is_64_bit: bool| {
        let is_side =
            move |rule: &&LoadedRule| (rule.arch.unwrap_or(0) & IS_64_BIT != 0) == is_64_bit;
        rules.iter().filter(recording).filter(is_side)
    };
    let without_twin = |is_64_bit: bool| {
        let twins: BTreeSet<_> = side(!is_64_bit).map(|rule| &rule.conditions).collect();
        side(is_64_bit)
            .filter(|rule| !twins.contains(&rule.conditions))
            .count()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(list: u32, action: u32) -> LoadedRule {
        let mut rule = LoadedRule::default();
        (rule.list, rule.action) = (list, action);
        rule
    }

    fn of_arch(arch: u32, conditions: &[u8]) -> LoadedRule {
        let mut rule = rule(AUDIT_FILTER_EXIT, AUDIT_ALWAYS);
        (rule.arch, rule.conditions) = (Some(arch), conditions.to_vec());
        rule
    }

    const B64: u32 = 0xc000_003e;
    const B32: u32 = 0x4000_0003;

    #[test]
    fn only_never_in_the_list_of_tasks_turns_system_calls_off() {
        assert!(never_task(&[rule(AUDIT_FILTER_TASK, AUDIT_NEVER)]).is_some());
        assert!(never_task(&[rule(AUDIT_FILTER_TASK, AUDIT_ALWAYS)]).is_none());
        assert!(never_task(&[rule(AUDIT_FILTER_EXIT, AUDIT_NEVER)]).is_none());
    }

    #[test]
    fn a_rule_without_its_counterpart_is_counted() {
        let detail = |rules: &[LoadedRule]| one_abi(rules).map(|finding| finding.detail);
        assert_eq!(detail(&[of_arch(B64, b"k"), of_arch(B32, b"k")]), None);
        let one = detail(&[of_arch(B64, b"k"), of_arch(B64, b"l"), of_arch(B32, b"k")]);
        assert!(one.unwrap().starts_with("1 rule with `-F arch=b64`"));
        let one = detail(&[of_arch(B32, b"k")]);
        assert!(one.unwrap().contains("of 64-bit programs"));
        let mut never = of_arch(B64, b"k");
        never.action = AUDIT_NEVER;
        assert_eq!(detail(&[never]), None);
    }

    #[test]
    fn only_types_that_events_need_count_as_excluded() {
        let mut rule = rule(AUDIT_FILTER_EXCLUDE, AUDIT_ALWAYS);
        rule.message_types = vec![1327];
        assert_eq!(excluded(std::slice::from_ref(&rule)), None);
        rule.message_types = vec![1300];
        let detail = excluded(&[rule]).unwrap().detail;
        assert!(detail.ends_with(": SYSCALL"), "{detail}");
    }
}
