//! `--jobs`: several inputs at the same time, each as the log of a host of its own.
//!
//! Worker threads take the inputs in their order. Each input gets stages of its own, so that its
//! lines are those of a replay of this input alone. They come here in pages, through a channel for
//! each input, and the marshaller thread writes the pages of one input after the other.
//!
//! A worker fills a few pages of memory. The worker whose turn it is then waits for the output; any
//! other puts its pages into a temporary file, and goes on. If there is no room in the file either,
//! it waits for its turn. The first input that is not written whole is always being replayed, and
//! its worker needs no room, so there is always progress.

mod board;
mod inputs;
mod page;
mod reader;
mod spill;
mod spool;
mod worker;

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, Scope},
    time::Instant,
    vec,
};

use auditrd::{
    Error, ReaderConfig,
    filter::Lists,
    reader::{Interrupter, Totals},
    source::{LogSource, Stopper},
};
use crossbeam_channel::{Receiver, Select, Sender, TryRecvError, bounded, unbounded};

use super::{cli::Args, feed::Fed, pipeline::Pipeline};
use board::{Board, Made};
pub(crate) use inputs::Inputs;
pub(crate) use page::Page;
use spill::{Spill, Spilled};
use worker::Worker;

/// Pages of memory for each worker, besides the one that it fills.
const PAGES: usize = 8;

/// An input to replay.
struct Job {
    /// Its place among the inputs.
    number: usize,
    source: LogSource,
    entries: Sender<Entry>,
}

/// What a worker sends of an input, in this order.
enum Entry {
    /// The number of the worker, and how to wake it when its turn has come, if it may wait.
    Started(usize, Option<Interrupter>),
    Page(Page),
    Spilled(Spilled),
    /// The result of reading. Not sent if the input was not begun before the request to stop.
    Ended(Result<(), Error>),
}

/// The state that the threads share.
struct Shared {
    /// The number of the input whose lines are written now.
    turn: AtomicUsize,
    board: Mutex<Board>,
    spill: Option<Spill>,
}

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The marshaller thread's end.
pub(crate) struct Jobs {
    shared: Arc<Shared>,
    /// Stops all sources when dropped.
    stopper: Option<Stopper>,
    /// The inputs that no worker has taken.
    waiting: Receiver<Job>,
    /// The inputs whose turn has not come.
    later: vec::IntoIter<Receiver<Entry>>,
    /// The input whose turn it is, and the number of its worker.
    current: Option<Receiver<Entry>>,
    worker: usize,
    /// Returns used pages to each worker.
    pools: Vec<Sender<Page>>,
    /// The page that was returned last. One from the temporary file belongs to no worker.
    page: Page,
    is_borrowed: bool,
    /// The lines of all pages that were returned.
    taken: Made,
    /// The last error, which is not logged yet.
    failed: Option<Error>,
    interrupts: (Sender<()>, Receiver<()>),
    /// Whether `Idle` has been returned since the last page.
    reported_idle: bool,
}

impl Jobs {
    /// Starts the workers. `pipeline` has the format and the filters; their counters are added
    /// up there.
    ///
    /// # Errors
    ///
    /// If a thread cannot be started.
    pub(crate) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        args: &'scope Args,
        inputs: Inputs,
        stopper: Stopper,
        config: &ReaderConfig,
        pipeline: &Pipeline,
    ) -> Result<Jobs, Error> {
        let count = inputs.jobs.get().min(inputs.sources.len());
        let shared = Arc::new(Shared {
            turn: AtomicUsize::new(0),
            board: Mutex::new(Board::new(count, pipeline.dropper.as_ref())),
            spill: inputs.spill,
        });
        let (waiting, later) = queue(inputs.sources);
        let mut jobs = Jobs {
            shared,
            stopper: Some(stopper),
            waiting,
            later: later.into_iter(),
            current: None,
            worker: 0,
            pools: Vec::new(),
            page: Page::default(),
            is_borrowed: false,
            taken: Made::default(),
            failed: None,
            interrupts: bounded(1),
            reported_idle: false,
        };
        for number in 0..count {
            let pool = jobs.add_pool();
            let worker = Worker {
                number,
                args,
                form: pipeline.form.another(),
                config: config.clone(),
                is_core_free: inputs.cores > count,
                shared: Arc::clone(&jobs.shared),
                jobs: jobs.waiting.clone(),
                pool,
                page: Page::default(),
            };
            thread::Builder::new()
                .name("worker".to_owned())
                .spawn_scoped(scope, || worker.run())
                .map_err(|error| Error::new("start a worker thread", error))?;
        }
        jobs.current = jobs.later.next();
        Ok(jobs)
    }

    /// The pages of a worker.
    fn add_pool(&mut self) -> Receiver<Page> {
        let (sender, pool) = bounded(PAGES);
        while sender.try_send(Page::default()).is_ok() {}
        self.pools.push(sender);
        pool
    }

    /// Waits for the next page, but no longer than until the deadline or an interruption.
    ///
    /// # Errors
    ///
    /// After the last page, the error of the last input that failed; those of the others were
    /// logged. Before that, if the temporary file cannot be read.
    pub(crate) fn step(&mut self, until: Option<Instant>) -> Result<Fed<'_>, Error> {
        self.give_back();
        loop {
            let Some(current) = &self.current else {
                return self.failed.take().map_or(Ok(Fed::End), Err);
            };
            match current.try_recv() {
                Ok(Entry::Started(worker, interrupter)) => {
                    self.worker = worker;
                    if let Some(interrupter) = interrupter {
                        interrupter.interrupt();
                    }
                }
                Ok(Entry::Page(page)) => {
                    (self.page, self.is_borrowed) = (page, true);
                    break;
                }
                Ok(Entry::Spilled(spilled)) => {
                    if let Some(spill) = &self.shared.spill {
                        spill.read(&spilled, &mut self.page)?;
                    }
                    break;
                }
                Ok(Entry::Ended(result)) => self.ended(result),
                Err(TryRecvError::Disconnected) => self.next_turn(),
                Err(TryRecvError::Empty) if !self.reported_idle => {
                    self.reported_idle = true;
                    return Ok(Fed::Idle);
                }
                Err(TryRecvError::Empty) => {
                    if !self.wait(until) {
                        return Ok(Fed::Interrupted);
                    }
                }
            }
        }
        self.reported_idle = false;
        self.taken.lines += self.page.lines.len() as u64;
        self.taken.bytes += self.page.text.len() as u64;
        Ok(Fed::Page(&mut self.page))
    }

    /// Returns the memory of the last page to its worker.
    fn give_back(&mut self) {
        self.page.clear();
        if std::mem::take(&mut self.is_borrowed)
            && let Some(pool) = self.pools.get(self.worker)
        {
            // This fails only if the worker has ended.
            let _ = pool.try_send(std::mem::take(&mut self.page));
        }
    }

    /// Waits for an entry. Returns `false` on an interruption or timeout.
    fn wait(&self, until: Option<Instant>) -> bool {
        let Some(current) = &self.current else {
            return true;
        };
        let mut select = Select::new();
        let entry = select.recv(current);
        select.recv(&self.interrupts.1);
        let ready = match until {
            Some(until) => select.ready_deadline(until).ok(),
            None => Some(select.ready()),
        };
        let _ = self.interrupts.1.try_recv();
        ready == Some(entry)
    }

    fn ended(&mut self, result: Result<(), Error>) {
        if let Err(error) = result
            && let Some(earlier) = self.failed.replace(error)
        {
            log::error!("{earlier}");
        }
    }

    fn next_turn(&mut self) {
        self.current = self.later.next();
        self.shared.turn.fetch_add(1, Ordering::Release);
    }

    /// Ends a wait in [`step`](Self::step) when called.
    pub(crate) fn interrupter(&self) -> impl Fn() + use<> {
        let sender = self.interrupts.0.clone();
        move || {
            // If it is full, the wait will end anyway.
            let _ = sender.try_send(());
        }
    }

    /// Tells the sources to stop. Inputs that no worker has begun are left out.
    pub(crate) fn stop(&mut self) {
        self.stopper = None;
        while self.waiting.try_recv().is_ok() {}
    }

    /// The counters of all readers.
    pub(crate) fn totals(&self) -> Totals {
        self.shared.board().sum().totals
    }

    /// Brings the counters of `pipeline` up to date with those of the workers.
    pub(crate) fn add_up(&self, pipeline: &mut Pipeline) {
        self.shared.board().add_up(self.taken, pipeline);
    }

    /// Changes the filters, for inputs that begin from now on.
    pub(crate) fn set_filters(&self, lists: Lists) {
        self.shared.board().lists = Some(lists);
    }
}

/// How many cores this process may use. Later it may not read the files that limit them.
fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// The jobs that wait for a worker, and the entries that each will have.
fn queue(sources: Vec<LogSource>) -> (Receiver<Job>, Vec<Receiver<Entry>>) {
    let (sender, waiting) = unbounded();
    let mut later = Vec::new();
    for (number, source) in sources.into_iter().enumerate() {
        // Bounded by the pages of memory and by the size of the temporary file.
        let (entries, receiver) = unbounded();
        later.push(receiver);
        // This cannot fail: the other end is here.
        let _ = sender.send(Job {
            number,
            source,
            entries,
        });
    }
    (waiting, later)
}

impl Drop for Jobs {
    /// Ends the workers, also if not all inputs have been read.
    fn drop(&mut self) {
        self.stop();
    }
}
