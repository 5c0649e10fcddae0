//! Whether a place is one where nobody else can lead us astray.
//!
//! Whoever may write to a directory on the way to the output can put a link to anywhere in its
//! place. So each of them must be ours or root's, and closed to others. A directory that is sticky,
//! as /tmp is, is a way to what is ours in it: others cannot take that away. What lies directly in
//! it may have been put there by anybody, so the file itself is looked at too, once it is open.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use crate::{error::Error, sys};

/// Who we are to the file system.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    user: u32,
    group: u32,
}

impl Identity {
    pub(super) fn ours() -> Identity {
        let (user, group) = sys::effective_ids();
        Identity { user, group }
    }

    fn is_trusted(self, user: u32) -> bool {
        user == 0 || user == self.user
    }

    /// Why a directory cannot be trusted, if it cannot.
    fn distrusts(self, directory: &Metadata) -> Option<&'static str> {
        const STICKY: u32 = 0o1000;
        const GROUP: u32 = 0o020;
        const OTHERS: u32 = 0o002;
        let mode = directory.mode();
        let is_closed_group = matches!(directory.gid(), 0) || directory.gid() == self.group;
        if !self.is_trusted(directory.uid()) {
            Some("it belongs to somebody else")
        } else if mode & STICKY != 0 {
            None
        } else if mode & OTHERS != 0 || mode & GROUP != 0 && !is_closed_group {
            Some("others may write to it")
        } else {
            None
        }
    }
}

const HELP: &str = "use a directory that only its owner may write to, such as /var/log/auditrd, \
                    or standard output";

/// Refuses a file in, or behind, a directory where others may rename and link.
///
/// # Errors
///
/// If there is such a directory, or one on the way is not there.
pub(super) fn check(file: &Path, identity: Identity) -> Result<(), Error> {
    let directory = match file.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        // There is none above the root; to open that as a file fails for a better reason.
        None => return Ok(()),
    };
    let failed = |error| Error::new(format!("open {} for writing", file.display()), error);
    let absolute = std::path::absolute(directory).map_err(failed)?;
    // As it is written, for the links on the way, and as it is, for where they lead.
    for link in absolute.ancestors() {
        let metadata = fs::symlink_metadata(link).map_err(failed)?;
        if metadata.is_symlink() && !identity.is_trusted(metadata.uid()) {
            return Err(refusal(file, link, "it is a link of somebody else's"));
        }
    }
    let real = fs::canonicalize(&absolute).map_err(failed)?;
    for directory in real.ancestors() {
        let metadata = fs::metadata(directory).map_err(failed)?;
        if let Some(why) = identity.distrusts(&metadata) {
            return Err(refusal(file, directory, why));
        }
    }
    Ok(())
}

fn refusal(file: &Path, place: &Path, why: &str) -> Error {
    let place: PathBuf = place.to_owned();
    let cause = io::Error::other(format!("{} is not safe: {why}", place.display()));
    Error::new(format!("open {} for writing", file.display()), cause).help(HELP)
}

/// Refuses what is open if it is nothing to append lines to, or may be somebody else's.
///
/// # Errors
///
/// If it is refused.
pub(super) fn check_open(
    path: &Path,
    metadata: &Metadata,
    identity: Identity,
) -> Result<(), Error> {
    let kind = metadata.file_type();
    let why = if !kind.is_file() && !kind.is_fifo() && !kind.is_char_device() {
        "it is no file, pipe or terminal"
    } else if !identity.is_trusted(metadata.uid()) {
        "it belongs to somebody else"
    } else if kind.is_file() && metadata.nlink() > 1 {
        // Another name may be one that somebody gave it to have us write there.
        "it has more than one name"
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
    fn a_directory_that_others_may_write_to_is_no_place() {
        let root = tempfile::tempdir().unwrap();
        let ours = Identity::ours();
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
                let result = check(&file, ours);
                assert_eq!(result.is_ok(), is_safe, "{mode:o} {result:?}");
            }
        }
    }

    #[test]
    fn the_group_counts_unless_it_is_ours_or_roots() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("shared");
        fs::create_dir(&directory).unwrap();
        set_mode(&directory, 0o775);
        let identity = Identity::ours();
        let distrusts = |group| {
            let metadata = fs::metadata(&directory).unwrap();
            Identity { group, ..identity }.distrusts(&metadata)
        };
        let others = identity.group.wrapping_add(7);
        assert_eq!(distrusts(identity.group), None);
        if identity.user == 0 {
            assert_eq!(distrusts(others), None, "it is root's");
            chown(&directory, None, Some(NOBODY)).unwrap();
            assert_eq!(distrusts(NOBODY), None);
        }
        assert_eq!(distrusts(others), Some("others may write to it"));
    }

    /// Only root can give a directory away. For others a stranger looks at their own.
    #[test]
    fn a_directory_of_somebody_else_is_no_place() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("theirs");
        fs::create_dir(&directory).unwrap();
        let ours = Identity::ours();
        let user = if ours.user == 0 {
            assert!(check(&directory.join("events"), ours).is_ok());
            chown(&directory, Some(NOBODY), None).unwrap();
            0
        } else {
            ours.user + 1
        };
        let error = check(&directory.join("events"), Identity { user, ..ours });
        let error = error.unwrap_err().to_string();
        assert!(error.contains("it belongs to somebody else"), "{error}");
    }

    #[test]
    fn a_link_on_the_way_is_followed_to_where_it_leads() {
        let root = tempfile::tempdir().unwrap();
        let (open, link) = (root.path().join("open"), root.path().join("link"));
        fs::create_dir(&open).unwrap();
        symlink(&open, &link).unwrap();
        assert!(check(&link.join("events"), Identity::ours()).is_ok());
        set_mode(&open, 0o777);
        let error = check(&link.join("events"), Identity::ours()).unwrap_err();
        assert!(error.to_string().contains("others may write"), "{error}");
    }

    #[test]
    fn a_file_with_a_second_name_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("events");
        fs::write(&file, "").unwrap();
        let check = || check_open(&file, &fs::metadata(&file).unwrap(), Identity::ours());
        assert!(check().is_ok());
        fs::hard_link(&file, root.path().join("second")).unwrap();
        let error = check().unwrap_err().to_string();
        assert!(error.contains("more than one name"), "{error}");
    }
}
