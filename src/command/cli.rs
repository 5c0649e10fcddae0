//! The command line: what was typed, and what it means.

use std::{path::PathBuf, time::Duration};

use auditrd::{
    Confinement, Duty, Error, EventKind, Fsync, MarshallerConfig, Membership, ReaderConfig,
    RecordType, Rotation, SerialTracker, SinkConfig, User,
    record_type::{AUDIT_AVC, AUDIT_USER_AUTH},
};
use clap::{
    ArgAction, CommandFactory, Parser, ValueEnum,
    builder::FalseyValueParser,
    error::{ErrorKind, Result},
};

use super::values::{bytes, duration, file_size, max_line, queue};

/// Read the Linux audit subsystem and write process, file and user events as JSON lines.
///
/// Without a source option the records come live from the kernel's read-only multicast group, which
/// works beside auditd and needs CAP_AUDIT_READ. Every option can be set in the environment as
/// AUDITRD_<OPTION>.
#[derive(Debug, Parser)]
#[command(version = VERSION, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Replay a log instead; - is standard input, and several are read one after the other
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "AUDITRD_INPUT",
        help_heading = "Source"
    )]
    pub(crate) input: Vec<PathBuf>,

    /// Register as the kernel's audit daemon; needs CAP_AUDIT_CONTROL and that no other one runs
    #[arg(
        long,
        env = "AUDITRD_UNICAST",
        value_parser = FalseyValueParser::new(),
        help_heading = "Source"
    )]
    pub(crate) unicast: bool,

    /// Size of the socket's receive buffer; K, M and G are understood
    #[arg(
        long,
        value_name = "BYTES",
        default_value = "64M",
        value_parser = bytes,
        env = "AUDITRD_RECV_BUFFER",
        help_heading = "Source"
    )]
    pub(crate) recv_buffer: usize,

    /// Records that may wait in the kernel while we are its audit daemon, if it is not more already
    #[arg(
        long,
        value_name = "N",
        default_value_t = 32768,
        env = "AUDITRD_BACKLOG_LIMIT",
        help_heading = "Source"
    )]
    pub(crate) backlog_limit: u32,

    /// Lowest type of record to keep, as a number or a name
    #[arg(
        long,
        value_name = "TYPE",
        default_value_t = AUDIT_USER_AUTH,
        env = "AUDITRD_MIN",
        help_heading = "Filter"
    )]
    pub(crate) min: RecordType,

    /// Highest type of record to keep
    #[arg(
        long,
        value_name = "TYPE",
        default_value_t = AUDIT_AVC,
        env = "AUDITRD_MAX",
        help_heading = "Filter"
    )]
    pub(crate) max: RecordType,

    /// Kinds of events to write
    #[arg(
        long,
        value_name = "KINDS",
        default_value = "process,fim,user",
        value_delimiter = ',',
        env = "AUDITRD_EVENTS",
        help_heading = "Filter"
    )]
    pub(crate) events: Vec<Kind>,

    /// Append to a file, made with mode 0600; - is standard output
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "-",
        env = "AUDITRD_OUTPUT",
        help_heading = "Output"
    )]
    pub(crate) output: PathBuf,

    /// Begin a new file before one grows over this; K, M and G are understood [no limit]
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = file_size,
        env = "AUDITRD_MAX_SIZE",
        help_heading = "Output"
    )]
    pub(crate) max_size: Option<u64>,

    /// Keep so many old files, FILE.1 the newest; with --max-size [5]
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=9999),
        env = "AUDITRD_MAX_FILES",
        help_heading = "Output"
    )]
    pub(crate) max_files: Option<u32>,

    /// When to have the disk take what was written
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "never",
        env = "AUDITRD_FSYNC",
        help_heading = "Output"
    )]
    pub(crate) fsync: When,

    /// How events are written: auditrd's own keys, Elastic Common Schema, or go-audit's groups
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "auditrd",
        env = "AUDITRD_FORMAT",
        help_heading = "Output"
    )]
    pub(crate) format: Format,

    /// Write events as aligned rows for eyes, coloured on a terminal
    #[arg(
        long,
        env = "AUDITRD_PRETTY",
        value_parser = FalseyValueParser::new(),
        help_heading = "Output"
    )]
    pub(crate) pretty: bool,

    /// Cut argv, commandline and fields so that a line stays under this; at least 4K [no limit]
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = max_line,
        env = "AUDITRD_MAX_LINE",
        help_heading = "Output"
    )]
    pub(crate) max_line: Option<usize>,

    /// Events between the reading and the writing thread; when live ones need more than this, the
    /// oldest are dropped and counted
    #[arg(
        long,
        value_name = "BYTES",
        default_value = "8M",
        value_parser = queue,
        env = "AUDITRD_QUEUE",
        help_heading = "Reassembly"
    )]
    pub(crate) queue: usize,

    /// Finish an event whose end does not come after this long
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "2s",
        value_parser = duration,
        env = "AUDITRD_EVENT_TIMEOUT",
        help_heading = "Reassembly"
    )]
    pub(crate) event_timeout: Duration,

    /// Count a serial as missing that is late by more than this
    #[arg(
        long,
        value_name = "N",
        default_value_t = SerialTracker::DEFAULT_WINDOW,
        env = "AUDITRD_MAX_OUT_OF_ORDER",
        help_heading = "Reassembly"
    )]
    pub(crate) max_out_of_order: u32,

    /// Change to this user once everything is open; its name or number
    #[arg(
        long,
        value_name = "NAME",
        env = "AUDITRD_USER",
        help_heading = "Security"
    )]
    pub(crate) user: Option<String>,

    /// Change to this group, in place of the user's own
    #[arg(
        long,
        value_name = "NAME",
        env = "AUDITRD_GROUP",
        help_heading = "Security"
    )]
    pub(crate) group: Option<String>,

    /// Do not confine system calls and files (seccomp, Landlock); capabilities are dropped all the same
    #[arg(
        long,
        env = "AUDITRD_NO_CONFINE",
        value_parser = FalseyValueParser::new(),
        help_heading = "Security"
    )]
    pub(crate) no_confine: bool,

    /// Print the counters to standard error this often
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = duration,
        env = "AUDITRD_STATS_INTERVAL",
        help_heading = "Diagnostics"
    )]
    pub(crate) stats_interval: Option<Duration>,

    /// Write the counters to a file for Prometheus, every 15s or at the stats interval
    #[arg(
        long,
        value_name = "FILE",
        env = "AUDITRD_METRICS_FILE",
        help_heading = "Diagnostics"
    )]
    pub(crate) metrics_file: Option<PathBuf>,

    /// Say more on standard error; -vv even more
    #[arg(
        short,
        long,
        action = ArgAction::Count,
        env = "AUDITRD_VERBOSE",
        help_heading = "Diagnostics"
    )]
    pub(crate) verbose: u8,

    /// Say less on standard error; -qq nothing
    #[arg(
        short,
        long,
        action = ArgAction::Count,
        env = "AUDITRD_QUIET",
        help_heading = "Diagnostics"
    )]
    pub(crate) quiet: u8,
}

/// The version, and the commit that it was built from where that is known; build.rs finds out.
const VERSION: &str = env!("AUDITRD_VERSION");

const AFTER_HELP: &str = "\
Exit status: 0 asked to stop, end of input, or the reader of the output went away;
1 it could not do its work; 2 wrong usage; 4 not permitted.

Signals: SIGTERM and SIGINT finish what is in flight and end; SIGHUP opens the output file again;
SIGUSR1 prints the counters.

Examples:
  Source:       sudo auditrd                              events as they happen
                auditrd -i /var/log/audit/audit.log       events of a log
                xzcat old.log.xz | auditrd -i - | jq .    events of a stream
  Filter:       sudo auditrd --min 1006 --events process,user
  Output:       sudo auditrd -o /var/log/auditrd/events.json --max-line 32K
                auditrd -i audit.log --pretty             rows for eyes
                auditrd -i audit.log --format ecs         for Elasticsearch
  Security:     sudo auditrd --user auditrd -o /var/log/auditrd/events.json
  Reassembly:   auditrd -i slow.log --event-timeout 10s
  Diagnostics:  sudo auditrd -v --stats-interval 1m";

/// A kind of event, as it is typed.
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

/// When files are synced, as it is typed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum When {
    /// Leave it to the kernel
    Never,
    /// About every second
    Interval,
    /// After every write
    Always,
}

/// A format of event lines, as it is typed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    Auditrd,
    Ecs,
    Raw,
}

impl Args {
    /// Checks what no single option can check.
    pub(crate) fn validate(self) -> Result<Args> {
        if self.min > self.max {
            let (min, max) = (self.min, self.max);
            let text = format!("--min {min} ({}) is above --max {max} ({})", min.0, max.0);
            return Err(Args::command().error(ErrorKind::ValueValidation, text));
        }
        // Not left to clap, for which a variable that says no is a conflict too.
        if self.unicast && !self.input.is_empty() {
            let text = "--unicast cannot be used with --input: a log has no audit daemon";
            return Err(Args::command().error(ErrorKind::ArgumentConflict, text));
        }
        if self.max_size.is_some() && self.is_to_stdout() {
            let text = "--max-size needs --output FILE: standard output cannot be rotated";
            return Err(Args::command().error(ErrorKind::ArgumentConflict, text));
        }
        if self.max_files.is_some() && self.max_size.is_none() {
            let text = "--max-files needs --max-size, which says when a file is old";
            return Err(Args::command().error(ErrorKind::MissingRequiredArgument, text));
        }
        if let Some(text) = self.contradiction() {
            return Err(Args::command().error(ErrorKind::ArgumentConflict, text));
        }
        Ok(self)
    }

    /// What options ask of each other that cannot be.
    fn contradiction(&self) -> Option<&'static str> {
        let is_raw = self.format == Format::Raw;
        let all = [Kind::Process, Kind::Fim, Kind::User];
        if self.pretty && self.format != Format::Auditrd {
            Some("--pretty cannot be used with --format: rows for eyes are a format of their own")
        } else if self.pretty && self.max_line.is_some() {
            Some("--pretty cannot be used with --max-line: rows are cut to the terminal's width")
        } else if is_raw && self.max_line.is_some() {
            Some("--format raw cannot be used with --max-line: records are written as they came")
        } else if is_raw && !all.iter().all(|kind| self.events.contains(kind)) {
            Some("--format raw cannot be used with --events: use --min and --max to choose records")
        } else {
            None
        }
    }

    /// A log can be waited with while its output fails; live events cannot.
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
        let marshaller = MarshallerConfig::new(self.min, self.max);
        let marshaller = MarshallerConfig {
            timeout: self.event_timeout,
            ..marshaller
        };
        let config = if self.is_live() {
            ReaderConfig::live(marshaller)
        } else {
            ReaderConfig::log(marshaller)
        };
        ReaderConfig {
            queue: self.queue,
            max_out_of_order: self.max_out_of_order,
            ..config
        }
    }

    /// What to give up before the first record is looked at.
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
