//! The stamp of an audit record, `audit(1795365817.963:231301)`.
//!
//! All records of one event share it, so it is the key for their reassembly.

use std::fmt;

/// A point in time with the millisecond precision of an audit stamp.
///
/// For a syscall this is the time of *entry*, but the serial is assigned later, so times and
/// serials may be in different orders (linux/kernel/auditsc.c, `audit_alloc_context` and
/// `audit_serial`).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp {
    /// Whole seconds since 1970-01-01 UTC.
    pub seconds: u64,
    /// Milliseconds within the second, 0 to 999.
    pub millis: u16,
}

impl Timestamp {
    /// The last second that RFC 3339 can express, 9999-12-31T23:59:59Z.
    pub const MAX_SECONDS: u64 = 253_402_300_799;

    /// Milliseconds since 1970-01-01 UTC.
    pub fn as_millis(self) -> u64 {
        self.seconds
            .saturating_mul(1000)
            .saturating_add(u64::from(self.millis))
    }

    /// The stamp for a system time; times before 1970 become 1970.
    pub fn from_system(time: std::time::SystemTime) -> Timestamp {
        let since = time
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let millis = u16::try_from(since.subsec_millis()).unwrap_or_default();
        Timestamp {
            seconds: since.as_secs().min(Timestamp::MAX_SECONDS),
            millis,
        }
    }
}

impl Timestamp {
    /// The year in UTC.
    pub(crate) fn year(self) -> u64 {
        u64::from(civil((self.seconds / 86_400) as u32).0)
    }

    /// RFC 3339 in UTC with milliseconds, as ASCII: `2026-11-22T16:37:31.483Z`.
    #[inline(never)]
    pub fn rfc3339(self) -> [u8; 24] {
        let seconds = self.seconds.min(Timestamp::MAX_SECONDS);
        let (year, month, day) = civil((seconds / 86_400) as u32);
        let second = (seconds % 86_400) as u32;
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |at: usize, number: u32| text[at..at + 2].copy_from_slice(&pair(number));
        put(0, year / 100);
        put(2, year % 100);
        put(5, month);
        put(8, day);
        put(11, second / 3600);
        put(14, second / 60 % 60);
        put(17, second % 60);
        self.write_millis(&mut text);
        text
    }

    /// Replaces the milliseconds in the result of [`rfc3339`](Self::rfc3339) for the same second.
    #[inline]
    pub(crate) fn write_millis(self, text: &mut [u8; 24]) {
        let millis = u32::from(self.millis) % 1000;
        text[20..22].copy_from_slice(&pair(millis / 10));
        text[22] = b'0' + (millis % 10) as u8;
    }
}

/// A number below 100 as two digits. `bytes` has the same, but the model imports nothing.
fn pair(number: u32) -> [u8; 2] {
    static PAIRS: [[u8; 2]; 100] = {
        let mut pairs = [[0; 2]; 100];
        let mut number = 0;
        while number < 100 {
            pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
            number += 1;
        }
        pairs
    };
    PAIRS.get(number as usize).copied().unwrap_or(*b"??")
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.rfc3339()).unwrap_or_default())
    }
}

/// The year, month and day of a number of days since 1970-01-01, in the proleptic Gregorian
/// calendar.
///
/// Years start in March here, so that the leap day is the last of its year. An era is 400 years, or
/// 146,097 days.
fn civil(days: u32) -> (u32, u32, u32) {
    let shifted = days + 719_468; // days from 0000-03-01 to 1970-01-01
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + u32::from(month <= 2), month, day)
}

/// A point in time in milliseconds since an arbitrary start: from a monotonic clock for live
/// records, from the stamps of the records for a log.
pub type Millis = u64;

/// Identifies an event on one host: the time and serial of its records.
///
/// The serial alone is not unique: it restarts at every boot and wraps at 32 bits.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EventId {
    /// The time in the stamp.
    pub time: Timestamp,
    /// The kernel's serial number, which wraps at 32 bits.
    pub serial: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seconds: u64, millis: u16, expected: &str) {
        assert_eq!(Timestamp { seconds, millis }.to_string(), expected);
    }

    #[test]
    fn times_are_formatted_as_rfc_3339_in_utc() {
        check(0, 0, "1970-01-01T00:00:00.000Z");
        check(951_782_400, 7, "2000-02-29T00:00:00.007Z");
        check(1_795_365_817, 963, "2026-11-22T16:43:37.963Z");
        check(4_107_542_399, 1, "2100-02-28T23:59:59.001Z");
        check(4_107_542_400, 1, "2100-03-01T00:00:00.001Z");
        check(Timestamp::MAX_SECONDS, 999, "9999-12-31T23:59:59.999Z");
    }
}
