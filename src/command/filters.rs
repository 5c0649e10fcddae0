//! `--drop`, `--keep` and `--filter`: leaves out events, and counts them.

use std::{collections::HashSet, fmt::Write, fs, path::PathBuf};

use auditrd::{
    AuditEvent, Error,
    filter::{self, Expression, Filters, Lists},
};

use super::cli::Args;

/// The expressions, and how many events each has left out.
#[derive(Debug)]
pub(crate) struct Dropper {
    /// Those of the command line.
    given: Lists,
    /// Those and the ones of the file.
    read: Lists,
    file: Option<PathBuf>,
    filters: Filters,
    /// The number of events for each expression that leaves some out.
    counts: Vec<u64>,
}

impl Dropper {
    /// `None` without any such option.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or contains anything but expressions.
    pub(crate) fn start(args: &Args) -> Result<Option<Dropper>, Error> {
        if args.drop.is_empty() && args.filter.is_none() {
            return Ok(None);
        }
        filter::read_names();
        let mut dropper = Dropper {
            given: Lists {
                drop: args.drop.clone(),
                keep: args.keep.clone(),
            },
            read: Lists::default(),
            file: args.filter.clone(),
            filters: Filters::default(),
            counts: Vec::new(),
        };
        dropper.read()?;
        Ok(Some(dropper))
    }

    /// Reads the file again. After an error, the expressions are those of before.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub(crate) fn read(&mut self) -> Result<(), Error> {
        let mut lists = self.given.clone();
        if let Some(file) = &self.file {
            let action = || format!("read the filters in {}", file.display());
            let text = fs::read_to_string(file).map_err(|error| Error::new(action(), error))?;
            let read = lists.read(&text).map_err(std::io::Error::other);
            read.map_err(|error| Error::new(action(), error))?;
        }
        // Of equal expressions, only the first would count events.
        let mut seen = HashSet::new();
        lists.drop.retain(|one| seen.insert(one.to_string()));
        let filters = Filters::new(lists.clone());
        let count = |expression: &Expression| self.count_of(&expression.to_string());
        self.counts = filters.drop_expressions().iter().map(count).collect();
        (self.read, self.filters) = (lists, filters);
        Ok(())
    }

    /// One for these expressions, which were [`read`](Self::lists) by another.
    pub(crate) fn of(lists: Lists) -> Dropper {
        Dropper {
            counts: vec![0; lists.drop.len()],
            filters: Filters::new(lists.clone()),
            given: lists.clone(),
            read: lists,
            file: None,
        }
    }

    /// The expressions that were read last.
    pub(crate) fn lists(&self) -> &Lists {
        &self.read
    }

    /// Counts events that another one with the same expression has left out.
    pub(crate) fn add(&mut self, expression: &str, count: u64) {
        let texts = self.filters.drop_expressions().iter();
        let mut counts = texts.zip(&mut self.counts);
        if let Some((_, total)) = counts.find(|(known, _)| known.to_string() == expression) {
            *total += count;
        }
    }

    /// The events that an expression has left out so far.
    fn count_of(&self, text: &str) -> u64 {
        let mut counts = self.counts();
        counts
            .find(|(known, _)| known == text)
            .map_or(0, |(_, count)| count)
    }

    /// Whether an event is to be left out. If so, it is counted.
    pub(crate) fn drops(&mut self, event: &AuditEvent<'_>) -> bool {
        let Some(number) = self.filters.drops(event) else {
            return false;
        };
        if let Some(count) = self.counts.get_mut(number) {
            *count += 1;
        }
        true
    }

    /// Each expression with the number of events that it has left out.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (String, u64)> {
        let expressions = self.filters.drop_expressions().iter();
        expressions
            .map(ToString::to_string)
            .zip(self.counts.iter().copied())
    }

    /// All expressions, those that leave events out and those that keep them.
    pub(crate) fn texts(&self) -> (Vec<String>, Vec<String>) {
        let texts = |list: &[Expression]| list.iter().map(ToString::to_string).collect();
        let filters = &self.filters;
        (
            texts(filters.drop_expressions()),
            texts(filters.keep_expressions()),
        )
    }

    /// The counts in the text format of Prometheus, version 0.0.4.
    pub(crate) fn prometheus(&self, text: &mut String) {
        text.push_str(
            "# HELP auditrd_filter_dropped_by_total Events left out, by expression.\n\
             # TYPE auditrd_filter_dropped_by_total counter\n",
        );
        for (expression, count) in self.counts() {
            let label = expression.replace('\\', r"\\");
            let label = label.replace('"', "\\\"").replace('\n', r"\n");
            // Writing to memory cannot fail.
            let _ = writeln!(
                text,
                "auditrd_filter_dropped_by_total{{filter=\"{label}\"}} {count}"
            );
        }
    }
}
