//! The stamp at the head of a record: `audit(1795365817.963:231301): `.

use crate::model::{EventId, Timestamp};

/// Reads the stamp and returns it with the body behind it.
///
/// The kernel writes `audit(%llu.%03lu:%u): ` (kernel/audit.c, `audit_log_start`). A body that is
/// missing altogether, as in a record cut right behind the stamp, is empty; leading spaces of the
/// body are left in place. Anything else is no record.
///
/// ```
/// let (id, body) = auditrd::parse::header(b"audit(1795365817.963:42): cwd=\"/\"").unwrap();
/// assert_eq!((id.time.seconds, id.time.millis, id.serial), (1795365817, 963, 42));
/// assert_eq!(body, b"cwd=\"/\"");
/// assert!(auditrd::parse::header(b"audit(1795365817.963): cwd=\"/\"").is_none());
/// ```
pub fn header(data: &[u8]) -> Option<(EventId, &[u8])> {
    let rest = data.strip_prefix(b"audit(")?;
    let (seconds, rest) = number(rest)?;
    let (millis, rest) = number(rest.strip_prefix(b".")?)?;
    if seconds > Timestamp::MAX_SECONDS || millis > 999 {
        return None;
    }
    let time = Timestamp {
        seconds,
        millis: u16::try_from(millis).ok()?,
    };
    behind_time(time, rest.strip_prefix(b":")?)
}

/// Reads the rest of a stamp, from its serial on.
fn behind_time(time: Timestamp, rest: &[u8]) -> Option<(EventId, &[u8])> {
    let (serial, rest) = number(rest)?;
    let serial = u32::try_from(serial).ok()?;
    let rest = rest.strip_prefix(b")")?;
    let body = rest.strip_prefix(b":").unwrap_or(rest);
    let body = body.strip_prefix(b" ").unwrap_or(body);
    Some((EventId { time, serial }, body))
}

/// The decimal number at the start of `data`, and what follows it.
fn number(data: &[u8]) -> Option<(u64, &[u8])> {
    /// Digits that fit in 64 bits whatever they are.
    const SAFE: usize = 19;
    let mut value: u64 = 0;
    let mut rest = data;
    while let [digit @ b'0'..=b'9', tail @ ..] = rest {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        rest = tail;
    }
    let length = data.len() - rest.len();
    (1..=SAFE).contains(&length).then_some((value, rest))
}

/// Reads stamps, and knows the last one: mostly the next record is of the same event, or of one in the
/// same millisecond, and what is the same in its stamp is seen at once.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    text: Vec<u8>,
    /// Where the serial is in the text.
    serial: usize,
    id: EventId,
}

impl Stamps {
    /// As [`header`].
    #[inline]
    pub(crate) fn header<'a>(&mut self, data: &'a [u8]) -> Option<(EventId, &'a [u8])> {
        match self.text.as_slice() {
            [] => {}
            text => {
                if let Some(body) = data.strip_prefix(text) {
                    return Some((self.id, body));
                }
            }
        }
        self.another(data)
    }

    /// Reads a stamp that is not the last one, and remembers it if it is written as the kernel does.
    #[inline(never)]
    fn another<'a>(&mut self, data: &'a [u8]) -> Option<(EventId, &'a [u8])> {
        let same_time = match self.text.get(..self.serial) {
            None | Some([]) => None,
            Some(time) => data.strip_prefix(time),
        };
        let (id, body) = match same_time {
            Some(rest) => behind_time(self.id.time, rest)?,
            None => header(data)?,
        };
        let (stamp, _) = data.split_at(data.len() - body.len());
        if same_time.is_none() {
            self.serial = memchr::memchr(b':', stamp).map_or(0, |colon| colon + 1);
        }
        self.text.clear();
        if stamp.ends_with(b"): ") {
            self.text.extend_from_slice(stamp);
            self.id = id;
        }
        Some((id, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(data: &[u8], expected: Option<(u64, u16, u32, &[u8])>) {
        let got = header(data).map(|(id, body)| (id.time.seconds, id.time.millis, id.serial, body));
        assert_eq!(got, expected, "{}", data.escape_ascii());
    }

    #[test]
    fn a_stamp_is_read_and_the_body_follows() {
        check(b"audit(1.002:3): pid=1", Some((1, 2, 3, b"pid=1")));
        check(
            b"audit(1.002:3):  cwd=\"/\"",
            Some((1, 2, 3, b" cwd=\"/\"")),
        );
        check(b"audit(0.000:0): ", Some((0, 0, 0, b"")));
        check(
            b"audit(1.999:4294967295): x",
            Some((1, 999, u32::MAX, b"x")),
        );
    }

    #[test]
    fn a_record_that_ends_right_behind_its_stamp_has_an_empty_body() {
        check(b"audit(1.002:3)", Some((1, 2, 3, b"")));
        check(b"audit(1.002:3):", Some((1, 2, 3, b"")));
    }

    #[test]
    fn what_is_no_stamp_is_no_record() {
        for data in [
            &b""[..],
            b"audit(",
            b"audit()",
            b"audit(1.002:3",
            b"audit(123.456): x=1",
            b"audit(.002:3): x",
            b"audit(1.1000:3): x",
            b"audit(1.002:4294967296): x",
            b"audit(1.002:9223372036854775808): x",
            b"audit(99999999999999999999.002:3): x",
            b"audit(253402300800.000:3): x",
            b"audit(-1.002:3): x",
            b"audit(1.002:-3): x",
            b" audit(1.002:3): x",
        ] {
            check(data, None);
        }
    }

    #[test]
    fn a_stamp_that_is_known_reads_as_any_other() {
        let mut stamps = Stamps::default();
        for data in [
            &b"audit(1.002:3): pid=1"[..],
            b"audit(1.002:3): ",
            b"audit(1.002:3):  x",
            b"audit(1.002:3)",
            b"audit(1.002:3):x",
            b"audit(1.002:33): x",
            b"audit(1.002:34): x",
            b"audit(1.002:x): x",
            b"audit(1.002:4294967296): x",
            b"audit(1.003:34): x",
            b"audit(1.003:34)",
            b"34): x",
            b"audit(1.002:3): audit(1.002:3): ",
            b"audit(",
            b"audit(1.002:3): x",
        ] {
            assert_eq!(stamps.header(data), header(data), "{}", data.escape_ascii());
        }
    }
}
