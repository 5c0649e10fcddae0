//! A short name of an event, for those that have no line.

use std::borrow::Cow;

use super::{
    calls::{Call, socketcall},
    identify,
};
use crate::{
    model::{Arch, AuditMessageGroup, EventKind},
    parse::{CallRecord, Facts},
};

/// The call or the record that an event is about, and the kind that it would be of.
///
/// ```
/// use auditrd::{Arena, EventKind, classify::Subject, model::{EventId, Groups}, parse, record_type::*};
///
/// let mut groups = Groups::default();
/// groups.begin(EventId::default(), b"").push(AUDIT_SYSCALL, b"arch=c000003e syscall=101");
/// let (group, arena) = (groups.last().unwrap(), Arena::new());
/// let subject = Subject::of(&group, &parse::facts(&group, &arena));
/// assert_eq!((subject.kind, &*subject.name), (EventKind::Audit, "ptrace"));
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Subject {
    /// The kind of the event, if all kinds were wanted.
    pub kind: EventKind,
    /// The name of the call, or of the type of the record.
    pub name: Cow<'static, str>,
    /// Whether it is a call.
    pub is_call: bool,
}

impl Subject {
    /// The subject of a group of records, by their [`facts`](crate::parse::facts()).
    pub fn of(group: &AuditMessageGroup, facts: &Facts) -> Subject {
        if let (Some(call), None) = (facts.call.or(facts.uring), facts.user) {
            return Subject::of_call(call);
        }
        let mut types = group.messages().map(|message| message.record_type);
        let first = types.clone().next();
        let record_type = types.find(|kind| !kind.is_part_of_call()).or(first);
        let name = record_type.map(|kind| match kind.name() {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(kind.to_string()),
        });
        Subject {
            kind: match facts.user {
                Some(_) => EventKind::User,
                None => EventKind::Audit,
            },
            name: name.unwrap_or_default(),
            is_call: false,
        }
    }

    fn of_call(call: &CallRecord) -> Subject {
        let (name, meaning) = identify(call);
        let meaning = match meaning {
            Some(Call::Multiplexed) => call.arg(0).and_then(socketcall),
            meaning => meaning,
        };
        let number = || match call.number {
            Some(number) => Cow::Owned(format!("unknown({number})")),
            None => Cow::Borrowed(""),
        };
        Subject {
            kind: match meaning {
                Some(Call::Exec(_) | Call::Fork | Call::Exit) => EventKind::Process,
                Some(Call::File(..)) => EventKind::Fim,
                Some(Call::Socket(_) | Call::Multiplexed) => EventKind::Socket,
                Some(Call::Silent(_) | Call::Look(_)) | None => EventKind::Audit,
            },
            name: name.map_or_else(number, Cow::Borrowed),
            is_call: true,
        }
    }
}

/// The name of the architecture of a call whose syscalls are not known by name, or its number.
pub fn unknown_arch(facts: &Facts) -> Option<Cow<'static, str>> {
    let call = facts.call?;
    let (arch, _) = call.arch?;
    let number = call.number.unwrap_or(0);
    if Arch::of(arch, number).is_some() {
        return None;
    }
    Some(match Arch::name_of(arch, number) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("{arch:x}")),
    })
}
