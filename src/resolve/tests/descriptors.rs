//! What a descriptor is known to be.

use super::*;

#[track_caller]
fn assert_is(world: &mut World, (pid, fd): (u32, u32), path: Option<&str>) {
    let caller = world.caller(pid);
    assert_eq!(world.descriptor(caller, fd, None).as_deref(), path, "{fd}");
}

#[test]
fn a_descriptor_is_what_was_opened_last() {
    let mut world = World::of_a_log();
    world.open((PID, 3), "/a", 1, OPEN);
    world.open((PID, 3), "/b", 2, OPEN);
    world.run(8, PARENT_PID);
    assert_is(&mut world, (PID, 3), Some("/b"));
    assert_is(&mut world, (8, 3), None);
    world.memory.forget_descriptor(PID, 3);
    assert_is(&mut world, (PID, 3), None);
}

#[test]
fn a_descriptor_that_is_another_file_by_now_is_not_believed() {
    let mut world = World::of_a_log();
    world.open((PID, 3), "/a", 1, OPEN);
    let caller = world.caller(PID);
    assert_eq!(world.descriptor(caller, 3, Some(2)), None);
    // What it was is not believed afterwards either.
    assert_is(&mut world, (PID, 3), None);
    world.prime("/known/by/inode", 2, Other, 1);
    let path = world.descriptor(caller, 3, Some(2));
    assert_eq!(path.as_deref(), Some("/known/by/inode"));
}

#[test]
fn a_descriptor_from_before_a_loss_is_not_believed() {
    let mut world = World::of_a_log();
    world.open((PID, 3), "/a", 1, OPEN);
    world.lose();
    assert_is(&mut world, (PID, 3), None);
    world.open((PID, 3), "/a", 1, OPEN);
    assert_is(&mut world, (PID, 3), Some("/a"));
}

#[test]
fn a_child_has_what_its_parent_had_opened_before_the_fork() {
    let mut world = World::of_a_log();
    world.open((PID, 3), "/before", 1, OPEN);
    world.memory.forked(world.caller(PID), 8, false);
    world.open((PID, 4), "/after", 2, OPEN);
    let child = world.run(8, PID);
    world.memory.forked(child, 9, false);
    world.run(9, 8);
    assert_is(&mut world, (9, 3), Some("/before"));
    assert_is(&mut world, (9, 4), None);
    assert_is(&mut world, (PID, 4), Some("/after"));
}

#[test]
fn a_child_keeps_what_its_parent_closes_unless_it_was_reused() {
    let mut world = World::of_a_log();
    world.open((PID, 3), "/a", 1, OPEN);
    world.memory.forked(world.caller(PID), 8, false);
    world.run(8, PID);
    world.memory.forget_descriptor(PID, 3);
    // The memory keeps one entry for a descriptor, so what the child has is not known any more.
    assert_is(&mut world, (8, 3), None);
}

#[test]
fn a_child_has_nothing_that_other_threads_opened_while_its_fork_lasted() {
    let mut world = World::of_a_log();
    world.open((PID, 3), "/before", 1, OPEN);
    world.open((PID, 4), "/replaced", 2, OPEN);
    let fork = world.caller(PID);
    world.run(PID, PARENT_PID);
    world.run(PID, PARENT_PID);
    world.open((PID, 4), "/meanwhile", 3, OPEN);
    world.memory.forked(fork, 8, false);
    let child = world.run(8, PID);
    world.memory.forked(child, 9, false);
    world.run(9, 8);
    for pid in [8, 9] {
        assert_is(&mut world, (pid, 3), Some("/before"));
        assert_is(&mut world, (pid, 4), None);
    }
}

#[test]
fn a_fork_that_is_told_after_a_program_that_was_not_hands_nothing_down() {
    let mut world = World::of_a_log();
    world.open((PID, 1), "/secret", 1, OPEN);
    let fork = world.caller(PID);
    let child = world.run(8, PID);
    world.open((8, 1), "/out", 2, OPEN);
    let other = Caller {
        program: 2,
        ..child
    };
    world.memory.begin(other, 0, false, Losses::default());
    world.memory.forked(fork, 8, false);
    world.memory.begin(other, 0, false, Losses::default());
    assert_is(&mut world, (8, 1), None);
}

#[test]
fn a_fork_that_was_numbered_inside_a_container_hands_nothing_down() {
    let mut world = World::of_a_log();
    world.open((PID, 3), "/a", 1, OPEN);
    world.memory.forked(world.caller(PID), 42, false);
    world.run(42, 2);
    assert_is(&mut world, (42, 3), None);
}

#[test]
fn processes_that_share_their_descriptors_have_none_that_are_known() {
    let mut world = World::of_a_log();
    world.open((PID, 3), "/a", 1, OPEN);
    world.memory.forked(world.caller(PID), 8, true);
    world.run(8, PID);
    assert_is(&mut world, (8, 3), None);
    assert_is(&mut world, (PID, 3), None);
}

#[test]
fn exec_closes_what_was_opened_so() {
    let mut world = World::of_a_log();
    world.open((PID, 3), "/kept", 1, OPEN);
    world.open((PID, 4), "/closed", 2, CLOSED_ON_EXEC);
    world.open((PID, 5), "/flagged", 3, OPEN);
    world.open((PID, 6), "/unflagged", 4, CLOSED_ON_EXEC);
    let caller = world.caller(PID);
    world.memory.set_close_on_exec(caller, 5, true);
    world.memory.set_close_on_exec(caller, 6, false);
    world.memory.executed(PID);
    assert_is(&mut world, (PID, 3), Some("/kept"));
    assert_is(&mut world, (PID, 4), None);
    assert_is(&mut world, (PID, 5), None);
    assert_is(&mut world, (PID, 6), Some("/unflagged"));
    world.open((PID, 4), "/later", 2, CLOSED_ON_EXEC);
    assert_is(&mut world, (PID, 4), Some("/later"));
}

#[test]
fn a_range_of_descriptors_is_closed_at_once() {
    let mut world = World::of_a_log();
    for (fd, path) in [(3, "/a"), (4, "/b"), (9, "/c")] {
        world.open((PID, fd), path, u64::from(fd), OPEN);
    }
    world.memory.swept(PID, 4, 8);
    assert_is(&mut world, (PID, 3), Some("/a"));
    assert_is(&mut world, (PID, 4), None);
    assert_is(&mut world, (PID, 9), Some("/c"));
    world.open((PID, 4), "/d", 5, OPEN);
    assert_is(&mut world, (PID, 4), Some("/d"));
}

#[test]
fn a_new_process_with_an_old_number_has_nothing_of_the_old_one() {
    for ended in [true, false] {
        let mut world = World::of_a_log();
        world.open((PID, 3), "/old", 1, OPEN);
        if ended {
            world.memory.ended(PID);
        }
        world.memory.forked(world.caller(PARENT_PID), PID, false);
        world.run(PID, PARENT_PID);
        assert_is(&mut world, (PID, 3), None);
    }
}

#[test]
fn a_copy_is_the_same_file_and_a_copy_of_the_unknown_is_unknown() {
    let mut world = World::of_a_log();
    world.open((PID, 3), "/a", 1, OPEN);
    world.open((PID, 5), "/b", 2, OPEN);
    let caller = world.caller(PID);
    world.memory.duplicated(caller, 3, 4, false);
    world.memory.duplicated(caller, 9, 5, false);
    world.memory.forget_descriptor(PID, 3);
    assert_is(&mut world, (PID, 4), Some("/a"));
    assert_is(&mut world, (PID, 5), None);
    // Without a second descriptor nothing is copied.
    world.memory.duplicated(caller, 4, 4, true);
    world.memory.executed(PID);
    assert_is(&mut world, (PID, 4), Some("/a"));
}

#[test]
fn nothing_can_be_written_to_a_file_that_was_opened_for_reading() {
    let mut world = World::of_a_log();
    let mode = Mode {
        read_only: true,
        ..OPEN
    };
    world.open((PID, 3), "/read", 1, mode);
    world.open((PID, 4), "/written", 2, OPEN);
    let caller = world.caller(PID);
    world.memory.duplicated(caller, 3, 5, false);
    let read_only = [3, 4, 5, 9].map(|fd| world.memory.is_read_only(caller, fd));
    assert_eq!(read_only, [true, false, true, false]);
}

#[test]
fn a_path_of_a_directory_of_descriptors_is_the_path_of_none() {
    let mut world = World::of_a_log();
    for path in [
        "/dev/fd/3",
        "/dev/stdin",
        "/proc/7/fd/3",
        "relative",
        "/a/../b",
    ] {
        world.open((PID, 3), "/a", 1, OPEN);
        world.open((PID, 3), path, 2, OPEN);
        assert_is(&mut world, (PID, 3), None);
    }
}

#[test]
fn a_live_descriptor_counts_only_if_it_is_the_recorded_file() {
    let host = System {
        files: &[("/live", 1)],
        open: &[(3, "/live")],
        ..System::default()
    };
    let mut world = World::with(&host);
    let caller = world.caller(PID);
    let paths = [Some(1), Some(2), None].map(|inode| world.descriptor(caller, 3, inode));
    assert_eq!(paths, [Some("/live".to_owned()), None, None]);
}
