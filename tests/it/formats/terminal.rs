//! Output on a terminal: colours, rows of its width, the progress bar.

use std::{fs, path::Path, process::Command};

use crate::{
    common::{auditrd, data, lines},
    process::login,
};

/// Runs the binary on a terminal. Returns the terminal's and the output file's contents.
fn on_terminal(
    streams: &str,
    args: &[&str],
    input: &Path,
    variables: &[(&str, &str)],
) -> (String, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("output");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/formats/terminal.py");
    let binary = auditrd();
    let output = Command::new("python3")
        .args([script.as_os_str(), streams.as_ref(), other.as_os_str()])
        .arg(binary.get_program())
        .arg("-i")
        .arg(input)
        .args(args)
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("CI")
        .envs(variables.iter().copied())
        .output()
        .expect("python3 runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("what a terminal gets is UTF-8");
    (text, fs::read(other).unwrap())
}

/// A log that is long enough for a progress bar, with few events.
fn long_log(directory: &Path, size: usize) -> std::path::PathBuf {
    let name = format!("acct=\"{}\"", "x".repeat(8000));
    let mut log = String::new();
    for serial in 1.. {
        if log.len() >= size {
            break;
        }
        log += &login(serial).replace("acct=\"alice\"", &name);
    }
    let path = directory.join("audit.log");
    fs::write(&path, log).unwrap();
    path
}

const LONG: usize = 17 << 20;

#[test]
fn a_long_replay_shows_a_progress_bar_and_clears_it() {
    let directory = tempfile::tempdir().unwrap();
    let log = long_log(directory.path(), LONG);
    let (shown, output) = on_terminal("2", &[], &log, &[]);
    assert!(shown.contains("of 17.0"), "{shown:?}");
    assert!(shown.ends_with("\u{1b}[2K"), "{shown:?}");
    assert!(lines(&output).len() > 2000);
    // Also with --pretty into a file.
    let (shown, _) = on_terminal("2", &["--pretty"], &log, &[]);
    assert!(shown.contains("of 17.0"), "{shown:?}");
}

#[test]
fn log_lines_do_not_overlap_the_progress_bar() {
    let directory = tempfile::tempdir().unwrap();
    let log = long_log(directory.path(), LONG);
    let (shown, _) = on_terminal("2", &["-v"], &log, &[]);
    let at = shown.find("auditrd: ").expect("the counters are printed");
    assert!(shown[..at].ends_with("\u{1b}[2K") || at == 0, "{shown:?}");
}

#[test]
fn there_is_no_progress_bar_if_it_would_disturb() {
    let directory = tempfile::tempdir().unwrap();
    let log = long_log(directory.path(), LONG);
    assert_eq!(on_terminal("2", &["-q"], &log, &[]).0, "");
    // Events are written to the same terminal.
    assert_eq!(on_terminal("12", &["--events", "fim"], &log, &[]).0, "");
    // A short log, and a stream of unknown length.
    assert_eq!(on_terminal("2", &[], &data("fim.log"), &[]).0, "");
    assert_eq!(on_terminal("2", &[], Path::new("-"), &[]).0, "");
}

#[test]
fn rows_are_coloured_on_a_terminal_and_failures_are_red() {
    let (shown, _) = on_terminal("12", &["--pretty"], &data("users.log"), &[]);
    let rows: Vec<&str> = shown.lines().collect();
    assert!(rows[0].contains("\u{1b}[35muser_auth"), "{shown:?}");
    assert!(
        rows[1].contains("\u{1b}[1m\u{1b}[31muser_auth"),
        "{shown:?}"
    );
    let (to_file, output) = on_terminal("2", &["--pretty"], &data("users.log"), &[]);
    assert!(to_file.is_empty() && !output.contains(&0x1b));
    for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let (shown, _) = on_terminal("12", &["--pretty"], &data("users.log"), &[variable]);
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
    }
}

#[test]
fn rows_are_cut_only_to_the_width_of_a_terminal() {
    let no_color = [("NO_COLOR", "1")];
    let (shown, _) = on_terminal("12", &["--pretty"], &data("proc.log"), &no_color);
    assert!(shown.lines().any(|row| row.ends_with('…')));
    assert!(shown.lines().all(|row| row.chars().count() <= 100));
    let (_, output) = on_terminal("2", &["--pretty"], &data("proc.log"), &no_color);
    let output = String::from_utf8(output).unwrap();
    assert!(output.lines().any(|row| row.chars().count() > 1000));
}
