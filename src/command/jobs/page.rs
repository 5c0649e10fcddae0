//! Lines on their way from a worker to the marshaller thread.

/// The bytes before each line: its length, and the number of records it represents.
const HEADER_BYTES: usize = 16;

/// Whole lines, one after the other, each behind its length and its number of records: a page can
/// be put into a file and read back as it is.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(super) bytes: Vec<u8>,
}

impl Page {
    /// Adds the line that `write` appends. A line end is added if it is missing. Returns its length,
    /// which is 0 if nothing was appended.
    pub(super) fn line(&mut self, records: u64, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let header = self.bytes.len();
        let start = header + HEADER_BYTES;
        self.bytes.resize(start, 0);
        write(&mut self.bytes);
        match self.bytes.get(start..) {
            None | Some([]) => {
                self.bytes.truncate(header);
                return 0;
            }
            Some([.., b'\n']) => {}
            Some(_) => self.bytes.push(b'\n'),
        }
        let length = self.bytes.len() - start;
        for (number, value) in [length as u64, records].into_iter().enumerate() {
            let place = header + 8 * number..header + 8 * (number + 1);
            if let Some(place) = self.bytes.get_mut(place) {
                place.copy_from_slice(&value.to_ne_bytes());
            }
        }
        length
    }

    /// The lines, each with the number of its records.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk()?;
            let (records, after) = after.split_first_chunk()?;
            let length = usize::try_from(u64::from_ne_bytes(*length)).ok()?;
            let (line, after) = after.split_at_checked(length)?;
            rest = after;
            Some((u64::from_ne_bytes(*records), line))
        })
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_with_their_records_and_ends() {
        let mut page = Page::default();
        assert_eq!(page.line(3, |out| out.extend_from_slice(b"a")), 2);
        assert_eq!(page.line(9, |_| {}), 0);
        assert_eq!(page.line(0, |out| out.extend_from_slice(b"b\nc\n")), 4);
        let lines: Vec<_> = page.lines().collect();
        assert_eq!(lines, [(3, &b"a\n"[..]), (0, b"b\nc\n")]);
    }
}
