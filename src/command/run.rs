//! The marshaller thread: classifies and encodes events, and writes their lines.

use std::time::{Duration, Instant, SystemTime};

use auditrd::{
    Arena, AuditEvent, AuditMessageGroup, AuditReader, Classifier, Error, Kinds,
    encode::raw,
    enrich::Enricher,
    model::{Privileges, StatusReason, Timestamp},
    parse,
    reader::{Step, Totals},
    redact::Redactor,
    sink::Sink,
};
use crossbeam_channel::{Receiver, Select, TryRecvError};

use super::{
    cli::Args,
    counters::{Counters, Figures},
    filters::Dropper,
    format::Form,
    heartbeat::{Facts, Heartbeat, Reports},
    losses::Losses,
    metrics::MetricsFile,
    notify::Notify,
    omitted::Omitted,
    progress::Progress,
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
    redactor: Option<Redactor>,
    dropper: Option<Dropper>,
    facts: Facts,
    classifier: Classifier,
    enricher: Enricher,
    trees: Trees,
    sink: Sink,
    arena: Arena,
    form: Form,
    progress: Progress,
    kinds: Kinds,
    max_line: Option<usize>,
    is_live: bool,
    stats_interval: Option<Duration>,
    metrics: Option<MetricsFile>,
    counters: Counters,
    omitted: Omitted,
    losses: Losses,
    heartbeat: Option<Heartbeat>,
    notify: Notify,
}

/// A larger arena is freed after use, so that one huge event does not occupy its memory for ever.
const MAX_ARENA_BYTES: usize = 4 << 20;

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
        Marshaller {
            redactor: args.redactor(),
            dropper,
            facts: Facts::new(args, now()),
            classifier,
            enricher: args.enricher(),
            trees,
            sink,
            arena: Arena::new(),
            form: Form::new(args),
            progress,
            kinds: args.kinds(),
            max_line: args.max_line,
            is_live: args.is_live(),
            stats_interval: args.stats_interval,
            metrics: args.metrics_file.clone().map(MetricsFile::new),
            counters: Counters::default(),
            omitted: Omitted::default(),
            losses: Losses::default(),
            heartbeat: Heartbeat::new(args, Instant::now(), now()),
            notify: Notify::from_environment(),
        }
    }

    /// Notes the privileges that were left to this process.
    pub(crate) fn confined(&mut self, privileges: Privileges) {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.confined(privileges);
        }
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
        let metrics_interval = self.metrics.as_ref().map(|_| METRICS_INTERVAL);
        let interval = self.stats_interval.or(metrics_interval);
        let mut next_stats = interval.map(|interval| Instant::now() + interval);
        self.write_metrics(reader);
        self.notify.ready(Instant::now());
        self.write_status(StatusReason::Start, reader);
        self.write_filters(reader);
        self.flush()?;
        let mut until = [next_stats, self.notify.due(), self.status_due()]
            .into_iter()
            .flatten()
            .min();
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
                    self.event(&group)?;
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
            self.note_losses(&reader.totals());
            self.progress.update();
            self.write_status_if_due(reader)?;
            self.write_if_due()?;
            self.handle_requests(reader, control)?;
            if let (Some(at), Some(interval)) = (next_stats, interval)
                && Instant::now() >= at
            {
                if self.stats_interval.is_some() {
                    self.report(reader, log::Level::Error);
                }
                self.write_metrics(reader);
                next_stats = Some(at.max(Instant::now() - interval) + interval);
            }
            let (totals, sink) = (reader.totals(), &self.sink);
            self.trees
                .follow(totals.seen.rule_changes, &mut self.classifier);
            // A log's reader may have to wait for the queue, or for a slow file system.
            let rounds = self.is_live.then_some(totals.rounds);
            self.notify
                .alive(Instant::now(), rounds, || status(&totals, sink));
            let next_tree = self.trees.is_busy().then(Instant::now);
            let deadlines = [
                next_stats,
                next_tree,
                self.sink.next_due(),
                self.notify.due(),
                self.status_due(),
            ];
            until = deadlines.into_iter().flatten().min();
        }
    }

    fn event(&mut self, group: &AuditMessageGroup<'_>) -> Result<(), Error> {
        if group.for_context {
            self.arena.reset();
            let facts = parse::facts(group, &self.arena);
            observe(&mut self.enricher, group, &facts, None);
            return Ok(());
        }
        let records = u32::try_from(group.len()).unwrap_or(u32::MAX);
        if self.arena.allocated_bytes() > MAX_ARENA_BYTES {
            self.arena = Arena::new();
        }
        self.arena.reset();
        let group = match &mut self.redactor {
            Some(redactor) => redactor.redact(*group, &self.arena),
            None => *group,
        };
        let is_raw = matches!(self.form, Form::Raw);
        if is_raw && self.dropper.is_none() {
            let is_full = self.sink.line(records, |out| raw::line(&group, out));
            return self.flush_if(is_full);
        }
        let facts = parse::facts(&group, &self.arena);
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.hear(&group, facts.call, Instant::now);
        }
        let event = self.classifier.classify_facts(&group, &facts, &self.arena);
        observe(&mut self.enricher, &group, &facts, event.as_ref());
        self.counters.unknown_arch += u64::from(self.omitted.has_unknown_arch(&facts));
        let kind = event.as_ref().map(|event| event.kind());
        let mut event = event.filter(|event| is_raw || self.kinds.contains(event.kind()));
        if let Some(event) = &mut event {
            event.who = self.enricher.who(&self.arena);
            let dropper = self.dropper.as_mut();
            if dropper.is_some_and(|dropper| dropper.drops(event)) {
                self.counters.filter_dropped += 1;
                self.counters.filter_dropped_records += u64::from(records);
                return Ok(());
            }
        }
        let is_full = match (&mut self.form, event) {
            (Form::Raw, _) => self.sink.line(records, |out| raw::line(&group, out)),
            (Form::Events(form), Some(mut event)) => self.sink.line(records, |out| {
                let is_cut = form.line_within(&mut event, self.max_line, &self.arena, out);
                self.counters.shortened += u64::from(is_cut);
            }),
            (Form::Events(_), None) => {
                self.counters.no_line += u64::from(records);
                self.omitted.count(&group, &facts, kind);
                false
            }
        };
        self.flush_if(is_full)
    }

    fn flush_if(&mut self, is_full: bool) -> Result<(), Error> {
        match is_full {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Writes the pending lines when there is nothing to read.
    fn idle(&mut self, reader: &AuditReader) -> Result<(), Error> {
        let totals = reader.totals();
        self.note_losses(&totals);
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

    /// Takes in the reader's losses, after which paths have to be proved anew.
    fn note_losses(&mut self, totals: &Totals) {
        if self.losses.note(totals) {
            self.classifier.lost();
            self.enricher.lost();
        }
    }

    /// Adds a line for each loss. Not while the output is failing, since the line could be dropped.
    fn add_losses(&mut self) -> Result<(), Error> {
        if self.sink.is_failing() {
            return Ok(());
        }
        for (reason, count) in self.losses.take() {
            let write = |out: &mut Vec<u8>| self.form.loss(now(), reason, count, out);
            if self.sink.line(0, write) {
                self.sink.flush(Instant::now())?;
            }
        }
        Ok(())
    }

    fn status_due(&self) -> Option<Instant> {
        // While the output fails, the line could be dropped.
        let heartbeat = self.heartbeat.as_ref().filter(|_| !self.sink.is_failing());
        heartbeat.map(Heartbeat::due)
    }

    /// Writes a status line, if one is due.
    fn write_status_if_due(&mut self, reader: &AuditReader) -> Result<(), Error> {
        let now = Instant::now();
        if self.status_due().is_none_or(|due| now < due) {
            return Ok(());
        }
        let heartbeat = self.heartbeat.as_mut();
        let Some(reason) = heartbeat.and_then(|heartbeat| heartbeat.due_reason(now)) else {
            return Ok(());
        };
        self.write_status(reason, reader);
        self.flush()
    }

    /// Adds a status line, which the caller has to write.
    fn write_status(&mut self, reason: StatusReason, reader: &AuditReader) {
        let Some(heartbeat) = &mut self.heartbeat else {
            return;
        };
        let figures = Figures::now(&reader.totals(), &self.counters, &self.sink);
        let reports = Reports {
            counters: &figures.pairs(),
            priming: self.trees.progress(),
        };
        let (form, sink) = (&self.form, &mut self.sink);
        heartbeat.tell(reason, now(), reports, |status| {
            let _is_full = sink.line(0, |out| form.status(status, out));
        });
    }

    /// Reads the file of filters again. If that fails, those of before stay.
    fn read_filters(&mut self, reader: &AuditReader) {
        match self.dropper.as_mut().map(Dropper::read) {
            Some(Ok(())) => self.write_filters(reader),
            Some(Err(error)) => log::error!("{error}; the filters stay as they are"),
            None => {}
        }
    }

    /// Adds a status line that lists the filters, so that the output tells what is left out of it.
    fn write_filters(&mut self, reader: &AuditReader) {
        let Some(dropper) = &self.dropper else { return };
        let (drop, keep) = dropper.texts();
        let figures = Figures::now(&reader.totals(), &self.counters, &self.sink).pairs();
        let mut status = self.facts.status(now(), StatusReason::Filters);
        status.counters = &figures;
        (status.filters.drop, status.filters.keep) = (&drop, &keep);
        let form = &self.form;
        let _is_full = self.sink.line(0, |out| form.status(&status, out));
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
                    self.read_filters(reader);
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
        self.flush()?;
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.look(Instant::now());
            self.write_status(StatusReason::End, reader);
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

    /// Logs the counters.
    fn report(&self, reader: &AuditReader, level: log::Level) {
        log::log!(
            level,
            "{}",
            Figures::now(&reader.totals(), &self.counters, &self.sink)
        );
        let counts = self.dropper.iter().flat_map(Dropper::counts);
        for (expression, count) in counts.filter(|(_, count)| *count > 0) {
            log::log!(level, "left out {count} events: {expression}");
        }
    }

    fn write_metrics(&mut self, reader: &AuditReader) {
        if let Some(file) = &mut self.metrics {
            let figures = Figures::now(&reader.totals(), &self.counters, &self.sink);
            let mut text = figures.prometheus() + &self.omitted.prometheus();
            if let Some(dropper) = &self.dropper {
                dropper.prometheus(&mut text);
            }
            file.write(&text);
        }
    }
}

/// Lets the context of events learn from one.
fn observe(
    enricher: &mut Enricher,
    group: &AuditMessageGroup<'_>,
    facts: &parse::Facts<'_>,
    event: Option<&AuditEvent<'_>>,
) {
    if enricher.is_needed() {
        let now = enricher.is_live().then(now);
        enricher.observe(group, facts, event, now);
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

/// A status line for `systemctl status`.
fn status(totals: &Totals, sink: &Sink) -> String {
    format!(
        "{} lines of {} records; lost {} in the socket, {} in the queue, {} in the kernel",
        sink.tally().lines,
        totals.tally.records,
        totals.seen.dropped,
        totals.dropped.records,
        totals.seen.kernel_lost,
    )
}
