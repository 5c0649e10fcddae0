//! When an event of a log is whole.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::model::{
    RecordType,
    record_type::{AUDIT_PATH, AUDIT_PROCTITLE, AUDIT_SYSCALL, AUDIT_URINGOP},
};

/// What has come of an event in a log, where nothing marks its end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    has_call: bool,
    has_title: bool,
    promised: u32,
    names: u32,
}

impl Progress {
    /// A record has come. Where PATH records are left out, none are waited for.
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

    /// The title is the last record that the kernel writes, but a relay may bring it early.
    pub(super) fn is_whole(self) -> bool {
        self.has_call && self.has_title && self.names >= self.promised
    }
}

/// How many PATH records a call says that it has.
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
