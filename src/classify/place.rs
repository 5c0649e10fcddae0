//! Where a name is: its full path, or what is known of it.

use bumpalo::Bump;

use crate::{
    classify::calls::Dir,
    model::FileId,
    parse::{CallRecord, Facts, NameType, PathRecord},
    resolve::{Caller, Evidence, Host, Resolver, text},
};

/// What stands for "the working directory" in place of a descriptor (linux/fcntl.h).
const AT_FDCWD: i32 = -100;

/// A path, and whether it is a full one.
pub(super) type Placed<'a> = (Option<&'a [u8]>, bool);

/// No path at all.
pub(super) const NOWHERE: Placed<'static> = (None, false);

/// What a relative name is relative to.
enum Base {
    Cwd,
    Descriptor(u32),
    Untold,
}

/// Finds the names of one event, by what its records say and what those before it said.
pub(crate) struct Namer<'a, 'm> {
    pub(crate) call: &'m CallRecord<'a>,
    pub(crate) facts: &'m Facts<'a>,
    pub(crate) memory: &'m mut Resolver,
    pub(crate) host: &'m dyn Host,
    pub(crate) arena: &'a Bump,
}

impl<'a, 'm> Namer<'a, 'm> {
    /// The records of a type, in order of their items.
    pub(super) fn of(
        &self,
        nametype: NameType,
    ) -> impl Iterator<Item = PathRecord<'a>> + use<'a, 'm> {
        let paths = &self.facts.paths;
        paths
            .iter()
            .filter(move |path| path.nametype == nametype)
            .copied()
    }

    /// The path of an entry. Where there is no record of it, that of its directory with a `/` at
    /// the end: a failed call often has no more.
    pub(super) fn place_entry(&mut self, entry: Option<PathRecord<'a>>, dir: Dir) -> Placed<'a> {
        if let Some(entry @ PathRecord { name: Some(_), .. }) = entry {
            return self.place(&entry, dir);
        }
        let mut parents = self.of(NameType::Parent).filter(|p| p.name.is_some());
        let Some(parent) = parents.next() else {
            return (self.nameless_parent(), false);
        };
        // Of two directories it is not told which one is this name's.
        if parents.any(|other| (other.name, other.inode) != (parent.name, parent.inode)) {
            return NOWHERE;
        }
        let name = parent.name.unwrap_or_default();
        if entry.is_some() && name.ends_with(b"/") {
            // mkdir("dir/") and rmdir("dir/"): the name with its slash went to the parent.
            let file = entry.and_then(|entry| entry.file);
            return self.absolute(
                name,
                dir,
                Evidence {
                    file,
                    ..Evidence::default()
                },
            );
        }
        let directory = if Some(name) == self.facts.cwd {
            // The process's working directory stands for whatever the name was relative to.
            let evidence = Evidence {
                parents: [parent.file, None],
                file: parent.file,
            };
            self.absolute(b".", dir, evidence)
        } else {
            self.absolute(
                name,
                dir,
                Evidence {
                    file: parent.file,
                    ..Evidence::default()
                },
            )
        };
        (
            directory.0.map(|path| text::as_directory(path, self.arena)),
            false,
        )
    }

    /// The directory, with a `/` at the end, that is given as a file only: the records of io_uring
    /// often have no names.
    fn nameless_parent(&mut self) -> Option<&'a [u8]> {
        let mut ids = self.of(NameType::Parent).filter_map(|p| p.file);
        let parent = ids.next()?;
        if ids.any(|other| other != parent) {
            return None;
        }
        let cwd = self.cwd();
        let directory = cwd
            .filter(|cwd| self.host.file_id(cwd) == Some(parent))
            .or_else(|| self.memory.file(parent, self.host, self.arena))?;
        Some(text::as_directory(directory, self.arena))
    }

    /// The path of a record that has a name.
    pub(super) fn place(&mut self, path: &PathRecord<'a>, dir: Dir) -> Placed<'a> {
        let Some(name) = path.name else {
            return NOWHERE;
        };
        let directory = text::dirname(name);
        let parents = self.of(NameType::Parent).filter(|parent| match directory {
            b"" => parent.name.is_none() || parent.name == self.facts.cwd,
            directory => parent.name == Some(directory),
        });
        let mut ids = parents.filter_map(|parent| parent.file);
        let first = ids.next();
        let second = ids.find(|id| Some(*id) != first);
        let evidence = Evidence {
            parents: [first, second],
            file: path.file,
        };
        self.absolute(name, dir, evidence)
    }

    /// The path of a record that has a name, where no directory in the records is its own.
    pub(super) fn place_alone(&mut self, path: &PathRecord<'a>, dir: Dir) -> Placed<'a> {
        let evidence = Evidence {
            file: path.file,
            ..Evidence::default()
        };
        path.name
            .map_or(NOWHERE, |name| self.absolute(name, dir, evidence))
    }

    /// The full path of a name, or the name as it is where its directory is not known.
    pub(super) fn absolute(&mut self, name: &'a [u8], dir: Dir, evidence: Evidence) -> Placed<'a> {
        if name.starts_with(b"/") {
            return (Some(text::clean(name, self.arena)), true);
        }
        let path = match self.base(dir) {
            Base::Cwd => self.cwd().map(|cwd| text::join(cwd, name, self.arena)),
            Base::Descriptor(fd) => {
                let caller = self.caller();
                self.memory
                    .relative(caller, fd, name, evidence, self.host, self.arena)
            }
            Base::Untold => self.near_or_known(name, evidence),
        };
        match path {
            Some(path) => (Some(path), true),
            None => (Some(name), false),
        }
    }

    /// The path of a name that may be relative to the working directory or to any descriptor: that
    /// of the working directory if the file is really there, or else what its directory is known by.
    fn near_or_known(&mut self, name: &[u8], evidence: Evidence) -> Option<&'a [u8]> {
        if let Some(cwd) = self.cwd()
            && evidence.supports(cwd, name, self.host, self.arena)
        {
            return Some(text::join(cwd, name, self.arena));
        }
        self.memory.by_file(name, evidence, self.host, self.arena)
    }

    /// The path of a descriptor that stands where a directory could stand too, with an empty name.
    pub(super) fn by_descriptor(&mut self, dir: Dir, object: Option<PathRecord<'a>>) -> Placed<'a> {
        let file = object.and_then(|object| object.file);
        match self.base(dir) {
            Base::Descriptor(fd) => self.descriptor(fd, file),
            Base::Cwd | Base::Untold => {
                let path = file.and_then(|file| self.memory.file(file, self.host, self.arena));
                (path, path.is_some())
            }
        }
    }

    pub(super) fn descriptor(&mut self, fd: u32, file: Option<FileId>) -> Placed<'a> {
        let caller = self.caller();
        let path = self
            .memory
            .descriptor(caller, fd, file, self.host, self.arena);
        (path, path.is_some())
    }

    /// Whether a call that did write did so through a descriptor that is known for one that cannot.
    pub(super) fn was_opened_for_reading(&mut self, arg: usize) -> bool {
        let caller = self.caller();
        match self.base(Dir::Arg(arg)) {
            Base::Descriptor(fd) if self.call.success == Some(b"yes") => {
                self.memory.is_read_only(caller, fd)
            }
            _ => false,
        }
    }

    fn base(&self, dir: Dir) -> Base {
        match dir {
            Dir::Cwd => Base::Cwd,
            Dir::Untold => Base::Untold,
            // An int: the upper half of the register may hold anything.
            Dir::Arg(arg) => match self.call.arg(arg).map(|value| value as i32) {
                Some(AT_FDCWD) => Base::Cwd,
                Some(fd) => u32::try_from(fd).map_or(Base::Untold, Base::Descriptor),
                None => Base::Untold,
            },
        }
    }

    /// The working directory, unless it has no path any more.
    fn cwd(&self) -> Option<&'a [u8]> {
        self.facts
            .cwd
            .filter(|cwd| cwd.starts_with(b"/") && !cwd.ends_with(b" (deleted)"))
    }

    /// The descriptor that a call returned.
    pub(super) fn returned_fd(&self) -> Option<u32> {
        self.call.exit.and_then(|exit| u32::try_from(exit).ok())
    }

    pub(super) fn caller(&self) -> Caller {
        Caller {
            pid: self.call.ids.pid,
            ppid: self.call.ids.ppid,
        }
    }
}
