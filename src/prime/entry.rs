//! A name in a directory with the file that it stands for, and its encoding.

use crate::model::{FileId, FileType};

/// A name in a directory, as the file system has it now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) file: FileId,
    pub(crate) file_type: FileType,
    /// How many names the file has (`st_nlink`, inode(7)).
    pub(crate) links: u32,
    /// Tells the mount that it was reached by from others, as far as statx(2) does: by number since
    /// Linux 5.8, by device before.
    pub(crate) mount: u64,
}

impl<'a> Entry<'a> {
    /// Appends the entry to a message.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let length = u16::try_from(self.name.len()).unwrap_or(0);
        let FileId { dev, inode } = self.file;
        out.push(match self.file_type {
            FileType::Directory => b'd',
            FileType::Symlink => b'l',
            FileType::Other => b'f',
            _ => b'?',
        });
        out.extend_from_slice(&dev.0.to_ne_bytes());
        out.extend_from_slice(&dev.1.to_ne_bytes());
        out.extend_from_slice(&inode.to_ne_bytes());
        out.extend_from_slice(&self.links.to_ne_bytes());
        out.extend_from_slice(&self.mount.to_ne_bytes());
        out.extend_from_slice(&length.to_ne_bytes());
        out.extend_from_slice(self.name.get(..usize::from(length)).unwrap_or_default());
    }

    /// Takes the first entry off a message. `None` if there is no whole one, or none that a
    /// directory can have.
    pub(crate) fn read(bytes: &mut &'a [u8]) -> Option<Entry<'a>> {
        let file_type = match take::<1>(bytes)? {
            b"d" => FileType::Directory,
            b"l" => FileType::Symlink,
            b"f" => FileType::Other,
            b"?" => FileType::Unknown,
            _ => return None,
        };
        let major = u32::from_ne_bytes(*take(bytes)?);
        let minor = u32::from_ne_bytes(*take(bytes)?);
        let inode = u64::from_ne_bytes(*take(bytes)?);
        let links = u32::from_ne_bytes(*take(bytes)?);
        let mount = u64::from_ne_bytes(*take(bytes)?);
        let length = usize::from(u16::from_ne_bytes(*take(bytes)?));
        let name = bytes.split_off(..length)?;
        is_name(name).then_some(Entry {
            name,
            file: FileId {
                dev: (major, minor),
                inode,
            },
            file_type,
            links,
            mount,
        })
    }
}

/// Whether this can be the name of an entry. The root directory has the name `/`.
fn is_name(name: &[u8]) -> bool {
    let is_part = || !name.iter().any(|byte| matches!(byte, b'/' | 0));
    name == b"/" || !matches!(name, b"" | b"." | b"..") && is_part()
}

/// Takes the first bytes off a message.
pub(crate) fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &[u8]) -> Entry<'_> {
        Entry {
            name,
            file: FileId {
                dev: (254, 1),
                inode: u64::MAX,
            },
            file_type: FileType::Directory,
            links: 2,
            mount: 7,
        }
    }

    #[test]
    fn entries_read_back() {
        let (mut bytes, long) = (Vec::new(), [0xff; 255]);
        let names = [&b"a"[..], b"\xff\xfe \n\x1b", b"...", &long];
        names.iter().for_each(|name| entry(name).write(&mut bytes));
        let mut rest = &bytes[..];
        for name in names {
            assert_eq!(Entry::read(&mut rest), Some(entry(name)));
        }
        assert_eq!((Entry::read(&mut rest), rest), (None, &b""[..]));
    }

    #[test]
    fn a_torn_or_impossible_entry_is_none() {
        let mut bytes = Vec::new();
        entry(b"name").write(&mut bytes);
        for length in 0..bytes.len() {
            assert_eq!(Entry::read(&mut &bytes[..length]), None, "{length}");
        }
        for name in [&b""[..], b".", b"..", b"a/b", b"a\0"] {
            let mut bytes = Vec::new();
            entry(name).write(&mut bytes);
            assert_eq!(Entry::read(&mut &bytes[..]), None, "{name:?}");
        }
    }
}
