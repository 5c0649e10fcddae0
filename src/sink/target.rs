//! What lines are written to: a file by its name, or standard output.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Seek, Write},
    os::{
        fd::AsFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use crate::{
    error::Error,
    sink::{mend, place},
    sys,
};

/// An open output.
#[derive(Debug)]
pub(super) struct Target {
    /// None is standard output.
    pub(super) path: Option<PathBuf>,
    file: File,
    is_regular: bool,
    /// How long the file is, as far as we know. Only that of a regular file counts.
    pub(super) length: u64,
}

impl Target {
    pub(super) fn stdout() -> io::Result<Target> {
        let file = File::from(sys::standard_output()?);
        let is_regular = file.metadata()?.is_file();
        Ok(Target {
            path: None,
            file,
            is_regular,
            length: 0,
        })
    }

    /// Opens a file to append to, and makes it for its owner alone if it is not there. Neither a
    /// link nor a file that may be somebody else's is followed.
    pub(super) fn open(path: &Path) -> Result<Target, Error> {
        let identity = place::Identity::ours();
        place::check(path, identity)?;
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
                    Some(libc::EACCES) => error.help(
                        "the directory must belong to the user that this runs as (see --user)",
                    ),
                    _ => error,
                }
            })?;
        let failed = |error| Error::new(format!("open {} for writing", path.display()), error);
        let metadata = file.metadata().map_err(failed)?;
        place::check_open(path, &metadata, identity)?;
        mend::mend(&file, path);
        Ok(Target {
            path: Some(path.to_owned()),
            length: file.metadata().map_err(failed)?.len(),
            is_regular: metadata.is_file(),
            file,
        })
    }

    /// Whether it is a file with a name, which others can take away, and we can give to another.
    pub(super) fn is_named_file(&self) -> bool {
        self.path.is_some() && self.is_regular
    }

    /// Whether a reader of it can go away for good.
    pub(super) fn is_stdout(&self) -> bool {
        self.path.is_none()
    }

    /// Writes a part of the bytes, and says how much that was. Where the output is slow, it waits.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => {
                    self.length += length as u64;
                    return Ok(length);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another program may have set the shared output to not wait.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sys::wait_writable(self.file.as_fd())?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes bytes back that were just written. That is possible in a file, if nobody else wrote
    /// behind them.
    pub(super) fn take_back(&mut self, bytes: usize) -> bool {
        let mut shorten = || -> io::Result<bool> {
            let metadata = self.file.metadata()?;
            let is_last = metadata.is_file() && self.file.stream_position()? == metadata.len();
            if is_last {
                let length = metadata.len().saturating_sub(bytes as u64);
                self.file.set_len(length)?;
                // Standard output may not append: what comes next goes where the lines end now.
                self.file.seek(io::SeekFrom::End(0))?;
                self.length = length;
            }
            Ok(is_last)
        };
        bytes == 0 || shorten().unwrap_or(false)
    }

    /// Whether the file has lost its last name, so that nobody can find what is written to it.
    pub(super) fn is_gone(&self) -> bool {
        self.is_named_file() && self.file.metadata().is_ok_and(|file| file.nlink() == 0)
    }

    /// Whether the file's name is still its own. Whoever rotates logs may have moved it.
    pub(super) fn is_in_its_place(&self) -> bool {
        let same = |path: &PathBuf| -> io::Result<bool> {
            let (file, named) = (self.file.metadata()?, fs::symlink_metadata(path)?);
            Ok((file.dev(), file.ino()) == (named.dev(), named.ino()))
        };
        self.path
            .as_ref()
            .is_some_and(|path| same(path).unwrap_or(false))
    }

    /// Has the disk take what was written. Only files have one.
    pub(super) fn sync(&self) -> io::Result<()> {
        if self.is_regular {
            self.file.sync_data()
        } else {
            Ok(())
        }
    }

    /// Has the disk take the file's name, which a new file has only in memory.
    pub(super) fn sync_name(&self) -> io::Result<()> {
        match self.path.as_deref().and_then(Path::parent) {
            Some(parent) if self.is_regular => {
                let here = Path::new(".");
                let parent = if parent.as_os_str().is_empty() {
                    here
                } else {
                    parent
                };
                File::open(parent)?.sync_all()
            }
            _ => Ok(()),
        }
    }
}

/// What it is called in a message.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}", path.display()),
            None => f.write_str("standard output"),
        }
    }
}
