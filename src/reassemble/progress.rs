//! Detects the end of an event in a log, where EOE is missing.

use super::ReassemblyConfig;
use crate::model::{
    Arch, RecordType,
    record_type::{AUDIT_EXECVE, AUDIT_PATH, AUDIT_PROCTITLE, AUDIT_SYSCALL, AUDIT_URINGOP},
    syscall_name,
};

/// Which of the records that an event announces are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    names: bool,
    argv: bool,
}

impl Kept {
    pub(super) fn new(config: &ReassemblyConfig) -> Kept {
        let range = config.min..=config.max;
        Kept {
            names: range.contains(&AUDIT_PATH),
            argv: range.contains(&AUDIT_EXECVE),
        }
    }
}

/// The records of an event that have arrived.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    has_call: bool,
    has_operation: bool,
    has_title: bool,
    /// Whether the call started a program.
    has_started: bool,
    has_argv: bool,
    /// How many PATH records SYSCALL announces.
    promised: u32,
    /// How many PATH records have arrived.
    names: u32,
}

impl Progress {
    /// Notes a record. Returns whether the event is whole.
    #[inline]
    pub(super) fn ends<'b>(
        &mut self,
        record_type: RecordType,
        body: impl FnOnce() -> &'b [u8],
        kept: Kept,
    ) -> bool {
        match record_type {
            AUDIT_SYSCALL => self.call(body()),
            AUDIT_URINGOP if !self.has_call => {
                self.has_operation = true;
                self.promised = items(body()).unwrap_or(0);
            }
            AUDIT_PATH => self.names = self.names.saturating_add(1),
            AUDIT_EXECVE => self.has_argv = true,
            AUDIT_PROCTITLE => self.has_title = true,
            _ => {}
        }
        self.is_whole(kept)
    }

    /// Notes a SYSCALL record.
    fn call(&mut self, body: &[u8]) {
        self.has_call = true;
        self.has_started = has_started(body);
        self.promised = items(body).unwrap_or(0);
    }

    /// Whether the event has its last record. The kernel writes PROCTITLE last, but a relay may
    /// reorder records.
    ///
    /// The event of an io_uring operation has no PROCTITLE (kernel/auditsc.c, `audit_log_exit`), so
    /// it ends with its last PATH record. An operation without any may be part of the
    /// io_uring_enter call that submitted it, whose SYSCALL record follows.
    #[inline]
    fn is_whole(self, kept: Kept) -> bool {
        // Asked after each record, so the usual answer comes first.
        let may_be = self.has_title && self.has_call || self.has_operation;
        may_be && self.has_all_announced(kept)
    }

    fn has_all_announced(self, kept: Kept) -> bool {
        let has_names = self.names >= self.promised || !kept.names;
        match self.has_call {
            true => {
                let has_argv = self.has_argv || !self.has_started || !kept.argv;
                self.has_title && has_names && has_argv
            }
            false => self.has_operation && has_names && self.promised > 0,
        }
    }
}

/// Whether an event without an end has all records that its SYSCALL or URINGOP record announces:
/// the PATH records and, if a program was started, EXECVE. Records without either that are no part
/// of a call announce nothing.
pub(super) fn has_all<'a>(
    records: impl Iterator<Item = (RecordType, &'a [u8])> + Clone,
    kept: Kept,
) -> bool {
    let count = |wanted| records.clone().filter(|(kind, _)| *kind == wanted).count();
    let first = |wanted| records.clone().find(|(kind, _)| *kind == wanted);
    let Some((_, call)) = first(AUDIT_SYSCALL).or(first(AUDIT_URINGOP)) else {
        return !records.clone().any(|(kind, _)| kind.is_part_of_call());
    };
    let Some(items) = items(call) else {
        return false;
    };
    let has_names = !kept.names || count(AUDIT_PATH) >= items as usize;
    has_names && (!kept.argv || count(AUDIT_EXECVE) > 0 || !has_started(call))
}

/// Whether a SYSCALL record is that of an exec that succeeded.
///
/// This is asked for every call in a log, so the usual start of a record, `arch=c000003e syscall=59
/// success=yes`, is compared as it is.
#[inline]
fn has_started(call: &[u8]) -> bool {
    match call.split_first_chunk() {
        Some((b"arch=c000003e syscall=", rest)) => match rest {
            [b'5', b'9', b' ', rest @ ..] | [b'3', b'2', b'2', b' ', rest @ ..] => {
                rest.starts_with(b"success=yes") || !rest.starts_with(b"success=") && started(call)
            }
            // The numbers of x32 start at 1073741824.
            [b'1', b'0', b'7', b'3', b'7', ..] => started(call),
            _ => false,
        },
        _ => started(call),
    }
}

/// As [`has_started`], for any architecture.
#[cold]
fn started(call: &[u8]) -> bool {
    let value = |key: &[u8]| {
        let at = memchr::memmem::find(call, key)? + key.len();
        let value = call.get(at..)?;
        let end = memchr::memchr(b' ', value).unwrap_or(value.len());
        str::from_utf8(value.get(..end)?).ok()
    };
    let name = || {
        let arch = u32::from_str_radix(value(b"arch=")?, 16).ok()?;
        let number = value(b" syscall=")?.parse().ok()?;
        syscall_name(Arch::of(arch, number)?, number)
    };
    value(b" success=") == Some("yes") && matches!(name(), Some("execve" | "execveat"))
}

/// The number of PATH records that a SYSCALL record announces.
#[inline]
fn items(body: &[u8]) -> Option<u32> {
    const KEY: &[u8] = b" items=";
    // In the kernel's order no key or value before it has an `m`, and one byte is found faster.
    let first = memchr::memchr(b'm', body)?;
    let usual = first.checked_sub(4).and_then(|at| body.get(at..));
    let value = match usual.and_then(|text| text.strip_prefix(KEY)) {
        Some(value) => value,
        None => body.get(memchr::memmem::find(body, KEY)? + KEY.len()..)?,
    };
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
    let number = digits.fold(0, |number: u32, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u32::from(digit - b'0'))
    });
    Some(number)
}
