//! File systems and mounts: directory entries, inodes, and the places where they are mounted.

use std::{collections::BTreeMap, sync::Arc};

/// One name of one file, as the kernel's dentry: it keeps its identity through renames.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Dentry(pub(crate) usize);

/// A place: an entry as seen through a mount.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct At {
    pub(crate) mount: usize,
    pub(crate) dentry: Dentry,
}

/// What a process takes for the root, and so how it reads paths.
pub(crate) type Root = At;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Errno(pub(crate) i64);

pub(crate) const EPERM: Errno = Errno(1);
pub(crate) const ENOENT: Errno = Errno(2);
pub(crate) const EBADF: Errno = Errno(9);
pub(crate) const EACCES: Errno = Errno(13);
pub(crate) const EBUSY: Errno = Errno(16);
pub(crate) const EEXIST: Errno = Errno(17);
pub(crate) const EXDEV: Errno = Errno(18);
pub(crate) const ENOTDIR: Errno = Errno(20);
pub(crate) const EISDIR: Errno = Errno(21);
pub(crate) const EINVAL: Errno = Errno(22);
pub(crate) const ENOTEMPTY: Errno = Errno(39);
pub(crate) const ELOOP: Errno = Errno(40);
pub(crate) const EOPNOTSUPP: Errno = Errno(95);

/// Symbolic links that one lookup follows (include/linux/namei.h, `MAXSYMLINKS`).
const MAXSYMLINKS: usize = 40;

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) parent: Dentry,
    pub(crate) name: Arc<str>,
    pub(crate) inode: usize,
    /// Whether its directory has it. What was removed may still be open.
    pub(crate) alive: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Inode {
    pub(crate) device: usize,
    pub(crate) number: u64,
    pub(crate) links: u32,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Directory(BTreeMap<Arc<str>, Dentry>),
    File,
    Link(Arc<str>),
}

impl Kind {
    /// The file type bits and permissions, in octal as a record prints them.
    pub(crate) fn mode(&self) -> &'static str {
        match self {
            Kind::Directory(_) => "040755",
            Kind::File => "0100644",
            Kind::Link(_) => "0120777",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Mount {
    pub(crate) namespace: usize,
    /// Where it is mounted. The first of a namespace and those that were detached have none.
    pub(crate) on: Option<At>,
    pub(crate) root: Dentry,
}

/// Major and minor number of a device by its index. The first is a disk, whose inode numbers are
/// used again at once, as ext4 does.
pub(crate) fn device(index: usize) -> (u32, u32) {
    match index {
        0 => (0xfe, 0),
        index => (0, 0x18 + u32::try_from(index).expect("small")),
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) entries: Vec<Entry>,
    pub(crate) inodes: Vec<Inode>,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) devices: usize,
    pub(crate) namespaces: usize,
}

/// The last part of a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Last {
    Name(Arc<str>),
    Dot,
    DotDot,
    Root,
}

/// A lookup that stopped before the last part.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    pub(crate) directory: At,
    pub(crate) last: Last,
    /// Whether slashes follow.
    pub(crate) slashes: bool,
}

/// What the last part of a name stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Follow {
    /// The entry itself, whatever is mounted on it.
    Entry,
    /// What is there, if it is a symbolic link that.
    No,
    /// What is there, behind all symbolic links.
    Yes,
}

impl Follow {
    pub(crate) const ALL: [Follow; 3] = [Follow::Entry, Follow::No, Follow::Yes];

    pub(crate) fn links(follow: bool) -> Follow {
        if follow { Follow::Yes } else { Follow::No }
    }
}

/// Where a name leads: the last entry that there is, and the parts that are not there.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) at: At,
    pub(crate) rest: Vec<Arc<str>>,
}

impl PartialEq for Place {
    /// Through which mount makes no difference.
    fn eq(&self, other: &Place) -> bool {
        self.at.dentry == other.at.dentry && self.rest == other.rest
    }
}

/// The root of the root namespace.
pub(crate) const HOST: Root = At {
    mount: 0,
    dentry: Dentry(0),
};

/// The mount that sockets and pipes are on, which nobody sees.
pub(crate) const SOCKETS: usize = 1;

impl Tree {
    /// One empty disk.
    pub(crate) fn new() -> Tree {
        let mut tree = Tree {
            entries: Vec::new(),
            inodes: Vec::new(),
            mounts: Vec::new(),
            devices: 0,
            namespaces: 1,
        };
        let root = tree.format();
        tree.mounts.push(Mount {
            namespace: 0,
            on: None,
            root,
        });
        let root = tree.format();
        tree.mounts.push(Mount {
            namespace: usize::MAX,
            on: None,
            root,
        });
        tree
    }

    pub(crate) fn is_socket(&self, at: At) -> bool {
        at.mount == SOCKETS
    }

    /// The root directory of a new file system.
    pub(crate) fn format(&mut self) -> Dentry {
        let device = self.devices;
        self.devices += 1;
        let root = Dentry(self.entries.len());
        self.inodes.push(Inode {
            device,
            number: 2,
            links: 2,
            kind: Kind::Directory(BTreeMap::new()),
        });
        self.entries.push(Entry {
            parent: root,
            name: "/".into(),
            inode: self.inodes.len() - 1,
            alive: true,
        });
        root
    }

    pub(crate) fn inode(&self, dentry: Dentry) -> &Inode {
        &self.inodes[self.entries[dentry.0].inode]
    }

    pub(crate) fn kind(&self, dentry: Dentry) -> &Kind {
        &self.inode(dentry).kind
    }

    pub(crate) fn children(&self, dentry: Dentry) -> Option<&BTreeMap<Arc<str>, Dentry>> {
        match self.kind(dentry) {
            Kind::Directory(children) => Some(children),
            _ => None,
        }
    }

    pub(crate) fn is_directory(&self, dentry: Dentry) -> bool {
        self.children(dentry).is_some()
    }

    pub(crate) fn child(&self, directory: Dentry, name: &str) -> Option<Dentry> {
        self.children(directory)?.get(name).copied()
    }

    fn children_mut(&mut self, dentry: Dentry) -> &mut BTreeMap<Arc<str>, Dentry> {
        let inode = self.entries[dentry.0].inode;
        match &mut self.inodes[inode].kind {
            Kind::Directory(children) => children,
            _ => unreachable!("only directories have entries"),
        }
    }

    /// A new file with one name, or with none yet.
    pub(crate) fn make(
        &mut self,
        directory: Dentry,
        name: Option<&Arc<str>>,
        kind: Kind,
        number: u64,
    ) -> Dentry {
        let device = self.inode(directory).device;
        self.inodes.push(Inode {
            device,
            number,
            links: 0,
            kind,
        });
        let inode = self.inodes.len() - 1;
        let nameless: Arc<str> = "#1".into();
        let dentry = Dentry(self.entries.len());
        self.entries.push(Entry {
            parent: directory,
            name: name.unwrap_or(&nameless).clone(),
            inode,
            alive: false,
        });
        if let Some(name) = name {
            self.attach(dentry, directory, name);
        }
        dentry
    }

    /// A second name for a file.
    pub(crate) fn link(&mut self, file: Dentry, directory: Dentry, name: &Arc<str>) -> Dentry {
        let dentry = Dentry(self.entries.len());
        self.entries.push(Entry {
            parent: directory,
            name: name.clone(),
            inode: self.entries[file.0].inode,
            alive: false,
        });
        self.attach(dentry, directory, name);
        dentry
    }

    fn attach(&mut self, dentry: Dentry, directory: Dentry, name: &Arc<str>) {
        self.children_mut(directory).insert(name.clone(), dentry);
        let entry = &mut self.entries[dentry.0];
        (entry.parent, entry.name, entry.alive) = (directory, name.clone(), true);
        let inode = entry.inode;
        self.inodes[inode].links += 1;
    }

    /// Takes a name away. What is mounted there in other namespaces goes with it.
    pub(crate) fn detach(&mut self, dentry: Dentry) {
        let Entry { parent, name, .. } = self.entries[dentry.0].clone();
        self.children_mut(parent).remove(&name);
        let entry = &mut self.entries[dentry.0];
        entry.alive = false;
        let inode = entry.inode;
        self.inodes[inode].links -= 1;
        for mount in &mut self.mounts {
            if mount.on.is_some_and(|on| on.dentry == dentry) {
                mount.on = None;
            }
        }
    }

    pub(crate) fn rename(&mut self, dentry: Dentry, directory: Dentry, name: &Arc<str>) {
        let mounts = self.mounts.clone();
        if let Some(victim) = self.child(directory, name) {
            self.detach(victim);
        }
        let kept: Vec<Option<At>> = self.mounts.iter().map(|mount| mount.on).collect();
        self.detach(dentry);
        self.attach(dentry, directory, name);
        for ((mount, before), kept) in self.mounts.iter_mut().zip(mounts).zip(kept) {
            mount.on = kept.and(before.on);
        }
    }

    pub(crate) fn exchange(&mut self, one: Dentry, other: Dentry) {
        let (first, second) = (self.entries[one.0].clone(), self.entries[other.0].clone());
        self.children_mut(first.parent)
            .insert(first.name.clone(), other);
        self.children_mut(second.parent)
            .insert(second.name.clone(), one);
        let entry = &mut self.entries[one.0];
        (entry.parent, entry.name) = (second.parent, second.name);
        let entry = &mut self.entries[other.0];
        (entry.parent, entry.name) = (first.parent, first.name);
    }

    /// Whether one directory is another, or below it.
    pub(crate) fn is_within(&self, mut dentry: Dentry, directory: Dentry) -> bool {
        loop {
            let parent = self.entries[dentry.0].parent;
            if dentry == directory {
                return true;
            }
            if parent == dentry {
                return false;
            }
            dentry = parent;
        }
    }

    /// What is mounted here, on top of all.
    pub(crate) fn cross(&self, mut at: At) -> At {
        while let Some(mount) = self.mounts.iter().rposition(|mount| mount.on == Some(at)) {
            at = At {
                mount,
                dentry: self.mounts[mount].root,
            };
        }
        at
    }

    /// Whether something is mounted here in a namespace.
    pub(crate) fn is_mountpoint(&self, dentry: Dentry, namespace: usize) -> bool {
        self.mounts.iter().any(|mount| {
            mount.namespace == namespace && mount.on.is_some_and(|on| on.dentry == dentry)
        })
    }

    fn up(&self, mut at: At, root: Root) -> Result<At, Errno> {
        loop {
            if at == root {
                return Ok(self.cross(at));
            }
            let mount = &self.mounts[at.mount];
            if at.dentry != mount.root {
                at.dentry = self.entries[at.dentry.0].parent;
                // It may have been moved out of what is mounted here.
                let is_there = self.is_within(at.dentry, mount.root);
                return is_there.then(|| self.cross(at)).ok_or(ENOENT);
            }
            match mount.on {
                Some(on) => at = on,
                None => return Ok(self.cross(at)),
            }
        }
    }

    fn step(&self, at: At, last: &Last, root: Root) -> Result<At, Errno> {
        if !self.is_directory(at.dentry) {
            return Err(ENOTDIR);
        }
        match last {
            Last::Dot => Ok(at),
            Last::DotDot => self.up(at, root),
            Last::Root => Ok(root),
            Last::Name(name) => {
                let dentry = self.child(at.dentry, name).ok_or(ENOENT)?;
                Ok(self.cross(At { dentry, ..at }))
            }
        }
    }

    /// Walks a name up to its last part (fs/namei.c, `path_parentat`).
    pub(crate) fn walk(&self, base: At, root: Root, name: &str) -> Result<Walk, Errno> {
        self.walk_within(base, root, name, &mut { MAXSYMLINKS })
    }

    fn walk_within(
        &self,
        base: At,
        root: Root,
        name: &str,
        links: &mut usize,
    ) -> Result<Walk, Errno> {
        if name.is_empty() {
            return Err(ENOENT);
        }
        let mut directory = if name.starts_with('/') { root } else { base };
        let mut parts = name.split('/').filter(|part| !part.is_empty());
        let Some(mut part) = parts.next() else {
            return Ok(Walk {
                directory,
                last: Last::Root,
                slashes: false,
            });
        };
        for next in parts {
            directory = self.follow(directory, &part_of(part), root, links)?;
            if !self.is_directory(directory.dentry) {
                return Err(ENOTDIR);
            }
            part = next;
        }
        Ok(Walk {
            directory,
            last: part_of(part),
            slashes: name.ends_with('/'),
        })
    }

    fn follow(
        &self,
        directory: At,
        last: &Last,
        root: Root,
        links: &mut usize,
    ) -> Result<At, Errno> {
        let at = self.step(directory, last, root)?;
        let Kind::Link(text) = self.kind(at.dentry) else {
            return Ok(at);
        };
        *links = links.checked_sub(1).ok_or(ELOOP)?;
        let walk = self.walk_within(directory, root, text, links)?;
        let at = self.follow(walk.directory, &walk.last, root, links)?;
        match walk.slashes && !self.is_directory(at.dentry) {
            true => Err(ENOTDIR),
            false => Ok(at),
        }
    }

    /// Ends a walk: the file that its last part names.
    pub(crate) fn finish(&self, walk: &Walk, root: Root, follow: bool) -> Result<At, Errno> {
        let at = match follow || walk.slashes {
            true => self.follow(walk.directory, &walk.last, root, &mut { MAXSYMLINKS })?,
            false => self.step(walk.directory, &walk.last, root)?,
        };
        if walk.slashes && !self.is_directory(at.dentry) {
            return Err(ENOTDIR);
        }
        Ok(at)
    }

    pub(crate) fn look_up(
        &self,
        base: At,
        root: Root,
        name: &str,
        follow: bool,
    ) -> Result<At, Errno> {
        self.finish(&self.walk(base, root, name)?, root, follow)
    }

    /// Where a name leads, and how much of it is not there.
    pub(crate) fn place(&self, base: At, root: Root, name: &str, follow: Follow) -> Place {
        let split =
            |text: &str| -> Vec<Arc<str>> { text.split('/').rev().map(Arc::from).collect() };
        let mut at = if name.starts_with('/') { root } else { base };
        let (mut parts, mut links) = (split(name), MAXSYMLINKS);
        while let Some(part) = parts.pop() {
            if part.is_empty() || &*part == "." {
                continue;
            }
            let is_last = parts.iter().all(|part| matches!(&**part, "" | "."));
            let next = match self.child(at.dentry, &part) {
                Some(dentry) if follow == Follow::Entry && is_last => Ok(At { dentry, ..at }),
                _ => self.step(at, &part_of(&part), root),
            };
            match next.map(|next| (next, self.kind(next.dentry))) {
                Ok((_, Kind::Link(text))) if (follow == Follow::Yes || !is_last) && links > 0 => {
                    links -= 1;
                    at = if text.starts_with('/') { root } else { at };
                    parts.extend(split(text));
                }
                Ok((next, Kind::Directory(_))) => at = next,
                Ok((next, _)) if is_last => at = next,
                _ => {
                    parts.push(part);
                    break;
                }
            }
        }
        parts.retain(|part| !part.is_empty() && &**part != ".");
        parts.reverse();
        Place { at, rest: parts }
    }

    /// Whether a place has a path at all: it was not removed, and its mount not detached.
    pub(crate) fn is_attached(&self, at: At, root: Root) -> bool {
        let mut mount = at.mount;
        while let Some(on) = self.mounts[mount].on {
            mount = on.mount;
        }
        let is_first = self.mounts[mount].namespace != usize::MAX
            && self
                .mounts
                .iter()
                .position(|first| first.namespace == self.mounts[mount].namespace)
                == Some(mount);
        let is_within = self.is_within(at.dentry, self.mounts[at.mount].root);
        is_within && self.entries[at.dentry.0].alive && (is_first || mount == root.mount)
    }

    /// The path of a place, as d_path() in fs/d_path.c says it: below the root, if it is there.
    pub(crate) fn path(&self, at: At, root: Root) -> String {
        let mut names = Vec::new();
        let mut here = at;
        while here != root {
            let entry = &self.entries[here.dentry.0];
            if here.dentry != self.mounts[here.mount].root && here.dentry != entry.parent {
                names.push(&*entry.name);
                here.dentry = entry.parent;
            } else if let Some(on) = self.mounts[here.mount].on {
                here = on;
            } else {
                break;
            }
        }
        names.reverse();
        let deleted = if self.entries[at.dentry.0].alive {
            ""
        } else {
            " (deleted)"
        };
        format!("/{}{deleted}", names.join("/"))
    }
}

fn part_of(part: &str) -> Last {
    match part {
        "." => Last::Dot,
        ".." => Last::DotDot,
        name => Last::Name(name.into()),
    }
}
