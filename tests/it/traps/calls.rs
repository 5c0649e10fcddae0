//! SYSCALL, URINGOP, and their companion records.

use serde_json::json;

use super::{call, event, events, syscall};

#[test]
fn syscall_numbers_are_named_per_architecture() {
    let name = |arch: &str, number: u32| {
        let fields = format!("arch={arch} syscall={number} success=yes exit=0");
        let events = events(&[&syscall(&fields)]);
        events
            .first()
            .map(|event| (event["arch"].clone(), event["syscall"].clone()))
    };
    assert_eq!(name("40000003", 11), Some((json!("i386"), json!("execve"))));
    assert_eq!(name("40000003", 59), None); // oldolduname
    assert_eq!(
        name("c000003e", 59),
        Some((json!("x86_64"), json!("execve")))
    );
    assert_eq!(
        name("c000003e", 1_073_742_344),
        Some((json!("x32"), json!("execve")))
    );
    assert_eq!(
        name("c00000b7", 35),
        Some((json!("aarch64"), json!("unlinkat")))
    );
    assert_eq!(name("40000028", 10), Some((json!("arm"), json!("unlink"))));
    assert_eq!(
        name("c00000f3", 56),
        Some((json!("riscv64"), json!("openat")))
    );
    assert_eq!(
        name("c0000015", 286),
        Some((json!("ppc64le"), json!("openat")))
    );
    assert_eq!(
        name("80000016", 288),
        Some((json!("s390x"), json!("openat")))
    );
}

#[test]
fn an_unknown_syscall_number_is_not_an_event() {
    assert!(events(&[&syscall("arch=c000003e syscall=9999 success=yes exit=0")]).is_empty());
    assert!(events(&[&syscall("arch=deadbeef syscall=59 success=yes exit=0")]).is_empty());
    assert!(events(&[&syscall("arch=c000003e syscall=x success=yes exit=0")]).is_empty());
}

#[test]
fn an_unknown_syscall_that_runs_a_program_or_creates_a_file_is_an_event() {
    let unknown = call(999, "a0=3 items=1");
    let program = event(&[&unknown, "EXECVE argc=1 a0=\"x\"", "EOE"]);
    assert_eq!(
        (&program["name"], &program["syscall"]),
        (&json!("process_event"), &json!("unknown(999)"))
    );
    let path = |nametype: &str| {
        let path = format!("PATH item=0 name=\"/x\" inode=3 dev=fe:00 nametype={nametype}");
        events(&[&unknown, "CWD cwd=\"/\"", &path, "EOE"])
    };
    let file = path("CREATE").remove(0);
    assert_eq!(
        (&file["action"], &file["path"]),
        (&json!("created"), &json!("/x"))
    );
    assert_eq!(path("DELETE")[0]["action"], "deleted");
    assert!(path("NORMAL").is_empty());
    let mips = syscall("arch=40000008 syscall=4011 success=yes exit=0");
    let program = event(&[&mips, "EXECVE argc=1 a0=\"x\"", "EOE"]);
    assert_eq!(
        (&program["arch"], &program["syscall"]),
        (&json!("mipsel"), &json!("unknown(4011)"))
    );
}

#[test]
fn a_personality_field_is_skipped() {
    let event = event(&[&syscall(
        "arch=c000003e syscall=59 per=8 success=yes exit=0",
    )]);
    assert_eq!(
        (&event["syscall"], &event["success"]),
        (&json!("execve"), &json!("yes"))
    );
}

#[test]
fn a_syscall_that_does_not_return_has_no_success() {
    let event = event(&[&syscall("arch=c000003e syscall=59 a0=0")]);
    assert!(event.get("success").is_none() && event.get("error").is_none());
    assert_eq!(event["exit"], 0);
}

#[test]
fn missing_ids_are_unset_and_not_root() {
    let event = event(&["SYSCALL arch=c000003e syscall=59 pid=7"]);
    for id in [
        "ppid", "auid", "uid", "gid", "euid", "egid", "fsuid", "suid", "session",
    ] {
        assert_eq!(event[id], 4_294_967_295u32, "{id}");
    }
    assert_eq!(event["pid"], 7);
}

#[test]
fn ids_that_overflow_are_unset_and_not_root() {
    let event = event(&["SYSCALL arch=c000003e syscall=59 pid=7 uid=99999999999 auid=-1 ses="]);
    assert_eq!(
        (&event["uid"], &event["auid"]),
        (&json!(4_294_967_295u32), &json!(4_294_967_295u32))
    );
    assert_eq!(event["session"], 4_294_967_295u32);
}

#[test]
fn keys_of_several_rules_are_joined_with_commas() {
    let record = |key: &str| call(59, "").replace("key=(null)", &format!("key={key}"));
    let key = |text| event(&[&record(text)]).get("key").cloned();
    assert_eq!(key("6669726501736563"), Some(json!("fire,sec")));
    assert_eq!(key("\"one\""), Some(json!("one")));
    assert_eq!(key("(null)"), None);
    assert_eq!(key("\"(null)\""), Some(json!("(null)"))); // a legal key, since it is in quotes
}

#[test]
fn comm_is_decoded_only_if_bare() {
    let comm = |text: &str| {
        let record = call(59, "").replace("comm=\"x\"", &format!("comm={text}"));
        event(&[&record])["comm"].clone()
    };
    assert_eq!(comm("\"(systemd)\""), "(systemd)");
    assert_eq!(comm("6B776F726B657220"), "kworker ");
    assert_eq!(comm("\"41\""), "41");
}

#[test]
fn a_deleted_program_is_shown_as_printed() {
    // A file may really have this name; the record does not tell the difference.
    let record = call(59, "").replace("exe=\"/bin/x\"", "exe=2F746D702F78202864656C6574656429");
    assert_eq!(event(&[&record])["exectuable"], "/tmp/x (deleted)");
}

#[test]
fn a_kernel_thread_has_no_program_and_no_terminal() {
    let record = call(59, "")
        .replace("exe=\"/bin/x\"", "exe=(null)")
        .replace("pts0", "(none)");
    let event = event(&[&record]);
    assert!(event.get("exectuable").is_none() && event.get("tty").is_none());
}

#[test]
fn a_label_may_start_with_an_equals_sign_and_contain_a_space() {
    let subj = |text: &str| {
        let record = call(59, "").replace(" key=", &format!(" subj={text} key="));
        let event = event(&[&record]);
        assert!(event.get("key").is_none());
        event["subj"].clone()
    };
    assert_eq!(subj("=unconfined"), "=unconfined");
    assert_eq!(
        subj("=/usr/sbin/ntpd (enforce)"),
        "=/usr/sbin/ntpd (enforce)"
    );
    assert_eq!(subj("/{,usr/}sbin/dhclient"), "/{,usr/}sbin/dhclient");
    assert_eq!(subj("/opt/My App (enforce)"), "/opt/My App (enforce)");
    assert_eq!(
        subj("=/usr/bin/man//&man_groff (enforce)"),
        "=/usr/bin/man//&man_groff (enforce)"
    );
}

#[test]
fn labels_of_several_lsms_come_from_their_own_record() {
    let record = call(59, "").replace(" key=", " subj=? key=");
    for record_type in ["MAC_TASK_CONTEXTS", "UNKNOWN[1420]"] {
        let contexts = format!("{record_type} subj_selinux=a:b:c:s0 subj_apparmor=unconfined");
        let event = event(&[&record, &contexts]);
        assert_eq!(
            event["subj"],
            "subj_selinux=a:b:c:s0 subj_apparmor=unconfined"
        );
    }
    let event = event(&[&record, "UNKNOWN[1420] ipe_op=EXECUTE rule=x"]);
    assert!(event.get("subj").is_none());
}

#[test]
fn names_appended_by_auditd_override_nothing() {
    let record = call(59, "") + "\u{1d}ARCH=x86_64 SYSCALL=execve AUID=\"u\" UID=\"mallory\" uid=9";
    let event = event(&[&record]);
    assert_eq!(
        (&event["uid"], &event["arch"]),
        (&json!(0), &json!("x86_64"))
    );
}

#[test]
fn braces_and_spaces_in_appended_names_are_harmless() {
    let record = "SOCKADDR saddr=0100\u{1d}SADDR={ saddr_fam=local path=/tmp/{uuid} }";
    let event = event(&[&call(59, ""), record]);
    assert_eq!(event["syscall"], "execve");
}

#[test]
fn the_flags_of_openat2_come_from_their_own_record() {
    let open = syscall("arch=c000003e syscall=437 success=no exit=-2 a0=ffffff9c a2=18 items=1");
    let path = "PATH item=0 name=\"/none\" nametype=UNKNOWN";
    let event = |flags: &str| {
        event(&[
            &open,
            &format!("OPENAT2 oflag={flags} mode=0600 resolve=0x8"),
            path,
        ])
    };
    assert_eq!(event("0100102")["action"], "created"); // O_CREAT | O_RDWR | O_LARGEFILE
    assert_eq!(event("0100002")["action"], "opened");
}

#[test]
fn records_may_precede_the_syscall_record() {
    let event = event(&[
        "AVC avc:  denied  { read write } for  pid=1 comm=\"y\" name=612061 dev=hda7 ino=9 permissive=1",
        "CONFIG_CHANGE op=set audit_enabled=0 old=1 auid=5 ses=6 res=1",
        "ANOM_PROMISCUOUS dev=d0 prom=256 old_prom=0 auid=5 uid=5 gid=5 ses=6",
        "OBJ_PID opid=9 oauid=-1 ouid=0 oses=-1 ocomm=\"z\"",
        &call(59, ""),
    ]);
    assert_eq!(
        (&event["comm"], &event["auid"]),
        (&json!("x"), &json!(1000))
    );
}

#[test]
fn kernel_records_outside_a_syscall_are_not_events() {
    for record in [
        "BPF prog-id=45 op=UNLOAD",
        "SECCOMP auid=1 uid=2 gid=3 ses=4 pid=5 comm=\"x\" sig=31 arch=40000003 syscall=132 compat=1 ip=0x0 code=0x0",
        "NETFILTER_CFG table=?:0;?:0 family=0 entries=2 op=register",
        "MAC_POLICY_LOAD policy loaded auid=0 ses=1",
        "EVENT_LISTENER pid=1 uid=0 nl-mcgrp=1 op=connect res=1",
        "DAEMON_START op=start ver=3 subj=unconfined  res=success",
        "DAEMON_END op=terminate subj= res=success",
        "CONFIG_CHANGE op=set audit_pid=1 old=1 auid=1 ses=1 res=0",
        "TTY tty pid=1 uid=0 data=72706D202D710D",
        "AVC apparmor=\"DENIED\" operation=\"change_hat\" info=\"same as current profile, skipping\"",
    ] {
        assert!(events(&[record]).is_empty(), "{record}");
    }
}

#[test]
fn io_uring_operations_have_their_own_table_of_names() {
    let event = event(&[
        "URINGOP uring_op=36 success=yes exit=0 items=2 ppid=1 pid=2 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 key=\"u\"",
        "CWD cwd=\"/\"",
        "PATH item=0 name=\"/tmp/\" inode=2 dev=fe:00 mode=041777 nametype=PARENT",
        "PATH item=1 name=\"/tmp/x\" inode=3 dev=fe:00 mode=0100644 nametype=DELETE",
    ]);
    assert_eq!(
        (&event["type"], &event["syscall"]),
        (&json!("URINGOP"), &json!("unlinkat"))
    );
    assert_eq!(
        (&event["path"], &event["action"]),
        (&json!("/tmp/x"), &json!("deleted"))
    );
    assert_eq!(event["auid"], 4_294_967_295u32);
    // In a log it has no end, but it is not incomplete.
    assert!(event.get("incomplete").is_none());
}

#[test]
fn an_operation_inside_the_call_that_submitted_it_is_the_event() {
    let event = event(&[
        "URINGOP uring_op=36 success=yes exit=0 items=1 ppid=1 pid=2 uid=0 key=\"u\"",
        &call(426, "a0=3 a1=1 items=1"),
        "CWD cwd=\"/\"",
        "PATH item=0 name=\"/tmp/x\" inode=3 dev=fe:00 mode=0100644 nametype=DELETE",
    ]);
    assert_eq!(
        (&event["type"], &event["syscall"]),
        (&json!("URINGOP"), &json!("unlinkat"))
    );
    assert_eq!(
        (&event["comm"], &event["auid"]),
        (&json!("x"), &json!(1000))
    );
}

#[test]
fn several_operations_of_one_call_make_the_event_incomplete() {
    let operation = "URINGOP uring_op=36 success=yes exit=0 items=1 ppid=1 pid=2 uid=0 key=\"u\"";
    let path = "PATH item=0 name=\"/tmp/x\" inode=3 dev=fe:00 mode=0100644 nametype=DELETE";
    let enter = call(426, "a0=3 a1=2 items=1");
    let event = event(&[operation, operation, &enter, "CWD cwd=\"/\"", path, "EOE"]);
    assert_eq!(
        (&event["syscall"], &event["incomplete"]),
        (&json!("unlinkat"), &json!(true))
    );
}

#[test]
fn a_stray_path_record_of_io_uring_enter_is_not_an_event() {
    let path = "PATH item=0 name=\"/other\" inode=3 dev=fe:00 nametype=NORMAL";
    assert!(events(&[&call(426, "a0=3 items=1"), path]).is_empty());
}

#[test]
fn socket_addresses_are_not_part_of_an_event() {
    // No kind of event has a key for them, so they are never decoded, whatever their family, byte
    // order and length. Other records of the event are not affected.
    for saddr in [
        "02002BCB7F0000010000000000000000",
        "0002D9037F000001",
        "0A000009000000000000000000000000000000000000000100000000",
        "01002F7661722F72756E2F6E7363642F736F636B65740038530200",
        "0100002F746D70",
        "0100",
        "100000000000000000000000",
        "0000",
        "",
        "zz",
    ] {
        let record = format!("SOCKADDR saddr={saddr}");
        assert!(events(&[&call(42, "a0=3"), &record]).is_empty(), "{saddr}");
        assert_eq!(event(&[&call(59, ""), &record])["syscall"], "execve");
    }
}

#[test]
fn an_operation_in_progress_has_a_named_error() {
    let event = event(&[&syscall("arch=c000003e syscall=59 success=no exit=-115")]);
    assert_eq!(
        (&event["success"], &event["error"]),
        (&json!("no"), &json!("EINPROGRESS"))
    );
}

#[test]
fn an_open_that_may_create_has_created_only_what_a_record_says() {
    let action = |exit: i64, flags: &str, records: &[&str]| {
        let open = call(257, &format!("a0=ffffff9c a2={flags} items=2"));
        let failed = if exit < 0 {
            "success=no"
        } else {
            "success=yes"
        };
        let open = open.replace("success=yes", failed);
        let open = open.replace("exit=0", &format!("exit={exit}"));
        event(&[&[&*open, "CWD cwd=\"/w\""], records].concat())["action"].clone()
    };
    let parent = "PATH item=0 name=\"/w/\" inode=2 dev=fe:00 mode=040755 nametype=PARENT";
    let file = |nametype: &str| {
        format!("PATH item=1 name=\"f\" inode=3 dev=fe:00 mode=0100644 nametype={nametype}")
    };
    assert_eq!(action(7, "441", &[parent, &file("CREATE")]), "created");
    assert_eq!(action(7, "441", &[parent, &file("NORMAL")]), "opened");
    assert_eq!(action(7, "241", &[parent, &file("NORMAL")]), "modified");
    // The record of the file is missing.
    assert_eq!(action(7, "441", &[]), "opened");
    assert_eq!(action(7, "441", &[parent]), "opened");
    assert_eq!(action(7, "c1", &[parent]), "created");
    // What was attempted.
    assert_eq!(action(-13, "441", &[parent]), "created");
}

#[test]
fn an_error_has_the_name_that_its_number_has_on_the_architecture() {
    let error = |arch: &str, exit: i64| {
        let call = call(5, "items=0").replace("arch=c000003e", &format!("arch={arch}"));
        let call = call.replace("success=yes", "success=no");
        let call = call.replace("exit=0", &format!("exit={exit}"));
        let open = "PATH item=0 name=\"/f\" inode=3 dev=fe:00 mode=0100644 nametype=CREATE";
        event(&[&call, "CWD cwd=\"/w\"", open])["error"].clone()
    };
    for arch in ["40000003", "80000016", "00000016"] {
        assert_eq!(error(arch, -90), "EMSGSIZE", "{arch}");
    }
    // MIPS, SPARC and Alpha number errors from 35 on in their own way.
    for arch in ["00000008", "40000008", "8000002b", "c0009026"] {
        assert_eq!(error(arch, -90), json!(null), "{arch}");
        assert_eq!(error(arch, -13), "EACCES", "{arch}");
        assert_eq!(error(arch, -512), "ERESTARTSYS", "{arch}");
    }
    assert_eq!(error("c0009026", -11), json!(null));
}
