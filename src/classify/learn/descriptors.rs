//! What an event says about processes and their descriptors.

use crate::{
    classify::{
        calls::{Flags, Names, Silent},
        claims::{Namer, file_of},
        identify,
        names::{Named, O_ACCMODE},
    },
    model::record_type::AUDIT_URINGOP,
    parse::{CallRecord, CloneFlags},
    resolve::Mode,
};

/// `O_CLOEXEC`, the same on every architecture here (include/uapi/asm-generic/fcntl.h).
const O_CLOEXEC: u64 = 0o2_000_000;
/// Commands of fcntl(2): to copy a descriptor, and to set its flags.
const F_DUPFD: u32 = 0;
const F_SETFD: u32 = 2;
const F_DUPFD_CLOEXEC: u32 = 1030;
const FD_CLOEXEC: u64 = 1;
/// The flag of unshare(2) for a table of descriptors that is not shared (linux/sched.h).
const CLONE_FILES: u64 = 0x400;
/// The flag of close_range(2) for the same (linux/close_range.h).
const CLOSE_RANGE_UNSHARE: u64 = 2;

/// A program was started, or not.
pub(crate) fn executed(namer: &mut Namer) {
    if namer.succeeded() {
        namer.memory.executed(namer.caller.pid);
    }
}

/// A process or a thread was made, or not. In the child the call returns 0. Since Linux 4.9, the
/// records of a thread have the number of its process.
pub(crate) fn forked(namer: &mut Namer) {
    let (true, Some(child @ 1..)) = (namer.succeeded(), namer.returned_fd()) else {
        return;
    };
    let flags = clone_flags(namer.call);
    match (flags.is_thread(), flags.shares_descriptors()) {
        (true, true) => namer.memory.threaded(namer.caller, child),
        (true, false) => namer.memory.unshared(namer.caller.pid),
        (false, is_shared) => namer.memory.forked(namer.caller, child, is_shared),
    }
}

/// Whether a call makes a thread, as far as it tells.
pub(crate) fn makes_thread(call: &CallRecord) -> bool {
    clone_flags(call).is_thread()
}

fn clone_flags(call: &CallRecord) -> CloneFlags {
    CloneFlags::of(call, identify(call).0.unwrap_or_default())
}

/// A process ended.
pub(crate) fn exited(namer: &mut Namer) {
    namer.memory.ended(namer.caller.pid);
}

/// A call that touches no file, but descriptors.
pub(crate) fn silent(namer: &mut Namer, call: Silent) {
    let pid = namer.caller.pid;
    match call {
        Silent::Fcntl => fcntl(namer),
        Silent::CloseRange if namer.succeeded() => {
            let range = (namer.descriptor_argument(0), namer.descriptor_argument(1));
            if let (Some(first), Some(last)) = range {
                // With CLOSE_RANGE_CLOEXEC they are closed by the next exec, mostly at once.
                namer.memory.swept(pid, first, last);
            }
            unshared(namer, 2, CLOSE_RANGE_UNSHARE);
        }
        Silent::Unshare if namer.succeeded() => unshared(namer, 0, CLONE_FILES),
        Silent::Returns => returned(namer),
        Silent::CloseRange | Silent::Unshare => {}
    }
    for fd in namer.facts.fd_pair.into_iter().flatten() {
        namer.memory.forget_descriptor(pid, fd);
    }
}

/// A call gave its thread descriptors of its own, if this argument has this flag.
fn unshared(namer: &mut Namer, arg: usize, flag: u64) {
    if namer.call.arg(arg).is_none_or(|flags| flags & flag != 0) {
        namer.memory.unshared(namer.caller.pid);
    }
}

/// A call returned a descriptor without a path, or failed.
pub(crate) fn returned(namer: &mut Namer) {
    if let (true, Some(fd)) = (namer.succeeded(), namer.returned_fd()) {
        namer.memory.forget_descriptor(namer.caller.pid, fd);
    }
}

fn fcntl(namer: &mut Namer) {
    let (Some(fd), Some(command)) = (namer.descriptor_argument(0), namer.call.arg(1)) else {
        return;
    };
    // The command is an int.
    match command as u32 {
        _ if namer.is_bad_descriptor() => namer.memory.forget_descriptor(namer.caller.pid, fd),
        command @ (F_DUPFD | F_DUPFD_CLOEXEC) => {
            duplicated(namer, 0, command == F_DUPFD_CLOEXEC);
        }
        F_SETFD if namer.succeeded() => {
            let is_set = namer
                .call
                .arg(2)
                .is_none_or(|flags| flags & FD_CLOEXEC != 0);
            namer.memory.set_close_on_exec(namer.caller, fd, is_set);
        }
        _ => {}
    }
}

/// The flags of an open, as far as records tell; `None` for another call.
fn open_flags(namer: &Namer, names: Names) -> Option<Option<u64>> {
    Some(match names {
        Names::Open(_, Flags::Arg(arg)) => namer.call.arg(arg),
        Names::Open(_, Flags::Record | Flags::Untold) => namer.facts.open_flags,
        Names::Open(_, Flags::Fixed(flags)) => Some(flags),
        // Its other flags are no open's: nothing can be written through the descriptor.
        Names::OpenTree(_) => namer.call.arg(2).map(|flags| flags & O_CLOEXEC),
        _ => return None,
    })
}

/// A descriptor was returned for a path, if the call returns one.
pub(super) fn opened(namer: &mut Namer, named: &Named, names: Names) {
    let Some(flags) = open_flags(namer, names) else {
        return;
    };
    if let Some(new) = named.nameless() {
        // Names that are known for its inode are of one before it.
        namer.memory.forget_names(new);
    }
    let Some(fd) = namer.returned_fd() else {
        return;
    };
    let pid = namer.caller.pid;
    if namer.call.record_type == AUDIT_URINGOP && (fd == 0 || named.unresolved) {
        // io_uring may return a slot of its own table, which is 0, in place of a descriptor.
        return;
    }
    let (Some(path), false) = (named.path, named.unresolved) else {
        // The descriptor is of another file now.
        return namer.memory.forget_descriptor(pid, fd);
    };
    let mode = Mode {
        // Where no record has the flags, as before Linux 5.16 for openat2, it may be.
        close_on_exec: flags.is_none_or(|flags| flags & O_CLOEXEC != 0),
        read_only: flags.is_some_and(|flags| flags & O_ACCMODE == 0),
    };
    let file = named.subject.and_then(file_of);
    namer.memory.opened((pid, fd), path, file, mode);
}

/// A descriptor was copied by dup, dup2 or dup3.
pub(super) fn copied(namer: &mut Namer, arg: usize) {
    // dup and dup2 have no flags; their third register holds anything.
    let flags = match identify(namer.call).0 {
        Some("dup3") => namer.call.arg(2).unwrap_or(0),
        _ => 0,
    };
    duplicated(namer, arg, flags & O_CLOEXEC != 0);
}

fn duplicated(namer: &mut Namer, arg: usize, close_on_exec: bool) {
    if let (true, Some(from), Some(to)) = (
        namer.succeeded(),
        namer.descriptor_argument(arg),
        namer.returned_fd(),
    ) {
        let caller = namer.caller;
        namer.memory.duplicated(caller, from, to, close_on_exec);
    }
}
