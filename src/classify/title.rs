//! Process titles, read once for all calls of a process.

use bumpalo::Bump;

use crate::{
    classify::commandline,
    parse::{Facts, Memo},
};

/// Titles on one line, by their records. The calls of a process repeat its title, which has to be
/// decoded.
#[derive(Debug)]
pub(super) struct Titles(Memo<Vec<u8>>);

impl Default for Titles {
    fn default() -> Titles {
        Titles(Memo::new(64))
    }
}

impl Titles {
    /// The title of the process of an event, on one line.
    pub(super) fn of<'a>(&mut self, facts: &Facts<'a>, arena: &'a Bump) -> Option<&'a [u8]> {
        let record = facts.proctitle.filter(|record| !record.is_empty())?;
        if let Some(line) = self.0.get(record) {
            return Some(arena.alloc_slice_copy(line));
        }
        let line = commandline::title(facts.title(arena)?, arena);
        if let Some(known) = self.0.claim(record) {
            known.clear();
            known.extend_from_slice(line);
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Arena, EventId, Groups, record_type::AUDIT_PROCTITLE},
        parse::facts,
    };

    #[test]
    fn earlier_titles_do_not_change_how_a_title_is_read() {
        let (arena, mut titles) = (Arena::new(), Titles::default());
        let records = [
            ("proctitle=6C73002D6C", Some("ls -l")),
            ("proctitle=6C73002D6D", Some("ls -m")),
            ("proctitle=\"(null)\"", None),
            ("proctitle=\"bash\"", Some("bash")),
            ("proctitle=", None),
            ("", None),
        ];
        for (record, expected) in records.iter().chain(&records).chain(records.iter().rev()) {
            let mut groups = Groups::default();
            let data = record.as_bytes();
            groups
                .begin(EventId::default(), b"")
                .push(AUDIT_PROCTITLE, data);
            let group = groups.last().unwrap();
            let title = titles.of(&facts(&group, &arena), arena.bump());
            assert_eq!(title, expected.map(str::as_bytes), "{record}");
        }
    }
}
