//! From facts to an event: which kind it is, which names belong in it, and what it teaches about
//! paths for the events after it.

mod calls;
mod commandline;
mod learn;
mod names;
mod syscall;

use bumpalo::Bump;

pub use calls::{is_exec_syscall, is_fim_syscall};
pub use syscall::{errno_name, syscall_name, syscall_number, uring_op_name};

use crate::{
    model::{
        Action, Arch, AuditEvent, AuditMessageGroup, EventKind, Identity, RecordType,
        record_type::{AUDIT_EXECVE, AUDIT_PATH, AUDIT_URINGOP},
    },
    parse::{CallRecord, Facts, NameType, PathRecord, UserRecord, facts},
    resolve::{Absent, Host, Resolver},
};
use calls::{Call, known, uring_call};
use names::{Named, Namer};

/// Hosts whose paths are remembered at a time; logs of more are rare.
const NODES: usize = 64;

/// Turns the records of events into events, and remembers what they say of paths.
pub struct Classifier {
    memories: Vec<(Vec<u8>, Resolver)>,
    host: Box<dyn Host + Send>,
}

impl Classifier {
    /// A classifier that remembers nothing yet. `host` is the live system that the records come
    /// from, or [`Absent`].
    pub fn new(host: Box<dyn Host + Send>) -> Classifier {
        Classifier {
            memories: Vec::new(),
            host,
        }
    }

    /// The event that a group of records is, or `None` if it is none of the three kinds.
    ///
    /// Groups must come in the order in which the kernel finished them, since paths are resolved
    /// by what came before. Text that had to be built lies in `arena`, to be reset when the event
    /// is no longer needed.
    pub fn classify<'a>(
        &mut self,
        group: &'a AuditMessageGroup,
        arena: &'a Bump,
    ) -> Option<AuditEvent<'a>> {
        let facts = facts(group, arena);
        let event = AuditEvent {
            incomplete: group.incomplete,
            truncated: group.truncated,
            ..empty(group)
        };
        if let Some(user) = &facts.user {
            return Some(user_event(event, user, &facts));
        }
        let Some(call) = &call_of(&facts) else {
            return orphan(event, &facts, arena);
        };
        let event = call_event(event, call, &facts, arena);
        let (name, call_kind) = identify(call);
        let event = AuditEvent {
            syscall: name.unwrap_or_else(|| unknown_syscall(call.number, arena)),
            ..event
        };
        let memory = memory(&mut self.memories, &group.node);
        let mut namer = Namer {
            call,
            facts: &facts,
            memory,
            host: &*self.host,
            arena,
        };
        match call_kind? {
            Call::Exec(dir) => {
                let (path, resolved) = namer.program(dir);
                learn::executed(&mut namer);
                Some(process_event(event, path, !resolved, &facts, arena))
            }
            Call::Fork => {
                learn::forked(&mut namer);
                Some(fork_event(event, &facts, arena))
            }
            Call::File(action, names) => {
                let named = namer.file(action, names);
                learn::file(&mut namer, &named, names);
                Some(file_event(event, &named, &facts, arena))
            }
            Call::Fcntl => {
                learn::fcntl(&mut namer);
                None
            }
        }
    }
}

/// The event that a group of records is, without any memory of events before it.
///
/// A [`Classifier`] resolves more paths, because it remembers which descriptor is which file.
///
/// ```
/// use auditrd::{Arena, AuditMessageGroup, EventId, EventKind, parse_audit_event, record_type::*};
///
/// let mut group = AuditMessageGroup::new(EventId::default(), b"");
/// group.push(AUDIT_SYSCALL, b"arch=c000003e syscall=87 success=yes exit=0 items=2 pid=7 uid=0");
/// group.push(AUDIT_CWD, b"cwd=\"/tmp\"");
/// group.push(AUDIT_PATH, b"item=0 name=\"/tmp\" inode=2 dev=fe:00 nametype=PARENT");
/// group.push(AUDIT_PATH, b"item=1 name=\"x\" inode=3 dev=fe:00 nametype=DELETE");
///
/// let arena = Arena::new();
/// let event = parse_audit_event(&group, &arena).unwrap();
/// assert_eq!((event.kind, event.syscall), (EventKind::Fim, "unlink"));
/// assert_eq!(event.path, Some(&b"/tmp/x"[..]));
/// ```
#[doc(alias = "ParseAuditEvent")]
pub fn parse_audit_event<'a>(
    group: &'a AuditMessageGroup,
    arena: &'a Bump,
) -> Option<AuditEvent<'a>> {
    Classifier::new(Box::new(Absent)).classify(group, arena)
}

/// The memory of one host. Logs of many hosts are short lists of them, so this is a search.
fn memory<'m>(memories: &'m mut Vec<(Vec<u8>, Resolver)>, node: &[u8]) -> &'m mut Resolver {
    let index = memories
        .iter()
        .position(|(name, _)| name == node)
        .unwrap_or_else(|| {
            if memories.len() >= NODES {
                memories.clear();
            }
            memories.push((node.to_vec(), Resolver::new()));
            memories.len() - 1
        });
    &mut memories[index].1
}

/// The call that an event is about. Where the SYSCALL record is only that of the io_uring_enter
/// that ran an operation, it is the operation, and the SYSCALL record tells who did it.
fn call_of<'a>(facts: &Facts<'a>) -> Option<CallRecord<'a>> {
    match (facts.call, facts.uring) {
        (Some(call), Some(uring)) if identify(&call).1.is_none() => Some(CallRecord {
            ids: call.ids,
            tty: call.tty,
            comm: call.comm,
            exe: call.exe,
            key: uring.key.or(call.key),
            subj: uring.subj.or(call.subj),
            ..uring
        }),
        (call, uring) => call.or(uring),
    }
}

/// The name of a call and what it means.
fn identify(call: &CallRecord) -> (Option<&'static str>, Option<Call>) {
    let Some(number) = call.number else {
        return (None, None);
    };
    if call.kind == AUDIT_URINGOP {
        let name = uring_op_name(number);
        return (name, name.and_then(uring_call));
    }
    let arch = call.arch.and_then(|(arch, _)| Arch::of(arch, number));
    let known = arch.map(|arch| known(arch, number)).unwrap_or_default();
    (known.name, known.call)
}

fn unknown_syscall(number: Option<u32>, arena: &Bump) -> &str {
    match number {
        Some(number) => bumpalo::format!(in arena, "unknown({})", number).into_bump_str(),
        None => "",
    }
}

/// An event that nothing is known of but its stamp.
fn empty(group: &AuditMessageGroup) -> AuditEvent<'_> {
    AuditEvent {
        kind: EventKind::Process,
        id: group.id,
        node: (!group.node.is_empty()).then_some(&group.node),
        record_type: RecordType(0),
        arch: None,
        success: None,
        syscall: "",
        exit: 0,
        ids: Identity::default(),
        msg: None,
        terminal: None,
        hostname: None,
        res: None,
        tty: None,
        comm: None,
        key: None,
        cwd: None,
        exe: None,
        commandline: None,
        path: None,
        dest_path: None,
        argv: None,
        action: None,
        inode: None,
        dev: None,
        mode: None,
        ouid: None,
        ogid: None,
        error: None,
        path_unresolved: false,
        op: None,
        acct: None,
        addr: None,
        cmd: None,
        fields: &[],
        subj: None,
        incomplete: false,
        truncated: false,
    }
}

/// What every event with a SYSCALL or URINGOP record has.
fn call_event<'a>(
    event: AuditEvent<'a>,
    call: &CallRecord<'a>,
    facts: &Facts<'a>,
    arena: &'a Bump,
) -> AuditEvent<'a> {
    let missing = call
        .items
        .is_some_and(|items| items as usize > facts.paths.len());
    let exit = call.exit.unwrap_or(0);
    AuditEvent {
        record_type: call.kind,
        arch: call.arch.map(|(arch, text)| {
            Arch::name_of(arch, call.number.unwrap_or(0)).map_or(text, str::as_bytes)
        }),
        success: call.success,
        exit,
        ids: call.ids,
        tty: call.tty,
        comm: call.comm,
        key: call.key,
        cwd: facts.cwd,
        exe: call.exe,
        commandline: facts
            .proctitle
            .map(|title| commandline::title(title, arena)),
        error: (exit < 0).then(|| errno_name(exit)).flatten(),
        subj: call.subj.or(facts.contexts),
        incomplete: event.incomplete || missing,
        ..event
    }
}

fn process_event<'a>(
    event: AuditEvent<'a>,
    path: Option<&'a [u8]>,
    path_unresolved: bool,
    facts: &Facts<'a>,
    arena: &'a Bump,
) -> AuditEvent<'a> {
    let argv = facts.argv.map(|argv| argv.args);
    AuditEvent {
        kind: EventKind::Process,
        path,
        path_unresolved: path_unresolved && path.is_some(),
        // The process title of a failed exec is that of the program that tried.
        commandline: argv.map(|argv| commandline::join(argv, arena)),
        argv,
        incomplete: event.incomplete || facts.argv.is_some_and(|argv| !argv.complete),
        ..event
    }
}

fn fork_event<'a>(event: AuditEvent<'a>, facts: &Facts<'a>, arena: &'a Bump) -> AuditEvent<'a> {
    let commandline = facts
        .proctitle
        .map(|title| commandline::title(title, arena));
    AuditEvent {
        kind: EventKind::Process,
        commandline,
        ..event
    }
}

fn file_event<'a>(
    event: AuditEvent<'a>,
    named: &Named<'a>,
    facts: &Facts<'a>,
    arena: &'a Bump,
) -> AuditEvent<'a> {
    let some = |text: &'a [u8]| (!text.is_empty()).then_some(text);
    let subject = named.subject.unwrap_or_default();
    AuditEvent {
        kind: EventKind::Fim,
        commandline: facts
            .proctitle
            .map(|title| commandline::title(title, arena)),
        path: named.path,
        dest_path: named.dest_path,
        action: Some(named.action),
        inode: subject.inode,
        dev: some(subject.dev),
        mode: some(subject.mode),
        ouid: subject.ouid,
        ogid: subject.ogid,
        path_unresolved: named.unresolved,
        ..event
    }
}

fn user_event<'a>(
    event: AuditEvent<'a>,
    user: &UserRecord<'a>,
    facts: &Facts<'a>,
) -> AuditEvent<'a> {
    // LOGIN, and user records of some kernels, come inside the syscall that caused them.
    let call = facts.call.as_ref();
    let from_call = |get: fn(&CallRecord<'a>) -> Option<&'a [u8]>| call.and_then(get);
    AuditEvent {
        kind: EventKind::User,
        record_type: user.kind,
        success: user.res.map(outcome).or(from_call(|call| call.success)),
        ids: user.ids,
        msg: user.msg,
        terminal: user.terminal,
        hostname: user.hostname,
        res: user.res,
        tty: user.tty,
        comm: from_call(|call| call.comm).or(user.comm),
        key: user.key.or(from_call(|call| call.key)),
        cwd: user.cwd.or(facts.cwd),
        exe: from_call(|call| call.exe).or(user.exe),
        op: user.op,
        acct: user.acct,
        addr: user.addr,
        cmd: user.cmd,
        fields: user.fields.clone().into_bump_slice(),
        subj: user.subj.or(from_call(|call| call.subj)),
        ..event
    }
}

/// `success` or `failed`, in whatever words the program said it.
fn outcome(res: &[u8]) -> &[u8] {
    match res {
        b"1" | b"yes" | b"success" => b"success",
        b"0" | b"no" | b"failed" | b"failure" => b"failed",
        other => other,
    }
}

/// What is left of an event whose SYSCALL record never came: a program that was started if there
/// are arguments, a file that was made or removed if a PATH record says so.
fn orphan<'a>(event: AuditEvent<'a>, facts: &Facts<'a>, arena: &'a Bump) -> Option<AuditEvent<'a>> {
    let event = AuditEvent {
        cwd: facts.cwd,
        incomplete: true,
        ..event
    };
    let touched = |path: &&PathRecord| matches!(path.nametype, NameType::Create | NameType::Delete);
    if facts.argv.is_some() {
        let path = facts.paths.first().and_then(|path| path.name);
        let event = AuditEvent {
            record_type: AUDIT_EXECVE,
            ..event
        };
        let full = path.is_some_and(|path| path.starts_with(b"/"));
        return Some(process_event(event, path, !full, facts, arena));
    }
    let path = facts.paths.iter().find(touched).copied()?;
    let created = path.nametype == NameType::Create;
    let named = Named {
        action: if created {
            Action::Created
        } else {
            Action::Deleted
        },
        path: path.name,
        dest_path: None,
        subject: Some(path),
        unresolved: !path.name.is_some_and(|name| name.starts_with(b"/")),
        exchanged: false,
    };
    Some(file_event(
        AuditEvent {
            record_type: AUDIT_PATH,
            ..event
        },
        &named,
        facts,
        arena,
    ))
}
