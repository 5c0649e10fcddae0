//! Repeated events that one event stands for.

use crate::model::Timestamp;

/// Events that one event stands for, itself included. They differ from it in little more than their
/// time: see [`aggregate`](crate::aggregate).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Repeats {
    /// The number of events.
    pub count: u64,
    /// The earliest of their times.
    pub first: Timestamp,
    /// The latest of their times.
    pub last: Timestamp,
}

impl Repeats {
    /// A single event, at a time.
    pub fn once(time: Timestamp) -> Repeats {
        Repeats {
            count: 1,
            first: time,
            last: time,
        }
    }

    /// Adds an event, at a time. Times need not be in order: that of a system call is when it
    /// began.
    pub fn add(&mut self, time: Timestamp) {
        self.count += 1;
        self.first = self.first.min(time);
        self.last = self.last.max(time);
    }
}
