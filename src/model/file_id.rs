//! The identity of a file.

/// The device and inode that identify a file on its host.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FileId {
    /// The major and minor number of the file system's device.
    pub dev: (u32, u32),
    /// The inode number within it.
    pub inode: u64,
}

/// The type of a file, as far as `mode=` of a PATH record told it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum FileType {
    /// Not known.
    #[default]
    Unknown,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A regular file, or anything else that has no names below it.
    Other,
}

impl FileType {
    /// Whether a file may be of both types, as far as they are known.
    pub(crate) fn may_be(self, other: FileType) -> bool {
        self == other || self == FileType::Unknown || other == FileType::Unknown
    }

    /// The type in an octal `st_mode` as records print it (`040755`, `0100644`; inode(7)).
    pub(crate) fn of_mode(mode: &[u8]) -> FileType {
        let digit = |byte: &u8| u32::from(byte.wrapping_sub(b'0'));
        if mode.is_empty() || mode.len() > 8 || mode.iter().any(|byte| digit(byte) > 7) {
            return FileType::Unknown;
        }
        let mode = mode.iter().fold(0, |mode, byte| mode << 3 | digit(byte));
        match mode & libc::S_IFMT {
            0 => FileType::Unknown,
            libc::S_IFDIR => FileType::Directory,
            libc::S_IFLNK => FileType::Symlink,
            _ => FileType::Other,
        }
    }
}
