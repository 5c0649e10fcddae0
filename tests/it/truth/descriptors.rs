//! Files that are named by a descriptor only, however it was come by.

use std::{
    fs::{self, OpenOptions},
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
};

use auditrd::model::syscall_number;
use libc::{
    AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_FOLLOW, F_DUPFD, F_DUPFD_CLOEXEC, O_CLOEXEC, O_CREAT,
    O_DIRECTORY, O_RDONLY, O_RDWR, O_TMPFILE, O_WRONLY,
};

use super::{
    DESCRIPTORS, FILES, hold, nothing,
    workload::{Arg, NATIVE, Said, Workload, call, fail, quiet},
};
use crate::live::os;

const DIRECTORY: i32 = O_RDONLY | O_DIRECTORY;
const MAKE: i32 = O_CREAT | O_WRONLY;
const BOTH: [&str; 2] = [FILES, DESCRIPTORS];

/// dup2(2), which does not look at the register of dup3's flags; newer architectures have only
/// dup3(2).
fn dup2(w: &mut Workload, from: i64, to: i64) -> Said<'_> {
    match syscall_number(NATIVE, "dup2") {
        Some(_) => call!(w, dup2(from, to, O_CLOEXEC)),
        None => call!(w, dup3(from, to, 0)),
    }
}

#[test]
fn a_file_without_a_name_gets_one_by_a_link() {
    hold(&[FILES], nothing, |w| {
        let here = format!("{}/", w.root);
        let nameless = |w: &mut Workload| {
            call!(w, openat(AT_FDCWD, ".", O_TMPFILE | O_RDWR, 0o600))
                .path(here.as_str())
                .action("created")
                .unresolved()
                .fd()
        };
        // Something else had the number before.
        let other = call!(w, openat(AT_FDCWD, "other", MAKE, 0o600))
            .at("other")
            .fd();
        quiet!(w, close(other));
        let f = nameless(w);
        assert_eq!(f, other);
        call!(w, ftruncate(f, 1)).unresolved();
        call!(w, fchmod(f, 0o640)).unresolved();
        let by_proc = format!("/proc/self/fd/{f}");
        call!(
            w,
            linkat(
                AT_FDCWD,
                by_proc.as_str(),
                AT_FDCWD,
                "made",
                AT_SYMLINK_FOLLOW
            )
        )
        .path(by_proc)
        .to("made");
        call!(w, fchmod(f, 0o600)).at("made");
        let g = nameless(w);
        call!(w, linkat(g, "", AT_FDCWD, "made too", AT_EMPTY_PATH))
            .to("made too")
            .unresolved();
        call!(w, fchown(g, 1, 1)).at("made too");
        call!(w, renameat(AT_FDCWD, "made too", AT_FDCWD, "moved"))
            .at("made too")
            .to("moved");
        call!(w, fchmod(g, 0o600)).at("moved");
        // What has a name already gets a second one.
        let named = call!(w, openat(AT_FDCWD, "other", O_RDWR)).at("other").fd();
        call!(w, linkat(named, "", AT_FDCWD, "another", AT_EMPTY_PATH))
            .at("other")
            .to("another");
    });
}

#[test]
fn an_empty_name_is_the_descriptor_itself() {
    hold(&[FILES], nothing, |w| {
        let f = call!(w, openat(AT_FDCWD, "f", MAKE, 0o600)).at("f").fd();
        call!(w, fchownat(f, "", 1, 1, AT_EMPTY_PATH)).at("f");
        call!(w, utimensat(f, 0, 0, 0)).at("f");
        call!(w, fsetxattr(f, "trusted.a", "v", 1, 0)).at("f");
        call!(w, fremovexattr(f, "trusted.a")).at("f");
        let d = call!(w, openat(AT_FDCWD, ".", DIRECTORY)).at("").fd();
        call!(w, fchmodat(d, "f", 0o640)).at("f");
        call!(w, openat2(d, "./g", vec![MAKE as u64, 0o600, 0], 24))
            .at("g")
            .action("created");
        call!(w, fchown(d, 1, 1)).at("");
    });
}

#[test]
fn a_handle_is_opened_as_the_file_that_it_is() {
    hold(
        &[FILES],
        |root| fs::write(root.join("f"), "f").expect("a file"),
        |w| {
            // A file_handle: the length of what follows its two numbers, then room for that.
            let handle = [&[128][..], &[0; 16]].concat();
            let mut args = [
                AT_FDCWD.into(),
                "f".into(),
                Arg::Words(handle),
                vec![0].into(),
                0.into(),
            ];
            w.quiet("name_to_handle_at", &mut args);
            let [_, _, Arg::Words(handle), ..] = args else {
                unreachable!()
            };
            let root = call!(w, openat(AT_FDCWD, ".", DIRECTORY)).at("").fd();
            // No record has a name for it. The process is there to be asked, but may be gone by
            // then.
            let f = call!(w, open_by_handle_at(root, handle, O_WRONLY))
                .at("f")
                .or_unresolved()
                .fd();
            call!(w, fchmod(f, 0o600)).at("f").or_unresolved();
            call!(w, ftruncate(f, 0)).at("f").or_unresolved();
            call!(w, openat(AT_FDCWD, "f", O_WRONLY)).at("f");
            call!(w, fchmod(f, 0o640)).at("f");
        },
    );
}

#[test]
fn a_descriptor_from_another_process_is_known_by_its_file() {
    hold(
        &[FILES],
        |root| fs::create_dir(root.join("d")).expect("a directory"),
        |w| {
            let [ours, theirs] = os::socket_pair();
            let receiver = w.fork(|w| {
                // The number that the first one gets had another file here.
                let old = call!(w, openat(AT_FDCWD, "old", MAKE, 0o600))
                    .at("old")
                    .fd();
                quiet!(w, close(old));
                let f = os::receive_fd(&theirs);
                let d = os::receive_fd(&theirs);
                call!(w, fchmod(f, 0o640)).at("d/f");
                call!(w, openat(d, "g", MAKE, 0o600)).at("d/g");
                call!(w, renameat(d, "g", AT_FDCWD, "h")).at("d/g").to("h");
                call!(w, fchownat(d, "f", 1, 1, 0)).at("d/f");
                call!(w, fchown(f, 2, 2)).at("d/f");
            });
            let f = call!(w, openat(AT_FDCWD, "d/f", MAKE, 0o600))
                .at("d/f")
                .fd();
            let d = call!(w, openat(AT_FDCWD, "d", DIRECTORY)).at("d").fd();
            os::send_fd(&ours, f);
            os::send_fd(&ours, d);
            assert!(os::wait(receiver), "the receiver's work");
        },
    );
}

#[test]
fn copies_of_a_descriptor_are_the_same_file() {
    hold(&BOTH, nothing, |w| {
        let f = call!(w, openat(AT_FDCWD, "f", MAKE, 0o600)).at("f").fd();
        let d = call!(w, openat(AT_FDCWD, ".", DIRECTORY)).at("").fd();
        let one = call!(w, dup(f)).at("f").action("duplicated").fd();
        call!(w, ftruncate(one, 1)).at("f");
        dup2(w, d, 50).at("").action("duplicated");
        call!(w, mkdirat(50, "sub", 0o755)).at("sub");
        call!(w, dup3(f, 51, O_CLOEXEC)).at("f");
        call!(w, ftruncate(51, 2)).at("f");
        let two = quiet!(w, fcntl(f, F_DUPFD, 60));
        call!(w, ftruncate(two, 3)).at("f");
        let three = quiet!(w, fcntl(one, F_DUPFD_CLOEXEC, 61));
        call!(w, ftruncate(three, 3)).at("f");
        call!(w, renameat(50, "f", 50, "g")).at("f").to("g");
        call!(w, close(f)).at("g").action("closed");
        call!(w, ftruncate(three, 4)).at("g");
        call!(w, ftruncate(51, 4)).at("g");
        // A number that was used again is not what it was.
        let memory = quiet!(w, memfd_create("memory", 0));
        assert_eq!(memory, f);
        call!(w, ftruncate(memory, 5)).unresolved();
        dup2(w, memory, 51).unresolved();
        call!(w, ftruncate(51, 5)).unresolved();
        call!(w, close(51)).unresolved();
        fail!(w, EBADF, ftruncate(51, 6)).unresolved();
    });
}

#[test]
fn a_file_opened_for_reading_is_not_the_one_that_was_written() {
    let file = |root: &Path| fs::write(root.join("f"), "f").expect("a file");
    hold(&[FILES], file, |w| {
        let f = call!(w, openat(AT_FDCWD, "f", O_RDONLY)).at("f").fd();
        // No rule records this.
        quiet!(w, close(f));
        let memory = quiet!(w, memfd_create("memory", 0));
        assert_eq!(memory, f);
        call!(w, ftruncate(memory, 1)).unresolved();
    });
}

#[test]
fn a_child_has_what_its_parent_had() {
    hold(&BOTH, nothing, |w| {
        let f = call!(w, openat(AT_FDCWD, "f", MAKE, 0o600)).at("f").fd();
        let d = call!(w, openat(AT_FDCWD, ".", DIRECTORY)).at("").fd();
        let [ours, theirs] = os::socket_pair();
        let child = w.fork(|w| {
            // What the parent opens meanwhile is its own.
            let late = os::receive_fd(&theirs);
            quiet!(w, close(late));
            call!(w, ftruncate(f, 1)).at("f");
            call!(w, mkdirat(d, "a", 0o755)).at("a");
            call!(w, openat(d, "a/f", MAKE, 0o600)).at("a/f");
            w.child(|w| {
                call!(w, fchmod(f, 0o640)).at("f");
                call!(w, unlinkat(d, "a/f", 0)).at("a/f");
            });
            call!(w, close(f)).at("f");
        });
        let late = call!(w, openat(AT_FDCWD, "late", MAKE, 0o600))
            .at("late")
            .fd();
        os::send_fd(&ours, late);
        assert!(os::wait(child), "the child's work");
        call!(w, ftruncate(f, 2)).at("f");
        call!(w, ftruncate(late, 2)).at("late");
    });
}

/// Tells the second half of the next test where it is.
const AFTER_EXEC: &str = "AUDITRD_TEST_AFTER_EXEC";

#[test]
fn a_new_program_has_what_was_not_to_be_closed() {
    hold(&BOTH, nothing, |w| {
        let kept = call!(w, openat(AT_FDCWD, "kept", MAKE, 0o600))
            .at("kept")
            .fd();
        let copied = call!(w, openat(AT_FDCWD, "copied", MAKE | O_CLOEXEC, 0o600))
            .at("copied")
            .fd();
        dup2(w, copied, 70).at("copied");
        let closed = call!(w, openat(AT_FDCWD, "closed", MAKE | O_CLOEXEC, 0o600))
            .at("closed")
            .fd();
        w.child(|w| {
            let half = [w.root.clone(), w.truths()];
            let numbers = [kept, closed].map(|fd| fd.to_string());
            let error = Command::new(std::env::current_exe().expect("this program"))
                .args(["--exact", "truth::descriptors::after_exec"])
                .arg("--test-threads=1")
                .stdout(Stdio::null())
                .env(AFTER_EXEC, [half, numbers].concat().join("\n"))
                .exec();
            panic!("{error}");
        });
    });
}

/// The second half of the test above, which starts it as another program; alone it does nothing.
#[test]
fn after_exec() {
    let Ok(said) = std::env::var(AFTER_EXEC) else {
        return;
    };
    let said: Vec<&str> = said.lines().collect();
    let [root, truths, kept, closed] = said[..] else {
        panic!("{said:?}")
    };
    let truths = OpenOptions::new()
        .append(true)
        .open(truths)
        .expect("the truths");
    let (kept, closed): (i64, i64) = (kept.parse().expect("a number"), closed.parse().expect("so"));
    let w = &mut Workload::new(root.to_owned(), truths);
    call!(w, ftruncate(kept, 3)).at("kept");
    call!(w, fchmod(kept, 0o640)).at("kept");
    call!(w, ftruncate(70, 3)).at("copied");
    // No rule records where this number comes from.
    while quiet!(w, memfd_create("memory", 0)) != closed {}
    call!(w, ftruncate(closed, 3)).unresolved();
}
