//! The audit netlink socket.
//!
//! There are two ways to hear the kernel's records. Anybody with CAP_AUDIT_READ may join a
//! multicast group, beside a running auditd; what such a reader is too slow for is lost to it alone.
//! Or one process registers as *the* audit daemon, with CAP_AUDIT_CONTROL; what it is too slow for
//! waits in the kernel, and may make every audited process wait.

use std::{
    fs, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    process,
    time::{Duration, Instant},
};

use crate::{
    error::Error,
    model::record_type::{AUDIT_GET, AUDIT_LIST_RULES, AUDIT_SET},
    source::wire::{
        self, AuditStatus, HEADER, Header, MAX_AUDIT_MESSAGE_LENGTH, NLMSG_DONE, NLMSG_ERROR,
        REQUEST_WITH_ACK,
    },
    sys::{self, Received, Rooms},
};

/// The multicast group of audit records (`AUDIT_NLGRP_READLOG`), as a bit.
const READLOG: u32 = 1;
/// How long the kernel may take for an answer. It usually has it before we ask for it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Room for one datagram: a record, its header, and what kernels to come may add.
pub(crate) const ROOM: usize = 2 * (HEADER + MAX_AUDIT_MESSAGE_LENGTH);

/// How a client hears the kernel's records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Membership {
    /// As the registered audit daemon; there can be one.
    Unicast,
    /// As a member of the read-only multicast group.
    ReadLog,
}

/// How a client is opened.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// How it hears the kernel's records.
    pub membership: Membership,
    /// The size of the socket's receive buffer, in bytes.
    pub receive_buffer: usize,
    /// Records that may wait in the kernel while this process is registered, if it is not more
    /// already.
    pub backlog_limit: u32,
}

/// A datagram from the kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NetlinkMessage<'a> {
    /// The type in the netlink header; for an audit record its record type.
    pub message_type: u16,
    /// The number of the request that this answers, or 0.
    pub sequence: u32,
    /// What follows the header.
    pub data: &'a [u8],
    /// The port that it came from: 0 is the kernel.
    pub sender: u32,
    /// Whether the datagram was too long to be received whole.
    pub cut: bool,
}

impl NetlinkMessage<'_> {
    /// Whether this is the kernel's acknowledgement, or refusal, of a request.
    fn answers(&self, sequence: u32) -> bool {
        self.is_kernels(NLMSG_ERROR) && self.sequence == sequence
    }

    /// Whether this is of a type, and the kernel has sent it. Whoever has CAP_NET_ADMIN can send
    /// here too.
    fn is_kernels(&self, message_type: u16) -> bool {
        self.sender == 0 && self.message_type == message_type
    }
}

/// Something that speaks netlink, as [`NetlinkClient`] does.
pub trait Client {
    /// Sends a request with this type and payload, and returns its number.
    ///
    /// # Errors
    ///
    /// As send(2).
    fn send(&mut self, message_type: u16, payload: &[u8]) -> io::Result<u32>;

    /// Receives one datagram at the end of `buffer`, without waiting for one.
    ///
    /// # Errors
    ///
    /// As recv(2): `WouldBlock` if there is none, and `ENOBUFS` if some were dropped.
    fn receive<'b>(&mut self, buffer: &'b mut Vec<u8>) -> io::Result<NetlinkMessage<'b>>;
}

/// A socket of the audit family.
///
/// ```
/// use auditrd::{Client, ClientConfig, Membership, NetlinkClient};
///
/// let config = ClientConfig {
///     membership: Membership::ReadLog,
///     receive_buffer: 1 << 20,
///     backlog_limit: 8192,
/// };
/// match NetlinkClient::open(&config) {
///     Ok(mut client) => match client.receive(&mut Vec::new()) {
///         Ok(message) => println!("{} {}", message.message_type, message.data.escape_ascii()),
///         Err(error) => println!("nothing there yet: {error}"),
///     },
///     Err(error) => println!("{error}"), // without CAP_AUDIT_READ
/// }
/// ```
#[derive(Debug)]
#[doc(alias = "NewNetlinkClient")]
pub struct NetlinkClient {
    socket: OwnedFd,
    sequence: u32,
}

impl NetlinkClient {
    /// Opens a socket, and joins the multicast group if that is the membership. To register as the
    /// daemon takes [`register`](Self::register) after that.
    ///
    /// # Errors
    ///
    /// If the kernel has no audit support, or does not let this process read it.
    pub fn open(config: &ClientConfig) -> Result<NetlinkClient, Error> {
        let client = NetlinkClient::control()?;
        set_receive_buffer(client.socket.as_fd(), config.receive_buffer);
        if config.membership == Membership::ReadLog {
            sys::bind(client.socket.as_fd(), READLOG).map_err(|error| {
                Error::new("join the audit multicast group", error)
                    .help("needs CAP_AUDIT_READ in the initial user namespace, try sudo")
            })?;
        } else {
            sys::bind(client.socket.as_fd(), 0)
                .map_err(|error| Error::new("bind the audit socket", error))?;
        }
        Ok(client)
    }

    /// A socket for requests only.
    pub(crate) fn control() -> Result<NetlinkClient, Error> {
        let socket = sys::audit_socket().map_err(|error| {
            Error::new("open an audit socket", error).help("the kernel needs CONFIG_AUDIT")
        })?;
        Ok(NetlinkClient {
            socket,
            sequence: 0,
        })
    }

    /// Takes the socket that a service manager has opened and bound
    /// (`ListenNetlink=audit 1`, systemd.socket(5)). It needs no capability then.
    ///
    /// # Errors
    ///
    /// If the descriptor that was passed is not an audit socket, or was taken before.
    pub fn passed(receive_buffer: usize) -> Result<NetlinkClient, Error> {
        let socket = sys::take_passed_socket().map_err(|error| {
            Error::new("take the socket that the service manager passed", error)
                .help("it must be ListenNetlink=audit 1")
        })?;
        // What the socket's unit says counts, unless it is less.
        if room(socket.as_fd()) / 2 < receive_buffer {
            set_receive_buffer(socket.as_fd(), receive_buffer);
        }
        Ok(NetlinkClient {
            socket,
            sequence: 0,
        })
    }

    /// Registers this process as the audit daemon, so that records come to this socket. Datagrams
    /// that are not the answer go to `other`.
    ///
    /// # Errors
    ///
    /// If another daemon is registered and alive, or this process may not register.
    pub fn register(&mut self, other: impl FnMut(NetlinkMessage<'_>)) -> Result<(), Error> {
        let tried = "register as the audit daemon";
        let error = match self.set_pid(process::id(), other) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        Err(match error.raw_os_error() {
            Some(libc::EEXIST) => {
                let holder = holder().unwrap_or_else(|| "another process is".to_owned());
                let error = io::Error::new(io::ErrorKind::AlreadyExists, holder);
                Error::new(tried, error).help("stop it, or leave --unicast out to read beside it")
            }
            Some(libc::ECONNREFUSED) => {
                Error::new(tried, error).help("this works in the initial namespaces only")
            }
            _ => Error::new(tried, error).help("needs CAP_AUDIT_CONTROL, try sudo"),
        })
    }

    /// Gives the registration back.
    ///
    /// # Errors
    ///
    /// If the registration is not ours any more.
    pub fn unregister(&mut self, other: impl FnMut(NetlinkMessage<'_>)) -> Result<(), Error> {
        self.set_pid(0, other)
            .map_err(|error| Error::new("unregister as the audit daemon", error))
    }

    /// What the kernel says of its audit system.
    ///
    /// # Errors
    ///
    /// If this process may not ask: it takes CAP_AUDIT_CONTROL.
    pub fn status(&mut self) -> io::Result<AuditStatus> {
        let mut status = None;
        self.ask(AUDIT_GET.0, &[], Answer::Messages, |message| {
            let is_status = message.is_kernels(AUDIT_GET.0);
            if is_status {
                status = AuditStatus::read(message.data);
            }
            is_status
        })?;
        status.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }

    /// How many rules are loaded.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub fn count_rules(&mut self) -> io::Result<usize> {
        let (mut rules, mut done) = (0, false);
        self.ask(AUDIT_LIST_RULES.0, &[], Answer::Messages, |message| {
            rules += usize::from(message.is_kernels(AUDIT_LIST_RULES.0));
            done |= message.is_kernels(NLMSG_DONE);
            done
        })?;
        Ok(rules)
    }

    /// Receives the datagrams that are there, [`sys::MAX_DATAGRAMS`] at most, at the end of `buffer`, one
    /// behind the other, and says of each in `datagrams` what it is.
    ///
    /// # Errors
    ///
    /// As [`receive`](Client::receive).
    pub(super) fn receive_many(
        &mut self,
        rooms: &mut Rooms,
        buffer: &mut Vec<u8>,
        datagrams: &mut Vec<Received>,
    ) -> io::Result<()> {
        sys::receive_many(self.socket.as_fd(), rooms, buffer, datagrams)
    }

    /// How many datagrams this socket has lost for want of room in its buffer, since it was opened.
    ///
    /// # Errors
    ///
    /// As getsockopt(2).
    pub fn drops(&self) -> io::Result<u32> {
        sys::drops(self.socket.as_fd())
    }

    /// The size of this socket's receive buffer in bytes, with what the kernel adds to each datagram.
    pub(super) fn room(&self) -> usize {
        room(self.socket.as_fd())
    }

    /// Asks the kernel to do something, and waits until it says that it is done.
    pub(super) fn request(&mut self, message_type: u16, payload: &[u8]) -> io::Result<()> {
        self.ask(message_type, payload, Answer::Acknowledgement, |_| false)
    }

    fn set_pid(&mut self, pid: u32, mut other: impl FnMut(NetlinkMessage<'_>)) -> io::Result<()> {
        let request = wire::registration(pid);
        let answer = Answer::Acknowledgement;
        self.ask(AUDIT_SET.0, &request, answer, |message| {
            other(message);
            false
        })
    }

    /// Sends a request and waits for its acknowledgement, and if there is more of an answer, until
    /// `other`, which gets all other datagrams, has said that it is complete: the kernel sends
    /// answers from another thread, and they may come after the acknowledgement (kernel/audit.c,
    /// `audit_send_reply`).
    fn ask(
        &mut self,
        message_type: u16,
        payload: &[u8],
        answer: Answer,
        mut other: impl FnMut(NetlinkMessage<'_>) -> bool,
    ) -> io::Result<()> {
        let sequence = self.send(message_type, payload)?;
        let deadline = Instant::now() + PATIENCE;
        let mut buffer = Vec::new();
        let (mut acknowledged, mut complete) = (false, answer == Answer::Acknowledgement);
        while !acknowledged || !complete {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::from_raw_os_error(libc::ETIMEDOUT));
            }
            buffer.clear();
            match self.receive(&mut buffer) {
                Ok(message) if message.answers(sequence) => {
                    match wire::error_number(message.data) {
                        Some(0) => acknowledged = true,
                        number => return Err(io::Error::from_raw_os_error(number.unwrap_or(0))),
                    }
                }
                Ok(message) => complete |= other(message),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sys::wait([self.socket.as_fd()], Some(left))?;
                }
                // Some were lost; the answer may still come.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What a request is answered with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Answer {
    /// With an acknowledgement and nothing else.
    Acknowledgement,
    /// With messages of its own beside it.
    Messages,
}

impl Client for NetlinkClient {
    fn send(&mut self, message_type: u16, payload: &[u8]) -> io::Result<u32> {
        // Records have the number 0.
        self.sequence = self.sequence.wrapping_add(1).max(1);
        let message = wire::request(message_type, REQUEST_WITH_ACK, self.sequence, payload);
        sys::send(self.socket.as_fd(), &message)?;
        Ok(self.sequence)
    }

    fn receive<'b>(&mut self, buffer: &'b mut Vec<u8>) -> io::Result<NetlinkMessage<'b>> {
        let start = buffer.len();
        let received = sys::receive(self.socket.as_fd(), buffer, ROOM)?;
        let datagram = buffer.get(start..).unwrap_or_default();
        let header = Header {
            message_type: 0,
            sequence: 0,
        };
        let (header, data) = Header::read(datagram).unwrap_or((header, b""));
        let Header {
            message_type,
            sequence,
        } = header;
        Ok(NetlinkMessage {
            message_type,
            sequence,
            data,
            sender: received.sender,
            cut: received.cut,
        })
    }
}

impl AsFd for NetlinkClient {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The size of a socket's receive buffer in bytes. It is twice what it was set to, for the kernel's own
/// bookkeeping (socket(7)).
fn room(socket: BorrowedFd<'_>) -> usize {
    let size = sys::option(socket, libc::SO_RCVBUF).unwrap_or(0);
    usize::try_from(size).unwrap_or(0)
}

/// Asks for a receive buffer of a size, and says so where the kernel gives less: without
/// CAP_NET_ADMIN its limit is `net.core.rmem_max`.
fn set_receive_buffer(socket: BorrowedFd<'_>, bytes: usize) {
    let size = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    if sys::set_option(socket, libc::SO_RCVBUFFORCE, size).is_ok() {
        return;
    }
    let set = sys::set_option(socket, libc::SO_RCVBUF, size);
    let got = room(socket) / 2;
    if set.is_err() || got < bytes {
        log::info!(
            "the receive buffer is {got} bytes in place of {bytes}; raise net.core.rmem_max, or \
             give CAP_NET_ADMIN"
        );
    }
}

/// Which process is registered as the audit daemon.
fn holder() -> Option<String> {
    let pid = NetlinkClient::control().ok()?.status().ok()?.pid;
    Some(format!("{} is", describe(pid)))
}

/// A process by its number and its name.
pub(crate) fn describe(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name: String = name
        .trim_end()
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    format!("process {pid} ({name})")
}
