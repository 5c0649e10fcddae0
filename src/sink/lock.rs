//! The lock that keeps a second process from writing to the same file (flock(2)).

use std::{
    fs::{self, File},
    io,
    os::{fd::AsFd, unix::fs::MetadataExt},
};

use crate::sys;

/// Locks a file until it is closed or [released](release). A file system without locks is no error.
///
/// # Errors
///
/// `WouldBlock` if another open file holds the lock. The text names the process, if the kernel
/// does.
pub(super) fn acquire(file: &File) -> io::Result<()> {
    match sys::lock(file.as_fd()) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            let holder = holder(file).map_or_else(
                || "another process writes to it".to_owned(),
                |pid| format!("process {pid} writes to it"),
            );
            Err(io::Error::new(io::ErrorKind::WouldBlock, holder))
        }
        Err(error) => {
            log::debug!("no lock on the output: {error}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// The error of [`acquire`] on a file that another process has locked. Takes no lock itself.
pub(super) fn held(file: &File) -> Option<io::Error> {
    let text = format!("process {} writes to it", holder(file)?);
    Some(io::Error::new(io::ErrorKind::WouldBlock, text))
}

/// Releases the lock, so that this process can open the file again.
pub(super) fn release(file: &File) {
    if let Err(error) = sys::unlock(file.as_fd()) {
        log::debug!("cannot unlock the output: {error}");
    }
}

/// The process that holds the lock on a file (proc_locks(5)).
fn holder(file: &File) -> Option<u32> {
    let metadata = file.metadata().ok()?;
    let locks = fs::read_to_string("/proc/locks").ok()?;
    find_holder(&locks, metadata.dev(), metadata.ino())
}

/// Finds the lock on an inode. On some file systems stat(2) gives another device than the kernel's
/// list, so a lock on the same inode number of another device is the second choice.
fn find_holder(locks: &str, dev: u64, inode: u64) -> Option<u32> {
    let device = format!("{:02x}:{:02x}", libc::major(dev), libc::minor(dev));
    let found = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let is_flock = words.next() == Some("FLOCK");
        let pid = words.nth(2)?.parse().ok()?;
        let (on, number) = words.next()?.rsplit_once(':')?;
        (is_flock && number.parse() == Ok(inode)).then(|| (on == device, pid))
    };
    let (_, pid) = locks
        .lines()
        .filter_map(found)
        .max_by_key(|(same, _)| *same)?;
    Some(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_found_by_device_and_inode() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 fe:01:77 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 12 fe:02:77 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 13 fe:01:77 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 14 fe:01:77 0 EOF\n\
                     4: FLOCK  ADVISORY  READ  15 fe:01:78 0 EOF\n";
        let find = |major, inode| find_holder(locks, libc::makedev(major, 1), inode);
        assert_eq!(find(0xfe, 77), Some(14));
        assert_eq!(find(0xff, 78), Some(15));
        assert_eq!(find(0xfe, 79), None);
    }

    #[test]
    fn a_lock_excludes_another_open_file_until_it_is_released() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let second = File::open(file.path()).unwrap();
        acquire(file.as_file()).unwrap();
        let error = acquire(&second).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert!(error.to_string().ends_with("writes to it"), "{error}");
        release(file.as_file());
        acquire(&second).unwrap();
    }
}
