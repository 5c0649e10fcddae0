//! Secrets in the records of an event, and the edits that take them out.

use std::ops::Range;

use bumpalo::{Bump, collections::Vec};

use super::{
    Redactor,
    edits::{Edits, redacted},
    words,
};
use crate::{
    bytes::unhex,
    model::{
        AuditMessage, AuditMessageGroup, RecordType,
        record_type::{
            AUDIT_AVC, AUDIT_BPRM_FCAPS, AUDIT_CAPSET, AUDIT_CWD, AUDIT_EOE, AUDIT_EXECVE,
            AUDIT_LOGIN, AUDIT_MMAP, AUDIT_NETFILTER_CFG, AUDIT_OBJ_PID, AUDIT_OPENAT2, AUDIT_PATH,
            AUDIT_PROCTITLE, AUDIT_SOCKADDR, AUDIT_SYSCALL, AUDIT_TTY, AUDIT_URINGOP,
            AUDIT_USER_TTY,
        },
    },
    parse::{Token, Value, enriched, is_encoded, offset, position, tokenize},
};

/// The length from which on a process title may be cut (kernel/audit.h, `MAX_PROCTITLE_AUDIT_LEN`
/// is 128).
const TITLE_BYTES: usize = 127;

/// A value in a record, where it stands, and its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) record: usize,
    /// The range of the value in the record, with its quotes.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) text: &'a [u8],
    /// Whether the text is written in hex, or in quotes if it needs none.
    pub(super) is_encoded: bool,
    /// Whether the end of the text is missing.
    pub(super) cut: bool,
}

/// A part of an argument (kernel/auditsc.c, `audit_log_execve_info`).
#[derive(Clone, Copy, Debug)]
struct Piece<'a> {
    /// Old kernels write the arguments of a script twice: the number of the list.
    list: usize,
    argument: u32,
    part: u32,
    place: Place<'a>,
}

/// The field of a piece's length.
#[derive(Clone, Copy, Debug)]
struct Length {
    argument: u32,
    record: usize,
    start: usize,
    end: usize,
}

impl Redactor {
    /// Finds all secrets of an event.
    pub(super) fn search<'a>(
        &self,
        group: &AuditMessageGroup<'a>,
        arena: &'a Bump,
        edits: &mut Edits,
    ) {
        let mut has_arguments = false;
        for (record, message) in group.messages().enumerate() {
            match message.record_type {
                AUDIT_EXECVE => has_arguments = true,
                AUDIT_PROCTITLE => self.title_record(record, message, arena, edits),
                record_type if has_no_text(record_type) => {}
                _ => self.message(record, message, arena, edits),
            }
        }
        if has_arguments && self.no_args {
            self.drop_arguments(group, edits);
        }
        if has_arguments {
            self.argument_records(group, arena, edits);
        }
    }

    /// Removes all arguments but the first, and says that there was only one.
    fn drop_arguments(&self, group: &AuditMessageGroup<'_>, edits: &mut Edits) {
        for (record, message) in group.messages().enumerate() {
            if message.record_type != AUDIT_EXECVE {
                continue;
            }
            let data = message.data;
            for token in tokenize(data) {
                let place = place(record, data, &token.value);
                if token.key == b"argc" {
                    if token.value.bytes != b"1" {
                        edits.replace(&place, b"1");
                    }
                } else if !is_first(token.key) {
                    let start = start_of(&token, data);
                    let space = usize::from(start > 0);
                    edits.cut(record, start - space..place.end);
                }
            }
        }
    }

    fn argument_records<'a>(
        &self,
        group: &AuditMessageGroup<'a>,
        arena: &'a Bump,
        edits: &mut Edits,
    ) {
        let (mut pieces, lengths) = pieces(group, arena);
        if self.no_args {
            pieces.retain(|piece| piece.argument == 0);
        }
        for list in pieces.chunk_by(|a, b| a.list == b.list) {
            self.argument_list(list, &lengths, group.truncated, arena, edits);
        }
    }

    fn argument_list<'a>(
        &self,
        pieces: &[Piece<'a>],
        lengths: &[Length],
        truncated: bool,
        arena: &'a Bump,
        edits: &mut Edits,
    ) {
        let mut words: Vec<'_, &[u8]> = Vec::new_in(arena);
        let mut places: Vec<'_, &[Piece<'a>]> = Vec::new_in(arena);
        // The arguments from here on may be the values of lost options.
        let mut known = usize::MAX;
        for word in pieces.chunk_by(|a, b| a.argument == b.argument) {
            let is_next = word
                .iter()
                .all(|piece| piece.argument as usize == words.len());
            let is_whole = word.iter().zip(0..).all(|(piece, part)| piece.part == part);
            if !(is_next && is_whole) {
                known = known.min(words.len());
            }
            words.push(joined(word, arena));
            places.push(word);
        }
        let cut = truncated || pieces.last().is_some_and(|piece| piece.place.cut);
        let mut replace = |index: usize, ranges: &[Range<usize>]| {
            if let (Some(word), Some(places)) = (words.get(index), places.get(index)) {
                let text = redacted(word, ranges);
                edit_pieces(places, lengths, &text, edits);
            }
        };
        let end = known.min(words.len());
        let argv = words.get(..end).unwrap_or_default();
        words::arguments(&self.rules, argv, cut, &mut replace);
        for (index, word) in words.iter().enumerate().skip(end) {
            let all = 0..word.len();
            replace(index, std::slice::from_ref(&all));
        }
    }

    fn title_record<'a>(
        &self,
        record: usize,
        message: AuditMessage<'a>,
        arena: &'a Bump,
        edits: &mut Edits,
    ) {
        let title = tokenize(message.data).find(|token| token.key == b"proctitle");
        let place = title.map(|Token { mut value, .. }| {
            if !value.quoted {
                value.bytes = enriched::bare(value.bytes);
            }
            decoded(record, message.data, &value, arena)
        });
        let Some(place) = place.filter(|place| place.is_encoded) else {
            // Not as the kernel writes it, so it is a text like any other.
            return self.message(record, message, arena, edits);
        };
        let cut = place.cut || place.text.len() >= TITLE_BYTES;
        if let Some(text) = self.title_text(place.text, cut) {
            edits.replace_text(&place, &text);
        }
    }

    /// Finds the secrets in a message of a program, or in another record of text.
    fn message<'a>(
        &self,
        record: usize,
        message: AuditMessage<'a>,
        arena: &'a Bump,
        edits: &mut Edits,
    ) {
        let is_typed = matches!(message.record_type, AUDIT_TTY | AUDIT_USER_TTY);
        let (raw, _) = enriched::split(message.record_type, message.data);
        let fields = Fields {
            record,
            data: message.data,
            is_typed,
        };
        self.fields(&fields, raw, arena, edits);
    }

    fn fields<'a>(&self, fields: &Fields<'a>, text: &'a [u8], arena: &'a Bump, edits: &mut Edits) {
        let mut tokens = tokenize(text);
        // The text since the last field that is known by name.
        let mut run: Option<Range<usize>> = None;
        while let Some(token) = tokens.next() {
            let end = offset(tokens.rest(), fields.data);
            let start = start_of(&token, fields.data);
            if !is_field(token.key) {
                run = Some(run.map_or(start, |run| run.start)..end);
                continue;
            }
            self.run(fields, run.take(), edits);
            if token.key == b"msg" && token.value.quoted {
                self.fields(fields, token.value.bytes, arena, edits);
            } else if token.value.quoted || is_hex(token.value.bytes) {
                self.field(fields, &token, arena, edits);
            } else {
                // A bare value goes on to the next field.
                run = Some(offset(token.value.bytes, fields.data)..end);
            }
        }
        self.run(fields, run, edits);
    }

    /// Words without quotes.
    fn run(&self, fields: &Fields<'_>, run: Option<Range<usize>>, edits: &mut Edits) {
        let Some(run) = run else { return };
        let text = fields.data.get(run.clone()).unwrap_or_default();
        let text = text.trim_ascii_end();
        let mut found = std::vec::Vec::new();
        words::joined(&self.rules, text, false, &mut found);
        for range in found {
            edits.splice(
                fields.record,
                run.start + range.start..run.start + range.end,
            );
        }
    }

    /// A field whose value is in quotes or in hex.
    fn field<'a>(
        &self,
        fields: &Fields<'a>,
        token: &Token<'a>,
        arena: &'a Bump,
        edits: &mut Edits,
    ) {
        let value = &token.value;
        let mut place = match is_text(token.key) && !value.quoted {
            true => decoded(fields.record, fields.data, value, arena),
            false => place(fields.record, fields.data, value),
        };
        if value.quoted {
            // Only the text between the quotes is replaced.
            place.start = offset(value.bytes, fields.data);
            place.end = place.start + value.bytes.len();
        }
        if let Some(text) = self.field_text(token.key, &place, fields.is_typed) {
            edits.replace_text(&place, &text);
        }
    }

    /// A value without secrets. `None` if there are none.
    fn field_text(
        &self,
        key: &[u8],
        place: &Place<'_>,
        is_typed: bool,
    ) -> Option<std::vec::Vec<u8>> {
        let mut found = std::vec::Vec::new();
        if is_typed && key == b"data" && self.no_args {
            found.push(0..place.text.len());
        } else if is_typed {
            words::shell(&self.rules, place.text, place.cut, &mut found);
        } else {
            words::joined(&self.rules, place.text, place.cut, &mut found);
        }
        let mut text = (!found.is_empty()).then(|| redacted(place.text, &found));
        if self.no_args && is_command(key) && !is_typed {
            let whole = text.as_deref().unwrap_or(place.text);
            if let Some(end) = whole.iter().position(u8::is_ascii_whitespace) {
                text = Some(whole.get(..end).unwrap_or_default().to_vec());
            }
        }
        text
    }
}

/// A record whose fields are read.
struct Fields<'a> {
    record: usize,
    data: &'a [u8],
    /// Whether its data was typed at a terminal.
    is_typed: bool,
}

/// Whether the kernel writes records of this type without text of arguments.
fn has_no_text(record_type: RecordType) -> bool {
    matches!(
        record_type,
        AUDIT_SYSCALL
            | AUDIT_PATH
            | AUDIT_CWD
            | AUDIT_SOCKADDR
            | AUDIT_EOE
            | AUDIT_LOGIN
            | AUDIT_OBJ_PID
            | AUDIT_BPRM_FCAPS
            | AUDIT_CAPSET
            | AUDIT_MMAP
            | AUDIT_OPENAT2
            | AUDIT_NETFILTER_CFG
            | AUDIT_URINGOP
            | AUDIT_AVC
    )
}

/// Whether a key is that of a field, and not part of a text such as `--password=x`.
fn is_field(key: &[u8]) -> bool {
    const OTHERS: [&[u8]; 24] = [
        b"msg",
        b"op",
        b"addr",
        b"hostname",
        b"terminal",
        b"res",
        b"result",
        b"pid",
        b"uid",
        b"auid",
        b"ses",
        b"tty",
        b"subj",
        b"exe",
        b"cmdline",
        b"id",
        b"unit",
        b"tcontext",
        b"scontext",
        b"tclass",
        b"permissive",
        b"saddr",
        b"sauid",
        b"reason",
    ];
    is_text(key) || OTHERS.contains(&key)
}

/// Whether a field may be written in hex.
fn is_text(key: &[u8]) -> bool {
    is_encoded(key) || key == b"cmdline"
}

/// Whether a field is a command with its arguments.
fn is_command(key: &[u8]) -> bool {
    matches!(key, b"cmd" | b"cmdline" | b"proctitle")
}

/// Whether a key belongs to the first argument.
fn is_first(key: &[u8]) -> bool {
    key == b"a0_len" || position(key).is_some_and(|(argument, _)| argument == 0)
}

/// The offset of a token in its record.
fn start_of(token: &Token<'_>, data: &[u8]) -> usize {
    match token.key {
        [] => offset(token.value.bytes, data),
        key => offset(key, data),
    }
}

/// Where a value stands, undecoded.
fn place<'a>(record: usize, data: &[u8], value: &Value<'a>) -> Place<'a> {
    let quotes = usize::from(value.quoted);
    let start = offset(value.bytes, data);
    let is_closed =
        value.quoted && matches!(data.get(start + value.bytes.len()), Some(b'"' | b'\''));
    Place {
        record,
        start: start - quotes,
        end: start + value.bytes.len() + usize::from(is_closed),
        text: value.bytes,
        is_encoded: false,
        cut: value.quoted && !is_closed,
    }
}

/// Whether a value is in hex. A record that was cut may end in half a byte.
fn is_hex(value: &[u8]) -> bool {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
    value.len() > 1 && value.iter().all(is_digit)
}

/// Where a value stands, decoded. Hex with a digit too few has lost its end.
fn decoded<'a>(record: usize, data: &[u8], value: &Value<'a>, arena: &'a Bump) -> Place<'a> {
    let place = place(record, data, value);
    if value.quoted {
        return Place {
            is_encoded: true,
            ..place
        };
    }
    let even = value.bytes.len() & !1;
    let text = value.bytes.get(..even).and_then(|hex| unhex(hex, arena));
    match text {
        Some(text) => Place {
            text,
            is_encoded: true,
            cut: even < value.bytes.len(),
            ..place
        },
        None => place,
    }
}

/// The pieces of all arguments in order, and the fields of their lengths.
fn pieces<'a>(
    group: &AuditMessageGroup<'a>,
    arena: &'a Bump,
) -> (Vec<'a, Piece<'a>>, Vec<'a, Length>) {
    let mut pieces: Vec<'_, Piece<'_>> = Vec::new_in(arena);
    let mut lengths = Vec::new_in(arena);
    for (record, message) in group.messages().enumerate() {
        if message.record_type != AUDIT_EXECVE {
            continue;
        }
        for token in tokenize(message.data) {
            let place = decoded(record, message.data, &token.value, arena);
            if let Some((argument, part)) = position(token.key) {
                pieces.push(Piece {
                    list: 0,
                    argument,
                    part,
                    place,
                });
            } else if let Some(key) = token.key.strip_suffix(b"_len")
                && let Some((argument, _)) = position(key)
            {
                lengths.push(Length {
                    argument,
                    record,
                    start: place.start,
                    end: place.end,
                });
            }
        }
    }
    pieces.sort_by_key(|piece| (piece.argument, piece.part));
    let mut before = None;
    let mut list = 0;
    for piece in &mut pieces {
        let position = Some((piece.argument, piece.part));
        list = if before == position { list + 1 } else { 0 };
        piece.list = list;
        before = position;
    }
    pieces.sort_by_key(|piece| piece.list);
    (pieces, lengths)
}

fn joined<'a>(pieces: &[Piece<'a>], arena: &'a Bump) -> &'a [u8] {
    match pieces {
        [piece] => piece.place.text,
        pieces => {
            let bytes = pieces
                .iter()
                .flat_map(|piece| piece.place.text.iter().copied());
            Vec::from_iter_in(bytes, arena).into_bump_slice()
        }
    }
}

/// Puts a new argument in the place of its first piece, and nothing in the places of the others.
fn edit_pieces(pieces: &[Piece<'_>], lengths: &[Length], text: &[u8], edits: &mut Edits) {
    let Some((first, rest)) = pieces.split_first() else {
        return;
    };
    let length = edits.replace_text(&first.place, text);
    for piece in rest {
        edits.replace_text(&piece.place, b"");
    }
    for field in lengths
        .iter()
        .filter(|field| field.argument == first.argument)
    {
        edits.put(
            field.record,
            field.start..field.end,
            length.to_string().as_bytes(),
        );
    }
}
