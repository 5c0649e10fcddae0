//! Which categories and types of the Elastic Common Schema an event has.
//!
//! Both are closed lists, and each category allows some of the types only (ECS 9.4,
//! `event.category` and `event.type`).

use crate::model::{
    Action, AuditEvent, Detail, ProcessAction, RecordType, SocketAction, record_type::*,
};

/// `event.category`, which few events lack, and `event.type`.
pub(super) type Class = (Option<&'static str>, &'static [&'static str]);

pub(super) fn class(event: &AuditEvent) -> Class {
    match &event.detail {
        Detail::Process(detail) if detail.action == ProcessAction::Exited => {
            (Some("process"), &["end"])
        }
        // A program that could not be executed did not start.
        Detail::Process(_) if event.success == Some(b"no") => (Some("process"), &["info"]),
        Detail::Process(_) => (Some("process"), &["start"]),
        Detail::File(detail) => (Some("file"), file(detail.action)),
        Detail::User(_) => user(event.record_type),
        Detail::Socket(detail) => (Some("network"), socket(detail.action)),
        Detail::Audit(_) if event.syscall.is_empty() => record(event.record_type),
        Detail::Audit(_) => call(event.syscall),
    }
}

/// The class of a call of no other kind.
fn call(syscall: &str) -> Class {
    match syscall {
        "init_module" | "finit_module" => (Some("driver"), &["start"]),
        "delete_module" => (Some("driver"), &["end"]),
        "kill" | "tkill" | "tgkill" => (Some("process"), &["end"]),
        "setuid" | "setreuid" | "setresuid" | "setfsuid" | "setgid" | "setregid" | "setresgid"
        | "setfsgid" | "setgroups" | "capset" | "sched_setparam" | "sched_setscheduler"
        | "sched_setattr" => (Some("process"), &["change"]),
        "settimeofday" | "clock_settime" | "clock_adjtime" | "stime" | "adjtimex"
        | "sethostname" | "setdomainname" => (Some("host"), &["change"]),
        "chroot" | "pivot_root" | "swapon" | "swapoff" | "acct" | "quotactl" => {
            (Some("configuration"), &["change"])
        }
        _ => (Some("process"), &["info"]),
    }
}

/// The class of a record that stands alone.
fn record(record_type: RecordType) -> Class {
    match record_type {
        AUDIT_KERN_MODULE => (Some("driver"), &["start"]),
        AUDIT_CONFIG_CHANGE
        | AUDIT_FEATURE_CHANGE
        | AUDIT_NETFILTER_CFG
        | AUDIT_MAC_STATUS
        | AUDIT_MAC_CONFIG_CHANGE
        | AUDIT_MAC_POLICY_LOAD
        | AUDIT_DAEMON_CONFIG
        | AUDIT_DAEMON_RECONFIG => (Some("configuration"), &["change"]),
        AUDIT_ANOM_ABEND => (Some("process"), &["end"]),
        AUDIT_TTY | AUDIT_SECCOMP => (Some("process"), &["info"]),
        AUDIT_DAEMON_START => (Some("process"), &["start"]),
        AUDIT_DAEMON_END | AUDIT_DAEMON_ABORT => (Some("process"), &["end"]),
        _ => (None, &["info"]),
    }
}

fn socket(action: SocketAction) -> &'static [&'static str] {
    match action {
        SocketAction::Connect | SocketAction::Accept => &["connection", "start"],
        SocketAction::Bind | SocketAction::Listen => &["start"],
        SocketAction::Send | SocketAction::Receive => &["connection", "info"],
    }
}

fn file(action: Action) -> &'static [&'static str] {
    match action {
        Action::Opened | Action::Read | Action::Mapped => &["access"],
        Action::Created | Action::Linked | Action::Symlinked => &["creation"],
        Action::Modified
        | Action::Renamed
        | Action::Attributes
        | Action::Mounted
        | Action::Unmounted => &["change"],
        Action::Deleted => &["deletion"],
        Action::Closed | Action::Duplicated => &["info"],
    }
}

fn user(record_type: RecordType) -> Class {
    match record_type {
        AUDIT_LOGIN | AUDIT_USER_LOGIN | AUDIT_CRYPTO_LOGIN => (Some("authentication"), &["start"]),
        AUDIT_USER_LOGOUT | AUDIT_CRYPTO_LOGOUT => (Some("authentication"), &["end"]),
        AUDIT_USER_AUTH | AUDIT_USER_ACCT | AUDIT_USER_ERR | AUDIT_GRP_AUTH | AUDIT_CRED_ACQ
        | AUDIT_CRED_DISP | AUDIT_CRED_REFR => (Some("authentication"), &["info"]),
        AUDIT_USER_START => (Some("session"), &["start"]),
        AUDIT_USER_END => (Some("session"), &["end"]),
        AUDIT_ADD_USER => (Some("iam"), &["user", "creation"]),
        AUDIT_DEL_USER => (Some("iam"), &["user", "deletion"]),
        AUDIT_USER_MGMT
        | AUDIT_USER_CHAUTHTOK
        | AUDIT_ACCT_LOCK
        | AUDIT_ACCT_UNLOCK
        | AUDIT_CHUSER_ID
        | AUDIT_USER_ROLE_CHANGE
        | AUDIT_ROLE_ASSIGN
        | AUDIT_ROLE_REMOVE => (Some("iam"), &["user", "change"]),
        AUDIT_ADD_GROUP => (Some("iam"), &["group", "creation"]),
        AUDIT_DEL_GROUP => (Some("iam"), &["group", "deletion"]),
        AUDIT_GRP_MGMT | AUDIT_GRP_CHAUTHTOK | AUDIT_CHGRP_ID => {
            (Some("iam"), &["group", "change"])
        }
        AUDIT_USER_CMD | AUDIT_SERVICE_START => (Some("process"), &["start"]),
        AUDIT_SERVICE_STOP => (Some("process"), &["end"]),
        AUDIT_USER_TTY => (Some("process"), &["info"]),
        AUDIT_SYSTEM_BOOT => (Some("host"), &["start"]),
        AUDIT_SYSTEM_SHUTDOWN => (Some("host"), &["end"]),
        AUDIT_SYSTEM_RUNLEVEL => (Some("host"), &["change"]),
        AUDIT_USYS_CONFIG | AUDIT_USER_MAC_CONFIG_CHANGE | AUDIT_USER_MAC_POLICY_LOAD => {
            (Some("configuration"), &["change"])
        }
        AUDIT_SOFTWARE_UPDATE => (Some("package"), &["change"]),
        // Intrusion detection programs send what they noticed and what they did about it.
        RecordType(2100..=2299) => (Some("intrusion_detection"), &["info"]),
        _ => (None, &["info"]),
    }
}
