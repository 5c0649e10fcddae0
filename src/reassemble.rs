//! Records of one event, put together again.
//!
//! The records of different events come interleaved, and an event may begin with any of its
//! records. They belong together by node, time and serial. An event ends with its EOE record; with
//! PROCTITLE in a log, where auditd leaves EOE out; at once for records that are whole events; or
//! when its time is up. Nothing waits for ever, and nothing grows for ever: past a bound the oldest
//! event goes out as it is, marked and counted.

mod nodes;
mod progress;

use std::{collections::VecDeque, time::Duration};

use hashbrown::HashMap;

use crate::model::{
    AuditMessageGroup, EventId, Record, RecordType,
    record_type::{AUDIT_EOE, AUDIT_PATH, AUDIT_PROCTITLE},
};
use nodes::Nodes;
use progress::Progress;

/// A point in time in milliseconds, from any starting point: a monotonic clock for live records,
/// the records' own time for a log.
pub type Millis = u64;

/// How events are put together.
#[derive(Clone, Debug)]
pub struct MarshallerConfig {
    /// The lowest type of record to keep.
    pub min: RecordType,
    /// The highest type of record to keep. EOE ends an event even if it is outside.
    pub max: RecordType,
    /// How long to wait for the end of an event, counted from its first record.
    pub timeout: Duration,
    /// Whether PROCTITLE ends an event whose SYSCALL record is there, as it does in a log.
    pub ends_at_proctitle: bool,
    /// Events in flight at most.
    pub max_events: usize,
    /// Bytes of all events in flight at most, with what it costs to keep them.
    pub max_bytes: usize,
    /// Bytes of one event at most, counted in the same way; records past it are left out.
    pub max_event_bytes: usize,
}

impl MarshallerConfig {
    /// The time after which auditd's own libraries give an event up.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

    /// The usual bounds for records of these types.
    pub fn new(min: RecordType, max: RecordType) -> MarshallerConfig {
        MarshallerConfig {
            min,
            max,
            timeout: MarshallerConfig::DEFAULT_TIMEOUT,
            ends_at_proctitle: false,
            max_events: 131_072,
            max_bytes: 64 << 20,
            max_event_bytes: 16 << 20,
        }
    }
}

/// What became of records and events.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tally {
    /// Records taken in, of any type.
    pub records: u64,
    /// Records of a type that was not asked for.
    pub filtered: u64,
    /// Records that only say that their event ends, and are no part of it.
    pub ends: u64,
    /// Records that were left out of their event because it was too large.
    pub left_out: u64,
    /// Events that came out.
    pub events: u64,
    /// Events whose end did not come in time, or before the end of input.
    pub unfinished: u64,
    /// Events that went out early because there were too many in flight.
    pub evicted: u64,
    /// Events that lost a record or a part of one to a bound.
    pub truncated: u64,
}

/// Puts records together to events. It does no I/O, and knows the time only from its caller.
///
/// ```
/// use auditrd::{AuditMarshaller, EventId, MarshallerConfig, Record, record_type::*};
///
/// let mut marshaller = AuditMarshaller::new(MarshallerConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
/// let record = |kind, body| Record { id: EventId::default(), kind, node: b"", body, cut: false };
/// marshaller.push(0, record(AUDIT_SYSCALL, b"syscall=59"));
/// assert!(marshaller.pop().is_none());
/// marshaller.push(1, record(AUDIT_EOE, b""));
/// assert_eq!(marshaller.pop().unwrap().len(), 1);
/// ```
#[derive(Debug)]
#[doc(alias = "NewAuditMarshaller")]
pub struct AuditMarshaller {
    config: MarshallerConfig,
    tally: Tally,
    slots: Vec<Slot>,
    vacant: Vec<usize>,
    open: HashMap<Key, usize>,
    /// Slots in the order in which they were opened, and so of their deadlines. A slot that was
    /// finished in the meantime is left in the queue and recognized by its number of use.
    queue: VecDeque<(Millis, usize, u64)>,
    ready: VecDeque<AuditMessageGroup>,
    spare: Vec<AuditMessageGroup>,
    nodes: Nodes,
    last: Option<(Key, usize)>,
    bytes: usize,
    uses: u64,
    /// The time that nothing waits for any more.
    expired: Option<Millis>,
}

type Key = (EventId, u32);

#[derive(Debug)]
struct Slot {
    key: Key,
    group: AuditMessageGroup,
    progress: Progress,
    use_number: u64,
}

/// What a record costs besides its bytes. Without it, records with nothing in them would be free.
const RECORD_COST: usize = 16;

/// A group that keeps more memory than this is not used again.
const SPARE_CAPACITY: usize = 8 << 10;
/// Groups kept for use at most.
const SPARE_GROUPS: usize = 1024;

impl AuditMarshaller {
    /// A marshaller with nothing in flight.
    pub fn new(config: MarshallerConfig) -> AuditMarshaller {
        AuditMarshaller {
            config,
            tally: Tally::default(),
            slots: Vec::new(),
            vacant: Vec::new(),
            open: HashMap::new(),
            queue: VecDeque::new(),
            ready: VecDeque::new(),
            spare: Vec::new(),
            nodes: Nodes::default(),
            last: None,
            bytes: 0,
            uses: 0,
            expired: None,
        }
    }

    /// Takes a record in. Events that are whole now, or whose time is up, are ready to `pop`.
    pub fn push(&mut self, now: Millis, record: Record<'_>) {
        self.expire(now);
        self.push_in_time(now, record);
    }

    /// As [`push`](Self::push), but nothing is late because of it.
    #[inline]
    pub(crate) fn push_in_time(&mut self, now: Millis, record: Record<'_>) {
        self.tally.records += 1;
        let kept = (self.config.min..=self.config.max).contains(&record.kind);
        let ends = record.kind == AUDIT_EOE
            || record.kind == AUDIT_PROCTITLE && self.config.ends_at_proctitle;
        if !kept && !ends {
            self.tally.filtered += 1;
            return;
        }
        self.tally.ends += u64::from(record.kind == AUDIT_EOE || !kept);
        let key = (record.id, self.node(record.node));
        let Some(index) = self
            .find(key)
            .or_else(|| self.start(now, key, &record, kept))
        else {
            return;
        };
        if record.kind != AUDIT_EOE && kept {
            self.add(index, &record);
        }
        if self.config.ends_at_proctitle {
            let has_names = (self.config.min..=self.config.max).contains(&AUDIT_PATH);
            self.slots[index].progress.see(&record, has_names);
        }
        let is_whole = self.config.ends_at_proctitle && self.slots[index].progress.is_whole();
        if record.kind == AUDIT_EOE || is_whole {
            self.finish(index);
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
                self.finish_incomplete(index);
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
                self.finish_incomplete(index);
            }
        }
    }

    /// The next event that is ready, in the order in which they ended.
    pub fn pop(&mut self) -> Option<AuditMessageGroup> {
        self.ready.pop_front()
    }

    /// Gives the buffers of an event back for another one.
    pub fn recycle(&mut self, group: AuditMessageGroup) {
        let capacity = group.capacity() + group.node.capacity();
        if capacity <= SPARE_CAPACITY && self.spare.len() < SPARE_GROUPS {
            self.spare.push(group);
        }
    }

    /// What became of records and events so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// How many events are in flight.
    pub fn in_flight(&self) -> usize {
        self.open.len()
    }

    fn find(&mut self, key: Key) -> Option<usize> {
        if let Some((last, index)) = self.last
            && last == key
        {
            return Some(index);
        }
        let index = *self.open.get(&key)?;
        self.last = Some((key, index));
        Some(index)
    }

    /// Makes room for an event, if the record is worth one: an end without a beginning is not, and
    /// a record that is a whole event goes out at once.
    fn start(&mut self, now: Millis, key: Key, record: &Record, kept: bool) -> Option<usize> {
        if record.kind == AUDIT_EOE || !kept {
            return None;
        }
        let mut group = self.spare.pop().unwrap_or_default();
        group.reuse(record.id, record.node);
        if record.kind.is_single() {
            group.truncated = record.cut;
            group.push(record.kind, record.body);
            self.tally.truncated += u64::from(record.cut);
            self.ready(group);
            return None;
        }
        if self.open.len() >= self.config.max_events {
            self.evict();
        }
        let use_number = self.uses;
        self.uses += 1;
        let slot = Slot {
            key,
            group,
            progress: Progress::default(),
            use_number,
        };
        let index = match self.vacant.pop() {
            Some(index) => {
                self.slots[index] = slot;
                index
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.open.insert(key, index);
        self.last = Some((key, index));
        self.bytes += record.node.len();
        let deadline = now.saturating_add(self.timeout());
        self.queue.push_back((deadline, index, use_number));
        self.forget_finished();
        Some(index)
    }

    fn timeout(&self) -> Millis {
        Millis::try_from(self.config.timeout.as_millis()).unwrap_or(Millis::MAX)
    }

    fn add(&mut self, index: usize, record: &Record) {
        let slot = &mut self.slots[index];
        let was_truncated = slot.group.truncated;
        slot.group.truncated |= record.cut;
        let more = record.body.len() + RECORD_COST;
        if cost(&slot.group) + more <= self.config.max_event_bytes {
            slot.group.push(record.kind, record.body);
            self.bytes += more;
        } else {
            slot.group.truncated = true;
            self.tally.left_out += 1;
        }
        self.tally.truncated += u64::from(slot.group.truncated && !was_truncated);
    }

    fn evict(&mut self) -> bool {
        while let Some((_, index, use_number)) = self.queue.pop_front() {
            if self.slots[index].use_number == use_number {
                self.tally.evicted += 1;
                self.finish_incomplete(index);
                return true;
            }
        }
        false
    }

    fn finish_incomplete(&mut self, index: usize) {
        self.slots[index].group.incomplete = true;
        self.finish(index);
    }

    fn finish(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        slot.use_number = u64::MAX;
        let group = std::mem::take(&mut slot.group);
        self.bytes -= cost(&group);
        self.open.remove(&slot.key);
        self.last = None;
        self.vacant.push(index);
        self.ready(group);
    }

    fn ready(&mut self, group: AuditMessageGroup) {
        self.tally.events += 1;
        self.ready.push_back(group);
    }

    /// Takes finished slots out of the queue once they are most of it, which costs a constant per
    /// event on average.
    fn forget_finished(&mut self) {
        if self.queue.len() > 2 * self.open.len() + 1024 {
            let slots = &self.slots;
            self.queue
                .retain(|(_, index, use_number)| slots[*index].use_number == *use_number);
        }
    }

    fn node(&mut self, name: &[u8]) -> u32 {
        if name.is_empty() {
            return 0;
        }
        if self.nodes.is_full() {
            // A log with this many hosts, or a forged one; numbers must not be given out again
            // while events are in flight under them.
            self.drain();
            self.nodes = Nodes::default();
        }
        self.nodes.number(name)
    }
}

/// How many bytes count for an event in flight.
fn cost(group: &AuditMessageGroup) -> usize {
    group.size() + group.node.len() + group.len() * RECORD_COST
}

#[cfg(test)]
mod tests;
