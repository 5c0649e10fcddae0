//! Events in the shape of the Open Cybersecurity Schema Framework, one object per line.
//!
//! Members that the schema has an attribute for go there; all others go under `unmapped`, by their
//! keys in the default format. An event that lacks a member that its class requires is a base event
//! (class 0), so every line is valid.

mod class;
mod members;
mod objects;
mod observables;
mod rest;

use super::nested::Nested;
use crate::model::{AuditEvent, Detail, Repeats, SocketStatus, Status, Timestamp};
use class::{Activity, Class, OTHER};
use observables::observables;

/// The version of the schema that the lines follow.
pub const VERSION: &str = "1.8.0";

/// The beginning of every line, by which a line that was cut short in a file is recognised.
pub const BEGINNING: &[u8] = br#"{"activity_id":"#;

/// The severities of events, `severity_id`.
const INFORMATIONAL: u32 = 1;
const HIGH: u32 = 4;

/// Appends the line of an event, with its line end. `host` is the name of the host for events
/// without a [`node`](AuditEvent::node).
///
/// ```
/// use auditrd::{Arena, encode::ocsf, model::{EventId, Groups}, parse_audit_event, record_type::*};
///
/// let mut groups = Groups::default();
/// groups
///     .begin(EventId::default(), b"")
///     .push(AUDIT_SYSCALL, b"arch=c000003e syscall=59 success=yes exit=0 pid=7 exe=\"/bin/id\"")
///     .push(AUDIT_EXECVE, b"argc=1 a0=\"id\"");
///
/// let (arena, mut lines) = (Arena::new(), Vec::new());
/// let event = parse_audit_event(&groups.last().unwrap(), &arena).unwrap();
/// ocsf::line(&event, Some(b"web1"), &mut lines);
/// let line = String::from_utf8(lines).unwrap();
/// assert!(line.starts_with(r#"{"activity_id":1,"category_uid":1,"class_uid":1007"#));
/// ```
pub fn line(event: &AuditEvent, host: Option<&[u8]>, out: &mut Vec<u8>) {
    let activity = class::activity(event);
    Nested::write(out, |line| {
        classified(activity, INFORMATIONAL, event.id.time, line);
        if activity.id == OTHER {
            line.text("activity_name", Some(&name(event)));
        }
        outcome(event, line);
        if let Some(repeats) = &event.repeats {
            write_repeats(repeats, line);
        }
        line.object("metadata", |object| metadata(event, object));
        line.object("device", |object| device(event.node.or(host), object));
        members::write(event, activity.class, line);
        line.objects("observables", observables(event), |seen, object| {
            object.text("name", Some(seen.name.as_bytes()));
            object.number("type_id", Some(seen.type_id));
            object.text("value", Some(seen.value));
        });
        line.object("unmapped", |object| {
            rest::write(event, activity.class, object)
        });
    });
    out.push(b'\n');
}

/// Appends the line of a loss: its reason and its count.
pub fn loss(time: Timestamp, host: Option<&[u8]>, reason: &str, count: u64, out: &mut Vec<u8>) {
    let activity = Activity {
        class: Class::Base,
        id: OTHER,
    };
    let message = format!("{count} lost by {reason}");
    Nested::write(out, |line| {
        classified(activity, HIGH, time, line);
        line.text("activity_name", Some(b"loss"));
        line.text("message", Some(message.as_bytes()));
        line.object("metadata", product);
        line.object("device", |object| device(host, object));
        line.object("unmapped", |object| {
            object.text("reason", Some(reason.as_bytes()));
            object.number("count", Some(count));
        });
    });
    out.push(b'\n');
}

/// Appends a status line. A change of the kernel's audit system is of high severity.
pub fn status(status: &Status<'_>, out: &mut Vec<u8>) {
    let activity = Activity {
        class: Class::Base,
        id: OTHER,
    };
    let (name, severity) = if status.changes.is_empty() {
        ("status", INFORMATIONAL)
    } else {
        ("status-change", HIGH)
    };
    Nested::write(out, |line| {
        classified(activity, severity, status.time, line);
        line.text("activity_name", Some(name.as_bytes()));
        line.object("metadata", product);
        line.object("device", |object| device(status.host, object));
        line.object("unmapped", |object| {
            object.text("reason", Some(status.reason.name().as_bytes()));
            object.text("version", Some(status.version.as_bytes()));
            object.text("boot_id", status.boot_id.map(str::as_bytes));
            object.number("pid", Some(status.pid));
            super::status::members(status, object);
        });
    });
    out.push(b'\n');
}

fn classified(activity: Activity, severity: u32, time: Timestamp, line: &mut Nested) {
    let class = activity.class;
    line.number("activity_id", Some(activity.id));
    line.number("category_uid", Some(class.category()));
    line.number("class_uid", Some(class.uid()));
    line.number("type_uid", Some(class.uid() * 100 + activity.id));
    line.number("severity_id", Some(severity));
    line.number("time", Some(time.as_millis()));
    line.text("time_dt", Some(&time.rfc3339()));
}

/// The word for an activity that its class has no number for.
fn name(event: &AuditEvent) -> Vec<u8> {
    match &event.detail {
        Detail::Process(detail) => detail.action.name().into(),
        Detail::File(detail) => detail.action.name().into(),
        Detail::Socket(detail) => detail.action.name().into(),
        Detail::Audit(detail) if detail.action.is_some() => {
            detail.action.unwrap_or_default().into()
        }
        Detail::Audit(_) if !event.syscall.is_empty() => event.syscall.into(),
        Detail::User(_) | Detail::Audit(_) => {
            let code = event.record_type.to_string();
            code.to_ascii_lowercase().replace('_', "-").into()
        }
    }
}

fn write_repeats(repeats: &Repeats, line: &mut Nested) {
    line.number("count", Some(repeats.count));
    line.number("start_time", Some(repeats.first.as_millis()));
    line.text("start_time_dt", Some(&repeats.first.rfc3339()));
    line.number("end_time", Some(repeats.last.as_millis()));
    line.text("end_time_dt", Some(&repeats.last.rfc3339()));
}

fn outcome(event: &AuditEvent, line: &mut Nested) {
    let status = match (&event.detail, event.success) {
        // The outcome is not known yet.
        (Detail::Socket(detail), _)
            if matches!(detail.status, None | Some(SocketStatus::InProgress)) =>
        {
            Some(0)
        }
        (_, Some(b"yes" | b"success")) => Some(1_u32),
        (_, Some(b"no" | b"failed")) => Some(2),
        (_, Some(_)) => None,
        (_, None) => Some(0),
    };
    line.number("status_id", Some(status.unwrap_or(OTHER)));
    line.text("status", event.success.filter(|_| status.is_none()));
    line.text("status_code", event.error.map(str::as_bytes));
}

fn metadata(event: &AuditEvent, object: &mut Nested) {
    let (time, serial) = (event.id.time, event.id.serial);
    product(object);
    let stamp = format!("{}.{:03}:{serial}", time.seconds, time.millis);
    object.text("uid", Some(stamp.as_bytes()));
    object.text("event_code", Some(event.record_type.to_string().as_bytes()));
    object.number("sequence", Some(serial));
    object.text("log_name", Some(b"audit"));
    let keys = event.key.unwrap_or_default().split(|byte| *byte == b',');
    object.texts("labels", keys.filter(|key| !key.is_empty()));
    object.flag("is_truncated", event.truncated);
}

/// The members of all metadata. The profiles are those of which attributes may be there.
fn product(metadata: &mut Nested) {
    const PROFILES: [&str; 4] = ["host", "datetime", "linux/linux_users", "container"];
    metadata.text("version", Some(VERSION.as_bytes()));
    metadata.texts("profiles", PROFILES.into_iter().map(str::as_bytes));
    metadata.object("product", |product| {
        product.text("name", Some(b"auditrd"));
        product.text("vendor_name", Some(b"auditrd"));
        product.text("version", Some(env!("CARGO_PKG_VERSION").as_bytes()));
    });
}

/// The host. The schema requires a name for it.
fn device(host: Option<&[u8]>, object: &mut Nested) {
    const UNKNOWN: u32 = 0;
    const LINUX: u32 = 200;
    match host {
        Some(host) => object.text("hostname", Some(host)),
        None => object.text("name", Some(b"unknown")),
    }
    object.number("type_id", Some(UNKNOWN));
    object.object("os", |os| {
        os.text("name", Some(b"Linux"));
        os.number("type_id", Some(LINUX));
    });
}
