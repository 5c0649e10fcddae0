//! How many lines have each key of the context of events: with root's rights, and as the service
//! without any, which cannot see other processes.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    common::{Value, auditrd},
    live::{
        MULTICAST, NOBODY,
        audit::{Audit, skip},
        daemon::Daemon,
        directory, os,
    },
    logins::Sshd,
};

const KEYS: [&str; 8] = [
    "parent",
    "entity_id",
    "ancestors",
    "login",
    "names",
    "container",
    "unit",
    "script",
];

/// The programs that root's sessions run.
const RULE: [&str; 9] = [
    "always,exit",
    "-F",
    "arch=b64",
    "-S",
    "execve,execveat",
    "-F",
    "auid=0",
    "-k",
    "shares",
];

/// A session at work: scripts, pipelines, a build, a container whose runtime is recorded, and one
/// that only its cgroup tells, beside a service. `$1` is the directory, `$2` that of the cgroups.
const WORK: &str = r#"
cd "$1" && mkdir job && cd job || exit
printf '#!/bin/sh\nid -u >"out.$1"\nls | sort | wc -l >/dev/null\n' >step
chmod +x step
for number in $(seq 40); do ./step "$number"; done
printf 'all: a b\n%%: %%.c\n\tcp $< $@\n' >Makefile
echo 'int main;' | tee a.c >b.c
make -s && find . -name 'out.*' -exec cat {} + | sort | uniq -c >/dev/null
"$1/conmon" -c job.sh
for group in docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope web.service; do
    mkdir -p "$2/$group" || exit
    sh -c 'echo $$ >"$0/cgroup.procs"; exec "$1/job.sh"' "$2/$group" "$1"
done
rm -f out.*
"#;

/// auditrd as its service without rights: another user, which gets the socket, and sees no process
/// of others (`ProtectProc=invisible`).
fn service() -> Daemon {
    let run = "mount -t proc -o hidepid=invisible proc /proc && LISTEN_PID=$$ LISTEN_FDS=1 \
               exec setpriv --reuid \"$0\" --regid \"$0\" --clear-groups --bounding-set=-all \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "/bin/sh", "-c", run]);
    command.arg(NOBODY.to_string()).arg(auditrd().get_program());
    command.current_dir("/").stdin(Stdio::null());
    os::pass(
        &mut command,
        os::listening_socket().expect("root may listen"),
    );
    let daemon = Daemon::start_on_stdout(command);
    daemon.wait_until_started();
    daemon
}

/// The cgroup of this process with a slice of its own, which goes with it. None where it cannot be
/// made.
struct Slice(std::path::PathBuf);

impl Slice {
    fn make() -> Option<Slice> {
        let slice = crate::places::cgroups()?.join("auditrd-test-shares.slice");
        fs::create_dir(&slice).ok()?;
        Some(Slice(slice))
    }
}

impl Drop for Slice {
    fn drop(&mut self) {
        let inner = fs::read_dir(&self.0).into_iter().flatten().flatten();
        inner.for_each(|entry| drop(fs::remove_dir(entry.path())));
        let _ = fs::remove_dir(&self.0);
    }
}

/// The events of the work, and how many of them have each key.
fn shares(events: &[Value]) -> (usize, [usize; 8]) {
    let is_work = |event: &&Value| event["auid"] == 0 && event["type"] == "SYSCALL";
    let work: Vec<&Value> = events.iter().filter(is_work).collect();
    let has = |key: &str| work.iter().filter(|event| !event[key].is_null()).count();
    (work.len(), KEYS.map(has))
}

#[test]
fn the_service_without_rights_has_most_of_the_context_that_root_has() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let sshd = match Sshd::start() {
        Ok(sshd) => sshd,
        Err(missing) => return skip(&format!("needs {missing}")),
    };
    let Some(slice) = Slice::make() else {
        return skip("needs a cgroup v2 to write to");
    };
    let directory = directory();
    fs::copy("/bin/sh", directory.path().join("conmon")).unwrap();
    fs::write(directory.path().join("work"), WORK).unwrap();
    write_program(&directory.path().join("job.sh"));
    audit.rule(&RULE);
    audit.watch(directory.path());
    let daemons = [Daemon::listen(&MULTICAST), service()];
    let path = directory.path().display();
    let work = format!(
        "PATH={path}:$PATH sh {path}/work {path} {}",
        slice.0.display()
    );
    sshd.run(&[], &work);
    let is_end = |event: &Value| event["type"] == "USER_END" && event["addr"] == "127.0.0.1";
    let [root, service] = daemons.map(|daemon| {
        daemon.wait_for(1, "the end of the session", is_end);
        shares(&daemon.stop().events)
    });
    eprintln!("| key | as root | as the service |\n|---|---|---|");
    let percent =
        |(all, with): (usize, usize)| format!("{:.1} %", 100.0 * with as f64 / all as f64);
    for (index, key) in KEYS.iter().enumerate() {
        let [root, service] = [root, service].map(|(all, with)| percent((all, with[index])));
        eprintln!("| `{key}` | {root} | {service} |");
    }
    assert_eq!(root.0, service.0, "lines");
    assert!(root.0 > 200, "{root:?}");
    // It depends on the load which processes are still there when auditrd asks the kernel.
    let margin = root.0 / 5;
    for (key, (of_root, of_service)) in KEYS.iter().zip(root.1.into_iter().zip(service.1)) {
        let (least, most) = match *key {
            "login" | "names" => (of_root, of_root),
            "container" | "unit" => (0, of_root + margin),
            _ => (of_root.saturating_sub(margin), of_root + margin),
        };
        assert!(
            (least..=most).contains(&of_service),
            "{key}: {root:?}, {service:?}"
        );
    }
}

/// A script that runs in a container.
fn write_program(path: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let text = "#!/bin/sh\nfor number in 1 2 3 4 5; do id -u; date; done >/dev/null\n";
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
