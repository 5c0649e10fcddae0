//! The binary as a process: options, files, streams, signals and exit statuses.

mod files;
mod manager;
mod output;
mod signals;
mod streams;
mod usage;

use std::process::{Command, Output};

/// Runs to the end with nothing on standard input.
fn run(command: &mut Command) -> Output {
    command.output().expect("the binary runs")
}

/// The text of what a process said on standard error.
fn log(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("the log is UTF-8")
}

/// Asserts that nothing came out but one line on standard error, and how the process ended.
#[track_caller]
fn assert_one_line(output: &Output, status: i32, expected: &str) {
    assert_eq!(log(output), format!("auditrd: {expected}\n"));
    assert_eq!(output.status.code(), Some(status));
    assert!(output.stdout.is_empty());
}
