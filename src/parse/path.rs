//! PATH records: one file that a syscall accessed.

use std::ops::Range;

use bumpalo::Bump;

use crate::{
    bytes::hex,
    model::{FileId, FileType, record_type::AUDIT_PATH},
    parse::{
        Value, enriched,
        exact::Exact,
        layout::{Fields, take},
        memo::{Memo, place},
    },
};

/// The role of a file in a syscall (include/linux/audit.h, `AUDIT_TYPE_*`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum NameType {
    /// The parent directory of the file.
    Parent,
    /// A file that the syscall created or, if it failed, tried to create.
    Create,
    /// A file that the syscall removed or, if it failed, tried to remove.
    Delete,
    /// A file that existed before.
    Normal,
    /// A name without a file, or the target of a symbolic link.
    #[default]
    Unknown,
}

/// The fields of a PATH record.
#[derive(Clone, Copy, Debug, Default)]
pub struct PathRecord<'a> {
    /// Its number within the event. The kernel does not guarantee the order of items.
    pub item: u32,
    /// The name, as the caller passed it. For a parent, the directory part of that name with a `/`
    /// at the end or, if it has none, the working directory of the process.
    pub name: Option<&'a [u8]>,
    /// The inode number, if the name has a file.
    pub inode: Option<u64>,
    /// `major:minor` of the file system's device, in hex as printed.
    pub dev: &'a [u8],
    /// File type and permissions, in octal as printed.
    pub mode: &'a [u8],
    /// The user id of the owner.
    pub ouid: Option<u32>,
    /// The group id of the owning group.
    pub ogid: Option<u32>,
    /// The role of the file.
    pub nametype: NameType,
    /// The identity of the file: `dev` and `inode`, if the record has both.
    pub file: Option<FileId>,
    /// The type of the file, by its mode.
    pub(crate) file_type: FileType,
    /// Whether the record has a role, as since Linux 3.10.
    pub(crate) has_role: bool,
}

impl<'a> PathRecord<'a> {
    /// Whether the mode is that of a directory.
    pub(super) fn is_directory(&self) -> bool {
        let digits = self.mode.len().saturating_sub(4);
        self.mode
            .get(..digits)
            .is_some_and(|kind| matches!(kind, b"04" | b"4"))
    }

    /// Reads a record, which may end with the names that auditd appends, into an empty one: copying
    /// one is expensive.
    #[inline]
    pub(super) fn read(&mut self, body: &'a [u8], tails: &mut Tails, arena: &'a Bump) {
        if let Some((head, tail)) = Head::read(body)
            && let Some(known) = tails.0.get(tail)
        {
            self.item = head.item;
            self.name = head.name.optional_text(arena);
            self.inode = Some(head.inode);
            return self.add(known, tail);
        }
        self.read_any(body, tails, arena);
    }

    /// As [`read`](Self::read), with any start, or with a tail that is not known.
    #[inline(never)]
    fn read_any(&mut self, body: &'a [u8], tails: &mut Tails, arena: &'a Bump) {
        let mut fields = Fields::new(body);
        // The text behind the inode, if no field before it is behind it too.
        let (mut tail, mut passes) = (None, 0);
        // In the kernel's order (kernel/auditsc.c, `audit_log_name`).
        while fields.pass() {
            take!(fields, "item", id(id) => self.item = id.unwrap_or(u32::MAX));
            take!(fields, "name", text(value) => self.name = value.optional_text(arena));
            take!(fields, "inode", number(inode) => {
                self.inode = inode.and_then(|inode| u64::try_from(inode).ok());
            });
            passes += 1;
            tail = (passes == 1).then(|| fields.rest());
            if let Some(tail) = tail
                && let Some(known) = tails.0.get(tail)
            {
                return self.add(known, tail);
            }
            take!(fields, "dev", value => self.dev = value.bytes);
            take!(fields, "mode", value => self.mode = value.bytes);
            take!(fields, "ouid", id(id) => self.ouid = id);
            take!(fields, "ogid", id(id) => self.ogid = id);
            // The device that a device file refers to.
            take!(fields, "rdev", _value => {});
            // Only capabilities follow.
            take!(fields, "nametype", value => {
                self.nametype = name_type(value.bytes);
                self.has_role = true;
                break;
            });
            // The key in some vendors' kernels before 3.18.
            take!(fields, "objtype", value => {
                self.nametype = name_type(value.bytes);
                self.has_role = true;
                break;
            });
        }
        let device = device(self.dev);
        self.file = file(device, self.inode);
        self.file_type = FileType::of_mode(self.mode);
        if let Some(tail) = tail.filter(|_| self.has_role) {
            tails.0.put(tail, self.tail(device, tail));
        }
    }

    /// Adds the fields of its tail.
    #[inline]
    fn add(&mut self, known: &Tail, tail: &'a [u8]) {
        let part = |place: &Range<usize>| tail.get(place.clone()).unwrap_or_default();
        self.dev = part(&known.dev);
        self.mode = part(&known.mode);
        self.ouid = known.ouid;
        self.ogid = known.ogid;
        self.nametype = known.nametype;
        self.file = file(known.device, self.inode);
        self.file_type = known.file_type;
        self.has_role = known.has_role;
    }

    /// The fields of the tail.
    fn tail(&self, device: Option<(u32, u32)>, tail: &[u8]) -> Tail {
        Tail {
            dev: place(self.dev, tail),
            mode: place(self.mode, tail),
            ouid: self.ouid,
            ogid: self.ogid,
            nametype: self.nametype,
            file_type: self.file_type,
            has_role: self.has_role,
            device,
        }
    }
}

/// The start of a PATH record, up to the inode: what differs from file to file.
#[derive(Debug)]
struct Head<'a> {
    item: u32,
    name: Value<'a>,
    inode: u64,
}

impl<'a> Head<'a> {
    /// Splits a record into start and tail. `None` if the start is not in the usual form.
    #[inline(always)]
    fn read(body: &'a [u8]) -> Option<(Head<'a>, &'a [u8])> {
        let mut text = Exact::new(body);
        text.skip(b"item=")?;
        let item = text.number()?;
        text.skip(b" name=")?;
        let name = text.value()?;
        text.skip(b" inode=")?;
        let inode = text.long_number()?;
        text.skip(b" ")?;
        Some((Head { item, name, inode }, text.rest()))
    }
}

/// Tails of PATH records: the texts behind the inode. They have only the attributes of a file,
/// which many files share.
#[derive(Debug, Default)]
pub(super) struct Tails(Memo<Tail>);

impl Tails {
    pub(super) fn new() -> Tails {
        Tails(Memo::new(64))
    }
}

/// The fields of a tail. Texts are parts of it.
#[derive(Debug, Default)]
struct Tail {
    dev: Range<usize>,
    mode: Range<usize>,
    ouid: Option<u32>,
    ogid: Option<u32>,
    nametype: NameType,
    file_type: FileType,
    has_role: bool,
    device: Option<(u32, u32)>,
}

#[inline]
fn file(device: Option<(u32, u32)>, inode: Option<u64>) -> Option<FileId> {
    Some(FileId {
        dev: device?,
        inode: inode?,
    })
}

/// Parses a device number such as `fe:01`. Most parts have two digits.
fn device(dev: &[u8]) -> Option<(u32, u32)> {
    let number = |digits: &[u8]| u32::try_from(hex(digits)?).ok();
    if let [a, b, b':', c, d] = *dev {
        return Some((number(&[a, b])?, number(&[c, d])?));
    }
    let colon = dev.iter().position(|byte| *byte == b':')?;
    Some((number(dev.get(..colon)?)?, number(dev.get(colon + 1..)?)?))
}

/// Parses a nametype, which may be followed by the names that auditd appends.
#[inline]
fn name_type(text: &[u8]) -> NameType {
    match text {
        b"PARENT" => NameType::Parent,
        b"CREATE" => NameType::Create,
        b"DELETE" => NameType::Delete,
        b"NORMAL" => NameType::Normal,
        b"UNKNOWN" => NameType::Unknown,
        text => {
            let raw = enriched::split(AUDIT_PATH, text).0;
            let raw = enriched::bare(raw);
            match raw.len() < text.len() {
                true => name_type(raw),
                false => NameType::Unknown,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<'a>(body: &'a str, arena: &'a Bump) -> PathRecord<'a> {
        let mut path = PathRecord::default();
        path.read(body.as_bytes(), &mut Tails::default(), arena);
        path
    }

    #[test]
    fn a_file_is_identified_by_device_and_inode() {
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
    fn every_spelling_of_the_nametype_is_parsed() {
        let arena = Bump::new();
        assert_eq!(
            parse("item=0 name=\"a\" objtype=DELETE", &arena).nametype,
            NameType::Delete
        );
        assert_eq!(
            parse("item=0 name=\"a\" nametype=\"NORMAL\"", &arena).nametype,
            NameType::Normal
        );
        for form in ["\x1d", "#035", "^]", "\\035", " ", ""] {
            let body = format!("item=0 name=\"a\" nametype=CREATE{form}OUID=\"root\"");
            let body = arena.alloc_str(&body);
            assert_eq!(parse(body, &arena).nametype, NameType::Create, "{form}");
        }
    }

    #[test]
    fn a_bare_null_is_not_a_name() {
        let arena = Bump::new();
        assert_eq!(parse("item=0 name=(null) inode=1", &arena).name, None);
        assert_eq!(
            parse("item=0 name=\"(null)\" inode=1", &arena).name,
            Some(&b"(null)"[..])
        );
    }

    #[test]
    fn invalid_item_numbers_sort_last() {
        let arena = Bump::new();
        assert_eq!(parse("item=7", &arena).item, 7);
        assert_eq!(parse("item=-1", &arena).item, u32::MAX);
        assert_eq!(parse("item=99999999999", &arena).item, u32::MAX);
    }
}
