//! Which fields of which records the kernel writes as untrusted strings.

use crate::{
    model::{
        RecordType,
        record_type::{
            AUDIT_BPRM_FCAPS, AUDIT_CAPSET, AUDIT_EXECVE, AUDIT_FD_PAIR, AUDIT_KERNEL_OTHER,
            AUDIT_MMAP, AUDIT_OPENAT2,
        },
    },
    parse::user,
};

/// Whether a field is written by `audit_log_untrustedstring` (kernel/audit.c) or, in records from
/// user space, by `audit_encode_nv_string` (libaudit), so that a bare value is hex.
///
/// Only known types have such fields: of modules from outside the kernel tree, and of types that
/// came after this table, nothing is known.
pub(super) fn is_untrusted(record_type: RecordType, is_apparmor: bool, key: &[u8]) -> bool {
    if record_type.is_user_event() {
        return user::is_encoded(key);
    }
    if record_type.name().is_none() || record_type == AUDIT_KERNEL_OTHER {
        return false;
    }
    match record_type.0 {
        1300..=1399 => is_common(key) || record_type == AUDIT_EXECVE && is_argument(key),
        1400..=1499 if is_apparmor => is_common(key) || is_apparmors(key),
        1400..=1499 => is_common(key) || is_security_modules(key),
        1500..=1599 => is_common(key) || is_apparmors(key),
        1700..=1799 => is_common(key),
        1800..=1899 => is_common(key) || matches!(key, b"dev" | b"xattr"),
        _ => false,
    }
}

/// Whether all values in records of a type are numbers (kernel/auditsc.c, `show_special` and
/// `audit_log_exit`). These records come with many calls: BPRM_FCAPS with each program that root
/// starts.
pub(super) fn has_only_numbers(record_type: RecordType) -> bool {
    matches!(
        record_type,
        AUDIT_BPRM_FCAPS | AUDIT_CAPSET | AUDIT_FD_PAIR | AUDIT_MMAP | AUDIT_OPENAT2
    )
}

/// The fields that mean the same in all of the kernel's records.
fn is_common(key: &[u8]) -> bool {
    matches!(
        key,
        b"comm"
            | b"cwd"
            | b"dir"
            | b"exe"
            | b"file"
            | b"key"
            | b"name"
            | b"ocomm"
            | b"path"
            | b"proctitle"
    )
}

/// The arguments in EXECVE: `a0`, `a1[2]`.
fn is_argument(key: &[u8]) -> bool {
    matches!(key, [b'a', b'0'..=b'9', ..]) && !key.ends_with(b"_len")
}

/// Fields of SELinux, Smack, IPE and Landlock (security/lsm_audit.c, security/selinux/avc.c,
/// security/smack/smack_access.c, security/ipe/audit.c).
fn is_security_modules(key: &[u8]) -> bool {
    matches!(
        key,
        b"dev"
            | b"invalid_context"
            | b"key_desc"
            | b"kmod"
            | b"object"
            | b"srawcon"
            | b"subject"
            | b"trawcon"
    )
}

/// Fields of AppArmor (security/apparmor). Its labels are untrusted too.
fn is_apparmors(key: &[u8]) -> bool {
    matches!(
        key,
        b"addr"
            | b"capname"
            | b"dev"
            | b"fstype"
            | b"label"
            | b"namespace"
            | b"ns"
            | b"options"
            | b"peer"
            | b"peer_addr"
            | b"profile"
            | b"srcname"
            | b"target"
            | b"tcontext"
            | b"trans"
    )
}
