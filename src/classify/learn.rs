//! What an event says about paths, told to the memory for the events after it.
//!
//! Only calls that succeeded changed anything.

use crate::{
    classify::{
        calls::{Flags, Names},
        names::{Named, O_ACCMODE},
        place::Namer,
    },
    model::{Action, FileId, record_type::AUDIT_URINGOP},
    parse::NameType,
    resolve::{Mode, text},
};

/// `O_CLOEXEC`, the same on every architecture here (include/uapi/asm-generic/fcntl.h).
const O_CLOEXEC: u64 = 0o2_000_000;
/// The fcntl(2) commands that copy a descriptor.
const F_DUPFD: u64 = 0;
const F_DUPFD_CLOEXEC: u64 = 1030;

impl Namer<'_, '_> {
    fn succeeded(&self) -> bool {
        self.call.success == Some(b"yes")
    }

    fn descriptor_argument(&self, arg: usize) -> Option<u32> {
        self.call.arg(arg).map(|fd| fd as u32)
    }
}

/// A program was started, or not.
pub(crate) fn executed(namer: &mut Namer) {
    if namer.succeeded() {
        namer.memory.executed(namer.call.ids.pid);
    }
}

/// A process was made, or not. In the child the call returns 0.
pub(crate) fn forked(namer: &mut Namer) {
    if namer.succeeded()
        && let Some(child @ 1..) = namer.returned_fd()
    {
        namer.memory.forked(namer.call.ids.pid, child);
    }
}

/// A descriptor may have been copied.
pub(crate) fn fcntl(namer: &mut Namer) {
    if let Some(F_DUPFD | F_DUPFD_CLOEXEC) = namer.call.arg(1) {
        duplicated(namer, 0, namer.call.arg(1) == Some(F_DUPFD_CLOEXEC));
    }
}

/// A file was touched.
pub(crate) fn file(namer: &mut Namer, named: &Named, names: Names) {
    if !namer.succeeded() {
        return;
    }
    match names {
        Names::Duplicate(arg) => {
            // dup and dup2 have no flags; their third register holds anything.
            let flags = match super::identify(namer.call).0 {
                Some("dup3") => namer.call.arg(2).unwrap_or(0),
                _ => 0,
            };
            return duplicated(namer, arg, flags & O_CLOEXEC != 0);
        }
        Names::Descriptor(arg) if named.action == Action::Closed => {
            if let Some(fd) = namer.descriptor_argument(arg) {
                namer.memory.closed(namer.call.ids.pid, fd);
            }
            return;
        }
        _ => {}
    }
    let host = namer.host;
    let file = named.subject.and_then(|subject| subject.file);
    if named.unresolved {
        return half_known(namer, named, names, file);
    }
    match (named.action, named.path, named.dest_path) {
        (Action::Deleted, Some(path), _) => namer.memory.removed(path, file, host),
        (Action::Renamed, Some(from), Some(to)) if named.exchanged => {
            namer.memory.exchanged(from, to, file, host);
        }
        (Action::Renamed, Some(from), Some(to)) => namer.memory.renamed(from, to, file, host),
        _ => {}
    }
    let place = named.dest_path.or(named.path);
    if let (Some(path), Some(file)) = (place, file)
        && named.action != Action::Deleted
    {
        // An existing file may have been reached through a symbolic link.
        let by_itself = named
            .subject
            .is_some_and(|file| file.nametype == NameType::Create);
        namer.memory.seen(file, path, by_itself, host);
    }
    if let Some(path) = place {
        parent(namer, path);
    }
    if let (Names::Open(_, flags), Some(path)) = (names, named.path) {
        opened(namer, path, named, flags);
    }
}

/// A file was touched of which not all is known. What is known of it still changes.
fn half_known(namer: &mut Namer, named: &Named, names: Names, file: Option<FileId>) {
    if let (Names::Open(..), Some(fd)) = (names, namer.returned_fd())
        && namer.call.record_type != AUDIT_URINGOP
    {
        // Whatever the descriptor is now, it is not what it was before.
        namer.memory.closed(namer.call.ids.pid, fd);
    }
    let full = |path: &&[u8]| path.starts_with(b"/") && !path.ends_with(b"/");
    let (from, to) = (named.path.filter(full), named.dest_path.filter(full));
    if named.action == Action::Renamed {
        for path in [from, to].into_iter().flatten() {
            namer.memory.removed(path, file, namer.host);
        }
    }
    if let (Action::Renamed | Action::Linked, false) = (named.action, named.exchanged)
        && let (Some(path), Some(file)) = (to, file)
    {
        namer.memory.seen(file, path, true, namer.host);
    }
}

/// The directory of a file, where there is just one of them.
fn parent(namer: &mut Namer, path: &[u8]) {
    let mut parents = namer
        .facts
        .paths
        .iter()
        .filter(|p| p.nametype == NameType::Parent);
    if let (Some(parent), None) = (parents.next(), parents.next())
        && let Some(file) = parent.file
    {
        let directory = match text::dirname(path) {
            b"/" => b"/",
            directory => directory.strip_suffix(b"/").unwrap_or(directory),
        };
        let host = namer.host;
        namer.memory.seen(file, directory, false, host);
    }
}

fn opened(namer: &mut Namer, path: &[u8], named: &Named, flags: Flags) {
    let flags = match flags {
        Flags::Arg(arg) => namer.call.arg(arg),
        Flags::Record | Flags::Untold => namer.facts.open_flags,
        Flags::Fixed(flags) => Some(flags),
    };
    let Some(fd) = namer.returned_fd() else {
        return;
    };
    // io_uring may return a slot of its own table, which is 0, in place of a descriptor.
    if namer.call.record_type == AUDIT_URINGOP && fd == 0 {
        return;
    }
    let file = named.subject.and_then(|subject| subject.file);
    let mode = Mode {
        close_on_exec: flags.is_some_and(|flags| flags & O_CLOEXEC != 0),
        read_only: flags.is_some_and(|flags| flags & O_ACCMODE == 0),
    };
    namer
        .memory
        .opened(namer.call.ids.pid, fd, path, file, mode, namer.host);
}

fn duplicated(namer: &mut Namer, arg: usize, close_on_exec: bool) {
    if let (true, Some(from), Some(to)) = (
        namer.succeeded(),
        namer.descriptor_argument(arg),
        namer.returned_fd(),
    ) {
        let me = namer.caller();
        namer.memory.duplicated(me, from, to, close_on_exec);
    }
}
