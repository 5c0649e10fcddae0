//! Parsers for the values of options: sizes and durations, with their limits.

use std::{fmt, sync::LazyLock, time::Duration};

use auditrd::{
    EventKind, Kinds,
    enrich::{Key, Keys},
    redact::ProgramOption,
};
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// A word of `--events`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Events {
    Of(EventKind),
    All,
}

impl Events {
    /// The kinds that words stand for.
    pub(crate) fn kinds(words: &[Events]) -> Kinds {
        if words.contains(&Events::All) {
            return Kinds::ALL;
        }
        let of = |word: &Events| match word {
            Events::Of(kind) => Some(*kind),
            Events::All => None,
        };
        words.iter().filter_map(of).collect()
    }
}

/// The word for all kinds.
const ALL: &str = "all";

/// A number of bytes: `8192`, `64K`, `64M`, `1G`.
pub(crate) fn bytes(text: &str) -> Result<usize, String> {
    let upper = text.to_ascii_uppercase();
    let (digits, shift) = match upper.as_bytes().last() {
        Some(b'K') => (&upper[..upper.len() - 1], 10),
        Some(b'M') => (&upper[..upper.len() - 1], 20),
        Some(b'G') => (&upper[..upper.len() - 1], 30),
        _ => (&upper[..], 0),
    };
    let number: usize = digits
        .parse()
        .map_err(|_| "not a number of bytes".to_owned())?;
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| "too many bytes".to_owned())
}

/// A duration from 1 ms to a year: zero would make a busy loop, and a huge value would overflow an
/// `Instant`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let year = Duration::from_secs(365 * 86_400);
    match humantime::parse_duration(text) {
        Ok(time) if (Duration::from_millis(1)..=year).contains(&time) => Ok(time),
        Ok(_) => Err("not a duration from 1ms to 365days".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// A maximum line length. Fields that are never truncated need 4096 bytes.
pub(crate) fn max_line(text: &str) -> Result<usize, String> {
    match bytes(text)? {
        0..4096 => Err("the minimum is 4096 bytes".to_owned()),
        length => Ok(length),
    }
}

/// A size of the queue between the threads.
pub(crate) fn queue(text: &str) -> Result<usize, String> {
    match bytes(text)? {
        size @ 65_536..=0x1_0000_0000 => Ok(size),
        _ => Err("not a size from 64K to 4G".to_owned()),
    }
}

/// A maximum file size.
pub(crate) fn file_size(text: &str) -> Result<u64, String> {
    match u64::try_from(bytes(text)?) {
        Ok(size @ 4096..) => Ok(size),
        _ => Err("the minimum is 4096 bytes".to_owned()),
    }
}

/// A parser for a word of `--events`, such as `fim`. The help and the completions list what it
/// accepts.
pub(crate) fn events() -> impl TypedValueParser<Value = Events> {
    let words = EventKind::ALL.iter().map(|kind| kind.word());
    PossibleValuesParser::new(words.chain([ALL])).try_map(|word| match &*word {
        ALL => Ok(Events::All),
        word => EventKind::from_word(word)
            .map(Events::Of)
            .ok_or("not a kind of events"),
    })
}

/// The default of `--events` as typed on a command line.
pub(crate) fn default_kinds() -> &'static str {
    static WORDS: LazyLock<String> = LazyLock::new(|| {
        let words: Vec<&str> = Kinds::DEFAULT.iter().map(EventKind::word).collect();
        words.join(",")
    });
    &WORDS
}

/// A word of `--enrich`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Addition {
    All,
    None,
    Key(Key),
    /// The names of users and groups, from the name service switch (nsswitch.conf(5)).
    ServiceNames,
}

impl Addition {
    fn from_word(word: &str) -> Option<Addition> {
        match word {
            "all" => Some(Addition::All),
            "none" => Some(Addition::None),
            "names=nss" => Some(Addition::ServiceNames),
            word => {
                let mut keys = Key::ALL.iter().copied();
                keys.find(|key| key.name() == word).map(Addition::Key)
            }
        }
    }

    /// The keys that a list of words stands for.
    pub(crate) fn keys(words: &[Addition]) -> Keys {
        words.iter().fold(Keys::NONE, |keys, word| match word {
            Addition::All => Keys::ALL,
            Addition::None => keys,
            Addition::Key(key) => keys.with(*key),
            Addition::ServiceNames => keys.with(Key::Names),
        })
    }
}

/// A parser for a word of `--enrich`. The help and the completions list what it accepts.
pub(crate) fn addition() -> impl TypedValueParser<Value = Addition> {
    let keys = Key::ALL.iter().map(|key| key.name());
    let words = ["all", "none"].into_iter().chain(keys).chain(["names=nss"]);
    PossibleValuesParser::new(words)
        .try_map(|word| Addition::from_word(&word).ok_or("not a word of --enrich"))
}

/// A value of `--redact`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Secrets {
    /// The built-in set.
    Default,
    Own(ProgramOption),
}

impl fmt::Display for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secrets::Default => f.write_str("default"),
            Secrets::Own(option) => option.fmt(f),
        }
    }
}

/// A parser for a value of `--redact`.
pub(crate) fn secrets(text: &str) -> Result<Secrets, &'static str> {
    match text {
        "default" => Ok(Secrets::Default),
        text => text.parse().map(Secrets::Own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_may_have_a_suffix() {
        assert_eq!(bytes("8192"), Ok(8192));
        assert_eq!(bytes("64k"), Ok(65_536));
        assert_eq!(bytes("1G"), Ok(1 << 30));
        assert!(bytes("").is_err() && bytes("M").is_err() && bytes("99999999999G").is_err());
    }
}
