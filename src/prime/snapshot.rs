//! Names in a file, for a process that may not read the directories itself.
//!
//! After a first line comes, for each directory that was read, its path and its entries; at the end
//! comes the number of entries. A file that is torn, or that has anything else in it, is refused as
//! a whole.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::Path,
    time::{Duration, SystemTime},
};

use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, fchmod, fchown, fstat, openat, unlinkat},
    process::{Gid, Uid, geteuid},
};

use crate::{
    error::Error,
    prime::{
        Bounds, Found, Take,
        entry::{Entry, take},
    },
};

/// The first line of a file; it changes with the format.
const MAGIC: &[u8] = b"auditrd names 1\n";
/// Marks the path of a directory.
const DIRECTORY: u8 = b'/';
/// Marks the number of entries, at the end.
const END: u8 = b'.';
/// The largest file that is read.
const MAX_BYTES: u64 = 64 << 20;
/// Names that are older than this are not taken for those of now.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// A file of names that is being written.
#[derive(Debug)]
pub struct Snapshot {
    out: BufWriter<File>,
    directory: Vec<u8>,
    entries: u64,
    error: Option<io::Error>,
}

impl Snapshot {
    /// Creates a file, in the place of one that was there. It belongs to the owner of its
    /// directory, and nobody else may read it.
    ///
    /// # Errors
    ///
    /// If the file cannot be created. A symbolic link is not followed.
    pub fn create(path: &Path) -> Result<Snapshot, Error> {
        let failed = |error| Error::new(format!("create {}", path.display()), error);
        let file = create(path).map_err(failed)?;
        let mut out = BufWriter::new(file);
        out.write_all(MAGIC).map_err(failed)?;
        Ok(Snapshot {
            out,
            directory: Vec::new(),
            entries: 0,
            error: None,
        })
    }

    /// Adds a name. An error is kept for [`finish`](Self::finish).
    pub fn add(&mut self, found: &Found<'_>) {
        if self.error.is_none() {
            self.error = self.write(found).err();
        }
    }

    fn write(&mut self, found: &Found<'_>) -> io::Result<()> {
        let mut bytes = Vec::new();
        if self.entries == 0 || self.directory != found.directory {
            self.directory.clear();
            self.directory.extend_from_slice(found.directory);
            let length = u32::try_from(found.directory.len()).unwrap_or(u32::MAX);
            bytes.push(DIRECTORY);
            bytes.extend_from_slice(&length.to_ne_bytes());
            bytes.extend_from_slice(found.directory);
        }
        let entry = Entry {
            name: found.name,
            file: found.file,
            file_type: found.file_type,
            links: found.links,
            mount: 0,
        };
        entry.write(&mut bytes);
        self.entries += 1;
        self.out.write_all(&bytes)
    }

    /// Writes the end, and returns the number of names.
    ///
    /// # Errors
    ///
    /// If any of it could not be written.
    pub fn finish(mut self) -> Result<u64, Error> {
        let mut end = vec![END];
        end.extend_from_slice(&self.entries.to_ne_bytes());
        let written = match self.error.take() {
            Some(error) => Err(error),
            None => self
                .out
                .write_all(&end)
                .and_then(|()| self.out.flush())
                .map(|()| self.entries),
        };
        written.map_err(|error| Error::new("write the names", error))
    }
}

/// Takes in the names in a file.
///
/// # Errors
///
/// If the file cannot be read, belongs to somebody else than root and this user, may be written by
/// others, is older than 10 minutes, or is not whole. Nothing of it is taken in then.
pub fn read(path: &Path, take: &mut Take) -> Result<u64, Error> {
    let failed = |error| Error::new(format!("take the names in {}", path.display()), error);
    let bytes = trusted(path).map_err(failed)?;
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "it is incomplete");
    // All of it is checked before any of it is used.
    parse(&bytes, &mut |_| {}).ok_or_else(|| failed(invalid()))?;
    parse(&bytes, take).ok_or_else(|| failed(invalid()))
}

/// Passes on the names in a file, and returns their number; `None` if it is not whole.
fn parse(bytes: &[u8], pass: &mut Take) -> Option<u64> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let (mut directory, mut entries) = (&b""[..], 0);
    let mut bounds = Bounds::default();
    loop {
        match *rest.first()? {
            DIRECTORY => {
                take::<1>(&mut rest)?;
                let length = u32::from_ne_bytes(*take(&mut rest)?);
                directory = rest.split_off(..usize::try_from(length).ok()?)?;
                is_directory(directory).then_some(())?;
            }
            END => {
                take::<1>(&mut rest)?;
                let is_whole = u64::from_ne_bytes(*take(&mut rest)?) == entries;
                return (is_whole && rest.is_empty()).then_some(entries);
            }
            _ => {
                let entry = Entry::read(&mut rest)?;
                let is_placed = entry.name != b"/" || directory.is_empty();
                (is_placed && bounds.count(entry.name)).then_some(())?;
                pass(&Found {
                    directory,
                    name: entry.name,
                    file: entry.file,
                    file_type: entry.file_type,
                    links: entry.links,
                });
                entries += 1;
            }
        }
    }
}

/// Whether this is the path of a directory as a walk has it: empty for the root directory, and
/// clean.
fn is_directory(path: &[u8]) -> bool {
    let Some(parts) = path.strip_prefix(b"/") else {
        return path.is_empty();
    };
    let is_part = |part: &[u8]| !matches!(part, b"" | b"." | b"..") && !part.contains(&0);
    parts.split(|byte| *byte == b'/').all(is_part)
}

/// The bytes of a file that only root or this user can have written, and not long ago.
fn trusted(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(CWD, path, flags, Mode::empty())?);
    let about = file.metadata()?;
    let refused = |text: &str| Err(io::Error::new(io::ErrorKind::InvalidData, text));
    if !about.is_file() || about.len() > MAX_BYTES {
        return refused("it is not a file of names");
    }
    if ![0, geteuid().as_raw()].contains(&about.uid()) || about.mode() & 0o022 != 0 {
        return refused("others could have written it");
    }
    let age = SystemTime::now().duration_since(about.modified()?);
    if age.is_ok_and(|age| age > MAX_AGE) {
        return refused("it is older than 10 minutes");
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Creates a file for the owner of its directory.
fn create(path: &Path) -> io::Result<File> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory: OwnedFd = openat(CWD, directory, flags, Mode::empty())?;
    match unlinkat(&directory, name, AtFlags::empty()) {
        Err(error) if error != rustix::io::Errno::NOENT => return Err(error.into()),
        _ => {}
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(&directory, name, flags, Mode::RUSR | Mode::WUSR)?;
    // Before the file has another owner, whose files only CAP_FOWNER may change.
    fchmod(&file, Mode::RUSR)?;
    let owner = fstat(directory.as_fd())?;
    if owner.st_uid != geteuid().as_raw() {
        let (uid, gid) = (Uid::from_raw(owner.st_uid), Gid::from_raw(owner.st_gid));
        fchown(&file, Some(uid), Some(gid))?;
    }
    Ok(File::from(file))
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
        path::PathBuf,
    };

    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;
    use crate::model::{FileId, FileType};

    fn found<'a>(directory: &'a [u8], name: &'a [u8], inode: u64) -> Found<'a> {
        Found {
            directory,
            name,
            file: FileId {
                dev: (254, 1),
                inode,
            },
            file_type: FileType::Other,
            links: 1,
        }
    }

    const NAMES: &[(&[u8], &[u8])] = &[
        (b"", b"/"),
        (b"", b"etc"),
        (b"/etc", b"passwd"),
        (b"/etc", b"\xff \n"),
        (b"/etc/ssl/private", b"key"),
    ];

    /// A file with [`NAMES`], and its bytes.
    fn written() -> (TempDir, PathBuf, Vec<u8>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("names");
        let mut snapshot = Snapshot::create(&path).unwrap();
        for (inode, (directory, name)) in (1..).zip(NAMES) {
            snapshot.add(&found(directory, name, inode));
        }
        assert_eq!(snapshot.finish().unwrap(), 5);
        let bytes = fs::read(&path).unwrap();
        (directory, path, bytes)
    }

    fn replace(path: &Path, bytes: &[u8]) {
        let _ = fs::remove_file(path);
        fs::write(path, bytes).unwrap();
    }

    #[track_caller]
    fn refused(path: &Path, why: &str) {
        let error = read(path, &mut |_| panic!("nothing of it is used")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(why) && !text.contains('\n'), "{text}");
    }

    #[test]
    fn names_read_back() {
        let (_directory, path, _) = written();
        let mut names = Vec::new();
        let count = read(&path, &mut |found| {
            names.push((
                found.directory.to_vec(),
                found.name.to_vec(),
                found.file.inode,
            ));
        });
        assert_eq!(count.unwrap(), 5);
        let expected = NAMES.iter().zip(1..);
        let expected =
            expected.map(|((directory, name), inode)| (directory.to_vec(), name.to_vec(), inode));
        assert!(names.into_iter().eq(expected));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o400);
    }

    #[test]
    fn a_torn_file_is_refused() {
        let (_directory, path, bytes) = written();
        for length in 0..bytes.len() {
            replace(&path, &bytes[..length]);
            refused(&path, "it is incomplete");
        }
        replace(&path, &[&bytes[..], b"x"].concat());
        refused(&path, "it is incomplete");
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        let (directory, path, bytes) = written();
        let link = directory.path().join("link");
        symlink(&path, &link).unwrap();
        refused(&link, "cannot take the names");
        refused(directory.path(), "it is not a file of names");
        refused(Path::new("/dev/zero"), "it is not a file of names");
        replace(&path, &bytes);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o602)).unwrap();
        refused(&path, "others could have written it");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(read(&path, &mut |_| {}).is_ok());
        let hour_ago = SystemTime::now() - Duration::from_secs(3600);
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(hour_ago)
            .unwrap();
        refused(&path, "it is older than 10 minutes");
    }

    #[test]
    fn a_directory_with_odd_parts_is_refused() {
        for odd in [
            &b"etc"[..],
            b"/etc/",
            b"//etc",
            b"/etc/..",
            b"/./etc",
            b"/e\0c",
            b"/",
        ] {
            let mut bytes = MAGIC.to_vec();
            bytes.push(DIRECTORY);
            bytes.extend_from_slice(&u32::try_from(odd.len()).unwrap().to_ne_bytes());
            bytes.extend_from_slice(odd);
            bytes.push(END);
            bytes.extend_from_slice(&0u64.to_ne_bytes());
            assert_eq!(parse(&bytes, &mut |_| {}), None, "{odd:?}");
        }
    }

    #[test]
    fn a_link_in_the_place_of_the_file_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (
            directory.path().join("names"),
            directory.path().join("other"),
        );
        fs::write(&other, "unchanged").unwrap();
        symlink(&other, &path).unwrap();
        Snapshot::create(&path).unwrap().finish().unwrap();
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
        assert_eq!(fs::read(&other).unwrap(), b"unchanged");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(Snapshot::create(&path).is_err());
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_refused_or_harmless(
            at in 0usize..200, byte: u8, tail in proptest::collection::vec(any::<u8>(), 0..40)
        ) {
            let (_directory, _, mut bytes) = written();
            let at = at % bytes.len();
            bytes[at] = byte;
            let check = |found: &Found<'_>| {
                let mut path = Vec::new();
                found.path(&mut path);
                assert!(path == b"/" || is_directory(&path), "{path:?}");
            };
            parse(&bytes, &mut { check });
            bytes.truncate(at);
            bytes.extend(tail);
            parse(&bytes, &mut { check });
        }
    }
}
