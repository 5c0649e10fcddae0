//! Restricts system calls with seccomp(2).
//!
//! There are two filters. One kills the process on calls that only an attacker would make, which
//! also logs a SECCOMP record. The other fails every call that is not needed with `ENOSYS`, as an
//! old kernel would: a future C library may try a newer call first, and falls back on `ENOSYS` but
//! not on `EPERM`. Killing the process there would let a library update stop auditing.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp,
    SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

use crate::{
    confine::Duty,
    model::{Arch, syscall_number},
};

/// Calls that this program never makes but an attacker would: to execute programs, inspect or
/// modify processes, change the kernel or leave the namespaces.
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

/// Calls that every process needs, for memory, time, signals, threads and exiting.
const COMMON: &[&str] = &[
    "brk",
    "clock_getres",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "exit",
    "exit_group",
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

/// Further calls for reading records and writing lines.
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
    "timerfd_create",
    "timerfd_settime",
    "umask",
    "unlink",
    "unlinkat",
    "utimensat",
    "wait4",
];

/// Further calls of a listener, which asks the kernel which process has a pid.
const LISTENER: &[&str] = &["pidfd_open"];

/// Further calls of the inspector: it can look up names, but not open files.
const INSPECTOR: &[&str] = &["lstat", "readlink", "readlinkat", "stat"];

/// Further calls of the process that reads directories. It can open them, and nothing else.
const LISTER: &[&str] = &["getdents64", "pread64", "readlink", "readlinkat"];

/// Further calls of the process that reads `/proc`. It can open files to read them.
const SCANNER: &[&str] = &[
    "getdents64",
    "lseek",
    "pidfd_open",
    "readlink",
    "readlinkat",
];

/// Further calls of the process that puts rules back. Its socket and its file are open.
const RESTORER: &[&str] = &["ftruncate", "lseek"];

/// prctl(2) option with which newer C libraries name memory mappings (linux/prctl.h).
const PR_SET_VMA: u64 = 0x5356_4d41;
/// ioctl(2) requests for non-blocking mode, close-on-exec and isatty(3) (asm-generic/ioctls.h).
/// Others, such as TIOCSTI, could type into a terminal.
const FIONBIO: u64 = 0x5421;
const FIOCLEX: u64 = 0x5451;
const TCGETS: u64 = 0x5401;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Allows only the system calls that a duty needs. Returns whether the kernel enforces that.
pub(super) fn restrict(duty: Duty) -> bool {
    let Some((arch, target)) = Arch::host().and_then(|arch| Some((arch, target(arch)?))) else {
        log::log!(
            duty.level(),
            "system calls are not confined: no filter for this architecture"
        );
        return false;
    };
    let programs = programs(duty, arch, target).map_err(|error| error.to_string());
    let applied = programs.and_then(|programs| {
        let mut apply = programs.iter().map(|program| apply_filter(program));
        apply.try_for_each(|result| result.map_err(|error| error.to_string()))
    });
    match &applied {
        Ok(()) => log::debug!("system calls are confined by seccomp"),
        Err(error) => {
            log::log!(
                duty.level(),
                "system calls are not confined by seccomp: {error}"
            );
        }
    }
    applied.is_ok()
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
    // If the filters disagree, the kernel applies the stricter result.
    Ok([hostile.try_into()?, allowed.try_into()?])
}

/// A call's number; `None` if the architecture does not have it, such as `open` on arm64.
fn number(arch: Arch, name: &str) -> Option<i64> {
    syscall_number(arch, name).map(i64::from)
}

fn allowed(duty: Duty, arch: Arch) -> Result<Rules, BackendError> {
    let own = match duty {
        Duty::Replay | Duty::Listen => WRITER,
        Duty::Inspect => INSPECTOR,
        Duty::List => LISTER,
        Duty::Scan => SCANNER,
        Duty::Restore => RESTORER,
    };
    let more = match duty {
        Duty::Listen => LISTENER,
        Duty::Replay | Duty::Inspect | Duty::List | Duty::Scan | Duty::Restore => &[],
    };
    let names = COMMON.iter().chain(own).chain(more);
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

/// Calls allowed with certain arguments only. If a call has several entries, one match is enough.
fn by_argument(duty: Duty) -> Result<Vec<(&'static str, Vec<SeccompCondition>)>, BackendError> {
    let is = |argument, value| SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, value);
    let has = |argument, mask: i32, value: i32| {
        let mask = SeccompCmpOp::MaskedEq(mask as u64);
        SeccompCondition::new(argument, Dword, mask, value as u64)
    };
    let mut calls = vec![
        // No executable memory.
        ("mmap", vec![has(2, libc::PROT_EXEC, 0)?]),
        ("mprotect", vec![has(2, libc::PROT_EXEC, 0)?]),
        // Not F_SETOWN, which sends signals to other processes.
        ("fcntl", vec![is(1, libc::F_DUPFD_CLOEXEC as u64)?]),
        ("fcntl", vec![is(1, libc::F_GETFD as u64)?]),
        ("fcntl", vec![is(1, libc::F_SETFD as u64)?]),
        ("fcntl", vec![is(1, libc::F_GETFL as u64)?]),
        ("fcntl", vec![is(1, libc::F_SETFL as u64)?]),
        ("prctl", vec![is(0, libc::PR_SET_NAME as u64)?]),
        ("prctl", vec![is(0, PR_SET_VMA)?]),
        // For abort(3), which signals its own process.
        ("tgkill", vec![is(0, u64::from(std::process::id()))?]),
    ];
    // Not O_ACCMODE, which includes O_PATH in musl.
    let writes = libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC;
    if duty == Duty::List {
        let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
        calls.push(("openat", vec![has(2, flags | writes, flags)?]));
    }
    if duty == Duty::Scan {
        calls.push(("open", vec![has(1, writes, 0)?]));
        calls.push(("openat", vec![has(2, writes, 0)?]));
    }
    if !matches!(duty, Duty::Replay | Duty::Listen) {
        return Ok(calls);
    }
    const KIND: i32 = 0xf;
    calls.extend([
        // Threads, but no processes. A filter cannot see the flags of clone3(2); libraries fall
        // back to clone(2) without it.
        (
            "clone",
            vec![has(0, libc::CLONE_THREAD, libc::CLONE_THREAD)?],
        ),
        ("ioctl", vec![is(1, FIONBIO)?]),
        ("ioctl", vec![is(1, FIOCLEX)?]),
        ("ioctl", vec![is(1, TCGETS)?]),
        // Datagrams, for the service manager. Other services on unix sockets, as D-Bus, use
        // streams.
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
    use seccompiler::sock_filter;

    use super::*;

    const DUTIES: [Duty; 6] = [
        Duty::Replay,
        Duty::Listen,
        Duty::Inspect,
        Duty::List,
        Duty::Scan,
        Duty::Restore,
    ];

    /// Whether a process with this duty reads records and writes lines.
    fn writes(duty: Duty) -> bool {
        matches!(duty, Duty::Replay | Duty::Listen)
    }

    /// The kernel's numbers of system calls (arch/x86/entry/syscalls/syscall_64.tbl,
    /// include/uapi/asm-generic/unistd.h) and of its architecture (linux/audit.h). They are
    /// literals so that the tables that the filters are built from are tested too.
    struct Kernel {
        arch: Arch,
        audit: u32,
        read: u32,
        write: u32,
        openat: u32,
        unlinkat: u32,
        readlinkat: u32,
        mmap: u32,
        mprotect: u32,
        socket: u32,
        connect: u32,
        fcntl: u32,
        clone: u32,
        kill: u32,
        tgkill: u32,
        ioctl: u32,
        prctl: u32,
        /// execve, ptrace, mount, bpf.
        hostile: [u32; 4],
    }

    /// The same on every architecture.
    const CLONE3: u32 = 435;
    const OPENAT2: u32 = 437;
    /// What no kernel has yet.
    const OF_THE_FUTURE: u32 = 4000;
    /// ioctl(2) request that types into a terminal (asm-generic/ioctls.h); its type in libc differs
    /// between C libraries.
    const TIOCSTI: u64 = 0x5412;

    const X86_64: Kernel = Kernel {
        arch: Arch::X86_64,
        audit: 0xc000_003e,
        read: 0,
        write: 1,
        openat: 257,
        unlinkat: 263,
        readlinkat: 267,
        mmap: 9,
        mprotect: 10,
        socket: 41,
        connect: 42,
        fcntl: 72,
        clone: 56,
        kill: 62,
        tgkill: 234,
        ioctl: 16,
        prctl: 157,
        hostile: [59, 101, 165, 321],
    };
    const AARCH64: Kernel = Kernel {
        arch: Arch::Aarch64,
        audit: 0xc000_00b7,
        read: 63,
        write: 64,
        openat: 56,
        unlinkat: 35,
        readlinkat: 78,
        mmap: 222,
        mprotect: 226,
        socket: 198,
        connect: 203,
        fcntl: 25,
        clone: 220,
        kill: 129,
        tgkill: 131,
        ioctl: 29,
        prctl: 167,
        hostile: [221, 117, 40, 280],
    };
    const RISCV64: Kernel = Kernel {
        arch: Arch::Riscv64,
        audit: 0xc000_00f3,
        ..AARCH64
    };
    const KERNELS: [Kernel; 3] = [X86_64, AARCH64, RISCV64];

    /// What becomes of a system call.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Verdict {
        Allowed,
        Missing,
        Killed,
    }
    use Verdict::{Allowed, Killed, Missing};

    /// A process with the filters of a duty.
    struct Process<'k> {
        kernel: &'k Kernel,
        programs: [BpfProgram; 2],
    }

    impl<'k> Process<'k> {
        fn new(kernel: &'k Kernel, duty: Duty) -> Process<'k> {
            let target = target(kernel.arch).unwrap();
            let programs = programs(duty, kernel.arch, target).unwrap();
            Process { kernel, programs }
        }

        /// What the kernel does with a call: of two filters' answers, the more severe one counts.
        fn calls(&self, number: u32, args: &[u64]) -> Verdict {
            self.calls_as(self.kernel.audit, number, args)
        }

        fn calls_as(&self, audit: u32, number: u32, args: &[u64]) -> Verdict {
            let call = seccomp_data(audit, number, args);
            let answers = self.programs.iter().map(|program| run(program, &call));
            // Signed, so that SECCOMP_RET_KILL_PROCESS is the least (kernel/seccomp.c).
            let answer =
                answers.min_by_key(|answer| (answer & libc::SECCOMP_RET_ACTION_FULL) as i32);
            match answer.unwrap() {
                libc::SECCOMP_RET_ALLOW => Allowed,
                libc::SECCOMP_RET_KILL_PROCESS => Killed,
                answer => {
                    let errno = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
                    assert_eq!(answer, errno, "of {number}");
                    Missing
                }
            }
        }
    }

    /// `struct seccomp_data` (linux/seccomp.h) as 32-bit words, on little-endian machines.
    fn seccomp_data(audit: u32, number: u32, args: &[u64]) -> [u32; 16] {
        let mut words = [0; 16];
        (words[0], words[1]) = (number, audit);
        for (pair, arg) in words[4..].chunks_mut(2).zip(args) {
            (pair[0], pair[1]) = (*arg as u32, (*arg >> 32) as u32);
        }
        words
    }

    /// Runs a classic BPF program (linux/bpf_common.h), as far as filters are made of it.
    fn run(program: &[sock_filter], data: &[u32; 16]) -> u32 {
        let (mut accumulator, mut next) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[next];
            next += 1;
            let is_so = match code {
                // BPF_LD | BPF_W | BPF_ABS
                0x20 => {
                    accumulator = data[k as usize / 4];
                    continue;
                }
                // BPF_ALU | BPF_AND | BPF_K
                0x54 => {
                    accumulator &= k;
                    continue;
                }
                // BPF_JMP | BPF_JA
                0x05 => {
                    next += k as usize;
                    continue;
                }
                // BPF_JMP | BPF_JEQ, BPF_JGT, BPF_JGE | BPF_K
                0x15 => accumulator == k,
                0x25 => accumulator > k,
                0x35 => accumulator >= k,
                // BPF_RET | BPF_K
                0x06 => return k,
                _ => panic!("what is {code:#x}?"),
            };
            next += usize::from(if is_so { jt } else { jf });
        }
    }

    /// For every architecture and each of these duties.
    fn each(duties: &[Duty], hold: impl Fn(&Kernel, Duty, &Process)) {
        for kernel in &KERNELS {
            for duty in duties {
                hold(kernel, *duty, &Process::new(kernel, *duty));
            }
        }
    }

    #[test]
    fn every_name_is_a_call_of_some_architecture_and_none_is_both_allowed_and_hostile() {
        let archs = [Arch::X86_64, Arch::Aarch64, Arch::Riscv64];
        let names = [
            HOSTILE, COMMON, WRITER, INSPECTOR, LISTER, SCANNER, RESTORER,
        ]
        .concat();
        for name in names {
            // A 32-bit name would do nothing.
            let is_known = archs.iter().any(|arch| number(*arch, name).is_some());
            assert!(is_known, "{name}");
        }
        for name in [COMMON, WRITER, INSPECTOR, LISTER, SCANNER, RESTORER].concat() {
            assert!(!HOSTILE.contains(&name), "{name}");
        }
    }

    #[test]
    fn there_are_filters_for_each_architecture() {
        each(&DUTIES, |kernel, duty, process| {
            for number in [kernel.read, kernel.write] {
                assert_eq!(process.calls(number, &[]), Allowed, "{number} {duty:?}");
            }
            let reads_links = if duty == Duty::Restore {
                Missing
            } else {
                Allowed
            };
            assert_eq!(
                process.calls(kernel.readlinkat, &[]),
                reads_links,
                "{duty:?}"
            );
            for number in kernel.hostile {
                assert_eq!(process.calls(number, &[]), Killed, "{number} {duty:?}");
            }
            for number in [kernel.kill, CLONE3, OPENAT2, OF_THE_FUTURE] {
                assert_eq!(process.calls(number, &[]), Missing, "{number} {duty:?}");
            }
            let expected = if writes(duty) { Allowed } else { Missing };
            for number in [kernel.unlinkat, kernel.connect] {
                assert_eq!(process.calls(number, &[]), expected, "{number} {duty:?}");
            }
            let opens = match duty {
                Duty::Scan => Allowed,
                _ => expected,
            };
            assert_eq!(process.calls(kernel.openat, &[]), opens, "{duty:?}");
            // As a 32-bit program on the same kernel would call (i386, arm).
            for audit in [0x4000_0003, 0x4000_0028] {
                assert_eq!(
                    process.calls_as(audit, kernel.read, &[]),
                    Killed,
                    "{duty:?}"
                );
            }
        });
    }

    #[test]
    fn the_other_numbers_of_x86_64_are_no_way_around() {
        const X32: u32 = 0x4000_0000;
        for duty in DUTIES {
            let process = Process::new(&X86_64, duty);
            for number in [X86_64.read, X86_64.openat]
                .into_iter()
                .chain(X86_64.hostile)
            {
                assert_eq!(process.calls(number | X32, &[]), Missing, "{number}");
            }
        }
    }

    #[test]
    fn memory_is_never_executable() {
        let [read, write, execute] =
            [libc::PROT_READ, libc::PROT_WRITE, libc::PROT_EXEC].map(|prot| prot as u64);
        each(&DUTIES, |kernel, duty, process| {
            for number in [kernel.mmap, kernel.mprotect] {
                let with = |prot| process.calls(number, &[0, 4096, prot]);
                assert_eq!(with(0), Allowed, "{duty:?}");
                assert_eq!(with(read | write), Allowed, "{duty:?}");
                assert_eq!(with(execute), Missing, "{duty:?}");
                assert_eq!(with(read | write | execute), Missing, "{duty:?}");
            }
        });
    }

    #[test]
    fn only_a_listener_may_open_audit_sockets() {
        let family = |family: i32, kind: i32, protocol: i32| {
            [family, kind | libc::SOCK_CLOEXEC, protocol].map(|word| word as u64)
        };
        let audit = family(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_AUDIT);
        let manager = family(libc::AF_UNIX, libc::SOCK_DGRAM, 0);
        let refused = [
            family(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE),
            family(libc::AF_UNIX, libc::SOCK_STREAM, 0),
            family(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0),
            family(libc::AF_INET, libc::SOCK_DGRAM, 0),
            family(libc::AF_INET, libc::SOCK_STREAM, libc::NETLINK_AUDIT),
            family(libc::AF_PACKET, libc::SOCK_RAW, 0),
        ];
        each(&DUTIES, |kernel, duty, process| {
            let opens = |args: &[u64]| process.calls(kernel.socket, args) == Allowed;
            assert_eq!(opens(&audit), duty == Duty::Listen, "{duty:?}");
            assert_eq!(opens(&manager), writes(duty), "{duty:?}");
            for args in &refused {
                assert!(!opens(args), "{args:?} {duty:?}");
            }
        });
    }

    #[test]
    fn threads_may_start_but_no_processes_and_no_signals_to_others() {
        let thread = (libc::CLONE_VM | libc::CLONE_SIGHAND | libc::CLONE_THREAD) as u64;
        let fork = libc::SIGCHLD as u64;
        let us = u64::from(std::process::id());
        each(&DUTIES, |kernel, duty, process| {
            let expected = if writes(duty) { Allowed } else { Missing };
            assert_eq!(process.calls(kernel.clone, &[thread]), expected, "{duty:?}");
            assert_eq!(process.calls(kernel.clone, &[fork]), Missing, "{duty:?}");
            assert_eq!(process.calls(kernel.tgkill, &[us]), Allowed, "{duty:?}");
            assert_eq!(process.calls(kernel.tgkill, &[us + 1]), Missing, "{duty:?}");
        });
    }

    #[test]
    fn descriptors_cannot_send_signals() {
        each(&DUTIES, |kernel, duty, process| {
            let fcntl = |command: i32| process.calls(kernel.fcntl, &[1, command as u64, 1]);
            for command in [libc::F_DUPFD_CLOEXEC, libc::F_SETFD, libc::F_GETFL] {
                assert_eq!(fcntl(command), Allowed, "{duty:?}");
            }
            const F_SETOWN_EX: i32 = 15;
            const F_SETSIG: i32 = 10;
            for command in [libc::F_SETOWN, F_SETOWN_EX, F_SETSIG, libc::F_SETLEASE] {
                assert_eq!(fcntl(command), Missing, "{duty:?}");
            }
        });
    }

    #[test]
    fn terminals_and_privileges_cannot_be_changed() {
        each(&DUTIES, |kernel, duty, process| {
            let expected = if writes(duty) { Allowed } else { Missing };
            let ioctl = |request| process.calls(kernel.ioctl, &[1, request]);
            assert_eq!(ioctl(TCGETS), expected, "{duty:?}");
            assert_eq!(ioctl(TIOCSTI), Missing, "{duty:?}");
            let prctl = |option: i32| process.calls(kernel.prctl, &[option as u64]);
            assert_eq!(prctl(libc::PR_SET_NAME), Allowed, "{duty:?}");
            for option in [libc::PR_SET_DUMPABLE, libc::PR_CAP_AMBIENT, libc::PR_SET_MM] {
                assert_eq!(prctl(option), Missing, "{duty:?}");
            }
        });
    }

    #[test]
    fn the_scanner_can_open_files_to_read_them_and_start_nothing() {
        each(&[Duty::Scan], |kernel, _, process| {
            let opens = |flags: i32| process.calls(kernel.openat, &[0, 0, flags as u64]);
            assert_eq!(opens(libc::O_RDONLY | libc::O_CLOEXEC), Allowed);
            assert_eq!(opens(libc::O_DIRECTORY | libc::O_CLOEXEC), Allowed);
            for flags in [libc::O_RDWR, libc::O_WRONLY, libc::O_CREAT, libc::O_TRUNC] {
                assert_eq!(opens(flags), Missing, "{flags:#o}");
            }
            for number in [OPENAT2, kernel.socket, kernel.clone, CLONE3, kernel.kill] {
                assert_eq!(process.calls(number, &[]), Missing, "{number}");
            }
        });
    }

    #[test]
    fn the_other_processes_can_open_nothing_but_directories_and_start_nothing() {
        each(&[Duty::Inspect, Duty::Restore], |kernel, duty, process| {
            let numbers = [
                kernel.openat,
                OPENAT2,
                kernel.socket,
                kernel.clone,
                CLONE3,
                kernel.kill,
            ];
            for number in numbers {
                for argument in [0, 1, u64::MAX] {
                    let verdict = process.calls(number, &[argument; 6]);
                    assert_eq!(verdict, Missing, "{number} {duty:?}");
                }
            }
        });
        each(&[Duty::List], |kernel, _, process| {
            let opens = |flags: i32| process.calls(kernel.openat, &[0, 0, flags as u64]);
            let directory = libc::O_DIRECTORY | libc::O_NOFOLLOW;
            assert_eq!(opens(directory), Allowed);
            assert_eq!(opens(directory | libc::O_CLOEXEC | libc::O_PATH), Allowed);
            let others = [libc::O_RDWR, libc::O_WRONLY, libc::O_CREAT, libc::O_TRUNC];
            for flags in others {
                assert_eq!(opens(directory | flags), Missing, "{flags:#o}");
            }
            for flags in [0, libc::O_PATH, libc::O_DIRECTORY, libc::O_NOFOLLOW] {
                assert_eq!(opens(flags), Missing, "{flags:#o}");
            }
            for number in [OPENAT2, kernel.socket, kernel.clone, CLONE3, kernel.kill] {
                assert_eq!(process.calls(number, &[]), Missing, "{number}");
            }
        });
        // These are of x86_64 alone: open, creat, fork, vfork.
        for duty in [Duty::Inspect, Duty::List, Duty::Scan, Duty::Restore] {
            let process = Process::new(&X86_64, duty);
            let is_open = |number: &u32| (duty, *number) == (Duty::Scan, 2);
            for number in [2, 85, 57, 58]
                .into_iter()
                .filter(|number| !is_open(number))
            {
                assert_eq!(process.calls(number, &[0; 6]), Missing, "{number} {duty:?}");
            }
        }
    }
}
