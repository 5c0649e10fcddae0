//! The context of events: parents, logins, names, containers and scripts.
//!
//! The stage between classify and encode. It learns from the records of every event, including
//! those without a line, and adds what it knows to those that do. Nothing is guessed: a fact that
//! is not known for certain is left out.
//!
//! The memory of each host is bounded, and forgets what has not been used for longest.

mod census;
pub mod cgroup;
mod cycle;
mod keys;
mod life;
mod login;
mod memory;
mod names;
mod places;
mod processes;
mod runtime;
mod script;
mod sessions;
#[cfg(feature = "confine")]
mod system;
mod table;

use std::fmt;

use bumpalo::Bump;

use crate::{
    bytes::{Decimal, append},
    model::{
        Arena, AuditEvent, AuditMessageGroup, Detail, Edition, Identity, Parent, Timestamp, Who,
    },
    parse::Facts,
    resolve::{Losses, Memories},
};
pub use census::Census;
pub use keys::{Key, Keys};
use life::{Birth, Life};
pub use login::LOGIN_RECORDS;
use memory::{Memory, pids};
pub use places::{Cgroups, ProcCgroups};
pub use processes::{Answer, Found, Kernel};
use processes::{Live, Processes, Subject};
pub use sessions::{OpenSession, open_sessions};
#[cfg(feature = "confine")]
pub(crate) use system::Proc;
use table::Texts;

/// Bytes of what is remembered of all hosts, about. Small hosts take half as much again, for the
/// allocator's own use.
const MAX_BYTES: usize = 56 << 20;

/// Adds context to events, from what it has learned of earlier ones.
///
/// ```
/// use auditrd::{Arena, Classifier, enrich::{Enricher, Keys}, model::{EventId, Groups}};
/// use auditrd::{parse, record_type::*, resolve::Absent};
///
/// let mut groups = Groups::default();
/// groups
///     .begin(EventId::default(), b"")
///     .push(AUDIT_SYSCALL, b"arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=7 uid=0 euid=0")
///     .push(AUDIT_EXECVE, b"argc=1 a0=\"sh\"");
/// groups
///     .begin(EventId::default(), b"")
///     .push(AUDIT_SYSCALL, b"arch=c000003e syscall=59 success=yes exit=0 ppid=7 pid=8 uid=0 euid=0")
///     .push(AUDIT_EXECVE, b"argc=1 a0=\"id\"");
///
/// let (arena, mut classifier) = (Arena::new(), Classifier::new(Box::new(Absent)));
/// let mut enricher = Enricher::new(Keys::ALL);
/// for group in groups.iter() {
///     let facts = parse::facts(&group, &arena);
///     let event = classifier.classify_facts(&group, &facts, &arena);
///     enricher.observe(&group, &facts, event.as_deref(), None);
/// }
/// ```
pub struct Enricher {
    keys: Keys,
    memories: Memories<Memory>,
    /// How often the caller said that something was lost.
    losses: u32,
    /// The live system that the records come from.
    system: Option<System>,
    /// The processes that were there at the start, until all of them are read.
    census: Option<Box<dyn Census + Send>>,
    cgroups: Option<Box<dyn Cgroups + Send>>,
    last: Last,
}

/// The event that was observed last.
#[derive(Debug, Default)]
struct Last {
    node: Vec<u8>,
    session: u32,
    time: Timestamp,
    subject: Subject,
    /// The name of its process, and of which process that is.
    name: Vec<u8>,
    named: Option<(u32, Birth)>,
}

/// The live system.
struct System {
    kernel: Box<dyn Kernel + Send>,
    /// Tells its boots apart.
    boot_id: Vec<u8>,
}

/// The facts about the live system at the start.
pub struct Start {
    /// Answers questions about processes.
    pub kernel: Box<dyn Kernel + Send>,
    /// The id of the boot (`/proc/sys/kernel/random/boot_id`); empty if it is not known.
    pub boot_id: Vec<u8>,
    /// Reads the processes, if they can be.
    pub census: Option<Box<dyn Census + Send>>,
    /// The highest pid that the kernel gives out (`/proc/sys/kernel/pid_max`), and the last one.
    pub pids: (u32, u32),
    /// When this was read, and before the processes are.
    pub time: Timestamp,
}

/// The ids of the owner of the file that an event is about.
fn owners(event: &AuditEvent<'_>) -> [u32; 2] {
    let attributes = match &event.detail {
        Detail::Process(detail) => Some(&detail.attributes),
        Detail::File(detail) => Some(&detail.attributes),
        Detail::Socket(detail) => Some(&detail.attributes),
        Detail::User(_) | Detail::Audit(_) => None,
    };
    let ids = attributes.map(|attributes| [attributes.ouid, attributes.ogid]);
    ids.unwrap_or_default()
        .map(|id| id.unwrap_or(Identity::UNSET))
}

impl fmt::Debug for Enricher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memories = &self.memories;
        f.debug_struct("Enricher")
            .field("memories", memories)
            .finish_non_exhaustive()
    }
}

impl Enricher {
    /// A stage that adds these keys, and remembers nothing yet.
    pub fn new(keys: Keys) -> Enricher {
        Enricher {
            keys,
            memories: Memories::bounded(MAX_BYTES),
            losses: 0,
            system: None,
            census: None,
            cgroups: None,
            last: Last::default(),
        }
    }

    /// Takes in the live system that the records come from, before the first event.
    pub fn start(&mut self, start: Start) {
        let memory = self.memories.of(b"");
        memory.processes.start(start.pids, start.time.as_millis());
        self.census = start.census;
        self.system = Some(System {
            kernel: start.kernel,
            boot_id: start.boot_id,
        });
    }

    /// Takes in processes that were there at the start and have been read since the last call. Call
    /// this between events. Returns whether there are more.
    pub fn take_census(&mut self) -> bool {
        let Some(census) = &mut self.census else {
            return false;
        };
        let memory = self.memories.of(b"");
        let has_more = census.advance(&mut |found| memory.found(&found));
        if !has_more {
            self.census = None;
        }
        has_more
    }

    /// Whether there are processes to take in with [`take_census`](Self::take_census).
    pub fn has_census(&self) -> bool {
        self.census.is_some()
    }

    /// Takes in the texts of `/etc/passwd` and `/etc/group` of the system that the records come
    /// from.
    pub fn start_names(&mut self, passwd: &[u8], group: &[u8]) {
        self.memories.of(b"").names.start(passwd, group);
    }

    /// Takes in the sessions that were open before the first record, of the local host.
    pub fn prime_sessions(&mut self, sessions: Vec<OpenSession>) {
        let logins = &mut self.memories.of(b"").logins;
        sessions
            .into_iter()
            .for_each(|session| logins.prime(session));
    }

    /// Takes in the live system that tells the cgroups of processes. Its pids must be those of the
    /// records, as those of the initial pid namespace are.
    pub fn ask_cgroups(&mut self, cgroups: Box<dyn Cgroups + Send>) {
        self.cgroups = Some(cgroups);
    }

    /// Whether it adds anything.
    pub fn is_needed(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether it adds a fact, if that is known.
    pub fn has(&self, key: Key) -> bool {
        self.keys.has(key)
    }

    /// Whether it asks a live system, and so has to be told the time.
    pub fn is_live(&self) -> bool {
        self.system.is_some() || self.cgroups.is_some()
    }

    /// Takes in that something was lost: events were dropped, or the kernel lost records.
    pub fn lost(&mut self) {
        self.losses = self.losses.wrapping_add(1);
    }

    /// Learns from an event. `event` is what [`Classifier`](crate::Classifier) made of it, if
    /// anything. `now` is the time if the event is live. Events must come in the order in which the
    /// kernel finished them.
    pub fn observe(
        &mut self,
        group: &AuditMessageGroup<'_>,
        facts: &Facts<'_>,
        event: Option<&AuditEvent<'_>>,
        now: Option<Timestamp>,
    ) {
        let last = &mut self.last;
        // Usually there is no node.
        let has_node = !(group.node.is_empty() && last.node.is_empty());
        if has_node && last.node != group.node {
            last.node.clear();
            last.node.extend_from_slice(group.node);
        }
        last.time = group.id.time;
        last.session = event.map_or(Identity::UNSET, |event| event.actor.ids.session);
        let live = now.zip(self.system.as_ref()).map(|(now, system)| Live {
            kernel: &*system.kernel,
            now: now.as_millis(),
        });
        let losses = Losses {
            certain: self.losses,
            last_gap: group.last_gap,
        };
        let memory = self.memories.of(group.node);
        memory.note_boot(group);
        if self.keys.has(Key::Login) {
            memory.logins.observe(group, facts);
            memory.logins.touch(last.session);
        }
        if self.keys.has(Key::Names)
            && let Some(event) = event
        {
            let (ids, owners) = (&event.actor.ids, || owners(event));
            memory.names.observe(group, facts, ids, owners);
        }
        if self.keys.need_processes() {
            if let Some(census) = self.census.as_mut().filter(|_| group.node.is_empty()) {
                for pid in pids(facts) {
                    census.find(pid, &mut |found| memory.found(&found));
                }
            }
            let now = now.map(Timestamp::as_millis);
            let cgroups = self
                .cgroups
                .as_deref()
                .map(|cgroups| cgroups as &dyn Cgroups);
            last.subject = memory.observe(group, facts, event, losses, live, cgroups.zip(now));
            if self.keys.has(Key::EntityId)
                && let Some((life, _)) = memory.processes.life(last.subject)
            {
                last.name(life, self.system.as_ref());
            }
        }
    }

    /// The context of the event that was observed last.
    pub fn who<'a>(&'a self, arena: &'a Arena) -> Who<'a> {
        let mut who = Who::default();
        self.add_to(&mut who, arena);
        who
    }

    /// Adds what is known of the event that was observed last to a context without any facts.
    pub fn add_to<'a>(&'a self, who: &mut Who<'a>, arena: &'a Arena) {
        let Some(memory) = self.memories.known(&self.last.node) else {
            return;
        };
        self.process(&memory.processes, who, arena.bump());
        if self.keys.has(Key::Names) {
            who.names = memory.names.of_last(arena.bump());
        }
        if self.keys.has(Key::Login) {
            who.login = memory.logins.of(self.last.session, self.last.time);
        }
    }

    /// Adds what is known of the process.
    fn process<'a>(&'a self, processes: &'a Processes, who: &mut Who<'a>, arena: &'a Bump) {
        let Some((life, texts)) = processes.life(self.last.subject) else {
            return;
        };
        if self.keys.has(Key::EntityId) {
            who.entity_id = Some(&self.last.name[..]).filter(|name| !name.is_empty());
        }
        if self.keys.has(Key::Script)
            && !texts.script.is_empty()
            && processes.is_certain(life, self.last.subject)
        {
            who.script = Some(texts.script);
        }
        self.descent(processes, life, who, arena);
        if let Some(standing) = &life.standing {
            let (container, unit) = standing.tell();
            who.container = container.filter(|_| self.keys.has(Key::Container));
            who.unit = unit.filter(|_| self.keys.has(Key::Unit));
        }
    }

    /// Adds the parent, and the ancestors up to the first that is not known.
    fn descent<'a>(
        &self,
        processes: &'a Processes,
        life: &Life,
        who: &mut Who<'a>,
        arena: &'a Bump,
    ) {
        let Some(parent) = self.parent(processes, life) else {
            return;
        };
        let (program, texts) = (parent.0.program, parent.1);
        if self.keys.has(Key::Parent) {
            let (exe, commandline) = (texts.exe, texts.commandline);
            let commandline = Some(commandline).filter(|text| !text.is_empty());
            who.parent = Some(Parent {
                pid: life.ppid,
                exe,
                commandline,
                origin: program.origin,
                edition: Edition {
                    number: parent.0.edition,
                    exe,
                    commandline,
                },
            });
        }
        if self.keys.has(Key::Ancestors) {
            let exes = arena.alloc([&b""[..]; Who::MAX_ANCESTORS]);
            let (mut next, mut count) = (Some(parent), 0);
            while let Some((life, texts)) = next
                && let Some(exe) = exes.get_mut(count)
            {
                *exe = texts.exe;
                count += 1;
                next = self.parent(processes, life);
            }
            who.ancestors = exes.get(..count);
        }
    }

    /// The parent of a process, if it is certain which program that runs.
    #[inline]
    fn parent<'a>(&self, processes: &'a Processes, life: &Life) -> Option<(&'a Life, Texts<'a>)> {
        let (parent, texts) = processes.parent(life)?;
        let is_known = !texts.exe.is_empty() && processes.is_certain(parent, self.last.subject);
        is_known.then_some((parent, texts))
    }
}

impl Last {
    /// Names the process: the boot, where it is known, the pid, and the beginning.
    fn name(&mut self, life: &Life, system: Option<&System>) {
        let pid = self.subject.pid;
        if self.named == Some((pid, life.birth)) {
            return;
        }
        self.named = Some((pid, life.birth));
        let name = &mut self.name;
        name.clear();
        if life.birth == Birth::Unknown {
            return;
        }
        if let Some(system) = system.filter(|system| !system.boot_id.is_empty()) {
            append([&system.boot_id, b"-"], name);
        }
        Decimal::append(pid, name);
        match life.birth {
            Birth::Unknown => {}
            Birth::Kernel(number) => Decimal::append_behind(b"-", number, name),
            Birth::Recorded(time, serial) => {
                Decimal::append_behind(b"-", time, name);
                Decimal::append_behind(b":", serial, name);
            }
        }
    }
}
