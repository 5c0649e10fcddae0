//! A record of an event as names and texts.

use crate::model::RecordType;

/// A record whose fields have no keys of their own in the event line, decoded.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EventRecord<'a> {
    /// The type, such as `AVC`.
    pub record_type: RecordType,
    pub(crate) fields: Fields<'a>,
}

/// The fields of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fields<'a> {
    /// Names and decoded values.
    Decoded(&'a [(&'a [u8], &'a [u8])]),
    /// A record as it was written, and the places of the names and values in it. The fields are all
    /// of it, and none needs escaping in JSON.
    Plain {
        text: &'a [u8],
        places: &'a [[Place; 2]],
    },
}

/// The start and the end of a part of a text.
pub(crate) type Place = (u32, u32);

impl<'a> EventRecord<'a> {
    /// The names of the fields and their decoded values, in the order of the record.
    pub fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone + use<'a> {
        let fields = self.fields;
        (0..fields.len()).map_while(move |index| fields.get(index))
    }

    /// The record as it was written, if its fields are all of it and none needs escaping in JSON.
    pub(crate) fn plain(&self) -> Option<&'a [u8]> {
        match self.fields {
            Fields::Plain { text, .. } => Some(text),
            Fields::Decoded(_) => None,
        }
    }
}

impl<'a> Fields<'a> {
    fn len(self) -> usize {
        match self {
            Fields::Decoded(fields) => fields.len(),
            Fields::Plain { places, .. } => places.len(),
        }
    }

    fn get(self, index: usize) -> Option<(&'a [u8], &'a [u8])> {
        match self {
            Fields::Decoded(fields) => fields.get(index).copied(),
            Fields::Plain { text, places } => {
                let part = |(start, end): Place| text.get(start as usize..end as usize);
                let [name, value] = *places.get(index)?;
                Some((part(name)?, part(value)?))
            }
        }
    }
}
