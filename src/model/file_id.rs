//! The identity of a file.

/// The device and inode that identify a file on its host.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FileId {
    /// The major and minor number of the file system's device.
    pub dev: (u32, u32),
    /// The inode number within it.
    pub inode: u64,
}
