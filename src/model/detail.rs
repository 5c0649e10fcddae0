//! The part of an event that depends on its kind.

use crate::model::{EventKind, SocketDetail};

/// The part of an event that depends on its kind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Detail<'a> {
    /// A program was executed, or a process was created.
    Process(ProcessDetail<'a>),
    /// A file was opened, created, changed, renamed, linked, removed or mounted.
    File(FileDetail<'a>),
    /// A program reported something, such as a login.
    User(UserDetail<'a>),
    /// A call on a socket.
    Socket(SocketDetail<'a>),
    /// Everything else.
    Audit(AuditDetail<'a>),
}

impl Detail<'_> {
    /// The kind of the event.
    pub fn kind(&self) -> EventKind {
        match self {
            Detail::Process(_) => EventKind::Process,
            Detail::File(_) => EventKind::Fim,
            Detail::User(_) => EventKind::User,
            Detail::Socket(_) => EventKind::Socket,
            Detail::Audit(_) => EventKind::Audit,
        }
    }
}

/// A program that was executed, or a process that was created.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProcessDetail<'a> {
    /// The operation that the call did or, if it failed, tried to do.
    pub action: ProcessAction,
    /// The arguments, joined so that a POSIX shell reads the same words back; for a fork, the
    /// process title of the parent, which the kernel cuts at 128 bytes (PROCTITLE).
    pub commandline: Option<&'a [u8]>,
    /// The file that the caller asked to execute, which may be a script (PATH).
    pub path: Option<&'a [u8]>,
    /// Where that file really is, if its inode is known to be somewhere else than `path` says:
    /// behind a symbolic link or a bind mount, or in another root.
    pub real_path: Option<&'a [u8]>,
    /// Whether `path` is less than a full path because its base directory is not known.
    pub path_unresolved: bool,
    /// The arguments, from `argv[0]` (EXECVE); absent for a fork or an exec that failed early.
    pub argv: Option<&'a [&'a [u8]]>,
    /// The attributes of the file that the caller asked to execute.
    pub attributes: Attributes<'a>,
}

/// The operation of a [`ProcessDetail`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ProcessAction {
    /// Executed a program, with execve or execveat.
    Executed,
    /// Created a process, with fork, vfork, clone or clone3. The `exit` of the event is its process
    /// id.
    Forked,
    /// Created a thread, with clone and CLONE_THREAD. The `exit` of the event is its thread id.
    Thread,
    /// Ended, with exit or exit_group. The `exit` of the event is the status.
    Exited,
}

impl ProcessAction {
    /// The name of the action, such as `executed`.
    pub fn name(self) -> &'static str {
        match self {
            ProcessAction::Executed => "executed",
            ProcessAction::Forked => "forked",
            ProcessAction::Thread => "thread",
            ProcessAction::Exited => "exited",
        }
    }
}

/// An operation on one file, or on two names.
///
/// For a rename and a hard link, `path` is the old name and `dest_path` the new one. For a symbolic
/// link, `path` is its text, as given, and `dest_path` the link. For a mount, they are the source
/// and the mount point.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileDetail<'a> {
    /// The operation.
    pub action: Action,
    /// The process title on one line, which the kernel cuts at 128 bytes (PROCTITLE).
    pub commandline: Option<&'a [u8]>,
    /// The path of the file, or the first of two names.
    pub path: Option<&'a [u8]>,
    /// The second of two names.
    pub dest_path: Option<&'a [u8]>,
    /// Where the file of `path` really is, if inodes show that it is somewhere else: behind a
    /// symbolic link or a bind mount, or in another root.
    pub real_path: Option<&'a [u8]>,
    /// The same of `dest_path`.
    pub real_dest_path: Option<&'a [u8]>,
    /// Whether a path is less than a full path: its base directory is not known, or, if it ends
    /// with a `/`, only the directory of the file is.
    pub path_unresolved: bool,
    /// The attributes of the file; of two names, of the second.
    pub attributes: Attributes<'a>,
}

/// The attributes of a file, from its PATH record.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Attributes<'a> {
    /// The inode number (`inode`).
    pub inode: Option<u64>,
    /// The device of the file system, `major:minor` in hex, as printed (`dev`).
    pub dev: Option<&'a [u8]>,
    /// Type and permissions, `st_mode` in octal, as printed (`mode`).
    pub mode: Option<&'a [u8]>,
    /// The user id of the owner (`ouid`).
    pub ouid: Option<u32>,
    /// The group id of the owner (`ogid`).
    pub ogid: Option<u32>,
}

/// The operation on a file that a call did or, if it failed, tried to do.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// Opened an existing file.
    Opened,
    /// Created a file or a directory, by opening it or otherwise.
    Created,
    /// Wrote, truncated or allocated content.
    Modified,
    /// Removed a directory entry.
    Deleted,
    /// Moved a directory entry, or exchanged two.
    Renamed,
    /// Created a hard link.
    Linked,
    /// Created a symbolic link.
    Symlinked,
    /// Changed mode, owner, times or extended attributes.
    Attributes,
    /// Attached, moved or changed a mount.
    Mounted,
    /// Detached a mount.
    Unmounted,
    /// Read from a descriptor.
    Read,
    /// Mapped into memory.
    Mapped,
    /// Closed a descriptor.
    Closed,
    /// Duplicated a descriptor.
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

/// The message of a program, in a record from user space or in LOGIN.
///
/// The texts are the program's own claims, but for LOGIN, which the kernel writes. A value that
/// only says that there is none, such as `?`, is left out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UserDetail<'a> {
    /// The text inside `msg='…'`, not decoded.
    pub msg: Option<&'a [u8]>,
    /// The terminal (`terminal`).
    pub terminal: Option<&'a [u8]>,
    /// The remote host name (`hostname`).
    pub hostname: Option<&'a [u8]>,
    /// The outcome as the record spells it (`res`).
    pub res: Option<&'a [u8]>,
    /// The operation (`op`), such as `login`.
    pub op: Option<&'a [u8]>,
    /// The account that the message is about (`acct`).
    pub acct: Option<&'a [u8]>,
    /// The remote address (`addr`).
    pub addr: Option<&'a [u8]>,
    /// The command that was run (`cmd` in USER_CMD).
    pub cmd: Option<&'a [u8]>,
    /// All other fields of the record, decoded, in the order of the record. A name that occurs
    /// again gets `_2`, `_3` and so on appended.
    pub fields: &'a [(&'a [u8], &'a [u8])],
}

/// An event of no other kind: a call, or a record that stands alone. What it says is in the
/// [`records`](crate::model::AuditEvent::records) of the event.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AuditDetail<'a> {
    /// The operation, if the type of the record has an obvious one, such as `denied` for a denial
    /// of SELinux.
    pub action: Option<&'a [u8]>,
    /// The process title on one line, which the kernel cuts at 128 bytes (PROCTITLE).
    pub commandline: Option<&'a [u8]>,
    /// The path of the file that the call was given, if it was one.
    pub path: Option<&'a [u8]>,
    /// Where that file really is, if that is known to be elsewhere.
    pub real_path: Option<&'a [u8]>,
    /// Whether `path` is less than a full path because its base directory is not known.
    pub path_unresolved: bool,
}
