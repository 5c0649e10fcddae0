//! Changes of the kernel's audit system, from CONFIG_CHANGE records.
//!
//! The kernel writes one before auditing is turned off, for each rule that is added or removed, and
//! for each setting, but none when auditing is turned on (kernel/audit.c,
//! `audit_log_config_change`; kernel/auditfilter.c, `audit_log_rule_change`). The SYSCALL record of
//! the same event tells the process.

use auditrd::{
    AuditMessageGroup,
    model::{Change, ChangedBy, Identity},
    parse::{AuditMessageTokenMap, CallRecord},
    record_type::AUDIT_CONFIG_CHANGE,
};

/// The most changes in one line. Further ones are left out; changes of rules are added up.
const MAX_CHANGES: usize = 64;

/// Changes that no line has told of.
#[derive(Debug, Default)]
pub(crate) struct Changes(Vec<Change>);

impl Changes {
    /// Takes in the records of an event, with its SYSCALL record.
    pub(crate) fn hear(&mut self, group: &AuditMessageGroup<'_>, call: Option<&CallRecord<'_>>) {
        for message in group.messages() {
            if message.record_type != AUDIT_CONFIG_CHANGE {
                continue;
            }
            let fields = AuditMessageTokenMap::new(message.record_type, message.data);
            if let Some(mut change) = change(&fields) {
                change.by = call.map(actor).or_else(|| session(&fields));
                self.add(change);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds later changes.
    pub(crate) fn append(&mut self, later: Changes) {
        for change in later.0 {
            self.add(change);
        }
    }

    fn add(&mut self, change: Change) {
        // A reload of the rules is a record for each of them.
        if change.setting == RULES
            && let Some(last) = self.0.last_mut()
            && last.setting == RULES
            && last.by == change.by
        {
            last.added += change.added;
            last.removed += change.removed;
        } else if self.0.len() < MAX_CHANGES {
            self.0.push(change);
        }
    }

    /// The value that a setting has now, if a change of it was heard of.
    pub(super) fn latest(&self, setting: &str) -> Option<u64> {
        let mut changes = self.0.iter().rev();
        changes.find(|change| change.setting == setting)?.new
    }

    /// Removes and returns all changes.
    pub(super) fn take(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.0)
    }
}

/// The name of the setting that stands for all rules.
pub(super) const RULES: &str = "rules";

/// The change that a record tells of, unless it was refused.
fn change(fields: &AuditMessageTokenMap<'_>) -> Option<Change> {
    if fields.get("res") != Some(b"1") {
        return None;
    }
    let mut rules = Change::new(RULES, None, None);
    match fields.get("op")? {
        b"add_rule" => rules.added = 1,
        // The last is for a watch whose file is gone, and for a directory that was unmounted.
        b"remove_rule" | b"remove_rules" | b"updated_rules" => rules.removed = 1,
        b"set" => return setting(fields),
        _ => return None,
    }
    Some(rules)
}

/// `audit_enabled=0 old=1`: the only pair between `op` and `old` has the name of the setting.
fn setting(fields: &AuditMessageTokenMap<'_>) -> Option<Change> {
    let mut tokens = fields.tokens.iter();
    let token = tokens.find(|token| !matches!(token.key, b"op" | b"auid" | b"ses"))?;
    let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse().ok();
    let name = str::from_utf8(token.key).ok()?;
    let name = match name.strip_prefix("audit_").unwrap_or(name) {
        "pid" => "daemon_pid",
        name => name,
    };
    let old = fields.get("old").and_then(number);
    Some(Change::new(name, old, number(token.value.bytes)))
}

/// The process of the SYSCALL record.
fn actor(call: &CallRecord<'_>) -> ChangedBy {
    let mut by = ChangedBy::new(call.ids);
    by.comm = call.comm.map(<[u8]>::to_owned);
    by.exe = call.exe.map(<[u8]>::to_owned);
    by
}

/// The login user and session, which the record itself has.
fn session(fields: &AuditMessageTokenMap<'_>) -> Option<ChangedBy> {
    let id = |key| std::str::from_utf8(fields.get(key)?).ok()?.parse().ok();
    Some(ChangedBy::new(Identity {
        auid: id("auid")?,
        session: id("ses").unwrap_or(Identity::UNSET),
        ..Identity::default()
    }))
}

#[cfg(test)]
mod tests {
    use auditrd::{
        model::{Arena, EventId, Groups},
        parse::facts,
        record_type::AUDIT_SYSCALL,
    };

    use super::*;

    const CALL: &[u8] = b"arch=c000003e syscall=44 success=yes exit=60 ppid=1 pid=7 auid=1000 \
                          uid=0 gid=0 ses=3 comm=\"auditctl\" exe=\"/usr/sbin/auditctl\"";

    /// The changes after events of these CONFIG_CHANGE records, each with the SYSCALL record.
    fn heard(bodies: &[&[u8]]) -> Vec<Change> {
        let mut changes = Changes::default();
        for body in bodies {
            let mut groups = Groups::default();
            groups
                .begin(EventId::default(), b"")
                .push(AUDIT_CONFIG_CHANGE, body)
                .push(AUDIT_SYSCALL, CALL);
            let (group, arena) = (groups.last().unwrap(), Arena::new());
            changes.hear(&group, facts(&group, &arena).call);
        }
        changes.take()
    }

    #[test]
    fn a_record_tells_what_was_set_and_by_whom() {
        let body = b"op=set audit_enabled=0 old=1 auid=1000 ses=3 subj=unconfined res=1";
        let changes = heard(&[body]);
        let [change] = &changes[..] else {
            panic!("{changes:?}")
        };
        let name = (change.setting.as_str(), change.old, change.new);
        assert_eq!(name, ("enabled", Some(1), Some(0)));
        let by = change.by.as_ref().unwrap();
        assert_eq!((by.ids.pid, by.ids.auid, by.ids.session), (7, 1000, 3));
        assert_eq!(by.exe.as_deref(), Some(&b"/usr/sbin/auditctl"[..]));
        // Older kernels put the session first.
        let body = b"auid=1000 ses=3 op=set audit_pid=812 old=0 res=1";
        assert_eq!(heard(&[body])[0].setting, "daemon_pid");
        assert_eq!(
            heard(&[b"op=set audit_enabled=0 old=1 auid=0 ses=1 res=0"]),
            []
        );
    }

    #[test]
    fn the_rules_of_one_process_are_one_change() {
        let remove = &b"auid=1000 ses=3 op=remove_rule key=\"k\" list=4 res=1"[..];
        let add = &b"auid=1000 ses=3 op=add_rule key=(null) list=4 res=1"[..];
        let changes = heard(&[remove, remove, add]);
        let [change] = &changes[..] else {
            panic!("{changes:?}")
        };
        assert_eq!((change.removed, change.added), (2, 1));
        assert_eq!(change.setting, RULES);
    }

    #[test]
    fn the_number_of_changes_is_limited() {
        let body = &b"op=set audit_backlog_limit=64 old=65 auid=0 ses=1 res=1"[..];
        assert_eq!(heard(&[body; 100]).len(), MAX_CHANGES);
    }
}
