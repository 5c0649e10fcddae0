//! The flags of clone(2).

use crate::{model::Arch, parse::CallRecord};

/// Flags, by their values in linux/sched.h.
const CLONE_FILES: u64 = 0x400;
const CLONE_PARENT: u64 = 0x8000;
const CLONE_THREAD: u64 = 0x1_0000;

/// The flags with which a process or a thread was made. There are none for fork and vfork, nor for
/// clone3, whose flags are in memory, which no record has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CloneFlags(u64);

impl CloneFlags {
    /// The flags of a call with this name. On s390, they are its second argument
    /// (`CONFIG_CLONE_BACKWARDS2`).
    pub(crate) fn of(call: &CallRecord, name: &str) -> CloneFlags {
        if name != "clone" {
            return CloneFlags(0);
        }
        let arch = call.arch.and_then(|(arch, _)| Arch::of(arch, 0));
        let flags = call.arg(usize::from(arch == Some(Arch::S390x)));
        CloneFlags(flags.unwrap_or(0))
    }

    /// Whether a thread is made.
    pub(crate) fn is_thread(self) -> bool {
        self.0 & CLONE_THREAD != 0
    }

    /// Whether the two share their descriptors from then on.
    pub(crate) fn shares_descriptors(self) -> bool {
        self.0 & CLONE_FILES != 0
    }

    /// Whether the new process is a child of the caller's parent.
    pub(crate) fn is_sibling(self) -> bool {
        self.0 & CLONE_PARENT != 0
    }
}
