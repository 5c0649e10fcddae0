//! The part of an event that is about a socket.

use crate::model::Attributes;

/// A call on a socket.
///
/// An address is that of the SOCKADDR record: the one that the caller gave or, for accept and
/// receive, the one that the kernel returned. Texts of addresses are as inet_ntop(3) writes them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SocketDetail<'a> {
    /// The operation.
    pub action: SocketAction,
    /// Whether it succeeded; `None` if no record says so.
    pub status: Option<SocketStatus>,
    /// The process title on one line, which the kernel cuts at 128 bytes (PROCTITLE).
    pub commandline: Option<&'a [u8]>,
    /// The address family, such as `inet`, or its number if it has no name.
    pub family: Option<&'a [u8]>,
    /// The address that the socket was bound to.
    pub local_address: Option<&'a [u8]>,
    /// Its port.
    pub local_port: Option<u32>,
    /// The address of the peer.
    pub remote_address: Option<&'a [u8]>,
    /// Its port.
    pub remote_port: Option<u32>,
    /// The name of a Unix socket as the caller gave it, or `@` and the name of an abstract one.
    pub socket: Option<&'a [u8]>,
    /// The descriptor of the socket.
    pub fd: Option<u32>,
    /// The path of the file that a Unix socket has (PATH).
    pub path: Option<&'a [u8]>,
    /// Where that file really is, if that is known to be elsewhere.
    pub real_path: Option<&'a [u8]>,
    /// Whether `path` is less than a full path because its base directory is not known.
    pub path_unresolved: bool,
    /// The attributes of that file.
    pub attributes: Attributes<'a>,
}

/// Declares an enum whose values have names.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident => $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$value_doc])* $value,)+
        }

        impl $name {
            /// The value in the event line.
            pub fn name(self) -> &'static str {
                match self {
                    $($name::$value => $text,)+
                }
            }
        }
    };
}

named! {
    /// The operation of a [`SocketDetail`].
    SocketAction {
        /// Connected to a peer.
        Connect => "connect",
        /// Took an address.
        Bind => "bind",
        /// Began to wait for connections.
        Listen => "listen",
        /// Took a connection.
        Accept => "accept",
        /// Sent a message.
        Send => "send",
        /// Received a message.
        Receive => "receive",
    }
}

named! {
    /// The outcome of a [`SocketDetail`].
    SocketStatus {
        /// It succeeded.
        Succeeded => "succeeded",
        /// A connection is being made (`EINPROGRESS`).
        InProgress => "in_progress",
        /// No connection was waiting (`EAGAIN` of accept).
        NoClient => "no_client",
        /// It failed.
        Failed => "failed",
    }
}
