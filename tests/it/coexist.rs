//! Running alongside auditd, in its place, and while the audit configuration changes.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
};

use auditrd::{
    model::{Batch, Sightings},
    source::{ClientConfig, Fill, LiveSource, Membership, Source},
};
use tempfile::TempDir;

use crate::{
    common::{Value, auditrd},
    live::{
        MULTICAST, UNICAST, USER_LOGIN, activated, as_nobody,
        audit::{Audit, registered, skip, wait_until},
        create, created,
        daemon::Daemon,
        directory, each_once, is_created, os,
    },
};

/// An auditd with a private log, stopped when this is dropped.
struct Auditd {
    child: Child,
    directory: TempDir,
}

const CONFIGURATION: &str = "\
local_events = yes
write_logs = yes
log_format = RAW
flush = NONE
priority_boost = 0
max_log_file_action = IGNORE
space_left = 2
space_left_action = IGNORE
admin_space_left = 1
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
";

impl Auditd {
    /// Starts it and waits until it is registered. `None`, with a report, if it is not installed.
    fn start() -> Option<Auditd> {
        let directory = TempDir::new().expect("a directory");
        let path = directory.path();
        let plugins = path.join("plugins.d");
        fs::create_dir(&plugins).expect("a directory");
        let configuration = format!(
            "{CONFIGURATION}log_file = {}\nplugin_dir = {}\n",
            path.join("log").display(),
            plugins.display()
        );
        fs::write(path.join("auditd.conf"), configuration).expect("a file");
        let errors = File::create(path.join("stderr")).expect("a file");
        let spawned = Command::new("auditd")
            .args(["-n", "-s", "nochange", "-c"])
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn();
        let Ok(child) = spawned else {
            skip("needs auditd");
            return None;
        };
        let auditd = Auditd { child, directory };
        wait_until("auditd is registered", || {
            (registered() == auditd.pid()).then_some(())
        });
        Some(auditd)
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether all of these paths are in its log.
    fn has(&self, paths: &[String]) -> bool {
        let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        paths.iter().all(|path| {
            let name = path.rsplit('/').next().expect("a name");
            log.contains(&format!("/{name}\"")) || log.contains(&format!("\"{name}\""))
        })
    }

    fn wait_for(&self, paths: &[String]) {
        wait_until("auditd has logged them too", || {
            self.has(paths).then_some(())
        });
    }

    fn stop(mut self) {
        os::kill(self.pid(), libc::SIGTERM);
        wait_until("auditd ends", || self.child.try_wait().expect("a child"));
        wait_until("the registration is released", || {
            (registered() == 0).then_some(())
        });
    }
}

impl Drop for Auditd {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            os::kill(self.pid(), libc::SIGTERM);
            // SIGKILL would leave it registered until the next record.
            let _ = self.child.wait();
        }
    }
}

/// The number of occurrences of a text in a log.
fn count(log: &str, text: &str) -> usize {
    log.matches(text).count()
}

#[test]
fn auditd_and_auditrd_both_receive_every_event() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let watched = directory();
    audit.watch(watched.path());
    let Some(auditd) = Auditd::start() else {
        return;
    };
    let daemon = Daemon::listen(&MULTICAST);
    assert_eq!(registered(), auditd.pid());
    let paths = create(watched.path(), 100);
    daemon.wait_for(100, "the events", is_created);
    auditd.wait_for(&paths);
    let ended = daemon.stop();
    assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(created(&ended.events, watched.path()), each_once(paths));
    assert_eq!(registered(), auditd.pid());
}

#[test]
fn unicast_mode_works_only_after_auditd_has_stopped() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let watched = directory();
    audit.watch(watched.path());
    let Some(auditd) = Auditd::start() else {
        return;
    };
    let refused = auditrd().args(UNICAST).output().expect("it runs");
    let error = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{error}");
    let holder = format!("process {} (auditd) is already registered", auditd.pid());
    assert!(error.contains(&holder), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert_eq!(registered(), auditd.pid());
    let paths = create(watched.path(), 10);
    auditd.wait_for(&paths);
    auditd.stop();
    let daemon = Daemon::listen(&UNICAST);
    fs::remove_file(&paths[0]).expect("it is there");
    let paths = vec![paths[0].clone()];
    assert!(os::wait(os::fork(|| drop(
        File::create_new(&paths[0]).expect("a new file")
    ))));
    daemon.wait_for(1, "the event", is_created);
    assert_eq!(
        created(&daemon.stop().events, watched.path()),
        each_once(paths)
    );
}

/// Listens as the audit daemon in a process that loses its registration: it ends it through another
/// socket, because current kernels do not take the registration from a running process.
fn lose_the_registration(steps: &Path) -> Result<(), auditrd::Error> {
    let log = File::create(steps.join("log")).expect("a file");
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Warn)
        .target(env_logger::Target::Pipe(Box::new(log)))
        .init();
    let config = ClientConfig::new(Membership::Unicast);
    let (stopper, stop) = auditrd::source::stop()?;
    let mut source = LiveSource::open(&config, stop)?;
    os::request(SET, &UNREGISTER).expect("the process is registered");
    done(steps, "free");
    wait_until("another has registered", || reached(steps, "taken"));
    let mut seen = Sightings::default();
    let mut stopper = Some(stopper);
    loop {
        let mut batch = Batch::default();
        let fill = source.fill(&mut batch, None)?;
        seen.add(batch.sightings);
        if seen.interruptions > 0 {
            done(steps, "noticed");
        }
        if reached(steps, "end").is_some() {
            stopper = None;
        }
        if fill == Fill::End {
            assert_eq!((seen.interruptions, stopper.is_none()), (1, true));
            return Ok(());
        }
    }
}

/// `AUDIT_SET` (linux/audit.h), and a `struct audit_status` that sets the pid to 0.
const SET: u16 = 1001;
const UNREGISTER: [u8; 44] = {
    let mut status = [0; 44];
    let mask = 4u32.to_ne_bytes();
    let mut at = 0;
    while at < mask.len() {
        status[at] = mask[at];
        at += 1;
    }
    status
};

fn done(steps: &Path, step: &str) {
    fs::write(steps.join(step), "").expect("a file");
}

fn reached(steps: &Path, step: &str) -> Option<()> {
    steps.join(step).exists().then_some(())
}

#[test]
fn a_registration_taken_by_another_is_logged_and_taken_back() {
    let Some(_audit) = Audit::borrow() else {
        return;
    };
    let steps = directory();
    let daemon = os::fork(|| lose_the_registration(steps.path()).expect("it can listen"));
    wait_until("nobody is registered", || reached(steps.path(), "free"));
    let auditd = Auditd::start();
    done(steps.path(), "taken");
    let expected = auditd.as_ref().map(|auditd| {
        wait_until("it is noticed", || reached(steps.path(), "noticed"));
        format!("process {} (auditd) has registered", auditd.pid())
    });
    if let Some(auditd) = auditd {
        auditd.stop();
    }
    wait_until("it registers again", || {
        (registered() == daemon).then_some(())
    });
    done(steps.path(), "end");
    // Wakes it, so that it checks for the end.
    os::send(0, USER_LOGIN, b"op=login acct=\"it\" res=success").expect("root may");
    assert!(os::wait(daemon));
    assert_eq!(registered(), 0);
    let log = fs::read_to_string(steps.path().join("log")).expect("its log");
    if let Some(expected) = expected {
        assert_eq!(count(&log, &expected), 1, "{log}");
        assert_eq!(count(&log, "has given up the registration"), 1, "{log}");
    }
}

#[test]
fn each_switch_of_auditing_is_logged() {
    for mode in [&MULTICAST[..], &UNICAST] {
        let Some(mut audit) = Audit::borrow() else {
            return;
        };
        let watched = directory();
        audit.watch(watched.path());
        let daemon = Daemon::listen(mode);
        for time in 1..=2 {
            audit.turn("0");
            let said = |text| move |log: &str| count(log, text) == time;
            wait_until("turning it off is logged", || {
                said("auditing was turned off")(&daemon.stderr()).then_some(())
            });
            audit.turn("1");
            wait_until("turning it on is logged", || {
                said("auditing is on again")(&daemon.stderr()).then_some(())
            });
        }
        let paths = create(watched.path(), 10);
        daemon.wait_for(10, "what comes after it", is_created);
        daemon.signal(libc::SIGUSR1);
        daemon.wait_for_log("interruptions 2");
        let ended = daemon.stop();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        assert_eq!(count(&ended.stderr, "turned off"), 2, "{}", ended.stderr);
        assert_eq!(created(&ended.events, watched.path()), each_once(paths));
    }
}

#[test]
fn an_unprivileged_listener_logs_that_auditing_was_turned_off() {
    let Some(audit) = Audit::borrow() else {
        return;
    };
    let socket = os::listening_socket().expect("root may listen");
    let daemon = Daemon::start_on_stdout(as_nobody(activated(socket)));
    audit.turn("0");
    daemon.wait_for_log("auditing was turned off");
    audit.turn("1");
    assert_eq!(daemon.stop().status.code(), Some(0));
}

#[test]
fn an_unprivileged_listener_logs_hints() {
    let Some(mut audit) = Audit::borrow_without_rules() else {
        return;
    };
    let watched = directory();
    audit.watch(watched.path());
    let listen = || {
        let socket = os::listening_socket().expect("root may listen");
        Daemon::start_on_stdout(as_nobody(activated(socket)))
    };
    // The next record tells that it listens.
    let daemon = listen();
    os::send(0, USER_LOGIN, b"op=login acct=\"it\" res=success").expect("root may");
    daemon.wait_for(1, "the login", |event| event["name"] == "user_event");
    audit.rule(&["never,task"]);
    daemon.wait_for_log("a rule for new processes was loaded");
    audit.flush();
    daemon.wait_for_log("audit rules were removed (2)");
    let log = daemon.stop().stderr;
    assert_eq!(count(&log, "auditrd check"), 2, "{log}");
    assert_eq!(count(&log, "no record has come"), 0, "{log}");
    audit.turn("0");
    let daemon = listen();
    daemon.wait_for_log("no record has come in the first 10 seconds");
    assert_eq!(count(&daemon.stop().stderr, "auditrd check"), 1);
}

#[test]
fn never_task_is_logged_at_the_start() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    audit.rule(&["never,task"]);
    let daemon = Daemon::listen(&MULTICAST);
    daemon.wait_for_log("`-a never,task` is loaded");
    daemon.stop();
}

#[test]
fn flushing_and_reloading_the_rules_is_logged() {
    let Some(mut audit) = Audit::borrow_without_rules() else {
        return;
    };
    let watched = directory();
    audit.watch(watched.path());
    let daemon = Daemon::listen(&MULTICAST);
    audit.flush();
    daemon.wait_for_log("all audit rules were removed");
    audit.watch(watched.path());
    daemon.wait_for_log("audit rules are loaded again");
    let paths = create(watched.path(), 10);
    daemon.wait_for(10, "what comes after it", is_created);
    daemon.signal(libc::SIGUSR1);
    daemon.wait_for_log("interruptions 1");
    let ended = daemon.stop();
    assert_eq!(count(&ended.stderr, "removed"), 1, "{}", ended.stderr);
    let is_loss = |event: &Value| event["name"] == "loss_event";
    assert!(!ended.events.iter().any(is_loss), "{:?}", ended.events);
    assert_eq!(created(&ended.events, watched.path()), each_once(paths));
}
