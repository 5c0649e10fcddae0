//! Counts missing serials.
//!
//! The kernel numbers its events, so a gap is an event that was lost, or one that the kernel
//! numbered and then filtered out. Gaps are only a hint, and are counted apart from known losses.

use std::collections::VecDeque;

/// Tracks the serials of one stream in constant memory.
///
/// Serials arrive nearly in order. A bitmap holds the last `window` of them; a serial that has not
/// arrived when it leaves the window counts as missing. Serials have 32 bits and wrap. A jump back
/// by more than the window means a new boot or another log, and tracking restarts there.
///
/// ```
/// let mut serials = auditrd::reader::SerialTracker::new(16);
/// for serial in [u32::MAX - 1, 0, u32::MAX, 3, 4] {
///     serials.see(serial);
/// }
/// assert_eq!(serials.finish(), 2); // 1 and 2
/// ```
#[derive(Clone, Debug)]
pub struct SerialTracker {
    window: u32,
    seen: Vec<u64>,
    newest: Option<u32>,
    /// How many serials of the window are not before the first one seen.
    filled: u32,
    missing: u64,
    /// Serials in the window that have not arrived.
    holes: u64,
    /// Serials that arrived.
    arrived: u64,
    /// A serial from far behind the window, perhaps the first after a restart.
    stray: Option<u32>,
    /// The gaps in the window that are still open, from the last serials on.
    gaps: VecDeque<Gap>,
    /// The number of the last gap that was opened, and of the last one that is open for good.
    opened: u32,
    settled: u32,
}

/// How many gaps are told apart. Earlier ones stay open, also if their serials arrive.
const MAX_GAPS: usize = 64;

/// Serials in a row that had not arrived when later ones did.
#[derive(Clone, Copy, Debug)]
struct Gap {
    number: u32,
    first: u32,
    /// The last one that still has not arrived.
    last: u32,
}

impl SerialTracker {
    /// The default window, in serials. On hosts with many CPUs they arrive this far out of order.
    pub const DEFAULT_WINDOW: u32 = 4096;

    /// A tracker whose window has at least `window` serials.
    pub fn new(window: u32) -> SerialTracker {
        let window = window.clamp(1, 1 << 20).next_multiple_of(64);
        let words = window as usize / 64;
        SerialTracker {
            window,
            seen: vec![0; words],
            newest: None,
            filled: 0,
            missing: 0,
            holes: 0,
            arrived: 0,
            stray: None,
            gaps: VecDeque::new(),
            opened: 0,
            settled: 0,
        }
    }

    /// Notes that a record with this serial arrived.
    #[inline]
    pub fn see(&mut self, serial: u32) {
        match self.newest {
            Some(newest) if newest == serial => {}
            None => self.restart(serial),
            Some(newest) => self.step(newest, serial),
        }
    }

    /// The most memory that it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        let gaps = MAX_GAPS * size_of::<Gap>();
        size_of::<SerialTracker>() + size_of_val(self.seen.as_slice()) + gaps
    }

    /// The number of missing serials, without those that may still arrive.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// The number of the last gap that is still open, of all gaps so far; 0 if there is none, or if
    /// most serials have not arrived, as in an extract of a log, whose gaps say nothing.
    #[inline]
    pub(super) fn last_gap(&self) -> u32 {
        if self.missing + self.holes > self.arrived {
            return 0;
        }
        self.last_open()
    }

    /// Notes that the serials between two have not arrived.
    fn open_gap(&mut self, before: u32, after: u32) {
        self.opened = self.opened.saturating_add(1);
        // Those that have left the window cannot be filled.
        while let Some(oldest) = self.gaps.front()
            && (after.wrapping_sub(oldest.last) >= self.window || self.gaps.len() == MAX_GAPS)
        {
            self.settled = oldest.number;
            self.gaps.pop_front();
        }
        self.gaps.push_back(Gap {
            number: self.opened,
            first: before.wrapping_add(1),
            last: after.wrapping_sub(1),
        });
    }

    /// Closes the last gaps, as far as their serials have arrived.
    fn close_gaps(&mut self, newest: u32) {
        while let Some(mut gap) = self.gaps.pop_back() {
            let is_near = |serial| newest.wrapping_sub(serial) < self.filled;
            while is_near(gap.last) && self.is_seen(gap.last) {
                if gap.last == gap.first {
                    break;
                }
                gap.last = gap.last.wrapping_sub(1);
            }
            if !is_near(gap.last) || !self.is_seen(gap.last) {
                return self.gaps.push_back(gap);
            }
        }
    }

    fn last_open(&self) -> u32 {
        self.gaps.back().map_or(self.settled, |gap| gap.number)
    }

    /// Counts the gaps in the window too, because no more serials will arrive. Returns the total.
    pub fn finish(&mut self) -> u64 {
        self.missing += std::mem::take(&mut self.holes);
        (self.newest, self.filled) = (None, 0);
        self.settled = self.last_open();
        self.gaps.clear();
        self.missing
    }

    #[inline(always)]
    fn step(&mut self, newest: u32, serial: u32) {
        let ahead = serial.wrapping_sub(newest);
        let behind = newest.wrapping_sub(serial);
        if ahead < self.window {
            let mut next = newest;
            while next != serial {
                next = next.wrapping_add(1);
                if self.filled == self.window {
                    // The serial that leaves the window here is missing if it was not seen.
                    let is_missing = u64::from(!self.is_seen(next));
                    self.missing += is_missing;
                    self.holes -= is_missing;
                } else {
                    self.filled += 1;
                }
                self.mark(next, next == serial);
            }
            if ahead > 1 {
                self.holes += u64::from(ahead - 1);
                self.open_gap(newest, serial);
            }
            self.arrived += 1;
            self.newest = Some(serial);
        } else if ahead < 1 << 31 {
            // Starts a new window; all serials between it and the old one are missing.
            self.finish();
            self.missing += u64::from(ahead - self.window);
            self.settle_gap();
            self.seen.fill(0);
            self.restart(serial);
            self.filled = self.window;
            self.holes = u64::from(self.window - 1);
        } else if behind < self.filled {
            let is_late = !self.is_seen(serial);
            self.holes -= u64::from(is_late);
            self.arrived += u64::from(is_late);
            self.mark(serial, true);
            if is_late {
                self.close_gaps(newest);
            }
        } else if behind >= self.window {
            self.look_back(serial);
        }
    }

    /// A single serial from far behind belongs to a delayed record. If a second one follows it,
    /// numbering has restarted.
    fn look_back(&mut self, serial: u32) {
        let follows = |stray: u32| {
            let step = serial.wrapping_sub(stray);
            step != 0 && step < self.window
        };
        if self.stray.is_some_and(follows) {
            self.finish();
            // What happened before the first serial is not known.
            self.settle_gap();
            self.restart(serial);
        } else {
            self.stray = Some(serial);
        }
    }

    /// Notes a gap that stays open for good.
    fn settle_gap(&mut self) {
        self.opened = self.opened.saturating_add(1);
        self.settled = self.opened;
    }

    fn restart(&mut self, serial: u32) {
        self.stray = None;
        self.newest = Some(serial);
        self.filled = 1;
        self.arrived += 1;
        self.mark(serial, true);
    }

    fn bit(&self, serial: u32) -> (usize, u64) {
        let place = serial % self.window;
        (place as usize / 64, 1 << (place % 64))
    }

    fn is_seen(&self, serial: u32) -> bool {
        let (word, bit) = self.bit(serial);
        self.seen[word] & bit != 0
    }

    fn mark(&mut self, serial: u32, seen: bool) {
        let (word, bit) = self.bit(serial);
        if seen {
            self.seen[word] |= bit;
        } else {
            self.seen[word] &= !bit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(window: u32, serials: impl IntoIterator<Item = u32>, expected: u64) {
        let mut tracker = SerialTracker::new(window);
        serials.into_iter().for_each(|serial| tracker.see(serial));
        assert_eq!(tracker.finish(), expected);
    }

    #[test]
    fn a_stream_without_gaps_has_no_missing_serials() {
        check(64, [], 0);
        check(64, [5], 0);
        check(
            64,
            (0..10_000).flat_map(|serial| [serial, serial, serial]),
            0,
        );
        check(64, [7, 6, 9, 8, 11, 10], 0);
    }

    #[test]
    fn each_gap_is_counted_once() {
        check(64, [1, 3, 4, 7], 3);
        check(64, (0..100_000).filter(|serial| serial % 10 != 5), 10_000);
        check(64, [1, 1001], 999);
    }

    #[test]
    fn a_late_serial_within_the_window_is_not_missing() {
        check(64, [1, 2, 60, 3].into_iter().chain(4..60), 0);
        check(64, (0..200).filter(|n| *n != 50).chain([50]), 1);
    }

    #[test]
    fn serials_wrap_at_32_bits() {
        let serials = |n: u32| u32::MAX.wrapping_sub(50).wrapping_add(n);
        check(64, (0..100).map(serials), 0);
        check(64, (0..100).filter(|n| n % 10 != 3).map(serials), 10);
    }

    #[test]
    fn a_jump_ahead_takes_no_longer_than_the_window() {
        check(64, [0, 60_000_000], 59_999_999);
        check(1 << 20, [0, 2_000_000_000], 1_999_999_999);
    }

    #[test]
    fn a_delayed_record_does_not_restart_the_count() {
        check(64, (0..100_000).chain([40_000]).chain(100_000..100_100), 0);
        check(64, (0..1000).flat_map(|n| [100_000 + n, 7]), 0);
    }

    #[test]
    fn the_last_gap_is_the_one_that_is_still_open() {
        let mut tracker = SerialTracker::new(64);
        let seen = (1..50).chain([51, 53, 52, 54, 57, 56, 50, 55, 59, 200]);
        let told = seen.map(|serial| {
            tracker.see(serial);
            (serial, tracker.last_gap())
        });
        let told: Vec<(u32, u32)> = told.skip(49).collect();
        let expected = [
            (51, 1),
            (53, 2),
            (52, 1),
            (54, 1),
            (57, 3),
            // The second half of a gap, one before it, and the rest.
            (56, 3),
            (50, 3),
            (55, 0),
            (59, 4),
            // Most have not arrived.
            (200, 0),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn of_many_gaps_the_last_ones_can_be_filled() {
        let mut tracker = SerialTracker::new(4096);
        (0..1000).for_each(|serial| tracker.see(serial));
        (1000..1400)
            .step_by(2)
            .for_each(|serial| tracker.see(serial));
        assert_eq!((tracker.last_gap(), tracker.gaps.len()), (199, MAX_GAPS));
        let odd = (1001..1398).step_by(2);
        odd.rev().for_each(|serial| tracker.see(serial));
        assert_eq!(tracker.last_gap(), 199 - MAX_GAPS as u32);
    }

    #[test]
    fn a_gap_that_has_left_the_window_stays_open() {
        let mut tracker = SerialTracker::new(64);
        (0..200).for_each(|serial| tracker.see(serial));
        (201..300).for_each(|serial| tracker.see(serial));
        assert_eq!(tracker.last_gap(), 1);
        [301, 300]
            .into_iter()
            .for_each(|serial| tracker.see(serial));
        assert_eq!((tracker.last_gap(), tracker.gaps.len()), (1, 0));
        [400, 5, 6]
            .into_iter()
            .for_each(|serial| tracker.see(serial));
        assert_eq!(tracker.last_gap(), 4, "between two boots");
    }

    #[test]
    fn restarted_numbering_is_not_a_loss() {
        check(64, (1_000_000..1_000_100).chain(1..100), 0);
    }
}
