//! Losses that have no line in the output yet.

use std::time::{Duration, Instant};

use auditrd::reader::Totals;

/// Minimum time between two lines about missing serials, which are noticed one by one.
const MISSING_INTERVAL: Duration = Duration::from_secs(10);

/// Losses by reason. Losses with the same reason are added up until they are written.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// The reader's counters at the last call of `note`.
    noted: Totals,
    missing_noted_at: Option<Instant>,
    unwritten: Vec<(&'static str, u64)>,
}

impl Losses {
    /// Adds a loss.
    pub(crate) fn add(&mut self, reason: &'static str, count: u64) {
        if count == 0 {
            return;
        }
        log::warn!("lost {count} {} ({reason})", unit(reason));
        match self
            .unwritten
            .iter_mut()
            .find(|(known, _)| *known == reason)
        {
            Some((_, unwritten)) => *unwritten += count,
            None => self.unwritten.push((reason, count)),
        }
    }

    /// Adds the reader's losses since the last call. `true` if there are any.
    pub(crate) fn note(&mut self, totals: &Totals) -> bool {
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
        let lost = |totals: &Totals| {
            (
                totals.seen.dropped,
                totals.seen.kernel_lost,
                totals.dropped.events,
            )
        };
        lost(totals) != lost(&noted)
    }

    /// Adds the missing serials, at most once per interval.
    pub(crate) fn note_missing(&mut self, totals: &Totals, now: Instant) {
        let is_due = |noted| now.duration_since(noted) >= MISSING_INTERVAL;
        let count = totals.missing - self.noted.missing;
        if count > 0 && self.missing_noted_at.is_none_or(is_due) {
            self.missing_noted_at = Some(now);
            self.note_all_missing(totals);
        }
    }

    /// Adds the missing serials.
    pub(crate) fn note_all_missing(&mut self, totals: &Totals) {
        self.add("missing_serials", totals.missing - self.noted.missing);
        self.noted.missing = totals.missing;
    }

    /// Removes and returns all losses.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = (&'static str, u64)> {
        std::mem::take(&mut self.unwritten).into_iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.unwritten.is_empty()
    }
}

/// The things that are counted for a reason.
fn unit(reason: &str) -> &'static str {
    match reason {
        "queue_overflow" => "events",
        "output_failed" => "lines",
        "missing_serials" => "serials",
        _ => "records",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_add_up_until_taken() {
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
        assert_eq!(losses.take().collect::<Vec<_>>(), expected);
        losses.note(&totals);
        assert!(losses.is_empty());
    }

    #[test]
    fn missing_serials_are_added_at_intervals_and_none_is_forgotten() {
        let mut losses = Losses::default();
        let mut totals = Totals::default();
        let start = Instant::now();
        let mut taken = Vec::new();
        for second in 0..25 {
            totals.missing += 1;
            losses.note_missing(&totals, start + Duration::from_secs(second));
            taken.extend(losses.take());
        }
        losses.note_all_missing(&totals);
        taken.extend(losses.take());
        assert_eq!(taken.iter().map(|(_, count)| count).sum::<u64>(), 25);
        assert_eq!(taken.len(), 4, "{taken:?}");
    }
}
