//! Status lines: the state of auditrd and of the kernel's audit system.

use super::{nested::Nested, text::list};
use crate::model::{Change, Identity, KernelState, Privileges, Status};

/// Appends a status line, with its line end. It begins as every line does.
///
/// ```
/// use auditrd::{encode, model::{Status, StatusReason, Timestamp}};
///
/// let mut line = Vec::new();
/// encode::status(&Status::new(Timestamp::default(), StatusReason::Start), &mut line);
/// let line = String::from_utf8(line).unwrap();
/// assert!(line.starts_with(r#"{"name":"status_event","timestamp":"1970-01-01T00:00:00.000Z","#));
/// ```
pub fn status(status: &Status<'_>, out: &mut Vec<u8>) {
    Nested::write(out, |line| {
        line.text("name", Some(b"status_event"));
        line.text("timestamp", Some(&status.time.rfc3339()));
        line.text("reason", Some(status.reason.name().as_bytes()));
        line.text("version", Some(status.version.as_bytes()));
        line.text("host", status.host);
        line.text("boot_id", status.boot_id.map(str::as_bytes));
        line.number("pid", Some(status.pid));
        members(status, line);
    });
    out.push(b'\n');
}

/// The members that have no field in the Elastic Common Schema.
pub(super) fn members(status: &Status<'_>, line: &mut Nested) {
    line.text("started", Some(&status.started.rfc3339()));
    line.text("source", Some(status.source.as_bytes()));
    line.object("kernel", |object| kernel(&status.kernel, object));
    if !status.changes.is_empty() {
        line.value("changes", |out| {
            list(b"[]", status.changes.iter(), out, |one, out| {
                Nested::write(out, |object| change(one, object));
            });
        });
    }
    line.object("counters", |object| {
        for (name, count) in status.counters {
            object.number(name, Some(*count));
        }
    });
    line.object("filters", |object| {
        let filters = &status.filters;
        object.text("min", Some(filters.min.as_bytes()));
        object.text("max", Some(filters.max.as_bytes()));
        object.texts("events", filters.events.iter().map(|word| word.as_bytes()));
        object.texts("drop", filters.drop.iter().map(|text| text.as_bytes()));
        object.texts("keep", filters.keep.iter().map(|text| text.as_bytes()));
        object.texts("redact", filters.redact.iter().map(|text| text.as_bytes()));
        object.flag("no_args", filters.no_args);
        object.text("aggregate", filters.aggregate.map(str::as_bytes));
    });
    if let Some((names, is_busy)) = status.priming {
        line.object("priming", |object| {
            object.number("names", Some(names));
            object.flag("busy", is_busy);
        });
    }
    if let Some(privileges) = status.confinement {
        line.object("confinement", |object| confinement(privileges, object));
    }
}

fn kernel(kernel: &KernelState, object: &mut Nested) {
    object.number("enabled", kernel.enabled);
    object.number("failure", kernel.failure);
    object.number("daemon_pid", kernel.daemon_pid);
    let comm = kernel.daemon_comm.as_deref();
    object.text("daemon_comm", comm.map(str::as_bytes));
    object.number("rate_limit", kernel.rate_limit);
    object.number("backlog_limit", kernel.backlog_limit);
    object.number("backlog", kernel.backlog);
    object.number("lost", kernel.lost);
    object.number("rules", kernel.rules);
    let hash = kernel.rules_sha256.as_deref();
    object.text("rules_sha256", hash.map(str::as_bytes));
}

fn change(change: &Change, object: &mut Nested) {
    object.text("setting", Some(change.setting.as_bytes()));
    object.number("old", change.old);
    object.number("new", change.new);
    let count = |count| (count > 0).then_some(count);
    object.number("added", count(change.added));
    object.number("removed", count(change.removed));
    if let Some(by) = &change.by {
        let set = |id: u32| (id != Identity::UNSET).then_some(id);
        object.number("pid", set(by.ids.pid));
        object.number("auid", Some(by.ids.auid));
        object.number("uid", set(by.ids.uid));
        object.number("session", Some(by.ids.session));
        object.text("comm", by.comm.as_deref());
        object.text("exe", by.exe.as_deref());
    }
}

fn confinement(privileges: &Privileges, object: &mut Nested) {
    object.number("uid", Some(privileges.uid));
    object.texts(
        "capabilities",
        privileges.capabilities.iter().map(|name| name.as_bytes()),
    );
    object.flag("seccomp", privileges.seccomp);
    object.flag("landlock", privileges.landlock);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ChangedBy, StatusReason, Timestamp};

    #[test]
    fn a_change_says_what_changed_and_who_changed_it() {
        let mut flushed = Change::new("rules", Some(2), Some(0));
        flushed.removed = 2;
        let ids = Identity {
            pid: 7,
            auid: 1000,
            ..Identity::default()
        };
        let mut by = ChangedBy::new(ids);
        by.comm = Some(b"auditctl".to_vec());
        flushed.by = Some(by);
        let mut now = Status::new(Timestamp::default(), StatusReason::Change);
        let changes = [flushed];
        now.changes = &changes;
        let mut line = Vec::new();
        status(&now, &mut line);
        let line = String::from_utf8(line).unwrap();
        let expected = "\"changes\":[{\"setting\":\"rules\",\"old\":2,\"new\":0,\"removed\":2,\
                        \"pid\":7,\"auid\":1000,\"session\":4294967295,\"comm\":\"auditctl\"}]";
        assert!(line.contains(expected), "{line}");
        assert!(line.ends_with("}\n"), "{line}");
    }

    #[test]
    fn unknown_settings_of_the_kernel_are_left_out() {
        let mut now = Status::new(Timestamp::default(), StatusReason::Interval);
        let written = |now: &Status<'_>| {
            let mut line = Vec::new();
            status(now, &mut line);
            String::from_utf8(line).unwrap()
        };
        assert!(!written(&now).contains("kernel"));
        now.kernel.daemon_pid = Some(0);
        assert!(written(&now).contains("\"kernel\":{\"daemon_pid\":0}"));
    }
}
