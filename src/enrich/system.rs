//! The live system: its processes, and which process has a pid now.

use std::{
    cell::RefCell,
    fmt, fs,
    io::Read,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{fstat, fstatfs},
    io::Errno,
    process::{Pid, PidfdFlags, getpid, pidfd_open},
};

use crate::{
    bytes::number,
    enrich::{Answer, Census, Found, Kernel, Start},
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
/// The parent of all other threads of the kernel (kernel/kthread.c).
const KTHREADD: u32 = 2;

/// Processes whose pidfd stays open, at most.
const MAX_OPEN: usize = 16;

/// This system, by the inodes of pidfds (pidfd_open(2); no privilege is needed).
///
/// Opening a pidfd is the most expensive call for an event. The events of a process come one after
/// the other, so a few stay open, each in the slot of its pid.
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
    /// This system at the time `now`, with a census of its processes. `None` in a pid namespace,
    /// where pids are not those of the records; without processes in a user namespace, where their
    /// users are not.
    pub fn of_this_system(now: Timestamp, census: Box<dyn Census + Send>) -> Option<Start> {
        if !is_in("pid", INITIAL_PIDS) {
            return None;
        }
        let proc = Path::new("/proc");
        let read = |name: &str| File::default().read(&proc.join(name)).to_owned();
        let boot_id = read("sys/kernel/random/boot_id").trim_ascii().to_owned();
        let highest = number(read("sys/kernel/pid_max").trim_ascii()).unwrap_or(0);
        let load = read("loadavg");
        let last = load.rsplit(|byte| *byte == b' ').next().and_then(number);
        // The numbers begin again at each boot, so they tell processes apart only together with its
        // id, which a sandbox may hide.
        let kernel = match boot_id.is_empty() {
            true => Box::new(Silent),
            false => kernel(),
        };
        Some(Start {
            census: is_in("user", INITIAL_USERS).then_some(census),
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

/// The kernel, as far as it numbers processes.
fn kernel() -> Box<dyn Kernel + Send> {
    match has_numbers() {
        true => Box::new(Pidfds::default()),
        false => Box::new(Silent),
    }
}

/// Whether each process has a number of its own.
fn has_numbers() -> bool {
    pidfd_open(getpid(), PidfdFlags::empty())
        .and_then(fstatfs)
        .is_ok_and(|stat| u64::try_from(stat.f_type) == Ok(PID_FS_MAGIC))
}

/// Reads processes in `/proc`.
pub(crate) struct Proc {
    directory: PathBuf,
    kernel: Box<dyn Kernel + Send>,
    file: File,
}

impl Proc {
    pub(crate) fn new() -> Proc {
        Proc {
            directory: PathBuf::from("/proc"),
            kernel: kernel(),
            file: File::default(),
        }
    }

    /// The pids of the processes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let entries = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        let pids = entries.filter_map(|entry| number(entry.file_name().as_bytes()));
        pids.take(MAX_PROCESSES).collect()
    }

    /// A process, unless it has ended.
    pub(crate) fn process(&mut self, pid: u32) -> Option<Found> {
        let directory = self.directory.join(pid.to_string());
        let answer = self.kernel.process(pid);
        let status = self.file.read(&directory.join("status"));
        let ppid = value(status, b"PPid:")?;
        let uid = value(status, b"Uid:")?;
        // A thread of the kernel has no memory of its own, and neither has a zombie.
        let has_memory = line(status, b"VmSize:").is_some();
        let mut found = Found {
            ppid,
            uid,
            answer,
            ..Found::gone(pid)
        };
        if has_memory {
            let exe = fs::read_link(directory.join("exe")).unwrap_or_default();
            found.exe = exe.into_os_string().into_encoded_bytes();
            found.cmdline = self.file.read(&directory.join("cmdline")).to_owned();
        }
        if has_memory || pid != KTHREADD && ppid != KTHREADD {
            found.cgroup = self.file.read(&directory.join("cgroup")).to_owned();
            found.auid = self.id(&directory, "loginuid");
        }
        // The kernel sets both together (kernel/auditsc.c, `audit_set_loginuid`).
        if found.auid != Identity::UNSET {
            found.session = self.id(&directory, "sessionid");
        }
        (self.kernel.process(pid) == answer).then_some(found)
    }

    fn id(&mut self, directory: &Path, name: &str) -> u32 {
        number(self.file.read(&directory.join(name)).trim_ascii()).unwrap_or(Identity::UNSET)
    }
}

impl fmt::Debug for Proc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proc").finish_non_exhaustive()
    }
}

/// The beginning of the file that was read last. One buffer for all files, so that each takes one
/// read(2): a file in `/proc` that is shorter than the buffer is read whole.
struct File(Vec<u8>);

impl Default for File {
    fn default() -> File {
        File(vec![0; MAX_FILE_BYTES])
    }
}

impl File {
    /// The beginning of a file; nothing if it cannot be read.
    fn read(&mut self, path: &Path) -> &[u8] {
        let length = fs::File::open(path).and_then(|mut file| file.read(&mut self.0));
        self.0.get(..length.unwrap_or(0)).unwrap_or_default()
    }
}

/// The rest of a line of `/proc/PID/status` (proc_pid_status(5)).
fn line<'s>(status: &'s [u8], name: &[u8]) -> Option<&'s [u8]> {
    let mut lines = status.split(|byte| *byte == b'\n');
    lines.find_map(|line| line.strip_prefix(name))
}

/// The first number in such a line.
fn value(status: &[u8], name: &[u8]) -> Option<u32> {
    let text = line(status, name)?.trim_ascii();
    number(text.split(|byte| *byte == b'\t').next()?)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn this_process_is_found_with_its_parent_and_program() {
        let pid = std::process::id();
        let mut proc = Proc::new();
        assert!(proc.pids().contains(&pid));
        let this = proc.process(pid).unwrap();
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
