//! The context of events: parents, logins, names, containers and scripts.
//!
//! The stage between classify and encode. It learns from the records of every event, also of those
//! that make no line, and adds what it knows to those that do. Nothing is guessed: a fact that is
//! not known for certain is left out.
//!
//! The memory of each host is bounded, and forgets what has not been used for longest.

pub mod cgroup;
mod keys;
mod login;
mod sessions;

pub use keys::{Key, Keys};
pub use login::LOGIN_RECORDS;
pub use sessions::{OpenSession, open_sessions};

use crate::{
    model::{Arena, AuditEvent, AuditMessageGroup, Identity, Timestamp, Who},
    parse::Facts,
    resolve::{Memories, Memory},
};
use login::Logins;

/// Adds context to events, from what it has learned of earlier ones.
///
/// ```
/// use auditrd::{Arena, Classifier, enrich::{Enricher, Keys}, model::{EventId, Groups}};
/// use auditrd::{parse, record_type::*, resolve::Absent};
///
/// let mut groups = Groups::default();
/// groups
///     .begin(EventId::default(), b"")
///     .push(AUDIT_SYSCALL, b"arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=7")
///     .push(AUDIT_EXECVE, b"argc=1 a0=\"id\"");
///
/// let mut classifier = Classifier::new(Box::new(Absent));
/// let mut enricher = Enricher::new(Keys::ALL);
/// let (group, arena) = (groups.last().unwrap(), Arena::new());
/// let facts = parse::facts(&group, &arena);
/// let event = classifier.classify_facts(&group, &facts, &arena);
/// enricher.observe(&group, &facts, event.as_ref());
/// if let Some(mut event) = event {
///     event.who = enricher.who(&arena);
/// }
/// ```
#[derive(Debug)]
pub struct Enricher {
    keys: Keys,
    hosts: Memories<Known>,
    last: Last,
}

/// The event that was observed last.
#[derive(Debug, Default)]
struct Last {
    node: Vec<u8>,
    session: u32,
    time: Timestamp,
}

/// All that is known of one host.
#[derive(Debug, Default)]
struct Known {
    logins: Logins,
}

impl Memory for Known {
    fn empty() -> Known {
        Known::default()
    }

    fn size(&self) -> usize {
        self.logins.size()
    }
}

impl Enricher {
    /// A stage that adds these keys, and remembers nothing yet.
    pub fn new(keys: Keys) -> Enricher {
        Enricher {
            keys,
            hosts: Memories::default(),
            last: Last::default(),
        }
    }

    /// Whether it adds anything.
    pub fn is_needed(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Takes in the sessions that were open before the first record, of the local host.
    pub fn prime_sessions(&mut self, sessions: Vec<OpenSession>) {
        let logins = &mut self.hosts.of(b"").logins;
        sessions
            .into_iter()
            .for_each(|session| logins.prime(session));
    }

    /// Takes in that something was lost: events were dropped, or the kernel lost records.
    pub fn lost(&mut self) {}

    /// Learns from an event. `event` is what [`Classifier`](crate::Classifier) made of it, if
    /// anything. Events must come in the order in which the kernel finished them.
    pub fn observe(
        &mut self,
        group: &AuditMessageGroup<'_>,
        facts: &Facts<'_>,
        event: Option<&AuditEvent<'_>>,
    ) {
        let known = self.hosts.of(group.node);
        self.last.node.clear();
        self.last.node.extend_from_slice(group.node);
        self.last.time = group.id.time;
        self.last.session = event.map_or(Identity::UNSET, |event| event.actor.ids.session);
        if self.keys.has(Key::Login) {
            known.logins.observe(group, facts);
            known.logins.touch(self.last.session);
        }
    }

    /// The context of the event that was observed last.
    pub fn who<'a>(&'a self, arena: &'a Arena) -> Who<'a> {
        let _ = arena;
        let mut who = Who::default();
        let Some(known) = self.hosts.known(&self.last.node) else {
            return who;
        };
        if self.keys.has(Key::Login) {
            who.login = known.logins.of(self.last.session, self.last.time);
        }
        who
    }
}
