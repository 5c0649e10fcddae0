//! Hints for a reader that may not ask the kernel why no records come.
//!
//! It has only the records themselves: CONFIG_CHANGE records tell of rules that are added and
//! removed, and silence after the start tells that something may be wrong. Each hint names
//! `auditrd check`, which may ask as root.

use std::time::{Duration, Instant};

use memchr::memmem::find;

use crate::model::{
    EventId, Record,
    record_type::{AUDIT_CONFIG_CHANGE, AUDIT_EVENT_LISTENER, AUDIT_SYSCALL},
};

/// Silence of this length after the start is worth a hint. Most hosts have records more often.
const SILENCE: Duration = Duration::from_secs(10);
/// How long after the last removal of a rule others may be added: a reload removes all first.
const RELOAD: Duration = Duration::from_secs(2);

/// What has been heard so far.
#[derive(Debug)]
pub(super) struct Hints {
    /// ` pid=N `, by which a SYSCALL record of this process is recognised.
    own_pid: String,
    /// The event in which this process joined the multicast group.
    joined: Option<EventId>,
    /// When silence will have been too long; `None` once a record has come, or the hint was given.
    silent_until: Option<Instant>,
    /// Rules removed since one was added, and when that is worth a hint.
    removed: Option<(u32, Instant)>,
}

impl Hints {
    pub(super) fn new(start: Instant, pid: u32) -> Hints {
        Hints {
            own_pid: format!(" pid={pid} "),
            joined: None,
            silent_until: Some(start + SILENCE),
            removed: None,
        }
    }

    /// Takes in a record. Returns a hint that is due at once.
    pub(super) fn hear(&mut self, record: &Record<'_>, now: Instant) -> Option<String> {
        let says = |text: &[u8]| find(record.body, text).is_some();
        if self.silent_until.is_some() {
            if record.record_type == AUDIT_SYSCALL && says(self.own_pid.as_bytes()) {
                self.joined = Some(record.id);
            }
            if record.record_type == AUDIT_EVENT_LISTENER || self.joined == Some(record.id) {
                return None;
            }
            self.silent_until = None;
        }
        if record.record_type != AUDIT_CONFIG_CHANGE || !says(b"res=1") {
            return None;
        }
        if says(b"op=remove_rule") {
            let count = self.removed.map_or(0, |(count, _)| count);
            self.removed = Some((count.saturating_add(1), now + RELOAD));
        } else if says(b"op=add_rule") {
            self.removed = None;
            // AUDIT_FILTER_TASK. Few rules are for this list but `never,task`.
            if says(b" list=1 ") {
                return Some(hint(
                    "a rule for new processes was loaded; if it is `never,task`, their system \
                     calls are not recorded",
                ));
            }
        }
        None
    }

    /// When [`due_hint`](Self::due_hint) should be called next.
    pub(super) fn due(&self) -> Option<Instant> {
        let removed = self.removed.map(|(_, at)| at);
        [self.silent_until, removed].into_iter().flatten().min()
    }

    /// Returns a hint whose time has come.
    pub(super) fn due_hint(&mut self, now: Instant) -> Option<String> {
        if self.silent_until.take_if(|at| now >= *at).is_some() {
            let seconds = SILENCE.as_secs();
            let text = format!("no record has come in the first {seconds} seconds");
            return Some(hint(&text));
        }
        let (count, _) = self.removed.take_if(|(_, at)| now >= *at)?;
        Some(hint(&format!("audit rules were removed ({count})")))
    }
}

fn hint(text: &str) -> String {
    format!("{text}; if events are missing, `sudo auditrd check` says why")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EventId, RecordType};

    fn record(body: &[u8]) -> Record<'_> {
        Record {
            id: EventId::default(),
            record_type: AUDIT_CONFIG_CHANGE,
            node: b"",
            body,
            cut: false,
            relayed: false,
        }
    }

    const REMOVED: &[u8] = b"auid=0 ses=1 op=remove_rule key=\"k\" list=4 res=1";
    const ADDED: &[u8] = b"auid=0 ses=1 op=add_rule key=\"k\" list=4 res=1";

    #[test]
    fn silence_after_the_start_is_told_once_and_ends_with_any_record() {
        let start = Instant::now();
        let mut hints = Hints::new(start, 77);
        assert_eq!(hints.due(), Some(start + SILENCE));
        assert_eq!(hints.due_hint(start), None);
        let hint = hints.due_hint(start + SILENCE).unwrap();
        assert!(hint.contains("auditrd check"), "{hint}");
        assert_eq!((hints.due_hint(start + SILENCE), hints.due()), (None, None));
        let mut hints = Hints::new(start, 77);
        let mut other = record(b"x");
        other.record_type = RecordType(1300);
        assert_eq!(hints.hear(&other, start), None);
        assert_eq!(hints.due(), None);
    }

    #[test]
    fn the_records_of_joining_do_not_end_the_silence() {
        let start = Instant::now();
        let mut hints = Hints::new(start, 77);
        let mut own = record(b"arch=c000003e syscall=49 ppid=1 pid=77 auid=0");
        own.record_type = AUDIT_SYSCALL;
        hints.hear(&own, start);
        let mut rest = record(b"proctitle=61");
        rest.record_type = RecordType(1327);
        hints.hear(&rest, start);
        assert!(hints.due().is_some());
        rest.id.serial += 1;
        hints.hear(&rest, start);
        assert_eq!(hints.due(), None);
    }

    #[test]
    fn removed_rules_are_told_unless_others_are_loaded() {
        let start = Instant::now();
        let mut hints = Hints::new(start, 77);
        for _ in 0..3 {
            hints.hear(&record(REMOVED), start);
        }
        assert_eq!(hints.due_hint(start), None, "a reload may follow");
        let hint = hints.due_hint(start + RELOAD).unwrap();
        assert!(hint.contains("removed (3)"), "{hint}");
        hints.hear(&record(REMOVED), start);
        hints.hear(&record(ADDED), start);
        assert_eq!(hints.due_hint(start + RELOAD), None);
        let refused = b"auid=0 ses=1 op=remove_rule key=\"k\" list=4 res=0";
        hints.hear(&record(refused), start);
        assert_eq!(hints.due(), None);
    }

    #[test]
    fn a_rule_for_new_processes_is_told_at_once() {
        let mut hints = Hints::new(Instant::now(), 77);
        let task = b"auid=0 ses=1 op=add_rule key=(null) list=1 res=1";
        assert!(hints.hear(&record(task), Instant::now()).is_some());
        assert!(hints.hear(&record(ADDED), Instant::now()).is_none());
    }
}
