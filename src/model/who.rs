//! The context of an event: facts about its process and its user that its own records do not state.

use std::ptr;

use crate::model::Timestamp;

/// The context of an event. It comes from the records of earlier events and, live, from the system;
/// a fact that is not known is absent.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Who<'a> {
    /// The parent of the process.
    pub parent: Option<Parent<'a>>,
    /// A name for the process that no other process has, also across reboots.
    pub entity_id: Option<&'a [u8]>,
    /// The executables of the parent, of its parent and so on, at most
    /// [`MAX_ANCESTORS`](Who::MAX_ANCESTORS).
    pub ancestors: Option<&'a [&'a [u8]]>,
    /// The login that the process descends from.
    pub login: Option<Login<'a>>,
    /// The names of users and groups, by the key of their id in the event line, such as `auid`.
    pub names: &'a [(&'a [u8], &'a [u8])],
    /// The container that the process is in.
    pub container: Option<Container<'a>>,
    /// The systemd unit that the process belongs to, such as `sshd.service`.
    pub unit: Option<&'a [u8]>,
    /// The file of the program that the process interprets, such as a shell script.
    pub script: Option<&'a [u8]>,
}

impl Who<'_> {
    /// The largest number of ancestors that are named.
    pub const MAX_ANCESTORS: usize = 8;
}

/// The parent of a process, as it was when the event occurred.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Parent<'a> {
    /// Its process id, the `ppid` of the event.
    pub pid: u32,
    /// The path of its executable, in its mount namespace.
    pub exe: &'a [u8],
    /// The arguments that it was started with, joined so that a POSIX shell reads the same words
    /// back.
    pub commandline: Option<&'a [u8]>,
    /// Where the executable and the arguments are known from.
    pub origin: Origin,
    /// Which texts these are.
    pub(crate) edition: Edition<'a>,
}

/// Two texts, with a number that no other texts have: if the number is the same again, so are the
/// texts, which need not be compared.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Edition<'a> {
    pub(crate) number: u64,
    pub(crate) exe: &'a [u8],
    pub(crate) commandline: Option<&'a [u8]>,
}

impl Parent<'_> {
    /// The number of the texts, if there is one, and if neither was cut or replaced since.
    pub(crate) fn edition(&self) -> Option<u64> {
        let Edition { number, .. } = self.edition;
        let same_arguments = match (self.commandline, self.edition.commandline) {
            (Some(one), Some(other)) => ptr::eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let is_known = number > 0 && same_arguments && ptr::eq(self.exe, self.edition.exe);
        is_known.then_some(number)
    }
}

/// The source of a fact.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// Earlier records.
    Records,
    /// `/proc`, read at the start.
    Proc,
}

impl Origin {
    /// The value of `origin` in the event line.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Records => "records",
            Origin::Proc => "proc",
        }
    }
}

/// The login that began a session.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Login<'a> {
    /// The account that was logged in to.
    pub acct: Option<&'a [u8]>,
    /// The address that the user came from.
    pub addr: Option<&'a [u8]>,
    /// The terminal, such as `ssh` or `/dev/tty1`.
    pub terminal: Option<&'a [u8]>,
    /// When the session began.
    pub since: Option<Timestamp>,
}

/// The container that a process is in.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Container<'a> {
    /// Its id, such as 64 hexadecimal digits, or its name.
    pub id: &'a [u8],
    /// The container runtime, such as `docker`.
    pub runtime: Option<&'a [u8]>,
    /// The UID of the Kubernetes pod that it is part of.
    pub pod_uid: Option<&'a [u8]>,
}

impl<'a> Container<'a> {
    /// A container of which nothing but the id is known.
    pub fn new(id: &'a [u8]) -> Container<'a> {
        Container {
            id,
            runtime: None,
            pod_uid: None,
        }
    }
}
