//! Detects the end of an event in a log, where EOE is missing.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::model::{
    RecordType,
    record_type::{AUDIT_PATH, AUDIT_PROCTITLE, AUDIT_SYSCALL, AUDIT_URINGOP},
};

/// The records of an event that have arrived.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    has_call: bool,
    has_title: bool,
    /// How many PATH records SYSCALL announces.
    promised: u32,
    /// How many PATH records have arrived.
    names: u32,
}

impl Progress {
    /// Notes a record. If PATH records are filtered out (`has_names` is `false`), expects none.
    pub(super) fn see(&mut self, record_type: RecordType, body: &[u8], has_names: bool) {
        match record_type {
            AUDIT_SYSCALL | AUDIT_URINGOP => {
                self.has_call = true;
                self.promised = if has_names { items(body) } else { 0 };
            }
            AUDIT_PATH => self.names = self.names.saturating_add(1),
            AUDIT_PROCTITLE => self.has_title = true,
            _ => {}
        }
    }

    /// The kernel writes PROCTITLE last, but a relay may reorder records.
    pub(super) fn is_whole(self) -> bool {
        self.has_call && self.has_title && self.names >= self.promised
    }
}

/// The number of PATH records that a SYSCALL record announces.
fn items(body: &[u8]) -> u32 {
    static KEY: LazyLock<Finder> = LazyLock::new(|| Finder::new(b" items="));
    let value = KEY
        .find(body)
        .and_then(|at| body.get(at + KEY.needle().len()..));
    let digits = value
        .unwrap_or_default()
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number: u32, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u32::from(digit - b'0'))
    })
}
