//! The stamp at the start of a record: `audit(1795365817.963:231301): `.

use crate::{
    bytes::{leading_number, short_number},
    model::{EventId, Timestamp},
};

/// Parses the stamp of a record. Returns it and the body that follows.
///
/// The kernel writes `audit(%llu.%03lu:%u): ` (kernel/audit.c, `audit_log_start`). The body may be
/// missing, as in a record that was cut after the stamp, and is then empty; its leading spaces are
/// kept. `None` if `data` does not start with a stamp.
///
/// ```
/// let (id, body) = auditrd::source::stamp(b"audit(1795365817.963:42): cwd=\"/\"").unwrap();
/// assert_eq!((id.time.seconds, id.time.millis, id.serial), (1795365817, 963, 42));
/// assert_eq!(body, b"cwd=\"/\"");
/// assert!(auditrd::source::stamp(b"audit(1795365817.963): cwd=\"/\"").is_none());
/// ```
pub fn stamp(data: &[u8]) -> Option<(EventId, &[u8])> {
    let (time, rest) = time(data)?;
    let (serial, body) = end(rest)?;
    Some((EventId { time, serial }, body))
}

/// Splits a text that starts with a stamp into its time and the text after the colon.
fn time(data: &[u8]) -> Option<(Timestamp, &[u8])> {
    let rest = data.strip_prefix(b"audit(")?;
    usual_time(rest).or_else(|| any_time(rest))
}

/// As [`time`], of a time in the years from 2001 to 2286: ten digits, a point and three digits.
#[inline]
fn usual_time(text: &[u8]) -> Option<(Timestamp, &[u8])> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    let ([a, b, low @ ..], rest) = text.split_first_chunk::<11>()?;
    let (low, 8) = short_number(low, b'.')? else {
        return None;
    };
    let ([c, d, e, b':'], rest) = rest.split_first_chunk()? else {
        return None;
    };
    let high = u64::from(10 * digit(*a)? + digit(*b)?);
    let time = Timestamp {
        seconds: 100_000_000 * high + u64::from(low),
        millis: 100 * digit(*c)? + 10 * digit(*d)? + digit(*e)?,
    };
    Some((time, rest))
}

/// As [`time`], of any time.
#[cold]
fn any_time(text: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (seconds, rest) = leading_number(text)?;
    let (millis, rest) = leading_number(rest.strip_prefix(b".")?)?;
    if seconds > Timestamp::MAX_SECONDS || millis > 999 {
        return None;
    }
    let time = Timestamp {
        seconds,
        millis: u16::try_from(millis).ok()?,
    };
    Some((time, rest.strip_prefix(b":")?))
}

/// Splits the text behind the time of a stamp into the serial and the body.
fn end(text: &[u8]) -> Option<(u32, &[u8])> {
    let (serial, rest) = serial(text)?;
    let rest = rest.strip_prefix(b")")?;
    let body = rest.strip_prefix(b":").unwrap_or(rest);
    Some((serial, body.strip_prefix(b" ").unwrap_or(body)))
}

/// The end of a stamp in the kernel's form.
const END: &[u8] = b"): ";

/// Splits a text into the serial at its start and the rest.
#[inline(always)]
fn serial(text: &[u8]) -> Option<(u32, &[u8])> {
    match text.first_chunk().and_then(|near| short_number(near, b')')) {
        Some((serial, length)) => Some((serial, text.get(length..)?)),
        None => {
            let (serial, rest) = leading_number(text)?;
            Some((u32::try_from(serial).ok()?, rest))
        }
    }
}

/// Parses stamps and caches the last one. The next record usually belongs to the same event, or to
/// one in the same millisecond, so most of its stamp is recognized by two comparisons.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    id: EventId,
    /// The whole of the last stamp, if it has the kernel's form.
    whole: Known,
    /// The part before the serial.
    time: Known,
}

/// A text by its first and its last 16 bytes, which may overlap.
#[derive(Debug, Default)]
struct Known {
    /// In bytes; 0 if there is none.
    length: usize,
    first: u128,
    last: u128,
}

impl Known {
    /// Empty for a text that is longer than both parts together.
    fn new(text: &[u8]) -> Known {
        match (text.first_chunk(), text.last_chunk()) {
            (Some(first), Some(last)) if text.len() <= 32 => Known {
                length: text.len(),
                first: u128::from_le_bytes(*first),
                last: u128::from_le_bytes(*last),
            },
            _ => Known::default(),
        }
    }

    /// The rest of `data`, if it starts with the text.
    #[inline(always)]
    fn rest<'a>(&self, data: &'a [u8]) -> Option<&'a [u8]> {
        let (text, rest) = data.split_at_checked(self.length)?;
        let first = u128::from_le_bytes(*text.first_chunk()?);
        let last = u128::from_le_bytes(*text.last_chunk()?);
        ((first ^ self.first) | (last ^ self.last) == 0).then_some(rest)
    }
}

impl Stamps {
    /// As [`stamp`].
    #[inline(always)]
    pub(crate) fn read<'a>(&mut self, data: &'a [u8]) -> Option<(EventId, &'a [u8])> {
        let body = match self.same(data) {
            Some(body) => body,
            None => self.another(data)?,
        };
        Some((self.id, body))
    }

    /// The last stamp that was parsed.
    #[inline(always)]
    pub(super) fn last(&self) -> EventId {
        self.id
    }

    /// The body that follows, if `data` starts with the last stamp.
    #[inline(always)]
    pub(super) fn same<'a>(&self, data: &'a [u8]) -> Option<&'a [u8]> {
        self.whole.rest(data)
    }

    /// Parses a stamp that differs from the last one, and caches it. Returns the body that follows.
    #[inline(never)]
    pub(super) fn another<'a>(&mut self, data: &'a [u8]) -> Option<&'a [u8]> {
        let rest = self.time.rest(data).and_then(serial);
        let body = rest.and_then(|(serial, rest)| Some((serial, rest.strip_prefix(END)?)));
        let Some((serial, body)) = body else {
            return self.any(data);
        };
        self.id.serial = serial;
        self.whole = Known::new(&data[..data.len() - body.len()]);
        Some(body)
    }

    /// As [`another`](Self::another), for a stamp with another time or in an odd form.
    fn any<'a>(&mut self, data: &'a [u8]) -> Option<&'a [u8]> {
        let (time, rest) = time(data)?;
        let (serial, body) = end(rest)?;
        self.id = EventId { time, serial };
        let part = |rest: &[u8]| data.get(..data.len() - rest.len()).unwrap_or_default();
        self.whole = match part(body) {
            stamp if stamp.ends_with(END) => Known::new(stamp),
            _ => Known::default(),
        };
        self.time = Known::new(part(rest));
        Some(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(data: &[u8], expected: Option<(u64, u16, u32, &[u8])>) {
        let got = stamp(data).map(|(id, body)| (id.time.seconds, id.time.millis, id.serial, body));
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
    fn a_record_that_ends_after_its_stamp_has_an_empty_body() {
        check(b"audit(1.002:3)", Some((1, 2, 3, b"")));
        check(b"audit(1.002:3):", Some((1, 2, 3, b"")));
    }

    #[test]
    fn malformed_stamps_are_rejected() {
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
    fn a_cached_stamp_is_parsed_like_any_other() {
        let mut stamps = Stamps::default();
        for data in [
            &b"audit(1795365817.963:231301): pid=1 uid=0"[..],
            b"audit(1795365817.963:231301): ",
            b"audit(1795365817.963:231301):",
            b"audit(1795365817.963:231301): audit(1795365817.963:231301): ",
            b"audit(1795365817.963:231302): pid=1 uid=0",
            b"audit(1795365817.963:231303): ",
            b"audit(1795365817.963:2313030): pid=1 uid=0",
            b"audit(1795365817.963:4294967295): pid=1 uid=0",
            b"audit(1795365817.963:4294967296): pid=1 uid=0",
            b"audit(1795365817.963:x): pid=1 uid=0",
            b"audit(1795365817.963:23):pid=1 uid=0 gid=0 euid=0",
            b"audit(1795365817.963:4294967295):  pid=1 uid=0",
            b"audit(1795365817.964:4294967295): pid=1 uid=0",
            b"audit(179536581799.964:4294967295): pid=1 uid=0",
            b"audit(179536581799.964:4294967295): pid=1 uid=0",
            b"audit(1.002:3): pid=1",
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
            assert_eq!(stamps.read(data), stamp(data), "{}", data.escape_ascii());
        }
    }

    #[test]
    fn a_usual_time_is_read_as_any_other() {
        let usual = b"1795365817.963:231301): ";
        assert!(usual_time(usual).is_some());
        for at in 0..usual.len() {
            for byte in 0..=255 {
                let mut text = *usual;
                text[at] = byte;
                let time = usual_time(&text);
                assert!(time.is_none() || time == any_time(&text), "{text:?}");
                assert_eq!(usual_time(&text[..at]), any_time(&text[..at]), "{at}");
            }
        }
    }

    #[test]
    fn stamps_of_all_lengths_are_parsed_as_without_a_cache() {
        let (mut stamps, mut state) = (Stamps::default(), 1u32);
        for _ in 0..200_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let pick = |shift: u32, of: usize| (state >> shift) as usize % of;
            let seconds = ["7", "1795365817", "1795365818", "253402300799"][pick(30, 4)];
            let millis = ["963", "964", "9"][pick(27, 3)];
            let serial = &["2313012313", "2313022313"][pick(26, 2)][..1 + pick(20, 10)];
            let end = ["): ", "):", ")", "):  ", "", "): \0", "): audit(7.963:2): "][pick(16, 7)];
            let mut text = format!("audit({seconds}.{millis}:{serial}{end}");
            text.push_str(&" pid=1 uid=0 a0=1"[pick(14, 3)..][..pick(10, 14)]);
            if pick(8, 4) == 0 {
                text.truncate(pick(9, text.len() + 1));
            }
            let text = text.as_bytes();
            assert_eq!(stamps.read(text), stamp(text), "{}", text.escape_ascii());
        }
    }
}
