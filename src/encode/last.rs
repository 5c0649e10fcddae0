//! What a line mostly has in common with the one before it.

use crate::model::{Identity, Origin, Parent, Timestamp};

/// Room for ten ids with their keys.
const ROOM: usize = 192;

/// The time and the ids of the last line, with the text that they are.
#[derive(Clone, Debug)]
pub(super) struct Last {
    time: Timestamp,
    time_text: [u8; 24],
    ids: Identity,
    ids_text: [u8; ROOM],
    /// How much of the text there is; nothing of no ids yet.
    ids_length: usize,
    parent: LastParent,
}

/// The parent of the last line that had one, with its text. Command lines are long, and many have to
/// be escaped.
#[derive(Clone, Debug, Default)]
struct LastParent {
    text: Vec<u8>,
    pid: u32,
    /// None while there was no parent.
    origin: Option<Origin>,
    exe: Vec<u8>,
    commandline: Option<Vec<u8>>,
}

impl LastParent {
    fn is(&self, parent: &Parent) -> bool {
        (self.pid, self.origin) == (parent.pid, Some(parent.origin))
            && self.exe == parent.exe
            && self.commandline.as_deref() == parent.commandline
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
            parent: LastParent::default(),
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

    /// Appends what `write` writes of a parent. Mostly it is the same again.
    pub(super) fn parent(
        &mut self,
        parent: &Parent,
        out: &mut Vec<u8>,
        write: impl FnOnce(&Parent, &mut Vec<u8>),
    ) {
        let last = &mut self.parent;
        if last.is(parent) {
            return out.extend_from_slice(&last.text);
        }
        let start = out.len();
        write(parent, out);
        last.text.clear();
        last.text.extend_from_slice(&out[start..]);
        (last.pid, last.origin) = (parent.pid, Some(parent.origin));
        last.exe.clear();
        last.exe.extend_from_slice(parent.exe);
        match (parent.commandline, &mut last.commandline) {
            (Some(line), Some(known)) => {
                known.clear();
                known.extend_from_slice(line);
            }
            (line, known) => *known = line.map(<[u8]>::to_vec),
        }
    }

    /// Appends what `write` writes of ids. It may write all but those of the process, and mostly it is
    /// the same again.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_the_same_whatever_was_before_it() {
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
                last.parent(&parent, &mut out, |parent, out| {
                    was_written = true;
                    out.extend_from_slice(format!("{parent:?}").as_bytes());
                });
                assert_eq!((was_written, &out), (is_new, &text));
            }
        }
    }
}
