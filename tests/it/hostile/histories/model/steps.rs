//! The steps of a history, as bytes say them: nearer to zero is simpler.

use super::{
    tasks::{Task, Tasks},
    tree::{At, Root, Tree},
};

/// Bytes that one step takes.
pub(crate) const STEP: usize = 14;

/// What a process does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Call {
    Open,
    Openat,
    Openat2,
    Creat,
    Mkdir,
    Mkdirat,
    Mknodat,
    Rmdir,
    Unlink,
    Unlinkat,
    Rename,
    Renameat,
    Renameat2,
    Link,
    Linkat,
    Symlink,
    Symlinkat,
    Truncate,
    Ftruncate,
    Chmod,
    Fchmod,
    Fchmodat,
    Lchown,
    Fchown,
    Fchownat,
    Setxattr,
    Fsetxattr,
    Utimensat,
    Futimens,
    Close,
    Dup,
    Dup2,
    Dup3,
    DupFd,
    SetFd,
    CloseRange,
    Socket,
    Pipe,
    Accept,
    Receive,
    Fork,
    Vfork,
    Clone,
    Execve,
    Execveat,
    Exit,
    ExitThread,
    Chdir,
    Fchdir,
    Chroot,
    Unshare,
    BindMount,
    MountTmpfs,
    Umount,
}

/// How often each is done, in parts of their sum.
const CALLS: [(Call, u32); 54] = [
    (Call::Fchmod, 12),
    (Call::Ftruncate, 8),
    (Call::Openat, 40),
    (Call::Open, 12),
    (Call::Openat2, 6),
    (Call::Creat, 4),
    (Call::Unlinkat, 24),
    (Call::Unlink, 6),
    (Call::Rmdir, 6),
    (Call::Mkdirat, 16),
    (Call::Mkdir, 6),
    (Call::Mknodat, 4),
    (Call::Renameat, 20),
    (Call::Rename, 8),
    (Call::Renameat2, 10),
    (Call::Linkat, 10),
    (Call::Link, 4),
    (Call::Symlinkat, 8),
    (Call::Symlink, 4),
    (Call::Fchmodat, 16),
    (Call::Chmod, 6),
    (Call::Truncate, 4),
    (Call::Fchownat, 8),
    (Call::Lchown, 4),
    (Call::Fchown, 4),
    (Call::Setxattr, 4),
    (Call::Fsetxattr, 4),
    (Call::Utimensat, 4),
    (Call::Futimens, 4),
    (Call::Close, 20),
    (Call::Dup, 6),
    (Call::Dup2, 6),
    (Call::Dup3, 6),
    (Call::DupFd, 8),
    (Call::SetFd, 4),
    (Call::CloseRange, 4),
    (Call::Socket, 6),
    (Call::Pipe, 4),
    (Call::Accept, 4),
    (Call::Receive, 4),
    (Call::Fork, 8),
    (Call::Vfork, 6),
    (Call::Clone, 10),
    (Call::Execve, 10),
    (Call::Execveat, 4),
    (Call::Exit, 8),
    (Call::ExitThread, 3),
    (Call::Chdir, 10),
    (Call::Fchdir, 6),
    (Call::Chroot, 4),
    (Call::Unshare, 4),
    (Call::BindMount, 6),
    (Call::MountTmpfs, 4),
    (Call::Umount, 4),
];

/// How a call is denied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Denied {
    No,
    /// On the way to the name.
    Search,
    /// At the last part.
    Last,
}

/// What is lost of the event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lost {
    Nothing,
    /// All of it; the serial too, or not.
    Event {
        serial: bool,
    },
    /// One of its records.
    Record(u8),
}

/// A name, to be made from what there is when it is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spelling([u8; 3]);

/// The directory of a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Dir {
    Cwd,
    Fd(u32),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) who: u8,
    pub(crate) call: Call,
    pub(crate) lost: Lost,
    pub(crate) bits: u8,
    pub(crate) dirs: [u8; 2],
    pub(crate) names: [Spelling; 2],
    pub(crate) denied: Denied,
    /// How late the host is asked, and the record of a fork comes.
    pub(crate) late: u8,
}

impl Step {
    pub(crate) fn decode(bytes: &[u8]) -> Step {
        let byte = |index: usize| bytes.get(index).copied().unwrap_or(0);
        let name = |at| Spelling([byte(at), byte(at + 1), byte(at + 2)]);
        Step {
            who: byte(0),
            call: call(byte(1), byte(13)),
            bits: byte(2),
            dirs: [byte(3), byte(7)],
            names: [name(4), name(8)],
            denied: match byte(11) & 0x1f {
                30 => Denied::Search,
                31 => Denied::Last,
                _ => Denied::No,
            },
            late: byte(11) >> 5,
            lost: match byte(12) {
                200.. => Lost::Event {
                    serial: byte(12) & 1 == 1,
                },
                index @ 150..200 => Lost::Record(index - 150),
                _ => Lost::Nothing,
            },
        }
    }
}

fn call(high: u8, low: u8) -> Call {
    let sum: u32 = CALLS.iter().map(|(_, weight)| weight).sum();
    let mut left = (u32::from(u16::from_be_bytes([high, low])) * sum) >> 16;
    for (call, weight) in CALLS {
        match left.checked_sub(weight) {
            Some(less) => left = less,
            None => return call,
        }
    }
    unreachable!("it is less than the sum")
}

/// Names that are made. One has to be printed in hex, and one ends as a removed directory's does.
const NAMES: [&str; 8] = ["a", "b", "f", "g", "l", "new", "x y", "a (deleted)"];

impl Spelling {
    /// The text: of names that are there, but for the last one of what is to be made.
    pub(crate) fn text(self, tree: &Tree, base: Option<At>, root: Root, fresh: bool) -> String {
        let [head, one, two] = self.0;
        let count = [1, 1, 2, 3][usize::from(head & 3)];
        let absolute = head >> 2 & 3 == 3;
        let (slash, end) = match head >> 4 {
            15 => ("/", "/"),
            14 => ("//", ""),
            13 => ("/./", ""),
            12 => ("/", "//"),
            _ => ("/", ""),
        };
        let mut here = if absolute { Some(root) } else { base };
        let nibbles = [one & 15, one >> 4, two & 15, two >> 4];
        let mut parts = Vec::new();
        for (index, nibble) in nibbles.into_iter().enumerate().take(count) {
            let is_last = index + 1 == count;
            let part = part(tree, here, nibble, is_last, fresh);
            here = here.and_then(|here| tree.look_up(here, root, &part, true).ok());
            parts.push(part);
        }
        let start = if absolute { "/" } else { "" };
        format!("{start}{}{end}", parts.join(slash))
    }
}

fn part(tree: &Tree, here: Option<At>, nibble: u8, is_last: bool, fresh: bool) -> String {
    let name = NAMES[usize::from(nibble & 7)].to_owned();
    if is_last && fresh && nibble < 13 {
        return name;
    }
    let there: Vec<&str> = here
        .and_then(|here| tree.children(here.dentry))
        .into_iter()
        .flatten()
        .filter(|(_, child)| is_last || !matches!(tree.kind(**child), super::tree::Kind::File))
        .map(|(name, _)| &**name)
        .collect();
    match nibble {
        15 => "..".to_owned(),
        14 => ".".to_owned(),
        13 => name,
        _ if there.is_empty() => name,
        _ => there[usize::from(nibble) % there.len()].to_owned(),
    }
}

/// A descriptor that no process has.
const NONE: u32 = 40;

impl Step {
    /// The directory of a name: the working directory, or a descriptor that is there.
    pub(crate) fn dir(&self, index: usize, tree: &Tree, tasks: &Tasks, task: &Task) -> Dir {
        let byte = self.dirs[index];
        if byte < 96 {
            return Dir::Cwd;
        }
        let table = &tasks.tables[task.table];
        let is_directory = |at: At| tree.is_directory(at.dentry);
        let directories: Vec<u32> = table
            .iter()
            .filter(|(_, open)| is_directory(open.at))
            .map(|(fd, _)| *fd)
            .collect();
        match byte & 31 {
            31 => Dir::Fd(self.descriptor(index, tasks, task)),
            _ if directories.is_empty() => Dir::Cwd,
            byte => Dir::Fd(directories[usize::from(byte) % directories.len()]),
        }
    }

    /// A descriptor that is there, or rarely one that is not.
    pub(crate) fn descriptor(&self, index: usize, tasks: &Tasks, task: &Task) -> u32 {
        let byte = usize::from(self.dirs[index]);
        let table = &tasks.tables[task.table];
        match table.keys().nth(byte % table.len().max(1)) {
            Some(fd) if byte & 15 != 15 => *fd,
            _ => NONE,
        }
    }
}
