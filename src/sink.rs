//! Where lines go: standard output, or a file.
//!
//! Lines are collected and written when there is nothing more to read, or when there are many: a
//! line is out at once on a quiet host, and a busy one does not pay for each.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek, Write},
    os::{
        fd::AsFd,
        unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use memchr::memrchr;

use crate::{error::Error, source::sys};

/// Bytes that are collected before they are written anyway.
const BUFFER: usize = 64 << 10;
/// How every line begins.
const BEGINNING: &[u8] = b"{\"name\":\"";
/// How much is read at once on the way back to the last line end.
const CHUNK: u64 = 64 << 10;

/// Writes whole lines.
#[derive(Debug)]
pub struct Sink {
    /// The file that is appended to; none is standard output.
    path: Option<PathBuf>,
    file: File,
    /// Lines that are not written yet. Append here, and call [`Sink::wrote`].
    pub lines: Vec<u8>,
}

impl Sink {
    /// Standard output.
    ///
    /// # Errors
    ///
    /// If there is no descriptor left for it.
    pub fn stdout() -> Result<Sink, Error> {
        let file = sys::standard_output()
            .map_err(|error| Error::new("write to standard output", error))?;
        Ok(Sink {
            path: None,
            file: File::from(file),
            lines: Vec::new(),
        })
    }

    /// A file that is appended to, and made for its owner alone if it is not there. A symbolic link
    /// is not followed: whoever may write to the directory could lead root anywhere.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn file(path: &Path) -> Result<Sink, Error> {
        Ok(Sink {
            path: Some(path.to_owned()),
            file: append(path)?,
            lines: Vec::new(),
        })
    }

    /// Says that lines were appended; they are written if there are many.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub fn wrote(&mut self) -> Result<(), Error> {
        if self.lines.len() >= BUFFER {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Writes all lines. Where only a part can be written, what was written of the last line is
    /// taken back if it can be, and the lines that are whole are forgotten.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn flush(&mut self) -> Result<(), Error> {
        let mut written = 0;
        let result = self.write(&mut written);
        if result.is_err() {
            let done = self.lines.get(..written).unwrap_or_default();
            let whole = memrchr(b'\n', done).map_or(0, |end| end + 1);
            if take_back(&mut self.file, written - whole) {
                written = whole;
            }
        }
        self.lines.drain(..written);
        result
    }

    fn write(&mut self, written: &mut usize) -> Result<(), Error> {
        while let Some(rest @ [_, ..]) = self.lines.get(*written..) {
            match self.file.write(rest) {
                Ok(0) => return Err(self.error(io::ErrorKind::WriteZero.into())),
                Ok(length) => *written += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another program may have set the shared output to not wait.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sys::wait_writable(self.file.as_fd()).map_err(|error| self.error(error))?;
                }
                Err(error) => return Err(self.error(error)),
            }
        }
        Ok(())
    }

    /// Opens the file again after it was renamed by a log rotation. What was collected goes to the
    /// old one.
    ///
    /// # Errors
    ///
    /// If the lines cannot be written or the file cannot be opened; the old one is kept then.
    pub fn reopen(&mut self) -> Result<(), Error> {
        self.flush()?;
        if let Some(path) = &self.path {
            self.file = append(path)?;
        }
        Ok(())
    }

    fn error(&self, error: io::Error) -> Error {
        match &self.path {
            Some(path) => Error::new(format!("write to {}", path.display()), error),
            None => Error::new("write to standard output", error),
        }
    }
}

fn append(path: &Path) -> Result<File, Error> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        // A pipe that nobody reads would hold us up where no signal is heard.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(|error| {
            let number = error.raw_os_error();
            let error = Error::new(format!("open {} for writing", path.display()), error);
            match number {
                Some(libc::ELOOP) => error.help("it is a symbolic link, which is not followed"),
                Some(libc::ENXIO) => error.help("it is a pipe that nobody reads"),
                _ => error,
            }
        })?;
    mend(&file, path);
    Ok(file)
}

/// Takes bytes back that were just written. That is possible in a file, if nobody else wrote
/// behind them.
fn take_back(file: &mut File, bytes: usize) -> bool {
    let mut shorten = || -> io::Result<bool> {
        let metadata = file.metadata()?;
        let is_last = metadata.is_file() && file.stream_position()? == metadata.len();
        if is_last {
            file.set_len(metadata.len().saturating_sub(bytes as u64))?;
            // Standard output may not append: what comes next goes where the lines end now.
            file.seek(io::SeekFrom::End(0))?;
        }
        Ok(is_last)
    };
    bytes == 0 || shorten().unwrap_or(false)
}

/// Makes a file end with a line end. A full disk ends a write in the middle of a line, and so does a
/// kill that nobody can catch; what is there of such a line is of no use, and would spoil the one
/// that is written behind it. It is removed, if it is one of ours, and ended if it is not.
fn mend(file: &File, path: &Path) {
    if let Err(error) = try_to_mend(file, path) {
        log::warn!("cannot look for a torn line in {}: {error}", path.display());
    }
}

fn try_to_mend(mut file: &File, path: &Path) -> io::Result<()> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(());
    }
    // The file itself was opened for writing alone. A second name lookup may find another one.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let reader = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let found = reader.metadata()?;
    if (found.dev(), found.ino()) != (metadata.dev(), metadata.ino()) {
        return Ok(());
    }
    let start = last_line(&reader, metadata.len())?;
    if start == metadata.len() {
        return Ok(());
    }
    let mut buffer = [0; BEGINNING.len()];
    let length = reader.read_at(&mut buffer, start)?;
    let beginning = buffer.get(..length).unwrap_or_default();
    if BEGINNING.starts_with(beginning) {
        log::warn!(
            "removed a torn line of {} bytes from {}",
            metadata.len() - start,
            path.display()
        );
        file.set_len(start)
    } else {
        file.write_all(b"\n")
    }
}

/// Where what follows the last line end begins.
fn last_line(file: &File, length: u64) -> io::Result<u64> {
    let mut buffer = vec![0; CHUNK as usize];
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(CHUNK);
        let size = usize::try_from(end - start).unwrap_or_default();
        let chunk = buffer.get_mut(..size).unwrap_or_default();
        file.read_exact_at(chunk, start)?;
        if let Some(at) = memrchr(b'\n', chunk) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
