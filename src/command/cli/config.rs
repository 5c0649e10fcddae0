//! Turns the options into configurations of the library's parts.

use std::{io, ops::RangeInclusive, process::Command};

use auditrd::{
    Error, EventKind, Kinds, ReaderConfig, ReassemblyConfig, RecordType,
    confine::{Confinement, Duty, User},
    enrich::{Census, Enricher, Key, Keys, LOGIN_RECORDS, ProcCgroups, Start, open_sessions},
    model::Timestamp,
    record_type::{AUDIT_AVC, AUDIT_USER_AUTH},
    redact::Redactor,
    scanner::Scanner,
    sink::{Fsync, Rotation, SinkConfig},
    source::Membership,
};

use super::{
    super::{
        accounts::Accounts,
        redacted::Redacted,
        values::{Addition, Events, Secrets},
    },
    Args, Format, When,
};

impl Args {
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
        let mut config = SinkConfig::default();
        config.rotation = rotation;
        config.fsync = fsync;
        config.waits = !self.is_live();
        config.beginnings = Format::beginnings();
        config
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

    /// The source of the records, for a status line.
    pub(crate) fn source_name(&self) -> &'static str {
        match self.membership() {
            _ if !self.is_live() => "log",
            Membership::Unicast => "unicast",
            Membership::ReadLog => "multicast",
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.input.is_empty()
    }

    /// The kinds of events to write.
    pub(crate) fn kinds(&self) -> Kinds {
        Events::kinds(&self.events)
    }

    /// The record types to keep. Everything can be an audit event.
    pub(crate) fn types(&self) -> RangeInclusive<RecordType> {
        match (self.min, self.max) {
            (None, None) if self.kinds().contains(EventKind::Audit) => {
                RecordType(0)..=RecordType(u16::MAX)
            }
            (min, max) => min.unwrap_or(AUDIT_USER_AUTH)..=max.unwrap_or(AUDIT_AVC),
        }
    }

    pub(crate) fn reader(&self) -> ReaderConfig {
        let (min, max) = self.types().into_inner();
        let mut reassembly = ReassemblyConfig::new(min, max);
        reassembly.timeout = self.event_timeout;
        if self.format != Format::Raw && Addition::keys(&self.enrich).has(Key::Login) {
            reassembly.context = LOGIN_RECORDS;
        }
        let mut config = if self.is_live() {
            ReaderConfig::live(reassembly)
        } else {
            ReaderConfig::log(reassembly)
        };
        config.queue = self.queue;
        config.max_out_of_order = self.max_out_of_order;
        config
    }

    /// The privileges to give up before the first record is parsed.
    pub(crate) fn confinement(&self) -> Result<Confinement, Error> {
        let duty = if self.is_live() {
            Duty::Listen
        } else {
            Duty::Replay
        };
        let mut confinement = Confinement::new(duty);
        confinement.user = User::find(self.user.as_deref(), self.group.as_deref())?;
        confinement.filters = !self.no_confine;
        if !self.is_to_stdout() {
            confinement.writable.push(self.output.clone());
        }
        confinement.writable.extend(self.metrics_file.clone());
        confinement.readable.extend(self.filter.clone());
        // Not for root, who could then read all other files of the directory too.
        if self.reads_names() && !confinement.is_for_root() {
            confinement.readable.extend(Accounts::paths());
        }
        Ok(confinement)
    }

    /// The facts to add to events. go-audit's format has room for the container only, but filters
    /// may ask about others.
    fn additions(&self) -> Keys {
        let keys = Addition::keys(&self.enrich);
        let has_filters = !self.drop.is_empty() || !self.keep.is_empty() || self.filter.is_some();
        match self.format {
            Format::Raw if !has_filters => keys.only(Key::Container),
            _ => keys,
        }
    }

    /// Whether the names of users and groups are read from files, also when they change.
    pub(crate) fn reads_names(&self) -> bool {
        let is_from_files = !self.enrich.contains(&Addition::ServiceNames);
        self.is_live() && is_from_files && self.additions().has(Key::Names)
    }

    /// Whether the processes that are there at the start are read.
    pub(crate) fn reads_processes(&self) -> bool {
        self.is_live() && self.additions().need_processes()
    }

    /// The stage that adds context to events.
    pub(crate) fn enricher(&self) -> Enricher {
        let keys = self.additions();
        let mut enricher = Enricher::new(keys);
        if self.is_live() && keys.has(Key::Login) {
            enricher.prime_sessions(open_sessions());
        }
        if self.is_live() && keys.has(Key::Names) && !self.reads_names() {
            let [passwd, group] = ["passwd", "group"].map(service_names);
            enricher.start_names(&passwd, &group);
        }
        enricher
    }

    /// Starts to read the processes that were listed, and to ask for others later. `now` is the
    /// time.
    pub(crate) fn read_processes(&self, scanner: Scanner, now: Timestamp, enricher: &mut Enricher) {
        let Some(start) = Start::of_this_system(now, self.census(scanner)) else {
            return;
        };
        let keys = self.additions();
        if keys.has(Key::Container) || keys.has(Key::Unit) {
            enricher.ask_cgroups(Box::new(ProcCgroups));
        }
        enricher.start(start);
    }

    /// The processes that a scanner reads.
    fn census(&self, scanner: Scanner) -> Box<dyn Census + Send> {
        match self.redactor() {
            Some(redactor) => Box::new(Redacted::new(scanner, redactor)),
            None => Box::new(scanner),
        }
    }

    /// What takes secrets out of records, if anything does.
    pub(crate) fn redactor(&self) -> Option<Redactor> {
        let is_needed = self.no_args || !self.redact.is_empty();
        is_needed.then(|| {
            let own = self.redact.iter().filter_map(|secrets| match secrets {
                Secrets::Default => None,
                Secrets::Own(option) => Some(option.clone()),
            });
            let defaults = self.redact.contains(&Secrets::Default);
            Redactor::new(defaults, own.collect(), self.no_args)
        })
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

/// A table of the name service switch, in the form of the file of this name (getent(1)).
fn service_names(table: &str) -> Vec<u8> {
    let asked = Command::new("getent").arg(table).output();
    let answer = asked.and_then(|output| match output.status.success() {
        true => Ok(output.stdout),
        false => Err(io::Error::other(output.status.to_string())),
    });
    answer.unwrap_or_else(|error| {
        let error = Error::new(format!("ask getent for the names in {table}"), error);
        log::warn!("{error}; ids are written without names");
        Vec::new()
    })
}
