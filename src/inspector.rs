//! The inspector: separate processes that look up descriptors and files of other processes.
//!
//! If a record omits a directory, `/proc/PID/fd` may name it. Reading that takes the privilege to
//! inspect every process, which the process that parses records must not have. So other processes,
//! forked before anything is opened, have it. They parse no records and can open no files; they
//! answer two questions: where a descriptor points, and which file a path names. They exit with
//! their parent.
//!
//! A question about a file system that hangs, such as one whose server is gone, is never answered.
//! So there are several processes, and nothing more is asked of that file system until it answers.

use std::{
    cell::{Cell, RefCell},
    fs, io,
    os::{fd::AsFd, unix::net::UnixDatagram},
    time::Duration,
};

use crate::{
    confine::{Confinement, Duty, User},
    error::Error,
    helper,
    model::FileId,
    resolve::{Host, Proc},
    sys,
};

/// How long to wait for an answer. A path may be on a network file system that hangs, and one
/// event's path is not worth a longer wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum size of a question or answer: its number, its kind, and the longest path.
const MESSAGE_BYTES: usize = 4 + 1 + libc::PATH_MAX as usize;

/// Asks where a descriptor points.
const DESCRIPTOR: u8 = b'd';
/// Asks which file a path names.
const FILE: u8 = b'f';

/// How many processes there are. One that waits for a file system that hangs is left waiting, and
/// the next one is asked.
const PROCESSES: usize = 3;

/// The connection to the inspector processes. Implements [`Host`] by asking one of them.
#[derive(Debug)]
pub struct Inspector {
    processes: Vec<Process>,
    /// Whether it was logged that there is no process any more.
    has_said: Cell<bool>,
}

/// The connection to one process.
#[derive(Debug)]
struct Process {
    socket: UnixDatagram,
    /// The number of the last question.
    last: Cell<u32>,
    state: RefCell<State>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum State {
    Ready,
    /// The last question timed out, and its answer has not arrived yet. It was about a file below
    /// this mount.
    Late(Vec<u8>),
    Gone,
}

impl Inspector {
    /// Forks the inspector processes. Call this before starting threads and opening files: the new
    /// processes inherit descriptors until they close them.
    ///
    /// # Errors
    ///
    /// If a process cannot be started.
    pub fn start(user: Option<&User>, filters: bool) -> Result<Inspector, Error> {
        let confinement = Confinement {
            user: user.cloned(),
            filters,
            ..Confinement::new(Duty::Inspect)
        };
        let start = |_| {
            let socket = helper::start(|socket| {
                confinement.enter()?;
                serve(socket, &Proc);
                Ok(())
            });
            socket.and_then(Process::connected)
        };
        let started: io::Result<_> = (0..PROCESSES).map(start).collect();
        started
            .map(Inspector::of)
            .map_err(|error| Error::new("start the inspector process", error))
    }

    fn of(processes: Vec<Process>) -> Inspector {
        Inspector {
            processes,
            has_said: Cell::new(false),
        }
    }

    /// Asks a process that is ready. Nothing is asked of a mount that hangs, so that not all of
    /// them wait for it.
    fn ask(&self, kind: u8, what: &[u8]) -> Option<Vec<u8>> {
        self.processes.iter().for_each(Process::catch_up);
        let hangs = |process: &Process| match &*process.state.borrow() {
            State::Late(mount) => kind == FILE && is_below(what, mount),
            _ => false,
        };
        if self.processes.iter().any(hangs) {
            return None;
        }
        for process in &self.processes {
            match process.ask(kind, what) {
                Ok(answer) => return answer,
                Err(Silence::Late) => return None,
                Err(Silence::Gone) => {}
            }
        }
        self.say_if_all_are_gone();
        None
    }

    fn say_if_all_are_gone(&self) {
        let is_gone = |process: &Process| *process.state.borrow() == State::Gone;
        if self.processes.iter().all(is_gone) && !self.has_said.replace(true) {
            log::error!(
                "the inspector processes have exited; more paths will be unresolved until auditrd \
                 is restarted"
            );
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Silence {
    /// The file system hangs.
    Late,
    /// The process is gone, or it waits for another file system.
    Gone,
}

impl Process {
    fn connected(socket: UnixDatagram) -> io::Result<Process> {
        socket.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Process {
            socket,
            last: Cell::new(0),
            state: RefCell::new(State::Ready),
        })
    }

    fn ask(&self, kind: u8, what: &[u8]) -> Result<Option<Vec<u8>>, Silence> {
        if *self.state.borrow() != State::Ready {
            return Err(Silence::Gone);
        }
        let number = self.last.get().wrapping_add(1);
        self.last.set(number);
        let question = [&number.to_ne_bytes()[..], &[kind], what].concat();
        let answer = self
            .socket
            .send(&question)
            .and_then(|_| self.receive(number));
        answer.map_err(|error| {
            let path = if kind == FILE { what } else { b"/proc" };
            self.failed(&error, path)
        })
    }

    /// Waits for the answer to a question; `None` if the answer is empty.
    fn receive(&self, number: u32) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = [0; MESSAGE_BYTES];
        loop {
            let answer = helper::receive(&self.socket, &mut buffer)?;
            match answer.split_first_chunk() {
                Some((answered, text)) if u32::from_ne_bytes(*answered) == number => {
                    return Ok((!text.is_empty()).then(|| text.to_vec()));
                }
                Some(_) => {}
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    /// Discards the answer that came too late, if it has arrived.
    fn catch_up(&self) {
        if !matches!(*self.state.borrow(), State::Late(_)) {
            return;
        }
        if let Ok([true]) = sys::wait([self.socket.as_fd()], Some(Duration::ZERO)) {
            self.state.replace(State::Ready);
            if let Err(error) = self.receive(self.last.get()) {
                self.failed(&error, b"");
            }
        }
    }

    fn failed(&self, error: &io::Error, path: &[u8]) -> Silence {
        if error.kind() == io::ErrorKind::WouldBlock {
            let mount = mount_of(path);
            log::warn!(
                "the file system at {} did not answer in time; a path may be unresolved",
                String::from_utf8_lossy(&mount)
            );
            self.state.replace(State::Late(mount));
            Silence::Late
        } else {
            self.state.replace(State::Gone);
            Silence::Gone
        }
    }
}

/// Whether a path is that of a directory or below it.
fn is_below(path: &[u8], directory: &[u8]) -> bool {
    let rest = path.strip_prefix(directory);
    rest.is_some_and(|rest| matches!(rest, [] | [b'/', ..]) || directory.ends_with(b"/"))
}

/// The mount that a path is below, by the table of mounts (proc_pid_mountinfo(5)); the path itself
/// if it is below none but `/`, which hangs for nobody.
fn mount_of(path: &[u8]) -> Vec<u8> {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    longest_mount(&table, path).unwrap_or_else(|| path.to_vec())
}

fn longest_mount(table: &[u8], path: &[u8]) -> Option<Vec<u8>> {
    let lines = table.split(|byte| *byte == b'\n');
    let mounts = lines.filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    let mounts = mounts.map(unescaped);
    mounts
        .filter(|mount| mount != b"/" && is_below(path, mount))
        .max_by_key(Vec::len)
}

/// A mount point without the octal escapes of the table.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        match rest {
            [
                b'\\',
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                after @ ..,
            ] => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    out
}

impl Host for Inspector {
    fn descriptor(&self, pid: u32, fd: u32) -> Option<Vec<u8>> {
        let what = [pid.to_ne_bytes(), fd.to_ne_bytes()].concat();
        self.ask(DESCRIPTOR, &what)
    }

    fn file_id(&self, path: &[u8]) -> Option<FileId> {
        if path.len() > libc::PATH_MAX as usize {
            return None;
        }
        let answer = self.ask(FILE, path)?;
        let (major, rest) = answer.split_first_chunk()?;
        let (minor, rest) = rest.split_first_chunk()?;
        Some(FileId {
            dev: (u32::from_ne_bytes(*major), u32::from_ne_bytes(*minor)),
            inode: u64::from_ne_bytes(rest.try_into().ok()?),
        })
    }
}

/// Answers questions until the other end is closed.
fn serve(socket: &UnixDatagram, host: &dyn Host) {
    let mut buffer = [0; MESSAGE_BYTES];
    loop {
        let Ok(question) = helper::receive(socket, &mut buffer) else {
            return;
        };
        let Some((number, question)) = question.split_first_chunk::<4>() else {
            return;
        };
        let answer = answer(question, host).unwrap_or_default();
        if socket.send(&[&number[..], &answer].concat()).is_err() {
            return;
        }
    }
}

fn answer(question: &[u8], host: &dyn Host) -> Option<Vec<u8>> {
    let (kind, what) = question.split_first()?;
    if *kind == FILE {
        let FileId { dev, inode } = host.file_id(what)?;
        let (major, minor) = (dev.0.to_ne_bytes(), dev.1.to_ne_bytes());
        return Some([&major[..], &minor, &inode.to_ne_bytes()].concat());
    }
    let (pid, fd) = what.split_first_chunk()?;
    let (pid, fd) = (
        u32::from_ne_bytes(*pid),
        u32::from_ne_bytes(fd.try_into().ok()?),
    );
    host.descriptor(pid, fd)
}

#[cfg(test)]
mod tests {
    use std::{process, sync::mpsc, thread};

    use super::*;

    /// An inspector whose processes are threads that answer as these hosts do.
    fn inspector(hosts: Vec<Box<dyn Host + Send>>) -> Inspector {
        let process = |host: Box<dyn Host + Send>| {
            let (ours, its) = helper::pair().unwrap();
            thread::spawn(move || serve(&its, &*host));
            Process::connected(ours).unwrap()
        };
        Inspector::of(hosts.into_iter().map(process).collect())
    }

    #[test]
    fn answers_are_the_same_as_direct_lookups() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().canonicalize().unwrap();
        let path = path.as_os_str().as_encoded_bytes();
        let fd = u32::try_from(std::os::fd::AsRawFd::as_raw_fd(file.as_file())).unwrap();
        let inspector = inspector(vec![Box::new(Proc)]);
        assert_eq!(inspector.descriptor(process::id(), fd).unwrap(), path);
        assert_eq!(inspector.descriptor(process::id(), 987_654), None);
        assert_eq!(inspector.file_id(path), Proc.file_id(path));
        assert_eq!(inspector.file_id(b"/no/such/file"), None);
        assert_eq!(inspector.file_id(b""), None);
        assert_eq!(inspector.file_id(&[b'/'; 10_000]), None);
        let longest = [b'a'; libc::PATH_MAX as usize];
        assert_eq!(inspector.file_id(&longest), None);
    }

    /// A file system that answers only when told to.
    struct Slow(mpsc::Receiver<()>);

    impl Host for Slow {
        fn descriptor(&self, pid: u32, _: u32) -> Option<Vec<u8>> {
            self.0.recv().ok()?;
            Some(vec![b'/', u8::try_from(pid).unwrap()])
        }

        fn file_id(&self, path: &[u8]) -> Option<FileId> {
            if path.starts_with(b"/hangs") {
                self.0.recv().ok()?;
            }
            let inode = path.len() as u64;
            Some(FileId { dev: (0, 1), inode })
        }
    }

    #[test]
    fn a_late_answer_is_not_taken_for_the_next_one() {
        let (go, told) = mpsc::channel();
        let inspector = inspector(vec![Box::new(Slow(told))]);
        assert_eq!(inspector.descriptor(1, 0), None);
        assert_eq!(
            inspector.descriptor(2, 0),
            None,
            "does not wait a second time"
        );
        go.send(()).unwrap();
        let late = sys::wait([inspector.processes[0].socket.as_fd()], None).unwrap();
        assert_eq!(late, [true]);
        go.send(()).unwrap();
        assert_eq!(inspector.descriptor(3, 0).unwrap(), b"/\x03");
    }

    #[test]
    fn a_file_system_that_hangs_does_not_keep_others_from_being_asked() {
        let (gos, hosts): (Vec<_>, Vec<_>) = (0..2)
            .map(|_| {
                let (go, told) = mpsc::channel();
                (go, Box::new(Slow(told)) as Box<dyn Host + Send>)
            })
            .unzip();
        let inspector = inspector(hosts);
        let is = |path: &[u8]| inspector.file_id(path).map(|file| file.inode);
        assert_eq!(is(b"/hangs/file"), None);
        assert_eq!(is(b"/fine"), Some(5));
        for _ in 0..5 {
            assert_eq!(is(b"/hangs/file"), None);
        }
        assert_eq!(
            is(b"/fine/too"),
            Some(9),
            "the second one is left to answer"
        );
        gos[0].send(()).unwrap();
        sys::wait([inspector.processes[0].socket.as_fd()], None).unwrap();
        gos[0].send(()).unwrap();
        assert_eq!(is(b"/hangs/file"), Some(11), "it answers again");
    }

    #[test]
    fn the_mount_of_a_path_is_the_nearest_above() {
        let table = b"1 0 8:1 / / rw - ext4 x rw\n2 1 0:9 / /mnt/a rw - nfs x rw\n\
            3 2 0:7 / /mnt/a/b\\040c rw - nfs x rw\n";
        let mount = |path: &[u8]| longest_mount(table, path);
        assert_eq!(mount(b"/mnt/a/file").unwrap(), b"/mnt/a");
        assert_eq!(mount(b"/mnt/a").unwrap(), b"/mnt/a");
        assert_eq!(mount(b"/mnt/a/b c/file").unwrap(), b"/mnt/a/b c");
        assert_eq!(mount(b"/mnt/ab"), None);
        assert!(is_below(b"/mnt/a/x", b"/mnt/a") && !is_below(b"/mnt/ab", b"/mnt/a"));
    }

    #[test]
    fn without_the_processes_there_is_no_answer() {
        let (ours, its) = helper::pair().unwrap();
        drop(its);
        let inspector = Inspector::of(vec![Process::connected(ours).unwrap()]);
        assert_eq!(inspector.descriptor(1, 0), None);
        assert_eq!(*inspector.processes[0].state.borrow(), State::Gone);
        assert_eq!(inspector.file_id(b"/"), None);
    }
}
