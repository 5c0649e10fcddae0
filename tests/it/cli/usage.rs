//! Options, environment variables, and usage errors.

use std::fs;

use super::{log, run};
use crate::{
    common::{Value, auditrd, data, lines},
    process::{deletion, end, login},
};

/// Replays one event of each kind with these arguments and variables.
fn replay(args: &[&str], variables: &[(&str, &str)]) -> Vec<Value> {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("audit.log");
    let exec = "type=SYSCALL msg=audit(1700000000.000:1): arch=c000003e syscall=59 success=yes \
                exit=0 items=0 ppid=1 pid=9 uid=0 comm=\"id\" exe=\"/usr/bin/id\"\n\
                type=EXECVE msg=audit(1700000000.000:1): argc=1 a0=\"id\"\n";
    let text = [exec, &end(1), &deletion(2), &end(2), &login(3)].concat();
    fs::write(&input, text).unwrap();
    let mut command = auditrd();
    command.envs(variables.iter().copied()).args(args);
    if !variables.iter().any(|(name, _)| *name == "AUDITRD_INPUT") {
        command.arg("--input").arg(input);
    }
    let output = run(&mut command);
    assert!(output.status.success(), "{}", log(&output));
    lines(&output.stdout)
}

/// Asserts which kinds of events are written.
#[track_caller]
fn check(args: &[&str], variables: &[(&str, &str)], expected: &[&str]) {
    let names: Vec<String> = replay(args, variables)
        .iter()
        .map(|event| event["name"].as_str().unwrap().replace("_event", ""))
        .collect();
    assert_eq!(names, expected, "{args:?} {variables:?}");
}

/// Asserts that a command line is refused as a usage error whose first line contains these words.
#[track_caller]
fn refused(args: &[&str], variables: &[(&str, &str)], words: &[&str]) {
    let output = run(auditrd().envs(variables.iter().copied()).args(args));
    let text = log(&output);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
    assert!(output.stdout.is_empty());
    let first = text.lines().next().unwrap_or_default();
    for word in words {
        assert!(first.contains(word), "{args:?}: {text}");
    }
}

#[test]
fn help_and_version_are_written_to_standard_output() {
    for flag in ["--help", "-h", "--version", "-V"] {
        let output = run(auditrd().arg(flag));
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{flag}"
        );
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(env!("CARGO_PKG_VERSION")) || text.contains("Usage: auditrd"));
    }
}

#[test]
fn the_help_names_every_option_with_its_variable() {
    let output = run(auditrd().arg("--help"));
    let text = String::from_utf8(output.stdout).unwrap();
    for option in [
        "input",
        "unicast",
        "min",
        "max",
        "events",
        "output",
        "recv-buffer",
        "backlog-limit",
        "format",
        "pretty",
        "prime",
        "queue",
        "max-line",
        "event-timeout",
        "max-out-of-order",
        "stats-interval",
        "verbose",
        "quiet",
    ] {
        let variable = option.to_uppercase().replace('-', "_");
        assert!(text.contains(&format!("--{option}")), "{option}");
        assert!(
            text.contains(&format!("[env: AUDITRD_{variable}=]")),
            "{option}"
        );
    }
}

#[test]
fn invalid_options_and_values_are_usage_errors() {
    refused(&["--nosuch"], &[], &["--nosuch"]);
    refused(&["--min", "NOSUCH"], &[], &["NOSUCH", "--min"]);
    refused(&["--max", "70000"], &[], &["70000", "--max"]);
    refused(
        &["--events", "process,nosuch"],
        &[],
        &["nosuch", "--events"],
    );
    refused(&["--queue", "0"], &[], &["--queue"]);
    refused(&["--max-line", "10"], &[], &["--max-line", "4096"]);
    refused(
        &["--event-timeout", "soon"],
        &[],
        &["soon", "--event-timeout"],
    );
    for option in ["--event-timeout", "--stats-interval"] {
        refused(&[option, "0s"], &[], &[option, "365days"]);
        refused(
            &[option, "18446744073709551615s"],
            &[],
            &[option, "365days"],
        );
    }
    refused(&["--recv-buffer", "much"], &[], &["much", "--recv-buffer"]);
    refused(&[], &[("AUDITRD_QUEUE", "none")], &["none", "--queue"]);
}

#[test]
fn rotation_needs_a_file_and_a_size() {
    refused(&["--max-size", "1M"], &[], &["--max-size", "--output"]);
    refused(&["-o", "f", "--max-files", "3"], &[], &["--max-size"]);
    refused(
        &["-o", "f", "--max-size", "1"],
        &[],
        &["--max-size", "4096"],
    );
    let files = ["-o", "f", "--max-size", "1M", "--max-files", "0"];
    refused(&files, &[], &["--max-files"]);
    refused(&["--fsync", "often"], &[], &["often", "--fsync"]);
}

#[test]
fn min_above_max_is_a_usage_error_that_names_both() {
    refused(
        &["--min", "SYSCALL", "--max", "1200"],
        &[],
        &["--min SYSCALL (1300)", "--max", "(1200)"],
    );
}

#[test]
fn one_file_for_two_purposes_is_a_usage_error() {
    let directory = tempfile::tempdir().unwrap();
    let (file, link) = (directory.path().join("x"), directory.path().join("link"));
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let (file, link) = (file.to_str().unwrap(), link.to_str().unwrap());
    for exists in [false, true] {
        if exists {
            fs::write(file, login(1)).unwrap();
            refused(&["-i", link, "-o", file], &[], &["--input", "--output"]);
        }
        refused(&["-i", file, "-o", file], &[], &["--input", "--output"]);
        let args = ["-i", "-", "-o", file, "--metrics-file", file];
        refused(&args, &[], &["--output", "--metrics-file"]);
        let args = ["-i", file, "--metrics-file", file];
        refused(&args, &[], &["--input", "--metrics-file"]);
    }
    let temporary = format!("{file}.tmp");
    let args = ["-i", "-", "-o", &temporary, "--metrics-file", file];
    refused(&args, &[], &["--output", "--metrics-file"]);
    assert_eq!(fs::read_to_string(file).unwrap(), login(1));
    // The same input twice, and devices, are harmless.
    let output = run(auditrd().args(["-i", file, "-i", file]));
    assert_eq!(lines(&output.stdout).len(), 2);
    let output = run(auditrd().args(["-i", "/dev/null", "-o", "/dev/null"]));
    assert!(output.status.success(), "{}", log(&output));
}

#[test]
fn one_file_under_two_names_is_a_usage_error() {
    let directory = tempfile::tempdir().unwrap();
    let top = directory.path();
    let path = |name: &str| top.join(name).to_str().unwrap().to_owned();
    fs::create_dir(top.join("real")).unwrap();
    std::os::unix::fs::symlink("real", top.join("linked")).unwrap();
    // A file that does not exist yet, in a directory with two names.
    let (one, other) = (path("real/new"), path("linked/../linked/new"));
    let args = ["-i", "-", "-o", &one, "--metrics-file", &other];
    refused(&args, &[], &["--output", "--metrics-file"]);
    fs::write(top.join("log"), login(1)).unwrap();
    fs::hard_link(top.join("log"), top.join("hard")).unwrap();
    let (log, hard) = (path("log"), path("hard"));
    refused(&["-i", &log, "-o", &hard], &[], &["--input", "--output"]);
    // Standard streams that the shell has redirected.
    let append = || fs::File::options().append(true).open(&log).unwrap();
    let read = || fs::File::open(&hard).unwrap();
    let output = run(auditrd().args(["-i", &hard]).stdout(append()));
    assert_eq!(output.status.code(), Some(2), "{}", super::log(&output));
    let output = run(auditrd().arg("-i-").stdin(read()).stdout(append()));
    let text = super::log(&output);
    assert!(
        text.contains("standard input and standard output"),
        "{text}"
    );
    assert_eq!(fs::read_to_string(&log).unwrap(), login(1));
}

#[test]
fn an_empty_variable_is_the_same_as_none() {
    for name in [
        "AUDITRD_MIN",
        "AUDITRD_OUTPUT",
        "AUDITRD_QUEUE",
        "AUDITRD_PRETTY",
    ] {
        check(&[], &[(name, "")], &["process", "fim", "user"]);
    }
    let file = data("fim.log");
    let output = run(auditrd().env("AUDITRD_INPUT", "").arg("-i").arg(file));
    assert!(output.status.success() && log(&output).is_empty());
}

#[test]
fn a_variable_may_list_several_inputs() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (directory.path().join("1"), directory.path().join("2"));
    fs::write(&one, login(1)).unwrap();
    fs::write(&two, login(2)).unwrap();
    let list = format!("{}:{}", one.display(), two.display());
    let output = run(auditrd().env("AUDITRD_INPUT", list));
    let sequences = lines(&output.stdout).into_iter();
    let sequences: Vec<_> = sequences.map(|event| event["sequence"].clone()).collect();
    assert_eq!(sequences, [1, 2]);
}

#[test]
fn a_misspelt_variable_is_reported_in_one_line() {
    let mut command = auditrd();
    let command = command.args(["-i", "-"]).env("AUDITRD_OUPUT", "/x");
    let output = run(command.env("AUDITRD_EVENTS", "user"));
    let expected = "the environment variable AUDITRD_OUPUT is not an option; see auditrd --help";
    super::assert_one_line(&output, 0, expected);
}

#[test]
fn unicast_conflicts_with_an_input() {
    refused(&["--unicast", "-i", "-"], &[], &["--unicast", "--input"]);
    // An option that is switched off by a variable does not conflict.
    check(
        &[],
        &[("AUDITRD_UNICAST", "0")],
        &["process", "fim", "user"],
    );
}

#[test]
fn a_log_cannot_be_primed() {
    refused(
        &["--prime", "/etc", "-i", "-"],
        &[],
        &["--prime", "--input"],
    );
    let variable = [("AUDITRD_PRIME", "/etc:/boot")];
    refused(&["-i", "-"], &variable, &["--prime", "--input"]);
    check(&[], &[("AUDITRD_PRIME", "")], &["process", "fim", "user"]);
}

#[test]
fn options_that_a_format_does_not_support_are_usage_errors() {
    for (args, words) in [
        (&["--format", "xml"][..], &["xml", "--format"][..]),
        (&["--pretty", "--format", "ecs"], &["--pretty", "--format"]),
        (
            &["--pretty", "--max-line", "8K"],
            &["--pretty", "--max-line"],
        ),
        (
            &["--format", "raw", "--max-line", "8K"],
            &["--format raw", "--max-line"],
        ),
        (
            &["--format", "raw", "--events", "fim"],
            &["--format raw", "--events", "--min"],
        ),
    ] {
        refused(args, &[], words);
    }
    refused(
        &[],
        &[("AUDITRD_PRETTY", "1"), ("AUDITRD_FORMAT", "raw")],
        &["--pretty"],
    );
    check(&[], &[("AUDITRD_PRETTY", "0")], &["process", "fim", "user"]);
}

#[test]
fn events_selects_kinds_of_events() {
    check(&[], &[], &["process", "fim", "user"]);
    check(&["--events", "process"], &[], &["process"]);
    check(&["--events", "user,fim"], &[], &["fim", "user"]);
    check(
        &["--events", "fim", "--events", "user"],
        &[],
        &["fim", "user"],
    );
    check(&["--events", "all"], &[], &["process", "fim", "user"]);
}

#[test]
fn min_and_max_accept_numbers_and_names() {
    check(
        &["--min", "1300", "--max", "1400"],
        &[],
        &["process", "fim"],
    );
    check(
        &["--min", "SYSCALL", "--max", "AVC"],
        &[],
        &["process", "fim"],
    );
    check(&["--min", "1112", "--max", "USER_LOGIN"], &[], &["user"]);
    check(&["--min", "UNKNOWN[1112]", "--max", "1112"], &[], &["user"]);
}

#[test]
fn flags_override_environment_variables() {
    let captured = data("misc.log");
    let input = ("AUDITRD_INPUT", captured.to_str().unwrap());
    let users = replay(&["--events", "user"], &[input]);
    assert!(
        users.len() > 10 && users[0]["type"] == "USER_AUTH",
        "{users:?}"
    );

    check(
        &[],
        &[("AUDITRD_EVENTS", "process,user")],
        &["process", "user"],
    );
    check(
        &["--events", "fim"],
        &[("AUDITRD_EVENTS", "process")],
        &["fim"],
    );
    check(&[], &[("AUDITRD_MIN", "SYSCALL")], &["process", "fim"]);
    check(
        &["--min", "1100"],
        &[("AUDITRD_MIN", "SYSCALL")],
        &["process", "fim", "user"],
    );
    check(&[], &[("AUDITRD_MAX", "1299")], &["user"]);
    check(
        &[],
        &[
            ("AUDITRD_QUEUE", "64K"),
            ("AUDITRD_EVENT_TIMEOUT", "100ms"),
            ("AUDITRD_MAX_LINE", "64K"),
        ],
        &["process", "fim", "user"],
    );

    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (directory.path().join("a"), directory.path().join("b"));
    let output = ("AUDITRD_OUTPUT", first.to_str().unwrap());
    check(&[], &[output], &[]);
    assert_eq!(lines(&fs::read(&first).unwrap()).len(), 3);
    check(&["-o", second.to_str().unwrap()], &[output], &[]);
    assert_eq!(lines(&fs::read(&first).unwrap()).len(), 3);
    assert_eq!(lines(&fs::read(&second).unwrap()).len(), 3);
}

#[test]
fn verbosity_can_be_set_by_a_variable() {
    let input = data("misc.log");
    let said = |name: &str, value: &str| {
        let mut command = auditrd();
        let output = run(command.arg("-i").arg(&input).env(name, value));
        assert!(output.status.success(), "{}", log(&output));
        log(&output)
    };
    assert_eq!(said("AUDITRD_QUIET", "1"), "");
    assert!(said("AUDITRD_VERBOSE", "1").contains("records 239 "));
}
