//! Names that change while files are open under them, in one process and in many.

use std::{fs, path::Path};

use libc::{AT_FDCWD, AT_REMOVEDIR, O_CREAT, O_DIRECTORY, O_RDONLY, O_WRONLY};

use super::{
    FILES, hold,
    workload::{call, quiet},
};
use crate::live::os;

const DIRECTORY: i32 = O_RDONLY | O_DIRECTORY;
const MAKE: i32 = O_CREAT | O_WRONLY;

fn deep(root: &Path) {
    fs::create_dir_all(root.join("a/b/c")).expect("directories");
}

#[test]
fn open_files_follow_their_directory() {
    hold(&[FILES], deep, |w| {
        let f = call!(w, openat(AT_FDCWD, "a/b/c/f", MAKE, 0o600))
            .at("a/b/c/f")
            .fd();
        let d = call!(w, openat(AT_FDCWD, "a/b/c", DIRECTORY))
            .at("a/b/c")
            .fd();
        call!(w, renameat(AT_FDCWD, "a/b", AT_FDCWD, "x"))
            .at("a/b")
            .to("x");
        call!(w, ftruncate(f, 3)).at("x/c/f");
        call!(w, fchmod(f, 0o640)).at("x/c/f");
        call!(w, openat(d, "g", MAKE, 0o600)).at("x/c/g");
        call!(w, renameat(AT_FDCWD, "x/c", AT_FDCWD, "a/c"))
            .at("x/c")
            .to("a/c");
        call!(w, unlinkat(d, "g", 0)).at("a/c/g");
        call!(w, fchown(f, 1, 1)).at("a/c/f");
        call!(w, renameat(AT_FDCWD, "a", AT_FDCWD, "z"))
            .at("a")
            .to("z");
        call!(w, openat(d, "h", MAKE, 0o600)).at("z/c/h");
        call!(w, ftruncate(f, 4)).at("z/c/f");
        call!(w, renameat(d, "h", d, "i")).at("z/c/h").to("z/c/i");
        call!(w, mkdirat(d, "sub", 0o755)).at("z/c/sub");
        call!(w, openat(d, "sub/j", MAKE, 0o600)).at("z/c/sub/j");
        call!(w, openat(d, "../k", MAKE, 0o600)).at("z/k");
    });
}

#[test]
fn a_file_that_took_the_place_of_an_open_one_is_another() {
    hold(&[FILES], deep, |w| {
        let old = call!(w, openat(AT_FDCWD, "f", MAKE, 0o600)).at("f").fd();
        let new = call!(w, openat(AT_FDCWD, "f.new", MAKE, 0o600))
            .at("f.new")
            .fd();
        call!(w, renameat(AT_FDCWD, "f.new", AT_FDCWD, "f"))
            .at("f.new")
            .to("f");
        call!(w, fchmod(new, 0o644)).at("f");
        call!(w, ftruncate(new, 1)).at("f");
        // It has no path any more.
        call!(w, fchmod(old, 0o644)).unresolved();
        call!(w, ftruncate(old, 1)).unresolved();
        call!(w, unlinkat(AT_FDCWD, "f", 0)).at("f");
        call!(w, ftruncate(new, 2)).unresolved();
        let again = call!(w, openat(AT_FDCWD, "f", MAKE, 0o600)).at("f").fd();
        call!(w, ftruncate(again, 2)).at("f");
        call!(w, ftruncate(new, 3)).unresolved();
    });
}

#[test]
fn a_directory_that_was_made_again_is_another() {
    hold(&[FILES], deep, |w| {
        let c = call!(w, openat(AT_FDCWD, "a/b/c", DIRECTORY))
            .at("a/b/c")
            .fd();
        let b = call!(w, openat(AT_FDCWD, "a/b", DIRECTORY)).at("a/b").fd();
        call!(w, renameat(AT_FDCWD, "a/b", AT_FDCWD, "away"))
            .at("a/b")
            .to("away");
        call!(w, mkdirat(AT_FDCWD, "a/b", 0o755)).at("a/b");
        call!(w, mkdirat(b, "n", 0o755)).at("away/n");
        call!(w, unlinkat(b, "n", AT_REMOVEDIR)).at("away/n");
        call!(w, openat(c, "f", MAKE, 0o600)).at("away/c/f");
        call!(w, openat(AT_FDCWD, "a/b/f", MAKE, 0o600)).at("a/b/f");
    });
}

#[test]
fn a_directory_that_another_process_moved_takes_its_descriptors_along() {
    hold(&[FILES], deep, |w| {
        let d = call!(w, openat(AT_FDCWD, "a/b/c", DIRECTORY))
            .at("a/b/c")
            .fd();
        w.child(|w| {
            call!(w, renameat(AT_FDCWD, "a", AT_FDCWD, "moved"))
                .at("a")
                .to("moved");
        });
        call!(w, openat(d, "f", MAKE, 0o600)).at("moved/b/c/f");
        w.child(|w| {
            call!(w, mkdirat(d, "by-child", 0o755)).at("moved/b/c/by-child");
            call!(w, unlinkat(d, "by-child", AT_REMOVEDIR)).at("moved/b/c/by-child");
        });
    });
}

#[test]
fn many_processes_at_once_are_told_apart() {
    const PROCESSES: usize = 8;
    const FILES_EACH: usize = 200;
    let prepare = |root: &Path| {
        for process in 0..PROCESSES {
            fs::create_dir_all(root.join(format!("{process}/from"))).expect("a directory");
            fs::create_dir_all(root.join(format!("{process}/to"))).expect("a directory");
        }
    };
    hold(&[FILES], prepare, |w| {
        let work = |process| {
            move |w: &mut super::Workload| {
                let [from, to] = ["from", "to"].map(|name| format!("{process}/{name}"));
                let d = call!(w, openat(AT_FDCWD, from.as_str(), DIRECTORY))
                    .at(&from)
                    .fd();
                let e = call!(w, openat(AT_FDCWD, to.as_str(), DIRECTORY))
                    .at(&to)
                    .fd();
                // While an earlier event of another process is still on its way, nothing is proved.
                for number in 0..FILES_EACH {
                    let name = format!("f{number}");
                    let (old, new) = (format!("{from}/{name}"), format!("{to}/{name}"));
                    let f = call!(w, openat(d, name.as_str(), MAKE, 0o600))
                        .at(&old)
                        .or_unresolved()
                        .fd();
                    call!(w, ftruncate(f, 10)).at(&old).or_unresolved();
                    call!(w, renameat(d, name.as_str(), e, name.as_str()))
                        .at(&old)
                        .to(&new)
                        .or_unresolved();
                    call!(w, fchmod(f, 0o640)).at(&new).or_unresolved();
                    quiet!(w, close(f));
                    call!(w, unlinkat(e, name.as_str(), 0))
                        .at(&new)
                        .or_unresolved();
                }
            }
        };
        let children: Vec<u32> = (0..PROCESSES)
            .map(|process| w.fork(work(process)))
            .collect();
        assert!(children.into_iter().all(os::wait), "all of them");
    });
}
