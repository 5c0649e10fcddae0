//! The command line and its meaning.

use std::{path::PathBuf, time::Duration};

use auditrd::{
    Confinement, Duty, Error, EventKind, Fsync, Membership, ReaderConfig, ReassemblyConfig,
    RecordType, Rotation, SerialTracker, SinkConfig, User,
    record_type::{AUDIT_AVC, AUDIT_USER_AUTH},
};
use clap::{
    ArgAction, CommandFactory, Parser, ValueEnum,
    builder::FalseyValueParser,
    error::{ErrorKind, Result},
};

use super::values::{bytes, duration, file_size, max_line, queue};

/// Read Linux audit records and write process, file and user events as JSON lines.
///
/// By default, auditrd listens to the kernel's read-only multicast group, which needs
/// CAP_AUDIT_READ and works beside auditd. Every option can also be set by an environment variable,
/// AUDITRD_<OPTION>.
#[derive(Debug, Parser)]
#[command(version = VERSION, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Replay a log instead of listening; - is standard input; several files are read in turn
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "AUDITRD_INPUT",
        help_heading = "Source"
    )]
    pub(crate) input: Vec<PathBuf>,

    /// Register as the kernel's audit daemon; needs CAP_AUDIT_CONTROL and no other running daemon
    #[arg(
        long,
        env = "AUDITRD_UNICAST",
        value_parser = FalseyValueParser::new(),
        help_heading = "Source"
    )]
    pub(crate) unicast: bool,

    /// Size of the socket's receive buffer; accepts the suffixes K, M and G
    #[arg(
        long,
        value_name = "BYTES",
        default_value = "64M",
        value_parser = bytes,
        env = "AUDITRD_RECV_BUFFER",
        help_heading = "Source"
    )]
    pub(crate) recv_buffer: usize,

    /// Raise the kernel's backlog limit to at least this many records while registered (--unicast)
    #[arg(
        long,
        value_name = "N",
        default_value_t = 32768,
        env = "AUDITRD_BACKLOG_LIMIT",
        help_heading = "Source"
    )]
    pub(crate) backlog_limit: u32,

    /// Lowest record type to keep, by number or name
    #[arg(
        long,
        value_name = "TYPE",
        default_value_t = AUDIT_USER_AUTH,
        env = "AUDITRD_MIN",
        help_heading = "Filter"
    )]
    pub(crate) min: RecordType,

    /// Highest record type to keep, by number or name
    #[arg(
        long,
        value_name = "TYPE",
        default_value_t = AUDIT_AVC,
        env = "AUDITRD_MAX",
        help_heading = "Filter"
    )]
    pub(crate) max: RecordType,

    /// Kinds of events to write, separated by commas
    #[arg(
        long,
        value_name = "KINDS",
        default_value = "process,fim,user",
        value_delimiter = ',',
        env = "AUDITRD_EVENTS",
        help_heading = "Filter"
    )]
    pub(crate) events: Vec<Kind>,

    /// Append events to a file, created with mode 0600; - is standard output
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "-",
        env = "AUDITRD_OUTPUT",
        help_heading = "Output"
    )]
    pub(crate) output: PathBuf,

    /// Rotate the output file before it grows past this size; accepts K, M and G [no limit]
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = file_size,
        env = "AUDITRD_MAX_SIZE",
        help_heading = "Output"
    )]
    pub(crate) max_size: Option<u64>,

    /// Number of rotated files to keep (FILE.1 is the newest); needs --max-size [5]
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=9999),
        env = "AUDITRD_MAX_FILES",
        help_heading = "Output"
    )]
    pub(crate) max_files: Option<u32>,

    /// When to fsync the output file
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "never",
        env = "AUDITRD_FSYNC",
        help_heading = "Output"
    )]
    pub(crate) fsync: When,

    /// Output format: auditrd's own keys, the Elastic Common Schema, or go-audit's message groups
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "auditrd",
        env = "AUDITRD_FORMAT",
        help_heading = "Output"
    )]
    pub(crate) format: Format,

    /// Human-readable, aligned output; coloured on a terminal
    #[arg(
        long,
        env = "AUDITRD_PRETTY",
        value_parser = FalseyValueParser::new(),
        help_heading = "Output"
    )]
    pub(crate) pretty: bool,

    /// Truncate argv, commandline and fields to keep lines under this size; at least 4K [no limit]
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = max_line,
        env = "AUDITRD_MAX_LINE",
        help_heading = "Output"
    )]
    pub(crate) max_line: Option<usize>,

    /// Memory for events waiting to be written; if live events need more, the oldest are dropped
    /// and counted
    #[arg(
        long,
        value_name = "BYTES",
        default_value = "8M",
        value_parser = queue,
        env = "AUDITRD_QUEUE",
        help_heading = "Reassembly"
    )]
    pub(crate) queue: usize,

    /// Write an event as incomplete if its last record has not arrived after this long
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "2s",
        value_parser = duration,
        env = "AUDITRD_EVENT_TIMEOUT",
        help_heading = "Reassembly"
    )]
    pub(crate) event_timeout: Duration,

    /// How far out of order a serial may arrive before it is counted as missing
    #[arg(
        long,
        value_name = "N",
        default_value_t = SerialTracker::DEFAULT_WINDOW,
        env = "AUDITRD_MAX_OUT_OF_ORDER",
        help_heading = "Reassembly"
    )]
    pub(crate) max_out_of_order: u32,

    /// Switch to this user, by name or number, once everything is open
    #[arg(
        long,
        value_name = "NAME",
        env = "AUDITRD_USER",
        help_heading = "Security"
    )]
    pub(crate) user: Option<String>,

    /// Switch to this group instead of the user's primary group
    #[arg(
        long,
        value_name = "NAME",
        env = "AUDITRD_GROUP",
        help_heading = "Security"
    )]
    pub(crate) group: Option<String>,

    /// Do not sandbox the process with seccomp and Landlock; capabilities are still dropped
    #[arg(
        long,
        env = "AUDITRD_NO_CONFINE",
        value_parser = FalseyValueParser::new(),
        help_heading = "Security"
    )]
    pub(crate) no_confine: bool,

    /// Print the counters to standard error at this interval
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = duration,
        env = "AUDITRD_STATS_INTERVAL",
        help_heading = "Diagnostics"
    )]
    pub(crate) stats_interval: Option<Duration>,

    /// Write the counters to a Prometheus text file, every 15s or at --stats-interval
    #[arg(
        long,
        value_name = "FILE",
        env = "AUDITRD_METRICS_FILE",
        help_heading = "Diagnostics"
    )]
    pub(crate) metrics_file: Option<PathBuf>,

    /// Log more to standard error; -vv logs even more
    #[arg(
        short,
        long,
        action = ArgAction::Count,
        env = "AUDITRD_VERBOSE",
        help_heading = "Diagnostics"
    )]
    pub(crate) verbose: u8,

    /// Log less to standard error; -qq logs nothing
    #[arg(
        short,
        long,
        action = ArgAction::Count,
        env = "AUDITRD_QUIET",
        help_heading = "Diagnostics"
    )]
    pub(crate) quiet: u8,
}

/// The version and, if known, the commit that it was built from. Set by build.rs.
const VERSION: &str = env!("AUDITRD_VERSION");

const AFTER_HELP: &str = "\
Exit status: 0 if stopped by a signal, at the end of input, or when the reader of standard output
closes it; 1 on an error; 2 on wrong usage; 4 if a permission is missing.

Signals: SIGTERM and SIGINT write the events already read and exit, and a second one exits at once;
SIGHUP reopens the output file; SIGUSR1 prints the counters.

Examples:
  Source:       sudo auditrd                              live events
                auditrd -i /var/log/audit/audit.log       the events of a log
                xzcat old.log.xz | auditrd -i - | jq .    the events of a stream
  Filter:       sudo auditrd --min 1006 --events process,user
  Output:       sudo auditrd -o /var/log/auditrd/events.json --max-line 32K
                auditrd -i audit.log --pretty             for people to read
                auditrd -i audit.log --format ecs         for Elasticsearch
  Security:     sudo auditrd --user auditrd -o /var/log/auditrd/events.json
  Reassembly:   auditrd -i slow.log --event-timeout 10s
  Diagnostics:  sudo auditrd -v --stats-interval 1m";

/// A kind of event, as given on the command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Kind {
    Process,
    Fim,
    User,
}

impl Kind {
    pub(crate) fn matches(self, kind: EventKind) -> bool {
        matches!(
            (self, kind),
            (Kind::Process, EventKind::Process)
                | (Kind::Fim, EventKind::Fim)
                | (Kind::User, EventKind::User)
        )
    }
}

/// When the output file is synced, as given on the command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum When {
    /// Leave it to the kernel
    Never,
    /// About once a second
    Interval,
    /// After every write
    Always,
}

/// A format of event lines, as given on the command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    Auditrd,
    Ecs,
    Raw,
}

impl Args {
    /// Checks the options against each other.
    pub(crate) fn validate(self) -> Result<Args> {
        if self.min > self.max {
            let (min, max) = (self.min, self.max);
            let text = format!("--min {min} ({}) is above --max {max} ({})", min.0, max.0);
            return Err(Args::command().error(ErrorKind::ValueValidation, text));
        }
        // clap's own conflicts would also refuse AUDITRD_UNICAST=0.
        if self.unicast && !self.input.is_empty() {
            let text = "--unicast cannot be used with --input: a log has no audit daemon";
            return Err(Args::command().error(ErrorKind::ArgumentConflict, text));
        }
        if self.max_size.is_some() && self.is_to_stdout() {
            let text = "--max-size needs --output FILE: standard output cannot be rotated";
            return Err(Args::command().error(ErrorKind::ArgumentConflict, text));
        }
        if self.max_files.is_some() && self.max_size.is_none() {
            let text = "--max-files needs --max-size, which sets when a file is rotated";
            return Err(Args::command().error(ErrorKind::MissingRequiredArgument, text));
        }
        if let Some(text) = self.contradiction() {
            return Err(Args::command().error(ErrorKind::ArgumentConflict, text));
        }
        Ok(self)
    }

    /// The first pair of options that contradict each other.
    fn contradiction(&self) -> Option<&'static str> {
        let is_raw = self.format == Format::Raw;
        let all = [Kind::Process, Kind::Fim, Kind::User];
        if self.pretty && self.format != Format::Auditrd {
            Some("--pretty cannot be used with --format: it is an output format of its own")
        } else if self.pretty && self.max_line.is_some() {
            Some(
                "--pretty cannot be used with --max-line: it truncates rows to the terminal's width",
            )
        } else if is_raw && self.max_line.is_some() {
            Some("--format raw cannot be used with --max-line: it writes records unchanged")
        } else if is_raw && !all.iter().all(|kind| self.events.contains(kind)) {
            Some("--format raw cannot be used with --events: use --min and --max to choose records")
        } else {
            None
        }
    }

    /// Reading a log can pause while the output fails; live events cannot.
    pub(crate) fn sink(&self) -> SinkConfig {
        let rotation = self.max_size.map(|max_size| Rotation {
            max_size,
            max_files: self.max_files.unwrap_or(5),
        });
        let fsync = match self.fsync {
            When::Never => Fsync::Never,
            When::Interval => Fsync::Interval,
            When::Always => Fsync::Always,
        };
        SinkConfig {
            rotation,
            fsync,
            waits: !self.is_live(),
            ..SinkConfig::default()
        }
    }

    /// Whether the events go to standard output.
    pub(crate) fn is_to_stdout(&self) -> bool {
        self.output.as_os_str() == "-"
    }

    pub(crate) fn membership(&self) -> Membership {
        if self.unicast {
            Membership::Unicast
        } else {
            Membership::ReadLog
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.input.is_empty()
    }

    pub(crate) fn reader(&self) -> ReaderConfig {
        let reassembly = ReassemblyConfig::new(self.min, self.max);
        let reassembly = ReassemblyConfig {
            timeout: self.event_timeout,
            ..reassembly
        };
        let config = if self.is_live() {
            ReaderConfig::live(reassembly)
        } else {
            ReaderConfig::log(reassembly)
        };
        ReaderConfig {
            queue: self.queue,
            max_out_of_order: self.max_out_of_order,
            ..config
        }
    }

    /// The privileges to give up before the first record is parsed.
    pub(crate) fn confinement(&self) -> std::result::Result<Confinement, Error> {
        let duty = if self.is_live() {
            Duty::Listen
        } else {
            Duty::Replay
        };
        let mut confinement = Confinement::new(duty);
        confinement.user = User::find(self.user.as_deref(), self.group.as_deref())?;
        confinement.filters = !self.no_confine;
        if self.output.as_os_str() != "-" {
            confinement.writable.push(self.output.clone());
        }
        confinement.writable.extend(self.metrics_file.clone());
        Ok(confinement)
    }

    pub(crate) fn log_level(&self) -> log::LevelFilter {
        match i16::from(self.verbose) - i16::from(self.quiet) {
            ..=-2 => log::LevelFilter::Off,
            -1 => log::LevelFilter::Error,
            0 => log::LevelFilter::Warn,
            1 => log::LevelFilter::Info,
            2 => log::LevelFilter::Debug,
            3.. => log::LevelFilter::Trace,
        }
    }
}

#[cfg(test)]
mod tests {
    mod shipped;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn types_are_numbers_or_names() {
        let args = Args::try_parse_from(["auditrd", "--min", "SYSCALL", "--max", "1400"]).unwrap();
        assert_eq!((args.min, args.max), (RecordType(1300), RecordType(1400)));
        assert!(Args::try_parse_from(["auditrd", "--min", "NOSUCH"]).is_err());
    }

    #[test]
    fn min_may_not_be_above_max() {
        let parse = |min, max| {
            Args::try_parse_from(["auditrd", "--min", min, "--max", max]).and_then(Args::validate)
        };
        assert!(parse("1400", "1400").is_ok());
        assert_eq!(parse("1401", "1400").unwrap_err().exit_code(), 2);
    }
}
