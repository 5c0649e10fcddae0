//! Events in the shape of the Elastic Common Schema, one object per line.
//!
//! What the schema has a field for is there, with the type that the schema gives it: ids of users,
//! groups and inodes are text, pids are numbers. What it has none for is under `auditrd`, by the
//! names that it has in the default format. Ids that are not set are left out.

mod class;

use std::net::IpAddr;

use super::{list, nested::Nested, string};
use crate::model::{Action, AuditEvent, EventKind, Identity, Timestamp};

/// The version of the schema that the lines follow.
pub const VERSION: &str = "9.4.0";

/// Appends the line of an event, its line end included. `host` is the name of the host for events
/// that do not say which one they come from.
///
/// ```
/// use auditrd::{Arena, EventId, Groups, encode::ecs, parse_audit_event, record_type::*};
///
/// let mut groups = Groups::default();
/// groups
///     .begin(EventId::default(), b"")
///     .push(AUDIT_SYSCALL, b"arch=c000003e syscall=59 success=yes exit=0 pid=7 exe=\"/bin/id\"")
///     .push(AUDIT_EXECVE, b"argc=1 a0=\"id\"");
///
/// let (arena, mut lines) = (Arena::new(), Vec::new());
/// let event = parse_audit_event(&groups.last().unwrap(), &arena).unwrap();
/// ecs::line(&event, Some(b"web1"), &mut lines);
/// let line = String::from_utf8(lines).unwrap();
/// assert!(line.contains(r#""host":{"hostname":"web1"},"process":{"pid":7,"executable":"/bin/id""#));
/// ```
pub fn line(event: &AuditEvent, host: Option<&[u8]>, out: &mut Vec<u8>) {
    Nested::write(out, |line| {
        line.text("@timestamp", Some(&event.id.time.rfc3339()));
        line.object("ecs", |ecs| ecs.text("version", Some(VERSION.as_bytes())));
        line.object("event", |object| facts(event, object));
        line.object("host", |object| {
            object.text("hostname", event.node.or(host))
        });
        line.object("process", |object| process(event, object));
        line.object("user", |object| user(event, object));
        line.object("file", |object| file(event, object));
        line.object("source", |object| source(event, object));
        line.object("error", |object| {
            object.text("code", event.error.map(str::as_bytes));
        });
        line.object("related", |object| {
            object.texts("user", event.acct.into_iter());
            object.texts("ip", event.addr.filter(|text| is_ip(text)).into_iter());
        });
        let tags = event.key.unwrap_or_default().split(|byte| *byte == b',');
        line.texts("tags", tags.filter(|tag| !tag.is_empty()));
        line.object("auditrd", |object| rest(event, object));
    });
    out.push(b'\n');
}

/// Appends the line that says that something was lost, and how much of it. It is a
/// `pipeline_error`, the schema's word for trouble on the way that may have cost events.
pub fn loss(time: Timestamp, host: Option<&[u8]>, reason: &str, count: u64, out: &mut Vec<u8>) {
    let message = format!("{count} lost by {reason}");
    Nested::write(out, |line| {
        line.text("@timestamp", Some(&time.rfc3339()));
        line.object("ecs", |ecs| ecs.text("version", Some(VERSION.as_bytes())));
        line.object("event", |event| {
            event.text("kind", Some(b"pipeline_error"));
            event.texts("type", [&b"error"[..]].into_iter());
            event.text("action", Some(b"loss"));
            event.text("reason", Some(reason.as_bytes()));
            event.text("provider", Some(b"auditrd"));
        });
        line.object("host", |object| object.text("hostname", host));
        line.object("error", |error| {
            error.text("message", Some(message.as_bytes()))
        });
        line.object("auditrd", |rest| rest.number("count", Some(count)));
    });
    out.push(b'\n');
}

fn facts(event: &AuditEvent, object: &mut Nested) {
    let (category, types) = class::class(event);
    object.text("kind", Some(b"event"));
    object.texts("category", category.map(str::as_bytes).into_iter());
    object.texts("type", types.iter().map(|name| name.as_bytes()));
    let code = event.record_type.to_string();
    match (event.kind, event.action) {
        (EventKind::Process, _) if is_fork(event) => object.text("action", Some(b"forked")),
        (EventKind::Process, _) => object.text("action", Some(b"executed")),
        (_, Some(action)) => object.text("action", Some(action.name().as_bytes())),
        _ => {
            let action = code.to_ascii_lowercase().replace('_', "-");
            object.text("action", Some(action.as_bytes()));
        }
    }
    object.text("outcome", Some(outcome(event.success)));
    object.number("sequence", Some(event.id.serial));
    object.text("code", Some(code.as_bytes()));
    object.text("provider", Some(b"auditrd"));
}

/// Whether a process was made, and no program started.
pub(super) fn is_fork(event: &AuditEvent) -> bool {
    matches!(event.syscall, "fork" | "vfork" | "clone" | "clone3")
}

fn outcome(success: Option<&[u8]>) -> &'static [u8] {
    match success {
        Some(b"yes" | b"success") => b"success",
        Some(b"no" | b"failed") => b"failure",
        _ => b"unknown",
    }
}

/// The id, if it is set.
fn set(id: u32) -> Option<u32> {
    (id != Identity::UNSET).then_some(id)
}

fn process(event: &AuditEvent, object: &mut Nested) {
    let ids = &event.ids;
    object.number("pid", set(ids.pid));
    object.object("parent", |parent| parent.number("pid", set(ids.ppid)));
    object.text("name", event.comm);
    object.text("executable", event.exe);
    if let Some(argv) = event.argv {
        object.texts("args", argv.iter().copied());
        object.number("args_count", Some(argv.len()));
        object.text("command_line", event.commandline);
    } else {
        object.text("title", event.commandline);
    }
    object.text("working_directory", event.cwd);
    object.object("user", |user| user.id("id", set(ids.euid)));
    object.object("real_user", |user| user.id("id", set(ids.uid)));
    object.object("saved_user", |user| user.id("id", set(ids.suid)));
    object.object("real_group", |group| group.id("id", set(ids.gid)));
    object.object("saved_group", |group| group.id("id", set(ids.sgid)));
}

/// Who did it; for what a program says of an account, that account. The ids are the program's then,
/// and stay with the process: sshd's uid is not that of who logs in.
fn user(event: &AuditEvent, object: &mut Nested) {
    let ids = &event.ids;
    let is_of_iam = class::class(event).0 == Some("iam");
    match event.acct {
        Some(name) if !is_of_iam => object.text("name", Some(name)),
        target => {
            object.id("id", set(ids.uid));
            object.object("effective", |user| {
                user.id("id", set(ids.euid).filter(|id| *id != ids.uid));
            });
            object.object("group", |group| group.id("id", set(ids.gid)));
            object.object("target", |user| user.text("name", target));
        }
    }
}

/// The file that the event is about: of two names the second, whose inode it is.
fn file(event: &AuditEvent, object: &mut Nested) {
    if event.kind != EventKind::Fim {
        return;
    }
    let path = event.dest_path.or(event.path);
    object.text("path", path);
    if let Some(path) = path.filter(|path| path.starts_with(b"/")) {
        let (directory, name) = path.split_at(path.iter().rposition(|b| *b == b'/').unwrap_or(0));
        let directory = if directory.is_empty() {
            b"/"
        } else {
            directory
        };
        object.text("directory", Some(directory));
        object.text("name", name.get(1..).filter(|name| !name.is_empty()));
    }
    if event.action == Some(Action::Symlinked) {
        object.text("target_path", event.dest_path.and(event.path));
    }
    object.id("inode", event.inode);
    object.text("device", event.dev);
    if let Some((kind, permissions)) = event.mode.and_then(mode) {
        object.text("type", Some(kind));
        object.text("mode", Some(permissions.as_bytes()));
    }
    object.id("uid", event.ouid);
    object.id("gid", event.ogid);
}

/// The type of a file and its permissions, of an octal `st_mode`.
fn mode(text: &[u8]) -> Option<(&'static [u8], String)> {
    let mode = u32::from_str_radix(str::from_utf8(text).ok()?, 8).ok()?;
    let kind: &[u8] = match mode & libc::S_IFMT {
        libc::S_IFREG => b"file",
        libc::S_IFDIR => b"dir",
        libc::S_IFLNK => b"symlink",
        libc::S_IFSOCK => b"socket",
        libc::S_IFIFO => b"fifo",
        libc::S_IFBLK | libc::S_IFCHR => b"device",
        _ => return None,
    };
    Some((kind, format!("{:04o}", mode & 0o7777)))
}

fn source(event: &AuditEvent, object: &mut Nested) {
    object.text("address", event.addr.or(event.hostname));
    object.text("ip", event.addr.filter(|text| is_ip(text)));
    object.text("domain", event.hostname.filter(|text| !is_ip(text)));
}

fn is_ip(text: &[u8]) -> bool {
    str::from_utf8(text).is_ok_and(|text| text.parse::<IpAddr>().is_ok())
}

/// What the schema has no field for.
fn rest(event: &AuditEvent, object: &mut Nested) {
    let ids = &event.ids;
    object.text("arch", event.arch);
    if !event.syscall.is_empty() {
        object.text("syscall", Some(event.syscall.as_bytes()));
        object.number("exit", Some(event.exit));
    }
    object.id("auid", set(ids.auid));
    object.id("session", set(ids.session));
    object.id("egid", set(ids.egid));
    object.id("fsuid", set(ids.fsuid));
    object.id("fsgid", set(ids.fsgid));
    object.text("tty", event.tty);
    object.text("terminal", event.terminal);
    object.text("hostname", event.hostname.filter(|text| is_ip(text)));
    object.text("res", event.res);
    object.text("op", event.op);
    object.text("cmd", event.cmd);
    object.text("msg", event.msg);
    let of_two = event.dest_path.is_some() && event.action != Some(Action::Symlinked);
    let is_process = event.kind == EventKind::Process;
    object.text("path", event.path.filter(|_| of_two || is_process));
    let is_known = |success: &&[u8]| outcome(Some(success)) != b"unknown";
    object.text("success", event.success.filter(|text| !is_known(text)));
    object.text("mode", event.mode.filter(|text| mode(text).is_none()));
    object.fields("fields", event.fields);
    object.text("subj", event.subj);
    object.flag("path_unresolved", event.path_unresolved);
    object.flag("incomplete", event.incomplete);
    object.flag("truncated", event.truncated);
    object.object("hex", |hex| exact(event, hex));
}

/// The exact bytes of every text that is no UTF-8, by its key in the default format.
fn exact(event: &AuditEvent, hex: &mut Nested) {
    let is_bad = |text: &[u8]| str::from_utf8(text).is_err();
    for (key, text) in [
        ("node", event.node),
        ("arch", event.arch),
        ("success", event.success),
        ("msg", event.msg),
        ("terminal", event.terminal),
        ("hostname", event.hostname),
        ("res", event.res),
        ("tty", event.tty),
        ("comm", event.comm),
        ("key", event.key),
        ("cwd", event.cwd),
        ("exectuable", event.exe),
        ("commandline", event.commandline),
        ("path", event.path),
        ("dest_path", event.dest_path),
        ("dev", event.dev),
        ("mode", event.mode),
        ("op", event.op),
        ("acct", event.acct),
        ("addr", event.addr),
        ("cmd", event.cmd),
        ("subj", event.subj),
    ] {
        if let Some(text) = text.filter(|text| is_bad(text)) {
            hex.hex(key, text);
        }
    }
    let argv = event.argv.unwrap_or_default().iter().enumerate();
    hex.object("argv", |words| {
        for (index, word) in argv.filter(|(_, word)| is_bad(word)) {
            words.hex(itoa::Buffer::new().format(index), word);
        }
    });
    let mut fields = event
        .fields
        .iter()
        .filter(|(_, text)| is_bad(text))
        .peekable();
    if fields.peek().is_some() {
        hex.value("fields", |out| {
            list(b"{}", fields, out, |(key, text), out| {
                string(key, out);
                out.push(b':');
                super::hex(text, out);
            });
        });
    }
}
