//! Which of an event's PATH records is what, and the full paths of them.
//!
//! Records are chosen by their nametype and told apart by inode, never by item number: the kernel
//! does not promise an order, and has changed it. What the kernel did not name is not made up.

use crate::{
    classify::{
        calls::{Dir, Flags, Names},
        place::{NOWHERE, Namer, Placed},
    },
    model::Action,
    parse::{NameType, PathRecord},
    resolve::{Evidence, text},
};

pub(crate) const O_ACCMODE: u64 = 0o3;
const O_CREAT: u64 = 0o100;
const O_TRUNC: u64 = 0o1000;
/// The bit that O_TMPFILE has beside O_DIRECTORY, whose value varies between architectures.
const O_TMPFILE: u64 = 0o20_000_000;
/// The flag of openat2 that makes the directory the root of the name (linux/openat2.h).
const RESOLVE_IN_ROOT: u64 = 0x10;

/// The files of a call, by name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    pub(crate) action: Action,
    pub(crate) path: Option<&'a [u8]>,
    pub(crate) dest_path: Option<&'a [u8]>,
    /// The file whose inode, mode and owner the event shows.
    pub(crate) subject: Option<PathRecord<'a>>,
    /// Whether a path is less than a full path, or missing.
    pub(crate) unresolved: bool,
    /// Whether two files changed places.
    pub(crate) exchanged: bool,
}

impl<'a> Namer<'a, '_> {
    /// The names of a call on files.
    pub(crate) fn file(&mut self, action: Action, names: Names) -> Named<'a> {
        match names {
            Names::Open(dir, flags) => self.open(dir, flags),
            Names::Object(dir) => {
                let object = self.object();
                let path = match object {
                    Some(PathRecord {
                        name: None | Some(b""),
                        ..
                    })
                    | None => self.by_descriptor(dir, object),
                    Some(object) => self.place(&object, dir),
                };
                one(action, path, object)
            }
            Names::Entry(dir) => {
                let entry = self.entry();
                one(action, self.place_entry(entry, dir), entry)
            }
            Names::Rename(old, new) => self.rename(old, new),
            Names::Link(old, new) => self.link(action, old, new),
            Names::Symlink(dir) => self.symlink(action, dir),
            Names::Mount {
                from,
                to,
                target_first,
            } => self.mount(action, from, to, target_first),
            Names::Descriptor(arg) | Names::Duplicate(arg) => {
                let object = self.object();
                let path = if action == Action::Modified && self.was_opened_for_reading(arg) {
                    NOWHERE
                } else {
                    self.by_descriptor(Dir::Arg(arg), object)
                };
                one(action, path, object)
            }
            Names::Mapped => {
                let path = match self.facts.mmap_fd.and_then(|fd| u32::try_from(fd).ok()) {
                    Some(fd) => self.descriptor(fd, None),
                    None => (None, true),
                };
                one(action, path, None)
            }
        }
    }

    /// The file that an execve was asked to run.
    pub(crate) fn program(&mut self, dir: Dir) -> Placed<'a> {
        match self.object() {
            Some(
                program @ PathRecord {
                    name: Some([_, ..]),
                    ..
                },
            ) => self.place(&program, dir),
            program => self.by_descriptor(dir, program),
        }
    }

    fn open(&mut self, dir: Dir, flags: Flags) -> Named<'a> {
        let flags = match flags {
            Flags::Arg(arg) => self.call.arg(arg).unwrap_or(0),
            Flags::Record => self.facts.open_flags.unwrap_or(0),
            Flags::Untold => self.facts.open_flags.unwrap_or(0),
            Flags::Fixed(flags) => flags,
        };
        if flags & O_TMPFILE != 0 {
            // The name is the directory's and the inode the nameless file's.
            let file = self.object();
            let directory =
                file.and_then(|file| self.absolute(file.name?, dir, Evidence::default()).0);
            let path = directory.map(|path| text::as_directory(path, self.arena));
            return one(Action::Created, (path, false), file);
        }
        let file = self.entry().map(|file| self.in_root(file));
        let path = match file {
            // open_by_handle_at names nothing; the descriptor that it returned may be asked.
            Some(
                file @ PathRecord {
                    name: None | Some(b""),
                    ..
                },
            ) => match self.returned_fd() {
                Some(fd) => self.descriptor(fd, file.file),
                None => NOWHERE,
            },
            None if self.is_in_root() => NOWHERE,
            file => self.place_entry(file, dir),
        };
        let existed = file.is_some_and(|file| file.nametype == NameType::Normal);
        let action = if file.is_some_and(|file| file.nametype == NameType::Create)
            || flags & O_CREAT != 0 && !existed
        {
            Action::Created
        } else if flags & O_TRUNC != 0 && flags & O_ACCMODE != 0 {
            Action::Modified
        } else {
            Action::Opened
        };
        one(action, path, file)
    }

    fn is_in_root(&self) -> bool {
        self.facts.open_resolve.unwrap_or(0) & RESOLVE_IN_ROOT != 0
    }

    /// The record with the name that it has in the directory that openat2 was told to take for the
    /// root: `/` leads there, and `..` not out of it.
    fn in_root(&self, file: PathRecord<'a>) -> PathRecord<'a> {
        match file.name {
            Some(name @ [_, ..]) if self.is_in_root() => {
                let path = text::join(b"/", name, self.arena);
                let name = path.strip_prefix(b"/").unwrap_or(path);
                PathRecord {
                    name: Some(if name.is_empty() { b"." } else { name }),
                    ..file
                }
            }
            _ => file,
        }
    }

    fn rename(&mut self, old_dir: Dir, new_dir: Dir) -> Named<'a> {
        let mut created = self.of(NameType::Create);
        let (first_created, second_created) = (created.next(), created.next());
        let first_deleted = self.of(NameType::Delete).next();
        let exchanged = second_created.is_some();
        let same = |a: &PathRecord, b: &PathRecord| a.inode.is_some() && a.inode == b.inode;
        let (old, new) = if exchanged {
            // Both files were there before and are there after: A and B, then B and A.
            let old = first_deleted;
            let new = old.and_then(|old| self.of(NameType::Create).find(|new| same(&old, new)));
            (old, new.or(first_created))
        } else {
            // The file keeps its inode. Another one that was deleted had the new name before; where
            // the call failed, that one may be all there is of the new name.
            let kept =
                first_created.and_then(|new| self.of(NameType::Delete).find(|old| same(old, &new)));
            (
                kept.or(first_deleted),
                first_created.or_else(|| self.of(NameType::Delete).nth(1)),
            )
        };
        let path = self.place_entry(old, old_dir);
        let dest = self.place_entry(new, new_dir);
        Named {
            exchanged,
            ..two(Action::Renamed, path, dest, old.or(new))
        }
    }

    fn link(&mut self, action: Action, old_dir: Dir, new_dir: Dir) -> Named<'a> {
        // The new name follows its directory; the existing file may stand anywhere.
        let created = self.of(NameType::Create).next();
        let mut others = self
            .facts
            .paths
            .iter()
            .filter(|path| !matches!(path.nametype, NameType::Parent | NameType::Create));
        let old = others.next().copied();
        let new = created.or_else(|| others.next().copied());
        let path = match old {
            Some(PathRecord {
                name: None | Some(b""),
                ..
            }) => self.by_descriptor(old_dir, old),
            // The directory in the records is the new name's.
            Some(old) => self.place_alone(&old, old_dir),
            None => NOWHERE,
        };
        let dest = self.place_entry(new, new_dir);
        two(action, path, dest, new.or(old))
    }

    fn symlink(&mut self, action: Action, dir: Dir) -> Named<'a> {
        let link = self.of(NameType::Create).next();
        let text = self
            .facts
            .paths
            .iter()
            .find(|path| path.nametype == NameType::Unknown);
        let (text, link) = match (text, link) {
            (Some(text), link) => (text.name, link),
            // Where the text ends in the link's own name, the kernel writes one record for both,
            // with the text as its name.
            (None, Some(both)) => (both.name, Some(self.apart(both))),
            (None, None) => (None, None),
        };
        let dest = self.place_entry(link, dir);
        two(action, (text, text.is_some()), dest, link)
    }

    /// The record of an entry whose name is not its own but for the last part, with the name that
    /// it must have had for this parent.
    fn apart(&self, entry: PathRecord<'a>) -> PathRecord<'a> {
        let parent = self.of(NameType::Parent).find_map(|parent| parent.name);
        let (Some(parent), Some(name)) = (parent, entry.name) else {
            return entry;
        };
        let last = text::basename(name);
        let name = if Some(parent) == self.facts.cwd {
            last
        } else {
            self.arena.alloc_slice_copy(&[parent, last].concat())
        };
        PathRecord {
            name: Some(name),
            ..entry
        }
    }

    fn mount(&mut self, action: Action, from: Dir, to: Dir, target_first: bool) -> Named<'a> {
        let mut named = self
            .facts
            .paths
            .iter()
            .filter(|p| p.nametype != NameType::Parent)
            .copied();
        let (first, second) = (named.next(), named.next());
        let (source, target) = match (first, second) {
            (only, None) => (None, only),
            (first, second) if target_first => (second, first),
            (first, second) => (first, second),
        };
        let place = |namer: &mut Self, path: Option<PathRecord<'a>>, dir| match path {
            Some(path) => namer.place(&path, dir),
            None => NOWHERE,
        };
        // A source need not be a file at all: `proc`, `tmpfs`.
        let source = source.map_or((None, true), |source| place(self, Some(source), from));
        let dest = place(self, target, to);
        two(action, source, dest, target)
    }

    /// The one file that a call is about.
    fn object(&self) -> Option<PathRecord<'a>> {
        let paths = &self.facts.paths;
        let object = paths.iter().find(|path| path.nametype != NameType::Parent);
        object.or_else(|| paths.first()).copied()
    }

    /// The directory entry that a call is about, rather than the directory. A record that has
    /// neither name nor inode is about nothing.
    fn entry(&self) -> Option<PathRecord<'a>> {
        use NameType::{Create, Delete, Normal, Unknown};
        let usable = |path: &PathRecord| path.name.is_some() || path.inode.is_some();
        [Create, Delete, Normal, Unknown]
            .into_iter()
            .find_map(|nametype| self.of(nametype).find(usable))
    }
}

fn one<'a>(action: Action, path: Placed<'a>, subject: Option<PathRecord<'a>>) -> Named<'a> {
    Named {
        action,
        path: path.0,
        dest_path: None,
        subject,
        unresolved: !path.1,
        exchanged: false,
    }
}

fn two<'a>(
    action: Action,
    path: Placed<'a>,
    dest: Placed<'a>,
    subject: Option<PathRecord<'a>>,
) -> Named<'a> {
    Named {
        dest_path: dest.0,
        unresolved: !path.1 || !dest.1,
        ..one(action, path, subject)
    }
}
