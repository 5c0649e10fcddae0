//! Events as JSON, one object per line.
//!
//! The order of the keys, their names and when they are left out are decided here and nowhere
//! else. Text that is not UTF-8 comes twice: readable, with U+FFFD for what is not, and exact, as
//! upper-case hex under the same key with `_hex` behind it.
//!
//! The keys are known and need no escaping, so the braces, keys and commas are written as they are,
//! and so is text that is plain; all other text is escaped.

mod beginning;
pub mod ecs;
mod exact;
mod ids;
mod last;
mod nested;
mod object;
pub mod ocsf;
#[cfg(feature = "pretty")]
pub mod pretty;
pub mod raw;
mod shorten;
mod status;
mod text;
mod values;

use last::Last;
use object::{Object, key};

pub use shorten::{line_within, within};
pub use status::status;

use crate::{
    bytes::{Decimal, append},
    model::{
        Attributes, AuditDetail, AuditEvent, Container, Detail, FileDetail, Login, Parent,
        ProcessDetail, Repeats, SocketDetail, Timestamp, UserDetail, Who,
        record_type::AUDIT_SYSCALL,
    },
};

/// The beginning of every line, by which a line that was cut short in a file is recognised.
pub const BEGINNING: &[u8] = br#"{"name":""#;

/// Appends the line of an event, its line end included.
pub fn line(event: &AuditEvent, out: &mut Vec<u8>) {
    Encoder::default().line(event, out);
}

/// Writes line after line, and reuses the text that a line shares with the one before it.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    last: Last,
}

impl Encoder {
    /// Appends a line, as [`line()`] does.
    pub fn line(&mut self, event: &AuditEvent, out: &mut Vec<u8>) {
        write(event, &mut self.last, out);
    }
}

fn write(event: &AuditEvent, last: &mut Last, out: &mut Vec<u8>) {
    let mut object = Object { out };
    last.beginnings.append(event.kind(), event.id, object.out);
    object.text(key!("node"), event.node);
    call(event, &mut object);
    object.number(key!("exit"), event.exit);
    last.ids.append(&event.actor.ids, object.out);
    if let Detail::User(detail) = &event.detail {
        said(detail, &mut object);
    }
    object.text(key!("tty"), event.actor.tty);
    object.text(key!("comm"), event.actor.comm);
    object.text(key!("key"), event.key);
    object.text(key!("cwd"), event.cwd);
    object.text(key!("exectuable"), event.actor.exe);
    match &event.detail {
        Detail::Process(detail) => process(detail, event.error, last, &mut object),
        Detail::File(detail) => file(detail, event.error, last, &mut object),
        Detail::User(detail) => user(detail, event.error, &mut object),
        Detail::Socket(detail) => socket(detail, event.error, last, &mut object),
        Detail::Audit(detail) => audit(detail, event.error, &mut object),
    }
    object.text(key!("subj"), event.actor.subj);
    object.records(key!("records"), event.records, last);
    who(&event.who, last, &mut object);
    object.flag(key!("incomplete"), event.incomplete);
    object.flag(key!("truncated"), event.truncated);
    object.flag(key!("relayed"), event.relayed);
    object.flag(key!("redacted"), event.redacted);
    if let Some(repeats) = &event.repeats {
        write_repeats(repeats, &mut object);
    }
    out.extend_from_slice(b"}\n");
}

/// What was called, and with what outcome. Usually all but the name of the call is the same.
#[inline]
fn call(event: &AuditEvent, object: &mut Object) {
    const MOSTLY: &[u8] = br#","type":"SYSCALL","arch":"x86_64","success":"yes","syscall":""#;
    let (arch, success) = (event.arch, event.success);
    if event.record_type == AUDIT_SYSCALL && arch == Some(b"x86_64") && success == Some(b"yes") {
        return append([MOSTLY, event.syscall.as_bytes(), b"\""], object.out);
    }
    match event.record_type.name() {
        Some(name) => object.ascii(key!("type"), name.as_bytes()),
        None => object.ascii(key!("type"), event.record_type.to_string().as_bytes()),
    }
    object.text(key!("arch"), arch);
    object.text(key!("success"), success);
    object.ascii(key!("syscall"), event.syscall.as_bytes());
}

#[inline]
fn process(detail: &ProcessDetail, error: Option<&str>, last: &mut Last, object: &mut Object) {
    object.text(key!("commandline"), detail.commandline);
    object.text(key!("path"), detail.path);
    object.text(key!("real_path"), detail.real_path);
    object.words(key!("argv"), detail.argv);
    object.ascii(key!("action"), detail.action.name().as_bytes());
    attributes(&detail.attributes, last, object);
    object.error(error);
    object.flag(key!("path_unresolved"), detail.path_unresolved);
}

#[inline]
fn file(detail: &FileDetail, error: Option<&str>, last: &mut Last, object: &mut Object) {
    object.text(key!("commandline"), detail.commandline);
    object.text(key!("path"), detail.path);
    object.text(key!("dest_path"), detail.dest_path);
    object.text(key!("real_path"), detail.real_path);
    object.text(key!("real_dest_path"), detail.real_dest_path);
    object.ascii(key!("action"), detail.action.name().as_bytes());
    attributes(&detail.attributes, last, object);
    object.error(error);
    object.flag(key!("path_unresolved"), detail.path_unresolved);
}

fn attributes(attributes: &Attributes, last: &mut Last, object: &mut Object) {
    if let Some(inode) = attributes.inode {
        object.quoted(key!("inode"), inode);
    }
    last.attributes(attributes, object.out, |out| {
        let mut object = Object { out };
        object.text(key!("dev"), attributes.dev);
        object.text(key!("mode"), attributes.mode);
        object.optional(key!("ouid"), attributes.ouid);
        object.optional(key!("ogid"), attributes.ogid);
    });
}

#[inline(never)]
fn socket(detail: &SocketDetail, error: Option<&str>, last: &mut Last, object: &mut Object) {
    object.text(key!("commandline"), detail.commandline);
    object.text(key!("path"), detail.path);
    object.text(key!("real_path"), detail.real_path);
    object.ascii(key!("action"), detail.action.name().as_bytes());
    if let Some(status) = detail.status {
        object.ascii(key!("status"), status.name().as_bytes());
    }
    object.text(key!("family"), detail.family);
    object.text(key!("local_address"), detail.local_address);
    object.optional(key!("local_port"), detail.local_port);
    object.text(key!("remote_address"), detail.remote_address);
    object.optional(key!("remote_port"), detail.remote_port);
    object.text(key!("socket"), detail.socket);
    object.optional(key!("fd"), detail.fd);
    attributes(&detail.attributes, last, object);
    object.error(error);
    object.flag(key!("path_unresolved"), detail.path_unresolved);
}

#[inline(never)]
fn audit(detail: &AuditDetail, error: Option<&str>, object: &mut Object) {
    object.text(key!("commandline"), detail.commandline);
    object.text(key!("path"), detail.path);
    object.text(key!("real_path"), detail.real_path);
    object.text(key!("action"), detail.action);
    object.error(error);
    object.flag(key!("path_unresolved"), detail.path_unresolved);
}

/// The keys of a user event that precede those of its process.
#[inline]
fn said(detail: &UserDetail, object: &mut Object) {
    object.text(key!("msg"), detail.msg);
    object.text(key!("terminal"), detail.terminal);
    object.text(key!("hostname"), detail.hostname);
    object.text(key!("res"), detail.res);
}

/// Its other keys.
#[inline]
fn user(detail: &UserDetail, error: Option<&str>, object: &mut Object) {
    object.error(error);
    object.text(key!("op"), detail.op);
    object.text(key!("acct"), detail.acct);
    object.text(key!("addr"), detail.addr);
    object.text(key!("cmd"), detail.cmd);
    object.fields(key!("fields"), detail.fields);
}

/// The context of the event.
#[inline]
fn who(who: &Who, last: &mut Last, object: &mut Object) {
    if let Some(parent) = &who.parent {
        last.parent(parent, object.out, |out| {
            write_parent(parent, &mut Object { out })
        });
    }
    object.text(key!("entity_id"), who.entity_id);
    if let Some(ancestors) = who.ancestors {
        let write = |out: &mut Vec<u8>| Object { out }.words(key!("ancestors"), who.ancestors);
        last.ancestors(ancestors, object.out, write);
    }
    if let Some(login) = &who.login {
        last.login(login, object.out, |out| {
            write_login(login, &mut Object { out })
        });
    }
    if !who.names.is_empty() {
        let write = |out: &mut Vec<u8>| Object { out }.fields(key!("names"), who.names);
        last.names(who.names, object.out, write);
    }
    if let Some(container) = &who.container {
        write_container(container, object);
    }
    object.text(key!("unit"), who.unit);
    object.text(key!("script"), who.script);
}

fn write_parent(parent: &Parent, object: &mut Object) {
    object.out.extend_from_slice(br#","parent":{"pid":"#);
    Decimal::append(parent.pid, object.out);
    object.text(key!("exe"), Some(parent.exe));
    object.text(key!("commandline"), parent.commandline);
    object.ascii(key!("origin"), parent.origin.name().as_bytes());
    object.out.push(b'}');
}

fn write_login(login: &Login, object: &mut Object) {
    object.object(key!("login"), |object| {
        object.text(key!("acct"), login.acct);
        object.text(key!("addr"), login.addr);
        object.text(key!("terminal"), login.terminal);
        if let Some(since) = login.since {
            object.ascii(key!("since"), &since.rfc3339());
        }
    });
}

fn write_container(container: &Container, object: &mut Object) {
    object.object(key!("container"), |object| {
        object.text(key!("id"), Some(container.id));
        object.text(key!("runtime"), container.runtime);
        object.text(key!("pod_uid"), container.pod_uid);
    });
}

#[inline(never)]
fn write_repeats(repeats: &Repeats, object: &mut Object) {
    object.number(key!("count"), repeats.count);
    object.ascii(key!("first"), &repeats.first.rfc3339());
    object.ascii(key!("last"), &repeats.last.rfc3339());
}

/// Appends the line that says that something was lost, and how much of it.
pub fn loss(time: Timestamp, reason: &str, count: u64, out: &mut Vec<u8>) {
    let mut object = Object { out };
    object.out.extend_from_slice(BEGINNING);
    object.out.extend_from_slice(b"loss_event\"");
    object.ascii(key!("timestamp"), &time.rfc3339());
    object.text(key!("reason"), Some(reason.as_bytes()));
    object.number(key!("count"), count);
    out.extend_from_slice(b"}\n");
}

#[cfg(test)]
mod tests;
