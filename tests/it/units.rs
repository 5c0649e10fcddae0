//! The units in `systemd/`, checked with systemd's tools.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{
    common::auditrd,
    live::{
        audit::{Audit, count_rules, registered, settings, skip, wait_until},
        daemon::{Daemon, audit_sockets},
    },
};

/// The services, with the maximum exposure level (systemd-analyze(1)) of each, in tenths.
const SERVICES: &[(&str, &str)] = &[
    ("auditrd.service", "3"),
    ("auditrd-multicast.service", "15"),
    ("auditrd-unicast.service", "15"),
];

/// Not one of the services that write events: it loads rules once.
const RULES: &str = "auditrd-rules.service";

fn units() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd")
}

fn analyze(args: &[&str], directory: &Path) -> Option<Output> {
    let mut command = Command::new("systemd-analyze");
    let output = command
        .args(args)
        .current_dir(directory)
        .env("SYSTEMD_UNIT_PATH", format!("{}:", directory.display()))
        .output();
    output.map_err(|_| skip("needs systemd-analyze")).ok()
}

#[track_caller]
fn assert_clean(output: &Output) {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("auditrd"), "{text}");
}

/// The directives of a service, without comments.
fn directives(service: &str) -> Vec<String> {
    let text = fs::read_to_string(units().join(service)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

#[test]
fn systemd_accepts_the_units() {
    let directory = tempfile::tempdir().unwrap();
    let mut args = vec!["verify", "--man=no", "--recursive-errors=no"];
    let names = ["auditrd.socket", RULES];
    let names: Vec<_> = SERVICES
        .iter()
        .map(|(name, _)| *name)
        .chain(names)
        .collect();
    for name in &names {
        // The binary is not installed there.
        let text = fs::read_to_string(units().join(name)).unwrap();
        let text = text.replace("/usr/bin/auditrd", env!("CARGO_BIN_EXE_auditrd"));
        fs::write(directory.path().join(name), text).unwrap();
    }
    let paths: Vec<String> = names.iter().map(|name| format!("./{name}")).collect();
    args.extend(paths.iter().map(String::as_str));
    if let Some(output) = analyze(&args, directory.path()) {
        assert_clean(&output);
    }
}

#[test]
fn the_services_stay_below_an_exposure_level() {
    for (service, threshold) in SERVICES.iter().chain([&(RULES, "14")]) {
        let threshold = format!("--threshold={threshold}");
        let args = ["security", "--offline=true", "--no-pager", &threshold];
        let path = format!("./{service}");
        let Some(output) = analyze(&[&args[..], &[&path]].concat(), &units()) else {
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{service}: {text}");
        assert!(text.contains("Overall exposure level"), "{service}: {text}");
    }
}

/// The services differ only in how they get their socket.
#[test]
fn the_services_are_confined_alike() {
    const MAY_DIFFER: &[&str] = &[
        "Description",
        "After",
        "Requires",
        "Conflicts",
        "ExecStart",
        "ExecStartPre",
        "RuntimeDirectory",
        "RuntimeDirectoryMode",
        "RuntimeDirectoryPreserve",
        "AmbientCapabilities",
        "CapabilityBoundingSet",
        "ProtectProc",
        "PrivateNetwork",
        "PrivateUsers",
        "RestrictAddressFamilies",
        "Also",
    ];
    let common = |service| -> BTreeSet<String> {
        let is_common = |line: &String| {
            let key = line.split('=').next().unwrap_or_default();
            // Who has capabilities must be able to drop them.
            !MAY_DIFFER.contains(&key) && line != "SystemCallFilter=capset"
        };
        directives(service).into_iter().filter(is_common).collect()
    };
    let expected = common("auditrd.service");
    assert!(expected.contains("NoNewPrivileges=yes"));
    for (service, _) in SERVICES {
        assert_eq!(common(service), expected, "{service}");
    }
}

/// Without it, the ids of processes repeat after a reboot.
#[test]
fn the_services_can_read_the_id_of_the_boot() {
    for (service, _) in SERVICES {
        let directives = directives(service);
        let hides = |line: &String| line.starts_with("ProcSubset=");
        assert!(!directives.iter().any(hides), "{service}");
    }
}

/// Cgroups tell containers and units. The service without capabilities does without them, for the
/// least exposure.
#[test]
fn the_services_with_capabilities_can_read_cgroups() {
    let can = |service: &str| {
        let directives = directives(service);
        !directives
            .iter()
            .any(|line| line.starts_with("ProtectProc="))
    };
    let all: Vec<_> = SERVICES.iter().map(|(service, _)| can(service)).collect();
    assert_eq!(all, [false, true, true]);
}

/// The kernel looks up the paths of rules in the file system that the service sees.
#[test]
fn the_rules_service_sees_the_files_of_the_host() {
    const MOUNTS: &[&str] = &[
        "ProtectHome=",
        "PrivateTmp=",
        "PrivateDevices=",
        "ProtectKernelModules=",
        "InaccessiblePaths=",
        "TemporaryFileSystem=",
    ];
    for line in directives(RULES) {
        assert!(
            !MOUNTS.iter().any(|mount| line.starts_with(mount)),
            "{line}"
        );
    }
}

/// Directories that are named in a rule but not primed would have unresolved paths at first.
#[test]
fn the_services_prime_what_the_shipped_rules_watch() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/rules");
    let mut watched = BTreeSet::new();
    for file in fs::read_dir(rules).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let words = text.lines().filter(|line| !line.starts_with('#'));
        let directories = words.flat_map(str::split_whitespace);
        let directories = directories.filter_map(|word| word.strip_prefix("dir="));
        watched.extend(directories.map(str::to_owned));
    }
    assert!(watched.contains("/etc"));
    for (service, _) in SERVICES {
        let directives = directives(service);
        let variable = "Environment=AUDITRD_PRIME=";
        let primed = directives
            .iter()
            .find_map(|line| line.strip_prefix(variable));
        let primed = primed.unwrap_or_default().split(':').map(str::to_owned);
        assert_eq!(primed.collect::<BTreeSet<_>>(), watched, "{service}");
    }
}

/// Root writes the names where the service reads them, and a failure does not keep it from
/// starting.
#[test]
fn the_default_service_is_given_the_names_that_it_may_not_read() {
    let directives = directives("auditrd.service");
    let file = "/run/auditrd/names";
    for line in [
        "RuntimeDirectory=auditrd".to_owned(),
        "RuntimeDirectoryMode=0700".to_owned(),
        format!("ExecStartPre=-+/usr/bin/auditrd --prime-snapshot {file}"),
        format!("ExecStart=/usr/bin/auditrd --prime-from {file}"),
    ] {
        assert!(directives.contains(&line), "{line}");
    }
}

/// The command of the service that loads rules, with other paths, and with no more capabilities
/// than the service has.
fn load_rules(administrators: &Path, enable: &Path) -> Command {
    let directives = directives(RULES);
    assert!(directives.contains(&"CapabilityBoundingSet=CAP_AUDIT_CONTROL".to_owned()));
    let line = directives
        .iter()
        .find_map(|line| line.strip_prefix("ExecStart=/bin/sh -c '"));
    let script = line.and_then(|line| line.strip_suffix('\'')).unwrap();
    // systemd's way to write a dollar sign.
    let script = script
        .replace("$$", "$")
        .replace("/usr/bin/auditrd", env!("CARGO_BIN_EXE_auditrd"))
        .replace("/etc/audit/rules.d", administrators.to_str().unwrap())
        .replace("/usr/share/auditrd/enable.rules", enable.to_str().unwrap());
    let mut command = Command::new("setpriv");
    command
        .args(["--bounding-set=-all,+audit_control", "--inh-caps=-all"])
        .args(["/bin/sh", "-c", &script]);
    command
}

#[test]
fn the_rules_service_turns_auditing_on_and_loads_the_rules_of_this_host() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    if count_rules() > 0 {
        return skip("needs a system without audit rules");
    }
    let directory = tempfile::tempdir().unwrap();
    let enable = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/enable.rules");
    let missing = directory.path().join("missing");
    let rule = "-a always,exit -F arch=b64 -S acct -k administrator\n";
    fs::write(directory.path().join("10-it.rules"), rule).unwrap();
    let mut load = |administrators: &Path| {
        audit.turn("0");
        let output = load_rules(administrators, &enable).output();
        let loaded = (settings()["enabled"].clone(), count_rules());
        audit.flush();
        let output = output.expect("setpriv runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{error}");
        loaded
    };
    assert_eq!(load(directory.path()), ("1".to_owned(), 1));
    let (enabled, count) = load(&missing);
    assert_eq!(enabled, "1");
    assert!(count > 10, "{count} rules come with auditrd");
}

#[test]
fn the_default_service_has_no_capability_and_no_network() {
    let directives = directives("auditrd.service");
    for line in [
        "AmbientCapabilities=",
        "CapabilityBoundingSet=",
        "PrivateNetwork=yes",
        "PrivateUsers=yes",
        "RestrictAddressFamilies=AF_UNIX",
    ] {
        assert!(directives.iter().any(|found| found == line), "{line}");
    }
}

/// Starts the services that open their own sockets, as an unprivileged user with their
/// capabilities.
#[test]
fn each_service_needs_only_its_capabilities() {
    let Some(_audit) = Audit::borrow() else {
        return;
    };
    for (service, _) in SERVICES {
        let directives = directives(service);
        let value = |key: &str| {
            let line = directives.iter().find_map(|line| line.strip_prefix(key));
            line.unwrap_or_default().to_owned()
        };
        let capabilities = value("AmbientCapabilities=");
        assert_eq!(capabilities, value("CapabilityBoundingSet="));
        if capabilities.is_empty() {
            continue;
        }
        let capabilities = capabilities.replace(" CAP_", ",+").replace("CAP_", "+");
        let capabilities = capabilities.to_lowercase();
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(format!("--inh-caps=-all,{capabilities}"))
            .arg(format!("--ambient-caps=-all,{capabilities}"))
            .arg(format!("--bounding-set=-all,{capabilities}"))
            .arg(auditrd().get_program())
            .args(value("ExecStart=/usr/bin/auditrd").split_whitespace());
        let daemon = Daemon::start_on_stdout(command);
        let pid = daemon.pid();
        wait_until(service, || {
            let is_member = audit_sockets()
                .get(&pid)
                .is_some_and(|groups| groups & 1 == 1);
            (is_member || registered() == pid).then_some(())
        });
        let ended = daemon.stop();
        assert!(ended.status.success(), "{service}: {}", ended.stderr);
    }
}
