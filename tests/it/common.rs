//! Running the binary and reading its lines.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
};

pub(crate) use serde_json::Value;

/// The binary, with nothing of the caller's environment that would change what it does.
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

/// What the binary makes of a log on its standard input. It must end well.
pub(crate) fn replay(log: impl AsRef<[u8]> + Send, args: &[&str]) -> Vec<Value> {
    let output = replay_raw(log, args);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    lines(&output.stdout)
}

/// As `replay`, whatever comes of it.
pub(crate) fn replay_raw(log: impl AsRef<[u8]> + Send, args: &[&str]) -> Output {
    let mut child = auditrd()
        .args(["-i", "-"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    thread::scope(|scope| {
        // The program may end before it has read all; that is for the caller to judge.
        scope.spawn(move || drop(stdin.write_all(log.as_ref())));
        child
            .wait_with_output()
            .expect("the binary can be waited for")
    })
}

/// Lines of output as JSON; each must be one whole object.
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
