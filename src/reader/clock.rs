//! The time in a log, derived from the stamps of its records.
//!
//! Stamps are not in order: a syscall that blocked for hours is stamped when it started, hosts have
//! different clocks, logs are concatenated, and a stamp may be forged. So the time here only moves
//! forward, as the stamps of each node do, and a stamp far from the last one of its node is ignored
//! until many in a row agree with it.

use std::collections::HashMap;

use crate::model::{Millis, Timestamp};

/// How far a stamp may be from the time of its node and still be accepted at once.
const MAX_JUMP_MILLIS: i64 = 3_600_000;
/// After this many distant stamps in a row, the clock of the node is adjusted to them.
const JUMP_STAMPS: u32 = 256;
/// The largest number of nodes whose clocks are kept.
const MAX_NODES: usize = 65_536;
/// The bound on their names: a forged name may be as long as a line.
const MAX_NAME_BYTES: usize = 16 << 20;

/// The clock for the reassembly of a log.
#[derive(Debug, Default)]
pub(crate) struct LogClock {
    now: i64,
    /// The last stamp, if its record had no node and it was accepted. To see it again would change
    /// nothing.
    last: Option<Timestamp>,
    /// The clock of records without a node.
    unnamed: NodeClock,
    nodes: HashMap<Vec<u8>, NodeClock>,
    /// The total length of the keys of `nodes`.
    name_bytes: usize,
}

#[derive(Debug, Default)]
struct NodeClock {
    /// How far its stamps are ahead of `LogClock::now`, in milliseconds.
    ahead: Option<i64>,
    /// Distant stamps in a row.
    distant: u32,
    /// The time of the node, on the scale of `LogClock::now`.
    time: i64,
}

/// The times after a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Times {
    /// The time on the node of the record.
    pub(crate) node: Millis,
    /// The latest time of any node.
    pub(crate) latest: Millis,
}

impl LogClock {
    pub(crate) fn new() -> LogClock {
        LogClock::default()
    }

    /// As [`see`](Self::see). `None` if the times are still those after the record before.
    #[inline]
    pub(crate) fn see_next(&mut self, node: &[u8], stamp: Timestamp) -> Option<Times> {
        let is_same = node.is_empty() && self.last == Some(stamp);
        (!is_same).then(|| self.see(node, stamp))
    }

    /// Advances the clock by the stamp of a record.
    #[inline(never)]
    pub(crate) fn see(&mut self, node: &[u8], stamp: Timestamp) -> Times {
        let millis = i64::try_from(stamp.as_millis()).unwrap_or(i64::MAX);
        if !node.is_empty() {
            self.last = None;
            return self.named(node, millis);
        }
        let times = self.unnamed.see(millis, &mut self.now);
        self.last = (self.unnamed.distant == 0).then_some(stamp);
        times
    }

    /// As [`see`](Self::see), for a node that has a name.
    fn named(&mut self, node: &[u8], stamp: i64) -> Times {
        if !self.nodes.contains_key(node) {
            if self.nodes.len() >= MAX_NODES || self.name_bytes >= MAX_NAME_BYTES {
                self.nodes.clear();
                self.name_bytes = 0;
            }
            self.name_bytes += node.len();
            self.nodes.insert(node.to_vec(), NodeClock::default());
        }
        let clock = self.nodes.get_mut(node).unwrap_or(&mut self.unnamed);
        clock.see(stamp, &mut self.now)
    }
}

impl NodeClock {
    /// Advances the clocks of the node and of the log by a stamp in milliseconds.
    #[inline]
    fn see(&mut self, stamp: i64, now: &mut i64) -> Times {
        let ahead = *self.ahead.get_or_insert(stamp - *now);
        let time = stamp - ahead;
        if (time - *now).abs() <= MAX_JUMP_MILLIS {
            self.distant = 0;
            self.time = self.time.max(time);
            *now = time.max(*now);
        } else {
            self.distant += 1;
            if self.distant >= JUMP_STAMPS {
                *self = NodeClock {
                    ahead: Some(stamp - *now),
                    distant: 0,
                    time: *now,
                };
            }
        }
        Times {
            node: self.time.unsigned_abs(),
            latest: now.unsigned_abs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp { seconds, millis: 0 }
    }

    #[test]
    fn time_goes_forward_with_the_stamps_and_never_back() {
        let mut clock = LogClock::new();
        let times = [100, 101, 99, 105, 60, 106].map(|stamp| clock.see(b"", at(stamp)).latest);
        assert_eq!(times, [0, 1000, 1000, 5000, 5000, 6000]);
    }

    #[test]
    fn nodes_with_clocks_hours_apart_share_one_time() {
        let mut clock = LogClock::new();
        for second in 0..1000 {
            let one = clock.see(b"one", at(100_000 + second)).latest;
            let other = clock.see(b"other", at(90_000 + second)).latest;
            assert_eq!((one, other), (second * 1000, second * 1000));
        }
    }

    #[test]
    fn time_on_a_node_does_not_pass_with_the_stamps_of_another() {
        let mut clock = LogClock::new();
        clock.see(b"one", at(1000));
        for second in 0..100 {
            clock.see(b"other", at(2000 + second));
        }
        let times = clock.see(b"one", at(1001));
        assert_eq!((times.node, times.latest), (1000, 99_000));
    }

    #[test]
    fn a_single_distant_stamp_is_ignored() {
        let mut clock = LogClock::new();
        clock.see(b"", at(100_000));
        assert_eq!(clock.see(b"", at(1)).latest, 0);
        assert_eq!(clock.see(b"", at(Timestamp::MAX_SECONDS)).latest, 0);
        assert_eq!(clock.see(b"", at(100_001)).latest, 1000);
    }

    #[test]
    fn the_clock_follows_a_log_that_continues_at_another_time() {
        let mut clock = LogClock::new();
        clock.see(b"", at(900_000));
        let last = (0..300)
            .map(|second| clock.see(b"", at(500 + second)).latest)
            .max();
        assert!(last > Some(30_000), "{last:?}");
    }

    #[test]
    fn a_stamp_that_is_not_looked_at_again_would_change_nothing() {
        let (mut clock, mut plain, mut state) = (LogClock::new(), LogClock::new(), 1u32);
        let (mut times, mut skipped) = (None, 0);
        for _ in 0..100_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let seconds = [100, 100, 101, 102, 90_000][(state >> 24) as usize % 5];
            let node: &[u8] = [b"".as_slice(), b"", b"", b"n"][(state >> 20) as usize % 4];
            let seen = clock.see_next(node, at(seconds));
            skipped += u32::from(seen.is_none());
            times = seen.or(times);
            assert_eq!(times, Some(plain.see(node, at(seconds))));
        }
        assert!(skipped > 1000, "{skipped}");
    }

    #[test]
    fn nodes_with_long_names_stay_within_the_bound() {
        let mut clock = LogClock::new();
        for host in 0..100 {
            let name = format!("{host}{}", "n".repeat(1 << 20));
            clock.see(name.as_bytes(), at(100));
            let held: usize = clock.nodes.keys().map(Vec::len).sum();
            assert!(held <= MAX_NAME_BYTES + name.len(), "{held}");
        }
    }
}
