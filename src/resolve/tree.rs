//! Paths as a tree of names, so that renaming a directory moves all that is below it at once.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use smallvec::SmallVec;

use crate::{
    model::FileId,
    resolve::text::{dirname, names},
};

/// A place in the tree. It stays the same thing through renames, and stays valid until it is
/// released.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Node(u32);

/// The names known. Each node counts those who hold it and its children, and goes when there are
/// none; the slots and their buffers are used again.
#[derive(Debug)]
pub(crate) struct Tree {
    slots: Vec<Slot>,
    free: Vec<u32>,
    children: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// Memory of all names, those of free slots among them.
    bytes: usize,
    /// The directory of the last path that was looked up: the next one is often in it, too.
    last: (Vec<u8>, u32),
}

#[derive(Debug, Default)]
struct Slot {
    /// Most names are short, and need no memory of their own.
    name: SmallVec<[u8; 24]>,
    parent: u32,
    uses: u32,
    /// The file that it is, where that is known.
    file: Option<FileId>,
    /// Whether its parent knows it. What was removed or replaced is not, but may still be held.
    attached: bool,
}

impl Slot {
    /// Gives it a name, and returns how much more memory that takes.
    fn call(&mut self, name: &[u8]) -> usize {
        let before = self.name.capacity();
        self.name.clear();
        self.name.extend_from_slice(name);
        self.name.capacity() - before
    }
}

const ROOT: u32 = 0;

impl Tree {
    pub(crate) fn new() -> Tree {
        let root = Slot {
            uses: 1,
            attached: true,
            ..Slot::default()
        };
        Tree {
            slots: vec![root],
            free: Vec::new(),
            children: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            bytes: 0,
            last: (Vec::new(), ROOT),
        }
    }

    /// The node of an absolute, clean path, made if need be. The caller holds it until `release`.
    pub(crate) fn hold(&mut self, path: &[u8]) -> Node {
        let (mut at, rest) = self.nearest(path);
        let mut directory = at;
        for name in names(rest) {
            directory = at;
            at = self.child(at, name).unwrap_or_else(|| self.grow(at, name));
        }
        self.slots[at as usize].uses += 1;
        self.remember(path, directory);
        Node(at)
    }

    /// The node of a path, where there is one already. The caller does not hold it.
    pub(crate) fn find(&mut self, path: &[u8]) -> Option<Node> {
        let (mut at, rest) = self.nearest(path);
        let mut directory = at;
        for name in names(rest) {
            directory = at;
            at = self.child(at, name)?;
        }
        self.remember(path, directory);
        Some(Node(at))
    }

    /// The node from which a path is walked, and how it goes on from there.
    fn nearest<'p>(&self, path: &'p [u8]) -> (u32, &'p [u8]) {
        let (last, node) = &self.last;
        match path.strip_prefix(last.as_slice()) {
            Some(rest @ [b'/', ..]) => (*node, rest),
            _ => (ROOT, path),
        }
    }

    /// Remembers the directory of a path.
    fn remember(&mut self, path: &[u8], directory: u32) {
        let (last, node) = &mut self.last;
        if *node == directory {
            return;
        }
        let path = dirname(path);
        last.clear();
        last.extend_from_slice(path.strip_suffix(b"/").unwrap_or(path));
        *node = directory;
    }

    /// The file that a node is known to be.
    pub(crate) fn file(&self, node: Node) -> Option<FileId> {
        self.slots[node.0 as usize].file
    }

    /// Says which file a node is.
    pub(crate) fn identify(&mut self, node: Node, file: FileId) {
        self.slots[node.0 as usize].file = Some(file);
    }

    /// One more holder.
    pub(crate) fn share(&mut self, node: Node) -> Node {
        self.slots[node.0 as usize].uses += 1;
        node
    }

    /// One holder less. Nodes that nobody needs are gone, up the branch.
    pub(crate) fn release(&mut self, node: Node) {
        let mut at = node.0;
        loop {
            let slot = &mut self.slots[at as usize];
            slot.uses -= 1;
            if slot.uses > 0 {
                return;
            }
            self.detach(Node(at));
            self.free.push(at);
            at = self.slots[at as usize].parent;
        }
    }

    /// Takes a node out of its directory: its path, and that of all below it, is no more.
    pub(crate) fn detach(&mut self, node: Node) {
        let slot = &self.slots[node.0 as usize];
        if node.0 == ROOT || !slot.attached {
            return;
        }
        let hash = self.hash(slot.parent, &slot.name);
        // What is looked up next is not to start from what has gone.
        if self.is_within(Node(self.last.1), node) {
            self.last.0.clear();
            self.last.1 = ROOT;
        }
        if let Ok(entry) = self.children.find_entry(hash, |child| *child == node.0) {
            entry.remove();
        }
        self.slots[node.0 as usize].attached = false;
    }

    /// Gives a node, with all below it, another path. What had that path before loses it.
    pub(crate) fn rename(&mut self, node: Node, path: &[u8]) {
        let Some(name) = names(path).last() else {
            return;
        };
        let directory = self.hold(path.get(..path.len() - name.len()).unwrap_or_default());
        if self.is_within(directory, node) {
            self.release(directory);
            return;
        }
        if let Some(before) = self.child(directory.0, name) {
            self.detach(Node(before));
        }
        self.detach(node);
        let slot = &mut self.slots[node.0 as usize];
        let parent = std::mem::replace(&mut slot.parent, directory.0);
        self.bytes += slot.call(name);
        self.attach(node.0);
        self.release(Node(parent));
    }

    /// Writes the path of a node to `out`, or says that it has none.
    pub(crate) fn path(&self, node: Node, out: &mut Vec<u8>) -> bool {
        if !self.has_path(node) {
            return false;
        }
        // Written from the end, since the branch is walked from the leaf.
        let size: usize = self.branch(node).map(|slot| slot.name.len() + 1).sum();
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

    /// Whether a node has a path.
    pub(crate) fn has_path(&self, node: Node) -> bool {
        self.branch(node).all(|slot| slot.attached)
    }

    /// Whether this is the path of a node.
    pub(crate) fn is_at(&self, node: Node, path: &[u8]) -> bool {
        let rest = self.branch(node).try_fold(path, |rest, slot| {
            let rest = rest.strip_suffix(slot.name.as_slice())?;
            rest.strip_suffix(b"/").filter(|_| slot.attached)
        });
        rest.is_some_and(|rest| rest.is_empty() && node.0 != ROOT)
    }

    /// How much memory it takes, in bytes, about.
    pub(crate) fn size(&self) -> usize {
        let slots = self.slots.capacity() * size_of::<Slot>();
        let places = self.free.capacity() + self.children.capacity();
        slots + places * size_of::<u32>() + self.bytes
    }

    /// How many nodes there are, the root among them.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// A node and those above it, without the root.
    fn branch(&self, node: Node) -> impl Iterator<Item = &Slot> {
        std::iter::successors(Some(node.0), |at| Some(self.slots[*at as usize].parent))
            .take_while(|at| *at != ROOT)
            .map(|at| &self.slots[at as usize])
    }

    fn is_within(&self, node: Node, ancestor: Node) -> bool {
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
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let slot = &mut self.slots[at as usize];
        self.bytes += slot.call(name);
        slot.parent = parent;
        slot.uses = 0;
        slot.file = None;
        self.slots[parent as usize].uses += 1;
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
        let hash = |at: &u32| {
            let slot = &slots[*at as usize];
            hasher.hash_one((slot.parent, slot.name.as_slice()))
        };
        children.insert_unique(hash(&at), at, hash);
        self.slots[at as usize].attached = true;
    }

    fn hash(&self, parent: u32, name: &[u8]) -> u64 {
        self.hasher.hash_one((parent, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(tree: &Tree, node: Node) -> Option<String> {
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
    fn what_is_below_a_renamed_directory_moves_with_it() {
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
            "/a", "/a/b", "/a/b/c", "/a/bc", "/a/b/c/d", "/b", "/a//b", "/a/b/",
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
                let last = std::mem::replace(&mut tree.last, (Vec::new(), ROOT));
                assert_eq!(near, tree.find(path.as_bytes()), "{path} from {last:?}");
                tree.last = last;
            }
        }
    }
}
