//! Events, put together from the facts.

use bumpalo::Bump;

use crate::{
    classify::{commandline, names::Named, unknown_syscall},
    model::{
        Action, Actor, Arch, Attributes, AuditDetail, AuditEvent, AuditMessageGroup, Detail,
        FileDetail, ProcessAction, ProcessDetail, RecordType, UserDetail, Who, errno_name_on,
        record_type::{AUDIT_EXECVE, AUDIT_PATH, AUDIT_URINGOP},
    },
    parse::{CallRecord, Facts, NameType, PathRecord, UserRecord},
    resolve::Located,
};

/// An event of a group without a call, a process and a detail.
#[inline(always)]
fn blank<'a>(
    group: &AuditMessageGroup<'a>,
    record_type: RecordType,
    facts: &Facts<'a>,
) -> AuditEvent<'a> {
    AuditEvent {
        id: group.id,
        node: (!group.node.is_empty()).then_some(group.node),
        record_type,
        arch: None,
        success: None,
        syscall: "",
        exit: 0,
        error: None,
        actor: Actor {
            subj: facts.contexts,
            ..Actor::default()
        },
        key: None,
        cwd: facts.cwd,
        detail: Detail::Audit(AuditDetail::default()),
        records: &[],
        who: Who::default(),
        incomplete: group.incomplete,
        truncated: group.truncated,
        relayed: group.relayed,
        redacted: group.redacted,
        repeats: None,
    }
}

/// The event of a call, without its detail. It is built in the arena, where the caller sets that,
/// because copying it is expensive.
pub(super) fn call<'a>(
    group: &AuditMessageGroup<'a>,
    call: &CallRecord<'a>,
    name: Option<&'static str>,
    facts: &Facts<'a>,
    arena: &'a Bump,
) -> &'a mut AuditEvent<'a> {
    let exit = call.exit.unwrap_or(0);
    let arch = call.arch.map(|(arch, text)| {
        Arch::name_of(arch, call.number.unwrap_or(0)).map_or(text, str::as_bytes)
    });
    let audit_arch = call.arch.map_or(0, |(arch, _)| arch);
    let syscall = name.unwrap_or_else(|| unknown_syscall(call.number, arena));
    arena.alloc_with(|| AuditEvent {
        arch,
        success: call.success,
        syscall,
        exit,
        error: (exit < 0)
            .then(|| errno_name_on(audit_arch, exit))
            .flatten(),
        actor: Actor {
            ids: call.ids,
            tty: call.tty,
            comm: call.comm,
            exe: call.exe,
            subj: call.subj.or(facts.contexts),
        },
        key: call.key,
        ..blank(group, call.record_type, facts)
    })
}

/// Sets the keys of the event of a call that depend on its detail.
pub(super) fn complete<'a>(
    event: &mut AuditEvent<'a>,
    group: &AuditMessageGroup<'a>,
    call: &CallRecord<'a>,
    facts: &Facts<'a>,
) {
    event.incomplete = is_incomplete(group, call, facts, &event.detail);
    if let Detail::Process(process) = &event.detail
        && process.action == ProcessAction::Exited
    {
        // The parent gets eight bits of it (kernel/exit.c).
        event.exit = call.arg(0).map_or(0, |status| i64::from(status as u8));
        event.error = None;
    }
}

/// Whether a call is without a record that it should have.
fn is_incomplete(
    group: &AuditMessageGroup,
    call: &CallRecord,
    facts: &Facts,
    detail: &Detail,
) -> bool {
    // Nothing ends an io_uring event in a log: it has neither EOE there nor a process title. It is
    // whole when it has as many names as it said.
    let has_ended = !group.incomplete || call.record_type == AUDIT_URINGOP && call.items.is_some();
    // Of several operations that one call submitted, only the first is shown.
    let lacks_operations = facts.operations > 1;
    let lacks_arguments = match detail {
        Detail::Process(process) => process.argv.is_some() && !has_all_arguments(facts),
        Detail::File(_) | Detail::User(_) | Detail::Socket(_) | Detail::Audit(_) => false,
    };
    !has_ended || facts.lacks_paths() || lacks_operations || lacks_arguments
}

fn has_all_arguments(facts: &Facts) -> bool {
    facts.argv.is_none_or(|argv| argv.complete)
}

/// The execution of a program, successful or not.
pub(super) fn exec<'a>(
    program: Located<'a>,
    record: Option<&'a PathRecord<'a>>,
    facts: &Facts<'a>,
    arena: &'a Bump,
) -> Detail<'a> {
    // The process title of a failed exec is that of the program that tried.
    let argv = facts.argv.map(|argv| argv.args);
    Detail::Process(ProcessDetail {
        action: ProcessAction::Executed,
        commandline: argv.map(|argv| commandline::join(argv, arena)),
        path: program.path,
        real_path: program.real,
        path_unresolved: !program.is_full && program.path.is_some(),
        argv,
        attributes: record.map(attributes).unwrap_or_default(),
    })
}

/// The beginning or the end of a process or thread.
pub(super) fn process(action: ProcessAction, title: Option<&[u8]>) -> Detail<'_> {
    Detail::Process(ProcessDetail {
        action,
        commandline: title,
        path: None,
        real_path: None,
        path_unresolved: false,
        argv: None,
        attributes: Attributes::default(),
    })
}

/// An operation on a file.
pub(super) fn file<'a>(named: &Named<'a>, title: Option<&'a [u8]>) -> Detail<'a> {
    Detail::File(FileDetail {
        action: named.action,
        commandline: title,
        path: named.path,
        dest_path: named.dest_path,
        real_path: named.real_path,
        real_dest_path: named.real_dest_path,
        path_unresolved: named.unresolved,
        attributes: named.subject.map(attributes).unwrap_or_default(),
    })
}

/// The attributes of a file in its record.
pub(super) fn attributes<'a>(record: &PathRecord<'a>) -> Attributes<'a> {
    let some = |text: &'a [u8]| (!text.is_empty()).then_some(text);
    Attributes {
        inode: record.inode,
        dev: some(record.dev),
        mode: some(record.mode),
        ouid: record.ouid,
        ogid: record.ogid,
    }
}

/// The event of a record from user space, or of LOGIN.
pub(super) fn user<'a>(
    group: &AuditMessageGroup<'a>,
    user: &'a UserRecord<'a>,
    facts: &Facts<'a>,
    arena: &'a Bump,
) -> &'a mut AuditEvent<'a> {
    let event = arena.alloc_with(|| blank(group, user.record_type, facts));
    // LOGIN, and user records of some kernels, come inside the syscall that caused them.
    let call = facts.call;
    let from_call = |get: fn(&CallRecord<'a>) -> Option<&'a [u8]>| call.and_then(get);
    event.success = user.res.or(from_call(|call| call.success)).map(outcome);
    event.actor.ids = user.ids.or(call.map(|call| call.ids).unwrap_or_default());
    event.actor.tty = user.tty;
    event.actor.comm = from_call(|call| call.comm).or(user.comm);
    event.actor.exe = from_call(|call| call.exe).or(user.exe);
    event.actor.subj = user.subj.or(from_call(|call| call.subj)).or(facts.contexts);
    event.key = user.key(arena).or(from_call(|call| call.key));
    event.cwd = user.cwd.or(facts.cwd);
    event.detail = Detail::User(UserDetail {
        msg: user.msg,
        terminal: user.terminal,
        hostname: user.hostname,
        res: user.res,
        op: user.op,
        acct: user.acct,
        addr: user.addr,
        cmd: user.cmd,
        fields: user.fields(),
    });
    // The record is the whole event, so nothing can be missing behind it.
    event.incomplete = false;
    event.truncated |= user.is_truncated();
    event
}

/// The outcome as `success` or `failed`, in whichever word the program reported it.
pub(super) fn outcome(res: &[u8]) -> &[u8] {
    match res {
        b"1" | b"yes" | b"success" => b"success",
        b"0" | b"no" | b"failed" | b"failure" => b"failed",
        other => other,
    }
}

/// The event of records whose SYSCALL record never came: the execution of a program if there are
/// arguments, or the creation or removal of a file if a PATH record tells of one.
pub(super) fn orphan<'a>(
    group: &AuditMessageGroup<'a>,
    facts: &Facts<'a>,
    title: Option<&'a [u8]>,
    arena: &'a Bump,
) -> Option<&'a mut AuditEvent<'a>> {
    let (record_type, detail) = orphan_detail(facts, title, arena)?;
    let event = without_call(group, record_type, facts, detail, arena);
    event.incomplete = true;
    Some(event)
}

/// The event of records without a call.
pub(super) fn without_call<'a>(
    group: &AuditMessageGroup<'a>,
    record_type: RecordType,
    facts: &Facts<'a>,
    detail: Detail<'a>,
    arena: &'a Bump,
) -> &'a mut AuditEvent<'a> {
    let event = arena.alloc_with(|| blank(group, record_type, facts));
    event.detail = detail;
    event
}

fn orphan_detail<'a>(
    facts: &Facts<'a>,
    title: Option<&'a [u8]>,
    arena: &'a Bump,
) -> Option<(RecordType, Detail<'a>)> {
    let is_full = |path: Option<&[u8]>| path.is_some_and(|path| path.starts_with(b"/"));
    if facts.argv.is_some() {
        let first = facts.paths.first().filter(|path| path.item == 0);
        let path = first.and_then(|path| path.name);
        let program = Located {
            is_full: is_full(path),
            ..Located::partial(path)
        };
        return Some((AUDIT_EXECVE, exec(program, first, facts, arena)));
    }
    let is_touched =
        |path: &&PathRecord| matches!(path.nametype, NameType::Create | NameType::Delete);
    let path = facts.paths.iter().find(is_touched)?;
    let named = Named {
        action: match path.nametype {
            NameType::Create => Action::Created,
            _ => Action::Deleted,
        },
        path: path.name,
        dest_path: None,
        real_path: None,
        real_dest_path: None,
        subject: Some(path),
        // Without the call it is not known that this is the name that it is about.
        unresolved: true,
        exchanged: false,
        follows: false,
    };
    Some((AUDIT_PATH, file(&named, title)))
}
