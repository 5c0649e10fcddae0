//! SYSCALL and URINGOP records: a call, and the process that made it.

use std::ops::Range;

use bumpalo::Bump;

use crate::{
    bytes::hex,
    model::{Identity, RecordType},
    parse::{
        Value, enriched,
        exact::Exact,
        keys,
        layout::{Fields, take},
        memo::{Memo, part_of},
        offset,
    },
};

/// The fields of a SYSCALL record. A URINGOP record has a subset of them.
#[derive(Clone, Copy, Debug)]
pub struct CallRecord<'a> {
    /// `SYSCALL` or `URINGOP`.
    pub record_type: RecordType,
    /// `AUDIT_ARCH_*`, as a number and as hex as printed.
    pub arch: Option<(u32, &'a [u8])>,
    /// The number of the syscall or io_uring operation.
    pub number: Option<u32>,
    /// `yes` or `no`. Absent for a syscall that never returns, such as exit.
    pub success: Option<&'a [u8]>,
    /// The return value; negative for an error.
    pub exit: Option<i64>,
    /// The first four arguments, in hex as printed.
    pub(crate) args: [&'a [u8]; 4],
    /// The number of PATH records that the kernel intended to write.
    pub items: Option<u32>,
    /// The ids of the calling process.
    pub ids: Identity,
    /// The controlling terminal.
    pub tty: Option<&'a [u8]>,
    /// The command name of the task, at most 15 bytes.
    pub comm: Option<&'a [u8]>,
    /// The path of the executable.
    pub exe: Option<&'a [u8]>,
    /// The keys of the rules that matched, joined with commas.
    pub key: Option<&'a [u8]>,
    /// The LSM label.
    pub subj: Option<&'a [u8]>,
}

impl<'a> CallRecord<'a> {
    /// One of the first four arguments, counted from 0.
    pub(crate) fn arg(&self, index: usize) -> Option<u64> {
        hex(self.args.get(index)?)
    }

    /// Parses a record, and splits off the names that auditd has appended to it. The result is
    /// built in the arena, because copying it is expensive.
    #[inline]
    pub(super) fn parse(
        record_type: RecordType,
        data: &'a [u8],
        tails: &mut Tails,
        arena: &'a Bump,
    ) -> (&'a CallRecord<'a>, &'a [u8]) {
        if let Some((head, rest)) = Head::read(data)
            && let Some((known, tail, names)) = tails.split(record_type, rest)
        {
            let call = arena.alloc_with(|| CallRecord::new(record_type, head));
            call.add(known, tail);
            return (call, names);
        }
        CallRecord::parse_any(record_type, data, tails, arena)
    }

    fn new(record_type: RecordType, head: Head<'a>) -> CallRecord<'a> {
        CallRecord {
            record_type,
            arch: head.arch,
            number: head.number,
            success: head.success,
            exit: head.exit,
            args: head.args,
            items: head.items,
            ids: Identity {
                ppid: head.ppid,
                pid: head.pid,
                ..Identity::default()
            },
            tty: None,
            comm: None,
            exe: None,
            key: None,
            subj: None,
        }
    }

    /// As [`parse`](Self::parse), with any start, or with a tail that is not known.
    #[inline(never)]
    fn parse_any(
        record_type: RecordType,
        data: &'a [u8],
        tails: &mut Tails,
        arena: &'a Bump,
    ) -> (&'a CallRecord<'a>, &'a [u8]) {
        let (body, names) = enriched::split(record_type, data);
        let call = arena.alloc_with(|| CallRecord::new(record_type, Head::default()));
        let mut fields = Fields::new(body);
        // The text behind the pid, if no field before it is behind it too.
        let (mut tail, mut passes) = (None, 0);
        // In the order of SYSCALL (kernel/auditsc.c, `audit_log_exit`). The order of URINGOP
        // (`audit_log_uring`) differs slightly.
        while fields.pass() {
            take!(fields, "arch", value => {
                let number = value.hex().and_then(|arch| u32::try_from(arch).ok());
                call.arch = number.map(|number| (number, value.bytes));
            });
            take!(fields, "syscall", id(id) => call.number = id);
            take!(fields, "uring_op", id(id) => call.number = id);
            take!(fields, "success", value => call.success = value.literal());
            take!(fields, "exit", number(exit) => call.exit = exit);
            take!(fields, "a0", value => call.args[0] = value.bytes);
            take!(fields, "a1", value => call.args[1] = value.bytes);
            take!(fields, "a2", value => call.args[2] = value.bytes);
            take!(fields, "a3", value => call.args[3] = value.bytes);
            take!(fields, "items", id(id) => call.items = id);
            take!(fields, "ppid", id(id) => call.ids.ppid = id.unwrap_or(Identity::UNSET));
            take!(fields, "pid", id(id) => call.ids.pid = id.unwrap_or(Identity::UNSET));
            passes += 1;
            tail = (passes == 1).then(|| fields.rest());
            if let Some(tail) = tail
                && let Some(known) = tails.0.get(tail)
            {
                call.add(known, tail);
                return (call, names);
            }
            fields = call.take_ids(fields);
            take!(fields, "comm", text(value) => call.comm = value.optional_text(arena));
            take!(fields, "exe", text(value) => call.exe = value.optional_text(arena));
            take!(fields, "subj", value => (call.subj, fields) = label(body, value, fields));
            take!(fields, "key", text(value) => {
                call.key = without_names(value).optional_text(arena).map(|text| keys(text, arena));
            });
        }
        if let Some(tail) = tail
            && let Some(known) = Tail::of(call, tail)
        {
            tails.0.put(tail, known);
        }
        (call, names)
    }

    /// Adds the fields of its tail.
    #[inline(always)]
    fn add(&mut self, known: &Tail, tail: &'a [u8]) {
        let part = |place: &Option<Range<usize>>| tail.get(place.clone()?);
        self.ids = Identity {
            ppid: self.ids.ppid,
            pid: self.ids.pid,
            ..known.ids
        };
        self.tty = part(&known.tty);
        self.comm = part(&known.comm);
        self.exe = part(&known.exe);
        self.key = part(&known.key);
        self.subj = part(&known.subj);
    }

    /// Takes the ids that all calls of a process have in common, and its terminal. Returns the
    /// other fields, rather than taking a reference, so that they stay in registers.
    #[inline(never)]
    fn take_ids(&mut self, mut fields: Fields<'a>) -> Fields<'a> {
        take!(fields, "auid", id(id) => self.ids.auid = id.unwrap_or(Identity::UNSET));
        take!(fields, "uid", id(id) => self.ids.uid = id.unwrap_or(Identity::UNSET));
        take!(fields, "gid", id(id) => self.ids.gid = id.unwrap_or(Identity::UNSET));
        take!(fields, "euid", id(id) => self.ids.euid = id.unwrap_or(Identity::UNSET));
        take!(fields, "suid", id(id) => self.ids.suid = id.unwrap_or(Identity::UNSET));
        take!(fields, "fsuid", id(id) => self.ids.fsuid = id.unwrap_or(Identity::UNSET));
        take!(fields, "egid", id(id) => self.ids.egid = id.unwrap_or(Identity::UNSET));
        take!(fields, "sgid", id(id) => self.ids.sgid = id.unwrap_or(Identity::UNSET));
        take!(fields, "fsgid", id(id) => self.ids.fsgid = id.unwrap_or(Identity::UNSET));
        take!(fields, "tty", value => self.tty = value.literal());
        take!(fields, "ses", id(id) => self.ids.session = id.unwrap_or(Identity::UNSET));
        fields
    }
}

/// The start of a SYSCALL record, up to the pid: what differs from call to call.
#[derive(Debug)]
struct Head<'a> {
    arch: Option<(u32, &'a [u8])>,
    number: Option<u32>,
    success: Option<&'a [u8]>,
    exit: Option<i64>,
    args: [&'a [u8]; 4],
    items: Option<u32>,
    ppid: u32,
    pid: u32,
}

impl Default for Head<'_> {
    fn default() -> Self {
        Head {
            arch: None,
            number: None,
            success: None,
            exit: None,
            args: [b""; 4],
            items: None,
            ppid: Identity::UNSET,
            pid: Identity::UNSET,
        }
    }
}

impl<'a> Head<'a> {
    /// Splits a record into start and rest. `None` if the start is not in the usual form, in which
    /// there is no separator: names that auditd has appended are in the rest.
    #[inline(always)]
    fn read(data: &'a [u8]) -> Option<(Head<'a>, &'a [u8])> {
        let mut text = Exact::new(data);
        let (arch, number) = match text.skip(b"arch=c000003e syscall=") {
            Some(()) => ((0xc000_003e, &b"c000003e"[..]), text.number()?),
            None => {
                text.skip(b"arch=")?;
                let arch = text.word()?;
                text.skip(b" syscall=")?;
                ((u32::try_from(hex(arch)?).ok()?, arch), text.number()?)
            }
        };
        let success: &[u8] = match text.skip(b" success=yes exit=") {
            Some(()) => b"yes",
            None => text.skip(b" success=no exit=").map(|()| b"no")?,
        };
        let sign = text.skip(b"-").map_or(1, |()| -1);
        let exit = sign * i64::from(text.number()?);
        text.skip(b" a0=")?;
        let a0 = text.word()?;
        text.skip(b" a1=")?;
        let a1 = text.word()?;
        text.skip(b" a2=")?;
        let a2 = text.word()?;
        text.skip(b" a3=")?;
        let a3 = text.word()?;
        text.skip(b" items=")?;
        let items = text.number()?;
        text.skip(b" ppid=")?;
        let ppid = text.number()?;
        text.skip(b" pid=")?;
        let pid = text.number()?;
        text.skip(b" ")?;
        let head = Head {
            arch: Some(arch),
            number: Some(number),
            success: Some(success),
            exit: Some(exit),
            args: [a0, a1, a2, a3],
            items: Some(items),
            ppid,
            pid,
        };
        Some((head, text.rest()))
    }
}

/// Tails of SYSCALL records: the texts behind the pid. They tell the user and the program, which
/// are the same in many calls.
#[derive(Debug, Default)]
pub(super) struct Tails(Memo<Tail>);

impl Tails {
    pub(super) fn new() -> Tails {
        Tails(Memo::new(256))
    }

    /// Splits the text behind a pid into a known tail and the names that auditd has appended.
    /// `None` if the tail is not known.
    #[inline(always)]
    fn split<'a>(
        &self,
        record_type: RecordType,
        text: &'a [u8],
    ) -> Option<(&Tail, &'a [u8], &'a [u8])> {
        // No tail has a separator, so a text that is one needs no search for it.
        match self.0.get(text) {
            Some(known) => Some((known, text, b"")),
            None => self.split_names(record_type, text),
        }
    }

    #[inline(never)]
    fn split_names<'a>(
        &self,
        record_type: RecordType,
        text: &'a [u8],
    ) -> Option<(&Tail, &'a [u8], &'a [u8])> {
        let (tail, names) = enriched::split(record_type, text);
        Some((self.0.get(tail)?, tail, names))
    }
}

/// The fields of a tail. Texts are parts of it.
#[derive(Debug, Default)]
struct Tail {
    ids: Identity,
    tty: Option<Range<usize>>,
    comm: Option<Range<usize>>,
    exe: Option<Range<usize>>,
    key: Option<Range<usize>>,
    subj: Option<Range<usize>>,
}

impl Tail {
    /// The fields of a record behind its pid. `None` if a text was decoded, and so is not
    /// part of the tail.
    fn of(call: &CallRecord, tail: &[u8]) -> Option<Tail> {
        let part = |text: Option<&[u8]>| match text {
            Some(text) => part_of(text, tail).map(Some),
            None => Some(None),
        };
        Some(Tail {
            ids: call.ids,
            tty: part(call.tty)?,
            comm: part(call.comm)?,
            exe: part(call.exe)?,
            key: part(call.key)?,
            subj: part(call.subj)?,
        })
    }
}

/// The value of the last field, which names may follow directly because their separator was lost.
#[inline]
fn without_names(value: Value<'_>) -> Value<'_> {
    match value.quoted || value.is_placeholder() {
        true => value,
        false => Value {
            bytes: enriched::bare(value.bytes),
            ..value
        },
    }
}

/// An LSM label. AppArmor labels are paths that may contain spaces, followed by a space and the
/// mode in parentheses, so all words up to the next pair belong to the label.
/// Returns the other fields too.
fn label<'a>(
    body: &'a [u8],
    value: Value<'a>,
    mut fields: Fields<'a>,
) -> (Option<&'a [u8]>, Fields<'a>) {
    let Some(label) = value.literal() else {
        return (None, fields);
    };
    let mut end = offset(label, body) + label.len();
    let mut ahead = fields.tokens();
    while ahead.next().is_some_and(|token| token.key.is_empty()) {
        fields.skip_to(&ahead);
        end = body.len() - ahead.rest().len();
    }
    (body.get(offset(label, body)..end), fields)
}
