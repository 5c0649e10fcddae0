//! Running the binary and reading its lines.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
};

pub(crate) use serde_json::Value;

/// The binary, without variables from the environment that change its behaviour.
pub(crate) fn auditrd() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auditrd"));
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"AUDITRD_") {
            command.env_remove(name);
        }
    }
    command
        .env_remove("LISTEN_PID")
        .env_remove("LISTEN_FDS")
        .stdin(Stdio::null());
    command
}

/// A file in `tests/data`.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// The events of a log given on standard input. The binary must exit with status 0.
pub(crate) fn replay(log: impl AsRef<[u8]> + Send, args: &[&str]) -> Vec<Value> {
    let output = replay_raw(log, args);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    lines(&output.stdout)
}

/// Replays a log given on standard input. If the exit status is 0, every record must be counted.
pub(crate) fn replay_raw(log: impl AsRef<[u8]> + Send, args: &[&str]) -> Output {
    let directory = tempfile::tempdir().expect("a directory for the counters");
    let metrics = directory.path().join("metrics");
    let output = replay_with(log, args, &metrics);
    if output.status.success() {
        let counters = Counters::of_metrics(&fs::read_to_string(metrics).expect("counters"));
        counters.assert_they_add_up();
        let lines = output.stdout.iter().filter(|byte| **byte == b'\n').count();
        if !args.contains(&"-o") {
            assert_eq!(counters["lines"], lines as u64, "{args:?}");
        }
    }
    output
}

fn replay_with(log: impl AsRef<[u8]> + Send, args: &[&str], metrics: &Path) -> Output {
    let mut child = auditrd()
        .args(["-i", "-", "--metrics-file"])
        .arg(metrics)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    thread::scope(|scope| {
        // The program may exit before it has read everything.
        scope.spawn(move || drop(stdin.write_all(log.as_ref())));
        child
            .wait_with_output()
            .expect("the binary can be waited for")
    })
}

/// The counters of a process, by name.
#[derive(Debug)]
pub(crate) struct Counters(BTreeMap<String, u64>);

impl Counters {
    /// Parses the line on standard error.
    pub(crate) fn of_log(line: &str) -> Counters {
        let text = line.trim().strip_prefix("auditrd: ").expect("a log line");
        let words: Vec<&str> = text.split(' ').collect();
        let pair = |pair: &[&str]| (pair[0].to_owned(), pair[1].parse().expect("a number"));
        Counters(words.chunks(2).map(pair).collect())
    }

    /// Parses the metrics file.
    pub(crate) fn of_metrics(text: &str) -> Counters {
        let pair = |line: &str| {
            let (name, value) = line.strip_prefix("auditrd_")?.split_once(' ')?;
            let name = name.strip_suffix("_total").unwrap_or(name);
            Some((name.to_owned(), value.parse().ok()?))
        };
        Counters(text.lines().filter_map(pair).collect())
    }

    /// Asserts that every record read is counted exactly once, with none in flight.
    #[track_caller]
    pub(crate) fn assert_they_add_up(&self) {
        self.assert_they_add_up_but_for(0);
        for gauge in ["in_flight", "held", "held_records", "pending"] {
            assert_eq!(self[gauge], 0, "{gauge}: {self:?}");
        }
    }

    /// The same, with this many records in events in flight.
    #[track_caller]
    pub(crate) fn assert_they_add_up_but_for(&self, in_flight: u64) {
        let places = [
            "filtered",
            "ends",
            "left_out",
            "no_line",
            "filter_dropped_records",
            "written",
            "unwritten_records",
            "queue_dropped_records",
            "held_records",
        ];
        let sum: u64 = places.iter().map(|place| self[place]).sum();
        assert_eq!(self["records"], sum + in_flight, "{self:?}");
    }
}

impl std::ops::Index<&str> for Counters {
    type Output = u64;

    fn index(&self, name: &str) -> &u64 {
        let value = self.0.get(name);
        value.unwrap_or_else(|| panic!("there is no {name}: {self:?}"))
    }
}

/// Parses lines of output; each must be a JSON object.
pub(crate) fn lines(output: &[u8]) -> Vec<Value> {
    assert!(
        output.is_empty() || output.ends_with(b"\n"),
        "the last line is torn"
    );
    output
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| {
            let value: Value = serde_json::from_slice(line)
                .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(line)));
            assert!(value.is_object(), "{value}");
            value
        })
        .collect()
}
