//! The names of users and groups.
//!
//! In a log they are the copies that auditd appends to its records (`log_format = ENRICHED`), since
//! the users of this host may be others. Live they are those of the files that were read at the
//! start. No directory service is asked.

use std::mem;

use bumpalo::{Bump, collections::Vec as ArenaVec};
use hashbrown::HashMap;

use crate::{
    model::{AuditMessageGroup, Identity},
    parse::{Facts, appended, tokenize},
};

/// Names of one host, and the length of one.
const MAX_NAMES: usize = 16_384;
const MAX_NAME_BYTES: usize = 256;

/// A user or a group.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Owner {
    User(u32),
    Group(u32),
}

/// The names of one host.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// As in `resolve::recent`: the names that were used last are young.
    young: HashMap<Owner, Box<[u8]>>,
    old: HashMap<Owner, Box<[u8]>>,
    /// They are those of the live system.
    is_live: bool,
    /// The ids of the last event.
    ids: Option<(Identity, [u32; 2])>,
    /// The keys of those that have a name, with the end of each name in `text`.
    named: Vec<(&'static str, usize)>,
    text: Vec<u8>,
}

impl Names {
    /// How much memory they take, in bytes, about.
    pub(super) fn size(&self) -> usize {
        let each = size_of::<(Owner, Box<[u8]>)>() + 16;
        (self.young.capacity() + self.old.capacity()) * each
    }

    /// Takes in the texts of `/etc/passwd` and `/etc/group` (passwd(5), group(5)).
    pub(super) fn start(&mut self, passwd: &[u8], group: &[u8]) {
        self.is_live = true;
        // The first entry of an id counts, as for getpwuid(3).
        for (name, id) in entries(passwd).rev() {
            self.put(Owner::User(id), name);
        }
        for (name, id) in entries(group).rev() {
            self.put(Owner::Group(id), name);
        }
    }

    /// Notes the ids of an event, and the names that its records have.
    pub(super) fn observe(
        &mut self,
        group: &AuditMessageGroup<'_>,
        facts: &Facts<'_>,
        ids: &Identity,
        owners: [u32; 2],
    ) {
        if !self.is_live {
            self.learn(group, facts);
        }
        let ids = Identity {
            pid: 0,
            ppid: 0,
            session: 0,
            ..*ids
        };
        if self.ids == Some((ids, owners)) {
            return;
        }
        self.ids = Some((ids, owners));
        self.named.clear();
        self.text.clear();
        let [ouid, ogid] = owners;
        for (key, owner) in [
            ("auid", Owner::User(ids.auid)),
            ("uid", Owner::User(ids.uid)),
            ("gid", Owner::Group(ids.gid)),
            ("euid", Owner::User(ids.euid)),
            ("egid", Owner::Group(ids.egid)),
            ("fsuid", Owner::User(ids.fsuid)),
            ("fsgid", Owner::Group(ids.fsgid)),
            ("suid", Owner::User(ids.suid)),
            ("sgid", Owner::Group(ids.sgid)),
            ("ouid", Owner::User(ouid)),
            ("ogid", Owner::Group(ogid)),
        ] {
            if self.touch(owner)
                && let Some(name) = self.young.get(&owner)
            {
                self.text.extend_from_slice(name);
                self.named.push((key, self.text.len()));
            }
        }
    }

    /// The names of the ids of the last event.
    pub(super) fn of_last<'a>(&'a self, arena: &'a Bump) -> &'a [(&'a [u8], &'a [u8])] {
        if self.named.is_empty() {
            return &[];
        }
        let mut start = 0;
        let mut all = ArenaVec::with_capacity_in(self.named.len(), arena);
        for (key, end) in &self.named {
            all.push((
                key.as_bytes(),
                self.text.get(start..*end).unwrap_or_default(),
            ));
            start = *end;
        }
        all.into_bump_slice()
    }

    /// Takes in the names that auditd has appended to the records of an event.
    fn learn(&mut self, group: &AuditMessageGroup<'_>, facts: &Facts<'_>) {
        if let Some(call) = facts.call {
            self.take(facts.call_names, &call.ids);
        }
        if let Some(user) = facts.user {
            let messages = group.messages();
            for message in messages.filter(|message| message.record_type.is_user_event()) {
                self.take(appended(message), &user.ids);
            }
        }
    }

    /// Takes in the names of these ids.
    fn take(&mut self, names: &[u8], ids: &Identity) {
        if names.is_empty() {
            return;
        }
        for token in tokenize(names) {
            if let Some(owner) = owner(token.key, ids) {
                self.put(owner, token.value.bytes);
            }
        }
    }

    fn put(&mut self, owner: Owner, name: &[u8]) {
        let is_id = matches!(
            owner,
            Owner::User(Identity::UNSET) | Owner::Group(Identity::UNSET)
        );
        // For an id without a name, auditd writes unknown(1000).
        let is_name = !name.is_empty() && !name.starts_with(b"unknown(");
        if is_id || !is_name || name.len() > MAX_NAME_BYTES {
            return;
        }
        if self.touch(owner) {
            if self.young.get(&owner).is_some_and(|known| **known == *name) {
                return;
            }
            self.young.insert(owner, name.into());
        } else {
            self.add(owner, name.into());
        }
        self.ids = None;
    }

    /// Marks a name as used, if it is known.
    fn touch(&mut self, owner: Owner) -> bool {
        if self.young.contains_key(&owner) {
            return true;
        }
        match self.old.remove(&owner) {
            Some(name) => self.add(owner, name),
            None => return false,
        }
        true
    }

    fn add(&mut self, owner: Owner, name: Box<[u8]>) {
        if self.young.len() >= MAX_NAMES / 2 {
            mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        self.young.insert(owner, name);
    }
}

/// The user or group that a name belongs to which auditd has appended under this key.
fn owner(key: &[u8], ids: &Identity) -> Option<Owner> {
    Some(match key {
        b"AUID" => Owner::User(ids.auid),
        b"UID" => Owner::User(ids.uid),
        b"EUID" => Owner::User(ids.euid),
        b"FSUID" => Owner::User(ids.fsuid),
        b"SUID" => Owner::User(ids.suid),
        b"GID" => Owner::Group(ids.gid),
        b"EGID" => Owner::Group(ids.egid),
        b"FSGID" => Owner::Group(ids.fsgid),
        b"SGID" => Owner::Group(ids.sgid),
        _ => return None,
    })
}

/// The names and ids of passwd(5) or group(5), where both have the id in the third field.
fn entries(text: &[u8]) -> impl DoubleEndedIterator<Item = (&[u8], u32)> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let (name, id) = (fields.next()?, fields.nth(1)?);
        Some((name, str::from_utf8(id).ok()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &mut Names, ids: Identity) -> Vec<(String, String)> {
        let mut groups = crate::model::Groups::default();
        groups.begin(crate::model::EventId::default(), b"");
        let arena = crate::model::Arena::new();
        let group = groups.last().unwrap();
        let facts = crate::parse::facts(&group, &arena);
        names.observe(&group, &facts, &ids, [Identity::UNSET; 2]);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let pairs = names.of_last(arena.bump()).iter();
        pairs.map(|(key, name)| (text(key), text(name))).collect()
    }

    #[test]
    fn the_first_entry_of_an_id_is_its_name() {
        let mut names = Names::default();
        let passwd = b"root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\nbad\nalice:x:1000:1000::/:\n";
        names.start(passwd, b"wheel:x:0:\n+:::\n");
        let ids = Identity {
            auid: 1000,
            uid: 0,
            gid: 0,
            euid: 7,
            ..Identity::default()
        };
        let expected = [("auid", "alice"), ("uid", "root"), ("gid", "wheel")];
        let expected = expected.map(|(key, name)| (key.to_owned(), name.to_owned()));
        assert_eq!(named(&mut names, ids), expected);
        assert_eq!(named(&mut names, Identity::default()), []);
    }

    #[test]
    fn names_that_are_used_stay_within_the_bound() {
        let mut names = Names::default();
        names.put(Owner::User(7), b"seven");
        for id in 100..100_000 {
            names.put(Owner::User(id), b"x");
            assert!(names.touch(Owner::User(7)));
        }
        assert!(names.young.len() + names.old.len() <= MAX_NAMES);
    }
}
