//! Since when knowledge counts, with respect to losses.

use std::collections::VecDeque;

/// A moment in the order in which events were taken in.
pub(crate) type Tick = u64;

/// How many gaps are told apart. Earlier ones count as one.
const MAX_RAISES: usize = 32;

/// What was lost until an event.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Losses {
    /// How often something was lost that cannot arrive any more. This never falls.
    pub(crate) certain: u32,
    /// The number of the last gap in the serials that is still open, which falls when the serials
    /// arrive after all ([`AuditMessageGroup::last_gap`](crate::model::AuditMessageGroup::last_gap)).
    pub(crate) last_gap: u32,
}

/// When the last loss was. Knowledge from before it is in doubt. A gap in the serials counts as one
/// until it is filled.
#[derive(Debug, Default)]
pub(crate) struct Doubt {
    told: Losses,
    /// When something was last lost for certain.
    certain: Tick,
    /// The gaps that are still open: the number, and when it rose to that.
    raises: VecDeque<(u32, Tick)>,
    /// When the last of the gaps occurred that are not told apart.
    first: Tick,
    /// The last of all of these, which is asked for at each event.
    since: Tick,
}

impl Doubt {
    /// Notes what was lost until now. Whether that is more than before.
    #[inline]
    pub(crate) fn note(&mut self, losses: Losses, now: Tick) -> bool {
        losses != self.told && self.change(losses, now)
    }

    /// What was noted last.
    #[inline]
    pub(crate) fn told(&self) -> Losses {
        self.told
    }

    fn change(&mut self, losses: Losses, now: Tick) -> bool {
        let is_certain = losses.certain != self.told.certain;
        if is_certain {
            self.certain = now;
        }
        let has_gap =
            losses.last_gap != self.told.last_gap && self.change_gaps(losses.last_gap, now);
        self.told = losses;
        let gap = self.raises.back().map_or(self.first, |(_, tick)| *tick);
        self.since = gap.max(self.certain);
        is_certain || has_gap
    }

    fn change_gaps(&mut self, last: u32, now: Tick) -> bool {
        let mut since = now;
        while let Some((known, tick)) = self.raises.back()
            && *known > last
        {
            since = *tick;
            self.raises.pop_back();
        }
        let known = self.raises.back().map_or(0, |(known, _)| *known);
        if known == last {
            return false;
        }
        self.raises.push_back((last, since));
        if self.raises.len() > MAX_RAISES
            && let Some((_, tick)) = self.raises.pop_front()
        {
            self.first = tick;
        }
        since == now
    }

    /// The last loss: what is known from before it is in doubt.
    #[inline]
    pub(crate) fn since(&self) -> Tick {
        self.since
    }

    /// The last loss that nothing makes good: what is known from before it stays in doubt.
    pub(crate) fn certain(&self) -> Tick {
        self.certain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(last_gap: u32) -> Losses {
        Losses {
            certain: 0,
            last_gap,
        }
    }

    #[test]
    fn a_record_that_was_only_late_leaves_no_doubt() {
        let mut doubt = Doubt::default();
        assert!(!doubt.note(gaps(0), 1));
        assert!(doubt.note(gaps(1), 5));
        assert_eq!(doubt.since(), 5);
        assert!(!doubt.note(gaps(0), 6));
        assert_eq!(doubt.since(), 0);
    }

    #[test]
    fn a_loss_after_a_late_record_is_a_loss() {
        let mut doubt = Doubt::default();
        doubt.note(gaps(1), 5);
        doubt.note(gaps(0), 6);
        assert!(doubt.note(gaps(1), 9));
        assert_eq!(doubt.since(), 9);
        doubt.note(gaps(3), 12);
        assert!(!doubt.note(gaps(2), 14));
        assert_eq!(doubt.since(), 12);
    }

    #[test]
    fn a_loss_for_certain_stays_one_when_a_gap_is_filled_with_it() {
        let mut doubt = Doubt::default();
        doubt.note(gaps(1), 5);
        let losses = Losses {
            certain: 1,
            last_gap: 0,
        };
        assert!(doubt.note(losses, 9));
        assert_eq!(doubt.since(), 9);
    }

    #[test]
    fn many_losses_are_remembered_in_little_memory() {
        let mut doubt = Doubt::default();
        for count in 1..1000 {
            doubt.note(gaps(count), u64::from(count) * 2);
        }
        assert!(doubt.raises.len() <= MAX_RAISES);
        doubt.note(gaps(0), 5000);
        assert!(doubt.since() > 0);
    }
}
