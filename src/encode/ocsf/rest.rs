//! The members of a line that its class has no attribute for.

use super::{Nested, class::Class, objects::is_port};
use crate::{
    encode::{
        exact::exact,
        values::{is_ip, set},
    },
    model::{
        Action, Attributes, AuditDetail, AuditEvent, Detail, FileDetail, Identity, ProcessDetail,
        SocketDetail, UserDetail,
    },
};

/// The members that the class has no attribute for.
pub(super) fn write(event: &AuditEvent, class: Class, object: &mut Nested) {
    let ids = &event.actor.ids;
    object.text("arch", event.arch);
    if !event.syscall.is_empty() {
        object.text("syscall", Some(event.syscall.as_bytes()));
        object.number("exit", Some(event.exit));
    }
    if ids.pid == Identity::UNSET {
        without_actor(event, object);
    }
    if class == Class::Base {
        bare(event, object);
    }
    object.number("fsuid", set(ids.fsuid));
    object.number("fsgid", set(ids.fsgid));
    object.number("suid", set(ids.suid));
    object.number("sgid", set(ids.sgid));
    match &event.detail {
        Detail::Process(detail) => rest_of_process(detail, object),
        Detail::File(detail) => rest_of_file(detail, class, object),
        Detail::User(detail) => rest_of_user(detail, class, object),
        Detail::Socket(detail) => rest_of_socket(detail, class, object),
        Detail::Audit(detail) => rest_of_audit(detail, object),
    }
    object.text("subj", event.actor.subj);
    object.records("records", event.records);
    object.fields("names", event.who.names);
    object.object("parent", |object| {
        let origin = event.who.parent.as_ref().map(|parent| parent.origin);
        object.text("origin", origin.map(|origin| origin.name().as_bytes()));
    });
    object.object("login", |object| {
        if let Some(login) = &event.who.login {
            object.text("acct", login.acct);
            object.text("addr", login.addr);
            object.text("terminal", login.terminal);
        }
    });
    object.text("unit", event.who.unit);
    object.text("script", event.who.script);
    object.flag("incomplete", event.incomplete);
    object.flag("relayed", event.relayed);
    object.flag("redacted", event.redacted);
    object.object("hex", |hex| exact(event, hex));
}

/// The facts about a process without an id, which is no actor.
fn without_actor(event: &AuditEvent, object: &mut Nested) {
    let (actor, ids) = (&event.actor, &event.actor.ids);
    object.number("ppid", set(ids.ppid));
    object.number("auid", set(ids.auid));
    object.number("uid", set(ids.uid));
    object.number("gid", set(ids.gid));
    object.number("euid", set(ids.euid));
    object.number("egid", set(ids.egid));
    object.number("session", set(ids.session));
    object.text("tty", actor.tty);
    object.text("comm", actor.comm);
    object.text("cwd", event.cwd);
    object.text("exectuable", actor.exe);
}

/// The members of a base event that another class would have attributes for.
fn bare(event: &AuditEvent, object: &mut Nested) {
    match &event.detail {
        Detail::Process(detail) => {
            object.text("commandline", detail.argv.and(detail.commandline));
        }
        Detail::File(detail) => {
            object.text("path", detail.path);
            object.text("dest_path", detail.dest_path);
            object.id("inode", detail.attributes.inode);
            object.number("ouid", detail.attributes.ouid);
        }
        Detail::Socket(detail) => {
            object.text("local_address", detail.local_address);
            object.text("remote_address", detail.remote_address);
        }
        Detail::User(_) | Detail::Audit(_) => {}
    }
}

fn rest_of_process(detail: &ProcessDetail, object: &mut Nested) {
    object.text("action", Some(detail.action.name().as_bytes()));
    let title = detail.commandline.filter(|_| detail.argv.is_none());
    object.text("commandline", title);
    object.text("path", detail.path);
    object.text("real_path", detail.real_path);
    object.texts("argv", detail.argv.unwrap_or_default().iter().copied());
    object.id("inode", detail.attributes.inode);
    object.number("ouid", detail.attributes.ouid);
    rest_of_attributes(&detail.attributes, object);
    object.flag("path_unresolved", detail.path_unresolved);
}

fn rest_of_file(detail: &FileDetail, class: Class, object: &mut Nested) {
    object.text("action", Some(detail.action.name().as_bytes()));
    object.text("commandline", detail.commandline);
    let is_written = detail.action == Action::Renamed || class == Class::Base;
    let first = detail.path.filter(|_| detail.dest_path.is_some());
    object.text("path", first.filter(|_| !is_written));
    object.text("real_path", detail.real_path);
    object.text("real_dest_path", detail.real_dest_path);
    rest_of_attributes(&detail.attributes, object);
    object.flag("path_unresolved", detail.path_unresolved);
}

fn rest_of_attributes(attributes: &Attributes, object: &mut Nested) {
    object.text("dev", attributes.dev);
    object.text("mode", attributes.mode);
    object.number("ogid", attributes.ogid);
}

fn rest_of_user(detail: &UserDetail, class: Class, object: &mut Nested) {
    let has_account = matches!(class, Class::Authentication | Class::AccountChange);
    object.text("acct", detail.acct.filter(|_| !has_account));
    let has_terminal = class == Class::Authentication;
    object.text("terminal", detail.terminal.filter(|_| !has_terminal));
    let has_source = class.has_source();
    object.text(
        "addr",
        detail.addr.filter(|text| !has_source || !is_ip(text)),
    );
    object.text(
        "hostname",
        detail.hostname.filter(|text| !has_source || is_ip(text)),
    );
    object.text("cmd", detail.cmd.filter(|_| class != Class::Process));
    object.text("msg", detail.msg.filter(|_| class != Class::Base));
    object.text("op", detail.op);
    object.text("res", detail.res);
    object.fields("fields", detail.fields);
}

fn rest_of_socket(detail: &SocketDetail, class: Class, object: &mut Nested) {
    object.text("action", Some(detail.action.name().as_bytes()));
    let status = detail.status.map(|status| status.name().as_bytes());
    object.text("status", status);
    object.text("commandline", detail.commandline);
    object.text("family", detail.family);
    let is_written = |port: &u32| class == Class::Network && is_port(*port);
    object.number(
        "local_port",
        detail.local_port.filter(|port| !is_written(port)),
    );
    object.number(
        "remote_port",
        detail.remote_port.filter(|port| !is_written(port)),
    );
    object.text("socket", detail.socket);
    object.number("fd", detail.fd);
    object.text("path", detail.path);
    object.text("real_path", detail.real_path);
    object.id("inode", detail.attributes.inode);
    object.number("ouid", detail.attributes.ouid);
    rest_of_attributes(&detail.attributes, object);
    object.flag("path_unresolved", detail.path_unresolved);
}

fn rest_of_audit(detail: &AuditDetail, object: &mut Nested) {
    object.text("action", detail.action);
    object.text("commandline", detail.commandline);
    object.text("path", detail.path);
    object.text("real_path", detail.real_path);
    object.flag("path_unresolved", detail.path_unresolved);
}
