//! Events of no other kind.

use bumpalo::Bump;

use crate::{
    classify::events,
    model::{
        Actor, AuditDetail, AuditEvent, AuditMessageGroup, Detail, RecordType,
        record_type::{
            AUDIT_CWD, AUDIT_EOE, AUDIT_EXECVE, AUDIT_PATH, AUDIT_PROCTITLE, AUDIT_SOCKADDR,
        },
    },
    parse::Facts,
};

/// A call of no other kind.
pub(super) fn call<'a>(facts: &Facts<'a>, arena: &'a Bump) -> Detail<'a> {
    Detail::Audit(AuditDetail {
        commandline: events::title(facts, arena),
        ..AuditDetail::default()
    })
}

/// Records without a call.
pub(super) fn alone<'a>(
    group: &AuditMessageGroup<'a>,
    facts: &Facts<'a>,
    arena: &'a Bump,
) -> AuditEvent<'a> {
    let detail = call(facts, arena);
    let mut types = group.messages().map(|message| message.record_type);
    let first = types.clone().next().unwrap_or(AUDIT_EOE);
    let record_type = types.find(|record_type| !is_part(*record_type));
    AuditEvent {
        actor: Actor::default(),
        // Records of these types come with that of a call.
        incomplete: group.incomplete && record_type.is_none(),
        ..events::without_call(group, record_type.unwrap_or(first), facts, detail)
    }
}

/// Whether a record of this type only tells more of a call.
fn is_part(record_type: RecordType) -> bool {
    matches!(
        record_type,
        AUDIT_CWD | AUDIT_PATH | AUDIT_PROCTITLE | AUDIT_EXECVE | AUDIT_SOCKADDR | AUDIT_EOE
    )
}
