//! PATH records: one file that a call touched.

use bumpalo::Bump;

use crate::{
    bytes::hex,
    model::{FileId, record_type::AUDIT_PATH},
    parse::{
        layout::{Fields, take},
        tokenize::split_enriched,
    },
};

/// The part that a file played in a call (include/linux/audit.h, `AUDIT_TYPE_*`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum NameType {
    /// The directory that holds the file.
    Parent,
    /// A file that the call made, or would have.
    Create,
    /// A file that the call removed, or would have.
    Delete,
    /// A file that was there before.
    Normal,
    /// A name without a file, or the text of a symbolic link.
    #[default]
    Unknown,
}

/// What one PATH record says.
#[derive(Clone, Copy, Debug, Default)]
pub struct PathRecord<'a> {
    /// Its number within the event. The order of items is no promise of the kernel.
    pub item: u32,
    /// The name, as the caller gave it. For a parent the leading directories of it with a `/` at
    /// the end, or, where it has none, the process's working directory.
    pub name: Option<&'a [u8]>,
    /// The inode number, where the name had a file.
    pub inode: Option<u64>,
    /// `major:minor` of the file system's device in hex, as printed.
    pub dev: &'a [u8],
    /// File type and permissions in octal, as printed.
    pub mode: &'a [u8],
    /// The owner.
    pub ouid: Option<u32>,
    /// The owning group.
    pub ogid: Option<u32>,
    /// The part that the file played.
    pub nametype: NameType,
    /// Which file it is, where the record says.
    pub file: Option<FileId>,
}

impl<'a> PathRecord<'a> {
    /// Reads a record, whose end may still be the names that auditd adds.
    pub(crate) fn parse(body: &'a [u8], arena: &'a Bump) -> PathRecord<'a> {
        let mut path = PathRecord::default();
        let mut fields = Fields::new(body);
        // In the kernel's order (kernel/auditsc.c, `audit_log_name`).
        while fields.pass() {
            take!(fields, "item", id(id) => path.item = id.unwrap_or(u32::MAX));
            take!(fields, "name", text(value) => path.name = value.optional_text(arena));
            take!(fields, "inode", number(inode) => {
                path.inode = inode.and_then(|inode| u64::try_from(inode).ok());
            });
            take!(fields, "dev", value => path.dev = value.bytes);
            take!(fields, "mode", value => path.mode = value.bytes);
            take!(fields, "ouid", id(id) => path.ouid = id);
            take!(fields, "ogid", id(id) => path.ogid = id);
            // The device that a device file is, not the one that it is on.
            take!(fields, "rdev", _value => {});
            // Only capabilities follow.
            take!(fields, "nametype", value => {
                path.nametype = name_type(value.bytes);
                break;
            });
            // Kernels before 3.18 of some vendors call it this.
            take!(fields, "objtype", value => {
                path.nametype = name_type(value.bytes);
                break;
            });
        }
        path.file = path.inode.and_then(|inode| {
            let dev = device(path.dev)?;
            Some(FileId { dev, inode })
        });
        path
    }
}

/// The numbers of a device that is printed as `fe:01`. Most have two digits each.
fn device(dev: &[u8]) -> Option<(u32, u32)> {
    let number = |digits: &[u8]| u32::try_from(hex(digits)?).ok();
    if let [a, b, b':', c, d] = *dev {
        return Some((number(&[a, b])?, number(&[c, d])?));
    }
    let colon = dev.iter().position(|byte| *byte == b':')?;
    Some((number(dev.get(..colon)?)?, number(dev.get(colon + 1..)?)?))
}

/// A type by its name, behind which the names that auditd adds may stand.
#[inline]
fn name_type(text: &[u8]) -> NameType {
    match text {
        b"PARENT" => NameType::Parent,
        b"CREATE" => NameType::Create,
        b"DELETE" => NameType::Delete,
        b"NORMAL" => NameType::Normal,
        text => match split_enriched(AUDIT_PATH, text) {
            (text, [_, ..]) => name_type(text),
            _ => NameType::Unknown,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<'a>(body: &'a str, arena: &'a Bump) -> PathRecord<'a> {
        PathRecord::parse(body.as_bytes(), arena)
    }

    #[test]
    fn a_file_is_known_by_device_and_inode() {
        let arena = Bump::new();
        let body = "item=1 name=E8AFBB2F inode=16 dev=fd:1a mode=040755 ouid=0 ogid=5 rdev=00:00 nametype=CREATE";
        let path = parse(body, &arena);
        assert_eq!(path.name, Some("读/".as_bytes()));
        assert_eq!(
            path.file,
            Some(FileId {
                dev: (0xfd, 0x1a),
                inode: 16
            })
        );
        assert_eq!(
            (path.item, path.mode, path.ogid),
            (1, &b"040755"[..], Some(5))
        );
        assert_eq!(path.nametype, NameType::Create);
    }

    #[test]
    fn a_name_without_a_file_has_no_id() {
        let arena = Bump::new();
        let path = parse("item=0 name=\"/nowhere\" nametype=UNKNOWN cap_fp=0", &arena);
        assert_eq!((path.file, path.nametype), (None, NameType::Unknown));
    }

    #[test]
    fn the_type_of_a_name_is_read_in_every_spelling() {
        let arena = Bump::new();
        assert_eq!(
            parse("item=0 name=\"a\" objtype=DELETE", &arena).nametype,
            NameType::Delete
        );
        assert_eq!(
            parse("item=0 name=\"a\" nametype=\"NORMAL\"", &arena).nametype,
            NameType::Normal
        );
        let enriched = "item=0 name=\"a\" nametype=CREATE\x1dOUID=\"root\" OGID=\"root\"";
        assert_eq!(parse(enriched, &arena).nametype, NameType::Create);
    }

    #[test]
    fn null_is_no_name_unless_a_file_is_called_so() {
        let arena = Bump::new();
        assert_eq!(parse("item=0 name=(null) inode=1", &arena).name, None);
        assert_eq!(
            parse("item=0 name=\"(null)\" inode=1", &arena).name,
            Some(&b"(null)"[..])
        );
    }

    #[test]
    fn odd_item_numbers_do_no_harm() {
        let arena = Bump::new();
        assert_eq!(parse("item=7", &arena).item, 7);
        assert_eq!(parse("item=-1", &arena).item, u32::MAX);
        assert_eq!(parse("item=99999999999", &arena).item, u32::MAX);
    }
}
