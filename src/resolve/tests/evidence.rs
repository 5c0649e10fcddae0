//! What counts as proof of a path, and what does not.

use super::*;

/// What is known in each row of the tables: two directories, a file with one name and a file with
/// two, and a descriptor of the first directory.
fn world<'s>(host: &'s dyn Host) -> World<'s> {
    let mut world = World::with(host);
    world.prime("/", ROOT, Directory, 4);
    world.prime("/d", D, Directory, 2);
    world.prime("/e", E, Directory, 2);
    world.prime("/d/f", F, Other, 1);
    world.prime("/d/h", H, Other, 2);
    world.prime("/e/h", H, Other, 2);
    let directory = Some((file(D), Directory));
    world.memory.opened((PID, 3), b"/d", directory, OPEN);
    world
}

const ROOT: u64 = 2;
const D: u64 = 10;
const E: u64 = 11;
const F: u64 = 20;
const H: u64 = 21;
/// A file that no record told of.
const NEW: u64 = 99;

/// The known descriptor, and one that is not known.
const KNOWN: Base = Base::Descriptor(3);
const UNKNOWN: Base = Base::Descriptor(4);
const CWD: Base = Base::Cwd(Some(b"/d"));
const NO_CWD: Base = Base::Cwd(None);

fn claim<'q>(base: Base<'q>, name: &'q str, parent: u64, object: u64) -> Claim<'q> {
    let id = |inode| (inode != 0).then(|| file(inode));
    Claim {
        parents: [id(parent), None],
        file: id(object),
        file_type: Other,
        ..Claim::of(name.as_bytes(), base)
    }
}

/// A row: base, name, inode of the PARENT record and of the object (0: the record has none), and
/// the path that is proved by that.
type Row<'q> = (Base<'q>, &'q str, u64, u64, &'q str);

#[track_caller]
fn assert_rows(host: &dyn Host, rows: &[Row]) {
    for (base, name, parent, object, expected) in rows {
        let mut world = world(host);
        let caller = world.caller(PID);
        let found = world.locate(caller, &claim(*base, name, *parent, *object));
        assert_eq!(
            found, *expected,
            "{name} at {base:?}, PARENT {parent}, object {object}"
        );
    }
}

#[test]
fn a_parent_whose_inode_is_known_settles_the_directory() {
    let rows = [
        (KNOWN, "x", D, NEW, "/d/x"),
        (UNKNOWN, "x", D, NEW, "/d/x"),
        (UNKNOWN, "a/x", D, NEW, "/d/x"),
        (NO_CWD, "x", D, NEW, "/d/x"),
        // The descriptor was closed unseen, and is another directory now.
        (KNOWN, "x", E, NEW, "/e/x"),
        (KNOWN, "a/x", E, NEW, "/e/x"),
        // Unlike the object, which is known by another name.
        (UNKNOWN, "h", D, H, "/d/h"),
        (UNKNOWN, "f", E, F, "/e/f"),
        (UNKNOWN, "x", E, F, "/e/x"),
    ];
    assert_rows(&Absent, &rows);
}

#[test]
fn a_parent_whose_inode_is_not_known_proves_nothing() {
    let rows = [
        (KNOWN, "x", NEW, 0, "x?"),
        (UNKNOWN, "x", NEW, 0, "x?"),
        (NO_CWD, "x", NEW, 0, "x?"),
        // The file may have got another name there.
        (KNOWN, "f", NEW, F, "f?"),
        (UNKNOWN, "f", NEW, F, "f?"),
    ];
    assert_rows(&Absent, &rows);
}

#[test]
fn an_object_that_is_known_by_one_name_with_the_same_last_part_settles_the_path() {
    let rows = [
        (KNOWN, "f", 0, F, "/d/f"),
        (UNKNOWN, "f", 0, F, "/d/f"),
        (UNKNOWN, "a/f", 0, F, "/d/f"),
        (NO_CWD, "f", 0, F, "/d/f"),
        (KNOWN, "x", 0, F, "x?"),
        (UNKNOWN, "x", 0, F, "x?"),
        (KNOWN, "x", 0, NEW, "x?"),
        (UNKNOWN, "x", 0, NEW, "x?"),
        // Of two names, the one in the directory that is open.
        (KNOWN, "h", 0, H, "/d/h"),
        (UNKNOWN, "h", 0, H, "h?"),
        (NO_CWD, "h", 0, H, "h?"),
    ];
    assert_rows(&Absent, &rows);
}

#[test]
fn a_name_under_a_descriptor_is_proved_by_no_inode_or_by_none() {
    let rows = [
        (KNOWN, "x", 0, 0, "x?"),
        (UNKNOWN, "x", 0, 0, "x?"),
        (NO_CWD, "x", 0, 0, "x?"),
    ];
    assert_rows(&Absent, &rows);
}

#[test]
fn a_name_at_a_directory_that_is_recorded_as_text_is_the_path_that_was_asked_for() {
    let rows = [
        (CWD, "x", 0, 0, "/d/x"),
        (CWD, "x", D, NEW, "/d/x"),
        (CWD, "x", NEW, NEW, "/d/x"),
        (CWD, "/l/x", NEW, NEW, "/l/x"),
        (CWD, "./x", D, NEW, "/d/x"),
        (CWD, "a//x/", NEW, NEW, "/d/a/x"),
        (CWD, ".", 0, D, "/d"),
        // The inodes know it elsewhere: behind a link, a bind mount, or in another root.
        (CWD, "x", E, NEW, "/d/x -> /e/x"),
        (CWD, "/l/x", D, NEW, "/l/x -> /d/x"),
        (NO_CWD, "/l/x", D, NEW, "/l/x -> /d/x"),
    ];
    assert_rows(&Absent, &rows);
}

#[test]
fn the_way_through_a_symbolic_link_stays_one_when_it_is_used_again() {
    let mut world = World::of_a_log();
    let caller = world.caller(PID);
    // The link leads to the directory before the entry of that is known.
    world.see("/link", D, Directory, Sighting::Reached);
    let claim = claim(CWD, "/link/x", D, NEW);
    assert_eq!(world.locate(caller, &claim), "/link/x");
    world.see("/d", D, Directory, Sighting::Reached);
    world.memory.confirm_cwd(b"/d");
    for _ in 0..2 {
        assert_eq!(world.locate(caller, &claim), "/link/x -> /d/x");
        world.see("/link", D, Directory, Sighting::Reached);
    }
    world.see("/d", D, Directory, Sighting::Entry);
    assert_eq!(world.locate(caller, &claim), "/link/x -> /d/x");
}

#[test]
fn dots_are_removed_only_if_that_is_proved() {
    let rows = [
        // The working directory is the kernel's own text, without links in it.
        (CWD, "../x", 0, 0, "/x"),
        (CWD, "../../x", 0, 0, "/x"),
        (CWD, "/../x", 0, 0, "/x"),
        // A directory that is known, and no link to it.
        (CWD, "/e/../x", 0, 0, "/x"),
        (CWD, "/d/f/../x", 0, 0, "/d/f/../x"),
        // It may be a link.
        (CWD, "/l/../x", 0, 0, "/l/../x"),
        (CWD, "a/../x", 0, 0, "/d/a/../x"),
        (CWD, "/l/../../x", 0, 0, "/l/../../x"),
        // The inode of the directory tells where it leads.
        (CWD, "/l/../x", ROOT, NEW, "/x"),
        (CWD, "/l/../x", D, NEW, "/l/../x -> /d/x"),
        (KNOWN, "a/../x", D, NEW, "/d/x"),
        (UNKNOWN, "..", 0, NEW, "..?"),
    ];
    assert_rows(&Absent, &rows);
}

#[test]
fn a_name_that_may_be_relative_to_anything_is_proved_by_inodes_alone() {
    let base = Base::Unknown(Some(b"/d"));
    let rows = [
        (base, "x", D, NEW, "/d/x"),
        (base, "x", E, NEW, "/e/x"),
        (base, "x", NEW, NEW, "x?"),
        (base, "f", 0, F, "/d/f"),
        (base, "x", 0, NEW, "x?"),
        (base, "x", 0, 0, "x?"),
    ];
    assert_rows(&Absent, &rows);
}

#[test]
fn a_descriptor_in_the_live_system_counts_if_the_recorded_file_is_there() {
    let files = [
        ("/", ROOT),
        ("/d", D),
        ("/e", E),
        ("/live", 30),
        ("/live/x", 31),
        ("/d/f", F),
        ("/d/h", H),
        ("/e/h", H),
    ];
    let host = System {
        files: &files,
        open: &[(3, "/d"), (4, "/live")],
        ..System::default()
    };
    let rows = [
        (UNKNOWN, "x", 30, 31, "/live/x"),
        (UNKNOWN, "y", 30, 40, "/live/y"),
        (UNKNOWN, "x", 0, 31, "/live/x"),
        (UNKNOWN, "x", 0, 40, "x?"),
        (UNKNOWN, "x", 40, 31, "x?"),
        (UNKNOWN, "x", 0, 0, "x?"),
        // A call that failed and has no inode: record and system agree on the descriptor.
        (KNOWN, "x", 0, 0, "/d/x"),
    ];
    assert_rows(&host, &rows);
}

#[test]
fn a_file_with_the_number_of_a_directory_that_is_gone_is_not_that_directory() {
    // The descriptor was closed since, and is that of a new file.
    let host = System {
        files: &[("/live", 30)],
        open: &[(4, "/live")],
        plain: &["/live"],
    };
    assert_rows(&host, &[(UNKNOWN, "x", 30, 31, "x?")]);
}

#[test]
fn a_name_that_is_another_file_on_the_live_system_was_asked_for_but_is_no_proof() {
    // After a loss, the system decides.
    let moved = System {
        files: &[("/e", NEW)],
        ..System::default()
    };
    let there = System {
        files: &[("/e", E)],
        ..System::default()
    };
    let cases: [(&dyn Host, &str); 3] = [(&Absent, "x?"), (&moved, "x?"), (&there, "/e/x")];
    for (host, expected) in cases {
        let mut world = world(host);
        world.lose();
        let caller = world.caller(PID);
        let found = world.locate(caller, &claim(UNKNOWN, "x", E, 0));
        assert_eq!(found, expected);
    }
}

#[test]
fn a_working_directory_that_is_seen_after_a_loss_does_not_prove_its_inode() {
    let mut world = world(&Absent);
    world.lose();
    // Another directory may have the name by now.
    world.memory.confirm_cwd(b"/e");
    let caller = world.caller(PID);
    let found = world.locate(caller, &claim(UNKNOWN, "x", E, 0));
    assert_eq!(found, "x?");
}

#[test]
fn a_serial_that_is_only_late_takes_no_primed_name_away() {
    for (is_late, expected) in [(true, Some("/p")), (false, None)] {
        let mut world = World::of_a_log();
        world.prime("/p", 50, Directory, 2);
        let before = world.losses;
        if is_late {
            world.losses.last_gap = 1;
            world.run(PID, PARENT_PID);
        } else {
            world.lose();
        }
        world.see("/p/d/f", 7, Other, Sighting::Reached);
        assert_eq!(world.path_of(50), None);
        if is_late {
            world.losses = before;
            world.run(PID, PARENT_PID);
        }
        assert_eq!(world.path_of(50).as_deref(), expected);
        assert_eq!(world.path_of(7).as_deref(), Some("/p/d/f"));
    }
}

#[test]
fn a_loss_does_not_make_text_unproved() {
    let mut world = world(&Absent);
    world.lose();
    let caller = world.caller(PID);
    for (base, name, expected) in [(CWD, "x", "/d/x"), (NO_CWD, "/l/x", "/l/x")] {
        assert_eq!(world.locate(caller, &claim(base, name, NEW, 0)), expected);
    }
    // But an inode does not tell any more where it really is.
    assert_eq!(world.locate(caller, &claim(CWD, "x", E, 0)), "/d/x");
}

#[test]
fn two_directories_of_which_it_is_not_told_which_is_whose_prove_nothing() {
    let mut world = world(&Absent);
    let caller = world.caller(PID);
    let two = |base| Claim {
        parents: [Some(file(D)), Some(file(E))],
        ..claim(base, "x", 0, NEW)
    };
    assert_eq!(world.locate(caller, &two(UNKNOWN)), "x?");
    assert_eq!(world.locate(caller, &two(CWD)), "/d/x");
    // It is one of the two, and the descriptor was that one.
    assert_eq!(world.locate(caller, &two(KNOWN)), "/d/x");
}

#[test]
fn a_call_that_may_create_through_a_link_is_not_settled_by_the_directory_of_the_target() {
    let mut world = world(&Absent);
    let caller = world.caller(PID);
    let follows = |base, name, parent, object| Claim {
        follows: true,
        ..claim(base, name, parent, object)
    };
    // The name is that of a link in /d, and the record has the directory of its target.
    assert_eq!(world.locate(caller, &follows(UNKNOWN, "x", E, NEW)), "x?");
    assert_eq!(world.locate(caller, &follows(KNOWN, "x", E, NEW)), "x?");
    assert_eq!(world.locate(caller, &follows(CWD, "x", E, NEW)), "/d/x");
    // The file is known to be there.
    assert_eq!(
        world.locate(caller, &follows(CWD, "h", E, H)),
        "/d/h -> /e/h"
    );
    assert_eq!(world.locate(caller, &follows(KNOWN, "x", D, NEW)), "/d/x");
}

#[test]
fn a_descriptor_of_a_file_that_is_no_directory_is_the_base_of_nothing() {
    let mut world = world(&Absent);
    world.open((PID, 5), "/d/f", F, OPEN);
    let caller = world.caller(PID);
    let found = world.locate(caller, &claim(Base::Descriptor(5), "a/x", 0, NEW));
    assert_eq!(found, "a/x?");
    // It was closed unseen.
    assert_eq!(world.descriptor(caller, 5, None), None);
}

#[test]
fn a_stale_descriptor_does_not_carry_a_name_of_several_parts() {
    // It was closed unseen, and another directory was opened, unseen as well.
    let rows = [
        (KNOWN, "s/x", NEW, NEW, "s/x?"),
        (KNOWN, "s/x", 0, NEW, "s/x?"),
    ];
    assert_rows(&Absent, &rows);
}

#[test]
fn a_child_whose_fork_was_not_recorded_has_its_parents_directory_if_the_inode_is_that() {
    let mut world = world(&Absent);
    let child = world.run(8, PID);
    let found = |world: &mut World, parent| world.locate(child, &claim(KNOWN, "x", parent, NEW));
    assert_eq!(found(&mut world, D), "/d/x");
    assert_eq!(found(&mut world, NEW), "x?");
    assert_eq!(world.locate(child, &claim(KNOWN, "x", 0, 0)), "x?");
}

#[test]
fn a_path_is_at_most_64_kib_long() {
    let mut world = World::of_a_log();
    let caller = world.caller(PID);
    let deep = "/d".repeat(text::MAX_PATH_BYTES / 2 - 8);
    let short = claim(Base::Cwd(Some(deep.as_bytes())), "name", 0, 0);
    assert_eq!(world.locate(caller, &short), format!("{deep}/name"));
    let name = "name".repeat(16);
    let long = claim(Base::Cwd(Some(deep.as_bytes())), &name, 0, 0);
    assert_eq!(world.locate(caller, &long), format!("{name}?"));
    world.see(&deep, D, Directory, Sighting::Entry);
    let long = claim(UNKNOWN, &name, D, 0);
    assert_eq!(world.locate(caller, &long), format!("{name}?"));
}

#[test]
fn of_a_file_with_a_great_many_names_none_is_told() {
    let mut world = world(&Absent);
    for number in 0..100 {
        world.prime(&format!("/d/n{number}"), 50, Other, 100);
    }
    let caller = world.caller(PID);
    let found = world.locate(caller, &claim(UNKNOWN, "n7", 0, 50));
    assert_eq!(found, "n7?");
    let found = world.locate(caller, &claim(UNKNOWN, "n7", D, 50));
    assert_eq!(found, "/d/n7");
}
