//! What was learned before a loss, and what only seems to be: serials that are missing or late.

use super::*;

/// The event of the last of these calls, which have these serials.
fn last_of(serials: &[u32], steps: &[Step]) -> Value {
    assert_eq!(serials.len(), steps.len());
    let mut log = String::new();
    for (step, serial) in steps.iter().zip(serials) {
        step.write(*serial, &mut log);
    }
    let mut events = replay(log, &["-q"]);
    let last = serials.last().copied();
    events.retain(|event| event["sequence"].as_u64() == last.map(u64::from));
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

/// A call that is of no importance.
fn other(number: u64) -> Step {
    made(&format!("/v/{number}"), 900 + number, 800)
}

/// Calls that teach a path, and those after them that are about a file with this path only as long
/// as nothing was lost.
fn stories() -> Vec<(Step, Step, &'static str)> {
    let through = |call, args: &str| step(call, args).parent("/u", 60).in_directory("/u");
    vec![
        (
            opened("/w/secret", 7, 4),
            step("ftruncate", "a0=4"),
            "/w/secret",
        ),
        (
            made("/w/d", 60, 2),
            through("unlinkat", "a0=6").deleted("f", 70),
            "/w/d/f",
        ),
        (
            made("/w/d", 60, 2),
            through("mkdirat", "a0=6").created_directory("f", 70),
            "/w/d/f",
        ),
    ]
}

#[test]
fn serials_that_were_only_late_take_nothing_back() {
    for (learned, asked, path) in stories() {
        let steps = [other(1), learned, other(2), other(3), asked];
        for serials in [[1, 2, 3, 4, 5], [1, 3, 2, 4, 5], [1, 2, 4, 3, 5]] {
            right(&last_of(&serials, &steps), path);
        }
    }
}

#[test]
fn knowledge_from_before_a_loss_is_no_proof_even_after_late_records() {
    for (learned, asked, path) in stories() {
        let steps = [other(1), learned, other(2), other(3), asked];
        for serials in [
            [1, 2, 3, 4, 6],
            // What is late was counted as lost when the path was learned …
            [1, 3, 2, 4, 6],
            // … or after the loss, and it is not told by a count which of the two arrived.
            [1, 3, 5, 2, 6],
        ] {
            let event = last_of(&serials, &steps);
            assert!(is_marked(&event), "{serials:?}: {path}: {event}");
        }
    }
}

#[test]
fn a_mount_is_not_undone_by_a_serial_that_was_late() {
    let mount = || step("mount", "a3=0").in_directory("/");
    // One that covers the directory, and one whose directory is not recorded.
    for mount in [mount().directory("/w", 2), mount().unknown("/n")] {
        for (learned, asked, path) in &stories()[1..] {
            let steps = [
                other(1),
                learned.clone(),
                other(2),
                mount.clone(),
                asked.clone(),
            ];
            for serials in [[1, 2, 3, 4, 5], [1, 3, 2, 4, 5], [1, 2, 4, 3, 5]] {
                let event = last_of(&serials, &steps);
                assert!(is_marked(&event), "{serials:?}: {path}: {event}");
            }
        }
    }
}

#[test]
fn what_was_learned_before_a_boot_is_no_proof() {
    let write = |steps: [Step; 2], first: u32| {
        let mut log = String::new();
        for (step, serial) in steps.iter().zip(first..) {
            step.write(serial, &mut log);
        }
        log
    };
    let kernel = super::super::log(1, &["KERNEL state=initialized audit_enabled=0 res=1"]);
    for (learned, asked, path) in stories() {
        let before = write([other(1), learned], 50);
        // The serials tell that the host was booted, or the kernel does.
        for (first, kernel) in [(4, ""), (60, &*kernel)] {
            let after = kernel.to_owned() + &write([other(2), asked.clone()], first);
            let log = before.clone() + &after.replace("1700000000.", "1700000100.");
            let event = replay(log, &["--max", "2999", "-q"]).pop();
            let event = event.expect("there is one");
            assert!(is_marked(&event), "{first}: {path}: {event}");
        }
    }
}

#[test]
fn a_record_after_a_loss_proves_its_path_anew() {
    let through = |call, args: &str| step(call, args).parent("/u", 60).in_directory("/u");
    let asked = through("unlinkat", "a0=6").deleted("f", 70);
    let learned = made("/srv/w/d", 60, 2);
    let again = step("unlink", "")
        .parent("/srv/w/d/", 60)
        .deleted("/srv/w/d/g", 71);
    let steps = [other(1), learned.clone(), other(2), again, asked.clone()];
    right(&last_of(&[1, 2, 3, 5, 6], &steps), "/srv/w/d/f");
    // So does a path below it that is new.
    let below = made("/srv/w/d/e", 61, 60);
    let asked_below = step("unlinkat", "a0=6")
        .parent("/u", 61)
        .in_directory("/u")
        .deleted("f", 70);
    let steps = [other(1), learned.clone(), other(2), below, asked_below];
    right(&last_of(&[1, 2, 3, 5, 6], &steps), "/srv/w/d/e/f");
    // Another path does not.
    let steps = [other(1), learned, other(2), made("/srv/w/x", 62, 2), asked];
    assert!(is_marked(&last_of(&[1, 2, 3, 5, 6], &steps)));
}

#[test]
fn a_directory_that_was_known_before_a_loss_takes_no_path_along_when_it_is_moved() {
    // `/a` is 50 no more: that was moved to `/old` while nothing was recorded.
    let moved = step("rename", "")
        .in_directory("/")
        .parent("/", 1)
        .parent("/", 1)
        .deleted_directory("/old", 50)
        .created_directory("/new", 50);
    let asked = step("unlinkat", "a0=6")
        .parent("/u", 60)
        .in_directory("/u")
        .deleted("f", 70);
    let steps = [
        made("/a", 50, 1),
        other(1),
        made("/a/d", 60, 49),
        moved,
        asked,
    ];
    honest(&last_of(&[1, 2, 4, 5, 6], &steps), &["/a/d/f"]);
}

#[test]
fn a_path_through_a_link_that_was_replaced_is_no_proof() {
    // `/etc/app` leads through `/srv/current`, which no record tells.
    let learned = step("unlink", "")
        .in_directory("/")
        .parent("/etc/app/", 60)
        .deleted("/etc/app/t", 61);
    let link = |name: &str, inode, nametype: &'static str| (name.to_owned(), inode, nametype);
    let changes = [
        (
            "rename",
            vec![
                link("/srv/new", 70, "DELETE"),
                link("/srv/current", 69, "DELETE"),
                link("/srv/current", 70, "CREATE"),
            ],
        ),
        (
            "rename",
            vec![
                link("/srv/current", 69, "DELETE"),
                link("/srv/old", 69, "CREATE"),
            ],
        ),
        ("unlink", vec![link("/srv/current", 69, "DELETE")]),
    ];
    let asked = step("unlinkat", "a0=6")
        .by(200, 1)
        .parent("/u", 60)
        .in_directory("/u")
        .deleted("f", 62);
    right(&last(&[learned.clone(), asked.clone()]), "/etc/app/f");
    for (call, files) in changes {
        let mut change = step(call, "").in_directory("/").parent("/srv/", 2);
        if call == "rename" {
            change = change.parent("/srv/", 2);
        }
        for (name, inode, nametype) in files {
            change = change.path(Some(&name), inode, "0120777", nametype);
        }
        let event = last(&[learned.clone(), change.clone(), asked.clone()]);
        assert!(is_marked(&event), "{event}");
        right(
            &last(&[change, learned.clone(), asked.clone()]),
            "/etc/app/f",
        );
    }
}

/// A call by another process on a file that is known by its inode only.
fn by_inode(inode: u64) -> Step {
    step("fchmod", "a0=7").by(300, 1).inode(inode)
}

#[test]
fn a_directory_that_may_be_another_since_a_loss_moves_with_what_is_below_it() {
    let chmod = |path, inode| step("chmod", "").file(path, inode);
    let moved = step("renameat", "a0=9 a2=9")
        .by(200, 1)
        .parent("/w", 3)
        .parent("/w", 3)
        .deleted_directory("b", 21)
        .created_directory("q", 21);
    let steps = [
        other(1),
        step("openat", "a0=CWD").returns(3).directory("/s/b", 20),
        other(2),
        // Since the loss, `/s/b` is 21.
        chmod("/s/b/c", 7),
        by_inode(7),
        moved,
        by_inode(7),
    ];
    right(&last_of(&[1, 2, 3, 5, 6], &steps[..5]), "/s/b/c");
    let event = last_of(&[1, 2, 3, 5, 6, 7, 8], &steps);
    assert!(is_marked(&event), "{event}");
}

#[test]
fn a_directory_from_before_a_loss_may_be_a_link_that_is_removed() {
    let link = step("unlinkat", "a0=9").by(200, 1).parent("/u", 2).path(
        Some("b"),
        90,
        "0120777",
        "DELETE",
    );
    let steps = [
        made("/a", 40, 1).in_directory("/"),
        made("/a/b", 41, 40).in_directory("/a"),
        opened_in("/a/b/c", 7, 4, 41),
        step("chmod", "").file("/a/b/c", 7),
        link,
        by_inode(7),
    ];
    right(&last_of(&[1, 2, 3, 4, 5, 6], &steps), "/a/b/c");
    let event = last_of(&[1, 2, 3, 5, 6, 7], &steps);
    assert!(is_marked(&event), "{event}");
}

#[test]
fn a_boot_is_seen_also_where_few_of_its_events_are_calls() {
    let service = |serial| super::super::log(serial, &["SERVICE_START pid=1 uid=0 res=success"]);
    let write = |step: Step, serial| {
        let mut log = String::new();
        step.write(serial, &mut log);
        log
    };
    let before: String = (96..5000).map(service).collect();
    let after: String = (2..300).map(service).collect();
    for first_call in [80, 300] {
        let open = write(opened("/w/y", 7, 6), 95);
        let ask = write(step("ftruncate", "a0=6"), first_call);
        let log = open + &before + &after.replace("1700000000.", "1700000900.");
        let log = log + &ask.replace("1700000000.", "1700000900.");
        let event = replay(log, &["-q"]).pop().expect("there is one");
        assert!(is_marked(&event), "{event}");
    }
}

#[test]
fn a_descriptor_is_none_of_a_link_that_was_replaced() {
    let gone = step("unlinkat", "a0=9").by(200, 1).parent("/u", 2).path(
        Some("l"),
        40,
        "0120777",
        "DELETE",
    );
    let write = step("ftruncate", "a0=5");
    let open = step("openat", "a0=CWD a2=2").returns(5).file("/l/b", 51);
    right(&last(&[open.clone(), write.clone()]), "/l/b");
    let chmod = step("fchmod", "a0=5").inode(51);
    for asked in [write, chmod.clone(), by_inode(51)] {
        let event = last(&[open.clone(), gone.clone(), chmod.clone(), asked]);
        assert!(is_marked(&event), "{event}");
    }
    let open = step("openat", "a0=CWD a2=10000")
        .returns(5)
        .directory("/l/d", 51);
    let unlink = step("unlinkat", "a0=5").parent("/w", 51).deleted("f", 60);
    right(&last(&[open.clone(), unlink.clone()]), "/l/d/f");
    let event = last(&[open, gone, unlink]);
    assert!(is_marked(&event), "{event}");
}

#[test]
fn a_file_that_was_opened_by_its_descriptor_has_no_name_from_before_a_loss() {
    let steps = [
        opened("/w/a", 60, 4),
        other(1),
        other(2),
        step("openat", "a0=CWD a2=2")
            .by(200, 1)
            .returns(6)
            .file("/proc/self/fd/5", 60),
        step("fchmod", "a0=6").by(200, 1).inode(60),
        by_inode(60),
    ];
    right(&last_of(&[1, 2, 3, 4, 5, 6], &steps), "/w/a");
    for upto in [5, 6] {
        let event = last_of(&[1, 2, 3, 5, 6, 7][..upto], &steps[..upto]);
        assert!(is_marked(&event), "{event}");
    }
}
