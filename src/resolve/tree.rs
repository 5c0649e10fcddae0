//! Names as a tree, so that renaming a directory moves everything below it in one step, with an
//! index from a file to its names.

mod proof;

use std::hash::{BuildHasher, Hasher};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use smallvec::SmallVec;

use crate::{
    bytes::find_last,
    model::{FileId, FileType},
    resolve::{
        recent::Key,
        text::{MAX_PATH_BYTES, directory, is_clean, names},
    },
};

/// A name in the tree. It stays the same through renames, and is valid until it is released.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Name(u32);

impl Key for Name {
    fn number(self) -> u64 {
        u64::from(self.0)
    }
}

/// What is known of the file that a name stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Known {
    pub(crate) file: FileId,
    pub(crate) file_type: FileType,
    /// The name is the directory entry of this file. If not, it leads to the file, perhaps through
    /// a symbolic link.
    pub(crate) is_entry: bool,
    /// The file had no other name when this one was learned.
    pub(crate) is_only: bool,
}

impl Known {
    /// Whether no other entry is that of the file, as far as records tell.
    pub(crate) fn has_one_entry(self) -> bool {
        self.is_only || self.file_type == FileType::Directory
    }
}

/// The names known. Each one counts those who hold it and its children, and goes when there are
/// none; slots and their buffers are used again.
#[derive(Debug)]
pub(crate) struct Tree {
    slots: Vec<Slot>,
    /// The first slot that is free; `Slot::next` has the others.
    free: u32,
    /// How many slots are not free.
    used: usize,
    children: HashTable<u32>,
    /// The first name of each file; `Slot::next` has the others.
    by_file: HashMap<FileId, u32>,
    /// The first name of whose file nothing is known; `Slot::next` has the others.
    unidentified: u32,
    unidentified_len: usize,
    hasher: DefaultHashBuilder,
    /// Memory of all names that are too long for their slot, free ones among them, in bytes.
    bytes: usize,
    /// The directories of paths that were looked up, by their own paths: the next path is often in
    /// one of them, too. One without a path stands for the root.
    last: [(Vec<u8>, u32); LAST],
    /// The one that is replaced next.
    next_last: usize,
    /// How often something seemed to be lost so far.
    losses: u32,
    /// A name that was confirmed at fewer losses than this may have changed since.
    doubted: u32,
    /// One that was confirmed at fewer losses than this has to be confirmed again, while what is only
    /// in doubt may turn out to be right.
    void: u32,
    /// One that was confirmed at fewer losses than this leads elsewhere if it leads through a
    /// symbolic link that was replaced since.
    relinked: u32,
    /// One that was confirmed at fewer losses than this leads elsewhere if it leads through a file
    /// that something was mounted on since, or unmounted from.
    remounted: u32,
}

#[derive(Debug)]
struct Slot {
    /// Most names are short, and need no memory of their own.
    name: SmallVec<[u8; 24]>,
    parent: u32,
    uses: u32,
    file: Option<FileId>,
    file_type: FileType,
    is_entry: bool,
    is_only: bool,
    /// It was read from the file system, and is held for that.
    is_pinned: bool,
    /// Whether a name is in it, or was.
    is_parent: bool,
    /// Whether its parent knows it. A removed or replaced name is detached, but may still be held.
    is_attached: bool,
    /// The losses when it was last confirmed.
    losses: u32,
    /// The losses when its file became known.
    identified: u32,
    /// The neighbours among the names of the same file, or of none; of a free slot, the next free
    /// one.
    previous: u32,
    next: u32,
}

impl Default for Slot {
    fn default() -> Slot {
        Slot {
            name: SmallVec::new(),
            parent: ROOT,
            uses: 0,
            file: None,
            file_type: FileType::Unknown,
            is_entry: false,
            is_only: false,
            is_pinned: false,
            is_parent: false,
            is_attached: false,
            losses: 0,
            identified: 0,
            previous: NONE,
            next: NONE,
        }
    }
}

impl Slot {
    /// Sets its name, and returns by how many bytes that grew its memory.
    fn set_name(&mut self, name: &[u8]) -> usize {
        let before = self.name.capacity();
        self.name.clear();
        self.name.extend_from_slice(name);
        self.name.capacity() - before
    }
}

const ROOT: u32 = 0;
const NONE: u32 = u32::MAX;

/// Directories that are remembered with their paths.
const LAST: usize = 8;

/// Parts of a path that is resolved: each has a name and a slash. Renaming directories can make a
/// branch that is deeper.
const MAX_PARTS: usize = MAX_PATH_BYTES / 2;

/// Names of one file that are looked at. Of a file with more, none is told from the others.
const MAX_NAMES: usize = 64;

impl Tree {
    pub(crate) fn new() -> Tree {
        let root = Slot {
            uses: 1,
            is_attached: true,
            is_entry: true,
            file_type: FileType::Directory,
            ..Slot::default()
        };
        Tree {
            slots: vec![root],
            free: NONE,
            used: 1,
            children: HashTable::new(),
            by_file: HashMap::new(),
            unidentified: ROOT,
            unidentified_len: 1,
            hasher: DefaultHashBuilder::default(),
            bytes: 0,
            last: [const { (Vec::new(), ROOT) }; LAST],
            next_last: 0,
            losses: 0,
            doubted: 0,
            void: 0,
            relinked: 0,
            remounted: 0,
        }
    }

    /// The name of an absolute, clean path, made if need be. The caller holds it until `release`.
    pub(crate) fn hold(&mut self, path: &[u8]) -> Name {
        let step = |tree: &mut Tree, at, name: &[u8]| {
            let child = tree.child(at, name);
            Some(child.unwrap_or_else(|| tree.grow(at, name)))
        };
        let at = self.walk(path, step).unwrap_or(ROOT);
        self.slots[at as usize].uses += 1;
        Name(at)
    }

    /// The name of an absolute path that is there already. The caller does not hold it.
    pub(crate) fn find(&mut self, path: &[u8]) -> Option<Name> {
        if !path.starts_with(b"/") {
            return None;
        }
        self.walk(path, |tree, at, name| tree.child(at, name))
            .map(Name)
    }

    /// The name `name` in a directory, if it is there. The caller does not hold it.
    pub(crate) fn find_in(&self, directory: Name, name: &[u8]) -> Option<Name> {
        self.child(directory.0, name).map(Name)
    }

    /// The directory that a name is in; the root's is itself.
    pub(crate) fn directory(&self, name: Name) -> Name {
        Name(self.slots[name.0 as usize].parent)
    }

    /// The last part of the path.
    pub(crate) fn last_part(&self, name: Name) -> &[u8] {
        &self.slots[name.0 as usize].name
    }

    /// The node of a path. `step` goes from a node to the one with a name in it.
    #[inline]
    fn walk(
        &mut self,
        path: &[u8],
        step: impl Fn(&mut Tree, u32, &[u8]) -> Option<u32>,
    ) -> Option<u32> {
        let Some(end) = find_last(b'/', path) else {
            return self.walk_far(path, step);
        };
        let is_near = |directory: &[u8]| {
            let may_be = directory.len() == end || directory.len() == path.len();
            may_be && path.starts_with(directory)
        };
        let near = self.last.iter().find(|(directory, _)| is_near(directory));
        match near {
            Some((directory, node)) if directory.len() == path.len() => Some(*node),
            Some((_, node)) => match path.get(end + 1..).unwrap_or_default() {
                b"" => Some(*node),
                name => step(self, *node, name),
            },
            None => self.walk_far(path, step),
        }
    }

    /// As [`walk`](Self::walk), of a path in a directory that is not remembered. It is remembered
    /// then.
    fn walk_far(
        &mut self,
        path: &[u8],
        step: impl Fn(&mut Tree, u32, &[u8]) -> Option<u32>,
    ) -> Option<u32> {
        let (mut at, rest) = self.nearest(path);
        let mut holder = ROOT;
        for name in names(rest) {
            holder = at;
            at = step(self, at, name)?;
        }
        if holder != ROOT {
            self.remember(directory(path), holder);
        }
        Some(at)
    }

    /// Remembers the directory with a path, if that is its own.
    fn remember(&mut self, path: &[u8], node: u32) {
        if path.strip_prefix(b"/").is_some_and(is_clean) {
            let (last, last_node) = &mut self.last[self.next_last];
            last.clear();
            last.extend_from_slice(path);
            *last_node = node;
            self.next_last = (self.next_last + 1) % LAST;
        }
    }

    /// The last directory on the way of a path that is remembered, and how it goes on from there.
    fn nearest<'p>(&self, path: &'p [u8]) -> (u32, &'p [u8]) {
        let mut end = path.len();
        while let Some(slash) = find_last(b'/', path.get(..end).unwrap_or_default()) {
            let (start, rest) = path.split_at(slash);
            let mut last = self.last.iter();
            if let Some((_, node)) = last.find(|(directory, _)| directory == start) {
                return (*node, rest);
            }
            end = slash;
        }
        (ROOT, path)
    }

    /// What is known of the file of a name.
    pub(crate) fn known(&self, name: Name) -> Option<Known> {
        let slot = &self.slots[name.0 as usize];
        slot.file.map(|file| Known {
            file,
            file_type: slot.file_type,
            is_entry: slot.is_entry,
            is_only: slot.is_only,
        })
    }

    /// Says which file a name stands for now, which replaces what was known of it.
    pub(crate) fn identify(&mut self, name: Name, known: Known) {
        let losses = self.losses;
        let slot = &mut self.slots[name.0 as usize];
        let is_new = slot.file != Some(known.file);
        if is_new || known.file_type != FileType::Unknown {
            slot.file_type = known.file_type;
        }
        slot.is_entry = known.is_entry || !is_new && slot.is_entry;
        slot.is_only = known.is_only || !is_new && slot.is_only;
        slot.losses = losses;
        if is_new {
            self.unlist(name.0);
            let slot = &mut self.slots[name.0 as usize];
            (slot.file, slot.identified) = (Some(known.file), losses);
            if slot.is_attached {
                self.list(name.0);
            }
        }
    }

    /// Says that a file got another name.
    pub(crate) fn add_link(&mut self, file: FileId) {
        let mut at = self.first_name_of(file);
        while at != NONE {
            let slot = &mut self.slots[at as usize];
            slot.is_only = false;
            at = slot.next;
        }
    }

    /// Marks a name as held until it is unpinned. `false` if it was marked already.
    pub(crate) fn pin(&mut self, name: Name) -> bool {
        !std::mem::replace(&mut self.slots[name.0 as usize].is_pinned, true)
    }

    /// Releases a name that was pinned. `false` if it was not.
    pub(crate) fn unpin(&mut self, name: Name) -> bool {
        let was_pinned = std::mem::take(&mut self.slots[name.0 as usize].is_pinned);
        if was_pinned {
            self.release(name);
        }
        was_pinned
    }

    /// The names of a file that have a path, or none if there are too many to tell apart.
    pub(crate) fn names_of(&self, file: FileId) -> impl Iterator<Item = Name> {
        let first = self.first_name_of(file);
        let are_few = self.chain(first).nth(MAX_NAMES).is_none();
        self.chain(first).filter(move |_| are_few)
    }

    /// As [`names_of`](Self::names_of), however many there are.
    pub(crate) fn all_names_of(&self, file: FileId) -> impl Iterator<Item = Name> {
        self.chain(self.first_name_of(file))
    }

    fn first_name_of(&self, file: FileId) -> u32 {
        self.by_file.get(&file).copied().unwrap_or(NONE)
    }

    /// A name and its next neighbours.
    fn chain(&self, first: u32) -> impl Iterator<Item = Name> {
        let all = std::iter::successors((first != NONE).then_some(first), |at| {
            let next = self.slots[*at as usize].next;
            (next != NONE).then_some(next)
        });
        all.map(Name)
    }

    /// The names with this last part of whose file nothing is known, but perhaps of the directory
    /// that holds it. This looks at each name without a file.
    pub(crate) fn unidentified(
        &self,
        last: &[u8],
        may_hold: impl Fn(Option<FileId>) -> bool,
    ) -> impl Iterator<Item = Name> {
        let all = self.chain(self.unidentified);
        all.filter(move |Name(at)| {
            let slot = &self.slots[*at as usize];
            *slot.name == *last && may_hold(self.slots[slot.parent as usize].file)
        })
    }

    /// How many names have a path, but no known file.
    pub(crate) fn unidentified_len(&self) -> usize {
        self.unidentified_len
    }

    /// Whether no other name that has a path is that of the same file.
    pub(crate) fn is_only_name(&self, name: Name) -> bool {
        let slot = &self.slots[name.0 as usize];
        slot.file.is_none() || (slot.previous, slot.next) == (NONE, NONE)
    }

    /// Adds a name to those of its file, or to those without one.
    fn list(&mut self, at: u32) {
        let first = match self.slots[at as usize].file {
            Some(file) => self.by_file.insert(file, at).unwrap_or(NONE),
            None => {
                self.unidentified_len += 1;
                std::mem::replace(&mut self.unidentified, at)
            }
        };
        let slot = &mut self.slots[at as usize];
        (slot.previous, slot.next) = (NONE, first);
        if first != NONE {
            self.slots[first as usize].previous = at;
        }
    }

    /// Takes a name out of those of its file, or of those without one.
    fn unlist(&mut self, at: u32) {
        let slot = &mut self.slots[at as usize];
        if !slot.is_attached {
            return;
        }
        let file = slot.file;
        self.unidentified_len -= usize::from(file.is_none());
        let (previous, next) = (slot.previous, slot.next);
        (slot.previous, slot.next) = (NONE, NONE);
        if next != NONE {
            self.slots[next as usize].previous = previous;
        }
        if previous != NONE {
            self.slots[previous as usize].next = next;
            return;
        }
        match file {
            Some(file) if next != NONE => {
                self.by_file.insert(file, next);
            }
            Some(file) => {
                self.by_file.remove(&file);
            }
            None => self.unidentified = next,
        }
    }

    /// One more holder.
    pub(crate) fn share(&mut self, node: Name) -> Name {
        self.slots[node.0 as usize].uses += 1;
        node
    }

    /// One holder less. Nodes that nobody needs are gone, up the branch.
    pub(crate) fn release(&mut self, node: Name) {
        let mut at = node.0;
        loop {
            let slot = &mut self.slots[at as usize];
            slot.uses -= 1;
            if slot.uses > 0 {
                return;
            }
            self.detach(Name(at));
            let slot = &mut self.slots[at as usize];
            slot.next = std::mem::replace(&mut self.free, at);
            self.used -= 1;
            at = slot.parent;
        }
    }

    /// Takes a node out of its directory: its path, and that of all below it, is no more.
    pub(crate) fn detach(&mut self, node: Name) {
        let slot = &self.slots[node.0 as usize];
        if node.0 == ROOT || !slot.is_attached {
            return;
        }
        let hash = self.hash(slot.parent, &slot.name);
        if slot.is_parent {
            self.forget_last(node);
        }
        if let Ok(entry) = self.children.find_entry(hash, |child| *child == node.0) {
            entry.remove();
        }
        self.unlist(node.0);
        self.slots[node.0 as usize].is_attached = false;
    }

    /// Forgets the directories that are in a node: what is looked up next is not to start from what
    /// has gone.
    fn forget_last(&mut self, node: Name) {
        for at in 0..LAST {
            if self.is_within(Name(self.last[at].1), node) {
                let (directory, at) = &mut self.last[at];
                directory.clear();
                *at = ROOT;
            }
        }
    }

    /// Gives a name, with everything below it, another path. A name that was there loses it.
    pub(crate) fn rename(&mut self, node: Name, path: &[u8]) {
        let Some(name) = names(path).last() else {
            return;
        };
        let directory = self.hold(path.get(..path.len() - name.len()).unwrap_or_default());
        self.move_to(node, directory, name);
        self.release(directory);
    }

    /// As [`rename`](Self::rename), to a name in a directory.
    pub(crate) fn move_to(&mut self, node: Name, directory: Name, name: &[u8]) {
        if self.is_within(directory, node) {
            return;
        }
        if let Some(before) = self.child(directory.0, name) {
            self.detach(Name(before));
        }
        self.detach(node);
        let holder = &mut self.slots[directory.0 as usize];
        holder.uses += 1;
        holder.is_parent = true;
        let slot = &mut self.slots[node.0 as usize];
        let parent = std::mem::replace(&mut slot.parent, directory.0);
        self.bytes += slot.set_name(name);
        self.attach(node.0);
        self.release(Name(parent));
    }

    /// Writes the path of a name to `out`. `false` if it has none, or one that is too long.
    pub(crate) fn path(&self, node: Name, out: &mut Vec<u8>) -> bool {
        if let Some((directory, name)) = self.near(node) {
            out.clear();
            out.extend_from_slice(directory);
            if !name.is_empty() {
                out.push(b'/');
                out.extend_from_slice(name);
            }
            return out.len() <= MAX_PATH_BYTES;
        }
        let Some(size) = self.length(node) else {
            return false;
        };
        // Written from the end, since the branch is walked from the leaf.
        out.clear();
        out.resize(size.max(1), b'/');
        let mut end = size;
        for slot in self.branch(node) {
            let start = end - slot.name.len();
            out[start..end].copy_from_slice(&slot.name);
            end = start - 1;
        }
        true
    }

    /// The path of a name as that of a directory that is remembered, and a name in it.
    fn near(&self, node: Name) -> Option<(&[u8], &[u8])> {
        let path_of = |node| {
            let mut last = self.last.iter();
            last.find(|(_, at)| *at == node && node != ROOT)
        };
        if let Some((path, _)) = path_of(node.0) {
            return Some((path, b""));
        }
        let slot = &self.slots[node.0 as usize];
        let (directory, _) = path_of(slot.parent).filter(|_| slot.is_attached)?;
        Some((directory, &slot.name))
    }

    /// The length of a path in bytes, if the name has one of a length that is resolved.
    fn length(&self, node: Name) -> Option<usize> {
        self.branch(node).try_fold(0, |length, slot| {
            let length = length + slot.name.len() + 1;
            (slot.is_attached && length <= MAX_PATH_BYTES).then_some(length)
        })
    }

    /// Whether this is the path of a node.
    pub(crate) fn is_at(&self, node: Name, path: &[u8]) -> bool {
        let rest = self.branch(node).try_fold(path, |rest, slot| {
            let rest = rest.strip_suffix(slot.name.as_slice())?;
            rest.strip_suffix(b"/").filter(|_| slot.is_attached)
        });
        rest.is_some_and(|rest| rest.is_empty() && node.0 != ROOT)
    }

    /// How much memory it takes, in bytes, about.
    pub(crate) fn size(&self) -> usize {
        let slots = self.slots.capacity() * size_of::<Slot>();
        slots + self.children.capacity() * size_of::<u32>() + self.bytes
    }

    /// How many nodes there are, the root among them.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// A node and those above it, without the root.
    fn branch(&self, node: Name) -> impl Iterator<Item = &Slot> {
        std::iter::successors(Some(node.0), |at| Some(self.slots[*at as usize].parent))
            .take_while(|at| *at != ROOT)
            .map(|at| &self.slots[at as usize])
    }

    /// Whether each part of a path is so. `false` for a name that has no path any more, or one of too
    /// many parts.
    fn is_each(&self, node: Name, mut is_so: impl FnMut(&Slot) -> bool) -> bool {
        let (mut at, mut parts) = (node.0, 0);
        while at != ROOT {
            let slot = &self.slots[at as usize];
            parts += 1;
            if parts > MAX_PARTS || !slot.is_attached || !is_so(slot) {
                return false;
            }
            at = slot.parent;
        }
        true
    }

    fn is_within(&self, node: Name, ancestor: Name) -> bool {
        std::iter::successors(Some(node.0), |at| Some(self.slots[*at as usize].parent))
            .take_while(|at| *at != ROOT)
            .any(|at| at == ancestor.0)
    }

    fn child(&self, parent: u32, name: &[u8]) -> Option<u32> {
        let is = |child: &u32| {
            let slot = &self.slots[*child as usize];
            slot.parent == parent && *slot.name == *name
        };
        self.children.find(self.hash(parent, name), is).copied()
    }

    /// Adds a child that nobody holds yet; its parent has one use more.
    fn grow(&mut self, parent: u32, name: &[u8]) -> u32 {
        if self.free == NONE {
            self.free = u32::try_from(self.slots.len()).unwrap_or(NONE);
            self.slots.push(Slot::default());
        }
        let at = self.free;
        self.used += 1;
        let slot = &mut self.slots[at as usize];
        self.free = std::mem::replace(&mut slot.next, NONE);
        self.bytes += slot.set_name(name);
        slot.parent = parent;
        (slot.uses, slot.losses) = (0, self.losses);
        (slot.file, slot.file_type) = (None, FileType::Unknown);
        (slot.is_entry, slot.is_only, slot.is_parent) = (false, false, false);
        let holder = &mut self.slots[parent as usize];
        holder.uses += 1;
        holder.is_parent = true;
        self.attach(at);
        at
    }

    fn attach(&mut self, at: u32) {
        let Tree {
            slots,
            children,
            hasher,
            ..
        } = self;
        let rehash = |at: &u32| {
            let slot = &slots[*at as usize];
            hash(hasher, slot.parent, &slot.name)
        };
        children.insert_unique(rehash(&at), at, rehash);
        self.slots[at as usize].is_attached = true;
        self.list(at);
    }

    fn hash(&self, parent: u32, name: &[u8]) -> u64 {
        hash(&self.hasher, parent, name)
    }
}

/// The hash of a name in a directory. It needs no mark at the end of the name, because nothing else
/// in it varies in length.
fn hash(hasher: &DefaultHashBuilder, parent: u32, name: &[u8]) -> u64 {
    let mut hash = hasher.build_hasher();
    hash.write_u32(parent);
    hash.write(name);
    hash.finish()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn path(tree: &Tree, node: Name) -> Option<String> {
        let mut out = Vec::new();
        tree.path(node, &mut out)
            .then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_held_path_reads_back() {
        let mut tree = Tree::new();
        for text in ["/", "/a", "/a/b/c", "/a/b"] {
            let node = tree.hold(text.as_bytes());
            assert_eq!(path(&tree, node).as_deref(), Some(text));
            assert_eq!(tree.find(text.as_bytes()), Some(node));
        }
        assert_eq!(tree.find(b"/a/x"), None);
    }

    #[test]
    fn a_renamed_directory_moves_everything_below_it() {
        let mut tree = Tree::new();
        let (file, dir) = (tree.hold(b"/a/b/c/file"), tree.hold(b"/a/b"));
        tree.rename(dir, b"/x/y/z");
        assert_eq!(path(&tree, file).as_deref(), Some("/x/y/z/c/file"));
        assert_eq!(tree.find(b"/a/b"), None);
        assert_eq!(tree.find(b"/x/y/z"), Some(dir));
    }

    #[test]
    fn a_replaced_or_removed_file_has_no_path() {
        let mut tree = Tree::new();
        let (old, new) = (tree.hold(b"/d/old"), tree.hold(b"/d/new"));
        tree.rename(old, b"/d/new");
        assert_eq!(path(&tree, new), None);
        assert_eq!(path(&tree, old).as_deref(), Some("/d/new"));
        let below = tree.hold(b"/d/new/below");
        tree.detach(old);
        assert_eq!((path(&tree, old), path(&tree, below)), (None, None));
        let again = tree.hold(b"/d/new");
        assert_ne!(again, old);
    }

    #[test]
    fn a_directory_cannot_move_into_itself() {
        let mut tree = Tree::new();
        let dir = tree.hold(b"/a/b");
        tree.rename(dir, b"/a/b/c/d");
        assert_eq!(path(&tree, dir).as_deref(), Some("/a/b"));
    }

    #[test]
    fn released_nodes_are_used_again() {
        let mut tree = Tree::new();
        for round in 0..1000 {
            let node = tree.hold(format!("/a/{round}/c").as_bytes());
            if round % 3 == 0 {
                tree.detach(node);
            }
            let shared = tree.share(node);
            tree.rename(node, format!("/b/{round}").as_bytes());
            tree.release(node);
            tree.release(shared);
            assert_eq!(tree.len(), 1);
        }
        assert!(tree.slots.len() < 10);
    }

    #[test]
    fn a_path_is_found_from_the_last_directory_as_from_the_root() {
        let mut tree = Tree::new();
        let names = [
            "/a", "/a/b", "/a/b/c", "/a/bc", "/a/b/c/d", "/b", "/a//b", "/a/b/", "/a/b//c", "b",
            "a/b", "bc/b",
        ];
        let (mut held, mut random) = (Vec::new(), 1u32);
        for _ in 0..4_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let pick = |shift: u32, of: usize| (random >> shift) as usize % of;
            let path = names[pick(8, names.len())].as_bytes();
            match pick(16, 5) {
                0 => held.push(tree.hold(path)),
                1 if !held.is_empty() => tree.release(held.swap_remove(pick(20, held.len()))),
                2 if !held.is_empty() => tree.rename(held[pick(20, held.len())], path),
                3 if !held.is_empty() => tree.detach(held[pick(20, held.len())]),
                _ => {}
            }
            for path in names {
                let near = tree.find(path.as_bytes());
                let near_path = near.and_then(|near| self::path(&tree, near));
                let last = std::mem::replace(&mut tree.last, Tree::new().last);
                let far = tree.find(path.as_bytes());
                assert_eq!(near, far, "{path} from {last:?}");
                tree.last = Tree::new().last;
                let far_path = far.and_then(|far| self::path(&tree, far));
                assert_eq!(near_path, far_path, "{path} from {last:?}");
                tree.last = last;
            }
        }
    }

    pub(crate) fn file(inode: u64) -> FileId {
        let dev = (8, 1);
        FileId { dev, inode }
    }

    /// Holds a path that is the entry of a file.
    pub(crate) fn identified(tree: &mut Tree, path: &str, inode: u64, is_only: bool) -> Name {
        let name = tree.hold(path.as_bytes());
        let known = Known {
            file: file(inode),
            file_type: FileType::Other,
            is_entry: true,
            is_only,
        };
        tree.identify(name, known);
        name
    }

    pub(crate) fn names_of(tree: &Tree, inode: u64) -> Vec<String> {
        let names = tree.names_of(file(inode));
        let mut paths: Vec<String> = names.filter_map(|name| path(tree, name)).collect();
        paths.sort();
        paths
    }

    #[test]
    fn a_file_is_found_by_each_of_its_names() {
        let mut tree = Tree::new();
        let a = identified(&mut tree, "/a", 1, false);
        let b = identified(&mut tree, "/d/b", 1, false);
        let c = identified(&mut tree, "/c", 1, false);
        assert_eq!(names_of(&tree, 1), ["/a", "/c", "/d/b"]);
        tree.rename(b, b"/e/b");
        assert_eq!(names_of(&tree, 1), ["/a", "/c", "/e/b"]);
        // A removed name may still be held, but is none of the file any more.
        tree.detach(b);
        assert_eq!(names_of(&tree, 1), ["/a", "/c"]);
        tree.release(a);
        assert_eq!(names_of(&tree, 1), ["/c"]);
        // The name is that of another file now.
        identified(&mut tree, "/c", 2, false);
        assert_eq!(
            (names_of(&tree, 1).len(), names_of(&tree, 2)),
            (0, vec!["/c".to_owned()])
        );
        tree.release(c);
        tree.release(c);
        assert!(names_of(&tree, 2).is_empty() && tree.by_file.is_empty());
    }

    #[test]
    fn names_without_a_file_are_found_by_their_last_part() {
        let mut tree = Tree::new();
        let found = |tree: &Tree| {
            let names = tree.unidentified(b"b", |holder| holder != Some(file(1)));
            let mut paths: Vec<String> = names.filter_map(|name| path(tree, name)).collect();
            paths.sort_unstable();
            paths
        };
        for path in ["/a/b/c", "/d/b", "/e/b", "/b/e", "/f"] {
            tree.hold(path.as_bytes());
        }
        assert_eq!(found(&tree), ["/a/b", "/b", "/d/b", "/e/b"]);
        identified(&mut tree, "/e", 1, true);
        identified(&mut tree, "/d/b", 2, true);
        identified(&mut tree, "/", 3, true);
        assert_eq!(found(&tree), ["/a/b", "/b"]);
        let name = tree.find(b"/a").unwrap();
        tree.rename(name, b"/d/e");
        assert_eq!(found(&tree), ["/b", "/d/e/b"]);
        let name = tree.find(b"/b").unwrap();
        tree.detach(name);
        assert_eq!(found(&tree), ["/d/e/b"]);
    }

    #[test]
    fn of_too_many_names_none_is_given() {
        let mut tree = Tree::new();
        for number in 0..MAX_NAMES {
            identified(&mut tree, &format!("/{number}"), 1, false);
        }
        assert_eq!(names_of(&tree, 1).len(), MAX_NAMES);
        identified(&mut tree, "/more", 1, false);
        assert!(names_of(&tree, 1).is_empty());
    }

    #[test]
    fn a_slot_that_is_used_again_knows_nothing_of_its_last_name() {
        let mut tree = Tree::new();
        let name = identified(&mut tree, "/a", 1, true);
        tree.release(name);
        let again = tree.hold(b"/b");
        assert_eq!((again, tree.known(again)), (name, None));
        assert!(names_of(&tree, 1).is_empty() && !tree.is_canonical(again));
        assert!(tree.pin(again), "it is not pinned");
    }

    #[test]
    fn a_pinned_name_is_held_once_until_it_is_unpinned() {
        let mut tree = Tree::new();
        let name = tree.hold(b"/a");
        assert_eq!([tree.pin(name), tree.pin(name)], [true, false]);
        assert_eq!(path(&tree, name).as_deref(), Some("/a"));
        let shared = tree.share(name);
        assert_eq!([tree.unpin(name), tree.unpin(name)], [true, false]);
        assert_eq!(path(&tree, shared).as_deref(), Some("/a"));
        tree.release(shared);
        assert_eq!(tree.len(), 1);
    }

    #[test]
    fn another_link_makes_no_name_the_only_one() {
        let mut tree = Tree::new();
        let name = identified(&mut tree, "/a", 1, true);
        assert!(tree.known(name).unwrap().is_only);
        tree.add_link(file(1));
        assert!(!tree.known(name).unwrap().is_only);
    }

    #[test]
    fn a_path_is_compared_without_being_written() {
        let mut tree = Tree::new();
        let name = tree.hold(b"/a/bc");
        assert!(tree.is_at(name, b"/a/bc"));
        for other in ["/a/b", "/a/c", "a/bc", "/x/a/bc", "/a", "", "/", "/abc"] {
            assert!(!tree.is_at(name, other.as_bytes()), "{other}");
        }
        tree.detach(name);
        assert!(!tree.is_at(name, b"/a/bc"));
    }

    #[test]
    fn a_path_that_is_too_long_has_none() {
        let mut tree = Tree::new();
        let directory = tree.hold("/d".repeat(MAX_PATH_BYTES / 2).as_bytes());
        assert_eq!(
            path(&tree, directory).map(|path| path.len()),
            Some(MAX_PATH_BYTES)
        );
        let below = tree.hold(b"/x");
        tree.move_to(below, directory, b"y");
        assert_eq!(path(&tree, below), None);
    }
}
