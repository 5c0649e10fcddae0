//! What earlier records said of files and descriptors.
//!
//! A record often names a file by a descriptor only, `ftruncate(4, …)`, or relative to one,
//! `openat(4, "x", …)`. This is the memory that turns such a descriptor into a path: which process
//! opened what as which descriptor, and which file (device and inode) had which path. Renames and
//! removals of files and directories change it as they change the file system.
//!
//! It is bounded, and forgets what was not used for longest. What it says is checked against the
//! device and inode in the record wherever the record has them; where nothing is known, it says so
//! and never guesses.

mod changes;
mod host;
mod recent;
pub(crate) mod text;
mod tree;

use bumpalo::Bump;

pub use host::{Absent, Host, Proc};

use crate::model::FileId;
use recent::Recent;
use tree::{Node, Tree};

/// Entries in each of the tables. At some 100 bytes each with their names, the memory stays under
/// 10 MiB in ordinary use.
const TABLE_BOUND: usize = 32_768;

/// Names in the tree. Only paths of unusual depth reach this; everything is forgotten then.
const NODE_BOUND: usize = 262_144;

/// Bytes of the tree, which only a log with names that are longer than any file's reaches first.
const TREE_BOUND: usize = 64 << 20;

/// How many generations of forks an inherited descriptor is followed through.
const ANCESTORS: usize = 8;

/// The process that a call came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) pid: u32,
    pub(crate) ppid: u32,
}

/// What a record says of the files around a name.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Evidence {
    /// The directory that holds the name. A call on two names has two, and does not always tell
    /// which is whose.
    pub(crate) parents: [Option<FileId>; 2],
    /// What the name stands for.
    pub(crate) file: Option<FileId>,
}

impl Evidence {
    /// Whether a name in a directory is, on this system now, what the record says that it is.
    pub(crate) fn supports(
        self,
        directory: &[u8],
        name: &[u8],
        host: &dyn Host,
        arena: &Bump,
    ) -> bool {
        let is = |path, file: Option<FileId>| file.is_some() && host.file_id(path) == file;
        let holder = text::join(directory, text::dirname(name), arena);
        self.parents.iter().any(|parent| is(holder, *parent))
            || is(text::join(directory, name, arena), self.file)
    }
}

/// The memory. One per stream of records; hosts must not be mixed.
#[derive(Debug)]
pub(crate) struct Resolver {
    tree: Tree,
    descriptors: Recent<(u32, u32), Descriptor>,
    files: Recent<FileId, Node>,
    processes: Recent<u32, Process>,
    /// Counts what was learned, so that it can be said which came first.
    clock: u64,
    /// The last path that was read out of the tree.
    path: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Descriptor {
    node: Node,
    file: Option<FileId>,
    mode: Mode,
    learned: u64,
}

/// How a descriptor was opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mode {
    /// It is gone when the process starts another program.
    pub(crate) close_on_exec: bool,
    /// Nothing can be written through it.
    pub(crate) read_only: bool,
}

/// What is known of a process. Zero stands for "never seen".
#[derive(Clone, Copy, Debug, Default)]
struct Process {
    parent: u32,
    forked: u64,
    executed: u64,
}

impl Resolver {
    pub(crate) fn new() -> Resolver {
        Resolver {
            tree: Tree::new(),
            descriptors: Recent::new(TABLE_BOUND),
            files: Recent::new(TABLE_BOUND),
            processes: Recent::new(TABLE_BOUND),
            clock: 0,
            path: Vec::new(),
        }
    }

    /// How much memory it takes, in bytes, about.
    pub(crate) fn size(&self) -> usize {
        let tables = self.descriptors.size() + self.files.size() + self.processes.size();
        tables + self.tree.size() + self.path.capacity()
    }

    /// The path of an open descriptor. If the record says which file it is, the answer is about
    /// that file; if not, it is what the process, or the ones that it was forked from, opened.
    pub(crate) fn descriptor<'a>(
        &mut self,
        caller: Caller,
        fd: u32,
        file: Option<FileId>,
        host: &dyn Host,
        arena: &'a Bump,
    ) -> Option<&'a [u8]> {
        let mut file = file;
        if let Some(known) = self.lookup(caller, fd, file)
            && (file.is_none() || known.file == file)
        {
            if let Some(path) = self.path_of(known.node, arena) {
                return Some(path);
            }
            file = known.file;
        }
        let file = file?;
        if let Some(path) = host.descriptor(caller.pid, fd)
            && host.file_id(&path) == Some(file)
        {
            return Some(arena.alloc_slice_copy(&path));
        }
        self.file(file, host, arena)
    }

    /// Whether what is known of a descriptor cannot be: something was written through one that was
    /// opened for reading. It was closed unseen, and is another file now.
    pub(crate) fn is_read_only(&mut self, caller: Caller, fd: u32) -> bool {
        let known = self.lookup(caller, fd, None);
        known.is_some_and(|known| known.mode.read_only)
    }

    /// The path of a name that is relative to a descriptor.
    pub(crate) fn relative<'a>(
        &mut self,
        caller: Caller,
        dirfd: u32,
        name: &[u8],
        evidence: Evidence,
        host: &dyn Host,
        arena: &'a Bump,
    ) -> Option<&'a [u8]> {
        if let Some(base) = self.directory(caller, dirfd, name, evidence, arena) {
            return Some(text::join(base, name, arena));
        }
        if let Some(base) = host.descriptor(caller.pid, dirfd)
            && evidence.supports(&base, name, host, arena)
        {
            return Some(text::join(&base, name, arena));
        }
        // Where no fork was recorded, what the parent has open may be the child's too.
        if let Some(known) = self.known(caller.ppid, dirfd)
            && let Some(base) = self.path_of(known.node, arena)
            && evidence.supports(base, name, host, arena)
        {
            return Some(text::join(base, name, arena));
        }
        self.by_file(name, evidence, host, arena)
    }

    /// What earlier records say that a descriptor is, unless this record says otherwise: for a name
    /// of one part it gives the directory's file.
    fn directory<'a>(
        &mut self,
        caller: Caller,
        dirfd: u32,
        name: &[u8],
        evidence: Evidence,
        arena: &'a Bump,
    ) -> Option<&'a [u8]> {
        let parents = evidence.parents.iter().copied().flatten();
        let has_one_part = text::dirname(name).is_empty();
        let mut expected = parents.filter(|_| has_one_part).peekable();
        if expected.peek().is_none() {
            let known = self.lookup(caller, dirfd, None)?;
            return self.path_of(known.node, arena);
        }
        let known = expected.find_map(|file| {
            let known = self.lookup(caller, dirfd, Some(file))?;
            known
                .file
                .is_none_or(|known| known == file)
                .then_some(known)
        })?;
        self.path_of(known.node, arena)
    }

    /// The path of a relative name from nothing but the files that the record gives.
    pub(crate) fn by_file<'a>(
        &mut self,
        name: &[u8],
        evidence: Evidence,
        host: &dyn Host,
        arena: &'a Bump,
    ) -> Option<&'a [u8]> {
        let last = text::basename(name);
        let is_entry = !matches!(last, b"" | b"." | b"..");
        if let ([Some(parent), None], true) = (evidence.parents, is_entry)
            && let Some(directory) = self.file(parent, host, arena)
        {
            return Some(text::join(directory, last, arena));
        }
        let path = self.file(evidence.file?, host, arena)?;
        (!is_entry || text::basename(path) == last).then_some(path)
    }

    /// The path that a file was last known by, unless it is another one's on the live system: the
    /// path may be one in another root.
    pub(crate) fn file<'a>(
        &mut self,
        id: FileId,
        host: &dyn Host,
        arena: &'a Bump,
    ) -> Option<&'a [u8]> {
        let Resolver { tree, files, .. } = self;
        let node = files.get(id, |node| tree.release(node))?;
        let path = self.path_of(node, arena)?;
        let is_another = changes::is_another(path, id, host) == Some(true);
        (!is_another).then_some(path)
    }

    /// What a descriptor of a process is, by its own records or those of its ancestors.
    ///
    /// An ancestor counts only up to the fork: what it opened later is not the child's. Where no
    /// fork was recorded, the parent's descriptor is taken only if it is the expected file. A fork
    /// inside a container returned a number that means another process out here; then the parents
    /// differ, and nothing is inherited.
    fn lookup(&mut self, caller: Caller, fd: u32, expected: Option<FileId>) -> Option<Descriptor> {
        let (mut pid, mut until, mut since_exec) = (caller.pid, u64::MAX, 0);
        for _ in 0..ANCESTORS {
            let process = self.process(pid);
            if process.executed < until {
                since_exec = process.executed.max(since_exec);
            }
            if let Some(known) = self.known(pid, fd)
                && known.learned < until
                && known.learned > process.forked
                && !(known.mode.close_on_exec && known.learned < since_exec)
            {
                return Some(known);
            }
            let is_other = pid == caller.pid && process.parent != caller.ppid;
            if process.forked == 0 || is_other {
                break;
            }
            (pid, until) = (process.parent, process.forked);
        }
        let inherited = self.known(caller.ppid, fd)?;
        (expected.is_some() && inherited.file == expected).then_some(inherited)
    }

    fn known(&mut self, pid: u32, fd: u32) -> Option<Descriptor> {
        let Resolver {
            tree, descriptors, ..
        } = self;
        descriptors.get((pid, fd), |gone| tree.release(gone.node))
    }

    fn process(&mut self, pid: u32) -> Process {
        self.processes.get(pid, drop).unwrap_or_default()
    }

    fn path_of<'a>(&mut self, node: Node, arena: &'a Bump) -> Option<&'a [u8]> {
        let known = self.tree.path(node, &mut self.path);
        known.then(|| &*arena.alloc_slice_copy(&self.path))
    }
}

#[cfg(test)]
mod tests;
