//! What the memory keeps, what it lets go, and which paths it proves.

mod changes;
mod descriptors;
mod evidence;

use super::*;
use crate::model::FileType::{self, Directory, Other};

/// The process whose calls most tests look at, and its parent.
const PID: u32 = 7;
const PARENT_PID: u32 = 1;

const OPEN: Mode = Mode {
    close_on_exec: false,
    read_only: false,
};
const CLOSED_ON_EXEC: Mode = Mode {
    close_on_exec: true,
    read_only: false,
};

fn file(inode: u64) -> FileId {
    let dev = (8, 1);
    FileId { dev, inode }
}

/// A live system: the files that it has, and the descriptors that its processes have open.
#[derive(Clone, Copy, Default)]
struct System<'s> {
    files: &'s [(&'s str, u64)],
    open: &'s [(u32, &'s str)],
    /// Those of the files that are no directories; of the others it makes no difference.
    plain: &'s [&'s str],
}

impl System<'_> {
    fn is_file(&self, path: &[u8]) -> bool {
        self.plain.iter().any(|name| name.as_bytes() == path)
    }
}

impl Host for System<'_> {
    fn descriptor(&self, _: u32, fd: u32) -> Option<Vec<u8>> {
        let open = self.open.iter().find(|(number, _)| *number == fd);
        open.map(|(_, path)| path.as_bytes().to_vec())
    }

    fn file_id(&self, path: &[u8]) -> Option<FileId> {
        // With a `/` at the end, it is asked for as a directory.
        let path = match path.strip_suffix(b"/") {
            Some(directory) if self.is_file(directory) => return None,
            Some(directory) if !directory.is_empty() => directory,
            _ => path,
        };
        let found = self.files.iter().find(|(name, _)| name.as_bytes() == path);
        found.map(|(_, inode)| file(*inode))
    }
}

/// A memory with the system that its records come from.
struct World<'s> {
    memory: Resolver,
    losses: Losses,
    host: &'s dyn Host,
}

impl World<'static> {
    /// Of a log, so that there is no system to ask.
    fn of_a_log() -> World<'static> {
        World::with(&Absent)
    }
}

impl<'s> World<'s> {
    fn with(host: &'s dyn Host) -> World<'s> {
        let mut world = World {
            memory: Resolver::new(),
            losses: Losses::default(),
            host,
        };
        world.run(PID, PARENT_PID);
        world
    }

    /// A process makes a call.
    fn run(&mut self, pid: u32, ppid: u32) -> Caller {
        let caller = Caller {
            pid,
            ppid,
            program: 1,
            time: self.memory.clock,
        };
        self.memory.begin(caller, 0, false, self.losses);
        caller
    }

    /// Something was lost.
    fn lose(&mut self) {
        let caller = self.caller(PID);
        self.losses.certain += 1;
        self.memory.begin(caller, 0, false, self.losses);
    }

    fn caller(&self, pid: u32) -> Caller {
        Caller {
            pid,
            ppid: PARENT_PID,
            program: 1,
            time: self.memory.clock,
        }
    }

    fn prime(&mut self, path: &str, inode: u64, file_type: FileType, links: u64) {
        let path = path.as_bytes();
        self.memory.prime(path, file(inode), file_type, links);
    }

    fn see(&mut self, path: &str, inode: u64, file_type: FileType, sighting: Sighting) {
        let seen = Seen {
            file: file(inode),
            file_type,
            sighting,
        };
        self.memory.seen(path.as_bytes(), seen, self.host);
    }

    fn open(&mut self, (pid, fd): (u32, u32), path: &str, inode: u64, mode: Mode) {
        let known = Some((file(inode), Other));
        self.memory.opened((pid, fd), path.as_bytes(), known, mode);
    }

    /// The path of a file by its inode alone.
    fn path_of(&mut self, inode: u64) -> Option<String> {
        let arena = Bump::new();
        let ask = Asker {
            host: self.host,
            arena: &arena,
        };
        self.memory
            .file((file(inode), FileType::Unknown), ask)
            .map(text)
    }

    /// The path of a descriptor, with the inode that a record gives.
    fn descriptor(&mut self, caller: Caller, fd: u32, inode: Option<u64>) -> Option<String> {
        let arena = Bump::new();
        let ask = Asker {
            host: self.host,
            arena: &arena,
        };
        let path = self.memory.descriptor(caller, fd, inode.map(file), ask);
        path.map(text)
    }

    /// The path of a claim; with the real one behind an arrow, and with a question mark if it is
    /// not proved.
    fn locate(&mut self, caller: Caller, claim: &Claim) -> String {
        let arena = Bump::new();
        let ask = Asker {
            host: self.host,
            arena: &arena,
        };
        let claim = Claim {
            name: &*arena.alloc_slice_copy(claim.name),
            ..*claim
        };
        let located = self.memory.locate(caller, &claim, ask);
        let path = located.path.map(text).unwrap_or_default();
        match located.real.map(text) {
            Some(real) => format!("{path} -> {real}"),
            None if located.is_full => path,
            None => format!("{path}?"),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn endless_new_files_and_processes_stay_within_bounds() {
    let mut world = World::of_a_log();
    world.prime("/primed/file", 1_000_000, Other, 1);
    for number in 0..100_000u32 {
        let caller = world.run(number + 10, PARENT_PID);
        let path = format!("/d{}/f{number}", number % 1000);
        let inode = u64::from(number);
        world.open((caller.pid, number % 7), &path, inode, CLOSED_ON_EXEC);
        world.see(&path, inode, Other, Sighting::Entry);
        world.memory.forked(caller, number + 11, false);
        world.memory.executed(caller.pid);
    }
    assert!(world.memory.tree.len() <= 3 * MAX_ENTRIES);
    assert!(world.memory.size() < 32 << 20, "{}", world.memory.size());
    let primed = world.path_of(1_000_000);
    assert_eq!(primed.as_deref(), Some("/primed/file"));
}
