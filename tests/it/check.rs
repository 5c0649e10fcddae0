//! `auditrd check`, with each cause brought about for real where that harms nothing.

use std::{
    fs::{self, File},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Output},
};

use crate::{
    common::{Value, auditrd},
    live::{
        MULTICAST, UNICAST, as_nobody,
        audit::{Audit, count_rules, lost, settings, skip, wait_until},
        create,
        daemon::Daemon,
        directory, os,
    },
    process::Running,
};

/// The result of a check.
struct Checked {
    status: Option<i32>,
    report: Value,
}

impl Checked {
    fn of(output: &Output) -> Checked {
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(error, "");
        let report = serde_json::from_slice(&output.stdout);
        Checked {
            status: output.status.code(),
            report: report.expect("one JSON object"),
        }
    }

    /// The finding of a cause.
    fn find(&self, cause: &str) -> Option<&Value> {
        let findings = self.report["findings"].as_array().expect("an array");
        findings.iter().find(|finding| finding["cause"] == cause)
    }

    /// Asserts that there is a cause of a level whose detail contains a text.
    #[track_caller]
    fn assert(&self, level: &str, cause: &str, detail: &str) {
        let Some(finding) = self.find(cause) else {
            panic!("no {cause} in {}", self.report)
        };
        let text = finding["detail"].as_str().expect("a text");
        assert!(text.contains(detail), "{cause}: {text}");
        assert_eq!(finding["level"], level, "{cause}");
        assert_ne!(finding["remedy"], "", "{cause}");
        if level != "note" {
            assert_eq!(self.status, Some(1), "{cause}");
        }
    }
}

fn checking(mut command: Command) -> Checked {
    Checked::of(&command.output().expect("it runs"))
}

fn check() -> Checked {
    check_with(&[])
}

fn check_with(args: &[&str]) -> Checked {
    let mut command = auditrd();
    command.args(["check", "--json"]).args(args);
    checking(command)
}

/// The check below another program, such as unshare(1).
fn check_below(wrapper: &[&str]) -> Command {
    let mut command = Command::new(wrapper[0]);
    command.args(&wrapper[1..]).arg(auditrd().get_program());
    command.args(["check", "--json"]);
    command
}

#[test]
fn a_kernel_that_does_not_audit_is_found() {
    let Some(audit) = Audit::borrow() else {
        return;
    };
    audit.turn("0");
    check().assert("error", "auditing_off", "enabled 0");
    audit.turn("1");
    let checked = check();
    assert!(checked.find("auditing_off").is_none());
    assert_eq!(checked.report["kernel"]["enabled"], 1);
    let is_on_at_boot = fs::read_to_string("/proc/cmdline").unwrap();
    let is_late = !is_on_at_boot.contains("audit=1");
    assert_eq!(checked.find("started_before_auditing").is_some(), is_late);
    checked.assert("note", "kernel_log", "no process is registered");
    assert_eq!(checked.find("lost").is_some(), lost() > 0);
}

#[test]
#[ignore = "needs a kernel that was started with audit=0; tests/kernels/run boots one"]
fn a_kernel_without_auditing_since_its_start_is_found() {
    check().assert("error", "disabled_at_boot", "audit=0");
}

#[test]
#[ignore = "only a reboot unlocks auditing; tests/kernels/run runs it in a virtual machine"]
fn a_locked_configuration_and_a_kernel_that_may_panic_are_found() {
    let Some(_audit) = Audit::borrow() else {
        return;
    };
    let set = |args: &[&str]| {
        let output = Command::new("auditctl").args(args).output();
        assert!(output.expect("auditctl runs").status.success(), "{args:?}");
    };
    set(&["-f", "2"]);
    check().assert("warning", "panics_on_failure", "panics");
    set(&["-f", "1"]);
    set(&["-e", "2"]);
    let checked = check();
    checked.assert("note", "locked", "until the next boot");
    assert!(checked.find("panics_on_failure").is_none());
}

#[test]
fn rules_that_record_nothing_or_not_all_are_found() {
    let Some(mut audit) = Audit::borrow_without_rules() else {
        return;
    };
    check().assert("error", "no_rules", "no audit rules");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/rules/30-auditrd.rules");
    audit.load(&file).expect("the shipped rules load");
    let checked = check();
    for cause in ["no_rules", "never_task", "one_abi", "excluded_types"] {
        let found = checked.find(cause);
        assert!(found.is_none(), "{found:?} with the shipped rules");
    }
    audit.flush();
    audit.rule(&[
        "always,exit",
        "-F",
        "arch=b64",
        "-S",
        "acct",
        "-k",
        "only64",
    ]);
    check().assert("warning", "one_abi", "1 rule with `-F arch=b64`");
    audit.rule(&[
        "always,exit",
        "-F",
        "arch=b32",
        "-S",
        "acct",
        "-k",
        "only64",
    ]);
    assert!(check().find("one_abi").is_none());
    audit.rule(&["always,exclude", "-F", "msgtype=CWD"]);
    check().assert("warning", "excluded_types", ": CWD");
    audit.rule(&["never,task"]);
    check().assert("error", "never_task", "never,task");
}

#[test]
fn rules_that_are_not_those_of_a_file_are_found() {
    let Some(mut audit) = Audit::borrow_without_rules() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("10-it.rules");
    let rules =
        "-a always,exit -F arch=b64 -S acct -k one\n-a always,exit -F arch=b32 -S acct -k one\n";
    fs::write(&file, rules).unwrap();
    let path = directory.path().to_str().unwrap();
    check_with(&["--expect", path]).assert("error", "drift", "missing `-a always,exit");
    audit.load(&file).expect("the kernel takes the rules");
    assert!(check_with(&["--expect", path]).find("drift").is_none());
    audit.rule(&["always,exit", "-S", "acct", "-k", "another"]);
    check_with(&["--expect", path]).assert("error", "drift", "not expected");
    let missing = auditrd()
        .args(["check", "--expect", "/nonexistent"])
        .output();
    let missing = missing.unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/nonexistent"));
}

#[test]
fn the_registered_process_and_a_limited_rate_are_found() {
    let Some(_audit) = Audit::borrow() else {
        return;
    };
    let daemon = Daemon::listen(&UNICAST);
    let checked = check();
    let detail = format!("process {} (auditrd) is registered", daemon.pid());
    checked.assert("note", "registered", &detail);
    assert_eq!(checked.report["kernel"]["comm"], "auditrd");
    daemon.stop();
    let set = |rate| Command::new("auditctl").args(["-r", rate]).output();
    set("1000000").expect("auditctl runs");
    check().assert("warning", "rate_limit", "above 1000000 per second");
    set("0").expect("auditctl runs");
    assert!(check().find("rate_limit").is_none());
}

#[test]
fn a_full_backlog_and_its_losses_are_found() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let watched = directory();
    audit.watch(watched.path());
    let args = [
        &UNICAST[..],
        &["--recv-buffer", "4K", "--backlog-limit", "20"],
    ]
    .concat();
    let daemon = Daemon::listen(&args);
    daemon.signal(libc::SIGSTOP);
    audit.limit("20");
    let before = lost();
    let mut round = 0;
    wait_until("the backlog is full", || {
        round += 1;
        let below = watched.path().join(round.to_string());
        fs::create_dir(&below).expect("a directory");
        create(&below, 200);
        check().find("backlog_full").map(|_| ())
    });
    daemon.signal(libc::SIGCONT);
    assert!(lost() > before);
    check().assert("warning", "lost", "records so far");
}

#[test]
fn namespaces_in_which_nothing_comes_are_found() {
    if !os::is_root() {
        return skip("needs root");
    }
    let network = checking(check_below(&["unshare", "--net"]));
    network.assert("error", "network_namespace", "network namespace");
    let user = checking(check_below(&["unshare", "--user", "--map-root-user"]));
    user.assert("error", "user_namespace", "rootless");
    user.assert("warning", "not_permitted_to_ask", "from a namespace");
    let pid = ["unshare", "--pid", "--fork", "--mount-proc"];
    let pid = checking(check_below(&pid));
    pid.assert("note", "pid_namespace", "process namespace");
    assert!(check().find("network_namespace").is_none());
}

#[test]
fn a_missing_capability_is_found() {
    if !os::is_root() {
        return skip("needs root");
    }
    let mut command = auditrd();
    command.args(["check", "--json"]);
    let checked = checking(as_nobody(command));
    checked.assert("error", "no_capability", "CAP_AUDIT_READ");
    checked.assert(
        "warning",
        "not_permitted_to_ask",
        "without CAP_AUDIT_CONTROL",
    );
    // It may listen, but not ask.
    let wrapper = [
        "setpriv",
        "--inh-caps=-all,+audit_read",
        "--ambient-caps=-all,+audit_read",
        "--bounding-set=-all,+audit_read",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let checked = checking(check_below(&wrapper));
    assert!(checked.find("no_capability").is_none());
    assert!(checked.find("not_permitted_to_ask").is_some());
}

/// The root of a container that has this system's programs.
fn container_root() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a directory");
    for directory in ["usr", "etc", "proc", "sys", "dev", "run", "tmp"] {
        fs::create_dir(root.path().join(directory)).expect("a directory");
    }
    for link in ["bin", "sbin", "lib", "lib64"] {
        symlink(format!("usr/{link}"), root.path().join(link)).expect("a link");
    }
    File::create(root.path().join("auditrd")).expect("a file");
    root
}

#[test]
fn a_container_whose_filter_refuses_audit_sockets_is_found() {
    if !os::is_root() {
        return skip("needs root");
    }
    let root = container_root();
    let program = auditrd().get_program().to_str().expect("a path").to_owned();
    let output = Command::new("systemd-nspawn")
        .args([
            "--quiet",
            "--register=no",
            "--keep-unit",
            "--pipe",
            "--as-pid2",
        ])
        .args([
            "--bind-ro=/usr",
            &format!("--bind-ro={program}:/auditrd"),
            "-D",
        ])
        .arg(root.path())
        .args(["/auditrd", "check", "--json"])
        .output();
    let Ok(output) = output else {
        return skip("needs systemd-nspawn");
    };
    if output.stdout.is_empty() {
        return skip("needs a system where systemd-nspawn works");
    }
    let report = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let status = output.status.code();
    let checked = Checked { status, report };
    checked.assert("error", "no_audit_socket", "container");
}

#[test]
fn an_output_that_cannot_be_written_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let file = path("events");
    let is_fine = || {
        let checked = check_with(&["-o", &file]);
        ["output_in_use", "output_unwritable"]
            .iter()
            .all(|cause| checked.find(cause).is_none())
    };
    assert!(is_fine() && !Path::new(&file).exists());
    fs::write(&file, "").unwrap();
    assert!(is_fine());
    let missing = path("missing/events");
    check_with(&["-o", &missing]).assert("error", "output_unwritable", "No such file");
    let everybody = fs::Permissions::from_mode(0o777);
    fs::set_permissions(directory.path(), everybody).unwrap();
    check_with(&["-o", &file]).assert("error", "output_unwritable", "other users can write");
}

#[test]
fn an_output_without_room_is_found() {
    if !os::is_root() {
        return skip("needs root");
    }
    let directory = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=4k,mode=700 it \"$1\" && echo x >\"$1/x\" && shift && \
                  exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]);
    command.arg(directory.path()).arg(auditrd().get_program());
    command.args(["check", "--json", "-o"]);
    command.arg(directory.path().join("events"));
    let checked = checking(command);
    checked.assert("error", "output_full", "no room");
}

#[test]
fn another_process_on_the_output_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events");
    let mut command = auditrd();
    command.args(["-i", "-", "-o"]).arg(&file);
    let first = Running::start(&mut command);
    let detail = format!("process {} writes to it", first.pid());
    let file = file.to_str().unwrap();
    wait_until("it has locked its output", || {
        check_with(&["-o", file]).find("output_in_use").map(|_| ())
    });
    check_with(&["-o", file]).assert("error", "output_in_use", &detail);
    assert!(first.close().0.success());
    assert!(check_with(&["-o", file]).find("output_in_use").is_none());
}

#[test]
fn a_check_changes_nothing_and_is_readable() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let watched = directory();
    audit.watch(watched.path());
    let daemon = Daemon::listen(&MULTICAST);
    let (before, rules) = (settings(), count_rules());
    let output = auditrd().arg("check").output().unwrap();
    assert_eq!((settings(), count_rules()), (before, rules));
    let text = String::from_utf8(output.stdout).unwrap();
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("enabled 1, rules "), "{text}");
    let remedies = text.lines().filter(|line| line.starts_with("  remedy: "));
    let levels = ["error: ", "warning: ", "note: "];
    let is_finding = |line: &&str| levels.iter().any(|level| line.starts_with(level));
    let findings: Vec<_> = text.lines().filter(is_finding).collect();
    assert!(
        !findings.is_empty() && findings.len() == remedies.count(),
        "{text}"
    );
    // The worst come first.
    let rank = |line: &&str| levels.iter().position(|level| line.starts_with(level));
    assert!(findings.is_sorted_by_key(rank), "{text}");
    assert_eq!(daemon.stop().status.code(), Some(0));
}

#[test]
fn a_file_named_check_can_still_be_replayed() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("check"), crate::process::login(1)).unwrap();
    for args in [&["./check"][..], &["-i", "check"]] {
        let mut command = auditrd();
        command.args(args).current_dir(directory.path());
        let output = command.output().unwrap();
        assert_eq!(crate::common::lines(&output.stdout).len(), 1, "{args:?}");
    }
}
