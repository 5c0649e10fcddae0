//! Checks the options against each other.

use auditrd::Kinds;
use clap::{
    CommandFactory,
    error::{ErrorKind, Result},
};

use super::{super::values::Addition, Args, Format};

impl Args {
    /// Checks the options against each other.
    pub(crate) fn validate(self) -> Result<Args> {
        // A command has options of its own; these may come from the environment.
        if self.command.is_some() {
            return Ok(self);
        }
        let types = self.types();
        if types.is_empty() {
            let (min, max) = types.into_inner();
            let text = format!("--min {min} ({}) is above --max {max} ({})", min.0, max.0);
            return Err(Args::command().error(ErrorKind::ValueValidation, text));
        }
        // clap's own conflicts would also refuse AUDITRD_UNICAST=0.
        if self.unicast && !self.input.is_empty() {
            let text = "--unicast cannot be used with --input: a log has no audit daemon";
            return Err(Args::command().error(ErrorKind::ArgumentConflict, text));
        }
        if let Some(text) = self.jobs_conflict() {
            return Err(Args::command().error(ErrorKind::ArgumentConflict, text));
        }
        if !self.is_live() && !self.rules.is_empty() {
            let text = "--rules cannot be used with --input: a log needs no rules";
            return Err(Args::command().error(ErrorKind::ArgumentConflict, text));
        }
        if !self.is_live()
            && let Some(option) = self.prime_option()
        {
            let text = format!(
                "{option} cannot be used with --input: the files may have changed since the log was written"
            );
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
        if !self.keep.is_empty() && self.drop.is_empty() && self.filter.is_none() {
            let text = "--keep needs --drop or --filter: it keeps events that they would leave out";
            return Err(Args::command().error(ErrorKind::MissingRequiredArgument, text));
        }
        if let Some(text) = self.same_file() {
            return Err(Args::command().error(ErrorKind::ArgumentConflict, text));
        }
        if let Some(text) = self.contradiction() {
            return Err(Args::command().error(ErrorKind::ArgumentConflict, text));
        }
        Ok(self)
    }

    /// Why --jobs cannot be used with these inputs.
    fn jobs_conflict(&self) -> Option<&'static str> {
        self.jobs?;
        let streams = self.input.iter().filter(|name| name.as_os_str() == "-");
        if self.is_live() {
            Some("--jobs needs --input: there is only one kernel to listen to")
        } else if streams.count() > 1 {
            Some("--jobs cannot read standard input twice: each input is a log of its own")
        } else {
            None
        }
    }

    /// The first option given that is about known trees.
    fn prime_option(&self) -> Option<&'static str> {
        let options = [
            ("--prime", !self.prime.is_empty()),
            ("--prime-from", self.prime_from.is_some()),
            ("--prime-snapshot", self.prime_snapshot.is_some()),
        ];
        let given = options.into_iter().find(|(_, is_given)| *is_given);
        given.map(|(option, _)| option)
    }

    /// The first pair of options that contradict each other.
    fn contradiction(&self) -> Option<&'static str> {
        let is_raw = self.format == Format::Raw;
        if self.pretty && self.format != Format::Auditrd {
            Some("--pretty cannot be used with --format: it is an output format of its own")
        } else if self.pretty && self.max_line.is_some() {
            Some(
                "--pretty cannot be used with --max-line: it truncates rows to the terminal's width",
            )
        } else if is_raw && self.max_line.is_some() {
            Some("--format raw cannot be used with --max-line: it writes records unchanged")
        } else if is_raw && self.aggregate.is_some() {
            Some("--format raw cannot be used with --aggregate: it writes records unchanged")
        } else if is_raw && self.heartbeat.is_some() {
            Some("--format raw cannot be used with --heartbeat: it has no such lines")
        } else if is_raw && self.kinds() != Kinds::DEFAULT {
            Some("--format raw cannot be used with --events: use --min and --max to choose records")
        } else if self.enrich.contains(&Addition::None) && self.enrich.len() > 1 {
            Some("--enrich none cannot be combined with other words")
        } else {
            None
        }
    }
}
