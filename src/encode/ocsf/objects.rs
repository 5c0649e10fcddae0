//! The objects of the schema that several classes have.

use crate::{
    encode::{
        nested::Nested,
        values::{last_part, name_of, set},
    },
    model::{Attributes, AuditEvent, Parent, Timestamp, Who},
};

/// Whether a number is a port of the schema. Those of vsock and netlink may be larger.
pub(super) fn is_port(number: u32) -> bool {
    number <= u32::from(u16::MAX)
}

/// A `user` or a `group`: an id and its name.
pub(super) fn named(id: u32, key: &'static str, who: &Who, object: &mut Nested) {
    object.id("uid", set(id));
    object.text("name", name_of(who, key.as_bytes()));
}

/// The `process` that made a call or sent a message, without its program and its arguments, which
/// an exec changes.
pub(super) fn process(event: &AuditEvent, object: &mut Nested) {
    let (ids, who) = (&event.actor.ids, &event.who);
    object.number("pid", set(ids.pid));
    object.text("uid", who.entity_id);
    object.text("name", event.actor.comm);
    object.text("working_directory", event.cwd);
    object.object("user", |user| named(ids.euid, "euid", who, user));
    object.object("group", |group| named(ids.gid, "gid", who, group));
    object.number("auid", set(ids.auid));
    object.number("euid", set(ids.euid));
    object.number("egid", set(ids.egid));
    object.object("container", |container| {
        if let Some(known) = &who.container {
            container.text("uid", Some(known.id));
            container.text("runtime", known.runtime);
            container.text("pod_uuid", known.pod_uid);
        }
    });
    object.object("parent_process", |object| parent(event, object));
    let ancestors = who.ancestors.unwrap_or_default().iter();
    object.objects("ancestry", ancestors, |path, ancestor| {
        ancestor.text("path", Some(path));
    });
}

/// The `process` that is the parent of the one that made the call.
pub(super) fn parent(event: &AuditEvent, object: &mut Nested) {
    object.number("pid", set(event.actor.ids.ppid));
    if let Some(Parent {
        exe, commandline, ..
    }) = &event.who.parent
    {
        object.text("name", Some(last_part(exe)));
        object.object("file", |file| program(exe, file));
        object.text("cmd_line", *commandline);
    }
}

/// The `file` of a program.
pub(super) fn program(path: &[u8], object: &mut Nested) {
    /// A regular file.
    const REGULAR: u32 = 1;
    names(Some(path), object);
    object.number("type_id", Some(REGULAR));
}

/// The name and the path of a `file`. The name is required.
fn names(path: Option<&[u8]>, object: &mut Nested) {
    let name = path.map(last_part).filter(|name| !name.is_empty());
    object.text("name", name.or(path).or(Some(b"unknown")));
    object.text("path", path);
    if let Some(path) = path.filter(|path| path.starts_with(b"/")) {
        let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        object.text("parent_folder", path.get(..end.max(1)));
    }
}

/// The `file` of a call, under one of its names, to which the inode and the owner may belong.
pub(super) fn file(path: Option<&[u8]>, attributes: Option<&Attributes>, object: &mut Nested) {
    names(path, object);
    object.number("type_id", Some(attributes.map_or(0, file_type)));
    if let Some(attributes) = attributes {
        object.id("uid", attributes.inode);
        object.object("owner", |owner| owner.id("uid", attributes.ouid));
    }
}

/// The type of a file, `type_id`, by its `st_mode`. 0 if it is not known.
fn file_type(attributes: &Attributes) -> u32 {
    let mode = attributes.mode.and_then(|text| str::from_utf8(text).ok());
    let mode = mode.and_then(|text| u32::from_str_radix(text, 8).ok());
    match mode.map(|mode| mode & libc::S_IFMT) {
        Some(libc::S_IFREG) => 1,
        Some(libc::S_IFDIR) => 2,
        Some(libc::S_IFCHR) => 3,
        Some(libc::S_IFBLK) => 4,
        Some(libc::S_IFSOCK) => 5,
        Some(libc::S_IFIFO) => 6,
        Some(libc::S_IFLNK) => 7,
        _ => 0,
    }
}

/// The login session of the actor.
pub(super) fn session(event: &AuditEvent, object: &mut Nested) {
    object.id("uid", set(event.actor.ids.session));
    object.text("terminal", event.actor.tty);
    if let Some(login) = &event.who.login {
        object.number("created_time", login.since.map(Timestamp::as_millis));
        object.flag("is_remote", login.addr.is_some());
    }
}
