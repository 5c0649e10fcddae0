//! The facts that processes are known by: those of one record, and those of a live system.

use crate::model::Identity;

/// The kernel is not asked about records that are older than this, in milliseconds: their process
/// may be gone, and its pid given out again.
const MAX_AGE: u64 = 1000;

/// A process, as one record shows it.
#[derive(Clone, Copy, Debug)]
pub(in crate::enrich) struct Sight<'a> {
    pub(in crate::enrich) pid: u32,
    /// Unset in a record from user space.
    pub(in crate::enrich) ppid: u32,
    pub(in crate::enrich) session: u32,
    pub(in crate::enrich) user: User,
    /// The stamp, in milliseconds since 1970-01-01.
    pub(in crate::enrich) time: u64,
    pub(in crate::enrich) serial: u32,
    /// The path of the program that runs; empty if the record does not say.
    pub(in crate::enrich) exe: &'a [u8],
    pub(in crate::enrich) act: Act<'a>,
}

impl Sight<'_> {
    /// Whether the process started a program.
    pub(in crate::enrich) fn is_exec(&self) -> bool {
        matches!(self.act, Act::Executed { .. })
    }
}

/// An action of a process.
#[derive(Clone, Copy, Debug)]
pub(in crate::enrich) enum Act<'a> {
    /// Nothing of this.
    Other,
    /// It started a program, with its own rights (`is_plain`) or with others.
    Executed {
        commandline: &'a [u8],
        script: &'a [u8],
        is_plain: bool,
    },
    /// It made a process, perhaps as a child of its own parent (CLONE_PARENT in clone(2)).
    Forked { child: u32, is_sibling: bool },
    /// It ended.
    Exited,
}

/// The kind of user that rules tell apart: logged in or not, root or not.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::enrich) struct User(
    /// One of four bits.
    pub(super) u8,
);

impl User {
    pub(in crate::enrich) fn of(auid: u32, uid: u32) -> User {
        let is_logged_in = auid != Identity::UNSET;
        User(1 << (2 * u8::from(is_logged_in) + u8::from(uid == 0)))
    }
}

/// The live system's answer about a pid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// The system cannot tell.
    Silence,
    /// No process has this pid.
    Gone,
    /// The number that the kernel gave to the process that has this pid now. No other process has
    /// it, until the next boot.
    Process(u64),
}

/// The questions that may be asked of a live system. They are answered at once.
pub trait Kernel {
    /// The process that has a pid now.
    fn process(&self, pid: u32) -> Answer;
}

/// The live system, at a time.
#[derive(Clone, Copy)]
pub(in crate::enrich) struct Live<'k> {
    pub(in crate::enrich) kernel: &'k dyn Kernel,
    /// In milliseconds since 1970-01-01.
    pub(in crate::enrich) now: u64,
}

/// A process that was found at the start.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Found {
    /// Its process id.
    pub pid: u32,
    /// Process id of the parent.
    pub ppid: u32,
    /// Real user id.
    pub uid: u32,
    /// Login user id.
    pub auid: u32,
    /// Audit session.
    pub session: u32,
    /// The answer of [`Kernel::process`] about it.
    pub answer: Answer,
    /// The path of its executable; empty if it is not known.
    pub exe: Vec<u8>,
    /// Its arguments, each ended by NUL (`/proc/PID/cmdline`).
    pub cmdline: Vec<u8>,
    /// The groups of its resources (`/proc/PID/cgroup`).
    pub cgroup: Vec<u8>,
}

impl Found {
    /// A process that was there at the start, and has ended before it could be read.
    pub fn gone(pid: u32) -> Found {
        Found {
            pid,
            ppid: Identity::UNSET,
            uid: Identity::UNSET,
            auid: Identity::UNSET,
            session: Identity::UNSET,
            answer: Answer::Gone,
            exe: Vec::new(),
            cmdline: Vec::new(),
            cgroup: Vec::new(),
        }
    }
}

/// Whether a record is so new that a live system can be asked about its process.
pub(in crate::enrich) fn is_near(time: u64, now: u64) -> bool {
    now.saturating_sub(time) <= MAX_AGE
}
