//! How far the kernel has come in giving out pids.
//!
//! It gives them out in ascending order, and begins again at the lowest that is free when it has
//! reached the highest (kernel/pid.c, `idr_alloc_cyclic`). So a pid cannot belong to another
//! process before all others have been given out. The pids of new processes show how far it has
//! come.

/// The least number of pids that a kernel gives out (linux/threads.h, `PID_MAX_DEFAULT`).
const LEAST_PIDS: u32 = 32_768;

/// The pid that it begins again with (kernel/pid.c, `RESERVED_PIDS`).
const LOWEST: u64 = 300;

/// How many new processes and threads per second may go unseen while no other is seen: those of a
/// busy host whose rules record programs only.
const UNSEEN_PER_SECOND: u64 = 100;

/// How many there may be among lost records: as many as a kernel creates when it does nothing else.
const LOST_PER_SECOND: u64 = 50_000;

/// How far apart the pids of processes are that begin at about the same time.
const NEAR: u32 = 2048;

/// How often a pid had been given out when its process was last seen alive, at least.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sighting {
    times: u32,
    /// When that was, in milliseconds.
    time: u64,
    /// How often the counter had been silent for so long that it may have begun again.
    silences: u32,
}

/// The kernel's counter, as the pids of new processes show it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cycle {
    /// How often it has begun again.
    turns: u32,
    /// The last pid.
    last: u32,
    silences: u32,
    /// The time of the last new pid, in milliseconds; 0 if there was none.
    time: u64,
    /// The highest pid, as far as is known.
    highest: u32,
    /// Something was lost since the last new pid.
    is_doubtful: bool,
}

impl Cycle {
    pub(super) fn new() -> Cycle {
        Cycle {
            turns: 0,
            last: 0,
            silences: 0,
            time: 0,
            highest: LEAST_PIDS,
            is_doubtful: false,
        }
    }

    /// Takes in the highest pid that the kernel gives out, and the last one that it gave.
    pub(super) fn start(&mut self, highest: u32, last: u32, time: u64) {
        self.highest = highest.max(2 * LOWEST as u32);
        (self.last, self.time) = (last, time);
    }

    /// Notes that something was lost, perhaps the records of many new processes.
    pub(super) fn lost(&mut self) {
        self.is_doubtful = true;
    }

    /// Notes the pid of a new process.
    pub(super) fn born(&mut self, pid: u32, time: u64) {
        self.highest = self.highest.max(pid);
        // Records come in another order than pids, so a pid that is a little lower is only late.
        let is_behind = self.last.saturating_sub(pid) > self.near();
        let is_hidden = self.is_doubtful && self.may_have_turned(time, LOST_PER_SECOND);
        if is_behind || is_hidden {
            self.turns += 1;
            self.last = pid;
        }
        self.silences += u32::from(self.may_have_turned(time, UNSEEN_PER_SECOND));
        self.last = self.last.max(pid);
        self.time = self.time.max(time);
        self.is_doubtful = false;
    }

    /// Whether all pids may have been given out since the last new one, at this many per second.
    fn may_have_turned(&self, time: u64, rate: u64) -> bool {
        self.time > 0 && unseen(self.time, time, rate) >= self.pids()
    }

    /// How many pids there are.
    fn pids(&self) -> u64 {
        u64::from(self.highest) - LOWEST
    }

    /// How far records and pids may be out of order.
    fn near(&self) -> u32 {
        NEAR.min(self.highest / 8)
    }

    /// The sighting of a process that is alive now. `before` is the last one.
    pub(super) fn sight(&self, pid: u32, before: Sighting, time: u64) -> Sighting {
        let last = self.last.saturating_sub(self.near());
        Sighting {
            times: before.times.max(self.times(pid, u64::from(last))),
            time,
            silences: self.silences,
        }
    }

    /// The sighting of a process that has just begun.
    pub(super) fn sight_new(&self, time: u64) -> Sighting {
        Sighting {
            times: self.turns + 1,
            time,
            silences: self.silences,
        }
    }

    /// How often a pid has been given out if this pid is the last one.
    fn times(&self, pid: u32, last: u64) -> u32 {
        self.turns + u32::from(last >= u64::from(pid))
    }

    /// Whether a pid is among the last that were given out.
    pub(super) fn is_near(&self, pid: u32) -> bool {
        self.last.abs_diff(pid) < self.near()
    }

    /// Whether a pid may have been given out again since a sighting, unless its process was still
    /// alive. The counter is taken to be a little further than the pids that were seen.
    pub(super) fn has_passed(&self, pid: u32, seen: Sighting, time: u64) -> bool {
        let highest = u64::from(self.highest);
        if self.time == 0 {
            return pid != 1 && unseen(seen.time, time, UNSEEN_PER_SECOND) >= self.pids();
        }
        let unseen = unseen(self.time, time, UNSEEN_PER_SECOND).min(highest);
        let ahead = u64::from(self.last) + u64::from(self.near()) + unseen;
        let times = match ahead.checked_sub(highest) {
            Some(beyond) => self.times(pid, beyond + LOWEST) + 1,
            None => self.times(pid, ahead),
        };
        pid != 1 && times > seen.times
    }

    /// As [`has_passed`](Self::has_passed), also if the counter was silent for long.
    pub(super) fn may_have_passed(&self, pid: u32, seen: Sighting, time: u64) -> bool {
        let is_silent =
            self.silences != seen.silences || self.may_have_turned(time, UNSEEN_PER_SECOND);
        pid != 1 && (is_silent || self.has_passed(pid, seen, time))
    }
}

/// How many pids may have been given out between two times in milliseconds, at most.
fn unseen(since: u64, time: u64, rate: u64) -> u64 {
    time.saturating_sub(since).saturating_mul(rate) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_is_not_given_out_again_before_all_others() {
        let mut cycle = Cycle::new();
        cycle.born(15_000, 1000);
        let mut seen = cycle.sight_new(1000);
        for step in 1..3900 {
            let (pid, time) = (
                (15_000 + step * 7 - 300) % 32_468 + 300,
                1000 + u64::from(step),
            );
            cycle.born(pid, time);
            // Late by a little.
            cycle.born(pid.saturating_sub(40), time);
            assert!(!cycle.has_passed(15_000, seen, time), "{pid}");
            seen = cycle.sight(15_000, seen, time);
        }
        cycle.born(13_000, 6000);
        assert!(cycle.has_passed(15_000, seen, 6000));
        cycle.born(15_001, 6000);
        assert!(!cycle.has_passed(15_000, cycle.sight_new(1000), 6000));
        assert!(!cycle.has_passed(1, seen, 6000));
    }

    #[test]
    fn a_process_that_is_not_new_may_be_the_next_whose_pid_is_given_out() {
        let mut cycle = Cycle::new();
        cycle.born(15_000, 1000);
        let seen = |pid| cycle.sight(pid, Sighting::default(), 1000);
        assert!(cycle.has_passed(15_100, seen(15_100), 1000));
        assert!(cycle.has_passed(14_900, seen(14_900), 1000));
        assert!(!cycle.has_passed(5000, seen(5000), 1000));
        assert!(!cycle.has_passed(25_000, seen(25_000), 1000));
    }

    #[test]
    fn a_turn_may_go_unseen_in_a_long_silence() {
        let mut cycle = Cycle::new();
        cycle.born(5000, 1000);
        let seen = cycle.sight_new(1000);
        assert!(!cycle.may_have_passed(5000, seen, 200_000));
        assert!(cycle.may_have_passed(5000, seen, 400_000));
        cycle.born(5001, 400_000);
        assert!(cycle.may_have_passed(5000, seen, 400_000));
        assert!(!cycle.has_passed(5000, seen, 400_000));
    }

    #[test]
    fn a_turn_may_be_among_lost_records() {
        let mut cycle = Cycle::new();
        cycle.born(5000, 1000);
        let seen = cycle.sight_new(1000);
        cycle.lost();
        cycle.born(5001, 1900);
        assert!(cycle.has_passed(5000, seen, 1900));
    }
}
