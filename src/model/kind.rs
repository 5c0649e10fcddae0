//! The kinds of events.

/// Declares the kinds, each once: without its two names, a kind does not compile.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident => $name:literal, $word:literal;)+) => {
        /// The kind of an event.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[$doc])* $kind,)+
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[EventKind] = &[$(EventKind::$kind),+];

            /// The value of `name` in the event line, such as `process_event`.
            pub fn name(self) -> &'static str {
                match self {
                    $(EventKind::$kind => $name,)+
                }
            }

            /// The word for the kind on a command line, such as `process`.
            pub fn word(self) -> &'static str {
                match self {
                    $(EventKind::$kind => $word,)+
                }
            }

            /// The kind with this [`word`](Self::word).
            pub fn from_word(word: &str) -> Option<EventKind> {
                match word {
                    $($word => Some(EventKind::$kind),)+
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// A program was executed, or a process was created.
    Process => "process_event", "process";
    /// A file was opened, created, changed, renamed, linked, removed or mounted.
    Fim => "fim_event", "fim";
    /// A program reported something, such as a login.
    User => "user_event", "user";
    /// A socket was connected, bound, listened on or accepted from, or sent or received a message.
    Socket => "socket_event", "socket";
    /// Everything else that has a record.
    Audit => "audit_event", "audit";
}

/// A set of kinds.
///
/// ```
/// use auditrd::{EventKind, Kinds};
///
/// let kinds: Kinds = [EventKind::Process, EventKind::Socket].into_iter().collect();
/// assert!(kinds.contains(EventKind::Socket) && !kinds.contains(EventKind::Fim));
/// assert!(Kinds::DEFAULT.contains(EventKind::Fim));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Kinds(u8);

impl Kinds {
    /// Every kind.
    pub const ALL: Kinds = Kinds::of(EventKind::ALL);
    /// The kinds that are written unless others are chosen: processes, files, and messages of
    /// programs.
    pub const DEFAULT: Kinds = Kinds::of(&[EventKind::Process, EventKind::Fim, EventKind::User]);

    const fn of(kinds: &[EventKind]) -> Kinds {
        let (mut bits, mut rest) = (0, kinds);
        while let [kind, tail @ ..] = rest {
            bits |= 1 << *kind as u8;
            rest = tail;
        }
        Kinds(bits)
    }

    /// Whether a kind is in the set.
    #[inline]
    pub fn contains(self, kind: EventKind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    /// The kinds in the set, in the order of [`EventKind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = EventKind> {
        let all = EventKind::ALL.iter().copied();
        all.filter(move |kind| self.contains(*kind))
    }
}

impl FromIterator<EventKind> for Kinds {
    fn from_iter<I: IntoIterator<Item = EventKind>>(kinds: I) -> Kinds {
        let add = |set: Kinds, kind| Kinds(set.0 | Kinds::of(&[kind]).0);
        kinds.into_iter().fold(Kinds(0), add)
    }
}
