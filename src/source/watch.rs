//! Whether the kernel goes on auditing, and for us.
//!
//! Silence looks the same whether nothing happens or nobody records it. So what keeps records from
//! coming is said when it begins and when it ends, and counted.

use std::process;

use crate::{
    model::{Record, record_type::AUDIT_CONFIG_CHANGE},
    source::{AuditStatus, netlink::describe},
};

/// What the kernel said when it was asked last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    is_off: bool,
    has_no_rules: bool,
    /// The registration was ours and is not.
    is_lost: bool,
    /// Who is registered in our place.
    replaced_by: Option<u32>,
}

/// What there is to do about the registration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Registration {
    /// It is ours.
    Held,
    /// It is another's, who is alive.
    Taken,
    /// It is nobody's.
    Free,
}

impl Watch {
    /// Begins with what was said when the socket was opened.
    pub(crate) fn new(status: &AuditStatus, rules: usize) -> Watch {
        Watch {
            is_off: status.enabled == 0,
            has_no_rules: rules == 0,
            ..Watch::default()
        }
    }

    /// Whether another is registered in our place.
    pub(crate) fn is_replaced(&self) -> bool {
        self.replaced_by.is_some()
    }

    /// Compares the kernel's state with what it was, and says what has changed. Returns how many
    /// reasons there are since then for records not to come.
    pub(crate) fn see(&mut self, status: &AuditStatus, rules: Option<usize>) -> u64 {
        let mut new = 0;
        let is_off = status.enabled == 0;
        if is_off && !self.is_off {
            new += 1;
            log::warn!("auditing was turned off; no events will come until `auditctl -e 1`");
        } else if self.is_off && !is_off {
            log::warn!("auditing is on again");
        }
        self.is_off = is_off;
        let Some(rules) = rules else { return new };
        if rules == 0 && !self.has_no_rules {
            new += 1;
            log::warn!(
                "all audit rules were removed; only messages of programs will come until there \
                 are some, for example by `augenrules --load`"
            );
        } else if rules > 0 && self.has_no_rules {
            log::warn!("there are audit rules again");
        }
        self.has_no_rules = rules == 0;
        new
    }

    /// What a record says of auditing, for those who may not ask. Returns as [`see`](Self::see).
    pub(crate) fn hear(&mut self, record: &Record<'_>) -> u64 {
        let says = |text: &[u8]| record.body.windows(text.len()).any(|words| words == text);
        if record.record_type != AUDIT_CONFIG_CHANGE
            || !says(b"audit_enabled=0 ")
            || !says(b"res=1")
        {
            return 0;
        }
        log::warn!("auditing was turned off; no events will come until `auditctl -e 1`");
        1
    }

    /// Compares the registered process with ourselves, and says if another has taken our place.
    /// The second is as for [`see`](Self::see).
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
                "{} is registered as the audit daemon now; records come here again when it ends",
                describe(pid)
            );
        }
        (Registration::Taken, new)
    }

    /// Says that we have taken back what was free.
    pub(crate) fn registered_again(&mut self) {
        self.is_lost = false;
        match self.replaced_by.take() {
            Some(pid) => {
                log::warn!("process {pid} has given the registration back; it is ours again")
            }
            None => log::warn!("the kernel had dropped the audit daemon; registered again"),
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
            lost: 0,
            backlog: 0,
            backlog_limit: 64,
            backlog_wait_time: None,
        }
    }

    #[test]
    fn what_keeps_records_from_coming_counts_when_it_begins() {
        let mut watch = Watch::new(&status(1, 0), 3);
        assert_eq!(watch.see(&status(1, 0), Some(3)), 0);
        assert_eq!(watch.see(&status(0, 0), Some(0)), 2);
        assert_eq!(watch.see(&status(0, 0), Some(0)), 0);
        assert_eq!(watch.see(&status(1, 0), Some(1)), 0);
        assert_eq!(watch.see(&status(2, 0), None), 0);
        assert_eq!(watch.see(&status(0, 0), None), 1);
        let mut watch = Watch::new(&status(0, 0), 0);
        assert_eq!(watch.see(&status(0, 0), Some(0)), 0, "that was said before");
    }

    #[test]
    fn a_registration_that_is_lost_counts_once() {
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
    fn who_may_not_ask_hears_that_auditing_was_turned_off() {
        let mut watch = Watch::default();
        let mut hear = |record_type, body: &[u8]| {
            let record = Record {
                id: EventId::default(),
                record_type,
                node: b"",
                body,
                cut: false,
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
