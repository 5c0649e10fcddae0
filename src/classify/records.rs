//! The records of an event that have no keys of their own in its line.

use bumpalo::{Bump, collections::Vec};

use crate::{
    model::{
        AuditMessage, AuditMessageGroup, EventKind, EventRecord,
        record_type::{
            AUDIT_CWD, AUDIT_EXECVE, AUDIT_LOGIN, AUDIT_PATH, AUDIT_PROCTITLE, AUDIT_SOCKADDR,
            AUDIT_SYSCALL, AUDIT_URINGOP,
        },
    },
    parse::tokenize,
};

/// Decodes the records of an event of this kind, but for those that have keys of their own. Records
/// of one type are adjacent.
pub(super) fn of<'a>(
    group: &AuditMessageGroup<'a>,
    kind: EventKind,
    arena: &'a Bump,
) -> &'a [EventRecord<'a>] {
    let mut records = Vec::new_in(arena);
    let mut has_message = false;
    for message in group.messages() {
        // Of several messages of programs, the first one is the event.
        let is_message = is_of_program(&message) && kind == EventKind::User;
        if is_message && !std::mem::replace(&mut has_message, true) || has_keys(&message, kind) {
            continue;
        }
        records.push(EventRecord {
            record_type: message.record_type,
            fields: decode(&message, arena),
        });
    }
    records.sort_by_key(|record| record.record_type);
    records.into_bump_slice()
}

fn is_of_program(message: &AuditMessage) -> bool {
    message.record_type.is_user_event() || message.record_type == AUDIT_LOGIN
}

/// Whether the line of an event of this kind has keys for a record.
fn has_keys(message: &AuditMessage, kind: EventKind) -> bool {
    match message.record_type {
        AUDIT_CWD | AUDIT_PROCTITLE => true,
        AUDIT_SYSCALL | AUDIT_URINGOP | AUDIT_PATH | AUDIT_EXECVE => kind != EventKind::Audit,
        AUDIT_SOCKADDR => kind == EventKind::Socket,
        // The labels of several security modules, in `subj`.
        _ => message.data.starts_with(b"subj_"),
    }
}

fn decode<'a>(message: &AuditMessage<'a>, arena: &'a Bump) -> &'a [(&'a [u8], &'a [u8])] {
    let tokens = tokenize(message.data).filter(|token| !token.key.is_empty());
    let pairs = tokens.map(|token| (token.key, token.value.bytes));
    Vec::from_iter_in(pairs, arena).into_bump_slice()
}
