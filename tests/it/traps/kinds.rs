//! Calls on sockets, processes that begin and end, and everything that is of no other kind.

use auditrd::model::{Arch, syscall_number};
use serde_json::{Value, json};

use super::{call, event, events, log, syscall};
use crate::{common::replay_raw, golden::check_line};

/// The only event from these records, with these kinds chosen.
#[track_caller]
fn chosen(kinds: &str, records: &[&str]) -> Value {
    let args = ["--events", kinds, "--enrich", "none", "-q"];
    let output = replay_raw(log(7, records), &args);
    let text = String::from_utf8(output.stdout).expect("lines are UTF-8");
    assert_eq!(text.lines().count(), 1, "{records:?}: {text}");
    check_line(text.trim_end());
    serde_json::from_str(&text).unwrap()
}

#[track_caller]
fn any(records: &[&str]) -> Value {
    chosen("all", records)
}

/// Asserts that an event has these members. A member that is null is not there.
#[track_caller]
fn has(event: &Value, members: &Value) {
    for (key, value) in members.as_object().unwrap() {
        assert_eq!(&event[key], value, "{key}: {event}");
    }
}

/// A call on x86_64 that failed.
fn failed(number: u32, exit: i32) -> String {
    syscall(&format!(
        "arch=c000003e syscall={number} success=no exit={exit} a0=3 items=0"
    ))
}

const INET: &str = "SOCKADDR saddr=020001BBC00002160000000000000000";

#[test]
fn a_connection_has_the_address_of_its_peer() {
    let event = any(&[&call(42, "a0=3 a2=10 items=0"), INET, "EOE"]);
    let expected = json!({
        "name": "socket_event", "syscall": "connect", "action": "connect", "status": "succeeded",
        "family": "inet", "remote_address": "192.0.2.22", "remote_port": 443, "fd": 3,
        "local_address": null, "records": null, "incomplete": null,
    });
    has(&event, &expected);
    let mapped = "SOCKADDR saddr=0A0001BB0000000000000000000000000000FFFFC000021600000000";
    let event = any(&[&call(42, "a0=3 items=0"), mapped, "EOE"]);
    let expected = json!({"family": "inet6", "remote_address": "192.0.2.22", "remote_port": 443});
    has(&event, &expected);
}

#[test]
fn a_connection_in_progress_did_not_fail() {
    for (number, exit, status) in [
        (42, -115, "in_progress"),
        (42, -111, "failed"),
        (42, -11, "failed"),
        (43, -11, "no_client"),
        (288, -11, "no_client"),
        (43, -24, "failed"),
        (44, -11, "in_progress"),
        (45, -11, "in_progress"),
    ] {
        let event = any(&[&failed(number, exit), INET, "EOE"]);
        assert_eq!(event["status"], status, "{number} {exit}: {event}");
    }
}

#[test]
fn every_call_on_a_socket_has_its_action() {
    for (number, action) in [
        (41, None),
        (42, Some("connect")),
        (43, Some("accept")),
        (44, Some("send")),
        (45, Some("receive")),
        (46, Some("send")),
        (47, Some("receive")),
        (49, Some("bind")),
        (50, Some("listen")),
        (288, Some("accept")),
        (299, Some("receive")),
        (307, Some("send")),
    ] {
        let event = any(&[&call(number, "a0=3 items=0"), "EOE"]);
        let name = action.map_or("audit_event", |_| "socket_event");
        has(&event, &json!({"name": name, "action": action}));
        assert_eq!(event["fd"], json!(action.map(|_| 3)), "{event}");
    }
}

#[test]
fn an_address_is_local_where_the_call_takes_it() {
    let event = any(&[&call(49, "a0=4 items=0"), INET, "EOE"]);
    let expected = json!({
        "action": "bind", "local_address": "192.0.2.22", "local_port": 443,
        "remote_address": null, "remote_port": null,
    });
    has(&event, &expected);
}

#[test]
fn socketcall_is_the_call_in_its_first_argument() {
    let call = |a0: &str| {
        syscall(&format!(
            "arch=40000003 syscall=102 success=yes exit=0 a0={a0} a1=bf items=0"
        ))
    };
    let arguments = "SOCKETCALL nargs=3 a0=5 a1=bf9c a2=10";
    for (a0, action) in [
        ("2", "bind"),
        ("3", "connect"),
        ("4", "listen"),
        ("5", "accept"),
        ("b", "send"),
        ("11", "receive"),
        ("12", "accept"),
    ] {
        let event = any(&[&call(a0), arguments, INET, "EOE"]);
        let expected =
            json!({"name": "socket_event", "syscall": "socketcall", "action": action, "fd": 5});
        has(&event, &expected);
        let event = any(&[&call(a0), "EOE"]);
        assert_eq!(
            event["fd"],
            Value::Null,
            "the argument is no descriptor: {event}"
        );
    }
    // socket(2) and shutdown(2).
    for a0 in ["1", "d"] {
        assert_eq!(any(&[&call(a0), "EOE"])["name"], "audit_event");
    }
}

#[test]
fn a_socket_with_a_name_has_its_file() {
    let records = |saddr| {
        [
            call(42, "a0=3 items=1"),
            format!("SOCKADDR saddr={saddr}"),
            "CWD cwd=\"/run\"".to_owned(),
            "PATH item=0 name=\"x.sock\" inode=11 dev=00:1a mode=0140755 ouid=5 ogid=6 \
             nametype=NORMAL"
                .to_owned(),
            "EOE".to_owned(),
        ]
    };
    let records = records("0100782E736F636B00");
    let event = any(&records.each_ref().map(String::as_str));
    let expected = json!({
        "family": "unix", "socket": "x.sock", "path": "/run/x.sock", "path_unresolved": null,
        "inode": "11", "mode": "0140755", "ouid": 5, "remote_port": null,
    });
    has(&event, &expected);
    let abstract_name = any(&[
        &call(42, "a0=3 items=0"),
        "SOCKADDR saddr=0100002F746D70",
        "EOE",
    ]);
    has(&abstract_name, &json!({"socket": "@/tmp", "path": null}));
}

#[test]
fn a_bound_name_is_a_new_file_unless_sockets_are_chosen() {
    let records = [
        &call(49, "a0=3 items=2"),
        "SOCKADDR saddr=01002F72756E2F7800",
        "CWD cwd=\"/\"",
        "PATH item=0 name=\"/run/\" inode=10 dev=00:1a mode=040755 nametype=PARENT",
        "PATH item=1 name=\"/run/x\" inode=11 dev=00:1a mode=0140755 nametype=CREATE",
        "EOE",
    ];
    let created = chosen("process,fim,user", &records);
    has(
        &created,
        &json!({"name": "fim_event", "action": "created", "path": "/run/x"}),
    );
    let bound = any(&records);
    let expected = json!({
        "name": "socket_event", "action": "bind", "path": "/run/x", "inode": "11",
        "socket": "/run/x",
    });
    has(&bound, &expected);
}

#[test]
fn the_rest_of_an_address_is_in_its_record() {
    let netlink = "SOCKADDR saddr=100000000700000001000000";
    let event = any(&[&call(46, "a0=3 items=0"), netlink, "EOE"]);
    has(&event, &json!({"family": "netlink", "remote_port": 7}));
    assert_eq!(event["records"]["SOCKADDR"][0]["groups"], "0x1", "{event}");
}

#[test]
fn an_operation_of_io_uring_on_a_socket_is_a_socket_event() {
    let operation = "URINGOP uring_op=16 success=yes exit=0 items=0 ppid=1 pid=2 uid=0 gid=0 \
                     euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 key=\"net\"";
    let event = any(&[operation, INET, "EOE"]);
    let expected = json!({
        "name": "socket_event", "type": "URINGOP", "syscall": "connect", "fd": null,
        "status": null, "remote_address": "192.0.2.22",
    });
    has(&event, &expected);
}

#[test]
fn a_call_of_no_kind_has_its_arguments() {
    let ptrace = call(101, "a0=10 a1=2a a2=0 a3=0 items=0");
    assert_eq!(events(&[&ptrace, "EOE"]).len(), 0);
    let target = "OBJ_PID opid=42 oauid=-1 ouid=0 oses=-1 ocomm=\"y\"";
    let event = any(&[&ptrace, target, "EOE"]);
    has(
        &event,
        &json!({"name": "audit_event", "type": "SYSCALL", "syscall": "ptrace", "pid": 2}),
    );
    let records = json!({
        "SYSCALL": [{"a0": "10", "a1": "2a", "a2": "0", "a3": "0"}],
        "OBJ_PID": [{"opid": "42", "oauid": "-1", "ouid": "0", "oses": "-1", "ocomm": "y"}],
    });
    assert_eq!(event["records"], records, "{event}");
}

#[test]
fn a_call_of_no_kind_has_the_path_of_its_file() {
    let path = "PATH item=0 name=\"srv\" inode=9 dev=00:1a mode=040755 nametype=NORMAL";
    let event = any(&[&call(161, "a0=7f items=1"), "CWD cwd=\"/w\"", path, "EOE"]);
    has(
        &event,
        &json!({"name": "audit_event", "syscall": "chroot", "path": "/w/srv"}),
    );
    // mq_open has names of a file system of its own.
    let queue = "PATH item=0 name=\"queue\" inode=9 dev=00:0f mode=0100600 nametype=CREATE";
    let event = any(&[&call(240, "a0=7f items=1"), "CWD cwd=\"/w\"", queue, "EOE"]);
    has(
        &event,
        &json!({"name": "audit_event", "syscall": "mq_open", "path": null}),
    );
    assert_eq!(event["records"]["PATH"][0]["name"], "queue");
}

#[test]
fn a_record_that_stands_alone_is_a_whole_event() {
    let denial = "AVC avc:  denied  { read } for  pid=9 comm=\"httpd\" name=\"shadow\" \
                  dev=\"dm-0\" ino=5 scontext=a:b:c:s0 tcontext=d:e:f:s0 tclass=file permissive=0";
    let event = any(&[denial]);
    let expected = json!({
        "name": "audit_event", "type": "AVC", "syscall": "", "pid": 9, "comm": "httpd",
        "uid": u32::MAX, "action": "denied", "incomplete": null,
    });
    has(&event, &expected);
    for (record, action, success) in [
        (
            "CONFIG_CHANGE auid=0 ses=1 op=add_rule key=\"k\" list=4 res=1",
            Some("add_rule"),
            Some("success"),
        ),
        (
            "ANOM_ABEND auid=0 uid=0 gid=0 ses=1 pid=7 comm=\"x\" exe=\"/x\" sig=11 res=1",
            None,
            Some("success"),
        ),
        ("KERN_MODULE name=\"nf\"", None, None),
        ("BPF prog-id=45 op=UNLOAD", Some("UNLOAD"), None),
        (
            "DAEMON_START op=start ver=4.0 auid=0 pid=7 uid=0 ses=1 res=success",
            Some("started"),
            Some("success"),
        ),
        (
            "AVC apparmor=\"DENIED\" operation=\"open\" profile=\"p\" pid=7 comm=\"x\"",
            Some("denied"),
            None,
        ),
        (
            "AVC lsm=SMACK fn=smack_inode_permission action=denied subject=\"_\" object=\"x\" pid=7",
            Some("denied"),
            None,
        ),
        (
            "SECCOMP auid=0 uid=0 gid=0 ses=1 pid=7 comm=\"x\" exe=\"/x\" sig=31 arch=c000003e \
             syscall=41 compat=0 ip=0x7f code=0x80000000",
            Some("kill_process"),
            None,
        ),
        (
            "LANDLOCK_ACCESS domain=19da2c5b7 blockers=fs.write_file path=\"/x\" dev=\"vda1\" ino=7",
            Some("denied"),
            None,
        ),
        (
            "APPARMOR_DENIED operation=\"inode_permission\" name=\"/x\" pid=7 profile=\"p\"",
            Some("denied"),
            None,
        ),
        ("UNKNOWN[1999] a=b", None, None),
        ("TIME_ADJNTPVAL op=freq old=1 new=2", Some("adjusted"), None),
    ] {
        let event = any(&[record]);
        has(
            &event,
            &json!({"name": "audit_event", "action": action, "success": success}),
        );
        assert_eq!(event["records"].as_object().unwrap().len(), 1, "{event}");
    }
}

#[test]
fn a_denial_is_in_the_line_of_the_call_that_it_denied() {
    let denial = "AVC avc:  denied  { read } for  pid=2 comm=\"x\" name=\"shadow\" tclass=file";
    let path = "PATH item=0 name=\"/etc/shadow\" inode=9 dev=00:1a mode=0100000 nametype=NORMAL";
    let open = syscall("arch=c000003e syscall=257 success=no exit=-13 a0=ffffff9c a2=0 items=1");
    let event = event(&[denial, &open, "CWD cwd=\"/\"", path, "EOE"]);
    has(
        &event,
        &json!({"name": "fim_event", "path": "/etc/shadow", "error": "EACCES"}),
    );
    let denied = &event["records"]["AVC"][0];
    has(
        denied,
        &json!({"decision": "denied", "permissions": "read", "name": "shadow"}),
    );
}

#[test]
fn a_second_message_of_a_program_is_not_dropped() {
    let message = |op: &str| format!("USER_AUTH pid=9 uid=0 msg='op={op} res=success'");
    let event = event(&[
        &call(44, "a0=3 items=0"),
        &message("a"),
        &message("b"),
        INET,
        "EOE",
    ]);
    has(&event, &json!({"name": "user_event", "op": "a"}));
    assert_eq!(event["records"]["USER_AUTH"][0]["op"], "b", "{event}");
    assert_eq!(
        event["records"]["SOCKADDR"][0]["address"], "192.0.2.22",
        "{event}"
    );
}

#[test]
fn processes_begin_and_end() {
    let clone = |a0: &str| {
        let fields = format!("arch=c000003e syscall=56 success=yes exit=77 a0={a0} items=0");
        event(&[&syscall(&fields), "EOE"])
    };
    has(
        &clone("1200011"),
        &json!({"name": "process_event", "action": "forked", "exit": 77}),
    );
    has(
        &clone("3d0f00"),
        &json!({"name": "process_event", "action": "thread"}),
    );
    // The second argument has the flags on s390.
    let s390 = "arch=80000016 syscall=120 success=yes exit=77 a0=0 a1=3d0f00 items=0";
    assert_eq!(event(&[&syscall(s390), "EOE"])["action"], "thread");
    for (number, status) in [(60, 3), (231, 3)] {
        let exit = syscall(&format!(
            "arch=c000003e syscall={number} a0=ffffff03 items=0"
        ));
        let event = event(&[&exit, "EOE"]);
        let expected = json!({
            "name": "process_event", "action": "exited", "exit": status, "success": null,
            "error": null,
        });
        has(&event, &expected);
    }
}

#[test]
fn a_program_has_the_mode_and_owner_of_its_file() {
    let event = event(&[
        &call(59, "a0=5 items=2"),
        "EXECVE argc=1 a0=\"su\"",
        "CWD cwd=\"/\"",
        "PATH item=0 name=\"/bin/su\" inode=11 dev=fe:00 mode=0104755 ouid=0 ogid=5 nametype=NORMAL",
        "PATH item=1 name=\"/lib/ld.so\" inode=12 dev=fe:00 mode=0100755 ouid=9 ogid=9 nametype=NORMAL",
        "EOE",
    ]);
    let expected = json!({
        "action": "executed", "path": "/bin/su", "inode": "11", "dev": "fe:00",
        "mode": "0104755", "ouid": 0, "ogid": 5,
    });
    has(&event, &expected);
}

#[test]
fn a_rule_key_without_a_line_is_reported_once_with_what_shows_it() {
    let connect = call(42, "a0=3 items=0").replace("key=(null)", "key=\"net\"");
    let ptrace = call(101, "a0=10 items=0").replace("key=(null)", "key=\"net\"");
    let records = [&*connect, &*connect, &*ptrace, &*ptrace];
    let stream: String = (1..)
        .zip(records)
        .map(|(serial, call)| log(serial, &[call, "EOE"]))
        .collect();
    let output = replay_raw(&stream, &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    for (line, words) in lines
        .iter()
        .zip([["connect", "net", "socket"], ["ptrace", "net", "audit"]])
    {
        assert!(words.iter().all(|word| line.contains(word)), "{said}");
    }
    let output = replay_raw(&stream, &["--events", "socket,audit"]);
    assert!(output.stderr.is_empty());
    assert_eq!(output.stdout.split(|byte| *byte == b'\n').count(), 5);
}

#[test]
fn an_architecture_without_a_table_is_reported_once() {
    let unknown = syscall("arch=3 syscall=11 success=yes exit=0 items=0");
    let stream = log(1, &[&unknown, "EOE"]) + &log(2, &[&unknown, "EOE"]);
    let said = String::from_utf8(replay_raw(&stream, &[]).stderr).unwrap();
    assert_eq!(
        said.matches("system calls of 3 have no names").count(),
        1,
        "{said}"
    );
    let event = any(&[&unknown, "EOE"]);
    has(
        &event,
        &json!({"name": "audit_event", "syscall": "unknown(11)"}),
    );
    let known = syscall("arch=c0000102 syscall=221 success=yes exit=0 items=0");
    let event = any(&[&known, "EXECVE argc=1 a0=\"x\"", "EOE"]);
    has(
        &event,
        &json!({"name": "process_event", "arch": "loongarch64", "syscall": "execve"}),
    );
}

/// The names of the calls in rules that the audit daemon's package comes with.
fn calls_in_rules() -> Vec<String> {
    let directory = "/usr/share/doc/auditd/examples/rules";
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut calls = Vec::new();
    for entry in entries {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        let pairs = words.windows(2).filter(|pair| pair[0] == "-S");
        calls.extend(pairs.flat_map(|pair| pair[1].split(',')).map(str::to_owned));
    }
    calls.sort();
    calls.dedup();
    calls
}

#[test]
fn a_rule_with_a_key_never_yields_nothing() {
    let all = |stream: String, count: usize| {
        let args = [
            "--events",
            "all",
            "--enrich",
            "none",
            "-q",
            "--event-timeout",
            "1h",
        ];
        let output = replay_raw(stream, &args);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().step_by(17).for_each(check_line);
        let key = |line: &&str| line.contains(",\"key\":\"k\"");
        assert_eq!(text.lines().filter(key).count(), count);
    };
    let event = |serial: u32, fields: &str| {
        let call = syscall(fields).replace("key=(null)", "key=\"k\"");
        log(serial, &[&call, "EOE"])
    };
    for arch in [
        "c000003e", "40000003", "c00000b7", "40000028", "80000016", "c0000102", "3",
    ] {
        let numbers = 0..600;
        let fields = |number| format!("arch={arch} syscall={number} success=yes exit=0 items=0");
        let stream: String = numbers
            .clone()
            .map(|number| event(number, &fields(number)))
            .collect();
        all(stream, numbers.len());
    }
    let operations = 0..80;
    let operation = |number| {
        let fields = format!("uring_op={number} success=yes exit=0 items=0 pid=2 key=\"k\"");
        log(number, &[&format!("URINGOP {fields}"), "EOE"])
    };
    all(
        operations.clone().map(operation).collect(),
        operations.len(),
    );

    let calls = calls_in_rules();
    let number = |name: &String| syscall_number(Arch::X86_64, name);
    let unknown = calls
        .iter()
        .filter(|name| *name != "all" && number(name).is_none());
    // Those of 32-bit processes.
    let unknown: Vec<&String> = unknown
        .filter(|name| syscall_number(Arch::I386, name).is_none())
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn every_type_of_record_is_an_event_of_some_kind() {
    let types = (1000..3000).filter(|number| *number != 1320);
    let record = |number: u32| format!("type={number} msg=audit(1700000000.123:{number}): a=b\n");
    let stream: String = types.clone().map(record).collect();
    let output = replay_raw(stream, &["--events", "all", "--enrich", "none"]);
    let lines = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    assert_eq!(lines.count(), types.count());
}
