//! The beginning of a line, with the time and the number of its event, kept as it was written last.

use super::{BEGINNING, object::key};
use crate::{
    bytes::{Decimal, append, pair},
    model::{EventId, EventKind, Timestamp},
};

/// Room for the longest one.
const ROOM: usize = 96;

/// The last beginning of each kind of event.
#[derive(Clone, Debug)]
pub(super) struct Beginnings([Beginning; EventKind::ALL.len()]);

#[derive(Clone, Copy, Debug)]
struct Beginning {
    time: Timestamp,
    text: [u8; ROOM],
    /// Where the time begins in the text, and where the number does.
    time_at: usize,
    serial_at: usize,
    /// The number but for its last two digits; 0 if it has no others.
    hundreds: u32,
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
    /// Appends the beginning of the line of an event. Usually it is in the same second as the last,
    /// and soon after it.
    #[inline]
    pub(super) fn append(&mut self, kind: EventKind, id: EventId, out: &mut Vec<u8>) {
        let known = &mut self.0[kind as usize];
        if known.time != id.time {
            known.set_time(id.time);
        }
        known.set_serial(id.serial);
        let end = out.len() + known.length;
        // A copy of fixed length needs no call of memcpy.
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
            serial_at: line.len(),
            hundreds: 0,
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

    #[inline]
    fn set_serial(&mut self, serial: u32) {
        let (hundreds, rest) = (serial / 100, serial % 100);
        let last = self.length.wrapping_sub(2);
        match self
            .text
            .get_mut(last..)
            .and_then(|text| text.first_chunk_mut())
        {
            Some(digits) if hundreds == self.hundreds && hundreds > 0 => *digits = pair(rest),
            _ => self.write_serial(serial, hundreds),
        }
    }

    #[cold]
    fn write_serial(&mut self, serial: u32, hundreds: u32) {
        let number = Decimal::new(serial);
        let digits = number.as_bytes();
        self.length = self.serial_at + digits.len();
        if let Some(text) = self.text.get_mut(self.serial_at..self.length) {
            text.copy_from_slice(digits);
        }
        self.hundreds = hundreds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_lines_do_not_change_the_beginning_of_a_line() {
        let times = [(0, 7), (0, 0), (5, 0), (5, 999), (5, 10), (4, 10), (0, 10)];
        let serials = [
            0,
            7,
            99,
            100,
            101,
            199,
            200,
            999,
            1000,
            1007,
            7,
            123_456_789,
            u32::MAX,
        ];
        let mut beginnings = Beginnings::default();
        for step in 0..2000usize {
            let kind = EventKind::ALL[step % 7 % EventKind::ALL.len()];
            let (seconds, millis) = times[step / 3 % times.len()];
            let time = Timestamp { seconds, millis };
            let serial = serials[step / 5 % serials.len()].saturating_add(step as u32 % 5);
            let mut out = b"before".to_vec();
            beginnings.append(kind, EventId { time, serial }, &mut out);
            let expected = format!(
                r#"before{{"name":"{}","timestamp":"{time}","sequence":{serial}"#,
                kind.name()
            );
            assert_eq!(str::from_utf8(&out), Ok(&expected[..]));
        }
    }
}
