//! One name or two, in every spelling.

use std::{fs, os::unix::fs::symlink, path::Path};

use libc::{AT_FDCWD, AT_REMOVEDIR, O_CREAT, O_DIRECTORY, O_RDONLY, O_TRUNC, O_WRONLY};

use super::{
    FILES, hold, nothing,
    workload::{Workload, call, fail},
};

/// `RENAME_NOREPLACE`, `RENAME_EXCHANGE` (renameat2(2)).
const NOREPLACE: i32 = 1;
const EXCHANGE: i32 = 2;
const MODE: i32 = 0o644;

/// Makes directories and files, which end without a `/`.
fn tree(names: &'static [&'static str]) -> impl FnOnce(&Path) {
    move |root| {
        for name in names {
            match name.strip_suffix('/') {
                Some(name) => fs::create_dir_all(root.join(name)).expect("a directory"),
                None => fs::write(root.join(name), name).expect("a file"),
            }
        }
    }
}

#[test]
fn names_are_cleaned_as_text() {
    hold(&[FILES], tree(&["a/b/"]), |w| {
        let root = w.root.clone();
        let make = O_CREAT | O_WRONLY;
        call!(w, openat(AT_FDCWD, "./a//b/../one", make, MODE)).at("a/one");
        call!(w, openat(AT_FDCWD, format!("{root}//a/./two"), make, MODE))
            .at("a/two")
            .action("created");
        call!(w, openat(AT_FDCWD, "a/two", O_WRONLY | O_TRUNC, 0))
            .at("a/two")
            .action("modified");
        call!(w, fchmodat(AT_FDCWD, "a/b/../../a/two", 0o600)).at("a/two");
        call!(w, fchmodat(AT_FDCWD, ".", 0o755)).at("");
        call!(w, fchmodat(AT_FDCWD, "a/b/..", 0o755)).at("a");
        call!(w, truncate("a/two", 7)).at("a/two");
        call!(w, unlinkat(AT_FDCWD, "a/b/..//two", 0)).at("a/two");
        call!(w, mknodat(AT_FDCWD, "./pipe", 0o010_600, 0)).at("pipe");
        call!(w, fchownat(AT_FDCWD, "pipe", 1, 1, 0)).at("pipe");
        call!(w, utimensat(AT_FDCWD, "a/one", 0, 0)).at("a/one");
        call!(
            w,
            openat2(AT_FDCWD, "a/../three", vec![make as u64, 0o600, 0], 24)
        )
        .at("three")
        .action("created");
    });
}

#[test]
fn slashes_at_the_end_are_not_part_of_a_name() {
    hold(&[FILES], tree(&["old/", "x/old/"]), |w| {
        let root = w.root.clone();
        call!(w, mkdirat(AT_FDCWD, "new/", 0o755)).at("new");
        call!(w, mkdirat(AT_FDCWD, "new/er//", 0o755)).at("new/er");
        call!(w, mkdirat(AT_FDCWD, format!("{root}/abs/"), 0o755)).at("abs");
        call!(w, unlinkat(AT_FDCWD, "new/er/", AT_REMOVEDIR)).at("new/er");
        call!(w, unlinkat(AT_FDCWD, "new//", AT_REMOVEDIR)).at("new");
        call!(w, unlinkat(AT_FDCWD, format!("{root}/abs/"), AT_REMOVEDIR)).at("abs");
        call!(w, renameat(AT_FDCWD, "old/", AT_FDCWD, "moved/"))
            .at("old")
            .to("moved");
        call!(w, renameat(AT_FDCWD, "moved", AT_FDCWD, "again/"))
            .at("moved")
            .to("again");
        call!(w, renameat(AT_FDCWD, "x/old/", AT_FDCWD, "x/again"))
            .at("x/old")
            .to("x/again");
        call!(w, renameat(AT_FDCWD, "x/again//", AT_FDCWD, "again/er/"))
            .at("x/again")
            .to("again/er");
        let d = call!(w, openat(AT_FDCWD, "again/", O_RDONLY | O_DIRECTORY))
            .at("again")
            .fd();
        call!(w, mkdirat(d, "in/", 0o755)).at("again/in");
        call!(w, unlinkat(d, "in/", AT_REMOVEDIR)).at("again/in");
        call!(w, renameat(d, "er/", d, "err/"))
            .at("again/er")
            .to("again/err");
    });
}

#[test]
fn symbolic_links_on_the_way_are_left_as_they_are() {
    let prepare = |root: &Path| {
        tree(&["real/", "real/file"])(root);
        symlink("real", root.join("link")).expect("a link");
        symlink("real/file", root.join("to-file")).expect("a link");
    };
    hold(&[FILES], prepare, |w| {
        call!(w, openat(AT_FDCWD, "link/new", O_CREAT | O_WRONLY, MODE)).at("link/new");
        call!(w, fchmodat(AT_FDCWD, "to-file", 0o600)).at("to-file");
        call!(w, renameat(AT_FDCWD, "link/new", AT_FDCWD, "link/newer"))
            .at("link/new")
            .to("link/newer");
        // What was reached through a link is the same descriptor under either name.
        let d = call!(w, openat(AT_FDCWD, "link", O_RDONLY | O_DIRECTORY))
            .at("link")
            .fd();
        call!(w, unlinkat(d, "newer", 0)).at("link/newer");
        call!(
            w,
            fchownat(AT_FDCWD, "to-file", 1, 1, libc::AT_SYMLINK_NOFOLLOW)
        )
        .at("to-file");
        call!(w, unlinkat(AT_FDCWD, "to-file", 0)).at("to-file");
    });
}

#[test]
fn names_that_end_oddly_are_never_taken_for_others() {
    let prepare = |root: &Path| {
        tree(&["a/", "a/b/", "a/b/f", "f"])(root);
        symlink("a/new", root.join("dangling")).expect("a link");
        symlink("../up", root.join("a/b/up")).expect("a link");
        symlink("../over", root.join("a/b/over")).expect("a link");
        symlink("a/b", root.join("link")).expect("a link");
    };
    hold(&[FILES], prepare, |w| {
        let make = O_CREAT | O_WRONLY;
        // A link that leads to nothing: the kernel names neither, and only the descriptor tells, as
        // long as the process has it.
        call!(w, openat(AT_FDCWD, "dangling", make, MODE))
            .at("a/new")
            .action("created")
            .or_unresolved();
        call!(w, openat(AT_FDCWD, "a/b/up", make, MODE))
            .at("a/b/up")
            .action("created");
        let b = call!(w, openat(AT_FDCWD, "a/b", O_RDONLY | O_DIRECTORY))
            .at("a/b")
            .fd();
        call!(w, openat(b, "over", make, MODE))
            .at("a/b/over")
            .action("created")
            .or_unresolved();
        call!(w, openat(b, "up", make, MODE))
            .at("a/b/up")
            .or_unresolved();

        call!(w, linkat(AT_FDCWD, "f", AT_FDCWD, "g", 0))
            .at("f")
            .to("g");
        // Two names of one file: nothing is renamed, and none is gone.
        call!(w, renameat(AT_FDCWD, "f", AT_FDCWD, "g"))
            .at("f")
            .to("g")
            .or_directory();
        call!(w, fchmodat(AT_FDCWD, "link/f", 0o600)).at("link/f");
        call!(w, fchmodat(AT_FDCWD, "link/", 0o755)).at("link");
        call!(w, fchmodat(AT_FDCWD, "a/.", 0o755)).at("a");
        fail!(w, ENOTEMPTY, unlinkat(AT_FDCWD, "a/b/..", AT_REMOVEDIR))
            .at("a/b/..")
            .or_directory();
        fail!(w, EINVAL, unlinkat(AT_FDCWD, "a/.", AT_REMOVEDIR))
            .at("a/.")
            .or_directory();
        fail!(w, ENOTDIR, unlinkat(AT_FDCWD, "f/", 0))
            .at("f")
            .or_directory();
        fail!(w, EISDIR, unlinkat(AT_FDCWD, "a/b", 0)).at("a/b");
        fail!(w, EEXIST, mkdirat(AT_FDCWD, "a/..", 0o755))
            .at("a/..")
            .or_directory();
        fail!(w, EBUSY, renameat(AT_FDCWD, "a/..", AT_FDCWD, "x"))
            .at("")
            .to("x")
            .or_unresolved();
        fail!(w, EINVAL, renameat(AT_FDCWD, "a", AT_FDCWD, "a/b/c"))
            .at("a")
            .to("a/b/c")
            .or_unresolved();
        fail!(w, ENOTDIR, openat(AT_FDCWD, "f/", O_WRONLY)).at("f");
        fail!(w, EISDIR, openat(AT_FDCWD, "new/", make, MODE)).at("new");
        fail!(w, ENOENT, mkdirat(AT_FDCWD, "", 0o755)).unresolved();
        fail!(w, ENOTDIR, unlinkat(AT_FDCWD, "dangling/f", 0)).at("dangling/f");
        fail!(w, ENAMETOOLONG, unlinkat(AT_FDCWD, "n".repeat(5000), 0)).unresolved();
    });
}

#[test]
fn a_renamed_file_is_told_from_the_one_that_it_replaces() {
    let files = &[
        "aa/", "bb/", "aa/f", "bb/f", "one", "two", "aa/g", "c/", "c/g", "x", "aa/x",
    ];
    hold(&[FILES], tree(files), |w| {
        let both = |w: &mut Workload, old: &str, new: &str| {
            call!(w, renameat(AT_FDCWD, old, AT_FDCWD, new))
                .at(old)
                .to(new)
                .action("renamed");
        };
        both(w, "aa/f", "bb/f");
        both(w, "one", "two");
        both(w, "aa/g", "c/g");
        both(w, "x", "aa/x");
        both(w, "bb/f", "f");
        both(w, "f", "bb/f");
    });
}

#[test]
fn two_names_that_change_places_are_both_told() {
    let files = &[
        "aa/", "bb/", "aa/f", "bb/f", "one", "two", "aa/d/", "aa/d/in", "e/", "e/out",
    ];
    hold(&[FILES], tree(files), |w| {
        let both = |w: &mut Workload, old: &str, new: &str| {
            call!(w, renameat2(AT_FDCWD, old, AT_FDCWD, new, EXCHANGE))
                .at(old)
                .to(new);
        };
        let open = O_RDONLY | O_DIRECTORY;
        let d = call!(w, openat(AT_FDCWD, "aa/d", open)).at("aa/d").fd();
        let e = call!(w, openat(AT_FDCWD, "e", open)).at("e").fd();
        both(w, "one", "two");
        both(w, "aa/f", "bb/f");
        both(w, "aa/d", "e");
        call!(w, fchmodat(d, "in", 0o600))
            .at("e/in")
            .or_unresolved();
        call!(w, fchmodat(e, "out", 0o600)).at("aa/d/out");
        call!(w, unlinkat(AT_FDCWD, "e/in", 0)).at("e/in");
        fail!(
            w,
            EEXIST,
            renameat2(AT_FDCWD, "one", AT_FDCWD, "two", NOREPLACE)
        )
        .at("one")
        .to("two")
        .or_directory();
    });
}

#[test]
fn calls_that_fail_never_have_a_wrong_path() {
    hold(&[FILES], tree(&["d/", "d/f", "e/", "f"]), |w| {
        let d = call!(w, openat(AT_FDCWD, "d", O_RDONLY | O_DIRECTORY))
            .at("d")
            .fd();
        fail!(w, ENOENT, unlinkat(AT_FDCWD, "none", 0))
            .at("none")
            .or_directory();
        fail!(w, ENOENT, unlinkat(d, "none", 0))
            .at("d/none")
            .or_directory();
        // Nothing in the record tells the directory of a name that is not there.
        fail!(w, ENOENT, unlinkat(d, "no/ne", 0))
            .at("d/no/ne")
            .or_unresolved();
        fail!(w, EEXIST, mkdirat(d, "f", 0o755))
            .at("d/f")
            .or_directory();
        fail!(w, ENOTEMPTY, unlinkat(AT_FDCWD, "d", AT_REMOVEDIR)).at("d");
        fail!(w, ENOTEMPTY, unlinkat(AT_FDCWD, "d/", AT_REMOVEDIR)).at("d");
        fail!(w, ENOENT, renameat(AT_FDCWD, "none", d, "g"))
            .at("none")
            .to("d/g")
            .or_unresolved();
        fail!(w, ENOTDIR, renameat(AT_FDCWD, "e", d, "f"))
            .at("e")
            .to("d/f");
        fail!(w, EEXIST, linkat(AT_FDCWD, "f", d, "f", 0))
            .at("f")
            .to("d/f")
            .or_directory();
        fail!(w, EEXIST, symlinkat("text", d, "f"))
            .path("text")
            .to("d/f")
            .or_directory();
        fail!(w, ENOENT, openat(d, "none", O_WRONLY))
            .at("d/none")
            .or_unresolved();
        fail!(w, ENOENT, fchmodat(AT_FDCWD, "none", 0)).at("none");
        fail!(w, EBADF, openat(9999, "x", O_WRONLY))
            .path("x")
            .unresolved();
        fail!(w, EBADF, fchmod(9999, 0)).unresolved();
        fail!(w, EBADF, ftruncate(9999, 0)).unresolved();
    });
}

#[test]
fn links_go_from_what_there_was_to_the_new_name() {
    hold(&[FILES], tree(&["a/", "b/", "same"]), |w| {
        let open = O_RDONLY | O_DIRECTORY;
        let a = call!(w, openat(AT_FDCWD, "a", open)).at("a").fd();
        let b = call!(w, openat(AT_FDCWD, "b", open)).at("b").fd();
        call!(w, openat(a, "f", O_CREAT | O_WRONLY, MODE))
            .at("a/f")
            .action("created");
        call!(w, linkat(a, "f", b, "g", 0)).at("a/f").to("b/g");
        call!(w, linkat(a, "f", b, "f", 0)).at("a/f").to("b/f");
        call!(w, linkat(AT_FDCWD, "same", a, "same", 0))
            .at("same")
            .to("a/same");
        call!(w, linkat(b, "g", AT_FDCWD, "h", 0)).at("b/g").to("h");
        call!(w, symlinkat("f", a, "s")).path("f").to("a/s");
        call!(w, symlinkat("twin", a, "twin"))
            .path("twin")
            .to("a/twin");
        call!(w, symlinkat("twin", AT_FDCWD, "twin"))
            .path("twin")
            .to("twin");
        call!(w, symlinkat("../x//y/", b, "s"))
            .path("../x//y/")
            .to("b/s");
        // Linux 7.2 writes one record for both, which may mean b/bs.
        call!(w, symlinkat("/abs", AT_FDCWD, "b/abs"))
            .path("/abs")
            .to("b/abs")
            .or_directory();
        // One file with many names: each event has the name that the call used.
        call!(w, fchmodat(b, "g", 0o600)).at("b/g");
        call!(w, fchmodat(a, "f", 0o640)).at("a/f");
        call!(w, unlinkat(b, "f", 0)).at("b/f");
        call!(w, unlinkat(a, "f", 0)).at("a/f");
    });
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_old_spellings_are_understood_too() {
    hold(&[FILES], nothing, |w| {
        let f = call!(w, creat("f", MODE)).at("f").action("created").fd();
        call!(w, ftruncate(f, 10)).at("f").action("modified");
        call!(w, open("f", O_WRONLY | O_TRUNC))
            .at("f")
            .action("modified");
        call!(w, mkdir("d/", 0o755)).at("d").action("created");
        call!(w, rename("f", "d/f")).at("f").to("d/f");
        call!(w, link("d/f", "f")).at("d/f").to("f");
        call!(w, symlink("d", "l")).path("d").to("l");
        call!(w, chmod("l/f", 0o600)).at("l/f").action("attributes");
        call!(w, lchown("l", 1, 1)).at("l");
        call!(w, chown("f", 1, 1)).at("f");
        call!(w, mknod("p", 0o010_600, 0)).at("p").action("created");
        call!(w, unlink("l")).at("l").action("deleted");
        call!(w, rename("d/", "e/")).at("d").to("e");
        call!(w, unlink("e/f")).at("e/f");
        call!(w, rmdir("e/")).at("e").action("deleted");
    });
}
