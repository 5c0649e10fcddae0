//! Directories that are moved with what is known below them, and with their callers.

use super::{
    Step, honest, honest_both, is, last, made, opened, opened_directory, right, right_both, step,
    tell,
};

/// A rename of a directory, 50, from one directory, 60, to another, 70.
fn moved(call: &'static str, args: &str, old: &str, new: &str) -> Step {
    let directory = |name: &str| {
        name.rfind('/')
            .map_or("/w".to_owned(), |at| name[..=at].to_owned())
    };
    step(call, args)
        .parent(&directory(old), 60)
        .parent(&directory(new), 70)
        .deleted_directory(old, 50)
        .created_directory(new, 50)
}

#[test]
fn a_rename_that_moves_its_caller_is_not_joined_to_the_new_directory() {
    let rename = moved("rename", "", "../../../a/b", "../../../x/y/b").in_directory("/w/x/y/b/c");
    honest_both(&last(std::slice::from_ref(&rename)), "/w/a/b", "/w/x/y/b");
    // The directories are known.
    let known = [
        made("/w/a", 60, 40),
        made("/w/x", 41, 40),
        made("/w/x/y", 70, 41),
    ];
    let steps = [&known[..], std::slice::from_ref(&rename)].concat();
    right_both(&last(&steps), "/w/a/b", "/w/x/y/b");
    // What is opened after it is relative to the new directory, whose path is right.
    let create = step("mkdir", "")
        .parent("/w/x/y/b/c", 81)
        .created_directory("new", 80);
    let steps = [rename, create.in_directory("/w/x/y/b/c")];
    right(&last(&steps), "/w/x/y/b/c/new");
}

#[test]
fn a_rename_of_a_directory_above_the_caller_in_its_place_is_joined() {
    for (old, new, cwd, from, to) in [
        ("../b", "../c", "/w/c", "/w/b", "/w/c"),
        ("../../b", "../../c", "/w/c/d", "/w/b", "/w/c"),
        ("/w/b", "../../c", "/w/c/d", "/w/b", "/w/c"),
    ] {
        let rename = moved("rename", "", old, new).in_directory(cwd);
        right_both(&last(&[rename]), from, to);
    }
}

#[test]
fn an_absolute_name_tells_the_other_one_of_a_rename_that_moves_its_caller() {
    // It was in /w/a/b/c, and is in /w/b/c.
    let rename = moved("rename", "", "/w/a/b", "../../../b").in_directory("/w/b/c");
    honest_both(&last(std::slice::from_ref(&rename)), "/w/a/b", "/w/b");
    let steps = [made("/w/a", 60, 70), rename];
    right_both(&last(&steps), "/w/a/b", "/w/b");
    let rename = moved("rename", "", "../../b", "/w/x/b").in_directory("/w/x/b/c");
    honest_both(&last(&[rename]), "/w/b", "/w/x/b");
}

/// Moves of the directory `b` from an unknown place: by descriptors that are not known, and
/// relative to a directory that was moved itself.
fn untold() -> Vec<Step> {
    vec![
        moved("renameat", "a0=7 a2=8", "b", "b2"),
        moved("renameat2", "a0=7 a2=8", "b", "b"),
        moved("rename", "", "../../../a/b", "../../../x/y/b").in_directory("/w/x/y/b/c"),
        moved("renameat", "a0=7 a2=CWD", "b", "/w/b2"),
        moved("renameat", "a0=7 a2=8", "d/b", "e/b2"),
    ]
}

#[test]
fn a_path_through_a_directory_that_may_have_been_moved_is_not_believed() {
    for rename in untold() {
        let open = opened_directory("/w/a/b/c", 90, 3);
        let create = step("mkdirat", "a0=3")
            .parent("/w", 90)
            .created_directory("x", 91);
        let told = tell(&[open.clone(), rename.clone(), create.clone()]);
        assert_eq!(told[2]["path_unresolved"], true, "{}", told[2]);
        // It is known again once it is seen.
        let told = tell(&[open.clone(), rename, open, create]);
        right(&told[3], "/w/a/b/c/x");
    }
}

#[test]
fn a_directory_that_cannot_have_been_moved_keeps_its_path() {
    for rename in untold() {
        // Another name, another directory around it, and another inode.
        let others = [
            (vec![], "/w/a/bb/c"),
            (vec![made("/w/a", 40, 10)], "/w/a/b/c"),
            (vec![made("/w/a/b", 51, 40)], "/w/a/b/c"),
        ];
        for (mut steps, path) in others {
            steps.push(opened_directory(path, 90, 3));
            steps.push(rename.clone());
            steps.push(
                step("mkdirat", "a0=3")
                    .parent("/w", 90)
                    .created_directory("x", 91),
            );
            right(&last(&steps), &format!("{path}/x"));
        }
    }
}

#[test]
fn a_path_through_a_link_to_a_directory_that_was_moved_is_not_believed() {
    // /link leads to /w.
    let open = opened_directory("/link/b/c", 90, 3);
    let rename = moved("rename", "", "/w/b", "/w/b2");
    let create = step("mkdirat", "a0=3")
        .parent("/w", 90)
        .created_directory("x", 91);
    honest(
        &last(&[open, rename, create]),
        &["/link/b2/c/x", "/w/b2/c/x"],
    );
}

#[test]
fn moves_of_other_directories_leave_a_path_alone_however_many_they_are() {
    let mut steps = vec![opened_directory("/w/a/b/c", 90, 3)];
    let exchange = step("renameat2", "a0=7 a2=8 a4=2")
        .parent("/w", 60)
        .parent("/w", 70)
        .deleted_directory("one", 50)
        .deleted_directory("other", 51)
        .created_directory("other", 50)
        .created_directory("one", 51);
    for _ in 0..2000 {
        steps.push(moved("renameat", "a0=7 a2=8", "old", "new"));
        steps.push(exchange.clone());
    }
    steps.push(
        step("mkdirat", "a0=3")
            .parent("/w", 90)
            .created_directory("x", 91),
    );
    right(&last(&steps), "/w/a/b/c/x");
}

#[test]
fn a_rename_that_failed_is_not_about_the_file_that_it_would_have_replaced() {
    // Where both names have the same last part, the record of the old one has the file of the new.
    let known = made("/w/a/b", 51, 41);
    let failed = step("renameat2", "a0=CWD a2=CWD")
        .returns(-39)
        .parent("/w", 40)
        .parent("a/", 41)
        .deleted_directory("b", 51);
    let event = last(&[known, failed]);
    assert!(is(&event, "path", &["/w/b"]), "{event}");
}

#[test]
fn an_exchange_that_looks_like_a_rename_moves_neither_name() {
    // The kernel compares the last parts, and how long the directories before them are.
    for (old, new) in [("../x/b", "../y/b//"), ("../x/b", "/w/y/b")] {
        let known = [made("/w/y", 70, 40), made("/w/y/b", 51, 70)];
        let exchange = step("renameat2", "a0=CWD a2=CWD a4=2")
            .in_directory("/w/v")
            .parent(&old[..5], 60)
            .parent(&new[..5], 70)
            .deleted_directory(old, 51)
            .created_directory(new, 51);
        let asked = step("unlinkat", "a0=6")
            .parent("/u", 51)
            .in_directory("/u")
            .deleted("f", 72);
        let event = last(&[&known[..], &[exchange, asked]].concat());
        assert!(!is(&event, "path", &["/w/y/b/f"]), "{event}");
    }
}

#[test]
fn a_file_that_was_exchanged_by_another_path_has_no_name_where_it_was() {
    let exchange = step("renameat2", "a0=CWD a2=CWD a4=2")
        .parent("/w", 40)
        .parent("link/", 61)
        .deleted_directory("b", 50)
        .deleted("link/f", 7)
        .created_directory("link/f", 50)
        .created("b", 7);
    let asked = step("ftruncate", "a0=4");
    let event = last(&[opened("/w/secret/f", 7, 4), exchange, asked]);
    honest(&event, &["/w/b"]);
}

#[test]
fn a_directory_that_was_moved_by_a_name_that_is_left_out_is_nowhere_known() {
    // Linux before 6.14 leaves out a name that ends in a slash.
    let moved = step("rename", "")
        .parent("/x/", 60)
        .parent("/", 2)
        .nameless(2, "PARENT")
        .nameless(50, "DELETE")
        .created_directory("/x/moved", 50);
    let open = opened_directory("/w/dir/inner", 51, 4);
    let event = last(&[open, moved.clone(), step("fchmod", "a0=4").inode(51)]);
    honest(&event, &["/x/moved/inner"]);
    // It was another one than the directory on the way.
    let known = [
        made("/w/dir", 52, 40),
        made("/w/dir/inner", 51, 52),
        opened_directory("/w/dir/inner", 51, 4),
    ];
    let steps = [
        &known[..],
        &[made("/old", 50, 2), moved, step("fchmod", "a0=4").inode(51)],
    ];
    right(&last(&steps.concat()), "/w/dir/inner");
}

#[test]
fn an_exchange_in_another_root_moves_no_name_that_is_not_its_own() {
    // In a chroot, `/d/f` and `/e/g` are other files than those that are known by these paths.
    let exchange = step("renameat2", "a0=CWD a2=CWD a4=2")
        .parent("/d/", 10)
        .parent("/e/", 11)
        .deleted("/d/f", 20)
        .deleted("/e/g", 21)
        .created("/e/g", 20)
        .created("/d/f", 21);
    for path in ["/e/g", "/d/f"] {
        let asked = step("ftruncate", "a0=4");
        let event = last(&[opened(path, 77, 4), exchange.clone(), asked]);
        honest(&event, &[path]);
    }
}

#[test]
fn a_move_by_a_name_in_an_unknown_directory_is_none_below_the_root() {
    let seen = |cwd| step("chmod", "").in_directory(cwd).file("f", 70);
    let moved = step("renameat", "a0=9 a2=9")
        .parent("/x", 60)
        .deleted_directory("b", 50)
        .created_directory("q", 50);
    let below_the_root = step("chmod", "").in_directory("/b").file("e", 71);
    let asked = step("fchmod", "a0=4").inode(70);
    let event = last(&[below_the_root, seen("/x/b"), moved, asked]);
    honest(&event, &["/x/q/f"]);
}

#[test]
fn a_rename_of_an_unknown_file_that_may_be_an_exchange_teaches_nothing() {
    let rename = |call| {
        step(call, "a0=CWD a2=CWD")
            .parent("x/", 60)
            .parent("y/", 61)
            .deleted_directory("x/b", 50)
            .created_directory("y/b", 50)
    };
    let asked = step("unlinkat", "a0=6")
        .parent("/u", 50)
        .in_directory("/u")
        .deleted("f", 72);
    let event = last(&[rename("renameat2"), asked.clone()]);
    honest(&event, &["/w/x/b/f"]);
    // It was at the old name, so it is no exchange; and renameat knows of none.
    for steps in [
        [made("/w/x/b", 50, 60), rename("renameat2")].to_vec(),
        [rename("renameat")].to_vec(),
    ] {
        right(
            &last(&[&steps[..], std::slice::from_ref(&asked)].concat()),
            "/w/y/b/f",
        );
    }
}
