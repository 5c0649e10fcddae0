//! Descriptors of processes that were forked, that ran other programs, and that ended.

use super::{Step, honest, last, nothing, opened, right, step, tell};

const PARENT: u32 = 100;
const CHILD: u32 = 101;

fn child(call: &'static str, args: &str) -> Step {
    step(call, args).by(CHILD, PARENT)
}

fn program() -> Step {
    child("execve", "")
        .record("EXECVE argc=1 a0=\"echo\"")
        .file("/bin/echo", 30)
}

/// The secret is descriptor 1 of the parent, and the output 5, which is closed at an exec.
fn two_files() -> [Step; 2] {
    let out = closed_on_exec(opened("/tmp/out", 21, 5));
    [opened("/var/secret", 11, 1), out]
}

/// How the parent is told of its child, when that runs another program already.
fn forks() -> Vec<Step> {
    let fork = |call, args: &str| step(call, args).returns(i64::from(CHILD));
    vec![
        fork("vfork", ""),
        fork("clone", "a0=4111"),
        fork("clone3", ""),
        fork("fork", ""),
    ]
}

#[test]
fn a_fork_that_is_told_of_after_the_child_ran_a_program_takes_nothing_back() {
    for fork in forks() {
        let duplicates = [
            child("dup2", "a0=5 a1=1").returns(1),
            child("dup3", "a0=5 a1=1").returns(1),
        ];
        for duplicate in duplicates {
            let [secret, out] = two_files();
            let steps = [
                secret,
                out,
                duplicate,
                program(),
                fork.clone(),
                child("write", "a0=1").returns(3),
                child("write", "a0=5").returns(3),
                step("write", "a0=1").returns(3),
            ];
            let events = tell(&steps);
            honest(&events[5], &["/tmp/out"]);
            nothing(&events[6]);
            right(&events[7], "/var/secret");
        }
    }
}

#[test]
fn descriptors_of_a_child_stay_when_its_fork_is_told_later() {
    for fork in forks() {
        let opens = [
            opened("/w/y", 11, 3),
            opened("/w/x", 12, 3).by(CHILD, PARENT),
        ];
        let [first, second] = opens;
        let write = child("write", "a0=3").returns(3);
        honest(
            &last(&[first.clone(), second, fork.clone(), write.clone()]),
            &["/w/x"],
        );
        let close = child("close", "a0=3");
        nothing(&last(&[first.clone(), close, fork.clone(), write.clone()]));
        let close = child("close_range", "a0=3 a1=ffffffff");
        nothing(&last(&[first, close, fork, write]));
    }
}

#[test]
fn a_fork_that_is_told_of_first_hands_descriptors_on() {
    for fork in forks() {
        let steps = [
            opened("/w/y", 11, 3),
            fork,
            child("write", "a0=3").returns(3),
            step("close", "a0=3"),
            child("write", "a0=3").returns(3),
        ];
        let events = tell(&steps);
        honest(&events[2], &["/w/y"]);
        honest(&events[4], &["/w/y"]);
    }
}

#[test]
fn a_thread_keeps_what_its_process_has_inherited() {
    for fork in forks() {
        let [secret, _] = two_files();
        let write = child("write", "a0=1").returns(3);
        // As musl starts a thread.
        let thread = child("clone", "a0=7d0f00").returns(i64::from(CHILD) + 1);
        right(
            &last(&[secret, fork, program(), thread, write]),
            "/var/secret",
        );
    }
}

/// The same process starts another program.
fn starts_a_program() -> Step {
    step("execve", "")
        .record("EXECVE argc=1 a0=\"echo\"")
        .file("/bin/echo", 30)
}

#[test]
fn a_thread_with_a_number_of_its_own_shares_its_process_descriptors() {
    // As before Linux 4.9.
    let thread = |step: Step| step.by(CHILD, 1);
    let clone = step("clone", "a0=3d0f00").returns(i64::from(CHILD));
    let open = thread(opened("/w/first", 11, 6));
    for [one, other] in [[clone.clone(), open.clone()], [open, clone]] {
        let write = step("write", "a0=6").returns(3);
        let steps = [
            one,
            other,
            step("close", "a0=6"),
            opened("/w/second", 12, 6),
            thread(write.clone()),
            thread(opened("/w/third", 13, 6)),
            write,
            starts_a_program(),
            opened("/w/fourth", 14, 7),
            step("write", "a0=7").returns(3),
        ];
        let events = tell(&steps);
        honest(&events[4], &["/w/second"]);
        honest(&events[6], &["/w/third"]);
        right(&events[9], "/w/fourth");
    }
}

#[test]
fn a_process_that_shares_its_descriptors_has_its_own_once_it_runs_a_program() {
    let clone = step("clone", "a0=411").returns(i64::from(CHILD));
    let before = child("dup2", "a0=1 a1=6").returns(6);
    let steps = [
        opened("/w/first", 11, 6),
        clone,
        before,
        program(),
        opened("/w/own", 12, 7).by(CHILD, PARENT),
        child("write", "a0=7").returns(3),
        child("write", "a0=6").returns(3),
        step("write", "a0=6").returns(3),
    ];
    let [open, clone, before, program, own, write, other, parents] = steps.clone();
    let late = [open, before, program, own, clone, write, other, parents];
    for steps in [steps, late] {
        let events = tell(&steps);
        right(&events[5], "/w/own");
        nothing(&events[6]);
        nothing(&events[7]);
    }
}

#[test]
fn a_process_whose_threads_have_descriptors_of_their_own_has_none_that_are_known() {
    for unshare in [
        step("unshare", "a0=400"),
        step("close_range", "a0=9 a1=ffffffff a2=2"),
        step("clone", "a0=10900").returns(i64::from(CHILD)),
    ] {
        let write = step("write", "a0=3").returns(3);
        let open = opened("/w/y", 11, 3);
        nothing(&last(&[open.clone(), unshare.clone(), write.clone()]));
        let exec = starts_a_program();
        right(&last(&[unshare, exec, open, write]), "/w/y");
    }
    let others = step("unshare", "a0=20000");
    let write = step("write", "a0=3").returns(3);
    right(&last(&[opened("/w/y", 11, 3), others, write]), "/w/y");
}

#[test]
fn a_child_has_nothing_that_its_parent_opens_after_the_fork() {
    for fork in forks().into_iter().filter(|fork| fork.call != "clone") {
        let steps = [
            fork,
            opened("/w/y", 11, 3),
            child("write", "a0=3").returns(3),
        ];
        nothing(&last(&steps));
    }
}

#[test]
fn a_child_has_nothing_that_other_threads_opened_before_its_fork_was_told() {
    for fork in forks() {
        // A thread waits in vfork for the child, and others do not.
        let [first, kept] = [opened("/w/old", 11, 7), opened("/w/kept", 13, 8)];
        let [close, second] = [step("close", "a0=7"), opened("/w/secret", 12, 7)];
        let write = |fd| child("write", fd).returns(3);
        let steps = [
            first,
            kept,
            program(),
            close,
            second,
            opened("/w/new", 14, 9),
            fork,
            write("a0=7"),
            write("a0=8"),
            write("a0=9"),
        ];
        let events = tell(&steps);
        honest(&events[7], &["/w/old"]);
        right(&events[8], "/w/kept");
        nothing(&events[9]);
    }
}

#[test]
fn a_process_of_this_number_in_another_namespace_is_not_the_child() {
    // The child sees number 5, which is another process out here.
    for call in ["fork", "vfork", "clone", "clone3"] {
        let steps = [
            opened("/host/f", 11, 3).by(5, 1),
            opened("/jail/f", 12, 3),
            step(call, "").returns(5),
            step("write", "a0=3").by(5, 1).returns(1),
            step("fchmod", "a0=3").inode(11).by(5, 1),
            step("close", "a0=3").by(5, 1),
            step("write", "a0=3").by(5, 1).returns(1),
        ];
        let events = tell(&steps);
        honest(&events[3], &["/host/f"]);
        right(&events[4], "/host/f");
        nothing(&events[6]);
    }
}

#[test]
fn a_descriptor_that_an_exec_closes_is_gone() {
    let [_, cloexec] = two_files();
    for exec in ["execve", "execveat"] {
        let exec = step(exec, if exec == "execveat" { "a0=CWD" } else { "" })
            .record("EXECVE argc=1 a0=\"echo\"")
            .file("/bin/echo", 30);
        for write in ["write", "ftruncate", "pwrite64"] {
            let write = step(write, "a0=5").returns(1);
            nothing(&last(&[cloexec.clone(), exec.clone(), write]));
        }
        let failed = exec.clone().returns(-2);
        let write = step("write", "a0=5").returns(1);
        right(&last(&[cloexec.clone(), failed, write]), "/tmp/out");
    }
}

#[test]
fn a_descriptor_that_is_marked_or_unmarked_later_is_closed_by_an_exec_or_not() {
    let exec = starts_a_program();
    let write = step("write", "a0=7").returns(5);
    let plain = opened("/etc/c", 14, 7);
    let mark = step("fcntl", "a0=7 a1=2 a2=1");
    nothing(&last(&[plain.clone(), mark, exec.clone(), write.clone()]));
    let mark = step("close_range", "a0=7 a1=7 a2=4");
    nothing(&last(&[plain, mark, exec.clone(), write.clone()]));
    let cloexec = Step {
        args: format!("a0={} a2=800c1", super::AT_FDCWD),
        ..opened("/etc/c", 14, 7)
    };
    let unmark = step("fcntl", "a0=7 a1=2 a2=0");
    let events = [cloexec, unmark, exec, write];
    honest(&last(&events), &["/etc/c"]);
}

/// The same open, closed on exec.
fn closed_on_exec(open: Step) -> Step {
    let args = open.args.replace("a2=c1", "a2=800c1");
    Step { args, ..open }
}

#[test]
fn a_mark_on_an_inherited_descriptor_is_the_childs_own() {
    for fork in forks() {
        let write = child("write", "a0=3").returns(3);
        let mark = child("fcntl", "a0=3 a1=2 a2=1");
        let steps = [
            opened("/w/y", 11, 3),
            fork,
            mark,
            write.clone(),
            program(),
            write,
            step("write", "a0=3").returns(3),
        ];
        let events = tell(&steps);
        right(&events[3], "/w/y");
        nothing(&events[5]);
        right(&events[6], "/w/y");
        // Nor does a fork that is told of later take it back.
        let [open, fork, mark, _, program, write, _] = steps;
        nothing(&last(&[open, mark, fork, program, write]));
    }
}

#[test]
fn a_mark_that_the_parent_takes_off_after_a_fork_stays_on_in_the_child() {
    for fork in forks() {
        let open = closed_on_exec(opened("/w/y", 11, 3));
        let unmark = step("fcntl", "a0=3 a1=2 a2=0");
        let write = child("write", "a0=3").returns(3);
        let steps = [open.clone(), fork.clone(), unmark.clone(), program(), write];
        nothing(&last(&steps));
        let [_, _, _, program, write] = steps;
        right(&last(&[open, unmark, fork, program, write]), "/w/y");
    }
}

#[test]
fn a_descriptor_of_unknown_flags_is_not_believed_after_an_exec() {
    let exec = starts_a_program();
    let close = step("close", "a0=5");
    let openat2 = step("openat2", "a0=CWD").returns(5).file("/w/y", 11);
    let tree = |flags| step("open_tree", flags).returns(5).file("/w/y", 11);
    // OPEN_TREE_CLOEXEC
    for open in [openat2.clone(), tree("a0=CWD a2=80000")] {
        right(&last(&[open.clone(), close.clone()]), "/w/y");
        nothing(&last(&[open, exec.clone(), close.clone()]));
    }
    let flags = openat2.record("OPENAT2 oflag=02 mode=00 resolve=0x0");
    for open in [flags, tree("a0=CWD a2=0")] {
        right(&last(&[open, exec.clone(), close.clone()]), "/w/y");
    }
}

#[test]
fn a_descriptor_that_an_exec_closed_before_a_fork_is_not_inherited() {
    for fork in forks() {
        let exec = starts_a_program();
        let steps = [
            closed_on_exec(opened("/w/y", 11, 3)),
            exec.clone(),
            fork,
            exec,
            child("write", "a0=3").returns(3),
        ];
        nothing(&last(&steps));
    }
}

#[test]
fn a_process_of_the_same_number_after_an_end_has_nothing_of_the_first() {
    for call in ["write", "ftruncate", "read"] {
        let steps = [
            opened("/etc/d", 15, 8),
            step("exit_group", "a0=0"),
            step(call, "a0=8").returns(5),
        ];
        nothing(&last(&steps));
    }
}

#[test]
fn the_end_of_a_process_is_read_where_it_says_nothing_of_success() {
    let end = "SYSCALL arch=c000003e syscall=231 a0=0 a1=0 a2=0 a3=0 items=0 ppid=1 pid=100 \
               auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=1 \
               comm=\"x\" exe=\"/bin/x\" key=(null)";
    let mut log = String::new();
    opened("/etc/d", 15, 8).write(1, &mut log);
    log += &super::super::log(2, &[end, "EOE "]);
    step("write", "a0=8").returns(5).write(3, &mut log);
    let events = crate::common::replay(log, &["-q"]);
    nothing(events.last().expect("the write"));
}

/// Init has a descriptor 3 too.
fn init() -> Step {
    opened("/run/private.db", 40, 3).by(1, 0)
}

#[test]
fn an_orphan_keeps_what_its_parent_had_and_gets_nothing_of_inits() {
    for fork in forks() {
        let write = |ppid| step("write", "a0=3").by(CHILD, ppid).returns(3);
        let steps = [
            init(),
            opened("/w/log", 11, 3),
            fork,
            write(PARENT),
            step("exit_group", "a0=0"),
            write(1),
            // The pid of the parent is given out again.
            opened("/w/other", 12, 3).by(PARENT, 50),
            write(1),
        ];
        let events = tell(&steps);
        right(&events[3], "/w/log");
        right(&events[5], "/w/log");
        honest(&events[7], &["/w/log"]);
    }
}

#[test]
fn a_grandchild_of_an_orphan_gets_nothing_of_inits() {
    let daemon = CHILD + 1;
    let steps = [
        init(),
        opened("/w/log", 11, 3),
        step("fork", "").returns(i64::from(CHILD)),
        child("fork", "").returns(i64::from(daemon)),
        step("exit_group", "a0=0"),
        step("write", "a0=3").by(daemon, CHILD).returns(3),
        child("exit_group", "a0=0"),
        step("write", "a0=3").by(daemon, 1).returns(3),
        // The pid of the first is that of another process, which had no part in this.
        opened("/w/other", 12, 3).by(CHILD, 50),
        step("write", "a0=3").by(daemon, 1).returns(3),
    ];
    let events = tell(&steps);
    right(&events[5], "/w/log");
    right(&events[7], "/w/log");
    honest(&events[9], &["/w/log"]);
}
