//! The file of an event.

use crate::{
    encode::nested::Nested,
    model::{Action, Attributes, AuditEvent, Detail},
};

/// The file that the event is about; of two names, the second, which the inode belongs to.
pub(super) fn write(event: &AuditEvent, object: &mut Nested) {
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
pub(super) fn mode(text: &[u8]) -> Option<(&'static [u8], String)> {
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
