//! Where records come from: the kernel's netlink socket, or logs.

mod backlog;
mod input;
mod live;
mod log;
mod netlink;
mod pace;
mod stamp;
mod watch;
mod wire;

use std::{
    io::{self, PipeReader, PipeWriter},
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
    time::Instant,
};

pub use live::LiveSource;
pub use log::LogSource;
pub use netlink::{Client, ClientConfig, Membership, NetlinkClient, NetlinkMessage};
pub use stamp::stamp;
pub use wire::{AuditStatus, MAX_AUDIT_MESSAGE_LENGTH};

use crate::{error::Error, model::Batch};

/// Whether a source has more to give.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fill {
    /// Ask again.
    More,
    /// All that was there at this point in time has been handed over. Ask again.
    Drained(Instant),
    /// This was the last.
    End,
}

/// Something that records can be read from.
pub trait Source: Send {
    /// Waits for records, but no longer than until a point in time, and adds those that are there
    /// to an empty batch, which may stay empty.
    /// When the source is told to stop, it says so with [`Fill::End`].
    ///
    /// # Errors
    ///
    /// If nothing can be read from it any more. A bad record is no error: it is counted in the
    /// batch.
    fn fill(&mut self, batch: &mut Batch, until: Option<Instant>) -> Result<Fill, Error>;
}

/// The end that a source watches: it hangs up when the last [`Stopper`] is dropped.
#[derive(Debug)]
pub struct Stop(PipeReader);

/// The end that stops a source, by being dropped.
#[derive(Clone, Debug)]
pub struct Stopper {
    _writer: Arc<PipeWriter>,
}

/// A way to stop a source that waits.
///
/// # Errors
///
/// If no pipe can be made.
pub fn stop() -> Result<(Stopper, Stop), Error> {
    let (reader, writer) = io::pipe().map_err(|error| Error::new("make a pipe", error))?;
    Ok((
        Stopper {
            _writer: Arc::new(writer),
        },
        Stop(reader),
    ))
}

/// Readable, and hung up, once the source is to stop.
impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
