//! Decoded records, and the places of the fields of the last one.

use std::ops::Range;

use bumpalo::Bump;

use crate::{
    model::{AuditMessage, EventRecord, RecordType},
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
    fields: Vec<[Range<usize>; 2]>,
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
            let part = |range: &Range<usize>| data.get(range.clone()).unwrap_or_default();
            let fields = self.fields.iter();
            let fields = fields.map(|[name, value]| (part(name), part(value)));
            return EventRecord {
                record_type,
                fields: arena.alloc_slice_fill_iter(fields),
                plain: Some(data),
            };
        }
        let fields = decode(record_type, data, arena);
        let is_plain = is_plain(record_type, data);
        if is_plain {
            self.keep(record_type, data, fields);
        }
        EventRecord {
            record_type,
            fields,
            plain: is_plain.then_some(data),
        }
    }

    /// Keeps the fields of a record, if all of them are parts of its text.
    fn keep(&mut self, record_type: RecordType, text: &[u8], fields: &[(&[u8], &[u8])]) {
        let place = |part: &[u8]| {
            let start = offset(part, text);
            let range = start..start + part.len();
            (text.get(range.clone()) == Some(part)).then_some(range)
        };
        self.record_type = None;
        self.fields.clear();
        for (name, value) in fields {
            let (Some(name), Some(value)) = (place(name), place(value)) else {
                return;
            };
            self.fields.push([name, value]);
        }
        self.record_type = Some(record_type);
        self.text.clear();
        self.text.extend_from_slice(text);
    }
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
            assert_eq!(record.fields, decode(record_type, data, &arena), "{text}");
            let is_plain = is_plain(record_type, data);
            assert_eq!(record.plain, is_plain.then_some(data), "{text}");
        }
    }
}
