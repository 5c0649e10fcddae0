//! Which directories names lead to, at each moment of a workload.
//!
//! Symbolic links and bind mounts come and go while a workload runs, so that it cannot be asked
//! afterwards where a name led. They are followed here, from those that were there before.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
};

/// A process may follow as many links in one name (path_resolution(7)).
const MOST_LINKS: u32 = 40;

/// The links below a directory. Elsewhere nothing changes, and the host is asked.
#[derive(Clone)]
pub(super) struct World {
    root: Vec<u8>,
    links: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Directories that are seen in another place too, by that place. It is so for those in the
    /// same namespace only, and nobody else uses that place afterwards.
    mounts: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// How a name ends where it names a link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Last {
    Kept,
    Followed,
}

impl World {
    /// The links that there are below a directory, whose own path has none in it.
    pub(super) fn now(root: &Path) -> World {
        let mut world = World {
            root: root.as_os_str().as_bytes().to_owned(),
            links: BTreeMap::new(),
            mounts: BTreeMap::new(),
        };
        world.look_into(root);
        world
    }

    fn look_into(&mut self, directory: &Path) {
        for entry in fs::read_dir(directory).expect("it can be read") {
            let path = entry.expect("an entry").path();
            if let Ok(target) = fs::read_link(&path) {
                let target = target.into_os_string().into_vec();
                self.links.insert(path.into_os_string().into_vec(), target);
            } else if path.is_dir() {
                self.look_into(&path);
            }
        }
    }

    /// Where a name leads for a process with this root, from a directory that is given as it is
    /// seen from outside of that root. None where it leads round in circles.
    pub(super) fn walk(
        &self,
        root: &[u8],
        from: &[u8],
        name: &[u8],
        last: Last,
    ) -> Option<Vec<u8>> {
        let mut at = if name.starts_with(b"/") { root } else { from }.to_owned();
        if at == b"/" {
            at.clear();
        }
        // A name that ends in a slash is the directory's.
        let is_kept = last == Last::Kept && !name.ends_with(b"/");
        let mut rest: Vec<Vec<u8>> = parts(name).rev().collect();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            match part.as_slice() {
                b"." => continue,
                b".." => {
                    if at.as_slice() != root && at.len() > 1 {
                        at.truncate(parent(&at).len());
                    }
                    continue;
                }
                _ => {}
            }
            let before = at.len();
            at.push(b'/');
            at.extend_from_slice(&part);
            if is_kept && rest.is_empty() {
                break;
            }
            if let Some(target) = self.link(&at) {
                links += 1;
                if links > MOST_LINKS {
                    return None;
                }
                at.truncate(before);
                if target.starts_with(b"/") {
                    at = if root == b"/" {
                        Vec::new()
                    } else {
                        root.to_owned()
                    };
                }
                rest.extend(parts(&target).rev());
            }
        }
        Some(if at.is_empty() { b"/".to_vec() } else { at })
    }

    /// The one path of all those that a file has by mounts.
    pub(super) fn settle(&self, path: Vec<u8>) -> Vec<u8> {
        let is_on = |(place, _): &(&Vec<u8>, &Vec<u8>)| is_within(&path, place);
        match self.mounts.iter().rfind(is_on) {
            Some((place, source)) => [source, &path[place.len()..]].concat(),
            None => path,
        }
    }

    fn link(&self, path: &[u8]) -> Option<Vec<u8>> {
        if is_within(path, &self.root) {
            return self.links.get(&self.settle(path.to_owned())).cloned();
        }
        // What /proc/self is depends on who asks.
        if is_within(path, b"/proc") || is_within(path, b"/dev/fd") {
            return None;
        }
        let target = fs::read_link(OsStr::from_bytes(path)).ok()?;
        Some(target.into_os_string().into_vec())
    }

    pub(super) fn mounted(&mut self, source: Vec<u8>, place: Vec<u8>) {
        self.mounts.insert(place, source);
    }

    pub(super) fn unmounted(&mut self, place: &[u8]) {
        self.mounts.remove(place);
    }

    /// A symbolic link was made.
    pub(super) fn link_to(&mut self, path: Vec<u8>, target: Vec<u8>) {
        self.links.insert(path, target);
    }

    /// A hard link was made, perhaps to a symbolic one.
    pub(super) fn linked(&mut self, from: &[u8], to: &[u8]) {
        if let Some(target) = self.links.get(from).cloned() {
            self.links.insert(to.to_owned(), target);
        }
    }

    pub(super) fn removed(&mut self, path: &[u8]) {
        self.links.remove(path);
    }

    pub(super) fn renamed(&mut self, from: &[u8], to: &[u8], is_exchange: bool) {
        let moved = self.take(from);
        let replaced = self.take(to);
        self.put(to, moved);
        if is_exchange {
            self.put(from, replaced);
        }
    }

    /// Takes out a link, or all those below a directory, by what follows its path.
    fn take(&mut self, path: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let all = self.links.keys().filter(|link| is_within(link, path));
        let all: Vec<Vec<u8>> = all.cloned().collect();
        let out = |link: Vec<u8>| {
            let target = self.links.remove(&link).expect("it was there");
            (link[path.len()..].to_owned(), target)
        };
        all.into_iter().map(out).collect()
    }

    fn put(&mut self, path: &[u8], links: Vec<(Vec<u8>, Vec<u8>)>) {
        for (below, target) in links {
            self.links.insert([path, &below].concat(), target);
        }
    }
}

/// The path of the directory that holds what has this path.
pub(super) fn parent(path: &[u8]) -> &[u8] {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    &path[..slash.unwrap_or(0)]
}

/// Whether a path is a directory's or below it.
pub(super) fn is_within(path: &[u8], directory: &[u8]) -> bool {
    let rest = path.strip_prefix(directory);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> {
    let parts = path.split(|byte| *byte == b'/');
    parts.filter(|part| !part.is_empty()).map(<[u8]>::to_vec)
}

#[test]
fn names_are_followed_through_links_as_they_were_at_the_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().canonicalize().expect("a path");
    fs::create_dir_all(root.join("real/deep")).expect("a directory");
    std::os::unix::fs::symlink("real/deep", root.join("l")).expect("a link");
    let mut world = World::now(&root);
    let path = |name: &str| root.join(name).into_os_string().into_vec();
    let from = path("");
    let from = from.strip_suffix(b"/").expect("joined");
    let walk = |world: &World, name: &str, last| world.walk(b"/", from, name.as_bytes(), last);
    assert_eq!(walk(&world, "l", Last::Kept), Some(path("l")));
    assert_eq!(walk(&world, "l/", Last::Kept), Some(path("real/deep")));
    assert_eq!(walk(&world, "l/../x", Last::Kept), Some(path("real/x")));
    assert_eq!(walk(&world, "./a//b/../c", Last::Kept), Some(path("a/c")));
    assert_eq!(
        world.walk(from, from, b"/../l/x", Last::Kept),
        Some(path("real/deep/x"))
    );

    world.renamed(&path("l"), &path("real/m"), false);
    assert_eq!(walk(&world, "l/x", Last::Kept), Some(path("l/x")));
    world.renamed(&path("real"), &path("moved"), false);
    assert_eq!(
        walk(&world, "moved/m/x", Last::Kept),
        Some(path("moved/real/deep/x"))
    );
    world.link_to(path("a"), b"b".to_vec());
    world.link_to(path("b"), b"a".to_vec());
    assert_eq!(walk(&world, "a/x", Last::Kept), None);
}
