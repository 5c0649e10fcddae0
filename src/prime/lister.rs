//! The lister: a separate process that reads directories and does nothing else.
//!
//! It answers two questions: which files the parts of a path are, and which names a directory has.
//! It keeps the capability to read directories that are closed to others, but it can open nothing
//! but directories.

use std::{
    io,
    os::unix::{ffi::OsStrExt, net::UnixDatagram},
    path::Path,
    time::Duration,
};

use rustix::io::Errno;

use crate::{
    confine::{Confinement, Duty},
    error::Error,
    helper,
    model::FileId,
    prime::{
        directory::{Directories, Identity, Put},
        entry::{Entry, take},
    },
};

/// How long to wait for a part of an answer. A directory may be on a network file system that
/// hangs.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum size of a question or of a part of an answer.
const MESSAGE_BYTES: usize = 64 << 10;
/// A part of an answer is sent when it has this size, so that one more entry fits.
const FULL_BYTES: usize = MESSAGE_BYTES - 512;

/// Asks which files the parts of a path are.
const RESOLVE: u8 = b'r';
/// Asks which names a directory has.
const LIST: u8 = b'l';

/// Marks a part of an answer that another one follows, the last one, and an error.
const MORE: u8 = b'+';
const LAST: u8 = b'.';
const FAILED: u8 = b'!';

/// The connection to the lister process.
#[derive(Debug)]
pub(crate) struct Lister {
    socket: UnixDatagram,
    buffer: Vec<u8>,
    number: u32,
}

impl Lister {
    /// Forks the process. Call this before starting threads and opening files.
    pub(crate) fn start(confinement: &Confinement) -> Result<Lister, Error> {
        let confinement = Confinement {
            duty: Duty::List,
            writable: Vec::new(),
            ..confinement.clone()
        };
        let started = helper::start(|socket| {
            let mut directories = Directories::open();
            confinement.enter()?;
            serve(socket, &mut directories);
            Ok(())
        });
        started
            .and_then(Lister::connected)
            .map_err(|error| Error::new("start the process that reads directories", error))
    }

    pub(crate) fn connected(socket: UnixDatagram) -> io::Result<Lister> {
        socket.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Lister {
            socket,
            buffer: vec![0; MESSAGE_BYTES],
            number: 0,
        })
    }

    /// As [`Directories::resolve`].
    pub(crate) fn resolve(&mut self, path: &Path, put: &mut Put) -> io::Result<()> {
        self.ask(&[&[RESOLVE], path.as_os_str().as_bytes()], put)
    }

    /// As [`Directories::list`].
    pub(crate) fn list(
        &mut self,
        path: &[u8],
        expected: Identity,
        put: &mut Put,
    ) -> io::Result<()> {
        let mut file = Vec::new();
        expected.write(&mut file);
        self.ask(&[&[LIST], &file, path], put)
    }

    fn ask(&mut self, question: &[&[u8]], put: &mut Put) -> io::Result<()> {
        self.number = self.number.wrapping_add(1);
        let question = [&self.number.to_ne_bytes()[..], &question.concat()].concat();
        if question.len() > MESSAGE_BYTES {
            return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
        }
        self.socket.send(&question)?;
        let mut is_wanted = true;
        loop {
            let mut part = helper::receive(&self.socket, &mut self.buffer)?;
            let broken = || io::Error::from(io::ErrorKind::UnexpectedEof);
            let number = u32::from_ne_bytes(*take(&mut part).ok_or_else(broken)?);
            let [mark] = *take(&mut part).ok_or_else(broken)?;
            if number != self.number {
                // The rest of an answer that came too late.
                continue;
            }
            if mark == FAILED {
                let errno = take(&mut part).map_or(0, |errno| i32::from_ne_bytes(*errno));
                return Err(io::Error::from_raw_os_error(errno));
            }
            while is_wanted && let Some(entry) = Entry::read(&mut part) {
                is_wanted = put(&entry);
            }
            if mark == LAST {
                return Ok(());
            }
        }
    }
}

impl Identity {
    fn write(&self, out: &mut Vec<u8>) {
        let FileId { dev, inode } = self.file;
        out.extend_from_slice(&dev.0.to_ne_bytes());
        out.extend_from_slice(&dev.1.to_ne_bytes());
        out.extend_from_slice(&inode.to_ne_bytes());
        out.extend_from_slice(&self.mount.to_ne_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Option<Identity> {
        let dev = (
            u32::from_ne_bytes(*take(bytes)?),
            u32::from_ne_bytes(*take(bytes)?),
        );
        let inode = u64::from_ne_bytes(*take(bytes)?);
        let mount = u64::from_ne_bytes(*take(bytes)?);
        let file = FileId { dev, inode };
        Some(Identity { file, mount })
    }
}

/// Answers questions until the other end is closed.
pub(crate) fn serve(socket: &UnixDatagram, directories: &mut Directories) {
    let mut buffer = vec![0; MESSAGE_BYTES];
    loop {
        let Ok(mut question) = helper::receive(socket, &mut buffer) else {
            return;
        };
        let Some(number) = take::<4>(&mut question) else {
            return;
        };
        let mut answer = Answer {
            socket,
            part: [&number[..], &[LAST]].concat(),
            is_heard: true,
        };
        let answered = answer.to(question, directories);
        if !answer.finish(answered) {
            return;
        }
    }
}

/// An answer in parts.
struct Answer<'s> {
    socket: &'s UnixDatagram,
    part: Vec<u8>,
    is_heard: bool,
}

/// The number and the mark at the start of a part.
const HEAD_BYTES: usize = 5;

impl Answer<'_> {
    fn to(&mut self, question: &[u8], directories: &mut Directories) -> Result<(), Errno> {
        match question.split_first() {
            Some((&RESOLVE, path)) => directories.resolve(path, &mut |entry| self.add(entry)),
            Some((&LIST, mut rest)) => {
                let expected = Identity::read(&mut rest).ok_or(Errno::INVAL)?;
                directories.list(rest, expected, &mut |entry| self.add(entry))
            }
            _ => Err(Errno::INVAL),
        }
    }

    /// Adds an entry. `false` if nobody is there any more.
    fn add(&mut self, entry: &Entry) -> bool {
        entry.write(&mut self.part);
        if self.part.len() >= FULL_BYTES {
            self.send(MORE);
            self.part.truncate(HEAD_BYTES);
        }
        self.is_heard
    }

    fn finish(mut self, answered: Result<(), Errno>) -> bool {
        match answered {
            Ok(()) => self.send(LAST),
            Err(errno) => {
                self.part.truncate(HEAD_BYTES);
                let errno = errno.raw_os_error().to_ne_bytes();
                self.part.extend_from_slice(&errno);
                self.send(FAILED);
            }
        }
        self.is_heard
    }

    fn send(&mut self, mark: u8) {
        if let Some(place) = self.part.get_mut(HEAD_BYTES - 1) {
            *place = mark;
        }
        self.is_heard = self.is_heard && self.socket.send(&self.part).is_ok();
    }
}
