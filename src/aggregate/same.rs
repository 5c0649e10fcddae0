//! The common part of repeated events.

use bumpalo::collections::Vec;

use crate::model::{
    Action, Arena, AuditEvent, Detail, EventId, EventRecord, Fields, Identity, ProcessAction,
    SocketAction,
};

/// An event without its time, its serial, and the ids that differ between the runs of a loop. An
/// event repeats another one if nothing else in their lines differs.
///
/// Each of these ids is new for every process, session, descriptor, connection or file. All other
/// values stay, so that a failed, incomplete or truncated event repeats only one that is so in the
/// same way.
pub(super) fn without_ids<'a>(event: &AuditEvent<'a>, arena: &'a Arena) -> AuditEvent<'a> {
    let mut same = event.clone();
    same.id = EventId::default();
    let session = same.actor.ids.session;
    for id in [
        &mut same.actor.ids.pid,
        &mut same.actor.ids.ppid,
        &mut same.actor.ids.session,
    ] {
        *id = without(*id);
    }
    if !is_status(&same.detail) {
        // A descriptor, a process id or a length.
        same.exit = same.exit.min(0);
    }
    without_ids_of_detail(&mut same.detail);
    let who = &mut same.who;
    who.entity_id = None;
    if let Some(parent) = &mut who.parent {
        parent.pid = 0;
    }
    if let Some(login) = &mut who.login {
        login.since = None;
    }
    if who.unit.is_some_and(|unit| is_scope_of(unit, session)) {
        who.unit = Some(b"");
    }
    if !same.records.is_empty() {
        let records = same
            .records
            .iter()
            .map(|record| without_pids(record, arena));
        same.records = Vec::from_iter_in(records, arena.bump()).into_bump_slice();
    }
    same
}

/// An id that says no more than whether it is set.
fn without(id: u32) -> u32 {
    if id == Identity::UNSET { id } else { 0 }
}

/// Whether `exit` is the exit status of a process.
fn is_status(detail: &Detail) -> bool {
    matches!(detail, Detail::Process(process) if process.action == ProcessAction::Exited)
}

fn without_ids_of_detail(detail: &mut Detail) {
    match detail {
        // The file is another one each time that its name is made or removed.
        Detail::File(file)
            if matches!(
                file.action,
                Action::Created | Action::Deleted | Action::Renamed | Action::Symlinked
            ) =>
        {
            file.attributes.inode = None;
        }
        Detail::Socket(socket) => {
            socket.fd = None;
            match socket.action {
                SocketAction::Bind => socket.attributes.inode = None,
                // The port of a client.
                SocketAction::Accept => socket.remote_port = None,
                _ => {}
            }
        }
        Detail::Process(_) | Detail::File(_) | Detail::User(_) | Detail::Audit(_) => {}
    }
}

/// Whether a unit is that of a session: logind makes one for each (systemd-logind.service(8)).
fn is_scope_of(unit: &[u8], session: u32) -> bool {
    let number = unit
        .strip_prefix(b"session-")
        .and_then(|unit| unit.strip_suffix(b".scope"));
    number.is_some_and(|number| number == session.to_string().as_bytes())
}

/// A record without the fields that name a process, a session or, in SECCOMP, an address in memory.
fn without_pids<'a>(record: &EventRecord<'a>, arena: &'a Arena) -> EventRecord<'a> {
    let is_id = |name: &[u8]| matches!(name, b"pid" | b"ppid" | b"ses" | b"ip");
    let kept = record.fields().filter(|(name, _)| !is_id(name));
    let kept = Vec::from_iter_in(kept, arena.bump()).into_bump_slice();
    EventRecord {
        fields: Fields::Decoded(kept),
        ..*record
    }
}
