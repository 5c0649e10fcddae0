//! The unchanged records of an event, in the message groups that go-audit writes.
//!
//! `{"sequence":…,"timestamp":"sec.msec","messages":[{"type":…,"data":"…"}],"uid_map":{}}`. The data
//! of a message is the text after `audit(…): `. go-audit fills `uid_map` with user names; here it is
//! empty, because a lookup may ask a directory service, and the users of a log are those of another
//! host.
//!
//! In data that is not UTF-8, U+FFFD replaces each bad sequence, as in go-audit, and `data_hex` has
//! the exact bytes in upper-case hex. `node`, `incomplete`, `truncated`, `relayed` and
//! `redacted` are not in go-audit's groups, and are left out if there is nothing to report.

use super::{nested::Nested, text::list};
use crate::model::AuditMessageGroup;

/// The beginning of every line, by which a line that was cut short in a file is recognised.
pub const BEGINNING: &[u8] = br#"{"sequence":"#;

/// Appends the line of a group, with its line end.
///
/// ```
/// use auditrd::{encode::raw, model::{EventId, Groups, Timestamp}, record_type::AUDIT_CWD};
///
/// let time = Timestamp { seconds: 1700000000, millis: 7 };
/// let mut groups = Groups::default();
/// groups.begin(EventId { time, serial: 5 }, b"").push(AUDIT_CWD, b"cwd=\"/\"");
/// let mut lines = Vec::new();
/// raw::line(&groups.last().unwrap(), &mut lines);
/// let expected = r#"{"sequence":5,"timestamp":"1700000000.007","messages":[{"type":1307,"data":"cwd=\"/\""}],"uid_map":{}}"#;
/// assert_eq!(String::from_utf8(lines).unwrap().trim_end(), expected);
/// ```
pub fn line(group: &AuditMessageGroup<'_>, out: &mut Vec<u8>) {
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
