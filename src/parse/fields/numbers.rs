//! The names of numbers that records print.

use crate::bytes::{hex, integer};

/// The signals that have the same number on every architecture (arch/*/include/uapi/asm/signal.h).
/// A record of a signal does not say which architecture it was on.
pub(super) fn signal(text: &[u8]) -> Option<&'static str> {
    Some(match integer(text)? {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        _ => return None,
    })
}

/// What a seccomp filter decided (linux/seccomp.h, `SECCOMP_RET_*`). The lower half of the number
/// is the filter's own data.
pub(super) fn seccomp_action(text: &[u8]) -> Option<&'static str> {
    let code = hex(text.strip_prefix(b"0x")?)?;
    Some(match code & 0xffff_0000 {
        0x8000_0000 => "kill_process",
        0x0000_0000 => "kill_thread",
        0x0003_0000 => "trap",
        0x0005_0000 => "errno",
        0x7fc0_0000 => "user_notif",
        0x7ff0_0000 => "trace",
        0x7ffc_0000 => "log",
        0x7fff_0000 => "allow",
        _ => return None,
    })
}

/// What a fanotify listener decided (linux/fanotify.h, `FAN_ALLOW` and `FAN_DENY`). A denial may
/// have an error number in its upper bits.
pub(super) fn response(text: &[u8]) -> Option<&'static str> {
    match integer(text)? & 3 {
        1 => Some("allowed"),
        2 => Some("denied"),
        _ => None,
    }
}

/// The family of a netfilter table (linux/netfilter.h, `NFPROTO_*`).
pub(super) fn netfilter_family(text: &[u8]) -> Option<&'static str> {
    Some(match integer(text)? {
        1 => "inet",
        2 => "ipv4",
        3 => "arp",
        5 => "netdev",
        7 => "bridge",
        10 => "ipv6",
        _ => return None,
    })
}

/// The capabilities by number (linux/capability.h), without `CAP_`, in lower case as AppArmor
/// writes them.
const CAPABILITIES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

pub(super) fn capability(text: &[u8]) -> Option<&'static str> {
    let number = usize::try_from(integer(text)?).ok()?;
    CAPABILITIES.get(number).copied()
}
