//! The options of a line, as getopt_long(3) finds them for auditctl(8).

use crate::rules::words::Word;

/// The letters of the options, with a colon after those that have a value.
const LETTERS: &[u8] = b"hicslDvtC:e:f:r:b:a:A:d:S:F:m:R:w:W:k:p:q:";

/// The long options, and whether they have a value.
const LONG: [(&str, bool); 6] = [
    ("loginuid-immutable", false),
    ("backlog_wait_time", true),
    ("reset-lost", false),
    ("reset_backlog_wait_time_actual", false),
    ("signal", true),
    ("help", false),
];

/// An option of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Opt {
    /// A letter such as `a`, or a long name such as `reset-lost`.
    pub(crate) name: &'static str,
    /// Where it starts in the line, in bytes.
    pub(crate) at: usize,
    /// The value; empty if the option has none.
    pub(crate) value: Word,
}

/// A mistake in a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fault {
    /// Where it is in the line, in bytes.
    pub(crate) at: usize,
    pub(crate) text: String,
}

impl Fault {
    pub(crate) fn new(at: usize, text: impl Into<String>) -> Fault {
        Fault {
            at,
            text: text.into(),
        }
    }
}

/// Splits the words of a line into options.
pub(crate) fn options(words: Vec<Word>) -> Result<Vec<Opt>, Fault> {
    let mut found = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if let Some(name) = word
            .text
            .strip_prefix(b"--")
            .filter(|name| !name.is_empty())
        {
            found.push(long(&word, name, &mut words)?);
        } else if word.text.len() > 1 && word.text[0] == b'-' && word.text != b"--" {
            short(&word, &mut words, &mut found)?;
        } else {
            let hint = match word.text.contains(&b'\t') {
                true => "; only spaces separate words, and this has a tab",
                false => "",
            };
            let shown = word.shown();
            return Err(Fault::new(word.at, format!("{shown} is no option{hint}")));
        }
    }
    Ok(found)
}

/// A long option, which may be abbreviated. Its value comes after `=` or is the next word.
fn long(word: &Word, text: &[u8], rest: &mut impl Iterator<Item = Word>) -> Result<Opt, Fault> {
    let equals = text.iter().position(|byte| *byte == b'=');
    let name = &text[..equals.unwrap_or(text.len())];
    let exact = LONG.iter().find(|(own, _)| own.as_bytes() == name);
    let mut beginnings = LONG
        .iter()
        .filter(|(own, _)| own.as_bytes().starts_with(name));
    let option = match (exact, beginnings.next(), beginnings.next()) {
        (Some(option), ..) | (None, Some(option), None) => option,
        (None, Some(_), Some(_)) => {
            return Err(Fault::new(
                word.at,
                format!("{} is ambiguous", word.shown()),
            ));
        }
        _ => return Err(unknown(word.at, &word.shown())),
    };
    let (name, has_value) = *option;
    let value = match (has_value, equals) {
        (true, Some(equals)) => word.from(2 + equals + 1),
        (true, None) => rest.next().ok_or_else(|| no_value(word.at, name))?,
        (false, None) => word.from(word.text.len()),
        (false, Some(_)) => {
            return Err(Fault::new(word.at, format!("--{name} has no value")));
        }
    };
    Ok(Opt {
        name,
        at: word.at,
        value,
    })
}

/// One or more options of one letter in a word. The value of one is the rest of the word, or the
/// next word if there is no rest.
fn short(
    word: &Word,
    rest: &mut impl Iterator<Item = Word>,
    found: &mut Vec<Opt>,
) -> Result<(), Fault> {
    let mut index = 1;
    while index < word.text.len() {
        let letter = word.text[index];
        let at = word.at + index.saturating_sub(1);
        let place = LETTERS
            .iter()
            .position(|own| *own == letter && letter != b':');
        let Some(place) = place else {
            let shown = String::from_utf8_lossy(&word.text[index..index + 1]).into_owned();
            return Err(unknown(at, &format!("-{shown}")));
        };
        let name = LETTERS_TEXT.get(place..=place).unwrap_or_default();
        index += 1;
        let value = match LETTERS.get(place + 1) {
            Some(b':') if index < word.text.len() => word.from(index),
            Some(b':') => rest.next().ok_or_else(|| no_value(at, name))?,
            _ => {
                let value = word.from(word.text.len());
                found.push(Opt { name, at, value });
                continue;
            }
        };
        found.push(Opt { name, at, value });
        break;
    }
    Ok(())
}

/// [`LETTERS`] as text, of which the names of options are slices.
const LETTERS_TEXT: &str = match str::from_utf8(LETTERS) {
    Ok(text) => text,
    Err(_) => "",
};

fn unknown(at: usize, option: &str) -> Fault {
    Fault::new(at, format!("there is no option {option}"))
}

fn no_value(at: usize, name: &str) -> Fault {
    let dashes = if name.len() == 1 { "-" } else { "--" };
    Fault::new(at, format!("{dashes}{name} needs a value"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::words::words;

    fn read(line: &str) -> Result<Vec<(&'static str, String, usize)>, Fault> {
        let found = options(words(line.as_bytes()))?;
        let option = |opt: &Opt| (opt.name, opt.value.shown(), opt.value.at);
        Ok(found.iter().map(option).collect())
    }

    #[test]
    fn values_follow_their_option_or_are_part_of_its_word() {
        let read = read("-a always,exit -Sopen -i -Fa0=-1 -k -D").unwrap();
        assert_eq!(
            read,
            [
                ("a", "always,exit".to_owned(), 3),
                ("S", "open".to_owned(), 17),
                ("i", String::new(), 24),
                ("F", "a0=-1".to_owned(), 27),
                ("k", "-D".to_owned(), 36),
            ]
        );
    }

    #[test]
    fn letters_without_a_value_share_a_word() {
        let names: Vec<_> = read("-icS1").unwrap();
        assert_eq!(names.len(), 3);
        assert_eq!(names[2], ("S", "1".to_owned(), 4));
    }

    #[test]
    fn long_options_are_abbreviated_if_that_is_clear() {
        assert_eq!(read("--backlog_w 5").unwrap()[0].0, "backlog_wait_time");
        assert_eq!(read("--backlog_wait_time=5").unwrap()[0].1, "5");
        assert!(read("--reset").unwrap_err().text.contains("ambiguous"));
        assert!(read("--reset-lost=1").is_err());
    }

    #[test]
    fn mistakes_have_their_place() {
        for (line, at) in [
            ("-a always,exit extra", 15),
            ("-D -z", 3),
            ("-iz", 1),
            ("-w", 0),
            ("--nosuch", 0),
            ("-k a\tb c", 7),
            ("-D --", 3),
            ("-", 0),
        ] {
            assert_eq!(read(line).unwrap_err().at, at, "{line}");
        }
    }
}
