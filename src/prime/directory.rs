//! Reading directories without being led elsewhere.
//!
//! A path is opened part by part, and no part may be a symbolic link. Another process may still
//! rename a directory at any time, so the directory that was opened must be the one that was
//! expected: its device, its inode and its mount tell.

use std::{
    ffi::{CStr, CString, OsStr},
    fs::{self, File},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::FileExt},
    },
};

use hashbrown::HashMap;
use rustix::{
    fs::{AtFlags, CWD, FileType as Kind, Mode, OFlags, RawDir, Statx, StatxFlags, openat, statx},
    io::Errno,
};

use crate::{
    model::{FileId, FileType},
    prime::entry::Entry,
};

/// Passes an entry on. `false` ends the reading.
pub(crate) type Put<'p> = dyn FnMut(&Entry<'_>) -> bool + 'p;

/// Which file it is, and by which mount it was reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Identity {
    pub(crate) file: FileId,
    pub(crate) mount: u64,
}

/// The directories of this system, as the process that uses it may read them.
#[derive(Debug)]
pub(crate) struct Directories {
    mounts: Mounts,
    buffer: Vec<u8>,
}

impl Directories {
    /// Opens what must be open before the process is confined.
    pub(crate) fn open() -> Directories {
        Directories {
            mounts: Mounts {
                table: File::open("/proc/self/mountinfo").ok(),
                devices: HashMap::new(),
            },
            buffer: Vec::with_capacity(64 << 10),
        }
    }

    /// Passes on each part of a path from the root directory on, after all symbolic links in it
    /// have been followed.
    ///
    /// # Errors
    ///
    /// If the path does not exist, or may not be looked up.
    pub(crate) fn resolve(&mut self, path: &[u8], put: &mut Put) -> Result<(), Errno> {
        let real = fs::canonicalize(OsStr::from_bytes(path)).map_err(errno)?;
        let mut directory = root()?;
        let mut go_on = put(&self.entry(CWD, c"/")?);
        for name in parts(real.as_os_str().as_bytes()) {
            if !go_on {
                break;
            }
            let name = CString::new(name).map_err(|_| Errno::INVAL)?;
            let entry = self.entry(directory.as_fd(), &name)?;
            if entry.file_type == FileType::Directory {
                directory = search(directory.as_fd(), &name)?;
            }
            go_on = put(&entry);
        }
        Ok(())
    }

    /// Passes on each entry of a directory, if it is still the one that was expected.
    ///
    /// # Errors
    ///
    /// `ESTALE` if it is another one by now; or as open(2).
    pub(crate) fn list(
        &mut self,
        path: &[u8],
        expected: Identity,
        put: &mut Put,
    ) -> Result<(), Errno> {
        let directory = open(path)?;
        if self.identity(directory.as_fd())? != expected {
            return Err(Errno::STALE);
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let listed = self.read(directory.as_fd(), buffer.spare_capacity_mut(), put);
        self.buffer = buffer;
        listed
    }

    fn read(
        &mut self,
        directory: BorrowedFd,
        buffer: &mut [MaybeUninit<u8>],
        put: &mut Put,
    ) -> Result<(), Errno> {
        let mut names = RawDir::new(directory, buffer);
        while let Some(name) = names.next() {
            let name = name?;
            let name = name.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            match self.entry(directory, name) {
                Ok(entry) if !put(&entry) => break,
                // It has been removed since, or it cannot be looked up.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn entry<'n>(&mut self, directory: BorrowedFd, name: &'n CStr) -> Result<Entry<'n>, Errno> {
        let file = look_up(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let Identity { file: id, mount } = self.identity_of(&file);
        Ok(Entry {
            name: name.to_bytes(),
            file: id,
            file_type: match Kind::from_raw_mode(u32::from(file.stx_mode)) {
                Kind::Directory => FileType::Directory,
                Kind::Symlink => FileType::Symlink,
                _ => FileType::Other,
            },
            links: file.stx_nlink,
            mount,
        })
    }

    fn identity(&mut self, directory: BorrowedFd) -> Result<Identity, Errno> {
        let file = look_up(directory, c"", AtFlags::EMPTY_PATH)?;
        Ok(self.identity_of(&file))
    }

    fn identity_of(&mut self, file: &Statx) -> Identity {
        let has_mount = file.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        let mount = if has_mount { file.stx_mnt_id } else { 0 };
        let said = (file.stx_dev_major, file.stx_dev_minor);
        Identity {
            file: FileId {
                dev: self.mounts.device(mount).unwrap_or(said),
                inode: file.stx_ino,
            },
            // Subvolumes (btrfs) share a mount, but have devices and inode numbers of their own.
            mount: mount ^ u64::from(said.0) << 52 ^ u64::from(said.1) << 32,
        }
    }
}

/// The devices of mounts. On some file systems (btrfs, overlayfs) statx(2) says another device than
/// records do, which have that of the file system; the table of mounts has it too
/// (proc_pid_mountinfo(5)).
#[derive(Debug)]
struct Mounts {
    table: Option<File>,
    devices: HashMap<u64, Option<(u32, u32)>>,
}

impl Mounts {
    fn device(&mut self, mount: u64) -> Option<(u32, u32)> {
        if mount == 0 {
            return None;
        }
        if let Some(device) = self.devices.get(&mount) {
            return *device;
        }
        self.read();
        *self.devices.entry(mount).or_insert(None)
    }

    fn read(&mut self) {
        let Some(table) = &self.table else { return };
        let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(length @ 1..) = table.read_at(&mut buffer, text.len() as u64) {
            text.extend_from_slice(&buffer[..length]);
        }
        for line in text.split(|byte| *byte == b'\n') {
            if let Some((mount, device)) = mount(line) {
                self.devices.insert(mount, Some(device));
            }
        }
    }
}

/// The number and the device of a mount, from a line of the table.
fn mount(line: &[u8]) -> Option<(u64, (u32, u32))> {
    let text = line.utf8_chunks().next()?.valid();
    let mut words = text.split(' ');
    let (mount, device) = (words.next()?, words.nth(1)?);
    let (major, minor) = device.split_once(':')?;
    Some((
        mount.parse().ok()?,
        (major.parse().ok()?, minor.parse().ok()?),
    ))
}

fn look_up(directory: BorrowedFd, name: &CStr, flags: AtFlags) -> Result<Statx, Errno> {
    // Attributes that are cached are enough: do not ask the server of a network file system.
    let flags = flags | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
    let wanted = StatxFlags::TYPE | StatxFlags::INO | StatxFlags::NLINK | StatxFlags::MNT_ID;
    statx(directory, name, flags, wanted)
}

fn root() -> Result<OwnedFd, Errno> {
    search(CWD, c"/")
}

/// Opens a directory in which names are to be looked up, which takes no right to read it.
fn search(directory: BorrowedFd, name: &CStr) -> Result<OwnedFd, Errno> {
    directory_in(directory, name, OFlags::PATH)
}

/// Opens a directory whose names are to be read. No part of its path may be a symbolic link.
fn open(path: &[u8]) -> Result<OwnedFd, Errno> {
    let mut directory = root()?;
    let mut names = parts(path).peekable();
    if names.peek().is_none() {
        return directory_in(CWD, c"/", OFlags::RDONLY);
    }
    while let Some(name) = names.next() {
        let name = CString::new(name).map_err(|_| Errno::INVAL)?;
        directory = match names.peek() {
            Some(_) => search(directory.as_fd(), &name)?,
            None => directory_in(directory.as_fd(), &name, OFlags::RDONLY)?,
        };
    }
    Ok(directory)
}

fn directory_in(directory: BorrowedFd, name: &CStr, access: OFlags) -> Result<OwnedFd, Errno> {
    let flags = access | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty())
}

fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty())
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::INVAL)
}
