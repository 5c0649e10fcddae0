//! Names that end in slashes, which kernels before 6.14 leave out.

use super::{Step, honest, honest_both, last, made, right, right_both, step, tell};

/// The working directory `/w` is 58, and `s1` in it 59.
fn known() -> Vec<Step> {
    vec![made("/w/s1", 59, 58), made("/w/s1/s4", 62, 59)]
}

/// The records of a new entry as such a kernel writes them.
fn new(step: Step, parent: &str, directory: u64, entry: u64) -> Step {
    step.parent(parent, directory)
        .nameless(directory, "PARENT")
        .missing(None, "CREATE")
        .nameless(directory, "PARENT")
        .nameless(entry, "CREATE")
}

/// The records of one that goes.
fn gone(step: Step, parent: &str, directory: u64, entry: u64) -> Step {
    step.parent(parent, directory)
        .nameless(directory, "PARENT")
        .nameless(entry, "DELETE")
}

fn after(mut steps: Vec<Step>, step: Step) -> Vec<Step> {
    steps.push(step);
    steps
}

#[test]
fn the_name_of_a_directory_is_not_that_of_what_is_made_in_it() {
    for (call, args) in [("mkdir", ""), ("mkdirat", "a0=CWD")] {
        for (parent, directory, path) in [
            ("/w", 58, "/w/s2"),
            ("s1/", 59, "/w/s1/s2"),
            ("/w/s1/", 59, "/w/s1/s2"),
            ("/w/", 58, "/w/s2"),
            ("s1/s4/", 62, "/w/s1/s4/s2"),
        ] {
            let call = new(step(call, args), parent, directory, 70);
            for call in [call.clone(), call.reversed()] {
                for before in [vec![], known()] {
                    honest(&last(&after(before, call.clone())), &[path]);
                }
            }
        }
    }
}

#[test]
fn nor_of_what_is_removed_from_it() {
    for (call, args) in [("rmdir", ""), ("unlinkat", "a0=CWD a2=200")] {
        for (parent, directory, path) in [
            ("/w", 58, "/w/s2"),
            ("s1/", 59, "/w/s1/s2"),
            ("/w/s1/", 59, "/w/s1/s2"),
        ] {
            let call = gone(step(call, args), parent, directory, 70);
            for call in [call.clone(), call.reversed()] {
                for before in [vec![], known()] {
                    honest(&last(&after(before, call.clone())), &[path]);
                }
            }
        }
    }
}

#[test]
fn an_entry_without_a_name_that_is_known_by_its_inode_is_not_its_directory() {
    let rmdir = gone(step("rmdir", ""), "s1/", 59, 62);
    honest(&last(&after(known(), rmdir)), &["/w/s1/s4"]);
    let rmdir = gone(step("unlinkat", "a0=3 a2=200"), "/w", 59, 62);
    honest(&last(&after(known(), rmdir)), &["/w/s1/s4"]);
}

#[test]
fn below_a_descriptor_it_is_the_same() {
    for (parent, directory, path) in [("/w", 59, "/w/s1/s2"), ("s4/", 62, "/w/s1/s4/s2")] {
        let mkdir = new(step("mkdirat", "a0=3"), parent, directory, 70);
        let rmdir = gone(step("unlinkat", "a0=3 a2=200"), parent, directory, 70);
        for call in [mkdir, rmdir] {
            for before in [vec![], known()] {
                let open = step("openat", "a0=CWD a2=10000")
                    .returns(3)
                    .directory("s1", 59);
                honest(&last(&after(before.clone(), call.clone())), &[path]);
                honest(&last(&[before, vec![open, call.clone()]].concat()), &[path]);
            }
        }
    }
}

#[test]
fn a_name_that_stands_at_its_directory_is_told_where_inodes_prove_it() {
    // Older kernels yet: the name with its slash has the inode of the directory that holds it.
    for (call, args) in [("mkdir", ""), ("mkdirat", "a0=CWD")] {
        let mkdir = new(step(call, args), "s2/", 58, 70);
        let rmdir = gone(step("rmdir", ""), "s2/", 58, 70);
        for call in [mkdir, rmdir] {
            right(&last(&after(known(), call)), "/w/s2");
        }
    }
}

#[test]
fn a_link_to_its_own_directory_is_not_the_entry_behind_it() {
    // `l` leads to the directory that holds it, whose inode therefore proves nothing: `l/s2/` is
    // meant.
    let link =
        step("symlink", "")
            .unknown(".")
            .parent("/w", 58)
            .path(Some("l"), 61, "0120777", "CREATE");
    for text in ["l/", "/w/l/"] {
        let mkdir = new(step("mkdir", ""), text, 58, 70);
        let rmdir = gone(step("rmdir", ""), text, 58, 70);
        let unlink = gone(step("unlinkat", "a0=CWD a2=200"), text, 58, 70).returns(-20);
        for call in [mkdir, rmdir, unlink] {
            let before = after(known(), link.clone());
            honest(&last(&after(before, call)), &["/w/s2", "/w/l/s2"]);
        }
    }
}

#[test]
fn a_rename_of_names_with_slashes_claims_no_name_that_is_not_there() {
    let both = |call, args: &str, text: &str, directory: u64| {
        step(call, args)
            .parent(text, directory)
            .parent(text, directory)
            .nameless(directory, "PARENT")
            .nameless(70, "DELETE")
            .nameless(directory, "PARENT")
            .missing(None, "CREATE")
            .nameless(directory, "PARENT")
            .nameless(70, "CREATE")
    };
    for (text, directory, path, dest) in [
        ("s1/", 59, "/w/s1/a", "/w/s1/b"),
        ("/w", 58, "/w/a", "/w/b"),
        ("/w/s1/", 59, "/w/s1/a", "/w/s1/b"),
    ] {
        for (call, args) in [("rename", ""), ("renameat", "a0=CWD a2=CWD")] {
            for before in [vec![], known()] {
                let rename = both(call, args, text, directory);
                honest_both(&last(&after(before, rename)), path, dest);
            }
        }
    }
    let half = step("renameat", "a0=CWD a2=3")
        .parent("/w", 59)
        .parent("/w", 58)
        .nameless(58, "PARENT")
        .nameless(70, "DELETE")
        .created("s8", 70);
    for before in [vec![], known()] {
        honest_both(&last(&after(before, half.clone())), "/w/s7", "/w/s1/s8");
    }
}

#[test]
fn a_file_created_by_a_name_that_is_left_out_gets_no_wrong_name() {
    let steps = [
        made("/w/s1", 59, 58),
        new(step("mkdir", ""), "s1/", 59, 70),
        step("unlinkat", "a0=9")
            .by(200, 1)
            .parent("/w", 59)
            .deleted("x", 80),
        step("unlinkat", "a0=9")
            .by(200, 1)
            .parent("/w", 70)
            .deleted("x", 81),
    ];
    let events = tell(&steps);
    honest(&events[2], &["/w/s1/x"]);
    honest(&events[3], &["/w/s1/s2/x"]);
}

#[test]
fn later_kernels_write_the_whole_name() {
    let steps = [
        step("mkdir", "")
            .parent("/w", 58)
            .created_directory("s1/", 59),
        step("mkdir", "")
            .parent("s1/", 59)
            .created_directory("s1/s2//", 60),
        step("mkdirat", "a0=CWD")
            .parent("/w/", 58)
            .created_directory("/w/s3///", 61),
        step("rmdir", "")
            .parent("s1/", 59)
            .deleted_directory("s1/s2//", 60),
    ];
    let events = tell(&steps);
    for (event, path) in events
        .iter()
        .zip(["/w/s1", "/w/s1/s2", "/w/s3", "/w/s1/s2"])
    {
        right(event, path);
    }
    let rename = step("rename", "")
        .parent("/w", 58)
        .parent("s1/", 59)
        .deleted_directory("s1/s2/", 60)
        .created_directory("s4//", 60);
    right_both(&last(&[rename]), "/w/s1/s2", "/w/s4");
}
