//! The last line of a file, where a write was cut short.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::Path,
};

use memchr::memrchr;

/// How lines begin, in each of the formats.
const BEGINNINGS: [&[u8]; 3] = [b"{\"name\":\"", b"{\"@timestamp\":\"", b"{\"sequence\":"];
/// How much is read at once on the way back to the last line end.
const CHUNK: u64 = 64 << 10;

/// Makes a file end with a line end. A full disk ends a write in the middle of a line, and so does a
/// kill that nobody can catch; what is there of such a line is of no use, and would spoil the one
/// that is written behind it. It is removed, if it is one of ours, and ended if it is not.
pub(super) fn mend(file: &File, path: &Path) {
    if let Err(error) = try_to_mend(file, path) {
        log::warn!("cannot look for a torn line in {}: {error}", path.display());
    }
}

fn try_to_mend(mut file: &File, path: &Path) -> io::Result<()> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(());
    }
    // The file itself was opened for writing alone. A second name lookup may find another one.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let reader = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let found = reader.metadata()?;
    if (found.dev(), found.ino()) != (metadata.dev(), metadata.ino()) {
        return Ok(());
    }
    let start = last_line(&reader, metadata.len())?;
    if start == metadata.len() {
        return Ok(());
    }
    let mut buffer = [0; 16];
    let length = reader.read_at(&mut buffer, start)?;
    let beginning = buffer.get(..length).unwrap_or_default();
    let is_ours = |ours: &&[u8]| {
        let length = ours.len().min(beginning.len());
        !beginning.is_empty() && ours.get(..length) == beginning.get(..length)
    };
    if BEGINNINGS.iter().any(is_ours) {
        log::warn!(
            "removed a torn line of {} bytes from {}",
            metadata.len() - start,
            path.display()
        );
        file.set_len(start)
    } else {
        file.write_all(b"\n")
    }
}

/// Where what follows the last line end begins.
fn last_line(file: &File, length: u64) -> io::Result<u64> {
    let mut buffer = vec![0; CHUNK as usize];
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(CHUNK);
        let size = usize::try_from(end - start).unwrap_or_default();
        let chunk = buffer.get_mut(..size).unwrap_or_default();
        file.read_exact_at(chunk, start)?;
        if let Some(at) = memrchr(b'\n', chunk) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
