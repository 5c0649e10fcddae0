//! From PATH records to claims: a name, the base that it is relative to, and the files around it
//! that the record tells of. The memory decides what is proved.

use bumpalo::Bump;

use crate::{
    classify::{calls::Dir, title::Titles},
    model::{FileId, FileType, record_type::AUDIT_URINGOP},
    parse::{CallRecord, Facts, NameType, PathRecord},
    resolve::{Asker, Base, Caller, Claim, Host, Located, Resolver, text},
};

/// What stands for "the working directory" in place of a descriptor (linux/fcntl.h).
const AT_FDCWD: i32 = -100;
/// The error of a call on a descriptor that is not open, as records print it.
const MINUS_EBADF: i64 = -9;

/// What became of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// It did what it was to do.
    Succeeded,
    /// It did not.
    Failed,
    /// No record tells. An operation of io_uring is recorded as a success once it is over, also
    /// where it failed (io_uring/io_uring.c, `audit_uring_exit`).
    Unknown,
}

impl Outcome {
    pub(super) fn of(call: &CallRecord, facts: &Facts) -> Outcome {
        // A name that was only looked up has no inode.
        let is_made = |path: &PathRecord| path.nametype == NameType::Create && path.file.is_some();
        if call.success != Some(b"yes") {
            Outcome::Failed
        } else if call.record_type != AUDIT_URINGOP || facts.paths.iter().any(is_made) {
            Outcome::Succeeded
        } else {
            Outcome::Unknown
        }
    }
}

/// Finds the names of one event, by what its records say and what those before it said.
pub(crate) struct Namer<'a, 'm> {
    pub(crate) call: &'m CallRecord<'a>,
    pub(crate) facts: &'m Facts<'a>,
    pub(crate) memory: &'m mut Resolver,
    pub(crate) caller: Caller,
    pub(crate) outcome: Outcome,
    pub(crate) host: &'m dyn Host,
    pub(super) titles: &'m mut Titles,
    pub(crate) arena: &'a Bump,
}

/// The directories that the last part of a name was looked up in: one, or two of which it is not
/// told which is this name's.
pub(super) type Parents = [Option<FileId>; 2];

/// The file of a record with its type.
pub(super) fn file_of(record: &PathRecord) -> Option<(FileId, FileType)> {
    Some((record.file?, record.file_type))
}

impl<'a, 'm> Namer<'a, 'm> {
    /// The records of a nametype, in order of their items.
    pub(super) fn of(
        &self,
        nametype: NameType,
    ) -> impl Iterator<Item = &'a PathRecord<'a>> + use<'a, 'm> {
        let paths = &self.facts.paths;
        paths.iter().filter(move |path| path.nametype == nametype)
    }

    /// The title of the process, on one line.
    pub(super) fn title(&mut self) -> Option<&'a [u8]> {
        self.titles.of(self.facts, self.arena)
    }

    /// A record that is one of the event's but for a few fields.
    pub(super) fn keep(&self, record: PathRecord<'a>) -> &'a PathRecord<'a> {
        self.arena.alloc(record)
    }

    pub(super) fn ask(&self) -> Asker<'a, 'm> {
        Asker {
            host: self.host,
            arena: self.arena,
        }
    }

    /// The claim of a name, as far as the call tells.
    pub(super) fn claim(&self, name: &'a [u8], dir: Dir) -> Claim<'a> {
        Claim::of(name, self.base(dir))
    }

    pub(super) fn locate(&mut self, claim: &Claim<'a>) -> Located<'a> {
        if self.is_bad_descriptor() && matches!(claim.base, Base::Descriptor(_)) {
            return Located::partial(Some(claim.name));
        }
        let ask = self.ask();
        self.memory.locate(self.caller, claim, ask)
    }

    /// Where a record with a name is.
    pub(super) fn place(&mut self, path: &PathRecord<'a>, dir: Dir) -> Located<'a> {
        self.place_named(path, dir, false)
    }

    /// As [`place`](Self::place), of a call that may follow a link at the end of the name.
    fn place_named(&mut self, path: &PathRecord<'a>, dir: Dir, follows: bool) -> Located<'a> {
        if path.name.is_none() {
            return Located::NOWHERE;
        }
        let mut claim = self.claim_in(path, dir, [None, None]);
        claim.parents = self.parents_of(claim.directory());
        claim.follows = follows;
        self.locate(&claim)
    }

    /// As [`place`](Self::place), in directories that are known to be the name's own.
    pub(super) fn place_in(
        &mut self,
        path: &PathRecord<'a>,
        dir: Dir,
        parents: Parents,
    ) -> Located<'a> {
        if path.name.is_none() {
            return Located::NOWHERE;
        }
        let claim = self.claim_in(path, dir, parents);
        self.locate(&claim)
    }

    /// The claim of a record's name, in directories that are known to be the name's own.
    pub(super) fn claim_in(&self, path: &PathRecord<'a>, dir: Dir, parents: Parents) -> Claim<'a> {
        let mut claim = self.claim(path.name.unwrap_or_default(), dir);
        claim.parents = parents;
        (claim.file, claim.file_type) = (path.file, path.file_type);
        claim
    }

    /// The directories in the records that can be that of a name whose leading part this is. The
    /// name in their PARENT record is that leading part; if there is none, it is the working
    /// directory, also where the name is relative to another one (kernel/auditsc.c,
    /// `audit_log_name`).
    pub(super) fn parents_of(&self, directory: &[u8]) -> Parents {
        let parents = self.of(NameType::Parent).filter(|parent| match directory {
            b"" => parent.name.is_none() || parent.name == self.facts.cwd,
            directory => parent.name == Some(directory),
        });
        let mut ids = parents.filter_map(|parent| parent.file);
        let first = ids.next();
        let second = ids.find(|id| Some(*id) != first);
        [first, second]
    }

    /// The directory of the one PARENT record of a call. None if there are several.
    pub(super) fn only_parent(&self) -> Option<FileId> {
        let mut parents = self.of(NameType::Parent);
        match (parents.next(), parents.next()) {
            (Some(only), None) => only.file,
            _ => None,
        }
    }

    /// Where an entry is. Where there is no record of it, its directory with a `/` at the end: a
    /// failed call often has no more.
    pub(super) fn place_entry(
        &mut self,
        entry: Option<&'a PathRecord<'a>>,
        dir: Dir,
        follows: bool,
    ) -> Located<'a> {
        if let Some(entry @ PathRecord { name: Some(_), .. }) = entry {
            return self.place_named(entry, dir, follows);
        }
        let mut parents = self.of(NameType::Parent).filter(|p| p.name.is_some());
        let Some(parent) = parents.next() else {
            return Located::partial(self.nameless_parent());
        };
        // Of two directories it is not told which one is this name's.
        if parents.any(|other| (other.name, other.inode) != (parent.name, parent.inode)) {
            return Located::NOWHERE;
        }
        if let Some(entry) = entry
            && let Some(located) = self.slashed(entry, parent, dir)
        {
            return located;
        }
        let name = parent.name.unwrap_or_default();
        let claim = if Some(name) == self.facts.cwd {
            // The working directory stands for whatever the name was relative to.
            Claim {
                parents: [parent.file, None],
                ..self.claim(b".", dir)
            }
        } else {
            self.claim(name, dir)
        };
        let claim = Claim {
            file: parent.file,
            file_type: FileType::Directory,
            ..claim
        };
        let directory = self.locate(&claim).path;
        Located::partial(directory.map(|path| text::as_directory(path, self.arena)))
    }

    /// Where an entry is whose record has no name: that of a name that ends in `/`. Before Linux
    /// 6.14 its PARENT record may have the whole name, or the leading part alone; which one it is
    /// the inode of the directory tells.
    fn slashed(
        &mut self,
        entry: &PathRecord<'a>,
        parent: &PathRecord<'a>,
        dir: Dir,
    ) -> Option<Located<'a>> {
        let name = parent.name.filter(|name| name.ends_with(b"/"))?;
        let claim = Claim {
            parents: [Some(parent.file?), None],
            file: entry.file,
            file_type: entry.file_type,
            ..self.claim(name, dir)
        };
        let ask = self.ask();
        if !self.memory.has_directory(self.caller, &claim, ask) {
            return None;
        }
        let located = self.locate(&claim);
        // The leading part alone has the same inode if it ends in a symbolic link to the link's own
        // directory. Then that link is at the path, and not the entry.
        let file = located.path.and_then(|path| {
            let current = self.memory.file_at(path, ask);
            current.or_else(|| self.memory.known_file(path))
        });
        (file.is_none() || file == entry.file).then_some(located)
    }

    /// The directory, with a `/` at the end, that is given as a file only: the records of io_uring
    /// often have no names.
    fn nameless_parent(&mut self) -> Option<&'a [u8]> {
        let mut ids = self.of(NameType::Parent).filter_map(|p| p.file);
        let parent = ids.next()?;
        if ids.any(|other| other != parent) {
            return None;
        }
        let ask = self.ask();
        let cwd = self.cwd().filter(|cwd| ask.is_at(cwd, parent));
        let directory = cwd.or_else(|| self.memory.file((parent, FileType::Directory), ask))?;
        Some(text::as_directory(directory, self.arena))
    }

    /// The path of a descriptor that stands where a directory could stand too, with an empty name.
    pub(super) fn by_descriptor(
        &mut self,
        dir: Dir,
        object: Option<&'a PathRecord<'a>>,
    ) -> Located<'a> {
        let file = object.and_then(file_of);
        match self.base(dir) {
            Base::Descriptor(fd) => self.descriptor(fd, file.map(|(file, _)| file)),
            Base::Cwd(_) | Base::Unknown(_) => {
                let ask = self.ask();
                let path = file.and_then(|file| self.memory.file(file, ask));
                path.map_or(Located::NOWHERE, Located::full)
            }
        }
    }

    pub(super) fn descriptor(&mut self, fd: u32, file: Option<FileId>) -> Located<'a> {
        if self.is_bad_descriptor() {
            return Located::NOWHERE;
        }
        let ask = self.ask();
        let path = self.memory.descriptor(self.caller, fd, file, ask);
        path.map_or(Located::NOWHERE, Located::full)
    }

    /// Whether the kernel said that a descriptor of the call is not open.
    pub(super) fn is_bad_descriptor(&self) -> bool {
        self.call.exit == Some(MINUS_EBADF)
    }

    /// Whether a write succeeded through a descriptor that is known as read-only, so that what is
    /// known of it is stale.
    pub(super) fn was_opened_for_reading(&mut self, arg: usize) -> bool {
        match self.base(Dir::Arg(arg)) {
            Base::Descriptor(fd) if self.succeeded() => self.memory.is_read_only(self.caller, fd),
            _ => false,
        }
    }

    /// Whether the call surely did what it was to do.
    pub(super) fn succeeded(&self) -> bool {
        self.outcome == Outcome::Succeeded
    }

    pub(super) fn base(&self, dir: Dir) -> Base<'a> {
        match dir {
            Dir::Cwd => Base::Cwd(self.cwd()),
            Dir::Untold => Base::Unknown(self.cwd()),
            // An int: the upper half of the register may hold anything.
            Dir::Arg(arg) => match self.call.arg(arg).map(|value| value as i32) {
                Some(AT_FDCWD) => Base::Cwd(self.cwd()),
                Some(fd) => u32::try_from(fd).map_or(Base::Unknown(self.cwd()), Base::Descriptor),
                None => Base::Unknown(self.cwd()),
            },
        }
    }

    /// The working directory, unless it has no path any more.
    pub(super) fn cwd(&self) -> Option<&'a [u8]> {
        self.facts
            .cwd
            .filter(|cwd| cwd.starts_with(b"/") && !cwd.ends_with(b" (deleted)"))
    }

    /// The descriptor that a call returned.
    pub(super) fn returned_fd(&self) -> Option<u32> {
        self.call.exit.and_then(|exit| u32::try_from(exit).ok())
    }

    pub(super) fn descriptor_argument(&self, arg: usize) -> Option<u32> {
        self.call.arg(arg).map(|fd| fd as u32)
    }
}
