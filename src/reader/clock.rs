//! The time in a log, from the stamps of its records.
//!
//! Stamps are not in order: a call that waited for hours is stamped when it began, hosts have their
//! own clocks, logs are strung together, and a forged stamp may say anything. So the time here only
//! ever goes forward, by what each host's stamps go forward, and a stamp that is far from where its
//! host was counts only when many say the same.

use std::collections::HashMap;

use crate::model::{Millis, Timestamp};

/// How far a stamp may be from the one before it on its host and still be believed at once.
const NEAR: i64 = 3_600_000;
/// How many stamps in a row must be far off for the host's time to be there.
const CONVINCING: u32 = 256;
/// Hosts whose clocks are known at most.
const HOSTS: usize = 65_536;
/// Bytes of their names at most. A name is as long as a line allows, which a host's never is.
const NAMES: usize = 16 << 20;

/// Tells the time to the reassembly of a log.
#[derive(Debug, Default)]
pub(crate) struct LogClock {
    now: i64,
    /// The clock of records that name no host.
    plain: HostClock,
    hosts: HashMap<Vec<u8>, HostClock>,
    /// Bytes of the names of the hosts.
    names: usize,
}

#[derive(Debug, Default)]
struct HostClock {
    /// How much its stamps are ahead of the time here.
    ahead: Option<i64>,
    far: u32,
}

impl LogClock {
    pub(crate) fn new() -> LogClock {
        LogClock::default()
    }

    /// The time, now that a record with this stamp has come.
    pub(crate) fn see(&mut self, node: &[u8], stamp: Timestamp) -> Millis {
        let stamp = i64::try_from(stamp.as_millis()).unwrap_or(i64::MAX);
        let now = self.now;
        let host = if node.is_empty() {
            &mut self.plain
        } else {
            if !self.hosts.contains_key(node) {
                if self.hosts.len() >= HOSTS || self.names >= NAMES {
                    self.hosts.clear();
                    self.names = 0;
                }
                self.names += node.len();
                self.hosts.insert(node.to_vec(), HostClock::default());
            }
            self.hosts.get_mut(node).unwrap_or(&mut self.plain)
        };
        let ahead = *host.ahead.get_or_insert(stamp - now);
        let time = stamp - ahead;
        if (time - now).abs() <= NEAR {
            host.far = 0;
            self.now = now.max(time);
        } else {
            host.far += 1;
            if host.far >= CONVINCING {
                *host = HostClock {
                    ahead: Some(stamp - now),
                    far: 0,
                };
            }
        }
        self.now.unsigned_abs()
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
        let times = [100, 101, 99, 105, 60, 106].map(|stamp| clock.see(b"", at(stamp)));
        assert_eq!(times, [0, 1000, 1000, 5000, 5000, 6000]);
    }

    #[test]
    fn hosts_with_clocks_hours_apart_have_the_same_time() {
        let mut clock = LogClock::new();
        for second in 0..1000 {
            let one = clock.see(b"one", at(100_000 + second));
            let other = clock.see(b"other", at(90_000 + second));
            assert_eq!((one, other), (second * 1000, second * 1000));
        }
    }

    #[test]
    fn a_single_stamp_from_far_away_moves_nothing() {
        let mut clock = LogClock::new();
        clock.see(b"", at(100_000));
        assert_eq!(clock.see(b"", at(1)), 0);
        assert_eq!(clock.see(b"", at(Timestamp::MAX_SECONDS)), 0);
        assert_eq!(clock.see(b"", at(100_001)), 1000);
    }

    #[test]
    fn a_log_that_goes_on_at_another_time_is_followed() {
        let mut clock = LogClock::new();
        clock.see(b"", at(900_000));
        let last = (0..300)
            .map(|second| clock.see(b"", at(500 + second)))
            .max();
        assert!(last > Some(30_000), "{last:?}");
    }

    #[test]
    fn hosts_with_long_names_are_forgotten_before_they_fill_the_memory() {
        let mut clock = LogClock::new();
        for host in 0..100 {
            let name = format!("{host}{}", "n".repeat(1 << 20));
            clock.see(name.as_bytes(), at(100));
            let held: usize = clock.hosts.keys().map(Vec::len).sum();
            assert!(held <= NAMES + name.len(), "{held}");
        }
    }
}
