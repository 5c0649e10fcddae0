//! The calls on files of a workload, and the files that they were really about.

use std::{collections::HashMap, rc::Rc};

use super::{
    strace::{Line, place, string, strings},
    world::{Last, World},
};

/// A call, and what an event must say of it.
pub(super) struct Call {
    pub(super) pid: u32,
    pub(super) syscall: String,
    /// The name of the error, if it failed.
    pub(super) error: Option<String>,
    pub(super) result: i64,
    pub(super) path: Truth,
    pub(super) dest_path: Option<Truth>,
    /// The arguments of a program that was started.
    pub(super) argv: Option<Vec<Vec<u8>>>,
    /// The call opens a file that can be written to through the descriptor.
    pub(super) can_write: bool,
    /// Whether other threads of the process may have made the same call meanwhile.
    pub(super) is_threaded: bool,
    /// What names led to, and the root of the process.
    pub(super) world: Rc<World>,
    pub(super) root: Vec<u8>,
}

/// What a name in a call stands for.
#[derive(Clone, Debug)]
pub(super) enum Truth {
    /// One of these paths: if the name is that of a link, that of the link and that of its target.
    Paths(Vec<Vec<u8>>),
    /// The first of these, by a name that ends in `.` or `..` and was looked up in the second.
    Dots(Vec<u8>, Vec<u8>),
    /// A path that it had, while it was open.
    Gone(Vec<u8>),
    /// A text that is no name of a file, such as the target of a symbolic link.
    Text(Vec<u8>),
    /// It has no name.
    Nameless,
    /// strace could not say: the path is longer than it can be told, or leads round in circles.
    Unknown,
}

/// Where the names of a call are among its arguments.
enum Names {
    Descriptor,
    /// The argument with the directory, if there is one, that with the name, and whether a link at
    /// the end is followed.
    One(Name, Last),
    Two(Name, Name),
    /// The text in the first argument, and the name of the link.
    Symlink(Name),
}

type Name = (Option<usize>, usize);

fn names(syscall: &str) -> Option<Names> {
    use Last::{Followed, Kept};
    Some(match syscall {
        "open" | "creat" | "truncate" | "chmod" | "chown" | "setxattr" | "removexattr"
        | "execve" => Names::One((None, 0), Followed),
        "mkdir" | "rmdir" | "unlink" | "mknod" | "lchown" | "lsetxattr" | "lremovexattr" => {
            Names::One((None, 0), Kept)
        }
        "openat" | "openat2" | "fchmodat" | "fchownat" | "utimensat" | "execveat" => {
            Names::One((Some(0), 1), Followed)
        }
        "mkdirat" | "mknodat" | "unlinkat" => Names::One((Some(0), 1), Kept),
        "rename" | "link" => Names::Two((None, 0), (None, 1)),
        "renameat" | "renameat2" | "linkat" => Names::Two((Some(0), 1), (Some(2), 3)),
        "symlink" => Names::Symlink((None, 1)),
        "symlinkat" => Names::Symlink((Some(1), 2)),
        "fchmod" | "fchown" | "ftruncate" | "fallocate" | "fsetxattr" | "fremovexattr" => {
            Names::Descriptor
        }
        _ => return None,
    })
}

/// What is known of the processes of a workload.
struct Observer {
    world: Rc<World>,
    /// The process of each thread.
    leaders: HashMap<u32, u32>,
    threaded: HashMap<u32, bool>,
    /// The working directory, which is empty if it is not known, and the root of each process.
    places: HashMap<u32, (Vec<u8>, Vec<u8>)>,
    current: (Vec<u8>, Vec<u8>),
    /// What the descriptors of each process were opened as.
    opened: HashMap<(u32, i64), Vec<u8>>,
}

/// The calls in these lines, which begin with a process in this directory.
pub(super) fn understand(lines: &[Line], directory: &[u8], world: &mut Rc<World>) -> Vec<Call> {
    let mut observer = Observer {
        world: Rc::clone(world),
        leaders: HashMap::new(),
        threaded: HashMap::new(),
        places: HashMap::new(),
        current: (directory.to_owned(), b"/".to_vec()),
        opened: HashMap::new(),
    };
    if let Some(first) = lines.first() {
        let place = observer.current.clone();
        observer.places.insert(first.tid, place);
    }
    let mut calls: Vec<Call> = lines
        .iter()
        .filter_map(|line| observer.observe(line))
        .collect();
    for call in &mut calls {
        call.is_threaded = observer.threaded.contains_key(&call.pid);
    }
    *world = observer.world;
    calls
}

impl Observer {
    fn observe(&mut self, line: &Line) -> Option<Call> {
        let pid = self.leaders.get(&line.tid).copied().unwrap_or(line.tid);
        if let Some(place) = self.places.get(&pid) {
            self.current = place.clone();
        }
        let call = self.call(pid, line);
        if let Some(opened) = &line.opened {
            self.opened.insert((pid, line.result), opened.path.clone());
        }
        if line.error.is_none() {
            self.happened(pid, line, call.as_ref());
        }
        call
    }

    fn call(&self, pid: u32, line: &Line) -> Option<Call> {
        let (path, dest_path) = match names(&line.name)? {
            Names::Descriptor => (self.descriptor(line)?, None),
            Names::One(name, last) => (self.truth(pid, line, name, last)?, None),
            Names::Two(from, to) => (
                self.truth(pid, line, from, Last::Kept)?,
                Some(self.truth(pid, line, to, Last::Kept)?),
            ),
            Names::Symlink(to) => (
                Truth::Text(string(line.args.first()?)?),
                Some(self.truth(pid, line, to, Last::Kept)?),
            ),
        };
        let is_program = line.name.starts_with("execve");
        let argv = line.args.get(if line.name == "execveat" { 2 } else { 1 });
        Some(Call {
            pid,
            syscall: line.name.clone(),
            error: line.error.clone(),
            result: line.result,
            path: if line.has("O_TMPFILE") {
                Truth::Nameless
            } else {
                path
            },
            dest_path,
            argv: argv.filter(|_| is_program).and_then(|argv| strings(argv)),
            can_write: line.has("O_WRONLY") || line.has("O_RDWR") || line.name == "creat",
            is_threaded: false,
            world: Rc::clone(&self.world),
            root: self.current.1.clone(),
        })
    }

    fn descriptor(&self, line: &Line) -> Option<Truth> {
        let place = match place(line.args.first()?) {
            Some(place) => place,
            // A pipe or a socket, or a descriptor that is none.
            None => return Some(Truth::Nameless),
        };
        if place.is_gone {
            return Some(Truth::Gone(place.path));
        }
        let path = self.world.walk(b"/", b"/", &place.path, Last::Followed)?;
        Some(Truth::Paths(vec![self.world.settle(path)]))
    }

    fn truth(&self, pid: u32, line: &Line, (dir, name): Name, last: Last) -> Option<Truth> {
        let name = match (line.args.get(name)?.as_str(), dir) {
            // The file that the descriptor is.
            ("NULL" | "\"\"", Some(_)) => return self.descriptor(line),
            ("\"\"", None) => return Some(Truth::Nameless),
            (name, _) => string(name)?,
        };
        let is_relative = !name.starts_with(b"/");
        let from = match dir {
            None => None,
            Some(dir) => {
                let dir = line.args.get(dir)?;
                let from = place(dir);
                if from.is_none() && is_relative && !dir.starts_with("AT_FDCWD") {
                    return Some(Truth::Unknown);
                }
                from
            }
        };
        let is_gone = from.as_ref().is_some_and(|from| from.is_gone);
        let from = from.map_or_else(|| self.current.0.clone(), |from| from.path);
        if from.is_empty() && is_relative {
            return Some(Truth::Unknown);
        }
        if is_gone && is_relative {
            return Some(Truth::Gone([&from[..], b"/", &name].concat()));
        }
        if let Some(directory) = without_dots(&name) {
            let path = self.walk(&from, &name, Last::Followed);
            let directory = self.walk(&from, directory, Last::Followed);
            let dots = path.zip(directory);
            return Some(dots.map_or(Truth::Unknown, |(path, dir)| Truth::Dots(path, dir)));
        }
        Some(match self.paths(pid, &from, &name, last) {
            paths if paths.is_empty() => Truth::Unknown,
            paths => Truth::Paths(paths),
        })
    }

    /// Where a name leads, as it is and with a link at its end followed, if the call does that.
    fn paths(&self, pid: u32, from: &[u8], name: &[u8], last: Last) -> Vec<Vec<u8>> {
        let end = name.iter().rposition(|byte| *byte != b'/');
        let bare = end.map_or(name, |end| &name[..=end]);
        let mut paths: Vec<Vec<u8>> = self.walk(from, bare, Last::Kept).into_iter().collect();
        if last == Last::Followed || name.ends_with(b"/") {
            paths.extend(self.walk(from, name, Last::Followed));
        }
        // What looks like a link there leads to what is open.
        if let Some(fd) = name.strip_prefix(b"/proc/self/fd/")
            && last == Last::Followed
        {
            let fd = str::from_utf8(fd).ok().and_then(|fd| fd.parse().ok());
            let path = fd.and_then(|fd| self.opened.get(&(pid, fd)));
            paths.extend(path.map(|path| self.world.settle(path.clone())));
        }
        paths.dedup();
        paths
    }

    fn walk(&self, from: &[u8], name: &[u8], last: Last) -> Option<Vec<u8>> {
        let path = self.world.walk(&self.current.1, from, name, last);
        path.map(|path| self.world.settle(path))
    }

    /// What a call that succeeded has changed for those after it.
    fn happened(&mut self, pid: u32, line: &Line, call: Option<&Call>) {
        let flag = |flag: &str| line.has(flag);
        let named = |at: usize| string(line.args.get(at)?);
        let (cwd, root) = self.current.clone();
        match line.name.as_str() {
            "clone" | "clone3" | "fork" | "vfork" => {
                let child = u32::try_from(line.result).expect("the number of a process");
                if flag("CLONE_THREAD") {
                    self.leaders.insert(child, pid);
                    self.threaded.insert(pid, true);
                } else {
                    self.places.insert(child, self.current.clone());
                }
            }
            "chdir" => {
                let name = named(0).expect("a name");
                let is_known = name.starts_with(b"/") || !cwd.is_empty();
                let to = self.world.walk(&root, &cwd, &name, Last::Followed);
                let to = to.filter(|_| is_known).unwrap_or_default();
                self.places.insert(pid, (to, root));
            }
            "fchdir" => {
                // A path that is too long is not told.
                let to = place(&line.args[0]).map(|to| to.path);
                self.places.insert(pid, (to.unwrap_or_default(), root));
            }
            "chroot" => {
                let name = named(0).expect("a name");
                if let Some(to) = self.world.walk(&root, &cwd, &name, Last::Followed) {
                    self.places.insert(pid, (cwd, to));
                }
            }
            "mount" if flag("MS_BIND") => {
                let walk = |name: &[u8], last| self.world.walk(&root, &cwd, name, last);
                let from = walk(&named(0).expect("a name"), Last::Followed);
                let to = walk(&named(1).expect("a name"), Last::Kept);
                let (from, to) = (from.expect("a directory"), to.expect("a directory"));
                let from = self.world.settle(from);
                Rc::make_mut(&mut self.world).mounted(from, to);
            }
            "umount2" => {
                let to = named(0).and_then(|to| self.world.walk(&root, &cwd, &to, Last::Kept));
                Rc::make_mut(&mut self.world).unmounted(&to.expect("a directory"));
            }
            _ => self.changed(call, flag("RENAME_EXCHANGE")),
        }
    }

    fn changed(&mut self, call: Option<&Call>, is_exchange: bool) {
        let first = |truth: &Truth| match truth {
            Truth::Paths(paths) => paths.first().cloned(),
            Truth::Dots(path, _) => Some(path.clone()),
            _ => None,
        };
        let Some(call) = call else { return };
        let (path, dest) = (first(&call.path), call.dest_path.as_ref().and_then(first));
        if !call.changes_links() {
            return;
        }
        let world = Rc::make_mut(&mut self.world);
        match (call.syscall.as_str(), &call.path, path, dest) {
            ("symlink" | "symlinkat", Truth::Text(target), _, Some(link)) => {
                world.link_to(link, target.clone());
            }
            ("link" | "linkat", _, Some(from), Some(to)) => world.linked(&from, &to),
            ("rename" | "renameat" | "renameat2", _, Some(from), Some(to)) => {
                world.renamed(&from, &to, is_exchange);
            }
            ("unlink" | "unlinkat" | "rmdir", _, Some(path), _) => world.removed(&path),
            _ => {}
        }
    }
}

/// What stands before a last part that is `.` or `..`.
fn without_dots(name: &[u8]) -> Option<&[u8]> {
    let bare = match name.iter().rposition(|byte| *byte != b'/') {
        Some(end) => &name[..=end],
        None => return None,
    };
    let start = bare
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    matches!(&bare[start..], b"." | b"..").then_some(&bare[..start])
}

impl Call {
    /// Whether it can make, move or remove a symbolic link.
    fn changes_links(&self) -> bool {
        let kinds = ["rename", "link", "symlink", "unlink"];
        kinds.iter().any(|kind| self.syscall.starts_with(kind))
    }
}
