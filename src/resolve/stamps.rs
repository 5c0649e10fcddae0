//! The order of events by their stamps, and the boots that it shows.

use crate::model::{AuditMessageGroup, EventId, RecordType, Timestamp, record_type::AUDIT_KERNEL};

/// Stamps of records that were written one after the other are in order, but for this: that of a
/// syscall is the time of its entry.
const SLACK_MILLIS: u64 = 10_000;

/// How far back a serial may be that is only late, unless it is less than half of the highest.
const MAX_SWAPPED: u32 = 64;

/// Whether a time is later than another, and not only by the order of their records.
pub(crate) fn is_later(time: Timestamp, than: Timestamp) -> bool {
    time.as_millis() > than.as_millis().saturating_add(SLACK_MILLIS)
}

/// The highest serial and the latest time since a host was booted.
///
/// The kernel's serials grow until the next boot, so if one is lower and much later, the host has
/// been booted, and numbers its processes and sessions anew.
#[derive(Debug, Default)]
pub(crate) struct Boot {
    serial: u32,
    /// In milliseconds since 1970-01-01.
    time: u64,
}

impl Boot {
    /// Takes in the stamp of an event. Returns whether the host was booted before it.
    pub(crate) fn note(&mut self, group: &AuditMessageGroup<'_>) -> bool {
        let first = group.record_types().next();
        first.is_some_and(|record_type| self.see(group.id, record_type))
    }

    fn see(&mut self, id: EventId, record_type: RecordType) -> bool {
        match record_type {
            AUDIT_KERNEL => {
                self.begin(id.serial, id.time.as_millis());
                true
            }
            // auditd numbers its own records.
            RecordType(1200..1300) => false,
            _ => self.note_call(id.serial, id.time.as_millis()),
        }
    }

    /// As [`note`](Self::note), of the event of a call, with its time in milliseconds since
    /// 1970-01-01.
    #[inline]
    pub(crate) fn note_call(&mut self, serial: u32, time: u64) -> bool {
        if serial < self.serial {
            return self.note_lower(serial, time);
        }
        (self.serial, self.time) = (serial, self.time.max(time));
        false
    }

    #[cold]
    fn note_lower(&mut self, serial: u32, time: u64) -> bool {
        // Two events that ended at the same time may arrive in the other order, also after a pause.
        let is_far = self.serial - serial > MAX_SWAPPED || serial < self.serial / 2;
        let is_next = is_far && time > self.time.saturating_add(SLACK_MILLIS);
        if is_next {
            self.begin(serial, time);
        }
        self.time = self.time.max(time);
        is_next
    }

    /// Takes in that the host was booted, and the first stamp after that.
    pub(crate) fn begin(&mut self, serial: u32, time: u64) {
        (self.serial, self.time) = (serial, time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record_type::AUDIT_USER_START;

    fn event(serial: u32, seconds: u64) -> EventId {
        EventId {
            time: Timestamp { seconds, millis: 0 },
            serial,
        }
    }

    #[test]
    fn a_serial_that_is_lower_and_much_later_is_of_another_boot() {
        let mut boot = Boot::default();
        assert!(!boot.see(event(500, 12), AUDIT_USER_START));
        assert!(!boot.note_call(499, 13_000), "late");
        assert!(!boot.see(event(7, 900), RecordType(1203)), "of auditd");
        assert!(boot.see(event(9, 900), AUDIT_USER_START));
        assert!(!boot.see(event(10, 901), AUDIT_USER_START));
        assert!(boot.see(event(1, 902), AUDIT_KERNEL));
        assert!(!boot.note_call(2, 902_000));
    }

    #[test]
    fn a_serial_that_is_late_after_a_pause_shows_no_boot() {
        let mut boot = Boot::default();
        assert!(!boot.note_call(500, 12_000));
        assert!(!boot.note_call(499, 900_000));
        assert!(boot.note_call(430, 990_000));
        assert!(boot.note_call(200, 999_990_000));
    }

    #[test]
    fn the_stamp_of_a_call_that_took_long_shows_no_boot() {
        let mut boot = Boot::default();
        assert!(!boot.note_call(500, 3_000_000));
        // It began to wait long ago, and ended together with the one before.
        assert!(!boot.note_call(502, 10_000));
        assert!(!boot.note_call(501, 3_001_000));
    }
}
