//! One life of a pid: a process from its birth to its end.

use std::sync::Arc;

use crate::{
    enrich::{
        cycle::Sighting,
        places::Standing,
        processes::User,
        table::{NO_SLOT, Slot},
    },
    model::{Identity, Origin},
    resolve::Tick,
};

/// The facts about one process. Times are in milliseconds since 1970-01-01.
#[derive(Clone, Debug)]
pub(super) struct Life {
    /// Tells this life from all others of the same host.
    pub(super) number: u64,
    pub(super) ppid: u32,
    /// The life of the parent; 0 if it is not known.
    pub(super) parent: u64,
    /// Where that was found last.
    pub(super) parent_slot: Slot,
    /// The audit session.
    pub(super) session: u32,
    pub(super) user: User,
    /// The stamp of its first record, or that of the fork that began it.
    pub(super) since: u64,
    /// It was gone after this time.
    pub(super) until: u64,
    pub(super) birth: Birth,
    /// The record of the fork that began it has been seen.
    pub(super) has_fork: bool,
    /// When it was last seen alive.
    pub(super) seen: Sighting,
    pub(super) program: Program,
    /// The number of its texts, which no others have. The table assigns it.
    pub(super) edition: u64,
    /// Where it runs. None while nobody has looked.
    pub(super) standing: Option<Arc<Standing>>,
}

/// Which program a process runs. Its texts are in the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Program {
    /// Since when it is known.
    pub(super) since: u64,
    pub(super) origin: Origin,
    /// When it was last confirmed.
    pub(super) confirmed: Tick,
}

/// The beginning of a life, which names the process.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Birth {
    /// Another process may have been taken for this one.
    #[default]
    Unknown,
    /// The stamp and the serial of the fork, or of the first record of a process that was born
    /// while records were read.
    Recorded(u64, u32),
    /// The number that the kernel gave the process; unique until the next boot.
    Kernel(u64),
}

impl Life {
    /// Whether it is known to be gone by now.
    pub(super) fn has_ended(&self) -> bool {
        self.until != u64::MAX
    }
}

impl Default for Life {
    fn default() -> Life {
        Life {
            number: 0,
            ppid: 0,
            parent: 0,
            parent_slot: NO_SLOT,
            session: Identity::UNSET,
            user: User::default(),
            since: 0,
            until: u64::MAX,
            birth: Birth::Unknown,
            has_fork: false,
            seen: Sighting::default(),
            program: Program {
                since: 0,
                origin: Origin::Records,
                confirmed: 0,
            },
            edition: 0,
            standing: None,
        }
    }
}
