//! Optional programs. `.ci/tools` installs them.

use std::{
    env,
    process::{Command, Stdio},
};

use crate::live::audit::skip;

/// Whether a program is installed. If not, prints what is skipped.
pub(crate) fn is_there(program: &str) -> bool {
    let status = quiet(Command::new("sh").args(["-c", "command -v \"$0\"", program]));
    if !status {
        lacking(program);
    }
    status
}

/// A Python interpreter with a module; TEST_PYTHON is tried first.
pub(crate) fn python_with(import: &str) -> Option<String> {
    let named = env::var("TEST_PYTHON").ok();
    let pythons = ["python3", "/usr/bin/python3"].map(str::to_owned);
    let mut pythons = named.into_iter().chain(pythons);
    let found = pythons.find(|python| quiet(Command::new(python).args(["-c", import])));
    if found.is_none() {
        lacking(&format!("python3 that can do '{import}'"));
    }
    found
}

fn quiet(command: &mut Command) -> bool {
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn lacking(what: &str) {
    skip(&format!("needs {what}, which .ci/tools installs"));
}
