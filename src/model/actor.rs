//! Who did it: the process behind an event.

/// The process that an event is about, as its records describe it.
///
/// In a record from user space it is the process that sent the record; the account that the record
/// is about is in [`UserDetail`](crate::model::UserDetail).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Actor<'a> {
    /// The ids of the process, its users, its groups and its session.
    pub ids: Identity,
    /// The controlling terminal, such as `pts0`.
    pub tty: Option<&'a [u8]>,
    /// The name of the task, at most 15 bytes (`TASK_COMM_LEN` in linux/sched.h).
    pub comm: Option<&'a [u8]>,
    /// The path of the executable, in the mount namespace of the process.
    pub exe: Option<&'a [u8]>,
    /// The label that a Linux security module gave the process (`subj`).
    pub subj: Option<&'a [u8]>,
}

/// The ids of a process, as the kernel printed them. An id that the record does not have is
/// [`UNSET`](Self::UNSET), so a missing field never reads as root.
///
/// Process ids are those of the initial pid namespace, user and group ids those of the initial user
/// namespace (kernel/auditsc.c, `audit_log_task_info`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Identity {
    /// Process id of the parent.
    pub ppid: u32,
    /// Process id.
    pub pid: u32,
    /// Login user id: set at login and kept across su and sudo; unset for daemons.
    pub auid: u32,
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// Effective user id.
    pub euid: u32,
    /// Effective group id.
    pub egid: u32,
    /// User id for access to files.
    pub fsuid: u32,
    /// Group id for access to files.
    pub fsgid: u32,
    /// Saved user id.
    pub suid: u32,
    /// Saved group id.
    pub sgid: u32,
    /// Audit session (`ses`): numbered by the kernel at login; unset for daemons.
    pub session: u32,
}

impl Identity {
    /// The value of an id that is not set: `(uid_t) -1`.
    pub const UNSET: u32 = u32::MAX;

    /// These ids, each replaced by the one in `other` if it is unset.
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

    /// Sets the id that records name `key`. Returns whether there is one of that name.
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
