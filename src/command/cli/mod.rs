//! The options as typed. They are [validated](Args::validate) before their meaning is asked for.

mod check;
mod config;
mod environment;
mod rules;
mod same_file;
mod validate;

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use auditrd::{RecordType, filter::Expression, reader::SerialTracker};
use clap::{ArgAction, Parser, Subcommand, ValueEnum, builder::FalseyValueParser};

pub(crate) use check::CheckArgs;
pub(crate) use environment::unknown_variables;
pub(crate) use rules::{RulesArgs, RulesCommand};

use super::values::{
    Addition, Events, Secrets, addition, bytes, default_kinds, duration, events, file_size,
    max_line, queue, secrets,
};

/// Read Linux audit records and write process, file and user events as JSON lines.
///
/// By default, auditrd listens to the kernel's read-only multicast group, which needs
/// CAP_AUDIT_READ and works beside auditd. Every option can also be set by an environment variable,
/// AUDITRD_<OPTION>.
#[derive(Debug, Parser)]
#[command(version = VERSION, max_term_width = 100, after_help = AFTER_HELP)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Replay a log instead of listening; - is standard input, and a directory stands for the files
    /// in it; several files are read in the order of their first records
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "AUDITRD_INPUT",
        help_heading = "Source"
    )]
    pub(crate) input: Vec<PathBuf>,

    /// More logs to replay, as with --input
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Replay this many inputs at the same time, each as the log of a host of its own, and write
    /// their events in the order of the inputs; the files of a directory are one input
    #[arg(
        short,
        long,
        value_name = "N",
        env = "AUDITRD_JOBS",
        help_heading = "Source"
    )]
    pub(crate) jobs: Option<NonZeroUsize>,

    /// Register as the kernel's audit daemon; needs CAP_AUDIT_CONTROL and no other running daemon
    #[arg(
        long,
        env = "AUDITRD_UNICAST",
        value_parser = FalseyValueParser::new(),
        help_heading = "Source"
    )]
    pub(crate) unicast: bool,

    /// Read the names of all files below a directory at the start, so that paths can be resolved by
    /// them; repeatable
    #[arg(
        long,
        value_name = "DIR",
        env = "AUDITRD_PRIME",
        help_heading = "Source"
    )]
    pub(crate) prime: Vec<PathBuf>,

    /// Take the names from a file that --prime-snapshot wrote, instead of reading the directories
    #[arg(
        long,
        value_name = "FILE",
        env = "AUDITRD_PRIME_FROM",
        help_heading = "Source"
    )]
    pub(crate) prime_from: Option<PathBuf>,

    /// Write the names that --prime reads to a file, and exit
    #[arg(
        long,
        value_name = "FILE",
        env = "AUDITRD_PRIME_SNAPSHOT",
        help_heading = "Source"
    )]
    pub(crate) prime_snapshot: Option<PathBuf>,

    /// Turn auditing on and load these rules for as long as auditrd runs; default stands for those
    /// that come with it
    #[arg(
        long,
        value_name = "FILE",
        num_args = 1..,
        env = "AUDITRD_RULES",
        help_heading = "Source"
    )]
    pub(crate) rules: Vec<PathBuf>,

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

    /// Lowest record type to keep, by number or name [USER_AUTH; all with --events audit]
    #[arg(
        long,
        value_name = "TYPE",
        env = "AUDITRD_MIN",
        help_heading = "Filter"
    )]
    pub(crate) min: Option<RecordType>,

    /// Highest record type to keep, by number or name [AVC; all with --events audit]
    #[arg(
        long,
        value_name = "TYPE",
        env = "AUDITRD_MAX",
        help_heading = "Filter"
    )]
    pub(crate) max: Option<RecordType>,

    /// Kinds of events to write, separated by commas; audit is everything that is of no other kind
    #[arg(
        long,
        value_name = "KINDS",
        default_value = default_kinds(),
        value_parser = events(),
        value_delimiter = ',',
        env = "AUDITRD_EVENTS",
        help_heading = "Filter"
    )]
    pub(crate) events: Vec<Events>,

    /// Leave out events that meet an expression, such as exe=/opt/agent/*,uid=0; repeatable
    #[arg(
        long,
        value_name = "EXPR",
        env = "AUDITRD_DROP",
        help_heading = "Filter"
    )]
    pub(crate) drop: Vec<Expression>,

    /// Write events that meet an expression even if --drop or --filter, of which it needs one,
    /// would leave them out; repeatable
    #[arg(
        long,
        value_name = "EXPR",
        env = "AUDITRD_KEEP",
        help_heading = "Filter"
    )]
    pub(crate) keep: Vec<Expression>,

    /// Read expressions from a file, one in a line: drop EXPR or keep EXPR; SIGHUP reads it again
    #[arg(
        long,
        value_name = "FILE",
        env = "AUDITRD_FILTER",
        help_heading = "Filter"
    )]
    pub(crate) filter: Option<PathBuf>,

    /// Write one line for events that repeat within this time: the first event at once, and at the
    /// end of the time the last one, with the number of those after the first
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = duration,
        env = "AUDITRD_AGGREGATE",
        help_heading = "Filter"
    )]
    pub(crate) aggregate: Option<Duration>,

    /// Take secrets out of command lines and messages: default for those of known programs and
    /// forms, PROGRAM:OPTION for the value of an option of your own, such as backup:--pin; several
    /// are separated by commas
    #[arg(
        long,
        value_name = "SECRETS",
        value_parser = secrets,
        value_delimiter = ',',
        env = "AUDITRD_REDACT",
        help_heading = "Filter"
    )]
    pub(crate) redact: Vec<Secrets>,

    /// Leave out all arguments of programs but the first, their name
    #[arg(
        long,
        env = "AUDITRD_NO_ARGS",
        value_parser = FalseyValueParser::new(),
        help_heading = "Filter"
    )]
    pub(crate) no_args: bool,

    /// Facts to add to events, separated by commas: all, none, or single keys; names=nss asks the
    /// directory services for all names at the start, instead of /etc/passwd and /etc/group
    #[arg(
        long,
        value_name = "LIST",
        default_value = "all",
        value_parser = addition(),
        value_delimiter = ',',
        env = "AUDITRD_ENRICH",
        help_heading = "Output"
    )]
    pub(crate) enrich: Vec<Addition>,

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

    /// Rotate the output file before it grows past this size, at least 4K [no limit]
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = file_size,
        env = "AUDITRD_MAX_SIZE",
        help_heading = "Output"
    )]
    pub(crate) max_size: Option<u64>,

    /// Number of rotated files to keep (FILE.1 is the newest), from 1 to 9999; needs --max-size [5]
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

    /// Output format: auditrd's own keys, the Elastic Common Schema, the Open Cybersecurity Schema
    /// Framework, or go-audit's message groups
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

    /// Cut the texts of an event so that its line is no longer than this, at least 4K, and mark it
    /// as truncated [no limit]
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = max_line,
        env = "AUDITRD_MAX_LINE",
        help_heading = "Output"
    )]
    pub(crate) max_line: Option<usize>,

    /// Memory for events waiting to be written, from 64K to 4G; if live events need more, the
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

    /// Write a status event at the start, at this interval, at the end, and when the kernel's audit
    /// system was changed
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = duration,
        env = "AUDITRD_HEARTBEAT",
        help_heading = "Diagnostics"
    )]
    pub(crate) heartbeat: Option<Duration>,

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
const VERSION: &str = env!("VERSION_AND_COMMIT");

const AFTER_HELP: &str = "\
Exit status: 0 if stopped by a signal, at the end of input, or when the reader of standard output
closes it; 1 on an error; 2 on wrong usage; 4 if a permission is missing.

Signals: SIGTERM and SIGINT write the events already read and exit, and a second one after more than a
second exits at once; SIGHUP reopens the output file and reads --filter again; SIGUSR1 prints the
counters.

Examples:
  Source:       sudo auditrd                              live events
                sudo auditrd --rules default --pretty     the same, with rules, for people to read
                auditrd -i /var/log/audit/audit.log*      the events of a log and its old files
                zgrep -h x /var/log/a*.gz | auditrd -i -  the events of a stream
  Filter:       sudo auditrd --min 1006 --events process,user
  Output:       sudo auditrd -o /srv/events.json --max-line 32K
                auditrd -i audit.log --pretty             for people to read
                auditrd -i audit.log --format ecs         for Elasticsearch
  Security:     sudo auditrd --user nobody | jq .
  Reassembly:   auditrd -i slow.log --event-timeout 10s
  Diagnostics:  sudo auditrd -v --stats-interval 1m";

/// What to do instead of writing events.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(CheckArgs),
    Rules(RulesArgs),
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
    Ocsf,
    Raw,
}

#[cfg(test)]
mod tests {
    mod shipped;

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn clap_accepts_the_definition() {
        Args::command().debug_assert();
    }

    #[test]
    fn record_types_are_numbers_or_names() {
        let args = Args::try_parse_from(["auditrd", "--min", "SYSCALL", "--max", "1400"]).unwrap();
        assert_eq!(args.types(), RecordType(1300)..=RecordType(1400));
        assert!(Args::try_parse_from(["auditrd", "--min", "NOSUCH"]).is_err());
    }

    #[test]
    fn all_types_are_kept_for_audit_events_unless_a_range_is_given() {
        let types = |args: &[&str]| {
            let args = Args::try_parse_from([&["auditrd"], args].concat()).unwrap();
            let types = args.types();
            (types.start().0, types.end().0)
        };
        assert_eq!(types(&[]), (1100, 1400));
        assert_eq!(types(&["--events", "socket"]), (1100, 1400));
        assert_eq!(types(&["--events", "audit"]), (0, u16::MAX));
        assert_eq!(types(&["--events", "process,all"]), (0, u16::MAX));
        assert_eq!(types(&["--events", "all", "--min", "1300"]), (1300, 1400));
        assert_eq!(types(&["--events", "all", "--max", "1300"]), (1100, 1300));
    }

    #[test]
    fn min_above_max_is_a_usage_error() {
        let parse = |min, max| {
            Args::try_parse_from(["auditrd", "--min", min, "--max", max]).and_then(Args::validate)
        };
        assert!(parse("1400", "1400").is_ok());
        assert_eq!(parse("1401", "1400").unwrap_err().exit_code(), 2);
    }
}
