use std::collections::HashMap;

use super::*;

/// A source of numbers, the same for the same seed.
struct Dice(u64);

impl Dice {
    /// A number below `bound`.
    fn roll(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.roll(chances) == 0
    }
}

/// A process, as it really is.
#[derive(Clone, Debug)]
struct Process {
    /// Tells it from all others, also after its end.
    key: usize,
    pid: u32,
    parent: usize,
    /// Its first parent.
    starter: usize,
    exe: Vec<u8>,
    commandline: Vec<u8>,
    session: u32,
    is_alive: bool,
}

/// Which calls the rules record.
#[derive(Clone, Copy, Debug)]
struct Rules {
    exec: bool,
    fork: bool,
    exit: bool,
}

/// A kernel with few pids, so that it soon begins again.
struct World {
    dice: Dice,
    rules: Rules,
    all: Vec<Process>,
    by_pid: HashMap<u32, usize>,
    last_pid: u32,
    time: u64,
    serial: u32,
    losses: u32,
    /// A record that comes after those of the child.
    late: Option<(Process, u64, u32, u32)>,
    memory: Processes,
    names: HashMap<Vec<u8>, usize>,
    by_key: HashMap<usize, Vec<u8>>,
    parents: [u32; 2],
}

const LOWEST: u32 = 300;
const HIGHEST: u32 = 1000;

impl World {
    fn new(seed: u64) -> World {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let rules = Rules {
            exec: !dice.one_in(8),
            fork: dice.one_in(2),
            exit: dice.one_in(2),
        };
        let mut memory = Processes::new();
        memory.start((HIGHEST, LOWEST), 0);
        let init = Process {
            key: 0,
            pid: 1,
            parent: 0,
            starter: 0,
            exe: b"/sbin/init".to_vec(),
            commandline: b"init".to_vec(),
            session: Identity::UNSET,
            is_alive: true,
        };
        World {
            dice,
            rules,
            all: vec![init],
            by_pid: HashMap::from([(1, 0)]),
            last_pid: LOWEST,
            time: 1_000_000,
            serial: 0,
            losses: 0,
            late: None,
            memory,
            names: HashMap::new(),
            by_key: HashMap::new(),
            parents: [0; 2],
        }
    }

    /// The next pid of the cycle (kernel/pid.c, `alloc_pid`).
    fn pid(&mut self) -> u32 {
        loop {
            self.last_pid += 1;
            if self.last_pid > HIGHEST {
                self.last_pid = LOWEST;
            }
            if !self.by_pid.contains_key(&self.last_pid) {
                return self.last_pid;
            }
        }
    }

    fn alive(&mut self) -> usize {
        let alive: Vec<usize> = self.by_pid.values().copied().collect();
        let mut alive: Vec<usize> = alive.into_iter().filter(|key| *key != 0).collect();
        alive.sort_unstable();
        match alive.len() {
            0 => 0,
            count => alive[self.dice.roll(count as u64) as usize],
        }
    }

    fn fork(&mut self, parent: usize) -> usize {
        let (pid, key) = (self.pid(), self.all.len());
        let mut child = self.all[parent].clone();
        (child.key, child.pid, child.parent, child.starter) = (key, pid, parent, parent);
        if self.all[parent].session == Identity::UNSET && self.dice.one_in(6) {
            child.session = self.serial;
        }
        self.all.push(child);
        self.by_pid.insert(pid, key);
        self.time += self.dice.roll(3);
        if self.rules.fork {
            self.flush();
            let serial = self.serial + 1;
            self.serial += 1;
            self.late = Some((self.all[parent].clone(), self.time, serial, pid));
            if self.dice.one_in(2) {
                self.flush();
            }
        }
        key
    }

    /// A process writes the records of its calls in their order.
    fn flush_of(&mut self, key: usize) {
        if self.late.as_ref().is_some_and(|late| late.0.key == key) {
            self.flush();
        }
    }

    /// Takes in the record of a fork that is late.
    fn flush(&mut self) {
        if let Some((parent, time, serial, child)) = self.late.take() {
            let is_sibling = false;
            self.record(&parent, time, serial, Act::Forked { child, is_sibling });
        }
    }

    fn exec(&mut self, key: usize) {
        self.flush_of(key);
        let name = self.dice.roll(5);
        let process = &mut self.all[key];
        process.exe = format!("/bin/program{name}").into_bytes();
        process.commandline = format!("program{name} {}", self.serial).into_bytes();
        let process = process.clone();
        if self.rules.exec {
            let act = Act::Executed {
                commandline: &process.commandline,
                script: b"",
                is_plain: true,
            };
            self.serial += 1;
            self.record(&process, self.time, self.serial, act);
        }
    }

    fn exit(&mut self, key: usize) {
        self.flush();
        self.time += 1;
        let process = self.all[key].clone();
        if self.rules.exit && !self.dice.one_in(4) {
            self.serial += 1;
            self.record(&process, self.time, self.serial, Act::Exited);
        }
        self.time += 1;
        self.all[key].is_alive = false;
        self.by_pid.remove(&process.pid);
        for orphan in self.all.iter_mut().filter(|other| other.parent == key) {
            orphan.parent = 0;
        }
    }

    fn touch(&mut self, key: usize) {
        self.flush_of(key);
        let process = self.all[key].clone();
        self.serial += 1;
        self.record(&process, self.time, self.serial, Act::Other);
    }

    /// Takes in a record, or loses it, and checks what is known of its process.
    fn record(&mut self, process: &Process, time: u64, serial: u32, act: Act<'_>) {
        if self.dice.one_in(100) {
            self.losses += 1;
            return;
        }
        let sight = Sight {
            pid: process.pid,
            ppid: self.all[process.parent].pid,
            session: process.session,
            user: User::of(process.session, 0),
            time,
            serial,
            exe: &process.exe,
            act,
        };
        let losses = Losses {
            certain: self.losses,
            last_gap: 0,
        };
        let subject = self.memory.see(&sight, losses, None);
        self.check(process, subject);
    }

    fn check(&mut self, process: &Process, subject: Subject) {
        let (life, _) = self.memory.life(subject).expect("it was seen just now");
        let mut life = life;
        if life.birth != Birth::Unknown {
            let name = format!("{} {:?}", process.pid, life.birth).into_bytes();
            let known = *self.names.entry(name.clone()).or_insert(process.key);
            assert_eq!(
                known, process.key,
                "two processes have one name: {process:?}"
            );
            let known = self.by_key.entry(process.key).or_insert(name.clone());
            assert_eq!(*known, name, "a process has two names: {process:?}");
        }
        self.parents[0] += 1;
        let mut key = process.parent;
        for generation in 0..8 {
            let Some((parent, texts)) = self.memory.parent(life) else {
                return;
            };
            if texts.exe.is_empty() || !self.memory.is_certain(parent, subject) {
                return;
            }
            let real = &self.all[key];
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert_eq!(text(texts.exe), text(&real.exe), "of {process:?}: {real:?}");
            if !texts.commandline.is_empty() {
                assert_eq!(text(texts.commandline), text(&real.commandline), "{real:?}");
            }
            self.parents[1] += u32::from(generation == 0);
            // The first parent may have ended since the last record of its child.
            let is_first = parent.ppid == self.all[real.starter].pid;
            let next = if is_first { real.starter } else { real.parent };
            (key, life) = (next, parent);
        }
    }

    fn step(&mut self) {
        self.time += self.dice.roll(20);
        let key = self.alive();
        match self.dice.roll(20) {
            0..=4 => {
                let child = self.fork(key);
                if !self.dice.one_in(3) {
                    self.exec(child);
                }
            }
            5 => {
                self.fork(0);
            }
            6 if key != 0 => self.exec(key),
            7..=8 if key != 0 => self.exit(key),
            9 if self.dice.one_in(10) => self.storm(),
            10 if self.dice.one_in(20) => self.time += self.dice.roll(30_000),
            11..=15 if key != 0 => self.touch(key),
            _ => {}
        }
        if self.by_pid.len() > 60 {
            let key = self.alive();
            self.exit(key);
        }
    }

    /// Many processes that end at once. Those that start no program have no record, and so there is
    /// time between them.
    fn storm(&mut self) {
        let parent = self.alive();
        for _ in 0..self.dice.roll(1500) {
            let child = self.fork(parent);
            match !self.rules.exec || self.dice.one_in(20) {
                true => self.time += 1000 / 100,
                false => self.exec(child),
            }
            self.exit(child);
        }
    }
}

#[test]
fn a_process_never_gets_the_parent_or_the_name_of_another_one() {
    let (mut events, mut with_parent) = (0, 0);
    for seed in 1..=40 {
        let mut world = World::new(seed);
        for _ in 0..600 {
            world.step();
        }
        events += world.parents[0];
        with_parent += world.parents[1];
    }
    // Enough is known for the test to mean something.
    assert!(with_parent * 4 > events, "{with_parent} of {events}");
}

/// A kernel that gives the same answer about every pid.
struct Always(Answer);

impl Kernel for Always {
    fn process(&self, _: u32) -> Answer {
        self.0
    }
}

const EXECUTED: Act<'_> = Act::Executed {
    commandline: b"sh",
    script: b"",
    is_plain: true,
};

/// A shell of root, in a record.
fn shell(pid: u32, ppid: u32, time: u64, act: Act<'_>) -> Sight<'_> {
    Sight {
        pid,
        ppid,
        session: 1,
        user: User::of(0, 0),
        time,
        serial: 1,
        exe: b"/bin/sh",
        act,
    }
}

#[test]
fn a_pid_that_was_set_back_is_that_of_another_process_if_the_kernel_says_so() {
    let mut processes = Processes::new();
    processes.start((32_768, 400), 0);
    let mut see = |time: u64, number: u64| {
        let sight = shell(500, 300, time, EXECUTED);
        let kernel = &Always(Answer::Process(number));
        let subject = processes.see(&sight, Losses::default(), Some(Live { kernel, now: time }));
        processes.life(subject).unwrap().0.birth
    };
    assert_eq!(see(1000, 7), Birth::Kernel(7));
    assert_eq!(see(1001, 7), Birth::Kernel(7));
    assert_eq!(see(1002, 8), Birth::Kernel(8));
}

#[test]
fn a_process_that_is_gone_is_no_parent_once_another_has_its_pid() {
    let mut processes = Processes::new();
    processes.start((32_768, 400), 0);
    let mut see = |pid: u32, ppid: u32, time: u64, now: u64, answer: Answer| {
        let sight = shell(pid, ppid, time, EXECUTED);
        let kernel = &Always(answer);
        let subject = processes.see(&sight, Losses::default(), Some(Live { kernel, now }));
        let life = processes.life(subject).unwrap().0;
        processes.parent(life).is_some()
    };
    // auditrd is behind: it asks late.
    see(500, 300, 1000, 1050, Answer::Gone);
    assert!(see(501, 500, 1004, 1052, Answer::Gone));
    assert!(!see(502, 500, 1020, 1054, Answer::Process(9)));
}

#[test]
fn a_second_fork_with_the_same_stamp_and_pid_is_of_another_process() {
    let mut processes = Processes::new();
    let mut see = |pid: u32, ppid: u32, act: Act<'_>| {
        let sight = shell(pid, ppid, 1000, act);
        let subject = processes.see(&sight, Losses::default(), None);
        let life = processes.life(subject).unwrap().0;
        processes.parent(life).is_some()
    };
    let fork = Act::Forked {
        child: 501,
        is_sibling: false,
    };
    see(500, 400, EXECUTED);
    // The child is faster than its parent.
    assert!(see(501, 500, EXECUTED));
    see(500, 400, fork);
    assert!(see(502, 501, EXECUTED));
    see(500, 400, fork);
    assert!(!see(503, 501, EXECUTED));
}
