//! A bounded map that forgets what has not been used for longest.

use std::{hash::BuildHasher, mem};

use hashbrown::{DefaultHashBuilder, HashTable};

/// A key of a [`Recent`].
pub(crate) trait Key: Copy + Eq {
    /// A number of its own, whose low bits tell apart keys that are used at about the same time:
    /// processes that begin one after the other have ids in a row.
    fn number(self) -> u64;
}

impl Key for u32 {
    fn number(self) -> u64 {
        u64::from(self)
    }
}

/// A map of two halves. New and used entries are in the young one; when that is full it becomes the
/// old one, and what was still in the old one is forgotten. Each operation costs a constant on
/// average, and there is no allocation once both halves have grown.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    young: Half<K, V>,
    old: Half<K, V>,
    half: usize,
    /// The place of the last entry that was looked up, which is often asked for again.
    last: usize,
    hasher: DefaultHashBuilder,
}

impl<K: Key, V: Clone> Recent<K, V> {
    /// A map of at most `bound` entries.
    pub(crate) fn new(bound: usize) -> Recent<K, V> {
        Recent {
            young: Half::new(),
            old: Half::new(),
            half: bound.div_ceil(2),
            last: 0,
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Looks an entry up and marks it as used. What is forgotten for it goes to `forget`.
    pub(crate) fn get(&mut self, key: K, forget: impl FnMut(V)) -> Option<V> {
        self.get_mut(key, forget).cloned()
    }

    /// As [`get`](Self::get), to change the entry.
    pub(crate) fn get_mut(&mut self, key: K, forget: impl FnMut(V)) -> Option<&mut V> {
        let last = self.young.entries.get(self.last);
        if last.is_none_or(|(known, _)| *known != key) {
            self.last = self.find(key, forget)?;
        }
        Some(&mut self.young.entries.get_mut(self.last)?.1)
    }

    /// The place of an entry in the young half, to which it is moved.
    fn find(&mut self, key: K, forget: impl FnMut(V)) -> Option<usize> {
        let hash = hash_of(key, &self.hasher);
        if let Some(at) = self.young.find(hash, key) {
            return Some(at);
        }
        let value = self.old.remove(hash, key, &self.hasher)?;
        Some(self.add(hash, key, value, forget))
    }

    /// Adds an entry. The one that it replaces and those that are forgotten go to `forget`.
    pub(crate) fn put(&mut self, key: K, value: V, mut forget: impl FnMut(V)) {
        let hash = hash_of(key, &self.hasher);
        if let Some(at) = self.young.find(hash, key) {
            return forget(mem::replace(&mut self.young.entries[at].1, value));
        }
        if let Some(before) = self.old.remove(hash, key, &self.hasher) {
            forget(before);
        }
        self.add(hash, key, value, forget);
    }

    /// As [`put`](Self::put), for an entry that [`get`](Self::get) has just not found.
    pub(crate) fn put_new(&mut self, key: K, value: V, forget: impl FnMut(V)) {
        self.add(hash_of(key, &self.hasher), key, value, forget);
    }

    /// Adds an entry that neither half has. Returns its place in the young one.
    fn add(&mut self, hash: u64, key: K, value: V, forget: impl FnMut(V)) -> usize {
        if self.young.entries.len() >= self.half {
            mem::swap(&mut self.young, &mut self.old);
            self.young.clear(forget);
            // One step in place of many, now that all of it is going to be used.
            self.young.reserve(self.half, &self.hasher);
        }
        self.young.add(hash, key, value, &self.hasher)
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.young.entries.is_empty() && self.old.entries.is_empty()
    }

    /// How much memory it takes, in bytes, about.
    pub(crate) fn size(&self) -> usize {
        self.young.size() + self.old.size()
    }

    /// Takes all entries out, which go to `forget`.
    pub(crate) fn clear(&mut self, mut forget: impl FnMut(V)) {
        self.young.clear(&mut forget);
        self.old.clear(forget);
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        let hash = hash_of(key, &self.hasher);
        let young = self.young.remove(hash, key, &self.hasher);
        young.or_else(|| self.old.remove(hash, key, &self.hasher))
    }
}

/// Entries in the order in which they were added, and an index of them. Events in a row are mostly
/// about the same processes and files, whose entries are near each other here. In a hash table,
/// each of them would be a cache miss.
#[derive(Debug)]
struct Half<K, V> {
    entries: Vec<(K, V)>,
    /// The place of each entry, by the hash of its key.
    index: HashTable<u32>,
}

impl<K: Key, V> Half<K, V> {
    fn new() -> Half<K, V> {
        Half {
            entries: Vec::new(),
            index: HashTable::new(),
        }
    }

    fn find(&self, hash: u64, key: K) -> Option<usize> {
        let is_it = |at: &u32| self.entries[*at as usize].0 == key;
        self.index.find(hash, is_it).map(|at| *at as usize)
    }

    /// Adds an entry that it does not have. Returns its place.
    fn add(&mut self, hash: u64, key: K, value: V, hasher: &DefaultHashBuilder) -> usize {
        let at = self.entries.len();
        self.entries.push((key, value));
        let entries = &self.entries;
        let rehash = |at: &u32| hash_of(entries[*at as usize].0, hasher);
        self.index.insert_unique(hash, at as u32, rehash);
        at
    }

    /// Takes an entry out. The last entry takes its place.
    #[inline]
    fn remove(&mut self, hash: u64, key: K, hasher: &DefaultHashBuilder) -> Option<V> {
        if self.entries.is_empty() {
            return None;
        }
        self.remove_known(hash, key, hasher)
    }

    fn remove_known(&mut self, hash: u64, key: K, hasher: &DefaultHashBuilder) -> Option<V> {
        let entries = &self.entries;
        let is_it = |at: &u32| entries[*at as usize].0 == key;
        let (at, _) = self.index.find_entry(hash, is_it).ok()?.remove();
        let (_, value) = self.entries.swap_remove(at as usize);
        if let Some((moved, _)) = self.entries.get(at as usize) {
            let last = self.entries.len() as u32;
            let index = self
                .index
                .find_mut(hash_of(*moved, hasher), |at| *at == last);
            if let Some(index) = index {
                *index = at;
            }
        }
        Some(value)
    }

    /// Makes room for this many entries in all.
    fn reserve(&mut self, entries: usize, hasher: &DefaultHashBuilder) {
        let more = entries.saturating_sub(self.entries.len());
        self.entries.reserve_exact(more);
        let entries = &self.entries;
        let rehash = |at: &u32| hash_of(entries[*at as usize].0, hasher);
        self.index.reserve(more, rehash);
    }

    fn clear(&mut self, mut forget: impl FnMut(V)) {
        self.index.clear();
        self.entries.drain(..).for_each(|(_, value)| forget(value));
    }

    fn size(&self) -> usize {
        let entries = self.entries.capacity() * size_of::<(K, V)>();
        entries + self.index.capacity() * size_of::<u32>()
    }
}

/// The hash of a key: that of the block of eight numbers that it is in, and its place there, so
/// that keys in a row share the cache lines of an index. An index takes the place of an entry from
/// the low bits of its hash, and tells entries apart by the seven highest.
fn hash_of(key: impl Key, hasher: &DefaultHashBuilder) -> u64 {
    let (block, place) = (key.number() / 8, key.number() % 8);
    hasher.hash_one(block).wrapping_add(place) ^ place << 61
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn used_entries_stay_and_others_are_forgotten() {
        let mut recent = Recent::new(8);
        let mut forgotten = Vec::new();
        recent.put(0, 0, |_| {});
        for key in 1..100u32 {
            recent.put(key, key * 10, |value| forgotten.push(value));
            assert_eq!(
                recent.get(0, |value| forgotten.push(value)),
                Some(0),
                "{key}"
            );
            assert!(recent.young.entries.len() + recent.old.entries.len() <= 8);
        }
        assert_eq!(recent.get(1, |_| {}), None);
        assert!(forgotten.contains(&10) && !forgotten.contains(&0));
    }

    #[test]
    fn a_replaced_value_is_handed_back() {
        let mut recent = Recent::new(8);
        let mut forgotten = Vec::new();
        recent.put(7, 1, |value| forgotten.push(value));
        recent.put(7, 2, |value| forgotten.push(value));
        assert_eq!(
            (forgotten, recent.remove(7), recent.remove(7)),
            (vec![1], Some(2), None)
        );
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_list_of_all_entries(
            steps in prop::collection::vec((0..5u8, 0..24u32), 0..400),
        ) {
            let mut recent = Recent::new(16);
            // The entries of the two halves, in any order.
            let (mut young, mut old) = (Vec::<(u32, usize)>::new(), Vec::new());
            for (value, (step, key)) in steps.into_iter().enumerate() {
                let place = |half: &Vec<(u32, usize)>| half.iter().position(|it| it.0 == key);
                let known = match (place(&young), place(&old)) {
                    (Some(at), _) => Some(young.swap_remove(at).1),
                    (None, at) => at.map(|at| old.swap_remove(at).1),
                };
                let (mut expected, mut forgotten) = (Vec::new(), Vec::new());
                let new = match step {
                    0 => {
                        prop_assert_eq!(recent.remove(key), known);
                        None
                    }
                    1 => {
                        expected.extend(known);
                        recent.put(key, value, |gone| forgotten.push(gone));
                        Some(value)
                    }
                    2 => {
                        let found = recent.get_mut(key, |gone| forgotten.push(gone));
                        prop_assert_eq!(found.as_deref().copied(), known);
                        found.map(|found| {
                            *found = value;
                            value
                        })
                    }
                    _ => {
                        let found = recent.get(key, |gone| forgotten.push(gone));
                        prop_assert_eq!(found, known);
                        known
                    }
                };
                if let Some(new) = new {
                    if young.len() == 8 {
                        expected.extend(old.drain(..).map(|(_, value)| value));
                        mem::swap(&mut young, &mut old);
                    }
                    young.push((key, new));
                }
                forgotten.sort_unstable();
                expected.sort_unstable();
                prop_assert_eq!(forgotten, expected);
            }
        }
    }
}
