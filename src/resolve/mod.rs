//! What earlier records said of files and descriptors.
//!
//! A record often names a file by a descriptor only, `ftruncate(4, …)`, or relative to one,
//! `openat(4, "x", …)`. This is the memory that turns such a descriptor into a path: which process
//! opened which file as which descriptor, and which names a file (device and inode) has. Renames
//! and removals of files and directories change it as they change the file system.
//!
//! Every path goes through one decision, `Resolver::locate`: candidates are held against all that
//! the record says of the files around the name, against what is known of those files, against the
//! live system, and against losses. A path that is not proved is not given.
//!
//! The memory is bounded, and forgets what was not used for longest.

mod changes;
mod claim;
mod descriptors;
mod doubt;
mod evidence;
mod host;
mod memories;
mod moves;
mod processes;
mod recent;
mod stamps;
pub(crate) mod text;
mod tree;

#[cfg(test)]
mod tests;

use bumpalo::Bump;

pub(crate) use changes::{Seen, Sighting};
pub(crate) use claim::{Base, Claim, Located};
pub(crate) use descriptors::Mode;
pub(crate) use doubt::{Doubt, Losses, Tick};
pub use host::{Absent, Host, Proc};
pub(crate) use memories::{Memories, Memory};
pub(crate) use processes::Caller;
pub(crate) use recent::Recent;
pub(crate) use stamps::{Boot, is_later};

use crate::model::{EventId, FileId};
use descriptors::Descriptors;
use processes::{Moment, Processes};
use tree::{Name, Tree};

/// Entries in each of the tables. At some 150 bytes each with their names, the memory stays around
/// 10 MiB in ordinary use.
const MAX_ENTRIES: usize = 32_768;

/// Names in the tree besides those that were primed. Only paths of unusual depth reach this.
const MAX_NAMES: usize = 262_144;

/// Bytes of the tree, which only a log with names that are longer than any file's reaches first.
const MAX_TREE_BYTES: usize = 64 << 20;

/// Bytes of the tree for each name that was primed, which do not count for that: a slot in a table
/// that doubles when it is full, and a name that may be long.
const PRIMED_BYTES: usize = 256;

/// The live system and the memory for what is built while one event is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a, 'h> {
    pub(crate) host: &'h dyn Host,
    pub(crate) arena: &'a Bump,
}

/// The memory of one host. One per node; hosts must not be mixed.
#[derive(Debug)]
pub(crate) struct Resolver {
    tree: Tree,
    /// The names that were learned from records, each held for it.
    learned: Recent<Name, Name>,
    descriptors: Descriptors,
    processes: Processes,
    /// Counts what was learned, so that it can be told which came first.
    clock: Tick,
    /// When the present call began, in milliseconds since 1970-01-01.
    time: u64,
    /// How often something seemed to be lost so far, as serials that were only late did too.
    losses: u32,
    /// What was learned at fewer losses than this is in doubt.
    doubted: u32,
    doubt: Doubt,
    boot: Boot,
    /// How often something happened that may have changed where any path leads: a boot, another
    /// root, or a mount or a move whose directories are not known.
    upheavals: u32,
    /// How many names were looked at in search of those that may be through a moved directory.
    searched: u64,
    /// Names that were primed, which are held for good.
    primed: usize,
    /// The working directories that were confirmed last, and which of them is replaced next.
    cwds: [Vec<u8>; 4],
    next_cwd: usize,
    /// The last path that was read out of the tree.
    path: Vec<u8>,
}

impl Resolver {
    pub(crate) fn new() -> Resolver {
        Resolver {
            tree: Tree::new(),
            learned: Recent::new(MAX_ENTRIES),
            descriptors: Descriptors::new(MAX_ENTRIES),
            processes: Processes::new(MAX_ENTRIES),
            clock: 1,
            time: 0,
            losses: 0,
            doubted: 0,
            doubt: Doubt::default(),
            boot: Boot::default(),
            upheavals: 0,
            searched: 0,
            primed: 0,
            cwds: [const { Vec::new() }; 4],
            next_cwd: 0,
            path: Vec::new(),
        }
    }

    /// Notes the process that makes a call, with the serial of its event, and what was lost until
    /// then.
    pub(crate) fn begin(&mut self, caller: Caller, serial: u32, is_exec: bool, losses: Losses) {
        if self.boot.note_call(serial, caller.time) {
            self.forget_boot();
        }
        let losses = Losses {
            certain: losses.certain.wrapping_add(self.upheavals),
            ..losses
        };
        if losses != self.doubt.told() {
            self.lose(losses);
        }
        self.time = caller.time;
        let now = self.tick();
        self.processes.see(caller, is_exec, now);
    }

    /// Takes in the working directory of a call. Its path is the kernel's own (d_path), so each
    /// part of it is a directory and no symbolic link.
    pub(crate) fn confirm_cwd(&mut self, cwd: &[u8]) {
        let is_known = self.cwds.iter().any(|known| known == cwd);
        if is_known || !cwd.starts_with(b"/") || cwd.len() > text::MAX_PATH_BYTES {
            return;
        }
        self.next_cwd = (self.next_cwd + 1) % self.cwds.len();
        let place = &mut self.cwds[self.next_cwd];
        place.clear();
        place.extend_from_slice(cwd);
        let name = self.hold(cwd);
        self.tree.confirm_directories(name);
        self.keep(name);
    }

    /// Takes in that the kernel has started, and the first stamp that it gave.
    pub(crate) fn started(&mut self, id: EventId) {
        self.boot.begin(id.serial, id.time.as_millis());
        self.forget_boot();
    }

    /// Descriptors and processes are gone with the boot that they were of, and so are file systems
    /// in memory. What is on disks may have changed while nothing was recorded, as after a loss.
    #[cold]
    fn forget_boot(&mut self) {
        self.descriptors.clear(&mut self.tree);
        self.processes = Processes::new(MAX_ENTRIES);
        self.overturned();
    }

    /// Takes in that more was lost, or less than it seemed.
    fn lose(&mut self, losses: Losses) {
        let next = self.losses.saturating_add(1);
        if self.doubt.note(losses, next.into()) {
            self.losses = next;
            self.cwds.iter_mut().for_each(Vec::clear);
        }
        let losses_at = |tick| u32::try_from(tick).unwrap_or(u32::MAX);
        self.doubted = losses_at(self.doubt.since());
        let void = losses_at(self.doubt.certain());
        self.tree.lose(self.losses, self.doubted, void);
    }

    fn tick(&mut self) -> Tick {
        self.clock += 1;
        self.clock
    }

    /// The present moment, which is counted as a new one.
    fn moment(&mut self) -> Moment {
        Moment {
            tick: self.tick(),
            losses: self.losses,
            time: self.time,
        }
    }

    /// The name of a path, made if need be. The caller holds it.
    fn hold(&mut self, path: &[u8]) -> Name {
        let max_bytes = MAX_TREE_BYTES + PRIMED_BYTES * self.primed;
        if self.tree.len() > MAX_NAMES + self.primed || self.tree.size() > max_bytes {
            let Resolver {
                tree,
                learned,
                descriptors,
                ..
            } = self;
            learned.clear(|name| tree.release(name));
            descriptors.clear(tree);
        }
        self.tree.hold(path)
    }

    /// Keeps a name that is held for as long as it is among those that were used last.
    fn keep(&mut self, name: Name) {
        let Resolver { tree, learned, .. } = self;
        learned.put(name, name, |gone| tree.release(gone));
    }

    fn path_of<'a>(&mut self, name: Name, arena: &'a Bump) -> Option<&'a [u8]> {
        let is_there = self.tree.path(name, &mut self.path);
        is_there.then(|| &*arena.alloc_slice_copy(&self.path))
    }
}

impl Memory for Resolver {
    fn empty() -> Resolver {
        Resolver::new()
    }

    fn size(&self) -> usize {
        let tables = self.descriptors.size() + self.learned.size() + self.processes.size();
        let cwds: usize = self.cwds.iter().map(Vec::capacity).sum();
        tables + self.tree.size() + self.path.capacity() + cwds
    }
}

/// Whether a path is another file on the live system, if that can be told. Only the inode is
/// compared: some file systems have another device in their records than stat(2) says (btrfs).
fn is_another(path: &[u8], file: FileId, host: &dyn Host) -> Option<bool> {
    host.file_id(path).map(|now| now.inode != file.inode)
}
