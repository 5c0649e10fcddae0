//! A worker thread: replays one input after the other.

use std::{sync::Arc, time::Instant};

use auditrd::{
    Classifier, Error, ReaderConfig,
    reader::{Step, Totals},
    resolve::Absent,
};
use crossbeam_channel::Receiver;

use super::{
    Job, Page, Shared,
    board::{Account, Made},
    reader::Reader,
    spool::{Gone, Spool},
};
use crate::command::{
    cli::Args,
    filters::Dropper,
    format::Form,
    pipeline::{Lines, Pipeline},
    run::{EVENTS_PER_CHECK, now},
};

/// The part of a worker that lasts from one input to the next.
pub(super) struct Worker<'a> {
    pub(super) number: usize,
    pub(super) args: &'a Args,
    /// The format, of which each input gets one of its own.
    pub(super) form: Form,
    pub(super) config: ReaderConfig,
    /// Whether there are more cores than workers.
    pub(super) is_core_free: bool,
    pub(super) shared: Arc<Shared>,
    pub(super) jobs: Receiver<Job>,
    pub(super) pool: Receiver<Page>,
    /// The page that the worker fills. Its memory goes from one input to the next, as that of the
    /// others in the pool does.
    pub(super) page: Page,
}

impl Worker<'_> {
    /// Replays inputs until there are no more.
    pub(super) fn run(mut self) {
        while let Ok(job) = self.jobs.try_recv() {
            if self.replay(job).is_err() {
                return;
            }
        }
    }

    fn replay(&mut self, job: Job) -> Result<(), Gone> {
        let mut replay = Replay {
            worker: self.number,
            pipeline: self.pipeline(),
            spool: Spool {
                number: job.number,
                shared: &self.shared,
                entries: job.entries,
                pool: &self.pool,
                page: &mut self.page,
                made: Made::default(),
            },
        };
        let reader = Reader::start(job.source, self.config.clone(), self.is_core_free);
        let result = match reader {
            Ok(mut reader) => {
                replay.spool.start(self.number, reader.interrupter())?;
                let result = replay.read(&mut reader)?;
                replay.finish(&reader.totals())?;
                result
            }
            Err(error) => Err(error),
        };
        replay.spool.end(result)
    }

    /// Stages without any memory.
    fn pipeline(&self) -> Pipeline {
        let classifier = Classifier::new(Box::new(Absent)).with_kinds(self.args.kinds());
        let lists = self.shared.board().lists.clone();
        let dropper = lists.map(Dropper::of);
        let mut pipeline = Pipeline::new(self.args, classifier, dropper, self.form.another());
        let board = self.shared.board();
        pipeline.omitted.reported_by(&board.omitted);
        pipeline
    }
}

/// The replay of one input.
struct Replay<'a> {
    worker: usize,
    pipeline: Pipeline,
    spool: Spool<'a>,
}

impl Replay<'_> {
    /// Makes the lines of all events. The inner result is that of reading.
    fn read(&mut self, reader: &mut Reader) -> Result<Result<(), Error>, Gone> {
        let mut until = None;
        let mut events = 0u32;
        loop {
            match reader.step(until) {
                Ok(Step::Event(group)) => {
                    if self.pipeline.event(&group, &mut self.spool) {
                        self.hand_over()?;
                    }
                    events = events.wrapping_add(1);
                    if !events.is_multiple_of(EVENTS_PER_CHECK) {
                        continue;
                    }
                }
                Ok(Step::Idle) => self.idle(reader)?,
                Ok(Step::Interrupted) => self.hand_over_in_turn()?,
                Ok(Step::End) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
            let totals = reader.totals();
            self.pipeline.note_losses(&totals);
            if self
                .pipeline
                .add_held_if_due(Instant::now(), &mut self.spool)
            {
                self.hand_over_in_turn()?;
            }
            self.report(&totals);
            until = self.pipeline.held_due();
        }
    }

    /// Hands over the lines if they can be written now: more may be long in coming.
    fn idle(&mut self, reader: &Reader) -> Result<(), Gone> {
        self.pipeline.note_losses(&reader.totals());
        self.hand_over_in_turn()?;
        // After that, which may wait for the output: then it is not the input that is idle.
        self.pipeline.idle(Instant::now());
        Ok(())
    }

    fn hand_over_in_turn(&mut self) -> Result<(), Gone> {
        match self.spool.is_its_turn() {
            true => self.hand_over(),
            false => Ok(()),
        }
    }

    fn hand_over(&mut self) -> Result<(), Gone> {
        self.add_losses();
        self.spool.hand_over()
    }

    /// Adds a line for each loss.
    fn add_losses(&mut self) {
        let (form, losses) = (&self.pipeline.form, &mut self.pipeline.losses);
        for (reason, count) in losses.take() {
            let write = |out: &mut Vec<u8>| form.loss(now(), reason, count, out);
            let _is_full = self.spool.line(0, write);
        }
    }

    /// Hands over the last lines, and reports the last counters.
    fn finish(&mut self, totals: &Totals) -> Result<(), Gone> {
        self.pipeline.note_losses(totals);
        let _is_full = self.pipeline.add_all_held(&mut self.spool);
        self.add_losses();
        self.report(totals);
        let mut board = self.spool.shared.board();
        board.end(self.worker, &mut self.pipeline);
        drop(board);
        self.spool.hand_over()
    }

    fn report(&mut self, totals: &Totals) {
        let account = Account {
            totals: *totals,
            counters: self.pipeline.counters,
            made: self.spool.made,
        };
        let changes = self.pipeline.take_changes();
        self.spool
            .shared
            .board()
            .note(self.worker, account, changes);
    }
}
