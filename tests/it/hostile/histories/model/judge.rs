//! Whether what an event says of paths is so.

use std::fmt;

use auditrd::{AuditEvent, model::Detail, record_type::AUDIT_PATH};

use super::{
    Event,
    calls::{Target, Want, World},
    steps::Lost,
    tree::{At, Dentry, Follow, HOST, Place, Root, Tree},
};

/// A claim that is not so.
#[derive(Clone, Debug)]
pub(crate) struct Wrong {
    call: &'static str,
    kind: &'static str,
    /// Why no record could have told.
    pub(crate) excuse: Option<Excuse>,
    claim: String,
    really: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wrong {
            call,
            kind,
            claim,
            really,
            excuse,
            ..
        } = self;
        write!(f, "{call}: {kind} is said to be {claim:?}, and is {really}")?;
        match excuse {
            Some(excuse) => write!(f, " ({excuse:?})"),
            None => Ok(()),
        }
    }
}

/// What an event says of paths.
#[derive(Clone, Default)]
pub(crate) struct Told {
    pub(crate) path: Option<String>,
    pub(crate) dest_path: Option<String>,
    pub(crate) real_path: Option<String>,
    pub(crate) real_dest_path: Option<String>,
    pub(crate) unresolved: bool,
    pub(crate) incomplete: bool,
}

impl Told {
    pub(crate) fn by(event: &AuditEvent) -> Told {
        let text = |path: Option<&[u8]>| {
            path.map(|path| String::from_utf8(path.to_vec()).expect("all names are UTF-8"))
        };
        let incomplete = event.incomplete;
        match &event.detail {
            Detail::File(file) => Told {
                path: text(file.path),
                dest_path: text(file.dest_path),
                real_path: text(file.real_path),
                real_dest_path: text(file.real_dest_path),
                unresolved: file.path_unresolved,
                incomplete,
            },
            Detail::Process(process) => Told {
                path: text(process.path),
                dest_path: None,
                real_path: text(process.real_path),
                real_dest_path: None,
                unresolved: process.path_unresolved,
                incomplete,
            },
            _ => Told::default(),
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, path) in [
            ("path", &self.path),
            ("dest_path", &self.dest_path),
            ("real_path", &self.real_path),
            ("real_dest_path", &self.real_dest_path),
        ] {
            if let Some(path) = path {
                write!(f, " {key} {path:?}")?;
            }
        }
        f.write_str(if self.unresolved { " unresolved" } else { "" })?;
        f.write_str(if self.incomplete { " incomplete" } else { "" })
    }
}

/// Why a path could not be known for wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Excuse {
    /// It was right until something happened that no rule records.
    Unrecorded,
    /// It was right until something happened whose event was lost.
    Lost,
    /// It is another name of the same file.
    OtherName,
}

/// All that happened.
pub(crate) struct Past {
    /// The world before each step, and after all.
    worlds: Vec<World>,
    /// What kept each step from being told of.
    hidden: Vec<Option<Excuse>>,
}

impl Past {
    pub(crate) fn new(events: &[Event], worlds: Vec<World>, tells_losses: bool) -> Past {
        let mut hidden = vec![Some(Excuse::Unrecorded); worlds.len()];
        for event in events {
            hidden[event.step] = match event.lost {
                _ if event.records.is_empty() => Some(Excuse::Unrecorded),
                Lost::Nothing => None,
                _ if tells_losses => None,
                _ => Some(Excuse::Lost),
            };
        }
        Past { worlds, hidden }
    }

    /// The world before a step, or after all.
    pub(crate) fn world(&self, step: usize) -> &World {
        self.worlds
            .get(step)
            .unwrap_or(&self.worlds[self.worlds.len() - 1])
    }

    /// The world in which the host is asked about an event.
    pub(crate) fn asked(&self, event: &Event) -> Option<&World> {
        let at = event.step + 1 + usize::from(event.late?);
        Some(self.world(at))
    }
}

/// What is wrong in an event.
pub(crate) fn judge(event: &Event, told: &Told, past: &Past) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let say = |wrong: &mut Vec<Wrong>, kind, claim: &str, really: String| {
        wrong.push(Wrong {
            call: event.done.name,
            kind,
            excuse: None,
            claim: claim.to_owned(),
            really,
        });
    };
    let paths = event
        .records
        .iter()
        .filter(|(kind, _)| *kind == AUDIT_PATH)
        .count();
    let lacks = matches!(event.lost, Lost::Record(_)) && paths < event.done.names.len();
    if lacks && !told.incomplete {
        say(&mut wrong, "incomplete", "whole", "not".to_owned());
    }
    let [path, dest] = &event.done.wants;
    let claims = [
        ("path", &told.path, path, told.unresolved),
        ("dest_path", &told.dest_path, dest, told.unresolved),
        ("real_path", &told.real_path, path, false),
        ("real_dest_path", &told.real_dest_path, dest, false),
    ];
    for (kind, claim, want, unresolved) in claims {
        let Some(claim) = claim.as_deref().filter(|_| !unresolved) else {
            continue;
        };
        let is_real = !kind.starts_with("real") || is_without_links(event, claim, past);
        if is_real && (is_so(event, claim, want) || is_later(event, claim, want, past)) {
            continue;
        }
        say(&mut wrong, kind, claim, really(event, want));
        let excuse = excuse(event, claim, want, past);
        if let Some(wrong) = wrong.last_mut() {
            wrong.excuse = excuse;
        }
    }
    wrong
}

/// Whether a path passes through no symbolic link, to the caller or to the host.
fn is_without_links(event: &Event, claim: &str, past: &Past) -> bool {
    let later = past.asked(event).map(|world| &world.tree);
    let trees = [&event.before, &event.after].into_iter().chain(later);
    let is = |tree: &Tree, root: Root| {
        let place = tree.place(root, root, claim, Follow::No);
        spells(tree, root, claim, &place, None)
    };
    trees
        .into_iter()
        .any(|tree| is(tree, event.done.root) || is(tree, HOST))
}

/// Whether a path is that of what the call touched: to the caller or to the host, before the call
/// or after it.
fn is_so(event: &Event, claim: &str, want: &Want) -> bool {
    match want {
        Want::Nothing => true,
        Want::Nowhere(_) => false,
        Want::Text(text) => claim == text,
        Want::There(target) => {
            let [before, after] = &target.places;
            let is = |tree: &Tree, place: &Place| {
                [event.done.root, HOST].into_iter().any(|root| {
                    leads(tree, root, claim, place, target.follow)
                        || spells(tree, root, claim, place, Some(target))
                })
            };
            claim.starts_with('/') && (is(&event.before, before) || is(&event.after, after))
        }
    }
}

/// Whether a path is the file's when the host is asked, which is later.
fn is_later(event: &Event, claim: &str, want: &Want, past: &Past) -> bool {
    let Some(world) = past.asked(event) else {
        return false;
    };
    let Want::There(target) = want else {
        return false;
    };
    let mut places = target.places.iter();
    places.any(|place| leads(&world.tree, HOST, claim, place, None))
}

/// Looks for the step that made a path wrong that was right before it.
fn excuse(event: &Event, claim: &str, want: &Want, past: &Past) -> Option<Excuse> {
    let at = match want {
        Want::There(target) if target.places[0].rest.is_empty() => Some(target.places[0].at),
        Want::Nowhere(at) => *at,
        _ => None,
    };
    let number = |tree: &Tree, dentry: Dentry| {
        let inode = tree.inode(dentry);
        (inode.device, inode.number)
    };
    let entry = at.map(|at| &event.before.entries[at.dentry.0]);
    let file = at.map(|at| number(&event.before, at.dentry));
    let holder = entry.map(|entry| (number(&event.before, entry.parent), &entry.name));
    let was_right = |world: &World| {
        let tree = &world.tree;
        let is_there =
            |root: &Root| root.mount < tree.mounts.len() && root.dentry.0 < tree.entries.len();
        let roots = [event.done.root, HOST].into_iter().filter(is_there);
        let mut ways = roots.flat_map(|root| Follow::ALL.map(|follow| (root, follow)));
        ways.any(|(root, follow)| {
            let found = tree.place(root, root, claim, follow);
            match (want, &found.rest[..]) {
                (Want::There(target), rest) if file.is_none() => {
                    found.at.dentry == target.places[0].at.dentry && rest == target.places[0].rest
                }
                (_, []) => Some(number(tree, found.at.dentry)) == file,
                // The directory was there, but the file not yet.
                (_, [name]) => Some((number(tree, found.at.dentry), name)) == holder,
                _ => false,
            }
        })
    };
    let last = (0..=event.step)
        .rev()
        .find(|step| was_right(&past.worlds[*step]));
    let is_descriptor = match want {
        Want::There(target) => target.given.is_none(),
        _ => true,
    };
    match last {
        Some(step) if step < event.step => return past.hidden[step],
        Some(_) if is_descriptor => return Some(Excuse::OtherName),
        Some(_) => return None,
        None => {}
    }
    stale_descriptor(event, claim, want, past)
}

/// The same for what a descriptor was before.
fn stale_descriptor(event: &Event, claim: &str, want: &Want, past: &Past) -> Option<Excuse> {
    let text = match want {
        Want::There(Target {
            given: Some((_, text, _)),
            ..
        }) => text.as_str(),
        _ => ".",
    };
    let root = event.done.root;
    let was = |world: &World| {
        let tasks = &world.tasks;
        let tables = tasks
            .all
            .iter()
            .filter(|task| [event.done.task.pid, event.done.task.ppid].contains(&task.pid));
        tables.map(|task| &tasks.tables[task.table]).any(|table| {
            [event.done.args[0], event.done.args[2]]
                .into_iter()
                .any(|fd| {
                    let open = u32::try_from(fd).ok().and_then(|fd| table.get(&fd));
                    open.is_some_and(|open| {
                        let tree = &event.before;
                        let named = |root| {
                            clean(&format!("{}/{text}", tree.path(open.at, root))) == clean(claim)
                        };
                        if [root, HOST].into_iter().any(named) {
                            return true;
                        }
                        Follow::ALL.into_iter().any(|follow| {
                            let place = match tree.is_directory(open.at.dentry) {
                                true => tree.place(open.at, root, text, follow),
                                false => Place {
                                    at: open.at,
                                    rest: Vec::new(),
                                },
                            };
                            [root, HOST]
                                .into_iter()
                                .any(|root| leads(tree, root, claim, &place, None))
                        })
                    })
                })
        })
    };
    let step = (0..event.step)
        .rev()
        .find(|step| was(&past.worlds[*step]))?;
    past.hidden[step]
}

fn leads(tree: &Tree, root: Root, claim: &str, place: &Place, follow: Option<Follow>) -> bool {
    let mut ways = Follow::ALL
        .into_iter()
        .filter(|way| follow.is_none_or(|follow| follow == *way));
    ways.any(|follow| tree.place(root, root, claim, follow) == *place)
}

/// Whether a path is the kernel's own text for a place, or for the directory that the name was
/// under. It leads there even if something is mounted over it meanwhile.
fn spells(tree: &Tree, root: Root, claim: &str, place: &Place, target: Option<&Target>) -> bool {
    let spells = |base: At, rest: &str| {
        let path = || format!("{}/{rest}", tree.path(base, root));
        tree.is_attached(base, root) && clean(&path()) == clean(claim)
    };
    let given = target.and_then(|target| target.given.as_ref());
    spells(place.at, &place.rest.join("/"))
        || given.is_some_and(|(base, text, _)| spells(*base, text))
}

fn clean(path: &str) -> Vec<&str> {
    path.split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect()
}

/// The path that is right, for whoever reads of it.
fn really(event: &Event, want: &Want) -> String {
    match want {
        Want::Nothing => "nothing".to_owned(),
        Want::Nowhere(_) => "nowhere".to_owned(),
        Want::Text(text) => format!("the text {text:?}"),
        Want::There(target) => {
            let place = &target.places[0];
            let mut entry = place.at.dentry;
            let mut names: Vec<&str> = place.rest.iter().rev().map(|name| &**name).collect();
            let tree = &event.before;
            let mut deleted = "";
            while tree.entries[entry.0].parent != entry {
                if !tree.entries[entry.0].alive {
                    deleted = " (deleted)";
                }
                names.push(&tree.entries[entry.0].name);
                entry = tree.entries[entry.0].parent;
            }
            names.reverse();
            let device = tree.inode(entry).device;
            format!("/{} on device {device}{deleted}", names.join("/"))
        }
    }
}

/// Counts the names of a call that succeeded, and of them those that are told.
pub(crate) fn count(event: &Event, told: &Told, [resolved, all]: &mut [usize; 2]) {
    let there = |want: &Want| matches!(want, Want::There(..));
    if event.done.result.is_ok() && event.done.returns && event.done.wants.iter().any(there) {
        *all += 1;
        *resolved += usize::from(!told.unresolved);
    }
}
