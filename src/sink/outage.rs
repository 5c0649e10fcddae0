//! Outages: the time from a failed write until the output works again.

use std::{io, time::Instant};

use crate::error::Error;

/// An outage that is not over.
#[derive(Debug)]
pub(super) struct Outage {
    pub(super) error: Error,
    pub(super) retry_at: Instant,
    /// Lines dropped. After the first one, every later line is dropped too until the pending lines
    /// are written, so that there is only one gap.
    pub(super) lost: u64,
}

/// Whether an error of standard output can be temporary. A descriptor that was never valid is not.
pub(super) fn is_temporary(error: &io::Error) -> bool {
    const TEMPORARY: [i32; 5] = [
        libc::ENOSPC,
        libc::EDQUOT,
        libc::EROFS,
        libc::EIO,
        libc::EFBIG,
    ];
    error
        .raw_os_error()
        .is_some_and(|number| TEMPORARY.contains(&number))
}

/// What ends the outage, for the log.
pub(super) fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::ENOSPC) => "writing resumes when there is space",
        Some(libc::EDQUOT) => "writing resumes when the quota allows it",
        Some(libc::EROFS) => "writing resumes when the file system is writable",
        Some(libc::ENOENT) => "writing resumes when the directory exists",
        Some(libc::EPIPE) => "writing resumes when a process reads the pipe",
        Some(libc::EFBIG) => "writing resumes when the file is rotated",
        _ => "retrying until it works",
    }
}
