//! Which syscalls make which kind of event, and where their files are named.
//!
//! Everything goes by the name of the call, so that each spelling of each architecture, and the
//! io_uring operation of the same name, is the same thing.

use std::sync::LazyLock;

use crate::model::{Action, Arch, SocketAction, X32_SYSCALL_BIT, syscall_name};

/// A call that makes an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Call {
    /// A program is started.
    Exec(Dir),
    /// A process is made; its id is the return value.
    Fork,
    /// A process or thread ends; its status is the first argument.
    Exit,
    /// A file is touched.
    File(Action, Names),
    /// A call on a socket.
    Socket(SocketAction),
    /// The call on a socket that the first argument stands for.
    Multiplexed,
    /// No kind of its own, but it changes descriptors.
    Silent(Silent),
    /// No kind of its own, but a file that it looks at.
    Look(Names),
}

/// How a call that has no kind of its own changes descriptors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Silent {
    /// It may copy one, or change its flags.
    Fcntl,
    /// It closes a range of them.
    CloseRange,
    /// It may give a thread descriptors of its own.
    Unshare,
    /// It returns one without a path, or two in an FD_PAIR record.
    Returns,
}

/// Where a relative name starts from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Dir {
    /// The working directory.
    Cwd,
    /// The descriptor in this argument, or the working directory for `AT_FDCWD`.
    Arg(usize),
    /// A descriptor that no record tells, as io_uring's.
    Untold,
}

/// How the files of a call are named.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Names {
    /// One file is opened: by the directory and the flags.
    Open(Dir, Flags),
    /// One file that was there before.
    Object(Dir),
    /// One file that was there before, for which a descriptor is returned.
    OpenTree(Dir),
    /// One directory entry is made or removed.
    Entry(Dir),
    /// One entry becomes another.
    Rename(Dir, Dir),
    /// A second entry for the same file.
    Link(Dir, Dir),
    /// An entry that holds a text.
    Symlink(Dir),
    /// Something appears at a directory: from where, to where. mount(2) looks its target up first.
    Mount {
        from: Dir,
        to: Dir,
        target_first: bool,
    },
    /// The descriptor in this argument.
    Descriptor(usize),
    /// The descriptor in the MMAP record.
    Mapped,
    /// A descriptor in this argument is copied to the one that is returned.
    Duplicate(usize),
}

/// Where the flags of an open are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Flags {
    /// In this argument.
    Arg(usize),
    /// In the OPENAT2 record.
    Record,
    /// None are told.
    Untold,
    /// These.
    Fixed(u64),
}

/// `O_CREAT | O_WRONLY | O_TRUNC`, which is what creat(2) means.
const CREAT: u64 = 0o1101;

/// The call of a name, if it makes an event.
fn by_name(name: &str) -> Option<Call> {
    use Action::*;
    use Dir::{Arg, Cwd};
    use Names::*;
    let file = |action, names| Some(Call::File(action, names));
    match name {
        "fcntl" | "fcntl64" => Some(Call::Silent(Silent::Fcntl)),
        "close_range" => Some(Call::Silent(Silent::CloseRange)),
        "unshare" => Some(Call::Silent(Silent::Unshare)),
        "socket"
        | "socketpair"
        | "pipe"
        | "pipe2"
        | "epoll_create"
        | "epoll_create1"
        | "eventfd"
        | "eventfd2"
        | "signalfd"
        | "signalfd4"
        | "timerfd_create"
        | "inotify_init"
        | "inotify_init1"
        | "fanotify_init"
        | "memfd_create"
        | "memfd_secret"
        | "userfaultfd"
        | "perf_event_open"
        | "pidfd_open"
        | "pidfd_getfd"
        | "io_uring_setup"
        | "fsopen"
        | "fspick"
        | "fsmount"
        | "mq_open"
        | "landlock_create_ruleset"
        | "bpf" => Some(Call::Silent(Silent::Returns)),
        "execve" => Some(Call::Exec(Cwd)),
        "execveat" => Some(Call::Exec(Arg(0))),
        "fork" | "vfork" | "clone" | "clone3" => Some(Call::Fork),
        "exit" | "exit_group" => Some(Call::Exit),

        "open" => file(Opened, Open(Cwd, Flags::Arg(1))),
        "openat" => file(Opened, Open(Arg(0), Flags::Arg(2))),
        "openat2" => file(Opened, Open(Arg(0), Flags::Record)),
        "creat" => file(Opened, Open(Cwd, Flags::Fixed(CREAT))),
        "open_by_handle_at" => file(Opened, Open(Dir::Untold, Flags::Arg(2))),
        "open_tree" | "open_tree_attr" => file(Opened, OpenTree(Arg(0))),
        "name_to_handle_at" => file(Opened, Object(Arg(0))),

        "mkdir" | "mknod" => file(Created, Entry(Cwd)),
        "mkdirat" | "mknodat" => file(Created, Entry(Arg(0))),
        "unlink" | "rmdir" => file(Deleted, Entry(Cwd)),
        "unlinkat" => file(Deleted, Entry(Arg(0))),
        "rename" => file(Renamed, Rename(Cwd, Cwd)),
        "renameat" | "renameat2" => file(Renamed, Rename(Arg(0), Arg(2))),
        "link" => file(Linked, Link(Cwd, Cwd)),
        "linkat" => file(Linked, Link(Arg(0), Arg(2))),
        "symlink" => file(Symlinked, Symlink(Cwd)),
        "symlinkat" => file(Symlinked, Symlink(Arg(1))),

        "truncate" | "truncate64" => file(Modified, Object(Cwd)),
        "ftruncate" | "ftruncate64" | "fallocate" => file(Modified, Descriptor(0)),
        "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" => file(Modified, Descriptor(0)),
        "copy_file_range" => file(Modified, Descriptor(2)),

        "chmod" | "chown" | "lchown" | "chown32" | "lchown32" => file(Attributes, Object(Cwd)),
        "fchmodat" | "fchmodat2" | "fchownat" => file(Attributes, Object(Arg(0))),
        "fchmod" | "fchown" | "fchown32" => file(Attributes, Descriptor(0)),
        "setxattr" | "lsetxattr" | "removexattr" | "lremovexattr" => file(Attributes, Object(Cwd)),
        "setxattrat" | "removexattrat" | "file_setattr" => file(Attributes, Object(Arg(0))),
        "fsetxattr" | "fremovexattr" => file(Attributes, Descriptor(0)),
        "utime" | "utimes" => file(Attributes, Object(Cwd)),
        "utimensat" | "utimensat_time64" | "futimesat" => file(Attributes, Object(Arg(0))),

        "mount" => file(
            Mounted,
            Mount {
                from: Cwd,
                to: Cwd,
                target_first: true,
            },
        ),
        "move_mount" => file(
            Mounted,
            Mount {
                from: Arg(0),
                to: Arg(2),
                target_first: false,
            },
        ),
        "mount_setattr" => file(Mounted, Object(Arg(0))),
        "pivot_root" => file(Mounted, Object(Cwd)),
        "umount" | "umount2" => file(Unmounted, Object(Cwd)),

        "read" | "readv" | "pread64" | "preadv" | "preadv2" => file(Read, Descriptor(0)),
        "mmap" | "mmap2" => file(Action::Mapped, Names::Mapped),
        "close" => file(Closed, Descriptor(0)),
        "dup" | "dup2" | "dup3" => file(Duplicated, Duplicate(0)),
        _ => socket_call(name).or_else(|| look(name)),
    }
}

/// The calls on sockets, those of io_uring among them.
fn socket_call(name: &str) -> Option<Call> {
    use SocketAction::*;
    Some(Call::Socket(match name {
        "connect" => Connect,
        "bind" => Bind,
        "listen" => Listen,
        "accept" | "accept4" => Accept,
        "send" | "sendto" | "sendmsg" | "sendmmsg" | "send_zc" | "sendmsg_zc" => Send,
        "recv" | "recvfrom" | "recvmsg" | "recvmmsg" | "recvmmsg_time64" | "recv_zc" => Receive,
        "socketcall" => return Some(Call::Multiplexed),
        _ => return None,
    }))
}

/// The call that the first argument of socketcall stands for (linux/net.h, `SYS_*`).
pub(crate) fn socketcall(number: u64) -> Option<Call> {
    use SocketAction::*;
    Some(match number {
        1 | 8 => Call::Silent(Silent::Returns),
        2 => Call::Socket(Bind),
        3 => Call::Socket(Connect),
        4 => Call::Socket(Listen),
        5 | 18 => Call::Socket(Accept),
        9 | 11 | 16 | 20 => Call::Socket(Send),
        10 | 12 | 17 | 19 => Call::Socket(Receive),
        _ => return None,
    })
}

/// The calls of no kind that are given a file.
fn look(name: &str) -> Option<Call> {
    use Dir::{Arg, Cwd};
    use Names::{Descriptor, Object};
    Some(Call::Look(match name {
        "access" | "acct" | "chdir" | "chroot" | "getxattr" | "inotify_add_watch" | "lgetxattr"
        | "listxattr" | "llistxattr" | "lstat" | "lstat64" | "quotactl" | "readlink" | "stat"
        | "stat64" | "statfs" | "statfs64" | "swapoff" | "swapon" | "uselib" => Object(Cwd),
        "faccessat" | "faccessat2" | "file_getattr" | "fspick" | "fstatat64" | "getxattrat"
        | "listxattrat" | "newfstatat" | "readlinkat" | "statx" => Object(Arg(0)),
        "fanotify_mark" => Object(Dir::Untold),
        "fadvise64" | "fchdir" | "fdatasync" | "fgetxattr" | "flistxattr" | "flock" | "fstat"
        | "fstat64" | "fstatfs" | "fstatfs64" | "fsync" | "getdents" | "getdents64" | "ioctl"
        | "quotactl_fd" | "sendfile" | "sendfile64" | "splice" | "tee" | "vmsplice" => {
            Descriptor(0)
        }
        _ => return None,
    }))
}

/// A syscall as its number stands for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    pub(crate) name: Option<&'static str>,
    pub(crate) call: Option<Call>,
}

/// Numbers below this are looked up in a table made at first use. All tables end well below it,
/// but for the few private calls of arm.
const TABLE: u32 = 1024;

/// What a syscall number means on an architecture.
pub(crate) fn known(arch: Arch, number: u32) -> Known {
    static TABLES: [LazyLock<Box<[Known]>>; 12] = {
        macro_rules! table {
            ($arch:expr) => {
                LazyLock::new(|| (0..TABLE).map(|number| look_up($arch, number)).collect())
            };
        }
        [
            table!(Arch::X86_64),
            table!(Arch::I386),
            table!(Arch::X32),
            table!(Arch::Aarch64),
            table!(Arch::Arm),
            table!(Arch::Riscv64),
            table!(Arch::Ppc64),
            table!(Arch::Ppc64le),
            table!(Arch::S390x),
            table!(Arch::Loongarch64),
            table!(Arch::Ppc),
            table!(Arch::Riscv32),
        ]
    };
    let index = if arch == Arch::X32 {
        number & !X32_SYSCALL_BIT
    } else {
        number
    };
    TABLES
        .get(arch as usize)
        .and_then(|table| table.get(index as usize).copied())
        .unwrap_or_else(|| look_up(arch, number))
}

fn look_up(arch: Arch, number: u32) -> Known {
    let name = syscall_name(arch, number);
    Known {
        name,
        call: name.and_then(by_name),
    }
}

/// What an io_uring operation of this name does. Its arguments are in no record.
pub(crate) fn uring_call(name: &str) -> Option<Call> {
    let (action, names) = match by_name(name)? {
        Call::File(action, names) => (action, names),
        call @ Call::Socket(_) => return Some(call),
        _ => return None,
    };
    let names = match names {
        Names::Open(..) => Names::Open(Dir::Untold, Flags::Untold),
        Names::Object(_) => Names::Object(Dir::Untold),
        Names::OpenTree(_) => Names::OpenTree(Dir::Untold),
        Names::Entry(_) => Names::Entry(Dir::Untold),
        Names::Rename(..) => Names::Rename(Dir::Untold, Dir::Untold),
        Names::Link(..) => Names::Link(Dir::Untold, Dir::Untold),
        Names::Symlink(_) => Names::Symlink(Dir::Untold),
        names => names,
    };
    Some(Call::File(action, names))
}

/// Whether a syscall starts a program: execve or execveat.
///
/// ```
/// use auditrd::{classify::is_exec_syscall, model::Arch};
///
/// assert!(is_exec_syscall(Arch::X86_64, 59));
/// assert!(!is_exec_syscall(Arch::I386, 59)); // there it is oldolduname
/// ```
#[doc(alias = "IsExecSyscall")]
pub fn is_exec_syscall(arch: Arch, number: u32) -> bool {
    matches!(known(arch, number).call, Some(Call::Exec(_)))
}

/// Whether a syscall makes a `fim_event` where a rule records it.
///
/// ```
/// use auditrd::{classify::is_fim_syscall, model::{Arch, syscall_number}};
///
/// let renameat2 = syscall_number(Arch::Aarch64, "renameat2").unwrap();
/// assert!(is_fim_syscall(Arch::Aarch64, renameat2));
/// assert!(!is_fim_syscall(Arch::Aarch64, 9999)); // a name that does not exist is no file call
/// ```
#[doc(alias = "IsFIMSyscall")]
pub fn is_fim_syscall(arch: Arch, number: u32) -> bool {
    matches!(known(arch, number).call, Some(Call::File(..)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::syscall_number;

    #[test]
    fn tables_are_in_the_order_of_the_architectures() {
        for (arch, execve) in [
            (Arch::X86_64, 59),
            (Arch::I386, 11),
            (Arch::X32, 520),
            (Arch::Aarch64, 221),
            (Arch::Arm, 11),
            (Arch::Riscv64, 221),
            (Arch::Ppc64, 11),
            (Arch::Ppc64le, 11),
            (Arch::S390x, 11),
            (Arch::Loongarch64, 221),
            (Arch::Ppc, 11),
            (Arch::Riscv32, 221),
        ] {
            assert_eq!(known(arch, execve).name, Some("execve"), "{arch:?}");
            assert!(is_exec_syscall(arch, execve));
        }
        assert!(is_exec_syscall(Arch::X32, 520 | X32_SYSCALL_BIT));
    }

    #[test]
    fn every_file_call_is_known_wherever_the_architecture_has_it() {
        for name in [
            "openat2",
            "renameat2",
            "unlinkat",
            "fchmodat2",
            "setxattrat",
            "move_mount",
        ] {
            for arch in [
                Arch::X86_64,
                Arch::I386,
                Arch::Aarch64,
                Arch::Arm,
                Arch::S390x,
            ] {
                let number = syscall_number(arch, name).unwrap();
                assert!(is_fim_syscall(arch, number), "{name} on {arch:?}");
            }
        }
        assert!(syscall_number(Arch::Aarch64, "rename").is_none());
        assert!(is_fim_syscall(
            Arch::I386,
            syscall_number(Arch::I386, "chown32").unwrap()
        ));
    }

    #[test]
    fn forks_are_no_file_calls() {
        let clone = syscall_number(Arch::X86_64, "clone").unwrap();
        assert!(!is_fim_syscall(Arch::X86_64, clone) && !is_exec_syscall(Arch::X86_64, clone));
        assert_eq!(known(Arch::X86_64, clone).call, Some(Call::Fork));
    }

    #[test]
    fn an_unknown_number_is_no_call_of_any_kind() {
        for number in [1023, 1024, 99_999, u32::MAX] {
            assert!(known(Arch::X86_64, number).call.is_none());
        }
    }
}
