//! Lines of bounded length.

use bumpalo::{Bump, collections::Vec};

use crate::{
    encode::{line, text::Field},
    model::{Arena, AuditEvent, EventRecord, Fields, Text},
};

/// Appends the line of an event, cut to at most `max` bytes, and marked as truncated. Every text is
/// cut, not only arguments and fields: the kernel bounds most of them, but a log may hold anything.
/// A line without any text fits in a few KiB.
pub fn line_within<'a>(
    event: &mut AuditEvent<'a>,
    max: usize,
    arena: &'a Arena,
    out: &mut std::vec::Vec<u8>,
) {
    within(event, max, arena, out, line);
}

/// Like [`line_within`], with a function that writes the event in some other format.
pub fn within<'a>(
    event: &mut AuditEvent<'a>,
    max: usize,
    arena: &'a Arena,
    out: &mut std::vec::Vec<u8>,
    mut write: impl FnMut(&AuditEvent<'a>, &mut std::vec::Vec<u8>),
) {
    event.truncated = true;
    let start = out.len();
    // A byte takes up to six in JSON and two more in hex, so halving soon finds a length that fits.
    let mut budget = max;
    loop {
        budget /= 2;
        cut(event, budget, arena.bump());
        out.truncate(start);
        write(event, out);
        if out.len() - start <= max || budget == 0 {
            return;
        }
    }
}

/// Cuts each text of an event to a number of bytes. All parts of a list share that number.
fn cut<'a>(event: &mut AuditEvent<'a>, budget: usize, arena: &'a Bump) {
    event.texts_mut(|_, text| {
        let mut left = budget;
        match text {
            Text::One(text) => *text = text.map(|text| start(text, budget)),
            Text::List(list) => {
                *list = list.map(|words| {
                    let words = words.iter().map_while(|word| take(word, &mut left));
                    Vec::from_iter_in(words, arena).into_bump_slice()
                });
            }
            Text::Map(map) => *map = fields(map.iter().copied(), &mut left, arena),
            Text::Records(records) => {
                let kept = records.iter().map_while(|record| {
                    left = left.checked_sub(RECORD_BYTES)?;
                    let fields = fields(record.fields(), &mut left, arena);
                    Some(EventRecord {
                        fields: Fields::Decoded(fields),
                        ..*record
                    })
                });
                *records = Vec::from_iter_in(kept, arena).into_bump_slice();
            }
        }
    });
}

/// Bytes of a record besides its fields: at most the name of its type.
const RECORD_BYTES: usize = 32;

/// The first fields that fit.
fn fields<'a>(
    fields: impl Iterator<Item = Field<'a>>,
    left: &mut usize,
    arena: &'a Bump,
) -> &'a [Field<'a>] {
    let pairs = fields.map_while(|(key, text)| Some((take(key, left)?, take(text, left)?)));
    Vec::from_iter_in(pairs, arena).into_bump_slice()
}

/// The beginning of a text, or `None` once the budget is used up. Three bytes of the budget are for
/// the quotes and the comma.
fn take<'a>(text: &'a [u8], left: &mut usize) -> Option<&'a [u8]> {
    *left = left.checked_sub(3).filter(|left| *left > 0)?;
    let text = start(text, *left);
    *left -= text.len();
    Some(text)
}

/// The beginning of a text. No UTF-8 character is cut in two.
fn start(text: &[u8], length: usize) -> &[u8] {
    let mut end = length.min(text.len());
    let is_inside = |end: usize| text.get(end).is_some_and(|byte| byte & 0xc0 == 0x80);
    if (1..4).any(|back| end >= back && !is_inside(end - back)) {
        while end > 0 && is_inside(end) {
            end -= 1;
        }
    }
    text.get(..end).unwrap_or(text)
}
