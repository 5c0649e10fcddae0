//! The origin of sessions: real logins through sshd, su and sudo, and records of logins in logs.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    common::{Value, replay},
    live::{
        MULTICAST,
        audit::{Audit, skip, wait_until},
        daemon::Daemon,
    },
    process::Running,
};

/// A server on the loopback interface that lets root in with a key of its own.
pub(crate) struct Sshd {
    child: Child,
    directory: TempDir,
    port: u16,
    /// The directory that sshd needs, if it was created for this.
    created: Option<PathBuf>,
}

impl Sshd {
    /// Starts it, or returns what is missing.
    pub(crate) fn start() -> Result<Sshd, String> {
        for tool in [
            "/usr/sbin/sshd",
            "/etc/pam.d/sshd",
            "/usr/bin/ssh",
            "/usr/bin/ssh-keygen",
        ] {
            if !Path::new(tool).exists() {
                return Err(tool.to_owned());
            }
        }
        let directory = TempDir::new().unwrap();
        for key in ["host", "user"] {
            let file = directory.path().join(key);
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(file)
                .status();
            assert!(made.unwrap().success(), "a key");
        }
        let privsep = PathBuf::from("/run/sshd");
        let created = fs::create_dir(&privsep).is_ok().then_some(privsep);
        // Free a moment ago.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let config = directory.path().join("config");
        let path = directory.path().display();
        let text = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {path}/host\nUsePAM yes\n\
             AuthorizedKeysFile {path}/user.pub\nStrictModes no\nPermitRootLogin yes\n\
             PasswordAuthentication no\nPidFile none\nUseDNS no\n"
        );
        fs::write(&config, text).unwrap();
        let log = fs::File::create(directory.path().join("log")).unwrap();
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(config)
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let sshd = Sshd {
            child,
            directory,
            port,
            created,
        };
        wait_until("sshd listens", || {
            sshd.log().contains("Server listening").then_some(())
        });
        Ok(sshd)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// A client that runs a shell command in a session of its own.
    fn command(&self, options: &[&str], command: &str) -> Command {
        let known_hosts = self.directory.path().join("known_hosts");
        let mut client = Command::new("ssh");
        client
            .args(["-F", "none", "-p", &self.port.to_string(), "-i"])
            .arg(self.directory.path().join("user"))
            .args([
                "-o",
                "BatchMode=yes",
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
            ])
            .arg(format!("UserKnownHostsFile={}", known_hosts.display()))
            .args(options)
            .args(["root@127.0.0.1", command]);
        client
    }

    /// Runs a shell command in a session of its own.
    pub(crate) fn run(&self, options: &[&str], command: &str) {
        let output = self.command(options, command).stdin(Stdio::null()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}\n{}", self.log());
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(directory) = &self.created {
            let _ = fs::remove_dir(directory);
        }
    }
}

/// The login key of an event.
fn login(event: &Value) -> [&Value; 3] {
    ["acct", "addr", "terminal"].map(|key| &event["login"][key])
}

/// A rule for the programs that root's sessions run.
const RULE: [&str; 9] = [
    "always,exit",
    "-F",
    "arch=b64",
    "-S",
    "execve",
    "-F",
    "auid=0",
    "-k",
    "logins",
];

#[test]
fn each_event_of_an_ssh_session_has_its_account_and_address() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let sshd = match Sshd::start() {
        Ok(sshd) => sshd,
        Err(missing) => return skip(&format!("needs {missing}")),
    };
    audit.rule(&RULE);
    let daemon = Daemon::listen(&MULTICAST);
    let mut command = "su -s /bin/sh nobody -c /usr/bin/id; /usr/bin/env".to_owned();
    let mut programs = vec!["/usr/bin/su", "/usr/bin/id", "/usr/bin/env"];
    if Path::new("/usr/bin/sudo").exists() {
        command.insert_str(0, "/usr/bin/sudo -n -u nobody /usr/bin/true; ");
        programs.extend(["/usr/bin/sudo", "/usr/bin/true"]);
    } else {
        skip("sudo in a session: needs sudo");
    }
    sshd.run(&["-tt"], &command);
    sshd.run(&[], "/usr/bin/env");
    let is_end = |event: &Value| event["type"] == "USER_END" && event["addr"] == "127.0.0.1";
    daemon.wait_for(2, "the ends of both sessions", is_end);
    let events = daemon.stop().events;

    let mut ends = events.iter().filter(|event| is_end(event));
    for terminal in ["/dev/pts/", "ssh"] {
        let end = ends.next().unwrap();
        let of_session = |event: &&Value| {
            event["session"] == end["session"]
                && event["sequence"].as_u64() <= end["sequence"].as_u64()
        };
        let events: Vec<&Value> = events.iter().filter(of_session).collect();
        for event in &events {
            let [acct, addr, _] = login(event);
            assert_eq!((acct, addr), (&json("root"), &json("127.0.0.1")), "{event}");
        }
        let [.., known] = login(end);
        assert!(known.as_str().unwrap().starts_with(terminal), "{end}");
        let ran = |program: &&str| events.iter().any(|event| event["path"] == **program);
        let missing: Vec<_> = programs.iter().filter(|program| !ran(program)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        programs = vec!["/usr/bin/env"];
    }
}

fn json(text: &str) -> Value {
    Value::from(text)
}

#[test]
fn a_session_that_was_open_before_the_start_has_its_login() {
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let sshd = match Sshd::start() {
        Ok(sshd) => sshd,
        Err(missing) => return skip(&format!("needs {missing}")),
    };
    audit.rule(&RULE);
    let _utmp = Utmp::create();
    let mut ssh = sshd.command(&["-tt"], "/bin/echo ready; read line; /usr/bin/env");
    let mut ssh = Running::start(&mut ssh);
    while !ssh.line().contains("ready") {}
    if fs::metadata("/run/utmp").unwrap().len() == 0 {
        return skip("needs an sshd that writes utmp");
    }
    let daemon = Daemon::listen(&MULTICAST);
    ssh.write("go\n");
    let is_it = |event: &Value| event["path"] == "/usr/bin/env";
    daemon.wait_for(1, "a program of the session", is_it);
    ssh.close();
    let events = daemon.stop().events;
    let event = events.iter().find(|event| is_it(event)).unwrap();
    let [acct, addr, terminal] = login(event);
    assert_eq!((acct, addr), (&json("root"), &json("127.0.0.1")), "{event}");
    assert!(
        terminal.as_str().unwrap().starts_with("/dev/pts/"),
        "{event}"
    );
    assert!(event["login"]["since"].as_str() < event["timestamp"].as_str());
}

/// The file in which sshd notes who is logged in, created where there is none.
struct Utmp(bool);

impl Utmp {
    fn create() -> Utmp {
        Utmp(fs::File::create_new("/run/utmp").is_ok())
    }
}

impl Drop for Utmp {
    fn drop(&mut self) {
        if self.0 {
            let _ = fs::remove_file("/run/utmp");
        }
    }
}

/// Records of a login that are outside the range of types, and of a program in its session.
const LOG: &str = "\
type=USER_AUTH msg=audit(1700000000.000:1): pid=50 uid=0 auid=4294967295 ses=4294967295 \
msg='op=PAM:authentication acct=\"alice\" exe=\"/usr/sbin/sshd\" hostname=? addr=10.0.0.9 \
terminal=ssh res=success'
type=LOGIN msg=audit(1700000000.000:2): pid=50 uid=0 old-auid=4294967295 auid=1000 tty=(none) \
old-ses=4294967295 ses=3 res=1
type=SYSCALL msg=audit(1700000001.000:3): arch=c000003e syscall=59 success=yes exit=0 items=0 \
ppid=1 pid=60 auid=1000 uid=1000 gid=1000 ses=3 comm=\"id\" exe=\"/usr/bin/id\"
type=EXECVE msg=audit(1700000001.000:3): argc=1 a0=\"id\"
type=PROCTITLE msg=audit(1700000001.000:3): proctitle=\"id\"
";

#[test]
fn records_outside_the_range_teach_logins_and_make_no_line() {
    for args in [
        &["--min", "1300"][..],
        &["--min", "1300", "--enrich", "login"],
    ] {
        let events = replay(LOG, args);
        assert_eq!(events.len(), 1, "{events:?}");
        let login = &events[0]["login"];
        let since = "2023-11-14T22:13:20.000Z";
        let expected = serde_json::json!({
            "acct": "alice", "addr": "10.0.0.9", "terminal": "ssh", "since": since,
        });
        assert_eq!(*login, expected);
    }
    let events = replay(LOG, &["--min", "1300", "--enrich", "none"]);
    assert_eq!(events[0]["login"], Value::Null);
}
