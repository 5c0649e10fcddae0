//! Working directories, roots and mounts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use libc::{
    AT_FDCWD, AT_REMOVEDIR, CLONE_NEWNS, MS_BIND, MS_PRIVATE, MS_REC, O_CREAT, O_DIRECTORY,
    O_RDONLY, O_WRONLY,
};

use super::{
    FILES, hold,
    workload::{call, fail, quiet},
};
use crate::live::os;

const DIRECTORY: i32 = O_RDONLY | O_DIRECTORY;
const MAKE: i32 = O_CREAT | O_WRONLY;

fn three(root: &Path) {
    for name in ["a/b", "c", "jail"] {
        fs::create_dir_all(root.join(name)).expect("a directory");
    }
    for name in ["a/f", "c/f", "f"] {
        fs::write(root.join(name), name).expect("a file");
    }
}

#[test]
fn the_working_directory_is_the_one_of_the_moment() {
    hold(&[FILES], three, |w| {
        quiet!(w, chdir("a"));
        call!(w, fchmodat(AT_FDCWD, "f", 0o600)).at("a/f");
        call!(w, mkdirat(AT_FDCWD, "../d", 0o755)).at("d");
        let c = call!(w, openat(AT_FDCWD, "../c", DIRECTORY)).at("c").fd();
        quiet!(w, fchdir(c));
        call!(w, fchmodat(AT_FDCWD, "f", 0o600)).at("c/f");
        call!(w, renameat(AT_FDCWD, "../a", AT_FDCWD, "a"))
            .at("a")
            .to("c/a");
        quiet!(w, chdir("a/b"));
        call!(w, openat(AT_FDCWD, "new", MAKE, 0o600)).at("c/a/b/new");
        w.child(|w| {
            call!(w, renameat(AT_FDCWD, "../../../c", AT_FDCWD, "../../../e"))
                .at("c")
                .to("e");
        });
        call!(w, unlinkat(AT_FDCWD, "new", 0)).at("e/a/b/new");
        call!(w, unlinkat(AT_FDCWD, "../../../f", 0)).at("f");
    });
}

#[test]
fn a_working_directory_that_is_gone_has_no_path() {
    hold(&[FILES], three, |w| {
        let root = w.root.clone();
        quiet!(w, chdir("c"));
        call!(w, unlinkat(AT_FDCWD, "f", 0)).at("c/f");
        call!(w, unlinkat(AT_FDCWD, format!("{root}/c"), AT_REMOVEDIR)).at("c");
        // Linux 6.1 and older name only the directory.
        let name = if os::kernel() < (6, 12) { "./" } else { "x" };
        fail!(w, ENOENT, openat(AT_FDCWD, "x", MAKE, 0o600))
            .path(name)
            .unresolved();
        call!(w, fchmodat(AT_FDCWD, ".", 0o700)).unresolved();
        // Another directory has the name now.
        call!(w, mkdirat(AT_FDCWD, format!("{root}/c"), 0o755)).at("c");
        fail!(w, ENOENT, mkdirat(AT_FDCWD, "x", 0o755)).unresolved();
        call!(w, mkdirat(AT_FDCWD, format!("{root}/x (deleted)"), 0o755)).at("x (deleted)");
        quiet!(w, chdir(format!("{root}/x (deleted)")));
        call!(w, mkdirat(AT_FDCWD, "y", 0o755))
            .at("x (deleted)/y")
            .or_unresolved();
    });
}

#[test]
fn a_working_directory_that_is_too_deep_to_say_has_no_path() {
    hold(&[FILES], three, |w| {
        let name = "d".repeat(250);
        let mut path = name.clone();
        for _ in 0..20 {
            call!(w, mkdirat(AT_FDCWD, name.as_str(), 0o755))
                .at(&path)
                .or_unresolved();
            quiet!(w, chdir(name.as_str()));
            path = format!("{path}/{name}");
        }
        // The record has no path of the directory, but its inode.
        let file = path.rsplit_once('/').expect("many parts").0.to_owned() + "/f";
        call!(w, openat(AT_FDCWD, "f", MAKE, 0o600))
            .at(&file)
            .or_unresolved();
        call!(w, unlinkat(AT_FDCWD, "f", 0))
            .at(&file)
            .or_unresolved();
    });
}

#[test]
fn a_process_in_another_root_names_what_it_sees() {
    hold(&[FILES], three, |w| {
        quiet!(w, chroot("jail"));
        quiet!(w, chdir("/"));
        call!(w, mkdirat(AT_FDCWD, "d", 0o755)).path("/d");
        call!(w, openat(AT_FDCWD, "/d/f", MAKE, 0o600)).path("/d/f");
        let d = call!(w, openat(AT_FDCWD, "d", DIRECTORY)).path("/d").fd();
        call!(w, renameat(d, "f", d, "g")).path("/d/f").dest("/d/g");
        call!(w, unlinkat(AT_FDCWD, "d/../d/g", 0)).path("/d/g");
    });
}

#[test]
fn names_in_another_root_are_no_names_in_this_one() {
    // The jail has a directory of the same path as the one outside.
    let prepare = |root: &Path| {
        three(root);
        let inside = root
            .join("jail")
            .join(root.strip_prefix("/").expect("absolute"));
        fs::create_dir_all(inside.join("a")).expect("a directory");
        fs::create_dir_all(inside.join("c")).expect("a directory");
        fs::write(inside.join("a/f"), "").expect("a file");
        fs::write(inside.join("f"), "").expect("a file");
    };
    hold(&[FILES], prepare, |w| {
        let root = w.root.clone();
        let f = call!(w, openat(AT_FDCWD, "a/f", O_WRONLY)).at("a/f").fd();
        let g = call!(w, openat(AT_FDCWD, "f", O_WRONLY)).at("f").fd();
        let h = call!(w, openat(AT_FDCWD, "c/f", O_WRONLY)).at("c/f").fd();
        let a = call!(w, openat(AT_FDCWD, "a", DIRECTORY)).at("a").fd();
        w.child(|w| {
            quiet!(w, chroot("jail"));
            quiet!(w, chdir("/"));
            let (a, b) = (format!("{root}/a"), format!("{root}/b"));
            call!(w, renameat(AT_FDCWD, a.as_str(), AT_FDCWD, b.as_str()))
                .at("a")
                .to("b");
            call!(w, unlinkat(AT_FDCWD, format!("{root}/f"), 0)).at("f");
            call!(w, mkdirat(AT_FDCWD, a.as_str(), 0o755)).at("a");
            let (c, d) = (format!("{root}/c"), format!("{root}/d"));
            call!(w, renameat(AT_FDCWD, c.as_str(), AT_FDCWD, d.as_str()))
                .at("c")
                .to("d");
        });
        call!(w, ftruncate(f, 1)).at("a/f");
        call!(w, fchmod(f, 0o600)).at("a/f");
        call!(w, ftruncate(g, 1)).at("f");
        call!(w, mkdirat(a, "new", 0o755)).at("a/new");
        // Nothing was said of this one's directory before.
        call!(w, ftruncate(h, 1)).at("c/f").or_unresolved();
    });
}

#[test]
fn a_file_that_two_mounts_show_has_the_name_that_was_used() {
    hold(&[FILES], three, |w| {
        quiet!(w, unshare(CLONE_NEWNS));
        let private = i64::try_from(MS_REC | MS_PRIVATE).expect("small");
        call!(w, mount("none", "/", "none", private))
            .dest("/")
            .action("mounted");
        call!(
            w,
            mount("a", "c", "none", i64::try_from(MS_BIND).expect("small"))
        )
        .at("a")
        .to("c");
        call!(w, openat(AT_FDCWD, "c/new", MAKE, 0o600)).at("c/new");
        let c = call!(w, openat(AT_FDCWD, "c", DIRECTORY)).at("c").fd();
        let a = call!(w, openat(AT_FDCWD, "a", DIRECTORY)).at("a").fd();
        call!(w, fchmodat(c, "f", 0o600)).at("c/f").or_unresolved();
        call!(w, fchmodat(a, "f", 0o600)).at("a/f");
        let f = call!(w, openat(c, "f", O_WRONLY))
            .at("c/f")
            .or_unresolved()
            .fd();
        call!(w, ftruncate(f, 1)).at("c/f").or_unresolved();
        call!(w, fchmod(f, 0o640)).at("c/f").or_unresolved();
        call!(w, unlinkat(a, "new", 0)).at("a/new");
        call!(w, umount2("c", 2)).at("c").action("unmounted");
        call!(w, fchmodat(AT_FDCWD, "c/f", 0o600)).at("c/f");
    });
}

#[test]
fn a_mount_of_ones_own_has_the_names_of_its_own() {
    let inner = PathBuf::from("c");
    hold(&[FILES], three, |w| {
        let c = call!(w, openat(AT_FDCWD, "c", DIRECTORY)).at("c").fd();
        w.child(|w| {
            quiet!(w, unshare(CLONE_NEWNS));
            let private = i64::try_from(MS_REC | MS_PRIVATE).expect("small");
            call!(w, mount("none", "/", "none", private)).dest("/");
            call!(w, mount("tmpfs", inner.to_str().expect("text"), "tmpfs", 0)).to("c");
            call!(w, openat(AT_FDCWD, "c/f", MAKE, 0o600)).at("c/f");
            call!(w, unlinkat(AT_FDCWD, "c/f", 0)).at("c/f");
            call!(w, fchmodat(c, "f", 0o600)).at("c/f").or_unresolved();
        });
        call!(w, fchmodat(c, "f", 0o640)).at("c/f").or_unresolved();
    });
}
