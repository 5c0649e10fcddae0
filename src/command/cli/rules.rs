//! The options of `auditrd rules`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Check, load, list and compare audit rules, in the language of auditctl.
///
/// FILE is a file of rules; or a directory, which stands for its files ending in .rules, merged as
/// augenrules does; or the word default for the rules that come with auditrd.
#[derive(Debug, Args)]
#[command(max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

const AFTER_HELP: &str = "\
Exit status: 0 on success; 1 if rules have errors, are refused or differ, or on another error; 2 on
wrong usage; 4 if a permission is missing.";

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Say what is wrong with rules, each with its line and column; needs no rights
    Check {
        /// Files or directories of rules
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,

        /// Print a JSON object for each problem
        #[arg(long)]
        json: bool,
    },
    /// Load rules, all or none of them; other rules are kept, unless -D deletes them
    Load {
        /// Files or directories of rules
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,

        /// Allow what cannot be undone until the next boot: -e 2 and --loginuid-immutable
        #[arg(long)]
        immutable: bool,
    },
    /// Print the loaded rules, as auditctl -l does
    List,
    /// Print how the loaded rules differ from those of files; exits with 1 if they do
    Diff {
        /// Files or directories of rules
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}
