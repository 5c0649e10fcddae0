//! What is mounted where.

use super::*;

impl Run<'_> {
    pub(super) fn bind_mount(&mut self) -> Outcome {
        let source = self.given(0, false, false);
        let target = self.given(1, false, false);
        self.show("MS_BIND");
        self.args = [0x7f00, 0x7f01, 0x7f02, MS_BIND];
        self.want(0, &source, Follow::Yes);
        self.want(1, &target, Follow::Yes);
        let name = self.names.getname(&target.text);
        let on = self.look_up(&target, &name, true)?;
        self.denied()?;
        let name = self.names.getname(&source.text);
        let from = self.look_up(&source, &name, true)?;
        let is_directory = |at: At| self.tree().is_directory(at.dentry);
        if is_directory(on) != is_directory(from) {
            return Err(ENOTDIR);
        }
        let namespace = self.world.tasks.fs[self.task.fs].namespace;
        let is_ours = |at: At| self.tree().mounts[at.mount].namespace == namespace;
        if !is_ours(on) || !is_ours(from) {
            return Err(EINVAL);
        }
        if !self.tree().entries[on.dentry.0].alive {
            return Err(ENOENT);
        }
        if on == self.root {
            // It would be seen through `..` only.
            return Err(EBUSY);
        }
        self.tree_mut().mounts.push(Mount {
            namespace,
            on: Some(on),
            root: from.dentry,
        });
        Ok(0)
    }

    pub(super) fn mount_tmpfs(&mut self) -> Outcome {
        let target = self.given(1, false, false);
        self.show("\"tmpfs\"");
        self.args = [0x7f00, 0x7f01, 0x7f02, 0];
        self.want(1, &target, Follow::Yes);
        let name = self.names.getname(&target.text);
        let on = self.look_up(&target, &name, true)?;
        self.denied()?;
        if !self.tree().is_directory(on.dentry) {
            return Err(ENOTDIR);
        }
        let namespace = self.world.tasks.fs[self.task.fs].namespace;
        if self.tree().mounts[on.mount].namespace != namespace {
            return Err(EINVAL);
        }
        if !self.tree().entries[on.dentry.0].alive {
            return Err(ENOENT);
        }
        if on == self.root {
            // It would be seen through `..` only.
            return Err(EBUSY);
        }
        let tree = self.tree_mut();
        let root = tree.format();
        tree.mounts.push(Mount {
            namespace,
            on: Some(on),
            root,
        });
        Ok(0)
    }

    /// umount2, which a process inside of it makes fail, though no open file does.
    pub(super) fn umount(&mut self) -> Outcome {
        let target = self.given(0, false, false);
        self.args = [0x7f00, 0, 0, 0];
        self.want(0, &target, Follow::Yes);
        let name = self.names.getname(&target.text);
        let at = self.look_up(&target, &name, true)?;
        self.denied()?;
        let namespace = self.world.tasks.fs[self.task.fs].namespace;
        let mount = &self.tree().mounts[at.mount];
        if mount.root != at.dentry || mount.on.is_none() || mount.namespace != namespace {
            return Err(EINVAL);
        }
        // Of who is in a mount that is gone the kernel says that it is at the root.
        let mut held = self.world.tasks.fs.iter().flat_map(|fs| [fs.root, fs.cwd]);
        let mut mounts = self.tree().mounts.iter().filter_map(|mount| mount.on);
        if held.any(|held| held.mount == at.mount) || mounts.any(|on| on.mount == at.mount) {
            return Err(EBUSY);
        }
        self.tree_mut().mounts[at.mount].on = None;
        Ok(0)
    }
}
