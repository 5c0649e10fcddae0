//! A process that looks into others, and does nothing else.
//!
//! Where a record leaves a directory out, `/proc/PID/fd` may tell it. That takes the right to look
//! into every process, which the one that parses records shall not have. So another process has it,
//! which was started before anything was opened, reads no record, can open no file, and answers two
//! questions: where a descriptor points, and which file a path names. It ends with its asker.

use std::{
    cell::Cell,
    fs::OpenOptions,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixDatagram,
    },
    time::Duration,
};

use rustix::{
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    stdio::{dup2_stdin, dup2_stdout},
};

use crate::{
    confine::{Confinement, Duty, User},
    error::Error,
    model::FileId,
    resolve::{Host, Proc},
    sys,
};

/// How long an answer may take. A path may lie on a server that does not answer; the path of one
/// event is not worth waiting for it.
const PATIENCE: Duration = Duration::from_secs(1);
/// Room for a question or an answer: a number, a byte, and the longest path.
const ROOM: usize = 4 + 1 + libc::PATH_MAX as usize;

/// A question of what a descriptor is.
const DESCRIPTOR: u8 = b'd';
/// A question of which file a path names.
const FILE: u8 = b'f';

/// The process that can be asked, seen from the one that asks.
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
    /// The last question was given up, and its answer has not come yet.
    Late,
    Gone,
}

impl Inspector {
    /// Starts the process. There must be no other thread yet, and nothing open that it should not
    /// have for a moment.
    ///
    /// # Errors
    ///
    /// If there cannot be another process.
    pub fn start(user: Option<&User>, filters: bool) -> Result<Inspector, Error> {
        let failed = |error| Error::new("start a process that looks into others", error);
        let (ours, its) = pair().map_err(failed)?;
        let confinement = Confinement {
            user: user.cloned(),
            filters,
            ..Confinement::new(Duty::Inspect)
        };
        sys::fork(|| {
            if let Err(error) = work(its, &confinement) {
                log::error!("{error}");
            }
        })
        .map_err(failed)?;
        Inspector::asking(ours).map_err(failed)
    }

    fn asking(socket: UnixDatagram) -> io::Result<Inspector> {
        socket.set_read_timeout(Some(PATIENCE))?;
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

    /// Waits for the answer to a question; an empty one is that there is none.
    fn receive(&self, number: u32) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = [0; ROOM];
        loop {
            let length = match self.socket.recv(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            };
            let answer = buffer.get(..length).unwrap_or_default();
            match answer.split_first_chunk() {
                Some((answered, text)) if u32::from_ne_bytes(*answered) == number => {
                    return Ok((!text.is_empty()).then(|| text.to_vec()));
                }
                Some(_) => {}
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    /// Sees whether the answer that was given up has come.
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
            log::warn!("the file system did not say in time what a path is; it may be unresolved");
        } else {
            self.state.set(State::Gone);
            log::error!(
                "the process that looks into others is gone; more paths will be unresolved until \
                 this is started again"
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

/// Two ends that keep messages apart and know when the other end is gone.
fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
    let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
    let (one, other) = socketpair(AddressFamily::UNIX, kind, flags, None)?;
    Ok((UnixDatagram::from(one), UnixDatagram::from(other)))
}

/// What the process does: it lets go of everything that it was started with, and answers.
fn work(socket: UnixDatagram, confinement: &Confinement) -> Result<(), Error> {
    let socket = only(socket).map_err(|error| Error::new("keep one descriptor", error))?;
    confinement.enter()?;
    serve(&UnixDatagram::from(socket), &Proc);
    Ok(())
}

/// Closes all but one descriptor and standard error.
fn only(socket: UnixDatagram) -> io::Result<OwnedFd> {
    dup2_stdin(&socket)?;
    dup2_stdout(OpenOptions::new().write(true).open("/dev/null")?)?;
    // Not dropped: its number is closed with all the others.
    std::mem::forget(socket);
    sys::close_from(3);
    io::stdin().as_fd().try_clone_to_owned()
}

/// Answers until nobody can ask any more.
fn serve(socket: &UnixDatagram, host: &dyn Host) {
    let mut buffer = [0; ROOM];
    loop {
        let length = match socket.recv(&mut buffer) {
            Ok(0) => return,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let question = buffer.get(..length).unwrap_or_default();
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

    /// Asks a thread that answers as the process does.
    fn with_host(host: impl Host + Send + 'static, ask: impl FnOnce(&Inspector)) {
        let (ours, its) = pair().unwrap();
        let serving = thread::spawn(move || serve(&its, &host));
        let inspector = Inspector::asking(ours).unwrap();
        ask(&inspector);
        drop(inspector);
        serving.join().unwrap();
    }

    #[test]
    fn what_is_asked_from_afar_is_what_would_be_seen() {
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

    /// A file system that answers when it is told to.
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
    fn an_answer_that_comes_late_is_not_taken_for_another() {
        let (go, told) = mpsc::channel();
        with_host(Slow(told), |inspector| {
            assert_eq!(inspector.descriptor(1, 0), None);
            assert_eq!(
                inspector.descriptor(2, 0),
                None,
                "and it is not waited for again"
            );
            go.send(()).unwrap();
            let late = sys::wait([inspector.socket.as_fd()], None).unwrap();
            assert_eq!(late, [true]);
            go.send(()).unwrap();
            assert_eq!(inspector.descriptor(3, 0).unwrap(), b"/\x03");
        });
    }

    #[test]
    fn without_anybody_to_ask_there_is_no_answer() {
        let (ours, its) = pair().unwrap();
        drop(its);
        let inspector = Inspector::asking(ours).unwrap();
        assert_eq!(inspector.descriptor(1, 0), None);
        assert_eq!(inspector.state.get(), State::Gone);
        assert_eq!(inspector.file_id(b"/"), None);
    }
}
