//! The sandbox: gives up privileges before the first record is parsed.
//!
//! Any local user can cause audit records, so this program parses input from attackers. Once its
//! socket, inputs and output are open, it keeps only the privileges that it will use: one
//! capability if it listens, none if it replays; no way to execute a program; write access to its
//! output alone; and the system calls that it needs. The kernel keeps these per thread, so they are
//! set before the second thread starts.
//!
//! Reading the descriptors and programs of other processes, and directories that are closed to
//! others, needs strong privileges, which an attacker who takes over the parser must not get. Only
//! separate processes have them, the [inspector](crate::inspector::Inspector), the
//! [scanner](crate::scanner::Scanner) and the [primer](crate::prime::Primer). The one that puts
//! [rules](crate::session::Session) back is separate because it has to outlive this one.

mod capabilities;
mod landlock;
mod seccomp;
mod user;

use std::path::PathBuf;

pub use user::User;

use crate::{error::Error, model::Privileges};

/// What a process does once it is confined.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Duty {
    /// Reads log files that are already open.
    Replay,
    /// Reads the kernel's records, and queries its audit status.
    Listen,
    /// Answers questions about other processes and their files.
    Inspect,
    /// Reads directories.
    List,
    /// Reads which processes there are.
    Scan,
    /// Takes changes of audit rules and settings back.
    Restore,
}

impl Duty {
    /// The level of log messages about confinement. The other processes would only repeat them.
    fn level(self) -> log::Level {
        match self {
            Duty::Replay | Duty::Listen => log::Level::Info,
            Duty::Inspect | Duty::List | Duty::Scan | Duty::Restore => log::Level::Debug,
        }
    }
}

/// Which privileges to keep.
///
/// ```no_run
/// use auditrd::confine::{Confinement, Duty};
///
/// let mut confinement = Confinement::new(Duty::Replay);
/// confinement.writable.push("/var/log/auditrd/events.json".into());
/// confinement.enter()?; // before any other thread is started
/// # Ok::<(), auditrd::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Confinement {
    /// What the process will do, and so what it needs.
    pub duty: Duty,
    /// The user to switch to.
    pub user: Option<User>,
    /// Files to write, and to create and rename within their directories.
    pub writable: Vec<PathBuf>,
    /// Files to read again. They may be replaced, so all files in their directories can be read.
    pub readable: Vec<PathBuf>,
    /// Whether to restrict system calls and file accesses with seccomp(2) and landlock(7).
    pub filters: bool,
}

impl Confinement {
    /// The strictest confinement that still lets a process do its duty.
    pub fn new(duty: Duty) -> Confinement {
        Confinement {
            duty,
            user: None,
            writable: Vec::new(),
            readable: Vec::new(),
            filters: true,
        }
    }

    /// Whether the process will still be that of root, who owns most files.
    pub fn is_for_root(&self) -> bool {
        match &self.user {
            Some(user) => user.is_root(),
            None => rustix::process::geteuid().is_root(),
        }
    }

    /// Calls `act` as the user to switch to, then switches back. Files opened like this can be
    /// reopened later. Without such a user, just calls `act`.
    ///
    /// # Errors
    ///
    /// If the process cannot switch to that user or back, and any error of `act`.
    pub fn as_user<T>(&self, act: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        match &self.user {
            Some(user) => user.act(act),
            None => act(),
        }
    }

    /// Gives up all other privileges for good, for this thread and the threads that it will start.
    /// Returns what is left.
    ///
    /// # Errors
    ///
    /// If the user cannot be changed or capabilities cannot be dropped. A kernel without seccomp or
    /// Landlock is not an error, only logged.
    pub fn enter(&self) -> Result<Privileges, Error> {
        capabilities::keep(self.duty, self.user.as_ref())?;
        let mut left = Privileges {
            uid: rustix::process::geteuid().as_raw(),
            capabilities: capabilities::held(),
            ..Privileges::default()
        };
        if self.filters {
            left.landlock = landlock::restrict(self.duty, &self.writable, &self.readable);
            left.seccomp = seccomp::restrict(self.duty);
        }
        Ok(left)
    }
}
