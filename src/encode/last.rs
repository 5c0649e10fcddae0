//! The parts of a line that are mostly the same as in the lines before it.

use crate::{
    bytes::small_text,
    model::{Attributes, EventRecord, Identity, Login, Origin, Parent, RecordType, Timestamp},
};

/// How many attributes of files are known.
const ATTRIBUTES: usize = 16;

/// Room for ten ids with their keys.
const ROOM: usize = 192;

/// Parents whose text is kept. A busy host has about as many shells and build tools at work.
const PARENTS: usize = 16;

/// The time and the ids of the last line, with the text that they are, and so of its context.
#[derive(Clone, Debug)]
pub(super) struct Last {
    time: Timestamp,
    time_text: [u8; 24],
    ids: Identity,
    ids_text: [u8; ROOM],
    /// The length of the text; 0 if there are no ids yet.
    ids_length: usize,
    /// By pid. Command lines are long, and many have to be escaped.
    parents: Vec<Memo<(u32, Option<Origin>, bool)>>,
    ancestors: Memo<()>,
    login: Memo<(Option<Timestamp>, [bool; 3])>,
    names: Memo<()>,
    /// The last record that was alone in its line, and plain.
    record: Memo<Option<RecordType>>,
    /// By permissions and owner, but for the inode.
    attributes: Vec<(Ownership, Vec<u8>)>,
}

/// The attributes of a file other than its inode, each as a number that no other value has.
type Ownership = [u64; 4];

/// Texts and a few other values, and the part of a line that was written for them.
#[derive(Clone, Debug, Default)]
struct Memo<V> {
    values: V,
    /// The texts, one behind the other, and where each of them ends.
    texts: Vec<u8>,
    ends: Vec<usize>,
    /// Empty while no part is known.
    written: Vec<u8>,
}

impl<V: PartialEq> Memo<V> {
    /// Appends the part for these values and texts. If it is not known, `write` writes it.
    fn append<'t>(
        &mut self,
        values: V,
        texts: impl Iterator<Item = &'t [u8]> + Clone,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        if self.is(&values, texts.clone()) {
            return out.extend_from_slice(&self.written);
        }
        let start = out.len();
        write(out);
        self.values = values;
        self.texts.clear();
        self.ends.clear();
        for text in texts {
            self.texts.extend_from_slice(text);
            self.ends.push(self.texts.len());
        }
        self.written.clear();
        self.written.extend_from_slice(&out[start..]);
    }

    fn is<'t>(&self, values: &V, texts: impl Iterator<Item = &'t [u8]>) -> bool {
        if self.written.is_empty() || self.values != *values {
            return false;
        }
        let (mut ends, mut start) = (self.ends.iter(), 0);
        for text in texts {
            match ends.next() {
                Some(end) if self.texts.get(start..*end) == Some(text) => start = *end,
                _ => return false,
            }
        }
        ends.next().is_none()
    }
}

impl Default for Last {
    fn default() -> Last {
        let time = Timestamp::default();
        Last {
            time,
            time_text: *b"1970-01-01T00:00:00.000Z",
            ids: Identity::default(),
            ids_text: [0; ROOM],
            ids_length: 0,
            parents: vec![Memo::default(); PARENTS],
            ancestors: Memo::default(),
            login: Memo::default(),
            names: Memo::default(),
            record: Memo::default(),
            attributes: vec![Default::default(); ATTRIBUTES],
        }
    }
}

impl Last {
    /// A time as text. Mostly it is in the same second.
    #[inline]
    pub(super) fn time(&mut self, time: Timestamp) -> &[u8; 24] {
        if time.seconds == self.time.seconds {
            time.write_millis(&mut self.time_text);
        } else {
            self.time_text = time.rfc3339();
        }
        self.time = time;
        &self.time_text
    }

    /// Appends a parent as [`Memo::append`] does. Mostly it is one of the last few.
    pub(super) fn parent(
        &mut self,
        parent: &Parent,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let values = (
            parent.pid,
            Some(parent.origin),
            parent.commandline.is_some(),
        );
        let texts = [parent.exe, parent.commandline.unwrap_or_default()];
        match self.parents.get_mut(parent.pid as usize % PARENTS) {
            Some(memo) => memo.append(values, texts.into_iter(), out, write),
            None => write(out),
        }
    }

    /// Appends ancestors as [`Memo::append`] does.
    pub(super) fn ancestors(
        &mut self,
        ancestors: &[&[u8]],
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let texts = ancestors.iter().copied();
        self.ancestors.append((), texts, out, write);
    }

    /// Appends a login as [`Memo::append`] does.
    pub(super) fn login(
        &mut self,
        login: &Login,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let texts = [login.acct, login.addr, login.terminal];
        let values = (login.since, texts.map(|text| text.is_some()));
        let texts = texts.into_iter().map(Option::unwrap_or_default);
        self.login.append(values, texts, out, write);
    }

    /// Appends names as [`Memo::append`] does.
    pub(super) fn names(
        &mut self,
        names: &[(&[u8], &[u8])],
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let texts = names.iter().flat_map(|(key, name)| [*key, *name]);
        self.names.append((), texts, out, write);
    }

    /// Appends records. A single plain one is mostly the same again.
    pub(super) fn records(
        &mut self,
        records: &[EventRecord],
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        if let [record] = records
            && let Some(plain) = record.plain()
        {
            let texts = [plain].into_iter();
            self.record
                .append(Some(record.record_type), texts, out, write);
        } else {
            write(out);
        }
    }

    /// Appends the attributes that `write` writes, all but the inode. Many files share them.
    #[inline]
    pub(super) fn attributes(
        &mut self,
        attributes: &Attributes,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let Some(ownership) = ownership(attributes) else {
            return write(out);
        };
        if let Some((known, written)) = self.attributes.get_mut(place(&ownership)) {
            if *known == ownership && !written.is_empty() {
                return out.extend_from_slice(written);
            }
            let start = out.len();
            write(out);
            *known = ownership;
            written.clear();
            written.extend_from_slice(&out[start..]);
        }
    }

    /// Appends the ids that `write` writes, all but those of the process. Mostly they are the same
    /// again.
    #[inline]
    pub(super) fn ids(
        &mut self,
        ids: &Identity,
        out: &mut Vec<u8>,
        write: impl FnOnce(&Identity, &mut Vec<u8>),
    ) {
        let known = Identity {
            ppid: ids.ppid,
            pid: ids.pid,
            ..self.ids
        };
        if *ids == known && self.ids_length > 0 {
            return out.extend_from_slice(&self.ids_text[..self.ids_length]);
        }
        let start = out.len();
        write(ids, out);
        let text = &out[start..];
        self.ids_length = 0;
        if let Some(room) = self.ids_text.get_mut(..text.len()) {
            room.copy_from_slice(text);
            (self.ids, self.ids_length) = (*ids, text.len());
        }
    }
}

/// The attributes as numbers, unless a text is long.
#[inline]
fn ownership(attributes: &Attributes) -> Option<Ownership> {
    // The number of a text begins with its length.
    let text = |text: Option<&[u8]>| text.map_or(Some(u64::MAX), small_text);
    let owner = |id: Option<u32>| id.map_or(u64::MAX, u64::from);
    Some([
        text(attributes.dev)?,
        text(attributes.mode)?,
        owner(attributes.ouid),
        owner(attributes.ogid),
    ])
}

/// The place of attributes in a table.
#[inline]
fn place([dev, mode, ouid, _]: &Ownership) -> usize {
    let sum = dev.wrapping_add(mode.rotate_right(16)) ^ ouid;
    // The golden ratio of 64 bits. The upper bits of a product depend on all bits of the factors.
    (sum.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - ATTRIBUTES.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fields;

    #[test]
    fn earlier_lines_do_not_change_the_text_of_a_time() {
        let mut last = Last::default();
        for (seconds, millis) in [(0, 7), (0, 0), (5, 0), (5, 999), (5, 10), (4, 10), (0, 10)] {
            let time = Timestamp { seconds, millis };
            assert_eq!(*last.time(time), time.rfc3339());
        }
    }

    #[test]
    fn ids_are_written_anew_when_they_are_others() {
        let (mut last, mut out) = (Last::default(), Vec::new());
        let mut write = |uid: u32, pid: u32, room: usize| {
            let ids = Identity {
                uid,
                pid,
                ..Identity::default()
            };
            let mut is_new = false;
            out.clear();
            last.ids(&ids, &mut out, |ids, out| {
                is_new = true;
                out.resize(room, ids.uid as u8);
            });
            assert_eq!(out, vec![uid as u8; room]);
            is_new
        };
        assert!(write(1, 1, ROOM));
        assert!(!write(1, 2, ROOM));
        assert!(write(2, 2, 9));
        assert!(!write(2, 2, 9));
        assert!(write(3, 3, ROOM + 1) && write(3, 3, ROOM + 1));
    }

    #[test]
    fn a_record_is_written_anew_when_it_is_another() {
        let (mut last, mut out) = (Last::default(), Vec::new());
        let mut write = |record_type, plain: Option<&[u8]>| {
            let fields = match plain {
                Some(text) => Fields::Plain { text, places: &[] },
                None => Fields::Decoded(&[]),
            };
            let record = EventRecord {
                record_type,
                fields,
            };
            let mut is_new = false;
            out.clear();
            last.records(&[record], &mut out, |out| {
                is_new = true;
                out.extend_from_slice(plain.unwrap_or(b"escaped"));
            });
            assert_eq!(out, plain.unwrap_or(b"escaped"));
            is_new
        };
        let (one, other) = (RecordType(1321), RecordType(1322));
        assert!(write(one, Some(b"a")) && !write(one, Some(b"a")));
        assert!(write(one, Some(b"b")) && write(other, Some(b"b")));
        assert!(write(other, None) && write(other, None));
        assert!(!write(other, Some(b"b")));
    }

    #[test]
    fn a_parent_is_written_anew_when_anything_of_it_is_different() {
        let (mut last, mut out) = (Last::default(), Vec::new());
        let parent = |pid, exe, commandline, origin| Parent {
            pid,
            exe,
            commandline,
            origin,
        };
        let all: [Parent<'_>; 6] = [
            parent(1, b"/a", None, Origin::Records),
            parent(2, b"/a", None, Origin::Records),
            parent(2, b"/b", None, Origin::Records),
            parent(2, b"/b", Some(b"b 1"), Origin::Records),
            parent(2, b"/b", Some(b"b 2"), Origin::Records),
            parent(2, b"/b", Some(b"b 2"), Origin::Proc),
        ];
        for parent in all {
            for is_new in [true, false] {
                let (mut was_written, text) = (false, format!("{parent:?}").into_bytes());
                out.clear();
                last.parent(&parent, &mut out, |out| {
                    was_written = true;
                    out.extend_from_slice(&text);
                });
                assert_eq!((was_written, &out), (is_new, &text));
            }
        }
    }

    #[test]
    fn texts_are_written_anew_when_any_of_them_is_different() {
        let (mut last, mut out) = (Last::default(), Vec::new());
        let all: [&[&[u8]]; 7] = [
            &[b"/a"],
            &[b"/a", b""],
            &[b"", b"/a"],
            &[b"/a", b"/b"],
            &[b"/a/b"],
            &[b"/a/", b"b"],
            &[],
        ];
        for ancestors in all {
            for is_new in [true, false] {
                let (mut was_written, text) = (false, format!("{ancestors:?}").into_bytes());
                out.clear();
                last.ancestors(ancestors, &mut out, |out| {
                    was_written = true;
                    out.extend_from_slice(&text);
                });
                assert_eq!((was_written, &out), (is_new, &text));
            }
        }
    }

    #[test]
    fn attributes_are_written_anew_when_any_of_them_is_different() {
        let texts = [
            None,
            Some(&b""[..]),
            Some(b"fe:00"),
            Some(b"0100644"),
            Some(b"longer than a word"),
        ];
        let owners = [None, Some(0), Some(1), Some(1000)];
        let (mut last, mut out) = (Last::default(), Vec::new());
        for step in 0..2000u32 {
            let text = |shift: u32| texts[(step.wrapping_mul(0x9e37_79b9) >> shift) as usize % 5];
            let owner = |shift: u32| owners[(step.wrapping_mul(0x85eb_ca6b) >> shift) as usize % 4];
            let attributes = Attributes {
                inode: None,
                dev: text(8),
                mode: text(16),
                ouid: owner(20),
                ogid: owner(24),
            };
            let text = format!("{attributes:?}").into_bytes();
            for _ in 0..2 {
                out.clear();
                last.attributes(&attributes, &mut out, |out| out.extend_from_slice(&text));
                assert_eq!(out, text);
            }
        }
    }
}
