//! `--rules`: rules for as long as auditrd runs, and nothing of them afterwards.

use std::{fs, path::Path};

use super::{Bare, listed, stderr};
use crate::{
    common::{Value, auditrd},
    live::{
        audit::{settings, wait_until},
        create,
        daemon::Daemon,
        directory, is_created, os,
    },
};

/// A file of rules for what happens in a directory.
fn rules_for(directory: &Path) -> std::path::PathBuf {
    let file = directory.join("session.rules");
    let watched = directory.join("watched");
    fs::create_dir_all(&watched).unwrap();
    let text = format!(
        "-a always,exit -F arch=b64 -S open,openat -F dir={} -F perm=w -k session\n",
        watched.display()
    );
    fs::write(&file, text).unwrap();
    file
}

fn listen(file: &Path) -> Daemon {
    Daemon::listen(&["--rules", file.to_str().unwrap()])
}

#[test]
fn a_session_shows_events_and_leaves_nothing() {
    let Some(bare) = Bare::borrow() else {
        return;
    };
    let before = (listed(), settings());
    let directory = directory();
    let daemon = listen(&rules_for(directory.path()));
    assert_eq!(listed().len(), 1);
    assert_eq!(settings()["enabled"], "1");
    create(&directory.path().join("watched"), 3);
    daemon.wait_for(3, "events of the session", |event: &Value| {
        event["key"] == "session" && is_created(event)
    });
    let ended = daemon.stop();
    assert!(ended.status.success(), "{}", ended.stderr);
    // At once: it has waited for them.
    assert_eq!((listed(), settings()), before, "{}", ended.stderr);
    drop(bare);
}

#[test]
fn rules_are_put_back_after_a_crash_and_after_sigkill() {
    let Some(bare) = Bare::borrow() else {
        return;
    };
    let before = (listed(), settings());
    let directory = directory();
    let file = rules_for(directory.path());
    for signal in [libc::SIGABRT, libc::SIGKILL] {
        let daemon = listen(&file);
        assert_eq!(listed().len(), 1);
        daemon.signal(signal);
        wait_until("the rules are put back", || {
            ((listed(), settings()) == before).then_some(())
        });
    }
    drop(bare);
}

#[test]
fn the_next_session_puts_back_what_a_killed_one_left() {
    let Some(bare) = Bare::borrow() else {
        return;
    };
    let before = (listed(), settings());
    let directory = directory();
    let file = rules_for(directory.path());
    let daemon = listen(&file);
    let helpers = daemon.helpers();
    for helper in helpers {
        os::kill(helper, libc::SIGKILL);
    }
    daemon.signal(libc::SIGKILL);
    drop(daemon);
    assert_eq!(listed().len(), 1, "nobody was left to put them back");
    let daemon = listen(&file);
    daemon.wait_for_log("an earlier session was killed");
    daemon.stop();
    assert_eq!((listed(), settings()), before);
    drop(bare);
}

#[test]
fn a_session_with_refused_rules_does_not_start() {
    let Some(bare) = Bare::borrow() else {
        return;
    };
    let before = (listed(), settings());
    let directory = directory();
    let file = directory.path().join("my.rules");
    for (text, expected) in [
        (
            "-a never,exit -S 1\n-a always,exit -F dir=/no/such\n",
            ":2: ",
        ),
        (
            "-a never,exit -S 1 -F nosuch=1\n",
            "there is no field nosuch",
        ),
        ("-e 2\n", "cannot be undone at the end of the session"),
    ] {
        fs::write(&file, text).unwrap();
        let output = auditrd().arg("--rules").arg(&file).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
        assert_eq!((listed(), settings()), before);
    }
    drop(bare);
}

#[test]
fn a_log_is_not_replayed_with_rules() {
    let output = auditrd()
        .args(["--rules", "default", "-i", "x.log"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("a log needs no rules"));
}
