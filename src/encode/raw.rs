//! The unchanged records of an event, in the message groups that go-audit writes.
//!
//! `{"sequence":…,"timestamp":"sec.msec","messages":[{"type":…,"data":"…"}],"uid_map":{}}`. The
//! data of a message is the text after `audit(…): `. go-audit fills `uid_map` with user names; here
//! it is empty, because a lookup may ask a directory service, and the users of a log are those of
//! another host.
//!
//! A message of a process that is known to be in a container has `containers`, with the `id` and,
//! in a Kubernetes pod, the `pod_uid`. go-audit asks a runtime for more, such as the image.
//!
//! In data that is not UTF-8, U+FFFD replaces each bad sequence, as in go-audit, and `data_hex` has
//! the exact bytes in upper-case hex. `node`, `incomplete`, `truncated`, `relayed` and
//! `redacted` are not in go-audit's groups, and are left out if there is nothing to report.

use super::{nested::Nested, text::list};
use crate::model::{
    AuditMessageGroup, Container, RecordType,
    record_type::{AUDIT_SECCOMP, AUDIT_SYSCALL},
};

/// The beginning of every line, by which a line that was cut short in a file is recognised.
pub const BEGINNING: &[u8] = br#"{"sequence":"#;

/// The records that go-audit adds containers to.
const IN_CONTAINERS: [RecordType; 2] = [AUDIT_SYSCALL, AUDIT_SECCOMP];

/// Appends the line of a group, with its line end. `container` is that of its process.
///
/// ```
/// use auditrd::{encode::raw, model::{EventId, Groups, Timestamp}, record_type::AUDIT_CWD};
///
/// let time = Timestamp { seconds: 1700000000, millis: 7 };
/// let mut groups = Groups::default();
/// groups.begin(EventId { time, serial: 5 }, b"").push(AUDIT_CWD, b"cwd=\"/\"");
/// let mut lines = Vec::new();
/// raw::line(&groups.last().unwrap(), None, &mut lines);
/// let expected = r#"{"sequence":5,"timestamp":"1700000000.007","messages":[{"type":1307,"data":"cwd=\"/\""}],"uid_map":{}}"#;
/// assert_eq!(String::from_utf8(lines).unwrap().trim_end(), expected);
/// ```
pub fn line(group: &AuditMessageGroup<'_>, container: Option<&Container<'_>>, out: &mut Vec<u8>) {
    let time = group.id.time;
    let timestamp = format!("{}.{:03}", time.seconds, time.millis);
    Nested::write(out, |line| {
        line.number("sequence", Some(group.id.serial));
        line.text("timestamp", Some(timestamp.as_bytes()));
        line.value("messages", |out| {
            list(b"[]", group.messages(), out, |message, out| {
                Nested::write(out, |object| {
                    object.number("type", Some(message.record_type.0));
                    object.text("data", Some(message.data));
                    if str::from_utf8(message.data).is_err() {
                        object.hex("data_hex", message.data);
                    }
                    if let Some(container) = container
                        && IN_CONTAINERS.contains(&message.record_type)
                    {
                        object.object("containers", |object| {
                            object.text("id", Some(container.id));
                            object.text("pod_uid", container.pod_uid);
                        });
                    }
                });
            });
        });
        line.value("uid_map", |out| out.extend_from_slice(b"{}"));
        line.text("node", Some(group.node).filter(|node| !node.is_empty()));
        line.flag("incomplete", group.incomplete);
        line.flag("truncated", group.truncated);
        line.flag("relayed", group.relayed);
        line.flag("redacted", group.redacted);
    });
    out.push(b'\n');
}
