//! Processes and their threads: descriptors, working directories, roots.

use std::collections::BTreeMap;

use super::tree::{At, HOST, Root};

/// An open file, or a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    pub(crate) at: At,
    pub(crate) writable: bool,
    pub(crate) close_on_exec: bool,
}

pub(crate) type Table = BTreeMap<u32, Open>;

/// What `CLONE_FS` shares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fs {
    pub(crate) root: Root,
    pub(crate) cwd: At,
    pub(crate) namespace: usize,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) id: usize,
    /// As the root namespace numbers them. Threads have that of their process.
    pub(crate) pid: u32,
    pub(crate) ppid: u32,
    /// The namespace of process numbers, and the number there.
    pub(crate) numbers: usize,
    pub(crate) number: u32,
    pub(crate) table: usize,
    pub(crate) fs: usize,
    /// The child that it waits for, which vfork made.
    pub(crate) waits_for: Option<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    pub(crate) all: Vec<Task>,
    pub(crate) tables: Vec<Table>,
    pub(crate) fs: Vec<Fs>,
    ids: usize,
    last: Vec<u32>,
}

/// Process numbers, few so that they are used again.
const FIRST: u32 = 100;
const COUNT: u32 = 6;

impl Tasks {
    pub(crate) fn new() -> Tasks {
        let mut tasks = Tasks {
            all: Vec::new(),
            tables: Vec::new(),
            fs: Vec::new(),
            ids: 0,
            last: vec![FIRST - 1],
        };
        for _ in 0..2 {
            tasks.tables.push(Table::new());
            tasks.fs.push(Fs {
                root: HOST,
                cwd: HOST,
                namespace: 0,
            });
            let (table, fs) = (tasks.tables.len() - 1, tasks.fs.len() - 1);
            let pid = tasks.number(0);
            let id = tasks.id();
            tasks.all.push(Task {
                id,
                pid,
                ppid: 1,
                numbers: 0,
                number: pid,
                table,
                fs,
                waits_for: None,
            });
        }
        tasks
    }

    fn id(&mut self) -> usize {
        self.ids += 1;
        self.ids
    }

    /// A number that is free.
    pub(crate) fn number(&mut self, numbers: usize) -> u32 {
        let used = |tasks: &Tasks, number| {
            let mut all = tasks.all.iter();
            all.any(|task| match numbers {
                0 => task.pid == number,
                _ => task.numbers == numbers && task.number == number,
            })
        };
        let mut next = self.last[numbers];
        loop {
            next = if next + 1 >= FIRST + COUNT {
                FIRST
            } else {
                next + 1
            };
            if !used(self, next) {
                self.last[numbers] = next;
                return next;
            }
        }
    }

    pub(crate) fn new_numbers(&mut self) -> usize {
        self.last.push(FIRST - 1);
        self.last.len() - 1
    }

    /// Whether there are as many tasks as there are numbers for processes.
    pub(crate) fn is_full(&self) -> bool {
        self.all.len() >= COUNT as usize
    }

    pub(crate) fn task(&self, id: usize) -> Option<&Task> {
        self.all.iter().find(|task| task.id == id)
    }

    pub(crate) fn task_mut(&mut self, id: usize) -> Option<&mut Task> {
        self.all.iter_mut().find(|task| task.id == id)
    }

    /// Makes a task like another one, which shares what it is told to.
    pub(crate) fn spawn(
        &mut self,
        parent: Task,
        thread: bool,
        files: bool,
        numbers: usize,
    ) -> Task {
        let table = match files {
            true => parent.table,
            false => {
                self.tables.push(self.tables[parent.table].clone());
                self.tables.len() - 1
            }
        };
        let fs = match thread {
            true => parent.fs,
            false => {
                self.fs.push(self.fs[parent.fs]);
                self.fs.len() - 1
            }
        };
        let pid = if thread { parent.pid } else { self.number(0) };
        let number = match numbers {
            0 => pid,
            _ => self.number(numbers),
        };
        let child = Task {
            id: self.id(),
            pid,
            ppid: if thread { parent.ppid } else { parent.pid },
            numbers,
            number,
            table,
            fs,
            waits_for: None,
        };
        self.all.push(child);
        child
    }

    /// Ends the tasks that `ends` says. Their children are init's.
    pub(crate) fn end(&mut self, ends: impl Fn(&Task) -> bool) {
        let gone: Vec<Task> = self.all.iter().filter(|task| ends(task)).copied().collect();
        self.all.retain(|task| !ends(task));
        for task in &gone {
            self.release(task.id);
            if !self.all.iter().any(|other| other.pid == task.pid) {
                for child in &mut self.all {
                    if child.ppid == task.pid {
                        child.ppid = 1;
                    }
                }
            }
        }
    }

    /// Lets go on whoever waits for this one.
    pub(crate) fn release(&mut self, id: usize) {
        for task in &mut self.all {
            if task.waits_for == Some(id) {
                task.waits_for = None;
            }
        }
    }
}
