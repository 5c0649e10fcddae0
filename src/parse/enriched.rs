//! The names that auditd appends to a record.
//!
//! With `log_format = ENRICHED`, auditd appends the byte 0x1d and interpreted copies of fields,
//! such as `UID="root"`. Relays that escape control characters replace the byte: rsyslog writes
//! `#035`, others `^]`, `\035` or a space, and some drop it, as in `key=(null)ARCH=x86_64`.

use memchr::{memchr, memrchr};

use crate::{
    bytes::{contains, find},
    model::{RecordType, record_type::AUDIT_LOGIN},
    parse::{offset, tokenize},
};

const SEPARATOR: u8 = 0x1d;

/// The forms that the separator takes in relays.
const REPLACEMENTS: [&[u8]; 6] = [b"#035", b"\\u001d", b"\\035", b"\\x1d", b"\\x1D", b"^]"];

/// The keys that auditd appends: the interpreted field in upper case (src/auditd-event.c and
/// auparse/typetab.h, the fields that are ids). Where one ends with another, it comes first.
const NAMES: [&[u8]; 25] = [
    b"OLD-AUID",
    b"INODE_UID",
    b"INODE_GID",
    b"OBJ_UID",
    b"OBJ_GID",
    b"NEW_GID",
    b"SYSCALL",
    b"SADDR",
    b"FSUID",
    b"FSGID",
    b"OAUID",
    b"SAUID",
    b"ARCH",
    b"AUID",
    b"EUID",
    b"SUID",
    b"OUID",
    b"IUID",
    b"EGID",
    b"SGID",
    b"OGID",
    b"IGID",
    b"UID",
    b"GID",
    b"ID",
];

/// Splits the body of a record into the kernel's text and the appended names.
///
/// In a record from user space, a program may have written a separator inside `msg='…'`, so it
/// counts only after the closing quote.
pub(crate) fn split(record_type: RecordType, body: &[u8]) -> (&[u8], &[u8]) {
    if record_type.is_user_event() {
        return after_message(body);
    }
    let has_separator = contains(SEPARATOR, body);
    match has_separator.then(|| memchr(SEPARATOR, body)).flatten() {
        Some(at) => {
            let (raw, names) = body.split_at(at);
            (raw, names.get(1..).unwrap_or_default())
        }
        None if record_type == AUDIT_LOGIN => after_fields(body),
        None => (body, b""),
    }
}

/// As [`split`], for a record of any type that is read whole. The others need no search for names
/// without a separator: those follow a value that the parser of the type looks at.
pub(super) fn split_any(record_type: RecordType, body: &[u8]) -> (&[u8], &[u8]) {
    match split(record_type, body) {
        (raw, b"") => after_fields(raw),
        found => found,
    }
}

/// A bare value without the names that follow it in the same token because the separator was
/// replaced.
pub(crate) fn bare(value: &[u8]) -> &[u8] {
    match memchr(b'=', value) {
        None => value,
        Some(_) => value.get(..within(value)).unwrap_or(value),
    }
}

/// Splits a record whose message ends with the last single quote that names follow. A name may
/// contain a quote too: `UID="o'brien"`.
fn after_message(body: &[u8]) -> (&[u8], &[u8]) {
    if body.ends_with(b"'") {
        return (body, b"");
    }
    let mut end = body.len();
    while let Some(quote) = memrchr(b'\'', body.get(..end).unwrap_or_default()) {
        let (raw, tail) = body.split_at(quote + 1);
        if let Some(names) = names(tail) {
            return (raw, names);
        }
        end = quote;
    }
    match memchr(SEPARATOR, body) {
        Some(at) => {
            let (raw, names) = body.split_at(at);
            (raw, names.get(1..).unwrap_or_default())
        }
        None => after_fields(body),
    }
}

/// Splits a record whose separator was replaced, if it has appended names.
#[cold]
fn after_fields(body: &[u8]) -> (&[u8], &[u8]) {
    if !body.ends_with(b"\"") && !body.ends_with(b"}") {
        return (body, b"");
    }
    for token in tokenize(body) {
        let at = if name_before(token.key) == Some(0) {
            offset(token.key, body)
        } else if token.value.quoted {
            continue;
        } else {
            let end = within(token.value.bytes);
            if end == token.value.bytes.len() {
                continue;
            }
            offset(token.value.bytes, body) + end
        };
        let (raw, tail) = body.split_at(at);
        return (raw, names(tail).unwrap_or(tail));
    }
    (body, b"")
}

/// The names after the separator at the start of a text. `None` if the text does not start with a
/// separator, in any form, and a name.
fn names(tail: &[u8]) -> Option<&[u8]> {
    let tail = match tail {
        [SEPARATOR, rest @ ..] => rest,
        tail => without_replacement(tail),
    };
    let spaces = tail.iter().take_while(|byte| **byte == b' ').count();
    let tail = tail.get(spaces..)?;
    let key = tail.get(..memchr(b'=', tail)?)?;
    NAMES.contains(&key).then_some(tail)
}

fn without_replacement(text: &[u8]) -> &[u8] {
    let rest = REPLACEMENTS
        .iter()
        .find_map(|form| text.strip_prefix(*form));
    rest.unwrap_or(text)
}

/// The length of a bare value before the names in the same token.
fn within(value: &[u8]) -> usize {
    let Some(equals) = find(b'=', value) else {
        return value.len();
    };
    let (before, _) = value.split_at(equals);
    name_before(before).unwrap_or(value.len())
}

/// Where the separator and the name at the end of a text start. `None` if it ends with no name.
fn name_before(text: &[u8]) -> Option<usize> {
    let starts = NAMES.iter().filter_map(|name| text.strip_suffix(*name));
    let mut starts = starts.map(|rest| {
        let form = REPLACEMENTS
            .iter()
            .find_map(|form| rest.strip_suffix(*form));
        form.unwrap_or(rest)
    });
    // The last digits of a hex value may look like the first letters of a longer name.
    let is_odd_hex = |rest: &[u8]| {
        !rest.len().is_multiple_of(2) && rest.len() > 1 && rest.iter().all(u8::is_ascii_hexdigit)
    };
    let first = starts.next()?;
    let rest = match is_odd_hex(first) {
        true => starts.find(|rest| !is_odd_hex(rest)).unwrap_or(first),
        false => first,
    };
    Some(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record_type::{AUDIT_SYSCALL, AUDIT_USER_ACCT, AUDIT_USER_TTY};

    #[track_caller]
    fn check(record_type: RecordType, body: &str, raw: &str, names: &str) {
        let (got, got_names) = split(record_type, body.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!((text(got), text(got_names)), (raw.into(), names.into()));
    }

    #[test]
    fn names_that_auditd_appends_are_split_off() {
        let raw = "uid=0 key=(null)";
        let body = "uid=0 key=(null)\x1dARCH=x86_64 UID=\"root\"";
        check(AUDIT_SYSCALL, body, raw, "ARCH=x86_64 UID=\"root\"");
    }

    #[test]
    fn a_separator_inside_msg_is_part_of_the_message() {
        let forged = "pid=1 msg='op=x \x1dUID=\"root\" res=success'";
        check(AUDIT_USER_ACCT, forged, forged, "");
        let both = format!("{forged}\x1dUID=\"0\"");
        check(AUDIT_USER_ACCT, &both, forged, "UID=\"0\"");
    }

    #[test]
    fn names_are_found_behind_every_form_of_the_separator() {
        for form in ["\x1d", "#035", "^]", "\\035", "\\x1d", "\\u001d", " ", ""] {
            let names = "UID=\"root\" AUID=\"o'hara\" ID=\"o'hara\"";
            let message = "pid=1 uid=0 msg='op=it's res=success'";
            let body = format!("{message}{form}{names}");
            check(AUDIT_USER_ACCT, &body, message, names);
            for (record_type, raw) in [
                (AUDIT_LOGIN, "pid=7 uid=0 old-auid=4294967295 auid=0 res=1"),
                (AUDIT_USER_TTY, "pid=7 uid=0 data=6C730D"),
            ] {
                let names = "UID=\"root\" AUID=\"unset\"";
                let body = [raw, form, names].concat();
                let (got, got_names) = split(record_type, body.as_bytes());
                assert_eq!(got.trim_ascii_end(), raw.as_bytes(), "{body}");
                assert_eq!(got_names, names.as_bytes(), "{body}");
            }
        }
    }

    #[test]
    fn a_bare_value_ends_before_the_names() {
        for (value, expected) in [
            ("(null)", "(null)"),
            ("(null)ARCH=x86_64", "(null)"),
            ("(null)#035ARCH=x86_64", "(null)"),
            ("6C6F67ARCH=x86_64", "6C6F67"),
            ("6C6FOUID=\"root\"", "6C6F"),
            ("6C6EEUID=\"root\"", "6C6E"),
            ("6C6EUID=\"root\"", "6C6E"),
            ("NORMAL^]OUID=\"root\"", "NORMAL"),
            ("1UID=\"root\"", "1"),
            ("a=b", "a=b"),
            ("=unconfined", "=unconfined"),
        ] {
            assert_eq!(bare(value.as_bytes()), expected.as_bytes(), "{value}");
        }
    }

    #[test]
    fn words_in_capitals_that_auditd_does_not_append_stay() {
        check(AUDIT_USER_TTY, "pid=7 PATH=\"x\"", "pid=7 PATH=\"x\"", "");
        check(AUDIT_LOGIN, "pid=7 a=\"UID=\"", "pid=7 a=\"UID=\"", "");
    }
}
