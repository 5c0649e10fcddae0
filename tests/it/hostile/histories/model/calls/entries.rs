//! Entries that are made, removed, renamed and linked.

use super::*;

impl Run<'_> {
    pub(super) fn mkdir(&mut self, at: bool) -> Outcome {
        let given = self.given(0, at, true);
        self.args = match at {
            true => [Self::dirfd(given.dir), 0x7f00, 0o755, 0],
            false => [0x7f00, 0o755, 0, 0],
        };
        self.want(0, &given, Follow::Entry);
        let name = self.names.getname(&given.text);
        let (directory, last) = self.creation(&given, &name, true)?;
        self.may_create(directory, &last)?;
        let made = self.make(
            directory.dentry,
            Some(&last),
            Kind::Directory(Default::default()),
        );
        self.made(directory.dentry, &last, made);
        Ok(0)
    }

    pub(super) fn mknodat(&mut self) -> Outcome {
        let given = self.given(0, true, true);
        self.args = [Self::dirfd(given.dir), 0x7f00, 0o100_644, 0];
        self.want(0, &given, Follow::Entry);
        let name = self.names.getname(&given.text);
        let (directory, last) = self.creation(&given, &name, false)?;
        self.may_create(directory, &last)?;
        let made = self.make(directory.dentry, Some(&last), Kind::File);
        self.made(directory.dentry, &last, made);
        Ok(0)
    }

    /// unlink and rmdir.
    pub(super) fn remove(&mut self, at: bool, directory: bool) -> Outcome {
        let given = self.given(0, at, false);
        let flags = if directory { AT_REMOVEDIR } else { 0 };
        self.args = match at {
            true => [Self::dirfd(given.dir), 0x7f00, flags, 0],
            false => [0x7f00, 0, 0, 0],
        };
        if at && directory {
            self.show("AT_REMOVEDIR");
        }
        self.want(0, &given, Follow::Entry);
        let name = self.names.getname(&given.text);
        let walk = self.parent(&given, &name)?;
        let Last::Name(last) = walk.last else {
            return Err(match (directory, walk.last) {
                (false, _) => EISDIR,
                (_, Last::DotDot) => ENOTEMPTY,
                (_, Last::Dot) => EINVAL,
                _ => EBUSY,
            });
        };
        let victim = self
            .tree()
            .child(walk.directory.dentry, &last)
            .ok_or(ENOENT)?;
        let is_directory = self.tree().is_directory(victim);
        if !directory && walk.slashes {
            return Err(if is_directory { EISDIR } else { ENOTDIR });
        }
        self.may_delete(walk.directory, victim, directory)?;
        if self
            .tree()
            .is_mountpoint(victim, self.world.tasks.fs[self.task.fs].namespace)
        {
            return Err(EBUSY);
        }
        if self
            .tree()
            .children(victim)
            .is_some_and(|children| !children.is_empty())
        {
            return Err(ENOTEMPTY);
        }
        self.tree_mut().detach(victim);
        Ok(0)
    }

    pub(super) fn rename(&mut self, at: bool, flags: u64) -> Outcome {
        let old = self.given(0, at, false);
        let new = self.given(1, at, flags & RENAME_EXCHANGE == 0 && !self.bit(7));
        self.args = match at {
            true => [Self::dirfd(old.dir), 0x7f00, Self::dirfd(new.dir), 0x7f01],
            false => [0x7f00, 0x7f01, 0, 0],
        };
        match flags {
            RENAME_EXCHANGE => self.show("RENAME_EXCHANGE"),
            RENAME_NOREPLACE => self.show("RENAME_NOREPLACE"),
            _ => {}
        }
        self.want(0, &old, Follow::Entry);
        self.want(1, &new, Follow::Entry);
        let (old_name, new_name) = self.two_names(&old, &new);
        let from = self.parent(&old, &old_name)?;
        let to = self.parent(&new, &new_name)?;
        if from.directory.mount != to.directory.mount {
            return Err(EXDEV);
        }
        let Last::Name(from_last) = &from.last else {
            return Err(EBUSY);
        };
        let Last::Name(to_last) = &to.last else {
            return Err(if flags == RENAME_NOREPLACE {
                EEXIST
            } else {
                EBUSY
            });
        };
        let (from_dir, to_dir) = (from.directory.dentry, to.directory.dentry);
        let source = self.tree().child(from_dir, from_last).ok_or(ENOENT)?;
        let target = self.tree().child(to_dir, to_last);
        if flags & RENAME_NOREPLACE != 0 && target.is_some() {
            return Err(EEXIST);
        }
        if flags & RENAME_EXCHANGE != 0 {
            let target = target.ok_or(ENOENT)?;
            if to.slashes && !self.tree().is_directory(target) {
                return Err(ENOTDIR);
            }
        }
        if !self.tree().entries[to_dir.0].alive {
            return Err(ENOENT);
        }
        let is_directory = self.tree().is_directory(source);
        if !is_directory && (from.slashes || flags & RENAME_EXCHANGE == 0 && to.slashes) {
            return Err(ENOTDIR);
        }
        if self.tree().is_within(to_dir, source) {
            return Err(EINVAL);
        }
        if target.is_some_and(|target| self.tree().is_within(from_dir, target)) {
            return Err(if flags & RENAME_EXCHANGE != 0 {
                EINVAL
            } else {
                ENOTEMPTY
            });
        }
        self.rename_entry(from.directory, source, to.directory, to_last, target, flags)
    }

    /// `vfs_rename`.
    pub(super) fn rename_entry(
        &mut self,
        from: At,
        source: Dentry,
        to: At,
        name: &Arc<str>,
        target: Option<Dentry>,
        flags: u64,
    ) -> Outcome {
        let exchange = flags & RENAME_EXCHANGE != 0;
        let inode = |run: &Self, dentry: Dentry| run.tree().entries[dentry.0].inode;
        if target.is_some_and(|target| inode(self, target) == inode(self, source)) {
            return Ok(0);
        }
        let is_directory = self.tree().is_directory(source);
        self.may_delete(from, source, is_directory)?;
        match target {
            None => self.may_create(to, name)?,
            Some(target) if exchange => {
                let is_directory = self.tree().is_directory(target);
                self.may_delete(to, target, is_directory)?;
            }
            Some(target) => self.may_delete(to, target, is_directory)?,
        }
        let namespace = self.world.tasks.fs[self.task.fs].namespace;
        let is_mountpoint = |dentry| self.tree().is_mountpoint(dentry, namespace);
        if is_mountpoint(source) || target.is_some_and(is_mountpoint) {
            return Err(EBUSY);
        }
        let old_name = self.tree().entries[source.0].name.clone();
        match target {
            Some(target) if exchange => self.tree_mut().exchange(source, target),
            Some(target)
                if self
                    .tree()
                    .children(target)
                    .is_some_and(|children| !children.is_empty()) =>
            {
                return Err(ENOTEMPTY);
            }
            _ => self.tree_mut().rename(source, to.dentry, name),
        }
        self.made(to.dentry, name, source);
        if let (Some(target), true) = (target, exchange) {
            self.made(from.dentry, &old_name, target);
        }
        Ok(0)
    }

    /// Both names, taken in the order of this kernel.
    pub(super) fn two_names(&mut self, old: &Given, new: &Given) -> (Filename, Filename) {
        if self.names.kernel.old_first {
            let old = self.names.getname(&old.text);
            (old, self.names.getname(&new.text))
        } else {
            let new = self.names.getname(&new.text);
            (self.names.getname(&old.text), new)
        }
    }

    pub(super) fn link(&mut self, at: bool) -> Outcome {
        let old = self.given(0, at, false);
        let new = self.given(1, at, true);
        self.args = match at {
            true => [Self::dirfd(old.dir), 0x7f00, Self::dirfd(new.dir), 0x7f01],
            false => [0x7f00, 0x7f01, 0, 0],
        };
        let follow = at && self.bit(0);
        if follow {
            self.show("AT_SYMLINK_FOLLOW");
        }
        // The flags are in no record.
        self.want(0, &old, Follow::links(follow));
        if let (Want::There(target), true) = (&mut self.wants[0], follow) {
            target.follow = None;
        }
        self.want(1, &new, Follow::Entry);
        let (old_name, new_name) = self.two_names(&old, &new);
        let source = self.look_up(&old, &old_name, follow)?;
        let (directory, last) = self.creation(&new, &new_name, false)?;
        if directory.mount != source.mount {
            return Err(EXDEV);
        }
        self.may_create(directory, &last)?;
        if self.tree().is_directory(source.dentry) {
            return Err(EPERM);
        }
        if self.tree().inode(source.dentry).links == 0 {
            return Err(ENOENT);
        }
        let made = self.tree_mut().link(source.dentry, directory.dentry, &last);
        self.made(directory.dentry, &last, made);
        Ok(0)
    }

    pub(super) fn symlink(&mut self, at: bool) -> Outcome {
        let text = self.step.names[1].text(self.tree(), Some(self.cwd), self.root, self.bit(0));
        self.show(&format!("{text:?}"));
        let given = self.given(0, at, true);
        self.args = match at {
            true => [0x7f00, Self::dirfd(given.dir), 0x7f01, 0],
            false => [0x7f00, 0x7f01, 0, 0],
        };
        self.wants[0] = Want::Text(text.clone());
        self.want(1, &given, Follow::Entry);
        let old = Given {
            text: text.clone(),
            dir: Dir::Cwd,
            base: Ok(self.cwd),
        };
        let (_, name) = self.two_names(&old, &given);
        let (directory, last) = self.creation(&given, &name, false)?;
        self.may_create(directory, &last)?;
        let made = self.make(directory.dentry, Some(&last), Kind::Link(text.into()));
        self.made(directory.dentry, &last, made);
        Ok(0)
    }
}
