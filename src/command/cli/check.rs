//! The options of `auditrd check`.

use std::path::PathBuf;

use clap::Args;

/// List everything that keeps events from arriving, with a remedy for each; changes nothing.
///
/// Looks for all causes of missing events: auditing that is off, missing rules and capabilities,
/// containers, failed services, and more. Run it as root, since the kernel answers only with
/// CAP_AUDIT_CONTROL.
#[derive(Debug, Args)]
#[command(max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct CheckArgs {
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,

    /// Check whether the loaded rules are those of these files; a directory stands for its *.rules,
    /// and the word default for the rules that come with auditrd
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) expect: Vec<PathBuf>,

    /// Check whether events could be appended to this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Exit status: 0 if there are no problems or only notes, which do not affect events; 1 if there is a
problem, or on an error; 2 on wrong usage.";
