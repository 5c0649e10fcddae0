//! The environment variables of the options.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::{
    Arg, Command, CommandFactory, FromArgMatches, builder::Resettable, parser::ValueSource,
};

use super::Args;

/// What every variable of an option starts with.
const PREFIX: &str = "AUDITRD_";

impl Args {
    /// Parses the command line and the environment. An empty variable is as good as none, and
    /// `AUDITRD_INPUT`, `AUDITRD_PRIME` and `AUDITRD_RULES` may list several paths, separated by
    /// colons as in `PATH`. Files without an option are inputs too.
    ///
    /// # Errors
    ///
    /// On a usage error, or to print the help or the version.
    pub(crate) fn from_environment() -> clap::error::Result<Args> {
        let matches = without_empty_variables(Args::command()).try_get_matches()?;
        let mut args = Args::from_arg_matches(&matches)?;
        for (name, list) in [
            ("input", &mut args.input),
            ("prime", &mut args.prime),
            ("rules", &mut args.rules),
        ] {
            if matches.value_source(name) == Some(ValueSource::EnvVariable) {
                *list = split(list);
            }
        }
        if !args.files.is_empty() {
            // The command line takes precedence over a variable.
            if matches.value_source("input") == Some(ValueSource::EnvVariable) {
                args.input.clear();
            }
            args.input.append(&mut args.files);
        }
        Ok(args)
    }
}

fn without_empty_variables(command: Command) -> Command {
    let is_empty = |arg: &Arg| {
        let value = arg.get_env().and_then(env::var_os);
        value.is_some_and(|value| value.is_empty())
    };
    command.mut_args(|arg| {
        if is_empty(&arg) {
            arg.env(Resettable::Reset)
        } else {
            arg
        }
    })
}

fn split(list: &[PathBuf]) -> Vec<PathBuf> {
    let paths = list.iter().flat_map(env::split_paths);
    paths.filter(|path| path != Path::new("")).collect()
}

/// Variables that look like an option's but are none, such as misspelt ones.
pub(crate) fn unknown_variables() -> Vec<OsString> {
    let names = env::vars_os().map(|(name, _)| name);
    let mut names: Vec<OsString> = names
        .filter(|name| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()))
        .collect();
    // Building the command takes as long as parsing the command line.
    if !names.is_empty() {
        let command = Args::command();
        let known: Vec<_> = command.get_arguments().filter_map(Arg::get_env).collect();
        names.retain(|name| !known.contains(&name.as_os_str()));
    }
    names
}
