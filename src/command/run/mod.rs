//! The marshaller thread: classifies and encodes events, and writes their lines.

mod report;

use std::time::{Duration, Instant, SystemTime};

use auditrd::{
    Classifier, Error,
    model::{Privileges, Timestamp},
    scanner::Scanner,
    sink::Sink,
};
use crossbeam_channel::{Receiver, Select, TryRecvError};

use super::{
    accounts::Accounts,
    cli::Args,
    feed::{Fed, Feed},
    filters::Dropper,
    format::Form,
    heartbeat::StatusLines,
    metrics::MetricsFile,
    notify::Notify,
    pipeline::Pipeline,
    progress::Progress,
    timer::Timer,
    trees::Trees,
};

/// A request from the main thread to the marshaller thread.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Control {
    /// Stop reading, and write the events already read.
    Stop,
    /// Reopen the output file.
    Reopen,
    /// Print the counters.
    Stats,
}

/// The state of the marshaller thread.
pub(crate) struct Marshaller {
    /// The stages of all events. With `--jobs`, those that write status lines and losses, and add
    /// up the counters of the workers.
    pipeline: Pipeline,
    /// None once the names cannot be read again.
    accounts: Option<Accounts>,
    trees: Trees,
    sink: Sink,
    progress: Progress,
    is_live: bool,
    /// When to log the counters, or write them to the metrics file.
    stats: Option<Timer>,
    logs_stats: bool,
    metrics: Option<MetricsFile>,
    status_lines: StatusLines,
    notify: Notify,
}

/// Events between two checks of timers and requests, while events keep arriving.
pub(crate) const EVENTS_PER_CHECK: u32 = 256;

/// How often to take in the processes that are read at the start, until all of them are.
const CENSUS_INTERVAL: Duration = Duration::from_millis(2);

/// How often the metrics file is written without --stats-interval.
const METRICS_INTERVAL: Duration = Duration::from_secs(15);

impl Marshaller {
    pub(crate) fn new(
        args: &Args,
        classifier: Classifier,
        scanner: Option<Scanner>,
        dropper: Option<Dropper>,
        trees: Trees,
        sink: Sink,
        progress: Progress,
    ) -> Marshaller {
        let metrics_interval = args.metrics_file.as_ref().map(|_| METRICS_INTERVAL);
        let interval = args.stats_interval.or(metrics_interval);
        let mut pipeline = Pipeline::new(args, classifier, dropper, Form::new(args));
        if let Some(scanner) = scanner {
            args.read_processes(scanner, now(), &mut pipeline.enricher);
        }
        let accounts = args.reads_names().then(|| {
            let (accounts, [passwd, group]) = Accounts::read(Instant::now());
            pipeline.enricher.start_names(&passwd, &group);
            accounts
        });
        Marshaller {
            pipeline,
            accounts,
            trees,
            sink,
            progress,
            is_live: args.is_live(),
            stats: interval.map(|interval| Timer::new(interval, Instant::now())),
            logs_stats: args.stats_interval.is_some(),
            metrics: args.metrics_file.clone().map(MetricsFile::new),
            status_lines: StatusLines::new(args, Instant::now(), now()),
            notify: Notify::from_environment(),
        }
    }

    /// The stages of all events.
    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Notes the privileges that were left to this process.
    pub(crate) fn confined(&mut self, privileges: Privileges) {
        self.status_lines.confined(privileges);
    }

    /// The interval at which the reader thread must show that it is not stuck, if anyone checks.
    pub(crate) fn heartbeat(&self) -> Option<Duration> {
        self.notify.heartbeat().filter(|_| self.is_live)
    }

    /// Writes events until the end of input or a request to stop.
    ///
    /// # Errors
    ///
    /// If reading fails, or if writing fails and must not be retried.
    pub(crate) fn run(mut self, mut feed: Feed, control: &Receiver<Control>) -> Result<(), Error> {
        let result = self.write_events(&mut feed, control).and_then(|read| {
            self.finish(&mut feed, control)?;
            read
        });
        self.write_metrics(&feed);
        result
    }

    /// Writes events until the end of input. The inner result is that of reading: if reading fails,
    /// the events already read are still to be written.
    fn write_events(
        &mut self,
        feed: &mut Feed,
        control: &Receiver<Control>,
    ) -> Result<Result<(), Error>, Error> {
        self.begin(feed)?;
        let mut until = self.deadline();
        let mut events = 0u32;
        loop {
            let step = if self.sink.must_wait() {
                wait(control, until);
                Ok(Fed::Interrupted)
            } else {
                feed.step(until)
            };
            match step {
                Ok(Fed::Event(group)) => {
                    if self.pipeline.event(&group, &mut self.sink) {
                        self.flush()?;
                    }
                    events = events.wrapping_add(1);
                    if !events.is_multiple_of(EVENTS_PER_CHECK) && !self.sink.must_wait() {
                        continue;
                    }
                }
                Ok(Fed::Page(page)) => {
                    self.sink.lines(&mut page.text, &page.lines);
                    self.flush()?;
                }
                Ok(Fed::Idle) => self.idle(feed)?,
                Ok(Fed::Interrupted) => {}
                Ok(Fed::End) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
            self.check(feed, control)?;
            until = self.deadline();
        }
    }

    /// Tells of the start.
    fn begin(&mut self, feed: &Feed) -> Result<(), Error> {
        self.write_metrics(feed);
        self.notify.ready(Instant::now());
        if let Some(dropper) = &self.pipeline.dropper {
            self.status_lines.read_filters(dropper, Instant::now());
        }
        if let Some(reason) = self.status_lines.first_reason() {
            self.write_status(reason, feed);
        }
        self.flush()
    }

    /// Does the tasks that are due besides writing events.
    fn check(&mut self, feed: &mut Feed, control: &Receiver<Control>) -> Result<(), Error> {
        feed.report_to(&mut self.pipeline);
        self.progress.update();
        self.write_held_if_due()?;
        self.hear_changes();
        self.write_status_if_due(feed)?;
        self.write_if_due()?;
        self.handle_requests(feed, control)?;
        let now = Instant::now();
        if self.stats.as_mut().is_some_and(|timer| timer.rings(now)) {
            if self.logs_stats {
                self.report(feed, log::Level::Error);
            }
            self.write_metrics(feed);
        }
        self.read_names(now);
        self.pipeline.enricher.take_census();
        let totals = feed.totals();
        let classifier = &mut self.pipeline.classifier;
        self.trees.follow(totals.seen.rule_changes, classifier);
        self.report_alive(&totals);
        Ok(())
    }

    /// When [`check`](Self::check) should be called next, if no event arrives.
    fn deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.stats.as_ref().map(Timer::due),
            self.trees.is_busy().then(Instant::now),
            (self.pipeline.enricher.has_census()).then(|| Instant::now() + CENSUS_INTERVAL),
            self.sink.next_due(),
            self.notify.due(),
            self.accounts.as_ref().map(Accounts::due),
            self.status_due(),
            self.pipeline.held_due(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Writes the pending lines when there is nothing to read.
    fn idle(&mut self, feed: &Feed) -> Result<(), Error> {
        feed.report_to(&mut self.pipeline);
        self.pipeline.idle(Instant::now());
        // A log may lack serials for many reasons, so there they are only counted.
        if self.is_live {
            let losses = &mut self.pipeline.losses;
            losses.note_missing(&feed.totals(), Instant::now());
        }
        self.flush()
    }

    /// Writes the pending lines. After an outage, its loss event comes before the next event.
    fn flush(&mut self) -> Result<(), Error> {
        self.add_losses()?;
        self.sink.flush(Instant::now())?;
        let losses = &mut self.pipeline.losses;
        losses.add("output_failed", self.sink.take_lost());
        if !losses.is_empty() && !self.sink.is_failing() {
            self.add_losses()?;
            self.sink.flush(Instant::now())?;
        }
        Ok(())
    }

    /// Retries a failed output, or syncs, if that is due.
    fn write_if_due(&mut self) -> Result<(), Error> {
        match self.sink.next_due() {
            Some(due) if due <= Instant::now() => self.flush(),
            _ => Ok(()),
        }
    }

    /// Writes the lines of windows that are over by now.
    fn write_held_if_due(&mut self) -> Result<(), Error> {
        let is_due = self
            .pipeline
            .add_held_if_due(Instant::now(), &mut self.sink);
        if is_due { self.flush() } else { Ok(()) }
    }

    fn handle_requests(
        &mut self,
        feed: &mut Feed,
        control: &Receiver<Control>,
    ) -> Result<(), Error> {
        loop {
            match control.try_recv() {
                Ok(Control::Stop) => {
                    self.notify.stopping();
                    feed.stop();
                    self.sink.stop_waiting();
                }
                Ok(Control::Reopen) => {
                    self.notify.reloading();
                    self.sink.reopen(Instant::now())?;
                    self.read_filters();
                    feed.filters_changed(&self.pipeline);
                    self.write_status_if_due(feed)?;
                    self.flush()?;
                    self.notify.ready(Instant::now());
                }
                Ok(Control::Stats) => self.report(feed, log::Level::Error),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Writes all remaining events, and prints the counters.
    fn finish(&mut self, feed: &mut Feed, control: &Receiver<Control>) -> Result<(), Error> {
        let totals = feed.totals();
        feed.report_to(&mut self.pipeline);
        if self.is_live {
            self.pipeline.losses.note_all_missing(&totals);
        }
        let _is_full = self.pipeline.add_all_held(&mut self.sink);
        self.flush()?;
        self.hear_changes();
        if let Some(reason) = self.status_lines.last_reason(Instant::now()) {
            self.write_status(reason, feed);
            self.flush()?;
        }
        while self.sink.is_waiting() {
            wait(control, self.sink.next_due());
            self.handle_requests(feed, control)?;
            self.write_if_due()?;
        }
        let mut written = self.sink.finish(Instant::now());
        if written.is_ok() {
            // If an outage ended only now, its loss event is not written yet.
            self.flush()?;
            written = self.sink.finish(Instant::now());
        }
        let (tally, seen) = (totals.tally, totals.seen);
        let bad = seen.malformed + seen.foreign + tally.evicted + tally.truncated;
        let level = if bad + self.sink.tally().unwritten > 0 {
            log::Level::Warn
        } else {
            log::Level::Info
        };
        self.report(feed, level);
        written
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

/// Waits for a request until a deadline, without receiving it.
fn wait(control: &Receiver<Control>, until: Option<Instant>) {
    let mut select = Select::new();
    select.recv(control);
    match until {
        // The caller checks both the deadline and the channel.
        Some(until) => drop(select.ready_deadline(until)),
        None => drop(select.ready()),
    }
}
