//! Directories that were moved, links that were replaced, mounts, and paths that may lead through
//! them.

use crate::{
    bytes::find_last,
    model::FileId,
    resolve::{Host, Resolver, is_another, tree::Name},
};

/// How many names may be looked at for each event on average, so that many moves cost no more than
/// the events themselves.
const NAMES_PER_EVENT: u64 = 1024;
/// This many events count as if they had come before, so that names are looked at after the first
/// moves in any case.
const EVENTS_AHEAD: u64 = 1024;

/// How many directories of one path the live system is asked about.
const MAX_ASKED: usize = 32;

impl Resolver {
    /// A symbolic link was removed, moved or replaced: paths through it may lead elsewhere now.
    pub(crate) fn relinked(&mut self) {
        self.losses = self.losses.saturating_add(1);
        self.tree.relink(self.losses);
    }

    /// Something was mounted on these files, or they were the roots of what was: the paths through
    /// them lead elsewhere now. Any path with a part whose file is not known may be one of those.
    pub(crate) fn remounted(&mut self, files: [FileId; 2]) {
        for file in files {
            self.forget_names(file);
        }
        self.losses = self.losses.saturating_add(1);
        self.tree.remount(self.losses);
        // The next call in a directory that is still there confirms it.
        self.cwds.iter_mut().for_each(Vec::clear);
    }

    /// Any path may lead elsewhere now.
    pub(crate) fn overturned(&mut self) {
        self.upheavals = self.upheavals.wrapping_add(1);
    }

    /// Whether a path is known to be a directory entry, through no symbolic link.
    pub(crate) fn is_entry(&mut self, path: &[u8]) -> bool {
        let name = self.tree.find(path);
        name.is_some_and(|name| self.tree.is_proved(name))
    }

    /// Directories with these last names were moved out of the directories `holders`. Paths that
    /// are known to lead through them have moved with them. Forgets those that perhaps do, because
    /// the inode of a directory with such a name is not known; if each directory `was_entry`, only
    /// those that may lead through a symbolic link.
    pub(crate) fn forget_lookalikes(
        &mut self,
        moved: &[&[u8]],
        holders: &[FileId],
        was_entry: bool,
    ) {
        let searched = self.searched + (self.tree.unidentified_len() * moved.len()) as u64;
        if searched > (self.clock + EVENTS_AHEAD) * NAMES_PER_EVENT {
            return self.overturned();
        }
        self.searched = searched;
        let may_hold = |holder: Option<FileId>| {
            holder.is_none_or(|holder| holders.is_empty() || holders.contains(&holder))
        };
        let alike: Vec<Name> = moved
            .iter()
            .flat_map(|last| self.tree.unidentified(last, may_hold))
            .collect();
        for name in alike {
            if !(was_entry && self.tree.is_proved(name)) {
                self.detach(name);
                self.cwds.iter_mut().for_each(Vec::clear);
            }
        }
    }

    /// A path was seen to lead to its file. If something was lost since the directories on its way
    /// were seen, they may be others: each is confirmed by the live system, or its file is not
    /// known any more.
    #[cold]
    pub(super) fn settle_above(&mut self, name: Name, host: &dyn Host) {
        if !self.tree.path(name, &mut self.path) {
            return;
        }
        let mut above = self.tree.directory(name);
        let (mut length, mut asked) = (self.path.len(), 0);
        while length > 1 {
            length = find_last(b'/', &self.path[..length]).unwrap_or(0);
            if self.tree.is_stale(above) {
                asked += 1;
                let path = &self.path[..length];
                let is_same = self.tree.known(above).is_some_and(|known| {
                    asked <= MAX_ASKED && is_another(path, known.file, host) == Some(false)
                });
                if is_same {
                    self.tree.confirm(above);
                } else if self.tree.is_void(above) {
                    self.tree.unidentify(above);
                }
            }
            above = self.tree.directory(above);
        }
    }
}
