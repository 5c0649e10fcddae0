//! Everything that is counted, each under one name: in the line on standard error, and in the file
//! for Prometheus.
//!
//! Every record that was read is in exactly one of `filtered`, `ends`, `left_out`, `no_line`,
//! `written`, `unwritten_records` and `queue_dropped_records`, once nothing is in flight or pending
//! any more. Lines of a log and datagrams that are no records are `malformed` or `foreign`, and no
//! `records`.

use std::fmt::{self, Write};

use auditrd::{Sink, Totals};

/// What the marshaller thread counts by itself; its parts have counters of their own.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Lines that were cut to stay under a bound.
    pub(crate) shortened: u64,
    /// Records of events that make no line.
    pub(crate) no_line: u64,
}

/// One thing that is counted.
#[derive(Debug)]
struct Figure {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    value: u64,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// It only grows.
    Counter,
    /// It is as it is at the moment.
    Gauge,
}

/// All that is counted, at one moment.
#[derive(Debug)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    pub(crate) fn now(totals: &Totals, counters: &Counters, sink: &Sink) -> Figures {
        let (tally, seen, out) = (totals.tally, totals.seen, sink.tally());
        #[rustfmt::skip] // One line each, as in the table that it is.
        let counters = [
            ("records", tally.records, "Records read."),
            ("filtered", tally.filtered, "Records of a type outside --min and --max."),
            ("malformed", seen.malformed, "Lines or datagrams that are no records."),
            ("foreign", seen.foreign, "Datagrams that the kernel did not send."),
            ("ends", tally.ends, "Records that only end their event."),
            ("left_out", tally.left_out, "Records left out of an event that was too large."),
            ("no_line", counters.no_line, "Records of events that make no line."),
            ("written", out.records, "Records of events whose lines were written."),
            ("unwritten_records", out.unwritten_records, "Records of lines that were not written."),
            ("queue_dropped_records", totals.dropped.records, "Records of events dropped for a slow output."),
            ("events", tally.events, "Events put together."),
            ("unfinished", tally.unfinished, "Events whose end never came."),
            ("evicted", tally.evicted, "Events that went out early for want of room."),
            ("truncated", tally.truncated, "Events that a bound cut."),
            ("queue_dropped", totals.dropped.events, "Events dropped because the output was too slow."),
            ("lines", out.lines, "Lines written, those about losses included."),
            ("bytes", out.bytes, "Bytes written."),
            ("unwritten", out.unwritten, "Lines given up because the output failed."),
            ("shortened", counters.shortened, "Lines cut to stay under --max-line."),
            ("overflows", seen.overflows, "Times that the socket's buffer overflowed."),
            ("dropped", seen.dropped, "Datagrams that the kernel dropped at the socket."),
            ("kernel_lost", seen.kernel_lost, "Records that the kernel lost."),
            ("missing", totals.missing, "Serial numbers that never came."),
            ("interruptions", seen.interruptions, "Times that something began to keep records from coming."),
            ("output_failures", out.failures, "Times that the output began to fail."),
            ("rotations", out.rotations, "Files left because they were full."),
            ("syncs", out.syncs, "Times that the disk was asked to take what was written."),
            ("failed_syncs", out.failed_syncs, "Times that it could not."),
        ];
        #[rustfmt::skip]
        let gauges = [
            ("in_flight", totals.in_flight, "Events that wait for their end."),
            ("pending", out.pending, "Lines that wait to be written."),
            ("pending_bytes", out.pending_bytes, "Bytes that wait to be written."),
            ("output_failing", u64::from(sink.is_failing()), "1 while the output fails."),
        ];
        let of = |kind| {
            move |(name, value, help)| Figure {
                name,
                help,
                kind,
                value,
            }
        };
        let counters = counters.into_iter().map(of(Kind::Counter));
        Figures(
            counters
                .chain(gauges.into_iter().map(of(Kind::Gauge)))
                .collect(),
        )
    }

    /// The Prometheus text format, version 0.0.4.
    pub(crate) fn prometheus(&self) -> String {
        let mut text = String::new();
        for figure in &self.0 {
            let Figure {
                name, help, value, ..
            } = figure;
            let (kind, suffix) = match figure.kind {
                Kind::Counter => ("counter", "_total"),
                Kind::Gauge => ("gauge", ""),
            };
            // Writing to memory cannot fail.
            let _ = write!(
                text,
                "# HELP auditrd_{name}{suffix} {help}\n\
                 # TYPE auditrd_{name}{suffix} {kind}\n\
                 auditrd_{name}{suffix} {value}\n"
            );
        }
        text.push_str(concat!(
            "# HELP auditrd_build_info Which auditrd this is.\n",
            "# TYPE auditrd_build_info gauge\n",
            "auditrd_build_info{version=\"",
            env!("CARGO_PKG_VERSION"),
            "\"} 1\n"
        ));
        text
    }
}

/// One line of names and values.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Figure { name, value, .. }) in self.0.iter().enumerate() {
            let space = if index > 0 { " " } else { "" };
            write!(f, "{space}{name} {value}")?;
        }
        Ok(())
    }
}
