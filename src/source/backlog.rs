//! The kernel's audit backlog while we are the registered audit daemon.
//!
//! Records that the daemon has not received yet wait in the kernel. When the backlog is full, the
//! kernel blocks each process that causes another record, for up to a minute by default
//! (kernel/audit.c, `audit_log_start`): this is how an audit daemon hangs a host. While we are
//! registered, the backlog is larger and no process is blocked; the kernel drops records that do
//! not fit, and counts them.

use std::{io, path::Path};

use crate::{
    model::record_type::AUDIT_SET,
    source::{
        NetlinkClient,
        note::{Note, Settings},
        wire,
    },
};

/// Restores the previous settings when it is dropped.
#[derive(Debug)]
pub(super) struct Backlog {
    control: NetlinkClient,
    before: Settings,
    ours: Settings,
    /// Where the settings are noted for the next run, in case this one is killed.
    note: Option<Note>,
}

impl Backlog {
    /// Raises the backlog limit to at least `limit` records, and sets the wait time to 0. `None` if
    /// this process may not, the kernel lacks the setting (before 3.14), or the configuration is
    /// locked.
    pub(super) fn set(limit: u32, note: Option<&Path>) -> Option<Backlog> {
        let control = NetlinkClient::control().ok()?;
        let set = Backlog::read(control, limit, note.and_then(open)).and_then(|mut backlog| {
            backlog.note()?;
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

    fn read(mut control: NetlinkClient, limit: u32, mut note: Option<Note>) -> io::Result<Backlog> {
        let found = settings(&mut control)?;
        let before = match note.as_mut().and_then(Note::read) {
            Some((before, ours)) => Settings::put_back(found, ours, before),
            None => found,
        };
        let ours = Settings {
            limit: before.limit.max(limit),
            wait_time: 0,
        };
        Ok(Backlog {
            control,
            before,
            ours,
            note,
        })
    }

    fn note(&mut self) -> io::Result<()> {
        match &mut self.note {
            Some(note) => note.write(self.before, self.ours),
            None => Ok(()),
        }
    }

    fn write(&mut self, settings: Settings) -> io::Result<()> {
        let request = wire::backlog(settings.limit, settings.wait_time);
        self.control.request(AUDIT_SET.0, &request)
    }

    /// Restores each setting that still has our value; others have been changed by someone else.
    fn restore(&mut self) -> io::Result<()> {
        let now = settings(&mut self.control)?;
        self.write(Settings::put_back(now, self.ours, self.before))?;
        match &mut self.note {
            Some(note) => note.clear(),
            None => Ok(()),
        }
    }
}

/// The settings that the kernel has now.
fn settings(control: &mut NetlinkClient) -> io::Result<Settings> {
    let status = control.status()?;
    let wait_time = status.backlog_wait_time;
    Ok(Settings {
        limit: status.backlog_limit,
        wait_time: wait_time.ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?,
    })
}

fn open(path: &Path) -> Option<Note> {
    Note::open(path)
        .inspect_err(|error| {
            log::info!(
                "cannot note the kernel's audit backlog settings in {}: {error}; they will not be \
                 restored if this process is killed",
                path.display()
            );
        })
        .ok()
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
