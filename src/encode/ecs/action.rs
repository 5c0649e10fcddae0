//! `event.action`, in the words of auditbeat, which stored detection rules ask for.

use std::borrow::Cow;

use super::network;
use crate::model::{AuditEvent, Detail, RecordType, record_type::*};

/// The action of an event: that of its call or of its record type, or the word of the event itself
/// where auditbeat has none.
pub(super) fn action<'a>(event: &AuditEvent<'a>) -> Cow<'a, str> {
    match &event.detail {
        Detail::User(_) => return of_record(event.record_type),
        Detail::Socket(detail) => return network::action(detail.action).into(),
        Detail::Process(_) | Detail::File(_) | Detail::Audit(_) => {}
    }
    match of_call(event.syscall) {
        Some(action) => action.into(),
        None => own(event),
    }
}

fn own<'a>(event: &AuditEvent<'a>) -> Cow<'a, str> {
    match &event.detail {
        Detail::Process(detail) => detail.action.name().into(),
        Detail::File(detail) => detail.action.name().into(),
        _ if !event.syscall.is_empty() => event.syscall.into(),
        _ if is_of_apparmor(event) => "violated-apparmor-policy".into(),
        _ => of_record(event.record_type),
    }
}

/// Whether an AVC record is AppArmor's, which uses that type too (security/apparmor/audit.c).
fn is_of_apparmor(event: &AuditEvent) -> bool {
    let avc = event
        .records
        .iter()
        .filter(|record| record.record_type == AUDIT_AVC);
    avc.flat_map(|record| record.fields())
        .any(|(key, _)| key == b"apparmor")
}

/// The words of auditbeat for calls (go-libaudit, `aucoalesce/normalizations.yaml`).
fn of_call(syscall: &str) -> Option<&'static str> {
    Some(match syscall {
        "creat" | "fallocate" | "truncate" | "ftruncate" | "open" | "openat" | "openat2"
        | "readlink" | "readlinkat" => "opened-file",
        "read" => "read-file",
        "write" => "wrote-to-file",
        "setxattr" | "fsetxattr" | "lsetxattr" | "removexattr" | "fremovexattr"
        | "lremovexattr" => "changed-file-attributes-of",
        "chmod" | "fchmod" | "fchmodat" | "fchmodat2" => "changed-file-permissions-of",
        "chown" | "fchown" | "fchownat" | "lchown" => "changed-file-ownership-of",
        "finit_module" | "init_module" => "loaded-kernel-module",
        "delete_module" => "unloaded-kernel-module",
        "mkdir" | "mkdirat" => "created-directory",
        "mount" => "mounted",
        "rename" | "renameat" | "renameat2" => "renamed",
        "symlink" | "symlinkat" => "symlinked",
        "umount" | "umount2" => "unmounted",
        "rmdir" | "unlink" | "unlinkat" => "deleted",
        "utime" | "utimes" | "futimesat" | "utimensat" => "changed-timestamp-of",
        "execve" | "execveat" => "executed",
        "kill" | "tkill" | "tgkill" => "killed-pid",
        "setuid" | "setfsuid" | "setreuid" | "setgid" | "setfsgid" | "setregid" | "setresuid"
        | "setresgid" => "changed-identity-of",
        "settimeofday" | "clock_settime" | "stime" | "adjtimex" => "changed-system-time",
        "mknod" | "mknodat" => "make-device",
        "sethostname" | "setdomainname" => "changed-system-name",
        "mmap" | "mmap2" | "brk" => "allocated-memory",
        "sched_setparam" | "sched_setscheduler" | "sched_setattr" => {
            "adjusted-scheduling-policy-of"
        }
        _ => return None,
    })
}

/// The words of auditbeat for record types; otherwise the type in lower case, with hyphens.
fn of_record(record_type: RecordType) -> Cow<'static, str> {
    let word = match record_type {
        AUDIT_ACCT_LOCK => "locked-account",
        AUDIT_ACCT_UNLOCK => "unlocked-account",
        AUDIT_ADD_GROUP => "added-group-account-to",
        AUDIT_ADD_USER => "added-user-account",
        AUDIT_DEL_GROUP => "deleted-group-account-from",
        AUDIT_DEL_USER => "deleted-user-account",
        AUDIT_GRP_MGMT => "modified-group-account",
        AUDIT_ROLE_ASSIGN => "assigned-user-role-to",
        AUDIT_ROLE_MODIFY => "modified-role",
        AUDIT_ROLE_REMOVE => "removed-user-role-from",
        AUDIT_USER_MGMT => "modified-user-account",
        AUDIT_USER_CHAUTHTOK => "changed-password",
        AUDIT_GRP_CHAUTHTOK => "changed-group-password",
        AUDIT_CRED_ACQ => "acquired-credentials",
        AUDIT_CRED_DISP => "disposed-credentials",
        AUDIT_CRED_REFR => "refreshed-credentials",
        AUDIT_GRP_AUTH => "authenticated-to-group",
        AUDIT_LOGIN => "changed-login-id-to",
        AUDIT_USER_ACCT => "was-authorized",
        AUDIT_USER_AUTH => "authenticated",
        AUDIT_USER_END => "ended-session",
        AUDIT_USER_ERR => "error",
        AUDIT_USER_LOGIN => "logged-in",
        AUDIT_USER_LOGOUT => "logged-out",
        AUDIT_USER_ROLE_CHANGE => "changed-role-to",
        AUDIT_USER_START => "started-session",
        AUDIT_VIRT_CONTROL => "issued-vm-control",
        AUDIT_VIRT_CREATE => "created-vm-image",
        AUDIT_VIRT_DESTROY => "deleted-vm-image",
        AUDIT_VIRT_INTEGRITY_CHECK => "checked-integrity-of",
        AUDIT_VIRT_MACHINE_ID => "assigned-vm-id",
        AUDIT_VIRT_MIGRATE_IN => "migrated-vm-from",
        AUDIT_VIRT_MIGRATE_OUT => "migrated-vm-to",
        AUDIT_VIRT_RESOURCE => "assigned-vm-resource",
        AUDIT_CHGRP_ID => "changed-group",
        AUDIT_CHUSER_ID => "changed-user-id",
        AUDIT_TEST => "sent-test",
        AUDIT_TRUSTED_APP => "unknown",
        AUDIT_USER_CMD => "ran-command",
        AUDIT_SYSTEM_BOOT => "booted-system",
        AUDIT_SYSTEM_RUNLEVEL => "changed-to-runlevel",
        AUDIT_SYSTEM_SHUTDOWN => "shutdown-system",
        AUDIT_SERVICE_START => "started-service",
        AUDIT_SERVICE_STOP => "stopped-service",
        AUDIT_CONFIG_CHANGE => "changed-audit-configuration",
        AUDIT_DAEMON_ABORT => "aborted-auditd-startup",
        AUDIT_DAEMON_ACCEPT => "remote-audit-connected",
        AUDIT_DAEMON_CLOSE => "remote-audit-disconnected",
        AUDIT_DAEMON_CONFIG => "changed-auditd-configuration",
        AUDIT_DAEMON_END => "shutdown-audit",
        AUDIT_DAEMON_ERR => "audit-error",
        AUDIT_DAEMON_RECONFIG => "reconfigured-auditd",
        AUDIT_DAEMON_RESUME => "resumed-audit-logging",
        AUDIT_DAEMON_ROTATE => "rotated-audit-logs",
        AUDIT_DAEMON_START => "started-audit",
        AUDIT_KERNEL => "initialized-audit-subsystem",
        AUDIT_USYS_CONFIG => "changed-configuration",
        AUDIT_NETFILTER_CFG => "loaded-firewall-rule-to",
        AUDIT_FEATURE_CHANGE => "changed-audit-feature",
        AUDIT_TTY | AUDIT_USER_TTY => "typed",
        AUDIT_AVC => "violated-selinux-policy",
        // Old kernels have types of their own for AppArmor.
        AUDIT_APPARMOR_DENIED => "violated-apparmor-policy",
        AUDIT_FS_RELABEL => "relabeled-filesystem",
        AUDIT_LABEL_LEVEL_CHANGE => "modified-level-of",
        AUDIT_LABEL_OVERRIDE => "overrode-label-of",
        AUDIT_MAC_CHECK => "mac-permission",
        AUDIT_MAC_CONFIG_CHANGE => "changed-selinux-boolean",
        AUDIT_MAC_POLICY_LOAD => "loaded-selinux-policy",
        AUDIT_MAC_STATUS => "changed-selinux-enforcement",
        AUDIT_USER_AVC => "access-permission",
        AUDIT_USER_MAC_CONFIG_CHANGE => "changed-mac-configuration",
        AUDIT_USER_MAC_POLICY_LOAD => "loaded-mac-policy",
        AUDIT_USER_SELINUX_ERR => "access-error",
        AUDIT_SECCOMP => "violated-seccomp-policy",
        AUDIT_SELINUX_ERR => "caused-mac-policy-error",
        AUDIT_CRYPTO_KEY_USER => "negotiated-crypto-key",
        AUDIT_CRYPTO_LOGIN => "crypto-officer-logged-in",
        AUDIT_CRYPTO_LOGOUT => "crypto-officer-logged-out",
        AUDIT_CRYPTO_SESSION => "started-crypto-session",
        AUDIT_DAC_CHECK => "access-result",
        AUDIT_ANOM_ABEND => "crashed-program",
        AUDIT_ANOM_EXEC => "attempted-execution-of-forbidden-program",
        AUDIT_ANOM_LINK => "used-suspicious-link",
        AUDIT_ANOM_LOGIN_FAILURES => "failed-log-in-too-many-times-to",
        AUDIT_ANOM_LOGIN_LOCATION => "attempted-log-in-from-unusual-place-to",
        AUDIT_ANOM_LOGIN_SESSIONS => "opened-too-many-sessions-to",
        AUDIT_ANOM_LOGIN_TIME => "attempted-log-in-during-unusual-hour-to",
        AUDIT_ANOM_PROMISCUOUS => "changed-promiscuous-mode-on-device",
        AUDIT_ANOM_RBAC_INTEGRITY_FAIL => "tested-file-system-integrity-of",
        AUDIT_KERN_MODULE => "loaded-kernel-module",
        AUDIT_USER => "sent-message",
        _ => {
            let code = record_type.to_string();
            return code.to_ascii_lowercase().replace('_', "-").into();
        }
    };
    word.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Arena, Classifier,
        model::{EventId, Groups, Kinds},
        resolve::Absent,
    };

    #[test]
    fn a_denial_of_apparmor_is_told_from_one_of_selinux() {
        let cases: [(&[u8], &str); 2] = [
            (
                b"apparmor=\"DENIED\" operation=\"open\" profile=\"x\" name=\"/y\" pid=7 comm=\"z\"",
                "violated-apparmor-policy",
            ),
            (
                b"avc:  denied  { read } for pid=7 comm=\"z\" scontext=a tcontext=b tclass=file",
                "violated-selinux-policy",
            ),
        ];
        for (record, expected) in cases {
            let mut groups = Groups::default();
            groups
                .begin(EventId::default(), b"")
                .push(AUDIT_AVC, record);
            let (group, arena) = (groups.last().unwrap(), Arena::new());
            let mut classifier = Classifier::new(Box::new(Absent)).with_kinds(Kinds::ALL);
            let event = classifier.classify(&group, &arena).unwrap();
            assert_eq!(action(&event), expected);
        }
    }
}
