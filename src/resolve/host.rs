//! What a live system can say of a process's descriptors.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, os::unix::fs::MetadataExt};

use crate::model::FileId;

/// The questions that the resolver may ask of the system that the records come from.
///
/// ```
/// use auditrd::{Classifier, model::FileId, resolve::{Host, Proc}};
///
/// /// This system, but for the files of one directory.
/// struct Elsewhere;
///
/// impl Host for Elsewhere {
///     fn descriptor(&self, pid: u32, fd: u32) -> Option<Vec<u8>> {
///         Proc.descriptor(pid, fd).filter(|path| !path.starts_with(b"/secret/"))
///     }
///
///     fn file_id(&self, path: &[u8]) -> Option<FileId> {
///         Proc.file_id(path)
///     }
/// }
///
/// let classifier = Classifier::new(Box::new(Elsewhere));
/// ```
pub trait Host {
    /// The path that a descriptor of a process has now.
    fn descriptor(&self, pid: u32, fd: u32) -> Option<Vec<u8>>;
    /// Which file a path names now, a symbolic link itself and not its target. With a `/` at the end,
    /// only a directory, also behind a link (path_resolution(7)).
    fn file_id(&self, path: &[u8]) -> Option<FileId>;
}

/// No system to ask: the records come from a log.
#[derive(Clone, Copy, Debug)]
pub struct Absent;

impl Host for Absent {
    fn descriptor(&self, _: u32, _: u32) -> Option<Vec<u8>> {
        None
    }

    fn file_id(&self, _: &[u8]) -> Option<FileId> {
        None
    }
}

/// This system, by `/proc/PID/fd` (proc_pid_fd(5); needs CAP_SYS_PTRACE for other users'
/// processes).
#[derive(Clone, Copy, Debug)]
pub struct Proc;

impl Host for Proc {
    fn descriptor(&self, pid: u32, fd: u32) -> Option<Vec<u8>> {
        let target = fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok()?;
        let path = target.into_os_string().into_encoded_bytes();
        path.starts_with(b"/").then_some(path)
    }

    fn file_id(&self, path: &[u8]) -> Option<FileId> {
        let file = fs::symlink_metadata(OsStr::from_bytes(path)).ok()?;
        let dev = (libc::major(file.dev()), libc::minor(file.dev()));
        Some(FileId {
            dev,
            inode: file.ino(),
        })
    }
}
