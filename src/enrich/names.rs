//! The names of users and groups.
//!
//! In a log they are the copies that auditd appends to its records (`log_format = ENRICHED`), since
//! the users of this host may be others. Live they are those of the files that were read at the
//! start. No directory service is asked.

use std::mem;

use bumpalo::{Bump, collections::Vec as ArenaVec};
use hashbrown::HashMap;
use memchr::memchr_iter;
use smallvec::SmallVec;

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
    known: Known,
    /// They are those of the live system.
    is_live: bool,
    /// The ids and the appended names of the last event that had any.
    learned: (Identity, Vec<u8>),
    /// The names in the last event: of its process, and of the owner of its file.
    of_process: Named<Identity>,
    of_owner: Named<[u32; 2]>,
}

impl Names {
    /// How much memory they take, in bytes, about.
    pub(super) fn size(&self) -> usize {
        self.known.size()
    }

    /// Takes in the texts of `/etc/passwd` and `/etc/group` (passwd(5), group(5)), in place of
    /// earlier ones.
    pub(super) fn start(&mut self, passwd: &[u8], group: &[u8]) {
        *self = Names {
            is_live: true,
            ..Names::default()
        };
        // The first entry of an id counts, as for getpwuid(3).
        for (name, id) in entries(passwd).rev() {
            self.known.put(Owner::User(id), name);
        }
        for (name, id) in entries(group).rev() {
            self.known.put(Owner::Group(id), name);
        }
    }

    /// Notes the ids of an event and of the owner of its file, and the names that its records have.
    pub(super) fn observe(
        &mut self,
        group: &AuditMessageGroup<'_>,
        facts: &Facts<'_>,
        ids: &Identity,
        owners: impl FnOnce() -> [u32; 2],
    ) {
        if !self.is_live {
            self.learn(group, facts);
        }
        if self.known.is_empty() {
            return;
        }
        let ids = users(ids);
        self.of_process.find(ids, &mut self.known, || {
            [
                ("auid", Owner::User(ids.auid)),
                ("uid", Owner::User(ids.uid)),
                ("gid", Owner::Group(ids.gid)),
                ("euid", Owner::User(ids.euid)),
                ("egid", Owner::Group(ids.egid)),
                ("fsuid", Owner::User(ids.fsuid)),
                ("fsgid", Owner::Group(ids.fsgid)),
                ("suid", Owner::User(ids.suid)),
                ("sgid", Owner::Group(ids.sgid)),
            ]
        });
        let [ouid, ogid] = owners();
        let owners = || [("ouid", Owner::User(ouid)), ("ogid", Owner::Group(ogid))];
        self.of_owner.find([ouid, ogid], &mut self.known, owners);
    }

    /// The names of the ids of the last event.
    pub(super) fn of_last<'a>(&'a self, arena: &'a Bump) -> &'a [(&'a [u8], &'a [u8])] {
        let count = self.of_process.keys.len() + self.of_owner.keys.len();
        if count == 0 {
            return &[];
        }
        let mut all = ArenaVec::with_capacity_in(count, arena);
        self.of_process.each(|key, name| all.push((key, name)));
        self.of_owner.each(|key, name| all.push((key, name)));
        all.into_bump_slice()
    }

    /// Takes in the names that auditd has appended to the records of an event.
    fn learn(&mut self, group: &AuditMessageGroup<'_>, facts: &Facts<'_>) {
        if let Some(call) = facts.call
            && !facts.call_names.is_empty()
        {
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
        let (ids, names) = (users(ids), behind_call(names));
        if names.is_empty() || (self.learned.0, &self.learned.1[..]) == (ids, names) {
            return;
        }
        self.learned.0 = ids;
        self.learned.1.clear();
        self.learned.1.extend_from_slice(names);
        let mut keys: SmallVec<[&[u8]; 16]> = SmallVec::new();
        for token in tokenize(names) {
            // auditd appends a name for each id, in the order of the fields (auditd-event.c,
            // `format_enrich`). Behind the ids of the process come those in `msg`, of other users.
            if keys.contains(&token.key) {
                continue;
            }
            keys.push(token.key);
            if let Some(owner) = owner(token.key, &ids)
                && self.known.put(owner, token.value.bytes)
            {
                self.of_process.ids = None;
                self.of_owner.ids = None;
            }
        }
    }
}

/// What auditd appends behind `ARCH=x86_64 SYSCALL=execve `, which says nothing of users.
fn behind_call(names: &[u8]) -> &[u8] {
    if !names.starts_with(b"ARCH=") {
        return names;
    }
    let mut spaces = memchr_iter(b' ', names);
    let start = spaces.nth(1).map_or(names.len(), |space| space + 1);
    names.get(start..).unwrap_or_default()
}

/// The users and groups of a process, without what else it has.
fn users(ids: &Identity) -> Identity {
    Identity {
        pid: 0,
        ppid: 0,
        session: 0,
        ..*ids
    }
}

/// The names of some ids. Usually those of the next event are the same.
#[derive(Debug, Default)]
struct Named<I> {
    ids: Option<I>,
    /// The keys of those that have a name, with the end of each name in `text`.
    keys: Vec<(&'static str, usize)>,
    text: Vec<u8>,
}

impl<I: PartialEq> Named<I> {
    /// Looks names up, unless the ids are those of the last event.
    #[inline]
    fn find<const N: usize>(
        &mut self,
        ids: I,
        known: &mut Known,
        owners: impl FnOnce() -> [(&'static str, Owner); N],
    ) {
        if self.ids.as_ref() != Some(&ids) {
            self.ids = Some(ids);
            self.keys.clear();
            self.text.clear();
            self.look_up(&owners(), known);
        }
    }

    fn look_up(&mut self, owners: &[(&'static str, Owner)], known: &mut Known) {
        for (key, owner) in owners {
            if let Some(name) = known.get(*owner) {
                self.text.extend_from_slice(name);
                self.keys.push((key, self.text.len()));
            }
        }
    }

    fn each<'a>(&'a self, mut act: impl FnMut(&'a [u8], &'a [u8])) {
        let mut start = 0;
        for (key, end) in &self.keys {
            act(
                key.as_bytes(),
                self.text.get(start..*end).unwrap_or_default(),
            );
            start = *end;
        }
    }
}

/// The names that are remembered. As in `resolve::recent`, those that were used last are young.
#[derive(Debug, Default)]
struct Known {
    young: HashMap<Owner, Box<[u8]>>,
    old: HashMap<Owner, Box<[u8]>>,
}

impl Known {
    fn size(&self) -> usize {
        let each = size_of::<(Owner, Box<[u8]>)>() + 16;
        (self.young.capacity() + self.old.capacity()) * each
    }

    fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }

    /// Looks a name up, and marks it as used.
    fn get(&mut self, owner: Owner) -> Option<&[u8]> {
        self.touch(owner);
        self.young.get(&owner).map(|name| &**name)
    }

    /// Adds a name. Returns whether that is news.
    fn put(&mut self, owner: Owner, name: &[u8]) -> bool {
        let is_id = matches!(
            owner,
            Owner::User(Identity::UNSET) | Owner::Group(Identity::UNSET)
        );
        // For an id without a name, auditd writes unknown(1000).
        let is_name = !name.is_empty() && !name.starts_with(b"unknown(");
        if is_id || !is_name || name.len() > MAX_NAME_BYTES {
            return false;
        }
        if self.get(owner) == Some(name) {
            return false;
        }
        self.add(owner, name.into());
        true
    }

    /// Marks a name as used.
    fn touch(&mut self, owner: Owner) {
        if !self.young.contains_key(&owner)
            && let Some(name) = self.old.remove(&owner)
        {
            self.add(owner, name);
        }
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
        names.observe(&group, &facts, &ids, || [Identity::UNSET; 2]);
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
        let mut names = Known::default();
        names.put(Owner::User(7), b"seven");
        for id in 100..100_000 {
            names.put(Owner::User(id), b"x");
            assert_eq!(names.get(Owner::User(7)), Some(&b"seven"[..]));
        }
        assert!(names.young.len() + names.old.len() <= MAX_NAMES);
    }

    #[test]
    fn a_name_is_another_one_once_the_files_are_read_again() {
        let mut names = Names::default();
        let ids = Identity {
            uid: 7,
            gid: 8,
            ..Identity::default()
        };
        names.start(b"seven:x:7:0:::\n", b"eight:x:8:\n");
        assert_eq!(named(&mut names, ids).len(), 2);
        names.start(b"sept:x:7:0:::\n", b"");
        let expected = [("uid".to_owned(), "sept".to_owned())];
        assert_eq!(named(&mut names, ids), expected);
    }
}
