//! The processes of one host: which process a record is of, its parent, and what both run.
//!
//! A record names processes by pid, and pids are used again. Nothing behind this stage would notice
//! a wrong answer, so a process counts as the same only while its pid cannot have been given out
//! again (see [`cycle`](super::cycle)), and its program as the same only while rules record every
//! program that its user starts. In doubt there is no answer.
//!
//! `resolve::processes` follows lives too, but only to find descriptors, which inodes then prove;
//! so it may take more for granted.

mod sight;

use std::sync::Arc;

use crate::{
    enrich::{
        cycle::{Cycle, Sighting},
        life::{Birth, Life, Program},
        places::Standing,
        table::{NO_SLOT, Slot, Table, Texts},
    },
    model::{Identity, Origin},
    resolve::{Doubt, Losses, Tick},
};

pub(super) use sight::{Act, Live, Sight, User, is_near};
pub use sight::{Answer, Found, Kernel};

/// Lives of one host, and bytes of their texts.
const MAX_LIVES: usize = 16_384;
const MAX_TEXT_BYTES: usize = 2 << 20;
/// Forks whose children have not been seen, and bytes of their texts.
const MAX_FORKS: usize = 1024;
const MAX_FORK_BYTES: usize = 128 << 10;
/// A longer command line is not remembered.
const MAX_COMMANDLINE_BYTES: usize = 16 << 10;

/// Whether a record is of the life that is known of its pid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Likeness {
    Same,
    /// Perhaps; or the pid may have been given out again.
    Doubtful {
        may_be_new: bool,
    },
    /// It is of another one.
    Other,
}

/// Which process a record is of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Subject {
    pub(super) pid: u32,
    /// The number of its life; 0 if nothing is known of it.
    pub(super) number: u64,
    slot: Slot,
    /// The stamp of the record, in milliseconds.
    time: u64,
    user: User,
}

/// The processes of one host.
#[derive(Debug)]
pub(super) struct Processes {
    lives: Table,
    /// Lives that a fork began and that have no record of their own yet.
    forks: Table,
    cycle: Cycle,
    /// The users whose programs rules record, as far as was seen.
    covered: u8,
    /// The number of the last life.
    last: u64,
    doubt: Doubt,
    /// Counts the events.
    tick: Tick,
    /// When the processes were read from the live system; 0 for a log.
    started: u64,
}

impl Processes {
    pub(super) fn new() -> Processes {
        Processes {
            lives: Table::new(MAX_LIVES, MAX_TEXT_BYTES),
            forks: Table::new(MAX_FORKS, MAX_FORK_BYTES),
            cycle: Cycle::new(),
            covered: 0,
            last: 0,
            doubt: Doubt::default(),
            tick: 0,
            started: 0,
        }
    }

    /// Forgets the processes, as after a boot, but not what was lost.
    pub(super) fn forget(&mut self) {
        let doubt = std::mem::take(&mut self.doubt);
        *self = Processes {
            last: self.last,
            doubt,
            tick: self.tick,
            started: self.started,
            ..Processes::new()
        };
    }

    /// How much memory it takes, in bytes, about.
    pub(super) fn size(&self) -> usize {
        self.lives.size() + self.forks.size()
    }

    /// Takes in the highest pid of the live system and the last one given out, at a time in
    /// milliseconds since 1970-01-01.
    pub(super) fn start(&mut self, (highest, last): (u32, u32), now: u64) {
        self.cycle.start(highest, last, now);
        self.started = now;
    }

    /// Takes in a process that was there at the start, after its parent.
    pub(super) fn found(&mut self, process: &Found) {
        let parent = self.lives.peek(process.ppid);
        // Not of a process that has begun since, and has been given that pid.
        let parent = parent.filter(|(life, _)| life.since == 0);
        let parent = parent.map_or(0, |(life, _)| life.number);
        self.add(process, parent, self.started);
    }

    fn add(&mut self, process: &Found, parent: u64, now: u64) {
        self.last += 1;
        let life = Life {
            number: self.last,
            ppid: process.ppid,
            parent,
            session: process.session,
            user: User::of(process.auid, process.uid),
            since: 0,
            birth: match process.answer {
                Answer::Process(number) => Birth::Kernel(number),
                Answer::Gone | Answer::Silence => Birth::Unknown,
            },
            seen: self.cycle.sight(process.pid, Sighting::default(), now),
            program: Program {
                since: now,
                origin: Origin::Proc,
                confirmed: 0,
            },
            ..Life::default()
        };
        let words: Vec<&[u8]> = arguments(&process.cmdline).collect();
        let arena = bumpalo::Bump::new();
        let texts = Texts {
            exe: &process.exe,
            commandline: crate::classify::join(&words, &arena),
            script: b"",
        };
        self.lives.put(process.pid, life, within_bounds(texts));
    }

    /// Notes a process that a record is of. `losses` is what was lost until then.
    pub(super) fn see(&mut self, sight: &Sight, losses: Losses, live: Option<Live>) -> Subject {
        self.tick += 1;
        if self.doubt.note(losses, self.tick) {
            self.cycle.lost();
        }
        if sight.pid == 0 || sight.pid == Identity::UNSET {
            return Subject::default();
        }
        let live = live.filter(|live| is_near(sight.time, live.now));
        let known = self.lives.find(sight.pid);
        let likeness = self.compare(sight, known.and_then(|slot| self.lives.at(slot)), live);
        let slot = match (likeness, known) {
            (Likeness::Same, Some(slot)) => self.follow(sight, slot),
            _ => self.begin(sight, likeness, live),
        };
        let slot = self.link(sight, slot, live);
        let slot = self.act(sight, slot);
        Subject {
            pid: sight.pid,
            number: self.lives.at(slot).map_or(0, |(life, _)| life.number),
            slot,
            time: sight.time,
            user: sight.user,
        }
    }

    /// Whether a record is of the life that is known of its pid.
    fn compare(
        &self,
        sight: &Sight,
        known: Option<(&Life, Texts<'_>)>,
        live: Option<Live>,
    ) -> Likeness {
        let Some((known, texts)) = known else {
            return Likeness::Other;
        };
        if sight.time > known.until {
            return Likeness::Other;
        }
        let has_passed = self.cycle.has_passed(sight.pid, known.seen, sight.time);
        let is_exec = sight.is_exec();
        // The next pid can be set (`ns_last_pid` in proc(5)), so a new program is asked about too.
        let live = live.filter(|_| has_passed || is_exec);
        let answer = live.map_or(Answer::Silence, |live| live.kernel.process(sight.pid));
        let is_it = match (known.birth, answer) {
            (Birth::Kernel(number), Answer::Process(now)) => Some(number == now),
            (_, Answer::Process(_)) if known.has_ended() => Some(false),
            _ => None,
        };
        if is_it == Some(false) {
            return Likeness::Other;
        }
        let has_forked = self.fork_of(sight).is_some();
        if has_passed {
            return match is_it {
                Some(_) => Likeness::Same,
                None if has_forked => Likeness::Other,
                None => Likeness::Doubtful { may_be_new: true },
            };
        }
        let is_unset = sight.ppid == Identity::UNSET || known.ppid == Identity::UNSET;
        let has_same_parent = is_unset || sight.ppid == known.ppid;
        // Its parent may have ended.
        let is_same_program = sight.exe.is_empty() || is_same_file(sight.exe, texts.exe);
        let is_orphan = is_same_program && sight.session == known.session && known.ppid != 1;
        match !has_forked && (has_same_parent || is_orphan) {
            true => Likeness::Same,
            false => Likeness::Doubtful { may_be_new: false },
        }
    }

    /// The life that a fork began, if a record can be its first.
    #[inline]
    fn fork_of(&self, sight: &Sight) -> Option<&Life> {
        let (life, _) = self.forks.peek(sight.pid)?;
        let is_of_then = !self.cycle.has_passed(sight.pid, life.seen, sight.time);
        let is_it = life.ppid == sight.ppid && life.since <= sight.time && is_of_then;
        is_it.then_some(life)
    }

    /// Goes on with a life. Returns where it is then.
    fn follow(&mut self, sight: &Sight, slot: Slot) -> Slot {
        let doubt = self.doubt.since();
        let Some(life) = self.lives.at_mut(slot) else {
            return slot;
        };
        life.seen = self.cycle.sight(sight.pid, life.seen, sight.time);
        life.session = sight.session;
        life.user = sight.user;
        if sight.ppid != Identity::UNSET && sight.ppid != life.ppid {
            (life.ppid, life.parent) = (sight.ppid, 0);
        }
        if sight.exe.is_empty() || sight.is_exec() {
            return slot;
        }
        let is_certain = life.program.confirmed >= doubt;
        let Some((_, texts)) = self.lives.at(slot) else {
            return slot;
        };
        let is_same = is_same_file(sight.exe, texts.exe);
        if is_same && is_certain {
            return slot;
        }
        if !is_same && !texts.exe.is_empty() && is_certain {
            // A program that no record tells of.
            self.covered &= !sight.user.0;
        }
        let texts = Texts {
            exe: sight.exe,
            ..Texts::default()
        };
        self.run(sight, slot, texts)
    }

    /// Notes the program that a process runs now. Returns where its life is then.
    fn run(&mut self, sight: &Sight, slot: Slot, texts: Texts<'_>) -> Slot {
        let program = self.program(sight);
        if let Some(life) = self.lives.at_mut(slot) {
            life.program = program;
        }
        self.lives.put_texts(sight.pid, slot, texts)
    }

    /// Begins a life. Returns where it is then.
    fn begin(&mut self, sight: &Sight, likeness: Likeness, live: Option<Live>) -> Slot {
        self.last += 1;
        let is_exec = sight.is_exec();
        let fork = self.fork_of(sight).cloned();
        // A fork of which it cannot be told whether it is that of this process.
        let has_other_fork = fork.is_none() && self.forks.peek(sight.pid).is_some();
        let is_doubtful = likeness != Likeness::Other || has_other_fork;
        let is_new = fork.is_some() || is_exec && !is_doubtful;
        let may_be_new = likeness == Likeness::Doubtful { may_be_new: true };
        if is_new || is_exec && may_be_new {
            self.cycle.born(sight.pid, sight.time);
        }
        let answer = live.map_or(Answer::Silence, |live| live.kernel.process(sight.pid));
        let mut life = Life {
            number: self.last,
            ppid: sight.ppid,
            parent: fork.as_ref().map_or(0, |fork| fork.parent),
            session: sight.session,
            user: sight.user,
            since: fork.as_ref().map_or(sight.time, |fork| fork.since),
            birth: self.birth(sight, fork.as_ref(), is_doubtful, answer),
            has_fork: fork.is_some(),
            seen: match is_new {
                true => self.cycle.sight_new(sight.time),
                false => self.cycle.sight(sight.pid, Sighting::default(), sight.time),
            },
            program: self.program(sight),
            ..Life::default()
        };
        if let (Answer::Gone, Some(live)) = (answer, live) {
            life.until = live.now;
        }
        let mut texts = Texts {
            exe: sight.exe,
            ..Texts::default()
        };
        if fork.is_some()
            && let Some((forked, known)) = self.forks.peek(sight.pid)
            && is_same_file(sight.exe, known.exe)
            && forked.program.confirmed >= self.doubt.since()
        {
            (life.program, texts) = (forked.program, known);
        }
        let slot = self.lives.put(sight.pid, life, texts);
        self.forks.remove(sight.pid);
        slot
    }

    /// The name of a process whose first record this is.
    fn birth(
        &self,
        sight: &Sight,
        fork: Option<&Life>,
        is_doubtful: bool,
        answer: Answer,
    ) -> Birth {
        let first = fork.map_or(Birth::Recorded(sight.time, sight.serial), |fork| fork.birth);
        match answer {
            Answer::Process(number) => Birth::Kernel(number),
            _ if is_doubtful => Birth::Unknown,
            // It is gone, so it will not be named by its number after a restart; and it was born
            // after the start, so it was not named before.
            Answer::Gone if sight.time > self.started => first,
            Answer::Silence if self.started == 0 && self.is_new(sight.pid, fork) => first,
            Answer::Gone | Answer::Silence => Birth::Unknown,
        }
    }

    /// Whether a pid without a life cannot be one whose life was forgotten.
    fn is_new(&self, pid: u32, fork: Option<&Life>) -> bool {
        fork.is_some() || !self.lives.has_forgotten() || self.cycle.is_near(pid)
    }

    fn program(&self, sight: &Sight) -> Program {
        Program {
            since: sight.time,
            origin: Origin::Records,
            confirmed: self.tick,
        }
    }

    /// Finds the life of the parent, if it is not known yet. Returns where that of the process is
    /// then.
    fn link(&mut self, sight: &Sight, slot: Slot, live: Option<Live>) -> Slot {
        let Some((life, _)) = self.lives.at(slot) else {
            return slot;
        };
        if life.parent != 0 {
            let parent = self.lives.find_parent(life);
            if let (Some(parent), Some(life)) = (parent, self.lives.at_mut(slot)) {
                life.parent_slot = parent;
            }
            return slot;
        }
        if life.ppid == Identity::UNSET || sight.ppid == 0 {
            return slot;
        }
        let number = life.number;
        let (parent, parent_slot) = self.parent_of(sight, live).unwrap_or((0, NO_SLOT));
        let slot = self.lives.find_again(slot, sight.pid, number);
        let slot = slot.unwrap_or(NO_SLOT);
        if let Some(life) = self.lives.at_mut(slot) {
            (life.parent, life.parent_slot) = (parent, parent_slot);
        }
        slot
    }

    /// The number and the slot of the life of the process that has the pid of the parent.
    fn parent_of(&mut self, sight: &Sight, live: Option<Live>) -> Option<(u64, Slot)> {
        let (cycle, pid) = (self.cycle, sight.ppid);
        if self.forks.peek(pid).is_some() {
            // It may be this one, which has no record of its own yet.
            return None;
        }
        let slot = self.lives.find(pid)?;
        let life = self.lives.at_mut(slot)?;
        let is_lost = life.session != Identity::UNSET && sight.session == Identity::UNSET;
        if sight.time > life.until || is_lost {
            return None;
        }
        let answer = live.map_or(Answer::Silence, |live| live.kernel.process(pid));
        match (life.birth, answer) {
            (Birth::Kernel(number), Answer::Process(now)) if number == now => {
                life.seen = cycle.sight(pid, life.seen, sight.time);
                return Some((life.number, slot));
            }
            (Birth::Kernel(_), Answer::Process(_)) => {
                self.lives.remove(pid);
                return None;
            }
            // The event may be older than the end of the one, or belong to the other.
            (_, Answer::Process(_)) if life.has_ended() => return None,
            (_, Answer::Gone) => life.until = live.map_or(life.until, |live| live.now),
            _ => {}
        }
        // Another process would have to be of the same session.
        let is_of_session = life.session != Identity::UNSET && life.session == sight.session;
        let may_be_another = match is_of_session {
            true => cycle.has_passed(pid, life.seen, sight.time),
            false => cycle.may_have_passed(pid, life.seen, sight.time),
        };
        if may_be_another {
            return None;
        }
        life.seen = cycle.sight(pid, life.seen, sight.time);
        Some((life.number, slot))
    }

    /// Notes what the process of a record did. Returns where its life is then.
    fn act(&mut self, sight: &Sight, slot: Slot) -> Slot {
        match sight.act {
            Act::Other => {}
            Act::Executed {
                commandline,
                script,
                is_plain,
            } => {
                if is_plain {
                    self.covered |= sight.user.0;
                }
                let texts = Texts {
                    exe: sight.exe,
                    commandline,
                    script,
                };
                return self.run(sight, slot, within_bounds(texts));
            }
            Act::Forked { child, is_sibling } => self.forked(sight, slot, child, is_sibling),
            Act::Exited => {
                if let Some(life) = self.lives.at_mut(slot) {
                    life.until = life.until.min(sight.time);
                }
            }
        }
        slot
    }

    /// Notes that a process made another one. In a pid namespace, `child` may be the number of
    /// another process out here, so it counts only for a process that has this parent.
    fn forked(&mut self, sight: &Sight, slot: Slot, child: u32, is_sibling: bool) {
        let Some((parent, texts)) = self.lives.at(slot) else {
            return;
        };
        let (ppid, number) = match is_sibling {
            true => (parent.ppid, parent.parent),
            false => (sight.pid, parent.number),
        };
        let life = Life {
            ppid,
            parent: number,
            session: sight.session,
            user: sight.user,
            since: sight.time,
            birth: Birth::Recorded(sight.time, sight.serial),
            seen: self.cycle.sight_new(sight.time),
            program: parent.program,
            ..Life::default()
        };
        // The stamp of a call is that of its entry, and the child may be faster than its parent.
        // But the clock of stamps may stand still for 10 ms (ktime_get_coarse_real_ts64).
        if let Some((known, _)) = self.lives.peek(child)
            && (known.ppid, known.has_fork) == (ppid, false)
            && sight.time <= known.since
        {
            if let Some(known) = self.lives.get(child) {
                (known.parent, known.has_fork) = (number, true);
            }
            return;
        }
        self.forks.put(child, life, texts);
    }

    /// The process that has a pid now, if it is known.
    pub(super) fn subject_of(&self, pid: u32) -> Option<Subject> {
        let (life, _) = self.lives.peek(pid)?;
        Some(Subject {
            pid,
            number: life.number,
            ..Subject::default()
        })
    }

    /// The life of a process, if it is still known.
    #[inline]
    pub(super) fn life(&self, subject: Subject) -> Option<(&Life, Texts<'_>)> {
        self.lives
            .peek_at(subject.slot, subject.pid, subject.number)
    }

    /// The parent of a process.
    #[inline]
    pub(super) fn parent(&self, life: &Life) -> Option<(&Life, Texts<'_>)> {
        self.lives.peek_at(life.parent_slot, life.ppid, life.parent)
    }

    /// Notes where a process runs.
    pub(super) fn stand(&mut self, subject: Subject, standing: Arc<Standing>) {
        let Subject {
            pid, number, slot, ..
        } = subject;
        let slot = match self.life(subject).is_some() {
            true => self.lives.find_again(slot, pid, number),
            false => None,
        };
        if let Some(life) = slot.and_then(|slot| self.lives.at_mut(slot)) {
            life.standing = Some(standing);
        }
    }

    /// Whether it is certain what a life runs, at the time of an event.
    pub(super) fn is_certain(&self, life: &Life, subject: Subject) -> bool {
        let is_covered = self.covered & (life.user.0 | subject.user.0) != 0;
        let is_of_then = match life.program.origin {
            Origin::Records => true,
            Origin::Proc => subject.time >= life.program.since,
        };
        is_covered && is_of_then && life.program.confirmed >= self.doubt.since()
    }
}

/// Whether two paths of programs are those of one file, which may have been removed in between.
fn is_same_file(one: &[u8], other: &[u8]) -> bool {
    let path = |exe: &'_ [u8]| {
        exe.strip_suffix(b" (deleted)")
            .map_or(exe.len(), <[u8]>::len)
    };
    one == other || one.get(..path(one)) == other.get(..path(other))
}

/// The arguments in `/proc/PID/cmdline`. A process may have written other text there.
fn arguments(cmdline: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = cmdline.strip_suffix(b"\0").unwrap_or(cmdline);
    text.split(|byte| *byte == 0)
}

fn within_bounds(texts: Texts<'_>) -> Texts<'_> {
    match texts.commandline.len() {
        0..=MAX_COMMANDLINE_BYTES => texts,
        _ => Texts {
            commandline: b"",
            ..texts
        },
    }
}

#[cfg(test)]
mod tests;
