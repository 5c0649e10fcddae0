//! Histories of file systems: random calls on a small, slow and obvious model of the kernel, which
//! writes the records that the kernel writes and knows which file each call touched.

mod audit;
mod calls;
mod host;
mod judge;
mod records;
mod steps;
mod tasks;
mod tree;

use std::{fmt::Write, sync::Arc};

use auditrd::{
    Arena, Classifier, RecordType,
    model::{EventId, FileId, FileType, Groups, Timestamp},
    resolve::Absent,
};

use audit::Kernel;
use calls::{Done, Sort, World};
use host::Later;
use judge::{Past, Told, Wrong};
pub(crate) use steps::STEP;
use steps::{Lost, Step};
use tasks::Tasks;
use tree::{At, Dentry, HOST, Kind, Mount, Tree};

/// Bytes before the first step.
pub(crate) const SETUP: usize = 6;

/// What is recorded, and by which kernel.
#[derive(Clone, Copy, Debug)]
struct Setup {
    rules: Rules,
    lossy: bool,
    /// Whether the library is told of lost events, as it is live.
    tells_losses: bool,
    host: bool,
    prime: Prime,
    kernel: Kernel,
    /// Steps before there was a rule.
    unseen: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rules {
    /// Every call on files and descriptors, forks, execs and exits.
    All,
    /// Every call on files.
    Files,
    FilesAndProcesses,
    /// Every call on files but opens of directories.
    NotDirectories,
    /// `-F dir=/a -F perm=wa`.
    Watch,
    WatchAndProcesses,
}

/// What is read before the first record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Prime {
    Nothing,
    /// All below /a.
    Watched,
    /// All below / and below /t.
    Everything,
}

impl Setup {
    fn decode(bytes: &[u8]) -> Setup {
        let byte = |index: usize| bytes.get(index).copied().unwrap_or(0);
        let rules = [
            Rules::All,
            Rules::Files,
            Rules::FilesAndProcesses,
            Rules::NotDirectories,
            Rules::Watch,
            Rules::WatchAndProcesses,
            Rules::All,
            Rules::Watch,
        ];
        Setup {
            rules: rules[usize::from(byte(0) & 7)],
            lossy: byte(1) & 3 == 3,
            tells_losses: byte(1) & 4 == 0,
            host: byte(2) & 1 == 1,
            prime: match byte(5) & 3 {
                0 | 1 => Prime::Nothing,
                2 => Prime::Watched,
                _ => Prime::Everything,
            },
            kernel: Kernel {
                old_slashes: byte(3) & 3 == 3,
                old_first: byte(3) & 4 == 0,
                always_parent: byte(3) & 8 == 0,
            },
            unseen: match byte(4) {
                0..128 => 0,
                more => usize::from(more & 15),
            },
        }
    }

    fn records(self, done: &Done, watched: Dentry, tree: &Tree) -> bool {
        let watches = || {
            done.names
                .touched
                .iter()
                .any(|entry| tree.is_within(*entry, watched))
        };
        let changes = match done.sort {
            Sort::Open { writes, .. } => writes,
            Sort::Change => true,
            _ => false,
        };
        let processes = matches!(done.sort, Sort::Fork | Sort::Exec | Sort::Exit);
        let files = matches!(done.sort, Sort::Open { .. } | Sort::Change);
        match self.rules {
            Rules::All => done.sort != Sort::Quiet,
            Rules::Files => files,
            Rules::FilesAndProcesses => files || processes,
            Rules::NotDirectories => {
                files
                    && !matches!(
                        done.sort,
                        Sort::Open {
                            directory: true,
                            ..
                        }
                    )
            }
            Rules::Watch => changes && watches(),
            Rules::WatchAndProcesses => processes || changes && watches(),
        }
    }
}

/// An event as it was recorded.
struct Event {
    done: Done,
    step: usize,
    serial: u32,
    records: Vec<(RecordType, String)>,
    lost: Lost,
    before: Arc<Tree>,
    after: Arc<Tree>,
    /// Steps until the host is asked, if there is one.
    late: Option<u8>,
}

impl Event {
    /// Whether the library hears of it.
    fn is_told(&self) -> bool {
        !self.records.is_empty() && !matches!(self.lost, Lost::Event { .. })
    }

    /// Whether something of it is lost.
    fn is_lost(&self) -> bool {
        !self.records.is_empty() && self.lost != Lost::Nothing
    }

    /// Why nothing tells of it.
    fn mark(&self) -> &'static str {
        match self.lost {
            _ if self.records.is_empty() => " (not recorded)",
            Lost::Event { .. } => " (lost)",
            _ => "",
        }
    }
}

/// How a history came out.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) wrong: Vec<Wrong>,
    /// Names of calls that succeeded, where all was recorded: those that are told, of how many.
    pub(crate) resolved: [usize; 2],
    pub(crate) text: String,
    /// Whether something was mounted, or a process got another root. No record of a call below
    /// tells where the path of that root is on the host.
    pub(crate) moves_roots: bool,
}

/// Replays the history that these bytes say.
pub(crate) fn replay(bytes: &[u8]) -> Report {
    let setup = Setup::decode(bytes);
    let steps = bytes.get(SETUP..).unwrap_or_default().chunks(STEP);
    let (events, worlds) = happen(setup, steps.map(Step::decode));
    let past = Past::new(&events, worlds, setup.tells_losses);
    let later = Later::default();
    let mut classifier = match setup.host {
        true => Classifier::new(Box::new(later.clone())),
        false => Classifier::new(Box::new(Absent)),
    };
    let mut report = Report::default();
    let _ = writeln!(report.text, "{setup:?}");
    let roots: &[&str] = match setup.prime {
        Prime::Nothing => &[],
        Prime::Watched => &["/a"],
        Prime::Everything => &["/", "/t"],
    };
    for root in roots {
        prime(&mut classifier, past.world(setup.unseen), root);
    }
    for event in &events {
        let _ = writeln!(report.text, "{}{}", event.done.text, event.mark());
        let is_move = |call: &str| event.done.text.contains(call);
        report.moves_roots |= ["mount(", "umount2(", "chroot("].into_iter().any(is_move);
        if event.is_lost() && setup.tells_losses {
            classifier.lost();
        }
        if !event.is_told() {
            continue;
        }
        if let Some(world) = past.asked(event) {
            later.set(world);
        }
        let Some(told) = classify(&mut classifier, event, &mut report.text) else {
            continue;
        };
        let wrong = judge::judge(event, &told, &past);
        let is_excused = wrong.iter().any(|wrong| wrong.excuse.is_some());
        if !setup.lossy && setup.rules == Rules::All && setup.unseen == 0 {
            judge::count(event, &told, &mut report.resolved);
        }
        for wrong in &wrong {
            let _ = writeln!(report.text, "    WRONG: {wrong}");
        }
        report.wrong.extend(wrong);
        if is_excused {
            // What is remembered from here on may follow from that.
            break;
        }
    }
    report
}

/// Reads the names below a directory of one file system, as the host has them.
fn prime(classifier: &mut Classifier, world: &World, path: &str) {
    let tree = &world.tree;
    let Ok(at) = tree.look_up(HOST, HOST, path, false) else {
        return;
    };
    let start = tree.inode(at.dentry).device;
    let mut left = vec![(at, path.to_owned())];
    while let Some((at, path)) = left.pop() {
        let inode = tree.inode(at.dentry);
        if inode.device != start {
            continue;
        }
        let file = FileId {
            dev: tree::device(inode.device),
            inode: inode.number,
        };
        let file_type = match inode.kind {
            Kind::Directory(_) => FileType::Directory,
            Kind::Link(_) => FileType::Symlink,
            Kind::File => FileType::Other,
        };
        classifier.prime(path.as_bytes(), file, file_type, inode.links.into());
        for (name, child) in tree.children(at.dentry).into_iter().flatten() {
            let child = tree.cross(At {
                dentry: *child,
                ..at
            });
            left.push((child, format!("{}/{name}", path.trim_end_matches('/'))));
        }
    }
}

/// What the library makes of an event, if anything.
fn classify(classifier: &mut Classifier, event: &Event, text: &mut String) -> Option<Told> {
    let time = Timestamp {
        seconds: 1_700_000_000 + event.step as u64,
        millis: 0,
    };
    let id = EventId {
        time,
        serial: event.serial,
    };
    let mut groups = Groups::default();
    let mut group = groups.begin(id, b"");
    for (record_type, body) in &event.records {
        let _ = writeln!(text, "    {record_type} {body}");
        group.push(*record_type, body.as_bytes());
    }
    let arena = Arena::new();
    let told = classifier.classify(&groups.last()?, &arena)?;
    let told = Told::by(&told);
    let _ = writeln!(text, "    =>{told}");
    Some(told)
}

/// Lets all steps happen. Returns the events in the order of their records, and the world after
/// each step and before all.
fn happen(setup: Setup, steps: impl Iterator<Item = Step>) -> (Vec<Event>, Vec<World>) {
    let mut world = beginning();
    let watched = world
        .tree
        .child(HOST.dentry, "a")
        .expect("it is there from the beginning");
    let (mut events, mut worlds) = (Vec::new(), vec![world.clone()]);
    let mut waiting: Vec<(usize, u8, Event)> = Vec::new();
    let mut serial = 1;
    for (index, mut step) in steps.enumerate() {
        if !setup.lossy {
            step.lost = Lost::Nothing;
        }
        let all = &world.tasks.all;
        let caller = all[usize::from(step.who) % all.len()].id;
        let is_due = |(parent, _, _): &(usize, u8, Event)| *parent == caller;
        if let Some(task) = world.tasks.task(caller)
            && task.waits_for.is_none()
        {
            events.extend(
                waiting
                    .extract_if(.., |fork| is_due(fork))
                    .map(|fork| fork.2),
            );
        }
        let before = world.tree.clone();
        let done = world.run(step, setup.kernel);
        worlds.push(world.clone());
        let Some(done) = done else {
            continue;
        };
        let recorded = index >= setup.unseen && setup.records(&done, watched, &world.tree);
        let records = if recorded {
            records::records(&done, &world.tree, step.lost)
        } else {
            Vec::new()
        };
        let parent = done.waits_for.map(|_| done.task.id);
        let event = Event {
            done,
            step: index,
            serial,
            records,
            lost: step.lost,
            before,
            after: world.tree.clone(),
            late: setup.host.then_some(step.late),
        };
        serial += u32::from(recorded && step.lost != Lost::Event { serial: false });
        match parent {
            Some(parent) => waiting.push((parent, step.late, event)),
            None => events.push(event),
        }
        let is_due = |(parent, late, _): &mut (usize, u8, Event)| {
            let waits = world
                .tasks
                .task(*parent)
                .is_some_and(|task| task.waits_for.is_some());
            let is_due = !waits && *late == 0;
            *late = late.saturating_sub(1);
            is_due
        };
        events.extend(waiting.extract_if(.., is_due).map(|fork| fork.2));
    }
    events.extend(waiting.into_iter().map(|fork| fork.2));
    (events, worlds)
}

/// A disk with some directories, files and links, and another file system at /t.
fn beginning() -> World {
    let mut tree = Tree::new();
    let mut number = 10;
    let mut make = |tree: &mut Tree, directory: Dentry, name: &str, kind: Kind| {
        number += 1;
        tree.make(directory, Some(&name.into()), kind, number)
    };
    let directory = || Kind::Directory(Default::default());
    let link = |text: &str| Kind::Link(text.into());
    let root = HOST.dentry;
    let a = make(&mut tree, root, "a", directory());
    let a_b = make(&mut tree, a, "b", directory());
    make(&mut tree, a_b, "f", Kind::File);
    make(&mut tree, a, "f", Kind::File);
    make(&mut tree, a, "dangling", link("b/new"));
    let b = make(&mut tree, root, "b", directory());
    make(&mut tree, b, "f", Kind::File);
    make(&mut tree, b, "l", link("/a"));
    make(&mut tree, root, "f", Kind::File);
    make(&mut tree, root, "l", link("a/b"));
    let jail = make(&mut tree, root, "jail", directory());
    let jail_a = make(&mut tree, jail, "a", directory());
    make(&mut tree, jail_a, "f", Kind::File);
    let t = make(&mut tree, root, "t", directory());
    let disk = tree.format();
    tree.mounts.push(Mount {
        namespace: 0,
        on: Some(At {
            mount: 0,
            dentry: t,
        }),
        root: disk,
    });
    let t_a = make(&mut tree, disk, "a", directory());
    make(&mut tree, t_a, "f", Kind::File);
    World {
        tree: Arc::new(tree),
        tasks: Arc::new(Tasks::new()),
    }
}
