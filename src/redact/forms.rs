//! Secrets that are known by their own form, or by the name in front of them.

use std::ops::Range;

use memchr::memmem;

use super::names;

/// How a text is to be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reading {
    /// One argument of a program.
    Argument,
    /// A text for a shell, in which unquoted spaces end a value.
    Shell,
    /// Arguments that were joined without quotes. It cannot be known where a value ends.
    Joined,
}

/// Finds the secrets in a text. `cut` means that the end of the text is missing.
pub(super) fn find(text: &[u8], reading: Reading, cut: bool, found: &mut Vec<Range<usize>>) {
    named(text, reading, found);
    urls(text, cut, found);
    tokens(text, cut, found);
}

/// `password=…`, `"password": "…"`, `Authorization: …`, `PASSWORD '…'`.
fn named(text: &[u8], reading: Reading, found: &mut Vec<Range<usize>>) {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let length = rest.iter().take_while(|byte| is_of_name(**byte)).count();
        if length == 0 {
            at += 1;
            continue;
        }
        let name = at..at + length;
        at = name.end;
        let Some(value) = value_of(text, &name, reading).filter(|value| !value.is_empty()) else {
            continue;
        };
        at = value.end.max(at);
        found.push(value);
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// The range of the secret that a name announces.
fn value_of(text: &[u8], name: &Range<usize>, reading: Reading) -> Option<Range<usize>> {
    let rest = text.get(name.end..)?;
    // Most names are followed by nothing that could be a value.
    let mut after = match rest.first()? {
        b'=' | b':' | b' ' | b'\t' | b'(' => 0,
        b'"' | b'\'' => 1,
        _ => return None,
    };
    let word = text.get(name.clone())?;
    let before = name
        .start
        .checked_sub(1)
        .and_then(|at| text.get(at))
        .copied();
    if word.eq_ignore_ascii_case(b"bearer") {
        return bearer(text, name.end);
    }
    let is_header = names::is_header(word);
    let is_parameter = matches!(before, Some(b'?' | b'&')) && names::is_parameter(word);
    let is_sql = word.eq_ignore_ascii_case(b"by") && is_identified(text.get(..name.start)?);
    if !(is_header || is_parameter || is_sql || names::is_secret(word)) {
        return None;
    }
    let spaces = |after: usize| count(rest.get(after..), b" \t");
    let spaces_before = spaces(after);
    after += spaces_before;
    let sign = rest.get(after).copied();
    if matches!(sign, Some(b'=' | b':' | b'(')) {
        after += 1;
    }
    let spaces_behind = spaces(after);
    let quote = rest
        .get(after + spaces_behind)
        .copied()
        .filter(|byte| matches!(byte, b'"' | b'\''));
    let start = name.end + after;
    match (sign, quote) {
        // The words of a shell are read one by one.
        (Some(b'='), None) if reading == Reading::Shell && !is_parameter => None,
        (Some(b'='), _) if spaces_before == 0 && (spaces_behind == 0 || quote.is_none()) => {
            Some(start..end(text, name, start, reading, is_parameter))
        }
        (_, Some(quote)) if spaces_before + spaces_behind > 0 || sign.is_some() => {
            let start = start + spaces_behind + 1;
            Some(start..quoted_end(text, start, quote, reading))
        }
        (Some(b':'), _) if spaces_behind > 0 || is_header || start == text.len() => {
            let start = start + spaces_behind;
            let start = start + scheme(text.get(start..)?);
            Some(start..end_of_line(text, before, start, reading))
        }
        _ => None,
    }
}

/// The number of bytes at the start of a text that are among `bytes`.
fn count(text: Option<&[u8]>, bytes: &[u8]) -> usize {
    let text = text.unwrap_or_default();
    text.iter().take_while(|byte| bytes.contains(byte)).count()
}

/// The end of a value behind `=`.
fn end(
    text: &[u8],
    name: &Range<usize>,
    start: usize,
    reading: Reading,
    is_parameter: bool,
) -> usize {
    let until = |bytes: &[u8]| {
        let rest = text.get(start..).unwrap_or_default();
        start + rest.iter().take_while(|byte| !bytes.contains(byte)).count()
    };
    let head = text.get(..name.start).unwrap_or_default();
    let is_in_text = head.iter().any(u8::is_ascii_whitespace);
    let first = text.get(start).copied();
    match (head.last(), first) {
        _ if is_parameter => until(b"& \t\r\n\"'"),
        _ if reading == Reading::Joined => text.len(),
        // An argument that begins with the name, but for dashes and other options, has no end
        // before its own.
        (last, _) if reading == Reading::Argument && !is_in_text && !is_quote(last) => text.len(),
        (_, Some(quote @ (b'"' | b'\''))) => quoted_end(text, start + 1, quote, reading),
        (Some(quote @ (b'"' | b'\'')), _) => quoted_end(text, start, *quote, reading),
        (Some(b';'), _) if reading == Reading::Argument => until(b";"),
        _ => until(b" \t\r\n"),
    }
}

fn is_quote(byte: Option<&u8>) -> bool {
    matches!(byte, Some(b'"' | b'\''))
}

/// The offset of the quote that ends a value. The backslash escapes one.
fn quoted_end(text: &[u8], start: usize, quote: u8, reading: Reading) -> usize {
    if reading == Reading::Joined {
        return text.len();
    }
    let mut at = start;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            byte if *byte == quote => return at,
            _ => at += 1,
        }
    }
    text.len()
}

/// The end of a value behind `:`: that of its quotes, or of the line.
fn end_of_line(text: &[u8], before: Option<u8>, start: usize, reading: Reading) -> usize {
    match before {
        _ if reading == Reading::Joined => text.len(),
        Some(quote @ (b'"' | b'\'')) => quoted_end(text, start, quote, reading),
        _ => {
            let rest = text.get(start..).unwrap_or_default();
            start + memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len())
        }
    }
}

/// The length of the name of an authentication scheme, which is no secret (RFC 9110, 11.1).
fn scheme(value: &[u8]) -> usize {
    const SCHEMES: [&[u8]; 6] = [
        b"bearer",
        b"basic",
        b"digest",
        b"token",
        b"negotiate",
        b"apikey",
    ];
    let length = value
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let (word, rest) = value.split_at(length);
    let is_known = SCHEMES
        .iter()
        .any(|scheme| word.eq_ignore_ascii_case(scheme));
    match count(Some(rest), b" ") {
        spaces if spaces > 0 && is_known => length + spaces,
        _ => 0,
    }
}

/// The credentials behind the word `Bearer` (RFC 6750).
fn bearer(text: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let spaces = count(Some(rest), b" ");
    let length = rest
        .iter()
        .skip(spaces)
        .take_while(|byte| is_of_token(**byte))
        .count();
    let start = at + spaces;
    (spaces > 0 && length >= 8).then_some(start..start + length)
}

/// Whether SQL before the word BY says `IDENTIFIED`, as in `IDENTIFIED WITH x BY 'secret'`.
fn is_identified(head: &[u8]) -> bool {
    const WORD: &[u8] = b"identified";
    let start = head.len().saturating_sub(80);
    let near = head.get(start..).unwrap_or_default();
    near.windows(WORD.len())
        .any(|word| word.eq_ignore_ascii_case(WORD))
}

/// `scheme://user:password@host` (RFC 3986, 3.2.1).
fn urls(text: &[u8], cut: bool, found: &mut Vec<Range<usize>>) {
    for at in memmem::find_iter(text, b"://") {
        let start = at + 3;
        let rest = text.get(start..).unwrap_or_default();
        let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'<' | b'>');
        let whole = rest.iter().position(is_end).unwrap_or(rest.len());
        let rest = rest.get(..whole).unwrap_or_default();
        let is_delimiter = |byte: &u8| matches!(byte, b'/' | b'?' | b'#');
        let length = rest.iter().position(is_delimiter).unwrap_or(rest.len());
        let authority = rest.get(..length).unwrap_or_default();
        let Some(colon) = memchr::memchr(b':', authority) else {
            continue;
        };
        let is_open = cut && start + length == text.len();
        let port = authority.get(colon + 1..).unwrap_or_default();
        let is_port = !port.is_empty() && port.iter().all(u8::is_ascii_digit);
        let end = match memchr::memrchr(b'@', authority) {
            Some(end) => end,
            None if authority.starts_with(b"[") => continue,
            None if is_open => length,
            // What follows the colon is no port: a password with a delimiter in it.
            None if !is_port => match memchr::memrchr(b'@', rest) {
                Some(end) => end,
                None => continue,
            },
            None => continue,
        };
        if colon + 1 < end {
            found.push(start + colon + 1..start + end);
        }
    }
}

/// A beginning by which issuers mark their tokens, and the least length of the rest.
#[rustfmt::skip] // A table.
const TOKENS: &[(&[u8], usize)] = &[
    // GitHub: about authentication
    (b"ghp_", 16), (b"gho_", 16), (b"ghu_", 16), (b"ghs_", 16), (b"ghr_", 16), (b"github_pat_", 16),
    // GitLab: token overview
    (b"glpat-", 16), (b"gldt-", 16), (b"glrt-", 16), (b"glcbt-", 16),
    // AWS: IAM identifiers, and how session tokens begin
    (b"AKIA", 16), (b"ASIA", 16), (b"IQoJb3JpZ2lu", 16), (b"FwoGZXIvYXdz", 16),
    // Slack, Stripe, Google, SendGrid, npm, PyPI, DigitalOcean, Vault
    (b"xoxb-", 16), (b"xoxp-", 16), (b"xoxa-", 16), (b"xoxr-", 16), (b"xoxs-", 16), (b"xapp-", 16),
    (b"sk_live_", 16), (b"rk_live_", 16), (b"AIza", 30), (b"ya29.", 16), (b"SG.", 40),
    (b"npm_", 30), (b"pypi-", 40), (b"dop_v1_", 30), (b"hvs.", 16), (b"hvb.", 16),
    // RFC 7519: the header of a JSON Web Token, in base64
    (b"eyJ", 40),
];

/// Tokens that their issuers mark, and private keys (RFC 7468).
fn tokens(text: &[u8], cut: bool, found: &mut Vec<Range<usize>>) {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(length) = token(rest, cut) {
            found.push(at..at + length);
            at += length;
        }
        // The next word.
        let rest = text.get(at..).unwrap_or_default();
        at += rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count()
            .max(1);
        at += usize::from(
            text.get(at)
                .is_some_and(|byte| !byte.is_ascii_alphanumeric()),
        );
    }
    if let Some(at) = memmem::find(text, b"PRIVATE KEY-----") {
        found.push(at + b"PRIVATE KEY-----".len()..text.len());
    }
}

/// The length of a token at the start of a text.
fn token(text: &[u8], cut: bool) -> Option<usize> {
    let (prefix, least) = TOKENS.iter().find(|(prefix, _)| text.starts_with(prefix))?;
    let rest = text.get(prefix.len()..)?;
    let length = rest.iter().take_while(|byte| is_of_token(**byte)).count();
    let is_open = cut && length == rest.len();
    (length >= *least || is_open).then_some(prefix.len() + length)
}

fn is_of_token(byte: u8) -> bool {
    is_of_name(byte) || matches!(byte, b'/' | b'+' | b'=' | b'~')
}
