//! Since when knowledge counts, with respect to losses.

use std::collections::VecDeque;

/// A moment in the order in which events were taken in.
pub(super) type Tick = u64;

/// How many losses are told apart. Earlier ones count as one.
const MAX_RAISES: usize = 32;

/// The count of losses, which also falls: a record counts as lost until it arrives after all.
/// Knowledge from before a loss is in doubt, until the loss turns out to be none.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    /// The losses that are still counted: the count, and when it rose to that.
    raises: VecDeque<(u32, Tick)>,
    /// When the last of the losses occurred that are not told apart.
    first: Tick,
    /// The last of `raises`, or `first`, which is asked for at each event.
    last: (u32, Tick),
}

impl Doubt {
    /// Notes the count of losses. Whether it has risen.
    #[inline]
    pub(super) fn note(&mut self, count: u32, now: Tick) -> bool {
        if count == self.last.0 {
            return false;
        }
        let has_risen = self.change(count, now);
        self.last = self.raises.back().copied().unwrap_or((0, self.first));
        has_risen
    }

    fn change(&mut self, count: u32, now: Tick) -> bool {
        let mut since = now;
        while let Some((known, tick)) = self.raises.back()
            && *known > count
        {
            since = *tick;
            self.raises.pop_back();
        }
        let known = self.raises.back().map_or(0, |(known, _)| *known);
        if known == count {
            return false;
        }
        self.raises.push_back((count, since));
        if self.raises.len() > MAX_RAISES
            && let Some((_, tick)) = self.raises.pop_front()
        {
            self.first = tick;
        }
        since == now
    }

    /// The last loss: what is known from before it is in doubt.
    pub(super) fn since(&self) -> Tick {
        self.last.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_was_only_late_leaves_no_doubt() {
        let mut doubt = Doubt::default();
        assert!(!doubt.note(0, 1));
        assert!(doubt.note(1, 5));
        assert_eq!(doubt.since(), 5);
        assert!(!doubt.note(0, 6));
        assert_eq!(doubt.since(), 0);
    }

    #[test]
    fn a_loss_after_a_late_record_is_a_loss() {
        let mut doubt = Doubt::default();
        doubt.note(1, 5);
        doubt.note(0, 6);
        assert!(doubt.note(1, 9));
        assert_eq!(doubt.since(), 9);
        doubt.note(3, 12);
        assert!(!doubt.note(2, 14));
        assert_eq!(doubt.since(), 12);
    }

    #[test]
    fn many_losses_are_remembered_in_little_memory() {
        let mut doubt = Doubt::default();
        for count in 1..1000 {
            doubt.note(count, u64::from(count) * 2);
        }
        assert!(doubt.raises.len() <= MAX_RAISES);
        doubt.note(0, 5000);
        assert!(doubt.since() > 0);
    }
}
