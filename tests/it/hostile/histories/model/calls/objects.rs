//! Changes to files that are there, by name or by descriptor.

use super::*;

impl Run<'_> {
    /// A call on one file that is there, by name.
    pub(super) fn attribute(&mut self, at: bool, follow: bool, flags: u64) -> Outcome {
        let given = self.given(0, at, false);
        if flags & AT_SYMLINK_NOFOLLOW != 0 {
            self.show("AT_SYMLINK_NOFOLLOW");
        }
        self.args = match at {
            true => [Self::dirfd(given.dir), 0x7f00, 0o600, 0o600],
            false => [0x7f00, 0o600, 0, 0],
        };
        self.want(0, &given, Follow::links(follow));
        let name = self.names.getname(&given.text);
        let file = self.look_up(&given, &name, follow)?;
        self.denied()?;
        if self.step.call == Call::Truncate && self.tree().is_directory(file.dentry) {
            return Err(EISDIR);
        }
        Ok(0)
    }

    /// What a descriptor has to be called.
    pub(super) fn want_descriptor(&mut self, fd: u32) {
        self.wants[0] = match self.open_of(fd).map(|open| open.at) {
            Ok(at) if self.tree().entries[at.dentry.0].alive => {
                let place = Place {
                    at,
                    rest: Vec::new(),
                };
                Want::There(Target {
                    places: [place.clone(), place],
                    follow: None,
                    given: None,
                })
            }
            open => Want::Nowhere(open.ok()),
        };
    }

    pub(super) fn by_descriptor(&mut self, tells: bool) -> Outcome {
        let fd = self.step.descriptor(0, &self.world.tasks, &self.task);
        self.show(&fd.to_string());
        self.args = [fd.into(), 0o600, 0, 0];
        self.want_descriptor(fd);
        let open = self.open_of(fd)?;
        if tells {
            self.names.file(&self.world.tree, open.at.dentry);
            self.denied()?;
            if self.step.call == Call::Fsetxattr && self.tree().is_socket(open.at) {
                return Err(EOPNOTSUPP);
            }
        } else if !open.writable || self.tree().is_socket(open.at) {
            return Err(EINVAL);
        }
        Ok(0)
    }

    pub(super) fn futimens(&mut self) -> Outcome {
        let fd = self.step.descriptor(0, &self.world.tasks, &self.task);
        self.show(&fd.to_string());
        self.show("NULL");
        self.args = [fd.into(), 0, 0, 0];
        self.want_descriptor(fd);
        self.open_of(fd)?;
        self.denied()?;
        Ok(0)
    }
}
