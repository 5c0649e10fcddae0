//! Reports beside the events: losses, status lines, the log, the metrics file, and the messages to
//! the service manager.

use std::time::Instant;

use auditrd::{Error, model::StatusReason, reader::Totals, sink::Sink};

use super::{Marshaller, now};
use crate::command::{counters::Figures, feed::Feed, filters::Dropper, heartbeat::Reports};

impl Marshaller {
    /// Adds a line for each loss. Not while the output is failing, since the line could be dropped.
    pub(super) fn add_losses(&mut self) -> Result<(), Error> {
        if self.sink.is_failing() {
            return Ok(());
        }
        for (reason, count) in self.pipeline.losses.take() {
            let form = &self.pipeline.form;
            let write = |out: &mut Vec<u8>| form.loss(now(), reason, count, out);
            if self.sink.line(0, write) {
                self.sink.flush(Instant::now())?;
            }
        }
        Ok(())
    }

    /// Passes on changes of the kernel's audit system that records told.
    pub(super) fn hear_changes(&mut self) {
        if let Some(changes) = self.pipeline.take_changes() {
            self.status_lines.hear(changes, Instant::now());
        }
    }

    /// When a status line is due. Not while the output is failing, since the line could be dropped.
    pub(super) fn status_due(&self) -> Option<Instant> {
        match self.sink.is_failing() {
            true => None,
            false => self.status_lines.due(),
        }
    }

    /// Writes a status line, if one is due.
    pub(super) fn write_status_if_due(&mut self, feed: &Feed) -> Result<(), Error> {
        let now = Instant::now();
        if self.status_due().is_none_or(|due| now < due) {
            return Ok(());
        }
        let Some(reason) = self.status_lines.due_reason(now) else {
            return Ok(());
        };
        self.write_status(reason, feed);
        self.flush()
    }

    /// Adds a status line, which the caller has to write.
    pub(super) fn write_status(&mut self, reason: StatusReason, feed: &Feed) {
        let figures = self.figures(&feed.totals());
        let reports = Reports {
            counters: &figures.pairs(),
            priming: self.trees.progress(),
        };
        let (form, sink) = (&self.pipeline.form, &mut self.sink);
        self.status_lines.tell(reason, now(), reports, |status| {
            let _is_full = sink.line(0, |out| form.status(status, out));
        });
    }

    /// Reads the file of filters again. If that fails, the filters stay as they are.
    pub(super) fn read_filters(&mut self) {
        let Some(dropper) = &mut self.pipeline.dropper else {
            return;
        };
        match dropper.read() {
            Ok(()) => self.status_lines.read_filters(dropper, Instant::now()),
            Err(error) => log::error!("{error}; the filters stay as they are"),
        }
    }

    /// Reads the names of users and groups again, if their files have changed.
    pub(super) fn read_names(&mut self, now: Instant) {
        let Some(accounts) = &mut self.accounts else {
            return;
        };
        match accounts.changed(now) {
            Ok(None) => {}
            Ok(Some([passwd, group])) => self.pipeline.enricher.start_names(&passwd, &group),
            Err(error) => {
                log::warn!("{error}; names of users and groups stay as they are");
                self.accounts = None;
            }
        }
    }

    /// Logs the counters.
    pub(super) fn report(&self, feed: &Feed, level: log::Level) {
        log::log!(level, "{}", self.figures(&feed.totals()));
        let counts = self.pipeline.dropper.iter().flat_map(Dropper::counts);
        for (expression, count) in counts.filter(|(_, count)| *count > 0) {
            log::log!(level, "left out {count} events: {expression}");
        }
    }

    pub(super) fn write_metrics(&mut self, feed: &Feed) {
        let figures = self.figures(&feed.totals());
        if let Some(file) = &mut self.metrics {
            let mut text = figures.prometheus() + &self.pipeline.omitted.prometheus();
            if let Some(dropper) = &self.pipeline.dropper {
                dropper.prometheus(&mut text);
            }
            file.write(&text);
        }
    }

    /// Tells the service manager that auditrd works.
    pub(super) fn report_alive(&mut self, totals: &Totals) {
        // A log's reader may have to wait for the queue, or for a slow file system.
        let rounds = self.is_live.then_some(totals.rounds);
        let sink = &self.sink;
        self.notify
            .alive(Instant::now(), rounds, || service_status(totals, sink));
    }

    fn figures(&self, totals: &Totals) -> Figures {
        Figures::now(totals, &self.pipeline.counters, &self.sink)
    }
}

/// A line for `systemctl status`.
fn service_status(totals: &Totals, sink: &Sink) -> String {
    format!(
        "{} lines of {} records; lost {} in the socket, {} in the queue, {} in the kernel",
        sink.tally().lines,
        totals.tally.records,
        totals.seen.dropped,
        totals.dropped.records,
        totals.seen.kernel_lost,
    )
}
