//! Tests against the running kernel: every event is written, whole and once; settings are restored;
//! only messages from the kernel are accepted.
//!
//! They need root, and report it if they are skipped. They use the audit subsystem one at a time.

pub(crate) mod audit;
pub(crate) mod daemon;
mod idle;
pub(crate) mod os;
mod sockets;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    os::{
        fd::OwnedFd,
        unix::{fs::PermissionsExt, net::UnixDatagram, process::CommandExt},
    },
    path::Path,
    process::{Command, Stdio},
};

use auditrd::confine::{Confinement, Duty, User};
use tempfile::TempDir;

use crate::common::{Counters, Value, auditrd, lines};
use audit::{
    Audit, count_rules, lost, registered, settings, skip, wait_for_the_kernel, wait_until,
};
use daemon::{Daemon, audit_sockets, events};

/// A user id without any privileges.
pub(crate) const NOBODY: u32 = 65534;
/// A record type that programs may send, and that is a whole event by itself.
pub(crate) const USER_LOGIN: u16 = 1112;

pub(crate) const MULTICAST: [&str; 0] = [];
pub(crate) const UNICAST: [&str; 1] = ["--unicast"];

pub(crate) fn is_created(event: &Value) -> bool {
    event["name"] == "fim_event" && event["action"] == "created"
}

/// The number of creation events for each path below a directory.
pub(crate) fn created(events: &[Value], directory: &Path) -> BTreeMap<String, usize> {
    let mut paths = BTreeMap::new();
    for event in events.iter().filter(|event| is_created(event)) {
        let path = event["path"].as_str().expect("a path");
        if Path::new(path).starts_with(directory) {
            *paths.entry(path.to_owned()).or_default() += 1;
        }
    }
    paths
}

fn paths(directory: &Path, count: usize) -> Vec<String> {
    let path = |number| format!("{}/file-{number}", directory.display());
    (0..count).map(path).collect()
}

fn create_all(paths: &[String]) {
    for path in paths {
        File::create_new(path).expect("a new file");
    }
}

/// Creates files in a new process, because one that was started before auditing was turned on may
/// not be audited.
pub(crate) fn create(directory: &Path, count: usize) -> Vec<String> {
    let paths = paths(directory, count);
    assert!(os::wait(os::fork(|| create_all(&paths))), "all are created");
    paths
}

pub(crate) fn each_once(paths: Vec<String>) -> BTreeMap<String, usize> {
    paths.into_iter().map(|path| (path, 1)).collect()
}

/// A directory whose path has no symbolic links, as audit rules require.
pub(crate) fn directory() -> TempDir {
    let temp = std::env::temp_dir().canonicalize().expect("a directory");
    TempDir::new_in(temp).expect("a directory")
}

fn creations(count: usize, mode: &[&str]) {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let watched = directory();
    audit.watch(watched.path());
    let daemon = Daemon::listen(mode);
    let paths = create(watched.path(), count);
    daemon.wait_for(count, "an event for each file", is_created);
    let ended = daemon.stop();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(created(&ended.events, watched.path()), each_once(paths));
    let is_loss = |event: &&Value| event["name"] == "loss_event";
    assert_eq!(ended.events.iter().find(is_loss), None);
}

#[test]
fn a_thousand_creations_yield_a_thousand_events_in_multicast_mode() {
    creations(1000, &MULTICAST);
}

#[test]
fn a_thousand_creations_yield_a_thousand_events_in_unicast_mode() {
    creations(1000, &UNICAST);
}

#[test]
fn a_burst_of_five_thousand_creations_loses_nothing_in_multicast_mode() {
    creations(5000, &MULTICAST);
}

#[test]
fn a_burst_of_five_thousand_creations_loses_nothing_in_unicast_mode() {
    creations(5000, &UNICAST);
}

#[test]
fn the_registration_is_released_and_all_settings_are_restored() {
    let Some(_audit) = Audit::borrow() else {
        return;
    };
    let before = settings();
    let daemon = Daemon::listen(&UNICAST);
    wait_until("the wait time is 0", || {
        (settings()["backlog_wait_time"] == "0").then_some(())
    });
    let mut during = settings();
    assert_eq!(during["pid"], daemon.pid().to_string());
    assert_eq!(daemon.stop().status.code(), Some(0));
    assert_eq!(settings(), before);
    during.insert("pid".to_owned(), "0".to_owned());
    for borrowed in ["backlog_wait_time", "backlog_limit"] {
        during.insert(borrowed.to_owned(), before[borrowed].clone());
    }
    assert_eq!(during, before);
}

#[test]
fn the_backlog_limit_is_raised_while_registered_and_changes_by_others_are_kept() {
    let Some(audit) = Audit::borrow() else {
        return;
    };
    let before = settings();
    let limit = || settings()["backlog_limit"].clone();
    let daemon = Daemon::listen(&["--unicast", "--backlog-limit", "20000"]);
    wait_until("there is more room", || (limit() == "20000").then_some(()));
    assert_eq!(daemon.stop().status.code(), Some(0));
    assert_eq!(settings(), before);

    let daemon = Daemon::listen(&["--unicast", "--backlog-limit", "20000"]);
    wait_until("there is more room", || (limit() == "20000").then_some(()));
    audit.limit("9000");
    assert_eq!(daemon.stop().status.code(), Some(0));
    assert_eq!(limit(), "9000");
}

#[test]
fn the_backlog_settings_from_before_a_killed_process_are_restored_by_the_next() {
    let Some(audit) = Audit::borrow() else {
        return;
    };
    let before = settings();
    let directory = TempDir::new().expect("a directory");
    let listen = || {
        let mut command = auditrd();
        command
            .args(UNICAST)
            .env("RUNTIME_DIRECTORY", directory.path());
        let daemon = Daemon::start(command);
        daemon.wait_until_listening(true);
        wait_until("the wait time is 0", || {
            (settings()["backlog_wait_time"] == "0").then_some(())
        });
        daemon
    };
    let kill = |daemon: Daemon| {
        daemon.signal(libc::SIGKILL);
        daemon.ended();
        let now = settings();
        assert_eq!(now["backlog_wait_time"], "0", "nobody has restored it");
    };
    kill(listen());
    kill(listen());
    assert_eq!(listen().stop().status.code(), Some(0));
    assert_eq!(settings(), before);

    // A setting that was changed in the meantime is kept.
    kill(listen());
    audit.limit("9000");
    assert_eq!(listen().stop().status.code(), Some(0));
    let now = settings();
    assert_eq!(now["backlog_limit"], "9000");
    assert_eq!(now["backlog_wait_time"], before["backlog_wait_time"]);
}

/// While the output is not read, other processes are not blocked, the newest events are kept, and
/// the dropped ones are counted.
fn a_stuck_output_blocks_no_process(mode: &[&str]) {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let watched = directory();
    audit.watch(watched.path());
    let (mut reader, writer) = io::pipe().expect("a pipe");
    let mut command = auditrd();
    command
        .args(mode)
        .args(["--queue", "256K", "-v"])
        // Filters out the CONFIG_CHANGE record for our backlog, so that all events are creations.
        .args(["--min", "1300", "--max", "1304"])
        .stdout(writer);
    let daemon = Daemon::start_silent(command);
    daemon.wait_until_listening(!mode.is_empty());
    let paths = create(watched.path(), 3000);
    daemon.wait_until_all_is_read();
    daemon.signal(libc::SIGTERM);
    let mut bytes = Vec::new();
    reader
        .read_to_end(&mut bytes)
        .expect("the pipe can be read");
    let ended = daemon.ended();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);

    let events = lines(&bytes);
    let kept = created(&events, watched.path());
    assert!(kept.values().all(|times| *times == 1));
    assert!(kept.contains_key(&paths[2999]), "the newest is kept");
    let sum = |reason: &str| -> u64 {
        let said = events.iter().filter(|event| event["reason"] == reason);
        said.map(|event| event["count"].as_u64().expect("a number"))
            .sum()
    };
    assert_eq!(
        sum("socket_overflow") + sum("kernel_lost"),
        0,
        "{}",
        ended.stderr
    );
    let gone = sum("queue_overflow");
    assert!(gone > 1000, "{}", ended.stderr);
    assert_eq!(kept.len() as u64 + gone, 3000, "{}", ended.stderr);
    let counters = Counters::of_log(ended.stderr.lines().last().expect("the counters"));
    counters.assert_they_add_up();
    assert_eq!(gone, counters["queue_dropped"]);
}

#[test]
fn a_stuck_output_blocks_no_process_in_multicast_mode() {
    a_stuck_output_blocks_no_process(&MULTICAST);
}

#[test]
fn a_stuck_output_blocks_no_process_in_unicast_mode() {
    a_stuck_output_blocks_no_process(&UNICAST);
}

#[test]
fn a_delayed_audit_daemon_loses_nothing() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let watched = directory();
    audit.watch(watched.path());
    // The buffer holds only a few records, so the kernel has to queue and retry the others.
    let daemon = Daemon::listen(&["--unicast", "--recv-buffer", "4096"]);
    daemon.signal(libc::SIGSTOP);
    let paths = create(watched.path(), 100);
    daemon.signal(libc::SIGCONT);
    daemon.wait_for(100, "all events", is_created);
    assert_eq!(registered(), daemon.pid());
    let ended = daemon.stop();
    assert_eq!(created(&ended.events, watched.path()), each_once(paths));
}

#[test]
fn losses_in_the_kernel_are_reported_with_the_exact_number() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let watched = directory();
    audit.watch(watched.path());
    let before = lost();
    let daemon = Daemon::listen(&["--unicast", "--recv-buffer", "4096"]);
    audit.limit("2");
    daemon.signal(libc::SIGSTOP);
    create(watched.path(), 100);
    wait_until("the kernel loses records", || {
        (lost() > before).then_some(())
    });
    daemon.signal(libc::SIGCONT);
    wait_for_the_kernel();
    audit.limit("8192");
    let gone = lost() - before;
    let ended = daemon.stop();
    let said = ended
        .events
        .iter()
        .filter(|event| event["reason"] == "kernel_lost");
    let said: u64 = said
        .map(|event| event["count"].as_u64().expect("a number"))
        .sum();
    assert_eq!(said, gone, "{}", ended.stderr);
}

#[test]
fn a_second_audit_daemon_is_refused_and_told_the_first() {
    let Some(_audit) = Audit::borrow() else {
        return;
    };
    let first = Daemon::listen(&UNICAST);
    let second = auditrd().arg("--unicast").output().expect("it runs");
    let error = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{error}");
    let holder = format!("process {} (auditrd) is already registered", first.pid());
    assert!(error.contains(&holder), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert_eq!(registered(), first.pid());
}

#[test]
fn without_the_capability_the_error_names_it() {
    let Some(_audit) = Audit::borrow() else {
        return;
    };
    for (mode, capability) in [
        (&MULTICAST[..], "CAP_AUDIT_READ"),
        (&UNICAST[..], "CAP_AUDIT_CONTROL"),
    ] {
        let output = as_nobody(auditrd()).args(mode).output().expect("it runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{error}");
        assert!(error.contains(capability), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(output.stdout.is_empty());
    }
}

/// Runs a command as nobody. That user must have access to the binary.
pub(crate) fn as_nobody(mut command: Command) -> Command {
    command.uid(NOBODY).gid(NOBODY).current_dir("/");
    command
}

#[test]
fn the_warning_that_auditing_is_off_names_the_remedy() {
    let Some(audit) = Audit::borrow() else {
        return;
    };
    audit.turn("0");
    let daemon = Daemon::listen(&MULTICAST);
    daemon.wait_for_log("auditing is off");
    let ended = daemon.stop();
    assert!(ended.stderr.contains("auditctl -e 1"), "{}", ended.stderr);
    assert_eq!(ended.status.code(), Some(0));
}

#[test]
fn the_warning_about_missing_rules_has_an_example() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    if count_rules() > 0 {
        return skip("needs a system without audit rules");
    }
    let daemon = Daemon::listen(&MULTICAST);
    daemon.wait_for_log("no audit rules are loaded");
    assert!(daemon.stop().stderr.contains("auditrd rules load default"));
    let watched = directory();
    audit.watch(watched.path());
    let daemon = Daemon::listen(&MULTICAST);
    assert_eq!(daemon.stop().stderr, "");
}

fn sigterm_loses_nothing(mode: &[&str]) {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let watched = directory();
    audit.watch(watched.path());
    let daemon = Daemon::listen(mode);
    // A stopped process cannot read, so all records are still in the socket at SIGTERM.
    daemon.signal(libc::SIGSTOP);
    let paths = create(watched.path(), 300);
    wait_for_the_kernel();
    daemon.signal(libc::SIGTERM);
    daemon.signal(libc::SIGCONT);
    let ended = daemon.ended();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(created(&ended.events, watched.path()), each_once(paths));
}

#[test]
fn events_before_sigterm_are_written_in_multicast_mode() {
    sigterm_loses_nothing(&MULTICAST);
}

#[test]
fn events_before_sigterm_are_written_in_unicast_mode() {
    sigterm_loses_nothing(&UNICAST);
}

#[test]
fn sigterm_ends_the_program_on_a_busy_host() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let watched = directory();
    audit.watch(watched.path());
    let (file, end) = (watched.path().join("file"), watched.path().join("end"));
    let daemon = Daemon::listen(&MULTICAST);
    let busy = os::fork(|| {
        while !end.exists() {
            drop(File::create_new(&file).expect("a new file"));
            fs::remove_file(&file).expect("it is there");
        }
    });
    daemon.wait_for(10, "the first events", is_created);
    let ended = daemon.stop();
    File::create_new(&end).expect("a new file");
    assert!(os::wait(busy), "it was busy all the time");
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
}

/// A command that gets a descriptor as from a service manager.
pub(crate) fn activated(fd: OwnedFd) -> Command {
    let mut command = Command::new("/bin/sh");
    let run = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"";
    command.args(["-c", run]).arg(auditrd().get_program());
    command.stdin(Stdio::null());
    os::pass(&mut command, fd);
    command
}

#[test]
fn a_passed_socket_needs_no_capability() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let (before, after) = (directory(), directory());
    audit.watch(before.path());
    audit.watch(after.path());
    let socket = os::listening_socket().expect("root may listen");
    let early = create(before.path(), 10);
    let daemon = Daemon::start_on_stdout(as_nobody(activated(socket)));
    daemon.wait_for(10, "the events from before the start", is_created);
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("status");
    for set in ["CapPrm:", "CapEff:"] {
        let capabilities = status.lines().find_map(|line| line.strip_prefix(set));
        assert_eq!(capabilities.map(str::trim), Some("0000000000000000"));
    }
    let late = create(after.path(), 10);
    daemon.wait_for(20, "the events from after the start", is_created);
    let ended = daemon.stop();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(created(&ended.events, before.path()), each_once(early));
    assert_eq!(created(&ended.events, after.path()), each_once(late));
}

#[test]
fn a_passed_descriptor_that_is_not_an_audit_socket_is_refused() {
    let file = File::open("/dev/null").expect("it is there");
    let socket = UnixDatagram::unbound().expect("a socket");
    for fd in [OwnedFd::from(file), OwnedFd::from(socket)] {
        let output = activated(fd).output().expect("it runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("ListenNetlink=audit 1"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

/// Sends forged kernel messages to a daemon, and checks that it has counted and ignored them.
fn forge(mode: &[&str]) {
    let Some(_audit) = Audit::borrow() else {
        return;
    };
    let daemon = Daemon::listen(mode);
    let port = daemon.pid();
    assert!(audit_sockets().contains_key(&port));
    let forged = "audit(1700000000.000:7): pid=1 uid=0 auid=0 ses=1 msg='op=login acct=\"forged\"'";
    // A user-space message, the end of a file event, a status reply that reports no registration,
    // and an acknowledgement of a request.
    let (status, answer) = ([0; 44], [0; 20]);
    let messages = [
        (USER_LOGIN, forged.as_bytes()),
        (1320, b"audit(1700000000.000:7): "),
        (1000, &status),
        (2, &answer),
    ];
    let send = |kind, data| os::send(port, kind, data);
    let sent = messages
        .iter()
        .filter(|(kind, data)| send(*kind, data).is_ok());
    if sent.count() < messages.len() {
        // The kernel refused the messages, so there is nothing to count.
        return skip("needs a kernel that lets processes send to each other's audit sockets");
    }
    os::send(0, USER_LOGIN, b"op=login acct=\"true\" res=success").expect("root may");
    daemon.wait_for(1, "the true message", |event| event["acct"] == "true");
    daemon.signal(libc::SIGUSR1);
    daemon.wait_for_log("foreign 4 ");
    let ended = daemon.stop();
    let is_forged = |event: &Value| event.to_string().contains("forged");
    assert!(!ended.events.iter().any(is_forged), "{:?}", ended.events);
    assert!(ended.stderr.contains("malformed 0 "), "{}", ended.stderr);
    assert!(!ended.stderr.contains("registered"), "{}", ended.stderr);
}

#[test]
fn a_forged_message_is_dropped_and_counted_in_multicast_mode() {
    forge(&MULTICAST);
}

#[test]
fn a_forged_message_is_dropped_and_counted_in_unicast_mode() {
    forge(&UNICAST);
}

#[test]
fn an_unprivileged_user_cannot_send_a_forged_message() {
    let Some(_audit) = Audit::borrow() else {
        return;
    };
    let daemon = Daemon::listen(&MULTICAST);
    let port = daemon.pid();
    let number = NOBODY.to_string();
    let mut nobody = Confinement::new(Duty::Replay);
    nobody.user = User::find(Some(&number), Some(&number)).expect("a number");
    nobody.filters = false;
    let sent = os::fork_with_code(|| {
        nobody.enter().expect("rights can be given up");
        let sent = os::send(port, USER_LOGIN, b"audit(1700000000.000:7): forged");
        sent.map_or_else(|error| error.raw_os_error().expect("the kernel's"), |()| 0)
    });
    assert_eq!(os::status(sent).code(), Some(libc::EPERM));
    assert_eq!(daemon.stop().status.code(), Some(0));
}

#[test]
fn an_event_is_written_without_waiting_for_the_next() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let watched = directory();
    audit.watch(watched.path());
    // No event expires in this time, so it must be written as soon as it is whole.
    let daemon = Daemon::listen(&["--event-timeout", "1h"]);
    create(watched.path(), 1);
    daemon.wait_for(1, "the event", is_created);
    os::send(0, USER_LOGIN, b"op=login acct=\"alone\" res=success").expect("root may");
    daemon.wait_for(1, "the message", |event| event["acct"] == "alone");
    assert_eq!(daemon.stop().status.code(), Some(0));
}

#[test]
fn sighup_reopens_a_renamed_output_without_losing_an_event() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let watched = directory();
    audit.watch(watched.path());
    let daemon = Daemon::listen(&MULTICAST);
    let paths = paths(watched.path(), 1000);
    let pid = os::fork(|| create_all(&paths));
    daemon.wait_for(1, "the first event", is_created);
    let rotated = daemon.output().with_extension("1");
    fs::rename(daemon.output(), &rotated).expect("it can be renamed");
    daemon.signal(libc::SIGHUP);
    let last = [watched.path().join("last").display().to_string()];
    let mode = wait_until("a new file", || fs::metadata(daemon.output()).ok());
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    assert!(os::wait(pid), "the files are there");
    assert!(os::wait(os::fork(|| create_all(&last))), "the last one too");
    daemon.wait_for(1, "the last event", |event| event["path"] == last[0]);
    let mut all = events(&rotated);
    all.extend(daemon.stop().events);
    let expected = each_once([paths, last.into()].concat());
    assert_eq!(created(&all, watched.path()), expected);
}

#[test]
fn an_executed_program_is_a_process_event() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let parent = format!("ppid={}", std::process::id());
    audit.rule(&[
        "always,exit",
        "-F",
        "arch=b64",
        "-S",
        "execve",
        "-F",
        &parent,
    ]);
    let daemon = Daemon::listen(&MULTICAST);
    let mut command = Command::new("/bin/sh");
    let mut child = command
        .args(["-c", "exit 0", "two words", ""])
        .spawn()
        .expect("a shell");
    assert!(child.wait().expect("a child").success());
    let is_ours = |event: &Value| event["pid"] == child.id();
    daemon.wait_for(1, "the program", is_ours);
    let ended = daemon.stop();
    let ours: Vec<&Value> = ended.events.iter().filter(|event| is_ours(event)).collect();
    let [event] = ours[..] else {
        panic!("{ours:?}")
    };
    assert_eq!(event["name"], "process_event");
    assert_eq!(
        (&event["syscall"], &event["success"]),
        (&"execve".into(), &"yes".into())
    );
    assert_eq!(event["path"], "/bin/sh");
    assert_eq!(
        event["argv"],
        serde_json::json!(["/bin/sh", "-c", "exit 0", "two words", ""])
    );
    assert_eq!(event["commandline"], "/bin/sh -c 'exit 0' 'two words' ''");
    assert_eq!(event["ppid"], std::process::id());
    let program = fs::canonicalize("/bin/sh").expect("a shell");
    assert_eq!(event["exectuable"], program.to_str().expect("text"));
}
