//! The progress bar of a long replay on a terminal.

use std::{
    fs::File,
    io::{IsTerminal, stderr, stdout},
    os::{fd::AsFd, unix::fs::MetadataExt},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use auditrd::source::LogSource;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use log::{Log, Metadata, Record};

use super::cli::Args;

/// Logs with fewer bytes get no bar: they are read within a moment.
const MIN_LOG_BYTES: u64 = 16 << 20;
const TEMPLATE: &str = "{bar:30} {bytes:>10} of {total_bytes}, {binary_bytes_per_sec}, {eta} left";

/// A progress bar on standard error, hidden until [`show`](Self::show) is called.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// The bytes that were read, for each source.
    read: Vec<Arc<AtomicU64>>,
}

impl Progress {
    /// A hidden bar. The logger needs the bar before it is shown.
    pub(crate) fn hidden() -> Progress {
        Progress {
            bar: ProgressBar::hidden(),
            read: Vec::new(),
        }
    }

    /// Shows the bar if the logs' length is known and standard error is a terminal that does not
    /// show the events as well.
    pub(crate) fn show(&mut self, sources: &[LogSource], args: &Args) {
        if let Some(length) = sources.iter().map(LogSource::length).sum::<Option<u64>>()
            && length >= MIN_LOG_BYTES
            && args.quiet == 0
            && has_terminal_of_its_own(args)
        {
            let style = ProgressStyle::with_template(TEMPLATE);
            self.bar
                .set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            self.bar.set_length(length);
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.read = sources.iter().map(LogSource::bytes_read).collect();
        }
    }

    /// Updates the position. The bar limits how often it is redrawn.
    pub(crate) fn update(&self) {
        if !self.bar.is_hidden() {
            let read = self.read.iter().map(|read| read.load(Ordering::Relaxed));
            self.bar.set_position(read.sum());
        }
    }

    /// Wraps a logger so that its lines appear above the bar.
    pub(crate) fn around(&self, log: impl Log + 'static) -> Box<dyn Log> {
        Box::new(AroundBar {
            log,
            bar: self.bar.clone(),
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn has_terminal_of_its_own(args: &Args) -> bool {
    let device = |fd: &dyn AsFd| {
        let file = File::from(fd.as_fd().try_clone_to_owned().ok()?);
        Some(file.metadata().ok()?.rdev())
    };
    let shared =
        args.is_to_stdout() && stdout().is_terminal() && device(&stdout()) == device(&stderr());
    stderr().is_terminal() && !shared
}

struct AroundBar<L> {
    log: L,
    bar: ProgressBar,
}

impl<L: Log> Log for AroundBar<L> {
    fn enabled(&self, metadata: &Metadata) -> bool {
        self.log.enabled(metadata)
    }

    fn log(&self, record: &Record) {
        if self.enabled(record.metadata()) {
            self.bar.suspend(|| self.log.log(record));
        }
    }

    fn flush(&self) {
        self.log.flush();
    }
}
