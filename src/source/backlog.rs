//! The kernel's backlog while we are the registered audit daemon.
//!
//! Records that the daemon has not taken yet wait in the kernel. When too many do, the kernel makes
//! whoever causes the next one wait, for up to a minute by default (kernel/audit.c,
//! `audit_log_start`): that is how an audit daemon hangs a host. While we are registered nobody
//! waits, and there is room for more; what finds no room is lost, and the kernel counts it.

use std::io;

use crate::{
    model::record_type::AUDIT_SET,
    source::{NetlinkClient, wire},
};

/// The settings as they were, put back when this is dropped.
#[derive(Debug)]
pub(super) struct Backlog {
    control: NetlinkClient,
    before: Settings,
    ours: Settings,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Settings {
    limit: u32,
    wait_time: u32,
}

impl Backlog {
    /// Makes room for at least so many records, and lets nobody wait. `None` if this process may
    /// not, or the kernel is older than the setting (before 3.14), or it is locked.
    pub(super) fn set(limit: u32) -> Option<Backlog> {
        let control = NetlinkClient::control().ok()?;
        let set = Backlog::read(control, limit).and_then(|mut backlog| {
            backlog.write(backlog.ours)?;
            Ok(backlog)
        });
        set.inspect_err(|error| {
            log::warn!(
                "cannot set the kernel's backlog: {error}; when it is full, audited processes \
                 may have to wait"
            );
        })
        .ok()
    }

    fn read(mut control: NetlinkClient, limit: u32) -> io::Result<Backlog> {
        let status = control.status()?;
        let wait_time = status.backlog_wait_time;
        let before = Settings {
            limit: status.backlog_limit,
            wait_time: wait_time.ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?,
        };
        let ours = Settings {
            limit: before.limit.max(limit),
            wait_time: 0,
        };
        Ok(Backlog {
            control,
            before,
            ours,
        })
    }

    fn write(&mut self, settings: Settings) -> io::Result<()> {
        let request = wire::backlog(settings.limit, settings.wait_time);
        self.control.request(AUDIT_SET.0, &request)
    }

    /// Puts back what is still as we set it; what somebody has changed since is theirs.
    fn restore(&mut self) -> io::Result<()> {
        let status = self.control.status()?;
        let mut settings = Settings {
            limit: status.backlog_limit,
            wait_time: status.backlog_wait_time.unwrap_or(0),
        };
        if settings.limit == self.ours.limit {
            settings.limit = self.before.limit;
        }
        if settings.wait_time == self.ours.wait_time {
            settings.wait_time = self.before.wait_time;
        }
        self.write(settings)
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        if let Err(error) = self.restore() {
            let Settings { limit, wait_time } = self.before;
            log::warn!(
                "cannot put the kernel's backlog back: {error}; `auditctl -b {limit} \
                 --backlog_wait_time {wait_time}` does"
            );
        }
    }
}
