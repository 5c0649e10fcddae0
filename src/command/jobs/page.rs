//! Lines on their way from a worker to the marshaller thread.

use auditrd::sink::Line;

/// Bytes of a number in a packed page.
const NUMBER_BYTES: usize = size_of::<u64>();
/// Bytes that packing adds for each line: its length, and its number of records.
const LINE_BYTES: usize = 2 * NUMBER_BYTES;

/// Whole lines.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The lines, one after the other, each with its end.
    pub(crate) text: Vec<u8>,
    pub(crate) lines: Vec<Line>,
}

impl Page {
    /// Adds the line that `write` appends. A line end is added if it is missing. Returns its
    /// length, which is 0 if nothing was appended.
    #[inline]
    pub(super) fn line(&mut self, records: u64, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let start = self.text.len();
        write(&mut self.text);
        match self.text.get(start..) {
            None | Some([]) => return 0,
            Some([.., b'\n']) => {}
            Some(_) => self.text.push(b'\n'),
        }
        let length = self.text.len() - start;
        self.lines.push(Line { length, records });
        length
    }

    /// The size of the page once it is packed, in bytes.
    pub(super) fn packed_bytes(&self) -> usize {
        self.text.len() + self.lines.len() * LINE_BYTES
    }

    /// Moves `lines` to the end of `text`, which can then be put into a file. Returns the number of
    /// lines.
    pub(super) fn pack(&mut self) -> usize {
        let count = self.lines.len();
        for line in self.lines.drain(..) {
            self.text.extend((line.length as u64).to_ne_bytes());
            self.text.extend(line.records.to_ne_bytes());
        }
        count
    }

    /// Moves the lines, of which there are `count`, back from the end of `text`.
    pub(super) fn unpack(&mut self, count: usize) {
        let end = self.text.len().saturating_sub(count * LINE_BYTES);
        let packed = self.text.get(end..).unwrap_or_default();
        let (numbers, _) = packed.as_chunks::<NUMBER_BYTES>();
        let (lines, _) = numbers.as_chunks::<2>();
        self.lines.extend(lines.iter().map(|line| {
            let [length, records] = line.map(u64::from_ne_bytes);
            Line {
                length: usize::try_from(length).unwrap_or(usize::MAX),
                records,
            }
        }));
        self.text.truncate(end);
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.lines.clear();
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
        let bytes = page.packed_bytes();
        let count = page.pack();
        assert_eq!((count, page.text.len()), (2, bytes));
        page.unpack(count);
        let lines = [(2, 3), (4, 0)].map(|(length, records)| Line { length, records });
        assert_eq!(
            (&page.text[..], &page.lines[..]),
            (&b"a\nb\nc\n"[..], &lines[..])
        );
    }
}
