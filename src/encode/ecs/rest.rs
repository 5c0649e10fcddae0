//! The members of a line that the schema has no field for.

use super::{file, network, outcome};
use crate::{
    encode::{
        exact::exact,
        nested::Nested,
        values::{is_ip, set},
    },
    model::{Action, AuditEvent, Detail, FileDetail, Timestamp, UserDetail, Who},
};

/// The members that the schema has no field for.
pub(super) fn write(event: &AuditEvent, object: &mut Nested) {
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
    object.text("mode", mode_text.filter(|text| file::mode(text).is_none()));
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
    object.records("records", event.records);
    rest_of_who(&event.who, object);
    object.flag("path_unresolved", is_unresolved);
    object.flag("incomplete", event.incomplete);
    object.flag("truncated", event.truncated);
    object.flag("relayed", event.relayed);
    object.flag("redacted", event.redacted);
    object.number("count", event.repeats.map(|repeats| repeats.count));
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

/// The user, role, type and level of an SELinux context; without MLS, the level is empty. `None`
/// for the labels of other modules.
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
