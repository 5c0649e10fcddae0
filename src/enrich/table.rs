//! The lives of processes, with their texts, in bounded memory.

use std::{
    mem,
    sync::atomic::{AtomicU64, Ordering},
};

use hashbrown::HashMap;

use crate::{bytes::append, enrich::life::Life};

/// The slot of a life that is not in the young half, as far as is known.
pub(super) const NO_SLOT: Slot = Slot::MAX;

/// The texts of a life. One that is not known is empty.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Texts<'t> {
    /// The path of the program that runs.
    pub(super) exe: &'t [u8],
    /// The arguments that it was started with, joined.
    pub(super) commandline: &'t [u8],
    /// The file that it interprets.
    pub(super) script: &'t [u8],
}

impl Texts<'_> {
    fn len(&self) -> usize {
        self.exe.len() + self.commandline.len() + self.script.len()
    }
}

/// Where a life is in the young half, until one is put there.
pub(super) type Slot = u32;

/// Where the texts of a life are in the buffer of its half: one behind the other.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    start: usize,
    exe: u32,
    commandline: u32,
    script: u32,
}

impl Place {
    fn write(texts: Texts<'_>, buffer: &mut Vec<u8>) -> Place {
        let start = buffer.len();
        append([texts.exe, texts.commandline, texts.script], buffer);
        let length = |text: &[u8]| u32::try_from(text.len()).unwrap_or_default();
        Place {
            start,
            exe: length(texts.exe),
            commandline: length(texts.commandline),
            script: length(texts.script),
        }
    }

    fn read(self, buffer: &[u8]) -> Texts<'_> {
        let mut rest = buffer.get(self.start..).unwrap_or_default();
        let mut cut = |length: u32| {
            let (text, tail) = rest.split_at_checked(length as usize).unwrap_or_default();
            rest = tail;
            text
        };
        Texts {
            exe: cut(self.exe),
            commandline: cut(self.commandline),
            script: cut(self.script),
        }
    }
}

/// A number for texts that have just been written. It is unique across all tables, because the
/// texts of several meet in one encoder.
fn next_edition() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// A map from pid to life that forgets the lives that have not been used for longest.
///
/// It has two halves, as `resolve::recent` has: new and used lives are in the young one; when that
/// is full, it becomes the old one, and the lives that were still in the old one are forgotten. The
/// texts of a life are in the buffer of its half, so nothing is allocated once both have grown.
#[derive(Debug)]
pub(super) struct Table {
    young: Half,
    old: Half,
    /// Bounds on each half.
    max_lives: usize,
    max_bytes: usize,
    /// Texts on their way from one place to another.
    moved: Vec<u8>,
    has_forgotten: bool,
}

#[derive(Debug, Default)]
struct Half {
    /// From a pid to its place in `lives`.
    slots: HashMap<u32, Slot>,
    lives: Vec<(Life, Place)>,
    texts: Vec<u8>,
}

impl Half {
    fn get(&self, pid: u32) -> Option<(&Life, Texts<'_>)> {
        self.at(*self.slots.get(&pid)?)
    }

    fn at(&self, slot: Slot) -> Option<(&Life, Texts<'_>)> {
        let (life, place) = self.lives.get(slot as usize)?;
        Some((life, place.read(&self.texts)))
    }

    fn size(&self) -> usize {
        self.slots.capacity() * size_of::<(u32, Slot)>()
            + self.lives.capacity() * size_of::<(Life, Place)>()
            + self.texts.capacity()
    }

    fn put(&mut self, pid: u32, mut life: Life, texts: Texts<'_>) -> Slot {
        let place = Place::write(texts, &mut self.texts);
        life.edition = next_edition();
        let next = Slot::try_from(self.lives.len()).unwrap_or(NO_SLOT);
        let slot = *self.slots.entry(pid).or_insert(next);
        match self.lives.get_mut(slot as usize) {
            Some(known) => *known = (life, place),
            None => self.lives.push((life, place)),
        }
        slot
    }

    /// Takes a life out. Its place stays empty.
    fn remove(&mut self, pid: u32) {
        if self.slots.is_empty() {
            return;
        }
        let slot = self.slots.remove(&pid);
        if let Some((life, _)) = slot.and_then(|slot| self.lives.get_mut(slot as usize)) {
            *life = Life::default();
        }
    }

    fn clear(&mut self) {
        self.slots.clear();
        self.lives.clear();
        self.texts.clear();
    }
}

impl Table {
    /// A table of at most this many lives, and bytes of text.
    pub(super) fn new(max_lives: usize, max_bytes: usize) -> Table {
        Table {
            young: Half::default(),
            old: Half::default(),
            max_lives: max_lives.div_ceil(2),
            max_bytes: max_bytes.div_ceil(2),
            moved: Vec::new(),
            has_forgotten: false,
        }
    }

    /// How much memory it takes, in bytes, about.
    pub(super) fn size(&self) -> usize {
        self.young.size() + self.old.size() + self.moved.capacity()
    }

    /// Whether there is nothing in it.
    fn is_empty(&self) -> bool {
        self.young.slots.is_empty() && self.old.slots.is_empty()
    }

    /// Whether a life was forgotten to make room.
    pub(super) fn has_forgotten(&self) -> bool {
        self.has_forgotten
    }

    /// Looks a life up, without marking it as used.
    #[inline]
    pub(super) fn peek(&self, pid: u32) -> Option<(&Life, Texts<'_>)> {
        // Forks are not recorded by most rules.
        if self.is_empty() {
            return None;
        }
        self.young.get(pid).or_else(|| self.old.get(pid))
    }

    /// Looks a life up by its number, which none but it has. `slot` is where it was found before.
    #[inline]
    pub(super) fn peek_at(&self, slot: Slot, pid: u32, number: u64) -> Option<(&Life, Texts<'_>)> {
        if number == 0 {
            return None;
        }
        let found = self.young.at(slot);
        found
            .filter(|(life, _)| life.number == number)
            .or_else(|| self.peek(pid).filter(|(life, _)| life.number == number))
    }

    /// Finds the parent of a life, if it is not where it was found before but in the young half.
    #[inline]
    pub(super) fn find_parent(&self, life: &Life) -> Option<Slot> {
        let is_parent = |slot: &Slot| {
            let found = self.young.lives.get(*slot as usize);
            found.is_some_and(|(found, _)| found.number == life.parent)
        };
        if is_parent(&life.parent_slot) {
            return None;
        }
        let slot = self.young.slots.get(&life.ppid).copied();
        slot.filter(is_parent)
    }

    /// As [`find`](Self::find), for a life that was in this slot before others were added.
    #[inline]
    pub(super) fn find_again(&mut self, slot: Slot, pid: u32, number: u64) -> Option<Slot> {
        let is_there = self.at(slot).is_some_and(|(life, _)| life.number == number);
        if is_there { Some(slot) } else { self.find(pid) }
    }

    /// Finds a life, and marks it as used, with the ancestors that it is linked to.
    pub(super) fn find(&mut self, pid: u32) -> Option<Slot> {
        if let Some(slot) = self.young.slots.get(&pid) {
            return Some(*slot);
        }
        self.refresh(pid);
        self.young.slots.get(&pid).copied()
    }

    /// The life in a slot.
    #[inline]
    pub(super) fn at(&self, slot: Slot) -> Option<(&Life, Texts<'_>)> {
        self.young.at(slot)
    }

    /// The life in a slot, to change it.
    #[inline]
    pub(super) fn at_mut(&mut self, slot: Slot) -> Option<&mut Life> {
        self.young
            .lives
            .get_mut(slot as usize)
            .map(|(life, _)| life)
    }

    /// Looks a life up, to change it, and marks it as used, with the ancestors that it is linked
    /// to.
    pub(super) fn get(&mut self, pid: u32) -> Option<&mut Life> {
        let slot = self.find(pid)?;
        self.at_mut(slot)
    }

    /// Adds a life, or replaces the one with this pid.
    pub(super) fn put(&mut self, pid: u32, life: Life, texts: Texts<'_>) -> Slot {
        if !self.has_room(texts) {
            mem::swap(&mut self.young, &mut self.old);
            self.has_forgotten |= !self.young.slots.is_empty();
            self.young.clear();
        }
        self.old.remove(pid);
        self.young.put(pid, life, texts)
    }

    /// Whether the young half has room for a life with these texts.
    fn has_room(&self, texts: Texts<'_>) -> bool {
        let is_full = self.young.lives.len() >= self.max_lives;
        !is_full && self.young.texts.len() + texts.len() <= self.max_bytes
    }

    /// Replaces the texts of a life in a slot. Returns where it is then.
    pub(super) fn put_texts(&mut self, pid: u32, slot: Slot, texts: Texts<'_>) -> Slot {
        let has_room = self.has_room(texts);
        match self.young.lives.get_mut(slot as usize) {
            None => slot,
            Some((life, place)) if has_room => {
                *place = Place::write(texts, &mut self.young.texts);
                life.edition = next_edition();
                slot
            }
            Some((life, _)) => {
                let life = life.clone();
                self.put(pid, life, texts)
            }
        }
    }

    /// Takes a life out.
    pub(super) fn remove(&mut self, pid: u32) {
        self.young.remove(pid);
        self.old.remove(pid);
    }

    /// Moves a life out of the old half, and the ancestors that it is linked to.
    #[cold]
    fn refresh(&mut self, pid: u32) {
        let (mut pid, mut number, mut child) = (pid, None, NO_SLOT);
        while let Some((life, texts)) = self.old.get(pid)
            && number.is_none_or(|number| number == life.number)
        {
            let life = life.clone();
            let mut moved = mem::take(&mut self.moved);
            moved.clear();
            let place = Place::write(texts, &mut moved);
            let (this, parent) = (pid, (life.ppid, Some(life.parent)));
            let slot = self.put(this, life, place.read(&moved));
            self.moved = moved;
            if let Some(child) = self.at_mut(child)
                && Some(child.parent) == number
            {
                child.parent_slot = slot;
            }
            (pid, number) = parent;
            child = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pid: u32, buffer: &mut Vec<u8>) -> Texts<'_> {
        buffer.clear();
        buffer.extend_from_slice(format!("/bin/{pid}").as_bytes());
        Texts {
            exe: buffer,
            commandline: b"a b",
            script: b"",
        }
    }

    fn life(number: u64, ppid: u32, parent: u64) -> Life {
        Life {
            number,
            ppid,
            parent,
            ..Life::default()
        }
    }

    #[test]
    fn a_life_that_is_used_stays_and_so_do_its_ancestors() {
        let (mut table, mut buffer) = (Table::new(64, 1 << 16), Vec::new());
        for (pid, parent) in [(1, 0), (2, 1), (3, 2)] {
            let life = life(u64::from(pid), parent, u64::from(parent));
            table.put(pid, life, texts(pid, &mut buffer));
        }
        for pid in 100..1000 {
            table.put(pid, life(7, 0, 0), texts(pid, &mut buffer));
            let slot = table.find(3).unwrap();
            let this = table.at(slot).unwrap().0;
            assert_eq!((this.number, this.parent), (3, 2), "{pid}");
            assert_eq!(table.find_again(slot, 3, 3), Some(slot));
            assert_eq!(table.find_again(slot + 1, 3, 3), Some(slot));
            assert_eq!(table.peek_at(slot, 3, 3).unwrap().0.number, 3);
            assert!(table.peek_at(slot, 3, 4).is_none());
            for known in 1..=3 {
                let (life, known_texts) = table.peek(known).unwrap();
                assert_eq!(life.number, u64::from(known));
                assert_eq!(known_texts, texts(known, &mut buffer));
            }
        }
        assert!(table.peek(100).is_none());
    }

    #[test]
    fn texts_with_the_same_number_are_the_same() {
        let mut tables = [Table::new(8, 1 << 10), Table::new(8, 1 << 10)];
        let (mut seen, mut buffer) = (HashMap::new(), Vec::new());
        for step in 0..2000u32 {
            let table = &mut tables[step as usize % 2];
            let pid = step.wrapping_mul(0x9e37_79b9) >> 29;
            let texts = texts(step, &mut buffer);
            match (step % 3, table.find(pid)) {
                (0, _) | (_, None) => table.put(pid, life(u64::from(step), 0, 0), texts),
                (1, Some(slot)) => table.put_texts(pid, slot, texts),
                (_, Some(slot)) => slot,
            };
            for (life, texts) in (0..8).filter_map(|pid| table.peek(pid)) {
                let known = seen.entry(life.edition).or_insert(texts.exe.to_vec());
                assert_eq!(known, texts.exe);
            }
        }
    }

    #[test]
    fn lives_and_texts_stay_within_their_bounds() {
        let long = vec![b'x'; 1000];
        let mut table = Table::new(1024, 64 << 10);
        for pid in 0..100_000 {
            let texts = Texts {
                exe: b"/bin/sh",
                commandline: &long,
                script: b"",
            };
            let slot = table.put(pid, life(u64::from(pid), 0, 0), texts);
            let texts = Texts {
                exe: b"/bin/true",
                ..texts
            };
            let slot = table.put_texts(pid, slot, texts);
            let (life, known) = table.at(slot).unwrap();
            assert_eq!((life.number, known), (u64::from(pid), texts));
        }
        assert!(table.size() < 512 << 10, "{}", table.size());
    }
}
