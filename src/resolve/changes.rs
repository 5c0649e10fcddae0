//! How calls change the memory.

use smallvec::SmallVec;

use crate::{
    model::{FileId, FileType},
    resolve::{
        Asker, Caller, Host, Mode, Resolver,
        descriptors::Descriptor,
        is_another, text,
        tree::{Known, Name, Tree},
    },
};

/// Why a path is known to be that of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sighting {
    /// The entry was made just now, and the file with it.
    Created,
    /// The entry is that of the file, which may have others.
    Entry,
    /// The path led to the file, perhaps through a symbolic link.
    Reached,
}

/// A file that a record tells of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) file: FileId,
    pub(crate) file_type: FileType,
    pub(crate) sighting: Sighting,
}

impl Resolver {
    /// A process opened a path and got a descriptor for it.
    pub(crate) fn opened(
        &mut self,
        (pid, fd): (u32, u32),
        path: &[u8],
        file: Option<(FileId, FileType)>,
        mode: Mode,
    ) {
        let now = self.moment();
        let name = self.opened_name(path, file.map(|(file, _)| file));
        let open = name.map(|name| Descriptor {
            name,
            file: file.map(|(file, _)| file),
            file_type: file.map_or(FileType::Unknown, |(_, file_type)| file_type),
            mode,
        });
        let Resolver {
            tree, descriptors, ..
        } = self;
        descriptors.set((pid, fd), open, now, tree);
    }

    /// The name, held, that a file was opened by: the path, unless that is a symbolic link to it.
    fn opened_name(&mut self, path: &[u8], file: Option<FileId>) -> Option<Name> {
        if !is_storable(path) {
            let only = self.tree.names_of(file?).next()?;
            let is_only = self.tree.known(only).is_some_and(|known| known.is_only);
            let is_sure = is_only && self.tree.is_current(only);
            return is_sure.then(|| self.tree.share(only));
        }
        let name = self.hold(path);
        let known = self.tree.known(name).map(|known| known.file);
        if file.is_none() || known == file {
            return Some(name);
        }
        // The path may be a symbolic link to an entry that is known. If the file may have others,
        // it may lead to one of those.
        let names: SmallVec<[Name; 4]> = file
            .into_iter()
            .flat_map(|f| self.tree.names_of(f))
            .collect();
        match (names.as_slice(), known) {
            ([only], _)
                if self.tree.is_current(*only)
                    && self.tree.known(*only).is_some_and(Known::has_one_entry)
                    && (known.is_some() || self.tree.is_canonical(*only)) =>
            {
                self.tree.release(name);
                Some(self.tree.share(*only))
            }
            (_, None) => Some(name),
            (_, Some(_)) => {
                self.tree.release(name);
                None
            }
        }
    }

    /// A descriptor was closed, or is something without a path.
    pub(crate) fn forget_descriptor(&mut self, pid: u32, fd: u32) {
        let now = self.moment();
        let Resolver {
            tree, descriptors, ..
        } = self;
        descriptors.set((pid, fd), None, now, tree);
    }

    /// Any of the descriptors of a process may have been closed.
    pub(crate) fn forget_descriptors(&mut self, pid: u32) {
        let now = self.tick();
        self.processes.forget_descriptors(pid, now);
    }

    /// All descriptors from `first` to `last` were closed.
    pub(crate) fn swept(&mut self, pid: u32, first: u32, last: u32) {
        let now = self.tick();
        self.processes.swept(pid, first, last, now);
    }

    /// A process made another descriptor for a file that it had open.
    pub(crate) fn duplicated(&mut self, caller: Caller, from: u32, to: u32, close_on_exec: bool) {
        if from == to {
            return;
        }
        self.copy(caller, (from, to), close_on_exec);
    }

    /// A descriptor is to be closed on exec, or is not. It is the caller's own from now on: what
    /// others inherited from it, or it from them, is not marked so.
    pub(crate) fn set_close_on_exec(&mut self, caller: Caller, fd: u32, value: bool) {
        // What may still turn out to be known is gone at an exec if it is marked now.
        if value || self.descriptor_of(caller, fd).is_some() {
            self.copy(caller, (fd, fd), value);
        }
    }

    /// Notes that `to` is the file that `from` is.
    fn copy(&mut self, caller: Caller, (from, to): (u32, u32), close_on_exec: bool) {
        let now = self.moment();
        let Resolver {
            tree,
            descriptors,
            processes,
            doubted,
            ..
        } = self;
        let known = descriptors.get(caller, from, *doubted, processes, tree);
        let open = known.map(|known| Descriptor {
            name: tree.share(known.name),
            mode: Mode {
                close_on_exec,
                ..known.mode
            },
            ..known
        });
        descriptors.set((caller.pid, to), open, now, tree);
    }

    /// A process made another one, which has the same descriptors from then on.
    ///
    /// If the two go on sharing their descriptors (CLONE_FILES, clone(2)), those of neither are
    /// known any more.
    pub(crate) fn forked(&mut self, parent: Caller, child: u32, is_shared: bool) {
        let now = self.tick();
        self.processes.forked(parent, child, is_shared, now);
        if is_shared {
            self.processes.shared(parent.pid);
        }
    }

    /// A process made a thread, which shares its descriptors.
    pub(crate) fn threaded(&mut self, process: Caller, thread: u32) {
        self.processes.threaded(process, thread);
    }

    /// A thread has descriptors of its own. Its records are those of its process, so nothing is
    /// known of the descriptors of either until the process starts another program.
    pub(crate) fn unshared(&mut self, pid: u32) {
        self.processes.shared(pid);
    }

    /// A process started another program, which closes descriptors that are marked so.
    pub(crate) fn executed(&mut self, pid: u32) {
        let now = self.tick();
        self.processes.executed(pid, now);
    }

    /// A process has ended.
    pub(crate) fn ended(&mut self, pid: u32) {
        self.processes.ended(pid);
    }

    /// A file was seen under a path.
    pub(crate) fn seen(&mut self, path: &[u8], seen: Seen, host: &dyn Host) {
        if self.is_known(path, seen) || !is_storable(path) {
            return;
        }
        if let Some(name) = self.replaceable(path, seen, host) {
            let known = Known {
                file: seen.file,
                file_type: seen.file_type,
                is_entry: seen.sighting != Sighting::Reached,
                is_only: seen.sighting == Sighting::Created,
            };
            self.tree.identify(name, known);
            if self.tree.has_stale(self.tree.directory(name)) {
                self.settle_above(name, host);
            }
            if seen.sighting == Sighting::Created || known.file_type == FileType::Directory {
                self.drop_others(name, seen);
            }
            self.keep(name);
        }
    }

    /// Whether nothing is new in a sighting, which is a use of the name.
    fn is_known(&mut self, path: &[u8], seen: Seen) -> bool {
        if seen.sighting == Sighting::Created {
            return false;
        }
        let Resolver { tree, learned, .. } = self;
        let Some(name) = tree.find(path) else {
            return false;
        };
        let is_same = |known: Known| {
            known.file == seen.file && (known.is_entry || seen.sighting == Sighting::Reached)
        };
        let is_known = tree.known(name).is_some_and(is_same) && tree.is_current(name);
        if is_known {
            tree.confirm(name);
            learned.get(name, |gone| tree.release(gone));
        }
        is_known
    }

    /// The name of a path, held, if a file may be listed under it. A name that is known for
    /// another file is void, unless it is a symbolic link that led to this one, or this one is in
    /// another root.
    fn replaceable(&mut self, path: &[u8], seen: Seen, host: &dyn Host) -> Option<Name> {
        if path == b"/" {
            // A caller in a chroot has another `/`. The one of this program is known if primed.
            return None;
        }
        let name = self.hold(path);
        let is_reached = seen.sighting == Sighting::Reached;
        let Some(known) = self.tree.known(name) else {
            // It may be a way through a symbolic link to an entry that is known.
            let names = || self.tree.names_of(seen.file);
            if is_reached && names().any(|name| self.tree.is_canonical(name)) {
                self.tree.release(name);
                return None;
            }
            return Some(name);
        };
        if known.file == seen.file {
            return Some(name);
        }
        let leads_on = is_reached && known.is_entry && known.file_type == FileType::Symlink;
        if leads_on || is_another(path, known.file, host) == Some(false) {
            self.tree.release(name);
            return None;
        }
        self.detach(name);
        self.tree.release(name);
        Some(self.hold(path))
    }

    /// Takes away the other names of a file that was made just now, or of a directory, which has
    /// one entry: they are of a file that had this inode before, or of another mount of it.
    fn drop_others(&mut self, name: Name, seen: Seen) {
        if self.tree.is_only_name(name) {
            return;
        }
        let is_new = seen.sighting == Sighting::Created;
        let is_entry = seen.sighting != Sighting::Reached;
        self.detach_each(seen.file, |tree, other| {
            other != name && (is_new || is_entry && !tree.is_canonical(other))
        });
    }

    /// A file got another name.
    pub(crate) fn linked(&mut self, file: FileId) {
        self.tree.add_link(file);
    }

    /// An entry was removed; with it, if it was a directory, everything below it.
    pub(crate) fn removed(
        &mut self,
        path: &[u8],
        file: Option<(FileId, FileType)>,
        host: &dyn Host,
    ) {
        let name = self.tree.find(path);
        if let Some(name) = name
            && self.is_meant(name, path, file, host)
        {
            self.detach(name);
        }
        match file {
            Some((file, file_type)) if name.is_some() => self.drop_names(file, file_type, None),
            // It may be known by another path than the one that the caller took.
            Some(file) => self.removed_somewhere(text::basename(path), file, None),
            None => {}
        }
    }

    /// A file has lost an entry: names that only led to it may have led there, and a directory had
    /// no other. The name `now` is a new one.
    fn drop_names(&mut self, file: FileId, file_type: FileType, now: Option<Name>) {
        self.detach_each(file, |tree, name| {
            let is_entry = tree.known(name).is_some_and(|known| known.is_entry);
            Some(name) != now && (!is_entry || file_type == FileType::Directory)
        });
    }

    /// A file lost an entry that is not known, with this name. The name `now` is a new one.
    pub(crate) fn removed_somewhere(
        &mut self,
        last: &[u8],
        file: (FileId, FileType),
        now: Option<Name>,
    ) {
        self.detach_each(file.0, |tree, name| {
            Some(name) != now && tree.last_part(name) == last
        });
        self.drop_names(file.0, file.1, now);
    }

    /// Forgets all names of a file, as it lost an entry that is not known.
    pub(crate) fn forget_names(&mut self, file: FileId) {
        let names: SmallVec<[Name; 4]> = self.tree.all_names_of(file).collect();
        names.into_iter().for_each(|name| self.detach(name));
    }

    /// Detaches the names of a file that are void.
    fn detach_each(&mut self, file: FileId, is_void: impl Fn(&Tree, Name) -> bool) {
        let names: SmallVec<[Name; 4]> = self.tree.names_of(file).collect();
        for name in names {
            if is_void(&self.tree, name) {
                self.detach(name);
            }
        }
    }

    pub(super) fn detach(&mut self, name: Name) {
        self.tree.detach(name);
        if self.tree.unpin(name) {
            self.primed = self.primed.saturating_sub(1);
        }
    }

    /// A file or directory has another path, and the file that had that path is gone.
    pub(crate) fn renamed(
        &mut self,
        from: &[u8],
        to: &[u8],
        file: Option<(FileId, FileType)>,
        host: &dyn Host,
    ) {
        if !is_storable(to) {
            return self.removed(from, file, host);
        }
        let moved = self.changed(from, file, host).or_else(|| {
            // The directory may be known by another path than the one that the caller took.
            let (file, _) = file.filter(|(_, file_type)| *file_type == FileType::Directory)?;
            let mut names = self.tree.names_of(file);
            let only = names.next().filter(|name| self.tree.is_current(*name))?;
            names.next().is_none().then_some(only)
        });
        match moved {
            Some(name) => {
                let name = self.tree.share(name);
                self.tree.rename(name, to);
                self.tree.release(name);
            }
            None => {
                self.forget_path(to);
                if let (Some(file), None) = (file, self.tree.find(from)) {
                    self.removed_somewhere(text::basename(from), file, None);
                }
            }
        }
        if let Some((file, file_type)) = file {
            let now = self.tree.find(to);
            self.drop_names(file, file_type, now);
            let seen = Seen {
                file,
                file_type,
                sighting: Sighting::Entry,
            };
            self.seen(to, seen, host);
        }
    }

    /// Two files or directories, which had these paths, have each other's. False if neither path is
    /// known by that.
    pub(crate) fn exchanged(
        &mut self,
        (one, file): (&[u8], Option<(FileId, FileType)>),
        (other, other_file): (&[u8], Option<(FileId, FileType)>),
        host: &dyn Host,
    ) -> bool {
        if !is_storable(one) || !is_storable(other) {
            self.forget_path(one);
            self.forget_path(other);
            return false;
        }
        for (path, file) in [(one, file), (other, other_file)] {
            if self.tree.find(path).is_some() && self.changed(path, file, host).is_none() {
                return false;
            }
        }
        let (first, second) = (self.hold(one), self.hold(other));
        self.tree.detach(second);
        self.tree.rename(first, other);
        self.tree.rename(second, one);
        // They may be known by other paths than those that the caller took.
        for (file, was, now) in [(file, one, first), (other_file, other, second)] {
            if let Some(file) = file {
                self.removed_somewhere(text::basename(was), file, Some(now));
            }
        }
        self.tree.release(first);
        self.tree.release(second);
        true
    }

    /// Forgets which file a path leads to.
    pub(crate) fn forget_path(&mut self, path: &[u8]) {
        if let Some(name) = self.tree.find(path) {
            self.detach(name);
        }
    }

    /// The name that an event changes, if it is that of the file in the record.
    ///
    /// If the record means another file, then either the caller has another root, where the path
    /// is another one and nothing happened to the name; or something has happened that no record
    /// told, and the name is void. The live system can tell the two apart; without it no name is
    /// left, rather than a wrong one.
    fn changed(
        &mut self,
        path: &[u8],
        file: Option<(FileId, FileType)>,
        host: &dyn Host,
    ) -> Option<Name> {
        let name = self.tree.find(path)?;
        self.is_meant(name, path, file, host).then_some(name)
    }

    /// As [`changed`](Self::changed), for the name of the path.
    fn is_meant(
        &mut self,
        name: Name,
        path: &[u8],
        file: Option<(FileId, FileType)>,
        host: &dyn Host,
    ) -> bool {
        let Some((file, _)) = file else { return false };
        let is_ours = match self.tree.known(name) {
            Some(known) if known.file == file => return true,
            Some(known) => is_another(path, known.file, host) == Some(false),
            // Nothing is known of it but the name.
            None if is_another(path, file, host) != Some(true) => return true,
            None => false,
        };
        if !is_ours {
            self.detach(name);
        }
        false
    }

    /// Adds a name in a directory, or the directory `/`, for good: it was read from the file
    /// system.
    pub(crate) fn prime(&mut self, path: &[u8], file: FileId, file_type: FileType, links: u64) {
        if !is_storable(path) {
            return;
        }
        let name = self.tree.hold(path);
        let before = self.tree.known(name);
        if before.is_some_and(|before| before.file != file) && self.tree.is_current(name) {
            // Records that are still to come tell how it became this file.
            return self.tree.release(name);
        }
        let known = Known {
            file,
            file_type,
            is_entry: true,
            is_only: links == 1,
        };
        self.tree.identify(name, known);
        if self.tree.pin(name) {
            self.primed += 1;
        } else {
            self.tree.release(name);
        }
    }
}

impl Asker<'_, '_> {
    /// Whether a path is that of a file now, and no symbolic link to it.
    pub(crate) fn is_at(&self, path: &[u8], file: FileId) -> bool {
        is_another(path, file, self.host) == Some(false)
    }
}

/// Whether a path can stand in the tree: absolute, without `..`, not too long, and not one of the
/// links that lead to the file of a descriptor (proc_pid_fd(5)).
fn is_storable(path: &[u8]) -> bool {
    let [b'/', rest @ ..] = path else {
        return false;
    };
    let is_plain = || path.split(|byte| *byte == b'/').all(|part| part != b"..");
    path.len() <= text::MAX_PATH_BYTES && !is_magic(path) && (text::is_clean(rest) || is_plain())
}

fn is_magic(path: &[u8]) -> bool {
    let is_descriptor = path.starts_with(b"/dev/fd/") || path.starts_with(b"/dev/std");
    is_descriptor || path.starts_with(b"/proc/") && memchr::memmem::find(path, b"/fd/").is_some()
}
