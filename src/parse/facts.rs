//! Collects the facts from all records of an event in one pass.

use bumpalo::{Bump, collections::Vec};

use crate::{
    bytes::unhex,
    model::{
        Arena, AuditMessage, AuditMessageGroup, RecordType,
        record_type::{
            AUDIT_AVC, AUDIT_AVC_PATH, AUDIT_CWD, AUDIT_EXECVE, AUDIT_FD_PAIR, AUDIT_IPE_ACCESS,
            AUDIT_LOGIN, AUDIT_MAC_TASK_CONTEXTS, AUDIT_MMAP, AUDIT_OPENAT2, AUDIT_PATH,
            AUDIT_PROCTITLE, AUDIT_SYSCALL, AUDIT_URINGOP,
        },
    },
    parse::{
        Argv, CallRecord, PathRecord, UserRecord, Value, accessed::Accessed, call, enriched,
        execve, path, roles, tokenize,
    },
};

/// The contents of one event's records, before classification.
#[derive(Debug, Default)]
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
    pub(crate) proctitle: Option<&'a [u8]>,
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
            calls: call::Tails::new(),
            paths: path::Tails::new(),
        };
        Parser { known }
    }
}

/// Values that earlier records had.
#[derive(Debug)]
struct Known {
    calls: call::Tails,
    paths: path::Tails,
}

impl Known {
    /// Without room for any: enough to parse one event.
    fn nothing() -> Known {
        Known {
            calls: call::Tails::default(),
            paths: path::Tails::default(),
        }
    }
}

fn parse<'a>(group: &AuditMessageGroup<'a>, known: &mut Known, arena: &'a Bump) -> Facts<'a> {
    let mut facts = Facts::default();
    // Most events have no more than this.
    let mut paths = Vec::with_capacity_in(4, arena);
    let mut executed = execve::Records::default();
    for message in group.messages() {
        let record_type = message.record_type;
        let body = || enriched::split(record_type, message.data).0;
        match record_type {
            AUDIT_SYSCALL => {
                let (call, names) =
                    CallRecord::parse(record_type, message.data, &mut known.calls, arena);
                facts.call = Some(call);
                facts.call_names = names;
            }
            AUDIT_URINGOP => {
                facts.operations += 1;
                let tails = &mut known.calls;
                let call = || CallRecord::parse(record_type, message.data, tails, arena).0;
                facts.uring.get_or_insert_with(call);
            }
            AUDIT_PATH => {
                paths.push(PathRecord::default());
                if let Some(path) = paths.last_mut() {
                    path.read(message.data, &mut known.paths, arena);
                }
            }
            AUDIT_CWD => facts.cwd = only_text(record_type, message.data, b"cwd", arena),
            AUDIT_EXECVE => executed.add(body(), arena),
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
    facts.argv = executed.finish(arena);
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

    /// Starts of records, most of them usual.
    fn start() -> impl Strategy<Value = &'static str> {
        prop::sample::select(std::vec![
            "",
            "arch=c000003e syscall=2 success=yes exit=-2 a0=7fb8810a6c90 a1=1ff a2=0 \
             a3=fefefefefefefeff items=2 ppid=24029 pid=24032 ",
            "arch=40000003 syscall=16777216 success=no exit=0 a0=1 a1=2 a2=3 a3=4 items=0 ppid=1 pid=7 ",
            "arch=c000003e syscall=2 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=0 ppid=1 pid=7",
            "arch=c000003e syscall=2 success=yes exit=0 a0=1\x1d a1=2 a2=3 a3=4 items=0 ppid=1 pid=7 ",
            "arch=c000003e syscall=2 success=yes exit=0 a0=\"1 2\" a1=2 a2=3 a3=4 items=0 ppid=1 pid=7 ",
            "arch=c000003e syscall=2 success=yes exit=0 a0=\"1\" a1='2' a2=3 a3=4 items=0 ppid=1 pid=7 ",
            "arch=c000003e syscall=2 success=? exit=0 a0= a1=2 a2=3 a3=4 items=0 ppid=1 pid=7 ",
            "arch=xyz syscall=2 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=0 ppid=1 pid=7 ",
            "item=0 name=\"/a\" inode=5 ",
            "item=0 name=\"/of more/than/16/bytes\" inode=5 ",
            "item=1 name=2F6120 inode=16777216512 ",
            "item=1 name=(null) inode=7 ",
            "item=1 name='/a b' inode=7 ",
            "item=1 name=\"/a\"inode=7 ",
            "item=10 name=\"/a\" inode=99999999999999999999 ",
            "item=0 name=\"/a\" inode=9999999999999999999 ",
        ])
    }

    /// Parts of records.
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
            tails in prop::collection::vec(prop::collection::vec(part(), 0..5), 3),
            bodies in prop::collection::vec((any::<bool>(), start(), 0..3usize), 1..30),
        ) {
            let (mut parser, arena) = (Parser::default(), Arena::new());
            for (is_path, start, tail) in bodies {
                let record_type = if is_path { AUDIT_PATH } else { AUDIT_SYSCALL };
                let body = [start, &tails[tail].concat()].concat();
                let mut groups = Groups::default();
                groups
                    .begin(EventId::default(), b"")
                    .push(record_type, body.as_bytes());
                let group = groups.last().unwrap();
                let (known, new) = (parser.facts(&group, &arena), facts(&group, &arena));
                prop_assert_eq!(format!("{known:?}"), format!("{new:?}"));
            }
        }
    }
}
