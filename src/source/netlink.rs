//! The audit netlink socket.
//!
//! There are two ways to receive the kernel's records. Any process with CAP_AUDIT_READ may join a
//! multicast group, alongside a running auditd; a reader that is too slow loses records, and only
//! that reader. Or one process registers as *the* audit daemon, with CAP_AUDIT_CONTROL; if it is
//! too slow, records queue in the kernel, and audited processes may block.

use std::{
    fs, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::PathBuf,
    process,
    time::{Duration, Instant},
};

use crate::{
    error::{Error, plain},
    model::record_type::{AUDIT_GET, AUDIT_LIST_RULES, AUDIT_SET},
    source::{
        request::{Answer, Request, hear},
        rule::Rules,
        wire::{
            self, AuditStatus, HEADER_BYTES, Header, MAX_AUDIT_MESSAGE_LENGTH, NLMSG_DONE,
            NLMSG_ERROR, REQUEST_WITH_ACK,
        },
    },
    sys::{self, Received, Rooms},
};

/// The multicast group of audit records (`AUDIT_NLGRP_READLOG`), as a bit.
const READLOG: u32 = 1;
/// How long to wait for the kernel's answer. It is usually there at the first read.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Space for one datagram: a header and a record, doubled in case future kernels send longer ones.
pub(crate) const MAX_DATAGRAM_BYTES: usize = 2 * (HEADER_BYTES + MAX_AUDIT_MESSAGE_LENGTH);

/// How a client receives the kernel's records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Membership {
    /// As the registered audit daemon; there can be only one.
    Unicast,
    /// As a member of the read-only multicast group.
    ReadLog,
}

/// The settings of a client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientConfig {
    /// How it receives the kernel's records.
    pub membership: Membership,
    /// The size of the socket's receive buffer, in bytes.
    pub receive_buffer: usize,
    /// The least backlog limit of the kernel while this process is registered, in records. A higher
    /// limit is kept.
    pub backlog_limit: u32,
    /// The file in which to note the backlog settings that were found, for the next process that
    /// registers in case this one is killed. It must be in a directory that only this user and root
    /// can write to, and that is emptied at boot.
    pub backlog_note: Option<PathBuf>,
}

impl ClientConfig {
    /// A receive buffer of 8 MiB, a backlog limit of at least 8192 records, and no note.
    pub fn new(membership: Membership) -> ClientConfig {
        ClientConfig {
            membership,
            receive_buffer: 8 << 20,
            backlog_limit: 8192,
            backlog_note: None,
        }
    }
}

/// A datagram from the kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NetlinkMessage<'a> {
    /// The type in the netlink header; for an audit record its record type.
    pub message_type: u16,
    /// The sequence number of the request that this answers, or 0.
    pub sequence: u32,
    /// The payload, without the header.
    pub data: &'a [u8],
    /// The netlink port of the sender; the kernel's is 0.
    pub sender: u32,
    /// Whether the datagram was too long and was cut.
    pub cut: bool,
}

impl NetlinkMessage<'_> {
    /// Whether this is the kernel's acknowledgement or refusal of a request.
    pub(super) fn answers(&self, sequence: u32) -> bool {
        self.is_kernels(NLMSG_ERROR) && self.sequence == sequence
    }

    /// Whether this has the given type and comes from the kernel. Any process with CAP_NET_ADMIN
    /// can send to this socket too.
    fn is_kernels(&self, message_type: u16) -> bool {
        self.sender == 0 && self.message_type == message_type
    }

    /// Adds the rule that this lists, if it does. Returns whether it is the end of the list.
    fn add_to(&self, rules: &mut Rules) -> bool {
        if self.is_kernels(AUDIT_LIST_RULES.0) {
            rules.add(self.data);
        }
        self.is_kernels(NLMSG_DONE)
    }
}

/// A netlink connection, such as [`NetlinkClient`].
pub trait Client {
    /// Sends a request with this type and payload, and returns its sequence number.
    ///
    /// # Errors
    ///
    /// As send(2).
    fn send(&mut self, message_type: u16, payload: &[u8]) -> io::Result<u32>;

    /// Receives one datagram and appends it to `buffer`, without blocking.
    ///
    /// # Errors
    ///
    /// As recv(2): `WouldBlock` if there is none, `ENOBUFS` if the kernel dropped some.
    fn receive<'b>(&mut self, buffer: &'b mut Vec<u8>) -> io::Result<NetlinkMessage<'b>>;
}

/// A netlink socket of the audit family.
///
/// ```
/// use auditrd::source::{Client, ClientConfig, Membership, NetlinkClient};
///
/// let config = ClientConfig::new(Membership::ReadLog);
/// match NetlinkClient::open(&config) {
///     Ok(mut client) => match client.receive(&mut Vec::new()) {
///         Ok(message) => println!("{} {}", message.message_type, message.data.escape_ascii()),
///         Err(error) => println!("no record yet: {error}"),
///     },
///     Err(error) => println!("{error}"), // without CAP_AUDIT_READ
/// }
/// ```
#[derive(Debug)]
#[doc(alias = "NewNetlinkClient")]
pub struct NetlinkClient {
    socket: OwnedFd,
    sequence: u32,
    /// How long to wait for the kernel's answer to a request.
    patience: Duration,
}

impl NetlinkClient {
    /// Opens a socket, and joins the multicast group if `config` says so. For
    /// [`Membership::Unicast`], call [`register`](Self::register) next.
    ///
    /// # Errors
    ///
    /// If the kernel has no audit support, or this process may not read records.
    pub fn open(config: &ClientConfig) -> Result<NetlinkClient, Error> {
        let client = NetlinkClient::control()?;
        set_receive_buffer(client.socket.as_fd(), config.receive_buffer);
        if config.membership == Membership::ReadLog {
            sys::bind(client.socket.as_fd(), READLOG).map_err(|error| {
                Error::new("join the audit multicast group", error)
                    .help("needs CAP_AUDIT_READ in the initial user namespace; try sudo")
            })?;
        } else {
            sys::bind(client.socket.as_fd(), 0)
                .map_err(|error| Error::new("bind the audit socket", error))?;
        }
        Ok(client)
    }

    /// Opens a socket for requests only, which need CAP_AUDIT_CONTROL.
    ///
    /// # Errors
    ///
    /// If the kernel has no audit sockets.
    pub fn control() -> Result<NetlinkClient, Error> {
        let socket = sys::audit_socket().map_err(|error| {
            Error::new("open an audit socket", error).help("the kernel needs CONFIG_AUDIT")
        })?;
        Ok(NetlinkClient {
            socket,
            sequence: 0,
            patience: ANSWER_TIMEOUT,
        })
    }

    /// Takes the socket that a service manager has opened and bound (`ListenNetlink=audit 1`,
    /// systemd.socket(5)). This needs no capability.
    ///
    /// # Errors
    ///
    /// If the passed descriptor is not an audit socket, or was taken before.
    pub fn passed(receive_buffer: usize) -> Result<NetlinkClient, Error> {
        let socket = sys::take_passed_socket().map_err(|error| {
            Error::new("take the socket that the service manager passed", error)
                .help("it must be ListenNetlink=audit 1")
        })?;
        // A larger buffer set in the socket unit is kept.
        if buffer_bytes(socket.as_fd()) / 2 < receive_buffer {
            set_receive_buffer(socket.as_fd(), receive_buffer);
        }
        Ok(NetlinkClient {
            socket,
            sequence: 0,
            patience: ANSWER_TIMEOUT,
        })
    }

    /// Registers this process as the audit daemon, so that the kernel sends records to this socket.
    /// Passes datagrams other than the answer to `other`.
    ///
    /// # Errors
    ///
    /// If another daemon is registered and running, or this process may not register.
    pub fn register(&mut self, other: impl FnMut(NetlinkMessage<'_>)) -> Result<(), Error> {
        let tried = "register as the audit daemon";
        let error = match self.set_pid(process::id(), other) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        Err(match error.raw_os_error() {
            Some(libc::EEXIST) => {
                let holder = holder().unwrap_or_else(|| "another process".to_owned());
                let holder = format!("{holder} is already registered");
                let error = io::Error::new(io::ErrorKind::AlreadyExists, holder);
                Error::new(tried, error).help("stop it, or omit --unicast to read alongside it")
            }
            Some(libc::ECONNREFUSED) => Error::new(tried, error)
                .help("only a process in the initial namespaces can register"),
            _ => Error::new(tried, error).help("needs CAP_AUDIT_CONTROL; try sudo"),
        })
    }

    /// Ends the registration.
    ///
    /// # Errors
    ///
    /// If this process is no longer registered.
    pub fn unregister(&mut self, other: impl FnMut(NetlinkMessage<'_>)) -> Result<(), Error> {
        self.set_pid(0, other)
            .map_err(|error| Error::new("unregister as the audit daemon", error))
    }

    /// Whether this process may query the kernel's state and list its rules, which needs
    /// CAP_AUDIT_CONTROL. Unlike [`status`](Self::status) and [`rules`](Self::rules), this does
    /// not wait for a thread of the kernel to answer: the acknowledgement is enough.
    pub fn may_ask(&mut self) -> bool {
        // A change of no setting needs the same capability (kernel/audit.c, `audit_netlink_ok`),
        // and the kernel starts no thread to answer it. SELinux tells changes from queries, so a
        // refusal may be one of changes only.
        self.request(AUDIT_SET.0, &wire::no_settings()).is_ok()
            || self.request(AUDIT_GET.0, &[]).is_ok()
    }

    /// Queries the state of the kernel's audit system.
    ///
    /// # Errors
    ///
    /// If this process may not: it needs CAP_AUDIT_CONTROL.
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

    /// Lists the loaded audit rules.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub fn rules(&mut self) -> io::Result<Rules> {
        let mut rules = Rules::default();
        self.ask(AUDIT_LIST_RULES.0, &[], Answer::Messages, |message| {
            message.add_to(&mut rules)
        })?;
        Ok(rules)
    }

    /// Does the work of [`status`](Self::status) and [`rules`](Self::rules), and waits for both
    /// answers at the same time: a thread of the kernel sends each.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status); the inner error is as that of [`rules`](Self::rules).
    pub fn state(&mut self) -> io::Result<(AuditStatus, io::Result<Rules>)> {
        let (mut status, mut rules) = (None, Rules::default());
        let mut requests = [
            Request::new(self.send(AUDIT_GET.0, &[])?, Answer::Messages),
            Request::new(self.send(AUDIT_LIST_RULES.0, &[])?, Answer::Messages),
        ];
        self.wait(&mut requests, |message| {
            let is_status = message.is_kernels(AUDIT_GET.0);
            if is_status {
                status = AuditStatus::read(message.data);
            }
            is_status || message.add_to(&mut rules)
        })?;
        let [asked, listed] = requests.map(|request| request.result());
        asked?;
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        Ok((status, listed.map(|()| rules)))
    }

    /// Receives the queued datagrams. See [`sys::receive_many`].
    ///
    /// # Errors
    ///
    /// As [`receive`](Client::receive).
    pub(super) fn receive_many(
        &mut self,
        most: usize,
        rooms: &mut Rooms,
        buffer: &mut Vec<u8>,
        datagrams: &mut Vec<Received>,
    ) -> io::Result<bool> {
        sys::receive_many(self.socket.as_fd(), most, rooms, buffer, datagrams)
    }

    /// How many datagrams this socket has lost since it was opened, because its buffer was full.
    ///
    /// # Errors
    ///
    /// As getsockopt(2).
    pub fn drops(&self) -> io::Result<u32> {
        sys::drops(self.socket.as_fd())
    }

    /// The size of this socket's receive buffer in bytes, including the kernel's bookkeeping.
    pub(super) fn buffer_bytes(&self) -> usize {
        buffer_bytes(self.socket.as_fd())
    }

    /// Changes how long a request waits for its answer, which is usually there at once; 5 seconds
    /// by default.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Sends a request and waits for its acknowledgement.
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

    /// Sends a request and waits for its acknowledgement. Passes all other datagrams to `other`;
    /// with [`Answer::Messages`], waits until it has returned `true` too: the kernel sends replies
    /// from another thread, and they may arrive after the acknowledgement (kernel/audit.c,
    /// `audit_send_reply`).
    fn ask(
        &mut self,
        message_type: u16,
        payload: &[u8],
        answer: Answer,
        other: impl FnMut(NetlinkMessage<'_>) -> bool,
    ) -> io::Result<()> {
        let mut requests = [Request::new(self.send(message_type, payload)?, answer)];
        self.wait(&mut requests, other)?;
        let [request] = requests;
        request.result()
    }

    /// Waits for the answers to requests, as [`ask`](Self::ask).
    fn wait(
        &mut self,
        requests: &mut [Request],
        mut other: impl FnMut(NetlinkMessage<'_>) -> bool,
    ) -> io::Result<()> {
        let deadline = Instant::now() + self.patience;
        let mut buffer = Vec::new();
        while requests.iter().any(Request::is_open) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            buffer.clear();
            match self.receive(&mut buffer) {
                Ok(message) => hear(message, requests, &mut other),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sys::wait([self.socket.as_fd()], Some(left))?;
                }
                // Some datagrams were lost, but perhaps not the answer.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Client for NetlinkClient {
    fn send(&mut self, message_type: u16, payload: &[u8]) -> io::Result<u32> {
        // Number 0 is for records.
        self.sequence = self.sequence.wrapping_add(1).max(1);
        let message = wire::request(message_type, REQUEST_WITH_ACK, self.sequence, payload);
        sys::send(self.socket.as_fd(), &message)?;
        Ok(self.sequence)
    }

    fn receive<'b>(&mut self, buffer: &'b mut Vec<u8>) -> io::Result<NetlinkMessage<'b>> {
        let start = buffer.len();
        let received = sys::receive(self.socket.as_fd(), buffer, MAX_DATAGRAM_BYTES)?;
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

/// The size of a socket's receive buffer in bytes. The kernel doubles the size that is set, for its
/// own bookkeeping (socket(7)).
fn buffer_bytes(socket: BorrowedFd<'_>) -> usize {
    let size = sys::option(socket, libc::SO_RCVBUF).unwrap_or(0);
    usize::try_from(size).unwrap_or(0)
}

/// Sets the size of the receive buffer, and logs if the kernel grants less: without CAP_NET_ADMIN
/// the limit is `net.core.rmem_max`.
fn set_receive_buffer(socket: BorrowedFd<'_>, bytes: usize) {
    let size = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    if sys::set_option(socket, libc::SO_RCVBUFFORCE, size).is_ok() {
        return;
    }
    let set = sys::set_option(socket, libc::SO_RCVBUF, size);
    let got = buffer_bytes(socket) / 2;
    if set.is_err() || got < bytes {
        log::info!(
            "the receive buffer has {got} bytes, not the requested {bytes}; raise \
             net.core.rmem_max or grant CAP_NET_ADMIN"
        );
    }
}

/// The process that is registered as the audit daemon.
fn holder() -> Option<String> {
    let pid = NetlinkClient::control().ok()?.status().ok()?.pid;
    (pid != 0).then(|| describe(pid))
}

/// The id of a process for messages, and its name if it is running and not hidden from this one
/// (`ProtectProc=`, systemd.exec(5)).
pub(crate) fn describe(pid: u32) -> String {
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("process {pid} ({})", plain(name.trim_end())),
        Err(_) => format!("process {pid}"),
    }
}

#[cfg(all(test, feature = "confine"))]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    /// A client, and the socket of a kernel that answers only what a test makes it answer.
    fn client() -> (NetlinkClient, OwnedFd) {
        let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
        let (socket, kernel) = socketpair(AddressFamily::UNIX, kind, flags, None).unwrap();
        let mut client = NetlinkClient {
            socket,
            sequence: 0,
            patience: ANSWER_TIMEOUT,
        };
        client.set_patience(Duration::from_millis(20));
        (client, kernel)
    }

    fn reply(kernel: &OwnedFd, message_type: u16, sequence: u32, payload: &[u8]) {
        let message = wire::request(message_type, 0, sequence, payload);
        sys::send(kernel.as_fd(), &message).unwrap();
    }

    #[test]
    fn queued_datagrams_of_all_lengths_are_received_whole_and_in_order() {
        let (mut client, kernel) = client();
        const ROOM: usize = 2000;
        let lengths = [1, 511, 512, 513, 1, ROOM - 1, ROOM, ROOM + 1, 512, 2];
        let datagrams: Vec<Vec<u8>> = (b'a'..)
            .zip(lengths)
            .map(|(letter, length)| vec![letter; length])
            .collect();
        for datagram in &datagrams {
            sys::send(kernel.as_fd(), datagram).unwrap();
        }
        let mut rooms = Rooms::new(ROOM);
        let (mut buffer, mut received) = (Vec::new(), Vec::new());
        for (most, in_all, is_full) in [(4, 4, true), (5, 9, true), (100, 10, false)] {
            let result = client.receive_many(most, &mut rooms, &mut buffer, &mut received);
            assert_eq!((result.unwrap(), received.len()), (is_full, in_all));
        }
        let result = client.receive_many(1, &mut rooms, &mut buffer, &mut received);
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let mut rest = &buffer[..];
        for (received, datagram) in received.iter().zip(&datagrams) {
            let (data, after) = rest.split_at(received.length);
            rest = after;
            assert_eq!(data, &datagram[..datagram.len().min(ROOM)]);
            assert_eq!(received.cut, datagram.len() > ROOM);
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn a_request_without_an_answer_ends_after_the_patience() {
        let (mut client, _kernel) = client();
        let asked = Instant::now();
        let error = client.status().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ETIMEDOUT));
        assert!(asked.elapsed() < ANSWER_TIMEOUT / 2);
    }

    #[test]
    fn the_acknowledgement_alone_tells_whether_a_process_may_ask() {
        let (mut client, kernel) = client();
        let answer = |sequence, errno: i32| {
            let payload = [&(-errno).to_ne_bytes()[..], &[0; 16]].concat();
            reply(&kernel, NLMSG_ERROR, sequence, &payload);
        };
        answer(1, 0);
        assert!(client.may_ask());
        answer(2, libc::EACCES);
        answer(3, 0);
        assert!(client.may_ask(), "only changes are refused");
        answer(4, libc::EPERM);
        answer(5, libc::EPERM);
        assert!(!client.may_ask());
    }

    #[test]
    fn late_answers_to_an_earlier_request_are_not_taken_for_the_current_ones() {
        let (mut client, kernel) = client();
        client.rules().unwrap_err();
        let answer = |sequence, rules| {
            reply(&kernel, NLMSG_ERROR, sequence, &[0; 20]);
            for _ in 0..rules {
                reply(&kernel, AUDIT_LIST_RULES.0, sequence, &[0; 8]);
            }
            reply(&kernel, NLMSG_DONE, sequence, &[]);
        };
        answer(1, 3);
        answer(2, 5);
        client.set_patience(ANSWER_TIMEOUT);
        assert_eq!(client.rules().unwrap().count, 5);
    }

    #[test]
    fn the_status_and_the_rules_may_come_in_any_order() {
        let (mut client, kernel) = client();
        let status = |lost: u32| {
            let words = [0, 1, 1, 0, 0, 64, lost, 0].map(u32::to_ne_bytes);
            words.concat()
        };
        reply(&kernel, NLMSG_ERROR, 1, &[0; 20]);
        reply(&kernel, AUDIT_LIST_RULES.0, 2, &[0; 8]);
        reply(&kernel, NLMSG_ERROR, 2, &[0; 20]);
        reply(&kernel, AUDIT_GET.0, 1, &status(7));
        reply(&kernel, AUDIT_LIST_RULES.0, 2, &[0; 8]);
        reply(&kernel, NLMSG_DONE, 2, &[]);
        let (found, rules) = client.state().unwrap();
        assert_eq!((found.lost, rules.unwrap().count), (7, 2));
        // The rules do not come in time.
        reply(&kernel, NLMSG_ERROR, 3, &[0; 20]);
        reply(&kernel, AUDIT_GET.0, 3, &status(8));
        let (found, rules) = client.state().unwrap();
        assert_eq!(found.lost, 8);
        assert_eq!(rules.unwrap_err().raw_os_error(), Some(libc::ETIMEDOUT));
        for sequence in [5, 6] {
            let refused = [&(-libc::EPERM).to_ne_bytes()[..], &[0; 16]].concat();
            reply(&kernel, NLMSG_ERROR, sequence, &refused);
        }
        let refused = client.state().unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EPERM));
    }
}
