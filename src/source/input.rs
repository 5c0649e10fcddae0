//! Reads bytes from files and streams, one after the other, with a stop signal and a deadline.
//!
//! The sources of text, such as [`LogSource`](super::LogSource), interpret the bytes.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use crate::{error::Error, source::Stop, sys};

/// How many bytes one read requests. The threads wake each other once per chunk, which costs more
/// than cache misses in a buffer larger than the L2 cache.
const CHUNK_BYTES: usize = 512 << 10;

/// The result of one attempt to read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Read {
    /// Bytes were appended to the buffer.
    Bytes,
    /// One input has ended; the next read continues with the next input.
    EndOfInput,
    /// The deadline passed, or a signal arrived, before any bytes did.
    Nothing,
    /// All inputs have ended, or the source was told to stop.
    End,
}

/// Inputs that are read one after the other.
#[derive(Debug)]
pub(super) struct Inputs {
    waiting: std::vec::IntoIter<Input>,
    current: Option<Input>,
    bytes_read: Arc<AtomicU64>,
    stop: Stop,
}

#[derive(Debug)]
struct Input {
    name: PathBuf,
    file: File,
}

impl Inputs {
    /// Opens all inputs. `-` is standard input.
    ///
    /// # Errors
    ///
    /// If one of them cannot be opened, or is a directory.
    pub(super) fn open(names: &[PathBuf], stop: Stop) -> Result<Inputs, Error> {
        let inputs: Result<Vec<Input>, Error> = names.iter().map(|name| open(name)).collect();
        Ok(Inputs::new(inputs?, stop))
    }

    /// Reads a single input that is already open.
    pub(super) fn from_fd(fd: OwnedFd, stop: Stop) -> Inputs {
        let input = Input {
            name: PathBuf::from("-"),
            file: File::from(fd),
        };
        Inputs::new(vec![input], stop)
    }

    fn new(inputs: Vec<Input>, stop: Stop) -> Inputs {
        Inputs {
            waiting: inputs.into_iter(),
            current: None,
            bytes_read: Arc::default(),
            stop,
        }
    }

    /// Waits for bytes, but no longer than until the deadline, and appends up to one chunk of them
    /// to `buffer`.
    ///
    /// # Errors
    ///
    /// If the input cannot be read.
    pub(super) fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        until: Option<Instant>,
    ) -> Result<Read, Error> {
        if self.current.is_none() {
            self.current = self.waiting.next();
        }
        let Some(input) = self.current.as_ref() else {
            return Ok(Read::End);
        };
        let [stopped, readable] = sys::wait_until([self.stop.as_fd(), input.file.as_fd()], until)
            .map_err(|error| Error::new("wait for input", error))?;
        if stopped {
            return Ok(Read::End);
        }
        if !readable {
            return Ok(Read::Nothing);
        }
        match sys::read(input.file.as_fd(), buffer, CHUNK_BYTES) {
            Ok(0) => {
                self.current = None;
                Ok(Read::EndOfInput)
            }
            Ok(length) => {
                self.bytes_read.fetch_add(length as u64, Ordering::Relaxed);
                Ok(Read::Bytes)
            }
            Err(error) if is_transient(&error) => Ok(Read::Nothing),
            Err(error) => Err(Error::new(format!("read {}", input.name.display()), error)),
        }
    }

    /// The length of the inputs that are still to be read, in bytes, if all are regular files.
    pub(super) fn length(&self) -> Option<u64> {
        let lengths = self.waiting.as_slice().iter().map(|input| {
            let metadata = input.file.metadata().ok()?;
            metadata.is_file().then_some(metadata.len())
        });
        lengths.sum()
    }

    /// A counter of the bytes read so far.
    pub(super) fn bytes_read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes_read)
    }
}

fn open(name: &Path) -> Result<Input, Error> {
    let file = if name.as_os_str() == "-" {
        sys::standard_input().map(File::from)
    } else {
        // Without O_NONBLOCK, opening a named pipe would wait for its writer, with no way to stop.
        OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(name)
    };
    let not_a_directory = |file: File| match file.metadata()?.is_dir() {
        true => Err(io::Error::from_raw_os_error(libc::EISDIR)),
        false => Ok(file),
    };
    match file.and_then(not_a_directory) {
        Ok(file) => Ok(Input {
            name: name.to_owned(),
            file,
        }),
        Err(error) => {
            let denied = error.kind() == io::ErrorKind::PermissionDenied;
            let error = Error::new(format!("read {}", name.display()), error);
            Err(if denied {
                error.help("audit logs are readable only by root; try sudo")
            } else {
                error
            })
        }
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
