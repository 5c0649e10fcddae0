//! The process and the user of an event.

use super::{class, words};
use crate::{
    encode::{
        nested::Nested,
        values::{is_ip, last_part, name_of, set},
    },
    model::{AuditEvent, Detail},
};

/// The process that made the call or sent the message.
pub(super) fn process(event: &AuditEvent, object: &mut Nested) {
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
        let name = Some(last_part(parent.exe));
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
pub(super) fn user(event: &AuditEvent, object: &mut Nested) {
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
