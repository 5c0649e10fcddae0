//! The lives of processes: when a process began, whose descriptors it inherited and when it last
//! started a program.
//!
//! A pid is used again, and the record of a fork may come after the first records of the child
//! (vfork(2): always). So a life is told from the next one by everything that records say of it:
//! the parent, the program, the exit, and the stamp of the fork.

use crate::resolve::{doubt::Tick, recent::Recent};

/// The process that a call came from, as its record shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) pid: u32,
    pub(crate) ppid: u32,
    /// A hash of the program that runs, or 0 if the record does not say.
    pub(crate) program: u64,
    /// When the call began, in milliseconds since 1970-01-01.
    pub(crate) time: u64,
}

/// When something was learned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) tick: Tick,
    /// How often something was lost until then.
    pub(crate) losses: u32,
    /// When the call began that it was learned from, in milliseconds.
    pub(crate) time: u64,
}

/// One life of a pid.
#[derive(Clone, Copy, Debug)]
struct Life {
    /// The parent that its last record shows: another one if the first has ended.
    ppid: u32,
    /// The parent that its first record shows, which may have forked it.
    parent: u32,
    program: u64,
    /// The stamp of the fork or, as long as no record of that came, of its own first record, in
    /// milliseconds.
    time: u64,
    /// Descriptors that were learned before this moment are of another life.
    born: Tick,
    /// The descriptors that `parent` had at this moment are its own too. 0 if no record of the fork
    /// came.
    inherits: Tick,
    /// When it first and last started a program; 0 if it has not.
    executed: (Tick, Tick),
    /// Descriptors that were closed in a range, and when: first, last, moment.
    swept: (u32, u32, Tick),
    /// It may be the life before it of this pid, with a program that no record tells.
    may_be_older: bool,
    /// It shares its descriptors with a process that no record tells.
    is_shared: bool,
    /// It ended. Those that it forked still have what they inherited.
    has_ended: bool,
}

/// A fork whose child has not been seen yet.
#[derive(Clone, Copy, Debug)]
struct Fork {
    parent: u32,
    /// The stamp of the call, which is that of its entry, in milliseconds.
    time: u64,
    at: Tick,
    /// Whether the child goes on sharing the descriptors of its parent.
    is_shared: bool,
}

/// How many generations of forks an inherited descriptor is followed through.
const MAX_GENERATIONS: usize = 8;

/// One step on the way from a process to the ancestors that its descriptors come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ancestor {
    pub(crate) pid: u32,
    /// Knowledge of its descriptors counts from this moment on …
    pub(crate) since: Tick,
    /// … and up to this one,
    pub(crate) until: Tick,
    /// by calls that had begun at this time, in milliseconds.
    pub(crate) forked: u64,
    /// A descriptor that is closed on exec and was known before this moment is gone.
    pub(crate) executed: Tick,
}

/// The processes of one host.
#[derive(Debug)]
pub(crate) struct Processes {
    lives: Recent<u32, Life>,
    forks: Recent<u32, Fork>,
    /// Threads that were made, and the process of each.
    threads: Recent<u32, u32>,
}

impl Processes {
    pub(crate) fn new(bound: usize) -> Processes {
        Processes {
            lives: Recent::new(bound),
            forks: Recent::new(bound),
            threads: Recent::new(bound / 8),
        }
    }

    /// How much memory it takes, in bytes, about.
    pub(crate) fn size(&self) -> usize {
        self.lives.size() + self.forks.size() + self.threads.size()
    }

    /// Notes that a process made a call. `is_exec` if it started a program by that.
    pub(crate) fn see(&mut self, caller: Caller, is_exec: bool, now: Tick) {
        let fork = match self.forks.is_empty() {
            true => None,
            false => self.forks.get(caller.pid, drop),
        };
        let fork = fork.filter(|fork| fork.parent == caller.ppid);
        if fork.is_some() {
            self.forks.remove(caller.pid);
        }
        let mut known = self.lives.get_mut(caller.pid, drop);
        if let Some(life) = &mut known
            && fork.is_none()
            && !life.has_ended
            && goes_on(life, caller, is_exec)
        {
            life.ppid = caller.ppid;
            life.program = known_or(caller.program, life.program);
            return;
        }
        let begun = Life {
            ppid: caller.ppid,
            parent: caller.ppid,
            program: caller.program,
            time: fork.map_or(caller.time, |fork| fork.time),
            born: now,
            inherits: fork.map_or(0, |fork| fork.at),
            executed: (0, 0),
            swept: (0, 0, 0),
            may_be_older: known
                .as_ref()
                .is_some_and(|life| !life.has_ended && life.parent == caller.ppid),
            is_shared: fork.is_some_and(|fork| fork.is_shared),
            has_ended: false,
        };
        match known {
            Some(life) => *life = begun,
            None => self.lives.put_new(caller.pid, begun, drop),
        }
        if let (false, Some(process)) = (self.threads.is_empty(), self.threads.remove(caller.pid))
            && fork.is_none()
        {
            self.join(caller.pid, process);
        }
    }

    /// Notes that a process made another one. In a pid namespace `child` may be the number of
    /// another process out here, so it counts only for a process that has this parent.
    pub(crate) fn forked(&mut self, parent: Caller, child: u32, is_shared: bool, now: Tick) {
        if let Some(life) = self.lives.get_mut(child, drop)
            && life.parent == parent.pid
            && life.inherits == 0
            && !life.has_ended
        {
            // The stamp of a call is that of its entry, so a child that was seen before is an
            // earlier one with its number; or the stamps are not the kernel's. It inherits nothing.
            if life.time < parent.time {
                life.born = now;
            } else if is_shared {
                life.share();
            } else if !life.may_be_older {
                // Other threads of the parent have gone on since the child began, also after vfork.
                (life.inherits, life.time) = (life.born, parent.time);
            }
            return;
        }
        let fork = Fork {
            parent: parent.pid,
            time: parent.time,
            at: now,
            is_shared,
        };
        self.forks.put(child, fork, drop);
    }

    /// Notes that a process made a thread, which shares its descriptors.
    pub(crate) fn threaded(&mut self, process: Caller, thread: u32) {
        if let Some(life) = self.lives.get_mut(thread, drop)
            && life.ppid == process.ppid
        {
            if life.time >= process.time {
                return self.join(thread, process.pid);
            }
            // It was another process with this number.
            life.has_ended = true;
        }
        self.threads.put(thread, process.pid, drop);
    }

    /// Notes that a thread is recorded under a number of its own, as all are before Linux 4.9, if
    /// it is like its process. Which of the threads changes their descriptors is not followed.
    fn join(&mut self, thread: u32, process: u32) {
        let Some(life) = self.lives.get(thread, drop) else {
            return;
        };
        let caller = Caller {
            pid: process,
            ppid: life.ppid,
            program: life.program,
            time: life.time,
        };
        if let Some(of) = self.lives.get_mut(process, drop)
            && goes_on(of, caller, false)
        {
            of.is_shared = true;
            self.shared(thread);
        }
    }

    /// Notes that a process started a program.
    pub(crate) fn executed(&mut self, pid: u32, now: Tick) {
        self.change(pid, |life| {
            if life.is_shared {
                // The program has a table of descriptors of its own, of which nothing is known.
                (life.is_shared, life.born, life.inherits) = (false, now, 0);
            }
            let (first, _) = life.executed;
            life.executed = (if first == 0 { now } else { first }, now);
        });
    }

    /// Notes that a process has ended.
    pub(crate) fn ended(&mut self, pid: u32) {
        self.change(pid, |life| life.has_ended = true);
        if !self.forks.is_empty() {
            self.forks.remove(pid);
        }
    }

    /// Notes that descriptors from `first` to `last` were closed. Of two ranges that do not touch,
    /// all in between counts as closed too.
    pub(crate) fn swept(&mut self, pid: u32, first: u32, last: u32, now: Tick) {
        self.change(pid, |life| {
            let (known_first, known_last, at) = life.swept;
            life.swept = match at {
                0 => (first, last, now),
                _ => (known_first.min(first), known_last.max(last), now),
            };
        });
    }

    /// Notes that nothing is known of the descriptors that a process has.
    pub(crate) fn forget_descriptors(&mut self, pid: u32, now: Tick) {
        self.change(pid, |life| (life.born, life.inherits) = (now, 0));
    }

    /// Notes that a process shares its descriptors with another one, or has several tables of them.
    pub(crate) fn shared(&mut self, pid: u32) {
        self.change(pid, |life| life.is_shared = true);
    }

    fn change(&mut self, pid: u32, change: impl FnOnce(&mut Life)) {
        if let Some(life) = self.lives.get_mut(pid, drop) {
            change(life);
        }
    }

    /// The processes that a descriptor may come from, from the caller up, as long as records tell
    /// the forks.
    pub(crate) fn ancestry(&mut self, pid: u32, fd: u32) -> impl Iterator<Item = Ancestor> {
        let (mut next, mut executed) = (Some(pid), 0);
        let (mut until, mut forked) = (Tick::MAX, u64::MAX);
        std::iter::from_fn(move || {
            let pid = next.take()?;
            let life = self.lives.get(pid, drop).filter(|life| !life.is_shared)?;
            if life.born >= until {
                // A later process with the pid of the parent.
                return None;
            }
            let (first, last, swept) = life.swept;
            let is_swept = swept > 0 && (first..=last).contains(&fd);
            // Of the programs that it started before the fork, the last one closed most.
            let own_exec = match life.executed {
                (_, last) if last < until => last,
                (first, _) if first < until => until,
                _ => 0,
            };
            let ancestor = Ancestor {
                pid,
                since: if is_swept { swept } else { life.born },
                until,
                forked,
                // What a descendant has executed came after everything that it inherited.
                executed: if executed > 0 { Tick::MAX } else { own_exec },
            };
            if life.inherits > 0 && !is_swept {
                next = Some(life.parent);
                (until, forked) = (until.min(life.inherits), forked.min(life.time));
            }
            executed = executed.max(own_exec);
            Some(ancestor)
        })
        .take(MAX_GENERATIONS)
    }
}

impl Life {
    /// Notes that it has shared its descriptors from its beginning, up to the first program that it
    /// started.
    fn share(&mut self) {
        let (first, _) = self.executed;
        self.is_shared = first == 0;
        self.born = self.born.max(first);
    }
}

/// Whether a call can be of a life that is known.
fn goes_on(life: &Life, caller: Caller, is_exec: bool) -> bool {
    let same = |one: u64, other: u64| one == other || one == 0 || other == 0;
    if life.ppid == caller.ppid {
        return is_exec || same(life.program, caller.program);
    }
    // A process whose parent ended gets another one, mostly init. With another program too, it is
    // rather the next process with this pid.
    let has_same_program = caller.program != 0 && life.program == caller.program;
    caller.ppid == 1 && has_same_program && !is_exec
}

fn known_or(one: u64, other: u64) -> u64 {
    if one != 0 { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(pid: u32, ppid: u32, program: u64, time: u64) -> Caller {
        Caller {
            pid,
            ppid,
            program,
            time,
        }
    }

    fn sources(processes: &mut Processes, pid: u32) -> Vec<(u32, Tick, Tick, Tick)> {
        let ancestors = processes.ancestry(pid, 3);
        ancestors
            .map(|a| (a.pid, a.since, a.until, a.executed))
            .collect()
    }

    #[test]
    fn a_child_inherits_up_to_the_fork() {
        let mut processes = Processes::new(64);
        processes.see(caller(1, 0, 7, 1), false, 1);
        processes.forked(caller(1, 0, 7, 2), 2, false, 5);
        processes.see(caller(2, 1, 7, 3), false, 8);
        let expected = [(2, 8, Tick::MAX, 0), (1, 1, 5, 0)];
        assert_eq!(sources(&mut processes, 2), expected);
    }

    #[test]
    fn the_record_of_a_vfork_may_come_after_those_of_the_child() {
        let mut processes = Processes::new(64);
        processes.see(caller(1, 0, 7, 1), false, 1);
        processes.see(caller(2, 1, 7, 3), false, 4);
        processes.see(caller(2, 1, 8, 3), true, 5);
        processes.executed(2, 5);
        processes.forked(caller(1, 0, 7, 2), 2, false, 6);
        let expected = [(2, 4, Tick::MAX, 5), (1, 1, 4, Tick::MAX)];
        assert_eq!(sources(&mut processes, 2), expected);
    }

    #[test]
    fn a_process_that_was_seen_before_its_fork_inherits_nothing() {
        let mut processes = Processes::new(64);
        processes.see(caller(2, 1, 7, 3), false, 1);
        processes.forked(caller(1, 0, 7, 9), 2, false, 5);
        processes.see(caller(2, 1, 7, 10), false, 6);
        assert_eq!(sources(&mut processes, 2), [(2, 5, Tick::MAX, 0)]);
    }

    #[test]
    fn a_number_from_another_namespace_changes_no_other_process() {
        let mut processes = Processes::new(64);
        processes.see(caller(2, 77, 7, 3), false, 1);
        processes.forked(caller(1, 0, 7, 9), 2, false, 5);
        processes.see(caller(2, 77, 7, 10), false, 6);
        assert_eq!(sources(&mut processes, 2), [(2, 1, Tick::MAX, 0)]);
    }

    #[test]
    fn a_program_that_is_started_under_init_is_of_another_process() {
        for program in [7, 8] {
            let mut processes = Processes::new(64);
            processes.see(caller(2, 5, 7, 3), false, 1);
            processes.see(caller(2, 1, program, 4), true, 6);
            assert_eq!(sources(&mut processes, 2), [(2, 6, Tick::MAX, 0)]);
        }
        // Unless it was under init before.
        let mut processes = Processes::new(64);
        processes.see(caller(2, 5, 7, 3), false, 1);
        processes.see(caller(2, 1, 7, 4), false, 6);
        processes.see(caller(2, 1, 8, 5), true, 7);
        assert_eq!(sources(&mut processes, 2), [(2, 1, Tick::MAX, 0)]);
    }

    #[test]
    fn a_pid_with_another_program_or_parent_is_another_process() {
        for next in [caller(2, 1, 8, 4), caller(2, 5, 7, 4)] {
            let mut processes = Processes::new(64);
            processes.see(caller(2, 1, 7, 3), false, 1);
            processes.see(next, false, 6);
            assert_eq!(sources(&mut processes, 2), [(2, 6, Tick::MAX, 0)]);
        }
    }
}
