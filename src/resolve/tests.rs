//! What the memory keeps and what it lets go.

use super::*;

const ONE: Option<FileId> = Some(FileId {
    dev: (8, 1),
    inode: 1,
});
const TWO: Option<FileId> = Some(FileId {
    dev: (8, 1),
    inode: 2,
});

fn under(parent: Option<FileId>) -> Evidence {
    Evidence {
        parents: [parent, None],
        file: None,
    }
}

fn caller(pid: u32) -> Caller {
    Caller { pid, ppid: 1 }
}

fn descriptor(
    memory: &mut Resolver,
    from: Caller,
    fd: u32,
    file: Option<FileId>,
) -> Option<String> {
    let arena = Bump::new();
    let path = memory.descriptor(from, fd, file, &Absent, &arena)?;
    Some(String::from_utf8(path.to_vec()).unwrap())
}

#[test]
fn a_descriptor_is_what_was_opened_last() {
    let mut memory = Resolver::new();
    memory.opened(7, 3, b"/a", ONE, false);
    memory.opened(7, 3, b"/b", TWO, false);
    assert_eq!(
        descriptor(&mut memory, caller(7), 3, None).as_deref(),
        Some("/b")
    );
    assert_eq!(descriptor(&mut memory, caller(8), 3, None), None);
    memory.closed(7, 3);
    assert_eq!(descriptor(&mut memory, caller(7), 3, None), None);
}

#[test]
fn a_descriptor_that_is_another_file_by_now_is_not_believed() {
    let mut memory = Resolver::new();
    memory.opened(7, 3, b"/a", ONE, false);
    assert_eq!(descriptor(&mut memory, caller(7), 3, TWO), None);
    memory.seen(TWO.unwrap(), b"/known/by/inode", true);
    assert_eq!(
        descriptor(&mut memory, caller(7), 3, TWO).as_deref(),
        Some("/known/by/inode")
    );
}

#[test]
fn a_child_has_what_its_parent_had_opened_before_the_fork() {
    let mut memory = Resolver::new();
    memory.opened(7, 3, b"/before", ONE, false);
    memory.forked(7, 8);
    memory.opened(7, 4, b"/after", TWO, false);
    memory.forked(8, 9);
    let child = Caller { pid: 9, ppid: 8 };
    assert_eq!(
        descriptor(&mut memory, child, 3, None).as_deref(),
        Some("/before")
    );
    assert_eq!(descriptor(&mut memory, child, 4, None), None);
}

#[test]
fn a_fork_that_was_numbered_inside_a_container_hands_nothing_down() {
    let mut memory = Resolver::new();
    memory.opened(7, 3, b"/a", ONE, false);
    memory.forked(7, 42);
    let another = Caller { pid: 42, ppid: 2 };
    assert_eq!(descriptor(&mut memory, another, 3, None), None);
}

#[test]
fn without_a_record_of_the_fork_a_parents_descriptor_must_be_the_same_file() {
    let mut memory = Resolver::new();
    memory.opened(7, 3, b"/a", ONE, false);
    let child = Caller { pid: 8, ppid: 7 };
    assert_eq!(descriptor(&mut memory, child, 3, None), None);
    assert_eq!(
        descriptor(&mut memory, child, 3, ONE).as_deref(),
        Some("/a")
    );
}

#[test]
fn exec_closes_what_was_opened_so() {
    let mut memory = Resolver::new();
    memory.opened(7, 3, b"/kept", ONE, false);
    memory.opened(7, 4, b"/closed", TWO, true);
    memory.executed(7);
    assert_eq!(
        descriptor(&mut memory, caller(7), 3, None).as_deref(),
        Some("/kept")
    );
    assert_eq!(descriptor(&mut memory, caller(7), 4, None), None);
    memory.opened(7, 4, b"/later", TWO, true);
    assert_eq!(
        descriptor(&mut memory, caller(7), 4, None).as_deref(),
        Some("/later")
    );
}

#[test]
fn a_new_process_with_an_old_number_has_nothing_of_the_old_one() {
    let mut memory = Resolver::new();
    memory.opened(7, 3, b"/old", ONE, false);
    memory.forked(1, 7);
    assert_eq!(descriptor(&mut memory, caller(7), 3, None), None);
}

#[test]
fn renaming_a_directory_moves_the_files_that_are_open_under_it() {
    let mut memory = Resolver::new();
    memory.opened(7, 3, b"/dir/sub/file", ONE, false);
    memory.renamed(b"/dir", b"/moved");
    assert_eq!(
        descriptor(&mut memory, caller(7), 3, None).as_deref(),
        Some("/moved/sub/file")
    );
    memory.exchanged(b"/moved", b"/other");
    assert_eq!(
        descriptor(&mut memory, caller(7), 3, None).as_deref(),
        Some("/other/sub/file")
    );
}

#[test]
fn a_removed_or_replaced_file_has_no_path_even_if_another_takes_its_name() {
    let mut memory = Resolver::new();
    memory.opened(7, 3, b"/file", ONE, false);
    memory.removed(b"/file");
    memory.opened(8, 3, b"/file", TWO, false);
    assert_eq!(descriptor(&mut memory, caller(7), 3, None), None);
    assert_eq!(
        descriptor(&mut memory, caller(8), 3, None).as_deref(),
        Some("/file")
    );
    memory.renamed(b"/unknown", b"/file");
    assert_eq!(descriptor(&mut memory, caller(8), 3, None), None);
}

#[test]
fn a_name_under_a_descriptor_is_found_by_the_file_of_its_directory() {
    let mut memory = Resolver::new();
    let arena = Bump::new();
    let find = |memory: &mut Resolver, parent| {
        memory
            .relative(caller(7), 3, b"x", under(parent), &Absent, &arena)
            .map(<[u8]>::to_vec)
    };
    assert_eq!(find(&mut memory, ONE), None);
    memory.seen(ONE.unwrap(), b"/by/inode", true);
    assert_eq!(find(&mut memory, ONE).as_deref(), Some(&b"/by/inode/x"[..]));
    memory.opened(7, 3, b"/by/link", ONE, false);
    assert_eq!(find(&mut memory, ONE).as_deref(), Some(&b"/by/link/x"[..]));
    assert_eq!(find(&mut memory, TWO), None);
}

#[test]
fn a_live_descriptor_counts_only_if_it_is_the_recorded_file() {
    struct Fake;
    impl Host for Fake {
        fn descriptor(&self, _: u32, fd: u32) -> Option<Vec<u8>> {
            (fd == 3).then(|| b"/live".to_vec())
        }
        fn file_id(&self, path: &[u8]) -> Option<FileId> {
            if path == b"/live" { ONE } else { None }
        }
    }
    let (mut memory, arena) = (Resolver::new(), Bump::new());
    let mut ask = |fd, file| memory.descriptor(caller(7), fd, file, &Fake, &arena);
    assert_eq!(ask(3, ONE), Some(&b"/live"[..]));
    assert_eq!(ask(3, TWO), None);
    assert_eq!(ask(3, None), None);
    let mut relative = |parent| memory.relative(caller(7), 3, b"x", under(parent), &Fake, &arena);
    assert_eq!(relative(ONE), Some(&b"/live/x"[..]));
    assert_eq!(relative(TWO), None);
}

#[test]
fn endless_new_files_and_processes_stay_within_bounds() {
    let mut memory = Resolver::new();
    for number in 0..200_000u32 {
        let path = format!("/d{}/f{number}", number % 1000);
        let id = FileId {
            dev: (8, 1),
            inode: u64::from(number),
        };
        memory.opened(number, number % 7, path.as_bytes(), Some(id), true);
        memory.seen(id, path.as_bytes(), true);
        memory.forked(number, number + 1);
        memory.executed(number + 1);
    }
    assert!(memory.tree.len() <= 3 * TABLE_BOUND);
}
