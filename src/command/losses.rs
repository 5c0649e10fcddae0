//! What was lost, until the output has been told of it.

use std::time::{Duration, Instant};

use auditrd::Totals;

/// How often the output is told of missing serials: they turn out to be missing one after the other.
const BETWEEN: Duration = Duration::from_secs(10);

/// Losses by their reasons. Those with one reason add up while the output cannot be told.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// What has been noted of what the reader counts.
    noted: Totals,
    missing_noted_at: Option<Instant>,
    untold: Vec<(&'static str, u64)>,
}

impl Losses {
    /// Notes a loss.
    pub(crate) fn add(&mut self, reason: &'static str, count: u64) {
        if count == 0 {
            return;
        }
        log::warn!("lost: {count} by {reason}");
        match self.untold.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, untold)) => *untold += count,
            None => self.untold.push((reason, count)),
        }
    }

    /// Notes what the reader has lost since the last time.
    pub(crate) fn note(&mut self, totals: &Totals) {
        let noted = self.noted;
        self.noted = *totals;
        self.noted.missing = noted.missing;
        self.add("socket_overflow", totals.seen.dropped - noted.seen.dropped);
        let kernel_lost = totals.seen.kernel_lost - noted.seen.kernel_lost;
        self.add("kernel_lost", kernel_lost);
        self.add(
            "queue_overflow",
            totals.dropped.events - noted.dropped.events,
        );
    }

    /// Notes the serials that are missing, if it is time to.
    pub(crate) fn note_missing(&mut self, totals: &Totals, now: Instant) {
        let is_due = |noted| now.duration_since(noted) >= BETWEEN;
        let count = totals.missing - self.noted.missing;
        if count > 0 && self.missing_noted_at.is_none_or(is_due) {
            self.missing_noted_at = Some(now);
            self.note_all_missing(totals);
        }
    }

    /// Notes the serials that are missing now that no more will come.
    pub(crate) fn note_all_missing(&mut self, totals: &Totals) {
        self.add("missing_serials", totals.missing - self.noted.missing);
        self.noted.missing = totals.missing;
    }

    /// What the output has not been told of, which it is told now.
    pub(crate) fn tell(&mut self) -> impl Iterator<Item = (&'static str, u64)> {
        std::mem::take(&mut self.untold).into_iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.untold.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_add_up_until_they_are_told_and_are_told_once() {
        let mut losses = Losses::default();
        let mut totals = Totals::default();
        for _ in 0..3 {
            totals.seen.dropped += 2;
            totals.dropped.events += 1;
            losses.note(&totals);
        }
        losses.add("output_failed", 7);
        let expected = [
            ("socket_overflow", 6),
            ("queue_overflow", 3),
            ("output_failed", 7),
        ];
        assert_eq!(losses.tell().collect::<Vec<_>>(), expected);
        losses.note(&totals);
        assert!(losses.is_empty());
    }

    #[test]
    fn missing_serials_are_told_seldom_and_all() {
        let mut losses = Losses::default();
        let mut totals = Totals::default();
        let start = Instant::now();
        let mut told = Vec::new();
        for second in 0..25 {
            totals.missing += 1;
            losses.note_missing(&totals, start + Duration::from_secs(second));
            told.extend(losses.tell());
        }
        losses.note_all_missing(&totals);
        told.extend(losses.tell());
        assert_eq!(told.iter().map(|(_, count)| count).sum::<u64>(), 25);
        assert_eq!(told.len(), 4, "{told:?}");
    }
}
