//! The trees that are known from the start: reads their names for the classifier.

use std::path::{PathBuf, absolute};

use auditrd::{
    Classifier, Error,
    confine::Confinement,
    prime::{Found, Primer, Wanted},
};

use super::cli::Args;

/// The directories to read, and the process that reads them.
pub(crate) struct Trees {
    primer: Primer,
    wanted: Vec<Wanted>,
    path: Vec<u8>,
}

impl Trees {
    /// Starts the process that reads directories, if there are any to read.
    ///
    /// # Errors
    ///
    /// If the process cannot be started.
    pub(crate) fn start(args: &Args, confinement: &Confinement) -> Result<Option<Trees>, Error> {
        let full = |path: &PathBuf| absolute(path).unwrap_or_else(|_| path.clone());
        let wanted: Vec<Wanted> = args.prime.iter().map(full).map(Wanted::below).collect();
        if wanted.is_empty() {
            return Ok(None);
        }
        Ok(Some(Trees {
            primer: Primer::start(confinement)?,
            wanted,
            path: Vec::new(),
        }))
    }

    /// Reads the directories.
    pub(crate) fn prime(mut self, classifier: &mut Classifier) {
        let Trees {
            primer,
            wanted,
            path,
        } = &mut self;
        let mut names = 0u64;
        let mut take = |found: &Found<'_>| {
            found.path(path);
            classifier.prime(path, found.file, found.file_type, u64::from(found.links));
            names += 1;
        };
        wanted
            .iter()
            .for_each(|wanted| primer.add(wanted, &mut take));
        primer.run(&mut take);
        log::info!("read {names} names in {} directories", self.wanted.len());
    }
}
