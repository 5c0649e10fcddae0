//! Assigns the PATH records of an event to its names, and has them resolved.
//!
//! Records are chosen by their nametype and told apart by inode, never by item number: the kernel
//! does not promise an order, and has changed it. A name that no record has is never invented.

use crate::{
    classify::{
        calls::{Dir, Flags, Names},
        claims::Namer,
    },
    model::{Action, Arch, FileId},
    parse::{NameType, PathRecord},
    resolve::{Located, text},
};

pub(crate) const O_ACCMODE: u64 = 0o3;
const O_CREAT: u64 = 0o100;
const O_EXCL: u64 = 0o200;
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
    /// Where the files really are, if that is known to be somewhere else.
    pub(crate) real_path: Option<&'a [u8]>,
    pub(crate) real_dest_path: Option<&'a [u8]>,
    /// The file whose inode, mode and owner the event shows.
    pub(crate) subject: Option<&'a PathRecord<'a>>,
    /// Whether a path is less than a full path, or missing.
    pub(crate) unresolved: bool,
    /// Whether two files changed places.
    pub(crate) exchanged: bool,
    /// Whether the call may have gone through a symbolic link at the end of the name, so that its
    /// PARENT record can be about another directory.
    pub(crate) follows: bool,
}

impl Named<'_> {
    /// The file that was made without a name (O_TMPFILE): what is created under a name has a CREATE
    /// record.
    pub(super) fn nameless(&self) -> Option<FileId> {
        let subject = self
            .subject
            .filter(|file| file.nametype == NameType::Normal)?;
        (self.action == Action::Created).then_some(subject.file)?
    }

    /// Says that the names may be those of other files.
    pub(super) fn doubt(&mut self) {
        self.unresolved = true;
        (self.real_path, self.real_dest_path) = (None, None);
    }
}

impl<'a, 'm> Namer<'a, 'm> {
    /// The names of a call on files.
    pub(crate) fn file(&mut self, action: Action, names: Names) -> Named<'a> {
        match names {
            Names::Open(dir, flags) => self.open(dir, flags),
            Names::Object(dir) | Names::OpenTree(dir) => {
                let object = self.object();
                let path = match object {
                    Some(PathRecord {
                        name: None | Some(b""),
                        ..
                    })
                    | None => self.by_descriptor(dir, object),
                    Some(object) => self.place(object, dir),
                };
                one(action, path, object)
            }
            Names::Entry(dir) => {
                let entry = self.entry();
                one(action, self.place_entry(entry, dir, false), entry)
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
                    Located::NOWHERE
                } else {
                    self.by_descriptor(Dir::Arg(arg), object)
                };
                one(action, path, object)
            }
            Names::Mapped => {
                let path = match self.facts.mmap_fd.and_then(|fd| u32::try_from(fd).ok()) {
                    Some(fd) => self.descriptor(fd, None),
                    None => Located {
                        is_full: true,
                        ..Located::NOWHERE
                    },
                };
                one(action, path, None)
            }
        }
    }

    /// Adds the path of the file of a descriptor, if only SELinux's decision about it has one.
    ///
    /// It must be the only descriptor of the call, since the decision does not say which it is
    /// about.
    pub(super) fn add_accessed(&self, named: &mut Named<'a>, names: Names) {
        let is_about_one = match names {
            Names::Descriptor(0) => {
                let name = super::identify(self.call).0;
                !matches!(name, Some("sendfile" | "sendfile64" | "splice" | "tee"))
            }
            Names::Mapped => true,
            _ => false,
        };
        if is_about_one
            && named.path.is_none()
            && self.facts.paths.is_empty()
            && let Some(path) = self.facts.accessed.path_by(self.call.subj)
        {
            (named.path, named.unresolved) = (Some(path), false);
        }
    }

    /// The file that an execve was asked to run, and its record.
    pub(crate) fn program(&mut self, dir: Dir) -> (Located<'a>, Option<&'a PathRecord<'a>>) {
        let program = self.object();
        let located = match program {
            Some(
                program @ PathRecord {
                    name: Some([_, ..]),
                    ..
                },
            ) => self.place(program, dir),
            program => self.by_descriptor(dir, program),
        };
        (located, program)
    }

    fn open(&mut self, dir: Dir, flags: Flags) -> Named<'a> {
        let is_untold = matches!(flags, Flags::Untold) && self.facts.open_flags.is_none();
        let flags = match flags {
            Flags::Arg(arg) => self.call.arg(arg).unwrap_or(0),
            Flags::Record | Flags::Untold => self.facts.open_flags.unwrap_or(0),
            Flags::Fixed(flags) => flags,
        };
        if flags & O_TMPFILE != 0 {
            return self.open_nameless(dir);
        }
        let may_create = flags & O_CREAT != 0 || is_untold;
        let follows = may_create && flags & (O_EXCL | self.no_follow()) == 0;
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
                None => Located::NOWHERE,
            },
            None if self.is_in_root() => Located::NOWHERE,
            file => {
                // A new file has its record under the link's name only if its own is the same
                // (kernel/auditsc.c, `__audit_inode_child`).
                let is_new = file.is_some_and(|file| file.nametype == NameType::Create);
                self.place_entry(file, dir, follows && !is_new)
            }
        };
        Named {
            follows,
            ..one(self.opening(flags, file), path, file)
        }
    }

    /// The names of an open with O_TMPFILE: the name in its record is the directory's and the inode
    /// the nameless file's.
    fn open_nameless(&mut self, dir: Dir) -> Named<'a> {
        let file = self.object();
        let directory = file.and_then(|file| {
            let claim = self.claim(file.name?, dir);
            self.locate(&claim).path
        });
        let path = directory.map(|path| text::as_directory(path, self.arena));
        one(Action::Created, Located::partial(path), file)
    }

    /// What an open with these flags does, or was to do, with the file in its record.
    fn opening(&self, flags: u64, file: Option<&PathRecord>) -> Action {
        let has_created = match file.map(|file| file.nametype) {
            Some(NameType::Create) => true,
            Some(NameType::Normal) => false,
            Some(_) => flags & O_CREAT != 0,
            // A call that failed has no record of the file. If one that succeeded has none, it is
            // missing.
            None => flags & O_CREAT != 0 && (flags & O_EXCL != 0 || !self.succeeded()),
        };
        if has_created {
            Action::Created
        } else if flags & O_TRUNC != 0 && flags & O_ACCMODE != 0 {
            Action::Modified
        } else {
            Action::Opened
        }
    }

    /// O_NOFOLLOW, whose value differs between architectures (arch/*/include/uapi/asm/fcntl.h).
    fn no_follow(&self) -> u64 {
        let arch = self.call.arch.and_then(|(arch, _)| Arch::of(arch, 0));
        match arch {
            Some(Arch::Aarch64 | Arch::Arm | Arch::Ppc | Arch::Ppc64 | Arch::Ppc64le) => 0o100_000,
            _ => 0o400_000,
        }
    }

    fn is_in_root(&self) -> bool {
        self.facts.open_resolve.unwrap_or(0) & RESOLVE_IN_ROOT != 0
    }

    /// The record with the name that it has in the directory that openat2 was told to take for the
    /// root: `/` leads there, and `..` not out of it. A `..` further on is left for the directory
    /// before it to prove; where it may lead out, the name says nothing.
    fn in_root(&self, file: &'a PathRecord<'a>) -> &'a PathRecord<'a> {
        match file.name {
            Some(name @ [_, ..]) if self.is_in_root() => self.keep(PathRecord {
                name: text::within_root(name),
                ..*file
            }),
            _ => file,
        }
    }

    /// The one file that a call is about.
    fn object(&self) -> Option<&'a PathRecord<'a>> {
        let paths = &self.facts.paths;
        let object = paths.iter().find(|path| path.nametype != NameType::Parent);
        object.or_else(|| paths.first())
    }

    /// The directory entry that a call is about, rather than the directory. A record that has
    /// neither name nor inode is about nothing.
    fn entry(&self) -> Option<&'a PathRecord<'a>> {
        use NameType::{Create, Delete, Normal, Unknown};
        let usable = |path: &&PathRecord| path.name.is_some() || path.inode.is_some();
        [Create, Delete, Normal, Unknown]
            .into_iter()
            .find_map(|nametype| self.of(nametype).find(usable))
    }
}

pub(super) fn one<'a>(
    action: Action,
    path: Located<'a>,
    subject: Option<&'a PathRecord<'a>>,
) -> Named<'a> {
    Named {
        action,
        path: path.path,
        dest_path: None,
        real_path: path.real,
        real_dest_path: None,
        subject,
        unresolved: !path.is_full,
        exchanged: false,
        follows: false,
    }
}
