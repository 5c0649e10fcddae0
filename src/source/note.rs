//! The kernel's backlog settings that a run found, noted in a file.
//!
//! A run that is killed cannot restore them. The next one finds the settings of the killed one in
//! the kernel, and the earlier ones in the file. The file belongs in a directory that is emptied at
//! boot, as the settings are.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The backlog settings of the kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Settings {
    /// The backlog limit, in records.
    pub(super) limit: u32,
    /// The backlog wait time, in jiffies.
    pub(super) wait_time: u32,
}

impl Settings {
    /// These settings, but where `now` still has the value of `ours`, that of `before`.
    pub(super) fn put_back(now: Settings, ours: Settings, before: Settings) -> Settings {
        let back = |now, ours, before| if now == ours { before } else { now };
        Settings {
            limit: back(now.limit, ours.limit, before.limit),
            wait_time: back(now.wait_time, ours.wait_time, before.wait_time),
        }
    }
}

/// An open file with the settings before and during a run, or empty. It stays open because a
/// confined process cannot open it again.
#[derive(Debug)]
pub(super) struct Note(File);

impl Note {
    /// Opens the file, and creates it if there is none.
    pub(super) fn open(path: &Path) -> io::Result<Note> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
        options.open(path).map(Note)
    }

    /// The settings before and during the run that wrote the note, if that did not end well.
    pub(super) fn read(&mut self) -> Option<(Settings, Settings)> {
        let mut text = String::new();
        // Four numbers of at most ten digits.
        let mut start = Read::by_ref(&mut self.0).take(64);
        start.read_to_string(&mut text).ok()?;
        let numbers = text.strip_suffix('\n')?.split(' ');
        let numbers: Result<Vec<u32>, _> = numbers.map(str::parse).collect();
        let [limit, wait_time, our_limit, our_wait_time] = numbers.ok()?[..] else {
            return None;
        };
        let before = Settings { limit, wait_time };
        let ours = Settings {
            limit: our_limit,
            wait_time: our_wait_time,
        };
        Some((before, ours))
    }

    pub(super) fn write(&mut self, before: Settings, ours: Settings) -> io::Result<()> {
        self.clear()?;
        let line = format!(
            "{} {} {} {}\n",
            before.limit, before.wait_time, ours.limit, ours.wait_time
        );
        self.0.write_all(line.as_bytes())
    }

    /// Empties the file: the settings are restored.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.seek(SeekFrom::Start(0)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Settings = Settings {
        limit: 64,
        wait_time: 15_000,
    };
    const OURS: Settings = Settings {
        limit: 32_768,
        wait_time: 0,
    };

    #[test]
    fn the_next_run_reads_the_note_until_it_is_cleared() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("backlog");
        let mut note = Note::open(&path).unwrap();
        assert_eq!(note.read(), None);
        note.write(BEFORE, OURS).unwrap();
        let mut next = Note::open(&path).unwrap();
        assert_eq!(next.read(), Some((BEFORE, OURS)));
        next.write(OURS, BEFORE).unwrap();
        assert_eq!(Note::open(&path).unwrap().read(), Some((OURS, BEFORE)));
        next.clear().unwrap();
        assert_eq!(Note::open(&path).unwrap().read(), None);
    }

    #[test]
    fn a_note_that_is_not_whole_is_no_note() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("backlog");
        for text in [
            "64 15000 32768 0",
            "64 15000\n",
            "64 -1 2 3\n",
            "\n",
            "a b c d\n",
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Note::open(&path).unwrap().read(), None, "{text:?}");
        }
    }

    #[test]
    fn a_link_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("backlog");
        std::os::unix::fs::symlink(directory.path().join("other"), &path).unwrap();
        Note::open(&path).unwrap_err();
        assert!(!directory.path().join("other").exists());
    }

    #[test]
    fn only_settings_that_still_have_our_value_are_put_back() {
        assert_eq!(Settings::put_back(OURS, OURS, BEFORE), BEFORE);
        let changed = Settings {
            limit: 9000,
            ..OURS
        };
        let expected = Settings {
            limit: 9000,
            ..BEFORE
        };
        assert_eq!(Settings::put_back(changed, OURS, BEFORE), expected);
    }
}
