//! The beginning of a line, up to the number of its event, kept as it was written last.

use super::{BEGINNING, object::key};
use crate::{
    bytes::append,
    model::{EventKind, Timestamp},
};

/// Room for the longest one.
const ROOM: usize = 80;

/// The last beginning of each kind of event.
#[derive(Clone, Debug)]
pub(super) struct Beginnings([Beginning; EventKind::ALL.len()]);

#[derive(Clone, Copy, Debug)]
struct Beginning {
    time: Timestamp,
    text: [u8; ROOM],
    /// Where the time begins in the text.
    time_at: usize,
    length: usize,
}

impl Default for Beginnings {
    fn default() -> Beginnings {
        Beginnings(std::array::from_fn(|index| {
            Beginning::new(EventKind::ALL[index])
        }))
    }
}

impl Beginnings {
    /// Appends the beginning of the line of an event. Mostly it is in the same second as the last.
    #[inline]
    pub(super) fn append(&mut self, kind: EventKind, time: Timestamp, out: &mut Vec<u8>) {
        let known = &mut self.0[kind as usize];
        if known.time != time {
            known.set_time(time);
        }
        let end = out.len() + known.length;
        // To copy all of the room takes no call.
        append([&known.text], out);
        out.truncate(end);
    }
}

impl Beginning {
    fn new(kind: EventKind) -> Beginning {
        let time = Timestamp::default();
        let (name, key) = (kind.name().as_bytes(), key!("timestamp").quoted);
        let before = [BEGINNING, name, b"\"", key].concat();
        let behind = [b"\"", key!("sequence").bare].concat();
        let line = [&before[..], &time.rfc3339(), &behind].concat();
        let mut text = [0; ROOM];
        text[..line.len()].copy_from_slice(&line);
        Beginning {
            time,
            text,
            time_at: before.len(),
            length: line.len(),
        }
    }

    fn set_time(&mut self, time: Timestamp) {
        let text = self.text.get_mut(self.time_at..);
        if let Some(text) = text.and_then(|text| text.first_chunk_mut()) {
            match time.seconds == self.time.seconds {
                true => time.write_millis(text),
                false => *text = time.rfc3339(),
            }
        }
        self.time = time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_lines_do_not_change_the_beginning_of_a_line() {
        let mut beginnings = Beginnings::default();
        for (seconds, millis) in [(0, 7), (0, 0), (5, 0), (5, 999), (5, 10), (4, 10), (0, 10)] {
            for kind in EventKind::ALL.iter().skip(millis as usize % 2) {
                let (time, mut out) = (Timestamp { seconds, millis }, b"before".to_vec());
                beginnings.append(*kind, time, &mut out);
                let name = kind.name();
                let line = format!(r#"before{{"name":"{name}","timestamp":"{time}","sequence":"#);
                assert_eq!(str::from_utf8(&out), Ok(&line[..]));
            }
        }
    }
}
