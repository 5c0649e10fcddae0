//! What later records may be told from earlier ones, and what may not: stories of a few calls each,
//! after which a path is right or said to be unresolved, and never another file's.
//!
//! Each story is told in several ways: by other calls, with the records in another order, with the
//! name on another side. What is proof does not depend on any of these.

mod bounds;
mod descriptors;
mod directories;
mod failures;
mod inodes;
mod links;
mod losses;
mod mounts;
mod moves;
mod processes;
mod slashes;
mod sockets;

use auditrd::model::{Arch, syscall_number};

use crate::common::{Value, replay};

/// What a directory argument is that stands for the working directory.
const AT_FDCWD: &str = "ffffff9c";

/// One call, as its records.
#[derive(Clone)]
struct Step {
    call: &'static str,
    args: String,
    exit: i64,
    pid: u32,
    ppid: u32,
    cwd: String,
    records: Vec<String>,
    /// How many PATH records were lost.
    lost: usize,
}

/// A call of a process in `/w` that succeeded and returned 0.
fn step(call: &'static str, args: &str) -> Step {
    Step {
        call,
        args: args.replace("CWD", AT_FDCWD),
        exit: 0,
        pid: 100,
        ppid: 1,
        cwd: "/w".to_owned(),
        records: Vec::new(),
        lost: 0,
    }
}

impl Step {
    fn returns(self, exit: i64) -> Step {
        Step { exit, ..self }
    }

    fn by(self, pid: u32, ppid: u32) -> Step {
        Step { pid, ppid, ..self }
    }

    fn in_directory(self, cwd: &str) -> Step {
        let cwd = cwd.to_owned();
        Step { cwd, ..self }
    }

    /// A record of the directory of a name.
    fn parent(self, name: &str, inode: u64) -> Step {
        self.path(Some(name), inode, "040755", "PARENT")
    }

    /// One of a file that was there before and is there after.
    fn file(self, name: &str, inode: u64) -> Step {
        self.path(Some(name), inode, "0100644", "NORMAL")
    }

    /// The same of a directory.
    fn directory(self, name: &str, inode: u64) -> Step {
        self.path(Some(name), inode, "040755", "NORMAL")
    }

    fn created(self, name: &str, inode: u64) -> Step {
        self.path(Some(name), inode, "0100644", "CREATE")
    }

    fn created_directory(self, name: &str, inode: u64) -> Step {
        self.path(Some(name), inode, "040755", "CREATE")
    }

    fn deleted(self, name: &str, inode: u64) -> Step {
        self.path(Some(name), inode, "0100644", "DELETE")
    }

    fn deleted_directory(self, name: &str, inode: u64) -> Step {
        self.path(Some(name), inode, "040755", "DELETE")
    }

    /// One of a file that is known by its inode only: the caller gave a descriptor.
    fn inode(self, inode: u64) -> Step {
        self.path(None, inode, "0100644", "NORMAL")
    }

    /// One without a name, of an entry whose name ended in a slash.
    fn nameless(self, inode: u64, nametype: &str) -> Step {
        self.path(None, inode, "040755", nametype)
    }

    /// One of a name that was not looked up to the end, or is none.
    fn unknown(self, name: &str) -> Step {
        self.missing(Some(name), "UNKNOWN")
    }

    fn missing(self, name: Option<&str>, nametype: &str) -> Step {
        let name = quoted(name);
        self.record(format!("PATH name={name} nametype={nametype}"))
    }

    fn path(self, name: Option<&str>, inode: u64, mode: &str, nametype: &str) -> Step {
        let name = quoted(name);
        self.record(format!(
            "PATH name={name} inode={inode} dev=fe:00 mode={mode} ouid=0 ogid=0 rdev=00:00 \
             nametype={nametype}"
        ))
    }

    fn record(mut self, record: impl Into<String>) -> Step {
        self.records.push(record.into());
        self
    }

    /// The same with its PATH records in the opposite order.
    fn reversed(mut self) -> Step {
        self.records.reverse();
        self
    }

    /// The same without one of its PATH records.
    fn without(mut self, record: usize) -> Step {
        self.records.remove(record);
        self.lost += 1;
        self
    }

    fn write(&self, serial: u32, log: &mut String) {
        let mut item = 0;
        let mut records = Vec::new();
        for record in &self.records {
            match record.strip_prefix("PATH ") {
                Some(path) => {
                    records.push(format!("PATH item={item} {path}"));
                    item += 1;
                }
                None => records.push(record.clone()),
            }
        }
        let items = item + self.lost;
        let (call, mut all) = match self.call.strip_prefix("io_uring ") {
            Some(call) => {
                let operation = match call {
                    "openat" => 18,
                    "renameat" => 35,
                    "unlinkat" => 36,
                    "mkdirat" => 37,
                    _ => panic!("the number of {call} is not said here"),
                };
                let call = format!(
                    "URINGOP uring_op={operation} success=yes exit={} items={items} ppid={} pid={} uid=0 \
                     gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 key=(null)",
                    self.exit, self.ppid, self.pid
                );
                (call, Vec::new())
            }
            None => (self.syscall(items), Vec::new()),
        };
        all.push(call);
        if items > 0 {
            all.push(format!("CWD cwd=\"{}\"", self.cwd));
        }
        all.extend(records);
        all.push("EOE ".to_owned());
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        log.push_str(&super::log(serial, &all));
    }

    fn syscall(&self, items: usize) -> String {
        let number = syscall_number(Arch::X86_64, self.call);
        let number = number.unwrap_or_else(|| panic!("there is no {}", self.call));
        let success = if self.exit < 0 { "no" } else { "yes" };
        let mut args = self.args.clone();
        for arg in ["a0=", "a1=", "a2=", "a3="] {
            if !args.contains(arg) {
                args += &format!(" {arg}0");
            }
        }
        format!(
            "SYSCALL arch=c000003e syscall={number} success={success} exit={} {args} items={items} \
             ppid={} pid={} auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 \
             tty=pts0 ses=1 comm=\"x\" exe=\"/bin/x\" key=(null)",
            self.exit, self.ppid, self.pid
        )
    }
}

fn quoted(name: Option<&str>) -> String {
    name.map_or("(null)".to_owned(), |name| format!("\"{name}\""))
}

/// The event of each of these calls, or null where it makes none.
fn tell(steps: &[Step]) -> Vec<Value> {
    let mut log = String::new();
    for (step, serial) in steps.iter().zip(1..) {
        step.write(serial, &mut log);
    }
    let mut told = vec![Value::Null; steps.len()];
    for event in replay(log, &["--min", "1000", "--max", "2999", "-q"]) {
        let serial = event["sequence"].as_u64().expect("a number");
        told[usize::try_from(serial).expect("small") - 1] = event;
    }
    told
}

/// The event of the last of these calls.
fn last(steps: &[Step]) -> Value {
    tell(steps).pop().expect("there is one")
}

/// A file is opened, which proves what its name is and which descriptor it has: it is new, so that
/// no link was followed.
fn opened_in(path: &str, inode: u64, fd: i64, parent: u64) -> Step {
    let (directory, _) = path.rsplit_once('/').expect("a path");
    step("openat", "a0=CWD a2=c1")
        .returns(fd)
        .parent(&format!("{directory}/"), parent)
        .created(path, inode)
}

/// The same in a directory whose inode is of no importance.
fn opened(path: &str, inode: u64, fd: i64) -> Step {
    let (directory, _) = path.rsplit_once('/').expect("a path");
    let sum = |sum: u64, byte: u8| sum.wrapping_mul(31) ^ u64::from(byte);
    opened_in(path, inode, fd, directory.bytes().fold(7, sum) >> 8)
}

/// A directory is made, which proves the inodes of both.
fn made(path: &str, inode: u64, parent: u64) -> Step {
    let (directory, _) = path.rsplit_once('/').expect("a path");
    step("mkdir", "")
        .parent(&format!("{directory}/"), parent)
        .created_directory(path, inode)
        .by(900, 1)
}

/// A directory that was there is opened.
fn opened_directory(path: &str, inode: u64, fd: i64) -> Step {
    step("openat", "a0=CWD a2=10000")
        .returns(fd)
        .directory(path, inode)
}

/// Asserts that a path is this one.
#[track_caller]
fn right(event: &Value, path: &str) {
    assert!(
        is(event, "path", &[path]) && !is_marked(event),
        "{path}: {event}"
    );
}

/// Asserts that both paths are these.
#[track_caller]
fn right_both(event: &Value, path: &str, dest: &str) {
    let are = is(event, "path", &[path]) && is(event, "dest_path", &[dest]);
    assert!(are && !is_marked(event), "{path} to {dest}: {event}");
}

/// Asserts that a path is one of these, which name one file, or is said to be unresolved.
#[track_caller]
fn honest(event: &Value, paths: &[&str]) {
    let is_right = is(event, "path", paths) && !is_marked(event);
    assert!(
        is_right || is_part(event, "path", paths),
        "{paths:?}: {event}"
    );
}

/// Asserts the same of both paths.
#[track_caller]
fn honest_both(event: &Value, path: &str, dest: &str) {
    let fits = |key, path| is(event, key, &[path]) || is_part(event, key, &[path]);
    let are = is(event, "path", &[path]) && is(event, "dest_path", &[dest]);
    let is_honest = are && !is_marked(event) || is_marked(event);
    let fit = fits("path", path) && fits("dest_path", dest);
    assert!(is_honest && fit, "{path} to {dest}: {event}");
}

/// Asserts that nothing is claimed.
#[track_caller]
fn nothing(event: &Value) {
    assert!(event["path"].is_null() && is_marked(event), "{event}");
}

fn is_marked(event: &Value) -> bool {
    event["path_unresolved"] == true
}

/// Whether an event is about one of these paths.
fn is(event: &Value, key: &str, paths: &[&str]) -> bool {
    let real = &event[format!("real_{key}")];
    let told = if real.is_null() { &event[key] } else { real };
    paths.iter().any(|path| told == path)
}

/// Whether an event says that it knows no more than a part of one of these paths.
fn is_part(event: &Value, key: &str, paths: &[&str]) -> bool {
    if !is_marked(event) || !event[format!("real_{key}")].is_null() {
        return false;
    }
    let Some(part) = event[key].as_str() else {
        return true;
    };
    paths.iter().any(|path| match part.strip_prefix('/') {
        Some(_) => part.ends_with('/') && path.starts_with(part) || part == *path,
        // The directory as it was given, which a descriptor may stand for.
        None if part.ends_with('/') => true,
        None => path.rsplit('/').next() == part.rsplit('/').next(),
    })
}
