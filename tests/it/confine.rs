//! The sandbox: tried from within a confined process, and checked on the running program.

mod attempts;
mod users;

use std::{collections::BTreeMap, fs};

use crate::{
    common::auditrd,
    live::{MULTICAST, UNICAST, audit::Audit, daemon::Daemon, os},
    process::{Running, login},
};

/// CAP_AUDIT_CONTROL alone, the capabilities of a listener.
const AUDIT_CONTROL: &str = "0000000040000000";
/// CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, the capabilities of the inspector.
const INSPECT: &str = "0000000000080004";
const NONE: &str = "0000000000000000";

/// The fields of /proc/PID/status.
fn status(pid: u32) -> BTreeMap<String, String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("it is alive");
    let pair = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim().to_owned()))
    };
    text.lines().filter_map(pair).collect()
}

/// Asserts the capabilities and the seccomp mode of each thread of a process.
fn assert_confined(pid: u32, capabilities: &str, seccomp: &str) {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it is alive");
    for thread in threads {
        let thread = thread.unwrap().file_name().into_string().unwrap();
        let status = status(thread.parse().unwrap());
        for set in ["CapPrm", "CapEff"] {
            assert_eq!(status[set], capabilities, "{set} of {status:?}");
        }
        for set in ["CapInh", "CapAmb"] {
            assert_eq!(status[set], NONE, "{set} of {status:?}");
        }
        if os::is_root() {
            assert_eq!(status["CapBnd"], NONE, "{status:?}");
        }
        assert_eq!(status["NoNewPrivs"], "1", "{status:?}");
        if status.contains_key("Seccomp") {
            assert_eq!(status["Seccomp"], seccomp, "{status:?}");
        }
    }
}

fn listens_with(args: &[&str], seccomp: &str) {
    let Some(_audit) = Audit::borrow() else {
        return;
    };
    let daemon = Daemon::listen(args);
    // An event that was written shows that all threads are running.
    os::send(
        0,
        crate::live::USER_LOGIN,
        b"op=login acct=\"it\" res=success",
    )
    .expect("root may");
    daemon.wait_for(1, "a message", |event| event["acct"] == "it");
    assert_confined(daemon.pid(), AUDIT_CONTROL, seccomp);
    assert_confined(daemon.inspector(), INSPECT, seccomp);
    let inspector = daemon.inspector();
    let ended = daemon.stop();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    crate::live::audit::wait_until("the inspector ends too", || {
        fs::metadata(format!("/proc/{inspector}/exe"))
            .is_err()
            .then_some(())
    });
}

#[test]
fn a_listener_keeps_one_capability_and_a_filter() {
    listens_with(&MULTICAST, "2");
}

#[test]
fn the_audit_daemon_keeps_one_capability_and_a_filter() {
    listens_with(&UNICAST, "2");
}

#[test]
fn no_confine_still_drops_capabilities() {
    listens_with(&["--no-confine"], "0");
}

#[test]
fn a_replay_keeps_no_capability() {
    let mut command = auditrd();
    let mut running = Running::start(command.args(["-i", "-"]));
    running.write(login(1));
    running.event();
    assert_confined(running.pid(), NONE, "2");
    let (status, _, log) = running.close();
    assert!(status.success(), "{log}");
    assert_eq!(log, "");
}

#[test]
fn the_inspector_has_none_of_the_programs_files_open() {
    let Some(_audit) = Audit::borrow() else {
        return;
    };
    let daemon = Daemon::listen(&MULTICAST);
    let open = |pid| -> Vec<String> {
        let links = fs::read_dir(format!("/proc/{pid}/fd")).expect("it is alive");
        let link = |entry: std::io::Result<fs::DirEntry>| {
            // A descriptor may be closed between the two calls.
            let target = fs::read_link(entry.unwrap().path()).ok()?;
            Some(target.to_string_lossy().into_owned())
        };
        links.filter_map(link).collect()
    };
    let output = daemon.output().display().to_string();
    assert!(open(daemon.pid()).contains(&output));
    // It closes them once it runs.
    crate::live::audit::wait_until("its own files only", || {
        let its = open(daemon.inspector());
        (its.len() <= 4 && !its.contains(&output)).then_some(())
    });
}

#[test]
fn the_exit_of_the_inspectors_is_logged_once() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    // A directory that no rule names is not known from the start.
    let parent = format!("ppid={}", std::process::id());
    let creations = [
        "always,exit",
        "-F",
        "arch=b64",
        "-S",
        "openat",
        "-F",
        "a2&0x40",
    ];
    audit.rule(&[&creations[..], &["-F", &parent]].concat());
    let other = crate::live::directory();
    let daemon = Daemon::listen(&MULTICAST);
    for pid in daemon.helpers() {
        os::kill(pid, libc::SIGKILL);
    }
    let directory = fs::File::open(other.path()).unwrap();
    for name in [c"one", c"two"] {
        assert!(os::wait(os::fork(
            || os::create_at(&directory, name).unwrap()
        )));
    }
    // Other tests may cause events at the same time.
    let is_unresolved = |event: &crate::common::Value| {
        event["path_unresolved"] == true && (event["path"] == "one" || event["path"] == "two")
    };
    daemon.wait_for(2, "the events", is_unresolved);
    let ended = daemon.stop();
    let said = ended.stderr.matches("the inspector processes have exited");
    assert_eq!(said.count(), 1, "{}", ended.stderr);
}
