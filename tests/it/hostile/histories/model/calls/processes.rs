//! Processes, their programs, directories and roots.

use super::*;

impl Run<'_> {
    pub(super) fn fork(&mut self, flags: u64, waits: bool) -> Option<Outcome> {
        self.sort = Sort::Fork;
        if self.world.tasks.is_full() {
            return None;
        }
        self.args = [flags | 17, 0, 0, 0];
        let thread = flags & CLONE_THREAD != 0;
        let files = flags & CLONE_FILES != 0;
        for (flag, name) in [
            (CLONE_VM, "CLONE_VM"),
            (CLONE_FILES, "CLONE_FILES"),
            (CLONE_THREAD, "CLONE_THREAD"),
            (CLONE_NEWPID, "CLONE_NEWPID"),
        ] {
            if flags & flag != 0 {
                self.show(name);
            }
        }
        let task = self.task;
        let numbers = match flags & CLONE_NEWPID != 0 {
            true => self.tasks_mut().new_numbers(),
            false => task.numbers,
        };
        let child = self.tasks_mut().spawn(task, thread, files, numbers);
        if waits {
            self.tasks_mut()
                .task_mut(task.id)
                .expect("it is the caller")
                .waits_for = Some(child.id);
        }
        self.waits_for = Some(child.id);
        // The number is the one that the child has where its parent is.
        let seen = match task.numbers {
            0 => child.pid,
            _ => child.number,
        };
        self.show(&format!("-> {}", child.pid));
        Some(Ok(if thread {
            i64::from(seen) + 1000
        } else {
            seen.into()
        }))
    }

    pub(super) fn exec(&mut self, at: bool) -> Outcome {
        self.sort = Sort::Exec;
        let given = self.given(0, at, false);
        self.args = match at {
            true => [Self::dirfd(given.dir), 0x7f00, 0x7f01, 0x7f02],
            false => [0x7f00, 0x7f01, 0x7f02, 0],
        };
        self.want(0, &given, Follow::Yes);
        let name = self.names.getname(&given.text);
        let file = self.look_up(&given, &name, true)?;
        self.denied()?;
        if !matches!(self.tree().kind(file.dentry), Kind::File) {
            return Err(EACCES);
        }
        let task = self.task;
        let tasks = self.tasks_mut();
        tasks
            .all
            .retain(|other| other.pid != task.pid || other.id == task.id);
        tasks.release(task.id);
        let mut table = tasks.tables[task.table].clone();
        table.retain(|_, open| !open.close_on_exec);
        tasks.tables.push(table);
        let table = tasks.tables.len() - 1;
        tasks.task_mut(task.id).expect("it is the caller").table = table;
        Ok(0)
    }

    pub(super) fn exit(&mut self, group: bool) -> Option<Outcome> {
        self.sort = Sort::Exit;
        self.returns = false;
        let pids = self.world.tasks.all.iter().map(|task| task.pid);
        if pids.filter(|pid| *pid != self.task.pid).count() == 0 {
            return None;
        }
        let task = self.task;
        self.args = [0, 0, 0, 0];
        self.tasks_mut().end(|other| match group {
            true => other.pid == task.pid,
            false => other.id == task.id,
        });
        Some(Ok(0))
    }

    pub(super) fn fs_mut(&mut self) -> &mut Fs {
        let fs = self.task.fs;
        &mut self.tasks_mut().fs[fs]
    }

    pub(super) fn chdir(&mut self) -> Outcome {
        self.sort = Sort::Quiet;
        let given = self.given(0, false, false);
        let name = self.names.getname(&given.text);
        let at = self.look_up(&given, &name, true)?;
        if !self.tree().is_directory(at.dentry) {
            return Err(ENOTDIR);
        }
        self.fs_mut().cwd = at;
        Ok(0)
    }

    pub(super) fn fchdir(&mut self) -> Outcome {
        self.sort = Sort::Quiet;
        let fd = self.step.descriptor(0, &self.world.tasks, &self.task);
        self.show(&fd.to_string());
        let at = self.open_of(fd)?.at;
        if !self.tree().is_directory(at.dentry) {
            return Err(ENOTDIR);
        }
        self.fs_mut().cwd = at;
        Ok(0)
    }

    /// chroot, and chdir("/") after it.
    pub(super) fn chroot(&mut self) -> Outcome {
        self.sort = Sort::Quiet;
        let given = self.given(0, false, false);
        let name = self.names.getname(&given.text);
        let at = self.look_up(&given, &name, true)?;
        if !self.tree().is_directory(at.dentry) {
            return Err(ENOTDIR);
        }
        *self.fs_mut() = Fs {
            root: at,
            cwd: at,
            ..*self.fs_mut()
        };
        Ok(0)
    }

    /// A namespace of mounts of its own.
    pub(super) fn unshare(&mut self) -> Outcome {
        self.sort = Sort::Quiet;
        self.show("CLONE_NEWNS");
        let fs = self.world.tasks.fs[self.task.fs];
        if fs.namespace != 0 {
            // The old one would have nobody any more.
            return Err(EPERM);
        }
        let tree = self.tree_mut();
        let namespace = tree.namespaces;
        tree.namespaces += 1;
        let old: Vec<usize> = (0..tree.mounts.len())
            .filter(|mount| tree.mounts[*mount].namespace == fs.namespace)
            .collect();
        let first = tree.mounts.len();
        let copy = |mount: usize| {
            old.iter()
                .position(|old| *old == mount)
                .map_or(mount, |index| first + index)
        };
        for mount in &old {
            let mut mount = tree.mounts[*mount].clone();
            mount.namespace = namespace;
            mount.on = mount.on.map(|on| At {
                mount: copy(on.mount),
                ..on
            });
            tree.mounts.push(mount);
        }
        let task = self.task;
        let tasks = self.tasks_mut();
        let moved = |at: At| At {
            mount: copy(at.mount),
            ..at
        };
        tasks.fs.push(Fs {
            root: moved(fs.root),
            cwd: moved(fs.cwd),
            namespace,
        });
        let fs = tasks.fs.len() - 1;
        tasks.task_mut(task.id).expect("it is the caller").fs = fs;
        Ok(0)
    }
}
