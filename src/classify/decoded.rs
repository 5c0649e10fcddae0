//! Decoded records, and the places of the fields of the last one.

use bumpalo::Bump;

use crate::{
    model::{AuditMessage, EventRecord, Fields, Place, RecordType},
    parse::{decode, is_plain, offset},
};

/// Decodes records, and finds the fields of the last plain one again without decoding it. A
/// BPRM_FCAPS record comes with each program that root starts, and is mostly the same.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// None while nothing is kept.
    record_type: Option<RecordType>,
    text: Vec<u8>,
    /// The names and values, as parts of the text.
    places: Vec<[Place; 2]>,
}

impl Decoded {
    /// A record with its fields.
    pub(super) fn record<'a>(
        &mut self,
        message: &AuditMessage<'a>,
        arena: &'a Bump,
    ) -> EventRecord<'a> {
        let AuditMessage { record_type, data } = *message;
        if self.record_type == Some(record_type) && self.text == data {
            return self.plain(record_type, data, arena);
        }
        let fields = decode(record_type, data, arena);
        if is_plain(record_type, data) && self.keep(record_type, data, fields).is_some() {
            return self.plain(record_type, data, arena);
        }
        EventRecord {
            record_type,
            fields: Fields::Decoded(fields),
        }
    }

    /// The record with the text that is kept.
    fn plain<'a>(
        &self,
        record_type: RecordType,
        text: &'a [u8],
        arena: &'a Bump,
    ) -> EventRecord<'a> {
        let places = arena.alloc_slice_copy(&self.places);
        EventRecord {
            record_type,
            fields: Fields::Plain { text, places },
        }
    }

    /// Keeps the fields of a record. `None` if not all of them are parts of its text.
    fn keep(
        &mut self,
        record_type: RecordType,
        text: &[u8],
        fields: &[(&[u8], &[u8])],
    ) -> Option<()> {
        self.record_type = None;
        self.places.clear();
        for (name, value) in fields {
            self.places.push([place(name, text)?, place(value, text)?]);
        }
        self.record_type = Some(record_type);
        self.text.clear();
        self.text.extend_from_slice(text);
        Some(())
    }
}

/// The place of a part of a text. `None` if it is not part of it.
fn place(part: &[u8], text: &[u8]) -> Option<Place> {
    let start = offset(part, text);
    let end = start + part.len();
    let is_part = text.get(start..end) == Some(part);
    is_part.then_some((u32::try_from(start).ok()?, u32::try_from(end).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record_type::{AUDIT_AVC, AUDIT_BPRM_FCAPS, AUDIT_CAPSET};

    #[test]
    fn earlier_records_do_not_change_how_a_record_is_decoded() {
        let records = [
            (AUDIT_BPRM_FCAPS, "fver=0 fp=0 old_pp=1ff"),
            (AUDIT_BPRM_FCAPS, "fver=0 fp=0 old_pp=1ff"),
            (AUDIT_BPRM_FCAPS, "fver=0 fp=0 old_pp=1fe"),
            (AUDIT_CAPSET, "fver=0 fp=0 old_pp=1fe"),
            // The second name gets a suffix, which is no part of the record.
            (AUDIT_CAPSET, "pid=1 pid=2"),
            (AUDIT_CAPSET, "pid=1 pid=2"),
            (AUDIT_CAPSET, "pid=\"1\""),
            (AUDIT_AVC, "avc:  denied  { read } for  pid=1"),
            (AUDIT_AVC, "avc:  denied  { read } for  pid=1"),
            (AUDIT_CAPSET, ""),
            (AUDIT_CAPSET, "word"),
        ];
        let (arena, mut decoded) = (Bump::new(), Decoded::default());
        for (record_type, text) in records {
            let data = text.as_bytes();
            let record = decoded.record(&AuditMessage { record_type, data }, &arena);
            let fields: Vec<_> = record.fields().collect();
            assert_eq!(fields, decode(record_type, data, &arena), "{text}");
        }
    }
}
