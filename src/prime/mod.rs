//! Known trees: what the file system has, read before the records that change it.
//!
//! Records tell what changes, and little of what was there before. A [`Primer`] reads the names,
//! devices and inodes of everything below chosen directories, so that the first `rm -r` is resolved
//! as the second one.
//!
//! Names are read directory by directory, each in one step, and are names as they are at that
//! moment. If the records that are read afterwards are from before it, they change what is already
//! so; a record that is newer corrects what was read. So a source must be open before the first
//! step, and no record may be taken in during a step.

mod directory;
mod entry;
mod lister;
pub mod snapshot;

use std::{
    collections::VecDeque,
    ffi::OsStr,
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use crate::{
    confine::Confinement,
    error::Error,
    model::{FileId, FileType},
};
use directory::Identity;
use entry::Entry;
use lister::Lister;

/// The number of names that are read in all.
const MAX_ENTRIES: usize = 250_000;
/// The bytes of these names.
const MAX_NAME_BYTES: usize = 16 << 20;

/// A directory to read.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Wanted {
    /// Its path.
    pub path: PathBuf,
    /// Whether everything below it is read, or its own names only.
    pub is_deep: bool,
}

impl Wanted {
    /// Everything below a directory, on its file system.
    pub fn below(path: PathBuf) -> Wanted {
        let is_deep = true;
        Wanted { path, is_deep }
    }

    /// The names in a directory.
    pub fn in_directory(path: PathBuf) -> Wanted {
        let is_deep = false;
        Wanted { path, is_deep }
    }
}

/// A name that was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Found<'a> {
    /// The path of its directory, which passes through no symbolic link; empty for `/`.
    pub directory: &'a [u8],
    /// The name in it; `/` is the name of the root directory.
    pub name: &'a [u8],
    /// The file that it stands for.
    pub file: FileId,
    /// The type of that file.
    pub file_type: FileType,
    /// How many names that file has (`st_nlink`, inode(7)).
    pub links: u32,
}

impl Found<'_> {
    /// Writes its path to `out`.
    pub fn path(&self, out: &mut Vec<u8>) {
        out.clear();
        if self.name == b"/" {
            out.push(b'/');
        } else {
            out.extend_from_slice(self.directory);
            append(out, self.name);
        }
    }
}

/// Takes in a name that was read.
pub type Take<'t> = dyn FnMut(&Found<'_>) + 't;

/// Reads directories, by a process that can do nothing else.
#[derive(Debug)]
pub struct Primer {
    lister: Lister,
    roots: Vec<Root>,
    queue: VecDeque<Directory>,
    left: Bounds,
}

/// A directory that was wanted.
#[derive(Debug)]
struct Root {
    path: Vec<u8>,
    identity: Identity,
    is_deep: bool,
    /// How many directories below it could not be read, and the first of them.
    unreadable: usize,
    first: Option<(Vec<u8>, io::Error)>,
}

/// A directory that is still to be read.
#[derive(Debug)]
struct Directory {
    path: Vec<u8>,
    identity: Identity,
    root: usize,
}

/// How much may still be read.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    entries: usize,
    bytes: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            entries: MAX_ENTRIES,
            bytes: MAX_NAME_BYTES,
        }
    }
}

impl Bounds {
    /// Counts a name. `false` if it is one too many.
    fn count(&mut self, name: &[u8]) -> bool {
        let left = (
            self.entries.checked_sub(1),
            self.bytes.checked_sub(name.len()),
        );
        let (Some(entries), Some(bytes)) = left else {
            return false;
        };
        *self = Bounds { entries, bytes };
        true
    }

    /// Which bound was met.
    fn met(&self) -> String {
        match self.entries {
            0 => format!("{MAX_ENTRIES} names"),
            _ => format!("{} MiB of names", MAX_NAME_BYTES >> 20),
        }
    }
}

impl Primer {
    /// Forks the process that reads directories. It has the user and the filters of `confinement`.
    /// Call this before starting threads and opening files: the new process inherits descriptors
    /// until it closes them.
    ///
    /// # Errors
    ///
    /// If the process cannot be started.
    pub fn start(confinement: &Confinement) -> Result<Primer, Error> {
        Ok(Primer::by(Lister::start(confinement)?))
    }

    fn by(lister: Lister) -> Primer {
        Primer {
            lister,
            roots: Vec::new(),
            queue: VecDeque::new(),
            left: Bounds::default(),
        }
    }

    /// Adds a directory to those that are to be read, unless it is among them already. Takes in the
    /// directories above it.
    ///
    /// # Errors
    ///
    /// If there is no such directory, or it may not be looked up.
    pub fn add(&mut self, wanted: &Wanted, take: &mut Take) -> Result<(), Error> {
        let mut above: Vec<(Vec<u8>, Identity, FileType)> = Vec::new();
        let resolved = self.lister.resolve(&wanted.path, &mut |entry: &Entry| {
            let mut path = above.last().map_or(Vec::new(), |(path, ..)| path.clone());
            take(&Found {
                directory: &path,
                name: entry.name,
                file: entry.file,
                file_type: entry.file_type,
                links: entry.links,
            });
            if entry.name != b"/" {
                append(&mut path, entry.name);
            }
            above.push((path, entry.identity(), entry.file_type));
            true
        });
        let resolved = resolved.and_then(|()| match above.pop() {
            Some((path, identity, FileType::Directory)) => Ok((path, identity)),
            _ => Err(io::Error::from_raw_os_error(libc::ENOTDIR)),
        });
        let failed = |error| unread(wanted.path.as_os_str().as_bytes(), error);
        let (path, identity) = resolved.map_err(failed)?;
        self.enqueue(path, identity, wanted.is_deep);
        Ok(())
    }

    fn enqueue(&mut self, path: Vec<u8>, identity: Identity, is_deep: bool) {
        if self
            .roots
            .iter()
            .any(|root| root.covers(&path, identity, is_deep))
        {
            return;
        }
        self.queue.push_back(Directory {
            path: path.clone(),
            identity,
            root: self.roots.len(),
        });
        self.roots.push(Root {
            path,
            identity,
            is_deep,
            unreadable: 0,
            first: None,
        });
    }

    /// Reads one directory. `false` if there was none left to read.
    pub fn step(&mut self, take: &mut Take) -> bool {
        let Some(directory) = self.queue.pop_front() else {
            return false;
        };
        let mut is_full = false;
        let Primer {
            lister,
            roots,
            queue,
            left,
        } = self;
        let is_deep = roots.get(directory.root).is_some_and(|root| root.is_deep);
        let listed = lister.list(&directory.path, directory.identity, &mut |entry| {
            if entry.name == b"/" {
                return true;
            }
            is_full = !left.count(entry.name);
            if is_full {
                return false;
            }
            take(&Found {
                directory: &directory.path,
                name: entry.name,
                file: entry.file,
                file_type: entry.file_type,
                links: entry.links,
            });
            if is_deep && directory.leads_to(entry) {
                queue.push_back(directory.below(entry));
            }
            true
        });
        if let Err(error) = listed {
            self.failed(&directory, error);
        }
        if is_full {
            self.stop(&directory);
        }
        if self.queue.is_empty() {
            self.report();
        }
        true
    }

    /// Reads all directories that were added.
    pub fn run(&mut self, take: &mut Take) {
        while self.step(take) {}
    }

    /// Whether directories are left to read.
    pub fn is_busy(&self) -> bool {
        !self.queue.is_empty()
    }

    fn failed(&mut self, directory: &Directory, error: io::Error) {
        match error.raw_os_error() {
            // It is gone, or there is another one or a link in its place: records tell.
            Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP | libc::ESTALE) => {}
            _ if is_final(&error) => {
                log::warn!("{}", unread(&directory.path, error));
                self.queue.clear();
            }
            _ => {
                if let Some(root) = self.roots.get_mut(directory.root) {
                    root.unreadable += 1;
                    root.first
                        .get_or_insert_with(|| (directory.path.clone(), error));
                }
            }
        }
    }

    /// Gives up what is left, because a bound was met.
    fn stop(&mut self, directory: &Directory) {
        let root = self.roots.get(directory.root);
        let path = root.map_or(&directory.path, |root| &root.path);
        log::warn!(
            "stopped after {}, in {}; paths of the others are unresolved until records name them",
            self.left.met(),
            shown(path)
        );
        self.queue.clear();
    }

    /// Logs what could not be read.
    fn report(&mut self) {
        for root in &mut self.roots {
            let Some((path, error)) = root.first.take() else {
                continue;
            };
            let others = match root.unreadable - 1 {
                0 => String::new(),
                others => format!(
                    ", and {others} more directories below {}",
                    shown(&root.path)
                ),
            };
            log::warn!("{}{others}", unread(&path, error));
            root.unreadable = 0;
        }
    }
}

impl Root {
    /// Whether reading this one reads that one.
    fn covers(&self, path: &[u8], identity: Identity, is_deep: bool) -> bool {
        let is_same = self.path == path && (self.is_deep || !is_deep);
        let is_below = self.is_deep
            && path
                .strip_prefix(self.path.as_slice())
                .is_some_and(|rest| rest.starts_with(b"/"));
        (is_same || is_below) && self.identity.is_beside(identity)
    }
}

impl Directory {
    /// Whether an entry is a directory to go on with: on the same file system, and no mount.
    fn leads_to(&self, entry: &Entry) -> bool {
        entry.file_type == FileType::Directory && self.identity.is_beside(entry.identity())
    }

    fn below(&self, entry: &Entry) -> Directory {
        let mut path = Vec::with_capacity(self.path.len() + 1 + entry.name.len());
        path.extend_from_slice(&self.path);
        append(&mut path, entry.name);
        Directory {
            path,
            identity: entry.identity(),
            root: self.root,
        }
    }
}

impl Identity {
    /// Whether two files are on one file system, reached by one mount.
    fn is_beside(self, other: Identity) -> bool {
        (self.file.dev, self.mount) == (other.file.dev, other.mount)
    }
}

impl Entry<'_> {
    fn identity(&self) -> Identity {
        let Entry { file, mount, .. } = *self;
        Identity { file, mount }
    }
}

/// Whether the process that reads directories will not answer any more.
fn is_final(error: &io::Error) -> bool {
    error.raw_os_error().is_none() || error.kind() == io::ErrorKind::WouldBlock
}

fn unread(path: &[u8], error: io::Error) -> Error {
    Error::new(format!("read the directory {}", shown(path)), error)
}

fn shown(path: &[u8]) -> String {
    let path = if path.is_empty() { b"/" } else { path };
    Path::new(OsStr::from_bytes(path)).display().to_string()
}

fn append(path: &mut Vec<u8>, name: &[u8]) {
    path.push(b'/');
    path.extend_from_slice(name);
}

#[cfg(test)]
mod tests;
