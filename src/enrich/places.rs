//! Where processes run: the container and the unit of each life of a pid.
//!
//! The cgroup of a process tells both, if the live system can be asked before the process is gone.
//! Otherwise a process is where its parent is: the kernel puts it there, and only a service manager
//! or a runtime moves it (cgroups(7)). systemd moves what it starts itself, and a process that
//! opens a session, so a unit is not inherited from pid 1, nor into another session.
//!
//! The [command lines](super::runtime) of runtimes tell containers where nobody can be asked. They
//! count only from root outside containers: everybody else could make up one.

use std::{fs, sync::Arc};

use hashbrown::HashMap;

use crate::{
    enrich::{
        cgroup::{Container, Place},
        runtime::{Command, Target},
    },
    model::{self, Identity},
    resolve::Recent,
};

/// Children of runtimes that have no record of their own yet.
const MAX_CHILDREN: usize = 512;
/// Different texts of cgroups whose meaning is kept.
const MAX_TEXTS: usize = 256;

/// A live system that tells the cgroups of its processes.
pub trait Cgroups {
    /// The text of `/proc/PID/cgroup`; `None` if it cannot be read, as when the process is gone.
    fn of(&self, pid: u32) -> Option<Vec<u8>>;
}

/// This system, seen from the initial pid namespace, whose pids are in the records. Any user may
/// read the cgroups of all processes that it can see (proc(5), `hidepid`).
#[derive(Clone, Copy, Debug)]
pub struct ProcCgroups;

impl Cgroups for ProcCgroups {
    fn of(&self, pid: u32) -> Option<Vec<u8>> {
        fs::read(format!("/proc/{pid}/cgroup")).ok()
    }
}

/// The places of the processes of one host.
#[derive(Debug)]
pub(super) struct Places {
    /// By the pid of the child, with the pid of the process that forked it.
    children: Recent<u32, (u32, Arc<Standing>)>,
    texts: HashMap<Box<[u8]>, Arc<Place>>,
    /// That of most processes of a log.
    nothing: Arc<Standing>,
}

/// The facts about the place of one life. Lives with the same share it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standing {
    /// By its cgroup.
    place: Option<Arc<Place>>,
    /// The session that it was in then.
    session: u32,
    /// The container that it is in by its descent.
    inside: Option<Arc<Container>>,
    role: Role,
}

/// The part that a process outside containers has in starting one.
#[derive(Clone, Debug, Default, PartialEq)]
enum Role {
    #[default]
    None,
    /// Its children execute their programs in a container.
    Keeper(Start),
    /// It prepares a container, and a child of it becomes the first process there.
    Maker(Start),
    /// It will be in a container with the program that it executes.
    Entrant(Start),
    /// A child of a maker.
    Helper(Start),
}

/// A container that is about to start. Not all of its facts need be known.
#[derive(Clone, Debug, PartialEq)]
struct Start {
    container: Option<Arc<Container>>,
    runtime: Option<&'static str>,
    has_hooks: bool,
}

/// A life in an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit<'a> {
    pub(super) pid: u32,
    pub(super) ppid: u32,
    pub(super) session: u32,
    pub(super) step: Step<'a>,
}

/// What a process did in an event.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    /// Nothing of this.
    Other,
    /// A PAM session was opened for it (USER_START). pam_systemd(8) moves the process to a scope of
    /// that session, after its audit session has changed.
    Opened,
    Executed {
        exe: &'a [u8],
        argv: &'a [&'a [u8]],
        is_root: bool,
    },
    Forked {
        child: u32,
    },
}

impl Default for Places {
    fn default() -> Places {
        Places {
            children: Recent::new(MAX_CHILDREN),
            texts: HashMap::new(),
            nothing: Arc::default(),
        }
    }
}

impl Places {
    /// How much memory it takes, in bytes, about.
    pub(super) fn size(&self) -> usize {
        const TEXT_BYTES: usize = 400;
        self.children.size() + self.texts.len() * TEXT_BYTES
    }

    /// The standing of a process that was found at the start, by the text of `/proc/PID/cgroup`.
    pub(super) fn found(&mut self, session: u32, cgroup: &[u8]) -> Option<Arc<Standing>> {
        let standing = |place| Standing {
            place: Some(place),
            session,
            ..Standing::default()
        };
        (!cgroup.is_empty()).then(|| Arc::new(standing(self.place(cgroup))))
    }

    /// Notes a life in an event. `known` is its standing so far; `parent` tells that of its parent,
    /// and `ask` asks the live system for its `/proc/PID/cgroup`. Returns its standing if that has
    /// changed.
    #[inline]
    pub(super) fn see<'s>(
        &mut self,
        visit: &Visit,
        known: Option<&Arc<Standing>>,
        parent: impl FnOnce() -> Option<&'s Arc<Standing>>,
        ask: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Option<Arc<Standing>> {
        let has_moved = known.is_some_and(|known| known.has_moved(visit));
        let may_have_moved =
            has_moved || matches!(visit.step, Step::Executed { .. } | Step::Opened);
        match known {
            Some(known) if !may_have_moved => {
                self.fork(visit, known);
                None
            }
            Some(known) => Some(self.moved(visit, Arc::clone(known), ask)),
            None => {
                let before = self.inherited(visit, parent());
                Some(self.moved(visit, before, ask))
            }
        }
    }

    /// The standing of a life that is new, or in another place than before.
    fn moved(
        &mut self,
        visit: &Visit,
        before: Arc<Standing>,
        ask: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Arc<Standing> {
        let text = ask().filter(|text| !text.is_empty());
        let place = text.map(|text| self.place(&text));
        let standing = match place {
            None if before.stays_through(visit) => before,
            place => match before.after(visit, place) {
                after if after == *before => before,
                after => Arc::new(after),
            },
        };
        self.fork(visit, &standing);
        standing
    }

    /// What a new life takes over: from the process that forked it, which is not always its parent
    /// (CLONE_PARENT in clone(2)), or else from its parent.
    fn inherited(&mut self, visit: &Visit, parent: Option<&Arc<Standing>>) -> Arc<Standing> {
        let child = match self.children.is_empty() {
            true => None,
            false => self.children.remove(visit.pid),
        };
        if let Some((forker, standing)) = child
            // In a container, the pid that clone(2) returned may be that of another process out
            // here.
            && (standing.inside.is_none() || forker == visit.ppid)
        {
            return Arc::new(standing.of_child(visit));
        }
        match parent {
            Some(parent) if parent.is_same_for_children(visit) => Arc::clone(parent),
            Some(parent) => Arc::new(parent.of_child(visit)),
            None => Arc::clone(&self.nothing),
        }
    }

    #[inline]
    fn fork(&mut self, visit: &Visit, standing: &Arc<Standing>) {
        if let Step::Forked { child } = visit.step
            && standing.role != Role::None
        {
            let entry = (visit.pid, Arc::clone(standing));
            self.children.put(child, entry, |_| {});
        }
    }

    fn place(&mut self, text: &[u8]) -> Arc<Place> {
        if let Some(place) = self.texts.get(text) {
            return Arc::clone(place);
        }
        if self.texts.len() >= MAX_TEXTS {
            self.texts.clear();
        }
        let place = Arc::new(Place::parse(text));
        self.texts.insert(text.into(), Arc::clone(&place));
        place
    }
}

impl Default for Standing {
    fn default() -> Standing {
        Standing {
            place: None,
            session: Identity::UNSET,
            inside: None,
            role: Role::None,
        }
    }
}

impl Standing {
    /// The container, and the unit.
    pub(super) fn tell(&self) -> (Option<model::Container<'_>>, Option<&[u8]>) {
        let place = self.place.as_deref();
        let by_cgroup = place.and_then(|place| place.container.as_ref());
        let by_descent = self.inside.as_deref();
        let container = by_cgroup.or(by_descent).map(|container| {
            // Each may have a fact that the other lacks.
            let other = by_descent.filter(|other| other.id == container.id);
            let runtime = container.runtime.or(other.and_then(|other| other.runtime));
            let mut known = model::Container::new(&container.id);
            known.runtime = runtime.map(str::as_bytes);
            known.pod_uid = container.pod_uid.as_deref();
            known
        });
        (container, place.and_then(|place| place.unit.as_deref()))
    }

    /// Whether the process was in another place before, as its session shows.
    fn has_moved(&self, visit: &Visit) -> bool {
        self.place.is_some() && self.session != visit.session
    }

    /// The standing after an event, in which the process was in this cgroup, if that is known.
    fn after(&self, visit: &Visit, place: Option<Arc<Place>>) -> Standing {
        let mut standing = self.clone();
        if self.has_moved(visit) {
            standing.place = None;
        }
        if let Step::Executed { exe, argv, is_root } = visit.step {
            standing.execute(exe, argv, is_root);
        }
        if place.is_some() {
            standing.place = place;
        }
        if standing.place.is_some() {
            standing.session = visit.session;
        }
        standing
    }

    /// Whether [`after`](Self::after) an event it is usually the same, unless there is a cgroup.
    fn stays_through(&self, visit: &Visit) -> bool {
        let has_role = match visit.step {
            Step::Executed { exe, argv, is_root } if self.inside.is_none() => {
                let gives_role = || {
                    let command = Command::of(exe, argv);
                    matches!(command, Command::Keeps(_) | Command::Makes(_))
                };
                self.role != Role::None || is_root && gives_role()
            }
            _ => false,
        };
        !has_role && !self.has_moved(visit)
    }

    /// Whether a child has the same standing.
    fn is_same_for_children(&self, child: &Visit) -> bool {
        self.role == Role::None && (self.place.is_none() || self.stays(child))
    }

    /// Whether a child is still in the cgroup of its parent when it is heard of.
    fn stays(&self, child: &Visit) -> bool {
        self.session == child.session && child.ppid != 1
    }

    fn of_child(&self, child: &Visit) -> Standing {
        let role = match &self.role {
            Role::None => Role::None,
            Role::Keeper(start) | Role::Entrant(start) => Role::Entrant(start.clone()),
            Role::Maker(start) | Role::Helper(start) => Role::Helper(start.clone()),
        };
        Standing {
            place: self.place.clone().filter(|_| self.stays(child)),
            session: child.session,
            inside: self.inside.clone(),
            role,
        }
    }

    /// Notes that the process executes a program.
    fn execute(&mut self, exe: &[u8], argv: &[&[u8]], is_root: bool) {
        if self.inside.is_some() {
            return;
        }
        let role = std::mem::take(&mut self.role);
        self.role = match (Command::of(exe, argv), role) {
            (Command::Keeps(target), role) if is_root => Role::Keeper(Start::of(target, &role)),
            (Command::Makes(target), role) if is_root => Role::Maker(Start::of(target, &role)),
            (Command::Init, Role::Helper(start) | Role::Entrant(start)) => Role::Entrant(start),
            (Command::Program, Role::Entrant(start)) => {
                let is_hook = start.has_hooks && matches!(argv, [_, b"-c", ..]);
                if let Some(container) = start.container.filter(|_| !is_hook) {
                    self.inside = Some(container);
                    // The runtime has moved it.
                    self.place = None;
                }
                Role::None
            }
            _ => Role::None,
        };
    }
}

impl Start {
    /// A container that a command line names. The program that called it may know more.
    fn of(target: Target, caller: &Role) -> Start {
        let caller = match caller {
            Role::None => None,
            Role::Keeper(start)
            | Role::Maker(start)
            | Role::Entrant(start)
            | Role::Helper(start) => Some(start),
        };
        let runtime = target
            .runtime
            .or_else(|| caller.and_then(|caller| caller.runtime));
        let known = caller.and_then(|caller| caller.container.as_ref());
        let container = target.id.map(|id| match known {
            Some(known) if *known.id == *id => Arc::clone(known),
            _ => Arc::new(Container {
                id: id.into(),
                runtime,
                pod_uid: None,
            }),
        });
        Start {
            container,
            runtime,
            has_hooks: target.has_hooks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: u32 = Identity::UNSET;

    /// The places of processes, with the facts about each.
    #[derive(Default)]
    struct Host {
        places: Places,
        lives: HashMap<u32, Arc<Standing>>,
    }

    impl Host {
        fn start(&mut self, pid: u32, session: u32, cgroup: &[u8]) {
            let standing = self.places.found(session, cgroup);
            self.lives.insert(pid, standing.unwrap());
        }

        fn see(&mut self, visit: &Visit, ask: impl FnOnce() -> Option<Vec<u8>>) {
            let known = self.lives.get(&visit.pid);
            let parent = || self.lives.get(&visit.ppid);
            if let Some(standing) = self.places.see(visit, known, parent, ask) {
                self.lives.insert(visit.pid, standing);
            }
        }
    }

    fn visit<'a>(pid: u32, ppid: u32, session: u32, step: Step<'a>) -> Visit<'a> {
        Visit {
            pid,
            ppid,
            session,
            step,
        }
    }

    /// A process executes a command line; `None` if nobody can be asked for its cgroup.
    fn execute(places: &mut Host, pid: u32, ppid: u32, line: &str, cgroup: Option<&str>) {
        execute_as(places, pid, ppid, line, cgroup, true);
    }

    fn execute_as(
        places: &mut Host,
        pid: u32,
        ppid: u32,
        line: &str,
        cgroup: Option<&str>,
        is_root: bool,
    ) {
        let argv: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let exe = match argv[0] {
            b"runc" => b"/usr/bin/runc",
            exe => exe,
        };
        let step = Step::Executed {
            exe,
            argv: &argv,
            is_root,
        };
        let cgroup = cgroup.map(|text| text.as_bytes().to_vec());
        places.see(&visit(pid, ppid, NONE, step), || cgroup);
    }

    fn fork(places: &mut Host, pid: u32, ppid: u32, child: u32) {
        places.see(&visit(pid, ppid, NONE, Step::Forked { child }), || None);
    }

    #[test]
    fn a_standing_that_stays_is_the_same_after_the_event() {
        let start = |id: &[u8]| {
            let target = Target {
                id: Some(id),
                runtime: None,
                has_hooks: false,
            };
            Start::of(target, &Role::None)
        };
        let roles = [
            Role::None,
            Role::Keeper(start(b"a")),
            Role::Maker(start(b"a")),
            Role::Entrant(start(b"a")),
            Role::Helper(start(b"a")),
        ];
        let place = Arc::new(Place::parse(b"0::/system.slice/a.service\n"));
        let lines = [
            "/bin/sh -c x",
            "conmon -c a",
            "runc create a",
            "runc init",
            "docker ps",
        ];
        let mut counts = [0; 2];
        for number in 0..5 * 5 * 16 {
            let has = |bit: usize| number >> bit & 1 == 1;
            let (role, line) = (&roles[number / 16 % 5], lines[number / 80]);
            let (session, is_root) = (1 + u32::from(has(0)), has(1));
            let standing = Standing {
                place: Some(Arc::clone(&place)).filter(|_| has(2)),
                session: 1,
                inside: start(b"b").container.filter(|_| has(3)),
                role: role.clone(),
            };
            let argv: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            let executed = Step::Executed {
                exe: argv[0],
                argv: &argv,
                is_root,
            };
            for step in [executed, Step::Opened, Step::Forked { child: 9 }] {
                let visit = visit(7, 1, session, step);
                let stays = standing.stays_through(&visit);
                counts[usize::from(stays)] += 1;
                if stays {
                    assert_eq!(standing.after(&visit, None), standing, "{visit:?}");
                }
            }
        }
        assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
    }

    /// `RUNTIME ID UNIT` of a life.
    fn place(places: &Host, pid: u32) -> String {
        let standing = places.lives.get(&pid);
        let (container, unit) = standing.map(|known| known.tell()).unwrap_or_default();
        let text = |text: Option<&[u8]>| match text {
            Some(text) => String::from_utf8(text.to_vec()).unwrap(),
            None => "-".to_owned(),
        };
        let container = container.as_ref();
        [
            text(container.and_then(|container| container.runtime)),
            text(container.map(|container| container.id)),
            text(unit),
        ]
        .join(" ")
    }

    #[test]
    fn a_process_is_where_its_cgroup_says_or_else_where_its_parent_is() {
        let mut places = Host::default();
        places.start(1, NONE, b"0::/init.scope");
        places.start(10, NONE, b"0::/system.slice/web.service");
        execute(&mut places, 20, 10, "/usr/bin/id", None);
        assert_eq!(place(&places, 20), "- - web.service");
        execute(
            &mut places,
            21,
            10,
            "/usr/bin/id",
            Some("0::/system.slice/run-1.scope"),
        );
        assert_eq!(place(&places, 21), "- - run-1.scope");
        execute(&mut places, 22, 1, "/usr/bin/id", None);
        assert_eq!(place(&places, 22), "- - -", "systemd moves its children");
        execute(
            &mut places,
            20,
            10,
            "/usr/bin/id",
            Some("0::/system.slice/b.service"),
        );
        assert_eq!(
            place(&places, 20),
            "- - b.service",
            "it was moved meanwhile"
        );
        assert_eq!(place(&places, 99), "- - -");
    }

    #[test]
    fn a_unit_does_not_reach_into_another_session() {
        let mut places = Host::default();
        places.start(10, NONE, b"0::/system.slice/ssh.service");
        execute(&mut places, 20, 10, "/usr/sbin/sshd", None);
        assert_eq!(place(&places, 20), "- - ssh.service");
        places.see(&visit(20, 10, 3, Step::Other), || None);
        assert_eq!(place(&places, 20), "- - -");
        let scope = || Some(b"0::/user.slice/user-0.slice/session-3.scope".to_vec());
        places.see(&visit(21, 10, 3, Step::Other), scope);
        assert_eq!(place(&places, 21), "- - session-3.scope");
        places.see(&visit(22, 21, 3, Step::Other), || None);
        assert_eq!(place(&places, 22), "- - session-3.scope");
    }

    #[test]
    fn a_login_program_has_the_unit_that_it_is_moved_to() {
        let mut places = Host::default();
        places.start(10, NONE, b"0::/system.slice/ssh.service");
        let service = || Some(b"0::/system.slice/ssh.service".to_vec());
        // Its audit session changes (LOGIN) before it is moved.
        places.see(&visit(10, 1, 3, Step::Other), service);
        assert_eq!(place(&places, 10), "- - ssh.service");
        let scope = || Some(b"0::/user.slice/user-0.slice/session-3.scope".to_vec());
        places.see(&visit(10, 1, 3, Step::Opened), scope);
        assert_eq!(place(&places, 10), "- - session-3.scope");
    }

    #[test]
    fn dockers_processes_are_known_with_and_without_records_of_forks() {
        let shim = "/usr/bin/containerd-shim-runc-v2 -namespace moby -id web -address x";
        for has_forks in [true, false] {
            let mut places = Host::default();
            places.start(5, NONE, b"0::/system.slice/containerd.service");
            execute(&mut places, 10, 5, shim, None);
            execute(
                &mut places,
                11,
                10,
                "runc --root /r create --bundle b web",
                None,
            );
            execute(&mut places, 12, 11, "runc init", None);
            if has_forks {
                // As a child of its parent (CLONE_PARENT).
                fork(&mut places, 12, 11, 13);
            }
            execute(&mut places, 14, 11, "/usr/bin/hook", None);
            execute(&mut places, 13, 10, "/usr/sbin/nginx", None);
            execute(&mut places, 15, 13, "/bin/sh -c id", None);
            assert_eq!(place(&places, 13), "docker web -");
            assert_eq!(place(&places, 15), "docker web -");
            for outside in [10, 11, 12, 14] {
                assert_eq!(
                    place(&places, outside),
                    "- - containerd.service",
                    "{outside}"
                );
            }
            execute(
                &mut places,
                20,
                10,
                "runc --root /r exec --process p --detach web",
                None,
            );
            execute(&mut places, 21, 20, "runc init", None);
            execute(&mut places, 22, 20, "/bin/ls", None);
            assert_eq!(place(&places, 22), "docker web -");
        }
    }

    #[test]
    fn the_containers_of_a_pod_are_told_apart() {
        let mut places = Host::default();
        let shim = "/usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id pod -address x";
        execute(&mut places, 10, 5, shim, None);
        for (pid, id) in [(20, "one"), (30, "two")] {
            execute(
                &mut places,
                pid,
                10,
                &format!("runc create --bundle b {id}"),
                None,
            );
            execute(&mut places, pid + 1, pid, "runc init", None);
            fork(&mut places, pid + 1, pid, pid + 2);
            execute(&mut places, pid + 2, 10, "/app", None);
            assert_eq!(place(&places, pid + 2), format!("containerd {id} -"));
        }
        // Without the fork, either could be meant.
        execute(&mut places, 40, 10, "/app", None);
        assert_eq!(place(&places, 40), "- - -");
    }

    #[test]
    fn podman_and_nspawn_are_known_but_not_their_helpers() {
        let mut places = Host::default();
        let conmon = "/usr/bin/conmon -c web --exit-command /usr/bin/podman";
        execute(&mut places, 10, 1, conmon, None);
        execute(
            &mut places,
            11,
            10,
            "/usr/bin/crun create --bundle b web",
            None,
        );
        execute(&mut places, 12, 10, "/usr/sbin/nginx", None);
        execute(
            &mut places,
            13,
            10,
            "/usr/bin/podman container cleanup web",
            None,
        );
        assert_eq!(place(&places, 12), "podman web -");
        assert_eq!(place(&places, 13), "- - -");
        execute(
            &mut places,
            20,
            1,
            "/usr/bin/systemd-nspawn -bD /srv/deb",
            None,
        );
        execute(&mut places, 21, 20, "/sbin/init", None);
        assert_eq!(place(&places, 21), "systemd-nspawn deb -");
        execute(&mut places, 30, 1, "/usr/bin/lxc-start -n web", None);
        execute(&mut places, 31, 30, "/bin/sh -c /hook", None);
        execute(&mut places, 32, 30, "/sbin/init", None);
        assert_eq!(
            (place(&places, 31), place(&places, 32)),
            ("- - -".into(), "lxc web -".into())
        );
    }

    #[test]
    fn nobody_but_root_outside_containers_tells_a_container() {
        let mut places = Host::default();
        let conmon = "/usr/bin/conmon -c other";
        execute_as(&mut places, 10, 5, conmon, None, false);
        execute(&mut places, 11, 10, "/bin/id", None);
        assert_eq!(place(&places, 11), "- - -");
        execute(&mut places, 20, 5, "/usr/bin/systemd-nspawn -M web", None);
        execute(&mut places, 21, 20, "/sbin/init", None);
        execute(&mut places, 22, 21, conmon, None);
        execute(&mut places, 23, 22, "/bin/id", None);
        assert_eq!(place(&places, 23), "systemd-nspawn web -");
    }

    #[test]
    fn a_cgroup_and_a_command_line_complete_each_other() {
        let id = "0123456789abcdef".repeat(4);
        let mut places = Host::default();
        let shim = format!("/usr/bin/containerd-shim-runc-v2 -namespace moby -id {id} -address x");
        execute(&mut places, 10, 5, &shim, None);
        execute(
            &mut places,
            11,
            10,
            "/bin/id",
            Some(&format!("0::/custom/{id}")),
        );
        assert_eq!(place(&places, 11), format!("docker {id} -"));
        // The cgroup is the word of the kernel.
        let other = "fedcba9876543210".repeat(4);
        execute(
            &mut places,
            12,
            10,
            "/bin/id",
            Some(&format!("0::/docker/{other}")),
        );
        assert_eq!(place(&places, 12), format!("docker {other} -"));
    }

    #[test]
    fn lives_and_texts_are_bounded() {
        let mut places = Host::default();
        for pid in 2..100_000 {
            let text = format!("0::/system.slice/unit-{pid}.service");
            execute(&mut places, pid, 1, "/bin/id", Some(&text));
        }
        assert!(places.places.texts.len() <= MAX_TEXTS);
        let size = places.places.size();
        assert!(size < 1 << 20, "{size}");
        assert_eq!(place(&places, 99_999), "- - unit-99999.service");
    }
}
