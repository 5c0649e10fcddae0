//! What is mounted and unmounted, and the paths that lead through it.

use super::{Step, is_marked, last, made, opened, right, step};

/// The inodes of `/w`, of the directory in it, and of one elsewhere.
const W: u64 = 4;
const D: u64 = 60;
const ELSEWHERE: u64 = 9;
/// The root of another file system.
const ROOT: u64 = 1;

/// All directories on the way to `/w/d` are known, and the working directory of the caller is `/w`.
fn known() -> Step {
    made("/w/d", D, W)
}

/// Of a descriptor that no record tells, so that the path follows from the inode alone.
fn removed() -> Step {
    step("unlinkat", "a0=6")
        .parent("/u", D)
        .in_directory("/u")
        .deleted("f", 70)
}

fn mount(flags: u64, target: &str, inode: u64) -> Step {
    step("mount", &format!("a3={flags:x}"))
        .in_directory("/")
        .directory(target, inode)
}

fn unmount(path: &str, root: u64) -> Step {
    step("umount2", "").in_directory("/").directory(path, root)
}

/// A mount that is moved, by mount(2) and by move_mount(2).
fn moves(from: (&str, u64), to: (&str, u64)) -> [Step; 2] {
    [
        mount(0x2000, to.0, to.1).directory(from.0, from.1),
        step("move_mount", "a0=CWD a2=CWD")
            .in_directory("/")
            .directory(from.0, from.1)
            .directory(to.0, to.1),
    ]
}

#[test]
fn a_mount_elsewhere_leaves_a_path_whose_directories_are_known() {
    let elsewhere = [
        // Names by a link, by a descriptor, and of another root.
        mount(0, "/n", ELSEWHERE),
        mount(0, "/link/to/n", ELSEWHERE),
        mount(0, "/proc/self/fd/7", ELSEWHERE),
        mount(0, "/w/d", ELSEWHERE),
        mount(0, "", ELSEWHERE),
        // What is bound to another place stays where it was.
        mount(0x1000, "/n", ELSEWHERE).directory("/w/d", D),
        mount(0x5000, "/n", ELSEWHERE).directory("/w", W),
        unmount("/n", ROOT),
        unmount(".", ROOT),
    ];
    let moves = moves(("/n", ROOT), ("/o", ELSEWHERE));
    for mount in elsewhere.iter().chain(&moves) {
        let event = last(&[known(), mount.clone(), removed()]);
        right(&event, "/w/d/f");
    }
    let all = [&[known()][..], &elsewhere, &moves, &[removed()]].concat();
    right(&last(&all), "/w/d/f");
}

#[test]
fn how_something_is_mounted_changes_no_path() {
    // MS_REMOUNT | MS_RDONLY, MS_REMOUNT | MS_BIND, MS_PRIVATE | MS_REC, MS_SLAVE, and those of an
    // old program.
    for flags in [0x21, 0x1020, 0x4_4000, 0x8_0000, 0xc0ed_0021] {
        for inode in [W, D] {
            let event = last(&[known(), mount(flags, "/w", inode), removed()]);
            right(&event, "/w/d/f");
            let open = [
                opened("/w/secret", 7, 4),
                mount(flags, "/w", inode),
                step("ftruncate", "a0=4"),
            ];
            right(&last(&open), "/w/secret");
        }
    }
    for other in [
        step("mount_setattr", "a0=CWD").directory("/w", W),
        mount(0, "/w", W).returns(-16),
        unmount("/w", W).returns(-16),
    ] {
        right(&last(&[known(), other, removed()]), "/w/d/f");
    }
}

#[test]
fn what_is_below_a_mount_is_not_told_by_any_name_of_its_directory() {
    let [to_w, to_w_too] = moves(("/n", ROOT), ("/proc/self/fd/7", W));
    let [from_d, from_d_too] = moves(("/link", D), ("/o", ELSEWHERE));
    let covers = [
        mount(0, "/w", W),
        mount(0, "/proc/self/fd/7", W),
        mount(0, "/link/d", D),
        mount(0xc0ed_0000, "/w", W),
        mount(0x1000, "/w/d", D).directory("/n", ELSEWHERE),
        unmount("/w/d", D),
        unmount(".", W),
        to_w,
        to_w_too,
        from_d,
        from_d_too,
    ];
    for (number, mount) in covers.into_iter().enumerate() {
        let event = last(&[known(), mount.clone(), removed()]);
        assert!(is_marked(&event), "{number}: {event}");
        // The next record tells it again.
        let again = step("openat", "a0=CWD").directory("/w/d", D).returns(3);
        let event = last(&[known(), mount, again, removed()]);
        right(&event, "/w/d/f");
    }
}

#[test]
fn a_mount_may_be_on_the_way_of_a_path_that_is_known_in_part() {
    // The inode of `/w` is not known. That it is told later does not say what it was before.
    let unknown = step("openat", "a0=CWD").directory("/w/d", D).returns(3);
    let later = made("/w/e", 61, W);
    let entry = known();
    for mount in [mount(0, "/n", ELSEWHERE), unmount("/n", ROOT)] {
        let event = last(&[unknown.clone(), mount.clone(), later.clone(), removed()]);
        assert!(is_marked(&event), "{event}");
        let event = last(&[later.clone(), entry.clone(), mount, removed()]);
        right(&event, "/w/d/f");
    }
}

#[test]
fn a_mount_whose_record_is_lost_puts_all_paths_in_doubt() {
    let [by_flag, by_call] = moves(("/n", ROOT), ("/o", ELSEWHERE));
    let unknown = [
        mount(0, "/n", ELSEWHERE).without(0),
        unmount("/n", ROOT).without(0),
        by_flag.clone().without(1),
        by_flag.without(0),
        by_call.without(0),
        mount(0x1000, "/w", W).directory("/n", ELSEWHERE).without(0),
        step("pivot_root", "")
            .in_directory("/")
            .directory("/new", 2)
            .directory("/new/old", 3),
    ];
    for mount in unknown {
        let event = last(&[known(), mount, removed()]);
        assert!(is_marked(&event), "{event}");
    }
}

#[test]
fn a_mount_on_the_working_directory_covers_what_covered_it_before() {
    // The record of `.` has the inode of the directory itself, even if something is mounted over it.
    for name in [".", "./", "d/.", "/w/d/."] {
        let mount = step("mount", "a3=0").directory(name, ELSEWHERE);
        let event = last(&[known(), mount, removed()]);
        assert!(is_marked(&event), "{name}: {event}");
    }
}

#[test]
fn a_move_of_a_mount_onto_its_own_inode_is_told_by_one_record() {
    // systemd binds `/` to a directory of its own, and moves that mount to `/`.
    let moves = mount(0x2000, "/", 2);
    let event = last(&[known(), moves, removed()]);
    right(&event, "/w/d/f");
}

#[test]
fn a_device_number_may_be_of_another_file_system_after_any_mount() {
    // The first one has gone with its namespace of mounts, which no record tells.
    let in_memory = |step: Step| Step {
        records: step
            .records
            .iter()
            .map(|record| record.replace("dev=fe:00", "dev=00:3c"))
            .collect(),
        ..step
    };
    let steps = [
        in_memory(known()),
        mount(0, "/srv", ELSEWHERE),
        in_memory(removed()),
    ];
    assert!(is_marked(&last(&steps)), "{}", last(&steps));
    let steps = [in_memory(known()), in_memory(removed())];
    right(&last(&steps), "/w/d/f");
}

#[test]
fn the_names_of_move_mount_are_not_told_apart() {
    // Linux 6.17 writes the target first, and no record tells the version.
    let both = step("move_mount", "a0=CWD a2=CWD")
        .directory("/n", ROOT)
        .directory("/o", ELSEWHERE);
    assert!(is_marked(&last(&[both])));
    let by_descriptor = step("move_mount", "a0=5 a2=CWD")
        .directory("", ROOT)
        .directory("/o", ELSEWHERE);
    let event = last(&[by_descriptor]);
    assert_eq!(event["dest_path"], "/o", "{event}");
}
