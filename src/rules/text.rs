//! Rules as text: as auditctl(8) lists them, and as a line that is read as the same rule again.

use std::fmt;

use crate::{
    model::{Arch, RecordType, errno_name},
    rules::{
        Condition, Field, List, Rule, Syscalls, Value,
        calls::{abis, arch_name, call_name, native},
        field::compared,
        rule::KEY_SEPARATOR,
    },
};

/// The letters of `perm`, in the order in which auditctl(8) lists them (`AUDIT_PERM_*`).
pub(crate) const PERMISSIONS: [(u8, u32); 4] = [(b'r', 4), (b'w', 2), (b'x', 1), (b'a', 8)];

/// The file systems that have names, by their numbers (`linux/include/uapi/linux/magic.h`).
pub(crate) const FILE_SYSTEMS: [(&str, u32); 2] =
    [("debugfs", 0x6462_6720), ("tracefs", 0x7472_6163)];

/// The last error that programs see. auditctl(8) has no names for those after it.
pub(crate) const LAST_ERROR: i64 = 511;

/// As [`to_listing`](Rule::to_listing), with U+FFFD for what is not UTF-8.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_listing()))
    }
}

impl Rule {
    /// The line of the rule in `auditctl -l`, byte for byte.
    ///
    /// Two peculiarities of auditctl(8) are kept: a rule for all syscalls with no fields but
    /// `perm`, `path`, `dir` and `key` is listed as a watch even if its action is not `always`,
    /// and spaces in a path look like those between words. [`to_line`](Self::to_line) has neither.
    pub fn to_listing(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let form = if self.is_listed_as_watch() {
            Form::Watch
        } else {
            Form::Listing
        };
        self.write(form, &mut out);
        out
    }

    /// A line that [`parse`](Self::parse) reads as the same rule, if the language can say it. It
    /// cannot say all rules of other programs, nor a text with `!=`, `>=`, `<=` or `&=` outside of
    /// a key.
    pub fn to_line(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(Form::Line, &mut out);
        out
    }

    /// Whether auditctl(8) lists the rule as a watch.
    fn is_listed_as_watch(&self) -> bool {
        let is_watch_field = |condition: &Condition| {
            matches!(
                condition.field,
                Field::PERM | Field::FILTERKEY | Field::DIR | Field::PATH
            )
        };
        let has_syscalls = !matches!(self.list, List::USER | List::TASK | List::EXCLUDE);
        self.conditions.iter().all(is_watch_field)
            && self.conditions_on(Field::PERM).next().is_some()
            && (self.syscalls.is_all() || !has_syscalls)
    }

    fn write(&self, form: Form, out: &mut Vec<u8>) {
        if form != Form::Watch {
            out.extend_from_slice(b"-a ");
            out.extend_from_slice(self.action.name().as_bytes());
            out.push(b',');
            let number = || self.list.0.to_string();
            let name = self.list.name().map_or_else(number, str::to_owned);
            out.extend_from_slice(name.as_bytes());
        }
        let is_arch = |condition: &Condition| condition.field == Field::ARCH;
        if form == Form::Line {
            // In their order, with the syscalls after the architecture that they are of.
            let last = self.conditions.iter().rposition(is_arch);
            let (before, after) = self.conditions.split_at(last.map_or(0, |last| last + 1));
            self.write_conditions(before, form, out);
            self.write_syscalls(form, out);
            self.write_conditions(after, form, out);
        } else {
            let (archs, others): (Vec<_>, Vec<_>) =
                self.conditions.iter().cloned().partition(is_arch);
            self.write_conditions(&archs, form, out);
            if form != Form::Watch {
                self.write_syscalls(form, out);
            }
            self.write_conditions(&others, form, out);
        }
    }

    fn write_syscalls(&self, form: Form, out: &mut Vec<u8>) {
        if matches!(
            self.list,
            List::USER | List::TASK | List::EXCLUDE | List::FILESYSTEM
        ) {
            return;
        }
        let is_all = self.syscalls.is_all();
        if is_all {
            out.extend_from_slice(b" -S all");
            if form == Form::Listing {
                return;
            }
        }
        let last = self.conditions_on(Field::ARCH).last();
        let arch = last
            .map(Condition::number)
            .or_else(|| Arch::host().and_then(native));
        let mut separator: &[u8] = if is_all { b"," } else { b" -S " };
        // With all, a line still has the numbers of the last word of the mask.
        let is_named = |number: &u32| !is_all || !Syscalls::ALL.contains(*number);
        for number in self.syscalls.iter().filter(is_named) {
            out.extend_from_slice(separator);
            separator = b",";
            match call_name(self.list, arch, number) {
                Some(name) => out.extend_from_slice(name.as_bytes()),
                None => out.extend_from_slice(number.to_string().as_bytes()),
            }
        }
    }

    fn write_conditions(&self, conditions: &[Condition], form: Form, out: &mut Vec<u8>) {
        for condition in conditions {
            match condition.field {
                Field::FILTERKEY => {
                    let keys = condition.text().split(|byte| *byte == KEY_SEPARATOR);
                    for key in keys.filter(|key| !key.is_empty()) {
                        out.extend_from_slice(if form == Form::Watch {
                            b" -k "
                        } else {
                            b" -F key="
                        });
                        form.write_text(key, out);
                    }
                }
                Field::PATH | Field::DIR if (form == Form::Watch) => {
                    out.extend_from_slice(b"-w ");
                    form.write_text(condition.text(), out);
                }
                Field::PERM if (form == Form::Watch) => {
                    out.extend_from_slice(b" -p ");
                    out.extend_from_slice(&value(condition));
                }
                _ => write_condition(condition, form, out),
            }
        }
    }
}

/// The ways to write a rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    /// `auditctl -l`.
    Listing,
    /// `auditctl -l` of a watch.
    Watch,
    /// A line to be read again.
    Line,
}

impl Form {
    fn write_text(self, text: &[u8], out: &mut Vec<u8>) {
        for &byte in text {
            if self == Form::Line && matches!(byte, b' ' | b'\\') {
                out.push(b'\\');
            }
            out.push(byte);
        }
    }
}

fn write_condition(condition: &Condition, form: Form, out: &mut Vec<u8>) {
    let symbol = condition.operator.symbol().as_bytes();
    if condition.field == Field::FIELD_COMPARE
        && let Some((left, right)) = compared(condition.number())
    {
        out.extend_from_slice(b" -C ");
        out.extend_from_slice(left.name().unwrap_or_default().as_bytes());
        out.extend_from_slice(symbol);
        out.extend_from_slice(right.name().unwrap_or_default().as_bytes());
        return;
    }
    match condition.field.name() {
        Some(name) => {
            out.extend_from_slice(b" -F ");
            out.extend_from_slice(name.as_bytes());
        }
        None => out.extend_from_slice(format!(" f{}", condition.field.0).as_bytes()),
    }
    out.extend_from_slice(symbol);
    match &condition.value {
        Value::Text(text) => form.write_text(text, out),
        Value::Number(number) if form == Form::Line && condition.field == Field::ARCH => {
            out.extend_from_slice(exact_arch(*number).as_bytes());
        }
        Value::Number(_) => out.extend_from_slice(&value(condition)),
    }
}

/// An `AUDIT_ARCH_*` value, so that it is read as the same one again.
fn exact_arch(value: u32) -> String {
    let (wide, narrow) = Arch::host().map_or((None, None), abis);
    match Some(value) {
        own if own == wide => "b64".to_owned(),
        own if own == narrow => "b32".to_owned(),
        _ => format!("0x{value:X}"),
    }
}

/// A number as auditctl(8) lists it for its field.
fn value(condition: &Condition) -> Vec<u8> {
    let number = condition.number();
    let signed = number.cast_signed();
    match condition.field {
        Field::ARCH => arch_name(number).into(),
        Field::MSGTYPE => match u16::try_from(number)
            .ok()
            .and_then(|n| RecordType(n).name())
        {
            Some(name) => name.into(),
            None => signed.to_string().into(),
        },
        Field::PERM => {
            let letters = PERMISSIONS.iter();
            let set = letters.filter(|(_, bit)| number & bit != 0);
            set.map(|(letter, _)| *letter).collect()
        }
        Field::EXIT => match errno_name(signed.into()) {
            Some(name) if -LAST_ERROR <= signed.into() => format!("-{name}").into(),
            _ => signed.to_string().into(),
        },
        Field::FSTYPE => match FILE_SYSTEMS.iter().find(|(_, own)| *own == number) {
            Some((name, _)) => (*name).into(),
            None => signed.to_string().into(),
        },
        Field::INODE => number.to_string().into(),
        field if field.is_argument() => format!("0x{number:X}").into(),
        _ => signed.to_string().into(),
    }
}
