//! How a worker reads an input: with a thread of its own for that, or without.

use std::time::Instant;

use auditrd::{
    AuditReader, Error, ReaderConfig,
    reader::{InlineReader, Interrupter, Step, Totals},
    source::LogSource,
};

/// The reader of one input.
pub(super) enum Reader {
    /// In the worker's thread.
    Inline(Box<InlineReader>),
    /// In another thread.
    Threaded(AuditReader),
}

impl Reader {
    /// Starts to read. Files are read in the worker's thread if the workers leave no core free.
    ///
    /// # Errors
    ///
    /// If a thread cannot be started.
    pub(super) fn start(
        source: LogSource,
        config: ReaderConfig,
        is_core_free: bool,
    ) -> Result<Reader, Error> {
        let is_of_files = source.length().is_some();
        let source = Box::new(source);
        if is_of_files && !is_core_free {
            let reader = InlineReader::new(source, config);
            return Ok(Reader::Inline(Box::new(reader)));
        }
        // The source is stopped by the marshaller thread.
        AuditReader::spawn(source, None, config).map(Reader::Threaded)
    }

    /// As [`AuditReader::step`].
    #[inline(always)]
    pub(super) fn step(&mut self, until: Option<Instant>) -> Result<Step<'_>, Error> {
        match self {
            Reader::Inline(reader) => reader.step(until),
            Reader::Threaded(reader) => reader.step(until),
        }
    }

    /// What ends a wait for the input, which files do not need.
    pub(super) fn interrupter(&self) -> Option<Interrupter> {
        match self {
            Reader::Inline(_) => None,
            Reader::Threaded(reader) => Some(reader.interrupter()),
        }
    }

    pub(super) fn totals(&self) -> Totals {
        match self {
            Reader::Inline(reader) => reader.totals(),
            Reader::Threaded(reader) => reader.totals(),
        }
    }
}
