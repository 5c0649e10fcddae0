//! What really happened, held against what the events say.
//!
//! Each test has a workload of its own, which runs as a child process under rules for it alone and
//! writes down what it does as it does it. Then each of its calls must be an event, in order, with
//! the path that the caller meant. Where the kernel says too little for that, the event may say
//! that it does not know; a wrong path is never right.

#[cfg(target_arch = "x86_64")]
mod abi;
mod descriptors;
mod moves;
mod names;
mod programs;
mod score;
mod spaces;
mod uring;
mod workload;

use std::{
    fs::{self, OpenOptions},
    path::Path,
};

use auditrd::model::syscall_number;
use tempfile::TempDir;

use crate::{
    common::lines,
    live::{
        audit::{Audit, skip, wait_for_the_kernel},
        daemon::Daemon,
        os,
    },
};
use score::score;
pub(crate) use workload::NATIVE;
use workload::Workload;

/// The calls that change files, by all their names.
const FILES: &str = "open creat openat openat2 open_by_handle_at truncate ftruncate rename renameat \
    renameat2 link linkat symlink symlinkat unlink unlinkat rmdir mkdir mkdirat mknod mknodat chmod \
    fchmod fchmodat fchmodat2 chown fchown lchown fchownat setxattr lsetxattr fsetxattr removexattr \
    lremovexattr fremovexattr utimensat mount umount2";
/// Those that make, copy and end processes and descriptors.
const DESCRIPTORS: &str = "close dup dup2 dup3 fcntl clone clone3 fork vfork execve";

/// Runs a workload under rules for these calls, and holds the events against what it did.
fn hold(calls: &[&str], prepare: impl FnOnce(&Path), workload: impl FnOnce(&mut Workload)) {
    hold_with(calls, |_, _| Ok(()), prepare, workload);
}

/// As `hold`, under more rules for whoever has this login id.
fn hold_with(
    calls: &[&str],
    add: impl FnOnce(&mut Audit, u32) -> Result<(), String>,
    prepare: impl FnOnce(&Path),
    workload: impl FnOnce(&mut Workload),
) {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let root = TempDir::new_in(fs::canonicalize(std::env::temp_dir()).expect("a directory"));
    let root = root.expect("a directory");
    prepare(root.path());
    // A login id that nobody else has follows the workload to all its children.
    let number = 1_000_000_000 + std::process::id();
    let login = number.to_string();
    let probe = os::fork(|| fs::write("/proc/self/loginuid", &login).expect("a login"));
    if !os::wait(probe) {
        return skip("needs to set a login id");
    }
    let numbers = calls.iter().flat_map(|calls| calls.split_whitespace());
    let numbers = numbers.filter_map(|name| syscall_number(NATIVE, name));
    let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
    audit.rule(&rule("arch=b64", &numbers, &format!("auid={login}")));
    if let Err(error) = add(&mut audit, number) {
        return skip(&format!("the kernel or auditctl refuses the rule: {error}"));
    }
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("truths");
    let truths = OpenOptions::new().create_new(true).append(true).open(&file);
    let truths = truths.expect("a file");
    let daemon = Daemon::listen::<&str>(&[]);
    let path = root.path().to_str().expect("text").to_owned();
    let pid = os::fork(move || {
        fs::write("/proc/self/loginuid", &login).expect("a login");
        std::env::set_current_dir(&path).expect("it is there");
        workload(&mut Workload::new(path, truths));
    });
    assert!(os::wait(pid), "the workload fails");
    wait_for_the_kernel();
    let ended = daemon.stop();
    assert_eq!(ended.stderr, "");
    let truths = lines(&fs::read(&file).expect("the truths"));
    let score = score(&ended.events, &truths);
    // tests/kernels/run adds these up.
    eprintln!(
        "paths: {} calls, {} unresolved, {} wrong",
        truths.len(),
        score.unresolved,
        score.wrong
    );
    assert!(score.misses.is_empty(), "{}", score.misses);
    assert!(score.right > 0, "nothing was done");
}

/// The words of a rule for these calls.
fn rule<'a>(arch: &'a str, numbers: &'a [String], whose: &'a str) -> Vec<&'a str> {
    let mut rule = vec!["always,exit", "-F", arch, "-F", whose];
    for number in numbers {
        rule.extend(["-S", number]);
    }
    rule
}

/// A workload with nothing to prepare.
fn nothing(_: &Path) {}
