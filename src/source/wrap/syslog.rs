//! The header of a syslog line.
//!
//! RFC 3164 and the file format of most daemons: `Feb 22 14:25:25 host tag: message`. rsyslog's
//! file format and that of syslog-ng with `ts-format(iso)`: `2026-02-22T14:25:25+00:00 host tag:
//! message`. RFC 5424: `<13>1 2026-02-22T14:25:25Z host app 1 id - message`. The short formats of
//! journalctl(1) differ only in the time; the kernel's own log has `[   12.345678] message`.
//! Container runtimes (CRI) write `2026-02-22T14:25:25Z stdout F message`. Each may have its
//! priority before it.

use memchr::{memchr, memchr_iter, memmem};

use super::time::{self, Time};

/// A header, and what follows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header<'a> {
    pub(super) time: Time,
    /// The host, or empty if the header has none.
    pub(super) host: &'a [u8],
    /// The tag and the message.
    pub(super) message: &'a [u8],
}

/// Names that grep(1) prints before a line may contain this many colons.
const MAX_COLONS: usize = 8;

/// The header of a line, which may follow on the name of a file. A match inside a record does not
/// count.
pub(super) fn header(text: &[u8]) -> Option<Header<'_>> {
    at_start(text).or_else(|| {
        let record = memmem::find(text, b"type=").unwrap_or(text.len());
        let mut colons = memchr_iter(b':', &text[..record]).take(MAX_COLONS);
        colons.find_map(|at| at_start(text.get(at + 1..)?))
    })
}

fn at_start(text: &[u8]) -> Option<Header<'_>> {
    if let Some(rest) = after_priority(text) {
        return version_one(rest)
            .or_else(|| legacy(rest))
            .or_else(|| without_time(rest));
    }
    legacy(text)
}

/// The text after `<13>`, which a length may precede (RFC 6587).
fn after_priority(text: &[u8]) -> Option<&[u8]> {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = match text.get(digits(text)..)? {
        [b' ', rest @ ..] if text.len() - rest.len() > 1 => rest,
        _ => text,
    };
    let rest = text.strip_prefix(b"<")?;
    let length = digits(rest);
    let (number, rest) = rest.split_at(length);
    (1..=3).contains(&number.len()).then_some(())?;
    rest.strip_prefix(b">")
}

/// RFC 5424, after the priority.
fn version_one(text: &[u8]) -> Option<Header<'_>> {
    let rest = text.strip_prefix(b"1 ")?;
    let (time, rest) = word(rest)?;
    let time = match time {
        b"-" => Time::default(),
        time => time::iso(time)?.0,
    };
    let (host, rest) = word(rest)?;
    let (_application, rest) = word(rest)?;
    let (_process, rest) = word(rest)?;
    let (_message_id, rest) = word(rest)?;
    let message = after_data(rest)?;
    Some(Header {
        time,
        host: if host == b"-" { b"" } else { host },
        message: message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message),
    })
}

/// The text after the structured data, `-` or `[id key="value"][…]`.
fn after_data(text: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = text.strip_prefix(b"-") {
        return Some(rest.strip_prefix(b" ").unwrap_or(rest));
    }
    let (mut is_quoted, mut is_escaped, mut is_open) = (false, false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b'[' if !is_quoted => is_open = true,
            b']' if !is_quoted => is_open = false,
            b' ' if !is_open => return text.get(at + 1..),
            _ if !is_open => return None,
            _ => {}
        }
    }
    None
}

/// A time, a host and the message.
fn legacy(text: &[u8]) -> Option<Header<'_>> {
    let (time, rest) = time::any(text)?;
    let rest = rest.trim_ascii_start();
    if let Some(message) = container(rest) {
        let host = &b""[..];
        return Some(Header {
            time,
            host,
            message,
        });
    }
    let (first, after) = word(rest).unwrap_or((rest, b""));
    // Some daemons leave out the host, and the kernel's own log has none.
    let has_host = !first.ends_with(b":") && !first.contains(&b'=') && !is_tag(first);
    let (host, message): (&[u8], _) = match has_host {
        true => (first, after),
        false => (b"", rest),
    };
    Some(Header {
        time,
        host,
        message,
    })
}

/// A message without a time, as programs send it to /dev/log.
fn without_time(text: &[u8]) -> Option<Header<'_>> {
    let (first, _) = word(text)?;
    (first.ends_with(b":") || is_tag(first)).then_some(Header {
        time: Time::default(),
        host: b"",
        message: text,
    })
}

/// The message after the stream and the tag of the container runtime interface.
fn container(text: &[u8]) -> Option<&[u8]> {
    let rest = text
        .strip_prefix(b"stdout ")
        .or_else(|| text.strip_prefix(b"stderr "))?;
    rest.strip_prefix(b"F ")
        .or_else(|| rest.strip_prefix(b"P "))
}

/// Whether a word is a tag with a process id, or starts a record or JSON, and is no host.
fn is_tag(word: &[u8]) -> bool {
    word.starts_with(b"{") || word.starts_with(b"[") || memchr(b'[', word).is_some()
}

/// The text before the first space, and the text after it.
pub(super) fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (word, rest) = text.split_at(memchr(b' ', text)?);
    Some((word, rest.get(1..)?))
}
