//! Descriptors that are copied, closed and passed on.

use super::{open::open_flags, *};

impl Run<'_> {
    pub(super) fn close(&mut self) -> Outcome {
        self.sort = Sort::Descriptor;
        let fd = self.step.descriptor(0, &self.world.tasks, &self.task);
        self.show(&fd.to_string());
        self.args = [fd.into(), 0, 0, 0];
        self.want_descriptor(fd);
        self.open_of(fd)?;
        self.table_mut().remove(&fd);
        Ok(0)
    }

    pub(super) fn source(&mut self) -> (u32, Result<Open, Errno>) {
        self.sort = Sort::Descriptor;
        let fd = self.step.descriptor(0, &self.world.tasks, &self.task);
        self.show(&fd.to_string());
        self.args = [fd.into(), 0, 0, 0];
        self.want_descriptor(fd);
        let open = self.open_of(fd);
        (fd, open)
    }

    pub(super) fn dup(&mut self) -> Outcome {
        let (_, open) = self.source();
        let open = Open {
            close_on_exec: false,
            ..open?
        };
        Ok(self.install(open))
    }

    pub(super) fn dup_to(&mut self, three: bool) -> Outcome {
        let (fd, open) = self.source();
        let to = match self.step.dirs[1] {
            byte if byte & 1 == 0 => 3 + u32::from(byte >> 1) % 6,
            _ => self.step.descriptor(1, &self.world.tasks, &self.task),
        };
        let flags = if three && self.bit(0) { O_CLOEXEC } else { 0 };
        self.show(&to.to_string());
        self.show(&open_flags(flags));
        let garbage = if self.bit(1) { O_CLOEXEC } else { 0 };
        self.args = [fd.into(), to.into(), if three { flags } else { garbage }, 0];
        if three && fd == to {
            return Err(EINVAL);
        }
        let open = open?;
        if fd != to {
            let close_on_exec = flags != 0;
            self.table_mut().insert(
                to,
                Open {
                    close_on_exec,
                    ..open
                },
            );
        }
        Ok(to.into())
    }

    pub(super) fn dup_fd(&mut self) -> Outcome {
        let (fd, open) = self.source();
        self.wants[0] = Want::Nothing;
        let close_on_exec = self.bit(0);
        let from = 3 + u32::from(self.step.bits >> 1 & 3);
        self.show(if close_on_exec {
            "F_DUPFD_CLOEXEC"
        } else {
            "F_DUPFD"
        });
        self.show(&from.to_string());
        self.args = [
            fd.into(),
            if close_on_exec { 1030 } else { 0 },
            from.into(),
            0,
        ];
        let open = open?;
        let to = self.free(from);
        self.table_mut().insert(
            to,
            Open {
                close_on_exec,
                ..open
            },
        );
        Ok(to.into())
    }

    pub(super) fn set_fd(&mut self) -> Outcome {
        let (fd, open) = self.source();
        self.wants[0] = Want::Nothing;
        let close_on_exec = self.bit(0);
        self.show("F_SETFD");
        self.show(if close_on_exec { "FD_CLOEXEC" } else { "0" });
        self.args = [fd.into(), 2, close_on_exec.into(), 0];
        let open = open?;
        self.table_mut().insert(
            fd,
            Open {
                close_on_exec,
                ..open
            },
        );
        Ok(0)
    }

    pub(super) fn close_range(&mut self) -> Outcome {
        self.sort = Sort::Descriptor;
        let first = self.step.descriptor(0, &self.world.tasks, &self.task);
        let last = if self.bit(0) { u32::MAX } else { first + 1 };
        let on_exec = self.bit(1);
        let flags = if on_exec { 4 } else { 0 };
        self.args = [first.into(), last.into(), flags, 0];
        self.shown = format!("{first}, {last}, {flags}");
        for (_, open) in self.table_mut().range_mut(first..=last).filter(|_| on_exec) {
            open.close_on_exec = true;
        }
        if !on_exec {
            self.table_mut()
                .retain(|fd, _| !(first..=last).contains(fd));
        }
        Ok(0)
    }

    pub(super) fn nothing(&mut self) -> i64 {
        let close_on_exec = self.bit(0);
        let dentry = self.make(self.tree().mounts[SOCKETS].root, None, Kind::File);
        self.install(Open {
            at: At {
                mount: SOCKETS,
                dentry,
            },
            writable: true,
            close_on_exec,
        })
    }

    pub(super) fn socket(&mut self) -> Outcome {
        self.sort = Sort::Descriptor;
        self.args = [1, 1 | if self.bit(0) { O_CLOEXEC } else { 0 }, 0, 0];
        self.shown = "AF_UNIX".to_owned();
        Ok(self.nothing())
    }

    pub(super) fn pipe(&mut self) -> Outcome {
        self.sort = Sort::Descriptor;
        self.args = [0x7f00, if self.bit(0) { O_CLOEXEC } else { 0 }, 0, 0];
        let ends = [self.nothing(), self.nothing()];
        self.shown = format!("{ends:?}");
        Ok(0)
    }

    pub(super) fn accept(&mut self) -> Outcome {
        let fd = self.step.descriptor(0, &self.world.tasks, &self.task);
        self.sort = Sort::Descriptor;
        self.args = [
            fd.into(),
            0x7f00,
            0x7f01,
            if self.bit(0) { O_CLOEXEC } else { 0 },
        ];
        self.show(&fd.to_string());
        match self.tree().is_socket(self.open_of(fd)?.at) {
            true => Ok(self.nothing()),
            false => Err(Errno(88)),
        }
    }

    /// A descriptor that another process sent.
    pub(super) fn receive(&mut self) -> Option<Outcome> {
        self.sort = Sort::Quiet;
        let all = &self.world.tasks.all;
        let sender = all[usize::from(self.step.dirs[1]) % all.len()];
        let table = &self.world.tasks.tables[sender.table];
        let (fd, open) = table
            .iter()
            .nth(usize::from(self.step.dirs[0]) % table.len().max(1))?;
        let (fd, open) = (*fd, *open);
        self.shown = format!("descriptor {fd} of {}", sender.pid);
        let close_on_exec = self.bit(0);
        let got = self.install(Open {
            close_on_exec,
            ..open
        });
        self.show(&format!("as {got}"));
        Some(Ok(1))
    }
}
