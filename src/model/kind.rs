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
}
