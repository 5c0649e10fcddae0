//! The records of a call (kernel/auditsc.c, `audit_log_exit`).

use std::{collections::HashMap, fmt::Write, sync::LazyLock};

use auditrd::{
    RecordType,
    model::{Arch, syscall_number},
    record_type::{
        AUDIT_CWD, AUDIT_EXECVE, AUDIT_OPENAT2, AUDIT_PATH, AUDIT_PROCTITLE, AUDIT_SYSCALL,
    },
};

use super::{
    audit::untrusted,
    calls::{Done, Sort},
    steps::Lost,
    tree::{Errno, Tree},
};

const CALLS: [&str; 55] = [
    "open",
    "openat",
    "openat2",
    "creat",
    "mkdir",
    "mkdirat",
    "mknodat",
    "rmdir",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "truncate",
    "chmod",
    "setxattr",
    "lchown",
    "fchmodat",
    "fchownat",
    "utimensat",
    "ftruncate",
    "fchmod",
    "fchown",
    "fsetxattr",
    "close",
    "dup",
    "dup2",
    "dup3",
    "fcntl",
    "close_range",
    "socket",
    "pipe2",
    "accept4",
    "recvmsg",
    "fork",
    "vfork",
    "clone",
    "execve",
    "execveat",
    "exit_group",
    "exit",
    "chdir",
    "fchdir",
    "chroot",
    "unshare",
    "mount",
    "umount2",
    "write",
    "pipe",
    "accept",
    "clone3",
];

fn number(name: &str) -> u32 {
    static NUMBERS: LazyLock<HashMap<&str, u32>> = LazyLock::new(|| {
        let number = |name| Some((name, syscall_number(Arch::X86_64, name)?));
        CALLS.into_iter().filter_map(number).collect()
    });
    NUMBERS[name]
}

pub(crate) fn records(done: &Done, tree: &Tree, lost: Lost) -> Vec<(RecordType, String)> {
    let cwd = tree.path(done.cwd, done.root);
    let paths = done.names.records(tree, &cwd);
    let is_exec = done.sort == Sort::Exec && done.result.is_ok();
    let items = done.names.len() + usize::from(is_exec);
    let mut records = vec![(AUDIT_SYSCALL, syscall(done, items))];
    if let Some([flags, resolve]) = done.how {
        let body = format!("oflag={flags:#o} mode=0644 resolve={resolve:#x}").replace("0o", "0");
        records.push((AUDIT_OPENAT2, body));
    }
    if is_exec {
        records.push((AUDIT_EXECVE, "argc=1 a0=\"x\"".to_owned()));
    }
    if items > 0 {
        records.push((AUDIT_CWD, format!("cwd={}", untrusted(&cwd))));
    }
    records.extend(paths.into_iter().map(|body| (AUDIT_PATH, body)));
    if is_exec {
        let body = format!(
            "item={} name=\"/lib64/ld-linux-x86-64.so.2\" inode=9000 dev=fe:00 mode=0100755 ouid=0 ogid=0 \
             rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0",
            items - 1
        );
        records.push((AUDIT_PATH, body));
    }
    records.push((AUDIT_PROCTITLE, "proctitle=\"x\"".to_owned()));
    if let Lost::Record(index) = lost {
        let index = usize::from(index) % records.len();
        // Without its flags, an open is just another one.
        if records[index].0 != AUDIT_OPENAT2 {
            records.remove(index);
        }
    }
    records
}

fn syscall(done: &Done, items: usize) -> String {
    let mut body = format!("arch=c000003e syscall={}", number(done.name));
    let (success, exit) = match done.result {
        Ok(value) => ("yes", value),
        Err(Errno(number)) => ("no", -number),
    };
    if done.returns {
        let _ = write!(body, " success={success} exit={exit}");
    }
    let [a0, a1, a2, a3] = done.args;
    let _ = write!(
        body,
        " a0={a0:x} a1={a1:x} a2={a2:x} a3={a3:x} items={items} ppid={} pid={} auid=1000 uid=0 gid=0 euid=0 \
         suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=1 comm=\"x\" exe=\"/bin/x\" key=\"k\"",
        done.task.ppid, done.task.pid
    );
    body
}
