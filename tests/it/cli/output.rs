//! Outputs: files and their modes, full disks, partial lines.

use std::{
    fs::{self, File, Permissions},
    io::Read,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{assert_one_line, log, run};
use crate::{
    common::{Counters, auditrd, data, lines},
    live::audit::{skip, wait_until},
    process::{Running, login},
};

/// The binary, started by a shell after a preparing command.
fn after(preparation: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{preparation}; exec \"$@\""))
        .arg("sh")
        .arg(env!("CARGO_BIN_EXE_auditrd"))
        .stdin(Stdio::null());
    command
}

fn log_of(directory: &Path, text: &str) -> PathBuf {
    let file = directory.join("audit.log");
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn a_new_output_file_has_mode_0600() {
    let directory = tempfile::tempdir().unwrap();
    let input = log_of(directory.path(), &login(1));
    for umask in ["000", "022", "077"] {
        let file = directory.path().join(umask);
        let output = run(after(&format!("umask {umask}"))
            .arg("-i")
            .arg(&input)
            .arg("-o")
            .arg(&file));
        assert!(output.status.success() && output.stdout.is_empty());
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
    }
}

#[test]
fn an_existing_output_file_is_appended_to_and_keeps_its_mode() {
    let directory = tempfile::tempdir().unwrap();
    let input = log_of(directory.path(), &login(1));
    let file = directory.path().join("events");
    fs::write(&file, "{\"name\":\"before\"}\n").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    for _ in 0..2 {
        assert!(
            run(auditrd().arg("-i").arg(&input).arg("-o").arg(&file))
                .status
                .success()
        );
    }
    let events = lines(&fs::read(&file).unwrap());
    let names: Vec<_> = events.iter().map(|event| &event["name"]).collect();
    assert_eq!(names, ["before", "user_event", "user_event"]);
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
}

#[test]
fn a_dash_is_standard_output() {
    let directory = tempfile::tempdir().unwrap();
    let input = log_of(directory.path(), &login(1));
    let output = run(auditrd().arg("-i").arg(input).args(["-o", "-"]));
    assert_eq!(lines(&output.stdout).len(), 1);
}

#[test]
fn a_directory_as_output_is_an_error() {
    let output = run(auditrd().args(["-i", "-", "-o", "/"]));
    assert_one_line(&output, 1, "cannot open / for writing: Is a directory");
}

#[test]
fn a_symbolic_link_as_output_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (target, link) = (
        directory.path().join("target"),
        directory.path().join("link"),
    );
    fs::write(&target, "").unwrap();
    symlink(&target, &link).unwrap();
    let output = run(auditrd().args(["-i", "-", "-o"]).arg(&link));
    let text = log(&output);
    assert_eq!(
        (output.status.code(), text.lines().count()),
        (Some(1), 1),
        "{text}"
    );
    assert!(text.contains("symbolic link"), "{text}");
    assert_eq!(fs::read(&target).unwrap(), b"");
}

fn named_pipe(directory: &Path) -> PathBuf {
    let pipe = directory.join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    pipe
}

#[test]
fn a_pipe_without_a_reader_is_an_error_and_does_not_block() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = named_pipe(directory.path());
    let output = run(auditrd().args(["-i", "-", "-o"]).arg(&pipe));
    let text = log(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("a pipe that no process reads"), "{text}");
}

#[test]
fn the_next_reader_of_a_named_pipe_goes_on_where_the_last_one_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let text: String = (1..2000).map(login).collect();
    let input = log_of(directory.path(), &text);
    let expected = run(auditrd().arg("-i").arg(&input)).stdout;
    let pipe = named_pipe(directory.path());
    // Opening both ends at once does not wait, and lets the others be opened.
    let both_ends = File::options().read(true).write(true).open(&pipe).unwrap();
    let mut first = File::open(&pipe).unwrap();
    let mut running = Running::start(auditrd().arg("-i").arg(&input).arg("-o").arg(&pipe));
    let mut written = vec![0; 10_000];
    first.read_exact(&mut written).unwrap();
    drop((first, both_ends));
    let said = running.log_line();
    assert!(said.contains("Broken pipe; writing resumes when"), "{said}");
    let mut second = File::open(&pipe).unwrap();
    second.read_to_end(&mut written).unwrap();
    let (status, _, log) = running.wait();
    assert!(
        status.success() && log.contains("0 lines were lost"),
        "{log}"
    );
    assert!(written == expected, "{}", String::from_utf8_lossy(&written));
}

#[test]
fn a_full_device_is_a_one_line_error() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let input = data("fim.log");
    let output = run(auditrd().arg("-i").arg(&input).stdout(full));
    assert_one_line(
        &output,
        1,
        "cannot write to standard output: No space left on device",
    );
}

/// Starts a replay, waits until it logs that the output fails, and stops it. Returns the last line
/// of its log and its counters.
fn stopped_while_failing(command: &mut Command) -> (String, Counters) {
    let mut running = Running::start(command.args(["-v", "--stats-interval", "1h"]));
    let said = running.log_line();
    assert!(said.contains("cannot write to "), "{said}");
    running.signal("TERM");
    let (status, _, log) = running.wait();
    assert_eq!(status.code(), Some(1), "{log}");
    let mut lines = log.lines().rev();
    let last = lines.next().unwrap().to_owned();
    let counters = Counters::of_log(lines.next().unwrap());
    counters.assert_they_add_up();
    assert!(lines.next().is_none(), "{log}");
    (last, counters)
}

#[test]
fn a_replay_waits_for_a_full_output_until_sigterm() {
    let input = data("fim.log");
    let mut command = auditrd();
    command.arg("-i").arg(&input).args(["-o", "/dev/full"]);
    let (last, counters) = stopped_while_failing(&mut command);
    let unwritten = counters["unwritten"];
    assert_eq!(
        last,
        format!("auditrd: cannot write {unwritten} lines to /dev/full: No space left on device")
    );
    assert!(counters["lines"] == 0 && unwritten > 0);
}

#[test]
fn a_full_disk_holds_only_whole_lines() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events");
    for blocks in 1..=16 {
        let before = fs::read(&file).unwrap_or_default();
        // The limit on the file's size cuts a write in the middle, as a full disk does.
        let limit = format!("trap '' XFSZ; ulimit -f {blocks}");
        let (_, counters) = stopped_while_failing(
            after(&limit)
                .arg("-i")
                .arg(data("fim.log"))
                .arg("-o")
                .arg(&file),
        );
        let after = fs::read(&file).unwrap();
        assert!(after.starts_with(&before));
        let written = lines(&after).len() - lines(&before).len();
        assert_eq!(counters["lines"], written as u64);
    }
    assert!(lines(&fs::read(&file).unwrap()).len() > 3);
    assert!(
        run(auditrd()
            .arg("-i")
            .arg(data("fim.log"))
            .arg("-o")
            .arg(&file))
        .status
        .success()
    );
    lines(&fs::read(&file).unwrap());
}

#[test]
fn a_full_file_as_standard_output_holds_only_whole_lines() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events");
    let output = run(after("trap '' XFSZ; ulimit -f 4")
        .arg("-i")
        .arg(data("fim.log"))
        .stdout(File::create(&file).unwrap()));
    assert_eq!(output.status.code(), Some(1));
    assert!(!lines(&fs::read(&file).unwrap()).is_empty());
}

#[test]
fn a_partial_line_of_a_killed_process_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let input = log_of(directory.path(), &login(1));
    let file = directory.path().join("events");
    // SIGXFSZ is not ignored here, so the limit on the file's size kills the program.
    let output = run(after("ulimit -f 4")
        .arg("-i")
        .arg(data("fim.log"))
        .arg("-o")
        .arg(&file));
    assert_eq!(output.status.code(), None);
    let torn = fs::read(&file).unwrap();
    assert!(!torn.ends_with(b"\n"), "the kill must have torn a line");
    let output = run(auditrd().arg("-i").arg(&input).arg("-o").arg(&file));
    assert!(output.status.success(), "{}", log(&output));
    let whole = torn.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines(&fs::read(&file).unwrap()).len(), whole + 1);
}

#[test]
fn a_partial_line_of_any_length_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let input = log_of(directory.path(), &login(1));
    let file = directory.path().join("events");
    assert!(
        run(auditrd().arg("-i").arg(&input).arg("-o").arg(&file))
            .status
            .success()
    );
    let line = fs::read(&file).unwrap();
    let long = vec![b'x'; 200_000];
    let torn = [&line[..1], &line[..8], &line[..9], &line[..line.len() - 2]];
    let torn = torn.map(<[u8]>::to_vec);
    for torn in torn.into_iter().chain([[&line[..20], &long].concat()]) {
        for before in [&b""[..], &line] {
            fs::write(&file, [before, &torn].concat()).unwrap();
            assert!(
                run(auditrd().arg("-i").arg(&input).arg("-o").arg(&file))
                    .status
                    .success()
            );
            assert_eq!(fs::read(&file).unwrap(), [before, &line].concat());
        }
    }
}

#[test]
fn a_partial_line_of_another_format_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let input = log_of(directory.path(), &login(1));
    for format in ["ecs", "raw"] {
        let file = directory.path().join(format);
        let write = || {
            let mut command = auditrd();
            command
                .arg("-i")
                .arg(&input)
                .args(["--format", format, "-o"]);
            assert!(run(command.arg(&file)).status.success());
            fs::read(&file).unwrap()
        };
        let line = write();
        for end in [1, 8, 16, 30, line.len() - 2] {
            fs::write(&file, [&line, &line[..end]].concat()).unwrap();
            assert_eq!(write(), [&line[..], &line].concat(), "{format} {end}");
        }
    }
}

#[test]
fn a_whole_line_without_its_newline_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let input = log_of(directory.path(), &login(1));
    for format in ["auditrd", "ecs", "raw"] {
        let file = directory.path().join(format);
        let write = || {
            let mut command = auditrd();
            let command = command.arg("-i").arg(&input).arg("-o").arg(&file);
            assert!(run(command.args(["--format", format])).status.success());
            fs::read(&file).unwrap()
        };
        let line = write();
        fs::write(&file, &line[..line.len() - 1]).unwrap();
        assert_eq!(write(), [&line[..], &line].concat(), "{format}");
    }
}

#[test]
fn a_partial_line_of_another_program_is_completed_not_removed() {
    let directory = tempfile::tempdir().unwrap();
    let input = log_of(directory.path(), &login(1));
    let file = directory.path().join("events");
    fs::write(&file, "a note without an end").unwrap();
    assert!(
        run(auditrd().arg("-i").arg(&input).arg("-o").arg(&file))
            .status
            .success()
    );
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.starts_with("a note without an end\n{\"name\":\"user_event\","),
        "{text}"
    );
}

#[test]
fn a_directory_writable_for_others_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let input = log_of(directory.path(), &login(1));
    let open = directory.path().join("open");
    fs::create_dir_all(open.join("below")).unwrap();
    for (mode, is_refused) in [(0o777, true), (0o1777, false), (0o755, false)] {
        fs::set_permissions(&open, Permissions::from_mode(mode)).unwrap();
        for file in [open.join("events"), open.join("below/events")] {
            let output = run(auditrd().arg("-i").arg(&input).arg("-o").arg(&file));
            assert_eq!(output.status.code(), Some(i32::from(is_refused)));
            assert_eq!(file.exists(), !is_refused);
            if is_refused {
                let text = log(&output);
                let expected = format!(
                    "{} is not safe: other users can write to it",
                    open.display()
                );
                assert!(
                    text.contains(&expected) && text.lines().count() == 1,
                    "{text}"
                );
            } else {
                fs::remove_file(file).unwrap();
            }
        }
    }
}

#[test]
fn a_file_of_another_user_is_refused_and_unchanged() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return skip("needs root, to give a file away");
    }
    let directory = tempfile::tempdir().unwrap();
    let input = log_of(directory.path(), &login(1));
    let file = directory.path().join("events");
    fs::write(&file, "theirs\n").unwrap();
    chown(&file, Some(65_534), None).unwrap();
    let output = run(auditrd().arg("-i").arg(&input).arg("-o").arg(&file));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        log(&output).contains("owned by another user"),
        "{}",
        log(&output)
    );
    assert_eq!(fs::read(&file).unwrap(), b"theirs\n");
}

#[test]
fn root_is_refused_a_directory_of_another_user() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return skip("needs root, to give a directory away");
    }
    let directory = tempfile::tempdir().unwrap();
    let input = log_of(directory.path(), &login(1));
    let (theirs, below) = (
        directory.path().join("theirs"),
        directory.path().join("theirs/below"),
    );
    fs::create_dir_all(&below).unwrap();
    // The mode is as closed as possible, but the owner can change it.
    fs::set_permissions(&theirs, Permissions::from_mode(0o700)).unwrap();
    for (owner, is_refused) in [(65_534, true), (0, false)] {
        chown(&theirs, Some(owner), None).unwrap();
        for file in [theirs.join("events"), below.join("events")] {
            let output = run(auditrd().arg("-i").arg(&input).arg("-o").arg(&file));
            let text = log(&output);
            assert_eq!(output.status.code(), Some(i32::from(is_refused)), "{text}");
            assert_eq!(file.exists(), !is_refused);
            let reason = format!(
                "{} is not safe: it is owned by another user",
                theirs.display()
            );
            assert_eq!(text.contains(&reason), is_refused, "{text}");
        }
    }
}

#[test]
fn a_second_process_on_the_same_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events");
    let mut command = auditrd();
    command.args(["-i", "-", "-o"]).arg(&file);
    let mut first = Running::start(&mut command);
    first.write(login(1));
    wait_until("the first line", || {
        let length = fs::metadata(&file).ok()?.len();
        (length > 0).then_some(())
    });
    let expected = format!(
        "cannot open {} for writing: process {} writes to it; stop that process, or choose \
         another output",
        file.display(),
        first.pid()
    );
    assert_one_line(&run(&mut command), 1, &expected);
    // The first one keeps the lock when it reopens the file.
    first.signal("HUP");
    first.signal("USR1");
    first.log_line();
    assert_one_line(&run(&mut command), 1, &expected);
    assert!(first.close().0.success());
    assert!(run(&mut command).status.success());
    assert_eq!(lines(&fs::read(&file).unwrap()).len(), 1);
}

#[test]
fn rotating_a_device_is_refused() {
    let output = run(auditrd().args(["-i", "-", "-o", "/dev/null", "--max-size", "1M"]));
    assert_one_line(
        &output,
        1,
        "cannot rotate /dev/null: it is not a regular file",
    );
}
