//! Human-readable output: one aligned row per event, coloured on request.
//!
//! A row has the time, the action, the actor and the object. Text from records never reaches the
//! terminal as it is: control characters, and characters that turn or hide text, are escaped.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::model::{
    AuditEvent, Change, Detail, EventRecord, Identity, ProcessAction, ProcessDetail, Repeats,
    SocketDetail, Status, Timestamp, UserDetail, Who,
};

/// The look of rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    /// Whether rows are coloured.
    pub color: bool,
    /// Width of the terminal in columns; longer rows are cut to fit.
    pub width: Option<usize>,
}

const PLAIN: Style = Style::new();
const DIM: Style = Style::new().dimmed();
const PROCESS: Style = AnsiColor::Green.on_default();
const FILE: Style = AnsiColor::Cyan.on_default();
const USER: Style = AnsiColor::Magenta.on_default();
const SOCKET: Style = AnsiColor::Blue.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DOUBTFUL: Style = AnsiColor::Yellow.on_default();

/// Widths of the columns of the action and of the actor. A longer text moves the rest of its row.
const ACTION: usize = 14;
const ACTOR: usize = 34;

/// Appends the row of an event, with its line end.
pub fn line(event: &AuditEvent, view: View, out: &mut Vec<u8>) {
    let mut row = Row::default();
    row.time(event.id.time);
    if let Some(node) = event.node {
        row.add(DIM, &visible(node));
        row.add(PLAIN, " ");
    }
    let is_denied = match &event.detail {
        Detail::Audit(detail) => detail.action == Some(b"denied"),
        _ => false,
    };
    let failed = is_denied || matches!(event.success, Some(b"no" | b"failed"));
    let style = match event.detail {
        _ if failed => BAD,
        Detail::Process(_) => PROCESS,
        Detail::File(_) => FILE,
        Detail::User(_) => USER,
        Detail::Socket(_) => SOCKET,
        Detail::Audit(_) => PLAIN,
    };
    row.column(style, &action(event), ACTION);
    row.column(PLAIN, &actor(event), ACTOR);
    let style = if failed { BAD } else { PLAIN };
    row.add(style, &object(event));
    if let Detail::File(detail) = &event.detail
        && let Some(dest) = detail.dest_path
    {
        row.add(DIM, " -> ");
        row.add(style, &visible(dest));
    }
    if failed {
        row.add(BAD, " ");
        let word = if is_denied { "denied" } else { "failed" };
        row.add(BAD, event.error.unwrap_or(word));
    }
    for (is_so, word) in [
        (is_unresolved(event), " (path unresolved)"),
        (event.incomplete, " (incomplete)"),
        (event.truncated, " (truncated)"),
        (event.relayed, " (relayed)"),
        (event.redacted, " (redacted)"),
    ] {
        if is_so {
            row.add(DOUBTFUL, word);
        }
    }
    if let Some(Repeats { count, first, .. }) = event.repeats {
        row.add(DOUBTFUL, &format!(" ({count} since {first})"));
    }
    context(&event.who, &mut row);
    if let Some(key) = event.key {
        row.add(DIM, &format!(" key={}", visible(key)));
    }
    row.write(view, out);
}

fn is_unresolved(event: &AuditEvent) -> bool {
    match &event.detail {
        Detail::Process(detail) => detail.path_unresolved,
        Detail::File(detail) => detail.path_unresolved,
        Detail::Socket(detail) => detail.path_unresolved,
        Detail::Audit(detail) => detail.path_unresolved,
        Detail::User(_) => false,
    }
}

/// Appends the row of a loss: its reason and its count.
pub fn loss(time: Timestamp, reason: &str, count: u64, view: View, out: &mut Vec<u8>) {
    let mut row = Row::default();
    row.time(time);
    row.column(BAD, "lost", ACTION);
    row.add(BAD, &format!("{count} ({reason})"));
    row.write(view, out);
}

/// Appends the row of a status: its reason, the kernel's state, and what has changed.
pub fn status(status: &Status<'_>, view: View, out: &mut Vec<u8>) {
    let mut row = Row::default();
    row.time(status.time);
    let has_changed = !status.changes.is_empty();
    row.column(if has_changed { BAD } else { DIM }, "status", ACTION);
    row.add(PLAIN, status.reason.name());
    for change in status.changes {
        row.add(BAD, &format!(" {}", visible(changed(change).as_bytes())));
    }
    let kernel = &status.kernel;
    for (name, value) in [
        ("enabled", kernel.enabled.map(u64::from)),
        ("rules", kernel.rules),
        ("lost", kernel.lost.map(u64::from)),
    ] {
        if let Some(value) = value {
            row.add(DIM, &format!(" {name}={value}"));
        }
    }
    row.write(view, out);
}

/// `enabled 1 -> 0 by auditctl[7]`.
fn changed(change: &Change) -> String {
    let mut text = change.setting.clone();
    let value = |value: Option<u64>| value.map_or_else(|| "?".to_owned(), |v| v.to_string());
    // Writing to memory cannot fail.
    let _ = write!(text, " {} -> {}", value(change.old), value(change.new));
    if let Some(by) = &change.by {
        let comm = by.comm.as_deref().unwrap_or(b"?");
        let _ = write!(text, " by {}[{}]", comm.escape_ascii(), by.ids.pid);
    }
    text
}

fn action(event: &AuditEvent) -> String {
    match &event.detail {
        Detail::Process(detail) => detail.action.name().to_owned(),
        Detail::File(detail) => detail.action.name().to_owned(),
        Detail::Socket(detail) => detail.action.name().to_owned(),
        Detail::Audit(_) if !event.syscall.is_empty() => event.syscall.to_owned(),
        Detail::User(_) | Detail::Audit(_) => event.record_type.to_string().to_ascii_lowercase(),
    }
}

/// Adds `parent=sh[41] from=192.0.2.7`: the parent of the process, and the address of its login.
fn context(who: &Who, row: &mut Row) {
    if let Some(parent) = &who.parent {
        let name = visible(base(parent.exe));
        row.add(DIM, &format!(" parent={name}[{}]", parent.pid));
    }
    if let Some(addr) = who.login.as_ref().and_then(|login| login.addr) {
        row.add(DIM, &format!(" from={}", visible(addr)));
    }
}

/// `uid=root auid=1000 sudo[42]`: names of users where they are known, and no ids that are not set.
fn actor(event: &AuditEvent) -> String {
    let actor = &event.actor;
    let ids = &actor.ids;
    let mut text = String::new();
    for (key, id) in [("uid", ids.uid), ("auid", ids.auid)] {
        let mut names = event.who.names.iter();
        let _ = match names.find(|(known, _)| *known == key.as_bytes()) {
            _ if id == Identity::UNSET => continue,
            Some((_, name)) => write!(text, "{key}={} ", visible(name)),
            None => write!(text, "{key}={id} "),
        };
    }
    let name = actor.comm.or_else(|| actor.exe.map(base));
    text += &visible(name.unwrap_or_default());
    if ids.pid != Identity::UNSET {
        let _ = write!(text, "[{}]", ids.pid);
    }
    text
}

/// The last component of a path.
fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// The object of the action: a command, a process, a file, or the message of a program.
fn object(event: &AuditEvent) -> String {
    match &event.detail {
        Detail::Process(detail) => process(event, detail),
        Detail::File(detail) => visible(detail.path.unwrap_or(b"?")),
        Detail::User(detail) => message(event, detail),
        Detail::Socket(detail) => socket(detail),
        Detail::Audit(detail) => match detail.path {
            Some(path) => visible(path),
            None => records(event.records),
        },
    }
}

/// The address of a call on a socket.
fn socket(detail: &SocketDetail) -> String {
    let address = detail.remote_address.or(detail.local_address);
    let port = detail.remote_port.or(detail.local_port);
    match (detail.path.or(detail.socket), address, port) {
        (Some(name), ..) => visible(name),
        (None, Some(address), Some(port)) if address.contains(&b':') => {
            format!("[{}]:{port}", visible(address))
        }
        (None, Some(address), Some(port)) => format!("{}:{port}", visible(address)),
        (None, Some(address), None) => visible(address),
        (None, None, _) => match detail.fd {
            Some(fd) => format!("fd {fd}"),
            None => String::new(),
        },
    }
}

/// The fields of records, in one line.
fn records(records: &[EventRecord]) -> String {
    let mut text = String::new();
    for (name, value) in records.iter().flat_map(|record| record.fields()) {
        let _ = write!(text, "{}={} ", visible(name), visible(value));
    }
    text.truncate(text.trim_end().len());
    text
}

fn process(event: &AuditEvent, detail: &ProcessDetail) -> String {
    match detail.action {
        ProcessAction::Forked | ProcessAction::Thread if event.exit < 0 => String::new(),
        ProcessAction::Forked | ProcessAction::Thread => format!("pid {}", event.exit),
        ProcessAction::Exited => format!("status {}", event.exit),
        ProcessAction::Executed if detail.argv.is_some() => {
            visible(detail.commandline.unwrap_or_default())
        }
        // The arguments of a call that failed early are in no record.
        ProcessAction::Executed => visible(detail.path.unwrap_or(b"?")),
    }
}

/// The message of a program, its most interesting fields first.
fn message(event: &AuditEvent, detail: &UserDetail) -> String {
    let mut text = String::new();
    for (name, value) in [
        ("op", detail.op),
        ("acct", detail.acct),
        ("addr", detail.addr.or(detail.hostname)),
        ("terminal", detail.terminal),
        ("cmd", detail.cmd),
        ("exe", event.actor.exe),
    ] {
        if let Some(value) = value {
            let _ = write!(text, "{name}={} ", visible(value));
        }
    }
    for (name, value) in detail.fields {
        let _ = write!(text, "{}={} ", visible(name), visible(value));
    }
    text.truncate(text.trim_end().len());
    text
}

/// The parts of one row, before escape sequences are added.
#[derive(Default)]
struct Row {
    parts: Vec<(Style, String)>,
}

impl Row {
    fn time(&mut self, time: Timestamp) {
        let text = time.to_string().replace('T', " ").replace('Z', "  ");
        self.add(DIM, &text);
    }

    fn add(&mut self, style: Style, text: &str) {
        self.parts.push((style, text.to_owned()));
    }

    fn column(&mut self, style: Style, text: &str, width: usize) {
        let fill = width.saturating_sub(text.width()).max(1);
        self.add(style, text);
        self.add(PLAIN, &" ".repeat(fill));
    }

    fn write(&self, view: View, out: &mut Vec<u8>) {
        let length: usize = self.parts.iter().map(|(_, text)| text.width()).sum();
        let mut left = match view.width {
            Some(width) if length > width => width.saturating_sub(1),
            _ => usize::MAX,
        };
        let is_cut = left != usize::MAX;
        for (style, text) in &self.parts {
            let end = fitting(text, &mut left);
            let text = text.get(..end).unwrap_or_default();
            let style = if view.color { *style } else { PLAIN };
            // Writing to memory cannot fail.
            let _ = std::io::Write::write_fmt(out, format_args!("{style}{text}{style:#}"));
            if left == 0 {
                break;
            }
        }
        if is_cut {
            out.extend_from_slice("…".as_bytes());
        }
        out.push(b'\n');
    }
}

/// The number of bytes of a text that fit into the columns left, from which they are subtracted.
fn fitting(text: &str, left: &mut usize) -> usize {
    for (at, c) in text.char_indices() {
        let width = c.width().unwrap_or(0);
        if width > *left {
            *left = 0;
            return at;
        }
        *left -= width;
    }
    text.len()
}

/// Bytes as text that has no effect on a terminal.
fn visible(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || is_invisible(c) {
                text.extend(c.escape_default());
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Whether a character is invisible but turns, joins, hides or breaks text: the general categories
/// Cf, Zl and Zp of Unicode, and blank letters.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
        | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_record_says_moves_the_cursor_or_turns_text() {
        for (text, expected) in [
            (&b"a\x1b[2Jb\rc\n"[..], "a\\u{1b}[2Jb\\rc\\n"),
            (b"\xff\xfeok\xc3", "\\xff\\xfeok\\xc3"),
            (
                "\u{202e}gpj.exe\u{9b}".as_bytes(),
                "\\u{202e}gpj.exe\\u{9b}",
            ),
            ("ünï/日本".as_bytes(), "ünï/日本"),
        ] {
            assert_eq!(visible(text), expected);
        }
    }

    #[test]
    fn a_row_is_cut_at_the_width_of_the_terminal_and_never_inside_a_character() {
        for width in 1..12 {
            let mut row = Row::default();
            row.add(BAD, "日本");
            row.add(PLAIN, "abcdef");
            let (mut out, view) = (
                Vec::new(),
                View {
                    color: false,
                    width: Some(width),
                },
            );
            row.write(view, &mut out);
            let text = String::from_utf8(out).unwrap();
            let text = text.trim_end_matches('\n');
            assert!(text.width() <= width, "{text} in {width}");
            assert_eq!(text.ends_with('…'), width < 10, "{text} in {width}");
        }
    }
}
