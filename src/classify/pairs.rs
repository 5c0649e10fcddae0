//! Calls that have two names: rename, link, symlink and mount.

use crate::{
    classify::{
        calls::Dir,
        claims::{Namer, Parents},
        moved::{self, Side},
        names::{Named, one},
    },
    model::{Action, FileId, FileType},
    parse::{NameType, PathRecord},
    resolve::{Base, Claim, Located, text},
};

impl<'a, 'm> Namer<'a, 'm> {
    pub(super) fn rename(&mut self, old_dir: Dir, new_dir: Dir) -> Named<'a> {
        let mut created = self.of(NameType::Create);
        let (first_created, second_created) = (created.next(), created.next());
        let first_deleted = self.of(NameType::Delete).next();
        let mut exchanged = second_created.is_some();
        let same = |a: &PathRecord, b: &PathRecord| a.inode.is_some() && a.inode == b.inode;
        let (old, new) = if let Some(pair) = self.merged_exchange() {
            exchanged = true;
            pair
        } else if exchanged && self.of(NameType::Delete).nth(1).is_none() {
            // Names with the same last part share one DELETE record; the new one is created first.
            let old = second_created.map(|old| {
                self.keep(PathRecord {
                    name: old.name,
                    ..*first_created.unwrap_or(old)
                })
            });
            (old, first_created)
        } else if exchanged {
            // Both files were there before and are there after: A and B, then B and A.
            let old = first_deleted;
            let new = old.and_then(|old| self.of(NameType::Create).find(|new| same(old, new)));
            (old, new.or(first_created))
        } else {
            // The file keeps its inode. Another one that was deleted had the new name before; where
            // the call failed, that one may be all there is of the new name.
            let kept =
                first_created.and_then(|new| self.of(NameType::Delete).find(|old| same(old, new)));
            // If a record is lost, it may be that of the old name.
            let is_lost = self.facts.lacks_paths();
            let merged = || first_deleted.map(|old| self.of_the_moved(old, first_created));
            (
                kept.or_else(|| merged().filter(|_| !is_lost)),
                first_created.or_else(|| self.of(NameType::Delete).nth(1)),
            )
        };
        if old.is_none() && new.is_none() && self.other_names().next().is_some() {
            return self.failed_pair(Action::Renamed, old_dir, new_dir);
        }
        let (old_parents, new_parents) = self.sides(old, old_dir, new, new_dir);
        let moved = self.moved_base((old, old_dir), (new, new_dir), exchanged);
        let path = self.place_side(old, old_dir, old_parents, moved);
        // The file is known by the name that it had before.
        let new_name = new.map(|new| self.keep(PathRecord { file: None, ..*new }));
        let dest = self.place_side(new_name, new_dir, new_parents, moved);
        Named {
            exchanged,
            ..two(Action::Renamed, path, dest, old.or(new))
        }
    }

    /// The two names of an exchange whose CREATE records became one, as their last parts are the
    /// same: it has the name of a file that is there before and after.
    fn merged_exchange(&self) -> Option<(Option<&'a PathRecord<'a>>, Option<&'a PathRecord<'a>>)> {
        let mut created = self.of(NameType::Create);
        let (Some(new), None) = (created.next(), created.next()) else {
            return None;
        };
        let mut deleted = self.of(NameType::Delete);
        let (first, second) = (deleted.next()?, deleted.next()?);
        let stays = |old: &PathRecord| old.inode.is_some() && old.inode == new.inode;
        let is_merged = [first, second]
            .iter()
            .any(|old| stays(old) && old.name == new.name);
        is_merged.then_some((Some(first), Some(second)))
    }

    /// Where a name of a rename is. `moved` replaces the working directory, if the rename may have
    /// moved that.
    fn place_side(
        &mut self,
        entry: Option<&'a PathRecord<'a>>,
        dir: Dir,
        parents: Parents,
        moved: Option<Base<'a>>,
    ) -> Located<'a> {
        let Some(entry) = entry.filter(|entry| entry.name.is_some()) else {
            return self.place_entry(entry, dir, false);
        };
        let claim = self.claim_in(entry, dir, parents);
        match (claim.base, moved) {
            (Base::Cwd(_), Some(base)) => self.locate(&Claim { base, ..claim }),
            _ => self.locate(&claim),
        }
    }

    /// The base of the names of a rename, if the call may have moved the working directory.
    fn moved_base(
        &self,
        old: (Option<&'a PathRecord<'a>>, Dir),
        new: (Option<&'a PathRecord<'a>>, Dir),
        exchanged: bool,
    ) -> Option<Base<'a>> {
        let is_directory = |path: &PathRecord| path.file_type == FileType::Directory;
        let (cwd, old_record, new_record) = (self.cwd()?, old.0?, new.0?);
        if !self.succeeded() || !(is_directory(old_record) || exchanged) {
            return None;
        }
        let side = |name: &'a [u8], dir| match self.base(dir) {
            _ if name.starts_with(b"/") => Side::Absolute(name),
            Base::Cwd(_) => Side::Cwd(name),
            Base::Descriptor(_) | Base::Unknown(_) => Side::Elsewhere(name),
        };
        let old = side(old_record.name?, old.1);
        let new = side(new_record.name?, new.1);
        let moved = moved::base(cwd, old, new, self.arena);
        // Either directory of an exchange may be the one above the caller's.
        let other = exchanged.then(|| moved::base(cwd, new, old, self.arena));
        match (moved, other.flatten()) {
            (Some(_), Some(_)) => Some(Base::Unknown(None)),
            (moved, other) => moved.or(other),
        }
    }

    /// Which directory is whose, of the two names of a call. Both names of one part have PARENT
    /// records of the same text, so a directory that is known tells both.
    fn sides(
        &mut self,
        old: Option<&'a PathRecord<'a>>,
        old_dir: Dir,
        new: Option<&'a PathRecord<'a>>,
        new_dir: Dir,
    ) -> (Parents, Parents) {
        let parents = |namer: &Self, side: Option<&PathRecord>| {
            namer.parents_of(text::dirname(
                side.and_then(|side| side.name).unwrap_or_default(),
            ))
        };
        let (olds, news) = (parents(self, old), parents(self, new));
        let ([Some(one), Some(other)], true) = (olds, olds == news) else {
            return (olds, news);
        };
        let among = |file: &FileId| [one, other].contains(file);
        let rest = |file: FileId| if file == one { other } else { one };
        let old_directory = self.directory_of(old, old_dir).filter(among);
        let new_directory = self.directory_of(new, new_dir).filter(among);
        match (old_directory, new_directory) {
            (Some(old), Some(new)) if old == new => (olds, news),
            (Some(old), _) => ([Some(old), None], [Some(rest(old)), None]),
            (None, Some(new)) => ([Some(rest(new)), None], [Some(new), None]),
            (None, None) => (olds, news),
        }
    }

    /// The inode of the directory that a name of one part is in, if its base tells.
    fn directory_of(&mut self, side: Option<&'a PathRecord<'a>>, dir: Dir) -> Option<FileId> {
        let name = side?.name?;
        if !text::dirname(name).is_empty() {
            return None;
        }
        let ask = self.ask();
        match self.base(dir) {
            Base::Cwd(Some(cwd)) => self.memory.file_at(cwd, ask),
            Base::Descriptor(fd) => self.memory.open_file(self.caller, fd),
            Base::Cwd(None) | Base::Unknown(_) => None,
        }
    }

    /// The records with a name that is not that of a directory.
    fn other_names(&self) -> impl Iterator<Item = &'a PathRecord<'a>> + use<'a, 'm> {
        let has_name = |path: &&PathRecord<'a>| path.name.is_some_and(|name| !name.is_empty());
        let facts = self.facts;
        let paths = facts.paths.iter().filter(has_name);
        paths.filter(|path| path.nametype != NameType::Parent)
    }

    /// The names of a call on two that failed before it looked either up, or the second one. Which
    /// of two is which is not told: the order of the records follows the evaluation of arguments.
    fn failed_pair(&mut self, action: Action, old_dir: Dir, new_dir: Dir) -> Named<'a> {
        let mut others = self.other_names();
        let (first, second) = (others.next(), others.next());
        let (old, new) = match (first, second) {
            // The first name was looked up, and its record became that of its directory.
            (Some(only), None) if self.of(NameType::Parent).next().is_some() => (None, Some(only)),
            // The name that is evaluated last has the first record.
            (Some(first), Some(second)) => (Some(second), Some(first)),
            // Of one name it is not told which it is; the other was empty, too long or unreadable.
            _ => (None, None),
        };
        let path = match old {
            Some(old) => self.place_in(old, old_dir, [None; 2]),
            None => self.place_entry(None, old_dir, false),
        };
        let dest = new.map_or(Located::NOWHERE, |new| {
            self.place_in(new, new_dir, [None; 2])
        });
        Named {
            unresolved: true,
            ..two(action, path, dest, None)
        }
    }

    /// The record of the old name in a rename, about the file that was moved. Where both names have
    /// the same last part, their DELETE records are one, about the file that was replaced; of a call
    /// that failed, no record may tell what the new name was.
    fn of_the_moved(
        &self,
        old: &'a PathRecord<'a>,
        new: Option<&'a PathRecord<'a>>,
    ) -> &'a PathRecord<'a> {
        let last = |path: &PathRecord<'a>| path.name.map(text::basename);
        match new {
            Some(new) if last(new) == last(old) => self.keep(PathRecord {
                name: old.name,
                nametype: old.nametype,
                ..*new
            }),
            None if !self.succeeded() && self.has_two_parents() => self.keep(PathRecord {
                inode: None,
                file: None,
                ..*old
            }),
            _ => old,
        }
    }

    /// Whether the two names of a call are in two directories.
    fn has_two_parents(&self) -> bool {
        let mut parents = self.of(NameType::Parent).map(|parent| parent.file);
        parents
            .next()
            .is_some_and(|first| parents.any(|other| other != first))
    }

    pub(super) fn link(&mut self, action: Action, old_dir: Dir, new_dir: Dir) -> Named<'a> {
        // The new name follows its directory; the existing file may stand anywhere.
        let created = self.of(NameType::Create).next();
        let is_other =
            |path: &PathRecord| !matches!(path.nametype, NameType::Parent | NameType::Create);
        let others = || self.facts.paths.iter().filter(|path| is_other(path));
        let old = match created {
            Some(_) => others().next(),
            // Only a file that was found has an inode.
            None => others().find(|path| path.file.is_some()),
        };
        let Some(old) = old else {
            return self.failed_pair(action, old_dir, new_dir);
        };
        let new = created.or_else(|| others().find(|path| path.item != old.item));
        let path = match old {
            PathRecord {
                name: None | Some(b""),
                ..
            } => self.by_descriptor(old_dir, Some(old)),
            // The directory in the records is the new name's.
            old => self.place_in(old, old_dir, [None; 2]),
        };
        let dest = self.place_entry(new, new_dir, false);
        two(action, path, dest, new.or(Some(old)))
    }

    pub(super) fn symlink(&mut self, action: Action, dir: Dir) -> Named<'a> {
        let link = self.of(NameType::Create).next();
        let mut texts = self.of(NameType::Unknown);
        let (text, another) = (texts.next(), texts.next());
        if link.is_none() && another.is_some() {
            // The text of the link and its name cannot be told apart.
            let named = self.failed_pair(action, Dir::Cwd, dir);
            let path = another.and_then(|text| text.name);
            return Named { path, ..named };
        }
        let (text, link) = match (text, link) {
            (Some(text), link) => (text.name, link.or_else(|| self.of(NameType::Normal).next())),
            // Where the text ends in the link's own name, the kernel writes one record for both,
            // with the text as its name.
            (None, Some(both)) => (both.name, self.apart(both)),
            (None, None) => (None, None),
        };
        let dest = self.place_entry(link, dir, false);
        let path = Located {
            path: text,
            real: None,
            is_full: text.is_some(),
        };
        two(action, path, dest, link)
    }

    /// The record of a symbolic link that has the text of the link as its name, with the name that
    /// the link must have. `None` if that cannot be told.
    ///
    /// The kernel takes the record of the text for that of the link if the text ends in the link's
    /// own name behind as many bytes as its directory's text has (kernel/auditsc.c,
    /// `__audit_inode_child`); Linux 7.2 does if that is the last part of the text.
    fn apart(&self, entry: &'a PathRecord<'a>) -> Option<&'a PathRecord<'a>> {
        let parent = self.of(NameType::Parent).find_map(|parent| parent.name)?;
        let text = without_slashes(entry.name?);
        let is_part = |part: &&[u8]| !part.is_empty() && !part.contains(&b'/');
        let last = text.rsplit(|byte| *byte == b'/').next().filter(is_part);
        let is_cwd = match self.facts.cwd {
            Some(cwd) => parent == cwd,
            // Its record is lost. The text of a directory ends in a slash, and that of `/` too.
            None if parent == b"/" => return None,
            None => !parent.ends_with(b"/"),
        };
        let (directory, name) = if is_cwd {
            (&b""[..], last?)
        } else {
            let end = text.get(parent.len()..).filter(is_part);
            match (last, end) {
                (Some(last), Some(end)) if last != end => return None,
                (last, end) => (parent, last.or(end)?),
            }
        };
        let name: &[u8] = self.arena.alloc_slice_copy(&[directory, name].concat());
        Some(self.keep(PathRecord {
            name: Some(name),
            ..*entry
        }))
    }

    pub(super) fn mount(
        &mut self,
        action: Action,
        from: Dir,
        to: Dir,
        target_first: bool,
    ) -> Named<'a> {
        let paths = self.facts.paths;
        // Linux 3.10 writes the target twice, first without its inode.
        let is_again = |path: &PathRecord| {
            let is_it = |other: &PathRecord| other.inode.is_some() && other.name == path.name;
            path.inode.is_none() && paths.iter().any(is_it)
        };
        let mut named = paths
            .iter()
            .filter(|path| path.nametype != NameType::Parent && !is_again(path));
        let (first, second) = (named.next(), named.next());
        let (source, target) = match (first, second) {
            (only, None) => (None, only),
            (first, second) if target_first => (second, first),
            (first, second) => (first, second),
        };
        let place = |namer: &mut Self, path: Option<&'a PathRecord<'a>>, dir| match path {
            Some(path) => namer.place(path, dir),
            None => Located::NOWHERE,
        };
        // A source need not be a file at all: `proc`, `tmpfs`.
        let none = Located {
            is_full: true,
            ..Located::NOWHERE
        };
        let source_path = source.map_or(none, |source| place(self, Some(source), from));
        let dest = place(self, target, to);
        let mut named = two(action, source_path, dest, target);
        // move_mount looked up its source first until Linux 6.16, and looks up its target first
        // since. No record tells the version.
        let has_name = |path: Option<&PathRecord>| path.is_some_and(|it| it.name != Some(b""));
        named.unresolved |= !target_first && has_name(source) && has_name(target);
        named
    }
}

fn two<'a>(
    action: Action,
    path: Located<'a>,
    dest: Located<'a>,
    subject: Option<&'a PathRecord<'a>>,
) -> Named<'a> {
    Named {
        dest_path: dest.path,
        real_dest_path: dest.real,
        unresolved: !path.is_full || !dest.is_full,
        ..one(action, path, subject)
    }
}

/// A name without the slashes at its end.
fn without_slashes(name: &[u8]) -> &[u8] {
    let slashes = name.iter().rev().take_while(|byte| **byte == b'/').count();
    &name[..name.len() - slashes]
}
