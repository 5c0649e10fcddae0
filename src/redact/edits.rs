//! Edits of the text of records.

use std::ops::Range;

use super::{MARK, records::Place};
use crate::model::{AuditMessageGroup, Groups};

/// A range of a record, and the text to put there.
#[derive(Clone, Debug)]
struct Edit {
    record: usize,
    range: Range<usize>,
    /// A range of the texts.
    text: Range<usize>,
}

/// The edits of one event.
#[derive(Debug, Default)]
pub(super) struct Edits {
    edits: Vec<Edit>,
    texts: Vec<u8>,
}

impl Edits {
    pub(super) fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.edits.clear();
        self.texts.clear();
    }

    /// Puts a text in the place of a range.
    pub(super) fn put(&mut self, record: usize, range: Range<usize>, text: &[u8]) {
        let start = self.texts.len();
        self.texts.extend_from_slice(text);
        self.edits.push(Edit {
            record,
            range,
            text: start..self.texts.len(),
        });
    }

    /// Puts the mark in the place of a range.
    pub(super) fn splice(&mut self, record: usize, range: Range<usize>) {
        self.put(record, range, MARK);
    }

    /// Removes a range.
    pub(super) fn cut(&mut self, record: usize, range: Range<usize>) {
        self.put(record, range, b"");
    }

    /// Puts a text in the place of a value, as it is.
    pub(super) fn replace(&mut self, place: &Place<'_>, text: &[u8]) {
        self.put(place.record, place.start..place.end, text);
    }

    /// Puts a text in the place of a value, encoded as the kernel encodes it (kernel/audit.c,
    /// `audit_log_n_untrustedstring`). Returns its length in the record, without quotes.
    pub(super) fn replace_text(&mut self, place: &Place<'_>, text: &[u8]) -> usize {
        let start = self.texts.len();
        let is_plain = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x7e);
        let encoded = if !place.is_encoded {
            self.texts.extend_from_slice(text);
            text.len()
        } else if text.iter().all(is_plain) {
            self.texts.push(b'"');
            self.texts.extend_from_slice(text);
            self.texts.push(b'"');
            text.len()
        } else {
            let digit = |half: u8| b"0123456789ABCDEF".get(usize::from(half)).copied();
            let digits = text.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            self.texts.extend(digits.filter_map(digit));
            text.len() * 2
        };
        self.edits.push(Edit {
            record: place.record,
            range: place.start..place.end,
            text: start..self.texts.len(),
        });
        encoded
    }

    /// Copies an event with the edits.
    pub(super) fn apply(&mut self, group: &AuditMessageGroup<'_>, groups: &mut Groups) {
        let Edits { edits, texts } = self;
        edits.sort_by_key(|edit| (edit.record, edit.range.start));
        let mut edits = edits.iter().peekable();
        let mut builder = groups.begin_redacted(group);
        let mut data = Vec::new();
        for (record, message) in group.messages().enumerate() {
            data.clear();
            let mut at = 0;
            while let Some(edit) = edits.next_if(|edit| edit.record == record) {
                data.extend_from_slice(message.data.get(at..edit.range.start).unwrap_or_default());
                data.extend_from_slice(texts.get(edit.text.clone()).unwrap_or_default());
                at = edit.range.end.max(at);
            }
            data.extend_from_slice(message.data.get(at..).unwrap_or_default());
            builder.push(message.record_type, &data);
        }
    }
}

/// A text with the mark in the place of ranges, which are in order.
pub(super) fn redacted(text: &[u8], ranges: &[Range<usize>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for range in ranges {
        out.extend_from_slice(text.get(at..range.start).unwrap_or_default());
        out.extend_from_slice(MARK);
        at = range.end;
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
    out
}
