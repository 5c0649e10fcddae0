//! Giving up what is no longer needed, before the first record is looked at.
//!
//! Whoever can make audit records, which is everybody, writes what this program parses. So once its
//! socket, its inputs and its output are open it keeps no right that it will not use: one capability
//! where it listens, none where it replays; no way to start a program or to gain rights by one; no
//! file but the output to write to; and the system calls that its work takes. The kernel holds all of
//! that for each thread, so it is done before there is a second one.
//!
//! The right to look into other processes is of use while records are read, and would be of use to
//! whoever took the program over. A [process of its own](crate::Inspector) has it, which can do
//! nothing else.

mod capabilities;
mod landlock;
mod seccomp;
mod user;

use std::path::PathBuf;

pub use user::User;

use crate::error::Error;

/// What a process goes on to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Duty {
    /// Reads logs that are open already.
    Replay,
    /// Reads the kernel's records, and asks the kernel for its state.
    Listen,
    /// Answers questions about other processes and their files.
    Inspect,
}

impl Duty {
    /// At which level the log says how a process is confined: once for the program is enough.
    fn level(self) -> log::Level {
        match self {
            Duty::Replay | Duty::Listen => log::Level::Info,
            Duty::Inspect => log::Level::Debug,
        }
    }
}

/// What to give up, and what to keep.
///
/// ```no_run
/// use auditrd::{Confinement, Duty};
///
/// let mut confinement = Confinement::new(Duty::Replay);
/// confinement.writable.push("/var/log/auditrd/events.json".into());
/// confinement.enter()?; // no thread may have been started before
/// # Ok::<(), auditrd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Confinement {
    /// What has to go on working.
    pub duty: Duty,
    /// Whom to become.
    pub user: Option<User>,
    /// Files that are written to, made again and renamed, within their directories.
    pub writable: Vec<PathBuf>,
    /// Whether system calls and files are confined (seccomp(2) and landlock(7)), where the kernel can.
    pub filters: bool,
}

impl Confinement {
    /// All that can be given up for a duty.
    pub fn new(duty: Duty) -> Confinement {
        Confinement {
            duty,
            user: None,
            writable: Vec::new(),
            filters: true,
        }
    }

    /// Does something with the rights of the user to become, and comes back: what can be opened then
    /// can be opened again later. Without such a user it is simply done.
    ///
    /// # Errors
    ///
    /// If this process may not become that user; and what it does may fail.
    pub fn as_user<T>(&self, act: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        match &self.user {
            Some(user) => user.act(act),
            None => act(),
        }
    }

    /// Gives everything else up, for this thread and those that it will start. There is no way back.
    ///
    /// # Errors
    ///
    /// If the user cannot be changed or capabilities cannot be dropped. A kernel that has no filters
    /// is no error, and is said in the log.
    pub fn enter(&self) -> Result<(), Error> {
        capabilities::keep(self.duty, self.user.as_ref())?;
        if self.filters {
            landlock::restrict(self.duty, &self.writable);
            seccomp::restrict(self.duty);
        }
        Ok(())
    }
}
