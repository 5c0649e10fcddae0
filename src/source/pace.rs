//! How long to let records accumulate in the socket before reading them.
//!
//! If the reader waits for each record, the kernel wakes it once per event and its caches are cold,
//! which costs several times as much as the event itself. So while records arrive quickly, the
//! reader naps for a few milliseconds and then reads all of them. When there are few, it reads each
//! event as it arrives. Only when there are many does it need a thread of its own.

use std::time::{Duration, Instant};

/// Measures the rate of records and chooses the length of the naps.
#[derive(Debug)]
pub(super) struct Pace {
    /// The longest nap during which the receive buffer cannot fill up.
    longest: Duration,
    /// The start of the measurement.
    since: Instant,
    /// Records since then.
    records: u32,
    nap: Option<Duration>,
}

/// The longest nap, and the window over which the rate is measured. Longer naps are cheaper, but
/// more processes exit before their `/proc` entries are read.
const LONGEST_NAP: Duration = Duration::from_millis(16);
/// The shortest nap: poll(2) waits for whole milliseconds.
const SHORTEST_NAP: Duration = Duration::from_millis(1);
/// Bytes of receive buffer that the kernel fills per millisecond at its highest rate: about 300
/// records, each in a buffer of more than 2 KiB (`AUDIT_BUFSIZ`, kernel/audit.c).
const PEAK_BYTES_PER_MILLI: usize = 700 << 10;
/// How many times the records of a nap must fit into the receive buffer, because the reader may be
/// woken late.
const SAFETY_FACTOR: usize = 8;
/// The least number of records per longest nap, those of about eleven events. With fewer, naps
/// would only delay events. A host with 250 events per second seldom reaches this number.
const MIN_RECORDS_PER_NAP: u32 = 64;
/// The number of records that should accumulate during a nap.
const TARGET_RECORDS_PER_NAP: u32 = 256;

impl Pace {
    /// `buffer_bytes` is the size of the socket's receive buffer. With a small one, such as the
    /// kernel's default, there are no naps.
    pub(super) fn new(now: Instant, buffer_bytes: usize) -> Pace {
        let millis = buffer_bytes / (SAFETY_FACTOR * PEAK_BYTES_PER_MILLI);
        let longest = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
        Pace {
            longest: longest.min(LONGEST_NAP),
            since: now,
            records: 0,
            nap: None,
        }
    }

    pub(super) fn count(&mut self, records: usize) {
        let records = u32::try_from(records).unwrap_or(u32::MAX);
        self.records = self.records.saturating_add(records);
    }

    /// The length of the next nap, once all available records have been counted. `None` if the next
    /// record should be read as soon as it arrives.
    pub(super) fn nap(&mut self, now: Instant) -> Option<Duration> {
        let passed = now.saturating_duration_since(self.since);
        if self.records >= MIN_RECORDS_PER_NAP || passed >= LONGEST_NAP {
            let is_fast = passed.saturating_mul(MIN_RECORDS_PER_NAP)
                <= LONGEST_NAP.saturating_mul(self.records);
            self.nap = (is_fast && self.records > 0 && self.longest >= SHORTEST_NAP).then(|| {
                let nap = passed.saturating_mul(TARGET_RECORDS_PER_NAP) / self.records;
                nap.clamp(SHORTEST_NAP, self.longest)
            });
            self.since = now;
            self.records = 0;
        }
        self.nap
    }

    /// How long the socket may stay unread, if so few records arrive that the thread which handles
    /// them can read too. `None` if naps have to be shorter than the longest, or would be.
    pub(super) fn patience(&self) -> Option<Duration> {
        let is_calm = self.nap.is_none_or(|nap| nap >= self.longest);
        (is_calm && self.longest >= SHORTEST_NAP).then_some(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths of the naps in milliseconds, after reads of (time in milliseconds, records).
    fn naps(reads: &[(u64, usize)]) -> Vec<u128> {
        naps_within(128 << 20, reads)
    }

    /// As above, for a socket with a receive buffer of this size.
    fn naps_within(buffer_bytes: usize, reads: &[(u64, usize)]) -> Vec<u128> {
        let start = Instant::now();
        let mut pace = Pace::new(start, buffer_bytes);
        let naps = reads.iter().map(|(at, records)| {
            pace.count(*records);
            let nap = pace.nap(start + Duration::from_millis(*at));
            nap.map_or(0, |nap| nap.as_millis())
        });
        naps.collect()
    }

    #[test]
    fn naps_are_as_long_as_the_target_number_of_records_takes() {
        // 32 records per millisecond, then 256, then few.
        let reads = [(1, 16), (2, 48), (10, 256), (18, 2048), (19, 256), (20, 4)];
        assert_eq!(naps(&reads), [0, 8, 8, 1, 1, 1]);
        let slower = [(1, 64), (5, 16), (9, 48), (25, 70), (41, 70), (57, 63)];
        assert_eq!(naps(&slower), [4, 4, 16, 16, 16, 0]);
    }

    #[test]
    fn naps_are_short_enough_for_a_small_buffer() {
        let reads = [(1, 64), (5, 16), (9, 48), (25, 70), (41, 70)];
        assert_eq!(naps_within(24 << 20, &reads), [4, 4, 4, 4, 4]);
        // The default limit without CAP_NET_ADMIN (net.core.rmem_max, socket(7)).
        assert_eq!(naps_within(425_984, &reads), [0; 5]);
    }

    #[test]
    fn one_thread_reads_and_handles_records_unless_there_are_many() {
        let start = Instant::now();
        let patience = |buffer_bytes, records| {
            let mut pace = Pace::new(start, buffer_bytes);
            pace.count(records);
            pace.nap(start + LONGEST_NAP);
            pace.patience().map(|patience| patience.as_millis())
        };
        // Ten, 1,000 and 60,000 events per second, of six records each.
        let large = 128 << 20;
        assert_eq!(patience(large, 1), Some(16));
        assert_eq!(patience(large, 96), Some(16));
        assert_eq!(patience(large, 5760), None);
        assert_eq!(patience(24 << 20, 96), Some(4));
        assert_eq!(patience(425_984, 1), None, "the buffer would be full soon");
    }

    #[test]
    fn events_of_an_idle_host_are_not_delayed() {
        let now_and_then: Vec<_> = (1..1000).map(|event| (event * 3, 6)).collect();
        assert!(naps(&now_and_then).iter().all(|nap| *nap == 0));
        let one_large = [(5000, 200), (5010, 1), (5020, 1)];
        assert_eq!(naps(&one_large), [0, 0, 0]);
    }

    #[test]
    fn a_nap_that_ends_late_does_not_end_naps() {
        assert_eq!(naps(&[(1, 64), (16, 960), (34, 2304)]), [4, 4, 2]);
    }
}
