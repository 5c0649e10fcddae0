//! The trees that are known: reads their names for the classifier, at the start and when rules come
//! to watch others.

use std::{
    io,
    path::{Path, PathBuf, absolute},
};

use auditrd::{
    Classifier, Error,
    confine::Confinement,
    prime::{Found, Primer, Wanted, snapshot, snapshot::Snapshot},
    rules::Watched,
    source::{NetlinkClient, Rules},
};

use super::{
    PATIENCE,
    cli::{Args, Format},
};

/// The directories to read, and who reads them.
pub(crate) struct Trees {
    /// Gone when nothing more will be read.
    primer: Option<Primer>,
    /// Asks which directories the loaded rules watch, if this process may. It is opened after the
    /// socket of the source, which gets the process id as its port.
    control: Option<NetlinkClient>,
    wanted: Vec<Wanted>,
    /// The names of `wanted`, as another process has read them.
    from: Option<PathBuf>,
    /// How often rules had changed when they were last asked for.
    changes: u64,
    /// How many names have been read since then.
    followed: u64,
    /// How many names have been read in all.
    names: u64,
}

impl Trees {
    /// Starts the process that reads directories, if there are any to read. Call this before
    /// starting threads, and while this process has its capabilities.
    ///
    /// # Errors
    ///
    /// If the process cannot be started.
    pub(crate) fn start(args: &Args, confinement: &Confinement) -> Result<Trees, Error> {
        let full = |path: &PathBuf| absolute(path).unwrap_or_else(|_| path.clone());
        let wanted: Vec<Wanted> = args.prime.iter().map(full).map(Wanted::below).collect();
        // A format that has no paths needs no names.
        let is_live = args.is_live() && args.format != Format::Raw;
        let is_needed = is_live && (!wanted.is_empty() || may_ask());
        Ok(Trees {
            primer: is_needed.then(|| Primer::start(confinement)).transpose()?,
            control: None,
            wanted,
            from: args.prime_from.clone(),
            changes: 0,
            followed: 0,
            names: 0,
        })
    }

    /// Reads all directories for the classifier, and those that the loaded rules watch, if this
    /// process may ask for them. Call this once the source is open, so that what happens meanwhile
    /// waits in it.
    pub(crate) fn prime(&mut self, classifier: &mut Classifier, rules: Option<&Rules>) {
        if self.primer.is_none() && self.from.is_none() {
            return;
        }
        if rules.is_some() && self.primer.is_some() {
            self.control = NetlinkClient::control().ok();
        }
        if let Some(control) = &mut self.control {
            control.set_patience(PATIENCE);
        }
        let mut names = 0u64;
        let mut take = taking(classifier, &mut names);
        if let Some(file) = &self.from {
            match snapshot::read(file, &mut take) {
                Ok(_) => self.wanted.clear(),
                Err(error) => log::warn!("{error}; reading the directories of --prime instead"),
            }
        }
        self.read(rules.unwrap_or(&Rules::default()), &mut take);
        drop(take);
        if self.control.is_none() {
            // Rules that are added later cannot be asked for.
            self.primer = None;
        }
        self.names = names;
        log::info!("read {names} names at the start");
    }

    /// Writes the names in all directories to a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub(crate) fn save(mut self, file: &Path) -> Result<(), Error> {
        let mut snapshot = Snapshot::create(file)?;
        self.read(&loaded(), &mut |found| snapshot.add(found));
        let names = snapshot.finish()?;
        log::info!("wrote {names} names");
        Ok(())
    }

    fn read(&mut self, rules: &Rules, take: &mut dyn FnMut(&Found<'_>)) {
        self.add(rules, take);
        let Some(primer) = &mut self.primer else {
            return;
        };
        for wanted in &self.wanted {
            if let Err(error) = primer.add(wanted, take) {
                log::warn!("{error}");
            }
        }
        primer.run(take);
    }

    /// Adds the directories that the loaded rules have come to watch.
    fn add_watched(&mut self, take: &mut dyn FnMut(&Found<'_>)) {
        match self.control.as_mut().map(NetlinkClient::rules) {
            Some(Ok(rules)) => self.add(&rules, take),
            Some(Err(error)) => cannot_list(error),
            None => {}
        }
    }

    /// Adds the directories that rules watch.
    fn add(&mut self, rules: &Rules, take: &mut dyn FnMut(&Found<'_>)) {
        let Some(primer) = &mut self.primer else {
            return;
        };
        for watched in &rules.watched {
            let wanted = match watched {
                Watched::Directory(path) => Wanted::below(path.clone()),
                Watched::File(path) => Wanted::in_directory(path.parent().unwrap_or(path).into()),
            };
            // Rules may be for files that do not exist yet.
            if let Err(error) = primer.add(&wanted, take) {
                log::info!("{error}");
            }
        }
    }

    /// Goes on with directories that rules have come to watch since the start: reads one of them,
    /// so that events do not wait for all. `changes` counts how often the rules changed.
    pub(crate) fn follow(&mut self, changes: u64, classifier: &mut Classifier) {
        let mut names = 0;
        let mut take = taking(classifier, &mut names);
        if changes != self.changes {
            self.changes = changes;
            self.add_watched(&mut take);
        }
        let Some(primer) = &mut self.primer else {
            return;
        };
        primer.step(&mut take);
        drop(take);
        self.followed += names;
        self.names += names;
        if self.followed > 0 && !primer.is_busy() {
            log::info!("read {} more names", self.followed);
            self.followed = 0;
        }
    }

    /// How many names have been read, and whether there are more to read; `None` if none were
    /// wanted.
    pub(crate) fn progress(&self) -> Option<(u64, bool)> {
        let is_used = self.names > 0 || self.primer.is_some();
        is_used.then(|| (self.names, self.is_busy()))
    }

    /// Whether there are directories left to read.
    pub(crate) fn is_busy(&self) -> bool {
        self.primer.as_ref().is_some_and(Primer::is_busy)
    }
}

/// Whether this process may ask for the loaded rules.
fn may_ask() -> bool {
    NetlinkClient::control().is_ok_and(|mut control| control.may_ask())
}

/// The loaded rules. Without the privilege to ask for them there are none, and only the chosen
/// directories are read.
fn loaded() -> Rules {
    let Ok(mut control) = NetlinkClient::control() else {
        return Rules::default();
    };
    control.rules().unwrap_or_else(|error| {
        if error.kind() != io::ErrorKind::PermissionDenied {
            cannot_list(error);
        }
        Rules::default()
    })
}

fn cannot_list(error: io::Error) {
    log::warn!("{}", Error::new("list the audit rules", error));
}

/// Hands names to the classifier, and counts them.
fn taking(classifier: &mut Classifier, names: &mut u64) -> impl FnMut(&Found<'_>) {
    let mut path = Vec::new();
    move |found| {
        found.path(&mut path);
        let links = u64::from(found.links);
        classifier.prime(&path, found.file, found.file_type, links);
        *names += 1;
    }
}
