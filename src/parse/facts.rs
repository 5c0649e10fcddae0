//! Collects the facts from all records of an event in one pass.

use std::ops::Range;

use bumpalo::{Bump, collections::Vec};

use crate::{
    bytes::{hex, unhex},
    model::{
        Arena, AuditMessage, AuditMessageGroup, Identity, RecordType,
        record_type::{
            AUDIT_AVC, AUDIT_AVC_PATH, AUDIT_CWD, AUDIT_EXECVE, AUDIT_FD_PAIR, AUDIT_IPE_ACCESS,
            AUDIT_LOGIN, AUDIT_MAC_TASK_CONTEXTS, AUDIT_MMAP, AUDIT_OPENAT2, AUDIT_PATH,
            AUDIT_PROCTITLE, AUDIT_SYSCALL, AUDIT_URINGOP,
        },
    },
    parse::{
        Argv, PathRecord, UserRecord, Value,
        accessed::Accessed,
        enriched,
        execve::Pieces,
        keys,
        layout::{Fields, take},
        memo::place,
        offset, path, roles, tokenize,
    },
};

/// The contents of one event's records, before classification.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The SYSCALL record.
    pub call: Option<&'a CallRecord<'a>>,
    /// The names that auditd appended to it, such as `UID="root"`.
    pub(crate) call_names: &'a [u8],
    /// The first URINGOP record. If the operation ran inside the io_uring_enter call that submitted
    /// it, the event has a SYSCALL record too.
    pub uring: Option<&'a CallRecord<'a>>,
    /// The number of URINGOP records: one call may submit several operations.
    pub operations: u32,
    /// The working directory.
    pub cwd: Option<&'a [u8]>,
    /// The PATH records, sorted by item number.
    pub paths: &'a [PathRecord<'a>],
    /// The arguments of the executed program.
    pub argv: Option<Argv<'a>>,
    /// The body of the PROCTITLE record. It is parsed on demand, because it is long and rarely
    /// needed.
    proctitle: Option<&'a [u8]>,
    /// `open_how.flags` of openat2. Its syscall arguments only point to the struct.
    pub open_flags: Option<u64>,
    /// `open_how.resolve` of openat2: restrictions on path resolution.
    pub open_resolve: Option<u64>,
    /// The descriptor passed to mmap, which is its fifth argument; SYSCALL has only four.
    pub mmap_fd: Option<u64>,
    /// The two descriptors that pipe or socketpair returned (FD_PAIR).
    pub fd_pair: [Option<u32>; 2],
    /// The labels of several LSMs, `subj_selinux=… subj_apparmor=…`, if SYSCALL has `subj=?`.
    /// Mainline kernels have a record type for them; Ubuntu's kernels reuse the number of another.
    pub contexts: Option<&'a [u8]>,
    /// The file that SELinux decided about.
    pub(crate) accessed: Accessed<'a>,
    /// The record from user space, or LOGIN.
    pub user: Option<&'a UserRecord<'a>>,
    /// Whether there are records that nothing above tells of, or not all of their fields.
    pub has_others: bool,
}

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

/// Parses all records of an event.
///
/// Decoded text is allocated in `arena`; other text is borrowed from the group.
pub fn facts<'a>(group: &AuditMessageGroup<'a>, arena: &'a Arena) -> Facts<'a> {
    parse(group, &mut Known::nothing(), arena.bump())
}

/// Parses the records of one event after the other, and reads texts that recur only once.
#[derive(Debug)]
pub struct Parser {
    known: Known,
}

impl Parser {
    /// Parses all records of an event, as [`facts()`] does.
    pub fn facts<'a>(&mut self, group: &AuditMessageGroup<'a>, arena: &'a Arena) -> Facts<'a> {
        parse(group, &mut self.known, arena.bump())
    }
}

impl Default for Parser {
    fn default() -> Parser {
        let known = Known {
            paths: path::Tails::new(),
            ..Known::nothing()
        };
        Parser { known }
    }
}

/// Values that earlier records had.
#[derive(Debug)]
struct Known {
    ids: LastIds,
    paths: path::Tails,
}

impl Known {
    /// Without room for PATH records: enough to parse one event.
    fn nothing() -> Known {
        Known {
            ids: LastIds::default(),
            paths: path::Tails::default(),
        }
    }
}

fn parse<'a>(group: &AuditMessageGroup<'a>, known: &mut Known, arena: &'a Bump) -> Facts<'a> {
    let mut facts = Facts {
        call: None,
        call_names: b"",
        uring: None,
        operations: 0,
        cwd: None,
        paths: &[],
        argv: None,
        proctitle: None,
        open_flags: None,
        open_resolve: None,
        mmap_fd: None,
        fd_pair: [None; 2],
        contexts: None,
        accessed: Accessed::default(),
        user: None,
        has_others: false,
    };
    // Most events have no more than this.
    let mut paths = Vec::with_capacity_in(4, arena);
    let mut pieces = Pieces::new(arena);
    for message in group.messages() {
        let record_type = message.record_type;
        let body = || enriched::split(record_type, message.data).0;
        match record_type {
            AUDIT_SYSCALL => {
                let (body, names) = enriched::split(record_type, message.data);
                facts.call = Some(CallRecord::parse(record_type, body, &mut known.ids, arena));
                facts.call_names = names;
            }
            AUDIT_URINGOP => {
                facts.operations += 1;
                let ids = &mut known.ids;
                let call = || CallRecord::parse(record_type, body(), ids, arena);
                facts.uring.get_or_insert_with(call);
            }
            AUDIT_PATH => paths.push(PathRecord::parse(message.data, &mut known.paths, arena)),
            AUDIT_CWD => facts.cwd = only_text(record_type, message.data, b"cwd", arena),
            AUDIT_EXECVE => pieces.add(body()),
            AUDIT_PROCTITLE => facts.proctitle = Some(message.data),
            AUDIT_OPENAT2 => {
                facts.has_others = true;
                facts.open_flags = only(body(), b"oflag").and_then(octal);
                facts.open_resolve = only(body(), b"resolve").and_then(prefixed_hex);
            }
            AUDIT_FD_PAIR => {
                facts.has_others = true;
                facts.fd_pair = [b"fd0", b"fd1"].map(|key| only(body(), key).and_then(|v| v.id()));
            }
            AUDIT_MMAP => {
                facts.has_others = true;
                facts.mmap_fd = only(body(), b"fd").and_then(|v| v.id()).map(u64::from);
            }
            AUDIT_AVC | AUDIT_AVC_PATH => {
                facts.has_others = true;
                facts.accessed.add(record_type, message.data, arena);
            }
            _ if record_type.is_user_event() || record_type == AUDIT_LOGIN => {
                facts.has_others |= facts.user.is_some();
                facts
                    .user
                    .get_or_insert_with(|| UserRecord::parse(record_type, message.data, arena));
            }
            _ if is_contexts(&message) => facts.contexts = Some(body()),
            _ => facts.has_others = true,
        }
    }
    if !paths.is_sorted_by_key(|path: &PathRecord| path.item) {
        paths.sort_by_key(|path| path.item);
    }
    if let (Some(call), Some(first)) = (facts.call, paths.first())
        && !first.has_role
    {
        roles::infer(&mut paths, call);
    }
    facts.paths = paths.into_bump_slice();
    facts.argv = pieces.finish(arena);
    facts
}

/// Whether a record has the labels of several security modules, for [`Facts::contexts`].
pub(crate) fn is_contexts(message: &AuditMessage) -> bool {
    let may_be = matches!(
        message.record_type,
        AUDIT_MAC_TASK_CONTEXTS | AUDIT_IPE_ACCESS
    );
    may_be && message.data.starts_with(b"subj_")
}

impl<'a> Facts<'a> {
    /// Whether PATH records that the kernel meant to write are missing.
    pub(crate) fn lacks_paths(&self) -> bool {
        let items = self.call.or(self.uring).and_then(|call| call.items);
        items.is_some_and(|items| items as usize > self.paths.len())
    }

    /// The command line of the process: NUL-separated arguments, cut at 128 bytes. If there is
    /// none, the kernel writes `proctitle="(null)"`, in quotes in this field only.
    pub(crate) fn title(&self, arena: &'a Bump) -> Option<&'a [u8]> {
        let text = only_text(AUDIT_PROCTITLE, self.proctitle?, b"proctitle", arena)
            .filter(|text| text != b"(null)")?;
        Some(text.strip_suffix(b"\0").unwrap_or(text))
    }
}

impl<'a> CallRecord<'a> {
    /// One of the first four arguments, counted from 0.
    pub(crate) fn arg(&self, index: usize) -> Option<u64> {
        hex(self.args.get(index)?)
    }

    /// Parses a record. The result is built in the arena, because copying it is expensive.
    fn parse(
        record_type: RecordType,
        body: &'a [u8],
        ids: &mut LastIds,
        arena: &'a Bump,
    ) -> &'a CallRecord<'a> {
        let call = arena.alloc_with(|| CallRecord {
            record_type,
            arch: None,
            number: None,
            success: None,
            exit: None,
            args: [b""; 4],
            items: None,
            ids: Identity::default(),
            tty: None,
            comm: None,
            exe: None,
            key: None,
            subj: None,
        });
        let mut fields = Fields::new(body);
        let mut is_first = true;
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
            match std::mem::take(&mut is_first) {
                true => ids.take(&mut fields, call),
                false => call.take_ids(&mut fields),
            }
            take!(fields, "comm", text(value) => call.comm = value.optional_text(arena));
            take!(fields, "exe", text(value) => call.exe = value.optional_text(arena));
            take!(fields, "subj", value => call.subj = label(body, value, &mut fields));
            take!(fields, "key", text(value) => {
                call.key = without_names(value).optional_text(arena).map(|text| keys(text, arena));
            });
        }
        call
    }

    /// Takes the ids that all calls of a process have in common, and its terminal.
    #[inline(never)]
    fn take_ids(&mut self, fields: &mut Fields<'a>) {
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
    }
}

/// The ids and the terminal in the last SYSCALL record. Most processes have the same.
#[derive(Debug, Default)]
struct LastIds {
    /// The whole of their fields, with the space behind them. Empty if there are none.
    text: std::vec::Vec<u8>,
    ids: Identity,
    tty: Option<Range<usize>>,
}

impl LastIds {
    /// Takes the fields of a record from the first id to the session, if it starts with them. It has
    /// none of them yet.
    #[inline]
    fn take<'a>(&mut self, fields: &mut Fields<'a>, call: &mut CallRecord<'a>) {
        let rest = fields.rest();
        if self.text.is_empty() || !rest.starts_with(&self.text) {
            return self.read(fields, call);
        }
        fields.skip(self.text.len());
        call.ids = Identity {
            ppid: call.ids.ppid,
            pid: call.ids.pid,
            ..self.ids
        };
        call.tty = self.tty.clone().and_then(|tty| rest.get(tty));
    }

    /// As [`take`](Self::take), for other fields than those of the last record.
    #[inline(never)]
    fn read<'a>(&mut self, fields: &mut Fields<'a>, call: &mut CallRecord<'a>) {
        let rest = fields.rest();
        call.take_ids(fields);
        let length = rest.len() - fields.rest().len();
        let text = rest.get(..length).unwrap_or_default();
        self.text.clear();
        // The fields end there in any record, and no quote is open.
        if text.ends_with(b" ") && !text.iter().any(|byte| matches!(byte, b'"' | b'\'')) {
            self.text.extend_from_slice(text);
            self.ids = call.ids;
            self.tty = call.tty.map(|tty| place(tty, rest));
        }
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
fn label<'a>(body: &'a [u8], value: Value<'a>, fields: &mut Fields<'a>) -> Option<&'a [u8]> {
    let label = value.literal()?;
    let mut end = offset(label, body) + label.len();
    let mut ahead = fields.tokens();
    while ahead.next().is_some_and(|token| token.key.is_empty()) {
        fields.skip_to(&ahead);
        end = body.len() - ahead.rest().len();
    }
    body.get(offset(label, body)..end)
}

/// The text of `key` in a record of which nothing else is needed. Looks for the names that auditd
/// appends only if the value is neither quoted nor valid hex: otherwise it cannot contain them.
#[inline(always)]
fn only_text<'a>(
    record_type: RecordType,
    data: &'a [u8],
    key: &[u8],
    arena: &'a Bump,
) -> Option<&'a [u8]> {
    match only(data, key)? {
        value if value.quoted => Some(value.bytes),
        value => unhex(value.bytes, arena)
            .or_else(|| only(enriched::split(record_type, data).0, key)?.optional_text(arena)),
    }
}

/// The value of `key` in a record of which nothing else is needed.
#[inline(always)]
fn only<'a>(body: &'a [u8], key: &[u8]) -> Option<Value<'a>> {
    if let Some([b'=', value @ ..]) = body.strip_prefix(key) {
        return Some(Value::read(value).0);
    }
    tokenize(body)
        .find(|token| token.key == key)
        .map(|token| token.value)
}

fn octal(value: Value<'_>) -> Option<u64> {
    u64::from_str_radix(str::from_utf8(value.bytes).ok()?, 8).ok()
}

fn prefixed_hex(value: Value<'_>) -> Option<u64> {
    let bytes = value.bytes.strip_prefix(b"0x").unwrap_or(value.bytes);
    Value { bytes, ..value }.hex()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{EventId, Groups};

    /// Parts of records, most of which recur.
    fn part() -> impl Strategy<Value = &'static str> {
        prop::sample::select(std::vec![
            "arch=c000003e syscall=2 ",
            "pid=7 ",
            "pid=8 auid=0 ",
            "auid=0 uid=0 gid=0 ",
            "auid=1 uid=0 tty=pts0 ses=1 ",
            "auid=1 uid=0 tty=pts0 ses=12 ",
            "auid=1 uid=0 tty=(none) ses=1",
            "tty=\"a ",
            "tty=a\" ",
            "comm=\"x\" ",
            "key=\"k\"",
            "item=0 name=\"/a\" ",
            "item=1 ",
            "inode=5 ",
            "inode=6 dev=fe:00 ",
            "dev=fe:00 mode=0100644 ouid=0 ogid=0 ",
            "dev=fe:01 mode=040755 ouid=4294967295 rdev=00:00 ",
            "nametype=NORMAL cap_fp=0",
            "nametype=CREATE cap_fp=0",
            "nametype=PARENT",
            "\x1dOUID=\"root\"",
            " ",
            "word ",
        ])
    }

    proptest! {
        #[test]
        fn earlier_records_do_not_change_how_a_record_is_read(
            bodies in prop::collection::vec(
                (any::<bool>(), prop::collection::vec(part(), 0..8)),
                1..60,
            ),
        ) {
            let (mut parser, arena) = (Parser::default(), Arena::new());
            for (is_path, parts) in bodies {
                let record_type = if is_path { AUDIT_PATH } else { AUDIT_SYSCALL };
                let mut groups = Groups::default();
                groups
                    .begin(EventId::default(), b"")
                    .push(record_type, parts.concat().as_bytes());
                let group = groups.last().unwrap();
                let (known, new) = (parser.facts(&group, &arena), facts(&group, &arena));
                prop_assert_eq!(format!("{known:?}"), format!("{new:?}"));
            }
        }
    }
}
