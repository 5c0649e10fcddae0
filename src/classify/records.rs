//! The records of an event that have no keys of their own in its line.

use bumpalo::{Bump, collections::Vec};

use super::decoded::Decoded;
use crate::{
    model::{
        AuditEvent, AuditMessage, AuditMessageGroup, EventKind, EventRecord, Fields,
        record_type::{
            AUDIT_CWD, AUDIT_EXECVE, AUDIT_LOGIN, AUDIT_PATH, AUDIT_PROCTITLE, AUDIT_SOCKADDR,
            AUDIT_SYSCALL, AUDIT_URINGOP,
        },
    },
    parse::{Sockaddr, is_contexts, tokenize},
};

/// Decodes the records of an event, but for those that have keys of their own in its line. Records
/// of one type are adjacent.
pub(super) fn of<'a>(
    group: &AuditMessageGroup<'a>,
    event: &AuditEvent<'a>,
    decoded: &mut Decoded,
    arena: &'a Bump,
) -> &'a [EventRecord<'a>] {
    let kind = event.kind();
    let mut records = Vec::new_in(arena);
    let mut has_message = false;
    for message in group.messages() {
        if has_keys(&message, event, arena) {
            continue;
        }
        // Of several messages of programs, the first one is the event.
        let is_message = kind == EventKind::User && is_of_program(&message);
        if is_message && !std::mem::replace(&mut has_message, true) {
            continue;
        }
        let record = record(&message, decoded, arena);
        if record.fields().next().is_some() {
            records.push(record);
        }
    }
    records.sort_by_key(|record| record.record_type);
    records.into_bump_slice()
}

fn is_of_program(message: &AuditMessage) -> bool {
    message.record_type.is_user_event() || message.record_type == AUDIT_LOGIN
}

/// Whether the line of an event has keys for a record.
fn has_keys(message: &AuditMessage, event: &AuditEvent, arena: &Bump) -> bool {
    let kind = event.kind();
    match message.record_type {
        AUDIT_CWD | AUDIT_PROCTITLE => true,
        AUDIT_SYSCALL | AUDIT_URINGOP | AUDIT_PATH | AUDIT_EXECVE => kind != EventKind::Audit,
        AUDIT_SOCKADDR => kind == EventKind::Socket && is_shown(message.data, arena),
        // The labels of several security modules, in `subj`.
        _ if is_contexts(message) => {
            let subj = event.actor.subj.unwrap_or_default();
            !subj.is_empty() && message.data.starts_with(subj)
        }
        _ => false,
    }
}

/// Whether the keys of a socket event tell all of an address.
fn is_shown(record: &[u8], arena: &Bump) -> bool {
    let hex = tokenize(record).find(|token| token.key == b"saddr");
    let address = hex.and_then(|hex| Sockaddr::parse_on(None, hex.value.bytes, arena));
    address.is_some_and(|address| {
        let is_all = address.others.is_empty() && address.data.is_none();
        is_all && address.scope.is_none() && !address.truncated
    })
}

/// A record with its fields. Of a call, those that have no keys: its arguments and its personality.
fn record<'a>(
    message: &AuditMessage<'a>,
    decoded: &mut Decoded,
    arena: &'a Bump,
) -> EventRecord<'a> {
    if !matches!(message.record_type, AUDIT_SYSCALL | AUDIT_URINGOP) {
        return decoded.record(message, arena);
    }
    // A forged record may repeat them: the first of each counts.
    let keys: [&[u8]; 5] = [b"a0", b"a1", b"a2", b"a3", b"per"];
    let pairs = keys.into_iter().filter_map(|key| {
        let token = tokenize(message.data).find(|token| token.key == key)?;
        Some((token.key, token.value.bytes))
    });
    EventRecord {
        record_type: message.record_type,
        fields: Fields::Decoded(Vec::from_iter_in(pairs, arena).into_bump_slice()),
    }
}
