//! Audit record types: the number in the header of every audit message, and the name that auditd
//! writes after `type=`.
//!
//! The kernel sends numbers and logs contain names, so both directions are needed. Looking up a
//! name must be fast, because it is done for each line of a log. The table below is the single
//! source for both.
//!
//! The numbers up to 2099 come from `linux/include/uapi/linux/audit.h`. Those that programs send
//! (1100-1299 and 2100-2999) come from audit-userspace's `audit-records.h`. The names are those of
//! its `msg_typetab.h`: the constants without `AUDIT_`, except for `AUDIT_AA`.

use std::{fmt, str::FromStr, sync::LazyLock};

use hashbrown::HashMap;

/// The type of an audit record, as in the `nlmsg_type` of its netlink message. Numbers without a
/// name are valid too.
///
/// ```
/// use auditrd::{RecordType, record_type::AUDIT_SYSCALL};
///
/// assert_eq!(AUDIT_SYSCALL, RecordType(1300));
/// assert_eq!("SYSCALL".parse(), Ok(AUDIT_SYSCALL));
/// assert_eq!(RecordType(2345).to_string(), "UNKNOWN[2345]");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

/// Defines a constant for each line, the lookup of names, and the table for the lookup of numbers.
macro_rules! record_types {
    ($($(#[$doc:meta])* $constant:ident = $number:literal $text:literal;)*) => {
        $(
            $(#[$doc])*
            pub const $constant: RecordType = RecordType($number);
        )*

        /// Every known type and its name, in the order of the numbers.
        const TABLE: &[(RecordType, &str)] = &[$(($constant, $text)),*];

        impl RecordType {
            /// The name that auditd writes after `type=`, such as `SYSCALL`; `None` if the number
            /// has no name.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

record_types! {
    // 1000-1099 are requests to the kernel and its replies, except for USER and LOGIN, which are
    // records. From linux/audit.h.

    /// Requests the audit status, and the reply.
    AUDIT_GET = 1000 "GET";
    /// Sets parts of the audit status, among them the process id of auditd.
    AUDIT_SET = 1001 "SET";
    /// Lists rules in the original format, which kernels no longer accept.
    AUDIT_LIST = 1002 "LIST";
    /// Adds a rule in the original format, which kernels no longer accept.
    AUDIT_ADD = 1003 "ADD";
    /// Deletes a rule in the original format, which kernels no longer accept.
    AUDIT_DEL = 1004 "DEL";
    /// Message from a program, before there were specific types.
    AUDIT_USER = 1005 "USER";
    /// A process was given its login id (`auid`) and session.
    AUDIT_LOGIN = 1006 "LOGIN";
    /// Adds a file watch through the interface that rules have replaced.
    AUDIT_WATCH_INS = 1007 "WATCH_INS";
    /// Removes a file watch through the interface that rules have replaced.
    AUDIT_WATCH_REM = 1008 "WATCH_REM";
    /// Lists file watches through the interface that rules have replaced.
    AUDIT_WATCH_LIST = 1009 "WATCH_LIST";
    /// Requests the sender of auditd's last signal, and the reply.
    AUDIT_SIGNAL_INFO = 1010 "SIGNAL_INFO";
    /// Adds a rule (`struct audit_rule_data`).
    AUDIT_ADD_RULE = 1011 "ADD_RULE";
    /// Deletes a rule (`struct audit_rule_data`).
    AUDIT_DEL_RULE = 1012 "DEL_RULE";
    /// Requests all rules, and each rule in the reply.
    AUDIT_LIST_RULES = 1013 "LIST_RULES";
    /// Drops the parts of watched trees that are no longer reachable.
    AUDIT_TRIM = 1014 "TRIM";
    /// Treats one directory as part of another one's watched tree.
    AUDIT_MAKE_EQUIV = 1015 "MAKE_EQUIV";
    /// Requests whether terminal input is audited, and the reply.
    AUDIT_TTY_GET = 1016 "TTY_GET";
    /// Sets whether terminal input is audited.
    AUDIT_TTY_SET = 1017 "TTY_SET";
    /// Switches features such as the immutable login id on or off.
    AUDIT_SET_FEATURE = 1018 "SET_FEATURE";
    /// Requests the enabled features, and the reply.
    AUDIT_GET_FEATURE = 1019 "GET_FEATURE";

    // 1100-1199 are messages of trusted programs. From audit-records.h.

    /// A user was authenticated, or failed to be.
    AUDIT_USER_AUTH = 1100 "USER_AUTH";
    /// A user's account was checked for permission to log in.
    AUDIT_USER_ACCT = 1101 "USER_ACCT";
    /// An attribute of a user account was changed.
    AUDIT_USER_MGMT = 1102 "USER_MGMT";
    /// Credentials were acquired for a user.
    AUDIT_CRED_ACQ = 1103 "CRED_ACQ";
    /// A user's credentials were released.
    AUDIT_CRED_DISP = 1104 "CRED_DISP";
    /// A user's session was opened.
    AUDIT_USER_START = 1105 "USER_START";
    /// A user's session was closed.
    AUDIT_USER_END = 1106 "USER_END";
    /// Access decision of a program that enforces SELinux policy itself.
    AUDIT_USER_AVC = 1107 "USER_AVC";
    /// A user's password or PIN was changed.
    AUDIT_USER_CHAUTHTOK = 1108 "USER_CHAUTHTOK";
    /// A user's account was found in an invalid state.
    AUDIT_USER_ERR = 1109 "USER_ERR";
    /// A user's credentials were renewed.
    AUDIT_CRED_REFR = 1110 "CRED_REFR";
    /// A program changed a setting of the system, such as the clock.
    AUDIT_USYS_CONFIG = 1111 "USYS_CONFIG";
    /// A user logged in.
    AUDIT_USER_LOGIN = 1112 "USER_LOGIN";
    /// A user logged out.
    AUDIT_USER_LOGOUT = 1113 "USER_LOGOUT";
    /// A user account was added.
    AUDIT_ADD_USER = 1114 "ADD_USER";
    /// A user account was deleted.
    AUDIT_DEL_USER = 1115 "DEL_USER";
    /// A group was added.
    AUDIT_ADD_GROUP = 1116 "ADD_GROUP";
    /// A group was deleted.
    AUDIT_DEL_GROUP = 1117 "DEL_GROUP";
    /// Result of a program's own permission check.
    AUDIT_DAC_CHECK = 1118 "DAC_CHECK";
    /// A program changed its group id.
    AUDIT_CHGRP_ID = 1119 "CHGRP_ID";
    /// Success message of a test.
    AUDIT_TEST = 1120 "TEST";
    /// Free text from a trusted program.
    AUDIT_TRUSTED_APP = 1121 "TRUSTED_APP";
    /// SELinux error found by a program.
    AUDIT_USER_SELINUX_ERR = 1122 "USER_SELINUX_ERR";
    /// A command and its arguments, run through sudo or a similar program.
    AUDIT_USER_CMD = 1123 "USER_CMD";
    /// Terminal input as the shell interpreted it.
    AUDIT_USER_TTY = 1124 "USER_TTY";
    /// A program changed its user id.
    AUDIT_CHUSER_ID = 1125 "CHUSER_ID";
    /// A group's password was checked.
    AUDIT_GRP_AUTH = 1126 "GRP_AUTH";
    /// The system started.
    AUDIT_SYSTEM_BOOT = 1127 "SYSTEM_BOOT";
    /// The system is shutting down.
    AUDIT_SYSTEM_SHUTDOWN = 1128 "SYSTEM_SHUTDOWN";
    /// The run level changed.
    AUDIT_SYSTEM_RUNLEVEL = 1129 "SYSTEM_RUNLEVEL";
    /// A service was started, as reported by the init system.
    AUDIT_SERVICE_START = 1130 "SERVICE_START";
    /// A service was stopped, as reported by the init system.
    AUDIT_SERVICE_STOP = 1131 "SERVICE_STOP";
    /// An attribute of a group was changed.
    AUDIT_GRP_MGMT = 1132 "GRP_MGMT";
    /// A group's password was changed.
    AUDIT_GRP_CHAUTHTOK = 1133 "GRP_CHAUTHTOK";
    /// Result of a program's own mandatory access check.
    AUDIT_MAC_CHECK = 1134 "MAC_CHECK";
    /// A user's account was locked by an administrator.
    AUDIT_ACCT_LOCK = 1135 "ACCT_LOCK";
    /// A user's account was unlocked by an administrator.
    AUDIT_ACCT_UNLOCK = 1136 "ACCT_UNLOCK";
    /// A device was added, removed or rejected, as reported by a program such as USBGuard.
    AUDIT_USER_DEVICE = 1137 "USER_DEVICE";
    /// Software was installed, updated or removed.
    AUDIT_SOFTWARE_UPDATE = 1138 "SOFTWARE_UPDATE";

    // 1200-1299 are written by the audit daemon about itself. The first four are in linux/audit.h,
    // the rest in audit-records.h.

    /// The audit daemon started.
    AUDIT_DAEMON_START = 1200 "DAEMON_START";
    /// The audit daemon stopped on request.
    AUDIT_DAEMON_END = 1201 "DAEMON_END";
    /// The audit daemon stopped on an error.
    AUDIT_DAEMON_ABORT = 1202 "DAEMON_ABORT";
    /// The audit daemon's configuration changed.
    AUDIT_DAEMON_CONFIG = 1203 "DAEMON_CONFIG";
    /// Tells the audit daemon to reload its configuration; never logged.
    AUDIT_DAEMON_RECONFIG = 1204 "DAEMON_RECONFIG";
    /// The audit daemon was asked to rotate its logs.
    AUDIT_DAEMON_ROTATE = 1205 "DAEMON_ROTATE";
    /// The audit daemon was asked to resume logging.
    AUDIT_DAEMON_RESUME = 1206 "DAEMON_RESUME";
    /// The audit daemon accepted a connection from another host.
    AUDIT_DAEMON_ACCEPT = 1207 "DAEMON_ACCEPT";
    /// The audit daemon closed a connection from another host.
    AUDIT_DAEMON_CLOSE = 1208 "DAEMON_CLOSE";
    /// The audit daemon had an internal error.
    AUDIT_DAEMON_ERR = 1209 "DAEMON_ERR";

    // 1300-1399 are the kernel's event records. From linux/audit.h.

    /// A system call: number, arguments, result and the calling process.
    AUDIT_SYSCALL = 1300 "SYSCALL";
    /// One path the system call looked up, with the inode found there.
    AUDIT_PATH = 1302 "PATH";
    /// Owner and mode of a System V IPC object.
    AUDIT_IPC = 1303 "IPC";
    /// Arguments of the multiplexed `socketcall`.
    AUDIT_SOCKETCALL = 1304 "SOCKETCALL";
    /// The audit system's own settings or rules changed.
    AUDIT_CONFIG_CHANGE = 1305 "CONFIG_CHANGE";
    /// Socket address passed to or returned by the system call, in hex.
    AUDIT_SOCKADDR = 1306 "SOCKADDR";
    /// Working directory of the process, which relative paths start from.
    AUDIT_CWD = 1307 "CWD";
    /// Argument vector of an `execve`, in several records if it is long.
    AUDIT_EXECVE = 1309 "EXECVE";
    /// New owner and mode of a System V IPC object.
    AUDIT_IPC_SET_PERM = 1311 "IPC_SET_PERM";
    /// Flags, mode and attributes of an `mq_open`.
    AUDIT_MQ_OPEN = 1312 "MQ_OPEN";
    /// Size, priority and timeout of an `mq_timedsend` or `mq_timedreceive`.
    AUDIT_MQ_SENDRECV = 1313 "MQ_SENDRECV";
    /// Descriptor and signal of an `mq_notify`.
    AUDIT_MQ_NOTIFY = 1314 "MQ_NOTIFY";
    /// Attributes of an `mq_getsetattr`.
    AUDIT_MQ_GETSETATTR = 1315 "MQ_GETSETATTR";
    /// Reserved for modules from outside the kernel tree.
    AUDIT_KERNEL_OTHER = 1316 "KERNEL_OTHER";
    /// The two descriptors that a `pipe` or `socketpair` returned.
    AUDIT_FD_PAIR = 1317 "FD_PAIR";
    /// A process that was the target of a signal or `ptrace`.
    AUDIT_OBJ_PID = 1318 "OBJ_PID";
    /// Input typed on a terminal, in hex.
    AUDIT_TTY = 1319 "TTY";
    /// End of an event of several records; auditd does not log it.
    AUDIT_EOE = 1320 "EOE";
    /// Capabilities that a program gained from its file when it was executed.
    AUDIT_BPRM_FCAPS = 1321 "BPRM_FCAPS";
    /// Capability sets passed to `capset`.
    AUDIT_CAPSET = 1322 "CAPSET";
    /// Descriptor and flags of an `mmap`.
    AUDIT_MMAP = 1323 "MMAP";
    /// A packet that matched an audit target in netfilter.
    AUDIT_NETFILTER_PKT = 1324 "NETFILTER_PKT";
    /// A netfilter table or chain was changed.
    AUDIT_NETFILTER_CFG = 1325 "NETFILTER_CFG";
    /// Seccomp killed, trapped or logged a process's system call.
    AUDIT_SECCOMP = 1326 "SECCOMP";
    /// Command line of the process, as stored in its memory.
    AUDIT_PROCTITLE = 1327 "PROCTITLE";
    /// An audit feature was switched on or off.
    AUDIT_FEATURE_CHANGE = 1328 "FEATURE_CHANGE";
    /// Checks that the registered auditd is alive when another process wants to register; a
    /// protocol message that is never logged.
    AUDIT_REPLACE = 1329 "REPLACE";
    /// Name of a kernel module that was loaded or unloaded.
    AUDIT_KERN_MODULE = 1330 "KERN_MODULE";
    /// Decision of a fanotify listener on an access.
    AUDIT_FANOTIFY = 1331 "FANOTIFY";
    /// Amount by which the clock was shifted, in seconds and nanoseconds.
    AUDIT_TIME_INJOFFSET = 1332 "TIME_INJOFFSET";
    /// A value of the clock discipline before and after `adjtimex`.
    AUDIT_TIME_ADJNTPVAL = 1333 "TIME_ADJNTPVAL";
    /// A BPF program was loaded or unloaded.
    AUDIT_BPF = 1334 "BPF";
    /// A process joined or left the audit multicast group.
    AUDIT_EVENT_LISTENER = 1335 "EVENT_LISTENER";
    /// An io_uring operation: opcode, result and the process behind it.
    AUDIT_URINGOP = 1336 "URINGOP";
    /// Flags, mode and resolution rules of an `openat2`.
    AUDIT_OPENAT2 = 1337 "OPENAT2";
    /// A device mapper target was created or removed.
    AUDIT_DM_CTRL = 1338 "DM_CTRL";
    /// A device mapper target reported an event, such as a bad block.
    AUDIT_DM_EVENT = 1339 "DM_EVENT";

    // 1400-1499 belong to SELinux and the security modules after it. From linux/audit.h.

    /// Access decision of SELinux, or of another module that uses its record.
    AUDIT_AVC = 1400 "AVC";
    /// Error inside SELinux, such as an invalid context.
    AUDIT_SELINUX_ERR = 1401 "SELINUX_ERR";
    /// Path of the file in an access decision.
    AUDIT_AVC_PATH = 1402 "AVC_PATH";
    /// A security policy was loaded.
    AUDIT_MAC_POLICY_LOAD = 1403 "MAC_POLICY_LOAD";
    /// The security module became enforcing, permissive or disabled.
    AUDIT_MAC_STATUS = 1404 "MAC_STATUS";
    /// A policy boolean was set.
    AUDIT_MAC_CONFIG_CHANGE = 1405 "MAC_CONFIG_CHANGE";
    /// NetLabel was configured to allow or deny unlabelled traffic.
    AUDIT_MAC_UNLBL_ALLOW = 1406 "MAC_UNLBL_ALLOW";
    /// NetLabel was given a CIPSO domain of interpretation for IPv4.
    AUDIT_MAC_CIPSOV4_ADD = 1407 "MAC_CIPSOV4_ADD";
    /// NetLabel lost a CIPSO domain of interpretation for IPv4.
    AUDIT_MAC_CIPSOV4_DEL = 1408 "MAC_CIPSOV4_DEL";
    /// NetLabel was given a mapping of a security domain.
    AUDIT_MAC_MAP_ADD = 1409 "MAC_MAP_ADD";
    /// NetLabel lost a mapping of a security domain.
    AUDIT_MAC_MAP_DEL = 1410 "MAC_MAP_DEL";
    /// An IPsec association was added; kernels no longer write it.
    AUDIT_MAC_IPSEC_ADDSA = 1411 "MAC_IPSEC_ADDSA";
    /// An IPsec association was deleted; kernels no longer write it.
    AUDIT_MAC_IPSEC_DELSA = 1412 "MAC_IPSEC_DELSA";
    /// An IPsec policy was added; kernels no longer write it.
    AUDIT_MAC_IPSEC_ADDSPD = 1413 "MAC_IPSEC_ADDSPD";
    /// An IPsec policy was deleted; kernels no longer write it.
    AUDIT_MAC_IPSEC_DELSPD = 1414 "MAC_IPSEC_DELSPD";
    /// An IPsec association or policy changed, or a packet violated one.
    AUDIT_MAC_IPSEC_EVENT = 1415 "MAC_IPSEC_EVENT";
    /// NetLabel was given a fixed label for an address.
    AUDIT_MAC_UNLBL_STCADD = 1416 "MAC_UNLBL_STCADD";
    /// NetLabel lost a fixed label for an address.
    AUDIT_MAC_UNLBL_STCDEL = 1417 "MAC_UNLBL_STCDEL";
    /// NetLabel was given a CALIPSO domain of interpretation for IPv6.
    AUDIT_MAC_CALIPSO_ADD = 1418 "MAC_CALIPSO_ADD";
    /// NetLabel lost a CALIPSO domain of interpretation for IPv6.
    AUDIT_MAC_CALIPSO_DEL = 1419 "MAC_CALIPSO_DEL";
    /// Access decision of IPE, the integrity policy enforcement module.
    AUDIT_IPE_ACCESS = 1420 "IPE_ACCESS";
    /// IPE got another policy, or became enforcing or permissive.
    AUDIT_IPE_CONFIG_CHANGE = 1421 "IPE_CONFIG_CHANGE";
    /// IPE loaded a policy.
    AUDIT_IPE_POLICY_LOAD = 1422 "IPE_POLICY_LOAD";
    /// Landlock denied an access.
    AUDIT_LANDLOCK_ACCESS = 1423 "LANDLOCK_ACCESS";
    /// A Landlock domain denied its first access, or was freed.
    AUDIT_LANDLOCK_DOMAIN = 1424 "LANDLOCK_DOMAIN";
    /// Security contexts of the process, where several modules have one.
    AUDIT_MAC_TASK_CONTEXTS = 1425 "MAC_TASK_CONTEXTS";
    /// Security contexts of the object, where several modules have one.
    AUDIT_MAC_OBJ_CONTEXTS = 1426 "MAC_OBJ_CONTEXTS";

    // 1500-1599 belong to AppArmor. From audit-records.h.

    /// AppArmor message of its earliest releases. The only type whose name differs from its
    /// constant.
    AUDIT_AA = 1500 "APPARMOR";
    /// AppArmor allowed an access and was asked to log it.
    AUDIT_APPARMOR_AUDIT = 1501 "APPARMOR_AUDIT";
    /// AppArmor allowed, in complain mode, an access that it would deny.
    AUDIT_APPARMOR_ALLOWED = 1502 "APPARMOR_ALLOWED";
    /// AppArmor denied an access.
    AUDIT_APPARMOR_DENIED = 1503 "APPARMOR_DENIED";
    /// AppArmor's hint for the author of the profile.
    AUDIT_APPARMOR_HINT = 1504 "APPARMOR_HINT";
    /// AppArmor loaded, replaced or removed a profile.
    AUDIT_APPARMOR_STATUS = 1505 "APPARMOR_STATUS";
    /// AppArmor had an internal error.
    AUDIT_APPARMOR_ERROR = 1506 "APPARMOR_ERROR";
    /// AppArmor killed a process.
    AUDIT_APPARMOR_KILL = 1507 "APPARMOR_KILL";

    // 1700-1799 are anomalies that the kernel detects. From linux/audit.h.

    /// A network device entered or left promiscuous mode.
    AUDIT_ANOM_PROMISCUOUS = 1700 "ANOM_PROMISCUOUS";
    /// A process was terminated by a signal such as SIGSEGV.
    AUDIT_ANOM_ABEND = 1701 "ANOM_ABEND";
    /// A link was followed or created against the protected-links settings.
    AUDIT_ANOM_LINK = 1702 "ANOM_LINK";
    /// A file was opened for creation against the protected-files settings.
    AUDIT_ANOM_CREAT = 1703 "ANOM_CREAT";

    // 1800-1899 belong to the integrity subsystem. From linux/audit.h.

    /// A file's content was checked against its hash or signature.
    AUDIT_INTEGRITY_DATA = 1800 "INTEGRITY_DATA";
    /// A file's metadata was checked or changed under EVM.
    AUDIT_INTEGRITY_METADATA = 1801 "INTEGRITY_METADATA";
    /// Integrity checking was enabled, disabled or configured.
    AUDIT_INTEGRITY_STATUS = 1802 "INTEGRITY_STATUS";
    /// The hash algorithm of integrity checking was set.
    AUDIT_INTEGRITY_HASH = 1803 "INTEGRITY_HASH";
    /// A measurement was invalidated by a writer of the same file.
    AUDIT_INTEGRITY_PCR = 1804 "INTEGRITY_PCR";
    /// A file matched an audit rule of the IMA policy; contains its hash.
    AUDIT_INTEGRITY_RULE = 1805 "INTEGRITY_RULE";
    /// An extended attribute was added to those that EVM protects.
    AUDIT_INTEGRITY_EVM_XATTR = 1806 "INTEGRITY_EVM_XATTR";
    /// A rule was read into the IMA policy.
    AUDIT_INTEGRITY_POLICY_RULE = 1807 "INTEGRITY_POLICY_RULE";
    /// A program enforced integrity itself and reported it to the kernel.
    AUDIT_INTEGRITY_USERSPACE = 1808 "INTEGRITY_USERSPACE";

    /// Kernel message without a specific type, such as the start of auditing at boot. From
    /// linux/audit.h.
    AUDIT_KERNEL = 2000 "KERNEL";

    // 2100-2199 are anomalies detected by programs. From audit-records.h, as are all that follow.

    /// A user failed to log in too many times.
    AUDIT_ANOM_LOGIN_FAILURES = 2100 "ANOM_LOGIN_FAILURES";
    /// A login was attempted at a time when it is not allowed.
    AUDIT_ANOM_LOGIN_TIME = 2101 "ANOM_LOGIN_TIME";
    /// A user reached the maximum number of sessions.
    AUDIT_ANOM_LOGIN_SESSIONS = 2102 "ANOM_LOGIN_SESSIONS";
    /// A login was attempted to a watched account.
    AUDIT_ANOM_LOGIN_ACCT = 2103 "ANOM_LOGIN_ACCT";
    /// A login was attempted from a forbidden location.
    AUDIT_ANOM_LOGIN_LOCATION = 2104 "ANOM_LOGIN_LOCATION";
    /// Too many accesses were denied by file permissions.
    AUDIT_ANOM_MAX_DAC = 2105 "ANOM_MAX_DAC";
    /// Too many accesses were denied by the security policy.
    AUDIT_ANOM_MAX_MAC = 2106 "ANOM_MAX_MAC";
    /// The abstract machine test utility failed.
    AUDIT_ANOM_AMTU_FAIL = 2107 "ANOM_AMTU_FAIL";
    /// The self test of role based access control failed.
    AUDIT_ANOM_RBAC_FAIL = 2108 "ANOM_RBAC_FAIL";
    /// The file integrity test of role based access control failed.
    AUDIT_ANOM_RBAC_INTEGRITY_FAIL = 2109 "ANOM_RBAC_INTEGRITY_FAIL";
    /// The test of the cryptographic system failed.
    AUDIT_ANOM_CRYPTO_FAIL = 2110 "ANOM_CRYPTO_FAIL";
    /// A watched file or directory was accessed.
    AUDIT_ANOM_ACCESS_FS = 2111 "ANOM_ACCESS_FS";
    /// A watched program was run.
    AUDIT_ANOM_EXEC = 2112 "ANOM_EXEC";
    /// A file was made executable.
    AUDIT_ANOM_MK_EXEC = 2113 "ANOM_MK_EXEC";
    /// A user account was added unexpectedly.
    AUDIT_ANOM_ADD_ACCT = 2114 "ANOM_ADD_ACCT";
    /// A user account was deleted unexpectedly.
    AUDIT_ANOM_DEL_ACCT = 2115 "ANOM_DEL_ACCT";
    /// A user account was changed unexpectedly.
    AUDIT_ANOM_MOD_ACCT = 2116 "ANOM_MOD_ACCT";
    /// A user became root.
    AUDIT_ANOM_ROOT_TRANS = 2117 "ANOM_ROOT_TRANS";
    /// A login was attempted to a service account.
    AUDIT_ANOM_LOGIN_SERVICE = 2118 "ANOM_LOGIN_SERVICE";
    /// A login as root was attempted.
    AUDIT_ANOM_LOGIN_ROOT = 2119 "ANOM_LOGIN_ROOT";
    /// Too many logins failed from one address.
    AUDIT_ANOM_ORIGIN_FAILURES = 2120 "ANOM_ORIGIN_FAILURES";
    /// A user's session was classified as bad.
    AUDIT_ANOM_SESSION = 2121 "ANOM_SESSION";

    // 2200-2299 are responses to anomalies.

    /// An anomaly was detected and no action was taken.
    AUDIT_RESP_ANOMALY = 2200 "RESP_ANOMALY";
    /// A warning was sent by email.
    AUDIT_RESP_ALERT = 2201 "RESP_ALERT";
    /// A program was killed.
    AUDIT_RESP_KILL_PROC = 2202 "RESP_KILL_PROC";
    /// A session was terminated.
    AUDIT_RESP_TERM_ACCESS = 2203 "RESP_TERM_ACCESS";
    /// An account was locked against access from other hosts.
    AUDIT_RESP_ACCT_REMOTE = 2204 "RESP_ACCT_REMOTE";
    /// An account was locked temporarily.
    AUDIT_RESP_ACCT_LOCK_TIMED = 2205 "RESP_ACCT_LOCK_TIMED";
    /// A temporarily locked account was unlocked.
    AUDIT_RESP_ACCT_UNLOCK_TIMED = 2206 "RESP_ACCT_UNLOCK_TIMED";
    /// An account was locked.
    AUDIT_RESP_ACCT_LOCK = 2207 "RESP_ACCT_LOCK";
    /// A terminal was locked.
    AUDIT_RESP_TERM_LOCK = 2208 "RESP_TERM_LOCK";
    /// An SELinux boolean was set.
    AUDIT_RESP_SEBOOL = 2209 "RESP_SEBOOL";
    /// A script was run.
    AUDIT_RESP_EXEC = 2210 "RESP_EXEC";
    /// The system was switched to single-user mode.
    AUDIT_RESP_SINGLE = 2211 "RESP_SINGLE";
    /// The system was halted.
    AUDIT_RESP_HALT = 2212 "RESP_HALT";
    /// An address was blocked by the firewall.
    AUDIT_RESP_ORIGIN_BLOCK = 2213 "RESP_ORIGIN_BLOCK";
    /// An address was blocked by the firewall temporarily.
    AUDIT_RESP_ORIGIN_BLOCK_TIMED = 2214 "RESP_ORIGIN_BLOCK_TIMED";
    /// A temporarily blocked address was unblocked.
    AUDIT_RESP_ORIGIN_UNBLOCK_TIMED = 2215 "RESP_ORIGIN_UNBLOCK_TIMED";

    // 2300-2399 are about roles and labels.

    /// A user assumed another role.
    AUDIT_USER_ROLE_CHANGE = 2300 "USER_ROLE_CHANGE";
    /// An administrator assigned a role to a user.
    AUDIT_ROLE_ASSIGN = 2301 "ROLE_ASSIGN";
    /// An administrator removed a role from a user.
    AUDIT_ROLE_REMOVE = 2302 "ROLE_REMOVE";
    /// An administrator overrode a label.
    AUDIT_LABEL_OVERRIDE = 2303 "LABEL_OVERRIDE";
    /// The level in an object's label was changed.
    AUDIT_LABEL_LEVEL_CHANGE = 2304 "LABEL_LEVEL_CHANGE";
    /// An object was exported with its label, for example by printing.
    AUDIT_USER_LABELED_EXPORT = 2305 "USER_LABELED_EXPORT";
    /// An object was exported without its label.
    AUDIT_USER_UNLABELED_EXPORT = 2306 "USER_UNLABELED_EXPORT";
    /// A device was allocated to a user.
    AUDIT_DEV_ALLOC = 2307 "DEV_ALLOC";
    /// A device was deallocated.
    AUDIT_DEV_DEALLOC = 2308 "DEV_DEALLOC";
    /// A file system was relabelled.
    AUDIT_FS_RELABEL = 2309 "FS_RELABEL";
    /// A program that enforces policy itself loaded one.
    AUDIT_USER_MAC_POLICY_LOAD = 2310 "USER_MAC_POLICY_LOAD";
    /// An administrator changed a role.
    AUDIT_ROLE_MODIFY = 2311 "ROLE_MODIFY";
    /// The security policy's configuration was changed by a program.
    AUDIT_USER_MAC_CONFIG_CHANGE = 2312 "USER_MAC_CONFIG_CHANGE";
    /// A program that enforces policy itself became enforcing or permissive.
    AUDIT_USER_MAC_STATUS = 2313 "USER_MAC_STATUS";

    // 2400-2499 are about cryptography in programs.

    /// Result of a cryptographic self test.
    AUDIT_CRYPTO_TEST_USER = 2400 "CRYPTO_TEST_USER";
    /// A cryptographic setting was changed.
    AUDIT_CRYPTO_PARAM_CHANGE_USER = 2401 "CRYPTO_PARAM_CHANGE_USER";
    /// A cryptographic officer logged in.
    AUDIT_CRYPTO_LOGIN = 2402 "CRYPTO_LOGIN";
    /// A cryptographic officer logged out.
    AUDIT_CRYPTO_LOGOUT = 2403 "CRYPTO_LOGOUT";
    /// A key was created, negotiated or destroyed.
    AUDIT_CRYPTO_KEY_USER = 2404 "CRYPTO_KEY_USER";
    /// Encryption, decryption or random number generation failed.
    AUDIT_CRYPTO_FAILURE_USER = 2405 "CRYPTO_FAILURE_USER";
    /// A replayed message was detected.
    AUDIT_CRYPTO_REPLAY_USER = 2406 "CRYPTO_REPLAY_USER";
    /// Parameters of an established TLS or SSH session.
    AUDIT_CRYPTO_SESSION = 2407 "CRYPTO_SESSION";
    /// Parameters of an IKE security association.
    AUDIT_CRYPTO_IKE_SA = 2408 "CRYPTO_IKE_SA";
    /// Parameters of an IPsec security association.
    AUDIT_CRYPTO_IPSEC_SA = 2409 "CRYPTO_IPSEC_SA";

    // 2500-2599 are about virtual machines and containers.

    /// A machine or container was started, paused or stopped.
    AUDIT_VIRT_CONTROL = 2500 "VIRT_CONTROL";
    /// A machine or container gained or lost a resource.
    AUDIT_VIRT_RESOURCE = 2501 "VIRT_RESOURCE";
    /// A machine or container was bound to a label.
    AUDIT_VIRT_MACHINE_ID = 2502 "VIRT_MACHINE_ID";
    /// Result of a guest's integrity check.
    AUDIT_VIRT_INTEGRITY_CHECK = 2503 "VIRT_INTEGRITY_CHECK";
    /// A guest image was created.
    AUDIT_VIRT_CREATE = 2504 "VIRT_CREATE";
    /// A guest image was destroyed.
    AUDIT_VIRT_DESTROY = 2505 "VIRT_DESTROY";
    /// A guest migrated in from another host.
    AUDIT_VIRT_MIGRATE_IN = 2506 "VIRT_MIGRATE_IN";
    /// A guest migrated out to another host.
    AUDIT_VIRT_MIGRATE_OUT = 2507 "VIRT_MIGRATE_OUT";
}

/// Finds the type with exactly this name.
fn by_name(name: &[u8]) -> Option<RecordType> {
    static BY_NAME: LazyLock<HashMap<&[u8], RecordType>> = LazyLock::new(|| {
        TABLE
            .iter()
            .map(|(record_type, name)| (name.as_bytes(), *record_type))
            .collect()
    });
    BY_NAME.get(name).copied()
}

/// Parses a decimal number without a sign that fits in 16 bits.
fn decimal(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u16, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u16::from(digit))
    })
}

impl RecordType {
    /// Parses the value of `type=` in a log line: a name such as `SYSCALL`, `UNKNOWN[1334]`, which
    /// auditd writes for a type without a name, or a bare number. It is case-sensitive.
    pub fn parse(text: &[u8]) -> Option<RecordType> {
        let known = by_name(text);
        if known.is_some() {
            return known;
        }
        let digits = match text.strip_prefix(b"UNKNOWN[") {
            Some(rest) => rest.strip_suffix(b"]")?,
            None => text,
        };
        decimal(digits).map(RecordType)
    }

    /// Whether a program sent the record through the kernel (1005, 1100-1199 and 2100-2999), so
    /// that its fields are inside a quoted `msg='...'`.
    #[doc(alias = "IsUserEvent")]
    pub fn is_user_event(self) -> bool {
        matches!(self.0, 1005 | 1100..=1199 | 2100..=2999)
    }

    /// Whether the audit daemon wrote the record about itself (1200-1299). It numbers such records
    /// with a counter of its own, which starts at random.
    pub fn is_of_daemon(self) -> bool {
        matches!(self.0, 1200..=1299)
    }

    /// Whether the kernel writes records of this type only beside that of the system call whose
    /// details they have (kernel/auditsc.c, `audit_log_exit`).
    pub fn is_part_of_call(self) -> bool {
        matches!(
            self,
            AUDIT_PATH
                | AUDIT_IPC
                | AUDIT_SOCKETCALL
                | AUDIT_SOCKADDR
                | AUDIT_CWD
                | AUDIT_EXECVE
                | AUDIT_IPC_SET_PERM
                | AUDIT_MQ_OPEN
                | AUDIT_MQ_SENDRECV
                | AUDIT_MQ_NOTIFY
                | AUDIT_MQ_GETSETATTR
                | AUDIT_FD_PAIR
                | AUDIT_OBJ_PID
                | AUDIT_EOE
                | AUDIT_BPRM_FCAPS
                | AUDIT_CAPSET
                | AUDIT_MMAP
                | AUDIT_PROCTITLE
                | AUDIT_KERN_MODULE
                | AUDIT_OPENAT2
        )
    }

    /// Whether a record of this type is a whole event by itself.
    ///
    /// This is the rule of libauparse (control messages, messages of programs and daemons, and
    /// `KERNEL`) with one difference: 1700-1899, NetLabel's 1406-1419 and `LOGIN` are excluded,
    /// because the kernel may write them as part of a syscall event. `ANOM_ABEND` is included: a
    /// process is killed outside of any syscall.
    pub fn is_single(self) -> bool {
        match self {
            AUDIT_LOGIN => false,
            AUDIT_ANOM_ABEND => true,
            RecordType(0..=1299 | 1900..) => true,
            _ => false,
        }
    }
}

/// Writes the name, or `UNKNOWN[n]` as auditd does for a type without one. [`RecordType::parse`]
/// accepts both.
impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "UNKNOWN[{}]", self.0),
        }
    }
}

impl fmt::Debug for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The error for a text that is not a record type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRecordType(String);

impl fmt::Display for UnknownRecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown record type {:?}", self.0)
    }
}

impl std::error::Error for UnknownRecordType {}

/// As [`RecordType::parse`], but case-insensitive, for user input.
impl FromStr for RecordType {
    type Err = UnknownRecordType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        RecordType::parse(text.to_ascii_uppercase().as_bytes())
            .ok_or_else(|| UnknownRecordType(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_to_its_number() {
        for (record_type, name) in TABLE {
            assert_eq!(record_type.name(), Some(*name));
            assert_eq!(
                RecordType::parse(name.as_bytes()),
                Some(*record_type),
                "{name}"
            );
            assert_eq!(name.to_lowercase().parse(), Ok(*record_type));
        }
    }

    #[test]
    fn every_number_parses_from_its_display() {
        for number in 0..=u16::MAX {
            let record_type = RecordType(number);
            assert_eq!(
                RecordType::parse(record_type.to_string().as_bytes()),
                Some(record_type)
            );
            assert_eq!(
                RecordType::parse(number.to_string().as_bytes()),
                Some(record_type)
            );
        }
    }

    #[test]
    fn the_table_is_sorted_and_has_no_duplicates() {
        assert!(TABLE.is_sorted_by(|left, right| left.0 < right.0));
        let mut names: Vec<_> = TABLE.iter().map(|(_, name)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
    }

    #[test]
    fn constants_have_the_kernels_numbers() {
        assert_eq!(AUDIT_LOGIN, RecordType(1006));
        assert_eq!(AUDIT_SYSCALL.name(), Some("SYSCALL"));
        assert_eq!(AUDIT_PROCTITLE, RecordType(1327));
        assert_eq!(AUDIT_BPF, RecordType(1334));
        assert_eq!(AUDIT_AA.name(), Some("APPARMOR"));
        assert_eq!(AUDIT_LANDLOCK_DOMAIN, RecordType(1424));
    }

    #[test]
    fn text_that_is_not_a_record_type_is_rejected() {
        for text in [
            "",
            "syscall",
            "SYSCAL",
            "SYSCALLS",
            "65536",
            "99999999999",
            "-1",
            "+1300",
            "1300 ",
            "UNKNOWN",
            "UNKNOWN[",
            "UNKNOWN[]",
            "UNKNOWN[1300",
            "UNKNOWN[65536]",
            "UNKNOWN[x]",
        ] {
            assert_eq!(RecordType::parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(RecordType::parse(&[0xff; 40]), None);
    }

    #[test]
    fn the_error_quotes_the_input() {
        let error = "foo"
            .parse::<RecordType>()
            .expect_err("foo is not a record type");
        assert_eq!(error.to_string(), r#"unknown record type "foo""#);
    }

    #[test]
    fn display_honours_the_width() {
        assert_eq!(format!("{AUDIT_CWD:5}|{AUDIT_CWD:?}"), "CWD  |CWD");
        assert_eq!(RecordType(1999).to_string(), "UNKNOWN[1999]");
    }

    #[test]
    fn user_events_are_two_ranges_of_numbers() {
        for (number, expected) in [
            (1099, false),
            (1100, true),
            (1199, true),
            (1200, false),
            (2099, false),
            (2100, true),
            (2999, true),
            (3000, false),
        ] {
            assert_eq!(RecordType(number).is_user_event(), expected, "{number}");
        }
    }

    #[test]
    fn records_of_a_syscall_event_are_not_single() {
        for record_type in [
            AUDIT_LOGIN,
            AUDIT_SYSCALL,
            AUDIT_PATH,
            AUDIT_CONFIG_CHANGE,
            AUDIT_URINGOP,
            AUDIT_AVC,
            AUDIT_MAC_STATUS,
            AUDIT_LANDLOCK_ACCESS,
            AUDIT_ANOM_PROMISCUOUS,
            AUDIT_ANOM_LINK,
            AUDIT_INTEGRITY_PCR,
        ] {
            assert!(!record_type.is_single(), "{record_type}");
        }
    }

    #[test]
    fn records_that_are_whole_events_are_single() {
        for record_type in [
            AUDIT_USER,
            AUDIT_USER_LOGIN,
            AUDIT_DAEMON_START,
            AUDIT_ANOM_ABEND,
            AUDIT_KERNEL,
            AUDIT_CRYPTO_SESSION,
            AUDIT_VIRT_CONTROL,
        ] {
            assert!(record_type.is_single(), "{record_type}");
        }
    }
}
