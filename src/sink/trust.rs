//! Whether another user could redirect the output to a file of their choice.
//!
//! A user who can write to any directory on the path can replace the next component by a symbolic
//! link. So each directory must be owned by us or by root, and not be writable for others. Sticky
//! directories such as /tmp are allowed, since other users cannot rename our files there; but they
//! can create files before us, so the file itself is checked too, once it is open.
//!
//! Without root's rights there is less to redirect: at worst, our own lines into a file of our own.
//! So a directory higher up may then be writable for a group, as `/var/log` is for that of rsyslog
//! on Ubuntu.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

use crate::{error::Error, sys};

/// The user and group that file accesses are made with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    user: u32,
    group: u32,
}

impl Account {
    pub(super) fn effective() -> Account {
        let (user, group) = sys::effective_ids();
        Account { user, group }
    }

    fn is_trusted(self, user: u32) -> bool {
        user == 0 || user == self.user
    }

    /// Why a directory cannot be trusted; `None` if it can. `has_file` if the file itself is in it.
    fn distrusts(self, directory: &Metadata, has_file: bool) -> Option<&'static str> {
        const STICKY: u32 = 0o1000;
        const GROUP: u32 = 0o020;
        const OTHERS: u32 = 0o002;
        let mode = directory.mode();
        let is_own_group = directory.gid() == 0 || directory.gid() == self.group;
        let is_closed_group = is_own_group || self.user != 0 && !has_file;
        if !self.is_trusted(directory.uid()) {
            Some("it is owned by another user")
        } else if mode & STICKY != 0 {
            None
        } else if mode & OTHERS != 0 || mode & GROUP != 0 && !is_closed_group {
            Some("other users can write to it")
        } else {
            None
        }
    }
}

const HELP: &str = "use standard output, or a directory that belongs to root or to the user that \
                    auditrd runs as, and that no one else can write to";

/// The directory with the entry of a path.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

/// Refuses a path if another user could rename or link files in any of its directories.
///
/// # Errors
///
/// If the path is refused, or one of its directories does not exist.
pub(super) fn check(file: &Path, account: Account) -> Result<(), Error> {
    let directory = directory_of(file);
    let failed = |error| Error::new(format!("open {} for writing", file.display()), error);
    let absolute = std::path::absolute(directory).map_err(failed)?;
    // Check the links in the path as given, then the directories of the resolved path.
    for link in absolute.ancestors() {
        let metadata = fs::symlink_metadata(link).map_err(failed)?;
        if metadata.is_symlink() && !account.is_trusted(metadata.uid()) {
            return Err(refusal(
                file,
                link,
                "it is a symbolic link owned by another user",
            ));
        }
    }
    let real = fs::canonicalize(&absolute).map_err(failed)?;
    for directory in real.ancestors() {
        let metadata = fs::metadata(directory).map_err(failed)?;
        if let Some(why) = account.distrusts(&metadata, directory == real) {
            return Err(refusal(file, directory, why));
        }
    }
    Ok(())
}

fn refusal(file: &Path, component: &Path, why: &str) -> Error {
    let cause = io::Error::other(format!("{} is not safe: {why}", component.display()));
    Error::new(format!("open {} for writing", file.display()), cause).help(HELP)
}

/// Refuses an open file if lines cannot be appended to it, or if another user may control it.
///
/// # Errors
///
/// If the file is refused.
pub(super) fn check_open(path: &Path, metadata: &Metadata, account: Account) -> Result<(), Error> {
    let kind = metadata.file_type();
    let why = if !kind.is_file() && !kind.is_fifo() && !kind.is_char_device() {
        "it is not a file, pipe or character device"
    } else if !account.is_trusted(metadata.uid()) {
        "it is owned by another user"
    } else if kind.is_file() && metadata.nlink() > 1 {
        // Another user may have linked a file of ours here to make us write to it.
        "it has more than one hard link"
    } else {
        return Ok(());
    };
    let tried = format!("open {} for writing", path.display());
    Err(Error::new(tried, io::Error::other(why)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    const NOBODY: u32 = 65_534;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_directory_that_other_users_can_write_to_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let account = Account::effective();
        let (open, below) = (root.path().join("open"), root.path().join("open/below"));
        fs::create_dir_all(&below).unwrap();
        for (mode, is_safe) in [
            (0o700, true),
            (0o755, true),
            (0o775, true),
            (0o777, false),
            (0o757, false),
            (0o1777, true),
        ] {
            set_mode(&open, mode);
            for file in [open.join("events"), below.join("events")] {
                let result = check(&file, account);
                assert_eq!(result.is_ok(), is_safe, "{mode:o} {result:?}");
            }
        }
    }

    #[test]
    fn a_directory_writable_for_another_group_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("shared");
        fs::create_dir(&directory).unwrap();
        set_mode(&directory, 0o775);
        let account = Account::effective();
        let distrusts = |group| {
            let metadata = fs::metadata(&directory).unwrap();
            Account { group, ..account }.distrusts(&metadata, true)
        };
        let others = account.group.wrapping_add(7);
        assert_eq!(distrusts(account.group), None);
        if account.user == 0 {
            assert_eq!(distrusts(others), None, "it is root's");
            chown(&directory, None, Some(NOBODY)).unwrap();
            assert_eq!(distrusts(NOBODY), None);
        }
        assert_eq!(distrusts(others), Some("other users can write to it"));
    }

    /// As of `/var/log/auditrd`, where `/var/log` is writable for the group of rsyslog.
    #[test]
    fn below_a_directory_of_a_group_only_an_unprivileged_user_has_a_safe_one() {
        let root = tempfile::tempdir().unwrap();
        let shared = root.path().join("shared");
        let own = shared.join("own");
        fs::create_dir_all(&own).unwrap();
        set_mode(&shared, 0o775);
        let account = Account::effective();
        if account.user == 0 {
            chown(&shared, None, Some(NOBODY)).unwrap();
        }
        let group = account.group.wrapping_add(7);
        let of = |user, directory: &Path, has_file| {
            let account = Account { user, group };
            account.distrusts(&fs::metadata(directory).unwrap(), has_file)
        };
        let user = account.user.max(1);
        assert_eq!(of(user, &shared, false), None);
        assert!(of(user, &shared, true).is_some());
        assert!(of(0, &shared, false).is_some());
        set_mode(&shared, 0o777);
        assert!(of(user, &shared, false).is_some());
        // The directory of the file is looked at as such.
        set_mode(&shared, 0o775);
        set_mode(&own, 0o755);
        let by = Account { user, group };
        assert!(check(&own.join("events"), by).is_ok());
        assert!(check(&shared.join("events"), by).is_err());
    }

    /// Only root can give a directory away. Other users check their own as a different user.
    #[test]
    fn a_directory_of_another_user_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("theirs");
        fs::create_dir(&directory).unwrap();
        let account = Account::effective();
        let user = if account.user == 0 {
            assert!(check(&directory.join("events"), account).is_ok());
            chown(&directory, Some(NOBODY), None).unwrap();
            0
        } else {
            account.user + 1
        };
        let error = check(&directory.join("events"), Account { user, ..account });
        let error = error.unwrap_err().to_string();
        assert!(error.contains("it is owned by another user"), "{error}");
    }

    #[test]
    fn the_target_of_a_link_in_the_path_is_checked() {
        let root = tempfile::tempdir().unwrap();
        let (open, link) = (root.path().join("open"), root.path().join("link"));
        fs::create_dir(&open).unwrap();
        symlink(&open, &link).unwrap();
        assert!(check(&link.join("events"), Account::effective()).is_ok());
        set_mode(&open, 0o777);
        let error = check(&link.join("events"), Account::effective()).unwrap_err();
        assert!(
            error.to_string().contains("other users can write"),
            "{error}"
        );
    }

    #[test]
    fn a_file_with_a_second_hard_link_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("events");
        fs::write(&file, "").unwrap();
        let check = || check_open(&file, &fs::metadata(&file).unwrap(), Account::effective());
        assert!(check().is_ok());
        fs::hard_link(&file, root.path().join("second")).unwrap();
        let error = check().unwrap_err().to_string();
        assert!(error.contains("more than one hard link"), "{error}");
    }
}
