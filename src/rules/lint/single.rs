//! Rules that do not do what they seem to, each seen alone.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

use crate::{
    model::Arch,
    rules::{
        Action, Condition, Field, Host, List, Operator, PathKind, Rule,
        calls::{abis, call_name, native},
        lint::implied::{allows, impossible},
    },
};

/// Why a rule never matches, if its conditions exclude each other.
pub(super) fn contradiction(rule: &Rule) -> Option<String> {
    let name = impossible(rule)?.name().unwrap_or_default();
    let signed = match name {
        "exit" => "; the kernel compares it without a sign",
        _ => "",
    };
    Some(format!(
        "never matches: no {name} meets all conditions on it{signed}"
    ))
}

/// Why a rule never matches, if the kernel does not look at one of its fields in its list
/// (kernel/auditfilter.c, `audit_filter`; kernel/auditsc.c, `audit_filter_task`).
pub(super) fn unseen_field(rule: &Rule) -> Option<String> {
    let fields = || rule.conditions.iter().map(|condition| condition.field);
    let name = rule.list.name().unwrap_or_default();
    match rule.list {
        List::USER | List::EXCLUDE => {
            if rule.conditions.is_empty() {
                return Some(format!(
                    "never matches: a rule in the list {name} needs a field"
                ));
            }
            let is_seen = |field: Field| {
                matches!(
                    field,
                    Field::PID
                        | Field::UID
                        | Field::GID
                        | Field::LOGINUID
                        | Field::MSGTYPE
                        | Field::EXE
                ) || (Field::SUBJ_USER..=Field::SUBJ_CLR).contains(&field)
            };
            let unseen = fields().find(|field| !is_seen(*field))?.name()?;
            Some(format!(
                "never matches, nor do the rules of its list after it: the kernel does not look at \
                 {unseen} in the list {name}"
            ))
        }
        List::TASK => {
            let is_unseen = |field: Field| {
                field.is_argument()
                    || matches!(
                        field,
                        Field::ARCH | Field::OBJ_UID | Field::OBJ_GID | Field::SADDR_FAM
                    )
            };
            let unseen = fields().find(|field| is_unseen(*field))?.name()?;
            Some(format!(
                "never matches: the kernel does not know {unseen} when a process starts"
            ))
        }
        _ => None,
    }
}

/// All else that is odd in a rule.
pub(super) fn warnings(rule: &Rule, host: &Host) -> Vec<String> {
    let mut texts = refusals(rule, host);
    texts.extend(foreign_arch(rule, host));
    texts.extend(unknown_calls(rule, host));
    texts.extend(mixed_calls(rule, host));
    texts.extend(without_login(rule));
    for condition in &rule.conditions {
        texts.extend(odd_text(condition));
        texts.extend(not_a_directory(condition, host));
    }
    texts
}

/// Why the kernel of this host refuses a rule.
pub(super) fn refusals(rule: &Rule, host: &Host) -> Vec<String> {
    let paths = rule.conditions.iter();
    let paths = paths.filter_map(|condition| missing_path(condition, host));
    needs_kernel(rule, host).into_iter().chain(paths).collect()
}

/// The versions of Linux that brought lists and fields.
fn needs_kernel(rule: &Rule, host: &Host) -> Option<String> {
    let list = match rule.list {
        List::IO_URING => ((5, 16), "the list io_uring"),
        List::FILESYSTEM => ((4, 15), "the list filesystem"),
        _ => ((0, 0), ""),
    };
    let fields = rule
        .conditions
        .iter()
        .map(|condition| match condition.field {
            Field::SADDR_FAM => ((5, 3), "saddr_fam"),
            Field::SESSIONID => ((4, 10), "sessionid"),
            Field::EXE => ((4, 3), "exe"),
            _ => ((0, 0), ""),
        });
    let kernel = host.kernel?;
    let ((major, minor), what) = fields.chain([list]).max()?;
    ((major, minor) > kernel).then(|| {
        let (own_major, own_minor) = kernel;
        format!(
            "{what} needs Linux {major}.{minor}; this is {own_major}.{own_minor}, which refuses the \
             rule"
        )
    })
}

fn foreign_arch(rule: &Rule, host: &Host) -> Option<String> {
    let arch = rule.arch()?;
    let (wide, narrow) = abis(host.arch?);
    let is_own = Some(arch) == wide || Some(arch) == narrow;
    let name = Arch::name_of(arch, 0).unwrap_or("another architecture");
    (!is_own).then(|| format!("never matches: no program of {name} runs on this host"))
}

/// Numbers that no syscall has.
fn unknown_calls(rule: &Rule, host: &Host) -> Option<String> {
    if rule.syscalls.is_all() || !rule.list.has_syscalls() {
        return None;
    }
    let arch = rule.arch().or_else(|| native(host.arch?));
    // Only if the names of this architecture are known.
    call_name(rule.list, arch, 1)?;
    let mut numbers = rule.syscalls.iter();
    let number = numbers.find(|number| call_name(rule.list, arch, *number).is_none())?;
    Some(match rule.list {
        List::IO_URING => format!("no operation of io_uring with the number {number} is known"),
        _ => format!("no syscall with the number {number} is known"),
    })
}

/// Syscalls without an architecture, which are others to 32-bit programs.
fn mixed_calls(rule: &Rule, host: &Host) -> Option<String> {
    let has_arch = rule.conditions_on(Field::ARCH).next().is_some();
    if has_arch || rule.list != List::EXIT || rule.syscalls.is_all() {
        return None;
    }
    let (wide, narrow) = abis(host.arch?);
    let (wide, narrow) = (Some(wide?), Some(narrow?));
    rule.syscalls.iter().find_map(|number| {
        let name = call_name(List::EXIT, wide, number)?;
        let other = call_name(List::EXIT, narrow, number);
        (other != Some(name)).then(|| {
            let other = other.unwrap_or("no syscall");
            format!(
                "also matches 32-bit programs, to which {name} is {other}; write one rule with -F \
                 arch=b64 and one with -F arch=b32"
            )
        })
    })
}

/// A lower limit of `auid`, which processes without a login meet.
fn without_login(rule: &Rule) -> Option<String> {
    let has_limit = rule.conditions_on(Field::LOGINUID).any(|condition| {
        matches!(
            condition.operator,
            Operator::Greater | Operator::GreaterOrEqual
        )
    });
    let is_met = has_limit && allows(rule, Field::LOGINUID, u32::MAX);
    (is_met && rule.action == Action::Always).then(|| {
        "also matches processes without a login, whose auid is 4294967295; add -F auid!=unset"
            .to_owned()
    })
}

fn odd_text(condition: &Condition) -> Option<String> {
    let text = condition.text();
    let shown = String::from_utf8_lossy(text);
    let name = condition.field.name().unwrap_or_default();
    let is_path = matches!(condition.field, Field::PATH | Field::DIR | Field::EXE);
    if let Some(mark) = [b'"', b'\'']
        .iter()
        .find(|mark| text.starts_with(&[**mark]))
    {
        let mark = char::from(*mark);
        return Some(format!("the {mark} is part of the value of {name}"));
    }
    if is_path && text.split(|byte| *byte == b'/').any(|part| part == b"..") {
        return Some(format!("{shown} has .., which the kernel does not resolve"));
    }
    if is_path && text.iter().any(|byte| matches!(byte, b'*' | b'?')) {
        return Some(format!(
            "{shown} is no pattern: the kernel takes * and ? as they are"
        ));
    }
    if text.ends_with(b"\r") {
        return Some(format!(
            "the carriage return at the end is part of the value of {name}"
        ));
    }
    None
}

/// A path that has to exist when the rule is loaded.
fn missing_path(condition: &Condition, host: &Host) -> Option<String> {
    let path = path(condition);
    let kind = |path| (host.kind)(path);
    let (needed, is_there) = match condition.field {
        Field::DIR => (path, kind(path) != PathKind::Missing),
        Field::PATH | Field::EXE => {
            let parent = path.parent()?;
            (parent, kind(parent) == PathKind::Directory)
        }
        _ => return None,
    };
    (!is_there).then(|| {
        let needed = needed.display();
        format!("the kernel refuses the rule: there is no directory {needed}")
    })
}

fn not_a_directory(condition: &Condition, host: &Host) -> Option<String> {
    let path = path(condition);
    let is_file = condition.field == Field::DIR && (host.kind)(path) == PathKind::Other;
    is_file.then(|| format!("{} is not a directory; use path=", path.display()))
}

fn path(condition: &Condition) -> &Path {
    Path::new(OsStr::from_bytes(condition.text()))
}
