//! The file that node_exporter's textfile collector reads.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::PathBuf,
};

use auditrd::Error;

/// Where the counters are written. A collector never sees a part of them: a file beside it, whose
/// name no collector looks for, takes its place when it is whole.
#[derive(Debug)]
pub(crate) struct MetricsFile {
    path: PathBuf,
    beside: PathBuf,
    is_failing: bool,
}

impl MetricsFile {
    pub(crate) fn new(path: PathBuf) -> MetricsFile {
        let mut beside = OsString::from(&path);
        beside.push(".tmp");
        MetricsFile {
            path,
            beside: PathBuf::from(beside),
            is_failing: false,
        }
    }

    /// Writes the file anew. Failing is said once, and so is that it is over: events matter more.
    pub(crate) fn write(&mut self, text: &str) {
        let result = self.replace(text);
        match &result {
            Err(error) if !self.is_failing => {
                let cause = io::Error::new(error.kind(), error.to_string());
                let error = Error::new(format!("write {}", self.path.display()), cause);
                log::error!("{error}; events are written all the same");
            }
            Ok(()) if self.is_failing => log::warn!("{} is written again", self.path.display()),
            _ => {}
        }
        self.is_failing = result.is_err();
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        // Left by one that was killed here. A link of somebody else's is removed, not followed.
        match fs::remove_file(&self.beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&self.beside)?;
        // The collector is another user, whatever the umask says.
        let written = file
            .set_permissions(fs::Permissions::from_mode(0o644))
            .and_then(|()| file.write_all(text.as_bytes()))
            .and_then(|()| fs::rename(&self.beside, &self.path));
        if written.is_err() {
            // What matters is why it could not be written.
            let _ = fs::remove_file(&self.beside);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it() {
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
    fn a_place_that_comes_back_is_written_to_again() {
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
