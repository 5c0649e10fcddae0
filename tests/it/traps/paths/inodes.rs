//! Files that have several names, and numbers of files that another one has by now.

use super::{Step, honest, honest_both, is, last, made, nothing, opened, opened_in, right, step};

/// Makes `/w/b` and, in another directory, another `a` of `/w/a`, which is 10.
fn linked() -> Vec<Step> {
    vec![
        made("/w/d", 21, 20),
        made("/x/d", 31, 30),
        opened_in("/w/a", 10, 3, 20),
        step("link", "")
            .parent("/w/", 20)
            .file("/w/a", 10)
            .created("/w/b", 10),
        step("link", "")
            .parent("/x/", 30)
            .file("/w/a", 10)
            .created("/x/a", 10),
    ]
}

fn after(mut steps: Vec<Step>, step: Step) -> Vec<Step> {
    steps.push(step);
    steps
}

#[test]
fn of_several_names_only_the_one_that_fits_is_told() {
    for (call, args) in [
        ("fchmodat", "a0=9"),
        ("fchownat", "a0=9"),
        ("openat", "a0=9 a2=1"),
        ("utimensat", "a0=9"),
    ] {
        let by = |name: &str| step(call, args).by(200, 1).file(name, 10);
        honest(&last(&after(linked(), by("b"))), &["/w/b"]);
        // Two have this name; it may be either.
        let event = last(&after(linked(), by("a")));
        assert_eq!(event["path_unresolved"], true, "{event}");
        // No name that is known.
        honest(&last(&after(linked(), by("c"))), &["/y/c"]);
    }
}

#[test]
fn a_descriptor_that_is_known_by_its_inode_only_is_none_of_several_names() {
    for call in ["fchmod", "fchown", "fsetxattr"] {
        let change = step(call, "a0=9").by(200, 1).inode(10);
        let event = last(&after(linked(), change));
        assert_eq!(event["path_unresolved"], true, "{event}");
        let change = step(call, "a0=3").inode(10);
        right(&last(&after(linked(), change)), "/w/a");
    }
}

#[test]
fn the_directory_tells_which_of_several_names_is_removed() {
    for (parent, path) in [(20, "/w/a"), (30, "/x/a")] {
        let unlink = step("unlinkat", "a0=9")
            .by(200, 1)
            .parent("/w", parent)
            .deleted("a", 10);
        for unlink in [unlink.clone(), unlink.reversed()] {
            right(&last(&after(linked(), unlink)), path);
        }
    }
    // A directory that is not known may have one more.
    let unlink = step("unlinkat", "a0=9")
        .by(200, 1)
        .parent("/w", 99)
        .deleted("a", 10);
    honest(&last(&after(linked(), unlink)), &["/farm/a"]);
    let rename = step("renameat", "a0=9 a2=CWD")
        .by(200, 1)
        .parent("/w", 20)
        .parent("/w", 99)
        .deleted("a", 10)
        .created("e", 10);
    honest_both(&last(&after(linked(), rename)), "/farm/a", "/w/e");
}

#[test]
fn a_farm_of_links_that_is_removed_is_not_what_it_was_linked_from() {
    let known = [opened("/w/c/1", 10, 3), opened("/w/c/2", 11, 4)];
    let farm = |name: &str, inode| {
        step("unlinkat", "a0=9")
            .by(200, 1)
            .parent("/w", 99)
            .deleted(name, inode)
    };
    for (name, inode) in [("1", 10), ("2", 11)] {
        let unlink = farm(name, inode);
        let path = format!("/farm/c/{name}");
        for unlink in [unlink.clone(), unlink.reversed()] {
            honest(&last(&after(known.to_vec(), unlink)), &[&path]);
        }
    }
    // And the first names are still there.
    let mut steps = known.to_vec();
    steps.extend([
        farm("1", 10),
        farm("2", 11),
        step("fchmod", "a0=3").inode(10),
    ]);
    honest(&last(&steps), &["/w/c/1"]);
}

#[test]
fn a_name_that_was_removed_is_told_no_more() {
    let unlink = step("unlink", "").parent("/w/", 20).deleted("/w/a", 10);
    let change = step("fchmodat", "a0=9").by(200, 1).file("a", 10);
    honest(
        &last(&[linked(), vec![unlink.clone(), change]].concat()),
        &["/x/a"],
    );
    let change = step("fchmod", "a0=9").by(200, 1).inode(10);
    honest(
        &last(&[linked(), vec![unlink, change]].concat()),
        &["/w/b", "/x/a"],
    );
}

#[test]
fn a_number_that_a_new_file_has_is_no_more_the_removed_ones() {
    let removed = [
        vec![
            made("/w/d", 21, 20),
            step("rmdir", "")
                .parent("/w/", 20)
                .deleted_directory("/w/d", 21),
        ],
        // The removal was not recorded.
        vec![made("/w/d", 21, 20)],
        vec![
            made("/w/d", 21, 20),
            step("unlinkat", "a0=9 a2=200")
                .parent("/w", 20)
                .deleted_directory("d", 21),
        ],
    ];
    for before in removed {
        let mut steps = before.clone();
        steps.push(made("/v/e", 21, 40));
        steps.push(step("unlinkat", "a0=9").parent("/w", 21).deleted("f", 50));
        right(&last(&steps), "/v/e/f");
        // The new one is at a place that is not known.
        let mut steps = before.clone();
        steps.push(
            step("mkdirat", "a0=8")
                .parent("/w", 98)
                .created_directory("e", 21),
        );
        steps.push(step("unlinkat", "a0=9").parent("/w", 21).deleted("f", 50));
        honest(&last(&steps), &["/u/e/f"]);
    }
    let steps = [
        opened_in("/w/a", 10, 3, 20),
        step("unlink", "").parent("/w/", 20).deleted("/w/a", 10),
        opened("/v/z", 10, 4).by(200, 1),
        step("fchmod", "a0=7").by(300, 1).inode(10),
    ];
    right(&last(&steps), "/v/z");
    let steps = [
        opened_in("/w/a", 10, 3, 20),
        step("openat", "a0=8 a2=c1")
            .by(200, 1)
            .parent("/w", 98)
            .created("z", 10)
            .returns(5),
        step("fchmod", "a0=7").by(300, 1).inode(10),
    ];
    honest(&last(&steps), &["/u/z"]);
}

#[test]
fn a_file_that_replaced_another_is_not_known_by_its_names() {
    let steps = [
        made("/w/d", 21, 20),
        opened_in("/w/a", 10, 3, 20),
        opened_in("/w/t", 11, 4, 20),
        step("rename", "")
            .parent("/w/", 20)
            .parent("/w/", 20)
            .deleted("/w/t", 11)
            .deleted("/w/a", 10)
            .created("/w/a", 11),
    ];
    let new = step("fchmod", "a0=9").by(200, 1).inode(11);
    right(&last(&after(steps.to_vec(), new)), "/w/a");
    let old = step("fchmod", "a0=9").by(200, 1).inode(10);
    let event = last(&after(steps.to_vec(), old));
    assert_eq!(event["path_unresolved"], true, "{event}");
    let old = step("ftruncate", "a0=3");
    honest(&last(&after(steps.to_vec(), old)), &["/w/a (deleted)"]);
}

#[test]
fn a_rename_onto_another_name_of_the_same_file_moves_nothing() {
    // rename(2): if both are the same file, it does nothing and says that it succeeded.
    let nothing = step("rename", "").parent("/w/", 20).parent("/w/", 20);
    let unlink = step("unlinkat", "a0=9")
        .by(200, 1)
        .parent("/w", 20)
        .deleted("a", 10);
    let steps = [linked(), vec![nothing, unlink]].concat();
    right(&last(&steps), "/w/a");
}

#[test]
fn a_nameless_file_has_no_name_of_one_before_it_with_its_number() {
    let nameless = step("openat", "a0=CWD a2=410002")
        .by(200, 1)
        .returns(4)
        .file("/tmp", 10);
    for change in ["fchmod", "fchown", "fsetxattr"] {
        let change = step(change, "a0=4").by(200, 1).inode(10);
        nothing(&last(&[
            opened("/w/old", 10, 3),
            nameless.clone(),
            change.clone(),
        ]));
        let given = step("linkat", "a0=CWD a2=CWD")
            .by(200, 1)
            .file("/proc/self/fd/4", 10)
            .parent("/w/", 20)
            .created("/w/new", 10);
        let steps = [opened("/w/old", 10, 3), nameless.clone(), given, change];
        honest(&last(&steps), &["/w/new"]);
    }
}

#[test]
fn a_descriptor_that_was_opened_by_a_link_is_no_other_name_of_the_file() {
    // Nothing tells where the link leads: its target may be another name of file 7.
    let link = step("symlink", "").unknown("a").parent("/w/", 20).path(
        Some("/w/link"),
        70,
        "0120777",
        "CREATE",
    );
    let named = step("chmod", "").file("/other/b", 7);
    let open = step("openat", "a0=CWD a2=2").returns(5).file("/w/link", 7);
    let write = step("ftruncate", "a0=5");
    let steps = [link.clone(), named, open.clone(), write.clone()];
    honest(&last(&steps), &["/w/a", "/w/link"]);
    // The only name of a file that was made just now is that of the target.
    let steps = [link, opened("/w/a", 7, 3), open, write];
    honest(&last(&steps), &["/w/a"]);
}

#[test]
fn a_directory_is_not_the_link_that_had_its_number() {
    let link = step("symlink", "").unknown("target").parent("/w", 40).path(
        Some("/w/link"),
        50,
        "0120777",
        "CREATE",
    );
    let asked = step("unlinkat", "a0=6")
        .parent("/u", 50)
        .in_directory("/u")
        .deleted("f", 72);
    let event = last(&[link, asked]);
    assert!(!is(&event, "path", &["/w/link/f"]), "{event}");
}
