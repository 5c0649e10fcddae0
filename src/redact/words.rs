//! Secrets in a list of words, by the program and the options in front of them.

use std::ops::Range;

use super::{
    forms::{self, Reading},
    names,
    rules::{Opt, Part, Program, Rules},
    shell::{Splitter, Token},
};

/// Texts inside texts are read to this depth. What is deeper is all secret.
const MAX_DEPTH: usize = 16;

/// Finds the secrets in the arguments of a program, from its name on. Calls `found` with the number
/// of the argument and the ranges in it. `cut` means that the end of the last one is missing.
pub(super) fn arguments(
    rules: &Rules,
    argv: &[&[u8]],
    cut: bool,
    mut found: impl FnMut(usize, &[Range<usize>]),
) {
    let mut scanner = Scanner::new(rules, 0);
    let mut ranges = Vec::new();
    for (index, word) in argv.iter().enumerate() {
        scanner.argument(word, cut && index + 1 == argv.len(), &mut ranges);
        if !ranges.is_empty() {
            found(index, merged(&mut ranges));
            ranges.clear();
        }
    }
}

/// Finds the secrets in a text for a shell.
pub(super) fn shell(rules: &Rules, text: &[u8], cut: bool, found: &mut Vec<Range<usize>>) {
    within(rules, text, Reading::Shell, cut, 0, found);
    merged(found);
}

/// Finds the secrets in arguments that were joined without quotes.
///
/// It cannot be known where a value ends, so all behind the beginning of a secret is one.
pub(super) fn joined(rules: &Rules, text: &[u8], cut: bool, found: &mut Vec<Range<usize>>) {
    if rules.has_defaults {
        forms::find(text, Reading::Joined, cut, found);
    }
    let mut scanner = Scanner::new(rules, 0);
    let mut ranges = Vec::new();
    let mut at = 0;
    for word in text.split(u8::is_ascii_whitespace) {
        scanner.options(word, &mut ranges);
        if let Some(first) = ranges.iter().map(|range| range.start).min() {
            found.push(at + first..text.len());
            break;
        }
        at += word.len() + 1;
    }
    merged(found);
}

/// Joins ranges that overlap, and sorts them.
pub(super) fn merged(ranges: &mut Vec<Range<usize>>) -> &[Range<usize>] {
    ranges.sort_by_key(|range| range.start);
    ranges.dedup_by(|next, range| {
        let overlaps = next.start <= range.end;
        if overlaps {
            range.end = range.end.max(next.end);
        }
        overlaps
    });
    ranges
}

/// Finds the secrets in a text that is read as words.
fn within(
    rules: &Rules,
    text: &[u8],
    reading: Reading,
    cut: bool,
    depth: usize,
    found: &mut Vec<Range<usize>>,
) {
    if rules.has_defaults {
        forms::find(text, reading, cut, found);
    }
    let mut splitter = Splitter::new(text);
    let mut scanner = Scanner::new(rules, depth);
    let mut pipeline = Pipeline::default();
    let mut ranges = Vec::new();
    while let Some(token) = splitter.next() {
        match token {
            Token::Word => {
                let is_last = splitter
                    .places
                    .last()
                    .is_some_and(|at| at + 1 == text.len());
                scanner.argument(&splitter.word, cut && is_last, &mut ranges);
                found.extend(
                    ranges
                        .drain(..)
                        .filter_map(|range| placed(&splitter, range)),
                );
                pipeline.add(&splitter);
            }
            Token::Pipe | Token::Break => {
                scanner.end_command();
                pipeline.end_command(token == Token::Pipe);
            }
        }
        if rules.has_defaults && pipeline.reads_secret() {
            found.append(&mut pipeline.printed);
        }
    }
}

/// The range in the text of a range in the word.
fn placed(splitter: &Splitter, range: Range<usize>) -> Option<Range<usize>> {
    let first = splitter.places.get(range.start)?;
    let last = splitter.places.get(range.end.checked_sub(1)?)?;
    Some(*first..last + 1)
}

/// What `echo` or `printf` prints into a command that reads a secret:
/// `echo secret | passwd --stdin root`.
#[derive(Debug, Default)]
struct Pipeline {
    /// The operands of the command before, if it prints them.
    printed: Vec<Range<usize>>,
    /// Those of this command.
    words: Vec<Range<usize>>,
    prints: bool,
    is_sudo: bool,
    reads: bool,
}

impl Pipeline {
    fn add(&mut self, splitter: &Splitter) {
        let word = splitter.word.as_slice();
        match base(word) {
            b"echo" | b"printf" if self.words.is_empty() => self.prints = true,
            b"chpasswd" | b"smbpasswd" | b"cryptsetup" | b"--stdin" | b"--password-stdin" => {
                self.reads = true;
            }
            b"sudo" => self.is_sudo = true,
            b"-S" if self.is_sudo => self.reads = true,
            _ => {}
        }
        let range = placed(splitter, 0..word.len());
        self.words.push(range.unwrap_or_default());
    }

    fn end_command(&mut self, is_piped: bool) {
        let mut words = std::mem::take(&mut self.words);
        let printed = is_piped && self.prints && words.len() > 1;
        *self = Pipeline::default();
        if printed {
            self.printed = words.split_off(1);
        }
    }

    fn reads_secret(&self) -> bool {
        self.reads && !self.printed.is_empty()
    }
}

/// The secret that a word before announced.
#[derive(Clone, Copy, Debug)]
struct Pending {
    /// The number of words between.
    skip: usize,
    part: Part,
}

/// Reads words one by one.
struct Scanner<'r> {
    rules: &'r Rules,
    depth: usize,
    program: Option<&'static Program>,
    /// The last program with options of one's own.
    own: Vec<u8>,
    pending: Option<Pending>,
    /// The operands since the program that are no values of options.
    operands: usize,
    /// Whether the word before is an option with a value that is none of interest.
    has_value: bool,
    /// Whether the next word is a text for a shell.
    is_script: bool,
}

impl<'r> Scanner<'r> {
    fn new(rules: &'r Rules, depth: usize) -> Scanner<'r> {
        Scanner {
            rules,
            depth,
            program: None,
            own: Vec::new(),
            pending: None,
            operands: 0,
            has_value: false,
            is_script: false,
        }
    }

    fn end_command(&mut self) {
        *self = Scanner::new(self.rules, self.depth);
    }

    /// Finds the secrets in an argument, which may be a text of its own.
    fn argument(&mut self, word: &[u8], cut: bool, found: &mut Vec<Range<usize>>) {
        let is_text = word.iter().any(u8::is_ascii_whitespace);
        let reading = match self.is_script && is_text {
            true => Reading::Shell,
            false => Reading::Argument,
        };
        self.options(word, found);
        if is_text && self.depth == MAX_DEPTH {
            found.push(0..word.len());
        } else if is_text {
            within(self.rules, word, reading, cut, self.depth + 1, found);
        } else if self.rules.has_defaults {
            forms::find(word, reading, cut, found);
        }
    }

    /// Finds the secrets in a word that options tell of.
    fn options(&mut self, word: &[u8], found: &mut Vec<Range<usize>>) {
        let is_switch = matches!(word, [b'-', letter] if letter.is_ascii_alphabetic());
        let mut is_value = std::mem::take(&mut self.has_value);
        match self.pending.take() {
            Some(pending) if pending.skip > 0 => {
                let skip = pending.skip - 1;
                self.pending = Some(Pending { skip, ..pending });
            }
            Some(pending) if !is_switch => {
                is_value = true;
                found.extend(pending.part.start(word).map(|start| start..word.len()));
            }
            _ => {}
        }
        self.is_script = is_script_option(word);
        if word.starts_with(b"-") && word.len() > 1 {
            self.option(word, found);
        } else {
            self.name_or_operand(word, is_value, found);
        }
    }

    fn option(&mut self, word: &[u8], found: &mut Vec<Range<usize>>) {
        let mut is_known = false;
        let program = self.program;
        for option in program.map_or(&[][..], |program| program.options) {
            is_known |= self.builtin(option, word, found);
        }
        if let Some(program) = program.filter(|_| !word.starts_with(b"--")) {
            let takes_value = |byte: &u8| program.letters.contains(byte);
            self.has_value = word.iter().position(takes_value) == Some(word.len() - 1);
            let fewer = program.operand.and_then(|operand| operand.fewer);
            self.operands += usize::from(fewer.is_some_and(|letter| word.contains(&letter)));
        }
        for own in self.rules.own(&self.own) {
            let is_short = matches!(own, [b'-', _]);
            if let Some(rest) = word.strip_prefix(own) {
                match rest {
                    [] => self.pending = Some(WHOLE),
                    [b'=', _, ..] => found.push(own.len() + 1..word.len()),
                    _ if is_short => found.push(own.len()..word.len()),
                    _ => {}
                }
            }
        }
        if self.rules.has_defaults && !is_known && names::is_secret(word) {
            self.pending = Some(WHOLE);
        }
    }

    /// Compares a word with an option of the program. Whether it is that option.
    fn builtin(&mut self, option: &Opt, word: &[u8], found: &mut Vec<Range<usize>>) -> bool {
        let start = match option.name {
            [b'-', letter]
                if self
                    .program
                    .is_some_and(|program| !program.letters.is_empty()) =>
            {
                self.in_bundle(*letter, word)
            }
            name => word.strip_prefix(name).and_then(|rest| match rest {
                [] => Some(name.len()),
                [b'=', ..] if name.len() > 2 => Some(name.len() + 1),
                _ if option.attached && !name.starts_with(b"--") => Some(name.len()),
                _ => None,
            }),
        };
        let Some(start) = start else { return false };
        let value = word.get(start..).unwrap_or_default();
        if !value.is_empty() {
            found.extend(option.part.start(value).map(|at| start + at..word.len()));
        } else if !option.attached && option.part != Part::Nothing {
            let (skip, part) = (option.skip, option.part);
            self.pending = Some(Pending { skip, part });
        }
        true
    }

    /// Where the value of a short option starts, in a word of several: `-xw secret`, `-xwsecret`.
    fn in_bundle(&self, letter: u8, word: &[u8]) -> Option<usize> {
        let letters = self.program?.letters;
        for (at, byte) in word.iter().enumerate().skip(1) {
            match *byte {
                byte if byte == letter => return Some(at + 1),
                byte if letters.contains(&byte) || !byte.is_ascii_alphanumeric() => return None,
                _ => {}
            }
        }
        None
    }

    fn name_or_operand(&mut self, word: &[u8], is_value: bool, found: &mut Vec<Range<usize>>) {
        for option in self.program.map_or(&[][..], |program| program.options) {
            if option.name.first().is_some_and(|byte| *byte != b'-') {
                match (word == option.name, option.name.last()) {
                    (true, _) => {
                        let (skip, part) = (option.skip, option.part);
                        self.pending = Some(Pending { skip, part });
                    }
                    (false, Some(b':')) if word.starts_with(option.name) => {
                        found.push(option.name.len()..word.len());
                    }
                    _ => {}
                }
            }
        }
        for own in self
            .rules
            .own(&self.own)
            .filter(|own| !own.starts_with(b"-"))
        {
            match word.strip_prefix(own) {
                Some([]) => self.pending = Some(WHOLE),
                Some([b'=' | b':', _, ..]) => found.push(own.len() + 1..word.len()),
                _ => {}
            }
        }
        if let Some(operand) = self.program.and_then(|program| program.operand)
            && !is_value
        {
            self.operands += 1;
            if self.operands == operand.number {
                found.extend(operand.part.start(word).map(|start| start..word.len()));
            }
        }
        let name = base(word);
        if let Some(program) = self.rules.program(name) {
            self.program = Some(program);
            self.operands = 0;
        }
        if self.rules.is_own_program(name) {
            self.own = name.to_vec();
        }
        self.is_script |= matches!(name, b"eval" | b"watch");
    }
}

const WHOLE: Pending = Pending {
    skip: 0,
    part: Part::Whole,
};

/// The name of a program, without its directory and without the name of a field before it.
fn base(word: &[u8]) -> &[u8] {
    word.rsplit(|byte| matches!(byte, b'/' | b'='))
        .next()
        .unwrap_or_default()
}

/// Whether an option has a text for a shell as its value: `-c`, `-lc`, `--command`.
fn is_script_option(word: &[u8]) -> bool {
    match word {
        b"--command" => true,
        [b'-', letters @ .., b'c'] => letters.iter().all(u8::is_ascii_alphabetic),
        _ => false,
    }
}
