//! What is secret: the built-in programs and names, and options of one's own.

use std::{fmt, str::FromStr};

use hashbrown::HashMap;

use super::programs::PROGRAMS;

/// An option or word that a secret follows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opt {
    /// As it is written: `-p`, `--user`, `password`. With `:` or `=` at the end, the value is
    /// always attached.
    pub(super) name: &'static [u8],
    /// The number of words between it and the secret.
    pub(super) skip: usize,
    /// The part of the value that is secret.
    pub(super) part: Part,
    /// Whether it has a value only if that is attached.
    pub(super) attached: bool,
}

/// The part of a value that is secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// All behind the first of these bytes.
    After(u8),
    /// All behind this beginning.
    Behind(&'static [u8]),
    /// None: it is no secret, although its name says so.
    Nothing,
}

impl Part {
    /// The offset of the secret in a value.
    pub(super) fn start(self, value: &[u8]) -> Option<usize> {
        let start = match self {
            Part::Whole => Some(0),
            Part::After(byte) => memchr::memchr(byte, value).map(|at| at + 1),
            Part::Behind(text) => value.starts_with(text).then_some(text.len()),
            Part::Nothing => None,
        };
        start.filter(|start| *start < value.len())
    }
}

/// A word without a dash that is secret by its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operand {
    /// Its number among the operands, from 1.
    pub(super) number: usize,
    pub(super) part: Part,
    /// The switch with which there is one operand fewer before it.
    pub(super) fewer: Option<u8>,
}

/// A program and its options.
#[derive(Clone, Copy, Debug)]
pub(super) struct Program {
    pub(super) names: &'static [&'static str],
    /// The short options that take a value. Empty if short options cannot be written together.
    pub(super) letters: &'static [u8],
    pub(super) options: &'static [Opt],
    pub(super) operand: Option<Operand>,
}

/// An option of one's own: `PROGRAM:OPTION`, such as `backup:--pin`, `backup:-k` or `*:PIN`.
///
/// The value of an option is attached to it, or the next word. A name without a dash is that of a
/// variable, `PIN=…`, or a word whose next one is secret. `*` stands for every program.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProgramOption {
    pub(super) program: Vec<u8>,
    pub(super) option: Vec<u8>,
}

impl FromStr for ProgramOption {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<ProgramOption, &'static str> {
        let (program, option) = text
            .split_once(':')
            .ok_or("not `default`, and not PROGRAM:OPTION")?;
        let base = program.rsplit('/').next().unwrap_or_default();
        if base.is_empty() || option.trim_matches('-').is_empty() {
            return Err("not PROGRAM:OPTION, such as backup:--pin");
        }
        if option.contains(char::is_whitespace) || option.contains('=') {
            return Err("an option has no spaces, and no value");
        }
        if is_list(base, option) {
            return Err("several values have commas between them, such as default,backup:--pin");
        }
        Ok(ProgramOption {
            program: base.into(),
            option: option.into(),
        })
    }
}

/// Whether a value is a list with another mark than commas, such as `default:backup:--pin`. Taken
/// for one option it would match nothing, and the secrets would stay.
fn is_list(program: &str, option: &str) -> bool {
    let has_two = option.trim_end_matches(':').contains(':');
    has_two || program == "default" || program.contains(char::is_whitespace)
}

impl fmt::Display for ProgramOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy;
        write!(f, "{}:{}", text(&self.program), text(&self.option))
    }
}

/// All that is secret.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Whether the built-in set counts.
    pub(super) has_defaults: bool,
    programs: HashMap<&'static [u8], &'static Program>,
    own: Vec<ProgramOption>,
}

impl Rules {
    pub(super) fn new(has_defaults: bool, own: Vec<ProgramOption>) -> Rules {
        let mut programs = HashMap::new();
        for program in PROGRAMS.iter().filter(|_| has_defaults) {
            for name in program.names {
                programs.insert(name.as_bytes(), program);
            }
        }
        Rules {
            has_defaults,
            programs,
            own,
        }
    }

    /// The built-in program of a name.
    pub(super) fn program(&self, name: &[u8]) -> Option<&'static Program> {
        self.programs.get(name).copied()
    }

    /// The options of one's own for a program.
    pub(super) fn own<'r>(&'r self, program: &'r [u8]) -> impl Iterator<Item = &'r [u8]> {
        let is_meant = move |own: &&ProgramOption| own.program == b"*" || own.program == program;
        self.own
            .iter()
            .filter(is_meant)
            .map(|own| own.option.as_slice())
    }

    /// Whether a word is the name of a program that has options of one's own.
    pub(super) fn is_own_program(&self, name: &[u8]) -> bool {
        self.own.iter().any(|own| own.program == name)
    }
}
