//! Calls on sockets.

use bumpalo::Bump;

use crate::{
    classify::{
        by_records,
        calls::{Call, Dir, Names},
        claims::Namer,
        events, identify, learn,
        names::Named,
        touched,
    },
    model::{
        Action, AuditMessageGroup, Detail, SocketAction, SocketDetail, SocketStatus,
        record_type::{AUDIT_SOCKADDR, AUDIT_SOCKETCALL, AUDIT_SYSCALL, AUDIT_URINGOP},
    },
    parse::{CallRecord, Sockaddr, tokenize},
};

/// Results of calls, as records print them (include/uapi/asm-generic/errno.h).
const MINUS_EAGAIN: i64 = -11;
const MINUS_EALREADY: i64 = -114;
const MINUS_EINPROGRESS: i64 = -115;

/// The detail of a call on a socket. What it does to descriptors and files is learned.
pub(super) fn detail<'a>(
    namer: &mut Namer<'a, '_>,
    group: &AuditMessageGroup<'a>,
    action: SocketAction,
) -> Detail<'a> {
    let (call, arena) = (namer.call, namer.arena);
    let file = file(namer, action);
    if action == SocketAction::Accept && call.record_type == AUDIT_SYSCALL {
        learn::returned(namer);
    }
    let address = address(group, call, arena);
    let family = address.as_ref().map(|address| family(address, arena));
    let address = address.unwrap_or_default();
    let is_local = matches!(action, SocketAction::Bind | SocketAction::Listen);
    let (near, far) = match is_local {
        true => ((address.address, address.port), (None, None)),
        false => ((None, None), (address.address, address.port)),
    };
    let subject = file.as_ref().and_then(|file| file.subject);
    Detail::Socket(SocketDetail {
        action,
        status: status(call, action),
        commandline: namer.title(),
        family,
        local_address: near.0,
        local_port: near.1,
        remote_address: far.0,
        remote_port: far.1,
        socket: address.socket,
        fd: descriptor(namer, group),
        path: file.as_ref().and_then(|file| file.path),
        real_path: file.as_ref().and_then(|file| file.real_path),
        path_unresolved: file.as_ref().is_some_and(|file| file.unresolved),
        attributes: subject.map(events::attributes).unwrap_or_default(),
    })
}

/// The file of a Unix socket: bind creates it, and connect and send look it up.
fn file<'a>(namer: &mut Namer<'a, '_>, action: SocketAction) -> Option<Named<'a>> {
    if namer.facts.paths.is_empty() {
        return None;
    }
    if let (SocketAction::Bind, Some(Call::File(action, names))) =
        (action, by_records(namer.facts, Dir::Cwd))
    {
        return Some(touched(namer, action, names));
    }
    let dir = match namer.call.record_type {
        AUDIT_SYSCALL => Dir::Cwd,
        _ => Dir::Untold,
    };
    let mut named = namer.file(Action::Opened, Names::Object(dir));
    if namer.facts.lacks_paths() {
        named.doubt();
    }
    Some(named)
}

/// `None` for an operation of io_uring, whose record says only whether it was over at once.
fn status(call: &CallRecord, action: SocketAction) -> Option<SocketStatus> {
    if call.record_type == AUDIT_URINGOP {
        return None;
    }
    Some(match (action, call.exit) {
        (_, None) if call.success == Some(b"yes") => SocketStatus::Succeeded,
        (SocketAction::Connect, Some(MINUS_EINPROGRESS | MINUS_EALREADY)) => {
            SocketStatus::InProgress
        }
        (SocketAction::Send | SocketAction::Receive, Some(MINUS_EAGAIN)) => {
            SocketStatus::InProgress
        }
        (SocketAction::Accept, Some(MINUS_EAGAIN)) => SocketStatus::NoClient,
        (_, Some(0..)) => SocketStatus::Succeeded,
        _ => SocketStatus::Failed,
    })
}

/// The address in the SOCKADDR record. Its byte order is that of the call's architecture.
fn address<'a>(
    group: &AuditMessageGroup<'a>,
    call: &CallRecord,
    arena: &'a Bump,
) -> Option<Sockaddr<'a>> {
    let mut messages = group.messages();
    let record = messages.find(|message| message.record_type == AUDIT_SOCKADDR)?;
    let hex = tokenize(record.data).find(|token| token.key == b"saddr")?;
    let arch = call.arch.map(|(arch, _)| arch);
    Sockaddr::parse_on(arch, hex.value.bytes, arena)
}

/// The name of the address family, or its number.
fn family<'a>(address: &Sockaddr<'a>, arena: &'a Bump) -> &'a [u8] {
    let name = address
        .family_name()
        .unwrap_or_else(|| bumpalo::format!(in arena, "{}", address.family).into_bump_str());
    name.as_bytes()
}

/// The descriptor that the call was given. That of socketcall is in a record of its own, and no
/// record has that of io_uring.
fn descriptor(namer: &Namer, group: &AuditMessageGroup) -> Option<u32> {
    let mut messages = group.messages();
    let arguments = messages.find(|message| message.record_type == AUDIT_SOCKETCALL);
    let fd = match arguments {
        Some(record) => {
            let first = tokenize(record.data).find(|token| token.key == b"a0")?;
            first.value.hex()
        }
        None if identify(namer.call).0 == Some("socketcall") => None,
        None if namer.call.record_type == AUDIT_SYSCALL => namer.call.arg(0),
        None => None,
    };
    // An int: the upper half of the register may hold anything.
    fd.and_then(|fd| u32::try_from(fd as i32).ok())
}
