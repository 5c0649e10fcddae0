//! Events in the shape of the Elastic Common Schema, one object per line.
//!
//! Members that the schema has a field for go there, with the type of that field: ids of users,
//! groups and inodes are text, process ids are numbers. All others go under `auditrd`, by their
//! keys in the default format. Ids that are not set are left out.

mod action;
mod class;
mod file;
mod network;
mod process;
mod rest;
mod words;

use super::{
    nested::Nested,
    values::{is_ip, set},
};
use crate::model::{AuditEvent, Detail, Status, Timestamp, UserDetail};

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
        line.object("process", |object| process::process(event, object));
        line.object("container", |object| {
            if let Some(container) = &event.who.container {
                object.text("id", Some(container.id));
                object.text("runtime", container.runtime);
            }
        });
        line.object("service", |object| object.text("name", event.who.unit));
        line.object("user", |object| process::user(event, object));
        line.object("file", |object| file::write(event, object));
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
        line.object("auditrd", |object| rest::write(event, object));
    });
    out.push(b'\n');
}

/// Appends the line of a loss: its reason and its count. It is a `pipeline_error`, the schema's
/// word for an error in the pipeline that may have cost events.
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
    if let Some(repeats) = &event.repeats {
        object.text("start", Some(&repeats.first.rfc3339()));
        object.text("end", Some(&repeats.last.rfc3339()));
    }
}

fn outcome(success: Option<&[u8]>) -> &'static [u8] {
    match success {
        Some(b"yes" | b"success") => b"success",
        Some(b"no" | b"failed") => b"failure",
        _ => b"unknown",
    }
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
