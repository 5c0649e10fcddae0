//! Which names are proof of where a file is, and which are in doubt.
//!
//! A loss costs one number: each name has the count of losses at which it was last confirmed.

use crate::{
    model::{FileId, FileType},
    resolve::tree::{Name, ROOT, Slot, Tree},
};

impl Tree {
    /// Says that a path, each part of it a directory and no symbolic link, was seen just now. Which
    /// directories they are it does not say, so an inode from before a loss is not confirmed by it.
    pub(crate) fn confirm_directories(&mut self, name: Name) {
        let losses = self.losses;
        let mut at = name.0;
        while at != ROOT {
            let slot = &self.slots[at as usize];
            if matches!(slot.file_type, FileType::Symlink | FileType::Other) {
                // It was another file.
                self.unidentify(Name(at));
            }
            let slot = &mut self.slots[at as usize];
            (slot.file_type, slot.is_entry) = (FileType::Directory, true);
            if slot.file.is_none() {
                slot.losses = losses;
            }
            at = slot.parent;
        }
    }

    /// Says how often something seemed to be lost so far: what was confirmed at fewer losses than
    /// `doubted` is no proof, and what was at fewer than `void` is none until it is confirmed
    /// again.
    pub(crate) fn lose(&mut self, losses: u32, doubted: u32, void: u32) {
        (self.losses, self.doubted, self.void) = (losses, doubted, void);
        self.slots[ROOT as usize].losses = losses;
    }

    /// Says that a symbolic link was removed, moved or replaced, which counts as a loss for the
    /// names that may lead through it.
    pub(crate) fn relink(&mut self, losses: u32) {
        (self.losses, self.relinked) = (losses, losses);
    }

    /// Says that something was mounted or unmounted, which counts as a loss for the names that may
    /// lead through it. The names of its files are detached.
    pub(crate) fn remount(&mut self, losses: u32) {
        (self.losses, self.remounted) = (losses, losses);
    }

    /// Whether nothing was lost since a name was last seen to lead to its file, nor since the files
    /// of the directories on the way were, as far as they are known.
    #[inline]
    pub(crate) fn is_current(&self, name: Name) -> bool {
        let slot = &self.slots[name.0 as usize];
        slot.losses >= self.doubted && !self.has_stale(name) && self.has_same_way(name, slot.losses)
    }

    /// Whether no symbolic link that a name may lead through was removed, moved or replaced since
    /// this count of losses, and nothing was mounted on its way.
    pub(crate) fn has_same_way(&self, name: Name, losses: u32) -> bool {
        losses >= self.relinked.max(self.remounted)
            || self.is_proved(name) && self.is_spared(name, losses)
    }

    /// Whether nothing was mounted since this count of losses on a name or a part of its path, as
    /// far as the files of all parts tell.
    fn is_spared(&self, name: Name, losses: u32) -> bool {
        let (mut mounts, mut losses) = (self.mounts(), Some(losses));
        let is_spared = |slot: &Slot| mounts.spare(slot, losses.take());
        self.remounted == 0 || self.is_each(name, is_spared)
    }

    /// Whether nothing was mounted since each part of a path was last confirmed.
    fn is_each_spared(&self, name: Name) -> bool {
        let mut mounts = self.mounts();
        let is_spared = |slot: &Slot| mounts.spare(slot, Some(slot.losses));
        self.is_each(name, is_spared)
    }

    fn mounts(&self) -> Mounts {
        Mounts {
            last: self.remounted,
            below: u32::MAX,
        }
    }

    /// Whether something was lost since the file of a name was last confirmed.
    pub(crate) fn is_stale(&self, name: Name) -> bool {
        let slot = &self.slots[name.0 as usize];
        slot.file.is_some() && (self.is_stale_slot(slot) || !self.is_spared(name, slot.losses))
    }

    /// Whether nothing but a confirmation makes a stale name proof again. One that was primed is
    /// kept while what seems to be lost may still arrive: few records tell of it again. A mount is
    /// final.
    pub(crate) fn is_void(&self, name: Name) -> bool {
        let slot = &self.slots[name.0 as usize];
        !slot.is_pinned || slot.losses < self.void || !self.is_spared(name, slot.losses)
    }

    /// Whether [that](Self::is_stale) holds for any part of a path.
    #[inline]
    pub(crate) fn has_stale(&self, name: Name) -> bool {
        let mut mounts = self.mounts();
        self.doubted.max(self.remounted) > 0
            && !self.is_each(name, |slot| {
                let losses = slot.file.map(|_| slot.losses);
                mounts.spare(slot, losses) && (losses.is_none() || !self.is_stale_slot(slot))
            })
    }

    fn is_stale_slot(&self, slot: &Slot) -> bool {
        slot.losses < self.doubted
    }

    /// Says that nothing is known of the file of a name any more.
    pub(crate) fn unidentify(&mut self, name: Name) {
        self.unlist(name.0);
        let losses = self.losses;
        let slot = &mut self.slots[name.0 as usize];
        (slot.file, slot.file_type) = (None, FileType::Unknown);
        (slot.is_entry, slot.is_only, slot.losses) = (false, false, losses);
        if slot.is_attached {
            self.list(name.0);
        }
    }

    /// Confirms the file of a name.
    pub(crate) fn confirm(&mut self, name: Name) {
        self.slots[name.0 as usize].losses = self.losses;
    }

    /// Whether each part of a path is known to be the entry of its file, and no symbolic link but
    /// perhaps the last.
    pub(crate) fn is_canonical(&self, name: Name) -> bool {
        let mut is_last = true;
        self.is_each(name, |slot| {
            let is_way = std::mem::take(&mut is_last) || slot.file_type != FileType::Symlink;
            slot.is_entry && is_way
        })
    }

    /// Whether a name is [canonical](Self::is_canonical), and nothing was lost since each part of
    /// it was last confirmed.
    pub(crate) fn is_proved(&self, name: Name) -> bool {
        let (mut is_last, doubted) = (true, self.doubted);
        let is_confirmed = |slot: &Slot| {
            let is_way = std::mem::take(&mut is_last) || slot.file_type != FileType::Symlink;
            slot.is_entry && is_way && slot.losses >= doubted
        };
        self.is_each(name, is_confirmed) && (self.remounted == 0 || self.is_each_spared(name))
    }
}

/// Decides whether mounts may have changed a path, part by part from its end to its beginning.
///
/// The record of a mount has the inode that is covered, and all names of it are detached. So a path
/// is the same as before if the files of all its parts were known then. This does not depend on the
/// name in the record, which may be one in another root, or in `/proc/self/fd`.
///
/// A file system without a block device (major number 0) may go with its mount namespace, without a
/// record, and the next one may get its device number. Names that were read from the live system are
/// not in such a one.
struct Mounts {
    /// The losses at the last mount.
    last: u32,
    /// The fewest losses at which a part below was confirmed.
    below: u32,
}

impl Mounts {
    /// Whether no mount covers this part of the path. `losses` are those at which it was confirmed,
    /// or `None` if only the parts below it count.
    #[inline]
    fn spare(&mut self, part: &Slot, losses: Option<u32>) -> bool {
        let leads_on = self.below < self.last;
        self.below = losses.map_or(self.below, |losses| losses.min(self.below));
        let is_same = |file: FileId| file.dev.0 != 0 || part.is_pinned;
        let is_known = || part.file.is_some_and(is_same) && part.identified <= self.below;
        let is_way = || part.is_entry && !(leads_on && part.file_type == FileType::Symlink);
        self.below >= self.last || is_known() && is_way()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::tree::{
        MAX_PARTS,
        tests::{identified, names_of},
    };

    #[test]
    fn after_a_loss_a_path_is_proved_once_each_part_is_confirmed() {
        let mut tree = Tree::new();
        let below = identified(&mut tree, "/a/b/c", 1, true);
        let directory = tree.hold(b"/a/b");
        tree.confirm_directories(directory);
        assert!(tree.is_current(below) && tree.is_proved(below));
        tree.lose(1, 1, 1);
        assert!(!tree.is_current(below) && !tree.is_current(directory));
        // It was seen again, which does not say that the directories are the same.
        identified(&mut tree, "/a/b/c", 1, true);
        assert!(tree.is_current(below) && !tree.is_current(directory));
        assert!(!tree.is_proved(below));
        tree.confirm(directory);
        assert!(tree.is_current(directory) && !tree.is_proved(below));
        // What is known of the file of a directory has to be confirmed, too.
        identified(&mut tree, "/a/b", 2, true);
        tree.lose(2, 2, 2);
        identified(&mut tree, "/a/b/c", 1, true);
        assert!(!tree.is_current(below) && tree.is_stale(directory));
        tree.unidentify(directory);
        assert!(tree.is_current(below) && names_of(&tree, 2).is_empty());
        let new = tree.hold(b"/a/b/d");
        assert!(tree.is_current(new) && !tree.is_proved(new));
    }

    #[test]
    fn a_link_that_is_replaced_puts_only_names_in_doubt_that_may_lead_through_it() {
        let mut tree = Tree::new();
        let proved = identified(&mut tree, "/a/b", 1, true);
        let directory = tree.hold(b"/a");
        tree.confirm_directories(directory);
        let reached = identified(&mut tree, "/l/b", 2, true);
        tree.relink(1);
        assert!(tree.is_current(proved) && !tree.is_current(reached));
        identified(&mut tree, "/l/b", 2, true);
        assert!(tree.is_current(reached));
    }

    #[test]
    fn a_path_is_canonical_if_each_part_is_an_entry() {
        let mut tree = Tree::new();
        let below = identified(&mut tree, "/a/b/c", 1, true);
        assert!(!tree.is_canonical(below));
        let directory = tree.hold(b"/a/b");
        tree.confirm_directories(directory);
        assert!(tree.is_canonical(below));
        assert_eq!(tree.known(below).unwrap().file_type, FileType::Other);
        // What is a directory now is not the file that had the name before.
        tree.confirm_directories(below);
        assert!(tree.known(below).is_none() && names_of(&tree, 1).is_empty());
    }

    #[test]
    fn a_branch_that_is_too_deep_is_not_walked_to_its_end() {
        let mut tree = Tree::new();
        let (upper, lower) = (tree.hold(&b"/u".repeat(MAX_PARTS)), tree.hold(b"/l"));
        let below = identified(&mut tree, "/l/x", 1, true);
        tree.confirm_directories(upper);
        tree.confirm_directories(lower);
        assert!([upper, below].map(|name| tree.is_canonical(name)) == [true, true]);
        tree.move_to(lower, upper, b"l");
        assert!(!tree.is_canonical(below) && !tree.is_proved(below));
        assert!(tree.is_canonical(upper) && tree.is_proved(upper));
    }
}
