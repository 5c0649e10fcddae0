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

const OPEN: Mode = Mode {
    close_on_exec: false,
    read_only: false,
};
const CLOEXEC: Mode = Mode {
    close_on_exec: true,
    read_only: false,
};

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
    memory.opened(7, 3, b"/a", ONE, OPEN, &Absent);
    memory.opened(7, 3, b"/b", TWO, OPEN, &Absent);
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
    memory.opened(7, 3, b"/a", ONE, OPEN, &Absent);
    assert_eq!(descriptor(&mut memory, caller(7), 3, TWO), None);
    memory.seen(TWO.unwrap(), b"/known/by/inode", true, &Absent);
    assert_eq!(
        descriptor(&mut memory, caller(7), 3, TWO).as_deref(),
        Some("/known/by/inode")
    );
}

#[test]
fn a_child_has_what_its_parent_had_opened_before_the_fork() {
    let mut memory = Resolver::new();
    memory.opened(7, 3, b"/before", ONE, OPEN, &Absent);
    memory.forked(7, 8);
    memory.opened(7, 4, b"/after", TWO, OPEN, &Absent);
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
    memory.opened(7, 3, b"/a", ONE, OPEN, &Absent);
    memory.forked(7, 42);
    let another = Caller { pid: 42, ppid: 2 };
    assert_eq!(descriptor(&mut memory, another, 3, None), None);
}

#[test]
fn without_a_record_of_the_fork_a_parents_descriptor_must_be_the_same_file() {
    let mut memory = Resolver::new();
    memory.opened(7, 3, b"/a", ONE, OPEN, &Absent);
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
    memory.opened(7, 3, b"/kept", ONE, OPEN, &Absent);
    memory.opened(7, 4, b"/closed", TWO, CLOEXEC, &Absent);
    memory.executed(7);
    assert_eq!(
        descriptor(&mut memory, caller(7), 3, None).as_deref(),
        Some("/kept")
    );
    assert_eq!(descriptor(&mut memory, caller(7), 4, None), None);
    memory.opened(7, 4, b"/later", TWO, CLOEXEC, &Absent);
    assert_eq!(
        descriptor(&mut memory, caller(7), 4, None).as_deref(),
        Some("/later")
    );
}

#[test]
fn a_new_process_with_an_old_number_has_nothing_of_the_old_one() {
    let mut memory = Resolver::new();
    memory.opened(7, 3, b"/old", ONE, OPEN, &Absent);
    memory.forked(1, 7);
    assert_eq!(descriptor(&mut memory, caller(7), 3, None), None);
}

#[test]
fn renaming_a_directory_moves_the_files_that_are_open_under_it() {
    let mut memory = Resolver::new();
    memory.opened(7, 3, b"/dir/sub/file", ONE, OPEN, &Absent);
    memory.renamed(b"/dir", b"/moved", None, &Absent);
    assert_eq!(
        descriptor(&mut memory, caller(7), 3, None).as_deref(),
        Some("/moved/sub/file")
    );
    memory.exchanged(b"/moved", b"/other", None, &Absent);
    assert_eq!(
        descriptor(&mut memory, caller(7), 3, None).as_deref(),
        Some("/other/sub/file")
    );
}

#[test]
fn a_removed_or_replaced_file_has_no_path_even_if_another_takes_its_name() {
    let mut memory = Resolver::new();
    memory.opened(7, 3, b"/file", ONE, OPEN, &Absent);
    memory.removed(b"/file", None, &Absent);
    memory.opened(8, 3, b"/file", TWO, OPEN, &Absent);
    assert_eq!(descriptor(&mut memory, caller(7), 3, None), None);
    assert_eq!(
        descriptor(&mut memory, caller(8), 3, None).as_deref(),
        Some("/file")
    );
    memory.renamed(b"/unknown", b"/file", None, &Absent);
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
    memory.seen(ONE.unwrap(), b"/by/inode", true, &Absent);
    assert_eq!(find(&mut memory, ONE).as_deref(), Some(&b"/by/inode/x"[..]));
    memory.opened(7, 3, b"/by/link", ONE, OPEN, &Absent);
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

/// A system where a path is a file, and no process has anything open.
struct Holding(&'static [u8], Option<FileId>);

impl Host for Holding {
    fn descriptor(&self, _: u32, _: u32) -> Option<Vec<u8>> {
        None
    }
    fn file_id(&self, path: &[u8]) -> Option<FileId> {
        self.1.filter(|_| path == self.0)
    }
}

#[test]
fn what_happens_in_another_root_changes_nothing_in_this_one() {
    let here = Holding(b"/dir", ONE);
    for host in [&here as &dyn Host, &Absent] {
        let mut memory = Resolver::new();
        let change = |memory: &mut Resolver| {
            memory.opened(7, 3, b"/dir", ONE, OPEN, host);
            memory.opened(7, 4, b"/dir/file", None, OPEN, host);
        };
        let paths =
            |memory: &mut Resolver| [3, 4].map(|fd| descriptor(memory, caller(7), fd, None));
        let kept = host.file_id(b"/dir").map(|_| "/dir".to_owned());
        let below = kept.as_ref().map(|dir| format!("{dir}/file"));
        // The directory of that name is another one: it lies in the root of whoever did this.
        change(&mut memory);
        memory.renamed(b"/dir", b"/moved", TWO, host);
        assert_eq!(paths(&mut memory), [kept.clone(), below.clone()]);
        change(&mut memory);
        memory.removed(b"/dir", TWO, host);
        assert_eq!(paths(&mut memory), [kept.clone(), below.clone()]);
        change(&mut memory);
        memory.exchanged(b"/dir", b"/moved", TWO, host);
        assert_eq!(paths(&mut memory), [kept, below]);
    }
}

#[test]
fn a_path_that_is_another_file_on_the_live_system_is_not_given() {
    let (mut memory, arena) = (Resolver::new(), Bump::new());
    memory.seen(ONE.unwrap(), b"/name", true, &Absent);
    let mut ask = |host: &dyn Host| memory.file(ONE.unwrap(), host, &arena);
    assert_eq!(ask(&Absent), Some(&b"/name"[..]));
    assert_eq!(ask(&Holding(b"/name", ONE)), Some(&b"/name"[..]));
    assert_eq!(ask(&Holding(b"/name", TWO)), None);
}

#[test]
fn a_directory_that_may_be_that_of_another_root_is_left_without_a_path() {
    let mut memory = Resolver::new();
    memory.opened(7, 3, b"/dir/file", ONE, OPEN, &Absent);
    // It is not known which file the directory is, but on this system it is still there.
    memory.renamed(b"/dir", b"/moved", TWO, &Holding(b"/dir", ONE));
    assert_eq!(descriptor(&mut memory, caller(7), 3, None), None);
    memory.opened(7, 3, b"/dir/file", ONE, OPEN, &Absent);
    memory.renamed(b"/dir", b"/moved", TWO, &Holding(b"/moved", TWO));
    assert_eq!(
        descriptor(&mut memory, caller(7), 3, None).as_deref(),
        Some("/moved/file")
    );
}

#[test]
fn a_parents_directory_is_its_childs_where_the_file_is_there() {
    let (mut memory, arena) = (Resolver::new(), Bump::new());
    memory.opened(7, 3, b"/dir", ONE, OPEN, &Absent);
    let child = Caller { pid: 8, ppid: 7 };
    let evidence = Evidence {
        file: TWO,
        ..Evidence::default()
    };
    let mut ask = |host: &dyn Host| memory.relative(child, 3, b"x", evidence, host, &arena);
    assert_eq!(ask(&Holding(b"/dir/x", TWO)), Some(&b"/dir/x"[..]));
    assert_eq!(ask(&Holding(b"/dir/x", ONE)), None);
    assert_eq!(ask(&Absent), None);
}

#[test]
fn what_was_opened_for_reading_cannot_be_written() {
    let mut memory = Resolver::new();
    let mode = Mode {
        read_only: true,
        ..OPEN
    };
    memory.opened(7, 3, b"/read", ONE, mode, &Absent);
    memory.opened(7, 4, b"/written", ONE, OPEN, &Absent);
    memory.duplicated(caller(7), 3, 5, false);
    assert!([3, 5].map(|fd| memory.is_read_only(caller(7), fd)) == [true, true]);
    assert!([4, 9].map(|fd| memory.is_read_only(caller(7), fd)) == [false, false]);
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
        memory.opened(
            number,
            number % 7,
            path.as_bytes(),
            Some(id),
            CLOEXEC,
            &Absent,
        );
        memory.seen(id, path.as_bytes(), true, &Absent);
        memory.forked(number, number + 1);
        memory.executed(number + 1);
    }
    assert!(memory.tree.len() <= 3 * TABLE_BOUND);
}
