//! Secrets on command lines, taken out of the records before anything else reads them.
//!
//! A [`Redactor`] rewrites the records of an event: EXECVE, in which arguments come in quotes, in
//! hex and in pieces; PROCTITLE; the commands of USER_CMD and other messages of programs; and what
//! was typed at a terminal (TTY). Every key, every format and every memory is made of the rewritten
//! records, so no secret that is found remains anywhere.
//!
//! A secret is found by the program and the option in front of it, by the name in front of it, or
//! by its own form. Each is replaced with [`MARK`]. Where it cannot be known where a secret ends,
//! all behind its beginning is replaced.

mod edits;
mod forms;
mod names;
mod programs;
mod records;
mod rules;
mod shell;
mod words;

use edits::Edits;
pub use rules::ProgramOption;
use rules::Rules;

use crate::model::{Arena, AuditMessageGroup, Groups};

/// The text in the place of a secret. A shell reads it as a plain word.
pub const MARK: &[u8] = b"REDACTED";

/// Takes secrets out of records.
///
/// ```
/// use auditrd::{Arena, model::{EventId, Groups}, record_type::AUDIT_EXECVE, redact::Redactor};
///
/// let mut groups = Groups::default();
/// let execve = br#"argc=3 a0="mysql" a1="-psecret" a2="db""#;
/// groups.begin(EventId::default(), b"").push(AUDIT_EXECVE, execve);
///
/// let (mut redactor, arena) = (Redactor::new(true, Vec::new(), false), Arena::new());
/// let group = redactor.redact(groups.last().unwrap(), &arena);
/// assert!(group.redacted);
/// let data = group.messages().next().unwrap().data;
/// assert_eq!(data, br#"argc=3 a0="mysql" a1="-pREDACTED" a2="db""#);
/// ```
#[derive(Debug)]
pub struct Redactor {
    rules: Rules,
    no_args: bool,
    edits: Edits,
    /// The rewritten event.
    groups: Groups,
}

impl Redactor {
    /// A redactor of the built-in set, if `defaults` says so, and of options of one's own. With
    /// `no_args`, it also removes all arguments but the first, the name of the program.
    pub fn new(defaults: bool, own: Vec<ProgramOption>, no_args: bool) -> Redactor {
        Redactor {
            rules: Rules::new(defaults, own),
            no_args,
            edits: Edits::default(),
            groups: Groups::default(),
        }
    }

    /// The event without secrets. It is a copy if there were any, and then
    /// [`redacted`](AuditMessageGroup::redacted).
    pub fn redact<'a>(
        &'a mut self,
        group: AuditMessageGroup<'a>,
        arena: &'a Arena,
    ) -> AuditMessageGroup<'a> {
        let mut edits = std::mem::take(&mut self.edits);
        edits.clear();
        self.search(&group, arena.bump(), &mut edits);
        self.groups.clear();
        if !edits.is_empty() {
            edits.apply(&group, &mut self.groups);
        }
        self.edits = edits;
        self.groups.last().unwrap_or(group)
    }

    /// A command line as `/proc/PID/cmdline` has it, without secrets. `None` if there are none. If
    /// it does not end in NUL, its end is missing.
    pub fn title(&self, title: &[u8]) -> Option<Vec<u8>> {
        self.title_text(title, !title.ends_with(b"\0"))
    }

    /// Arguments that end in NUL, or a title that the program wrote itself.
    fn title_text(&self, title: &[u8], cut: bool) -> Option<Vec<u8>> {
        let end = title
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        let (text, padding) = title.split_at(end);
        let words: Vec<&[u8]> = text.split(|byte| *byte == 0).collect();
        if self.no_args {
            let first = words.first().copied().unwrap_or_default();
            let first = first
                .split(u8::is_ascii_whitespace)
                .next()
                .unwrap_or_default();
            if first.len() < text.len() {
                let redacted = self.title_text(first, false);
                return Some(redacted.unwrap_or_else(|| first.to_vec()));
            }
        }
        let mut found = Vec::new();
        match words.as_slice() {
            [only] => words::joined(&self.rules, only, cut, &mut found),
            words => {
                let starts: Vec<usize> = starts(words).collect();
                words::arguments(&self.rules, words, cut, |index, ranges| {
                    let start = starts.get(index).copied().unwrap_or_default();
                    let ranges = ranges.iter();
                    found.extend(ranges.map(|range| start + range.start..start + range.end));
                });
            }
        }
        (!found.is_empty()).then(|| [&edits::redacted(text, &found), padding].concat())
    }
}

/// The offset of each word in a text where one byte separates them.
fn starts(words: &[&[u8]]) -> impl Iterator<Item = usize> {
    words.iter().scan(0, |at, word| {
        let start = *at;
        *at += word.len() + 1;
        Some(start)
    })
}

#[cfg(test)]
mod tests;
