//! Directories that were moved, and paths that may lead through them.

use crate::{
    model::FileId,
    resolve::{Resolver, tree::Name},
};

/// How many names may be looked at for each event on average, so that many moves cost no more than
/// the events themselves.
const NAMES_PER_EVENT: u64 = 1024;
/// This many events count as if they had come before, so that names are looked at after the first
/// moves in any case.
const EVENTS_AHEAD: u64 = 1024;

impl Resolver {
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
            // It is as if something was lost.
            self.upheavals = self.upheavals.wrapping_add(1);
            return;
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
                // The next call in a directory that is still there confirms it.
                self.cwds.iter_mut().for_each(Vec::clear);
            }
        }
    }
}
