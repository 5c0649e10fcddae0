//! Patterns that values are compared with.

use std::{
    ffi::OsStr, fs, io, net::IpAddr, ops::RangeInclusive, os::unix::ffi::OsStrExt, path::Path,
    sync::LazyLock,
};

use globset::{GlobBuilder, GlobMatcher};

use super::keys::{Class, Value};
use crate::bytes::integer;

/// A pattern that values are compared with.
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    Text(Vec<u8>),
    Glob(Glob),
    Number(i64),
    Range(RangeInclusive<i64>),
    Network(Network),
    Flag,
}

/// A text with `*`, `?`, `[…]` or `{…}`.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    /// The text before the first of them.
    pub(super) prefix: Vec<u8>,
    matcher: GlobMatcher,
}

/// A network, or one address: the first bits of an address.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Network {
    is_ipv4: bool,
    bits: u128,
    pub(super) length: u8,
}

impl Network {
    /// The network of this length that an address is in. `None` if addresses are shorter.
    pub(super) fn of(address: IpAddr, length: u8) -> Option<Network> {
        let (is_ipv4, bits, most): (bool, u128, u8) = match address {
            IpAddr::V4(address) => (true, u128::from(address.to_bits()), 32),
            IpAddr::V6(address) => (false, address.to_bits(), 128),
        };
        let host = most.checked_sub(length)?;
        let mask = u128::MAX.checked_shl(host.into()).unwrap_or(0);
        Some(Network {
            is_ipv4,
            bits: bits & mask,
            length,
        })
    }

    fn parse(text: &str) -> Option<Network> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        Network::of(
            address,
            length.unwrap_or(if address.is_ipv4() { 32 } else { 128 }),
        )
    }
}

/// The address that a text is. An interface behind `%` is left out, and an IPv4 address inside an
/// IPv6 one is an IPv4 address.
pub(super) fn address(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?;
    let text = text.split_once('%').map_or(text, |(address, _)| address);
    text.parse()
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

impl Pattern {
    /// Reads the value of an expression.
    pub(super) fn parse(class: Class, text: &str) -> Result<Pattern, String> {
        match class {
            Class::Text => text_or_glob(text, false),
            Class::Path => text_or_glob(text, true),
            Class::User if is_name(text) => named(&USERS, text),
            Class::Group if is_name(text) => named(&GROUPS, text),
            Class::Number | Class::User | Class::Group => number_or_range(text),
            Class::Address => match Network::parse(text) {
                Some(network) => Ok(Pattern::Network(network)),
                None if text.contains('/') => Err(format!("{text} is not a network")),
                None => text_or_glob(text, false),
            },
            Class::Flag if text == "true" => Ok(Pattern::Flag),
            Class::Flag => Err("the only value is true; use != for the others".to_owned()),
        }
    }

    /// Whether a value matches.
    pub(super) fn matches(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Pattern::Text(text), Value::Text(value)) => text == value,
            (Pattern::Glob(glob), Value::Text(value)) => glob.matches(value),
            (Pattern::Number(number), Value::Number(value)) => *number == value,
            (Pattern::Range(range), Value::Number(value)) => range.contains(&value),
            (Pattern::Network(network), Value::Text(value)) => address(value)
                .is_some_and(|address| Network::of(address, network.length) == Some(*network)),
            (Pattern::Flag, Value::Flag) => true,
            // A record type without a name.
            (Pattern::Text(text), Value::Number(value)) => integer(text) == Some(value),
            _ => false,
        }
    }
}

impl Glob {
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        self.matcher.is_match(Path::new(OsStr::from_bytes(text)))
    }
}

fn text_or_glob(text: &str, is_path: bool) -> Result<Pattern, String> {
    let special = |c: char| matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\');
    let Some(at) = text.find(special) else {
        return Ok(Pattern::Text(text.into()));
    };
    let glob = GlobBuilder::new(text)
        .literal_separator(is_path)
        .backslash_escape(true)
        .build()
        .map_err(|error| error.kind().to_string())?;
    Ok(Pattern::Glob(Glob {
        prefix: text.get(..at).unwrap_or_default().into(),
        matcher: glob.compile_matcher(),
    }))
}

/// `7`, `-13`, `1000-1999`, `1000-`, or `unset`.
fn number_or_range(text: &str) -> Result<Pattern, String> {
    if text == "unset" {
        return Ok(Pattern::Number(u32::MAX.into()));
    }
    if let Ok(number) = text.parse() {
        return Ok(Pattern::Number(number));
    }
    let wrong = || format!("{text} is not a number, and not a range such as 1000-1999");
    let at = text
        .get(1..)
        .and_then(|rest| rest.find('-'))
        .ok_or_else(wrong)?
        + 1;
    let (first, last) = text.split_at(at);
    let first: i64 = first.parse().map_err(|_| wrong())?;
    let last = match last.get(1..).unwrap_or_default() {
        // An unset id is no number above all others.
        "" => i64::from(u32::MAX) - 1,
        last => last.parse().map_err(|_| wrong())?,
    };
    match first <= last {
        true => Ok(Pattern::Range(first..=last)),
        false => Err(format!("{text} is an empty range")),
    }
}

/// Whether an id is given by a name.
fn is_name(text: &str) -> bool {
    text != "unset" && !text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
}

/// A file of names, read once: later, this process may not open it.
struct Names {
    file: &'static str,
    text: LazyLock<io::Result<Vec<u8>>>,
}

static USERS: Names = Names {
    file: "/etc/passwd",
    text: LazyLock::new(|| fs::read("/etc/passwd")),
};

static GROUPS: Names = Names {
    file: "/etc/group",
    text: LazyLock::new(|| fs::read("/etc/group")),
};

/// Reads the names of users and groups, before the right to do so is given up.
pub(super) fn read_names() {
    for names in [&USERS, &GROUPS] {
        LazyLock::force(&names.text);
    }
}

/// The id of a name (passwd(5), group(5)).
fn named(names: &Names, name: &str) -> Result<Pattern, String> {
    let file = names.file;
    let text = match &*names.text {
        Ok(text) => text,
        Err(error) => return Err(format!("cannot read {file}: {error}; use the number")),
    };
    let id = text.split(|byte| *byte == b'\n').find_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let is_it = fields.next() == Some(name.as_bytes());
        fields.nth(1).filter(|_| is_it).and_then(integer)
    });
    id.map(Pattern::Number)
        .ok_or_else(|| format!("{name} is not in {file}; use the number"))
}
