//! The binary as a process: options, files, streams, signals and exit statuses.

mod files;
mod manager;
mod output;
mod signals;
mod streams;
mod usage;

use std::process::{Command, Output};

/// Runs a command without standard input until it exits.
fn run(command: &mut Command) -> Output {
    command.output().expect("the binary runs")
}

/// What a process wrote to standard error.
fn log(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("the log is UTF-8")
}

/// Asserts the exit status, and that the only output is one line on standard error.
#[track_caller]
fn assert_one_line(output: &Output, status: i32, expected: &str) {
    assert_eq!(log(output), format!("auditrd: {expected}\n"));
    assert_eq!(output.status.code(), Some(status));
    assert!(output.stdout.is_empty());
}
