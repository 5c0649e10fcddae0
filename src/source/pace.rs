//! How long to let records gather in the socket before they are read.
//!
//! A reader that sleeps until the next record has the kernel wake it for each event, and comes back to
//! caches that others have filled, which costs several times as much as the event itself. So where
//! records keep coming, the reader sleeps for a time and then reads all of them. Where they are few,
//! each event is read as it comes.

use std::time::{Duration, Instant};

/// How fast records come, and for how long to wait for the next ones.
#[derive(Debug)]
pub(super) struct Pace {
    /// How long records may gather in the room that the socket has.
    longest: Duration,
    /// When counting began.
    since: Instant,
    /// Records since then.
    records: u32,
    nap: Option<Duration>,
}

/// How long records are let gather at most, and are counted for before their pace is known. The longer,
/// the cheaper; but a process that an event is of may be gone by then, and with it what `/proc` says
/// of its descriptors.
const LONGEST: Duration = Duration::from_millis(16);
/// How long at least: poll(2) waits for whole milliseconds.
const SHORTEST: Duration = Duration::from_millis(1);
/// Bytes of the socket's room that the kernel fills in a millisecond at its full rate: 300 records or
/// so, each in a buffer of more than 2 KiB (`AUDIT_BUFSIZ`, kernel/audit.c).
const FULL_RATE: usize = 700 << 10;
/// How many times over there must be room for what may gather, as who sleeps may be woken late.
const MARGIN: usize = 8;
/// Records in the longest nap that make it worth while: those of eight events or so. Where there are
/// fewer the host is idle, and no event is to come late.
const SEVERAL: u32 = 48;
/// Records that a nap is to bring.
const PLENTY: u32 = 256;

impl Pace {
    /// `room` is the size of the socket's receive buffer in bytes. Where it is small, as the kernel's
    /// default is, records are always read as they come.
    pub(super) fn new(now: Instant, room: usize) -> Pace {
        let millis = room / (MARGIN * FULL_RATE);
        let longest = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
        Pace {
            longest: longest.min(LONGEST),
            since: now,
            records: 0,
            nap: None,
        }
    }

    /// Counts records.
    pub(super) fn count(&mut self, records: usize) {
        let records = u32::try_from(records).unwrap_or(u32::MAX);
        self.records = self.records.saturating_add(records);
    }

    /// How long to let records gather, now that all that came so far are counted. `None` if the next
    /// one is to be read as soon as it comes.
    pub(super) fn nap(&mut self, now: Instant) -> Option<Duration> {
        let passed = now.saturating_duration_since(self.since);
        if self.records >= SEVERAL || passed >= LONGEST {
            let are_fast = passed.saturating_mul(SEVERAL) <= LONGEST.saturating_mul(self.records);
            self.nap = (are_fast && self.records > 0 && self.longest >= SHORTEST).then(|| {
                let nap = passed.saturating_mul(PLENTY) / self.records;
                nap.clamp(SHORTEST, self.longest)
            });
            self.since = now;
            self.records = 0;
        }
        self.nap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long the naps are, in milliseconds, after so many records at such times.
    fn naps(reads: &[(u64, usize)]) -> Vec<u128> {
        naps_within(128 << 20, reads)
    }

    /// As above, for a socket with so much room.
    fn naps_within(room: usize, reads: &[(u64, usize)]) -> Vec<u128> {
        let start = Instant::now();
        let mut pace = Pace::new(start, room);
        let naps = reads.iter().map(|(at, records)| {
            pace.count(*records);
            let nap = pace.nap(start + Duration::from_millis(*at));
            nap.map_or(0, |nap| nap.as_millis())
        });
        naps.collect()
    }

    #[test]
    fn records_gather_while_they_keep_coming_for_as_long_as_brings_plenty() {
        // 32 a millisecond, then 256, and then no more.
        let reads = [(1, 16), (2, 48), (10, 256), (18, 2048), (19, 256), (20, 4)];
        assert_eq!(naps(&reads), [0, 8, 8, 1, 1, 1]);
        let slower = [(1, 64), (5, 16), (9, 32), (25, 60), (41, 60), (57, 47)];
        assert_eq!(naps(&slower), [4, 4, 16, 16, 16, 0]);
    }

    #[test]
    fn no_more_gather_than_a_small_buffer_has_room_for() {
        let reads = [(1, 64), (5, 16), (9, 32), (25, 60), (41, 60)];
        assert_eq!(naps_within(24 << 20, &reads), [4, 4, 4, 4, 4]);
        // What one gets without CAP_NET_ADMIN (net.core.rmem_max, socket(7)).
        assert_eq!(naps_within(425_984, &reads), [0; 5]);
    }

    #[test]
    fn the_events_of_an_idle_host_are_not_waited_with() {
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
