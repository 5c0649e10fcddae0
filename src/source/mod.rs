//! Sources of records: the kernel's netlink socket, and logs.

mod backlog;
mod control;
mod decompress;
mod hints;
mod input;
mod line;
mod live;
mod log;
mod netlink;
mod note;
mod pace;
mod request;
mod rule;
mod stamp;
mod watch;
mod wire;
mod wrap;

use std::{
    io::{self, PipeReader, PipeWriter, Read, Write},
    os::fd::{AsFd, BorrowedFd},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

pub use live::LiveSource;
pub use log::LogSource;
pub use netlink::{Client, ClientConfig, Membership, NetlinkClient, NetlinkMessage};
pub use rule::Rules;
pub use stamp::stamp;
pub use wire::{AuditStatus, MAX_AUDIT_MESSAGE_LENGTH};

use crate::{error::Error, model::Batch};

/// The target of log lines that quote text of an input, which may contain secrets. The quotation
/// comes after the first colon.
pub const EXCERPTS: &str = "auditrd::excerpts";

/// Whether a source has more records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fill {
    /// There may be more.
    More,
    /// The source was empty at this point in time; every earlier record has been returned. More may
    /// come.
    Drained(Instant),
    /// There will be no more.
    End,
}

/// A source of records.
pub trait Source: Send {
    /// Waits for records, but no longer than until the deadline, and adds the available ones to
    /// `batch`, which must be empty and may stay so. Once the source has been told to stop, it
    /// returns [`Fill::End`] after its last records.
    ///
    /// # Errors
    ///
    /// If the source can no longer be read. A malformed record is not an error: it is counted in
    /// the batch.
    fn fill(&mut self, batch: &mut Batch, until: Option<Instant>) -> Result<Fill, Error>;

    /// How long the source may stay unread, so that the thread that handles the events can read it
    /// too. `None`, the default, if it needs a thread of its own at the moment.
    fn patience(&self) -> Option<Duration> {
        None
    }
}

/// The receiving end of a stop signal, which a source polls. It hangs up when the last [`Stopper`]
/// is dropped. A clone lets one signal stop several sources.
#[derive(Clone, Debug)]
pub struct Stop(Arc<PipeReader>);

/// The sending end of a stop signal. Dropping the last clone stops the source.
#[derive(Clone, Debug)]
pub struct Stopper {
    writer: Arc<PipeWriter>,
}

/// Ends the wait of a source that polls its [`Stop`], without stopping it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waker(Weak<PipeWriter>);

/// Creates a stop signal for a source.
///
/// # Errors
///
/// If no pipe can be created.
pub fn stop() -> Result<(Stopper, Stop), Error> {
    let (reader, writer) = io::pipe().map_err(|error| Error::new("create a pipe", error))?;
    let writer = Arc::new(writer);
    Ok((Stopper { writer }, Stop(Arc::new(reader))))
}

impl Stopper {
    pub(crate) fn waker(&self) -> Waker {
        Waker(Arc::downgrade(&self.writer))
    }
}

impl Waker {
    /// Makes the descriptor of the source's [`Stop`] readable. Does nothing once the source has
    /// been told to stop.
    pub(crate) fn wake(&self) {
        if let Some(writer) = self.0.upgrade() {
            // This fails only if the source is gone.
            let _ = (&*writer).write(&[0]);
        }
    }
}

impl Stop {
    /// Whether the source must stop. Call this only when the descriptor is readable, and stay in
    /// [`Source::fill`] no longer if the answer is no: the reader has something else to do.
    ///
    /// # Errors
    ///
    /// As read(2).
    pub fn is_asked(&self) -> io::Result<bool> {
        Ok((&*self.0).read(&mut [0; 64])? == 0)
    }
}

/// The descriptor becomes readable, with a hangup, when the source must stop.
impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
