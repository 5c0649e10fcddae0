//! What each call does, in the order in which the kernel does it (fs/namei.c, fs/open.c).

mod descriptors;
mod entries;
mod mounts;
mod objects;
mod open;
mod processes;

use std::sync::Arc;

use super::{
    audit::{Filename, Kernel, Names, Type},
    steps::{Call, Denied, Dir, Step},
    tasks::{Fs, Open, Table, Task, Tasks},
    tree::*,
};

pub(crate) const O_WRONLY: u64 = 0o1;
pub(crate) const O_RDWR: u64 = 0o2;
pub(crate) const O_CREAT: u64 = 0o100;
pub(crate) const O_EXCL: u64 = 0o200;
pub(crate) const O_TRUNC: u64 = 0o1000;
pub(crate) const O_DIRECTORY: u64 = 0o200_000;
pub(crate) const O_NOFOLLOW: u64 = 0o400_000;
pub(crate) const O_CLOEXEC: u64 = 0o2_000_000;
pub(crate) const O_TMPFILE: u64 = 0o20_200_000;
pub(crate) const AT_FDCWD: u64 = -100i64 as u64;
const AT_SYMLINK_NOFOLLOW: u64 = 0x100;
const AT_REMOVEDIR: u64 = 0x200;
const RENAME_NOREPLACE: u64 = 1;
const RENAME_EXCHANGE: u64 = 2;
const CLONE_VM: u64 = 0x100;
const CLONE_FILES: u64 = 0x400;
const CLONE_THREAD: u64 = 0x10000;
const CLONE_NEWPID: u64 = 0x2000_0000;
const MS_BIND: u64 = 4096;

/// Everything there is, at one moment.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) tree: Arc<Tree>,
    pub(crate) tasks: Arc<Tasks>,
}

/// What a path of an event has to be, if it is said to be a full one.
#[derive(Clone, Debug)]
pub(crate) enum Want {
    /// There is no such path in this call.
    Nothing,
    /// No path leads there: to a file that was removed, or to nothing at all.
    Nowhere(Option<At>),
    /// This very entry.
    There(Target),
    /// A symbolic link's text.
    Text(String),
}

/// What a name of a call leads to.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Before the call, and after it.
    pub(crate) places: [Place; 2],
    /// How the kernel reads the last part. Where the event cannot know it, it may be read anyhow.
    pub(crate) follow: Option<Follow>,
    /// The directory and the name that the caller gave.
    pub(crate) given: Option<(At, String, Follow)>,
}

/// The sorts of calls that rules tell apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sort {
    Open {
        writes: bool,
        directory: bool,
    },
    /// Writes or changes attributes.
    Change,
    Descriptor,
    Fork,
    Exec,
    Exit,
    /// Is never recorded.
    Quiet,
}

/// What a call came to.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    pub(crate) args: [u64; 4],
    pub(crate) result: Result<i64, Errno>,
    pub(crate) returns: bool,
    pub(crate) sort: Sort,
    pub(crate) names: Names,
    pub(crate) how: Option<[u64; 2]>,
    pub(crate) wants: [Want; 2],
    pub(crate) task: Task,
    /// The root that the caller had, and the directory.
    pub(crate) root: Root,
    pub(crate) cwd: At,
    /// The parent waits, and so does its record, until this task goes on its own way.
    pub(crate) waits_for: Option<usize>,
}

/// A name of a call: its text, the directory that it is under, and what it leads to.
struct Given {
    text: String,
    dir: Dir,
    base: Result<At, Errno>,
}

/// One call on its way.
pub(crate) struct Run<'w> {
    world: &'w mut World,
    task: Task,
    root: Root,
    cwd: At,
    step: Step,
    names: Names,
    args: [u64; 4],
    wants: [Want; 2],
    sort: Sort,
    how: Option<[u64; 2]>,
    shown: String,
    waits_for: Option<usize>,
    returns: bool,
}

type Outcome = Result<i64, Errno>;

impl World {
    /// Does a step, unless whoever is to do it cannot.
    pub(crate) fn run(&mut self, step: Step, kernel: Kernel) -> Option<Done> {
        let all = &self.tasks.all;
        let task = *all.get(usize::from(step.who) % all.len().max(1))?;
        if task.waits_for.is_some() {
            return None;
        }
        let fs = self.tasks.fs[task.fs];
        let mut run = Run {
            world: self,
            task,
            root: fs.root,
            cwd: fs.cwd,
            step,
            names: Names::new(kernel),
            args: [0, 0x7f00, 0x7f01, 0],
            wants: [Want::Nothing, Want::Nothing],
            sort: Sort::Change,
            how: None,
            shown: String::new(),
            waits_for: None,
            returns: true,
        };
        let (name, result) = run.call()?;
        let outcome = match result {
            Ok(value) => value.to_string(),
            Err(Errno(number)) => {
                format!("-{}", auditrd::model::errno_name(-number).unwrap_or("?"))
            }
        };
        let text = format!("{} {name}({}) = {outcome}", task.pid, run.shown);
        run.ask_again();
        Some(Done {
            name,
            text,
            args: run.args,
            result,
            returns: run.returns,
            sort: run.sort,
            names: run.names,
            how: run.how,
            wants: run.wants,
            task,
            root: run.root,
            cwd: run.cwd,
            waits_for: run.waits_for,
        })
    }
}

impl Run<'_> {
    fn tree(&self) -> &Tree {
        &self.world.tree
    }

    fn tree_mut(&mut self) -> &mut Tree {
        Arc::make_mut(&mut self.world.tree)
    }

    fn tasks_mut(&mut self) -> &mut Tasks {
        Arc::make_mut(&mut self.world.tasks)
    }

    fn table(&self) -> &Table {
        &self.world.tasks.tables[self.task.table]
    }

    fn table_mut(&mut self) -> &mut Table {
        let table = self.task.table;
        &mut self.tasks_mut().tables[table]
    }

    fn bit(&self, bit: u8) -> bool {
        self.step.bits >> bit & 1 == 1
    }

    fn open_of(&self, fd: u32) -> Result<Open, Errno> {
        self.table().get(&fd).copied().ok_or(EBADF)
    }

    fn show(&mut self, text: &str) {
        if !self.shown.is_empty() {
            self.shown += ", ";
        }
        self.shown += text;
    }

    /// The name with this number, under the working directory or, for `at` calls, a descriptor.
    fn given(&mut self, index: usize, at: bool, fresh: bool) -> Given {
        let dir = match at {
            true => self
                .step
                .dir(index, self.tree(), &self.world.tasks, &self.task),
            false => Dir::Cwd,
        };
        let base = match dir {
            Dir::Cwd => Ok(self.cwd),
            Dir::Fd(fd) => self.open_of(fd).and_then(|open| {
                let is_directory = self.tree().is_directory(open.at.dentry);
                is_directory.then_some(open.at).ok_or(ENOTDIR)
            }),
        };
        let text = self.step.names[index].text(self.tree(), base.ok(), self.root, fresh);
        if at {
            match dir {
                Dir::Cwd => self.show("AT_FDCWD"),
                Dir::Fd(fd) => self.show(&fd.to_string()),
            }
        }
        self.show(&format!("{text:?}"));
        Given { text, dir, base }
    }

    fn dirfd(dir: Dir) -> u64 {
        match dir {
            Dir::Cwd => AT_FDCWD,
            Dir::Fd(fd) => fd.into(),
        }
    }

    /// What a name has to lead to.
    fn want(&mut self, index: usize, given: &Given, follow: Follow) {
        let base = match given.base {
            _ if given.text.starts_with('/') => self.root,
            Ok(base) => base,
            Err(_) => {
                self.wants[index] = Want::Nowhere(None);
                return;
            }
        };
        // What stands there is a directory, behind all links; events have neither `/` nor `.`
        // there.
        let slashes = matches!(given.text.rsplit('/').next(), Some("" | "." | ".."));
        let follow = match follow {
            Follow::No if slashes => Follow::Yes,
            follow => follow,
        };
        let place = self.tree().place(base, self.root, &given.text, follow);
        self.wants[index] = Want::There(Target {
            places: [place.clone(), place],
            follow: (!slashes).then_some(follow),
            given: Some((base, given.text.clone(), follow)),
        });
    }

    /// Looks where the names lead now that the call is done.
    fn ask_again(&mut self) {
        for want in &mut self.wants {
            if let Want::There(target) = want
                && let Some((base, text, follow)) = &target.given
            {
                target.places[1] = self.world.tree.place(*base, self.root, text, *follow);
            }
        }
    }

    fn walk(&self, given: &Given) -> Result<Walk, Errno> {
        let base = match given.base {
            Err(errno) if !given.text.starts_with('/') => return Err(errno),
            base => base.unwrap_or(self.root),
        };
        if self.step.denied == Denied::Search {
            return Err(EACCES);
        }
        self.tree().walk(base, self.root, &given.text)
    }

    fn denied(&self) -> Result<(), Errno> {
        match self.step.denied {
            Denied::Last => Err(EACCES),
            _ => Ok(()),
        }
    }

    /// `filename_lookup`.
    fn look_up(&mut self, given: &Given, name: &Filename, follow: bool) -> Result<At, Errno> {
        let walk = self.walk(given)?;
        let at = self.tree().finish(&walk, self.root, follow)?;
        self.names.normal(&self.world.tree, name, at.dentry);
        Ok(at)
    }

    /// `filename_parentat`.
    fn parent(&mut self, given: &Given, name: &Filename) -> Result<Walk, Errno> {
        let walk = self.walk(given)?;
        self.names
            .parent(&self.world.tree, name, walk.directory.dentry);
        Ok(walk)
    }

    /// `filename_create`: the directory and the name of what is to be made.
    fn creation(
        &mut self,
        given: &Given,
        name: &Filename,
        directory: bool,
    ) -> Result<(At, Arc<str>), Errno> {
        let walk = self.parent(given, name)?;
        let Last::Name(last) = walk.last else {
            return Err(EEXIST);
        };
        let at = walk.directory.dentry;
        if self.tree().child(at, &last).is_some() {
            return Err(EEXIST);
        }
        if walk.slashes && !directory || !self.tree().entries[at.0].alive {
            return Err(ENOENT);
        }
        Ok((walk.directory, last))
    }

    /// `may_create`.
    fn may_create(&mut self, directory: At, name: &str) -> Result<(), Errno> {
        let tree = &self.world.tree;
        self.names
            .child(tree, directory.dentry, name, None, Type::Create);
        self.denied()
    }

    /// Tells of what was made (`fsnotify_create` and its kin).
    fn made(&mut self, directory: Dentry, name: &str, made: Dentry) {
        let tree = &self.world.tree;
        self.names
            .child(tree, directory, name, Some(made), Type::Create);
    }

    /// `may_delete`.
    fn may_delete(
        &mut self,
        directory: At,
        victim: Dentry,
        wants_directory: bool,
    ) -> Result<(), Errno> {
        let tree = &self.world.tree;
        let name = tree.entries[victim.0].name.clone();
        self.names
            .child(tree, directory.dentry, &name, Some(victim), Type::Delete);
        self.denied()?;
        match (wants_directory, self.tree().is_directory(victim)) {
            (true, false) => Err(ENOTDIR),
            (false, true) => Err(EISDIR),
            _ => Ok(()),
        }
    }

    /// An inode number that no file has: the lowest one on a disk, a new one elsewhere.
    fn number(&self, device: usize) -> u64 {
        let (tree, tasks) = (self.tree(), &self.world.tasks);
        if device != 0 {
            return 10 + tree.inodes.len() as u64;
        }
        let open = tasks
            .tables
            .iter()
            .flat_map(|table| table.values())
            .map(|open| open.at);
        let fs = tasks.fs.iter().flat_map(|fs| [fs.root, fs.cwd]);
        let held: Vec<usize> = open
            .chain(fs)
            .map(|at| tree.entries[at.dentry.0].inode)
            .collect();
        let is_used = |number| {
            let mut inodes = tree.inodes.iter().enumerate();
            inodes.any(|(index, inode)| {
                inode.device == 0
                    && inode.number == number
                    && (inode.links > 0 || held.contains(&index))
            })
        };
        (11..)
            .find(|number| !is_used(*number))
            .expect("there are enough")
    }

    fn make(&mut self, directory: Dentry, name: Option<&Arc<str>>, kind: Kind) -> Dentry {
        let number = self.number(self.tree().inode(directory).device);
        self.tree_mut().make(directory, name, kind, number)
    }

    /// The lowest descriptor from a number on that is free.
    fn free(&self, from: u32) -> u32 {
        (from..)
            .find(|fd| !self.table().contains_key(fd))
            .expect("there are enough")
    }

    fn install(&mut self, open: Open) -> i64 {
        let fd = self.free(3);
        self.table_mut().insert(fd, open);
        fd.into()
    }

    fn call(&mut self) -> Option<(&'static str, Outcome)> {
        Some(match self.step.call {
            Call::Open => ("open", self.open(false, false)),
            Call::Openat => ("openat", self.open(true, false)),
            Call::Openat2 => ("openat2", self.open(true, true)),
            Call::Creat => ("creat", self.creat()),
            Call::Mkdir => ("mkdir", self.mkdir(false)),
            Call::Mkdirat => ("mkdirat", self.mkdir(true)),
            Call::Mknodat => ("mknodat", self.mknodat()),
            Call::Rmdir => ("rmdir", self.remove(false, true)),
            Call::Unlink => ("unlink", self.remove(false, false)),
            Call::Unlinkat => ("unlinkat", self.remove(true, self.bit(0))),
            Call::Rename => ("rename", self.rename(false, 0)),
            Call::Renameat => ("renameat", self.rename(true, 0)),
            Call::Renameat2 => {
                let flags = [RENAME_EXCHANGE, RENAME_NOREPLACE, 0, RENAME_EXCHANGE];
                (
                    "renameat2",
                    self.rename(true, flags[usize::from(self.step.bits & 3)]),
                )
            }
            Call::Link => ("link", self.link(false)),
            Call::Linkat => ("linkat", self.link(true)),
            Call::Symlink => ("symlink", self.symlink(false)),
            Call::Symlinkat => ("symlinkat", self.symlink(true)),
            Call::Truncate => ("truncate", self.attribute(false, true, 0)),
            Call::Chmod => ("chmod", self.attribute(false, true, 0)),
            Call::Setxattr => ("setxattr", self.attribute(false, true, 0)),
            Call::Lchown => ("lchown", self.attribute(false, false, 0)),
            Call::Fchmodat => ("fchmodat", self.attribute(true, true, 0)),
            Call::Fchownat => {
                let follow = self.bit(0);
                let flags = if follow { 0 } else { AT_SYMLINK_NOFOLLOW };
                ("fchownat", self.attribute(true, follow, flags))
            }
            Call::Utimensat => ("utimensat", self.attribute(true, true, 0)),
            Call::Ftruncate => ("ftruncate", self.by_descriptor(false)),
            Call::Fchmod => ("fchmod", self.by_descriptor(true)),
            Call::Fchown => ("fchown", self.by_descriptor(true)),
            Call::Fsetxattr => ("fsetxattr", self.by_descriptor(true)),
            Call::Futimens => ("utimensat", self.futimens()),
            Call::Close => ("close", self.close()),
            Call::Dup => ("dup", self.dup()),
            Call::Dup2 => ("dup2", self.dup_to(false)),
            Call::Dup3 => ("dup3", self.dup_to(true)),
            Call::DupFd => ("fcntl", self.dup_fd()),
            Call::SetFd => ("fcntl", self.set_fd()),
            Call::CloseRange => ("close_range", self.close_range()),
            Call::Socket => ("socket", self.socket()),
            Call::Pipe => ("pipe2", self.pipe()),
            Call::Accept => ("accept4", self.accept()),
            Call::Receive => ("recvmsg", self.receive()?),
            Call::Fork => ("fork", self.fork(0, false)?),
            Call::Vfork => ("vfork", self.fork(0, true)?),
            Call::Clone => {
                let flags = [
                    0,
                    CLONE_VM | CLONE_FILES | CLONE_THREAD,
                    CLONE_FILES,
                    CLONE_NEWPID,
                ][usize::from(self.step.bits & 3)];
                ("clone", self.fork(flags, false)?)
            }
            Call::Execve => ("execve", self.exec(false)),
            Call::Execveat => ("execveat", self.exec(true)),
            Call::Exit => ("exit_group", self.exit(true)?),
            Call::ExitThread => ("exit", self.exit(false)?),
            Call::Chdir => ("chdir", self.chdir()),
            Call::Fchdir => ("fchdir", self.fchdir()),
            Call::Chroot => ("chroot", self.chroot()),
            Call::Unshare => ("unshare", self.unshare()),
            Call::BindMount => ("mount", self.bind_mount()),
            Call::MountTmpfs => ("mount", self.mount_tmpfs()),
            Call::Umount => ("umount2", self.umount()),
        })
    }
}
