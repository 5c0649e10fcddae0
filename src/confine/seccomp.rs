//! System calls (seccomp(2)).
//!
//! Two filters. What only an attacker would call ends the process, and leaves a record of type
//! SECCOMP behind it. Everything else that the work does not take is refused as if the kernel did
//! not have it: the C library of some later year may try a newer call first, and falls back on
//! `ENOSYS`, but not on `EPERM`. To end the process there would make an update of the library the end
//! of auditing.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp,
    SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

use crate::{
    confine::Duty,
    model::{Arch, syscall_number},
};

/// What no work of ours takes, on any system, and what is done with a program that was taken over: to
/// start others, to look into them or change them, to change the kernel, or to leave the namespaces.
const HOSTILE: &[&str] = &[
    "acct",
    "add_key",
    "bpf",
    "chroot",
    "delete_module",
    "execve",
    "execveat",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "init_module",
    "ioperm",
    "iopl",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "mount",
    "mount_setattr",
    "move_mount",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pidfd_getfd",
    "pivot_root",
    "process_madvise",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "quotactl",
    "reboot",
    "request_key",
    "setns",
    "settimeofday",
    "swapoff",
    "swapon",
    "umount2",
    "unshare",
    "userfaultfd",
];

/// What every process takes: memory, time, signals, its own threads' affairs, and the end.
const COMMON: &[&str] = &[
    "brk",
    "clock_getres",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "exit",
    "exit_group",
    "fcntl",
    "fstat",
    "futex",
    "getegid",
    "geteuid",
    "getgid",
    "getpid",
    "getppid",
    "getrandom",
    "gettid",
    "gettimeofday",
    "getuid",
    "madvise",
    "membarrier",
    "mremap",
    "munmap",
    "nanosleep",
    "newfstatat",
    "poll",
    "ppoll",
    "prlimit64",
    "read",
    "recvfrom",
    "restart_syscall",
    "riscv_flush_icache",
    "riscv_hwprobe",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "sched_getaffinity",
    "sched_yield",
    "sendto",
    "set_robust_list",
    "set_tid_address",
    "sigaltstack",
    "statx",
    "time",
    "uname",
    "write",
    "writev",
];

/// What reading records and writing lines takes beside that.
const WRITER: &[&str] = &[
    "access",
    "connect",
    "copy_file_range",
    "dup",
    "dup2",
    "dup3",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_wait",
    "eventfd2",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fallocate",
    "fchmod",
    "fdatasync",
    "flock",
    "fstatfs",
    "fsync",
    "ftruncate",
    "getcwd",
    "getdents64",
    "getpeername",
    "getrusage",
    "getsockname",
    "getsockopt",
    "link",
    "linkat",
    "lseek",
    "lstat",
    "open",
    "openat",
    "pipe2",
    "pread64",
    "preadv",
    "pwrite64",
    "pwritev",
    "readlink",
    "readlinkat",
    "readv",
    "recvmmsg",
    "recvmsg",
    "rename",
    "renameat",
    "renameat2",
    "sendmmsg",
    "sendmsg",
    "setsockopt",
    "shutdown",
    "splice",
    "stat",
    "statfs",
    "sync_file_range",
    "syncfs",
    "sysinfo",
    "umask",
    "unlink",
    "unlinkat",
    "utimensat",
    "wait4",
];

/// What questions about files take: names only. There is no call to open one.
const INSPECTOR: &[&str] = &["lstat", "readlink", "readlinkat", "stat"];

/// How newer C libraries name their memory (linux/prctl.h).
const PR_SET_VMA: u64 = 0x5356_4d41;
/// To let a descriptor wait or not, to close it on exec, and to see whether it is a terminal
/// (asm-generic/ioctls.h). Others can type into a terminal.
const FIONBIO: u64 = 0x5421;
const FIOCLEX: u64 = 0x5451;
const TCGETS: u64 = 0x5401;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Leaves only the system calls that a duty takes.
pub(super) fn restrict(duty: Duty) {
    let Some((arch, target)) = Arch::host().and_then(|arch| Some((arch, target(arch)?))) else {
        log::log!(
            duty.level(),
            "system calls are not confined: not known for this architecture"
        );
        return;
    };
    let programs = programs(duty, arch, target).map_err(|error| error.to_string());
    let applied = programs.and_then(|programs| {
        let mut apply = programs.iter().map(|program| apply_filter(program));
        apply.try_for_each(|result| result.map_err(|error| error.to_string()))
    });
    match applied {
        Ok(()) => log::debug!("system calls are confined by seccomp"),
        Err(error) => {
            log::log!(
                duty.level(),
                "system calls are not confined by seccomp: {error}"
            );
        }
    }
}

fn target(arch: Arch) -> Option<TargetArch> {
    match arch {
        Arch::X86_64 => Some(TargetArch::x86_64),
        Arch::Aarch64 => Some(TargetArch::aarch64),
        Arch::Riscv64 => Some(TargetArch::riscv64),
        _ => None,
    }
}

fn programs(duty: Duty, arch: Arch, target: TargetArch) -> Result<[BpfProgram; 2], BackendError> {
    let missing = SeccompAction::Errno(libc::ENOSYS as u32);
    let allowed = SeccompFilter::new(allowed(duty, arch)?, missing, SeccompAction::Allow, target)?;
    let hostile = HOSTILE.iter().filter_map(|name| number(arch, name));
    let hostile = SeccompFilter::new(
        hostile.map(|number| (number, Vec::new())).collect(),
        SeccompAction::Allow,
        SeccompAction::KillProcess,
        target,
    )?;
    // Of two answers the kernel takes the harder one.
    Ok([hostile.try_into()?, allowed.try_into()?])
}

/// An architecture lacks some of the names: arm64 has no `open`.
fn number(arch: Arch, name: &str) -> Option<i64> {
    syscall_number(arch, name).map(i64::from)
}

fn allowed(duty: Duty, arch: Arch) -> Result<Rules, BackendError> {
    let own = match duty {
        Duty::Replay | Duty::Listen => WRITER,
        Duty::Inspect => INSPECTOR,
    };
    let names = COMMON.iter().chain(own);
    let mut rules: Rules = names
        .filter_map(|name| Some((number(arch, name)?, Vec::new())))
        .collect();
    for (name, conditions) in by_argument(duty)? {
        if let Some(number) = number(arch, name) {
            rules
                .entry(number)
                .or_default()
                .push(SeccompRule::new(conditions)?);
        }
    }
    Ok(rules)
}

/// Calls that depend on their arguments; any of the lines of a call will do.
fn by_argument(duty: Duty) -> Result<Vec<(&'static str, Vec<SeccompCondition>)>, BackendError> {
    let is = |argument, value| SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, value);
    let has = |argument, mask: i32, value: i32| {
        let mask = SeccompCmpOp::MaskedEq(mask as u64);
        SeccompCondition::new(argument, Dword, mask, value as u64)
    };
    let mut calls = vec![
        // Memory is never both written and run.
        ("mmap", vec![has(2, libc::PROT_EXEC, 0)?]),
        ("mprotect", vec![has(2, libc::PROT_EXEC, 0)?]),
        ("prctl", vec![is(0, libc::PR_SET_NAME as u64)?]),
        ("prctl", vec![is(0, PR_SET_VMA)?]),
        // How abort(3) ends this very process.
        ("tgkill", vec![is(0, u64::from(std::process::id()))?]),
    ];
    if duty == Duty::Inspect {
        return Ok(calls);
    }
    const KIND: i32 = 0xf;
    calls.extend([
        // Threads, and no processes. What clone3(2) is asked for cannot be seen here, and libraries
        // fall back to this.
        (
            "clone",
            vec![has(0, libc::CLONE_THREAD, libc::CLONE_THREAD)?],
        ),
        ("ioctl", vec![is(1, FIONBIO)?]),
        ("ioctl", vec![is(1, FIOCLEX)?]),
        ("ioctl", vec![is(1, TCGETS)?]),
        // Datagrams to a service manager; others that listen there, such as D-Bus, take streams.
        (
            "socket",
            vec![
                is(0, libc::AF_UNIX as u64)?,
                has(1, KIND, libc::SOCK_DGRAM)?,
            ],
        ),
    ]);
    if duty == Duty::Listen {
        let (family, protocol) = (libc::AF_NETLINK as u64, libc::NETLINK_AUDIT as u64);
        calls.push(("socket", vec![is(0, family)?, is(2, protocol)?]));
    }
    Ok(calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUTIES: [Duty; 3] = [Duty::Replay, Duty::Listen, Duty::Inspect];

    #[test]
    fn every_name_is_a_call_of_some_architecture_and_none_is_both_allowed_and_hostile() {
        let archs = [Arch::X86_64, Arch::Aarch64, Arch::Riscv64];
        let names = [HOSTILE, COMMON, WRITER, INSPECTOR].concat();
        for name in names {
            // A 32-bit name would do nothing.
            let is_known = archs.iter().any(|arch| number(*arch, name).is_some());
            assert!(is_known, "{name}");
        }
        for name in [COMMON, WRITER, INSPECTOR].concat() {
            assert!(!HOSTILE.contains(&name), "{name}");
        }
    }

    #[test]
    fn there_are_filters_for_each_architecture() {
        for arch in [Arch::X86_64, Arch::Aarch64, Arch::Riscv64] {
            for duty in DUTIES {
                let programs = programs(duty, arch, target(arch).unwrap()).unwrap();
                assert!(programs.iter().all(|program| !program.is_empty()));
            }
        }
    }

    #[test]
    fn who_looks_into_processes_can_open_nothing_and_start_nothing() {
        for arch in [Arch::X86_64, Arch::Aarch64] {
            let rules = allowed(Duty::Inspect, arch).unwrap();
            for name in [
                "open", "openat", "openat2", "socket", "clone", "clone3", "fork", "kill",
            ] {
                let is_allowed =
                    number(arch, name).is_some_and(|number| rules.contains_key(&number));
                assert!(!is_allowed, "{name}");
            }
        }
    }
}
