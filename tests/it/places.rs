//! Containers and units: cgroups made by hand as runtimes make them, with real processes, and the
//! command lines of runtimes in a log.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{
    common::{Value, replay},
    live::{
        MULTICAST,
        audit::{Audit, skip},
        daemon::Daemon,
        directory,
    },
};

/// The directory where cgroup v2 is mounted, if this process may make cgroups there.
pub(crate) fn cgroups() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
    let root = PathBuf::from(mount.split(' ').nth(4)?);
    let probe = root.join("auditrd-test-probe");
    let is_allowed = fs::create_dir(&probe).is_ok();
    drop(fs::remove_dir(probe));
    is_allowed.then_some(root)
}

/// A process in a cgroup of its own, which is removed with it.
struct Contained {
    child: Child,
    /// The directories that were made for it, the deepest last.
    made: Vec<PathBuf>,
}

impl Contained {
    /// Runs a program in a cgroup; it waits for the end of its input.
    fn start(program: &Path, root: &Path, cgroup: &str) -> Contained {
        let mut made = Vec::new();
        let mut directory = root.to_owned();
        for part in cgroup.split('/') {
            directory.push(part);
            if fs::create_dir(&directory).is_ok() {
                made.push(directory.clone());
            }
        }
        let child = Command::new("/bin/sh")
            .args(["-c", "echo $$ >\"$1\" && exec \"$0\""])
            .arg(program)
            .arg(directory.join("cgroup.procs"))
            .stdin(Stdio::piped())
            .spawn();
        let child = child.expect("a shell");
        Contained { child, made }
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
        for directory in self.made.iter().rev() {
            let _ = fs::remove_dir(directory);
        }
    }
}

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const POD: &str = "7e44ee88-1e65-4a16-8cdf-9a90c819180e";

#[test]
fn a_process_in_a_cgroup_has_its_container_and_unit() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let Some(root) = cgroups() else {
        return skip("needs a cgroup v2 to write to");
    };
    let directory = directory();
    let program = directory.path().join("program");
    fs::copy("/bin/cat", &program).unwrap();
    let watched = format!("path={}", program.display());
    audit.rule(&[
        "always,exit",
        "-F",
        "arch=b64",
        "-S",
        "execve",
        "-F",
        &watched,
    ]);
    let daemon = Daemon::listen(&MULTICAST);
    let pods = POD.replace('-', "_");
    let cases = [
        (
            format!("auditrd-test.slice/docker-{ID}.scope"),
            "docker",
            "",
            "",
        ),
        (
            format!(
                "auditrd-test.slice/kubepods-burstable-pod{pods}.slice/cri-containerd-{ID}.scope"
            ),
            "containerd",
            POD,
            "",
        ),
        (
            format!("auditrd-test.slice/web.service/libpod-payload-{ID}"),
            "podman",
            "",
            "web.service",
        ),
        (
            "auditrd-test.slice/lxc.payload.web/init.scope".to_owned(),
            "lxc",
            "",
            "",
        ),
        (
            "auditrd-test.slice/web.service/sub".to_owned(),
            "",
            "",
            "web.service",
        ),
    ];
    for (index, (cgroup, runtime, pod, unit)) in cases.iter().enumerate() {
        let contained = Contained::start(&program, &root, cgroup);
        let pid = contained.child.id();
        let is_it = |event: &Value| event["pid"] == pid && event["type"] == "SYSCALL";
        daemon.wait_for(1, "the program is executed", is_it);
        let events = daemon.events();
        let event = events.iter().find(|event| is_it(event)).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let container = &event["container"];
        let known = [&container["runtime"], &container["pod_uid"], &event["unit"]].map(text);
        assert_eq!(known, [*runtime, *pod, *unit], "{index}: {event}");
        let id = match *runtime {
            "" => "",
            "lxc" => "web",
            _ => ID,
        };
        assert_eq!(text(&container["id"]), id, "{event}");
    }
    assert_eq!(daemon.stop().status.code(), Some(0));
}

/// The records of a program that root executed.
fn execution(serial: u32, pid: u32, ppid: u32, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let argv: Vec<String> = (0..)
        .zip(&words)
        .map(|(n, word)| format!("a{n}=\"{word}\""))
        .collect();
    let stamp = format!("msg=audit(1700000000.000:{serial})");
    format!(
        "type=SYSCALL {stamp}: arch=c000003e syscall=59 success=yes exit=0 items=0 ppid={ppid} \
         pid={pid} auid=4294967295 uid=0 gid=0 euid=0 ses=4294967295 comm=\"x\" exe=\"{}\"\n\
         type=EXECVE {stamp}: argc={} {}\ntype=PROCTITLE {stamp}: proctitle=\"x\"\n",
        words[0],
        words.len(),
        argv.join(" ")
    )
}

#[test]
fn the_command_line_of_a_runtime_tells_the_container_of_its_children() {
    let log = [
        execution(
            1,
            50,
            1,
            "/usr/bin/containerd-shim-runc-v2 -namespace moby -id web -address x",
        ),
        execution(2, 51, 50, "/usr/bin/runc --root /r create --bundle b web"),
        execution(3, 52, 51, "/usr/bin/hook"),
        execution(4, 53, 50, "/usr/sbin/nginx"),
        execution(5, 54, 53, "/bin/sh -c id"),
    ];
    let events = replay(log.concat(), &[]);
    let known: Vec<&Value> = events.iter().map(|event| &event["container"]).collect();
    let web = serde_json::json!({"id": "web", "runtime": "docker"});
    assert_eq!(
        known,
        [&Value::Null, &Value::Null, &Value::Null, &web, &web]
    );
    let events = replay(log.concat(), &["--enrich", "login"]);
    assert!(events.iter().all(|event| event["container"].is_null()));
    let groups = replay(log.concat(), &["--format", "raw"]);
    let has = |message: &Value| message["type"] == 1300;
    for (group, known) in groups.iter().zip(&known) {
        let messages = group["messages"].as_array().unwrap();
        for message in messages {
            let expected = match known.is_null() || !has(message) {
                true => Value::Null,
                false => serde_json::json!({"id": "web"}),
            };
            assert_eq!(message["containers"], expected, "{group}");
        }
    }
    let groups = replay(log.concat(), &["--format", "raw", "--enrich", "none"]);
    assert!(
        !groups
            .iter()
            .any(|group| group.to_string().contains("containers"))
    );
}
