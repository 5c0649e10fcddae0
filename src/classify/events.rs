//! Events, put together from the facts.

use bumpalo::Bump;

use crate::{
    classify::{commandline, names::Named},
    model::{
        Action, Arch, AuditEvent, AuditMessageGroup, EventKind, Identity, RecordType, errno_name,
        record_type::{AUDIT_EXECVE, AUDIT_PATH, AUDIT_URINGOP},
    },
    parse::{CallRecord, Facts, NameType, PathRecord, UserRecord},
};

/// An event that nothing is known of but its stamp.
pub(super) fn empty<'a>(group: &AuditMessageGroup<'a>) -> AuditEvent<'a> {
    AuditEvent {
        kind: EventKind::Process,
        id: group.id,
        node: (!group.node.is_empty()).then_some(group.node),
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
        incomplete: group.incomplete,
        truncated: group.truncated,
    }
}

/// What every event with a SYSCALL or URINGOP record has.
pub(super) fn call<'a>(event: &mut AuditEvent<'a>, call: &CallRecord<'a>, facts: &Facts<'a>) {
    let missing = call
        .items
        .is_some_and(|items| items as usize > facts.paths.len());
    // Of several operations that one call submitted, the first is shown.
    let missing = missing || facts.operations > 1;
    // Nothing ends an io_uring event in a log: it has neither EOE there nor a process title. It is
    // whole when it has as many names as it said.
    let ended = !event.incomplete || call.record_type == AUDIT_URINGOP && call.items.is_some();
    event.record_type = call.record_type;
    event.arch = call.arch.map(|(arch, text)| {
        Arch::name_of(arch, call.number.unwrap_or(0)).map_or(text, str::as_bytes)
    });
    event.success = call.success;
    event.exit = call.exit.unwrap_or(0);
    event.ids = call.ids;
    event.tty = call.tty;
    event.comm = call.comm;
    event.key = call.key;
    event.cwd = facts.cwd;
    event.exe = call.exe;
    event.error = (event.exit < 0).then(|| errno_name(event.exit)).flatten();
    event.subj = call.subj.or(facts.contexts);
    event.incomplete = !ended || missing;
}

pub(super) fn process<'a>(
    event: &mut AuditEvent<'a>,
    path: Option<&'a [u8]>,
    path_unresolved: bool,
    facts: &Facts<'a>,
    arena: &'a Bump,
) {
    event.path = path;
    event.path_unresolved = path_unresolved && path.is_some();
    // The process title of a failed exec is that of the program that tried.
    event.argv = facts.argv.map(|argv| argv.args);
    event.commandline = event.argv.map(|argv| commandline::join(argv, arena));
    event.incomplete |= facts.argv.is_some_and(|argv| !argv.complete);
}

pub(super) fn fork<'a>(event: &mut AuditEvent<'a>, facts: &Facts<'a>, arena: &'a Bump) {
    event.commandline = title(facts, arena);
}

/// The process title on one line.
fn title<'a>(facts: &Facts<'a>, arena: &'a Bump) -> Option<&'a [u8]> {
    facts
        .title(arena)
        .map(|title| commandline::title(title, arena))
}

pub(super) fn file<'a>(
    event: &mut AuditEvent<'a>,
    named: &Named<'a>,
    facts: &Facts<'a>,
    arena: &'a Bump,
) {
    let some = |text: &'a [u8]| (!text.is_empty()).then_some(text);
    event.kind = EventKind::Fim;
    event.commandline = title(facts, arena);
    event.path = named.path;
    event.dest_path = named.dest_path;
    event.action = Some(named.action);
    event.path_unresolved = named.unresolved;
    if let Some(subject) = &named.subject {
        event.inode = subject.inode;
        event.dev = some(subject.dev);
        event.mode = some(subject.mode);
        event.ouid = subject.ouid;
        event.ogid = subject.ogid;
    }
}

pub(super) fn user<'a>(
    event: &mut AuditEvent<'a>,
    user: &UserRecord<'a>,
    facts: &Facts<'a>,
    arena: &'a Bump,
) {
    // LOGIN, and user records of some kernels, come inside the syscall that caused them.
    let call = facts.call;
    let from_call = |get: fn(&CallRecord<'a>) -> Option<&'a [u8]>| call.and_then(get);
    event.kind = EventKind::User;
    event.record_type = user.record_type;
    event.success = user.res.or(from_call(|call| call.success)).map(outcome);
    event.ids = user.ids.or(call.map(|call| call.ids).unwrap_or_default());
    event.msg = user.msg;
    event.terminal = user.terminal;
    event.hostname = user.hostname;
    event.res = user.res;
    event.tty = user.tty;
    event.comm = from_call(|call| call.comm).or(user.comm);
    event.key = user.key(arena).or(from_call(|call| call.key));
    event.cwd = user.cwd.or(facts.cwd);
    event.exe = from_call(|call| call.exe).or(user.exe);
    event.op = user.op;
    event.acct = user.acct;
    event.addr = user.addr;
    event.cmd = user.cmd;
    event.fields = user.fields.clone().into_bump_slice();
    event.subj = user.subj.or(from_call(|call| call.subj));
    // What a program says is one record, whether anything comes after it or not.
    event.incomplete = false;
    event.truncated |= user.truncated;
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
pub(super) fn orphan<'a>(
    event: &mut AuditEvent<'a>,
    facts: &Facts<'a>,
    arena: &'a Bump,
) -> Option<()> {
    event.cwd = facts.cwd;
    event.incomplete = true;
    let touched = |path: &&PathRecord| matches!(path.nametype, NameType::Create | NameType::Delete);
    if facts.argv.is_some() {
        let path = facts.paths.first().and_then(|path| path.name);
        let full = path.is_some_and(|path| path.starts_with(b"/"));
        event.record_type = AUDIT_EXECVE;
        process(event, path, !full, facts, arena);
        return Some(());
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
    event.record_type = AUDIT_PATH;
    file(event, &named, facts, arena);
    Some(())
}
