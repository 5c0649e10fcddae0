//! Reassembles records into events.
//!
//! The records of different events arrive interleaved, and an event may start with any of its
//! records. Records with the same node, time and serial belong to one event. An event ends with its
//! EOE record; with PROCTITLE in a log, because auditd does not log EOE; at once if its record is a
//! whole event; or at its deadline. All state is bounded: at a bound, the oldest event is finished
//! as it is, marked as incomplete and counted.

mod config;
mod nodes;
mod progress;
mod slot;
mod whole;

use std::{collections::VecDeque, hash::BuildHasher, ops::Range};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::model::{
    Batch, EventId, Groups, Millis, Record, Run, Span, Stamp,
    record_type::{AUDIT_EOE, AUDIT_PROCTITLE},
    slice,
};
pub use config::{ReassemblyConfig, Tally};
pub(crate) use nodes::Nodes;
use progress::Kept;
use slot::Slot;
use whole::Whole;

/// Reassembles records into events. It does no I/O, and gets the time from its caller.
///
/// ```
/// use auditrd::{ReassemblyConfig, record_type::*};
/// use auditrd::model::{EventId, Groups, Record};
/// use auditrd::reassemble::Reassembler;
///
/// let mut reassembler = Reassembler::new(ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
/// let (id, node, cut, relayed) = (EventId::default(), b"", false, false);
/// let record = |record_type, body| Record { id, record_type, node, body, cut, relayed };
/// let mut groups = Groups::default();
/// reassembler.push(0, record(AUDIT_SYSCALL, b"syscall=59"));
/// reassembler.hand_over(&mut groups);
/// assert!(groups.is_empty());
/// reassembler.push(1, record(AUDIT_EOE, b""));
/// reassembler.hand_over(&mut groups);
/// assert_eq!(groups.last().unwrap().len(), 1);
/// ```
#[derive(Debug)]
#[doc(alias = "NewAuditMarshaller")]
pub struct Reassembler {
    config: ReassemblyConfig,
    kept: Kept,
    /// The last gap in the serials of each node, by number, that is open.
    gaps: Vec<u32>,
    tally: Tally,
    slots: Vec<Slot>,
    vacant: Vec<usize>,
    /// The slots of open events, by their keys. The keys are stored only in the slots, so that this
    /// table stays small enough for the cache.
    open: HashTable<usize>,
    hasher: DefaultHashBuilder,
    /// (deadline, slot, use number) in order of deadlines. A finished slot stays in the queue; its
    /// use number then differs.
    queue: VecDeque<(Millis, usize, u64)>,
    /// The whole events, in the buffer that also holds the records of open events.
    groups: Groups,
    /// (slot, use number) of the slots opened since the last exchange of that buffer.
    fresh: Vec<(usize, u64)>,
    /// Buffers for carried events.
    spare: Vec<Vec<u8>>,
    nodes: Nodes,
    /// The event of the last record. The next record usually belongs to it too, so it is added to
    /// `open` only when a record of another event comes between.
    last: Option<(Key, usize)>,
    /// The time of each node of a log, by number: see [`advance`](Self::advance).
    times: Vec<Millis>,
    /// The cost of all open events.
    bytes: usize,
    /// The next use number.
    uses: u64,
    /// The last time for which events were expired.
    expired: Option<Millis>,
}

/// Identifies an event: its stamp and the number of its node, packed into one integer that is cheap
/// to compare and hash.
type Key = u128;

/// Packs the key. The seconds of a stamp fit in 48 bits.
fn key(id: EventId, node: u32) -> Key {
    let time = id.time.seconds << 16 | u64::from(id.time.millis);
    u128::from(time) << 64 | u128::from(id.serial) << 32 | u128::from(node)
}

/// Larger buffers are freed, not reused.
const MAX_SPARE_BYTES: usize = 8 << 10;
/// The largest number of buffers kept for reuse.
const MAX_SPARES: usize = 1024;
/// How far the time of other nodes may be ahead before the events of a silent node expire.
const MAX_SILENCE_MILLIS: Millis = 60_000;
/// How many of the oldest events are checked for their own node's time.
const MAX_LOOK_AHEAD: usize = 64;
/// The bound on `max_bytes`: all events in flight may end up in one buffer with 32-bit offsets.
const MAX_FLIGHT_BYTES: usize = 2 << 30;

impl Reassembler {
    /// A reassembler with nothing in flight.
    pub fn new(config: ReassemblyConfig) -> Reassembler {
        let config = ReassemblyConfig {
            max_bytes: config.max_bytes.min(MAX_FLIGHT_BYTES),
            ..config
        };
        Reassembler {
            kept: Kept::new(&config),
            config,
            gaps: Vec::new(),
            tally: Tally::default(),
            slots: Vec::new(),
            vacant: Vec::new(),
            open: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            queue: VecDeque::new(),
            groups: Groups::default(),
            fresh: Vec::new(),
            spare: Vec::new(),
            nodes: Nodes::default(),
            last: None,
            times: Vec::new(),
            bytes: 0,
            uses: 0,
            expired: None,
        }
    }

    /// Adds a record. Events that are whole or expired can then be fetched with
    /// [`hand_over`](Self::hand_over). Call that before 4 GiB of records have been pushed: they all
    /// stay in memory until then.
    pub fn push(&mut self, now: Millis, record: Record<'_>) {
        self.expire(now);
        let node = self.groups.append(record.node);
        let span = self.store(record);
        let stamp = &Stamp {
            id: record.id,
            node,
        };
        let records = std::slice::from_ref(&span);
        self.take(now, Run { stamp, records });
    }

    /// Appends the body of a record to the buffer.
    fn store(&mut self, record: Record<'_>) -> Span {
        Span {
            cut: record.cut,
            relayed: record.relayed,
            ..Span::new(record.record_type, self.groups.append(record.body))
        }
    }

    /// As [`push`](Self::push), for all records of a batch, which is empty then. Their text is not
    /// copied if [`hand_over`](Self::hand_over) was called after the last record before them: the
    /// batch gets another buffer.
    pub fn push_batch(&mut self, now: Millis, batch: &mut Batch) {
        if self.groups.bytes.is_empty() {
            // Events that expire may append to the new buffer.
            self.exchange_buffer(&mut batch.bytes);
            self.expire(now);
            for run in batch.runs() {
                self.take(now, run);
            }
        } else {
            for record in batch.records() {
                self.push(now, record);
            }
        }
        batch.clear();
    }

    /// Exchanges the buffer for one with the next records to [`take`](Self::take). The old one is
    /// empty after [`hand_over`](Self::hand_over).
    pub(crate) fn exchange_buffer(&mut self, buffer: &mut Vec<u8>) {
        std::mem::swap(&mut self.groups.bytes, buffer);
    }

    /// A text in the buffer.
    pub(crate) fn text(&self, range: &Range<u32>) -> &[u8] {
        slice(&self.groups.bytes, range)
    }

    /// Adds a run, whose records are stored in the buffer. Unlike [`push`](Self::push), expires no
    /// events.
    pub(crate) fn take(&mut self, now: Millis, run: Run<'_>) {
        self.tally.records += run.records.len() as u64;
        let key = key(run.stamp.id, self.node(&run.stamp.node));
        if self.find(key).is_none()
            && let Some(whole) = Whole::of(run, &self.config, self.kept, &self.groups.bytes)
            && self.has_room(whole.cost)
        {
            return self.pass_on(key, &whole);
        }
        for record in run.records {
            self.add(now, key, run.stamp, record);
        }
    }

    /// Adds a record to its event.
    fn add(&mut self, now: Millis, key: Key, stamp: &Stamp, record: &Span) {
        if record.record_type == AUDIT_EOE || !self.config.keeps(record.record_type) {
            return self.leave_out(key, stamp, record);
        }
        let found = self.find(key);
        let Some(index) = found.or_else(|| self.start(now, key, stamp, record)) else {
            return;
        };
        if self.add_to(index, *record) {
            self.finish(index, false);
        }
        while self.bytes > self.config.max_bytes && self.evict() {}
    }

    /// Whether another event could be in flight without eviction of one.
    fn has_room(&self, cost: usize) -> bool {
        self.in_flight() < self.config.max_events && self.bytes + cost <= self.config.max_bytes
    }

    /// Takes a record that is not kept, but may be the end of an event.
    fn leave_out(&mut self, key: Key, stamp: &Stamp, record: &Span) {
        let is_title = record.record_type == AUDIT_PROCTITLE && self.config.ends_at_proctitle;
        if record.record_type != AUDIT_EOE && !is_title {
            self.tally.filtered += 1;
            if self.config.context.contains(&record.record_type) {
                let gap = self.gap(key);
                Whole::single(stamp, record).add_to(&mut self.groups, gap, true);
            }
            return;
        }
        self.tally.ends += 1;
        if let Some(index) = self.find(key) {
            let progress = &mut self.slots[index].progress;
            if !is_title || progress.ends(AUDIT_PROCTITLE, || b"", self.kept) {
                self.finish(index, false);
            }
        }
    }

    /// Finishes the events whose deadline has passed.
    ///
    /// A deadline further off than the timeout means that the clock stepped back, as it does
    /// between logs. Such an event expires too, or it would block those queued after it.
    #[inline]
    pub fn expire(&mut self, now: Millis) {
        if self.expired != Some(now) {
            self.expired = Some(now);
            self.finish_late(now, 0);
        }
    }

    /// Notes the time on a node, and finishes the events whose deadline has passed.
    ///
    /// A relay brings the records of several hosts in blocks, so an event waits for records of its
    /// own node: what passes is the time there. If a node falls silent, its events expire when the
    /// time of the others, `now`, is further ahead.
    pub(crate) fn advance(&mut self, node: &Range<u32>, time: Millis, now: Millis) {
        if !node.is_empty() || !self.times.is_empty() {
            let node = self.node(node) as usize;
            if self.times.len() <= node {
                self.times.resize(node + 1, 0);
            }
            self.times[node] = time;
        }
        self.expire(now);
    }

    /// As [`expire`](Self::expire), when no records have arrived anywhere for some time.
    pub(crate) fn idle(&mut self, now: Millis, idle: Millis) {
        self.expired = None;
        self.finish_late(now.saturating_add(idle), idle);
    }

    fn finish_late(&mut self, now: Millis, idle: Millis) {
        let latest = now.saturating_add(self.timeout());
        let mut at = 0;
        while let Some((deadline, index, use_number)) = self.queue.get(at).copied() {
            let is_open = self.slots[index].use_number == use_number;
            let is_late = deadline <= now && self.is_late(index, deadline, now, idle);
            if is_open && !is_late && deadline <= latest {
                // With one clock, those behind it are not late either.
                at += 1;
                if self.times.is_empty() || at == MAX_LOOK_AHEAD {
                    return;
                }
                continue;
            }
            self.queue.remove(at);
            if is_open {
                self.tally.unfinished += 1;
                self.finish(index, true);
            }
        }
    }

    /// Whether a deadline has passed on the node of an event.
    fn is_late(&self, index: usize, deadline: Millis, now: Millis, idle: Millis) -> bool {
        let node = self.slots[index].key as u32;
        match self.times.get(node as usize) {
            Some(time) => {
                deadline <= time.saturating_add(idle)
                    || deadline.saturating_add(MAX_SILENCE_MILLIS) <= now
            }
            None => true,
        }
    }

    /// How long it takes until the oldest event expires if no more records arrive.
    pub(crate) fn time_left(&mut self, now: Millis) -> Option<Millis> {
        let deadline = self.next_deadline()?;
        let (_, index, _) = self.queue.front().copied()?;
        let node = self.slots[index].key as u32;
        let now = self.times.get(node as usize).copied().unwrap_or(now);
        Some(deadline.saturating_sub(now))
    }

    /// The earliest deadline of an event in flight.
    pub fn next_deadline(&mut self) -> Option<Millis> {
        while let Some((deadline, index, use_number)) = self.queue.front().copied() {
            if self.slots[index].use_number == use_number {
                return Some(deadline);
            }
            self.queue.pop_front();
        }
        None
    }

    /// Finishes all events in flight, because no more records will arrive.
    pub fn drain(&mut self) {
        while let Some((_, index, use_number)) = self.queue.pop_front() {
            if self.slots[index].use_number == use_number {
                self.tally.unfinished += 1;
                self.finish(index, true);
            }
        }
    }

    /// Moves the whole events to `groups`, whose old contents are dropped and whose memory is
    /// reused.
    pub fn hand_over(&mut self, groups: &mut Groups) {
        let mut fresh = std::mem::take(&mut self.fresh);
        for (index, use_number) in fresh.drain(..) {
            let slot = &mut self.slots[index];
            if slot.use_number == use_number {
                slot.carry(&self.groups.bytes, || self.spare.pop().unwrap_or_default());
            }
        }
        self.fresh = fresh;
        groups.clear();
        std::mem::swap(&mut self.groups, groups);
    }

    /// The counters so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The number of events in flight.
    pub fn in_flight(&self) -> usize {
        self.slots.len() - self.vacant.len()
    }

    #[inline(always)]
    fn find(&mut self, key: Key) -> Option<usize> {
        match self.last {
            Some((last, index)) if last == key => Some(index),
            _ if self.open.is_empty() => None,
            _ => self.find_open(key),
        }
    }

    /// Finds an event in `open`.
    #[inline(never)]
    fn find_open(&mut self, key: Key) -> Option<usize> {
        let is_it = |index: &usize| self.slots[*index].key == key;
        let index = *self.open.find(self.hasher.hash_one(key), is_it)?;
        self.list_last();
        self.last = Some((key, index));
        Some(index)
    }

    /// Adds the event of the last record to `open`.
    fn list_last(&mut self) {
        if let Some((key, index)) = self.last
            && !std::mem::replace(&mut self.slots[index].is_listed, true)
        {
            let (slots, hasher) = (&self.slots, &self.hasher);
            let hash = |index: &usize| hasher.hash_one(slots[*index].key);
            self.open.insert_unique(hasher.hash_one(key), index, hash);
        }
    }

    /// Opens a slot for a new event. `None` if the record is a whole event, which is passed on at
    /// once.
    fn start(&mut self, now: Millis, key: Key, stamp: &Stamp, record: &Span) -> Option<usize> {
        if record.record_type.is_single() {
            self.pass_on(key, &Whole::single(stamp, record));
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
                self.slots[index].reuse(key, use_number, stamp);
                index
            }
            None => {
                self.slots.push(Slot::new(key, use_number, stamp));
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

    /// Notes the last gap in the serials of a node that is open.
    #[inline]
    pub(crate) fn note_gap(&mut self, node: &Range<u32>, gap: u32) {
        let node = self.node(node) as usize;
        if self.gaps.len() <= node {
            self.gaps.resize(node + 1, 0);
        }
        self.gaps[node] = gap;
    }

    /// That of the node of an event.
    #[inline]
    fn gap(&self, key: Key) -> u32 {
        self.gaps.get(key as u32 as usize).copied().unwrap_or(0)
    }

    /// Adds an event that was never in flight to the whole events.
    #[inline]
    fn pass_on(&mut self, key: Key, whole: &Whole<'_>) {
        self.tally.ends += u64::from(whole.has_end);
        self.tally.truncated += u64::from(whole.truncated);
        self.tally.events += 1;
        let gap = self.gap(key);
        whole.add_to(&mut self.groups, gap, false);
    }

    fn timeout(&self) -> Millis {
        Millis::try_from(self.config.timeout.as_millis()).unwrap_or(Millis::MAX)
    }

    /// Adds a record to an event. Returns whether that ends it.
    #[inline]
    fn add_to(&mut self, index: usize, record: Span) -> bool {
        let slot = &mut self.slots[index];
        slot.relayed |= record.relayed;
        let added = slot.add(record, &self.groups.bytes, self.config.max_event_bytes);
        match added {
            Some(cost) => self.bytes += cost,
            None => self.tally.left_out += 1,
        }
        if (record.cut || added.is_none()) && !std::mem::replace(&mut slot.truncated, true) {
            self.tally.truncated += 1;
        }
        let body = || slice(&self.groups.bytes, &record.body());
        let progress = &mut slot.progress;
        self.config.ends_at_proctitle && progress.ends(record.record_type, body, self.kept)
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
        let gap = self.gap(self.slots[index].key);
        let slot = &mut self.slots[index];
        if let Some(mut buffer) = slot.finish(incomplete, self.kept, gap, &mut self.groups)
            && buffer.capacity() <= MAX_SPARE_BYTES
            && self.spare.len() < MAX_SPARES
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

    /// Removes finished slots from the queue once they are most of it, at amortized constant cost.
    fn forget_finished(&mut self) {
        if self.queue.len() > 2 * self.in_flight() + 1024 {
            let slots = &self.slots;
            self.queue
                .retain(|(_, index, use_number)| slots[*index].use_number == *use_number);
        }
    }

    #[inline(always)]
    fn node(&mut self, name: &Range<u32>) -> u32 {
        match name.is_empty() {
            true => 0,
            false => self.named(name),
        }
    }

    /// The number of a node that has a name.
    #[inline(never)]
    fn named(&mut self, name: &Range<u32>) -> u32 {
        if self.nodes.is_full() {
            // A log with this many nodes, or a forged one. Numbers must not be reused while events
            // in flight have them.
            self.drain();
            self.nodes = Nodes::default();
            self.times.clear();
            self.gaps.clear();
        }
        self.nodes.number(slice(&self.groups.bytes, name))
    }
}

#[cfg(test)]
mod tests;
