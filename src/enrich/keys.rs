//! The choice of what to add to events.

/// One key, or one group of keys, that is added to events.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Key {
    /// `parent`.
    Parent,
    /// `entity_id`.
    EntityId,
    /// `ancestors`.
    Ancestors,
    /// `login`.
    Login,
    /// `names`.
    Names,
    /// `container`.
    Container,
    /// `unit`.
    Unit,
    /// `script`.
    Script,
}

impl Key {
    /// Every key, in the order of the event line.
    pub const ALL: &[Key] = &[
        Key::Parent,
        Key::EntityId,
        Key::Ancestors,
        Key::Login,
        Key::Names,
        Key::Container,
        Key::Unit,
        Key::Script,
    ];

    /// The key in the event line.
    pub fn name(self) -> &'static str {
        match self {
            Key::Parent => "parent",
            Key::EntityId => "entity_id",
            Key::Ancestors => "ancestors",
            Key::Login => "login",
            Key::Names => "names",
            Key::Container => "container",
            Key::Unit => "unit",
            Key::Script => "script",
        }
    }
}

/// A set of keys.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Keys(u8);

impl Keys {
    /// No key.
    pub const NONE: Keys = Keys(0);
    /// Every key.
    pub const ALL: Keys = Keys(u8::MAX);

    /// The set with one more key.
    #[must_use]
    pub fn with(self, key: Key) -> Keys {
        Keys(self.0 | 1 << key as u8)
    }

    /// The set without any other key than this one.
    #[must_use]
    pub fn only(self, key: Key) -> Keys {
        Keys(self.0 & 1 << key as u8)
    }

    /// Whether a key is in the set.
    pub fn has(self, key: Key) -> bool {
        self.0 & 1 << key as u8 != 0
    }

    /// Whether facts about processes are needed.
    pub fn need_processes(self) -> bool {
        let of_processes = [
            Key::Parent,
            Key::EntityId,
            Key::Ancestors,
            Key::Container,
            Key::Unit,
            Key::Script,
        ];
        of_processes.into_iter().any(|key| self.has(key))
    }

    /// Whether there is no key.
    pub fn is_empty(self) -> bool {
        self == Keys::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_keys_that_were_added() {
        let keys = Keys::NONE.with(Key::Login).with(Key::Script);
        let has: Vec<_> = Key::ALL.iter().filter(|key| keys.has(**key)).collect();
        assert_eq!(has, [&Key::Login, &Key::Script]);
        assert_eq!(keys.only(Key::Login), Keys::NONE.with(Key::Login));
        assert!(keys.only(Key::Unit).is_empty());
        assert!(Key::ALL.iter().all(|key| Keys::ALL.has(*key)));
        assert!(Keys::NONE.is_empty() && !keys.is_empty());
    }
}
