//! Records of kernels that Debian does not have: `reports.log` has what people published of RHEL 8
//! and 9 and of Ubuntu, each as a host of its own. The expected events are worked out by hand.
//!
//! The records come from the following public texts. The name of the host is changed to that of the
//! system, and some records were left out by their authors.
//!
//! | host | source | the system |
//! |---|---|---|
//! | rocky-8 | a course exercise on central logs, 2022 | Rocky Linux 8 with audit-3.0.7-2.el8.2; its kernel is 4.18 |
//! | rocky-9 | rke2, issue 4313 | Rocky Linux 9; its kernel is 5.14 |
//! | alma-9.2 | a course exercise on SIEM, 2024 | AlmaLinux 9.2; its kernel is 5.14 |
//! | ubuntu-before-5.0 | wazuh, issue 4729 | Ubuntu; records have no `cap_frootid`, so before 5.0 |
//! | ubuntu-5.15.0-1034-gcp | go-libaudit, issue 137 | Ubuntu 20.04.6 |
//! | ubuntu-22.04 | a course exercise on central logs, 2025 | Ubuntu 22.04; its kernel is 5.15 |
//! | web | another report on the same exercise, 2026 | 5.15.0-186-generic, as its records say |
//! | debian-5.19.0-1-amd64 | audit-kernel, issue 140 | Debian sid |
//! | ubuntu-6.8.0-arm64 | go-libaudit, a test for Ubuntu 24.04 | 6.8 |

use std::collections::BTreeMap;

use super::{ALL, log};
use crate::common::{Value, replay};

/// The events of each host, by their serials.
fn events() -> BTreeMap<(String, u64), Value> {
    let events = replay(log("reports"), &[&ALL[..], &["--events", "all"]].concat());
    let id = |event: &Value| {
        let node = event["node"].as_str().expect("each host has a name");
        (
            node.to_owned(),
            event["sequence"].as_u64().expect("a serial"),
        )
    };
    let count = events.len();
    let by_id: BTreeMap<_, _> = events
        .into_iter()
        .map(|event| (id(&event), event))
        .collect();
    assert_eq!(by_id.len(), count, "each event is whole");
    by_id
}

/// What a call did to files: its action, its paths, and the file that they name.
type Deed = (
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    &'static str,
);

/// Each event about a file or a program, with `?` after an action whose path is not proved.
const DEEDS: [(&str, u64, Deed); 17] = [
    (
        "alma-9.2",
        720,
        ("executed", Some("/bin/tail"), None, "08:04 50495650"),
    ),
    // The working directory of the caller is that of the container.
    (
        "rocky-9",
        12_545_748,
        ("opened", Some("/etcd/config"), None, "fd:07 1074634824"),
    ),
    (
        "rocky-8",
        1264,
        (
            "attributes",
            Some("/etc/nginx/nginx.conf"),
            None,
            "fd:00 784835",
        ),
    ),
    // A record without a name, by the inode of the call before it.
    (
        "rocky-8",
        1265,
        (
            "attributes",
            Some("/etc/nginx/nginx.conf"),
            None,
            "fd:00 784835",
        ),
    ),
    (
        "rocky-8",
        1254,
        (
            "renamed",
            Some("/etc/nginx/nginx.conf"),
            Some("/etc/nginx/nginx.conf~"),
            "fd:00 134289980",
        ),
    ),
    (
        "rocky-8",
        1255,
        (
            "created",
            Some("/etc/nginx/nginx.conf"),
            None,
            "fd:00 607669",
        ),
    ),
    (
        "rocky-8",
        1256,
        (
            "attributes",
            Some("/etc/nginx/nginx.conf"),
            None,
            "fd:00 607669",
        ),
    ),
    // By the descriptor of the call before; its own PATH record is missing, so that is no proof.
    (
        "rocky-8",
        1257,
        ("attributes?", Some("/etc/nginx/nginx.conf"), None, ""),
    ),
    (
        "ubuntu-before-5.0",
        11132,
        (
            "opened",
            Some("/testdir/dir1/dir2/dir3/dir4/hola"),
            None,
            "fd:00 786440",
        ),
    ),
    // The records give the working directory as its directory, with the inode of another one.
    (
        "ubuntu-before-5.0",
        11133,
        ("deleted?", Some("hola"), None, "fd:00 786440"),
    ),
    (
        "ubuntu-before-5.0",
        11135,
        ("deleted?", Some("hola"), None, "fd:00 786439"),
    ),
    (
        "ubuntu-5.15.0-1034-gcp",
        28_860_764,
        ("executed", Some("/usr/bin/dash"), None, "08:01 1593"),
    ),
    // A failed call has a record of the directory alone.
    (
        "ubuntu-22.04",
        335,
        ("deleted?", Some("/etc/nginx/"), None, ""),
    ),
    (
        "ubuntu-22.04",
        336,
        (
            "created",
            Some("/etc/nginx/.nginx.conf.swp"),
            None,
            "fd:00 1050159",
        ),
    ),
    (
        "ubuntu-22.04",
        337,
        (
            "deleted",
            Some("/etc/nginx/.nginx.conf.swp"),
            None,
            "fd:00 1050159",
        ),
    ),
    (
        "debian-5.19.0-1-amd64",
        580,
        ("attributes?", None, None, "fe:01 917101"),
    ),
    ("ubuntu-6.8.0-arm64", 240, ("linked?", None, None, "")),
];

#[test]
fn records_of_other_kernels_yield_the_events_that_happened() {
    let events = events();
    for (host, serial, (action, path, dest, file)) in DEEDS {
        let event = &events[&(host.to_owned(), serial)];
        let (action, unresolved) = match action.strip_suffix('?') {
            Some(action) => (action, true),
            None => (action, false),
        };
        assert_eq!(event["action"], action, "{event}");
        assert_eq!(event["path"].as_str(), path, "{event}");
        assert_eq!(event["dest_path"].as_str(), dest, "{event}");
        assert_eq!(event["path_unresolved"] == true, unresolved, "{event}");
        let part = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            format!("{} {}", part("dev"), part("inode")).trim(),
            file,
            "{event}"
        );
    }
}

/// The fields of a record that a call's event has under the same or another key.
const FIELDS: [(&str, &str); 18] = [
    ("success", "success"),
    ("exit", "exit"),
    ("ppid", "ppid"),
    ("pid", "pid"),
    ("auid", "auid"),
    ("uid", "uid"),
    ("gid", "gid"),
    ("euid", "euid"),
    ("egid", "egid"),
    ("fsuid", "fsuid"),
    ("fsgid", "fsgid"),
    ("suid", "suid"),
    ("sgid", "sgid"),
    ("ses", "session"),
    ("comm", "comm"),
    ("exe", "exectuable"),
    ("subj", "subj"),
    ("key", "key"),
];

#[test]
fn the_actor_is_that_of_the_call_on_other_kernels() {
    let events = events();
    let log = String::from_utf8(log("reports")).expect("it is ASCII");
    let mut calls = 0;
    for record in log.lines().filter(|line| line.contains("type=SYSCALL")) {
        let (head, body) = record.split_once("): ").expect("it has a stamp");
        let serial = head.rsplit(':').next().and_then(|it| it.parse().ok());
        let node = head
            .strip_prefix("node=")
            .map_or("web", |it| it.split(' ').next().unwrap());
        let event = &events[&(node.to_owned(), serial.expect("a number"))];
        // A relay wrote the byte before the names as text, or left it out.
        let body = body.replace("#035", " ").replace("\"ARCH=", "\" ARCH=");
        for (field, key) in FIELDS {
            let value = body
                .split(' ')
                .find_map(|token| token.strip_prefix(field)?.strip_prefix('='))
                .map(|value| value.trim_matches('"'))
                .filter(|value| *value != "(null)");
            let got = event.get(key).map(|got| match got.as_str() {
                Some(text) => text.to_owned(),
                None => got.to_string(),
            });
            assert_eq!(got.as_deref(), value, "{key} of {event}");
        }
        calls += 1;
    }
    assert_eq!(calls, 18);
}

#[test]
fn messages_of_other_distributions_are_whole_after_a_relay() {
    let events = events();
    let command = &events[&("alma-9.2".to_owned(), 717)];
    assert_eq!(command["cmd"], "tail -f /var/log/audit/audit.log");
    assert_eq!(command["res"], "success");
    assert_eq!(command["names"]["uid"], "vagrant");
    let login = &events[&("alma-9.2".to_owned(), 719)];
    assert_eq!(login["op"], "PAM:session_open");
    assert_eq!(login["acct"], "root");
    assert_eq!(login["terminal"], "/dev/pts/0");
    let start = &events[&("web".to_owned(), 7164)];
    let record = &start["records"]["DAEMON_START"][0];
    assert_eq!(record["kernel"], "5.15.0-186-generic");
    assert_eq!(
        (&record["ver"], &record["res"]),
        (&"3.0.7".into(), &"success".into())
    );
    assert_eq!(record["UID"], "root");
    let change = &events[&("web".to_owned(), 78)]["records"]["CONFIG_CHANGE"][0];
    assert_eq!(
        (&change["audit_backlog_limit"], &change["old"]),
        (&"8192".into(), &"64".into())
    );
    assert_eq!(change["res"], "1");
}
