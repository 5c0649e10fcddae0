//! Processes that hold a privilege which the process that parses records must not have.
//!
//! A helper is forked before anything is opened, gives up everything that its one duty does not
//! need, and answers questions over a socket. It exits with its parent.

use std::{
    ffi::CStr,
    fs::OpenOptions,
    io,
    os::{fd::OwnedFd, unix::net::UnixDatagram},
};

use rustix::{
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    process::{Pid, WaitOptions, waitpid},
    stdio::{dup2_stdin, dup2_stdout, stdin},
};

use crate::{error::Error, sys};

/// Forks a helper that runs `serve`, and returns the connection to it. Call this before starting
/// threads and opening files: the new process inherits descriptors until it closes them.
pub(crate) fn start(
    serve: impl FnOnce(&UnixDatagram) -> Result<(), Error>,
) -> io::Result<UnixDatagram> {
    start_child(serve).map(|(socket, _)| socket)
}

/// As [`start`], for a helper that ends before its parent, which then has to wait for it.
pub(crate) fn start_child(
    serve: impl FnOnce(&UnixDatagram) -> Result<(), Error>,
) -> io::Result<(UnixDatagram, Child)> {
    let (ours, its) = pair()?;
    let pid = sys::fork(|| {
        let served = close_others(its)
            .map_err(|error| Error::new("close inherited descriptors", error))
            .and_then(|socket| serve(&UnixDatagram::from(socket)));
        if let Err(error) = served {
            log::error!("{error}");
        }
    })?;
    Ok((ours, Child(pid)))
}

/// A helper, by its pid.
#[derive(Debug)]
pub(crate) struct Child(i32);

impl Child {
    /// Waits until it has ended, so that it does not stay a zombie.
    pub(crate) fn wait(self) {
        // This fails only if somebody else has waited for it.
        let _ = waitpid(Pid::from_raw(self.0), WaitOptions::empty());
    }
}

/// Names this process for ps(1). At most 15 bytes count.
pub(crate) fn set_name(name: &CStr) {
    // This fails only if the name cannot be read.
    let _ = rustix::thread::set_name(name);
}

/// A connected pair of SEQPACKET sockets: they keep message boundaries and report a closed peer.
pub(crate) fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
    let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
    let (one, other) = socketpair(AddressFamily::UNIX, kind, flags, None)?;
    Ok((UnixDatagram::from(one), UnixDatagram::from(other)))
}

/// Closes all descriptors except the socket, which becomes standard input, and standard error.
fn close_others(socket: UnixDatagram) -> io::Result<OwnedFd> {
    dup2_stdin(&socket)?;
    dup2_stdout(OpenOptions::new().write(true).open("/dev/null")?)?;
    // `close_from` closes it.
    std::mem::forget(socket);
    sys::close_from(3);
    stdin().try_clone_to_owned()
}

/// Receives one message, retrying after signals. An empty result says that the peer has closed its
/// end.
pub(crate) fn receive<'b>(socket: &UnixDatagram, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
    loop {
        match socket.recv(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            received => return Ok(buffer.get(..received?).unwrap_or_default()),
        }
    }
}
