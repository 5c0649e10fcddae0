//! Requests to the kernel's audit system, and what comes in answer.

use std::io;

use crate::source::{NetlinkMessage, wire};

/// What the kernel sends in answer to a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    /// An acknowledgement only.
    Acknowledgement,
    /// Messages and an acknowledgement, in any order.
    Messages,
}

/// A request that was sent, and what has come in answer.
#[derive(Debug)]
pub(super) struct Request {
    sequence: u32,
    answer: Answer,
    /// The error number in the acknowledgement; 0 if the request was granted.
    errno: Option<i32>,
    /// Whether all messages have come.
    is_complete: bool,
}

impl Request {
    pub(super) fn new(sequence: u32, answer: Answer) -> Request {
        Request {
            sequence,
            answer,
            errno: None,
            is_complete: answer == Answer::Acknowledgement,
        }
    }

    /// Whether more is to come.
    pub(super) fn is_open(&self) -> bool {
        match self.errno {
            None => true,
            Some(errno) => errno == 0 && !self.is_complete,
        }
    }

    /// The result, once no more is waited for.
    pub(super) fn result(&self) -> io::Result<()> {
        match self.errno {
            Some(errno) if errno != 0 => Err(io::Error::from_raw_os_error(errno)),
            _ if self.is_open() => Err(io::Error::from_raw_os_error(libc::ETIMEDOUT)),
            _ => Ok(()),
        }
    }
}

/// Takes a message that arrived while requests are open.
pub(super) fn hear(
    message: NetlinkMessage<'_>,
    requests: &mut [Request],
    mut other: impl FnMut(NetlinkMessage<'_>) -> bool,
) {
    let ignores_late = requests
        .iter()
        .any(|request| request.answer == Answer::Messages);
    let its = |request: &&mut Request| request.sequence == message.sequence;
    match requests.iter_mut().find(its) {
        Some(request) if message.answers(request.sequence) => {
            request.errno = Some(wire::error_number(message.data).unwrap_or(libc::EBADMSG));
        }
        Some(request) => request.is_complete |= other(message),
        // A late reply to an earlier request, which timed out.
        None if ignores_late => {}
        None => {
            other(message);
        }
    }
}
