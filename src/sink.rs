//! Where lines go: standard output, or a file.
//!
//! Lines are collected and written when there is nothing more to read, or when there are many: a
//! line is out at once on a quiet host, and a busy one does not pay for each.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::{fd::AsFd, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{error::Error, source::sys};

/// Bytes that are collected before they are written anyway.
const BUFFER: usize = 64 << 10;

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
    /// If it is closed.
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

    /// Writes all lines.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn flush(&mut self) -> Result<(), Error> {
        let mut rest = self.lines.as_slice();
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(self.error(io::ErrorKind::WriteZero.into())),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another program may have set the shared output to not wait.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sys::wait_writable(self.file.as_fd()).map_err(|error| self.error(error))?;
                }
                Err(error) => return Err(self.error(error)),
            }
        }
        self.lines.clear();
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
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
        .map_err(|error| {
            let is_link = error.raw_os_error() == Some(libc::ELOOP);
            let error = Error::new(format!("open {} for writing", path.display()), error);
            if is_link {
                error.help("it is a symbolic link, which is not followed")
            } else {
                error
            }
        })
}
