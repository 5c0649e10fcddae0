//! Lines of bounded length.

use bumpalo::{Bump, collections::Vec};

use crate::{encode::line, model::AuditEvent};

/// Appends the line of an event, cut so that it is no longer than `max` bytes, and marked as
/// truncated. All text is cut, the arguments and fields as well: the kernel bounds most of it, but a
/// log may hold anything. A line without any text fits in a few KiB.
pub fn line_within<'a>(
    event: &mut AuditEvent<'a>,
    max: usize,
    arena: &'a Bump,
    out: &mut std::vec::Vec<u8>,
) {
    within(event, max, arena, out, line);
}

/// As [`line_within`], for any way to write an event.
pub fn within<'a>(
    event: &mut AuditEvent<'a>,
    max: usize,
    arena: &'a Bump,
    out: &mut std::vec::Vec<u8>,
    mut write: impl FnMut(&AuditEvent<'a>, &mut std::vec::Vec<u8>),
) {
    event.truncated = true;
    let start = out.len();
    // A byte may take six in JSON, and hex twice as many again: halving finds the length soon.
    let mut budget = max;
    loop {
        budget /= 2;
        cut(event, budget, arena);
        out.truncate(start);
        write(event, out);
        if out.len() - start <= max || budget == 0 {
            return;
        }
    }
}

/// Cuts each long part of an event to a number of bytes.
fn cut<'a>(event: &mut AuditEvent<'a>, budget: usize, arena: &'a Bump) {
    for text in [
        &mut event.node,
        &mut event.arch,
        &mut event.success,
        &mut event.msg,
        &mut event.terminal,
        &mut event.hostname,
        &mut event.res,
        &mut event.tty,
        &mut event.comm,
        &mut event.key,
        &mut event.cwd,
        &mut event.exe,
        &mut event.commandline,
        &mut event.cmd,
        &mut event.path,
        &mut event.dest_path,
        &mut event.dev,
        &mut event.mode,
        &mut event.op,
        &mut event.acct,
        &mut event.addr,
        &mut event.subj,
    ] {
        *text = text.map(|text| start(text, budget));
    }
    let mut left = budget;
    if let Some(argv) = event.argv {
        let words = argv.iter().map_while(|word| take(word, &mut left));
        event.argv = Some(Vec::from_iter_in(words, arena).into_bump_slice());
    }
    let mut left = budget;
    let fields = event.fields.iter();
    let fields =
        fields.map_while(|(key, text)| Some((take(key, &mut left)?, take(text, &mut left)?)));
    event.fields = Vec::from_iter_in(fields, arena).into_bump_slice();
}

/// The beginning of a text, with three bytes for its quotes and comma, or nothing when the budget is
/// used up.
fn take<'a>(text: &'a [u8], left: &mut usize) -> Option<&'a [u8]> {
    *left = left.checked_sub(3).filter(|left| *left > 0)?;
    let text = start(text, *left);
    *left -= text.len();
    Some(text)
}

/// The beginning of a text, not cut inside a character.
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
