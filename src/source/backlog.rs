//! The kernel's audit backlog while we are the registered audit daemon.
//!
//! Records that the daemon has not received yet wait in the kernel. When the backlog is full, the
//! kernel blocks each process that causes another record, for up to a minute by default
//! (kernel/audit.c, `audit_log_start`): this is how an audit daemon hangs a host. While we are
//! registered, the backlog is larger and no process is blocked; the kernel drops records that do
//! not fit, and counts them.

use std::io;

use crate::{
    model::record_type::AUDIT_SET,
    source::{NetlinkClient, wire},
};

/// Restores the previous settings when it is dropped.
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
    /// Raises the backlog limit to at least `limit` records, and sets the wait time to 0. `None` if
    /// this process may not, the kernel lacks the setting (before 3.14), or the configuration is
    /// locked.
    pub(super) fn set(limit: u32) -> Option<Backlog> {
        let control = NetlinkClient::control().ok()?;
        let set = Backlog::read(control, limit).and_then(|mut backlog| {
            backlog.write(backlog.ours)?;
            Ok(backlog)
        });
        set.inspect_err(|error| {
            log::warn!(
                "cannot set the kernel's audit backlog: {error}; audited processes may block when \
                 it is full"
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

    /// Restores each setting that still has our value; others have been changed by someone else.
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
                "cannot restore the kernel's audit backlog: {error}; run `auditctl -b {limit} \
                 --backlog_wait_time {wait_time}`"
            );
        }
    }
}
