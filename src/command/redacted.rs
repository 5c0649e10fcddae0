//! The processes that are there at the start, without the secrets on their command lines.

use auditrd::{
    enrich::{Census, Found},
    redact::Redactor,
};

/// A census whose command lines are redacted.
pub(crate) struct Redacted<C> {
    census: C,
    redactor: Redactor,
}

impl<C: Census> Redacted<C> {
    pub(crate) fn new(census: C, redactor: Redactor) -> Redacted<C> {
        Redacted { census, redactor }
    }
}

impl<C: Census> Census for Redacted<C> {
    fn find(&mut self, pid: u32, put: &mut dyn FnMut(Found)) {
        let redactor = &self.redactor;
        self.census
            .find(pid, &mut |found| put(redact(redactor, found)));
    }

    fn advance(&mut self, put: &mut dyn FnMut(Found)) -> bool {
        let redactor = &self.redactor;
        self.census
            .advance(&mut |found| put(redact(redactor, found)))
    }
}

fn redact(redactor: &Redactor, mut found: Found) -> Found {
    if let Some(redacted) = redactor.title(&found.cmdline) {
        found.cmdline = redacted;
    }
    found
}
