//! The time in a syslog header.

use crate::{bytes::leading_number, model::Timestamp};

/// A time, whose year may be missing. Times without a zone are taken for UTC.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Time {
    /// The year, or 0.
    year: u64,
    /// Month and day, from 1; 0 if there is no date.
    date: (u64, u64),
    /// Milliseconds since midnight UTC. A zone can move them to another day.
    millis: i64,
    /// Milliseconds since 1970, if that is what the text says.
    epoch: Option<u64>,
}

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

impl Time {
    /// The time, with this year if it has none.
    pub(super) fn at(self, year: Option<u64>) -> Timestamp {
        let millis = match (self.epoch, self.date) {
            (Some(millis), _) => i64::try_from(millis).unwrap_or_default(),
            (None, (0, _)) => 0,
            (None, (month, day)) => {
                let year = match self.year {
                    0 => year.unwrap_or(1970),
                    year => year,
                };
                days(year, month, day) * DAY + self.millis
            }
        };
        let millis = u64::try_from(millis).unwrap_or_default();
        Timestamp {
            seconds: (millis / 1000).min(Timestamp::MAX_SECONDS),
            millis: (millis % 1000) as u16,
        }
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years start in March here, so that the
/// leap day is the last of its year.
fn days(year: u64, month: u64, day: u64) -> i64 {
    let years = (year - u64::from(month <= 2)) as i64;
    let months = (month as i64 + 9) % 12;
    let leaps = years / 4 - years / 100 + years / 400;
    years * 365 + leaps + (months * 153 + 2) / 5 + day as i64 - 719_469
}

/// Reads a time in any of the forms. Returns it and the rest.
pub(super) fn any(text: &[u8]) -> Option<(Time, &[u8])> {
    iso(text)
        .or_else(|| english(text))
        .or_else(|| boot(text))
        .or_else(|| epoch(text))
        .or_else(|| full(text))
}

/// `2026-02-22T14:25:25.123456+01:00`, with any of the usual zones, or with a space for the `T`.
pub(super) fn iso(text: &[u8]) -> Option<(Time, &[u8])> {
    let (year, rest) = digits(text, 4)?;
    let (month, rest) = digits(rest.strip_prefix(b"-")?, 2)?;
    let (day, rest) = digits(rest.strip_prefix(b"-")?, 2)?;
    let rest = rest
        .strip_prefix(b"T")
        .or_else(|| rest.strip_prefix(b" "))?;
    let (millis, rest) = clock(rest)?;
    let (offset, rest) = zone(rest);
    let time = Time {
        year,
        date: date(month, day)?,
        millis: millis - offset,
        epoch: None,
    };
    Some((time, rest))
}

/// `Feb 22 14:25:25`, with a year before or after the time of day, or without one.
fn english(text: &[u8]) -> Option<(Time, &[u8])> {
    const MONTHS: [&[u8; 3]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    let (name, rest) = text.split_first_chunk::<3>()?;
    let month = MONTHS.iter().position(|month| *month == name)? as u64 + 1;
    let (day, rest) = leading_number(rest.strip_prefix(b" ")?.trim_ascii_start())?;
    let rest = rest.strip_prefix(b" ")?;
    let (year, rest) = match digits(rest, 4) {
        Some((year, after)) => (year, after.strip_prefix(b" ")?),
        None => (0, rest),
    };
    let (millis, rest) = clock(rest)?;
    let (year, rest) = match rest.strip_prefix(b" ").and_then(|rest| digits(rest, 4)) {
        Some((after, rest)) if year == 0 && matches!(rest, [b' ' | b':' | b']', ..]) => {
            (after, rest)
        }
        _ => (year, rest),
    };
    let time = Time {
        year,
        date: date(month, day)?,
        millis,
        epoch: None,
    };
    Some((time, rest.strip_prefix(b":").unwrap_or(rest)))
}

/// `[   12.345678]`, the time since the boot, which is no date.
fn boot(text: &[u8]) -> Option<(Time, &[u8])> {
    let rest = text.strip_prefix(b"[")?.trim_ascii_start();
    let (_seconds, rest) = leading_number(rest)?;
    let (_fraction, rest) = leading_number(rest.strip_prefix(b".")?)?;
    Some((Time::default(), rest.strip_prefix(b"]")?))
}

/// `1590476099.070000`, seconds since 1970.
fn epoch(text: &[u8]) -> Option<(Time, &[u8])> {
    let (seconds, rest) = leading_number(text)?;
    let (fraction, rest) = fraction(rest.strip_prefix(b".").map(|_| rest)?);
    let millis = seconds.checked_mul(1000)?.checked_add(fraction as u64)?;
    let time = Time {
        epoch: Some(millis),
        ..Time::default()
    };
    rest.starts_with(b" ").then_some((time, rest))
}

/// `Sun 2026-02-22 14:25:25 UTC`, and `[Sun Feb 22 14:25:25 2026]` of dmesg(1).
fn full(text: &[u8]) -> Option<(Time, &[u8])> {
    const DAYS: [&[u8; 4]; 7] = [
        b"Mon ", b"Tue ", b"Wed ", b"Thu ", b"Fri ", b"Sat ", b"Sun ",
    ];
    let is_bracketed = text.starts_with(b"[");
    let rest = text.strip_prefix(b"[").unwrap_or(text);
    let (day, rest) = rest.split_first_chunk::<4>()?;
    if !DAYS.contains(&day) {
        return None;
    }
    if is_bracketed {
        let (time, rest) = english(rest)?;
        return Some((time, rest.strip_prefix(b"]")?));
    }
    let (time, rest) = iso(rest).or_else(|| english(rest))?;
    // The zone in letters.
    let rest = rest.strip_prefix(b" ")?;
    let letters = rest.iter().take_while(|byte| byte.is_ascii_uppercase());
    match letters.count() {
        length @ 1..=5 if rest.get(length) == Some(&b' ') => Some((time, rest.get(length..)?)),
        _ => Some((time, rest)),
    }
}

/// `14:25:25.123456` as milliseconds.
fn clock(text: &[u8]) -> Option<(i64, &[u8])> {
    let (hours, rest) = digits(text, 2)?;
    let (minutes, rest) = digits(rest.strip_prefix(b":")?, 2)?;
    let (seconds, rest) = digits(rest.strip_prefix(b":")?, 2)?;
    (hours < 24 && minutes < 60 && seconds <= 60).then_some(())?;
    let (millis, rest) = fraction(rest);
    let whole = hours as i64 * HOUR + minutes as i64 * MINUTE + seconds as i64 * SECOND;
    Some((whole + millis, rest))
}

/// The milliseconds of a fraction of a second, if the text starts with one.
fn fraction(text: &[u8]) -> (i64, &[u8]) {
    let Some(rest) = text.strip_prefix(b".").or_else(|| text.strip_prefix(b",")) else {
        return (0, text);
    };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = rest.split_at(length);
    let places = number.iter().chain(b"000").take(3);
    let millis = places.fold(0, |millis, digit| millis * 10 + i64::from(digit - b'0'));
    (millis, rest)
}

/// The offset of a zone in milliseconds, and the rest.
fn zone(text: &[u8]) -> (i64, &[u8]) {
    let offset = |sign: i64, rest| {
        let (hours, rest) = digits(rest, 2)?;
        let (minutes, rest) = digits(rest.strip_prefix(b":").unwrap_or(rest), 2)?;
        Some((sign * (hours as i64 * HOUR + minutes as i64 * MINUTE), rest))
    };
    let read = match text {
        [b'Z', rest @ ..] => Some((0, rest)),
        [b'+', rest @ ..] => offset(1, rest),
        [b'-', rest @ ..] => offset(-1, rest),
        _ => None,
    };
    read.unwrap_or((0, text))
}

fn date(month: u64, day: u64) -> Option<(u64, u64)> {
    ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some((month, day))
}

/// A number of this many digits.
fn digits(text: &[u8], count: usize) -> Option<(u64, &[u8])> {
    let (number, rest) = text.split_at_checked(count)?;
    number.iter().all(u8::is_ascii_digit).then_some(())?;
    let value = |sum, digit: &u8| sum * 10 + u64::from(digit - b'0');
    Some((number.iter().fold(0, value), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str, rest: &str) {
        let (time, after) = any(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(time.at(Some(2024)).to_string(), expected, "{text}");
        assert_eq!(str::from_utf8(after).unwrap(), rest, "{text}");
    }

    #[test]
    fn every_form_of_a_time_is_read() {
        check(
            "2026-02-22T14:25:25Z host",
            "2026-02-22T14:25:25.000Z",
            " host",
        );
        check(
            "2026-02-22T14:25:25.123456+01:00 h",
            "2026-02-22T13:25:25.123Z",
            " h",
        );
        check(
            "2026-02-22T00:25:25-0530 h",
            "2026-02-22T05:55:25.000Z",
            " h",
        );
        check(
            "2026-03-01T00:25:25+0100 h",
            "2026-02-28T23:25:25.000Z",
            " h",
        );
        check("Feb 29 14:25:25 host", "2024-02-29T14:25:25.000Z", " host");
        check("Jan  2 04:05:06 host", "2024-01-02T04:05:06.000Z", " host");
        check(
            "Dec 31 2025 23:59:59 host",
            "2025-12-31T23:59:59.000Z",
            " host",
        );
        check(
            "1767225599.070000 host",
            "2025-12-31T23:59:59.070Z",
            " host",
        );
        check(
            "Wed 2025-12-31 23:59:59 UTC host",
            "2025-12-31T23:59:59.000Z",
            " host",
        );
        check(
            "[Wed Dec 31 23:59:59 2025] audit: x",
            "2025-12-31T23:59:59.000Z",
            " audit: x",
        );
        check(
            "[   12.345678] audit: x",
            "1970-01-01T00:00:00.000Z",
            " audit: x",
        );
    }

    #[test]
    fn other_text_is_not_read_as_a_time() {
        for text in [
            "",
            "type=CWD",
            "12 apples",
            "Fob 22 14:25:25 h",
            "2026-13-01T00:00:00Z",
            "[x] a",
        ] {
            assert_eq!(any(text.as_bytes()), None, "{text}");
        }
    }
}
