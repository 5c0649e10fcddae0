//! Names that lead through symbolic links.

use super::{Step, honest, last, made, opened, right, step, tell};

/// The directory that links lead to. Nothing says that it is `/run`.
const RUN: u64 = 500;

/// Calls that followed a link from `/etc`: the kernel gives the record of `/etc` the inode of the
/// directory of the target.
fn followed() -> Vec<Step> {
    let open = |call, args: &str| step(call, args).returns(3);
    let how = "OPENAT2 oflag=0102 mode=0600 resolve=0x0";
    vec![
        open("openat", "a0=CWD a2=441")
            .parent("/etc/", RUN)
            .file("/etc/l", 501),
        open("openat", "a0=CWD a2=41")
            .parent("/etc/", RUN)
            .created("/etc/l", 501),
        open("open", "a1=241")
            .parent("/etc/", RUN)
            .file("/etc/l", 501),
        open("creat", "").file("/etc/l", 501).parent("/etc/", RUN),
        open("openat2", "a0=CWD")
            .record(how)
            .parent("/etc/", RUN)
            .file("/etc/l", 501),
        open("openat", "a0=CWD a2=42")
            .parent("etc/", RUN)
            .created("etc/l", 501)
            .in_directory("/"),
        open("openat", "a0=CWD a2=42")
            .parent("/etc", RUN)
            .file("l", 501)
            .in_directory("/etc"),
        open("openat", "a0=CWD a2=80041")
            .parent("/etc/", RUN)
            .nameless(RUN, "PARENT")
            .missing(None, "CREATE")
            .nameless(RUN, "PARENT")
            .nameless(501, "CREATE"),
        open("io_uring openat", "")
            .parent("/etc/", RUN)
            .file("/etc/l", 501),
    ]
}

/// Calls by another process on `x` in that directory, by a descriptor that nothing is known of.
fn later() -> Vec<Step> {
    let there = |call, args: &str| step(call, args).by(200, 1).parent("/w", RUN);
    vec![
        there("unlinkat", "a0=9").deleted("x", 502),
        there("unlinkat", "a0=9 a2=200").deleted_directory("x", 502),
        there("mkdirat", "a0=9").created_directory("x", 502),
        there("mknodat", "a0=9").created("x", 502).reversed(),
        there("openat", "a0=9 a2=c1").created("x", 502).returns(4),
        step("unlinkat", "a0=9")
            .by(200, 1)
            .parent("d/../", RUN)
            .deleted("d/../x", 502),
        there("io_uring unlinkat", "").deleted("x", 502),
    ]
}

#[test]
fn a_link_that_a_new_file_was_opened_through_does_not_rename_the_targets_directory() {
    for first in followed() {
        for second in later() {
            honest(&last(&[first.clone(), second]), &["/run/x"]);
        }
    }
}

#[test]
fn nor_does_it_for_the_second_of_two_names() {
    for first in followed() {
        for (call, args) in [("renameat", "a0=CWD a2=9"), ("renameat2", "a0=CWD a2=9")] {
            let rename = step(call, args)
                .by(200, 1)
                .parent("/w", RUN)
                .parent("/src/", 700)
                .deleted("/src/x", 502)
                .created("x", 502);
            for rename in [rename.clone(), rename.reversed()] {
                let event = last(&[first.clone(), rename]);
                super::honest_both(&event, "/src/x", "/run/x");
            }
        }
        let link = step("linkat", "a0=CWD a2=9")
            .by(200, 1)
            .parent("/w", RUN)
            .file("/src/x", 502)
            .created("x", 502);
        super::honest_both(&last(&[first.clone(), link]), "/src/x", "/run/x");
        let symlink = step("symlinkat", "a1=9")
            .by(200, 1)
            .parent("/w", RUN)
            .unknown("target")
            .created("x", 502);
        super::honest_both(&last(&[first.clone(), symlink]), "target", "/run/x");
    }
}

/// Kernels differ in when they write one record for the text of a link and its name.
#[test]
fn a_link_whose_text_ends_in_its_name_is_placed_only_where_all_kernels_agree() {
    let link = |text: &str, parent: &str| {
        let link = step("symlinkat", "a1=CWD").created(text, 502);
        last(&[link.parent(parent, RUN)])
    };
    super::right_both(&link("x/q", "b/"), "x/q", "/w/b/q");
    super::right_both(&link("q", "/w"), "q", "/w/q");
    super::right_both(&link("/x/q", "/w"), "/x/q", "/w/q");
    // Linux 7.2 makes b/abs of this, and older ones b/bs.
    super::honest_both(&link("/abs", "b/"), "/abs", "/w/b/abs");
    super::honest_both(&link("/abs", "b/"), "/abs", "/w/b/bs");
}

#[test]
fn a_file_that_was_reached_by_a_link_is_not_the_link() {
    let reached = [
        step("chmod", "").file("/etc/x", 7),
        step("chown", "").file("/etc/x", 7),
        step("truncate", "").file("/etc/x", 7),
        step("setxattr", "").file("/etc/x", 7),
        step("fchmodat", "a0=CWD").file("/etc/x", 7),
        step("openat", "a0=CWD a2=1").file("/etc/x", 7).returns(3),
        step("execve", "").file("/etc/x", 7),
    ];
    for first in reached {
        let unlink = step("unlinkat", "a0=9")
            .by(200, 1)
            .parent("/w", RUN)
            .deleted("x", 7);
        honest(&last(&[first.clone(), unlink.clone()]), &["/run/x"]);
        honest(&last(&[first.clone(), unlink.reversed()]), &["/run/x"]);
        let rename = step("renameat", "a0=9 a2=CWD")
            .by(200, 1)
            .parent("/to/", 800)
            .parent("/w", RUN)
            .deleted("x", 7)
            .created("/to/x", 7);
        super::honest_both(&last(&[first.clone(), rename]), "/run/x", "/to/x");
        let lchown = step("fchownat", "a0=9").by(200, 1).file("x", 7);
        honest(&last(&[first, lchown]), &["/run/x", "/etc/x"]);
    }
}

/// Calls on `shadow` in `/etc`, which is inode 500, by names with `..` behind a link in `/tmp`.
fn behind_a_link() -> Vec<Step> {
    let there = |call, args: &str, directory: &str| {
        let name = format!("{directory}shadow");
        let cwd = if directory.starts_with('/') {
            "/w"
        } else {
            "/tmp"
        };
        let step = step(call, args).by(200, 1).in_directory(cwd);
        match call {
            "chmod" | "truncate" | "fchmodat" => step.file(&name, 502),
            "open" | "openat" => step.parent(directory, 500).file(&name, 502).returns(4),
            "mkdir" => step.parent(directory, 500).created_directory(&name, 502),
            _ => step.parent(directory, 500).deleted(&name, 502),
        }
    };
    let mut steps = Vec::new();
    for directory in [
        "/tmp/l/../",
        "l/../",
        "/tmp/l/./../",
        "/tmp//l//..//",
        "./l/../",
    ] {
        for (call, args) in [
            ("unlink", ""),
            ("unlinkat", "a0=CWD"),
            ("rmdir", ""),
            ("open", "a1=241"),
            ("openat", "a0=CWD a2=241"),
            ("mkdir", ""),
            ("chmod", ""),
            ("truncate", ""),
            ("fchmodat", "a0=CWD"),
        ] {
            steps.push(there(call, args, directory));
        }
    }
    steps
}

#[test]
fn two_dots_behind_a_link_do_not_hide_a_file() {
    let known = step("unlink", "")
        .parent("/etc/", 500)
        .deleted("/etc/old", 501);
    for second in behind_a_link() {
        for steps in [vec![second.clone()], vec![known.clone(), second.clone()]] {
            honest(&last(&steps), &["/etc/shadow", "/tmp/l/../shadow"]);
        }
    }
}

#[test]
fn two_dots_behind_a_link_hide_no_file_on_either_side_of_a_rename() {
    let paths = ["/etc/a", "/tmp/l/../a"];
    for (call, args) in [("rename", ""), ("renameat2", "a0=CWD a2=CWD")] {
        let out = step(call, args)
            .parent("/w", 30)
            .parent("/tmp/l/../", 500)
            .deleted("/tmp/l/../a", 5)
            .created("a", 5);
        for rename in [out.clone(), out.reversed()] {
            let event = last(&[rename]);
            honest(&event, &paths);
            assert_eq!(event["dest_path"], "/w/a");
        }
        let into = step(call, args)
            .parent("/tmp/l/../", 500)
            .parent("/w", 30)
            .deleted("a", 5)
            .created("/tmp/l/../a", 5);
        for rename in [into.clone(), into.reversed()] {
            let event = last(&[rename]);
            assert_eq!(event["path"], "/w/a");
            assert_ne!(event["dest_path"], "/tmp/a");
        }
    }
}

#[test]
fn a_file_of_the_name_that_two_dots_seem_to_mean_is_still_there() {
    for removal in behind_a_link()
        .into_iter()
        .filter(|step| step.call == "unlink")
    {
        let other = opened("/tmp/shadow", 900, 3);
        let change = step("fchmod", "a0=3").inode(900);
        right(&last(&[other, removal, change]), "/tmp/shadow");
    }
}

#[test]
fn two_dots_go_where_the_working_directory_is_above_them() {
    // The kernel says it without any link in it.
    for (cwd, name, path) in [
        ("/home/u", "../x", "/home/x"),
        ("/home/u/a", "../../x", "/home/x"),
        ("/home/u", ".././x", "/home/x"),
        ("/", "../x", "/x"),
    ] {
        let (directory, _) = name.rsplit_once('/').expect("a slash");
        let unlink = step("unlink", "")
            .in_directory(cwd)
            .parent(&format!("{directory}/"), 500)
            .deleted(name, 5);
        right(&last(&[unlink]), path);
        right(
            &last(&[step("chmod", "").in_directory(cwd).file(name, 5)]),
            path,
        );
    }
}

#[test]
fn two_dots_go_where_inodes_prove_that_a_directory_is_before_them() {
    let steps = [
        made("/w/a", 20, 10),
        made("/w/a/b", 21, 20),
        step("unlink", "")
            .parent("/w/a/b/../", 20)
            .deleted("/w/a/b/../x", 30),
        step("unlink", "").parent("a/../", 10).deleted("a/../y", 31),
    ];
    let events = tell(&steps);
    honest(&events[2], &["/w/a/x", "/w/a/b/../x"]);
    honest(&events[3], &["/w/y", "/w/a/../y"]);
}

#[test]
fn two_dots_are_left_where_the_directory_is_another_one_for_the_caller() {
    // In the root of the caller, `/tmp` is not directory 3, and `l` may be a link.
    let unlink = |parent| {
        step("unlink", "")
            .by(200, 1)
            .parent("/tmp/l/../", parent)
            .deleted("/tmp/l/../shadow", 51)
    };
    let known = made("/tmp/l", 33, 3).in_directory("/tmp");
    let event = last(&[known.clone(), unlink(999)]);
    assert_eq!(event["path"], "/tmp/l/../shadow", "{event}");
    right(&last(&[known, unlink(3)]), "/tmp/shadow");
}
