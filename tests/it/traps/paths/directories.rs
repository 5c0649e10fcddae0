//! Names below a directory that is a descriptor.

use super::{
    Step, honest, honest_both, last, made, opened, opened_directory, opened_in, right, right_both,
    step, tell,
};

/// The tree: `/w` is 10 and has `sub`, 20, and `src`, 30.
fn tree() -> Vec<Step> {
    vec![made("/w/sub", 20, 10), made("/w/src", 30, 10)]
}

fn after(mut steps: Vec<Step>, step: Step) -> Vec<Step> {
    steps.push(step);
    steps
}

#[test]
fn a_file_that_is_moved_into_a_directory_is_there_and_not_where_it_was() {
    let object = opened_in("/w/a.o", 5, 3, 10);
    for call in ["renameat2", "renameat"] {
        let by_cwd = step(call, "a0=CWD a2=5")
            .parent("/w", 20)
            .parent("/w", 10)
            .deleted("a.o", 5)
            .created("a.o", 5);
        let over_another = step(call, "a0=CWD a2=5")
            .parent("/w", 20)
            .parent("/w", 10)
            .deleted("a.o", 5)
            .deleted("a.o", 6)
            .created("a.o", 5);
        let by_path = step(call, "a0=CWD a2=5")
            .in_directory("/")
            .parent("/", 20)
            .parent("w/", 10)
            .deleted("w/a.o", 5)
            .created("a.o", 5);
        let by_absolute = step(call, "a0=CWD a2=5")
            .parent("/w", 20)
            .parent("/w/", 10)
            .deleted("/w/a.o", 5)
            .created("a.o", 5);
        let by_descriptor = step(call, "a0=7 a2=5")
            .in_directory("/")
            .parent("/", 20)
            .parent("/", 10)
            .deleted("a.o", 5)
            .created("a.o", 5);
        for rename in [by_cwd, over_another, by_path, by_absolute, by_descriptor] {
            for rename in [rename.clone(), rename.reversed()] {
                // Whether nothing is known, or only the file, or all of it.
                let known = after(tree(), object.clone());
                for before in [vec![], vec![object.clone()], tree(), known] {
                    let event = last(&after(before, rename.clone()));
                    honest_both(&event, "/w/a.o", "/w/sub/a.o");
                }
            }
        }
    }
}

#[test]
fn both_directories_of_a_rename_are_told_apart_by_their_known_paths() {
    // The text of each parent is the working directory, which is only one of them.
    let rename = step("renameat2", "a0=CWD a2=5")
        .parent("/w", 20)
        .parent("/w", 10)
        .deleted("a.o", 5)
        .created("a.o", 5);
    for rename in [rename.clone(), rename.reversed()] {
        right_both(&last(&after(tree(), rename)), "/w/a.o", "/w/sub/a.o");
    }
    let out = step("renameat2", "a0=5 a2=CWD")
        .parent("/w", 10)
        .parent("/w", 20)
        .deleted("a.o", 5)
        .created("b.o", 5);
    for rename in [out.clone(), out.reversed()] {
        right_both(&last(&after(tree(), rename)), "/w/sub/a.o", "/w/b.o");
    }
}

#[test]
fn a_file_that_was_moved_is_known_where_it_is() {
    let rename = step("renameat2", "a0=CWD a2=5")
        .parent("/w", 20)
        .parent("/w", 10)
        .deleted("a.o", 5)
        .created("a.o", 5);
    let change = step("fchmod", "a0=3").inode(5);
    for before in [vec![], tree()] {
        let mut steps = after(before, opened_in("/w/a.o", 5, 3, 10));
        steps.extend([rename.clone(), change.clone()]);
        honest(&last(&steps), &["/w/sub/a.o"]);
    }
    let directory = step("renameat2", "a0=CWD a2=5")
        .parent("/w", 20)
        .parent("/w", 10)
        .deleted_directory("src", 30)
        .created_directory("src", 30);
    let below = step("unlinkat", "a0=6").parent("/w", 30).deleted("f", 31);
    honest(
        &last(&[tree(), vec![directory, below]].concat()),
        &["/w/sub/src/f"],
    );
}

#[test]
fn a_hard_link_in_another_directory_is_not_the_name_that_was_known() {
    let known = opened_in("/w/a.o", 5, 3, 10);
    let link = step("linkat", "a0=CWD a2=5")
        .parent("/w", 20)
        .file("a.o", 5)
        .created("a.o", 5);
    for link in [link.clone(), link.reversed()] {
        for before in [vec![], vec![known.clone()], after(tree(), known.clone())] {
            honest_both(&last(&after(before, link.clone())), "/w/a.o", "/w/sub/a.o");
        }
    }
}

/// Calls below a descriptor that was `/old`, 70, and is `/new`, 76, where `sub`, 77, has `x`.
fn below_a_stale_one() -> Vec<(Step, &'static str)> {
    let old = |call, args: &str| step(call, args).parent("sub/", 77);
    vec![
        (old("unlinkat", "a0=5").deleted("sub/x", 78), "/new/sub/x"),
        (
            old("unlinkat", "a0=5 a2=200").deleted_directory("sub/x", 78),
            "/new/sub/x",
        ),
        (
            old("mkdirat", "a0=5").created_directory("sub/x", 78),
            "/new/sub/x",
        ),
        (
            old("mknodat", "a0=5").created("sub/x", 78).reversed(),
            "/new/sub/x",
        ),
        (
            old("openat", "a0=5 a2=c1").created("sub/x", 78).returns(6),
            "/new/sub/x",
        ),
        (
            step("unlinkat", "a0=5")
                .parent("sub/d/../", 77)
                .deleted("sub/d/../x", 78),
            "/new/sub/x",
        ),
    ]
}

#[test]
fn a_parent_that_is_known_is_believed_before_a_descriptor_whatever_the_name() {
    let old = opened_directory("/old", 70, 5);
    let new = made("/new/sub", 77, 76);
    for (call, path) in below_a_stale_one() {
        for before in [[old.clone(), new.clone()], [new.clone(), old.clone()]] {
            let steps = after(before.to_vec(), call.clone());
            honest(&last(&steps), &[path]);
            // What was contradicted is not believed for the next name either.
            let next = step("openat", "a0=5 a2=0").returns(7).file("sub/y", 79);
            honest(&last(&after(steps, next)), &["/new/sub/y"]);
        }
    }
}

#[test]
fn a_parent_that_is_known_is_believed_on_both_sides_of_a_rename() {
    let before = [
        opened_directory("/old", 70, 5),
        opened_directory("/older", 60, 6),
        made("/new/sub", 77, 76),
        made("/new/dir", 79, 76),
    ];
    let rename = step("renameat2", "a0=5 a2=6")
        .parent("dir/", 79)
        .parent("sub/", 77)
        .deleted("sub/x", 78)
        .created("dir/x", 78);
    for rename in [rename.clone(), rename.reversed()] {
        let event = last(&after(before.to_vec(), rename));
        honest_both(&event, "/new/sub/x", "/new/dir/x");
    }
    let link = step("linkat", "a0=CWD a2=6")
        .parent("dir/", 79)
        .file("/w/x", 78)
        .created("dir/x", 78);
    honest_both(&last(&after(before.to_vec(), link)), "/w/x", "/new/dir/x");
}

#[test]
fn an_inode_of_a_file_that_is_known_elsewhere_contradicts_a_descriptor() {
    let stale = opened_directory("/w/a", 70, 5);
    let known = opened("/w/b/f", 78, 3).by(200, 1);
    for (call, args) in [
        ("fchmodat", "a0=5"),
        ("fchownat", "a0=5"),
        ("openat", "a0=5 a2=1"),
        ("openat", "a0=5 a2=0"),
        ("utimensat", "a0=5"),
        ("name_to_handle_at", "a0=5"),
    ] {
        let call = step(call, args).file("f", 78);
        honest(
            &last(&[stale.clone(), known.clone(), call.clone()]),
            &["/w/b/f"],
        );
        honest(&last(&[known.clone(), stale.clone(), call]), &["/w/b/f"]);
    }
}

#[test]
fn programs_that_walk_a_tree_by_copied_descriptors_are_followed() {
    // Number 4 is the directory before, and by a copy that no rule records the one of now.
    let mut before = vec![made("/w/t/a", 21, 20), made("/w/t/b", 22, 20)];
    before.push(opened_directory("/w/t/a", 21, 4));
    for (call, path) in [
        (
            step("unlinkat", "a0=4").parent("/w", 22).deleted("f", 31),
            "/w/t/b/f",
        ),
        (
            step("unlinkat", "a0=4 a2=200")
                .parent("/w", 20)
                .deleted_directory("b", 22),
            "/w/t/b",
        ),
        (
            step("mkdirat", "a0=4")
                .parent("/w", 22)
                .created_directory("d", 32),
            "/w/t/b/d",
        ),
        (
            step("unlinkat", "a0=4").deleted("f", 31).parent("/w", 22),
            "/w/t/b/f",
        ),
    ] {
        right(&last(&after(before.clone(), call)), path);
    }
    // A directory that nothing is known of is not the one of the descriptor.
    let unknown = step("unlinkat", "a0=4").parent("/w", 99).deleted("f", 31);
    let event = last(&after(before.clone(), unknown));
    honest(&event, &["/w/elsewhere/f"]);
    // Nor is it after that, where the record does not say.
    let unknown = step("unlinkat", "a0=4").parent("/w", 99).deleted("f", 31);
    let change = step("fchmodat", "a0=4").file("g", 33);
    honest(
        &last(&after(after(before, unknown), change)),
        &["/w/elsewhere/g"],
    );
}

#[test]
fn a_regular_file_is_no_directory() {
    let file = opened("/w/secret", 11, 3);
    let existing = step("openat", "a0=CWD a2=1")
        .returns(3)
        .file("/w/secret", 11);
    for file in [file, existing] {
        for (call, path) in [
            (step("fchmodat", "a0=3").file("x/f", 41), "/d1/x/f"),
            (step("fchmodat", "a0=3").file("f", 41), "/d1/f"),
            (step("fchownat", "a0=3").file("x/f", 41), "/d1/x/f"),
            (
                step("openat", "a0=3 a2=0").file("x/f", 41).returns(4),
                "/d1/x/f",
            ),
            (
                step("unlinkat", "a0=3").parent("x/", 40).deleted("x/f", 41),
                "/d1/x/f",
            ),
            (
                step("mkdirat", "a0=3")
                    .parent("x/", 40)
                    .created_directory("x/w", 42),
                "/d1/x/w",
            ),
            (
                step("openat", "a0=3 a2=41")
                    .parent("x/", 40)
                    .created("x/y", 43)
                    .returns(4),
                "/d1/x/y",
            ),
            (
                step("openat", "a0=3 a2=41")
                    .created("x/y", 43)
                    .parent("x/", 40)
                    .returns(4),
                "/d1/x/y",
            ),
        ] {
            honest(&last(&[file.clone(), call]), &[path]);
        }
    }
}

#[test]
fn a_rename_in_another_root_moves_nothing_in_this_one() {
    let inside = |old: &str, new: &str| {
        step("rename", "")
            .by(300, 299)
            .in_directory("/")
            .parent("/", 1)
            .parent("/", 1)
            .deleted_directory(old, 88)
            .created_directory(new, 88)
    };
    let host = [opened_in("/etc/f", 10, 3, 500), made("/etc/d", 501, 500)];
    let mut steps = host.to_vec();
    steps.push(
        step("rename", "")
            .by(300, 299)
            .parent("/etc/", 87)
            .parent("/etc/", 87)
            .deleted("/etc/f", 77)
            .created("/etc/g", 77),
    );
    steps.push(step("fchmod", "a0=3").inode(10));
    honest(&last(&steps), &["/etc/f"]);

    let mut steps = host.to_vec();
    steps.push(inside("/etc", "/etc2"));
    steps.push(step("unlinkat", "a0=9").parent("/w", 500).deleted("x", 502));
    honest(&last(&steps), &["/etc/x"]);
    steps.push(step("unlinkat", "a0=9").parent("/w", 501).deleted("x", 503));
    honest(&last(&steps), &["/etc/d/x"]);
    steps.push(step("fchmod", "a0=3").inode(10));
    honest(&last(&steps), &["/etc/f"]);

    let mut steps = host.to_vec();
    steps.push(inside("/other", "/etc"));
    steps.push(step("unlinkat", "a0=9").parent("/w", 501).deleted("x", 503));
    honest(&last(&steps), &["/etc/d/x"]);
    let mut steps = host.to_vec();
    let rmdir = step("rmdir", "")
        .by(300, 299)
        .parent("/", 1)
        .deleted_directory("/etc", 88);
    steps.push(rmdir);
    steps.push(step("unlinkat", "a0=9").parent("/w", 501).deleted("x", 503));
    honest(&last(&steps), &["/etc/d/x"]);
}

#[test]
fn an_exchange_is_told_by_the_directories_that_are_known() {
    let mut before = tree();
    before.push(opened_in("/w/sub/a", 5, 3, 20));
    before.push(opened_in("/w/src/b", 6, 4, 30));
    let exchange = step("renameat2", "a0=7 a2=8")
        .parent("/w", 30)
        .parent("/w", 20)
        .deleted("a", 5)
        .deleted("b", 6)
        .created("b", 5)
        .created("a", 6);
    let mut steps = after(before, exchange);
    honest_both(&last(&steps), "/w/sub/a", "/w/src/b");
    steps.push(step("fchmod", "a0=3").inode(5));
    steps.push(step("fchmod", "a0=4").inode(6));
    let events = tell(&steps);
    honest(&events[5], &["/w/src/b"]);
    honest(&events[6], &["/w/sub/a"]);
}
