//! From facts to an event: which kind it is, which names belong in it, and what it teaches about
//! paths for the events after it.

mod calls;
mod commandline;
mod events;
mod learn;
mod names;
mod place;

use bumpalo::Bump;

use crate::{
    model::{
        Action, Arch, Arena, AuditEvent, AuditMessageGroup, Detail, record_type::AUDIT_URINGOP,
        uring_op_name,
    },
    parse::{CallRecord, Facts, NameType, facts},
    resolve::{Absent, Host, Resolver},
};
use calls::{Call, Dir, Names, known, uring_call};
pub use calls::{is_exec_syscall, is_fim_syscall};
use place::Namer;

/// Hosts whose paths are remembered at a time; logs of more are rare.
const NODES: usize = 64;
/// Bytes of all that is remembered of all hosts, about. Few hosts fill it as little as many idle ones.
const MEMORY: usize = 128 << 20;
/// Events between two looks at how much it is.
const BETWEEN_LOOKS: u32 = 1024;

/// Turns the records of events into events, and remembers what they say of paths.
pub struct Classifier {
    memories: Vec<(Vec<u8>, Resolver)>,
    events: u32,
    host: Box<dyn Host + Send>,
}

impl Classifier {
    /// A classifier that remembers nothing yet. `host` is the live system that the records come
    /// from, or [`Absent`].
    pub fn new(host: Box<dyn Host + Send>) -> Classifier {
        Classifier {
            memories: Vec::new(),
            events: 0,
            host,
        }
    }

    /// The event that a group of records is, or `None` if it is of no kind.
    ///
    /// Groups must come in the order in which the kernel finished them, since paths are resolved
    /// by earlier events. Text that is not borrowed from the group is built in `arena`, which may be
    /// reset once the event is no longer needed.
    pub fn classify<'a>(
        &mut self,
        group: &AuditMessageGroup<'a>,
        arena: &'a Arena,
    ) -> Option<AuditEvent<'a>> {
        let facts = facts(group, arena);
        let arena = arena.bump();
        if let Some(user) = facts.user {
            return Some(events::user(group, user, &facts, arena));
        }
        let Some(call) = call_of(&facts, arena) else {
            return events::orphan(group, &facts, arena);
        };
        let (name, meaning) = identify(call);
        // A call that no table has yet may still execute programs and create files.
        let meaning = match name {
            Some(_) => meaning,
            None => by_records(&facts),
        };
        let detail = self.detail(group, call, meaning, &facts, arena)?;
        let syscall = name.unwrap_or_else(|| unknown_syscall(call.number, arena));
        Some(events::call(group, call, &facts, syscall, detail))
    }

    /// The detail of a call, or `None` if it makes no event. Either way the call may change what
    /// is remembered of paths.
    fn detail<'a>(
        &mut self,
        group: &AuditMessageGroup<'a>,
        call: &CallRecord<'a>,
        meaning: Option<Call>,
        facts: &Facts<'a>,
        arena: &'a Bump,
    ) -> Option<Detail<'a>> {
        self.events = self.events.wrapping_add(1);
        if self.events.is_multiple_of(BETWEEN_LOOKS) {
            forget(&mut self.memories, MEMORY);
        }
        let mut namer = Namer {
            call,
            facts,
            memory: memory(&mut self.memories, group.node),
            host: &*self.host,
            arena,
        };
        match meaning? {
            Call::Exec(dir) => {
                let program = namer.program(dir);
                learn::executed(&mut namer);
                Some(events::exec(program, facts, arena))
            }
            Call::Fork => {
                learn::forked(&mut namer);
                Some(events::fork(facts, arena))
            }
            Call::File(action, names) => {
                let named = namer.file(action, names);
                learn::file(&mut namer, &named, names);
                Some(events::file(&named, facts, arena))
            }
            Call::Fcntl => {
                learn::fcntl(&mut namer);
                None
            }
        }
    }
}

/// The event that a group of records is, without any memory of events before it.
///
/// A [`Classifier`] resolves more paths, because it remembers which descriptor is which file.
///
/// ```
/// use auditrd::{Arena, model::{Detail, EventId, Groups}, parse_audit_event, record_type::*};
///
/// let mut groups = Groups::default();
/// groups
///     .begin(EventId::default(), b"")
///     .push(AUDIT_SYSCALL, b"arch=c000003e syscall=87 success=yes exit=0 items=2 pid=7 uid=0")
///     .push(AUDIT_CWD, b"cwd=\"/tmp\"")
///     .push(AUDIT_PATH, b"item=0 name=\"/tmp\" inode=2 dev=fe:00 nametype=PARENT")
///     .push(AUDIT_PATH, b"item=1 name=\"x\" inode=3 dev=fe:00 nametype=DELETE");
///
/// let arena = Arena::new();
/// let event = parse_audit_event(&groups.last().unwrap(), &arena).unwrap();
/// assert_eq!(event.syscall, "unlink");
/// let Detail::File(file) = &event.detail else { panic!("unlink is about a file") };
/// assert_eq!(file.path, Some(&b"/tmp/x"[..]));
/// ```
#[doc(alias = "ParseAuditEvent")]
pub fn parse_audit_event<'a>(
    group: &AuditMessageGroup<'a>,
    arena: &'a Arena,
) -> Option<AuditEvent<'a>> {
    Classifier::new(Box::new(Absent)).classify(group, arena)
}

/// The memory of one host. Logs of many hosts are short lists of them, so this is a search.
fn memory<'m>(memories: &'m mut Vec<(Vec<u8>, Resolver)>, node: &[u8]) -> &'m mut Resolver {
    let index = memories
        .iter()
        .position(|(name, _)| name == node)
        .unwrap_or_else(|| {
            if memories.len() >= NODES {
                memories.remove(0);
            }
            memories.push((node.to_vec(), Resolver::new()));
            memories.len() - 1
        });
    &mut memories[index].1
}

/// Forgets the hosts that are remembered for longest until the rest takes no more than `bound` bytes.
/// The last one stays: it has bounds of its own.
fn forget(memories: &mut Vec<(Vec<u8>, Resolver)>, bound: usize) {
    let size = |(name, memory): &(Vec<u8>, Resolver)| name.capacity() + memory.size();
    let mut left: usize = memories.iter().map(size).sum();
    let excess = memories.iter().take_while(|memory| {
        let is_over = left > bound;
        left -= size(memory);
        is_over
    });
    let excess = excess.count().min(memories.len().saturating_sub(1));
    memories.drain(..excess);
}

/// The call that an event is about. Where the SYSCALL record is only that of the io_uring_enter
/// that ran an operation, it is the operation, and the SYSCALL record tells who did it.
fn call_of<'a>(facts: &Facts<'a>, arena: &'a Bump) -> Option<&'a CallRecord<'a>> {
    match (facts.call, facts.uring) {
        (Some(call), Some(uring)) if identify(call).1.is_none() => Some(arena.alloc(CallRecord {
            ids: call.ids,
            tty: call.tty,
            comm: call.comm,
            exe: call.exe,
            key: uring.key.or(call.key),
            subj: uring.subj.or(call.subj),
            ..*uring
        })),
        (call, uring) => call.or(uring),
    }
}

/// The name of a call and what it means.
fn identify(call: &CallRecord) -> (Option<&'static str>, Option<Call>) {
    let Some(number) = call.number else {
        return (None, None);
    };
    if call.record_type == AUDIT_URINGOP {
        let name = uring_op_name(number);
        return (name, name.and_then(uring_call));
    }
    let arch = call.arch.and_then(|(arch, _)| Arch::of(arch, number));
    let known = arch.map(|arch| known(arch, number)).unwrap_or_default();
    (known.name, known.call)
}

/// What an unknown call did, by the records that it left.
fn by_records(facts: &Facts) -> Option<Call> {
    let has = |nametype| facts.paths.iter().any(|path| path.nametype == nametype);
    let untold = Dir::Untold;
    match (has(NameType::Create), has(NameType::Delete)) {
        _ if facts.argv.is_some() => Some(Call::Exec(untold)),
        (true, true) => Some(Call::File(Action::Renamed, Names::Rename(untold, untold))),
        (true, false) => Some(Call::File(Action::Created, Names::Entry(untold))),
        (false, true) => Some(Call::File(Action::Deleted, Names::Entry(untold))),
        (false, false) => None,
    }
}

fn unknown_syscall(number: Option<u32>, arena: &Bump) -> &str {
    match number {
        Some(number) => bumpalo::format!(in arena, "unknown({})", number).into_bump_str(),
        None => "",
    }
}
