//! Runs the binary as a live listener.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
};

use tempfile::TempDir;

use super::{
    audit::{registered, wait_for_the_kernel, wait_until},
    os,
};
use crate::common::{Value, auditrd, lines};

/// A running `auditrd` that is killed when this is dropped.
pub(crate) struct Daemon {
    child: Child,
    directory: TempDir,
}

/// The results of an `auditrd` that has ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) events: Vec<Value>,
    pub(crate) stderr: String,
}

impl Daemon {
    /// Starts it and waits until it receives records.
    pub(crate) fn listen<S: AsRef<OsStr>>(args: &[S]) -> Daemon {
        let mut command = auditrd();
        command.args(args);
        let unicast = args.iter().any(|arg| arg.as_ref() == "--unicast");
        let daemon = Daemon::start(command);
        daemon.wait_until_listening(unicast);
        daemon
    }

    /// Waits until it receives records.
    pub(crate) fn wait_until_listening(&self, unicast: bool) {
        let pid = self.pid();
        wait_until("auditrd listens", || {
            if unicast {
                return (registered() == pid).then_some(());
            }
            let groups = audit_sockets().get(&pid).copied();
            groups.is_some_and(|groups| groups & 1 == 1).then_some(())
        });
        self.wait_until_started();
    }

    /// Waits until it has read what it needs of the system and runs all of its threads. Its socket
    /// is open before that.
    pub(crate) fn wait_until_started(&self) {
        let threads = || fs::read_dir(format!("/proc/{}/task", self.pid()));
        let count = || threads().map_or(0, Iterator::count);
        wait_until("its threads run", || (count() >= 3).then_some(()));
        // The scanner says who it is before it gives up its rights.
        let is_busy = |pid: &u32| {
            let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}"));
            let is_scanner = read("comm").is_ok_and(|name| name.trim_end() == "auditrd-scanner");
            is_scanner || read("status").is_ok_and(|status| status.contains("NoNewPrivs:\t0"))
        };
        wait_until("the processes are read", || {
            (!self.helpers().iter().any(is_busy)).then_some(())
        });
    }

    /// Waits until it has read all records that the kernel has sent.
    pub(crate) fn wait_until_all_is_read(&self) {
        wait_for_the_kernel();
        wait_until("all is read", || (unread(self.pid()) == 0).then_some(()));
    }

    /// Starts a command whose standard output is already set.
    pub(crate) fn start_silent(command: Command) -> Daemon {
        let directory = TempDir::new().expect("a directory for its log");
        Daemon::spawn(command, &[], directory)
    }

    /// Starts a command, which may wrap the binary, with a file as its output.
    pub(crate) fn start(command: Command) -> Daemon {
        let directory = TempDir::new().expect("a directory for the output");
        let output = directory.path().join("events");
        Daemon::spawn(command, &[("AUDITRD_OUTPUT", output.as_path())], directory)
    }

    /// Starts a command that may not open files here, with a file as its standard output.
    pub(crate) fn start_on_stdout(mut command: Command) -> Daemon {
        let directory = TempDir::new().expect("a directory for the output");
        let output = File::create(directory.path().join("events"));
        command.stdout(output.expect("a file for the events"));
        Daemon::spawn(command, &[], directory)
    }

    fn spawn(mut command: Command, env: &[(&str, &Path)], directory: TempDir) -> Daemon {
        let stderr = File::create(directory.path().join("stderr")).expect("a file for its log");
        command.envs(env.iter().copied()).stderr(stderr);
        let child = command.spawn().expect("the binary runs");
        Daemon { child, directory }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.directory.path().join("events")
    }

    /// The events written so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        events(&self.output())
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.directory.path().join("stderr")).expect("its log can be read")
    }

    /// Waits until `count` events that match `is` have been written.
    pub(crate) fn wait_for(&self, count: usize, what: &str, is: impl Fn(&Value) -> bool) {
        let found = || {
            let events = self.events();
            (events.iter().filter(|event| is(event)).count() >= count).then_some(())
        };
        wait_until(what, found);
    }

    /// The process id of one of its inspectors.
    pub(crate) fn inspector(&self) -> u32 {
        *self.helpers().last().expect("they have started")
    }

    /// The process ids of its inspectors and of the process that reads directories.
    pub(crate) fn helpers(&self) -> Vec<u32> {
        let pid = self.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_whitespace();
        children.map(|pid| pid.parse().expect("a number")).collect()
    }

    /// Waits until its log contains a text.
    pub(crate) fn wait_for_log(&self, text: &str) {
        wait_until(text, || self.stderr().contains(text).then_some(()));
    }

    pub(crate) fn signal(&self, signal: i32) {
        os::kill(self.pid(), signal);
    }

    /// Sends SIGTERM and waits for its end.
    pub(crate) fn stop(self) -> Ended {
        self.signal(libc::SIGTERM);
        self.ended()
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Ended {
        let status = wait_until("auditrd ends", || {
            self.child.try_wait().expect("a child can be waited for")
        });
        Ended {
            status,
            events: self.events(),
            stderr: self.stderr(),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The whole lines of a file; the last line may be incomplete.
pub(crate) fn events(file: &Path) -> Vec<Value> {
    // The program may not have created the file yet.
    let bytes = fs::read(file).unwrap_or_default();
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    lines(&bytes[..end.map_or(0, |last| last + 1)])
}

/// The number of unread bytes in the audit socket with this port.
fn unread(port: u32) -> u64 {
    let table = fs::read_to_string("/proc/net/netlink").expect("the table of sockets");
    let socket = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let family: i32 = words.next()?.parse().ok()?;
        let is_ours = family == libc::NETLINK_AUDIT && words.next()?.parse() == Ok(port);
        is_ours.then(|| words.nth(1)?.parse().ok()).flatten()
    };
    table.lines().find_map(socket).expect("the socket is open")
}

/// The multicast groups of all audit sockets, by port. The first socket of a process has the
/// process id as its port.
pub(crate) fn audit_sockets() -> HashMap<u32, u32> {
    let table = fs::read_to_string("/proc/net/netlink").expect("the table of sockets");
    let socket = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let family: i32 = words.next()?.parse().ok()?;
        let port = words.next()?.parse().ok()?;
        let groups = u32::from_str_radix(words.next()?, 16).ok()?;
        (family == libc::NETLINK_AUDIT).then_some((port, groups))
    };
    table.lines().filter_map(socket).collect()
}
