//! How the memory changes by what was done.

use crate::{
    model::FileId,
    resolve::{
        Caller, Descriptor, Host, Mode, NODE_BOUND, Process, Resolver, TREE_BOUND, tree::Node,
    },
};

impl Resolver {
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
        mode: Mode,
        host: &dyn Host,
    ) {
        let learned = self.tick();
        let node = self.hold_file(path, file, host);
        let Resolver {
            tree, descriptors, ..
        } = self;
        let entry = Descriptor {
            node,
            file,
            mode,
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
            mode: Mode {
                close_on_exec,
                ..known.mode
            },
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
    pub(crate) fn seen(&mut self, id: FileId, path: &[u8], named: bool, host: &dyn Host) {
        let Resolver { tree, files, .. } = self;
        if let Some(node) = files.get(id, |node| tree.release(node))
            && (tree.is_at(node, path) || !named && tree.has_path(node))
        {
            return;
        }
        let node = self.hold_file(path, Some(id), host);
        let Resolver { tree, files, .. } = self;
        files.put(id, node, |node| tree.release(node));
    }

    /// A path of a file is no more; with it, if it was a directory, all below it.
    pub(crate) fn removed(&mut self, path: &[u8], file: Option<FileId>, host: &dyn Host) {
        if let Some(node) = self.changed(path, file, host) {
            self.tree.detach(node);
        }
    }

    /// A file or directory has another path, and what had that path is no more.
    pub(crate) fn renamed(
        &mut self,
        from: &[u8],
        to: &[u8],
        file: Option<FileId>,
        host: &dyn Host,
    ) {
        match self.changed(from, file, host) {
            Some(node) => self.tree.rename(node, to),
            None => self.removed(to, file, host),
        }
    }

    /// Two files or directories have each other's path. `file` is the one that was the first.
    pub(crate) fn exchanged(
        &mut self,
        one: &[u8],
        other: &[u8],
        file: Option<FileId>,
        host: &dyn Host,
    ) {
        if self.tree.find(one).is_some() && self.node_of(one, file, host).is_none() {
            return;
        }
        let (first, second) = (self.hold(one), self.hold(other));
        self.tree.detach(second);
        self.tree.rename(first, other);
        self.tree.rename(second, one);
        self.tree.release(first);
        self.tree.release(second);
    }

    /// What is known by a path, if a record means that when it says that this file has it.
    ///
    /// If it means another file, then either it comes from a process with another root, where the
    /// path is another one and nothing happened to what is known; or something has happened that no
    /// record told, and what is known has the path no more. The live system can tell which it is;
    /// without it no path is left, rather than a wrong one.
    fn node_of(&mut self, path: &[u8], file: Option<FileId>, host: &dyn Host) -> Option<Node> {
        let node = self.tree.find(path)?;
        match (self.tree.file(node), file) {
            (Some(known), Some(file)) if known != file => {
                if is_another(path, known, host).unwrap_or(true) {
                    self.tree.detach(node);
                }
                None
            }
            _ => Some(node),
        }
    }

    /// What is known by a path that this file does not have any more. Where nothing says which file
    /// that was, and another one has the path on the live system, it may be that of another root.
    fn changed(&mut self, path: &[u8], file: Option<FileId>, host: &dyn Host) -> Option<Node> {
        let node = self.node_of(path, file, host)?;
        if let (None, Some(file)) = (self.tree.file(node), file)
            && is_another(path, file, host) == Some(true)
        {
            self.tree.detach(node);
            return None;
        }
        Some(node)
    }

    /// The node of a path that this file has.
    fn hold_file(&mut self, path: &[u8], file: Option<FileId>, host: &dyn Host) -> Node {
        let node = match self.node_of(path, file, host) {
            Some(node) => self.tree.share(node),
            None => self.hold(path),
        };
        if let (None, Some(file)) = (self.tree.file(node), file) {
            self.tree.identify(node, file);
        }
        node
    }

    fn hold(&mut self, path: &[u8]) -> Node {
        if self.tree.len() > NODE_BOUND || self.tree.size() > TREE_BOUND {
            let clock = self.clock;
            *self = Resolver {
                clock,
                ..Resolver::new()
            };
        }
        self.tree.hold(path)
    }
}

/// Whether a path is another file on the live system, if it is any. Only the inode is compared:
/// some file systems have another device in their records than stat(2) says (btrfs).
pub(super) fn is_another(path: &[u8], file: FileId, host: &dyn Host) -> Option<bool> {
    host.file_id(path).map(|now| now.inode != file.inode)
}
