//! The memories of all hosts of a log, bounded together.

use hashbrown::HashMap;

/// What is remembered of one host.
pub(crate) trait Memory {
    /// A memory with nothing in it.
    fn empty() -> Self;
    /// How much memory it takes, in bytes, about.
    fn size(&self) -> usize;
}

/// Bytes of everything that is remembered of all hosts, about.
const MAX_BYTES: usize = 128 << 20;
/// Events between two looks at how much that is.
const EVENTS_PER_LOOK: u32 = 1024;

/// One memory per host, by the name that the log gives it.
#[derive(Debug)]
pub(crate) struct Memories<M> {
    /// That of records without a name, which are all there are live.
    unnamed: Option<Box<M>>,
    named: HashMap<Vec<u8>, Named<M>>,
    events: u32,
    /// Bytes of all of them, about.
    bound: usize,
}

#[derive(Debug)]
struct Named<M> {
    memory: M,
    /// The event that it was used for last.
    used: u32,
}

impl<M> Default for Memories<M> {
    fn default() -> Memories<M> {
        Memories {
            unnamed: None,
            named: HashMap::new(),
            events: 0,
            bound: MAX_BYTES,
        }
    }
}

impl<M: Memory> Memories<M> {
    /// Memories that take about this many bytes together.
    pub(crate) fn bounded(bound: usize) -> Memories<M> {
        Memories {
            bound,
            ..Memories::default()
        }
    }

    /// The memory of a host. Those of hosts that were not heard of for longest go when all of them
    /// together take too much.
    pub(crate) fn of(&mut self, node: &[u8]) -> &mut M {
        self.events = self.events.wrapping_add(1);
        if self.events.is_multiple_of(EVENTS_PER_LOOK) {
            self.shrink(self.bound);
        }
        if node.is_empty() {
            return self.unnamed.get_or_insert_with(|| Box::new(M::empty()));
        }
        let used = self.events;
        let named = self.named.entry_ref(node).or_insert_with(|| Named {
            memory: M::empty(),
            used,
        });
        named.used = used;
        &mut named.memory
    }

    /// The memory of a host, if there is one, without marking it as used.
    pub(crate) fn known(&self, node: &[u8]) -> Option<&M> {
        match node {
            b"" => self.unnamed.as_deref(),
            node => self.named.get(node).map(|named| &named.memory),
        }
    }

    fn shrink(&mut self, bound: usize) {
        let size = |(name, named): (&Vec<u8>, &Named<M>)| {
            name.capacity() + size_of::<Named<M>>() + named.memory.size()
        };
        let mut total: usize = self.named.iter().map(size).sum();
        if total <= bound {
            return;
        }
        let (now, mut order) = (self.events, Vec::new());
        order.extend(self.named.iter().map(|entry| {
            let age = now.wrapping_sub(entry.1.used);
            (age, size(entry), entry.0.clone())
        }));
        order.sort_unstable_by(|one, other| other.cmp(one));
        for (_, size, name) in order {
            if total <= bound || self.named.len() == 1 {
                return;
            }
            self.named.remove(&name);
            total -= size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::Resolver;

    #[test]
    fn the_hosts_that_were_used_last_are_remembered() {
        let mut memories: Memories<Resolver> = Memories::default();
        for round in 0..3 {
            for host in 0..200u32 {
                memories
                    .of(&host.to_be_bytes())
                    .confirm_cwd(b"/some/directory");
                memories.of(b"busy");
                let _ = round;
            }
        }
        assert_eq!(memories.named.len(), 201);
        let one = memories.of(b"busy").size();
        memories.shrink(20 * one);
        assert!((1..=40).contains(&memories.named.len()));
        assert!(memories.named.contains_key(&b"busy"[..]));
    }
}
