//! The walk, by a thread in the place of the process, on trees that the tests make.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{MetadataExt, symlink},
    },
    path::Path,
    thread,
};

use super::{directory::Directories, lister::serve, *};
use crate::helper;

/// The paths that are found, with inode and type, in order of path.
fn walk(primer: &mut Primer, wanted: &[Wanted]) -> Vec<(PathBuf, u64, FileType)> {
    let mut found = Vec::new();
    let mut take = |name: &Found<'_>| {
        let mut path = Vec::new();
        name.path(&mut path);
        let path = PathBuf::from(OsStr::from_bytes(&path));
        found.push((path, name.file.inode, name.file_type));
    };
    for wanted in wanted {
        let _ = primer.add(wanted, &mut take);
    }
    primer.run(&mut take);
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

/// The paths below a directory that are found.
fn below(primer: &mut Primer, directory: &Path) -> Vec<PathBuf> {
    let found = walk(primer, &[Wanted::below(directory.to_owned())]);
    let paths = found.into_iter().map(|(path, ..)| path);
    let inside = |path: PathBuf| Some(path.strip_prefix(directory).ok()?.to_owned());
    paths
        .filter_map(inside)
        .filter(|path| !path.as_os_str().is_empty())
        .collect()
}

/// A primer whose directories are read by a thread.
fn primer() -> Primer {
    let (ours, its) = helper::pair().unwrap();
    thread::spawn(move || serve(&its, &mut Directories::open()));
    Primer::by(Lister::connected(ours).unwrap())
}

fn names(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(PathBuf::from).collect()
}

#[test]
fn every_name_is_found_with_its_file_and_so_are_the_directories_above() {
    let root = tempfile::tempdir().unwrap();
    let top = root.path().canonicalize().unwrap();
    fs::create_dir_all(top.join("a/b/c")).unwrap();
    fs::write(top.join("a/b/file"), "").unwrap();
    fs::hard_link(top.join("a/b/file"), top.join("a/hard")).unwrap();
    symlink("/etc", top.join("a/link")).unwrap();
    fs::write(top.join(OsStr::from_bytes(b"a/\xff\n")), "").unwrap();
    let found = walk(&mut primer(), &[Wanted::below(top.join("a"))]);
    for (path, inode, file_type) in &found {
        let file = fs::symlink_metadata(path).unwrap();
        assert_eq!(file.ino(), *inode, "{path:?}");
        assert_eq!(file.is_dir(), *file_type == FileType::Directory, "{path:?}");
        assert_eq!(
            file.is_symlink(),
            *file_type == FileType::Symlink,
            "{path:?}"
        );
    }
    let paths: Vec<PathBuf> = found.into_iter().map(|(path, ..)| path).collect();
    let a = top.join("a");
    let mut expected: Vec<PathBuf> = a.ancestors().map(Path::to_owned).collect();
    let odd = std::ffi::OsString::from_vec(b"\xff\n".to_vec());
    let names = ["b", "b/c", "b/file", "hard", "link"].map(Into::into);
    expected.extend(names.iter().chain([&odd]).map(|name| a.join(name)));
    expected.sort();
    assert_eq!(paths, expected);
}

#[test]
fn a_directory_is_read_where_it_really_is() {
    let root = tempfile::tempdir().unwrap();
    let top = root.path().canonicalize().unwrap();
    fs::create_dir_all(top.join("real/sub")).unwrap();
    symlink("real", top.join("link")).unwrap();
    let wanted = [Wanted::below(top.join("link/../link"))];
    let found = walk(&mut primer(), &wanted);
    assert_eq!(found.last().unwrap().0, top.join("real/sub"));
}

#[test]
fn links_to_directories_are_not_followed() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("elsewhere/inside")).unwrap();
    fs::create_dir(root.path().join("top")).unwrap();
    symlink("../elsewhere", root.path().join("top/link")).unwrap();
    let top = root.path().join("top");
    assert_eq!(below(&mut primer(), &top), names(&["link"]));
}

#[test]
fn without_depth_only_the_names_of_the_directory_are_read() {
    let root = tempfile::tempdir().unwrap();
    let top = root.path().canonicalize().unwrap();
    fs::create_dir_all(top.join("sub/deep")).unwrap();
    let wanted = Wanted::in_directory(top.clone());
    let found = walk(&mut primer(), &[wanted]);
    assert_eq!(found.last().unwrap().0, top.join("sub"));
}

#[test]
fn a_directory_is_read_once() {
    let root = tempfile::tempdir().unwrap();
    let top = root.path().canonicalize().unwrap();
    fs::create_dir_all(top.join("sub/deep")).unwrap();
    let mut primer = primer();
    assert_eq!(below(&mut primer, &top).len(), 2);
    assert_eq!(below(&mut primer, &top).len(), 0);
    assert_eq!(below(&mut primer, &top.join("sub")).len(), 0);
}

#[test]
fn a_mounted_directory_is_named_and_not_entered() {
    let (dev, pts) = (Path::new("/dev"), Path::new("/dev/pts"));
    let [here, there] = [dev, pts].map(|path| fs::metadata(path).ok().map(|file| file.dev()));
    if there.is_none() || here == there {
        eprintln!("skipped: nothing is mounted at /dev/pts");
        return;
    }
    let found = walk(&mut primer(), &[Wanted::below(dev.to_owned())]);
    let entry = found.iter().find(|(path, ..)| path == pts).unwrap();
    assert_eq!(entry.1, fs::metadata(pts).unwrap().ino());
    let is_below = |path: &Path| path.starts_with(pts) && path != pts;
    assert!(!found.iter().any(|(path, ..)| is_below(path)));
}

/// The walk has a directory in its queue; then another process moves it, and puts a link or another
/// directory in its place.
#[test]
fn a_directory_that_is_replaced_is_not_read() {
    let root = tempfile::tempdir().unwrap();
    let top = root.path().canonicalize().unwrap();
    for (place, put) in [("link", true), ("directory", false)] {
        let (top, sub) = (top.join(place), top.join(place).join("sub"));
        fs::create_dir_all(sub.join("inside")).unwrap();
        fs::create_dir_all(root.path().join("secret/inside")).unwrap();
        let mut found = Vec::new();
        let mut primer = primer();
        let mut take = |name: &Found<'_>| found.push(name.name.to_vec());
        primer.add(&Wanted::below(top.clone()), &mut take).unwrap();
        assert!(primer.step(&mut take));
        fs::rename(&sub, top.join("moved")).unwrap();
        match put {
            true => symlink("../secret", &sub).unwrap(),
            false => fs::create_dir_all(sub.join("new")).unwrap(),
        }
        assert!(primer.step(&mut take));
        assert!(!primer.step(&mut take));
        assert_eq!(found.last().unwrap(), b"sub", "{place}");
    }
}

#[test]
fn the_bounds_end_the_walk() {
    let root = tempfile::tempdir().unwrap();
    for name in 0..100 {
        fs::write(root.path().join(format!("{name:02}")), "").unwrap();
    }
    for (entries, bytes, expected) in [(10, 1000, 10), (1000, 20, 10), (100, 200, 100), (0, 0, 0)] {
        let mut primer = primer();
        primer.left = Bounds { entries, bytes };
        assert_eq!(below(&mut primer, root.path()).len(), expected);
        assert!(!primer.is_busy());
    }
}

#[test]
fn an_answer_of_many_parts_is_whole() {
    let root = tempfile::tempdir().unwrap();
    for name in 0..2000 {
        fs::write(root.path().join(format!("{name:0200}")), "").unwrap();
    }
    assert_eq!(below(&mut primer(), root.path()).len(), 2000);
}

#[test]
fn a_directory_that_is_not_there_is_no_error() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), "").unwrap();
    let mut primer = primer();
    for path in ["none", "file", "file/none"] {
        assert_eq!(below(&mut primer, &root.path().join(path)).len(), 0);
    }
    fs::create_dir(root.path().join("sub")).unwrap();
    assert_eq!(below(&mut primer, root.path()), names(&["file", "sub"]));
}

#[test]
fn without_the_process_nothing_is_read() {
    let (ours, its) = helper::pair().unwrap();
    drop(its);
    let mut primer = Primer::by(Lister::connected(ours).unwrap());
    assert_eq!(below(&mut primer, Path::new("/etc")).len(), 0);
}
