//! A bounded map that forgets what has not been used for longest.

use std::{hash::Hash, mem};

use hashbrown::HashMap;

/// A map of two halves. New and used entries are in the young one; when that is full it becomes the
/// old one, and what was still in the old one is forgotten. Each operation costs a constant on
/// average, and there is no allocation once both halves have grown.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Eq + Hash + Copy, V: Clone> Recent<K, V> {
    /// A map of at most `bound` entries.
    pub(crate) fn new(bound: usize) -> Recent<K, V> {
        Recent {
            young: HashMap::new(),
            old: HashMap::new(),
            half: bound.div_ceil(2),
        }
    }

    /// Looks an entry up and marks it as used. What is forgotten for it goes to `forget`.
    pub(crate) fn get(&mut self, key: K, forget: impl FnMut(V)) -> Option<V> {
        if let Some(value) = self.young.get(&key) {
            return Some(value.clone());
        }
        let value = self.old.remove(&key)?;
        self.put(key, value.clone(), forget);
        Some(value)
    }

    /// As [`get`](Self::get), to change the entry.
    pub(crate) fn get_mut(&mut self, key: K, forget: impl FnMut(V)) -> Option<&mut V> {
        if let Some(value) = self.old.remove(&key) {
            self.put(key, value, forget);
        }
        self.young.get_mut(&key)
    }

    /// Adds an entry. The one that it replaces and those that are forgotten go to `forget`.
    pub(crate) fn put(&mut self, key: K, value: V, mut forget: impl FnMut(V)) {
        if let Some(known) = self.young.get_mut(&key) {
            return forget(mem::replace(known, value));
        }
        if let Some(before) = self.old.remove(&key) {
            forget(before);
        }
        if self.young.len() >= self.half {
            mem::swap(&mut self.young, &mut self.old);
            self.young.drain().for_each(|(_, value)| forget(value));
            // One step in place of many, now that all of it is going to be used.
            self.young.reserve(self.half);
        }
        self.young.insert(key, value);
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }

    /// How much memory it takes, in bytes, about.
    pub(crate) fn size(&self) -> usize {
        (self.young.capacity() + self.old.capacity()) * size_of::<(K, V)>()
    }

    /// Takes all entries out, which go to `forget`.
    pub(crate) fn clear(&mut self, mut forget: impl FnMut(V)) {
        for half in [&mut self.young, &mut self.old] {
            half.drain().for_each(|(_, value)| forget(value));
        }
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        self.young.remove(&key).or_else(|| self.old.remove(&key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let mut recent = Recent::new(8);
        let mut forgotten = Vec::new();
        recent.put(0, 0, |_| {});
        for key in 1..100 {
            recent.put(key, key * 10, |value| forgotten.push(value));
            assert_eq!(
                recent.get(0, |value| forgotten.push(value)),
                Some(0),
                "{key}"
            );
            assert!(recent.young.len() + recent.old.len() <= 8);
        }
        assert_eq!(recent.get(1, |_| {}), None);
        assert!(forgotten.contains(&10) && !forgotten.contains(&0));
    }

    #[test]
    fn a_replaced_value_is_handed_back() {
        let mut recent = Recent::new(8);
        let mut forgotten = Vec::new();
        recent.put("a", 1, |value| forgotten.push(value));
        recent.put("a", 2, |value| forgotten.push(value));
        assert_eq!(
            (forgotten, recent.remove("a"), recent.remove("a")),
            (vec![1], Some(2), None)
        );
    }
}
