//! Switching users, and the files that they can open.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
};

use tempfile::TempDir;

use super::status;
use crate::{
    common::{auditrd, data, lines},
    live::{
        NOBODY, UNICAST,
        audit::{Audit, skip, wait_until},
        daemon::Daemon,
        os,
    },
    process::{Running, login},
};

/// A directory of a user, below one that every user can enter.
fn directory(owner: u32) -> TempDir {
    let directory = TempDir::new().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    chown(directory.path(), Some(owner), Some(owner)).unwrap();
    directory
}

fn is_root() -> bool {
    let is_root = os::is_root();
    if !is_root {
        skip("needs root");
    }
    is_root
}

fn replay_as(user: &[&str], output: &std::path::Path) -> Running {
    let mut command = auditrd();
    command.args(["-i", "-", "-o"]).arg(output).args(user);
    let mut running = Running::start(&mut command);
    running.write(login(1));
    running
}

#[test]
fn the_user_owns_the_output_and_can_reopen_it() {
    if !is_root() {
        return;
    }
    let directory = directory(NOBODY);
    let (file, rotated) = (
        directory.path().join("events"),
        directory.path().join("events.1"),
    );
    let number = NOBODY.to_string();
    let mut running = replay_as(&["--user", &number, "--group", &number], &file);
    wait_until("the first event", || {
        (fs::metadata(&file).ok()?.len() > 0).then_some(())
    });
    let status = status(running.pid());
    for id in ["Uid", "Gid"] {
        assert_eq!(status[id], [number.as_str(); 4].join("\t"));
    }
    assert_eq!(status["Groups"], number);
    fs::rename(&file, &rotated).unwrap();
    running.signal("HUP");
    wait_until("the new file", || fs::metadata(&file).ok());
    running.write(login(2));
    let (ended, _, log) = running.close();
    assert!(ended.success(), "{log}");
    assert_eq!(log, "");
    for file in [file, rotated] {
        let metadata = fs::metadata(&file).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (NOBODY, NOBODY));
        assert_eq!(metadata.mode() & 0o777, 0o600);
        assert_eq!(lines(&fs::read(&file).unwrap()).len(), 1);
    }
}

#[test]
fn a_directory_that_the_user_cannot_write_to_is_refused() {
    if !is_root() {
        return;
    }
    let directory = directory(0);
    let output = auditrd()
        .args(["--user", "nobody", "-i"])
        .arg(data("sample.log"))
        .arg("-o")
        .arg(directory.path().join("events"))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{error}");
    assert!(error.contains("Permission denied"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn inputs_are_opened_before_switching_users() {
    if !is_root() {
        return;
    }
    let directory = directory(0);
    let log = directory.path().join("audit.log");
    fs::copy(data("sample.log"), &log).unwrap();
    fs::set_permissions(&log, fs::Permissions::from_mode(0o600)).unwrap();
    let as_user = auditrd()
        .args(["--user", "nobody", "-i"])
        .arg(&log)
        .output()
        .unwrap();
    let as_root = auditrd().arg("-i").arg(&log).output().unwrap();
    assert!(as_user.status.success() && !as_user.stdout.is_empty());
    assert_eq!(as_user.stdout, as_root.stdout);
}

#[test]
fn an_unknown_user_is_a_one_line_error() {
    for (args, said) in [
        (
            &["--user", "no-such-user"][..],
            "cannot find the user no-such-user",
        ),
        (
            &["--group", "no-such-group"],
            "cannot find the group no-such-group",
        ),
        (&["--user", "7654321"], "needs --group"),
    ] {
        let output = auditrd().args(["-i", "-"]).args(args).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(said), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_missing_right_to_switch_users_is_explained() {
    if !is_root() {
        return;
    }
    let mut command = crate::live::as_nobody(auditrd());
    let output = command
        .args(["-i", "-", "--user", "root"])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{error}");
    assert!(error.contains("CAP_SETUID"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn the_audit_daemon_can_run_as_any_user() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let watched = crate::live::directory();
    audit.watch(watched.path());
    let mut command = auditrd();
    command.args(UNICAST).args(["--user", "nobody"]);
    let daemon = Daemon::start_on_stdout(command);
    wait_until("it registers", || {
        (crate::live::audit::registered() == daemon.pid()).then_some(())
    });
    // In a directory that only root can enter, through a descriptor, by a process that lives long
    // enough to be inspected.
    let (inside, end) = (
        fs::File::open(watched.path()).unwrap(),
        watched.path().join("end"),
    );
    let made = os::fork(|| {
        os::create_at(&inside, c"file").unwrap();
        wait_until("the event was seen", || fs::metadata(&end).ok());
    });
    let path = watched.path().join("file").display().to_string();
    daemon.wait_for(1, "the event", crate::live::is_created);
    fs::write(end, "").unwrap();
    assert!(os::wait(made));
    let ended = daemon.stop();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(crate::live::audit::registered(), 0);
    assert!(
        ended
            .events
            .iter()
            .any(|event| event["path"] == path.as_str()),
        "{path}: {:?}",
        ended.events
    );
}
