//! The inspector: a separate process that looks up descriptors and files of other processes.
//!
//! If a record omits a directory, `/proc/PID/fd` may name it. Reading that takes the privilege to
//! inspect every process, which the process that parses records must not have. So a second process,
//! forked before anything is opened, has it. It parses no records and can open no files; it answers
//! two questions: where a descriptor points, and which file a path names. It exits with its parent.

use std::{
    cell::Cell,
    io,
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

/// The connection to the inspector process. Implements [`Host`] by asking it.
#[derive(Debug)]
pub struct Inspector {
    socket: UnixDatagram,
    /// The number of the last question.
    last: Cell<u32>,
    state: Cell<State>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Ready,
    /// The last question timed out, and its answer has not arrived yet.
    Late,
    Gone,
}

impl Inspector {
    /// Forks the inspector process. Call this before starting threads and opening files: the new
    /// process inherits descriptors until it closes them.
    ///
    /// # Errors
    ///
    /// If the process cannot be started.
    pub fn start(user: Option<&User>, filters: bool) -> Result<Inspector, Error> {
        let confinement = Confinement {
            user: user.cloned(),
            filters,
            ..Confinement::new(Duty::Inspect)
        };
        let started = helper::start(|socket| {
            confinement.enter()?;
            serve(socket, &Proc);
            Ok(())
        });
        started
            .and_then(Inspector::connected)
            .map_err(|error| Error::new("start the inspector process", error))
    }

    fn connected(socket: UnixDatagram) -> io::Result<Inspector> {
        socket.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Inspector {
            socket,
            last: Cell::new(0),
            state: Cell::new(State::Ready),
        })
    }

    fn ask(&self, kind: u8, what: &[u8]) -> Option<Vec<u8>> {
        if self.state.get() == State::Late {
            self.catch_up();
        }
        if self.state.get() != State::Ready {
            return None;
        }
        let number = self.last.get().wrapping_add(1);
        self.last.set(number);
        let question = [&number.to_ne_bytes()[..], &[kind], what].concat();
        let answer = self
            .socket
            .send(&question)
            .and_then(|_| self.receive(number));
        answer.unwrap_or_else(|error| {
            self.failed(&error);
            None
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
        if let Ok([true]) = sys::wait([self.socket.as_fd()], Some(Duration::ZERO)) {
            self.state.set(State::Ready);
            if let Err(error) = self.receive(self.last.get()) {
                self.failed(&error);
            }
        }
    }

    fn failed(&self, error: &io::Error) {
        if error.kind() == io::ErrorKind::WouldBlock {
            self.state.set(State::Late);
            log::warn!("a file system did not answer in time; a path may be unresolved");
        } else {
            self.state.set(State::Gone);
            log::error!(
                "the inspector process has exited; more paths will be unresolved until auditrd is \
                 restarted"
            );
        }
    }
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

    /// Runs `ask` against a thread that answers in place of the inspector process.
    fn with_host(host: impl Host + Send + 'static, ask: impl FnOnce(&Inspector)) {
        let (ours, its) = helper::pair().unwrap();
        let serving = thread::spawn(move || serve(&its, &host));
        let inspector = Inspector::connected(ours).unwrap();
        ask(&inspector);
        drop(inspector);
        serving.join().unwrap();
    }

    #[test]
    fn answers_are_the_same_as_direct_lookups() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().canonicalize().unwrap();
        let path = path.as_os_str().as_encoded_bytes();
        let fd = u32::try_from(std::os::fd::AsRawFd::as_raw_fd(file.as_file())).unwrap();
        with_host(Proc, |inspector| {
            assert_eq!(inspector.descriptor(process::id(), fd).unwrap(), path);
            assert_eq!(inspector.descriptor(process::id(), 987_654), None);
            assert_eq!(inspector.file_id(path), Proc.file_id(path));
            assert_eq!(inspector.file_id(b"/no/such/file"), None);
            assert_eq!(inspector.file_id(b""), None);
            assert_eq!(inspector.file_id(&[b'/'; 10_000]), None);
            let longest = [b'a'; libc::PATH_MAX as usize];
            assert_eq!(inspector.file_id(&longest), None);
        });
    }

    /// A file system that answers only when told to.
    struct Slow(mpsc::Receiver<()>);

    impl Host for Slow {
        fn descriptor(&self, pid: u32, _: u32) -> Option<Vec<u8>> {
            self.0.recv().unwrap();
            Some(vec![b'/', u8::try_from(pid).unwrap()])
        }

        fn file_id(&self, _: &[u8]) -> Option<FileId> {
            None
        }
    }

    #[test]
    fn a_late_answer_is_not_taken_for_the_next_one() {
        let (go, told) = mpsc::channel();
        with_host(Slow(told), |inspector| {
            assert_eq!(inspector.descriptor(1, 0), None);
            assert_eq!(
                inspector.descriptor(2, 0),
                None,
                "does not wait a second time"
            );
            go.send(()).unwrap();
            let late = sys::wait([inspector.socket.as_fd()], None).unwrap();
            assert_eq!(late, [true]);
            go.send(()).unwrap();
            assert_eq!(inspector.descriptor(3, 0).unwrap(), b"/\x03");
        });
    }

    #[test]
    fn without_the_process_there_is_no_answer() {
        let (ours, its) = helper::pair().unwrap();
        drop(its);
        let inspector = Inspector::connected(ours).unwrap();
        assert_eq!(inspector.descriptor(1, 0), None);
        assert_eq!(inspector.state.get(), State::Gone);
        assert_eq!(inspector.file_id(b"/"), None);
    }
}
