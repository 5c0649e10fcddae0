//! The marshaller thread: classifies and encodes events, and writes their lines.

mod event;
mod held;
mod report;

use std::time::{Duration, Instant, SystemTime};

use auditrd::{
    Arena, AuditReader, Classifier, Error, Kinds,
    enrich::Enricher,
    model::{Privileges, Timestamp},
    parse::Parser,
    reader::Step,
    redact::Redactor,
    sink::Sink,
};
use crossbeam_channel::{Receiver, Select, TryRecvError};

use super::{
    accounts::Accounts, aggregation::Aggregation, cli::Args, counters::Counters, filters::Dropper,
    format::Form, heartbeat::StatusLines, losses::Losses, metrics::MetricsFile, notify::Notify,
    omitted::Omitted, progress::Progress, timer::Timer, trees::Trees,
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
    redactor: Option<Redactor>,
    dropper: Option<Dropper>,
    parser: Parser,
    classifier: Classifier,
    enricher: Enricher,
    /// None once the names cannot be read again.
    accounts: Option<Accounts>,
    aggregation: Option<Aggregation>,
    trees: Trees,
    sink: Sink,
    arena: Arena,
    form: Form,
    progress: Progress,
    kinds: Kinds,
    max_line: Option<usize>,
    is_live: bool,
    /// When to log the counters, or write them to the metrics file.
    stats: Option<Timer>,
    logs_stats: bool,
    metrics: Option<MetricsFile>,
    counters: Counters,
    omitted: Omitted,
    losses: Losses,
    status_lines: StatusLines,
    notify: Notify,
}

/// Events between two checks of timers and requests, while events keep arriving.
const EVENTS_PER_CHECK: u32 = 256;

/// How often the metrics file is written without --stats-interval.
const METRICS_INTERVAL: Duration = Duration::from_secs(15);

impl Marshaller {
    pub(crate) fn new(
        args: &Args,
        classifier: Classifier,
        dropper: Option<Dropper>,
        trees: Trees,
        sink: Sink,
        progress: Progress,
    ) -> Marshaller {
        let metrics_interval = args.metrics_file.as_ref().map(|_| METRICS_INTERVAL);
        let interval = args.stats_interval.or(metrics_interval);
        let mut enricher = args.enricher(now());
        let accounts = args.reads_names().then(|| {
            let (accounts, [passwd, group]) = Accounts::read(Instant::now());
            enricher.start_names(&passwd, &group);
            accounts
        });
        Marshaller {
            redactor: args.redactor(),
            dropper,
            parser: Parser::default(),
            classifier,
            enricher,
            accounts,
            aggregation: Aggregation::new(args, Instant::now()),
            trees,
            sink,
            arena: Arena::new(),
            form: Form::new(args),
            progress,
            kinds: args.kinds(),
            max_line: args.max_line,
            is_live: args.is_live(),
            stats: interval.map(|interval| Timer::new(interval, Instant::now())),
            logs_stats: args.stats_interval.is_some(),
            metrics: args.metrics_file.clone().map(MetricsFile::new),
            counters: Counters::default(),
            omitted: Omitted::default(),
            losses: Losses::default(),
            status_lines: StatusLines::new(args, Instant::now(), now()),
            notify: Notify::from_environment(),
        }
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
    pub(crate) fn run(
        mut self,
        mut reader: AuditReader,
        control: &Receiver<Control>,
    ) -> Result<(), Error> {
        let result = self.write_events(&mut reader, control).and_then(|read| {
            self.finish(&mut reader, control)?;
            read
        });
        self.write_metrics(&reader);
        result
    }

    /// Writes events until the end of input. The inner result is that of reading: if reading fails,
    /// the events already read are still to be written.
    fn write_events(
        &mut self,
        reader: &mut AuditReader,
        control: &Receiver<Control>,
    ) -> Result<Result<(), Error>, Error> {
        self.begin(reader)?;
        let mut until = self.deadline();
        let mut events = 0u32;
        loop {
            let step = if self.sink.must_wait() {
                wait(control, until);
                Ok(Step::Interrupted)
            } else {
                reader.step(until)
            };
            match step {
                Ok(Step::Event(group)) => {
                    if self.event(&group) {
                        self.flush()?;
                    }
                    events = events.wrapping_add(1);
                    if !events.is_multiple_of(EVENTS_PER_CHECK) && !self.sink.must_wait() {
                        continue;
                    }
                }
                Ok(Step::Idle) => self.idle(reader)?,
                Ok(Step::Interrupted) => {}
                Ok(Step::End) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
            self.check(reader, control)?;
            until = self.deadline();
        }
    }

    /// Tells of the start.
    fn begin(&mut self, reader: &AuditReader) -> Result<(), Error> {
        self.write_metrics(reader);
        self.notify.ready(Instant::now());
        if let Some(dropper) = &self.dropper {
            self.status_lines.read_filters(dropper, Instant::now());
        }
        if let Some(reason) = self.status_lines.first_reason() {
            self.write_status(reason, reader);
        }
        self.flush()
    }

    /// Does the tasks that are due besides writing events.
    fn check(
        &mut self,
        reader: &mut AuditReader,
        control: &Receiver<Control>,
    ) -> Result<(), Error> {
        self.note_losses(&reader.totals());
        self.progress.update();
        self.write_held_if_due()?;
        self.write_status_if_due(reader)?;
        self.write_if_due()?;
        self.handle_requests(reader, control)?;
        let now = Instant::now();
        if self.stats.as_mut().is_some_and(|timer| timer.rings(now)) {
            if self.logs_stats {
                self.report(reader, log::Level::Error);
            }
            self.write_metrics(reader);
        }
        self.read_names(now);
        let totals = reader.totals();
        self.trees
            .follow(totals.seen.rule_changes, &mut self.classifier);
        self.report_alive(&totals);
        Ok(())
    }

    /// When [`check`](Self::check) should be called next, if no event arrives.
    fn deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.stats.as_ref().map(Timer::due),
            self.trees.is_busy().then(Instant::now),
            self.sink.next_due(),
            self.notify.due(),
            self.accounts.as_ref().map(Accounts::due),
            self.status_due(),
            self.aggregation.as_ref().and_then(Aggregation::due),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Writes the pending lines when there is nothing to read.
    fn idle(&mut self, reader: &AuditReader) -> Result<(), Error> {
        let totals = reader.totals();
        self.note_losses(&totals);
        if let Some(aggregation) = &mut self.aggregation {
            aggregation.idle(Instant::now());
        }
        // A log may lack serials for many reasons, so there they are only counted.
        if self.is_live {
            self.losses.note_missing(&totals, Instant::now());
        }
        self.flush()
    }

    /// Writes the pending lines. After an outage, its loss event comes before the next event.
    fn flush(&mut self) -> Result<(), Error> {
        self.add_losses()?;
        self.sink.flush(Instant::now())?;
        self.losses.add("output_failed", self.sink.take_lost());
        if !self.losses.is_empty() && !self.sink.is_failing() {
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

    fn handle_requests(
        &mut self,
        reader: &mut AuditReader,
        control: &Receiver<Control>,
    ) -> Result<(), Error> {
        loop {
            match control.try_recv() {
                Ok(Control::Stop) => {
                    self.notify.stopping();
                    reader.stop();
                    self.sink.stop_waiting();
                }
                Ok(Control::Reopen) => {
                    self.notify.reloading();
                    self.sink.reopen(Instant::now())?;
                    self.read_filters();
                    self.write_status_if_due(reader)?;
                    self.flush()?;
                    self.notify.ready(Instant::now());
                }
                Ok(Control::Stats) => self.report(reader, log::Level::Error),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Writes all remaining events, and prints the counters.
    fn finish(
        &mut self,
        reader: &mut AuditReader,
        control: &Receiver<Control>,
    ) -> Result<(), Error> {
        let totals = reader.totals();
        self.note_losses(&totals);
        if self.is_live {
            self.losses.note_all_missing(&totals);
        }
        self.add_all_held();
        self.flush()?;
        if let Some(reason) = self.status_lines.last_reason(Instant::now()) {
            self.write_status(reason, reader);
            self.flush()?;
        }
        while self.sink.is_waiting() {
            wait(control, self.sink.next_due());
            self.handle_requests(reader, control)?;
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
        self.report(reader, level);
        written
    }
}

fn now() -> Timestamp {
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
