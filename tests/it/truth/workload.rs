//! A process that does things to files, and writes down what it did.
#![expect(
    unsafe_code,
    reason = "a workload makes system calls that std does not have"
)]

use std::{
    ffi::CString,
    fs::{self, File},
    io::{self, Read, Write},
    os::fd::AsRawFd,
    process,
};

use auditrd::model::{Arch, syscall_number};
use libc::c_long;
use serde_json::{Map, json};

use crate::{common::Value, live::os};

/// The architecture of this process.
pub(crate) const NATIVE: Arch = if cfg!(target_arch = "aarch64") {
    Arch::Aarch64
} else {
    Arch::X86_64
};

/// One argument of a system call.
pub(crate) enum Arg {
    Number(c_long),
    Text(CString),
    /// A structure that the call reads or writes, as the words that it is made of.
    Words(Vec<u64>),
}

impl Arg {
    fn value(&mut self) -> c_long {
        match self {
            Arg::Number(number) => *number,
            Arg::Text(text) => text.as_ptr() as c_long,
            Arg::Words(words) => words.as_mut_ptr() as c_long,
        }
    }
}

impl Arg {
    fn ends_with_slash(&self) -> bool {
        matches!(self, Arg::Text(text) if text.to_bytes().ends_with(b"/"))
    }
}

/// Whether the kernel names an entry that the caller named with a slash at the end. Before Linux
/// 6.14 it names only the directory that holds the entry.
pub(crate) fn names_with_slashes() -> bool {
    os::kernel() >= (6, 14)
}

impl From<i32> for Arg {
    fn from(number: i32) -> Arg {
        Arg::Number(number.into())
    }
}

impl From<i64> for Arg {
    fn from(number: i64) -> Arg {
        Arg::Number(number)
    }
}

impl From<u32> for Arg {
    fn from(number: u32) -> Arg {
        Arg::Number(number.into())
    }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Arg {
        Arg::Text(CString::new(text).expect("no NUL"))
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Arg {
        Arg::from(text.as_str())
    }
}

impl From<Vec<u64>> for Arg {
    fn from(words: Vec<u64>) -> Arg {
        Arg::Words(words)
    }
}

/// Makes a system call that must succeed: `call!(w, mkdirat(fd, "name", 0o755))`.
macro_rules! call {
    ($workload:ident, $name:ident($($arg:expr),* $(,)?)) => {
        $workload.call(stringify!($name), &mut [$($crate::truth::workload::Arg::from($arg)),*])
    };
}

/// Makes a system call that must fail so: `fail!(w, EEXIST, mkdirat(fd, "name", 0o755))`.
macro_rules! fail {
    ($workload:ident, $errno:ident, $name:ident($($arg:expr),* $(,)?)) => {{
        let mut args = [$($crate::truth::workload::Arg::from($arg)),*];
        $workload.fail(-i64::from(libc::$errno), stringify!($name), &mut args)
    }};
}

/// Makes a system call that no rule records and that must succeed.
macro_rules! quiet {
    ($workload:ident, $name:ident($($arg:expr),* $(,)?)) => {{
        let mut args = [$($crate::truth::workload::Arg::from($arg)),*];
        $workload.quiet(stringify!($name), &mut args)
    }};
}

pub(crate) use {call, fail, quiet};

/// The process, or one that it forked.
pub(crate) struct Workload {
    /// The directory that it has for itself.
    pub(crate) root: String,
    truths: File,
}

impl Workload {
    pub(crate) fn new(root: String, truths: File) -> Workload {
        Workload { root, truths }
    }

    /// Where it writes down what it does.
    pub(crate) fn truths(&self) -> String {
        let file = format!("/proc/self/fd/{}", self.truths.as_raw_fd());
        let file = fs::read_link(file).expect("a file");
        file.into_os_string().into_string().expect("text")
    }

    pub(crate) fn call(&mut self, name: &str, args: &mut [Arg]) -> Said<'_> {
        let result = syscall(name, args);
        let error = io::Error::from_raw_os_error(-result as i32);
        assert!(result >= 0, "{name} fails: {error}");
        self.say_of(name, args, result)
    }

    pub(crate) fn fail(&mut self, errno: i64, name: &str, args: &mut [Arg]) -> Said<'_> {
        let result = syscall(name, args);
        assert_eq!(result, errno, "{name}");
        self.say_of(name, args, result)
    }

    fn say_of(&mut self, name: &str, args: &[Arg], result: i64) -> Said<'_> {
        let has_slash = args.iter().any(Arg::ends_with_slash);
        let said = self.say(name, result);
        match has_slash && !names_with_slashes() {
            true => said.or_unresolved(),
            false => said,
        }
    }

    pub(crate) fn quiet(&mut self, name: &str, args: &mut [Arg]) -> i64 {
        let result = syscall(name, args);
        let error = io::Error::from_raw_os_error(-result as i32);
        assert!(result >= 0, "{name} fails: {error}");
        result
    }

    /// Says what was done, by whatever means.
    pub(crate) fn say(&mut self, syscall: &str, result: i64) -> Said<'_> {
        let mut truth = Map::new();
        truth.insert("name".to_owned(), "fim_event".into());
        truth.insert("pid".to_owned(), process::id().into());
        truth.insert("syscall".to_owned(), syscall.into());
        let success = if result < 0 { "no" } else { "yes" };
        truth.insert("success".to_owned(), success.into());
        truth.insert("exit".to_owned(), result.into());
        Said {
            result,
            truth,
            root: &self.root,
            truths: &mut self.truths,
        }
    }

    /// Does something in a child process, at the same time. It begins when the call that made it
    /// has returned here, so that the record of that call comes before all of its own.
    pub(crate) fn fork(&mut self, work: impl FnOnce(&mut Workload)) -> u32 {
        let (mut wait, go) = io::pipe().expect("a pipe");
        // The parent's copies of both ends go with the closure when the fork is done.
        os::fork(move || {
            drop(go);
            let told = wait.read(&mut [0]).expect("the parent is there");
            assert_eq!(told, 0, "nothing is said, but the pipe is closed");
            work(self);
        })
    }

    /// Does something in a child process, and waits for it.
    pub(crate) fn child(&mut self, work: impl FnOnce(&mut Workload)) {
        let pid = self.fork(work);
        assert!(os::wait(pid), "the child's work");
    }
}

/// What was done. It is written down when this is dropped.
pub(crate) struct Said<'w> {
    result: i64,
    truth: Map<String, Value>,
    root: &'w str,
    truths: &'w mut File,
}

impl Said<'_> {
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.truth.insert(name.to_owned(), value.into());
        self
    }

    /// The path is this one in the workload's directory.
    pub(crate) fn at(self, name: &str) -> Self {
        let path = join(self.root, name);
        self.with("path", path)
    }

    /// The other path is this one in the workload's directory.
    pub(crate) fn to(self, name: &str) -> Self {
        let path = join(self.root, name);
        self.with("dest_path", path)
    }

    pub(crate) fn path(self, path: impl Into<String>) -> Self {
        self.with("path", path.into())
    }

    pub(crate) fn dest(self, path: impl Into<String>) -> Self {
        self.with("dest_path", path.into())
    }

    /// It is not a file that was touched, but a program that was started.
    pub(crate) fn process(self) -> Self {
        self.with("name", "process_event")
    }

    pub(crate) fn arch(self, arch: &str) -> Self {
        self.with("arch", arch)
    }

    pub(crate) fn action(self, action: &str) -> Self {
        self.with("action", action)
    }

    /// The kernel says so little that the paths may stay unknown, if that is said. A wrong path is
    /// still wrong.
    pub(crate) fn or_unresolved(self) -> Self {
        self.with("or_unresolved", true)
    }

    /// As `or_unresolved`, but the directory of each path has to be there.
    pub(crate) fn or_directory(self) -> Self {
        self.with("or_unresolved", "directory")
    }

    /// The event must say that its path is not a full one.
    pub(crate) fn unresolved(self) -> Self {
        self.with("path_unresolved", true)
    }

    pub(crate) fn fd(self) -> i64 {
        self.result
    }
}

impl Drop for Said<'_> {
    fn drop(&mut self) {
        // One write at the end of the file for each, so that processes do not tear each other's.
        let line = format!("{}\n", json!(self.truth));
        self.truths.write_all(line.as_bytes()).expect("written");
    }
}

fn join(root: &str, name: &str) -> String {
    format!("{root}/{name}").trim_end_matches('/').to_owned()
}

fn syscall(name: &str, args: &mut [Arg]) -> i64 {
    let number = syscall_number(NATIVE, name).unwrap_or_else(|| panic!("no {name} here"));
    let mut values = [0; 6];
    for (value, arg) in values.iter_mut().zip(args) {
        *value = arg.value();
    }
    // SAFETY: the arguments are numbers, and texts and structures that live in `args`; workloads
    // give each call structures of the length that it takes.
    unsafe { os::syscall(c_long::from(number), values) }
}
