//! Real programs, watched by strace(1) while the binary listens, and each of their calls on files
//! held against its event.
//!
//! strace prints the directory of each descriptor, so that what a call was really about is known
//! whatever the records say. The files are older than the listener, as almost all files are. The
//! programs run under two sets of rules: one that records every call on a file, and one that
//! watches a directory; and the binary runs with the rights of root and with those of the default
//! unit, which has no capability and gets its socket.

mod calls;
mod strace;
mod verdict;
mod workloads;
mod world;

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    rc::Rc,
};

use auditrd::model::syscall_number;
use tempfile::TempDir;

use crate::{
    live::{
        activated, as_nobody,
        audit::{Audit, skip, wait_for_the_kernel},
        daemon::Daemon,
        os,
    },
    truth::NATIVE,
};
use calls::{Call, Truth, understand};
use verdict::Tally;
use workloads::WORKLOADS;
use world::{World, is_within};

/// The calls that a rule with `perm=wa` records, by what they do to the files of a directory.
const CHANGES: &str = "creat rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat \
    rmdir mkdir mkdirat mknod mknodat chmod fchmod fchmodat chown lchown fchown fchownat truncate \
    setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr";
const OPENS: &str = "open openat openat2";
/// Those that it does not, or only on some kernels.
const OTHERS: &str = "ftruncate fallocate utimensat";
const PROGRAMS: &str = "execve execveat";
/// What moves processes, which strace must see and no rule records.
const MOVES: &str = "clone clone3 fork vfork chdir fchdir chroot mount umount2";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rights {
    /// Those of root, who opens the socket.
    Root,
    /// Those of the default unit.
    Unit,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rules {
    /// Every call on a file.
    Calls,
    /// `-F dir=… -F perm=wa`.
    Watch,
}

#[test]
fn no_path_is_wrong_where_every_call_is_recorded() {
    hold(Rights::Root, Rules::Calls, 89.0);
}

#[test]
fn no_path_is_wrong_where_a_directory_is_watched() {
    // What /proc is asked may have changed since the call. The default unit does not ask it.
    const LATE_ANSWERS: usize = 10;
    hold_all_but(Rights::Root, Rules::Watch, 90.0, LATE_ANSWERS);
}

#[test]
fn no_path_is_wrong_where_every_call_is_recorded_for_the_default_unit() {
    hold(Rights::Unit, Rules::Calls, 89.0);
}

#[test]
fn no_path_is_wrong_where_a_directory_is_watched_for_the_default_unit() {
    hold(Rights::Unit, Rules::Watch, 70.0);
}

/// Runs all workloads while the binary listens, and holds its events against their calls. `minimum`
/// is how many percent of the successful calls must have the right paths.
fn hold(rights: Rights, rules: Rules, minimum: f64) {
    hold_all_but(rights, rules, minimum, 0);
}

/// As [`hold`], with up to `late` paths that are wrong.
fn hold_all_but(rights: Rights, rules: Rules, minimum: f64, late: usize) {
    if !has("strace") {
        return skip("needs strace, which .ci/run installs");
    }
    let Some(mut audit) = Audit::borrow() else {
        return;
    };
    let Some(stage) = Stage::set(&mut audit, rules) else {
        return skip("needs to set a login id");
    };
    let lacking: Vec<&str> = workloads::lacking(has).collect();
    if !lacking.is_empty() {
        skip(&format!(
            "lacks {} for some of the programs, which .ci/run installs",
            lacking.join(", ")
        ));
    }
    let mut world = Rc::new(World::now(stage.files.path()));
    let daemon = listen(rights);
    let failures: String = stage.workloads().filter_map(|one| stage.run(one)).collect();
    assert_eq!(failures, "");
    wait_for_the_kernel();
    let ended = daemon.stop();
    assert_eq!(ended.stderr, "");
    let mut tally = Tally::default();
    for workload in stage.workloads() {
        let lines = strace::read(&stage.traces(workload));
        let directory = stage.files.path().join(workload.name);
        let mut calls = understand(&lines, directory.as_os_str().as_encoded_bytes(), &mut world);
        calls.retain(|call| rules.record(call, stage.files.path()));
        assert!(!calls.is_empty(), "{} does something", workload.name);
        tally.hold(workload.name, &calls, &ended.events);
    }
    report(
        &tally,
        &format!("{rights:?}-{rules:?}").to_lowercase(),
        minimum,
        late,
    );
}

/// Says in a line how it came out, whether or not that is enough, and why where it is not.
fn report(tally: &Tally, mode: &str, minimum: f64, late: usize) {
    let details = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("real-{mode}"));
    fs::write(&details, &tally.misses).expect("a file for the details");
    let Tally {
        calls,
        successful,
        right,
        unresolved,
        wrong,
        missing,
        ..
    } = tally;
    let percentage = tally.percentage();
    let line = format!(
        "real {mode}: {calls} calls: {right} right, {unresolved} unresolved, {wrong} wrong, \
         {missing} missing; of {successful} that succeeded {percentage:.2}% right\n"
    );
    // Past the test harness, which would keep it to itself. A closed standard error is as good.
    let _ = io::stderr().write_all(line.as_bytes());
    let details = details.display();
    assert_eq!(*missing, 0, "{line}see {details}");
    assert!(*wrong <= late, "{line}see {details}");
    assert!(percentage >= minimum, "{line}see {details}");
}

impl Rules {
    /// Whether a call is recorded that has names below this directory.
    fn record(self, call: &Call, files: &Path) -> bool {
        let is_one = |of: &str| of.split_whitespace().any(|name| name == call.syscall);
        if self == Rules::Calls || is_one(PROGRAMS) {
            return true;
        }
        let files = files.as_os_str().as_encoded_bytes();
        let is_below = |truth: &Truth| match truth {
            Truth::Paths(paths) => paths.iter().any(|path| is_within(path, files)),
            Truth::Dots(path, _) => is_within(path, files),
            _ => false,
        };
        let below = is_below(&call.path) || call.dest_path.as_ref().is_some_and(is_below);
        // What failed may have left no record of the directory.
        call.error.is_none() && below && (is_one(CHANGES) || is_one(OPENS) && call.can_write)
    }
}

/// The place where workloads run, and who they are.
struct Stage {
    files: TempDir,
    traces: TempDir,
    login: String,
}

impl Stage {
    /// Makes the files that are there before, and loads the rules. None where nobody can be told
    /// from others by a login id.
    fn set(audit: &mut Audit, rules: Rules) -> Option<Stage> {
        let files = crate::live::directory();
        fs::set_permissions(files.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        let stage = Stage {
            files,
            traces: TempDir::new().expect("a directory"),
            login: (1_000_000_000 + std::process::id()).to_string(),
        };
        let probe = os::fork(|| fs::write("/proc/self/loginuid", &stage.login).expect("a login"));
        if !os::wait(probe) {
            return None;
        }
        for workload in stage.workloads() {
            let directory = stage.files.path().join(workload.name);
            fs::create_dir(&directory).expect("a directory");
            shell(&directory, workload.before);
        }
        let login = format!("auid={}", stage.login);
        match rules {
            Rules::Calls => {
                let calls = [CHANGES, OPENS, OTHERS, PROGRAMS];
                audit.rule(&rule(&calls, &["-F", &login]).each());
            }
            Rules::Watch => {
                let directory = format!("dir={}", stage.files.path().display());
                let watch = ["-F", &directory, "-F", "perm=wa"];
                audit.rule(&rule(&[CHANGES, OPENS], &watch).each());
                audit.rule(&rule(&[PROGRAMS], &["-F", &login]).each());
            }
        }
        Some(stage)
    }

    /// Those whose programs are there.
    fn workloads(&self) -> impl Iterator<Item = &'static workloads::Workload> {
        WORKLOADS
            .iter()
            .filter(|workload| workload.needs.iter().all(|program| has(program)))
    }

    fn traces(&self, workload: &workloads::Workload) -> PathBuf {
        self.traces.path().join(workload.name)
    }

    /// Runs a workload under strace, and says why it failed, if it did.
    fn run(&self, workload: &workloads::Workload) -> Option<String> {
        let traces = self.traces(workload);
        fs::create_dir(&traces).expect("a directory");
        let mut traced = String::from("trace=");
        for call in [CHANGES, OPENS, OTHERS, PROGRAMS, MOVES]
            .join(" ")
            .split_whitespace()
        {
            // Not every architecture has every call.
            traced += &format!("?{call},");
        }
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                "echo $0 >/proc/self/loginuid && exec strace \"$@\"",
                &self.login,
            ])
            .args(["-ff", "-f", "-y", "-ttt", "-s", "100000", "--seccomp-bpf"])
            .args([
                "--pidns-translation",
                "-e",
                traced.trim_end_matches(','),
                "-o",
            ])
            .arg(traces.join("thread"))
            .args(["sh", "-euc", workload.work]);
        let output = in_directory(&mut command, &self.files.path().join(workload.name)).output();
        let output = output.expect("strace runs");
        let error = String::from_utf8_lossy(&output.stderr);
        (!output.status.success()).then(|| format!("{}: {error}", workload.name))
    }
}

/// A rule for these calls.
struct Rule(Vec<String>);

impl Rule {
    fn each(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

fn rule(calls: &[&str], whose: &[&str]) -> Rule {
    let mut words = ["always,exit", "-F", "arch=b64"]
        .map(str::to_owned)
        .to_vec();
    words.extend(whose.iter().map(|&word| word.to_owned()));
    for name in calls.iter().flat_map(|calls| calls.split_whitespace()) {
        if let Some(number) = syscall_number(NATIVE, name) {
            words.extend(["-S".to_owned(), number.to_string()]);
        }
    }
    words.extend(["-k", "auditrd-real"].map(str::to_owned));
    Rule(words)
}

fn listen(rights: Rights) -> Daemon {
    match rights {
        Rights::Root => Daemon::listen::<&str>(&[]),
        Rights::Unit => {
            let socket = os::listening_socket().expect("root may listen");
            os::make_room(&socket).expect("root may have a large buffer");
            Daemon::start_on_stdout(as_nobody(activated(socket)))
        }
    }
}

/// Runs a script that must succeed.
fn shell(directory: &Path, script: &str) {
    let mut command = Command::new("sh");
    let output = in_directory(command.args(["-euc", script]), directory).output();
    let output = output.expect("sh runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Sets a directory, and an environment in which programs do the same everywhere.
fn in_directory<'c>(command: &'c mut Command, directory: &Path) -> &'c mut Command {
    command
        .current_dir(directory)
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("HOME", directory)
        .env("LC_ALL", "C.UTF-8")
        .env("PWD", directory)
        .stdin(Stdio::null())
}

fn has(program: &str) -> bool {
    let status = Command::new("sh")
        .args(["-c", "command -v \"$0\" >/dev/null", program])
        .status();
    status.is_ok_and(|status| status.success())
}
