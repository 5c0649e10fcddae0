//! Names for the kernel's numbers: syscalls, io_uring operations and errors.
//!
//! The syscalls of each architecture come from the crate `syscalls`. This file corrects the
//! differences between its tables and the kernel: missing syscalls, syscalls that do not exist, the
//! x32 ABI, and different spellings.

use crate::model::{Arch, X32_SYSCALL_BIT};

/// The first syscall number that only x32 has.
const X32_FIRST: u32 = 512;

/// The syscalls that only x32 has, from 512 on: they take structs whose layout depends on the size
/// of pointers. From `linux/arch/x86/entry/syscalls/syscall_64.tbl`.
const X32_NAMES: [&str; 36] = [
    "rt_sigaction",
    "rt_sigreturn",
    "ioctl",
    "readv",
    "writev",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "execve",
    "ptrace",
    "rt_sigpending",
    "rt_sigtimedwait",
    "rt_sigqueueinfo",
    "sigaltstack",
    "timer_create",
    "mq_notify",
    "kexec_load",
    "waitid",
    "set_robust_list",
    "get_robust_list",
    "vmsplice",
    "move_pages",
    "preadv",
    "pwritev",
    "rt_tgsigqueueinfo",
    "recvmmsg",
    "sendmmsg",
    "process_vm_readv",
    "process_vm_writev",
    "setsockopt",
    "getsockopt",
    "io_setup",
    "io_submit",
    "execveat",
    "preadv2",
    "pwritev2",
];

/// Syscalls newer than the crate's tables, with the same number on every architecture. From
/// `linux/scripts/syscall.tbl`.
const NEW: &[(u32, &str)] = &[(470, "listns"), (471, "rseq_slice_yield")];

/// Syscalls of 32-bit ARM that the crate lacks: those of the old ABI (`oabi` in
/// `linux/arch/arm/tools/syscall.tbl`), and those private to the architecture (`__ARM_NR_*` in
/// `linux/arch/arm/include/uapi/asm/unistd.h`).
const ARM: &[(u32, &str)] = &[
    (13, "time"),
    (22, "umount"),
    (25, "stime"),
    (27, "alarm"),
    (30, "utime"),
    (76, "getrlimit"),
    (82, "select"),
    (89, "readdir"),
    (90, "mmap"),
    (102, "socketcall"),
    (113, "syscall"),
    (117, "ipc"),
    (0xf_0001, "breakpoint"),
    (0xf_0002, "cacheflush"),
    (0xf_0003, "usr26"),
    (0xf_0004, "usr32"),
    (0xf_0005, "set_tls"),
    (0xf_0006, "get_tls"),
];

/// The only syscall of 64-bit ARM and LoongArch whose name in the crate differs from the kernel's
/// headers.
const AARCH64: &[(u32, &str)] = &[(79, "newfstatat")];

/// Other spellings and the kernel's name for the same syscall. Most are auditd's, and so occur in
/// rules and enriched logs. An alias applies only if the architecture has no syscall of that name.
const ALIASES: &[(&str, &str)] = &[
    ("fadvise64_64", "arm_fadvise64_64"),
    ("fstatat", "newfstatat"),
    ("fstatat64", "newfstatat"),
    ("getdents", "getdents64"),
    ("llseek", "_llseek"),
    ("newfstat", "fstat"),
    ("newselect", "_newselect"),
    ("perf_counter_open", "perf_event_open"),
    ("pread", "pread64"),
    ("pwrite", "pwrite64"),
    ("sched_rr_get_interval64", "sched_rr_get_interval_time64"),
    ("sync_file_range", "arm_sync_file_range"),
    ("sys_kexec_load", "kexec_load"),
    ("sysctl", "_sysctl"),
    ("timerfd", "timerfd_create"),
    ("umount", "umount2"),
];

/// The tables that take precedence over the crate's.
fn own_tables(arch: Arch) -> [&'static [(u32, &'static str)]; 2] {
    match arch {
        Arch::Arm => [NEW, ARM],
        Arch::Aarch64 | Arch::Loongarch64 => [NEW, AARCH64],
        _ => [NEW, &[]],
    }
}

/// The crate's name for a number.
fn crate_name(arch: Arch, nr: u32) -> Option<&'static str> {
    let id = usize::try_from(nr).ok()?;
    let name = match arch {
        Arch::X86_64 | Arch::X32 => syscalls::x86_64::Sysno::new(id)?.name(),
        Arch::I386 => syscalls::x86::Sysno::new(id)?.name(),
        Arch::Aarch64 => match nr {
            // Only 32-bit architectures have the syscalls with 64-bit times, but the crate lists
            // them here too.
            403..=423 => return None,
            _ => syscalls::aarch64::Sysno::new(id)?.name(),
        },
        Arch::Loongarch64 => match nr {
            403..=423 => return None,
            _ => syscalls::loongarch64::Sysno::new(id)?.name(),
        },
        Arch::Arm => syscalls::arm::Sysno::new(id)?.name(),
        Arch::Riscv64 => syscalls::riscv64::Sysno::new(id)?.name(),
        Arch::Ppc64 | Arch::Ppc64le => syscalls::powerpc64::Sysno::new(id)?.name(),
        Arch::S390x => syscalls::s390x::Sysno::new(id)?.name(),
        Arch::Ppc => syscalls::powerpc::Sysno::new(id)?.name(),
        Arch::Riscv32 => syscalls::riscv32::Sysno::new(id)?.name(),
    };
    // The crate's names are Rust identifiers, and `break` is a keyword.
    Some(name.strip_prefix("r#").unwrap_or(name))
}

/// The crate's number for a name.
fn crate_number(arch: Arch, name: &str) -> Option<u32> {
    let name = match name {
        "break" => "r#break",
        "r#break" => return None,
        _ => name,
    };
    let id = match arch {
        Arch::X86_64 | Arch::X32 => name.parse().map(|call: syscalls::x86_64::Sysno| call.id()),
        Arch::I386 => name.parse().map(|call: syscalls::x86::Sysno| call.id()),
        Arch::Aarch64 => name.parse().map(|call: syscalls::aarch64::Sysno| call.id()),
        Arch::Arm => name.parse().map(|call: syscalls::arm::Sysno| call.id()),
        Arch::Riscv64 => name.parse().map(|call: syscalls::riscv64::Sysno| call.id()),
        Arch::Ppc64 | Arch::Ppc64le => name
            .parse()
            .map(|call: syscalls::powerpc64::Sysno| call.id()),
        Arch::S390x => name.parse().map(|call: syscalls::s390x::Sysno| call.id()),
        Arch::Loongarch64 => name
            .parse()
            .map(|call: syscalls::loongarch64::Sysno| call.id()),
        Arch::Ppc => name.parse().map(|call: syscalls::powerpc::Sysno| call.id()),
        Arch::Riscv32 => name.parse().map(|call: syscalls::riscv32::Sysno| call.id()),
    };
    u32::try_from(id.ok()?).ok()
}

/// The name of a syscall.
///
/// The number is the value of `syscall=` in a record. For x32, the bit that marks its numbers may
/// be set or not.
///
/// ```
/// use auditrd::model::{Arch, syscall_name};
///
/// assert_eq!(syscall_name(Arch::X86_64, 59), Some("execve"));
/// assert_eq!(syscall_name(Arch::I386, 59), Some("oldolduname"));
/// assert_eq!(syscall_name(Arch::X86_64, 99_999), None);
/// ```
#[doc(alias = "SyscallName")]
pub fn syscall_name(arch: Arch, nr: u32) -> Option<&'static str> {
    let nr = match arch {
        Arch::X32 => nr & !X32_SYSCALL_BIT,
        _ => nr,
    };
    if arch == Arch::X32
        && let Some(index) = nr.checked_sub(X32_FIRST)
    {
        return X32_NAMES.get(usize::try_from(index).ok()?).copied();
    }
    own_tables(arch)
        .into_iter()
        .flatten()
        .find_map(|(own, name)| (*own == nr).then_some(*name))
        .or_else(|| crate_name(arch, nr))
}

/// The number of a syscall, by the kernel's name or one of auditd's spellings. Numbers of x32
/// include the bit that marks them.
///
/// ```
/// use auditrd::model::{Arch, syscall_number};
///
/// assert_eq!(syscall_number(Arch::Aarch64, "unlinkat"), Some(35));
/// assert_eq!(syscall_number(Arch::X86_64, "pread"), syscall_number(Arch::X86_64, "pread64"));
/// assert_eq!(syscall_number(Arch::Aarch64, "unlink"), None); // there is no such call there
/// ```
#[doc(alias = "SyscallNumber")]
pub fn syscall_number(arch: Arch, name: &str) -> Option<u32> {
    number_of(arch, name).or_else(|| {
        let (_, kernels) = ALIASES.iter().find(|(alias, _)| *alias == name)?;
        number_of(arch, kernels)
    })
}

/// The number of a syscall, by the kernel's name only.
fn number_of(arch: Arch, name: &str) -> Option<u32> {
    let mark = match arch {
        Arch::X32 => X32_SYSCALL_BIT,
        _ => 0,
    };
    if arch == Arch::X32
        && let Some((nr, _)) = (X32_FIRST..).zip(X32_NAMES).find(|(_, own)| *own == name)
    {
        return Some(nr | mark);
    }
    own_tables(arch)
        .into_iter()
        .flatten()
        .find_map(|(nr, own)| (*own == name).then_some(*nr))
        .or_else(|| crate_number(arch, name))
        .map(|nr| nr | mark)
        // Rejects numbers whose name the tables above have changed.
        .filter(|nr| syscall_name(arch, *nr) == Some(name))
}

/// The operations of io_uring, indexed by opcode: `enum io_uring_op` in
/// `linux/include/uapi/linux/io_uring.h`, in lower case and without `IORING_OP_`.
const URING_OPS: [&str; 65] = [
    "nop",
    "readv",
    "writev",
    "fsync",
    "read_fixed",
    "write_fixed",
    "poll_add",
    "poll_remove",
    "sync_file_range",
    "sendmsg",
    "recvmsg",
    "timeout",
    "timeout_remove",
    "accept",
    "async_cancel",
    "link_timeout",
    "connect",
    "fallocate",
    "openat",
    "close",
    "files_update",
    "statx",
    "read",
    "write",
    "fadvise",
    "madvise",
    "send",
    "recv",
    "openat2",
    "epoll_ctl",
    "splice",
    "provide_buffers",
    "remove_buffers",
    "tee",
    "shutdown",
    "renameat",
    "unlinkat",
    "mkdirat",
    "symlinkat",
    "linkat",
    "msg_ring",
    "fsetxattr",
    "setxattr",
    "fgetxattr",
    "getxattr",
    "socket",
    "uring_cmd",
    "send_zc",
    "sendmsg_zc",
    "read_multishot",
    "waitid",
    "futex_wait",
    "futex_wake",
    "futex_waitv",
    "fixed_fd_install",
    "ftruncate",
    "bind",
    "listen",
    "recv_zc",
    "epoll_wait",
    "readv_fixed",
    "writev_fixed",
    "pipe",
    "nop128",
    "uring_cmd128",
];

/// The name of an io_uring operation, such as `openat`, by the value of `uring_op=` in a `URINGOP`
/// record.
///
/// ```
/// assert_eq!(auditrd::model::uring_op_name(18), Some("openat"));
/// ```
pub fn uring_op_name(op: u32) -> Option<&'static str> {
    URING_OPS.get(usize::try_from(op).ok()?).copied()
}

/// The name of an error, such as `ENOENT` for -2, by the value of `exit=`; `None` if the value is
/// not an error.
///
/// The names are those of `linux/include/uapi/asm-generic/errno.h`, and from 512 on those of
/// `linux/include/linux/errno.h`. Programs never see the latter, but records have them if a signal
/// interrupted a syscall that the kernel then restarted, such as `ERESTARTSYS`.
///
/// ```
/// assert_eq!(auditrd::model::errno_name(-2), Some("ENOENT"));
/// assert_eq!(auditrd::model::errno_name(2), None);
/// ```
pub fn errno_name(exit: i64) -> Option<&'static str> {
    match exit {
        -4095..=-1 => syscalls::Errno::new(i32::try_from(-exit).ok()?).name(),
        _ => None,
    }
}

/// The part of an `AUDIT_ARCH_*` value that is the ELF machine number (linux/elf-em.h).
const ELF_MACHINE: u32 = 0xffff;
// Architectures with error numbers of their own.
const EM_SPARC: u32 = 2;
const EM_MIPS: u32 = 8;
const EM_PARISC: u32 = 15;
const EM_SPARCV9: u32 = 43;
const EM_ALPHA: u32 = 0x9026;

/// As [`errno_name`], of a call on the architecture of an `AUDIT_ARCH_*` value. `None` if the error
/// has another number there: on MIPS, SPARC, PA-RISC and Alpha, only the numbers up to 34
/// (`asm-generic/errno-base.h`) and from 512 on are the same, and on Alpha not 11.
pub(crate) fn errno_name_on(audit_arch: u32, exit: i64) -> Option<&'static str> {
    let is_same = match audit_arch & ELF_MACHINE {
        EM_SPARC | EM_MIPS | EM_PARISC | EM_SPARCV9 => !matches!(exit, -511..=-35),
        EM_ALPHA => !matches!(exit, -511..=-35 | -11),
        _ => true,
    };
    is_same.then(|| errno_name(exit)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Arch; 12] = [
        Arch::X86_64,
        Arch::I386,
        Arch::X32,
        Arch::Aarch64,
        Arch::Arm,
        Arch::Riscv64,
        Arch::Ppc64,
        Arch::Ppc64le,
        Arch::S390x,
        Arch::Loongarch64,
        Arch::Ppc,
        Arch::Riscv32,
    ];

    /// All numbers that the tables can contain, with and without the bits of x32 and of ARM's
    /// private syscalls.
    fn numbers() -> impl Iterator<Item = u32> {
        (0..1024)
            .chain(0xf_0000..0xf_0010)
            .chain((0..1024).map(|nr| nr | X32_SYSCALL_BIT))
    }

    #[test]
    fn syscalls_have_the_numbers_of_each_architecture() {
        for (arch, execve, openat, unlinkat, renameat2) in [
            (Arch::X86_64, 59, 257, 263, 316),
            (Arch::I386, 11, 295, 301, 353),
            (
                Arch::X32,
                520 | X32_SYSCALL_BIT,
                257 | X32_SYSCALL_BIT,
                263 | X32_SYSCALL_BIT,
                316 | X32_SYSCALL_BIT,
            ),
            (Arch::Aarch64, 221, 56, 35, 276),
            (Arch::Arm, 11, 322, 328, 382),
            (Arch::Riscv64, 221, 56, 35, 276),
            (Arch::Ppc64, 11, 286, 292, 357),
            (Arch::Ppc64le, 11, 286, 292, 357),
            (Arch::S390x, 11, 288, 294, 347),
        ] {
            for (name, nr) in [
                ("execve", execve),
                ("openat", openat),
                ("unlinkat", unlinkat),
                ("renameat2", renameat2),
            ] {
                assert_eq!(syscall_name(arch, nr), Some(name), "{arch:?} {nr}");
                assert_eq!(syscall_number(arch, name), Some(nr), "{arch:?} {name}");
            }
        }
    }

    #[test]
    fn every_name_maps_to_a_number_of_that_name() {
        for arch in ALL {
            for name in numbers().filter_map(|nr| syscall_name(arch, nr)) {
                let nr = syscall_number(arch, name);
                assert_eq!(nr.and_then(|nr| syscall_name(arch, nr)), Some(name));
            }
        }
    }

    #[test]
    fn every_number_with_a_unique_name_maps_back() {
        for arch in ALL.into_iter().filter(|arch| *arch != Arch::X32) {
            for nr in numbers() {
                if let Some(name) = syscall_name(arch, nr) {
                    assert_eq!(syscall_number(arch, name), Some(nr), "{arch:?} {name}");
                }
            }
        }
    }

    #[test]
    fn names_are_never_raw_identifiers_of_rust() {
        for arch in [Arch::I386, Arch::Ppc64, Arch::Ppc64le] {
            assert_eq!(syscall_name(arch, 17), Some("break"));
            assert_eq!(syscall_number(arch, "break"), Some(17));
            assert_eq!(syscall_number(arch, "r#break"), None);
        }
        assert_eq!(syscall_number(Arch::X86_64, "break"), None);
        for arch in ALL {
            let mut names = numbers().filter_map(|nr| syscall_name(arch, nr));
            assert!(names.all(|name| !name.contains('#')));
        }
    }

    #[test]
    fn the_newest_syscalls_are_known_on_every_architecture() {
        for arch in ALL {
            assert_eq!(syscall_name(arch, 469), Some("file_setattr"));
            assert_eq!(syscall_name(arch, 470), Some("listns"));
            assert_eq!(syscall_name(arch, 471), Some("rseq_slice_yield"));
            let mark = if arch == Arch::X32 {
                X32_SYSCALL_BIT
            } else {
                0
            };
            assert_eq!(syscall_number(arch, "listns"), Some(470 | mark));
        }
    }

    #[test]
    fn syscalls_of_the_old_abi_of_arm_are_known() {
        assert_eq!(syscall_name(Arch::Arm, 22), Some("umount"));
        assert_eq!(syscall_name(Arch::Arm, 90), Some("mmap"));
        assert_eq!(syscall_name(Arch::Arm, 102), Some("socketcall"));
        assert_eq!(syscall_number(Arch::Arm, "ipc"), Some(117));
        assert_eq!(syscall_name(Arch::Arm, 0xf_0005), Some("set_tls"));
    }

    #[test]
    fn aarch64_has_the_syscalls_of_a_64_bit_kernel() {
        assert_eq!(syscall_name(Arch::Aarch64, 79), Some("newfstatat"));
        assert_eq!(syscall_number(Arch::Aarch64, "newfstatat"), Some(79));
        assert_eq!(syscall_number(Arch::Aarch64, "fstatat"), Some(79));
        assert_eq!(syscall_name(Arch::Aarch64, 403), None);
        assert_eq!(syscall_number(Arch::Aarch64, "clock_gettime64"), None);
        assert_eq!(syscall_name(Arch::Arm, 403), Some("clock_gettime64"));
        assert_eq!(syscall_name(Arch::Aarch64, 424), Some("pidfd_send_signal"));
    }

    #[test]
    fn x32_has_its_own_numbers_and_those_of_x86_64() {
        for (nr, name) in [(512, "rt_sigaction"), (520, "execve"), (547, "pwritev2")] {
            assert_eq!(syscall_name(Arch::X32, nr | X32_SYSCALL_BIT), Some(name));
            assert_eq!(syscall_number(Arch::X32, name), Some(nr | X32_SYSCALL_BIT));
            assert_eq!(syscall_name(Arch::X86_64, nr), None);
            assert_eq!(syscall_name(Arch::X86_64, nr | X32_SYSCALL_BIT), None);
        }
        assert_eq!(syscall_name(Arch::X32, 548 | X32_SYSCALL_BIT), None);
        assert_eq!(
            syscall_name(Arch::X32, 257 | X32_SYSCALL_BIT),
            Some("openat")
        );
        assert_eq!(
            syscall_number(Arch::X32, "openat"),
            Some(257 | X32_SYSCALL_BIT)
        );
    }

    #[test]
    fn spellings_of_auditd_are_accepted() {
        for (arch, name, nr) in [
            (Arch::X86_64, "pread", 17),
            (Arch::X86_64, "pwrite", 18),
            (Arch::X32, "pread", 17 | X32_SYSCALL_BIT),
            (Arch::X86_64, "umount", 166),
            (Arch::I386, "umount", 22),
            (Arch::I386, "sys_kexec_load", 283),
            (Arch::Aarch64, "getdents", 61),
            (Arch::X86_64, "getdents", 78),
            (Arch::Aarch64, "newfstat", 80),
            (Arch::Arm, "llseek", 140),
            (Arch::Arm, "newselect", 142),
            (Arch::Arm, "sync_file_range", 341),
            (Arch::Ppc64le, "timerfd", 306),
        ] {
            assert_eq!(syscall_number(arch, name), Some(nr), "{arch:?} {name}");
        }
    }

    #[test]
    fn unknown_syscalls_have_no_name_and_no_number() {
        for arch in ALL {
            assert_eq!(syscall_name(arch, 999), None);
            assert_eq!(syscall_name(arch, u32::MAX), None);
            assert_eq!(syscall_number(arch, ""), None);
            assert_eq!(syscall_number(arch, "OPENAT"), None);
            assert_eq!(syscall_number(arch, "no_such_call"), None);
        }
    }

    #[cfg(all(
        target_arch = "x86_64",
        target_os = "linux",
        target_pointer_width = "64"
    ))]
    #[test]
    fn numbers_of_x86_64_agree_with_libc() {
        for (nr, name) in [
            (libc::SYS_read, "read"),
            (libc::SYS_open, "open"),
            (libc::SYS_execve, "execve"),
            (libc::SYS_execveat, "execveat"),
            (libc::SYS_unlinkat, "unlinkat"),
            (libc::SYS_renameat2, "renameat2"),
            (libc::SYS_openat2, "openat2"),
            (libc::SYS_connect, "connect"),
            (libc::SYS_accept4, "accept4"),
            (libc::SYS_ptrace, "ptrace"),
            (libc::SYS_fchmodat, "fchmodat"),
            (libc::SYS_setxattr, "setxattr"),
            (libc::SYS_newfstatat, "newfstatat"),
            (libc::SYS_pidfd_open, "pidfd_open"),
            (libc::SYS_init_module, "init_module"),
        ] {
            assert_eq!(syscall_name(Arch::X86_64, nr as u32), Some(name));
            assert_eq!(syscall_number(Arch::X86_64, name), Some(nr as u32));
        }
    }

    #[test]
    fn uring_operations_are_indexed_by_opcode() {
        for (op, name) in [
            (0, "nop"),
            (9, "sendmsg"),
            (13, "accept"),
            (18, "openat"),
            (28, "openat2"),
            (36, "unlinkat"),
            (46, "uring_cmd"),
            (54, "fixed_fd_install"),
            (62, "pipe"),
            (64, "uring_cmd128"),
        ] {
            assert_eq!(uring_op_name(op), Some(name));
        }
        assert_eq!(uring_op_name(65), None);
        assert_eq!(uring_op_name(u32::MAX), None);
    }

    #[test]
    fn only_negative_results_are_errors() {
        for (exit, name) in [
            (-1, "EPERM"),
            (-2, "ENOENT"),
            (-11, "EAGAIN"),
            (-13, "EACCES"),
            (-35, "EDEADLK"),
            (-512, "ERESTARTSYS"),
            (-513, "ERESTARTNOINTR"),
            (-514, "ERESTARTNOHAND"),
            (-516, "ERESTART_RESTARTBLOCK"),
        ] {
            assert_eq!(errno_name(exit), Some(name));
        }
        for exit in [0, 2, 512, -41, -4095, -4096, i64::MIN, i64::MAX] {
            assert_eq!(errno_name(exit), None, "{exit}");
        }
    }
}
