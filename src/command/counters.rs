//! All counters, under the same names in the log and in the Prometheus file.
//!
//! Once nothing is in flight or pending, every record read is counted in exactly one of `filtered`,
//! `ends`, `left_out`, `no_line`, `filter_dropped_records`, `written`, `unwritten_records`,
//! `queue_dropped_records` and `held_records`. Lines and datagrams that are not records are counted
//! as `malformed` or `foreign`, not as `records`.

use std::fmt::{self, Write};

use auditrd::{aggregate::Held, reader::Totals, sink::Sink};

/// The counters that the marshaller thread keeps itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    /// Lines truncated to `--max-line`.
    pub(crate) shortened: u64,
    /// Records of events without a line.
    pub(crate) no_line: u64,
    /// Events of calls whose architecture has no table.
    pub(crate) unknown_arch: u64,
    /// Events left out by --drop or --filter.
    pub(crate) filter_dropped: u64,
    /// Their records.
    pub(crate) filter_dropped_records: u64,
    /// Events that --aggregate held, to count them in the line of a later one.
    pub(crate) aggregated: u64,
    /// Those that it holds now.
    pub(crate) held: u64,
    /// Their records.
    pub(crate) held_records: u64,
    /// With --jobs: lines that the output has not got yet.
    pub(crate) waiting: u64,
    /// Their bytes.
    pub(crate) waiting_bytes: u64,
}

impl Counters {
    /// Adds the counters of another log.
    pub(crate) fn add(&mut self, other: &Counters) {
        // All of them, so that none is forgotten.
        let Counters {
            shortened,
            no_line,
            unknown_arch,
            filter_dropped,
            filter_dropped_records,
            aggregated,
            held,
            held_records,
            waiting,
            waiting_bytes,
        } = other;
        self.shortened += shortened;
        self.no_line += no_line;
        self.unknown_arch += unknown_arch;
        self.filter_dropped += filter_dropped;
        self.filter_dropped_records += filter_dropped_records;
        self.aggregated += aggregated;
        self.held += held;
        self.held_records += held_records;
        self.waiting += waiting;
        self.waiting_bytes += waiting_bytes;
    }

    /// Counts an event that is held, with this many records.
    pub(crate) fn hold(&mut self, records: u64) {
        self.aggregated += 1;
        self.held += 1;
        self.held_records += records;
    }

    /// Events that were held get their line.
    pub(crate) fn release(&mut self, held: &Held) {
        self.held -= held.events;
        self.held_records -= held.records;
        self.shortened += u64::from(held.is_cut);
    }
}

/// A metric and its value.
#[derive(Debug)]
struct Figure {
    name: &'static str,
    help: &'static str,
    metric_type: MetricType,
    value: u64,
}

#[derive(Clone, Copy, Debug)]
enum MetricType {
    /// Only grows.
    Counter,
    /// A current value.
    Gauge,
}

/// All metrics, at one moment.
#[derive(Debug)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    pub(crate) fn now(totals: &Totals, counters: &Counters, sink: &Sink) -> Figures {
        let (tally, seen, out) = (totals.tally, totals.seen, sink.tally());
        #[rustfmt::skip] // A table: one line each.
        let gauges = [
            ("in_flight", totals.in_flight, "Events waiting for more records."),
            ("held", counters.held, "Events that --aggregate holds back."),
            ("held_records", counters.held_records, "Records of events that --aggregate holds back."),
            ("pending", out.pending + counters.waiting, "Lines waiting to be written."),
            ("pending_bytes", out.pending_bytes + counters.waiting_bytes, "Bytes waiting to be written."),
            ("output_failing", u64::from(sink.is_failing()), "1 while the output is failing."),
        ];
        #[rustfmt::skip]
        let counters = [
            ("records", tally.records, "Records read."),
            ("filtered", tally.filtered, "Records of a type outside --min and --max."),
            ("malformed", seen.malformed, "Lines and datagrams that are not records."),
            ("foreign", seen.foreign, "Datagrams not sent by the kernel."),
            ("ends", tally.ends, "EOE records, which only end an event."),
            ("left_out", tally.left_out, "Records left out of events that were too large."),
            ("no_line", counters.no_line, "Records of events without a line."),
            ("unknown_arch", counters.unknown_arch, "Events of an architecture whose system calls are not known by name."),
            ("filter_dropped_records", counters.filter_dropped_records, "Records of events left out by --drop or --filter."),
            ("written", out.records, "Records of events whose lines were written."),
            ("unwritten_records", out.unwritten_records, "Records of events whose lines were dropped."),
            ("queue_dropped_records", totals.dropped.records, "Records of events dropped from the full queue."),
            ("events", tally.events, "Events reassembled."),
            ("unfinished", tally.unfinished, "Events whose last record did not arrive in time."),
            ("evicted", tally.evicted, "Events completed early because too many were in flight."),
            ("truncated", tally.truncated, "Events truncated to a limit."),
            ("queue_dropped", totals.dropped.events, "Events dropped from the full queue."),
            ("filter_dropped", counters.filter_dropped, "Events left out by --drop or --filter."),
            ("aggregated", counters.aggregated, "Events counted in the line of a later one by --aggregate."),
            ("lines", out.lines, "Lines written, including loss events."),
            ("bytes", out.bytes, "Bytes written."),
            ("unwritten", out.unwritten, "Lines dropped because the output failed."),
            ("shortened", counters.shortened, "Lines truncated to --max-line."),
            ("overflows", seen.overflows, "Overflows of the socket's receive buffer."),
            ("dropped", seen.dropped, "Datagrams dropped because the socket's receive buffer was full."),
            ("kernel_lost", seen.kernel_lost, "Records lost in the kernel."),
            ("missing", totals.missing, "Serial numbers that never arrived."),
            ("interruptions", seen.interruptions, "Times that records stopped coming, such as after auditctl -e 0."),
            ("output_failures", out.failures, "Outages of the output."),
            ("rotations", out.rotations, "Rotations because the file was full."),
            ("syncs", out.syncs, "Syncs of the output file to disk."),
            ("failed_syncs", out.failed_syncs, "Syncs that failed."),
        ];
        let of = |metric_type| {
            move |(name, value, help)| Figure {
                name,
                help,
                metric_type,
                value,
            }
        };
        let counters = counters.into_iter().map(of(MetricType::Counter));
        Figures(
            counters
                .chain(gauges.into_iter().map(of(MetricType::Gauge)))
                .collect(),
        )
    }

    /// All names and values.
    pub(crate) fn pairs(&self) -> Vec<(&'static str, u64)> {
        let pair = |figure: &Figure| (figure.name, figure.value);
        self.0.iter().map(pair).collect()
    }

    /// The Prometheus text format, version 0.0.4.
    pub(crate) fn prometheus(&self) -> String {
        let mut text = String::new();
        for figure in &self.0 {
            let Figure {
                name, help, value, ..
            } = figure;
            let (metric_type, suffix) = match figure.metric_type {
                MetricType::Counter => ("counter", "_total"),
                MetricType::Gauge => ("gauge", ""),
            };
            // Writing to memory cannot fail.
            let _ = write!(
                text,
                "# HELP auditrd_{name}{suffix} {help}\n\
                 # TYPE auditrd_{name}{suffix} {metric_type}\n\
                 auditrd_{name}{suffix} {value}\n"
            );
        }
        text.push_str(concat!(
            "# HELP auditrd_build_info The version of auditrd.\n",
            "# TYPE auditrd_build_info gauge\n",
            "auditrd_build_info{version=\"",
            env!("CARGO_PKG_VERSION"),
            "\"} 1\n"
        ));
        text
    }
}

/// All names and values in one line.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Figure { name, value, .. }) in self.0.iter().enumerate() {
            let space = if index > 0 { " " } else { "" };
            write!(f, "{space}{name} {value}")?;
        }
        Ok(())
    }
}
