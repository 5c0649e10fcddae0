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

mod host;
mod recent;
pub(crate) mod text;
mod tree;

use bumpalo::Bump;

pub use host::{Absent, Host, Proc};

use crate::parse::FileId;
use recent::Recent;
use tree::{Node, Tree};

/// Entries in each of the tables. At some 100 bytes each with their names, the memory stays under
/// 10 MiB in ordinary use.
const TABLE_BOUND: usize = 32_768;

/// Names in the tree. Only paths of unusual depth reach this; everything is forgotten then.
const NODE_BOUND: usize = 262_144;

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
    close_on_exec: bool,
    learned: u64,
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
        if let Some(known) = self.lookup(caller, fd, file)
            && (file.is_none() || known.file == file)
        {
            return self.path_of(known.node, arena);
        }
        let file = file?;
        if let Some(path) = host.descriptor(caller.pid, fd)
            && host.file_id(&path) == Some(file)
        {
            return Some(arena.alloc_slice_copy(&path));
        }
        self.file(file, arena)
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
        self.by_file(name, evidence, arena)
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
        arena: &'a Bump,
    ) -> Option<&'a [u8]> {
        let last = text::basename(name);
        let is_entry = !matches!(last, b"" | b"." | b"..");
        if let ([Some(parent), None], true) = (evidence.parents, is_entry)
            && let Some(directory) = self.file(parent, arena)
        {
            return Some(text::join(directory, last, arena));
        }
        let path = self.file(evidence.file?, arena)?;
        (!is_entry || text::basename(path) == last).then_some(path)
    }

    /// The path that a file was last known by.
    pub(crate) fn file<'a>(&mut self, id: FileId, arena: &'a Bump) -> Option<&'a [u8]> {
        let Resolver { tree, files, .. } = self;
        let node = *files.get(id, |node| tree.release(node))?;
        self.path_of(node, arena)
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
                && !(known.close_on_exec && known.learned < since_exec)
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
        descriptors
            .get((pid, fd), |gone| tree.release(gone.node))
            .copied()
    }

    fn process(&mut self, pid: u32) -> Process {
        self.processes.get(pid, drop).copied().unwrap_or_default()
    }

    fn path_of<'a>(&mut self, node: Node, arena: &'a Bump) -> Option<&'a [u8]> {
        let known = self.tree.path(node, &mut self.path);
        known.then(|| &*arena.alloc_slice_copy(&self.path))
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// A process opened a path and got a descriptor for it.
    pub(crate) fn opened(
        &mut self,
        pid: u32,
        fd: u32,
        path: &[u8],
        file: Option<FileId>,
        close_on_exec: bool,
    ) {
        let learned = self.tick();
        let node = self.hold(path);
        let Resolver {
            tree, descriptors, ..
        } = self;
        let entry = Descriptor {
            node,
            file,
            close_on_exec,
            learned,
        };
        descriptors.put((pid, fd), entry, |gone| tree.release(gone.node));
    }

    /// A process closed a descriptor.
    pub(crate) fn closed(&mut self, pid: u32, fd: u32) {
        if let Some(gone) = self.descriptors.remove((pid, fd)) {
            self.tree.release(gone.node);
        }
    }

    /// A process made another descriptor for what it had open.
    pub(crate) fn duplicated(&mut self, caller: Caller, from: u32, to: u32, close_on_exec: bool) {
        let Some(known) = self.lookup(caller, from, None) else {
            return self.closed(caller.pid, to);
        };
        let entry = Descriptor {
            node: self.tree.share(known.node),
            file: known.file,
            close_on_exec,
            learned: self.tick(),
        };
        let Resolver {
            tree, descriptors, ..
        } = self;
        descriptors.put((caller.pid, to), entry, |gone| tree.release(gone.node));
    }

    /// A process made another, which has the same descriptors from here on.
    pub(crate) fn forked(&mut self, parent: u32, child: u32) {
        let forked = self.tick();
        self.processes.put(
            child,
            Process {
                parent,
                forked,
                executed: 0,
            },
            drop,
        );
    }

    /// A process started another program, which closes what was opened so.
    pub(crate) fn executed(&mut self, pid: u32) {
        let process = Process {
            executed: self.tick(),
            ..self.process(pid)
        };
        self.processes.put(pid, process, drop);
    }

    /// A file was seen under a path. A name that is only known to lead to it, such as that of the
    /// directory that a file was made in, does not replace a name that it was called by itself.
    pub(crate) fn seen(&mut self, id: FileId, path: &[u8], named: bool) {
        let Resolver {
            tree,
            files,
            path: current,
            ..
        } = self;
        if let Some(node) = files.get(id, |node| tree.release(node))
            && tree.path(*node, current)
            && (!named || current == path)
        {
            return;
        }
        let node = self.hold(path);
        let Resolver { tree, files, .. } = self;
        files.put(id, node, |node| tree.release(node));
    }

    /// A path is no more; with it, if it was a directory, all below it.
    pub(crate) fn removed(&mut self, path: &[u8]) {
        if let Some(node) = self.tree.find(path) {
            self.tree.detach(node);
        }
    }

    /// A file or directory has another path, and what had that path is no more.
    pub(crate) fn renamed(&mut self, from: &[u8], to: &[u8]) {
        match self.tree.find(from) {
            Some(node) => self.tree.rename(node, to),
            None => self.removed(to),
        }
    }

    /// Two files or directories have each other's path.
    pub(crate) fn exchanged(&mut self, one: &[u8], other: &[u8]) {
        let (first, second) = (self.hold(one), self.hold(other));
        self.tree.detach(second);
        self.tree.rename(first, other);
        self.tree.rename(second, one);
        self.tree.release(first);
        self.tree.release(second);
    }

    fn hold(&mut self, path: &[u8]) -> Node {
        if self.tree.len() > NODE_BOUND {
            let clock = self.clock;
            *self = Resolver {
                clock,
                ..Resolver::new()
            };
        }
        self.tree.hold(path)
    }
}

#[cfg(test)]
mod tests;
