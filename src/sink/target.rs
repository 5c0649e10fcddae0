//! The open output: a file with a path, or standard output.

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
    sink::{
        lock, mend,
        trust::{self, Account, directory_of},
    },
    sys,
};

/// An open output.
#[derive(Debug)]
pub(super) struct Target {
    /// `None` for standard output.
    pub(super) path: Option<PathBuf>,
    file: File,
    is_regular: bool,
    /// The file's size in bytes, as far as we know. Used for regular files only.
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

    /// Opens a file for appending; creates it with mode 0600 if it does not exist. Refuses symbolic
    /// links and files that another user may control.
    pub(super) fn open(path: &Path, beginnings: &[&[u8]]) -> Result<Target, Error> {
        let account = Account::effective();
        trust::check(path, account)?;
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            // O_NONBLOCK: opening a pipe without a reader would block, and ignore signals.
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)
            .map_err(|error| {
                let number = error.raw_os_error();
                let error = Error::new(format!("open {} for writing", path.display()), error);
                match number {
                    Some(libc::ELOOP) => {
                        error.help("it is a symbolic link, and those are not followed")
                    }
                    Some(libc::ENXIO) => error.help("it is a pipe that no process reads"),
                    Some(libc::EACCES) => error.help(
                        "the directory must belong to the user that this runs as (see --user)",
                    ),
                    _ => error,
                }
            })?;
        let failed = |error| Error::new(format!("open {} for writing", path.display()), error);
        let metadata = file.metadata().map_err(failed)?;
        trust::check_open(path, &metadata, account)?;
        if metadata.is_file() {
            lock::acquire(&file).map_err(|error| {
                failed(error).help("stop that process, or choose another output")
            })?;
        }
        mend::mend(&file, path, beginnings);
        Ok(Target {
            path: Some(path.to_owned()),
            length: file.metadata().map_err(failed)?.len(),
            is_regular: metadata.is_file(),
            file,
        })
    }

    /// Releases the lock on the file, so that it can be opened again.
    pub(super) fn unlock(&self) {
        if self.is_named_file() {
            lock::release(&self.file);
        }
    }

    /// Takes the lock again, after opening the file again has failed.
    pub(super) fn lock_again(&self) {
        if self.is_named_file()
            && let Err(error) = lock::acquire(&self.file)
        {
            log::warn!("{self}: {error}");
        }
    }

    /// Whether this is a regular file with a path: it can be removed, renamed and rotated.
    pub(super) fn is_named_file(&self) -> bool {
        self.path.is_some() && self.is_regular
    }

    /// Whether this is a pipe or device that its path still names: bytes that were written to it
    /// stay written if it is opened again.
    pub(super) fn is_named_stream(&self) -> bool {
        !self.is_regular && self.has_its_name()
    }

    pub(super) fn is_stdout(&self) -> bool {
        self.path.is_none()
    }

    /// Writes some of the bytes and returns how many. Blocks while the output is not ready.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => {
                    self.length += length as u64;
                    return Ok(length);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another program may have set O_NONBLOCK on the shared descriptor.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sys::wait_writable(self.file.as_fd())?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes the last bytes written. Fails if this is not a file, or another program has appended
    /// to it since.
    pub(super) fn take_back(&mut self, bytes: usize) -> bool {
        let mut shorten = || -> io::Result<bool> {
            let metadata = self.file.metadata()?;
            let is_last = metadata.is_file() && self.file.stream_position()? == metadata.len();
            if is_last {
                let length = metadata.len().saturating_sub(bytes as u64);
                self.file.set_len(length)?;
                // Standard output may lack O_APPEND: continue at the new end.
                self.file.seek(io::SeekFrom::End(0))?;
                self.length = length;
            }
            Ok(is_last)
        };
        bytes == 0 || shorten().unwrap_or(false)
    }

    /// Whether the file was removed: no name leads to it any more.
    pub(super) fn is_gone(&self) -> bool {
        self.is_named_file() && self.file.metadata().is_ok_and(|file| file.nlink() == 0)
    }

    /// Whether the path still names the open file. A log rotation may have renamed it.
    pub(super) fn has_its_name(&self) -> bool {
        let same = |path: &PathBuf| -> io::Result<bool> {
            let (file, named) = (self.file.metadata()?, fs::symlink_metadata(path)?);
            Ok((file.dev(), file.ino()) == (named.dev(), named.ino()))
        };
        self.path
            .as_ref()
            .is_some_and(|path| same(path).unwrap_or(false))
    }

    /// Syncs written data to disk. Does nothing unless this is a regular file.
    pub(super) fn sync(&self) -> io::Result<()> {
        if self.is_regular {
            self.file.sync_data()
        } else {
            Ok(())
        }
    }

    /// Syncs the directory, so that the name of a new file is on disk.
    pub(super) fn sync_name(&self) -> io::Result<()> {
        match &self.path {
            Some(path) if self.is_regular => File::open(directory_of(path))?.sync_all(),
            _ => Ok(()),
        }
    }
}

/// Releases the lock. To close the file is not enough: a child that another thread has just forked
/// holds a copy of the descriptor until it calls `execve`, and with it the lock.
impl Drop for Target {
    fn drop(&mut self) {
        self.unlock();
    }
}

/// The path, or "standard output".
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}", path.display()),
            None => f.write_str("standard output"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_free_when_its_target_is_gone_though_a_child_has_a_copy_of_the_descriptor() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.json");
        let open = || Target::open(&path, &[]);
        let target = open().unwrap();
        let copy = target.file.try_clone().unwrap();
        assert!(open().is_err());
        drop(target);
        assert!(open().is_ok());
        drop(copy);
    }
}
