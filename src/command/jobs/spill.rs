//! The temporary file with pages that have to wait for their turn.
//!
//! It has no name, so that it is gone with the process, and no other user can open it.

use std::{
    env,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use auditrd::Error;
use rustix::fs::{FallocateFlags, fallocate};

use super::page::Page;

/// The file consists of slots of this many bytes. Most pages fit into one.
pub(super) const SLOT_BYTES: usize = 256 << 10;
/// What is written is a multiple of this many bytes: a write of a whole slot costs the kernel less
/// than one that ends a little earlier.
pub(super) const BLOCK_BYTES: usize = 4 << 10;
/// The file gets room on the disk for this many slots at once, which is cheaper than with each
/// write.
const SLOTS_AT_ONCE: u64 = 64;

/// The file, and which of its slots are free.
#[derive(Debug)]
pub(super) struct Spill {
    file: File,
    slots: Mutex<Slots>,
    has_failed: AtomicBool,
}

#[derive(Debug)]
struct Slots {
    free: Vec<u64>,
    /// How many slots the file has, and may have.
    count: u64,
    most: u64,
    /// How many slots have room on the disk, or were refused it.
    prepared: u64,
}

/// The place of a page in the file.
#[derive(Debug)]
pub(super) struct Spilled {
    slots: Vec<u64>,
    /// The size of the packed page, in bytes.
    length: usize,
    /// The number of its lines.
    lines: usize,
}

impl Spill {
    /// Creates the file in `$TMPDIR`, or else in `/var/tmp`, because `/tmp` may be in memory. It
    /// may fill half of the space that is free now.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub(super) fn create() -> Result<Spill, Error> {
        let directory = env::var_os("TMPDIR").filter(|name| !name.is_empty());
        let directory = directory.map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
        let failed = |error| {
            Error::new(
                format!("create a temporary file in {}", directory.display()),
                error,
            )
            .help("TMPDIR can name another directory")
        };
        let file = unnamed(&directory).map_err(failed)?;
        let space = rustix::fs::fstatvfs(&file).map_err(|error| failed(error.into()))?;
        let free = space.f_bavail.saturating_mul(space.f_frsize);
        Ok(Spill::new(file, free / 2))
    }

    fn new(file: File, most_bytes: u64) -> Spill {
        Spill {
            file,
            slots: Mutex::new(Slots {
                free: Vec::new(),
                count: 0,
                most: most_bytes / SLOT_BYTES as u64,
                prepared: 0,
            }),
            has_failed: AtomicBool::new(false),
        }
    }

    /// Writes a page, which is empty afterwards. `None` if there is no room for it.
    pub(super) fn write(&self, page: &mut Page) -> Option<Spilled> {
        let wanted = page.packed_bytes().div_ceil(SLOT_BYTES);
        let slots = self.take(wanted)?;
        let lines = page.pack();
        let length = page.text.len();
        page.text.resize(length.next_multiple_of(BLOCK_BYTES), 0);
        let mut places = page.text.chunks(SLOT_BYTES).zip(&slots);
        let written =
            places.try_for_each(|(chunk, slot)| self.file.write_all_at(chunk, offset(*slot)));
        if let Err(error) = written {
            page.text.truncate(length);
            page.unpack(lines);
            self.give_back(&slots);
            if !self.has_failed.swap(true, Ordering::Relaxed) {
                let error = Error::new("write to the temporary file of --jobs", error);
                log::warn!("{error}; inputs wait for their turn while it is full");
            }
            return None;
        }
        page.clear();
        Some(Spilled {
            slots,
            length,
            lines,
        })
    }

    /// Reads a page back, and frees its room.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub(super) fn read(&self, spilled: &Spilled, page: &mut Page) -> Result<(), Error> {
        page.text.resize(spilled.length, 0);
        let mut places = page.text.chunks_mut(SLOT_BYTES).zip(&spilled.slots);
        places
            .try_for_each(|(chunk, slot)| self.file.read_exact_at(chunk, offset(*slot)))
            .map_err(|error| Error::new("read the temporary file of --jobs", error))?;
        page.unpack(spilled.lines);
        self.give_back(&spilled.slots);
        Ok(())
    }

    /// Takes this many slots. `None` if there are too few.
    fn take(&self, wanted: usize) -> Option<Vec<u64>> {
        self.slots(|slots| {
            let taken = slots.take(wanted)?;
            if slots.count > slots.prepared {
                let start = offset(slots.prepared);
                slots.prepared = (slots.count + SLOTS_AT_ONCE).min(slots.most);
                let length = offset(slots.prepared) - start;
                // If it fails, the write finds room, or fails too.
                let _ = fallocate(&self.file, FallocateFlags::empty(), start, length);
            }
            Some(taken)
        })
    }

    /// Frees slots. Once all are free, the disk has its room back.
    fn give_back(&self, freed: &[u64]) {
        self.slots(|slots| {
            slots.free.extend_from_slice(freed);
            if slots.free.len() as u64 == slots.count && self.file.set_len(0).is_ok() {
                slots.free.clear();
                (slots.count, slots.prepared) = (0, 0);
            }
        });
    }

    fn slots<T>(&self, act: impl FnOnce(&mut Slots) -> T) -> T {
        act(&mut self.slots.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Slots {
    /// Takes this many slots. `None` if there are too few.
    fn take(&mut self, wanted: usize) -> Option<Vec<u64>> {
        let more = wanted.saturating_sub(self.free.len()) as u64;
        if self.count + more > self.most {
            return None;
        }
        let mut taken = self.free.split_off(self.free.len().saturating_sub(wanted));
        taken.extend(self.count..self.count + more);
        self.count += more;
        Some(taken)
    }
}

fn offset(slot: u64) -> u64 {
    slot * SLOT_BYTES as u64
}

/// Creates a file without a name. File systems without `O_TMPFILE` need a name for a moment.
fn unnamed(directory: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    let flags = libc::O_TMPFILE | libc::O_EXCL;
    let unnamed = options.clone().custom_flags(flags).open(directory);
    unnamed.or_else(|_| {
        let name = directory.join(format!(".auditrd-{}", process::id()));
        let file = options.create_new(true).open(&name)?;
        fs::remove_file(&name)?;
        Ok(file)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(byte: u8, length: usize) -> Page {
        let mut page = Page::default();
        page.line(1, |out| out.resize(length, byte));
        page
    }

    #[test]
    fn pages_come_back_and_their_room_is_used_again() {
        let spill = Spill::new(tempfile::tempfile().unwrap(), 4 * SLOT_BYTES as u64);
        let mut back = Page::default();
        for round in 0..10 {
            let pages = [(b'a' + round, 9), (b'b' + round, 2 * SLOT_BYTES + 1)];
            let places = pages.map(|(byte, length)| spill.write(&mut page(byte, length)).unwrap());
            let mut third = page(b'c', 9);
            assert!(spill.write(&mut third).is_none(), "there is no room");
            assert_eq!(third.text, page(b'c', 9).text);
            for ((byte, length), place) in pages.into_iter().zip(&places) {
                back.clear();
                spill.read(place, &mut back).unwrap();
                let page = page(byte, length);
                assert!(
                    back.text == page.text && back.lines == page.lines,
                    "round {round}"
                );
            }
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_has_no_room() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "").unwrap();
        let spill = Spill::new(File::open(&path).unwrap(), 1 << 30);
        let mut kept = page(b'a', 9);
        assert!(spill.write(&mut kept).is_none());
        assert_eq!(
            (kept.text, kept.lines),
            (page(b'a', 9).text, page(b'a', 9).lines)
        );
        assert_eq!(spill.slots(|slots| slots.free.len()), 1);
    }

    #[test]
    fn the_disk_has_its_room_back_once_no_page_is_left() {
        let file = tempfile::tempfile().unwrap();
        let spill = Spill::new(file.try_clone().unwrap(), 1 << 30);
        let length = || file.metadata().unwrap().len();
        for round in 0..3 {
            let places = [1, 2].map(|_| spill.write(&mut page(b'a', SLOT_BYTES)).unwrap());
            let [first, second] = places;
            let mut back = Page::default();
            spill.read(&first, &mut back).unwrap();
            assert!(length() > 0, "round {round}");
            back.clear();
            spill.read(&second, &mut back).unwrap();
            assert_eq!(length(), 0, "round {round}");
        }
    }

    #[test]
    fn the_file_has_no_name() {
        let directory = tempfile::tempdir().unwrap();
        unnamed(directory.path()).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
