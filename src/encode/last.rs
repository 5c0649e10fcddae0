//! What a line mostly has in common with the one before it.

use crate::model::{Identity, Timestamp};

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
}
