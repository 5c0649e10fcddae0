//! The shipped rules: auditctl and the kernel accept them, and they record the intended changes and
//! nothing else.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use auditrd::model::{Arch, syscall_number, uring_op_name};

use crate::{
    common::Value,
    live::{
        audit::{Audit, count_rules, skip},
        daemon::Daemon,
        os,
    },
};

/// Each file of system call rules, with its architectures for `b64` and `b32`.
const FILES: &[(&str, Arch, Arch)] = &[
    ("30-auditrd.rules", Arch::X86_64, Arch::I386),
    ("30-auditrd-aarch64.rules", Arch::Aarch64, Arch::Arm),
];
/// The file for this machine.
const NATIVE: &str = match cfg!(target_arch = "aarch64") {
    true => "30-auditrd-aarch64.rules",
    false => "30-auditrd.rules",
};
const IO_URING: &str = "31-auditrd-io_uring.rules";
const CONNECT: &str = "32-auditrd-connect.rules";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("packaging/rules")
        .join(name)
}

/// The rules of a file, without comments. It must contain only rules and `-c`, since augenrules
/// merges it with other files.
fn rules(name: &str) -> Vec<String> {
    let text = fs::read_to_string(path(name)).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty());
    let rules: Vec<String> = lines
        .filter(|line| !line.starts_with('#') && *line != "-c")
        .map(str::to_owned)
        .collect();
    assert!(rules.iter().all(|rule| rule.starts_with("-a ")), "{name}");
    rules
}

/// The part of a rule after a word.
fn after<'r>(rule: &'r str, word: &str) -> &'r str {
    let rest = rule.split(word).nth(1).unwrap_or_else(|| panic!("{rule}"));
    rest.split_whitespace().next().unwrap_or_default()
}

#[test]
fn every_call_in_a_rule_exists_on_its_architecture() {
    for (file, b64, b32) in FILES {
        for rule in rules(file) {
            let arch = match after(&rule, "arch=") {
                "b64" => *b64,
                "b32" => *b32,
                other => panic!("{other}"),
            };
            for call in after(&rule, "-S ").split(',') {
                let is_number = call.parse::<u32>().is_ok();
                assert!(
                    is_number || syscall_number(arch, call).is_some(),
                    "{file}: {call}"
                );
            }
        }
    }
}

/// The newest call that a rule names. Linux has it since 3.19, and so all auditctl since 2.8 know
/// it.
const NEWEST_NAME: &str = "execveat";

#[test]
fn calls_that_auditctl_2_8_may_not_know_are_given_by_number() {
    for (file, b64, b32) in FILES {
        for rule in rules(file) {
            let arch = match after(&rule, "arch=") {
                "b64" => *b64,
                _ => *b32,
            };
            let newest = syscall_number(arch, NEWEST_NAME);
            for call in after(&rule, "-S ").split(',') {
                if call.parse::<u32>().is_err() {
                    assert!(syscall_number(arch, call) <= newest, "{file}: {call}");
                }
            }
        }
    }
}

#[test]
fn calls_given_by_number_are_the_intended_ones() {
    for (number, name) in [
        ("429", "move_mount"),
        ("437", "openat2"),
        ("452", "fchmodat2"),
        ("463", "setxattrat"),
        ("466", "removexattrat"),
        ("469", "file_setattr"),
    ] {
        for (file, b64, b32) in FILES {
            for arch in [*b64, *b32] {
                let found = syscall_number(arch, name).map(|number| number.to_string());
                assert_eq!(found.as_deref(), Some(number), "{arch:?}");
            }
            let text = fs::read_to_string(path(file)).unwrap();
            assert!(text.contains(number), "{file}");
        }
    }
}

/// The rules for this machine, with a directory in place of /etc.
fn rules_for(directory: &Path) -> tempfile::NamedTempFile {
    let text = fs::read_to_string(path(NATIVE)).unwrap();
    let text = text.replace("dir=/etc ", &format!("dir={} ", directory.display()));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// Makes each change that the rules should record, and some that they should not.
fn touch(directory: &Path) {
    let at = |name: &str| directory.join(name);
    fs::write(at("a"), "text").unwrap();
    fs::read(at("a")).unwrap();
    fs::metadata(at("a")).unwrap();
    OpenOptions::new().append(true).open(at("a")).unwrap();
    fs::set_permissions(at("a"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(at("a"), at("b")).unwrap();
    fs::hard_link(at("b"), at("c")).unwrap();
    std::os::unix::fs::symlink("b", at("d")).unwrap();
    fs::create_dir(at("e")).unwrap();
    fs::remove_dir(at("e")).unwrap();
    fs::remove_file(at("b")).unwrap();
    assert!(Command::new("true").status().unwrap().success());
}

#[test]
fn the_rules_load_and_record_the_intended_changes() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let temp = std::env::temp_dir().canonicalize().unwrap();
    let directory = tempfile::TempDir::new_in(temp).unwrap();
    let file = rules_for(directory.path());
    let before = count_rules();
    audit.load(file.path()).unwrap();
    assert_eq!(count_rules() - before, rules(NATIVE).len());

    let daemon = Daemon::listen(&["--events", "process,fim"]);
    assert!(os::wait(os::fork(|| touch(directory.path()))));
    let below = directory.path().to_str().unwrap();
    let is_ours = |event: &Value| event["path"].as_str().is_some_and(|p| p.starts_with(below));
    daemon.wait_for(1, "the last file is removed", |event| {
        is_ours(event) && event["action"] == "deleted" && event["path"] == format!("{below}/b")
    });
    daemon.wait_for(1, "a program is started", |event| event["comm"] == "true");
    let events = daemon.stop().events;
    let actions: Vec<&str> = events
        .iter()
        .filter(|event| event["key"] == "fim")
        .filter(|event| is_ours(event) || event["dest_path"].to_string().contains(below))
        .map(|event| event["action"].as_str().unwrap())
        .collect();
    let expected = [
        "created",
        "opened",
        "attributes",
        "renamed",
        "linked",
        "symlinked",
        "created",
        "deleted",
        "deleted",
    ];
    assert_eq!(actions, expected);
    let started = |event: &&Value| event["comm"] == "true" && event["name"] == "process_event";
    let started: Vec<&Value> = events.iter().filter(started).collect();
    assert_eq!(started.len(), 1, "{started:?}");
    assert_eq!(started[0]["key"], "process");
}

#[test]
fn the_rules_for_connections_record_those_over_ip() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    if os::kernel() < (5, 3) || auditctl_version() < Some((3, 0)) {
        return skip("they need Linux 5.3 and auditctl 3.0");
    }
    audit.load(&path(CONNECT)).unwrap();
    let daemon = Daemon::listen(&["--events", "socket"]);
    let unix = std::os::unix::net::UnixDatagram::unbound().unwrap();
    let child = os::fork(|| {
        assert!(unix.connect("/nonexistent").is_err());
        for address in ["127.0.0.1:1", "[::1]:1"] {
            assert!(std::net::TcpStream::connect(address).is_err());
        }
    });
    assert!(os::wait(child));
    daemon.wait_until_all_is_read();
    let events = daemon.stop().events;
    let own = events.iter().filter(|event| event["pid"] == child);
    let addresses: Vec<&Value> = own.map(|event| &event["remote_address"]).collect();
    assert_eq!(addresses, ["127.0.0.1", "::1"]);
}

#[test]
fn a_directory_that_is_missing_costs_only_its_own_rules() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let missing = tempfile::TempDir::new().unwrap().path().to_owned();
    let file = rules_for(&missing);
    let before = count_rules();
    let error = audit.load(file.path()).unwrap_err();
    assert!(error.contains("No such file or directory"), "{error}");
    let missing = missing.to_str().unwrap();
    let text = fs::read_to_string(file.path()).unwrap();
    let (without, with): (Vec<&str>, Vec<&str>) = text
        .lines()
        .filter(|line| line.starts_with("-a "))
        .partition(|line| !line.contains(missing));
    assert!(!with.is_empty());
    assert_eq!(count_rules() - before, without.len());
}

/// The first two numbers of auditctl's version.
fn auditctl_version() -> Option<(u32, u32)> {
    let output = Command::new("auditctl").arg("-v").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.split_whitespace().last()?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[test]
fn the_rules_for_io_uring_load() {
    let operations: Vec<&str> = (0..64).filter_map(uring_op_name).collect();
    assert_eq!(uring_op_name(55), Some("ftruncate"));
    for rule in rules(IO_URING) {
        for operation in after(&rule, "-S ").split(',') {
            assert!(
                operations.contains(&operation) || operation == "55",
                "{operation}"
            );
        }
    }
    if auditctl_version().is_none_or(|version| version < (3, 1)) {
        return skip(&format!("{IO_URING} needs auditctl 3.1 or later"));
    }
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let before = count_rules();
    audit.load(&path(IO_URING)).unwrap();
    assert_eq!(count_rules() - before, rules(IO_URING).len());
}
