//! The exact bytes of texts that are not UTF-8, for the formats that have them in one place.

use super::{
    nested::Nested,
    text::{self, Field, list, string},
};
use crate::model::{AuditEvent, EventRecord, Text};

/// The exact bytes of every text that is not UTF-8, by its key in the default format: first the
/// single texts, then lists and maps.
pub(super) fn exact(event: &AuditEvent, hex: &mut Nested) {
    // The texts are only read. Nothing but borrows is copied.
    let mut event = event.clone();
    event.texts_mut(|key, text| {
        if let Text::One(Some(text)) = text
            && is_bad(text)
        {
            hex.hex(key, text);
        }
    });
    event.texts_mut(|key, text| match text {
        Text::One(_) => {}
        Text::List(list) => exact_list(key, list.unwrap_or_default(), hex),
        Text::Map(map) => exact_map(key, map.iter().copied(), hex),
        Text::Records(records) => exact_records(key, records, hex),
    });
}

fn is_bad(text: &[u8]) -> bool {
    str::from_utf8(text).is_err()
}

fn exact_list(key: &str, list: &[&[u8]], hex: &mut Nested) {
    hex.object(key, |hex| {
        let words = list.iter().enumerate();
        for (index, word) in words.filter(|(_, word)| is_bad(word)) {
            hex.hex(&index.to_string(), word);
        }
    });
}

fn exact_map<'t>(key: &str, map: impl Iterator<Item = Field<'t>>, hex: &mut Nested) {
    let mut pairs = map.filter(|(_, text)| is_bad(text)).peekable();
    if pairs.peek().is_some() {
        hex.value(key, |out| {
            list(b"{}", pairs, out, |(key, bytes), out| {
                string(key, out);
                out.push(b':');
                text::hex(bytes, out);
            });
        });
    }
}

/// The exact bytes of records, by type and by the number of the record among those of its type.
fn exact_records(key: &str, records: &[EventRecord], hex: &mut Nested) {
    hex.object(key, |hex| {
        for records in records.chunk_by(|a, b| a.record_type == b.record_type) {
            let name = records.first().map(|record| record.record_type.to_string());
            hex.object(&name.unwrap_or_default(), |hex| {
                for (index, record) in records.iter().enumerate() {
                    exact_map(&index.to_string(), record.fields(), hex);
                }
            });
        }
    });
}
