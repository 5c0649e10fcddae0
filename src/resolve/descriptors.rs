//! Which process opened what as which descriptor.

use crate::{
    model::{FileId, FileType},
    resolve::{
        processes::{Caller, Moment, Processes},
        recent::{Key, Recent},
        tree::{Name, Tree},
    },
};

/// A descriptor, as it was opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descriptor {
    pub(crate) name: Name,
    pub(crate) file: Option<FileId>,
    pub(crate) file_type: FileType,
    pub(crate) mode: Mode,
}

/// How a descriptor was opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mode {
    /// It is gone when the process starts another program.
    pub(crate) close_on_exec: bool,
    /// Nothing can be written through it.
    pub(crate) read_only: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// `None` once it is known to be closed, or to be something without a path.
    open: Option<Descriptor>,
    learned: Moment,
}

impl Key for (u32, u32) {
    fn number(self) -> u64 {
        let (pid, fd) = self;
        u64::from(fd) << 32 | u64::from(pid)
    }
}

/// The descriptors of the processes of one host.
#[derive(Debug)]
pub(crate) struct Descriptors(Recent<(u32, u32), Entry>);

impl Descriptors {
    pub(crate) fn new(bound: usize) -> Descriptors {
        Descriptors(Recent::new(bound))
    }

    /// How much memory it takes, in bytes, about.
    pub(crate) fn size(&self) -> usize {
        self.0.size()
    }

    /// Notes what a descriptor is, whose name is held for it; or that it is closed.
    pub(crate) fn set(
        &mut self,
        (pid, fd): (u32, u32),
        open: Option<Descriptor>,
        learned: Moment,
        tree: &mut Tree,
    ) {
        let entry = Entry { open, learned };
        self.0.put((pid, fd), entry, |gone| release(gone, tree));
    }

    /// Forgets all descriptors.
    pub(crate) fn clear(&mut self, tree: &mut Tree) {
        self.0.clear(|gone| release(gone, tree));
    }

    /// What a descriptor of a process is, by its own records or those of the ancestors that it has
    /// it from, if nothing was lost since.
    pub(crate) fn get(
        &mut self,
        caller: Caller,
        fd: u32,
        losses: u32,
        processes: &mut Processes,
        tree: &mut Tree,
    ) -> Option<Descriptor> {
        for ancestor in processes.ancestry(caller.pid, fd) {
            let entry = self.0.get((ancestor.pid, fd), |gone| release(gone, tree));
            let Some(entry) = entry else { continue };
            let learned = entry.learned;
            if learned.tick < ancestor.since {
                // Of an earlier process with this pid.
                continue;
            }
            if learned.tick >= ancestor.until || learned.time > ancestor.forked {
                // Changed since the fork, or while it lasted; what the child has is not known any
                // more.
                return None;
            }
            let open = entry.still_open(losses, tree)?;
            let is_closed = open.mode.close_on_exec && learned.tick < ancestor.executed;
            return (!is_closed).then_some(open);
        }
        None
    }

    /// What the parent of a process has as a descriptor. Where no record tells the fork, the child
    /// may have it from there.
    pub(crate) fn of_parent(
        &mut self,
        caller: Caller,
        fd: u32,
        losses: u32,
        tree: &mut Tree,
    ) -> Option<Descriptor> {
        let entry = self.0.get((caller.ppid, fd), |gone| release(gone, tree))?;
        entry.still_open(losses, tree)
    }
}

impl Entry {
    /// What it is, unless something was lost since, or a symbolic link was replaced or something
    /// mounted that its path may lead through.
    fn still_open(self, losses: u32, tree: &Tree) -> Option<Descriptor> {
        let learned = self.learned.losses;
        self.open
            .filter(|open| learned >= losses && tree.has_same_way(open.name, learned))
    }
}

fn release(entry: Entry, tree: &mut Tree) {
    if let Some(open) = entry.open {
        tree.release(open.name);
    }
}
