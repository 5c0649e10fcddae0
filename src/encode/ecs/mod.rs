//! Events in the shape of the Elastic Common Schema, one object per line.
//!
//! Members that the schema has a field for go there, with the type of that field: ids of users,
//! groups and inodes are text, process ids are numbers. All others go under `auditrd`, by their keys
//! in the default format. Ids that are not set are left out.

mod action;
mod class;
mod network;
mod words;

use std::net::IpAddr;

use super::{by_type, list, nested::Nested, string};
use crate::model::{
    Action, Attributes, AuditEvent, Detail, EventRecord, FileDetail, Identity, Status, Text,
    Timestamp, UserDetail, Who,
};

/// The version of the schema that the lines follow.
pub const VERSION: &str = "9.4.0";

/// `event.dataset`, that of the other readers of audit records, which stored rules ask for.
const DATASET: &[u8] = b"auditd_manager.auditd";

/// The beginning of every line, by which a line that was cut short in a file is recognised.
pub const BEGINNING: &[u8] = br#"{"@timestamp":""#;

/// Appends the line of an event, with its line end. `host` is the name of the host for events
/// without a [`node`](AuditEvent::node).
///
/// ```
/// use auditrd::{Arena, encode::ecs, model::{EventId, Groups}, parse_audit_event, record_type::*};
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
/// assert!(line.contains(r#""host":{"hostname":"web1","#));
/// assert!(line.contains(r#""process":{"pid":7,"executable":"/bin/id""#));
/// ```
pub fn line(event: &AuditEvent, host: Option<&[u8]>, out: &mut Vec<u8>) {
    Nested::write(out, |line| {
        line.text("@timestamp", Some(&event.id.time.rfc3339()));
        line.object("ecs", |ecs| ecs.text("version", Some(VERSION.as_bytes())));
        line.object("event", |object| facts(event, object));
        line.object("host", |object| self::host(event.node.or(host), object));
        line.object("process", |object| process(event, object));
        line.object("container", |object| {
            if let Some(container) = &event.who.container {
                object.text("id", Some(container.id));
                object.text("runtime", container.runtime);
            }
        });
        line.object("service", |object| object.text("name", event.who.unit));
        line.object("user", |object| user(event, object));
        line.object("file", |object| file(event, object));
        match &event.detail {
            Detail::User(detail) => line.object("source", |object| source(detail, object)),
            Detail::Socket(detail) => network::endpoints(detail, line),
            Detail::Process(_) | Detail::File(_) | Detail::Audit(_) => {}
        }
        line.object("error", |object| {
            object.text("code", event.error.map(str::as_bytes));
        });
        line.object("related", |object| related(event, object));
        let tags = event.key.unwrap_or_default().split(|byte| *byte == b',');
        line.texts("tags", tags.filter(|tag| !tag.is_empty()));
        line.object("auditd", |object| auditd(event, object));
        line.object("auditrd", |object| rest(event, object));
    });
    out.push(b'\n');
}

/// Appends the line of a loss: its reason and its count. It is a `pipeline_error`, the schema's word
/// for an error in the pipeline that may have cost events.
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
        line.object("host", |object| self::host(host, object));
        line.object("error", |error| {
            error.text("message", Some(message.as_bytes()))
        });
        line.object("auditrd", |rest| rest.number("count", Some(count)));
    });
    out.push(b'\n');
}

/// Appends a status line. It is a `state` of the host, or an event of the category `configuration`
/// where something has changed, with the first process that changed it.
pub fn status(status: &Status<'_>, out: &mut Vec<u8>) {
    let has_changed = !status.changes.is_empty();
    Nested::write(out, |line| {
        line.text("@timestamp", Some(&status.time.rfc3339()));
        line.object("ecs", |ecs| ecs.text("version", Some(VERSION.as_bytes())));
        line.object("event", |event| {
            let (kind, action, event_type) = if has_changed {
                ("event", "status-change", "change")
            } else {
                ("state", "status", "info")
            };
            event.text("kind", Some(kind.as_bytes()));
            let category = has_changed.then_some(&b"configuration"[..]);
            event.texts("category", category.into_iter());
            event.texts("type", [event_type.as_bytes()].into_iter());
            event.text("action", Some(action.as_bytes()));
            event.text("reason", Some(status.reason.name().as_bytes()));
            event.text("provider", Some(b"auditrd"));
        });
        line.object("host", |object| {
            host(status.host, object);
            let boot_id = status.boot_id.map(str::as_bytes);
            object.object("boot", |boot| boot.text("id", boot_id));
        });
        line.object("agent", |agent| {
            agent.text("type", Some(b"auditrd"));
            agent.text("version", Some(status.version.as_bytes()));
        });
        if let Some(by) = status.changes.iter().find_map(|change| change.by.as_ref()) {
            line.object("process", |process| {
                process.number("pid", set(by.ids.pid));
                process.text("name", by.comm.as_deref());
                process.text("executable", by.exe.as_deref());
            });
            line.object("user", |user| user.id("id", set(by.ids.uid)));
        }
        line.object("auditrd", |rest| super::status::members(status, rest));
    });
    out.push(b'\n');
}

fn host(name: Option<&[u8]>, object: &mut Nested) {
    object.text("hostname", name);
    object.text("name", name);
    object.object("os", |os| os.text("type", Some(b"linux")));
}

fn facts(event: &AuditEvent, object: &mut Nested) {
    let (category, types) = class::class(event);
    object.text("kind", Some(b"event"));
    object.texts("category", category.map(str::as_bytes).into_iter());
    object.texts("type", types.iter().map(|name| name.as_bytes()));
    let code = event.record_type.to_string();
    object.text("action", Some(action::action(event).as_bytes()));
    let outcome = match &event.detail {
        Detail::Socket(detail) => network::outcome(detail.status),
        _ => outcome(event.success),
    };
    object.text("outcome", Some(outcome));
    object.number("sequence", Some(event.id.serial));
    object.text("code", Some(code.as_bytes()));
    object.text("provider", Some(b"auditrd"));
    object.text("module", Some(b"auditd"));
    object.text("dataset", Some(DATASET));
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
    let actor = &event.actor;
    let ids = &actor.ids;
    object.number("pid", set(ids.pid));
    object.text("entity_id", event.who.entity_id);
    object.object("parent", |object| parent(event, object));
    object.text("name", actor.comm);
    object.text("executable", actor.exe);
    match &event.detail {
        Detail::Process(detail) => match detail.argv {
            Some(argv) => {
                object.texts("args", argv.iter().copied());
                object.number("args_count", Some(argv.len()));
                object.text("command_line", detail.commandline);
                object.text("title", detail.commandline);
            }
            None => object.text("title", detail.commandline),
        },
        Detail::File(detail) => object.text("title", detail.commandline),
        Detail::Socket(detail) => object.text("title", detail.commandline),
        Detail::Audit(detail) => object.text("title", detail.commandline),
        Detail::User(_) => {}
    }
    object.text("working_directory", event.cwd);
    object.object("user", |user| user.id("id", set(ids.euid)));
    object.object("real_user", |user| user.id("id", set(ids.uid)));
    object.object("saved_user", |user| user.id("id", set(ids.suid)));
    object.object("real_group", |group| group.id("id", set(ids.gid)));
    object.object("saved_group", |group| group.id("id", set(ids.sgid)));
    let login = event.who.login.as_ref();
    let address = login.and_then(|login| login.addr);
    object.object("entry_leader", |leader| {
        leader.object("entry_meta", |meta| {
            // The only way in that is certain.
            let is_container = event.who.container.is_some();
            meta.text("type", Some(&b"container"[..]).filter(|_| is_container));
            meta.object("source", |source| {
                source.text("ip", address.filter(|text| is_ip(text)));
            });
        });
    });
}

fn parent(event: &AuditEvent, object: &mut Nested) {
    object.number("pid", set(event.actor.ids.ppid));
    if let Some(parent) = &event.who.parent {
        let name = parent.exe.rsplit(|byte| *byte == b'/').next();
        object.text("name", name.filter(|name| !name.is_empty()));
        object.text("executable", Some(parent.exe));
        let args = parent.commandline.map(words::split).unwrap_or_default();
        object.texts("args", args.iter().map(Vec::as_slice));
        object.number("args_count", Some(args.len()).filter(|count| *count > 0));
        object.text("command_line", parent.commandline);
    }
}

/// The acting user; in a program's message about an account, that account. Then the ids of the
/// record belong to the program and go under `process`: the uid of sshd is not that of the user who
/// logs in.
fn user(event: &AuditEvent, object: &mut Nested) {
    let ids = &event.actor.ids;
    let acct = match &event.detail {
        Detail::User(detail) => detail.acct,
        Detail::Process(_) | Detail::File(_) | Detail::Socket(_) | Detail::Audit(_) => None,
    };
    let is_of_iam = class::class(event).0 == Some("iam");
    match acct {
        Some(name) if !is_of_iam => object.text("name", Some(name)),
        target => {
            object.id("id", set(ids.uid));
            object.text("name", name_of(&event.who, b"uid"));
            object.object("effective", |user| {
                if ids.euid != ids.uid {
                    user.id("id", set(ids.euid));
                    user.text("name", name_of(&event.who, b"euid"));
                }
            });
            object.object("group", |group| {
                group.id("id", set(ids.gid));
                group.text("name", name_of(&event.who, b"gid"));
            });
            object.object("target", |user| user.text("name", target));
        }
    }
}

/// The name of the user or group whose id has this key.
fn name_of<'a>(who: &Who<'a>, key: &[u8]) -> Option<&'a [u8]> {
    let pair = who.names.iter().find(|(known, _)| *known == key);
    pair.map(|(_, name)| *name)
}

/// The file that the event is about; of two names, the second, which the inode belongs to.
fn file(event: &AuditEvent, object: &mut Nested) {
    match &event.detail {
        Detail::File(detail) => {
            name(detail.dest_path.or(detail.path), object);
            if detail.action == Action::Symlinked {
                object.text("target_path", detail.dest_path.and(detail.path));
            }
            attributes(&detail.attributes, object);
        }
        Detail::Socket(detail) => {
            name(detail.path, object);
            attributes(&detail.attributes, object);
        }
        Detail::Audit(detail) => name(detail.path, object),
        Detail::Process(detail) => attributes(&detail.attributes, object),
        Detail::User(_) => {}
    }
}

/// A path and its parts.
fn name(path: Option<&[u8]>, object: &mut Nested) {
    object.text("path", path);
    if let Some(path) = path.filter(|path| path.starts_with(b"/")) {
        let (directory, name) = path.split_at(path.iter().rposition(|b| *b == b'/').unwrap_or(0));
        let directory = if directory.is_empty() {
            b"/"
        } else {
            directory
        };
        let name = name.get(1..).filter(|name| !name.is_empty());
        object.text("directory", Some(directory));
        object.text("name", name);
        object.text("extension", name.and_then(extension));
    }
}

/// The part of a name after its last dot. A name that only starts with a dot has none.
fn extension(name: &[u8]) -> Option<&[u8]> {
    let dot = name.iter().rposition(|byte| *byte == b'.')?;
    name.get(dot + 1..)
        .filter(|text| dot > 0 && !text.is_empty())
}

fn attributes(attributes: &Attributes, object: &mut Nested) {
    object.id("inode", attributes.inode);
    object.text("device", attributes.dev);
    if let Some((file_type, permissions)) = attributes.mode.and_then(mode) {
        object.text("type", Some(file_type));
        object.text("mode", Some(permissions.as_bytes()));
    }
    object.id("uid", attributes.ouid);
    object.id("gid", attributes.ogid);
}

/// The type of a file and its permissions, of an octal `st_mode`.
fn mode(text: &[u8]) -> Option<(&'static [u8], String)> {
    let mode = u32::from_str_radix(str::from_utf8(text).ok()?, 8).ok()?;
    let file_type: &[u8] = match mode & libc::S_IFMT {
        libc::S_IFREG => b"file",
        libc::S_IFDIR => b"dir",
        libc::S_IFLNK => b"symlink",
        libc::S_IFSOCK => b"socket",
        libc::S_IFIFO => b"fifo",
        libc::S_IFBLK | libc::S_IFCHR => b"device",
        _ => return None,
    };
    Some((file_type, format!("{:04o}", mode & 0o7777)))
}

fn source(detail: &UserDetail, object: &mut Nested) {
    object.text("address", detail.addr.or(detail.hostname));
    object.text("ip", detail.addr.filter(|text| is_ip(text)));
    object.text("domain", detail.hostname.filter(|text| !is_ip(text)));
}

/// The users and addresses that the event names.
fn related(event: &AuditEvent, object: &mut Nested) {
    let is_ip = |text: &&[u8]| is_ip(text);
    match &event.detail {
        Detail::User(detail) => {
            object.texts("user", detail.acct.into_iter());
            object.texts("ip", detail.addr.filter(is_ip).into_iter());
        }
        Detail::Socket(detail) => {
            let addresses = [detail.local_address, detail.remote_address];
            object.texts("ip", addresses.into_iter().flatten().filter(is_ip));
        }
        Detail::Process(_) | Detail::File(_) | Detail::Audit(_) => {}
    }
}

fn is_ip(text: &[u8]) -> bool {
    str::from_utf8(text).is_ok_and(|text| text.parse::<IpAddr>().is_ok())
}

/// The fields of auditbeat that stored rules ask for and the schema lacks.
fn auditd(event: &AuditEvent, object: &mut Nested) {
    let message_type = event.record_type.to_string().to_ascii_lowercase();
    object.text("message_type", Some(message_type.as_bytes()));
    let result = match outcome(event.success) {
        b"success" => Some(&b"success"[..]),
        b"failure" => Some(&b"fail"[..]),
        _ => None,
    };
    object.text("result", result);
    object.object("data", |data| {
        let syscall = Some(event.syscall).filter(|name| !name.is_empty());
        data.text("syscall", syscall.map(str::as_bytes));
        match &event.detail {
            Detail::User(detail) => {
                let grantors = detail.fields.iter().find(|(key, _)| *key == b"grantors");
                data.text("grantors", grantors.map(|(_, text)| *text));
            }
            Detail::Socket(detail) => data.object("socket", |socket| {
                socket.text("family", network::family(detail.family));
            }),
            Detail::Process(_) | Detail::File(_) | Detail::Audit(_) => {}
        }
    });
}

/// The members that the schema has no field for.
fn rest(event: &AuditEvent, object: &mut Nested) {
    let ids = &event.actor.ids;
    object.text("arch", event.arch);
    if !event.syscall.is_empty() {
        object.number("exit", Some(event.exit));
    }
    object.id("auid", set(ids.auid));
    object.id("session", set(ids.session));
    object.id("egid", set(ids.egid));
    object.id("fsuid", set(ids.fsuid));
    object.id("fsgid", set(ids.fsgid));
    object.text("tty", event.actor.tty);
    match &event.detail {
        Detail::Process(detail) => {
            object.text("action", Some(detail.action.name().as_bytes()));
            object.text("path", detail.path);
            object.text("real_path", detail.real_path);
        }
        Detail::File(detail) => {
            object.text("action", Some(detail.action.name().as_bytes()));
            object.text("path", first_of_two(detail));
            object.text("real_path", detail.real_path);
            object.text("real_dest_path", detail.real_dest_path);
        }
        Detail::User(detail) => rest_of_user(detail, object),
        Detail::Socket(detail) => network::rest(detail, object),
        Detail::Audit(detail) => {
            object.text("action", detail.action);
            object.text("real_path", detail.real_path);
        }
    }
    let is_known = |success: &&[u8]| outcome(Some(success)) != b"unknown";
    object.text("success", event.success.filter(|text| !is_known(text)));
    let (mode_text, is_unresolved) = match &event.detail {
        Detail::Process(detail) => (detail.attributes.mode, detail.path_unresolved),
        Detail::File(detail) => (detail.attributes.mode, detail.path_unresolved),
        Detail::Socket(detail) => (detail.attributes.mode, detail.path_unresolved),
        Detail::Audit(detail) => (None, detail.path_unresolved),
        Detail::User(_) => (None, false),
    };
    object.text("mode", mode_text.filter(|text| mode(text).is_none()));
    if let Detail::User(detail) = &event.detail {
        object.fields("fields", detail.fields);
    }
    object.text("subj", event.actor.subj);
    if let Some([user, role, domain, level]) = event.actor.subj.and_then(selinux) {
        object.object("selinux", |context| {
            context.text("user", Some(user));
            context.text("role", Some(role));
            context.text("domain", Some(domain));
            context.text("level", Some(level).filter(|level| !level.is_empty()));
        });
    }
    if !event.records.is_empty() {
        object.value("records", |out| by_type(event.records, out, readable));
    }
    rest_of_who(&event.who, object);
    object.flag("path_unresolved", is_unresolved);
    object.flag("incomplete", event.incomplete);
    object.flag("truncated", event.truncated);
    object.flag("relayed", event.relayed);
    object.flag("redacted", event.redacted);
    object.object("hex", |hex| exact(event, hex));
}

fn rest_of_user(detail: &UserDetail, object: &mut Nested) {
    object.text("terminal", detail.terminal);
    object.text("hostname", detail.hostname.filter(|text| is_ip(text)));
    object.text("res", detail.res);
    object.text("op", detail.op);
    object.text("cmd", detail.cmd);
    object.text("msg", detail.msg);
}

/// The context that the schema has no field for.
fn rest_of_who(who: &Who, object: &mut Nested) {
    object.object("parent", |object| {
        let origin = who.parent.as_ref().map(|parent| parent.origin.name());
        object.text("origin", origin.map(str::as_bytes));
    });
    object.texts(
        "ancestors",
        who.ancestors.unwrap_or_default().iter().copied(),
    );
    object.object("login", |object| {
        if let Some(login) = &who.login {
            object.text("acct", login.acct);
            object.text("addr", login.addr);
            object.text("terminal", login.terminal);
            let since = login.since.map(Timestamp::rfc3339);
            object.text("since", since.as_ref().map(<[u8; 24]>::as_slice));
        }
    });
    object.fields("names", who.names);
    object.object("container", |object| {
        let pod_uid = who
            .container
            .as_ref()
            .and_then(|container| container.pod_uid);
        object.text("pod_uid", pod_uid);
    });
    object.text("script", who.script);
}

/// The user, role, type and level of an SELinux context; without MLS, the level is empty. `None` for
/// the labels of other modules.
fn selinux(label: &[u8]) -> Option<[&[u8]; 4]> {
    let mut parts = label.splitn(4, |byte| *byte == b':');
    let context = [parts.next()?, parts.next()?, parts.next()?];
    let is_name = |part: &[u8]| {
        let is_in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
        !part.is_empty() && part.iter().all(is_in_name)
    };
    let [user, role, domain] = context;
    let level = parts.next().unwrap_or_default();
    context
        .into_iter()
        .all(is_name)
        .then_some([user, role, domain, level])
}

/// The first of two names. That of a symbolic link is its target, which has a field.
fn first_of_two<'a>(detail: &FileDetail<'a>) -> Option<&'a [u8]> {
    let is_in_file = detail.dest_path.is_none() || detail.action == Action::Symlinked;
    detail.path.filter(|_| !is_in_file)
}

/// The exact bytes of every text that is not UTF-8, by its key in the default format: first the
/// single texts, then lists and maps.
pub(super) fn exact(event: &AuditEvent, hex: &mut Nested) {
    // The texts are only read. Nothing but borrows is copied.
    let mut event = event.clone();
    event.texts_mut(|key, text| {
        if let Text::One(Some(text)) = text
            && is_bad(text)
        {
            hex.hex(key, text);
        }
    });
    event.texts_mut(|key, text| match text {
        Text::One(_) => {}
        Text::List(list) => exact_list(key, list.unwrap_or_default(), hex),
        Text::Map(map) => exact_map(key, map, hex),
        Text::Records(records) => exact_records(key, records, hex),
    });
}

fn is_bad(text: &[u8]) -> bool {
    str::from_utf8(text).is_err()
}

fn exact_list(key: &str, list: &[&[u8]], hex: &mut Nested) {
    hex.object(key, |hex| {
        let words = list.iter().enumerate();
        for (index, word) in words.filter(|(_, word)| is_bad(word)) {
            hex.hex(&index.to_string(), word);
        }
    });
}

fn exact_map(key: &str, map: &[(&[u8], &[u8])], hex: &mut Nested) {
    let mut pairs = map.iter().filter(|(_, text)| is_bad(text)).peekable();
    if pairs.peek().is_some() {
        hex.value(key, |out| {
            list(b"{}", pairs, out, |(key, text), out| {
                string(key, out);
                out.push(b':');
                super::hex(text, out);
            });
        });
    }
}

/// The fields of a record as an object of texts.
pub(super) fn readable(record: &EventRecord, out: &mut Vec<u8>) {
    list(b"{}", record.fields.iter(), out, |(key, text), out| {
        string(key, out);
        out.push(b':');
        string(text, out);
    });
}

/// The exact bytes of records, by type and by the number of the record among those of its type.
fn exact_records(key: &str, records: &[EventRecord], hex: &mut Nested) {
    hex.object(key, |hex| {
        for records in records.chunk_by(|a, b| a.record_type == b.record_type) {
            let name = records.first().map(|record| record.record_type.to_string());
            hex.object(&name.unwrap_or_default(), |hex| {
                for (index, record) in records.iter().enumerate() {
                    exact_map(&index.to_string(), record.fields, hex);
                }
            });
        }
    });
}
