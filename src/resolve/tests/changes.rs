//! How the memory follows the file system.

use super::*;
use crate::model::FileType::Symlink;

/// `/d` and `/e` with a file each, and a file with a name in both.
fn world<'s>(host: &'s dyn Host) -> World<'s> {
    let mut world = World::with(host);
    world.prime("/d", 10, Directory, 2);
    world.prime("/e", 11, Directory, 2);
    world.prime("/d/f", 20, Other, 1);
    world.prime("/e/g", 21, Other, 1);
    world
}

fn directory(inode: u64) -> Option<(FileId, FileType)> {
    Some((file(inode), Directory))
}

fn other(inode: u64) -> Option<(FileId, FileType)> {
    Some((file(inode), Other))
}

#[track_caller]
fn assert_paths<const N: usize>(world: &mut World, expected: [(u64, Option<&str>); N]) {
    for (inode, path) in expected {
        assert_eq!(world.path_of(inode).as_deref(), path, "inode {inode}");
    }
}

#[test]
fn renaming_a_directory_moves_all_that_is_below_it() {
    let mut world = world(&Absent);
    world.open((PID, 3), "/d/f", 20, OPEN);
    world
        .memory
        .renamed(b"/d", b"/e/moved", directory(10), &Absent);
    assert_paths(
        &mut world,
        [(10, Some("/e/moved")), (20, Some("/e/moved/f"))],
    );
    let caller = world.caller(PID);
    let open = world.descriptor(caller, 3, None);
    assert_eq!(open.as_deref(), Some("/e/moved/f"));
}

#[test]
fn renaming_a_directory_that_is_known_elsewhere_moves_it_too() {
    let mut world = world(&Absent);
    // By a path through a symbolic link, or in another root.
    world
        .memory
        .renamed(b"/link/d", b"/moved", directory(10), &Absent);
    assert_paths(&mut world, [(10, Some("/moved")), (20, Some("/moved/f"))]);
}

#[test]
fn a_file_that_was_renamed_by_a_path_that_is_not_known_keeps_no_old_name() {
    for from in ["/link/f", "/e/../d/f"] {
        let mut world = world(&Absent);
        world
            .memory
            .renamed(from.as_bytes(), b"/moved", other(20), &Absent);
        assert_paths(&mut world, [(20, Some("/moved"))]);
        assert!(world.memory.tree.find(b"/d/f").is_none(), "{from}");
    }
}

#[test]
fn an_exchange_by_a_path_with_dots_leaves_neither_path() {
    let mut world = world(&Absent);
    let is_done = world
        .memory
        .exchanged((b"/d/f", other(20)), (b"/e/../e/g", other(21)), &Absent);
    assert!(!is_done);
    assert_paths(&mut world, [(20, None)]);
}

#[test]
fn a_file_whose_name_another_file_took_has_no_path() {
    let mut world = world(&Absent);
    world.memory.renamed(b"/d/f", b"/e/g", other(20), &Absent);
    assert_paths(&mut world, [(20, Some("/e/g")), (21, None)]);
    world
        .memory
        .renamed(b"/unknown", b"/e/g", other(99), &Absent);
    assert_paths(&mut world, [(20, None), (99, Some("/e/g"))]);
}

#[test]
fn removing_a_directory_takes_the_paths_below_it() {
    let mut world = world(&Absent);
    world.memory.removed(b"/d", directory(10), &Absent);
    assert_paths(&mut world, [(10, None), (20, None), (11, Some("/e"))]);
    // Another one of that name has none of the old names.
    world.see("/d", 12, Directory, Sighting::Created);
    assert_paths(&mut world, [(12, Some("/d")), (20, None)]);
}

#[test]
fn removing_by_another_path_takes_the_name_with_the_same_last_part() {
    let mut world = world(&Absent);
    world.memory.removed(b"/link/f", other(20), &Absent);
    world.memory.removed(b"/link/other", other(21), &Absent);
    assert_paths(&mut world, [(20, None), (21, Some("/e/g"))]);
}

#[test]
fn exchanging_swaps_two_directories_with_all_below_them() {
    let mut world = world(&Absent);
    world
        .memory
        .exchanged((b"/d", directory(10)), (b"/e", directory(11)), &Absent);
    let expected = [
        (10, Some("/e")),
        (20, Some("/e/f")),
        (11, Some("/d")),
        (21, Some("/d/g")),
    ];
    assert_paths(&mut world, expected);
}

#[test]
fn a_mount_covers_the_paths_below_it_and_no_others() {
    let mut world = world(&Absent);
    world.memory.remounted([file(10); 2]);
    assert_paths(&mut world, [(10, None), (20, None), (21, Some("/e/g"))]);
    // The root of another namespace of mounts has no other path here.
    world.prime("/", 2, Directory, 2);
    world.memory.remounted([file(2); 2]);
    assert_paths(&mut world, [(21, Some("/e/g"))]);
}

#[test]
fn a_mount_may_be_on_the_way_of_a_path_whose_directories_are_not_known() {
    let mut world = world(&Absent);
    world.see("/unknown/f", 30, Other, Sighting::Entry);
    world.memory.remounted([file(99); 2]);
    // What the directory is now says nothing of what it was.
    world.see("/unknown", 40, Directory, Sighting::Entry);
    assert_paths(&mut world, [(21, Some("/e/g")), (30, None)]);
    world.see("/unknown/f", 30, Other, Sighting::Entry);
    assert_paths(&mut world, [(30, Some("/unknown/f"))]);
}

#[test]
fn an_inode_that_is_used_again_loses_its_old_names() {
    let mut world = world(&Absent);
    world.see("/e/new", 20, Other, Sighting::Created);
    assert_paths(&mut world, [(20, Some("/e/new"))]);
    // A file that was there before may have more names than one.
    world.see("/d/again", 20, Other, Sighting::Entry);
    assert_paths(&mut world, [(20, None)]);
}

#[test]
fn a_path_through_a_symbolic_link_takes_no_entry_away() {
    let mut world = world(&Absent);
    world.prime("/link", 30, Symlink, 1);
    world.see("/link", 10, Directory, Sighting::Reached);
    assert_paths(&mut world, [(10, Some("/d")), (30, Some("/link"))]);
    // A file that is reached by a name of which nothing was known may be behind a link, too.
    world.see("/way/f", 20, Other, Sighting::Reached);
    assert_paths(&mut world, [(20, Some("/d/f"))]);
}

#[test]
fn a_name_that_leads_to_another_file_by_now_is_void() {
    let mut world = world(&Absent);
    world.see("/d", 12, Directory, Sighting::Reached);
    assert_paths(&mut world, [(10, None), (20, None)]);
}

#[test]
fn a_change_in_another_root_changes_nothing_here_if_the_system_says_so() {
    let here = System {
        files: &[("/d", 10)],
        ..System::default()
    };
    for (host, kept) in [(&here as &dyn Host, Some("/d")), (&Absent, None)] {
        let changes: [fn(&mut Resolver, &dyn Host); 4] = [
            |memory, host| memory.renamed(b"/d", b"/moved", directory(99), host),
            |memory, host| memory.removed(b"/d", directory(99), host),
            |memory, host| {
                let is_done = memory.exchanged((b"/d", directory(99)), (b"/moved", None), host);
                assert!(!is_done);
            },
            |memory, host| {
                let seen = Seen {
                    file: file(99),
                    file_type: Directory,
                    sighting: Sighting::Entry,
                };
                memory.seen(b"/d", seen, host);
            },
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut world = world(host);
            change(&mut world.memory, host);
            let path = world.path_of(10);
            assert_eq!(path.as_deref(), kept, "change {number}");
        }
    }
}

#[test]
fn a_primed_name_is_held_until_it_is_removed() {
    let mut world = world(&Absent);
    world.prime("/d", 10, Directory, 2);
    assert_eq!(world.memory.primed, 4, "primed twice, held once");
    world.memory.removed(b"/d/f", other(20), &Absent);
    assert_eq!(world.memory.primed, 3);
    world.memory.removed(b"/d", directory(10), &Absent);
    world.memory.removed(b"/e/g", other(21), &Absent);
    world.memory.removed(b"/e", directory(11), &Absent);
    assert_eq!((world.memory.primed, world.memory.tree.len()), (0, 1));
}

#[test]
fn the_root_is_known_if_it_was_primed_only() {
    let mut world = World::of_a_log();
    world.see("/", 99, Directory, Sighting::Entry);
    assert_paths(&mut world, [(99, None)]);
    world.prime("/", 1, Directory, 20);
    world.see("/", 99, Directory, Sighting::Entry);
    assert_paths(&mut world, [(99, None), (1, Some("/"))]);
}

#[test]
fn a_path_that_is_too_long_is_not_kept() {
    let mut world = World::of_a_log();
    let long = "/d".repeat(40_000);
    world.see(&long, 1, Other, Sighting::Created);
    world.prime(&long, 2, Other, 1);
    assert_paths(&mut world, [(1, None), (2, None)]);
    world.see("/short", 3, Other, Sighting::Created);
    world
        .memory
        .renamed(b"/short", long.as_bytes(), other(3), &Absent);
    assert_paths(&mut world, [(3, None)]);
}

#[test]
fn a_name_that_is_used_again_and_again_is_not_forgotten() {
    let mut world = World::of_a_log();
    for number in 0..2 * MAX_ENTRIES as u64 {
        if number % 1000 == 0 {
            world.see("/used", 1, Other, Sighting::Reached);
        }
        world.see(
            &format!("/new/{number}"),
            number + 10,
            Other,
            Sighting::Entry,
        );
    }
    assert_paths(&mut world, [(1, Some("/used")), (10, None)]);
}
