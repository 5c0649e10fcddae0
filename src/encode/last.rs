//! The parts of a line that are usually the same as in the lines before it.

use super::{beginning::Beginnings, ids::Ids};
use crate::{
    bytes::small_text,
    model::{Attributes, EventRecord, Login, Origin, Parent, RecordType, Timestamp},
};

/// How many attributes of files are known.
const ATTRIBUTES: usize = 16;

/// Parents whose text is kept. A busy host has about as many shells and build tools at work.
const PARENTS: usize = 16;

/// Parts of the last lines, each with its encoded text.
#[derive(Clone, Debug)]
pub(super) struct Last {
    pub(super) beginnings: Beginnings,
    pub(super) ids: Ids,
    /// By pid. Command lines are long, and many have to be escaped.
    parents: Vec<KnownParent>,
    ancestors: Memo<()>,
    login: Memo<(Option<Timestamp>, [bool; 3])>,
    names: Memo<()>,
    /// The last record that was alone in its line, and plain.
    record: Memo<Option<RecordType>>,
    /// By permissions and owner, but for the inode.
    attributes: Vec<(Ownership, Vec<u8>)>,
}

/// A parent, and the number of its texts, if they have one.
#[derive(Clone, Debug, Default)]
struct KnownParent {
    memo: Memo<(u32, Option<Origin>, bool)>,
    edition: Option<u64>,
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
        Last {
            beginnings: Beginnings::default(),
            ids: Ids::default(),
            parents: vec![KnownParent::default(); PARENTS],
            ancestors: Memo::default(),
            login: Memo::default(),
            names: Memo::default(),
            record: Memo::default(),
            attributes: vec![Default::default(); ATTRIBUTES],
        }
    }
}

impl Last {
    /// Appends a parent as [`Memo::append`] does. Usually it is one of the last few.
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
        let Some(known) = self.parents.get_mut(parent.pid as usize % PARENTS) else {
            return write(out);
        };
        let edition = parent.edition();
        if edition.is_some() && known.edition == edition && known.memo.values == values {
            return out.extend_from_slice(&known.memo.written);
        }
        known.edition = edition;
        known.memo.append(values, texts.into_iter(), out, write);
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

    /// Appends records. A single plain one is usually the same again.
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
    use crate::model::{Edition, Fields};

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
            edition: Edition::default(),
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
    fn a_parent_is_written_anew_when_its_texts_are_no_longer_those_of_its_number() {
        let (exe, commandline) = (&b"/bin/sh"[..], Some(&b"sh -c x"[..]));
        let made = |number| Parent {
            pid: 1,
            exe,
            commandline,
            origin: Origin::Records,
            edition: Edition {
                number,
                exe,
                commandline,
            },
        };
        let mut cut = [made(1); 4];
        cut[0].exe = &exe[..4];
        cut[1].exe = b"/bin/su";
        cut[2].commandline = None;
        cut[3].commandline = commandline.map(|text| &text[..2]);
        let (mut last, mut out) = (Last::default(), Vec::new());
        for parent in cut.into_iter().flat_map(|cut| [made(1), cut, cut, made(2)]) {
            let text = format!("{:?} {:?}", parent.exe, parent.commandline).into_bytes();
            out.clear();
            last.parent(&parent, &mut out, |out| out.extend_from_slice(&text));
            assert_eq!(out, text);
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
