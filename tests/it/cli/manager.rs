//! Notifications to a service manager (sd_notify(3)), received by a socket in its place.

use std::{fs, os::unix::net::UnixDatagram, path::PathBuf, process::Stdio, time::Duration};

use crate::{
    common::auditrd,
    live::{audit::Audit, daemon::Daemon, os},
    process::{Running, login},
};

/// Longer than any step takes, even on a slow machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A socket for notifications, in a temporary directory.
struct Manager {
    socket: UnixDatagram,
    directory: tempfile::TempDir,
}

impl Manager {
    fn new() -> Manager {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(TIMEOUT)).unwrap();
        Manager { socket, directory }
    }

    /// Receives the next message, as lines.
    fn receive(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let length = self
            .socket
            .recv(&mut buffer)
            .expect("a message arrives in time");
        let text = str::from_utf8(&buffer[..length]).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Receives messages until one contains a line, and returns it.
    fn wait_for(&self, line: &str) -> Vec<String> {
        loop {
            let message = self.receive();
            if message.iter().any(|found| found == line) {
                return message;
            }
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("notify")
    }

    /// Starts a replay of standard input that notifies this manager.
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
fn the_service_manager_is_notified_of_each_state() {
    let manager = Manager::new();
    let running = manager.start(&[]);
    assert_eq!(manager.receive(), ["READY=1"]);
    running.signal("HUP");
    let reloading = manager.wait_for("RELOADING=1");
    assert!(reloading[1].starts_with("MONOTONIC_USEC="), "{reloading:?}");
    assert_eq!(manager.receive(), ["READY=1"]);
    running.signal("TERM");
    manager.wait_for("STOPPING=1");
    assert!(running.wait().0.success());
}

#[test]
fn watchdog_pings_carry_the_counters() {
    let manager = Manager::new();
    let mut running = manager.start(&[("WATCHDOG_USEC", "20000")]);
    running.write(login(1) + &login(2));
    for sequence in [1, 2] {
        assert_eq!(running.event()["sequence"], sequence);
    }
    let status =
        "STATUS=2 lines of 2 records; lost 0 in the socket, 0 in the queue, 0 in the kernel";
    // The pings continue without further events.
    for _ in 0..3 {
        assert_eq!(manager.wait_for("WATCHDOG=1").len(), 2);
    }
    assert_eq!(manager.wait_for("WATCHDOG=1")[1], status);
    assert!(running.close().0.success());
}

#[test]
fn a_stuck_output_stops_the_watchdog_pings() {
    let manager = Manager::new();
    let input = manager.directory.path().join("audit.log");
    fs::write(&input, (1..10_000).map(login).collect::<String>()).unwrap();
    // The pipe is never read, so the program blocks when it is full.
    let mut stuck = auditrd()
        .arg("-i")
        .arg(input)
        .env("NOTIFY_SOCKET", manager.path())
        .env("WATCHDOG_USEC", "2000")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(manager.receive(), ["READY=1"]);
    let silence = Duration::from_millis(500);
    manager.socket.set_read_timeout(Some(silence)).unwrap();
    while manager.socket.recv(&mut [0; 4096]).is_ok() {}
    assert!(stuck.try_wait().unwrap().is_none(), "it is stuck");
    stuck.kill().unwrap();
    stuck.wait().unwrap();
}

#[test]
fn a_stuck_reader_thread_stops_the_watchdog_pings() {
    let Some(_audit) = Audit::borrow() else {
        return;
    };
    let manager = Manager::new();
    let mut command = auditrd();
    command
        // A buffer so small that this thread reads at any rate of records.
        .args(["--recv-buffer", "200K"])
        .env("NOTIFY_SOCKET", manager.path())
        .env("WATCHDOG_USEC", "200000");
    let daemon = Daemon::start(command);
    // Pings come without any records, since the reader wakes up for its heartbeat.
    for _ in 0..3 {
        manager.wait_for("WATCHDOG=1");
    }
    let reader = thread_named(daemon.pid(), "reader");
    os::freeze(reader);
    // A ping may be on its way; after it, there are only status lines.
    let is_ping = |message: Vec<String>| message.iter().any(|line| line == "WATCHDOG=1");
    let mut since_a_ping = 0;
    for _ in 0..100 {
        since_a_ping = if is_ping(manager.receive()) {
            0
        } else {
            since_a_ping + 1
        };
        if since_a_ping == 5 {
            break;
        }
    }
    assert_eq!(since_a_ping, 5, "pings go on");
    daemon.wait_for_log("the reader thread does not respond");
    os::thaw(reader);
    manager.wait_for("WATCHDOG=1");
    assert!(daemon.stop().status.success());
}

fn thread_named(pid: u32, name: &str) -> u32 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let thread = threads.map(|thread| thread.unwrap().path()).find(|thread| {
        let comm = fs::read_to_string(thread.join("comm"));
        comm.is_ok_and(|comm| comm.trim_end() == name)
    });
    let thread = thread.expect("the thread runs");
    thread
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn the_watchdog_of_another_process_is_ignored() {
    let manager = Manager::new();
    let running = manager.start(&[("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")]);
    assert_eq!(manager.receive(), ["READY=1"]);
    manager.wait_for("WATCHDOG=1");
    running.signal("TERM");
    // The next ping would be due after ten seconds; the program stops before that.
    assert_eq!(manager.receive(), ["STOPPING=1"]);
    assert!(running.wait().0.success());
}
