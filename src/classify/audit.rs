//! Events of no other kind.

use bumpalo::Bump;

use crate::{
    classify::{calls::Names, claims::Namer, events},
    model::{
        Action, AuditDetail, AuditEvent, AuditMessageGroup, Detail, EventRecord, record_type::*,
    },
    parse::{Facts, Value},
};

/// A call of no other kind.
pub(super) fn call<'a>(title: Option<&'a [u8]>) -> Detail<'a> {
    Detail::Audit(AuditDetail {
        commandline: title,
        ..AuditDetail::default()
    })
}

/// A call of no other kind that was given a file. It teaches nothing, so that the paths of other
/// events do not depend on the kinds that are wanted.
pub(super) fn look<'a>(namer: &mut Namer<'a, '_>, names: Names) -> Detail<'a> {
    let mut named = namer.file(Action::Opened, names);
    if namer.facts.lacks_paths() {
        named.doubt();
    }
    namer.add_accessed(&mut named, names);
    Detail::Audit(AuditDetail {
        action: None,
        commandline: namer.title(),
        path: named.path,
        real_path: named.real_path,
        path_unresolved: named.unresolved && named.path.is_some(),
    })
}

/// Records without a call. [`describe()`] adds what they say.
pub(super) fn alone<'a>(
    group: &AuditMessageGroup<'a>,
    facts: &Facts<'a>,
    title: Option<&'a [u8]>,
    arena: &'a Bump,
) -> &'a mut AuditEvent<'a> {
    let mut types = group.messages().map(|message| message.record_type);
    let first = types.clone().next().unwrap_or(AUDIT_EOE);
    let record_type = types.find(|record_type| !record_type.is_part_of_call());
    let is_cut = record_type.is_none();
    let record_type = record_type.unwrap_or(first);
    let event = events::without_call(group, record_type, facts, call(title), arena);
    // The other records came with that of a call.
    event.incomplete |= is_cut;
    event
}

/// Takes the process, the outcome and the action from the records of an event without a call.
pub(super) fn describe(event: &mut AuditEvent) {
    let named = event.record_type;
    let Some(record) = event
        .records
        .iter()
        .find(|record| record.record_type == named)
    else {
        return;
    };
    let actor = &mut event.actor;
    for (key, text) in record.fields() {
        let value = Value {
            bytes: text,
            quoted: false,
        };
        match key {
            b"comm" => actor.comm = Some(text),
            b"exe" => actor.exe = Some(text),
            b"tty" => actor.tty = Some(text),
            b"subj" => actor.subj = actor.subj.or(Some(text)),
            b"res" => event.success = Some(events::outcome(text)),
            // The ids of ANOM_ABEND and others are those of the process.
            key => drop(actor.ids.set(key, value.id())),
        }
    }
    if let Detail::Audit(detail) = &mut event.detail {
        detail.action = action(record);
    }
}

/// The operation that a record names, or the one that all records of its type are about.
fn action<'a>(record: &EventRecord<'a>) -> Option<&'a [u8]> {
    let field = |wanted: &[u8]| {
        let mut fields = record.fields();
        fields.find(|(key, _)| *key == wanted).map(|(_, text)| text)
    };
    let decision = field(b"decision").or_else(|| match field(b"apparmor")? {
        b"DENIED" => Some(&b"denied"[..]),
        b"ALLOWED" => Some(b"allowed"),
        b"AUDIT" => Some(b"audited"),
        b"KILLED" => Some(b"killed"),
        _ => None,
    });
    decision.or_else(|| match record.record_type {
        // Smack's decision, and that of a seccomp filter.
        AUDIT_AVC | AUDIT_SECCOMP => field(b"action").or_else(|| field(b"op")),
        AUDIT_LANDLOCK_ACCESS | AUDIT_APPARMOR_DENIED => Some(b"denied"),
        AUDIT_APPARMOR_ALLOWED => Some(b"allowed"),
        AUDIT_APPARMOR_AUDIT => Some(b"audited"),
        AUDIT_APPARMOR_KILL => Some(b"killed"),
        AUDIT_DAEMON_START => Some(b"started"),
        AUDIT_DAEMON_END => Some(b"ended"),
        AUDIT_DAEMON_ABORT => Some(b"aborted"),
        AUDIT_DAEMON_CONFIG => Some(b"configured"),
        AUDIT_DAEMON_ROTATE => Some(b"rotated"),
        AUDIT_DAEMON_RESUME => Some(b"resumed"),
        AUDIT_MAC_POLICY_LOAD => Some(b"loaded"),
        AUDIT_MAC_STATUS | AUDIT_FEATURE_CHANGE => Some(b"changed"),
        // Their `op` is the name of a value.
        AUDIT_TIME_ADJNTPVAL | AUDIT_TIME_INJOFFSET => Some(b"adjusted"),
        AUDIT_TTY => Some(b"typed"),
        _ => field(b"op"),
    })
}
