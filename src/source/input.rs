//! Reads bytes from files and streams, one after the other, with a stop signal and a deadline.
//! Compressed inputs are decompressed.
//!
//! The sources of text, such as [`LogSource`](super::LogSource), interpret the bytes.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Cursor, Read as _},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime},
};

use crate::{
    error::Error,
    source::{
        Stop,
        decompress::{self, Decoder, Guess},
    },
    sys,
};

/// How many bytes one read requests. The threads wake each other once per chunk, which costs more
/// than cache misses in a buffer larger than the L2 cache.
const CHUNK_BYTES: usize = 512 << 10;
/// How many bytes of each input are read ahead to put several inputs in order.
const PEEK_BYTES: usize = 16 << 10;

/// The result of one attempt to read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Read {
    /// Bytes were appended to the buffer.
    Bytes,
    /// One input has ended; the next read continues with the next input.
    EndOfInput,
    /// The deadline passed, or a signal arrived, before any bytes did.
    Nothing,
    /// All inputs have ended.
    End,
    /// The source was told to stop.
    Stopped,
}

/// Inputs that are read one after the other.
#[derive(Debug)]
pub(super) struct Inputs {
    waiting: std::vec::IntoIter<Input>,
    current: Option<Input>,
    bytes_read: Arc<AtomicU64>,
    stop: Arc<Stop>,
}

struct Input {
    name: PathBuf,
    file: File,
    /// Bytes that were read already, and what they tell of the rest.
    ahead: Vec<u8>,
    guess: Guess,
    decoder: Option<Decoder>,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Input").field(&self.name).finish()
    }
}

impl Inputs {
    /// Opens all inputs. `-` is standard input, and a directory stands for the files in it.
    ///
    /// # Errors
    ///
    /// If one of them cannot be opened, or is a directory without files.
    pub(super) fn open(names: &[PathBuf], stop: Stop) -> Result<Inputs, Error> {
        let mut inputs = Vec::new();
        for name in names {
            let input = open(name)?;
            if !input.file.metadata().is_ok_and(|data| data.is_dir()) {
                inputs.push(input);
                continue;
            }
            for file in files_in(name)? {
                inputs.push(open(&file)?);
            }
        }
        Ok(Inputs::new(inputs, stop))
    }

    /// Reads a single input that is already open.
    pub(super) fn from_fd(fd: OwnedFd, stop: Stop) -> Inputs {
        Inputs::new(vec![Input::new(PathBuf::from("-"), File::from(fd))], stop)
    }

    fn new(inputs: Vec<Input>, stop: Stop) -> Inputs {
        Inputs {
            waiting: inputs.into_iter(),
            current: None,
            bytes_read: Arc::default(),
            stop: Arc::new(stop),
        }
    }

    /// Sorts the inputs by a key of their first bytes, if there are several and all are files. Call
    /// it before the first read.
    ///
    /// # Errors
    ///
    /// If an input cannot be read.
    pub(super) fn sort_by_key<K: Ord>(&mut self, key: impl Fn(&[u8]) -> K) -> Result<(), Error> {
        let mut inputs: Vec<Input> = self.waiting.by_ref().collect();
        let is_file = |input: &Input| input.file.metadata().is_ok_and(|data| data.is_file());
        if inputs.len() > 1 && inputs.iter().all(is_file) {
            for input in &mut inputs {
                self.peek(input)?;
            }
            inputs.sort_by_cached_key(|input| key(&input.ahead));
        }
        self.waiting = inputs.into_iter();
        Ok(())
    }

    /// Reads the first bytes of a file, which does not block.
    fn peek(&self, input: &mut Input) -> Result<(), Error> {
        let mut ahead = Vec::new();
        while ahead.len() < PEEK_BYTES {
            match self.read_from(input, &mut ahead, PEEK_BYTES, None)? {
                Read::Bytes | Read::Nothing => {}
                Read::EndOfInput | Read::End | Read::Stopped => break,
            }
        }
        input.ahead = ahead;
        Ok(())
    }

    /// Waits for bytes, but no longer than until the deadline, and appends up to one chunk of them
    /// to `buffer`.
    ///
    /// # Errors
    ///
    /// If the input cannot be read or decompressed.
    pub(super) fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        until: Option<Instant>,
    ) -> Result<Read, Error> {
        if self.current.is_none() {
            self.current = self.waiting.next();
        }
        let Some(mut input) = self.current.take() else {
            return Ok(Read::End);
        };
        let result = self.read_from(&mut input, buffer, CHUNK_BYTES, until);
        if !matches!(result, Ok(Read::EndOfInput)) {
            self.current = Some(input);
        }
        result
    }

    fn read_from(
        &self,
        input: &mut Input,
        buffer: &mut Vec<u8>,
        room: usize,
        until: Option<Instant>,
    ) -> Result<Read, Error> {
        if input.guess != Guess::Open && !input.ahead.is_empty() {
            match buffer.is_empty() {
                true => *buffer = std::mem::take(&mut input.ahead),
                false => buffer.append(&mut input.ahead),
            }
            return Ok(Read::Bytes);
        }
        if let Some(decoder) = &mut input.decoder {
            return match decoder.take(room as u64).read_to_end(buffer) {
                Ok(0) => Ok(Read::EndOfInput),
                Ok(_) => Ok(Read::Bytes),
                Err(error) if error.kind() == STOPPED => Ok(Read::Stopped),
                Err(error) => Err(input.error("decompress", error)),
            };
        }
        let [stopped, readable] = sys::wait_until([self.stop.as_fd(), input.file.as_fd()], until)
            .map_err(|error| Error::new("wait for input", error))?;
        if stopped {
            return Ok(Read::Stopped);
        }
        if !readable {
            return Ok(Read::Nothing);
        }
        let read = match input.guess {
            Guess::Open => sys::read(input.file.as_fd(), &mut input.ahead, room),
            _ => sys::read(input.file.as_fd(), buffer, room),
        };
        match read {
            Ok(0) if input.ahead.is_empty() => Ok(Read::EndOfInput),
            Ok(length) => {
                self.bytes_read.fetch_add(length as u64, Ordering::Relaxed);
                if input.guess != Guess::Open {
                    return Ok(Read::Bytes);
                }
                self.decide(input, length == 0)?;
                Ok(Read::Nothing)
            }
            Err(error) if is_transient(&error) => Ok(Read::Nothing),
            Err(error) => Err(input.error("read", error)),
        }
    }

    /// Decides from the first bytes whether an input is compressed.
    fn decide(&self, input: &mut Input, is_end: bool) -> Result<(), Error> {
        input.guess = match decompress::guess(&input.ahead) {
            Guess::Open if is_end => Guess::Plain,
            guess => guess,
        };
        if let Guess::Compressed(format) = input.guess {
            let file = input.file.try_clone();
            let rest = Waiting {
                file: file.map_err(|error| input.error("read", error))?,
                bytes_read: Arc::clone(&self.bytes_read),
                stop: Arc::clone(&self.stop),
            };
            let start = Cursor::new(std::mem::take(&mut input.ahead));
            let decoder = decompress::decoder(format, start.chain(rest));
            input.decoder = Some(decoder.map_err(|error| input.error("decompress", error))?);
        }
        Ok(())
    }

    /// Leaves out the rest of the current input.
    pub(super) fn skip(&mut self) {
        self.current = None;
    }

    /// The name of the current input.
    pub(super) fn name(&self) -> Option<&Path> {
        Some(&self.current.as_ref()?.name)
    }

    /// When the current input was changed last.
    pub(super) fn modified(&self) -> Option<SystemTime> {
        self.current.as_ref()?.file.metadata().ok()?.modified().ok()
    }

    /// The length of the inputs that are still to be read, in bytes, if all are regular files.
    pub(super) fn length(&self) -> Option<u64> {
        let lengths = self.waiting.as_slice().iter().map(|input| {
            let metadata = input.file.metadata().ok()?;
            metadata.is_file().then_some(metadata.len())
        });
        lengths.sum()
    }

    /// A counter of the bytes read so far, before they are decompressed.
    pub(super) fn bytes_read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes_read)
    }
}

impl Input {
    fn new(name: PathBuf, file: File) -> Input {
        Input {
            name,
            file,
            ahead: Vec::new(),
            guess: Guess::Open,
            decoder: None,
        }
    }

    fn error(&self, tried: &str, error: io::Error) -> Error {
        Error::new(format!("{tried} {}", self.name.display()), error)
    }
}

/// The kind of error that ends a read of compressed bytes when the source is told to stop.
const STOPPED: io::ErrorKind = io::ErrorKind::ConnectionAborted;

/// A file, which a decoder reads. A wait for a stream has no deadline, because decoders cannot
/// continue after an error, but the stop signal ends it.
struct Waiting {
    file: File,
    bytes_read: Arc<AtomicU64>,
    stop: Arc<Stop>,
}

impl io::Read for Waiting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let [stopped, readable] =
                sys::wait_until([self.stop.as_fd(), self.file.as_fd()], None)?;
            if stopped {
                return Err(STOPPED.into());
            }
            if !readable {
                continue;
            }
            match self.file.read(buffer) {
                Ok(length) => {
                    self.bytes_read.fetch_add(length as u64, Ordering::Relaxed);
                    return Ok(length);
                }
                Err(error) if is_transient(&error) => {}
                Err(error) => return Err(error),
            }
        }
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
    match file {
        Ok(file) => Ok(Input::new(name.to_owned(), file)),
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

/// The regular files in a directory, by name, without those whose names begin with a dot.
fn files_in(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |error| Error::new(format!("read {}", directory.display()), error);
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // This follows links.
        if !is_hidden && fs::metadata(entry.path()).is_ok_and(|data| data.is_file()) {
            files.push(entry.path());
        }
    }
    if files.is_empty() {
        let error = io::Error::new(io::ErrorKind::NotFound, "there are no files in it");
        return Err(failed(error).help("directories in it can be named one by one"));
    }
    files.sort();
    Ok(files)
}

fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
