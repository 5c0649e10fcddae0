//! The command lines of container runtimes, which tell the container that they start.
//!
//! A runtime has a process that watches a container for as long as it runs, whose children are the
//! container's processes: containerd's shim, conmon of podman and CRI-O, systemd-nspawn, lxc-start.
//! It calls a second program to create the container: runc, crun or youki. That one prepares it
//! with processes that are still outside, and may run hooks there, before the container's own
//! program is executed. runc starts itself again as `runc init` in the process that will do that.
//!
//! Only options that are known are passed over: behind one that is not, the next word may be its
//! value, so then nothing is told.

/// The meaning of a command line for the containers of its process and of its children.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Command<'a> {
    /// The children that execute a program do so in the container.
    Keeps(Target<'a>),
    /// Only a child that becomes [`Init`](Command::Init) does.
    Makes(Target<'a>),
    /// The process that will execute the container's program.
    Init,
    /// Another program of a runtime, which runs outside containers.
    Tool,
    /// Any other program.
    Program,
}

/// The container that a command line names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Target<'a> {
    /// The id, if there is one for all children.
    pub(super) id: Option<&'a [u8]>,
    pub(super) runtime: Option<&'static str>,
    /// Shell commands among the children are hooks, which run outside.
    pub(super) has_hooks: bool,
}

impl<'a> Target<'a> {
    fn new(id: &'a [u8], runtime: Option<&'static str>) -> Option<Target<'a>> {
        is_id(id).then_some(Target {
            id: Some(id),
            runtime,
            has_hooks: false,
        })
    }
}

impl<'a> Command<'a> {
    /// Reads the command line of a program that was executed.
    pub(super) fn of(exe: &[u8], argv: &[&'a [u8]]) -> Command<'a> {
        let first = argv.first().copied().unwrap_or_default();
        // runc and crun execute a copy of themselves in memory (memfd_create(2)).
        let name = base(if exe.is_empty() || exe.starts_with(b"/memfd:") {
            first
        } else {
            exe
        });
        let arguments = argv.get(1..).unwrap_or_default();
        let keeps = |target: Option<Target<'a>>| target.map_or(Command::Tool, Command::Keeps);
        match name {
            b"containerd-shim" | b"containerd-shim-runc-v1" | b"containerd-shim-runc-v2" => {
                keeps(shim(arguments))
            }
            b"docker-containerd-shim" => keeps(old_shim(arguments)),
            b"conmon" => keeps(conmon(arguments)),
            b"runc" | b"docker-runc" | b"crun" | b"youki" => oci(arguments),
            b"systemd-nspawn" => keeps(nspawn(arguments)),
            b"lxc-start" => keeps(lxc(arguments).map(|target| Target {
                has_hooks: true,
                ..target
            })),
            b"lxc-execute" | b"lxc-attach" => keeps(lxc(arguments)),
            b"lxd" | b"incusd" => keeps(lxd(arguments)),
            b"containerd"
            | b"crio"
            | b"docker"
            | b"dockerd"
            | b"incus"
            | b"lxc"
            | b"nerdctl"
            | b"nvidia-container-runtime"
            | b"nvidia-container-runtime-hook"
            | b"podman" => Command::Tool,
            _ => Command::Program,
        }
    }
}

fn base(path: &[u8]) -> &[u8] {
    let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// Whether a text can be the id or the name of a container.
fn is_id(text: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.+-".contains(byte);
    (1..=128).contains(&text.len()) && !text.starts_with(b"-") && text.iter().all(is_allowed)
}

/// The value of an option with one of these names, as `NAME VALUE` or `NAME=VALUE`.
fn value<'a>(arguments: &[&'a [u8]], names: &[&[u8]]) -> Option<&'a [u8]> {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        for name in names {
            match argument.strip_prefix(*name) {
                Some([]) => return rest.next().copied(),
                Some([b'=', value @ ..]) => return Some(value),
                _ => {}
            }
        }
    }
    None
}

/// `containerd-shim-runc-v2 -namespace moby -id ID -address …`; before containerd 1.3,
/// `containerd-shim -namespace moby -workdir …/ID …`.
///
/// The shim of a Kubernetes pod watches all of its containers, and its id is that of the pod's
/// sandbox.
fn shim<'a>(arguments: &[&'a [u8]]) -> Option<Target<'a>> {
    let namespace = value(arguments, &[b"-namespace", b"--namespace"])?;
    let id = value(arguments, &[b"-id", b"--id"])
        .or_else(|| value(arguments, &[b"-workdir", b"--workdir"]).map(base))?;
    match namespace {
        b"moby" => Target::new(id, Some("docker")),
        b"k8s.io" => Some(Target {
            id: None,
            runtime: Some("containerd"),
            has_hooks: false,
        }),
        _ => Target::new(id, Some("containerd")),
    }
}

/// `docker-containerd-shim ID BUNDLE RUNTIME`, of docker 1.11 to 17.09.
fn old_shim<'a>(arguments: &[&'a [u8]]) -> Option<Target<'a>> {
    match arguments {
        [b"-namespace" | b"--namespace", ..] => shim(arguments),
        [id, ..] => Target::new(id, Some("docker")),
        [] => None,
    }
}

/// `conmon … -c ID …`, of podman, or of CRI-O, which names no command for the end.
fn conmon<'a>(arguments: &[&'a [u8]]) -> Option<Target<'a>> {
    let id = value(arguments, &[b"-c", b"--cid"])?;
    let runtime = match value(arguments, &[b"--exit-command"]).map(base) {
        Some(b"podman") => Some("podman"),
        Some(_) => None,
        None => Some("cri-o"),
    };
    Target::new(id, runtime)
}

/// Options of runc, crun and youki that have a value as the next word.
const OCI_VALUES: [&[u8]; 30] = [
    b"--additional-gids",
    b"--apparmor",
    b"--bundle",
    b"--cap",
    b"--cgroup",
    b"--cgroup-manager",
    b"--config",
    b"--console-socket",
    b"--criu",
    b"--cwd",
    b"--env",
    b"--log",
    b"--log-format",
    b"--log-level",
    b"--pid-file",
    b"--preserve-fds",
    b"--process",
    b"--process-label",
    b"--root",
    b"--rootless",
    b"--user",
    b"-b",
    b"-c",
    b"-e",
    b"-f",
    b"-g",
    b"-l",
    b"-p",
    b"-r",
    b"-u",
];

/// Those that have none.
const OCI_FLAGS: [&[u8]; 13] = [
    b"--debug",
    b"--detach",
    b"--ignore-paused",
    b"--keep",
    b"--no-new-keyring",
    b"--no-new-privs",
    b"--no-pivot",
    b"--no-subreaper",
    b"--systemd-cgroup",
    b"--systemd-log",
    b"--tty",
    b"-d",
    b"-t",
];

/// `runc … create … ID`, and `run` and `exec`, which start the program themselves.
fn oci<'a>(arguments: &[&'a [u8]]) -> Command<'a> {
    let mut words = positional(arguments);
    let verb = words.next().flatten();
    let mut target = || Target::new(words.next().flatten()?, None);
    match verb {
        Some(b"init") => Command::Init,
        Some(b"create") => target().map_or(Command::Tool, Command::Makes),
        Some(b"run" | b"exec") => target().map_or(Command::Tool, Command::Keeps),
        _ => Command::Tool,
    }
}

/// The words that are neither options nor their values; `None` where that cannot be told.
fn positional<'w, 'a>(
    arguments: &'w [&'a [u8]],
) -> impl Iterator<Item = Option<&'a [u8]>> + use<'w, 'a> {
    let mut rest = arguments.iter();
    std::iter::from_fn(move || {
        loop {
            let word = *rest.next()?;
            match word {
                [b'-', ..] if OCI_VALUES.contains(&word) => drop(rest.next()),
                [b'-', ..] if OCI_FLAGS.contains(&word) || word.contains(&b'=') => {}
                [b'-', ..] => return Some(None),
                word => return Some(Some(word)),
            }
        }
    })
}

/// `systemd-nspawn -M NAME`; without it the name is that of the directory, unless a copy of that is
/// run (systemd-nspawn(1)).
fn nspawn<'a>(arguments: &[&'a [u8]]) -> Option<Target<'a>> {
    const FLAGS: &[u8] = b"abjnqxPU";
    let own = options(arguments);
    let is_copy = |word: &&[u8]| *word == b"--ephemeral" || letters(word, FLAGS).contains(&b'x');
    let name = short(own, b'M', FLAGS).or_else(|| value(own, &[b"--machine"]));
    let directory = || {
        let path = short(own, b'D', FLAGS).or_else(|| value(own, &[b"--directory"]));
        let path = path.filter(|_| !own.iter().any(is_copy))?;
        Some(base(path.strip_suffix(b"/").unwrap_or(path)))
    };
    Target::new(name.or_else(directory)?, Some("systemd-nspawn"))
}

/// The options before the command that is to be run.
fn options<'w, 'a>(arguments: &'w [&'a [u8]]) -> &'w [&'a [u8]] {
    let mut may_be_value = false;
    let is_end = |word: &&[u8]| {
        let is_option = word.starts_with(b"-") && *word != b"--";
        let is_value = std::mem::replace(&mut may_be_value, is_option);
        !is_option && !is_value
    };
    let end = arguments.iter().position(is_end);
    arguments
        .get(..end.unwrap_or(arguments.len()))
        .unwrap_or_default()
}

/// The value of a short option, as `-M NAME` or `-MNAME`, perhaps behind options without a value,
/// as in `-bM NAME`.
fn short<'a>(arguments: &[&'a [u8]], letter: u8, flags: &[u8]) -> Option<&'a [u8]> {
    arguments.iter().enumerate().find_map(|(at, word)| {
        let rest = word.strip_prefix(b"-")?;
        match rest.get(letters(word, flags).len()..)? {
            [first] if *first == letter => arguments.get(at + 1).copied(),
            [first, value @ ..] if *first == letter => Some(value),
            _ => None,
        }
    })
}

/// The short options without a value that a word begins with.
fn letters<'a>(word: &'a [u8], flags: &[u8]) -> &'a [u8] {
    let letters = word.strip_prefix(b"-").unwrap_or_default();
    let end = letters.iter().position(|letter| !flags.contains(letter));
    letters
        .get(..end.unwrap_or(letters.len()))
        .unwrap_or_default()
}

/// `lxc-start -n NAME` (lxc-start(1)), and the commands like it.
fn lxc<'a>(arguments: &[&'a [u8]]) -> Option<Target<'a>> {
    let own = options(arguments);
    let name = value(own, &[b"--name"]).or_else(|| short(own, b'n', b"dF"));
    Target::new(name?, Some("lxc"))
}

/// `lxd forkstart NAME …`, which starts a container, and `forkexec`, which runs a command in one.
/// LXD and Incus call themselves for this.
fn lxd<'a>(arguments: &[&'a [u8]]) -> Option<Target<'a>> {
    match arguments {
        [b"forkstart" | b"forkexec", name, ..] => Target::new(name, Some("lxc")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    /// `VERB RUNTIME ID` of a command line, in which `ID` is an id.
    fn read(exe: &str, line: &str) -> String {
        let line = line.replace("ID", ID);
        let argv: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let (verb, target) = match Command::of(exe.as_bytes(), &argv) {
            Command::Keeps(target) => ("keeps", target),
            Command::Makes(target) => ("makes", target),
            Command::Init => return "init".to_owned(),
            Command::Tool => return "tool".to_owned(),
            Command::Program => return "program".to_owned(),
        };
        let id = target.id.map_or("-", |id| str::from_utf8(id).unwrap());
        format!("{verb} {} {id}", target.runtime.unwrap_or("-")).replace(ID, "ID")
    }

    #[test]
    fn the_container_is_read_from_the_command_lines_of_runtimes() {
        let cases = [
            (
                "/usr/bin/containerd-shim-runc-v2 -namespace moby -id ID -address /run/c.sock",
                "keeps docker ID",
            ),
            (
                "/usr/bin/containerd-shim-runc-v2 -namespace default -id web -address /run/c.sock",
                "keeps containerd web",
            ),
            (
                "/usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id ID -address /run/c.sock",
                "keeps containerd -",
            ),
            (
                "/usr/bin/containerd-shim -namespace moby -workdir /var/lib/containerd/io.containerd.runtime.v1.linux/moby/ID -address /run/c.sock",
                "keeps docker ID",
            ),
            (
                "/usr/bin/docker-containerd-shim ID /var/run/docker/libcontainerd/ID docker-runc",
                "keeps docker ID",
            ),
            (
                "/usr/bin/conmon --api-version 1 -c ID -u ID -r /usr/bin/crun -b /run/b --exit-command /usr/bin/podman --exit-command-arg container",
                "keeps podman ID",
            ),
            (
                "/usr/libexec/crio/conmon -b /run/b -c ID --exit-dir /run/crio/exits -l /var/log/pods/p -n web",
                "keeps cri-o ID",
            ),
            (
                "/usr/bin/runc --root /var/run/docker/runtime-runc/moby --log /run/log.json --log-format json --systemd-cgroup create --bundle /run/b --pid-file /run/init.pid ID",
                "makes - ID",
            ),
            (
                "/usr/bin/runc --root /run/runc exec --process /tmp/p --detach --pid-file /run/p.pid ID",
                "keeps - ID",
            ),
            ("/usr/bin/runc --root=/run/runc run -d web", "keeps - web"),
            ("/usr/bin/runc --root /run/runc start ID", "tool"),
            (
                "/usr/bin/crun --systemd-cgroup --root=/run/crun create --bundle /run/b --pid-file /run/p ID",
                "makes - ID",
            ),
            (
                "/usr/bin/crun --root=/run/crun exec -t -u root web sh -c id",
                "keeps - web",
            ),
            (
                "/usr/bin/systemd-nspawn --quiet --keep-unit --boot --machine=web",
                "keeps systemd-nspawn web",
            ),
            (
                "/usr/bin/systemd-nspawn -bM web -D /srv/other",
                "keeps systemd-nspawn web",
            ),
            (
                "/usr/bin/systemd-nspawn -M web -D /srv/other",
                "keeps systemd-nspawn web",
            ),
            (
                "/usr/bin/systemd-nspawn -D /srv/web/",
                "keeps systemd-nspawn web",
            ),
            ("/usr/bin/systemd-nspawn -bx -D /srv/web", "tool"),
            (
                "/usr/bin/systemd-nspawn -D /srv/web -b ls id -M x",
                "keeps systemd-nspawn web",
            ),
            ("/usr/bin/lxc-start -n web -d", "keeps lxc web"),
            ("/usr/bin/lxc-attach --name=web -- ls -n x", "keeps lxc web"),
            (
                "/usr/sbin/incusd forkstart web /var/lib/incus/containers /run/incus/web/lxc.conf",
                "keeps lxc web",
            ),
            ("/usr/bin/lxd --group lxd", "tool"),
            ("/usr/bin/podman container cleanup ID", "tool"),
            ("/usr/bin/id", "program"),
        ];
        for (line, expected) in cases {
            let exe = line.split(' ').next().unwrap();
            assert_eq!(read(exe, line), expected, "{line}");
        }
    }

    #[test]
    fn the_copy_of_runc_in_memory_is_known_by_its_name() {
        assert_eq!(
            read("/memfd:runc_cloned:/proc/self/exe (deleted)", "runc init"),
            "init"
        );
        assert_eq!(read("/usr/bin/runc (deleted)", "runc init"), "init");
        assert_eq!(read("/usr/bin/id", "runc init"), "program");
    }

    #[test]
    fn an_option_that_is_not_known_hides_the_container() {
        let runc = |line| read("/usr/bin/runc", line);
        assert_eq!(runc("runc create --new-option x ID"), "tool");
        assert_eq!(runc("runc --new-option x create ID"), "tool");
        assert_eq!(runc("runc create --new-option=x ID"), "makes - ID");
        assert_eq!(runc("runc create"), "tool");
        assert_eq!(runc("runc create a/b"), "tool");
        assert_eq!(runc("runc"), "tool");
        assert_eq!(read("/usr/bin/conmon", "conmon -c"), "tool");
        assert_eq!(
            read(
                "/usr/bin/containerd-shim-runc-v2",
                "containerd-shim-runc-v2 -v"
            ),
            "tool"
        );
    }
}
