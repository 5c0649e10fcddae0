//! The inputs of `--jobs`, which are all opened at the start: a wrong name fails before anything is
//! read, and afterwards this process may open no files.

use std::{num::NonZeroUsize, path::PathBuf, slice};

use auditrd::{
    Error,
    confine::Confinement,
    source::{LogSource, Stop},
};
use rustix::process::{Resource, getrlimit, setrlimit};

use super::Spill;

/// The inputs, and the place for pages that have to wait for their turn.
pub(crate) struct Inputs {
    pub(crate) sources: Vec<LogSource>,
    pub(super) spill: Option<Spill>,
    pub(super) jobs: NonZeroUsize,
    /// How many cores this process may use.
    pub(super) cores: usize,
}

impl Inputs {
    /// Opens the inputs, each as a source of its own.
    ///
    /// # Errors
    ///
    /// If one of them cannot be opened.
    pub(crate) fn open(
        names: &[PathBuf],
        jobs: NonZeroUsize,
        stop: &Stop,
        confinement: &Confinement,
    ) -> Result<Inputs, Error> {
        raise_limit();
        let open = |name: &PathBuf| LogSource::open(slice::from_ref(name), stop.clone());
        let sources: Result<Vec<LogSource>, Error> = names.iter().map(open).collect();
        let sources = sources?;
        // A single worker is always in turn.
        let is_needed = jobs.get() > 1 && sources.len() > 1;
        let spill = is_needed.then(|| confinement.as_user(Spill::create));
        let spill = spill.and_then(|spill| {
            let warn = |error: &Error| log::warn!("{error}; inputs wait for their turn");
            spill.inspect_err(warn).ok()
        });
        Ok(Inputs {
            sources,
            spill,
            jobs,
            cores: super::cores(),
        })
    }
}

/// Raises the limit on open files as far as this process may: there may be thousands of inputs.
fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If it fails, opening too many inputs does.
    let _ = setrlimit(Resource::Nofile, limit);
}
