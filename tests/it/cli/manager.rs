//! What a service manager hears (sd_notify(3)), with a socket that stands in for it.

use std::{fs, os::unix::net::UnixDatagram, path::PathBuf, process::Stdio, time::Duration};

use crate::{
    common::auditrd,
    process::{Running, login},
};

/// Longer than anything here takes on a slow machine; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A socket for notifications, in a directory that is removed with it.
struct Manager {
    socket: UnixDatagram,
    directory: tempfile::TempDir,
}

impl Manager {
    fn new() -> Manager {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager { socket, directory }
    }

    /// The next message, as its lines.
    fn hear(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("it is told in time");
        let text = str::from_utf8(&buffer[..length]).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Hears messages until one has this line, and returns it.
    fn wait_for(&self, line: &str) -> Vec<String> {
        loop {
            let heard = self.hear();
            if heard.iter().any(|said| said == line) {
                return heard;
            }
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("notify")
    }

    /// A replay of a stream whose service manager this is.
    fn start(&self, variables: &[(&str, &str)]) -> Running {
        let mut command = auditrd();
        command
            .args(["-i", "-"])
            .env("NOTIFY_SOCKET", self.path())
            .envs(variables.iter().copied());
        Running::start(&mut command)
    }
}

#[test]
fn a_service_manager_hears_of_each_state() {
    let manager = Manager::new();
    let running = manager.start(&[]);
    assert_eq!(manager.hear(), ["READY=1"]);
    running.signal("HUP");
    let reloading = manager.wait_for("RELOADING=1");
    assert!(reloading[1].starts_with("MONOTONIC_USEC="), "{reloading:?}");
    assert_eq!(manager.hear(), ["READY=1"]);
    running.signal("TERM");
    manager.wait_for("STOPPING=1");
    assert!(running.wait().0.success());
}

#[test]
fn the_watchdog_hears_of_the_loop_with_the_counters() {
    let manager = Manager::new();
    let mut running = manager.start(&[("WATCHDOG_USEC", "20000")]);
    running.write(login(1) + &login(2));
    for sequence in [1, 2] {
        assert_eq!(running.event()["sequence"], sequence);
    }
    let status =
        "STATUS=2 lines of 2 records; lost 0 in the socket, 0 in the queue, 0 in the kernel";
    // It goes on saying so, though nothing more happens.
    for _ in 0..3 {
        assert_eq!(manager.wait_for("WATCHDOG=1").len(), 2);
    }
    assert_eq!(manager.wait_for("WATCHDOG=1")[1], status);
    assert!(running.close().0.success());
}

#[test]
fn a_loop_that_hangs_is_not_called_alive() {
    let manager = Manager::new();
    let input = manager.directory.path().join("audit.log");
    fs::write(&input, (1..10_000).map(login).collect::<String>()).unwrap();
    // Nobody reads what it writes, so it has to stop at some point.
    let mut stuck = auditrd()
        .arg("-i")
        .arg(input)
        .env("NOTIFY_SOCKET", manager.path())
        .env("WATCHDOG_USEC", "2000")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(manager.hear(), ["READY=1"]);
    let silence = Duration::from_millis(500);
    manager.socket.set_read_timeout(Some(silence)).unwrap();
    while manager.socket.recv(&mut [0; 4096]).is_ok() {}
    assert!(stuck.try_wait().unwrap().is_none(), "it is stuck");
    stuck.kill().unwrap();
    stuck.wait().unwrap();
}

#[test]
fn a_watchdog_of_another_process_is_not_ours() {
    let manager = Manager::new();
    let running = manager.start(&[("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")]);
    assert_eq!(manager.hear(), ["READY=1"]);
    manager.wait_for("WATCHDOG=1");
    running.signal("TERM");
    // The next one would come after ten seconds; an end comes before it.
    assert_eq!(manager.hear(), ["STOPPING=1"]);
    assert!(running.wait().0.success());
}
