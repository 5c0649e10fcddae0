//! Watches whether the kernel is auditing and sends us the records.
//!
//! The absence of records does not tell an idle host from one where auditing is off. So each
//! interruption of auditing is logged when it begins and when it ends, and counted.

use std::process;

use crate::{
    model::{Record, record_type::AUDIT_CONFIG_CHANGE},
    source::{AuditStatus, netlink::describe},
};

/// The last known state of the kernel's audit system.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    is_off: bool,
    has_no_rules: bool,
    /// We have lost the registration as the audit daemon.
    is_lost: bool,
    /// The process that is registered in our place.
    replaced_by: Option<u32>,
}

/// The state of the registration as the audit daemon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Registration {
    /// We are registered.
    Held,
    /// Another process is registered.
    Taken,
    /// No process is registered.
    Free,
}

impl Watch {
    /// Starts from the state when the socket was opened, which has been logged already.
    pub(crate) fn new(status: &AuditStatus, rules: usize) -> Watch {
        Watch {
            is_off: status.enabled == 0,
            has_no_rules: rules == 0,
            ..Watch::default()
        }
    }

    /// Whether auditing is off.
    pub(crate) fn is_off(&self) -> bool {
        self.is_off
    }

    /// Whether another process is registered in our place.
    pub(crate) fn is_replaced(&self) -> bool {
        self.replaced_by.is_some()
    }

    /// Logs how the kernel's state has changed. Returns the number of new interruptions.
    pub(crate) fn see(&mut self, status: &AuditStatus, rules: Option<usize>) -> u64 {
        let mut new = 0;
        let is_off = status.enabled == 0;
        if is_off && !self.is_off {
            new += 1;
            log::warn!("auditing was turned off; no events will arrive until `auditctl -e 1`");
        } else if self.is_off && !is_off {
            log::warn!("auditing is on again");
        }
        self.is_off = is_off;
        let Some(rules) = rules else { return new };
        if rules == 0 && !self.has_no_rules {
            new += 1;
            log::warn!(
                "all audit rules were removed; only user-space messages will arrive until rules \
                 are loaded, for example with `augenrules --load`"
            );
        } else if rules > 0 && self.has_no_rules {
            log::warn!("audit rules are loaded again");
        }
        self.has_no_rules = rules == 0;
        new
    }

    /// As [`see`](Self::see), from a CONFIG_CHANGE record, for processes that may not query the
    /// kernel.
    pub(crate) fn hear(&mut self, record: &Record<'_>) -> u64 {
        let says = |text: &[u8]| record.body.windows(text.len()).any(|words| words == text);
        if record.record_type != AUDIT_CONFIG_CHANGE
            || !says(b"audit_enabled=0 ")
            || !says(b"res=1")
        {
            return 0;
        }
        log::warn!("auditing was turned off; no events will arrive until `auditctl -e 1`");
        1
    }

    /// Compares the registered process with ours, and logs if another has taken its place. Returns
    /// the number of new interruptions too.
    pub(crate) fn see_registration(&mut self, pid: u32) -> (Registration, u64) {
        if pid == process::id() {
            (self.is_lost, self.replaced_by) = (false, None);
            return (Registration::Held, 0);
        }
        let new = u64::from(!std::mem::replace(&mut self.is_lost, true));
        if pid == 0 {
            return (Registration::Free, new);
        }
        if self.replaced_by.replace(pid) != Some(pid) {
            log::warn!(
                "{} has registered as the audit daemon; records will arrive here again when it exits",
                describe(pid)
            );
        }
        (Registration::Taken, new)
    }

    /// Logs that we have registered again.
    pub(crate) fn registered_again(&mut self) {
        self.is_lost = false;
        match self.replaced_by.take() {
            Some(pid) => {
                log::warn!("process {pid} has given up the registration; registered again")
            }
            None => log::warn!("the kernel had dropped our registration; registered again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EventId, RecordType};

    fn status(enabled: u32, pid: u32) -> AuditStatus {
        AuditStatus {
            enabled,
            pid,
            ..AuditStatus::default()
        }
    }

    #[test]
    fn an_interruption_is_counted_when_it_begins() {
        let mut watch = Watch::new(&status(1, 0), 3);
        assert_eq!(watch.see(&status(1, 0), Some(3)), 0);
        assert_eq!(watch.see(&status(0, 0), Some(0)), 2);
        assert_eq!(watch.see(&status(0, 0), Some(0)), 0);
        assert_eq!(watch.see(&status(1, 0), Some(1)), 0);
        assert_eq!(watch.see(&status(2, 0), None), 0);
        assert_eq!(watch.see(&status(0, 0), None), 1);
        let mut watch = Watch::new(&status(0, 0), 0);
        assert_eq!(watch.see(&status(0, 0), Some(0)), 0, "logged at the start");
    }

    #[test]
    fn a_lost_registration_is_counted_once() {
        let (mut watch, us) = (Watch::default(), process::id());
        assert_eq!(watch.see_registration(us), (Registration::Held, 0));
        assert_eq!(watch.see_registration(1), (Registration::Taken, 1));
        assert_eq!(watch.see_registration(1), (Registration::Taken, 0));
        assert!(watch.is_replaced());
        assert_eq!(watch.see_registration(0), (Registration::Free, 0));
        watch.registered_again();
        assert!(!watch.is_replaced());
        assert_eq!(watch.see_registration(0), (Registration::Free, 1));
        assert_eq!(watch.see_registration(0), (Registration::Free, 0));
        assert_eq!(watch.see_registration(1), (Registration::Taken, 0));
    }

    #[test]
    fn a_record_tells_that_auditing_was_turned_off() {
        let mut watch = Watch::default();
        let mut hear = |record_type, body: &[u8]| {
            let record = Record {
                id: EventId::default(),
                record_type,
                node: b"",
                body,
                cut: false,
                relayed: false,
            };
            watch.hear(&record)
        };
        let off = b"op=set audit_enabled=0 old=1 auid=0 ses=1 res=1";
        assert_eq!(hear(AUDIT_CONFIG_CHANGE, off), 1);
        assert_eq!(hear(RecordType(1105), off), 0);
        let refused = b"op=set audit_enabled=0 old=1 auid=0 ses=1 res=0";
        assert_eq!(hear(AUDIT_CONFIG_CHANGE, refused), 0);
        assert_eq!(hear(AUDIT_CONFIG_CHANGE, b"op=remove_rule list=4 res=1"), 0);
    }
}
