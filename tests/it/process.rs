//! The binary as a running process, with pipes to it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

use crate::common::Value;

/// A process is killed after this time, so that a broken test fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process whose streams are all pipes.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    _watchdog: Sender<()>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let pid = child.id();
        let (watchdog, ended) = mpsc::channel();
        thread::spawn(move || {
            if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                kill("KILL", pid);
            }
        });
        Running {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().expect("stdout is a pipe")),
            stderr: BufReader::new(child.stderr.take().expect("stderr is a pipe")),
            child,
            _watchdog: watchdog,
        }
    }

    /// Writes to its standard input.
    pub(crate) fn write(&mut self, text: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(text.as_ref()).expect("the process reads");
    }

    /// Takes its standard input, for another thread to write to.
    pub(crate) fn take_stdin(&mut self) -> ChildStdin {
        self.stdin.take().expect("stdin is open")
    }

    /// Waits for the next event.
    #[track_caller]
    pub(crate) fn event(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("events are UTF-8");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// Waits for the next line of its output.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout
            .read_line(&mut line)
            .expect("the output is UTF-8");
        assert!(line.ends_with('\n'), "the process has ended: {line:?}");
        line
    }

    /// Waits for the next line on standard error.
    #[track_caller]
    pub(crate) fn log_line(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).expect("the log is UTF-8");
        assert!(line.ends_with('\n'), "the process has ended: {line:?}");
        line
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, as `kill -NAME` does.
    pub(crate) fn signal(&self, name: &str) {
        kill(name, self.child.id());
    }

    /// Closes its standard output without reading the rest.
    pub(crate) fn stop_reading(self) -> NoReader {
        let Running {
            child,
            stdin,
            stdout,
            stderr,
            ..
        } = self;
        drop(stdout);
        NoReader {
            child,
            stdin,
            stderr,
        }
    }

    /// Closes its standard input and waits until it exits. Returns its exit status, and the rest of
    /// its output and its log.
    pub(crate) fn close(mut self) -> (ExitStatus, Vec<u8>, String) {
        self.stdin = None;
        self.wait()
    }

    /// As `close`, but keeps its standard input open.
    pub(crate) fn wait(mut self) -> (ExitStatus, Vec<u8>, String) {
        let (mut output, mut log) = (Vec::new(), String::new());
        thread::scope(|scope| {
            scope.spawn(|| {
                self.stderr
                    .read_to_string(&mut log)
                    .expect("the log is UTF-8")
            });
            self.stdout
                .read_to_end(&mut output)
                .expect("a pipe can be read");
        });
        let status = self.child.wait().expect("the process can be waited for");
        (status, output, log)
    }
}

/// A process whose standard output is closed.
pub(crate) struct NoReader {
    child: Child,
    stdin: Option<ChildStdin>,
    stderr: BufReader<ChildStderr>,
}

impl NoReader {
    /// Writes to its standard input until it exits. The input is never closed.
    pub(crate) fn write_until_it_ends(mut self, text: &str) -> (ExitStatus, String) {
        let mut stdin = self.stdin.take().expect("stdin is open");
        while stdin.write_all(text.as_bytes()).is_ok() {}
        let mut log = String::new();
        self.stderr
            .read_to_string(&mut log)
            .expect("the log is UTF-8");
        let status = self.child.wait().expect("the process can be waited for");
        (status, log)
    }
}

fn kill(signal: &str, pid: u32) {
    let status = Command::new("kill")
        .args(["-s", signal, &pid.to_string()])
        .stderr(Stdio::null())
        .status();
    status.expect("there is a kill command");
}

/// A record that is an event by itself.
pub(crate) fn login(serial: u32) -> String {
    format!(
        "type=USER_LOGIN msg=audit(1700000000.000:{serial}): pid=7 uid=0 auid=1000 ses=3 \
         msg='op=login acct=\"alice\" exe=\"/usr/sbin/sshd\" hostname=? addr=10.0.0.9 \
         terminal=ssh res=success'\n"
    )
}

/// The records of an unlink, without EOE.
pub(crate) fn deletion(serial: u32) -> String {
    format!(
        "type=SYSCALL msg=audit(1700000000.000:{serial}): arch=c000003e syscall=87 success=yes \
         exit=0 a0=1 a1=0 a2=0 a3=0 items=2 ppid=1 pid=8 auid=1000 uid=0 gid=0 euid=0 suid=0 \
         fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm=\"rm\" exe=\"/usr/bin/rm\" key=\"k\"\n\
         type=CWD msg=audit(1700000000.000:{serial}): cwd=\"/home\"\n\
         type=PATH msg=audit(1700000000.000:{serial}): item=0 name=\"/home\" inode=2 dev=fe:00 \
         mode=040755 ouid=0 ogid=0 rdev=00:00 nametype=PARENT\n\
         type=PATH msg=audit(1700000000.000:{serial}): item=1 name=\"file{serial}\" inode=3 \
         dev=fe:00 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=DELETE\n"
    )
}

/// The EOE record of an event.
pub(crate) fn end(serial: u32) -> String {
    format!("type=EOE msg=audit(1700000000.000:{serial}): \n")
}
