//! The last line of a file, where a write was cut short.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, Read, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::Path,
};

use memchr::memrchr;

/// Bytes read at once in the search for the last line end.
const CHUNK_BYTES: u64 = 64 << 10;

/// Makes a file end with a line end. A full disk or SIGKILL may have cut the last write short, and
/// the next line must not be appended to half a line.
///
/// A line that starts with one of `beginnings` and is not a whole JSON object is torn, and removed.
/// Anything else is ended: a line that lacks nothing but its line end, or another program's text.
pub(super) fn mend(file: &File, path: &Path, beginnings: &[&[u8]]) {
    if let Err(error) = try_to_mend(file, path, beginnings) {
        log::warn!("cannot check {} for a torn line: {error}", path.display());
    }
}

fn try_to_mend(mut file: &File, path: &Path, beginnings: &[&[u8]]) -> io::Result<()> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(());
    }
    // `file` cannot be read, and by now the path may lead to another file.
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
    if is_ours(&reader, start, beginnings)? && !is_object(&reader, start)? {
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

/// Whether the last line starts with one of the beginnings, as far as it goes.
fn is_ours(file: &File, start: u64, beginnings: &[&[u8]]) -> io::Result<bool> {
    let longest = beginnings.iter().map(|beginning| beginning.len()).max();
    let mut line = Vec::new();
    FileFrom(file, start)
        .take(longest.unwrap_or(0) as u64)
        .read_to_end(&mut line)?;
    let is_one = |beginning: &&[u8]| {
        let length = beginning.len().min(line.len());
        beginning.get(..length) == line.get(..length)
    };
    Ok(!line.is_empty() && beginnings.iter().any(is_one))
}

/// Whether the last line is one whole JSON object, given that it starts like a line of ours.
///
/// Nothing is checked that a torn line cannot lack: the object must close, and at the end. A
/// control character is in no line; after a crash of the system a file may have zeros in place of
/// text.
fn is_object(file: &File, start: u64) -> io::Result<bool> {
    let mut depth = 0u64;
    let (mut in_string, mut is_escaped, mut is_closed) = (false, false, false);
    for byte in BufReader::new(FileFrom(file, start)).bytes() {
        match byte? {
            0..0x20 => return Ok(false),
            _ if is_closed => return Ok(false),
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => {
                depth = depth.saturating_sub(1);
                is_closed = depth == 0;
            }
            _ => {}
        }
    }
    Ok(is_closed)
}

/// The bytes of a file from an offset on.
struct FileFrom<'a>(&'a File, u64);

impl Read for FileFrom<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.read_at(buffer, self.1)?;
        self.1 += length as u64;
        Ok(length)
    }
}

/// The offset of the text after the last line end.
fn last_line(file: &File, length: u64) -> io::Result<u64> {
    let mut buffer = vec![0; CHUNK_BYTES as usize];
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(CHUNK_BYTES);
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LINE: &[u8] = br#"{"name":"x","path":"}","fields":{"a":["\\\""]}}"#;

    /// The text of a file after it was mended.
    fn mended(text: &[u8]) -> Vec<u8> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        fs::write(&path, text).unwrap();
        let file = OpenOptions::new().append(true).open(&path).unwrap();
        try_to_mend(&file, &path, &[b"{\"time\":", b"{\"name\":\""]).unwrap();
        fs::read(path).unwrap()
    }

    #[test]
    fn a_line_torn_anywhere_is_removed_and_the_lines_before_it_stay() {
        let before = [LINE, b"\n"].concat();
        for length in 0..LINE.len() {
            let torn = [&before, &LINE[..length]].concat();
            assert_eq!(mended(&torn), before, "{length}");
            assert_eq!(mended(&LINE[..length]), b"", "{length}");
        }
    }

    #[test]
    fn a_whole_line_without_its_end_is_ended_and_not_removed() {
        for before in [&b""[..], &[LINE, b"\n"].concat()] {
            let text = [before, LINE].concat();
            assert_eq!(mended(&text), [&text, &b"\n"[..]].concat());
        }
    }

    #[test]
    fn text_of_others_is_ended_and_not_removed() {
        for text in [
            &b"note"[..],
            b"{\"nam3\":1",
            b"[1",
            b"\n\n ",
            b"{\"other\":\"",
            b"\xff",
        ] {
            assert_eq!(mended(text), [text, b"\n"].concat());
        }
        assert_eq!(mended(b""), b"");
        assert_eq!(mended(b"note\n"), b"note\n");
    }

    #[test]
    fn a_line_with_anything_but_one_object_is_removed() {
        assert_eq!(mended(&[LINE, &LINE[..5]].concat()), b"");
        assert_eq!(mended(&[LINE, LINE].concat()), b"");
        let zeros = [&LINE[..20], &[0; 100], &LINE[20..]].concat();
        assert_eq!(mended(&zeros), b"");
    }
}
