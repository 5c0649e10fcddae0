//! Whether a file could be the output, found out without changing anything.

use std::{fs, io, path::Path};

use crate::{
    error::Error,
    sink::{
        lock,
        trust::{self, Account, directory_of},
    },
    sys,
};

/// Checks whether [`Sink::file`](super::Sink::file) would accept a file. Nothing is created,
/// written or locked.
///
/// # Errors
///
/// If it would fail, with its error; the kind of the cause is `WouldBlock` if another process
/// writes to the file.
pub fn check(path: &Path) -> Result<(), Error> {
    let failed = |error| Error::new(format!("open {} for writing", path.display()), error);
    let account = Account::effective();
    trust::check(path, account)?;
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return sys::may_write(directory_of(path)).map_err(failed);
        }
        metadata => metadata.map_err(failed)?,
    };
    if metadata.is_symlink() {
        let error = io::Error::from_raw_os_error(libc::ELOOP);
        return Err(failed(error).help("it is a symbolic link, and those are not followed"));
    }
    if metadata.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    sys::may_write(path).map_err(failed)?;
    trust::check_open(path, &metadata, account)?;
    // Opening a pipe would be noticed by its reader.
    if !metadata.is_file() {
        return Ok(());
    }
    // The lock is that of the inode; a path cannot name it, so a descriptor is needed.
    let file = fs::File::open(path).map_err(failed)?;
    lock::held(&file).map_or(Ok(()), |error| Err(failed(error)))
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn the_check_agrees_with_opening_and_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let error = |name: &str| check(&path(name)).unwrap_err().to_string();
        assert!(check(&path("new")).is_ok() && !path("new").exists());
        assert!(error("no/new").contains("No such file or directory"));
        File::create(path("file")).unwrap();
        assert!(check(&path("file")).is_ok());
        symlink("file", path("link")).unwrap();
        assert!(error("link").contains("symbolic link"));
        fs::create_dir(path("directory")).unwrap();
        assert!(error("directory").contains("irectory"));
        fs::hard_link(path("file"), path("second")).unwrap();
        assert!(error("file").contains("more than one hard link"));
    }

    #[test]
    fn a_file_that_a_process_writes_to_is_in_use() {
        let file = tempfile::NamedTempFile::new().unwrap();
        lock::acquire(file.as_file()).unwrap();
        let error = check(file.path()).unwrap_err();
        assert_eq!(error.cause().kind(), io::ErrorKind::WouldBlock);
        let pid = std::process::id();
        let text = format!("process {pid} writes to it");
        assert!(error.to_string().contains(&text), "{error}");
        // It is not locked by the check.
        lock::release(file.as_file());
        assert!(check(file.path()).is_ok());
        let other = File::open(file.path()).unwrap();
        lock::acquire(&other).unwrap();
    }
}
