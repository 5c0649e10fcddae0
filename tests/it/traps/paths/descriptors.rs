//! Descriptors that are another file by now, as their calls say or not.

use super::{Step, honest, last, nothing, opened, opened_directory, right, step, tell};

const EBADF: i64 = -9;
const EINTR: i64 = -4;

/// Calls on descriptor 3.
fn uses() -> Vec<Step> {
    vec![
        step("write", "a0=3").returns(5),
        step("ftruncate", "a0=3"),
        step("fallocate", "a0=3"),
        step("pwrite64", "a0=3").returns(5),
        step("copy_file_range", "a0=9 a2=3").returns(5),
    ]
}

#[test]
fn a_descriptor_that_the_kernel_does_not_know_is_no_file() {
    let others = ["read", "close", "fchmod", "fsetxattr", "fchown", "writev"];
    let others = others.map(|call| step(call, "a0=3"));
    for fails in uses().into_iter().chain(others) {
        for then in uses() {
            let steps = [
                opened("/etc/shadow", 11, 3),
                fails.clone().returns(EBADF),
                then,
            ];
            let events = tell(&steps);
            nothing(&events[1]);
            nothing(&events[2]);
        }
    }
}

#[test]
fn a_descriptor_that_could_not_be_copied_is_no_file() {
    for (call, args) in [
        ("dup", "a0=3"),
        ("dup2", "a0=3 a1=4"),
        ("dup3", "a0=3 a1=4"),
        ("fcntl", "a0=3 a1=0"),
        ("fcntl", "a0=3 a1=406"),
    ] {
        let steps = [
            opened("/etc/shadow", 11, 3),
            step(call, args).returns(EBADF),
            step("write", "a0=3").returns(5),
        ];
        nothing(&last(&steps));
    }
}

#[test]
fn a_close_that_was_interrupted_has_closed() {
    for exit in [EINTR, -5, -28] {
        for then in uses() {
            let close = step("close", "a0=3").returns(exit);
            nothing(&last(&[opened("/etc/d", 15, 3), close, then]));
        }
    }
}

#[test]
fn a_number_that_a_call_returns_for_something_new_is_what_it_was_no_more() {
    for (call, args) in [
        ("socket", "a0=2 a1=1"),
        ("accept", "a0=8"),
        ("accept4", "a0=8"),
        ("epoll_create1", ""),
        ("eventfd2", ""),
        ("timerfd_create", ""),
        ("signalfd4", "a0=ffffffff"),
        ("inotify_init1", ""),
        ("memfd_create", ""),
        ("pidfd_open", "a0=1"),
        ("pidfd_getfd", "a0=8 a1=3"),
        ("perf_event_open", ""),
        ("fanotify_init", ""),
        ("io_uring_setup", "a0=8"),
        ("fsopen", ""),
        ("userfaultfd", ""),
        ("mq_open", ""),
        ("dup", "a0=8"),
        ("fcntl", "a0=8 a1=0 a2=3"),
        ("fcntl", "a0=8 a1=406 a2=3"),
        ("open_by_handle_at", "a0=8"),
        ("open", "a1=0"),
    ] {
        for then in uses() {
            let new = step(call, args).returns(3);
            let event = last(&[opened("/etc/shadow", 11, 3), new, then]);
            assert_eq!(
                (call, &event["path"]),
                (call, &super::Value::Null),
                "{event}"
            );
            nothing(&event);
        }
    }
}

#[test]
fn an_opened_tree_is_the_directory_of_what_is_opened_below_it() {
    let tree = step("open_tree", "a0=CWD a2=1")
        .returns(5)
        .directory("/srv/other", 77);
    for (below, path) in [
        (
            step("openat", "a0=5 a2=0").returns(6).file("x", 78),
            "/srv/other/x",
        ),
        (
            step("openat", "a0=5 a2=0").returns(6).file("sub/x", 78),
            "/srv/other/sub/x",
        ),
        (
            step("fchmodat", "a0=5").file("sub/x", 78),
            "/srv/other/sub/x",
        ),
        (
            step("unlinkat", "a0=5").parent("/w", 77).deleted("x", 78),
            "/srv/other/x",
        ),
    ] {
        for before in [opened("/etc/b", 13, 5), opened_directory("/etc", 14, 5)] {
            honest(&last(&[before, tree.clone(), below.clone()]), &[path]);
        }
    }
}

#[test]
fn a_copy_onto_itself_changes_nothing() {
    let cloexec = Step {
        args: format!("a0={} a2=800c1", super::AT_FDCWD),
        ..opened("/etc/x", 11, 3)
    };
    let exec = step("execve", "")
        .record("EXECVE argc=1 a0=\"echo\"")
        .file("/bin/echo", 30);
    let copy = step("dup2", "a0=3 a1=3").returns(3);
    let write = step("write", "a0=3").returns(5);
    right(
        &last(&[cloexec.clone(), copy.clone(), write.clone()]),
        "/etc/x",
    );
    nothing(&last(&[
        cloexec.clone(),
        copy.clone(),
        exec.clone(),
        write.clone(),
    ]));
    // Only dup2 takes the same number twice.
    let failed = step("dup3", "a0=3 a1=3").returns(-22);
    nothing(&last(&[cloexec, failed, exec.clone(), write.clone()]));
    let plain = opened("/etc/x", 11, 3);
    honest(&last(&[plain, copy, exec, write]), &["/etc/x"]);
}

#[test]
fn the_command_of_fcntl_is_an_int() {
    for command in ["0", "f00000000", "ffffffff00000000", "406", "100000406"] {
        let steps = [
            opened("/etc/nine", 12, 9),
            opened("/etc/ten", 13, 10),
            step("close", "a0=a"),
            step("fcntl", &format!("a0=9 a1={command} a2=a")).returns(10),
            step("write", "a0=a").returns(5),
        ];
        honest(&last(&steps), &["/etc/nine"]);
    }
}

#[test]
fn the_number_of_a_descriptor_is_an_int() {
    for number in ["9", "100000009", "ffffffff00000009"] {
        let write = step("write", &format!("a0={number}")).returns(5);
        right(&last(&[opened("/etc/nine", 12, 9), write]), "/etc/nine");
        let close = step("close", &format!("a0={number}"));
        let write = step("write", "a0=9").returns(5);
        nothing(&last(&[opened("/etc/nine", 12, 9), close, write]));
    }
}

#[test]
fn an_inode_that_says_otherwise_is_believed_before_a_descriptor() {
    for call in ["fchmod", "fchown", "fsetxattr", "fremovexattr"] {
        let known = opened("/etc/real", 12, 4).by(200, 1);
        let change = step(call, "a0=3").inode(12);
        let other = step(call, "a0=3").inode(13);
        let stale = opened("/etc/shadow", 11, 3);
        honest(&last(&[stale.clone(), known, change]), &["/etc/real"]);
        nothing(&last(&[stale.clone(), other.clone()]));
        // And after that it is not believed either where nothing says what it is.
        let write = step("write", "a0=3").returns(5);
        nothing(&last(&[stale, other, write]));
    }
}
