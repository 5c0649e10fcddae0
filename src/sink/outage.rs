//! Times during which the output fails.

use std::{io, time::Instant};

use crate::error::Error;

/// A time during which the output fails.
#[derive(Debug)]
pub(super) struct Outage {
    pub(super) error: Error,
    pub(super) retry_at: Instant,
    /// Lines that were given up. Once there is one, none is kept until all that are kept could be
    /// written, so that the gap is in one place.
    pub(super) lost: u64,
}

/// Whether what made standard output fail may go by. A descriptor that was never good does not.
pub(super) fn passes(error: &io::Error) -> bool {
    const PASSING: [i32; 5] = [
        libc::ENOSPC,
        libc::EDQUOT,
        libc::EROFS,
        libc::EIO,
        libc::EFBIG,
    ];
    error
        .raw_os_error()
        .is_some_and(|number| PASSING.contains(&number))
}

/// What helps where an output fails.
pub(super) fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::ENOSPC) => "it goes on when there is room",
        Some(libc::EDQUOT) => "it goes on when the quota allows it",
        Some(libc::EROFS) => "it goes on when the file system may be written to",
        Some(libc::ENOENT) => "it goes on when the directory is there",
        Some(libc::EFBIG) => "it goes on when the file is rotated",
        _ => "it is tried again until it works",
    }
}
