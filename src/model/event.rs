//! One event, as one line of output describes it.

use crate::model::{
    Actor, Attributes, AuditDetail, Container, Detail, EventId, EventKind, EventRecord, FileDetail,
    Login, Parent, ProcessDetail, RecordType, Repeats, SocketDetail, UserDetail, Who,
};

/// One event: the parts that all kinds have, and the [`Detail`] of its own kind.
///
/// Texts are borrowed from the records, or from the arena that they were decoded into. They are
/// bytes, because file names and arguments need not be UTF-8.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditEvent<'a> {
    /// The time and serial in the stamp that the records share.
    pub id: EventId,
    /// The host name in the `node=` prefix of a log; absent for the local host.
    pub node: Option<&'a [u8]>,
    /// The type of the record that names the event, such as `SYSCALL` or `USER_LOGIN`.
    pub record_type: RecordType,
    /// The architecture of the call, such as `x86_64`; in hex, as printed, if it has no name.
    pub arch: Option<&'a [u8]>,
    /// The outcome: `yes` or `no` for a syscall; `success` or `failed` for a record from user
    /// space, or the program's own word. Absent for a call that does not return.
    pub success: Option<&'a [u8]>,
    /// The name of the syscall or io_uring operation on its architecture, `unknown(N)` for a number
    /// that has no name, and empty for an event without a call.
    pub syscall: &'a str,
    /// The return value of the call: negative for an error, and 0 if no record has it.
    pub exit: i64,
    /// The name of the error that a negative `exit` stands for, such as `ENOENT`.
    pub error: Option<&'a str>,
    /// The process that did it.
    pub actor: Actor<'a>,
    /// The keys of the rules that matched, joined with commas (`key`).
    pub key: Option<&'a [u8]>,
    /// The working directory of the process (CWD).
    pub cwd: Option<&'a [u8]>,
    /// The part that depends on the kind of the event.
    pub detail: Detail<'a>,
    /// The records that have no keys of their own, such as AVC. Records of one type are adjacent.
    pub records: &'a [EventRecord<'a>],
    /// What is known of the process and its user besides.
    pub who: Who<'a>,
    /// Whether a record is missing: the end of the event never came, or fewer records than were
    /// promised.
    pub incomplete: bool,
    /// Whether a bound cut the event, or its input did.
    pub truncated: bool,
    /// Whether a record of the event came through a relay, such as syslog, to which any program may
    /// write.
    pub relayed: bool,
    /// Whether secrets were taken out of the records of the event.
    pub redacted: bool,
    /// The events that it stands for, if these are several.
    pub repeats: Option<Repeats>,
}

/// One of the texts of an event, to read or to replace.
#[derive(Debug)]
pub(crate) enum Text<'e, 'a> {
    /// A single text.
    One(&'e mut Option<&'a [u8]>),
    /// A list of texts.
    List(&'e mut Option<&'a [&'a [u8]]>),
    /// Names and their texts.
    Map(&'e mut &'a [(&'a [u8], &'a [u8])]),
    /// Records with their fields.
    Records(&'e mut &'a [EventRecord<'a>]),
}

impl<'a> AuditEvent<'a> {
    /// The kind of the event.
    #[inline]
    pub fn kind(&self) -> EventKind {
        self.detail.kind()
    }

    /// Visits every text that comes from a record, with its key in the event line, in the order of
    /// the line. The names of calls and errors come from tables and are short.
    ///
    /// Nothing here is left out with `..`: a new field does not compile until it is either visited
    /// or said to be no text, so that every text is cut to the length of a line and written
    /// exactly.
    pub(crate) fn texts_mut(&mut self, mut visit: impl FnMut(&'static str, Text<'_, 'a>)) {
        let AuditEvent {
            id: _,
            node,
            record_type: _,
            arch,
            success,
            syscall: _,
            exit: _,
            error: _,
            actor,
            key,
            cwd,
            detail,
            records,
            who,
            incomplete: _,
            truncated: _,
            relayed: _,
            redacted: _,
            repeats: _,
        } = self;
        let Actor {
            ids: _,
            tty,
            comm,
            exe,
            subj,
        } = actor;
        visit("node", Text::One(node));
        visit("arch", Text::One(arch));
        visit("success", Text::One(success));
        detail.leading_texts_mut(&mut visit);
        visit("tty", Text::One(tty));
        visit("comm", Text::One(comm));
        visit("key", Text::One(key));
        visit("cwd", Text::One(cwd));
        visit("exectuable", Text::One(exe));
        detail.texts_mut(&mut visit);
        visit("subj", Text::One(subj));
        visit("records", Text::Records(records));
        who.texts_mut(&mut visit);
    }
}

impl<'a> Who<'a> {
    /// Visits all texts. A text that is always there is visited as one that is.
    fn texts_mut(&mut self, visit: &mut impl FnMut(&'static str, Text<'_, 'a>)) {
        let Who {
            parent,
            entity_id,
            ancestors,
            login,
            names,
            container,
            unit,
            script,
        } = self;
        if let Some(Parent {
            pid: _,
            exe,
            commandline,
            origin: _,
            edition: _,
        }) = parent
        {
            visit_present("parent.exe", exe, visit);
            visit("parent.commandline", Text::One(commandline));
        }
        visit("entity_id", Text::One(entity_id));
        visit("ancestors", Text::List(ancestors));
        if let Some(Login {
            acct,
            addr,
            terminal,
            since: _,
        }) = login
        {
            visit("login.acct", Text::One(acct));
            visit("login.addr", Text::One(addr));
            visit("login.terminal", Text::One(terminal));
        }
        visit("names", Text::Map(names));
        if let Some(Container {
            id,
            runtime,
            pod_uid,
        }) = container
        {
            visit_present("container.id", id, visit);
            visit("container.runtime", Text::One(runtime));
            visit("container.pod_uid", Text::One(pod_uid));
        }
        visit("unit", Text::One(unit));
        visit("script", Text::One(script));
    }
}

/// Visits a text that is always there.
fn visit_present<'a>(
    key: &'static str,
    text: &mut &'a [u8],
    visit: &mut impl FnMut(&'static str, Text<'_, 'a>),
) {
    let mut some = Some(*text);
    visit(key, Text::One(&mut some));
    *text = some.unwrap_or_default();
}

impl<'a> Detail<'a> {
    /// Visits the texts that the line has before the process and its rule.
    fn leading_texts_mut(&mut self, visit: &mut impl FnMut(&'static str, Text<'_, 'a>)) {
        match self {
            Detail::Process(_) | Detail::File(_) | Detail::Socket(_) | Detail::Audit(_) => {}
            Detail::User(UserDetail {
                msg,
                terminal,
                hostname,
                res,
                op: _,
                acct: _,
                addr: _,
                cmd: _,
                fields: _,
            }) => {
                visit("msg", Text::One(msg));
                visit("terminal", Text::One(terminal));
                visit("hostname", Text::One(hostname));
                visit("res", Text::One(res));
            }
        }
    }

    /// Visits the other texts.
    fn texts_mut(&mut self, visit: &mut impl FnMut(&'static str, Text<'_, 'a>)) {
        match self {
            Detail::Process(ProcessDetail {
                action: _,
                commandline,
                path,
                real_path,
                path_unresolved: _,
                argv,
                attributes,
            }) => {
                visit("commandline", Text::One(commandline));
                visit("path", Text::One(path));
                visit("real_path", Text::One(real_path));
                visit("argv", Text::List(argv));
                attributes.texts_mut(visit);
            }
            Detail::File(FileDetail {
                action: _,
                commandline,
                path,
                dest_path,
                real_path,
                real_dest_path,
                path_unresolved: _,
                attributes,
            }) => {
                visit("commandline", Text::One(commandline));
                visit("path", Text::One(path));
                visit("dest_path", Text::One(dest_path));
                visit("real_path", Text::One(real_path));
                visit("real_dest_path", Text::One(real_dest_path));
                attributes.texts_mut(visit);
            }
            Detail::User(UserDetail {
                msg: _,
                terminal: _,
                hostname: _,
                res: _,
                op,
                acct,
                addr,
                cmd,
                fields,
            }) => {
                visit("op", Text::One(op));
                visit("acct", Text::One(acct));
                visit("addr", Text::One(addr));
                visit("cmd", Text::One(cmd));
                visit("fields", Text::Map(fields));
            }
            Detail::Socket(detail) => detail.texts_mut(visit),
            Detail::Audit(AuditDetail {
                action,
                commandline,
                path,
                real_path,
                path_unresolved: _,
            }) => {
                visit("commandline", Text::One(commandline));
                visit("path", Text::One(path));
                visit("real_path", Text::One(real_path));
                visit("action", Text::One(action));
            }
        }
    }
}

impl<'a> SocketDetail<'a> {
    fn texts_mut(&mut self, visit: &mut impl FnMut(&'static str, Text<'_, 'a>)) {
        let SocketDetail {
            action: _,
            status: _,
            commandline,
            family,
            local_address,
            local_port: _,
            remote_address,
            remote_port: _,
            socket,
            fd: _,
            path,
            real_path,
            path_unresolved: _,
            attributes,
        } = self;
        visit("commandline", Text::One(commandline));
        visit("path", Text::One(path));
        visit("real_path", Text::One(real_path));
        visit("family", Text::One(family));
        visit("local_address", Text::One(local_address));
        visit("remote_address", Text::One(remote_address));
        visit("socket", Text::One(socket));
        attributes.texts_mut(visit);
    }
}

impl<'a> Attributes<'a> {
    fn texts_mut(&mut self, visit: &mut impl FnMut(&'static str, Text<'_, 'a>)) {
        let Attributes {
            inode: _,
            dev,
            mode,
            ouid: _,
            ogid: _,
        } = self;
        visit("dev", Text::One(dev));
        visit("mode", Text::One(mode));
    }
}
