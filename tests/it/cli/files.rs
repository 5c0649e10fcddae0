//! Inputs: files, standard input, named pipes.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
};

use super::{assert_one_line, log, run};
use crate::{
    common::{auditrd, lines, replay},
    process::{Running, deletion, end, login},
};

/// A user that is not root and owns no files.
const NOBODY: u32 = 65_534;

/// The binary, run as an unprivileged user.
fn as_nobody(directory: &Path) -> Command {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return auditrd();
    }
    // Other users may have no access to the target directory, so copy the binary. Use cp: if this
    // process wrote the copy, a child forked by another test could hold it open, and exec would
    // fail.
    let copy = directory.join("auditrd");
    let mut cp = Command::new("cp");
    let copied = cp.arg(env!("CARGO_BIN_EXE_auditrd")).arg(&copy).status();
    assert!(copied.unwrap().success());
    fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(copy);
    command.env_clear().uid(NOBODY).current_dir("/");
    command
}

fn serials(output: &[u8]) -> Vec<u64> {
    let sequence = |event: &crate::common::Value| event["sequence"].as_u64().unwrap();
    lines(output).iter().map(sequence).collect()
}

#[test]
fn a_missing_input_is_a_one_line_error() {
    let output = run(auditrd().args(["-i", "/nonexistent/audit.log"]));
    let expected = "cannot read /nonexistent/audit.log: No such file or directory";
    assert_one_line(&output, 1, expected);
}

#[test]
fn a_directory_without_files_as_input_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("web1")).unwrap();
    fs::write(directory.path().join(".hidden"), login(1)).unwrap();
    let output = run(auditrd().arg("-i").arg(directory.path()));
    let expected = format!(
        "cannot read {}: there are no files in it; directories in it can be named one by one",
        directory.path().display()
    );
    assert_one_line(&output, 1, &expected);
}

#[test]
fn an_unreadable_input_suggests_sudo() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("audit.log");
    fs::write(&file, login(1)).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o000)).unwrap();
    let output = run(as_nobody(directory.path()).arg("-i").arg(&file));
    let expected = format!(
        "cannot read {}: Permission denied; audit logs are readable only by root; try sudo",
        file.display()
    );
    assert_one_line(&output, 4, &expected);
}

#[test]
fn an_unwritable_output_exits_with_status_4() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o400)).unwrap();
    let output = run(as_nobody(directory.path())
        .arg("-i")
        .arg("-")
        .arg("-o")
        .arg(&file));
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(log(&output).lines().count(), 1, "{}", log(&output));
}

#[test]
fn a_missing_input_is_found_before_any_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("audit.log");
    fs::write(&file, login(1)).unwrap();
    let output = run(auditrd().arg("-i").arg(&file).args(["-i", "/nonexistent"]));
    assert_one_line(
        &output,
        1,
        "cannot read /nonexistent: No such file or directory",
    );
}

#[test]
fn several_inputs_are_read_in_order_and_may_include_standard_input() {
    let directory = tempfile::tempdir().unwrap();
    let (first, last) = (directory.path().join("1"), directory.path().join("3"));
    fs::write(&first, login(1)).unwrap();
    fs::write(&last, login(3)).unwrap();
    let mut command = auditrd();
    command
        .arg("-i")
        .arg(&first)
        .args(["-i", "-", "--input"])
        .arg(&last);
    let mut running = Running::start(&mut command);
    running.write(login(2));
    let (status, output, _) = running.close();
    assert!(status.success());
    assert_eq!(serials(&output), [1, 2, 3]);
}

#[test]
fn an_event_may_span_two_logs() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (directory.path().join("1"), directory.path().join("2"));
    fs::write(&first, deletion(1)).unwrap();
    fs::write(&second, end(1)).unwrap();
    let output = run(auditrd().arg("-i").arg(&first).arg("-i").arg(&second));
    let events = lines(&output.stdout);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["path"], "/home/file1");
    assert!(events[0].get("incomplete").is_none());
}

#[test]
fn a_last_line_without_a_newline_is_read() {
    let text = login(1) + login(2).trim_end();
    assert_eq!(replay(text, &[]).len(), 2);

    // The next file does not continue the line.
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (directory.path().join("1"), directory.path().join("2"));
    fs::write(&first, login(1).trim_end()).unwrap();
    fs::write(&second, login(2)).unwrap();
    let output = run(auditrd().arg("-i").arg(&first).arg("-i").arg(&second));
    assert_eq!(serials(&output.stdout), [1, 2]);
}

#[test]
fn lines_may_end_with_crlf() {
    let text = deletion(1) + &end(1) + &login(2);
    assert_eq!(replay(text.replace('\n', "\r\n"), &[]), replay(text, &[]));
}

#[test]
fn empty_input_gives_no_events_and_no_messages() {
    for text in ["", "\n", "\n\r\n\n"] {
        let mut running = Running::start(auditrd().args(["-i", "-"]));
        running.write(text);
        let (status, output, log) = running.close();
        assert!(
            status.success() && output.is_empty() && log.is_empty(),
            "{log}"
        );
    }
}

#[test]
fn waiting_for_a_named_pipe_can_be_interrupted() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let mut command = auditrd();
    command.args(["-i", "-", "-i"]).arg(&pipe);

    // The event from standard input shows that the program is running.
    let mut running = Running::start(&mut command);
    running.write(login(1));
    assert_eq!(running.event()["sequence"], 1);
    running.signal("TERM");
    let (status, output, log) = running.wait();
    assert!(status.success() && output.is_empty(), "{log}");

    let mut running = Running::start(&mut command);
    running.write(login(1));
    assert_eq!(running.event()["sequence"], 1);
    fs::write(&pipe, login(2)).unwrap();
    let (status, output, _) = running.close();
    assert!(status.success());
    assert_eq!(serials(&output), [2]);
}

#[test]
fn an_empty_standard_input_is_an_empty_log() {
    let output = run(auditrd().args(["-i", "-"]).stdin(Stdio::null()));
    assert!(output.status.success() && output.stdout.is_empty());
}

/// The runtime opens /dev/null in place of a closed stream, which takes and gives nothing.
#[test]
fn a_closed_standard_stream_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("audit.log");
    fs::write(&input, login(1)).unwrap();
    for (redirection, expected) in [
        ("<&-", "cannot read -: Bad file descriptor"),
        (
            ">&-",
            "cannot write to standard output: Bad file descriptor",
        ),
    ] {
        let mut command = Command::new("sh");
        let script = format!("exec \"$1\" -i \"$2\" {redirection}");
        let name = if redirection == "<&-" {
            "-".as_ref()
        } else {
            input.as_os_str()
        };
        command
            .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_auditrd")])
            .arg(name);
        assert_one_line(&run(&mut command), 1, expected);
    }
}
