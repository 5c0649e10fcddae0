//! The metrics file, for node_exporter's textfile collector.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use auditrd::Error;

/// Replaces the metrics file as a whole, so that a collector never reads a partial one: writes a
/// temporary file, whose name collectors ignore, and renames it.
#[derive(Debug)]
pub(crate) struct MetricsFile {
    path: PathBuf,
    temporary: PathBuf,
    is_failing: bool,
}

/// The file that replaces the metrics file at `path`.
pub(super) fn temporary(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".tmp");
    PathBuf::from(name)
}

impl MetricsFile {
    pub(crate) fn new(path: PathBuf) -> MetricsFile {
        MetricsFile {
            temporary: temporary(&path),
            path,
            is_failing: false,
        }
    }

    /// Replaces the file. A failure is logged once, and so is the recovery; neither stops auditrd.
    pub(crate) fn write(&mut self, text: &str) {
        let result = self.replace(text);
        match &result {
            Err(error) if !self.is_failing => {
                let cause = io::Error::new(error.kind(), error.to_string());
                let error = Error::new(format!("write {}", self.path.display()), cause);
                log::error!("{error}; events are still written");
            }
            Ok(()) if self.is_failing => log::warn!("writing {} works again", self.path.display()),
            _ => {}
        }
        self.is_failing = result.is_err();
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        // Left over from a killed process, or a symbolic link: either is removed, not followed.
        match fs::remove_file(&self.temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&self.temporary)?;
        // The collector runs as another user, so the umask must not apply.
        let written = file
            .set_permissions(fs::Permissions::from_mode(0o644))
            .and_then(|()| file.write_all(text.as_bytes()))
            .and_then(|()| fs::rename(&self.temporary, &self.path));
        if written.is_err() {
            // Report the error of the write, not of the cleanup.
            let _ = fs::remove_file(&self.temporary);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_file_is_replaced_and_no_temporary_file_remains() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("auditrd.prom");
        let mut file = MetricsFile::new(path.clone());
        for text in ["one\n", "two\n"] {
            file.write(text);
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o644);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, victim) = (directory.path().join("m"), directory.path().join("victim"));
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, &path).unwrap();
        symlink(&victim, directory.path().join("m.tmp")).unwrap();
        MetricsFile::new(path.clone()).write("text\n");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
    }

    #[test]
    fn writing_resumes_when_the_directory_exists_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("below/m");
        let mut file = MetricsFile::new(path.clone());
        file.write("one\n");
        assert!(file.is_failing);
        fs::create_dir(directory.path().join("below")).unwrap();
        file.write("two\n");
        assert!(!file.is_failing && fs::read_to_string(&path).unwrap() == "two\n");
    }
}
