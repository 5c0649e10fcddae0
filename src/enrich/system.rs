//! The live system: its processes at the start, and which process has a pid now.

use std::{
    cell::RefCell,
    fs,
    io::Read,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{fstat, fstatfs},
    io::Errno,
    process::{Pid, PidfdFlags, getpid, pidfd_open},
};

use crate::{
    enrich::{Answer, Found, Kernel, Start},
    model::{Identity, Timestamp},
};

/// The file system of pidfds, since Linux 6.9 (linux/magic.h). Before, they all have one inode.
const PID_FS_MAGIC: u64 = 0x5049_4446;

/// The initial namespaces, whose pids and users are in the records (linux/proc_ns.h,
/// `PROC_PID_INIT_INO` and `PROC_USER_INIT_INO`).
const INITIAL_PIDS: &[u8] = b"pid:[4026531836]";
const INITIAL_USERS: &[u8] = b"user:[4026531837]";

/// Processes that are read at the start, at most.
const MAX_PROCESSES: usize = 16_384;
/// Bytes that are read of a file.
const MAX_FILE_BYTES: usize = 64 << 10;

/// Processes whose pidfd stays open, at most.
const MAX_OPEN: usize = 16;

/// This system, by the inodes of pidfds (pidfd_open(2); no privilege is needed).
///
/// Opening a pidfd is the dearest call of an event. The events of a process come one after the
/// other, so a few stay open, each in the place that its pid has.
#[derive(Debug, Default)]
struct Pidfds(RefCell<[Option<Open>; MAX_OPEN]>);

/// An open pidfd.
#[derive(Debug)]
struct Open {
    pid: u32,
    number: u64,
    fd: OwnedFd,
}

impl Open {
    /// Whether the process still has its pid. A pidfd is readable once its process has exited.
    fn is_running(&self) -> bool {
        let mut polled = [PollFd::new(&self.fd, PollFlags::IN)];
        poll(&mut polled, Some(&Timespec::default())) == Ok(0)
    }
}

impl Kernel for Pidfds {
    fn process(&self, pid: u32) -> Answer {
        let mut open = self.0.borrow_mut();
        let place = &mut open[pid as usize % MAX_OPEN];
        if let Some(known) = place
            && known.pid == pid
            && known.is_running()
        {
            return Answer::Process(known.number);
        }
        *place = None;
        let valid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        match valid.map(|pid| pidfd_open(pid, PidfdFlags::empty())) {
            Some(Ok(fd)) => fstat(&fd).map_or(Answer::Silence, |stat| {
                let number = stat.st_ino;
                *place = Some(Open { pid, number, fd });
                Answer::Process(number)
            }),
            // A number without a process may be that of a thread or a group, or not be free yet:
            // ENOENT, before Linux 6.16 EINVAL (kernel/fork.c, `pidfd_prepare`).
            Some(Err(Errno::SRCH | Errno::NOENT | Errno::INVAL)) => Answer::Gone,
            Some(Err(_)) | None => Answer::Silence,
        }
    }
}

/// A system of which nothing is known but the records.
#[derive(Clone, Copy, Debug)]
struct Silent;

impl Kernel for Silent {
    fn process(&self, _: u32) -> Answer {
        Answer::Silence
    }
}

impl Start {
    /// This system at the time `now`: its processes, as far as `/proc` shows them. `None` in a pid
    /// namespace, where pids are not those of the records; without processes in a user namespace,
    /// where their users are not.
    pub fn of_this_system(now: Timestamp) -> Option<Start> {
        if !is_in("pid", INITIAL_PIDS) {
            return None;
        }
        let proc = Path::new("/proc");
        let boot_id = read(&proc.join("sys/kernel/random/boot_id"))
            .trim_ascii()
            .to_owned();
        // The numbers begin again at each boot, so they tell processes apart only together with its
        // id, which a sandbox may hide.
        let kernel: Box<dyn Kernel + Send> = match has_numbers() && !boot_id.is_empty() {
            true => Box::new(Pidfds::default()),
            false => Box::new(Silent),
        };
        let highest = number(&read(&proc.join("sys/kernel/pid_max"))).unwrap_or(0);
        let load = read(&proc.join("loadavg"));
        let last = load.rsplit(|byte| *byte == b' ').next().and_then(number);
        Some(Start {
            processes: match is_in("user", INITIAL_USERS) {
                true => processes(proc, &*kernel),
                false => Vec::new(),
            },
            kernel,
            boot_id,
            pids: (highest, last.unwrap_or(0)),
            time: now,
        })
    }
}

/// Whether this process is in a namespace.
fn is_in(kind: &str, namespace: &[u8]) -> bool {
    let own = fs::read_link(Path::new("/proc/self/ns").join(kind));
    own.is_ok_and(|own| own.as_os_str().as_bytes() == namespace)
}

/// Whether each process has a number of its own.
fn has_numbers() -> bool {
    pidfd_open(getpid(), PidfdFlags::empty())
        .and_then(fstatfs)
        .is_ok_and(|stat| u64::try_from(stat.f_type) == Ok(PID_FS_MAGIC))
}

/// The processes below a directory like `/proc`.
fn processes(proc: &Path, kernel: &dyn Kernel) -> Vec<Found> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| number(entry.file_name().as_bytes()));
    let found = pids.filter_map(|pid| process(&proc.join(pid.to_string()), pid, kernel));
    found.take(MAX_PROCESSES).collect()
}

/// A process, unless it has ended in between.
fn process(directory: &Path, pid: u32, kernel: &dyn Kernel) -> Option<Found> {
    let answer = kernel.process(pid);
    let status = read(&directory.join("status"));
    let id = |name: &[u8]| {
        let mut lines = status.split(|byte| *byte == b'\n');
        let value = lines.find_map(|line| line.strip_prefix(name))?;
        number(value.trim_ascii().split(|byte| *byte == b'\t').next()?)
    };
    let own = |name: &str| number(&read(&directory.join(name))).unwrap_or(Identity::UNSET);
    let exe = fs::read_link(directory.join("exe")).unwrap_or_default();
    let found = Found {
        pid,
        ppid: id(b"PPid:")?,
        uid: id(b"Uid:")?,
        auid: own("loginuid"),
        session: own("sessionid"),
        answer,
        exe: exe.into_os_string().into_encoded_bytes(),
        cmdline: read(&directory.join("cmdline")),
        cgroup: read(&directory.join("cgroup")),
    };
    (kernel.process(pid) == answer).then_some(found)
}

/// The beginning of a file; nothing if it cannot be read.
fn read(path: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    let file = fs::File::open(path).map(|file| file.take(MAX_FILE_BYTES as u64));
    let _ = file.and_then(|mut file| file.read_to_end(&mut text));
    text
}

fn number(text: &[u8]) -> Option<u32> {
    str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn this_process_is_found_with_its_parent_and_program() {
        let pid = std::process::id();
        let found = processes(Path::new("/proc"), &Silent);
        let this = found.iter().find(|process| process.pid == pid).unwrap();
        assert_eq!(this.ppid, std::os::unix::process::parent_id());
        let exe = std::env::current_exe().unwrap();
        assert_eq!(OsStr::from_bytes(&this.exe), exe.as_os_str());
        assert!(this.cmdline.ends_with(b"\0"));
    }

    #[test]
    fn a_process_has_a_number_that_no_other_has() {
        if !has_numbers() {
            return;
        }
        let kernel = Pidfds::default();
        let this = kernel.process(std::process::id());
        assert!(matches!(this, Answer::Process(_)));
        assert_eq!(this, kernel.process(std::process::id()));
        assert_ne!(this, kernel.process(std::os::unix::process::parent_id()));
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let before = kernel.process(child.id());
        assert!(matches!(before, Answer::Process(_)));
        assert_eq!(before, Pidfds::default().process(child.id()));
        assert_eq!(before, kernel.process(child.id()), "from the open pidfd");
        child.wait().unwrap();
        assert_eq!(kernel.process(child.id()), Answer::Gone);
    }
}
