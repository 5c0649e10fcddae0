//! The parents and names of processes, against the running kernel and in logs.

use std::{collections::BTreeSet, fs, process::Command};

use crate::{
    common::{Value, replay},
    live::{
        audit::{Audit, wait_until},
        daemon::Daemon,
    },
};

/// A rule for every program that is started below this process, by any user.
fn record_programs(audit: &mut Audit, key: &str) {
    audit.rule(&[
        "always,exit",
        "-F",
        "arch=b64",
        "-S",
        "execve,execveat",
        "-k",
        key,
    ]);
}

/// Starts a listener, and waits until it knows the processes that were there before: an event has a
/// name for its process.
fn listen() -> Daemon {
    let daemon = Daemon::listen::<&str>(&[]);
    wait_until("processes have names", || {
        run("/usr/bin/true; :");
        let events = daemon.events();
        let mut events = events.iter();
        events
            .any(|event| event["entity_id"].is_string())
            .then_some(())
    });
    daemon
}

fn is_program(event: &Value, key: &str, exe: &str) -> bool {
    event["key"] == key
        && event["exectuable"]
            .as_str()
            .is_some_and(|path| path.ends_with(exe))
}

/// Runs a script in a shell that was started while auditing was on.
fn run(script: &str) {
    let status = Command::new("sh")
        .args(["-c", script])
        .status()
        .expect("a shell");
    assert!(status.success(), "{script}");
}

#[test]
fn every_short_lived_program_has_its_parent() {
    const KEY: &str = "auditrd-parents";
    const COUNT: usize = 300;
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    record_programs(&mut audit, KEY);
    let daemon = listen();
    // The second command keeps the shell from becoming the program.
    run(&format!(
        "for i in $(seq {COUNT}); do sh -c '/usr/bin/id >/dev/null; :'; done"
    ));
    let is_id = |event: &Value| is_program(event, KEY, "/id");
    daemon.wait_for(COUNT, "each program", is_id);
    let events = daemon.stop().events;
    let mut names = BTreeSet::new();
    for event in events.iter().filter(|event| is_id(event)) {
        assert_eq!(event["parent"]["pid"], event["ppid"], "{event}");
        let line = event["parent"]["commandline"].as_str();
        assert_eq!(line, Some("sh -c '/usr/bin/id >/dev/null; :'"), "{event}");
        assert_eq!(event["parent"]["origin"], "records", "{event}");
        if let Some(name) = event["entity_id"].as_str() {
            assert!(names.insert(name.to_owned()), "{event}");
        }
    }
    // A name is left out if it is in doubt.
    assert!(names.len() > COUNT * 9 / 10, "{} have a name", names.len());
}

#[test]
fn a_reused_pid_never_has_the_program_of_its_predecessor() {
    const KEY: &str = "auditrd-reuse";
    const ROUNDS: usize = 20;
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let next = "/proc/sys/kernel/ns_last_pid";
    let Ok(before) = fs::read_to_string(next) else {
        return crate::live::audit::skip("needs checkpoint and restore in the kernel");
    };
    record_programs(&mut audit, KEY);
    audit.rule(&[
        "always,exit",
        "-F",
        "arch=b64",
        "-S",
        "fork,vfork,clone,clone3",
        "-k",
        KEY,
    ]);
    let daemon = listen();
    let is_sleep = |event: &Value| is_program(event, KEY, "/sleep");
    for round in 1..=ROUNDS {
        let mut sleep = Command::new("sh")
            .args(["-c", "exec sleep 0"])
            .spawn()
            .expect("a program");
        let pid = sleep.id();
        sleep.wait().unwrap();
        // If auditrd asks the kernel after the pid was set back, the answer is about the other
        // process.
        daemon.wait_for(round, "the predecessor", is_sleep);
        // A shell that starts no program gets its pid, and starts another program.
        run(&format!(
            "echo {} >{next}; (echo {pid} >/dev/null; /usr/bin/id >/dev/null; :) & wait $!",
            pid - 1
        ));
    }
    let is_id = |event: &Value| is_program(event, KEY, "/id");
    daemon.wait_for(ROUNDS, "each program", is_id);
    let events = daemon.stop().events;
    let _ = fs::write(next, before);
    let pids: BTreeSet<u64> = events
        .iter()
        .filter(|event| is_sleep(event))
        .flat_map(|e| e["pid"].as_u64())
        .collect();
    let mut reused = 0;
    for event in events.iter().filter(|event| is_id(event)) {
        reused += u32::from(
            event["ppid"]
                .as_u64()
                .is_some_and(|pid| pids.contains(&pid)),
        );
        let exe = event["parent"]["exe"].as_str().unwrap_or("unknown");
        assert!(!exe.ends_with("/sleep"), "{event}");
    }
    assert!(reused > 0, "no pid was used again");
}

#[test]
fn a_process_has_the_same_name_after_a_restart() {
    const KEY: &str = "auditrd-restart";
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    // No record tells of the shell, which runs before there are rules.
    let mut shell = Command::new("sh")
        .args(["-c", "while read line; do /usr/bin/id >/dev/null; done"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("a shell");
    let pid = shell.id();
    record_programs(&mut audit, KEY);
    let mut names = Vec::new();
    for _ in 0..2 {
        let daemon = listen();
        std::io::Write::write_all(shell.stdin.as_mut().unwrap(), b"\n").unwrap();
        let is_child = |event: &Value| event["ppid"] == pid && is_program(event, KEY, "/id");
        daemon.wait_for(1, "the program", is_child);
        let events = daemon.stop().events;
        let event = events.iter().find(|event| is_child(event)).unwrap();
        assert_eq!(event["parent"]["origin"], "proc", "{event}");
        let line = event["parent"]["commandline"].as_str().unwrap();
        assert!(line.starts_with("sh -c "), "{event}");
        names.push(event["ancestors"][0].clone());
    }
    drop(shell.stdin.take());
    shell.wait().unwrap();
    assert_eq!(names[0], names[1]);
}

/// The records of a program that was started before or after a boot, at a second, by its stamp.
fn program(second: u32, serial: u32, pid: u32, ppid: u32, exe: &str) -> String {
    let stamp = format!("msg=audit({second}.000:{serial})");
    format!(
        "type=SYSCALL {stamp}: arch=c000003e syscall=59 success=yes exit=0 items=0 ppid={ppid} \
         pid={pid} auid=4294967295 uid=0 gid=0 euid=0 ses=4294967295 comm=\"x\" exe=\"{exe}\"\n\
         type=EXECVE {stamp}: argc=1 a0=\"{exe}\"\ntype=PROCTITLE {stamp}: proctitle=\"x\"\n"
    )
}

#[test]
fn a_process_of_another_boot_is_another_one() {
    let log = [
        program(1000, 900, 620, 1, "/usr/sbin/cron"),
        program(1001, 901, 630, 1, "/usr/sbin/atd"),
        program(1002, 902, 640, 620, "/bin/sh"),
        // Booted, with the same pids and parents.
        program(1060, 20, 620, 1, "/usr/sbin/sshd"),
        program(1061, 21, 650, 630, "/bin/id"),
    ];
    let events = replay(log.concat(), &[]);
    let parents: Vec<&Value> = events.iter().map(|event| &event["parent"]["exe"]).collect();
    let cron = Value::from("/usr/sbin/cron");
    let none = &Value::Null;
    assert_eq!(parents, [none, none, &cron, none, none]);
    assert_eq!(events[3]["entity_id"], "620-1060000:20");
}

/// The record of a call, which starts with these fields.
fn call(serial: u32, fields: &str, ids: &str, exe: &str) -> String {
    format!(
        "type=SYSCALL msg=audit(1700000000.100:{serial}): {fields} {ids} auid=1000 uid=0 gid=0 euid=0 \
         suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=1 comm=\"x\" exe=\"{exe}\" key=(null)\n"
    )
}

#[test]
fn a_binary_with_the_arguments_of_a_script_is_none() {
    let script = |exe: &str, file: &str| {
        let stamp = "msg=audit(1700000000.100:1):";
        let exec = "arch=c000003e syscall=59 success=yes exit=0 a0=0 a1=0 a2=0 a3=0 items=2";
        let log = call(1, exec, "ppid=1 pid=90", exe)
            + &format!(
                "type=EXECVE {stamp} argc=2 a0=\"/lib64/ld-linux-x86-64.so.2\" a1=\"{file}\"\n"
            )
            + &format!("type=CWD {stamp} cwd=\"/w\"\n")
            + &format!(
                "type=PATH {stamp} item=0 name=\"{file}\" inode=5 dev=fe:00 nametype=NORMAL\n"
            )
            + &format!(
                "type=PATH {stamp} item=1 name=\"/lib64/ld-linux-x86-64.so.2\" inode=6 dev=fe:00 \
                 nametype=NORMAL\ntype=EOE {stamp} \n"
            );
        replay(log, &["-q"]).remove(0)["script"].clone()
    };
    // The loader is named by the caller, or by the first line of the file.
    assert_eq!(script("/bin/x", "/bin/x"), Value::Null);
    assert_eq!(script("/usr/bin/x", "/bin/x"), Value::Null);
    assert_eq!(script("/usr/lib64/ld-2.31.so", "/bin/x"), "/bin/x");
}

#[test]
fn a_thread_on_s390x_is_no_child() {
    // There the flags of clone are its second argument.
    let log = |flags: &str| {
        let clone = format!(
            "arch=80000016 syscall=120 success=yes exit=201 a0=3ffe7f0 a1={flags} a2=0 a3=0 items=0"
        );
        let open = "arch=80000016 syscall=5 success=no exit=-2 a0=0 a1=0 a2=0 a3=0 items=1";
        let stamp = "msg=audit(1700000000.100:2):";
        call(1, &clone, "ppid=1 pid=200", "/bin/x")
            + "type=EOE msg=audit(1700000000.100:1): \n"
            + &call(2, open, "ppid=200 pid=201", "/bin/x")
            + &format!(
                "type=CWD {stamp} cwd=\"/w\"\ntype=PATH {stamp} item=0 name=\"f\" nametype=UNKNOWN\n"
            )
            + &format!("type=EOE {stamp} \n")
    };
    let events = |flags| replay(log(flags), &["-q"]);
    let (thread, process) = (events("3d0f00"), events("1200011"));
    assert_eq!(
        (&thread[0]["action"], &process[0]["action"]),
        (&"thread".into(), &"forked".into())
    );
    // A process whose beginning was seen has a name that is not that of a thread.
    assert_eq!(
        process[1]["entity_id"], "201-1700000000100:1",
        "{}",
        process[1]
    );
    assert_ne!(
        thread[1]["entity_id"], "201-1700000000100:1",
        "{}",
        thread[1]
    );
}
