//! The counters of all workers, added up.

use auditrd::{filter::Lists, reader::Totals};

use crate::command::{
    counters::Counters, filters::Dropper, heartbeat::Changes, omitted::Omitted, pipeline::Pipeline,
};

/// A number of lines, and their bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Made {
    pub(super) lines: u64,
    pub(super) bytes: u64,
}

/// The counters of a worker, or a sum of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Account {
    pub(super) totals: Totals,
    pub(super) counters: Counters,
    pub(super) made: Made,
}

impl Account {
    fn add(&mut self, other: &Account) {
        self.totals.add(&other.totals);
        self.counters.add(&other.counters);
        self.made.lines += other.made.lines;
        self.made.bytes += other.made.bytes;
    }
}

/// What workers report, and what they have to know.
pub(super) struct Board {
    /// The sum over the inputs that have ended.
    ended: Account,
    /// Each worker's current input.
    current: Vec<Account>,
    /// The events without a line of the inputs that have ended.
    pub(super) omitted: Omitted,
    /// The events that each expression has left out of inputs that have ended.
    drops: Vec<(String, u64)>,
    /// Changes of the kernel's audit system that were not taken yet.
    changes: Option<Changes>,
    /// The filters for inputs that begin now.
    pub(super) lists: Option<Lists>,
}

impl Board {
    pub(super) fn new(workers: usize, dropper: Option<&Dropper>) -> Board {
        Board {
            ended: Account::default(),
            current: vec![Account::default(); workers],
            omitted: Omitted::default(),
            drops: Vec::new(),
            changes: None,
            lists: dropper.map(|dropper| dropper.lists().clone()),
        }
    }

    /// Notes the counters of a worker's current input.
    pub(super) fn note(&mut self, worker: usize, account: Account, changes: Option<Changes>) {
        if let Some(current) = self.current.get_mut(worker) {
            *current = account;
        }
        match (&mut self.changes, changes) {
            (Some(earlier), Some(changes)) => earlier.append(changes),
            (earlier, changes) => *earlier = earlier.take().or(changes),
        }
    }

    /// Notes the end of a worker's current input.
    pub(super) fn end(&mut self, worker: usize, pipeline: &mut Pipeline) {
        if let Some(current) = self.current.get_mut(worker) {
            self.ended.add(&std::mem::take(current));
        }
        self.omitted.add(std::mem::take(&mut pipeline.omitted));
        if let Some(dropper) = &pipeline.dropper {
            self.drops
                .extend(dropper.counts().filter(|(_, count)| *count > 0));
        }
    }

    /// The sum of all counters.
    pub(super) fn sum(&self) -> Account {
        let mut sum = self.ended;
        for current in &self.current {
            sum.add(current);
        }
        sum
    }

    /// Brings the counters of `pipeline` up to date. `taken` are the lines that the output got.
    pub(super) fn add_up(&mut self, taken: Made, pipeline: &mut Pipeline) {
        let sum = self.sum();
        pipeline.counters = sum.counters;
        pipeline.counters.waiting = sum.made.lines.saturating_sub(taken.lines);
        pipeline.counters.waiting_bytes = sum.made.bytes.saturating_sub(taken.bytes);
        pipeline.omitted.copy_events(&self.omitted);
        if let Some(dropper) = &mut pipeline.dropper {
            for (expression, count) in self.drops.drain(..) {
                dropper.add(&expression, count);
            }
        }
        if let Some(changes) = self.changes.take() {
            pipeline.add_changes(changes);
        }
    }
}
