//! Records of one event, put together again.
//!
//! The records of different events come interleaved, and an event may begin with any of its
//! records. They belong together by node, time and serial. An event ends with its EOE record; with
//! PROCTITLE in a log, where auditd leaves EOE out; at once for records that are whole events; or
//! when its time is up. Nothing waits for ever, and nothing grows for ever: past a bound the oldest
//! event goes out as it is, marked and counted.

mod config;
mod nodes;
mod progress;
mod slot;

use std::{collections::VecDeque, hash::BuildHasher, ops::Range};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::model::{
    Entry, EventId, Groups, Head, Millis, Place, Record,
    record_type::{AUDIT_EOE, AUDIT_PATH, AUDIT_PROCTITLE},
    slice,
};
pub use config::{ReassemblyConfig, Tally};
use nodes::Nodes;
use slot::Slot;

/// Puts records together to events. It does no I/O, and knows the time only from its caller.
///
/// ```
/// use auditrd::{Reassembler, EventId, Groups, ReassemblyConfig, Record, record_type::*};
///
/// let mut reassembler = Reassembler::new(ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
/// let record = |record_type, body| Record { id: EventId::default(), record_type, node: b"", body, cut: false };
/// let mut whole = Groups::default();
/// reassembler.push(0, record(AUDIT_SYSCALL, b"syscall=59"));
/// reassembler.hand_over(&mut whole);
/// assert!(whole.is_empty());
/// reassembler.push(1, record(AUDIT_EOE, b""));
/// reassembler.hand_over(&mut whole);
/// assert_eq!(whole.last().unwrap().len(), 1);
/// ```
#[derive(Debug)]
#[doc(alias = "NewAuditMarshaller")]
pub struct Reassembler {
    config: ReassemblyConfig,
    tally: Tally,
    slots: Vec<Slot>,
    vacant: Vec<usize>,
    /// The slots of open events, by their keys. It holds no keys, so that it stays in the cache where
    /// there are many.
    open: HashTable<usize>,
    hasher: DefaultHashBuilder,
    /// Slots in the order in which they were opened, and so of their deadlines. A slot that was
    /// finished in the meantime is left in the queue and recognized by its number of use.
    queue: VecDeque<(Millis, usize, u64)>,
    /// The events that are whole, and the buffer that the records of others lie in until then.
    whole: Groups,
    /// Slots that were opened since that buffer came, and the numbers of their use.
    fresh: Vec<(usize, u64)>,
    /// Buffers for events that are carried over.
    spare: Vec<Vec<u8>>,
    nodes: Nodes,
    /// The event that the last record was of. Mostly the next one is of it too, up to its end, so
    /// it is listed among the open ones only when another comes between.
    last: Option<(Key, usize)>,
    bytes: usize,
    uses: u64,
    /// The time that nothing waits for any more.
    expired: Option<Millis>,
}

/// What an event is known by: its stamp and the number of its host, as one number, which is compared
/// and hashed at once.
type Key = u128;

/// 48 bits of seconds are more than any stamp has.
fn key(id: EventId, node: u32) -> Key {
    let time = id.time.seconds << 16 | u64::from(id.time.millis);
    u128::from(time) << 64 | u128::from(id.serial) << 32 | u128::from(node)
}

/// Buffers that keep more memory than this are not used again.
const SPARE_CAPACITY: usize = 8 << 10;
/// Buffers kept for use at most.
const SPARES: usize = 1024;
/// Bytes of all events in flight at most: they may all end together, and places have 32 bits.
const MOST: usize = 2 << 30;

impl Reassembler {
    /// A reassembler with nothing in flight.
    pub fn new(config: ReassemblyConfig) -> Reassembler {
        let config = ReassemblyConfig {
            max_bytes: config.max_bytes.min(MOST),
            ..config
        };
        Reassembler {
            config,
            tally: Tally::default(),
            slots: Vec::new(),
            vacant: Vec::new(),
            open: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            queue: VecDeque::new(),
            whole: Groups::default(),
            fresh: Vec::new(),
            spare: Vec::new(),
            nodes: Nodes::default(),
            last: None,
            bytes: 0,
            uses: 0,
            expired: None,
        }
    }

    /// Takes a record in. Events that are whole now, or whose time is up, are there to
    /// [`hand_over`](Self::hand_over); so must they be before 4 GiB of records have come, which all
    /// lie in memory until then.
    pub fn push(&mut self, now: Millis, record: Record<'_>) {
        self.expire(now);
        let entry = Entry {
            id: record.id,
            record_type: record.record_type,
            cut: record.cut,
            node: self.whole.append(record.node),
            body: self.whole.append(record.body),
        };
        self.take(now, &entry);
    }

    /// Exchanges the buffer that records lie in, which is empty when all of it was handed over, for
    /// one with the records that are to be taken next.
    pub(crate) fn exchange_buffer(&mut self, buffer: &mut Vec<u8>) {
        std::mem::swap(&mut self.whole.bytes, buffer);
    }

    /// A text that lies in the buffer.
    pub(crate) fn text(&self, range: &Range<u32>) -> &[u8] {
        slice(&self.whole.bytes, range)
    }

    /// Takes a record in that lies in the buffer, but nothing is late because of it.
    #[inline]
    pub(crate) fn take(&mut self, now: Millis, record: &Entry) {
        self.tally.records += 1;
        let kept = (self.config.min..=self.config.max).contains(&record.record_type);
        let ends = record.record_type == AUDIT_EOE
            || record.record_type == AUDIT_PROCTITLE && self.config.ends_at_proctitle;
        if !kept && !ends {
            self.tally.filtered += 1;
            return;
        }
        self.tally.ends += u64::from(record.record_type == AUDIT_EOE || !kept);
        let key = key(record.id, self.node(record));
        let Some(index) = self
            .find(key)
            .or_else(|| self.start(now, key, record, kept))
        else {
            return;
        };
        if record.record_type != AUDIT_EOE && kept {
            self.add(index, record);
        }
        let mut is_whole = record.record_type == AUDIT_EOE;
        if self.config.ends_at_proctitle {
            let has_names = (self.config.min..=self.config.max).contains(&AUDIT_PATH);
            let body = slice(&self.whole.bytes, &record.body);
            let progress = &mut self.slots[index].progress;
            progress.see(record.record_type, body, has_names);
            is_whole |= progress.is_whole();
        }
        if is_whole {
            self.finish(index, false);
        }
        while self.bytes > self.config.max_bytes && self.evict() {}
    }

    /// Finishes what has waited for its end until `now`.
    ///
    /// Whoever would have to wait for longer than the timeout has seen the clock step back, as it
    /// does between logs: its time is up too, and must not hold up the events behind it.
    #[inline]
    pub fn expire(&mut self, now: Millis) {
        if self.expired != Some(now) {
            self.expired = Some(now);
            self.finish_late(now);
        }
    }

    fn finish_late(&mut self, now: Millis) {
        let latest = now.saturating_add(self.timeout());
        while let Some((deadline, index, use_number)) = self.queue.front().copied() {
            let is_open = self.slots[index].use_number == use_number;
            if is_open && deadline > now && deadline <= latest {
                return;
            }
            self.queue.pop_front();
            if is_open {
                self.tally.unfinished += 1;
                self.finish(index, true);
            }
        }
    }

    /// When `expire` will next have something to do.
    pub fn next_deadline(&mut self) -> Option<Millis> {
        while let Some((deadline, index, use_number)) = self.queue.front().copied() {
            if self.slots[index].use_number == use_number {
                return Some(deadline);
            }
            self.queue.pop_front();
        }
        None
    }

    /// Finishes everything in flight: no more records will come for it.
    pub fn drain(&mut self) {
        while let Some((_, index, use_number)) = self.queue.pop_front() {
            if self.slots[index].use_number == use_number {
                self.tally.unfinished += 1;
                self.finish(index, true);
            }
        }
    }

    /// Exchanges the events that are whole for `groups`, whose room is used again.
    pub fn hand_over(&mut self, groups: &mut Groups) {
        let mut fresh = std::mem::take(&mut self.fresh);
        for (index, use_number) in fresh.drain(..) {
            let slot = &mut self.slots[index];
            if slot.use_number == use_number {
                slot.carry(&self.whole.bytes, || self.spare.pop().unwrap_or_default());
            }
        }
        self.fresh = fresh;
        groups.clear();
        std::mem::swap(&mut self.whole, groups);
    }

    /// What became of records and events so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// How many events are in flight.
    pub fn in_flight(&self) -> usize {
        self.slots.len() - self.vacant.len()
    }

    #[inline]
    fn find(&mut self, key: Key) -> Option<usize> {
        if let Some((last, index)) = self.last
            && last == key
        {
            return Some(index);
        }
        let is_it = |index: &usize| self.slots[*index].key == key;
        let index = *self.open.find(self.hasher.hash_one(key), is_it)?;
        self.list_last();
        self.last = Some((key, index));
        Some(index)
    }

    /// Lists the event that the last record was of among the open ones.
    fn list_last(&mut self) {
        if let Some((key, index)) = self.last
            && !std::mem::replace(&mut self.slots[index].is_listed, true)
        {
            let (slots, hasher) = (&self.slots, &self.hasher);
            let hash = |index: &usize| hasher.hash_one(slots[*index].key);
            self.open.insert_unique(hasher.hash_one(key), index, hash);
        }
    }

    /// Makes room for an event, if the record is worth one: an end without a beginning is not, and
    /// a record that is a whole event goes out at once.
    fn start(&mut self, now: Millis, key: Key, record: &Entry, kept: bool) -> Option<usize> {
        if record.record_type == AUDIT_EOE || !kept {
            return None;
        }
        if record.record_type.is_single() {
            self.pass_on(record);
            return None;
        }
        if self.in_flight() >= self.config.max_events {
            self.evict();
        }
        self.list_last();
        let use_number = self.uses;
        self.uses += 1;
        let index = match self.vacant.pop() {
            Some(index) => {
                self.slots[index].reuse(key, use_number, record);
                index
            }
            None => {
                self.slots.push(Slot::new(key, use_number, record));
                self.slots.len() - 1
            }
        };
        self.bytes += self.slots[index].cost;
        self.last = Some((key, index));
        self.fresh.push((index, use_number));
        let deadline = now.saturating_add(self.timeout());
        self.queue.push_back((deadline, index, use_number));
        self.forget_finished();
        Some(index)
    }

    /// Sends out a record that is a whole event.
    fn pass_on(&mut self, record: &Entry) {
        self.whole.add(Head {
            id: record.id,
            node: record.node.clone(),
            incomplete: false,
            truncated: record.cut,
        });
        self.whole.add_place(Place {
            record_type: record.record_type,
            range: record.body.clone(),
        });
        self.tally.truncated += u64::from(record.cut);
        self.tally.events += 1;
    }

    fn timeout(&self) -> Millis {
        Millis::try_from(self.config.timeout.as_millis()).unwrap_or(Millis::MAX)
    }

    #[inline]
    fn add(&mut self, index: usize, record: &Entry) {
        let slot = &mut self.slots[index];
        let was_truncated = slot.truncated;
        slot.truncated |= record.cut;
        if slot.has_room(&record.body, self.config.max_event_bytes) {
            self.bytes += slot.add(record.record_type, &record.body, &self.whole.bytes);
        } else {
            slot.truncated = true;
            self.tally.left_out += 1;
        }
        self.tally.truncated += u64::from(slot.truncated && !was_truncated);
    }

    fn evict(&mut self) -> bool {
        while let Some((_, index, use_number)) = self.queue.pop_front() {
            if self.slots[index].use_number == use_number {
                self.tally.evicted += 1;
                self.finish(index, true);
                return true;
            }
        }
        false
    }

    fn finish(&mut self, index: usize, incomplete: bool) {
        let slot = &mut self.slots[index];
        self.bytes -= slot.cost;
        if slot.is_listed {
            let hash = self.hasher.hash_one(slot.key);
            if let Ok(entry) = self.open.find_entry(hash, |other| *other == index) {
                entry.remove();
            }
        }
        if let Some(mut buffer) = slot.finish(incomplete, &mut self.whole)
            && buffer.capacity() <= SPARE_CAPACITY
            && self.spare.len() < SPARES
        {
            buffer.clear();
            self.spare.push(buffer);
        }
        if self.last.is_some_and(|(_, last)| last == index) {
            self.last = None;
        }
        self.vacant.push(index);
        self.tally.events += 1;
    }

    /// Takes finished slots out of the queue once they are most of it, which costs a constant per
    /// event on average.
    fn forget_finished(&mut self) {
        if self.queue.len() > 2 * self.in_flight() + 1024 {
            let slots = &self.slots;
            self.queue
                .retain(|(_, index, use_number)| slots[*index].use_number == *use_number);
        }
    }

    #[inline]
    fn node(&mut self, record: &Entry) -> u32 {
        if record.node.is_empty() {
            return 0;
        }
        if self.nodes.is_full() {
            // A log with this many hosts, or a forged one; numbers must not be given out again
            // while events are in flight under them.
            self.drain();
            self.nodes = Nodes::default();
        }
        let name = slice(&self.whole.bytes, &record.node);
        self.nodes.number(name)
    }
}

#[cfg(test)]
mod tests;
