//! A timer that rings at an interval.

use std::time::{Duration, Instant};

/// An interval, and when it is over.
#[derive(Debug)]
pub(crate) struct Timer {
    interval: Duration,
    next: Instant,
}

impl Timer {
    pub(crate) fn new(interval: Duration, now: Instant) -> Timer {
        let next = now + interval;
        Timer { interval, next }
    }

    /// When the interval is over.
    pub(crate) fn due(&self) -> Instant {
        self.next
    }

    /// Whether the interval is over. If so, the next one begins; those that were missed are
    /// skipped.
    pub(crate) fn rings(&mut self, now: Instant) -> bool {
        let is_over = now >= self.next;
        if is_over {
            self.next += self.interval;
            if self.next <= now {
                self.next = now + self.interval;
            }
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_intervals_ring_once() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timer = Timer::new(Duration::from_secs(10), start);
        assert!(!timer.rings(at(9)));
        // A little late, which does not shift those to come.
        assert!(timer.rings(at(11)) && timer.due() == at(20));
        assert!(timer.rings(at(45)) && !timer.rings(at(46)));
        assert_eq!(timer.due(), at(55));
    }
}
