//! The program under load. Its lines are counted and not kept.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use memchr::memmem;

use super::{load::Made, resident};
use crate::{
    common::auditrd,
    live::{
        audit::{registered, wait_until},
        daemon::audit_sockets,
        os,
    },
};

/// A running `auditrd`, killed when this is dropped.
pub(super) struct Subject {
    child: Child,
    log: File,
    counter: Option<JoinHandle<Counts>>,
}

/// The counts of its output.
#[derive(Default)]
struct Counts {
    lines: u64,
    losses: u64,
    /// Events about files of the load.
    files: u64,
    programs: u64,
}

/// The results after its end.
pub(super) struct Summary {
    /// Lines that are events.
    pub(super) lines: u64,
    /// Lines that report losses.
    pub(super) losses: u64,
    /// Its standard error.
    pub(super) log: String,
    /// The counts of the load in its lines.
    pub(super) seen: Made,
}

impl Subject {
    /// Starts it and waits until it receives records.
    pub(super) fn listen(mode: &[&str], program: &Path) -> Subject {
        let (subject, _) = Subject::start(mode, Stdio::null(), program);
        let pid = subject.child.id();
        wait_until("auditrd listens", || {
            let listens = match mode {
                [] => audit_sockets()
                    .get(&pid)
                    .is_some_and(|groups| groups & 1 == 1),
                _ => registered() == pid,
            };
            listens.then_some(())
        });
        subject
    }

    /// Starts it with a log from the returned pipe.
    pub(super) fn replay() -> (Subject, ChildStdin) {
        let args = ["-i", "-", "--min", "1000", "--max", "2999"];
        let (subject, input) = Subject::start(&args, Stdio::piped(), Path::new(""));
        (subject, input.expect("a pipe"))
    }

    fn start(args: &[&str], input: Stdio, program: &Path) -> (Subject, Option<ChildStdin>) {
        let log = tempfile::tempfile().expect("a file for its log");
        let mut child = auditrd()
            .arg("-v")
            .args(args)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(log.try_clone().expect("a file for its log"))
            .spawn()
            .expect("the binary runs");
        let output = child.stdout.take().expect("a pipe");
        let input = child.stdin.take();
        let program = format!("\"path\":\"{}\"", program.display());
        let counter = Some(thread::spawn(move || count(output, &program)));
        (
            Subject {
                child,
                log,
                counter,
            },
            input,
        )
    }

    /// Samples its resident memory, in KiB, for some time.
    pub(super) fn watch(&self, time: Duration, mut go_on: impl FnMut() -> bool) -> Vec<u64> {
        let end = Instant::now() + time;
        let mut samples = Vec::new();
        while Instant::now() < end {
            assert!(go_on(), "the load has ended");
            thread::sleep(Duration::from_millis(250));
            samples.push(resident(self.child.id()));
        }
        samples
    }

    /// Stops it with SIGTERM.
    pub(super) fn stop(mut self) -> Summary {
        os::kill(self.child.id(), libc::SIGTERM);
        self.wait();
        self.summary()
    }

    /// Waits for its end, at the end of its input.
    pub(super) fn wait(&mut self) {
        let status = self.child.wait().expect("a child can be waited for");
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// The results, after its end.
    pub(super) fn summary(&mut self) -> Summary {
        let counter = self.counter.take().expect("there is one summary");
        let counts = counter.join().expect("its output can be read");
        Summary {
            lines: counts.lines,
            losses: counts.losses,
            log: self.log(),
            seen: Made {
                files: counts.files,
                programs: counts.programs,
            },
        }
    }

    fn log(&mut self) -> String {
        let mut log = String::new();
        self.log.rewind().expect("a file");
        self.log.read_to_string(&mut log).expect("the log is UTF-8");
        log
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Summary {
    /// A counter in its last report.
    #[track_caller]
    pub(super) fn counter(&self, name: &str) -> u64 {
        let report = self.log.lines().rfind(|line| line.contains(" malformed "));
        let mut words = report.expect("a report").split_whitespace();
        words.find(|word| *word == name).expect("the counter");
        words
            .next()
            .and_then(|word| word.parse().ok())
            .expect("a number")
    }
}

fn count(output: ChildStdout, program: &str) -> Counts {
    let mut output = BufReader::with_capacity(1 << 20, output);
    let (mut counts, mut line) = (Counts::default(), Vec::new());
    let file = memmem::Finder::new(super::load::NAME);
    let program = memmem::Finder::new(program);
    loop {
        line.clear();
        if output
            .read_until(b'\n', &mut line)
            .expect("a pipe can be read")
            == 0
        {
            return counts;
        }
        assert!(
            line.starts_with(b"{\"name\":\"") && line.ends_with(b"}\n"),
            "a torn line"
        );
        if line.starts_with(b"{\"name\":\"loss_event\"") {
            counts.losses += 1;
            continue;
        }
        counts.lines += 1;
        counts.files +=
            u64::from(line.starts_with(b"{\"name\":\"fim") && file.find(&line).is_some());
        counts.programs +=
            u64::from(line.starts_with(b"{\"name\":\"process") && program.find(&line).is_some());
    }
}
