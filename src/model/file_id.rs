//! Which file a record is about.

/// The device and inode that tell a file from all others on its host.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FileId {
    /// Major and minor number of the file system's device.
    pub dev: (u32, u32),
    /// The inode number within it.
    pub inode: u64,
}
