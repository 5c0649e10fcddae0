//! The order of events by their stamps, and the boots that it shows.

use crate::model::{AuditMessageGroup, EventId, RecordType, Timestamp, record_type::AUDIT_KERNEL};

/// Stamps of records that were written one after the other are in order, but for this: that of a
/// syscall is the time of its entry.
const SLACK_MILLIS: u64 = 10_000;

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
    time: Timestamp,
}

impl Boot {
    /// Takes in the stamp of an event. Returns whether the host was booted before it.
    pub(crate) fn note(&mut self, group: &AuditMessageGroup<'_>) -> bool {
        let first = group.record_types().next();
        first.is_some_and(|record_type| self.see(group.id, record_type))
    }

    fn see(&mut self, id: EventId, record_type: RecordType) -> bool {
        // auditd numbers its own records.
        if (1200..1300).contains(&record_type.0) {
            return false;
        }
        let is_next =
            record_type == AUDIT_KERNEL || id.serial < self.serial && is_later(id.time, self.time);
        if is_next {
            *self = Boot::default();
        }
        self.serial = self.serial.max(id.serial);
        self.time = self.time.max(id.time);
        is_next
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
        assert!(!boot.see(event(499, 13), AUDIT_USER_START), "late");
        assert!(!boot.see(event(7, 900), RecordType(1203)), "of auditd");
        assert!(boot.see(event(9, 900), AUDIT_USER_START));
        assert!(!boot.see(event(10, 901), AUDIT_USER_START));
        assert!(boot.see(event(1, 902), AUDIT_KERNEL));
    }

    #[test]
    fn the_stamp_of_a_call_that_took_long_shows_no_boot() {
        let mut boot = Boot::default();
        assert!(!boot.see(event(500, 3000), AUDIT_USER_START));
        // It began to wait long ago, and ended together with the one before.
        assert!(!boot.see(event(502, 10), AUDIT_USER_START));
        assert!(!boot.see(event(501, 3001), AUDIT_USER_START));
    }
}
