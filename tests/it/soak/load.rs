//! The load of the soak tests.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    common::data,
    golden,
    live::{audit::wait_until, os},
};

/// The prefix of all file names of the load, and of no others.
pub(super) const NAME: &[u8] = b"/soak-file-";

/// The number of syscalls made.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Made {
    /// Creations, renames and removals of files.
    pub(super) files: u64,
    /// Executions of the program.
    pub(super) programs: u64,
}

/// A process that works until it is stopped.
pub(super) struct Worker {
    pid: u32,
    /// The process works while this file exists.
    signal: PathBuf,
    result: PathBuf,
}

/// The number of files per round. After each round, the load runs the program and checks whether to
/// stop.
const ROUND: u64 = 500;

/// Copies a program for the load alone, so that its executions can be told from others.
pub(super) fn program(directory: &Path) -> PathBuf {
    let program = directory.join("soak-program");
    fs::copy("/bin/true", &program).expect("there is a program that does nothing");
    program
}

/// Starts a process that creates, renames and removes files in a directory, and runs the program.
pub(super) fn start(directory: &Path, program: &Path) -> Worker {
    let state = |name: &str| directory.with_extension(name);
    let (signal, result) = (state("go"), state("result"));
    fs::write(&signal, "").expect("a file");
    let pid = os::fork(|| {
        let mut made = Made::default();
        while signal.exists() {
            for number in made.files..made.files + ROUND {
                let file = directory.join(format!("soak-file-{number}"));
                let other = directory.join(format!("soak-file-{number}.new"));
                File::create_new(&file).expect("a new file");
                fs::rename(&file, &other).expect("a new name");
                fs::remove_file(&other).expect("it is there");
            }
            made.files += ROUND;
            let status = Command::new(program).status();
            assert!(status.expect("it runs").success());
            made.programs += 1;
        }
        let result_text = format!("{} {}", 3 * made.files, made.programs);
        fs::write(&result, result_text).expect("a file");
    });
    Worker {
        pid,
        signal,
        result,
    }
}

impl Worker {
    pub(super) fn is_alive(&self) -> bool {
        Path::new(&format!("/proc/{}/stat", self.pid)).exists() && !self.result.exists()
    }

    /// Stops it, and returns its counts.
    pub(super) fn stop(self) -> Made {
        fs::remove_file(&self.signal).expect("it is there");
        assert!(os::wait(self.pid), "the load succeeded");
        let text = wait_until("the load has written its counts", || {
            fs::read_to_string(&self.result).ok()
        });
        let mut numbers = text
            .split(' ')
            .map(|number| number.parse().expect("a number"));
        let mut next = || numbers.next().expect("two numbers");
        Made {
            files: next(),
            programs: next(),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Stops the process after a failed check.
        let _ = fs::remove_file(&self.signal);
        let _ = fs::remove_file(&self.result);
    }
}

/// Repeats the captures endlessly, with new serials and later stamps each time.
pub(super) struct EndlessLog {
    /// The number of the event and the line, with a NUL in place of the stamp.
    pieces: Vec<(usize, String)>,
    /// The number of events in one round, and of their lines.
    events: u64,
    lines: u64,
    records: u64,
    rounds: u64,
    round: Vec<u8>,
}

/// The size of the log so far.
pub(super) struct Written {
    pub(super) records: u64,
    pub(super) events: u64,
    pub(super) lines: u64,
}

impl EndlessLog {
    pub(super) fn new() -> EndlessLog {
        let (mut pieces, mut stamps) = (Vec::new(), HashMap::new());
        let (mut lines, mut records) = (0, 0);
        for name in ["fim", "proc"] {
            let log = fs::read_to_string(data(&format!("{name}.log"))).expect("a log");
            lines += golden::count_lines(name);
            for line in log.lines() {
                records += 1;
                let (head, rest) = line.split_once("msg=audit(").expect("a stamp");
                let (stamp, body) = rest.split_once(')').expect("a stamp");
                let next = stamps.len();
                let number = *stamps.entry(stamp.to_owned()).or_insert(next);
                pieces.push((number, format!("{head}msg=audit(\0){body}\n")));
            }
        }
        EndlessLog {
            pieces,
            events: stamps.len() as u64,
            lines,
            records,
            rounds: 0,
            round: Vec::new(),
        }
    }

    /// The next round.
    pub(super) fn more(&mut self) -> &[u8] {
        self.round.clear();
        let (second, first) = (1_700_000_000 + self.rounds / 10, self.rounds * self.events);
        for (number, text) in &self.pieces {
            let (head, tail) = text.split_once('\0').expect("a place for the stamp");
            let serial = (first + *number as u64) % (1 << 32);
            let stamp = format!("{second}.{:03}:{serial}", self.rounds % 10 * 100);
            self.round.extend([head, &stamp, tail].concat().bytes());
        }
        self.rounds += 1;
        &self.round
    }

    pub(super) fn written(&self) -> Written {
        Written {
            records: self.rounds * self.records,
            events: self.rounds * self.events,
            lines: self.rounds * self.lines,
        }
    }
}
