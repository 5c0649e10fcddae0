//! The names of users and groups of this system, which are read again when their files change.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use auditrd::Error;

use super::timer::Timer;

/// The files (passwd(5), group(5)).
const FILES: [&str; 2] = ["passwd", "group"];

/// How often to look whether they have changed.
const INTERVAL: Duration = Duration::from_secs(60);

/// The state of a file when it was read: the device, the inode, the size, and the time of its last
/// change, in seconds and nanoseconds.
type Stamp = (u64, u64, u64, i64, i64);

/// The files of names.
#[derive(Debug)]
pub(crate) struct Accounts {
    directory: PathBuf,
    stamps: [Option<Stamp>; 2],
    timer: Timer,
}

impl Accounts {
    /// The files of this system, with their texts. A file that cannot be read is empty.
    pub(crate) fn read(now: Instant) -> (Accounts, [Vec<u8>; 2]) {
        Accounts::read_in(Path::new("/etc"), now)
    }

    fn read_in(directory: &Path, now: Instant) -> (Accounts, [Vec<u8>; 2]) {
        // Before the texts: after a change in between, they are read again.
        let accounts = Accounts {
            directory: directory.to_owned(),
            stamps: stamps(directory),
            timer: Timer::new(INTERVAL, now),
        };
        let texts = FILES.map(|file| fs::read(directory.join(file)).unwrap_or_default());
        (accounts, texts)
    }

    /// The files of this system.
    pub(crate) fn paths() -> [PathBuf; 2] {
        FILES.map(|file| Path::new("/etc").join(file))
    }

    /// When to look again.
    pub(crate) fn due(&self) -> Instant {
        self.timer.due()
    }

    /// The texts of the files, if it is time to look and one has changed.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read.
    pub(crate) fn changed(&mut self, now: Instant) -> Result<Option<[Vec<u8>; 2]>, Error> {
        if !self.timer.rings(now) {
            return Ok(None);
        }
        let stamps = stamps(&self.directory);
        if stamps == self.stamps {
            return Ok(None);
        }
        let read = |file: &str| {
            let path = self.directory.join(file);
            fs::read(&path).map_err(|error| failed(&path, error))
        };
        let texts = [read(FILES[0])?, read(FILES[1])?];
        self.stamps = stamps;
        Ok(Some(texts))
    }
}

fn failed(path: &Path, error: io::Error) -> Error {
    Error::new(format!("read {}, which has changed", path.display()), error)
        .help("with --user, auditrd may read it again")
}

fn stamps(directory: &Path) -> [Option<Stamp>; 2] {
    FILES.map(|file| {
        let file = fs::metadata(directory.join(file)).ok()?;
        let (seconds, nanos) = (file.mtime(), file.mtime_nsec());
        Some((file.dev(), file.ino(), file.size(), seconds, nanos))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_again_once_they_have_changed_and_the_time_has_come() {
        let directory = tempfile::tempdir().unwrap();
        let (passwd, group) = (
            directory.path().join("passwd"),
            directory.path().join("group"),
        );
        fs::write(&passwd, "a").unwrap();
        fs::write(&group, "b").unwrap();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (mut accounts, texts) = Accounts::read_in(directory.path(), start);
        assert_eq!(texts, [b"a", b"b"]);
        assert_eq!(
            accounts.changed(at(61)).unwrap(),
            None,
            "nothing has changed"
        );
        // As useradd(8) does.
        fs::write(directory.path().join("passwd+"), "aa").unwrap();
        fs::rename(directory.path().join("passwd+"), &passwd).unwrap();
        assert_eq!(accounts.changed(at(100)).unwrap(), None, "it is not time");
        let texts = accounts.changed(at(121)).unwrap();
        assert_eq!(texts, Some([b"aa".to_vec(), b"b".to_vec()]));
        assert_eq!(accounts.changed(at(181)).unwrap(), None);
        fs::remove_file(&group).unwrap();
        let error = accounts.changed(at(241)).unwrap_err().to_string();
        assert!(error.contains("group, which has changed"), "{error}");
        fs::write(&group, "c").unwrap();
        assert!(accounts.changed(at(301)).unwrap().is_some());
    }
}
