//! Known trees: files that were there before the binary started have full paths from the first
//! event on.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use tempfile::TempDir;

use crate::{
    common::{Value, auditrd},
    live::{
        NOBODY, activated, as_nobody,
        audit::{Audit, wait_for_the_kernel, wait_until},
        create, created,
        daemon::{Daemon, Ended},
        directory, each_once, os,
    },
};

/// Trees that are there before, by the action that the work does to all that is in them.
const TREES: &[(&str, &str)] = &[
    ("removed", "deleted"),
    ("found", "deleted"),
    ("moded", "attributes"),
    ("owned", "attributes"),
];

/// Programs that work by directory descriptors, so that records have the last part of a name only.
const WORK: &str =
    "rm -rf removed; find found -depth -delete; chmod -R go-w moded; chown -R 0:1 owned";

/// The files of a test, in a directory that others may not read.
struct Stage {
    directory: TempDir,
    expected: BTreeSet<(String, String)>,
}

impl Stage {
    fn set() -> Stage {
        let directory = directory();
        let mut expected = BTreeSet::new();
        for (tree, action) in TREES {
            let top = directory.path().join(tree);
            for below in ["", "a", "a/b", "a/b/c", "d", "e f"] {
                let below = top.join(below);
                fs::create_dir_all(&below).expect("a directory");
                let mut paths = vec![below.clone()];
                for name in ["1", "two.c", "dr\u{ef}"] {
                    File::create(below.join(name)).expect("a file");
                    paths.push(below.join(name));
                }
                let text = |path: PathBuf| path.to_str().unwrap().trim_end_matches('/').to_owned();
                expected.extend(
                    paths
                        .into_iter()
                        .map(|path| ((*action).to_owned(), text(path))),
                );
            }
        }
        let closed = fs::Permissions::from_mode(0o700);
        fs::set_permissions(directory.path(), closed).expect("it is ours");
        Stage {
            directory,
            expected,
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn text(&self) -> &str {
        self.path().to_str().expect("UTF-8")
    }

    fn work(&self) {
        let mut command = Command::new("sh");
        let work = command.args(["-euc", WORK]).current_dir(self.path());
        assert!(work.status().expect("sh runs").success());
        wait_for_the_kernel();
    }

    /// Every path is right, and none is missing.
    #[track_caller]
    fn check(&self, ended: &Ended) {
        let is_ours = |event: &&Value| {
            let text = event.to_string();
            event["name"] == "fim_event" && (text.contains(self.text()) || event["key"] == "known")
        };
        let mut found = BTreeSet::new();
        for event in ended.events.iter().filter(is_ours) {
            assert_eq!(event.get("path_unresolved"), None, "{event}");
            let text = |key| event[key].as_str().unwrap_or_default().to_owned();
            if text("action") != "opened" {
                found.insert((text("action"), text("path")));
            }
        }
        assert_eq!(found, self.expected, "{}", ended.stderr);
    }

    fn watch(&self, audit: &mut Audit) {
        let directory = format!("dir={}", self.text());
        audit.rule(&[
            "always,exit",
            "-F",
            &directory,
            "-F",
            "perm=wa",
            "-k",
            "known",
        ]);
    }
}

/// Only then is it sure that it was there before.
fn wait_until_known(daemon: &Daemon) {
    daemon.wait_for_log("names at the start");
}

#[test]
fn files_from_before_the_start_have_full_paths() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    for mode in [&[][..], &["--unicast"]] {
        let stage = Stage::set();
        stage.watch(&mut audit);
        let daemon = Daemon::listen(&[mode, &["-v", "--prime", stage.text()]].concat());
        wait_until_known(&daemon);
        stage.work();
        stage.check(&daemon.stop());
    }
}

#[test]
fn directories_of_rules_are_known_without_asking() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let stage = Stage::set();
    stage.watch(&mut audit);
    let daemon = Daemon::listen(&["-v"]);
    wait_until_known(&daemon);
    stage.work();
    stage.check(&daemon.stop());
}

#[test]
fn directories_of_rules_that_are_added_later_are_known_too() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    for mode in [&[][..], &["--unicast"]] {
        let stage = Stage::set();
        let daemon = Daemon::listen(&[mode, &["-v"]].concat());
        wait_until_known(&daemon);
        stage.watch(&mut audit);
        daemon.wait_for_log("more names");
        stage.work();
        stage.check(&daemon.stop());
    }
}

/// As the default unit starts it: root reads the names, and the service may not. Something happens
/// before the work.
#[track_caller]
fn check_the_default_unit(audit: &mut Audit, before_the_work: impl FnOnce()) {
    let stage = Stage::set();
    stage.watch(audit);
    let socket = os::listening_socket().expect("root may listen");
    let runtime = directory();
    chown(runtime.path(), Some(NOBODY), Some(NOBODY)).expect("root may give it away");
    let names = runtime.path().join("names");
    let mut before = auditrd();
    before.arg("--prime-snapshot").arg(&names);
    let output = before.args(["--prime", stage.text()]).output();
    let output = output.expect("the binary runs");
    assert!(output.status.success(), "{output:?}");
    let mut command = activated(socket);
    command.arg("--prime-from").arg(&names);
    command.args(["-v", "--prime", stage.text()]);
    let daemon = Daemon::start_on_stdout(as_nobody(command));
    wait_until_known(&daemon);
    before_the_work();
    stage.work();
    // The service reads its socket to the end.
    daemon.wait_for(stage.expected.len(), "all of it", |event| {
        event["key"] == "known"
    });
    let ended = daemon.stop();
    assert!(!ended.stderr.contains("cannot take"), "{}", ended.stderr);
    stage.check(&ended);
}

#[test]
fn the_default_unit_knows_directories_that_only_root_may_read() {
    if let Some(mut audit) = Audit::borrow() {
        check_the_default_unit(&mut audit, || ());
    }
}

/// As at each start of a container.
#[test]
fn mounts_elsewhere_leave_known_trees_as_they_are() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    for call in ["mount", "umount2"] {
        audit.rule(&["always,exit", "-F", "arch=b64", "-S", call]);
    }
    let elsewhere = directory();
    let script = "mkdir a b && mount -t tmpfs none a && mkdir a/c && mount --bind a b && \
                  mount -o remount,bind,ro b && mount --move b a/c && umount a/c && umount a";
    let mounts = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-euc", script]);
        let status = command.current_dir(elsewhere.path()).status();
        assert!(status.expect("unshare runs").success());
    };
    check_the_default_unit(&mut audit, mounts);
}

#[test]
fn a_file_of_names_that_is_refused_is_one_line_and_directories_are_read_instead() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let stage = Stage::set();
    stage.watch(&mut audit);
    let names = stage.path().with_extension("names");
    fs::write(&names, "auditrd names 1\nnot").expect("a file");
    let from = names.to_str().expect("UTF-8");
    let daemon = Daemon::listen(&["-v", "--prime-from", from, "--prime", stage.text()]);
    wait_until_known(&daemon);
    stage.work();
    let ended = daemon.stop();
    fs::remove_file(&names).expect("it is there");
    let lines = ended.stderr.lines();
    let refused: Vec<&str> = lines.filter(|line| line.contains("names")).collect();
    assert!(refused[0].contains("it is incomplete"), "{}", ended.stderr);
    assert_eq!(refused.len(), 2, "{}", ended.stderr);
    stage.check(&ended);
}

/// Whatever is recorded while many names are read waits in the socket.
#[test]
fn nothing_is_lost_while_names_are_read() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let (big, watched) = (directory(), directory());
    for name in 0..100_000 {
        File::create(big.path().join(name.to_string())).expect("a file");
    }
    audit.watch(watched.path());
    let socket = os::listening_socket().expect("root may listen");
    os::make_room(&socket).expect("root may have a large buffer");
    let mut command = activated(socket);
    command.args(["-v", "--prime", big.path().to_str().expect("UTF-8")]);
    let start = Instant::now();
    let daemon = Daemon::start_on_stdout(command);
    wait_until("the names are being read", || {
        let children = format!("/proc/{0}/task/{0}/children", daemon.pid());
        let children = fs::read_to_string(children).unwrap_or_default();
        (children.split_whitespace().count() == 4).then_some(())
    });
    let paths = create(watched.path(), 2000);
    wait_until_known(&daemon);
    let (time, memory) = (start.elapsed(), peak_memory(daemon.pid()));
    say(&format!(
        "100,000 names: known after {time:?}, with {memory} KiB in all"
    ));
    assert!(
        memory < 40 << 10,
        "the names take 32 MiB, and all else is small: {memory}"
    );
    daemon.wait_for(2000, "all events", |event| event["action"] == "created");
    let ended = daemon.stop();
    assert_eq!(created(&ended.events, watched.path()), each_once(paths));
    assert!(ended.stderr.contains("read 100"), "{}", ended.stderr);
}

/// The most memory that a process has used, in KiB.
fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = peak.and_then(|peak| peak.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

/// Prints a measurement past the test harness, which hides the output of passing tests.
fn say(line: &str) {
    let _ = io::stderr().write_all(format!("known: {line}\n").as_bytes());
}

/// The events of `rm -r` on 1,000 files in 100 directories, and how many have an unresolved path.
fn removal(audit: &mut Audit, is_primed: bool, opens: bool) -> (usize, usize) {
    let watched = directory();
    for name in 0..1000 {
        let below = watched.path().join((name / 10).to_string());
        fs::create_dir_all(&below).expect("a directory");
        File::create(below.join(name.to_string())).expect("a file");
    }
    audit.watch(watched.path());
    let text = watched.path().to_str().expect("UTF-8");
    if opens {
        let below = format!("dir={text}");
        let flag = format!("a2&{:#x}", libc::O_DIRECTORY);
        let opens = [
            "always,exit",
            "-F",
            "arch=b64",
            "-S",
            "openat",
            "-F",
            &below,
        ];
        audit.rule(&[&opens[..], &["-F", &flag, "-F", "success=1"]].concat());
    }
    let mut command = activated(os::listening_socket().expect("root may listen"));
    if is_primed {
        command.args(["--prime", text]);
    }
    fs::set_permissions(watched.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let daemon = Daemon::start_on_stdout(as_nobody(command));
    wait_until("it is confined", || {
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).ok()?;
        status.contains("Seccomp:\t2").then_some(())
    });
    let mut removal = Command::new("sh");
    removal
        .args(["-c", "rm -r [0-9]*"])
        .current_dir(watched.path());
    assert!(removal.status().expect("sh runs").success());
    let deleted = |event: &Value| event["action"] == "deleted";
    daemon.wait_for(1100, "all are removed", deleted);
    let events = daemon.stop().events;
    audit.flush();
    let is_unresolved = |event: &&Value| event["path_unresolved"] == true;
    (events.len(), events.iter().filter(is_unresolved).count())
}

#[test]
fn known_trees_bring_what_a_rule_for_opened_directories_costs_events_for() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    for (is_primed, opens) in [(false, false), (false, true), (true, false)] {
        let (events, unresolved) = removal(&mut audit, is_primed, opens);
        say(&format!(
            "rm -r of 1,000 files in 100 directories, primed {is_primed}, opens recorded {opens}: \
             {events} events, {unresolved} unresolved"
        ));
        match (is_primed, opens) {
            (false, false) => assert!(unresolved >= 1000),
            (false, true) => assert!(unresolved == 0 && events >= 1200),
            _ => assert!(unresolved == 0 && events < 1200),
        }
    }
}
