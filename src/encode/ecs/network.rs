//! The members of an event about a socket.

use crate::{
    encode::{nested::Nested, values::is_ip},
    model::{SocketAction, SocketDetail, SocketStatus},
};

/// `event.action`, in the words of auditbeat.
pub(super) fn action(action: SocketAction) -> &'static str {
    match action {
        SocketAction::Connect => "connected-to",
        SocketAction::Bind => "bound-socket",
        SocketAction::Listen => "listen-for-connections",
        SocketAction::Accept => "accepted-connection-from",
        SocketAction::Send => "sent-to",
        SocketAction::Receive => "received-from",
    }
}

/// `event.outcome`. Of a connection that is being made, nothing is known yet.
pub(super) fn outcome(status: Option<SocketStatus>) -> &'static [u8] {
    match status {
        Some(SocketStatus::Succeeded) => b"success",
        Some(SocketStatus::Failed) => b"failure",
        Some(SocketStatus::InProgress | SocketStatus::NoClient) | None => b"unknown",
    }
}

/// `source`, `destination`, `server` and `network`. The source is the side that sent or connected;
/// the address of bind is that of a server.
pub(super) fn endpoints(detail: &SocketDetail, line: &mut Nested) {
    let (remote, direction) = match detail.action {
        SocketAction::Connect | SocketAction::Send => ("destination", Some("egress")),
        SocketAction::Accept | SocketAction::Receive => ("source", Some("ingress")),
        SocketAction::Bind | SocketAction::Listen => ("destination", None),
    };
    let name = detail.socket.filter(|_| direction.is_some());
    line.object(remote, |side| {
        endpoint(detail.remote_address.or(name), detail.remote_port, side);
    });
    line.object("server", |side| {
        endpoint(detail.local_address, detail.local_port, side);
    });
    let is_ip = matches!(detail.family, Some(b"inet" | b"inet6"));
    line.object("network", |network| {
        network.text("type", family(detail.family).filter(|_| is_ip));
        let is_known = detail.remote_address.or(name).is_some();
        network.text(
            "direction",
            direction.filter(|_| is_known).map(str::as_bytes),
        );
    });
}

/// The family in the words of auditbeat.
pub(super) fn family(name: Option<&[u8]>) -> Option<&[u8]> {
    match name {
        Some(b"inet") => Some(b"ipv4"),
        Some(b"inet6") => Some(b"ipv6"),
        name => name,
    }
}

fn endpoint(address: Option<&[u8]>, port: Option<u32>, side: &mut Nested) {
    side.text("address", address);
    side.text("ip", address.filter(|text| is_ip(text)));
    side.number("port", port);
}

/// The members that the schema has no field for.
pub(super) fn rest(detail: &SocketDetail, object: &mut Nested) {
    let status = detail.status.map(|status| status.name().as_bytes());
    object.text("status", status);
    object.text("action", Some(detail.action.name().as_bytes()));
    object.text("family", detail.family);
    object.text("socket", detail.socket);
    object.number("fd", detail.fd);
    object.text("real_path", detail.real_path);
}
