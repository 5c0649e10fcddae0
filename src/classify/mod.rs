//! From facts to an event: which kind it is, which names belong in it, and what it teaches about
//! paths for the events after it.

mod audit;
mod calls;
mod claims;
mod commandline;
mod decoded;
mod events;
mod learn;
mod moved;
mod names;
mod pairs;
mod records;
mod socket;
mod subject;
mod title;

use std::{hash::BuildHasher, sync::LazyLock};

use bumpalo::Bump;
use hashbrown::DefaultHashBuilder;

use crate::{
    model::{
        Action, Arch, Arena, AuditEvent, AuditMessageGroup, Detail, EventKind, FileId, FileType,
        Kinds, ProcessAction, SocketAction,
        record_type::{AUDIT_KERNEL, AUDIT_SYSCALL, AUDIT_URINGOP},
        uring_op_name,
    },
    parse::{CallRecord, Facts, NameType, Parser},
    resolve::{Absent, Caller, Host, Losses, Memories, Resolver},
};
use calls::{Call, Dir, Names, Silent, known, socketcall, uring_call};
pub use calls::{is_exec_syscall, is_fim_syscall};
use claims::{Namer, Outcome};
pub(crate) use commandline::join;
use decoded::Decoded;
use names::Named;
pub use subject::{Subject, unknown_arch};
use title::Titles;

/// Turns the records of events into events, and remembers what they say of paths.
pub struct Classifier {
    memories: Memories<Resolver>,
    kinds: Kinds,
    /// How often the caller said that something was lost.
    losses: u32,
    parser: Parser,
    decoded: Decoded,
    titles: Titles,
    host: Box<dyn Host + Send>,
}

impl Classifier {
    /// A classifier that remembers nothing yet, and makes events of the
    /// [default kinds](Kinds::DEFAULT). `host` is the live system that the records come from, or
    /// [`Absent`].
    pub fn new(host: Box<dyn Host + Send>) -> Classifier {
        Classifier {
            memories: Memories::default(),
            kinds: Kinds::DEFAULT,
            losses: 0,
            parser: Parser::default(),
            decoded: Decoded::default(),
            titles: Titles::default(),
            host,
        }
    }

    /// Says which kinds are wanted. The parts of an event that only its line needs are built for
    /// these alone, and so are socket and audit events. Events of the other kinds still come,
    /// because they tell of processes and paths.
    #[must_use]
    pub fn with_kinds(self, kinds: Kinds) -> Classifier {
        Classifier { kinds, ..self }
    }

    /// Takes in a name that was read from the live file system, with its file, before the first
    /// event. `path` is absolute, clean, and passes through no symbolic link. `links` is `st_nlink`
    /// (inode(7)): whether the file has other names.
    pub fn prime(&mut self, path: &[u8], file: FileId, file_type: FileType, links: u64) {
        self.memories.of(b"").prime(path, file, file_type, links);
    }

    /// Takes in that something was lost: events were dropped, or the kernel lost records. What is
    /// known of paths from before that is no proof any more, until it is confirmed.
    pub fn lost(&mut self) {
        self.losses = self.losses.wrapping_add(1);
    }

    /// The event that a group of records is, or `None` if it is of none of the kinds that are made.
    ///
    /// Groups must come in the order in which the kernel finished them, since paths are resolved by
    /// earlier events. Text that is not borrowed from the group is built in `arena`, which may be
    /// reset once the event is no longer needed.
    pub fn classify<'a>(
        &mut self,
        group: &AuditMessageGroup<'a>,
        arena: &'a Arena,
    ) -> Option<AuditEvent<'a>> {
        let facts = self.parser.facts(group, arena);
        let event = self.classify_facts(group, &facts, arena)?;
        Some(event.clone())
    }

    /// As [`classify`](Self::classify), with the [`facts`](crate::parse::facts()) of the group. The
    /// event is built in the arena, because copying it is expensive.
    pub fn classify_facts<'a>(
        &mut self,
        group: &AuditMessageGroup<'a>,
        facts: &Facts<'a>,
        arena: &'a Arena,
    ) -> Option<&'a mut AuditEvent<'a>> {
        let arena = arena.bump();
        let event = self.event(group, facts, arena)?;
        self.add_records(event, group, facts, arena);
        Some(event)
    }

    /// Adds the records that have no keys of their own, if the line of the event is wanted.
    fn add_records<'a>(
        &mut self,
        event: &mut AuditEvent<'a>,
        group: &AuditMessageGroup<'a>,
        facts: &Facts<'a>,
        arena: &'a Bump,
    ) {
        let kind = event.kind();
        let has_records = facts.has_others
            || facts
                .contexts
                .is_some_and(|labels| event.actor.subj != Some(labels))
            || kind == EventKind::Audit;
        if has_records && self.kinds.contains(kind) {
            event.records = records::of(group, event, &mut self.decoded, arena);
            if kind == EventKind::Audit && facts.call.is_none() {
                audit::describe(event);
            }
        }
    }

    /// As [`classify`](Self::classify), without the records that have no keys of their own.
    fn event<'a>(
        &mut self,
        group: &AuditMessageGroup<'a>,
        facts: &Facts<'a>,
        arena: &'a Bump,
    ) -> Option<&'a mut AuditEvent<'a>> {
        if let Some(user) = facts.user {
            return Some(events::user(group, user, facts, arena));
        }
        let makes_audit = self.kinds.contains(EventKind::Audit);
        let Some(call) = call_of(facts, arena) else {
            self.note_start(group);
            let title = self.titles.of(facts, arena);
            return events::orphan(group, facts, title, arena)
                .or_else(|| makes_audit.then(|| audit::alone(group, facts, title, arena)));
        };
        let (name, meaning) = self.identify(call, facts);
        if meaning.is_none() && !makes_audit {
            return None;
        }
        let event = events::call(group, call, name, facts, arena);
        let detail = &mut event.detail;
        let meaning = meaning.as_ref();
        if !meaning.is_some_and(|meaning| self.tell(group, call, meaning, facts, detail, arena)) {
            if !makes_audit {
                return None;
            }
            *detail = audit::call(self.titles.of(facts, arena));
        }
        events::complete(event, group, call, facts);
        Some(event)
    }

    /// Takes in the record that a kernel writes when it starts.
    fn note_start(&mut self, group: &AuditMessageGroup<'_>) {
        if group.record_types().next() == Some(AUDIT_KERNEL) {
            self.memories.of(group.node).started(group.id);
        }
    }

    /// The name of a call, and what it means for the kinds that are wanted.
    fn identify(&self, call: &CallRecord, facts: &Facts) -> (Option<&'static str>, Option<Call>) {
        let (name, meaning) = identify(call);
        let meaning = match meaning {
            Some(Call::Multiplexed) => call.arg(0).and_then(socketcall),
            meaning => meaning,
        };
        let is_wanted = |kind| self.kinds.contains(kind);
        let meaning = match meaning {
            // bind(2) creates a file if the address is a name.
            Some(Call::Socket(SocketAction::Bind)) if !is_wanted(EventKind::Socket) => {
                by_records(facts, Dir::Cwd)
            }
            Some(Call::Socket(action)) if !is_wanted(EventKind::Socket) => {
                let returns = action == SocketAction::Accept && call.record_type == AUDIT_SYSCALL;
                returns.then_some(Call::Silent(Silent::Returns))
            }
            Some(Call::Look(_)) if !is_wanted(EventKind::Audit) => None,
            // A call that no table has yet may still execute programs and create files.
            None if name.is_none() => by_records(facts, Dir::Untold),
            meaning => meaning,
        };
        (name, meaning)
    }

    /// Sets the detail of a call where it is, as it is large. False if the call has no kind of its
    /// own. Either way it may change what is remembered of paths.
    #[inline(never)]
    fn tell<'a>(
        &mut self,
        group: &AuditMessageGroup<'a>,
        call: &CallRecord<'a>,
        meaning: &Call,
        facts: &Facts<'a>,
        detail: &mut Detail<'a>,
        arena: &'a Bump,
    ) -> bool {
        let caller = caller(call, group);
        let outcome = Outcome::of(call, facts);
        let is_exec = matches!(meaning, Call::Exec(_)) && outcome == Outcome::Succeeded;
        let memory = self.memories.of(group.node);
        let losses = Losses {
            certain: self.losses,
            last_gap: group.last_gap,
        };
        memory.begin(caller, group.id.serial, is_exec, losses);
        if let Some(cwd) = facts.cwd.filter(|cwd| !cwd.ends_with(b" (deleted)")) {
            memory.confirm_cwd(cwd);
        }
        let mut namer = Namer {
            call,
            facts,
            memory,
            caller,
            outcome,
            host: &*self.host,
            titles: &mut self.titles,
            arena,
        };
        // Each arm builds it there.
        match *meaning {
            Call::Exec(dir) => *detail = executed(&mut namer, dir),
            Call::Fork => *detail = forked(&mut namer),
            Call::Exit => {
                learn::exited(&mut namer);
                *detail = events::process(ProcessAction::Exited, namer.title());
            }
            Call::File(action, names) => {
                let named = touched(&mut namer, action, names);
                *detail = events::file(&named, namer.title());
            }
            Call::Socket(action) => *detail = socket::detail(&mut namer, group, action),
            Call::Silent(call) => {
                learn::silent(&mut namer, call);
                return false;
            }
            Call::Look(names) => *detail = audit::look(&mut namer, names),
            Call::Multiplexed => return false,
        }
        true
    }
}

/// What starting a program did.
#[inline(always)]
fn executed<'a>(namer: &mut Namer<'a, '_>, dir: Dir) -> Detail<'a> {
    let (mut program, record) = namer.program(dir);
    // Which record is missing is not known.
    let is_whole = !namer.facts.lacks_paths();
    program.is_full &= is_whole;
    learn::executed(namer);
    let record = record.filter(|_| is_whole);
    events::exec(program, record, namer.facts, namer.arena)
}

/// What making a process or a thread did.
fn forked<'a>(namer: &mut Namer<'a, '_>) -> Detail<'a> {
    learn::forked(namer);
    let action = match learn::makes_thread(namer.call) {
        true => ProcessAction::Thread,
        false => ProcessAction::Forked,
    };
    events::process(action, namer.title())
}

/// The names of a call on files, which teach the names of later ones.
fn touched<'a>(namer: &mut Namer<'a, '_>, action: Action, names: Names) -> Named<'a> {
    learn::new_file(namer, names);
    let mut named = namer.file(action, names);
    if namer.facts.lacks_paths() {
        named.doubt();
    }
    learn::file(namer, &named, names);
    namer.add_accessed(&mut named, names);
    named
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

/// Tells programs apart by a hash of their paths.
static PROGRAMS: LazyLock<DefaultHashBuilder> = LazyLock::new(DefaultHashBuilder::default);

/// The process that made a call.
fn caller(call: &CallRecord, group: &AuditMessageGroup) -> Caller {
    let program = call.exe.map_or(0, |exe| PROGRAMS.hash_one(exe) | 1);
    Caller {
        pid: call.ids.pid,
        ppid: call.ids.ppid,
        program,
        time: group.id.time.as_millis(),
    }
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
#[inline]
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

/// A call that makes, changes or ends a process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ProcessCall {
    /// It executes a program.
    Executes,
    /// It makes a process or a thread. With its name.
    Forks(&'static str),
    /// It ends all threads of a process.
    Ends,
}

/// The effect of a call on processes, whether it succeeded or not.
pub(crate) fn process_call(call: &CallRecord, facts: &Facts) -> Option<ProcessCall> {
    match identify(call) {
        (Some(name), Some(Call::Fork)) => Some(ProcessCall::Forks(name)),
        (Some("exit_group"), _) => Some(ProcessCall::Ends),
        (_, Some(Call::Exec(_))) => Some(ProcessCall::Executes),
        // As for an event: a call that no table has yet may still execute programs.
        (None, None) if facts.argv.is_some() => Some(ProcessCall::Executes),
        _ => None,
    }
}

/// What a call did by the records that it left, whose names are relative to `dir`.
fn by_records(facts: &Facts, dir: Dir) -> Option<Call> {
    let has = |nametype| facts.paths.iter().any(|path| path.nametype == nametype);
    match (has(NameType::Create), has(NameType::Delete)) {
        _ if facts.argv.is_some() => Some(Call::Exec(dir)),
        (true, true) => Some(Call::File(Action::Renamed, Names::Rename(dir, dir))),
        (true, false) => Some(Call::File(Action::Created, Names::Entry(dir))),
        (false, true) => Some(Call::File(Action::Deleted, Names::Entry(dir))),
        (false, false) => None,
    }
}

fn unknown_syscall(number: Option<u32>, arena: &Bump) -> &str {
    match number {
        Some(number) => bumpalo::format!(in arena, "unknown({})", number).into_bump_str(),
        None => "",
    }
}
