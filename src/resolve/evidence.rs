//! The decision whether a path is proved.
//!
//! A claim is a name with everything that its record says about it. Candidates for its path come
//! from the working directory, from descriptors, from the names of the files that the record gives,
//! and from the live system. What counts as proof:
//!
//! - An absolute name, and a name relative to the CWD record, are the paths that were asked for.
//!   Where the files in the record are known to be elsewhere, that is the real path.
//! - A name under a descriptor is proved by the inode of its directory (the PARENT record): it is
//!   that of the descriptor, or that of a directory whose path is known.
//! - Without a PARENT record it is proved by the inode of the file itself, known under a name with
//!   the same last part. A descriptor alone is no proof of it: it may have been closed unseen.
//! - For a live event, each of these is proved by the system if it has the same inode there.
//! - A name that was confirmed before something was lost is no proof until it is confirmed again.
//!
//! A candidate that the record contradicts is never taken, whatever else speaks for it.

use smallvec::SmallVec;

use crate::{
    model::{FileId, FileType},
    resolve::{
        Asker, Base, Caller, Claim, Located, Resolver, descriptors::Descriptor, is_another, text,
        tree::Name,
    },
};

impl Resolver {
    /// Where a name is, by everything that is known.
    pub(crate) fn locate<'a>(
        &mut self,
        caller: Caller,
        claim: &Claim<'a>,
        ask: Asker<'a, '_>,
    ) -> Located<'a> {
        if claim.name.len() > text::MAX_PATH_BYTES {
            return Located::partial(Some(claim.name));
        }
        let located = if claim.name.starts_with(b"/") {
            self.asked(b"/", claim, ask)
        } else {
            match claim.base {
                Base::Cwd(Some(cwd)) => self.asked(cwd, claim, ask),
                Base::Cwd(None) => self.by_files(claim, None, ask),
                Base::Descriptor(fd) => self.under_descriptor(caller, fd, claim, ask),
                Base::Unknown(cwd) => self.under_unknown(cwd, claim, ask),
            }
        };
        located.unwrap_or(Located::partial(Some(claim.name)))
    }

    /// A name whose directory the record tells as text: the path is the one that was asked for, and
    /// the inodes may say that the file is elsewhere.
    fn asked<'a>(
        &mut self,
        directory: &[u8],
        claim: &Claim<'a>,
        ask: Asker<'a, '_>,
    ) -> Option<Located<'a>> {
        let mut path = self.join(directory, claim.name, true, ask)?;
        // Where a `..` was removed, the path is shorter than its two parts together.
        let is_shorter = path.len() + 1 < directory.len() + claim.name.len();
        if is_shorter && self.is_contradicted(path, claim) {
            // What is before a `..` is another directory for the caller than is known.
            path = text::join_checked(directory, claim.name, |_| false, ask.arena);
        }
        let mut located = Located::full(path);
        if !claim.is_entry() {
            return Some(located);
        }
        let real = self.real_path(path, claim, ask);
        match real.filter(|real| *real != path) {
            // The `..` in it leads where it seems to.
            Some(real) if real == text::clean(path, ask.arena) => located.path = Some(real),
            real => located.real = real,
        }
        Some(located)
    }

    /// Whether the directory of a path is known for another one than the record's.
    fn is_contradicted(&mut self, path: &[u8], claim: &Claim) -> bool {
        let directory = text::directory(path);
        let known = self.known_file(directory);
        claim.has_parent() && known.is_some() && !claim.parents.contains(&known)
    }

    /// Where a file really is, by the inodes in the record.
    fn real_path<'a>(
        &mut self,
        path: &'a [u8],
        claim: &Claim<'a>,
        ask: Asker<'a, '_>,
    ) -> Option<&'a [u8]> {
        let asked = text::directory(path);
        let Some(parent) = claim.parent() else {
            // A directory has one entry, so its inode tells where it is.
            let file = claim
                .file
                .filter(|_| claim.file_type == FileType::Directory)?;
            let name = self.name_of((file, claim.file_type), Some(path), true, ask)?;
            return self.path_of(name, ask.arena);
        };
        if self.is_entry_of(asked, parent) {
            return None;
        }
        let directory = self.name_of((parent, FileType::Directory), Some(asked), true, ask)?;
        if claim.follows && !self.leads_to(asked, parent) {
            // Whose directory it is cannot be told: that of the name, or that of a link's target.
            let file = self.tree.find_in(directory, claim.last())?;
            (self.tree.known(file)?.file == claim.file?).then_some(())?;
        }
        let directory = self.path_of(directory, ask.arena)?;
        text::entry(directory, claim.last(), ask.arena)
    }

    /// Whether a path is known to lead to a file.
    pub(crate) fn leads_to(&mut self, path: &[u8], file: FileId) -> bool {
        let Some(name) = self.tree.find(path) else {
            return false;
        };
        let known = self.tree.known(name);
        known.is_some_and(|known| known.file == file) && self.tree.is_current(name)
    }

    /// Whether records alone tell where a file is: at this path, or by an entry.
    pub(crate) fn is_placed(&mut self, file: FileId, path: &[u8]) -> bool {
        self.has_proved_name(file) || self.leads_to(path, file)
    }

    /// Whether an entry of a file is known, through no symbolic link.
    pub(crate) fn has_proved_name(&self, file: FileId) -> bool {
        let is_entry = |name| self.tree.is_proved(name);
        self.tree.names_of(file).any(is_entry)
    }

    /// Whether a path is known to be the entry of a file, through no symbolic link.
    fn is_entry_of(&mut self, path: &[u8], file: FileId) -> bool {
        let Some(name) = self.tree.find(path) else {
            return false;
        };
        self.tree
            .known(name)
            .is_some_and(|known| known.file == file)
            && self.tree.is_proved(name)
    }

    /// A name under a descriptor.
    fn under_descriptor<'a>(
        &mut self,
        caller: Caller,
        fd: u32,
        claim: &Claim<'a>,
        ask: Asker<'a, '_>,
    ) -> Option<Located<'a>> {
        let known = self.open_directory(caller, fd, claim);
        if let Some(located) = self.by_directory(known, claim, ask) {
            return Some(located);
        }
        // Where no fork was recorded, the child may have what its parent has open.
        let Resolver {
            descriptors,
            tree,
            doubted,
            ..
        } = self;
        if let Some(parents) = descriptors.of_parent(caller, fd, *doubted, tree)
            && parents.file.is_some()
            && claim.parents.contains(&parents.file)
            && claim.has_one_part()
            && let Some(located) = self.by_directory(Some(parents), claim, ask)
        {
            return Some(located);
        }
        // The live system is asked only where records do not tell, as a question costs more than
        // the rest of the event.
        if let Some(path) = self.in_known_directory(claim, ask) {
            return Some(Located::full(path));
        }
        let base = ask.host.descriptor(caller.pid, fd);
        if let Some(base) = base
            && (self.is_seen_in(&base, claim, ask) || self.is_still_open(known, &base, claim))
        {
            return Located::proved(self.join(&base, claim.name, true, ask));
        }
        self.by_files(claim, known, ask)
    }

    /// The path of a name in the directory of its PARENT record, if records alone tell where that
    /// is.
    fn in_known_directory<'a>(&mut self, claim: &Claim, ask: Asker<'a, '_>) -> Option<&'a [u8]> {
        let parent = claim
            .parent()
            .filter(|_| claim.is_entry() && !claim.follows)?;
        let only = {
            let mut names = self.tree.names_of(parent);
            names.next().filter(|_| names.next().is_none())?
        };
        let known = self.tree.known(only)?;
        if !known.file_type.may_be(FileType::Directory) || !self.tree.is_proved(only) {
            return None;
        }
        let directory = self.path_of(only, ask.arena)?;
        text::entry(directory, claim.last(), ask.arena)
    }

    /// Whether a descriptor is now what it was known to be, for a call that failed and names no
    /// file.
    fn is_still_open(&mut self, known: Option<Descriptor>, base: &[u8], claim: &Claim) -> bool {
        let has_evidence = claim.has_parent() || claim.file.is_some();
        known.is_some_and(|known| !has_evidence && self.tree.is_at(known.name, base))
    }

    /// What a descriptor is known to be, if it can be a directory, and the directory of this claim.
    fn open_directory(&mut self, caller: Caller, fd: u32, claim: &Claim) -> Option<Descriptor> {
        let known = self.descriptor_of(caller, fd)?;
        let is_directory = matches!(known.file_type, FileType::Directory | FileType::Unknown);
        let is_contradicted = claim.has_parent()
            && claim.has_one_part()
            && !claim.follows
            && known.file.is_some()
            && !claim.parents.contains(&known.file);
        if !is_directory || is_contradicted {
            // It was closed unseen, and is another file now.
            self.forget_descriptor(caller.pid, fd);
            return None;
        }
        Some(known)
    }

    /// A name in a directory that a descriptor is, if the files in the record agree.
    fn by_directory<'a>(
        &mut self,
        known: Option<Descriptor>,
        claim: &Claim<'a>,
        ask: Asker<'a, '_>,
    ) -> Option<Located<'a>> {
        let known = known?;
        let directory = self.opened_path(known, ask)?;
        let is_real = self.tree.is_canonical(known.name);
        let path = self.join(directory, claim.name, is_real, ask)?;
        let is_confirmed = claim.has_one_part() && claim.has_parent();
        if is_confirmed && claim.parents.contains(&known.file) && known.file.is_some() {
            return Some(Located::full(path));
        }
        if let Some(parent) = claim.parent() {
            return self.by_known_parent(parent, path, claim, ask);
        }
        if claim.has_parent() {
            return None;
        }
        if claim.has_one_part() && self.has_entry(known.file, claim) {
            return Some(Located::full(path));
        }
        self.by_file(path, claim, ask)
    }

    /// Whether the file of a claim is known to have an entry with its last part in a directory.
    fn has_entry(&self, directory: Option<FileId>, claim: &Claim) -> bool {
        let (Some(directory), Some(file)) = (directory, claim.file) else {
            return false;
        };
        self.tree.names_of(file).any(|name| {
            let holder = self.tree.directory(name);
            let known = self.tree.known(holder);
            self.tree.last_part(name) == claim.last()
                && known.is_some_and(|known| known.file == directory)
                && self.tree.is_current(holder)
                && self.tree.is_current(name)
        })
    }

    /// Whether a file has names, each of them in a directory that is known for another one.
    pub(crate) fn is_elsewhere(&self, file: FileId, directory: FileId) -> bool {
        let mut names = self.tree.names_of(file).peekable();
        let is_in_another = |name| {
            let holder = self.tree.known(self.tree.directory(name));
            holder.is_some_and(|holder| holder.file != directory)
        };
        names.peek().is_some() && names.all(is_in_another)
    }

    /// A candidate for a name whose directory's inode the record gives.
    fn by_known_parent<'a>(
        &mut self,
        parent: FileId,
        path: &'a [u8],
        claim: &Claim<'a>,
        ask: Asker<'a, '_>,
    ) -> Option<Located<'a>> {
        let asked = text::directory(path);
        if self.leads_to(asked, parent) {
            return Some(Located::full(path));
        }
        if self.tree.names_of(parent).next().is_some() {
            // It is known to be elsewhere.
            return None;
        }
        // That nothing is known against the descriptor is no proof: it may have been closed unseen.
        let holder = text::as_directory(asked, ask.arena);
        let is_there = is_another(holder, parent, ask.host) == Some(false);
        (is_there && !claim.follows).then_some(Located::full(path))
    }

    /// A candidate for a name of which the record gives the file alone, or nothing.
    fn by_file<'a>(
        &mut self,
        path: &'a [u8],
        claim: &Claim<'a>,
        ask: Asker<'a, '_>,
    ) -> Option<Located<'a>> {
        let file = claim.file?;
        if self.leads_to(path, file) {
            return Some(Located::full(path));
        }
        let is_there = is_another(path, file, ask.host) == Some(false);
        is_there.then_some(Located::full(path))
    }

    /// A name by nothing but the files that the record gives.
    fn by_files<'a>(
        &mut self,
        claim: &Claim<'a>,
        known: Option<Descriptor>,
        ask: Asker<'a, '_>,
    ) -> Option<Located<'a>> {
        let prefer = known.and_then(|known| self.path_of(known.name, ask.arena));
        if let Some(parent) = claim
            .parent()
            .filter(|_| claim.is_entry() && !claim.follows)
        {
            let directory = self.name_of((parent, FileType::Directory), prefer, false, ask)?;
            let directory = self.path_of(directory, ask.arena)?;
            return Located::proved(text::entry(directory, claim.last(), ask.arena));
        }
        let file = claim.file?;
        let is_entry = claim.is_entry();
        let has_same_end = |name: &Name| !is_entry || self.tree.last_part(*name) == claim.last();
        let names: SmallVec<[Name; 4]> = self.tree.names_of(file).filter(has_same_end).collect();
        // A file may have more than one name with this end.
        let name = match names.as_slice() {
            [only] => *only,
            several if claim.file_type == FileType::Directory => self.only(several, false)?,
            _ => return None,
        };
        if let Some(open) = known.and_then(|known| known.file) {
            // The same directory may be shown at another place, so it must be known for another;
            // and the file may have another name in the one that is open.
            let holder = self.tree.known(self.tree.directory(name));
            holder.filter(|holder| holder.file != open)?;
            let known = self.tree.known(name);
            known
                .filter(|known| known.has_one_entry() || claim.file_type == FileType::Directory)?;
        }
        if let Some(parent) = claim.parent() {
            let directory = self.tree.known(self.tree.directory(name));
            directory.filter(|known| known.file == parent)?;
        }
        if !self.is_valid(name, file, false, ask) {
            return None;
        }
        Located::proved(self.path_of(name, ask.arena))
    }

    /// A name that may be relative to the working directory or to any descriptor.
    fn under_unknown<'a>(
        &mut self,
        cwd: Option<&[u8]>,
        claim: &Claim<'a>,
        ask: Asker<'a, '_>,
    ) -> Option<Located<'a>> {
        if let Some(cwd) = cwd {
            let path = self.join(cwd, claim.name, true, ask)?;
            let asked = text::directory(path);
            let is_there = match (claim.parent(), claim.file) {
                (Some(parent), _) => self.leads_to(asked, parent),
                (None, Some(file)) => self.leads_to(path, file),
                (None, None) => false,
            };
            if is_there || self.is_seen_in(cwd, claim, ask) {
                return Some(Located::full(path));
            }
        }
        self.by_files(claim, None, ask)
    }

    /// Whether a name in a directory is, on the live system, what the record says that it is.
    fn is_seen_in(&self, directory: &[u8], claim: &Claim, ask: Asker) -> bool {
        let is = |path, file: Option<FileId>| file.is_some() && ask.host.file_id(path) == file;
        // With a `/` at the end, a file that has the number of the directory by now is none.
        let holder = text::join(directory, claim.directory(), ask.arena);
        let holder = text::as_directory(holder, ask.arena);
        let is_there = || is(text::join(directory, claim.name, ask.arena), claim.file);
        if claim.has_parent() && !claim.follows {
            return claim.parents.iter().any(|parent| is(holder, *parent));
        }
        claim.parents.iter().any(|parent| is(holder, *parent)) || is_there()
    }

    /// The path of an open descriptor, by its own record or that of an ancestor, if the file in the
    /// record agrees.
    pub(crate) fn descriptor<'a>(
        &mut self,
        caller: Caller,
        fd: u32,
        file: Option<FileId>,
        ask: Asker<'a, '_>,
    ) -> Option<&'a [u8]> {
        let known = self.descriptor_of(caller, fd);
        let mut file = file;
        match known {
            Some(known) if file.is_none() || known.file == file => {
                if let Some(path) = self.opened_path(known, ask) {
                    return Some(path);
                }
                // It has no name any more, or another one.
                file = file.or(known.file);
            }
            Some(_) => self.forget_descriptor(caller.pid, fd),
            None => {}
        }
        let file = file?;
        if let Some(path) = ask.host.descriptor(caller.pid, fd)
            && ask.host.file_id(&path) == Some(file)
        {
            return Some(ask.arena.alloc_slice_copy(&path));
        }
        if known.is_some_and(|known| known.file == Some(file)) {
            // The name that it was opened by is gone; another one would be a guess.
            return None;
        }
        let name = self.name_of((file, FileType::Unknown), None, false, ask)?;
        self.path_of(name, ask.arena)
    }

    /// The file that an open descriptor is known to be.
    pub(crate) fn open_file(&mut self, caller: Caller, fd: u32) -> Option<FileId> {
        self.descriptor_of(caller, fd)?.file
    }

    /// The file that a path is known to be, by records alone.
    pub(crate) fn known_file(&mut self, path: &[u8]) -> Option<FileId> {
        let name = self.tree.find(path)?;
        self.tree.known(name).map(|known| known.file)
    }

    /// The file that a path of directories is known to lead to.
    pub(crate) fn file_at(&mut self, path: &[u8], ask: Asker) -> Option<FileId> {
        let known = self
            .tree
            .find(path)
            .filter(|name| self.tree.is_current(*name));
        let known = known.and_then(|name| self.tree.known(name));
        known
            .map(|known| known.file)
            .or_else(|| ask.host.file_id(path))
    }

    /// Whether the directory of a claim is proved to be the one in its PARENT record.
    pub(crate) fn has_directory(&mut self, caller: Caller, claim: &Claim, ask: Asker) -> bool {
        let (Some(parent), true) = (claim.parent(), claim.is_entry()) else {
            return false;
        };
        let directory = match claim.base {
            _ if claim.name.starts_with(b"/") => &b"/"[..],
            Base::Cwd(Some(cwd)) => cwd,
            Base::Descriptor(fd) if claim.has_one_part() => {
                return self.open_file(caller, fd) == Some(parent);
            }
            _ => return false,
        };
        let path = text::join(directory, claim.directory(), ask.arena);
        self.file_at(path, ask) == Some(parent)
    }

    pub(super) fn descriptor_of(&mut self, caller: Caller, fd: u32) -> Option<Descriptor> {
        let Resolver {
            descriptors,
            processes,
            tree,
            doubted,
            ..
        } = self;
        descriptors.get(caller, fd, *doubted, processes, tree)
    }

    /// Whether a descriptor is known for one that nothing can be written through.
    pub(crate) fn is_read_only(&mut self, caller: Caller, fd: u32) -> bool {
        let known = self.descriptor_of(caller, fd);
        known.is_some_and(|known| known.mode.read_only)
    }

    /// The path of a file by its inode alone, if it has just one.
    pub(crate) fn file<'a>(
        &mut self,
        file: (FileId, FileType),
        ask: Asker<'a, '_>,
    ) -> Option<&'a [u8]> {
        let name = self.name_of(file, None, false, ask)?;
        self.path_of(name, ask.arena)
    }

    /// The one name of a file that is proved: the preferred one if it is among them, or else the
    /// only one that is an entry, or else the only one at all. `canonical` leaves out names that
    /// may lead through a symbolic link. If the type is another one, the inode number is that of a
    /// new file by now, and its names are left out.
    fn name_of(
        &mut self,
        (file, file_type): (FileId, FileType),
        prefer: Option<&[u8]>,
        canonical: bool,
        ask: Asker,
    ) -> Option<Name> {
        let is_asked = |name: &Name| {
            let known = self.tree.known(*name);
            known.is_some_and(|known| known.file_type.may_be(file_type))
                && (!canonical || self.tree.is_canonical(*name))
        };
        let names: SmallVec<[Name; 4]> = self.tree.names_of(file).filter(is_asked).collect();
        let valid = names
            .into_iter()
            .filter(|name| self.is_valid(*name, file, canonical, ask));
        let valid: SmallVec<[Name; 4]> = valid.collect();
        if let Some(prefer) = prefer
            && let Some(name) = valid.iter().find(|name| self.tree.is_at(**name, prefer))
        {
            return Some(*name);
        }
        self.only(&valid, canonical)
    }

    /// The only one of some names of a file that is an entry, or else the only one at all.
    fn only(&self, names: &[Name], canonical: bool) -> Option<Name> {
        let mut entries = names.iter().filter(|name| self.tree.is_canonical(**name));
        match (entries.next(), entries.next()) {
            (Some(entry), None) => Some(*entry),
            (None, _) if !canonical => match names {
                [only] => Some(*only),
                _ => None,
            },
            _ => None,
        }
    }

    /// The path that a descriptor was opened by, as far as records tell what became of it. Nothing
    /// was lost since then.
    fn opened_path<'a>(&mut self, open: Descriptor, ask: Asker<'a, '_>) -> Option<&'a [u8]> {
        let known = self.tree.known(open.name);
        let is_replaced = known.is_some_and(|known| open.file.is_some_and(|it| it != known.file));
        (!is_replaced)
            .then(|| self.path_of(open.name, ask.arena))
            .flatten()
    }

    /// Whether a name is proved to be still that of a file; if `canonical`, also that it leads through
    /// no symbolic link.
    fn is_valid(&mut self, name: Name, file: FileId, canonical: bool, ask: Asker) -> bool {
        if !self.tree.path(name, &mut self.path) {
            return false;
        }
        if self
            .tree
            .known(name)
            .is_some_and(|known| known.file != file)
        {
            return false;
        }
        if self.tree.is_proved(name) {
            return true;
        }
        match is_another(&self.path, file, ask.host) {
            Some(true) => false,
            Some(false) => {
                self.tree.confirm(name);
                self.settle_above(name, ask.host);
                true
            }
            None => !canonical && self.tree.is_current(name),
        }
    }

    /// Joins a name to a directory and cleans the result. A `..` is removed only where the part
    /// before it is known to be a directory, as those of `directory` are if it `is_real`. `None` if
    /// the path gets too long.
    fn join<'a>(
        &mut self,
        directory: &[u8],
        name: &'a [u8],
        is_real: bool,
        ask: Asker<'a, '_>,
    ) -> Option<&'a [u8]> {
        if directory.len() + name.len() >= text::MAX_PATH_BYTES {
            return None;
        }
        let is_directory = |path: &[u8]| {
            let is_above = is_real
                && directory.starts_with(path)
                && matches!(directory.get(path.len()), None | Some(b'/'));
            is_above || self.is_known_directory(path)
        };
        Some(text::join_checked(directory, name, is_directory, ask.arena))
    }

    fn is_known_directory(&mut self, path: &[u8]) -> bool {
        let Some(name) = self.tree.find(path) else {
            return false;
        };
        let known = self.tree.known(name);
        let is_directory = known.is_some_and(|known| known.file_type == FileType::Directory);
        is_directory && self.tree.is_proved(name)
    }
}
