//! Opens (`path_openat`).

use super::*;

impl Run<'_> {
    pub(super) fn open(&mut self, at: bool, two: bool) -> Outcome {
        let bits = self.step.bits;
        let mut flags = [0, O_WRONLY, O_RDWR, O_DIRECTORY][usize::from(bits & 3)];
        if flags & O_DIRECTORY == 0 {
            flags |= [0, O_CREAT, O_CREAT | O_TRUNC, O_CREAT | O_EXCL][usize::from(bits >> 2 & 3)];
        }
        flags |= [0, O_CLOEXEC][usize::from(bits >> 4 & 1)];
        flags |= [0, 0, 0, O_NOFOLLOW][usize::from(bits >> 5 & 3)];
        if bits == 0xff {
            flags = O_TMPFILE | O_RDWR;
        }
        self.open_with(at, two, flags)
    }

    pub(super) fn creat(&mut self) -> Outcome {
        self.open_with(false, false, O_CREAT | O_WRONLY | O_TRUNC)
    }

    pub(super) fn open_with(&mut self, at: bool, two: bool, flags: u64) -> Outcome {
        let fresh = flags & O_CREAT != 0 && self.step.bits & 0x80 == 0;
        let given = self.given(0, at, fresh);
        self.show(&open_flags(flags));
        let writes = flags & 3 != 0;
        self.sort = Sort::Open {
            writes,
            directory: flags & O_DIRECTORY != 0,
        };
        self.args = match (at, two) {
            (_, true) => [Self::dirfd(given.dir), 0x7f00, 0x7f01, 24],
            (true, _) => [Self::dirfd(given.dir), 0x7f00, flags, 0o644],
            (false, _) => [0x7f00, flags, 0o644, 0],
        };
        if self.step.call == Call::Creat {
            self.args = [0x7f00, 0o644, 0, 0];
        }
        self.how = two.then_some([flags, 0]);
        let exclusive = flags & O_CREAT != 0 && flags & O_EXCL != 0;
        let follow = flags & O_NOFOLLOW == 0 && !exclusive;
        self.want(0, &given, Follow::links(follow));
        let name = self.names.getname(&given.text);
        let at = self.open_file(&given, &name, flags, follow)?;
        Ok(self.install(Open {
            at,
            writable: writes,
            close_on_exec: flags & O_CLOEXEC != 0,
        }))
    }

    /// `path_openat`.
    pub(super) fn open_file(
        &mut self,
        given: &Given,
        name: &Filename,
        flags: u64,
        follow: bool,
    ) -> Result<At, Errno> {
        let mut walk = self.walk(given)?;
        if flags & O_TMPFILE == O_TMPFILE {
            return self.open_nameless(&walk, name);
        }
        let creates = flags & O_CREAT != 0;
        let mut links = 0;
        let at = loop {
            let Last::Name(last) = walk.last.clone() else {
                break self.tree().finish(&walk, self.root, true)?;
            };
            let directory = walk.directory.dentry;
            if creates {
                if walk.slashes && !self.names.kernel.old_slashes {
                    return Err(EISDIR);
                }
                // Newer ones say nothing of the directory of what is in the cache.
                if self.names.kernel.always_parent || self.tree().child(directory, &last).is_none()
                {
                    self.names.parent(&self.world.tree, name, directory);
                }
                if walk.slashes {
                    return Err(EISDIR);
                }
            }
            let Some(child) = self.tree().child(directory, &last) else {
                if !creates || !self.tree().entries[directory.0].alive {
                    return Err(ENOENT);
                }
                self.denied()?;
                self.names
                    .child(&self.world.tree, directory, &last, None, Type::Create);
                let made = self.make(directory, Some(&last), Kind::File);
                self.made(directory, &last, made);
                return Ok(At {
                    dentry: made,
                    ..walk.directory
                });
            };
            let at = self.tree().cross(At {
                dentry: child,
                ..walk.directory
            });
            let Kind::Link(text) = self.tree().kind(at.dentry).clone() else {
                break at;
            };
            if !follow && !walk.slashes {
                break at;
            }
            links += 1;
            if links > 40 {
                return Err(ELOOP);
            }
            let slashes = walk.slashes;
            walk = self.tree().walk(walk.directory, self.root, &text)?;
            walk.slashes |= slashes;
        };
        let directory = self.tree().is_directory(at.dentry);
        self.names.normal(&self.world.tree, name, at.dentry);
        if creates && flags & O_EXCL != 0 {
            return Err(EEXIST);
        }
        if (walk.slashes || flags & O_DIRECTORY != 0) && !directory {
            return Err(ENOTDIR);
        }
        if directory && (creates || flags & 3 != 0) {
            return Err(EISDIR);
        }
        if let Kind::Link(_) = self.tree().kind(at.dentry) {
            return Err(ELOOP);
        }
        self.denied()?;
        Ok(at)
    }

    /// `do_tmpfile`.
    pub(super) fn open_nameless(&mut self, walk: &Walk, name: &Filename) -> Result<At, Errno> {
        self.wants[0] = Want::Nowhere(None);
        let at = self.tree().finish(walk, self.root, true)?;
        if !self.tree().is_directory(at.dentry) {
            return Err(ENOTDIR);
        }
        self.denied()?;
        let dentry = self.make(at.dentry, None, Kind::File);
        self.names.normal(&self.world.tree, name, dentry);
        Ok(At { dentry, ..at })
    }
}

/// The flags of an open by name.
pub(super) fn open_flags(flags: u64) -> String {
    let names = [
        (O_WRONLY, "O_WRONLY"),
        (O_RDWR, "O_RDWR"),
        (O_CREAT, "O_CREAT"),
        (O_EXCL, "O_EXCL"),
        (O_TRUNC, "O_TRUNC"),
        (O_DIRECTORY, "O_DIRECTORY"),
        (O_NOFOLLOW, "O_NOFOLLOW"),
        (O_CLOEXEC, "O_CLOEXEC"),
        (O_TMPFILE & !O_DIRECTORY, "O_TMPFILE"),
    ];
    let names = names.iter().filter(|(flag, _)| flags & flag != 0);
    let text = names.map(|(_, name)| *name).collect::<Vec<_>>().join("|");
    if text.is_empty() {
        "0".to_owned()
    } else {
        text
    }
}
