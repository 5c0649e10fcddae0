//! What comes out: one event, as it goes into one line of JSON.

use crate::model::{EventId, RecordType};

/// Which of the three kinds an event is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// A program was started, or a process made.
    Process,
    /// A file was opened, made, changed, renamed, linked, removed or mounted.
    Fim,
    /// A program had something to say, such as a login.
    User,
}

impl EventKind {
    /// The value of `name` in the event line.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::Process => "process_event",
            EventKind::Fim => "fim_event",
            EventKind::User => "user_event",
        }
    }
}

/// What a file event did, or tried to do.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
#[non_exhaustive]
pub enum Action {
    Opened,
    Created,
    Modified,
    Deleted,
    Renamed,
    Linked,
    Symlinked,
    Attributes,
    Mounted,
    Unmounted,
    Read,
    Mapped,
    Closed,
    Duplicated,
}

impl Action {
    /// The value of `action` in the event line.
    pub fn name(self) -> &'static str {
        match self {
            Action::Opened => "opened",
            Action::Created => "created",
            Action::Modified => "modified",
            Action::Deleted => "deleted",
            Action::Renamed => "renamed",
            Action::Linked => "linked",
            Action::Symlinked => "symlinked",
            Action::Attributes => "attributes",
            Action::Mounted => "mounted",
            Action::Unmounted => "unmounted",
            Action::Read => "read",
            Action::Mapped => "mapped",
            Action::Closed => "closed",
            Action::Duplicated => "duplicated",
        }
    }
}

/// Who did it. Each id is as the kernel printed it; what a record did not say is 4294967295, the
/// kernel's own "unset", and so never root by accident.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the names are the kernel's")]
pub struct Identity {
    pub ppid: u32,
    pub pid: u32,
    pub auid: u32,
    pub uid: u32,
    pub gid: u32,
    pub euid: u32,
    pub egid: u32,
    pub fsuid: u32,
    pub fsgid: u32,
    pub suid: u32,
    pub sgid: u32,
    pub session: u32,
}

impl Identity {
    /// The value of an id that is not set: `(uid_t) -1`.
    pub const UNSET: u32 = u32::MAX;

    /// These ids, and where they are not set, others.
    pub(crate) fn or(self, other: Identity) -> Identity {
        let or = |id, other| if id == Identity::UNSET { other } else { id };
        Identity {
            ppid: or(self.ppid, other.ppid),
            pid: or(self.pid, other.pid),
            auid: or(self.auid, other.auid),
            uid: or(self.uid, other.uid),
            gid: or(self.gid, other.gid),
            euid: or(self.euid, other.euid),
            egid: or(self.egid, other.egid),
            fsuid: or(self.fsuid, other.fsuid),
            fsgid: or(self.fsgid, other.fsgid),
            suid: or(self.suid, other.suid),
            sgid: or(self.sgid, other.sgid),
            session: or(self.session, other.session),
        }
    }

    /// Sets the id that a record calls `key`. Says whether there is one of that name.
    pub(crate) fn set(&mut self, key: &[u8], value: Option<u32>) -> bool {
        let id = match key {
            b"ppid" => &mut self.ppid,
            b"pid" => &mut self.pid,
            b"auid" => &mut self.auid,
            b"uid" => &mut self.uid,
            b"gid" => &mut self.gid,
            b"euid" => &mut self.euid,
            b"egid" => &mut self.egid,
            b"fsuid" => &mut self.fsuid,
            b"fsgid" => &mut self.fsgid,
            b"suid" => &mut self.suid,
            b"sgid" => &mut self.sgid,
            b"ses" => &mut self.session,
            _ => return false,
        };
        *id = value.unwrap_or(Identity::UNSET);
        true
    }
}

impl Default for Identity {
    fn default() -> Identity {
        let unset = Identity::UNSET;
        Identity {
            ppid: unset,
            pid: unset,
            auid: unset,
            uid: unset,
            gid: unset,
            euid: unset,
            egid: unset,
            fsuid: unset,
            fsgid: unset,
            suid: unset,
            sgid: unset,
            session: unset,
        }
    }
}

/// One event. All text is borrowed, from the records or from the arena that it was decoded into,
/// and is bytes: file names and arguments need not be UTF-8.
///
/// The README describes each field under its key in the event line.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the README's table of keys is the description")]
#[non_exhaustive]
pub struct AuditEvent<'a> {
    pub kind: EventKind,
    pub id: EventId,
    pub node: Option<&'a [u8]>,
    pub record_type: RecordType,
    pub arch: Option<&'a [u8]>,
    pub success: Option<&'a [u8]>,
    pub syscall: &'a str,
    pub exit: i64,
    pub ids: Identity,
    pub msg: Option<&'a [u8]>,
    pub terminal: Option<&'a [u8]>,
    pub hostname: Option<&'a [u8]>,
    pub res: Option<&'a [u8]>,
    pub tty: Option<&'a [u8]>,
    pub comm: Option<&'a [u8]>,
    pub key: Option<&'a [u8]>,
    pub cwd: Option<&'a [u8]>,
    pub exe: Option<&'a [u8]>,
    pub commandline: Option<&'a [u8]>,
    pub path: Option<&'a [u8]>,
    pub dest_path: Option<&'a [u8]>,
    pub argv: Option<&'a [&'a [u8]]>,
    pub action: Option<Action>,
    pub inode: Option<u64>,
    pub dev: Option<&'a [u8]>,
    pub mode: Option<&'a [u8]>,
    pub ouid: Option<u32>,
    pub ogid: Option<u32>,
    pub error: Option<&'a str>,
    pub path_unresolved: bool,
    pub op: Option<&'a [u8]>,
    pub acct: Option<&'a [u8]>,
    pub addr: Option<&'a [u8]>,
    pub cmd: Option<&'a [u8]>,
    pub fields: &'a [(&'a [u8], &'a [u8])],
    pub subj: Option<&'a [u8]>,
    pub incomplete: bool,
    pub truncated: bool,
}
