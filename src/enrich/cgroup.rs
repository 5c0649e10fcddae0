//! The container and the unit that the cgroup of a process tells of.
//!
//! The text of `/proc/PID/cgroup` (cgroups(7)) has a line `ID:CONTROLLERS:PATH` for each hierarchy:
//! one for cgroup v2, whose id is 0, and several for v1. Container runtimes and systemd name the
//! directories in `PATH`, each in its own way. Names are taken from the known layouts alone: a hex
//! string somewhere in a path is no container.
//!
//! The owner of a delegated cgroup chooses the names below it. A unit is therefore taken only from
//! the part that the system's own systemd names, while the id of a container below `user@.service`
//! is the word of that user, as rootless runtimes need it.

use memchr::memmem;

use crate::bytes::hex;

/// What the cgroup of a process tells of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Place {
    /// The innermost container.
    pub container: Option<Container>,
    /// The unit of the system's systemd. A scope that a runtime made for the container is left out:
    /// its name says nothing that `container` does not.
    pub unit: Option<Box<[u8]>>,
}

/// A container, as its runtime names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Container {
    /// The id or, for machines such as those of LXC and systemd-nspawn, the name.
    pub id: Box<[u8]>,
    /// The runtime, if the cgroup tells which it is, such as `docker`.
    pub runtime: Option<&'static str>,
    /// The uid of the Kubernetes pod.
    pub pod_uid: Option<Box<[u8]>>,
}

impl Place {
    /// Reads the text of `/proc/PID/cgroup`.
    pub fn parse(text: &[u8]) -> Place {
        let mut first = None;
        for path in paths(text) {
            let place = Place::of(path);
            if place.container.is_some() {
                return place;
            }
            first.get_or_insert(place);
        }
        first.unwrap_or_default()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.container.is_none() && self.unit.is_none()
    }

    fn of(path: &[u8]) -> Place {
        let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
        // A process outside the reader's cgroup namespace is shown with `..` in its path.
        let is_name = |part: &&[u8]| !matches!(*part, b"" | b".." | b".");
        let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(is_name).collect();
        let found = container(&parts);
        let unit = parts.iter().position(|part| !part.ends_with(b".slice"));
        let unit = unit.and_then(|index| {
            let name = *parts.get(index)?;
            // systemd escapes names that a controller's files could have (cgroup-util.h).
            let name = name.strip_prefix(b"_").unwrap_or(name);
            let is_scope = name.ends_with(b".scope");
            let is_containers = found.as_ref().is_some_and(|(at, _)| *at == index);
            (is_unit(name) && !(is_scope && is_containers)).then(|| name.into())
        });
        Place {
            container: found.map(|(_, container)| container),
            unit,
        }
    }
}

/// The paths of the text, that of cgroup v2 and that of systemd's own hierarchy first. A process in
/// the root of a hierarchy is not placed by it.
fn paths(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = || {
        text.split(|byte| *byte == b'\n').filter_map(|line| {
            let mut fields = line.splitn(3, |byte| *byte == b':');
            let (id, controllers) = (fields.next()?, fields.next()?);
            let path = fields.next().filter(|path| *path != b"/")?;
            Some((id == b"0" || controllers == b"name=systemd", path))
        })
    };
    let first = lines().filter(|(is_first, _)| *is_first);
    let rest = lines().filter(|(is_first, _)| !is_first);
    first.chain(rest).map(|(_, path)| path)
}

/// Whether a name is that of a unit whose processes have a cgroup (systemd.unit(5)).
fn is_unit(name: &[u8]) -> bool {
    const SUFFIXES: [&[u8]; 5] = [b".service", b".scope", b".socket", b".mount", b".swap"];
    let is_of = |suffix: &&[u8]| name.len() > suffix.len() && name.ends_with(suffix);
    let is_valid = |byte: &u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(byte);
    SUFFIXES.iter().any(is_of) && name.iter().all(is_valid)
}

/// The innermost container, and the index of the part that names it.
fn container(parts: &[&[u8]]) -> Option<(usize, Container)> {
    let mut found = None;
    let mut pod_uid = None;
    for (index, part) in parts.iter().enumerate() {
        let above = |levels: usize| index.checked_sub(levels).and_then(|at| parts.get(at));
        let around = Around {
            above: above(1).copied().unwrap_or_default(),
            two_above: above(2).copied().unwrap_or_default(),
            below: parts.get(index + 1).copied().unwrap_or_default(),
        };
        if let Some(uid) = pod_of(part, around.above) {
            pod_uid = Some(uid);
        }
        if let Some((id, runtime)) = named(part, &around) {
            let pod_uid = pod_uid.take();
            let container = Container {
                id,
                runtime,
                pod_uid,
            };
            found = Some((index, container));
        }
    }
    found
}

/// The parts of a path next to one.
struct Around<'a> {
    above: &'a [u8],
    two_above: &'a [u8],
    below: &'a [u8],
}

type Named = (Box<[u8]>, Option<&'static str>);

/// The container that a part of a path names, if it names one.
fn named(part: &[u8], around: &Around) -> Option<Named> {
    oci(part, around)
        .or_else(|| lxc(part, around.above))
        .or_else(|| machine(part, around.below))
        .or_else(|| fargate(part, around))
        .or_else(|| build(part, around.above))
}

/// The prefixes that runtimes put before an id, and the runtime of each.
const PREFIXES: [(&[u8], &str); 7] = [
    (b"docker", "docker"),
    (b"cri-containerd", "containerd"),
    (b"nerdctl", "containerd"),
    (b"crio", "cri-o"),
    (b"libpod", "podman"),
    (b"libpod-payload", "podman"),
    (b"buildah", "buildah"),
];

/// Containers with an id of 64 hex digits:
///
/// - `ID`, by runtimes that make cgroups themselves;
/// - `PREFIX-ID.scope`, by those that ask systemd, and `PREFIX-ID`, by CRI-O and podman when they
///   do not;
/// - `SLICE:PREFIX:ID`, by containerd and docker if they were given the name of a slice but make
///   cgroups themselves.
///
/// A prefix with `conmon` is that of the process outside the container that watches it.
fn oci(part: &[u8], around: &Around) -> Option<Named> {
    let name = part.strip_suffix(b".scope").unwrap_or(part);
    let (prefix, id) = name.split_at_checked(name.len().checked_sub(64)?)?;
    if !is_hex(id) {
        return None;
    }
    let prefix = match prefix {
        [] => match around.above {
            b"docker" => b"docker",
            // The agent of Amazon ECS on EC2 starts docker's containers.
            _ if around.two_above == b"ecs" => b"docker",
            _ => prefix,
        },
        [prefix @ .., b'-'] => prefix,
        [slice @ .., b':'] => {
            let colon = slice.iter().rposition(|byte| *byte == b':')?;
            slice.get(colon + 1..)?
        }
        _ => return None,
    };
    if prefix.ends_with(b"conmon") || around.below == b"conmon" {
        return None;
    }
    let known = PREFIXES.iter().find(|(name, _)| *name == prefix);
    Some((id.into(), known.map(|(_, runtime)| *runtime)))
}

fn is_hex(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Containers of LXC, LXD and Incus, which all use liblxc: `lxc.payload.NAME`, in earlier versions
/// `lxc.payload/NAME` and `lxc/NAME`. The process that watches one is in `lxc.monitor`.
fn lxc(part: &[u8], above: &[u8]) -> Option<Named> {
    let name = match part.strip_prefix(b"lxc.payload.") {
        Some(name) => name,
        None if matches!(above, b"lxc" | b"lxc.payload") => part,
        None => return None,
    };
    (!name.is_empty()).then(|| (name.into(), Some("lxc")))
}

/// Containers in `machine.slice`: those of systemd-nspawn, in `machine-NAME.scope` or
/// `systemd-nspawn@NAME.service`, and those of libvirt, in `machine-lxc\x2dPID\x2dNAME.scope`.
///
/// Virtual machines have such scopes too. The container of systemd-nspawn is in `payload` below it,
/// and in older versions directly in it, with the cgroups of its own systemd; systemd-nspawn itself
/// is in `supervisor`.
fn machine(part: &[u8], below: &[u8]) -> Option<Named> {
    let between = |start: &[u8], end: &[u8]| part.strip_prefix(start)?.strip_suffix(end);
    let name = between(b"machine-", b".scope");
    let name = unescaped(name.or_else(|| between(b"systemd-nspawn@", b".service"))?);
    if let Some(libvirt) = name.strip_prefix(b"lxc-")
        && let Some(dash) = libvirt.iter().position(|byte| *byte == b'-')
        && let Some((b"-", name)) = libvirt.get(dash..)?.split_at_checked(1)
    {
        return Some((name.into(), Some("libvirt-lxc")));
    }
    let is_inside = matches!(
        below,
        b"payload" | b"init.scope" | b"system.slice" | b"user.slice" | b"machine.slice"
    );
    is_inside.then(|| (name.into_boxed_slice(), Some("systemd-nspawn")))
}

/// A name of systemd without its escapes: `\x2d` for a byte, and `-` for a slash
/// (systemd-escape(1)), which the name of a machine cannot have.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let [byte, after @ ..] = rest {
        let escape = match rest {
            [b'\\', b'x', high, low, ..] => hex(&[*high, *low]),
            _ => None,
        };
        match escape.and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = rest.get(4..).unwrap_or_default();
            }
            None => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    out
}

/// Containers of AWS Fargate, which runs containerd: `ecs/TASK/TASK-NUMBER`.
fn fargate(part: &[u8], around: &Around) -> Option<Named> {
    let number = part.strip_prefix(around.above)?.strip_prefix(b"-")?;
    let is_number = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
    let is_task = around.above.len() == 32 && is_hex(around.above) && around.two_above == b"ecs";
    (is_number && is_task).then(|| (part.into(), Some("containerd")))
}

/// Steps of a build in BuildKit: `buildkit/ID`.
fn build(part: &[u8], above: &[u8]) -> Option<Named> {
    let is_id = part.len() == 25 && part.iter().all(u8::is_ascii_alphanumeric);
    (above == b"buildkit" && is_id).then(|| (part.into(), Some("buildkit")))
}

/// The uid of the pod that a part of a path names: `podUID` below a directory of the kubelet, or
/// `kubepods-CLASS-podUID.slice`, where systemd wants `_` for `-`. The pods of files that the
/// kubelet reads itself have 32 hex digits in place of a uid.
fn pod_of(part: &[u8], above: &[u8]) -> Option<Box<[u8]>> {
    let is_below = matches!(
        above,
        b"kubepods" | b"burstable" | b"besteffort" | b"guaranteed"
    );
    let uid = if is_below {
        part.strip_prefix(b"pod")?
    } else {
        // With containerd's `SLICE:PREFIX:ID` in the same part.
        let slice = part.split(|byte| *byte == b':').next()?;
        let slice = slice.strip_suffix(b".slice")?;
        let start = memmem::rfind(slice, b"-pod")?;
        memmem::find(slice, b"kubepods")?;
        slice.get(start + b"-pod".len()..)?
    };
    let uid: Box<[u8]> = uid.iter().map(|byte| dashed(*byte)).collect();
    let is_uid = match uid.len() {
        32 => is_hex(&uid),
        36 => uid.iter().all(|byte| *byte == b'-' || is_hex(&[*byte])),
        _ => false,
    };
    is_uid.then_some(uid)
}

fn dashed(byte: u8) -> u8 {
    if byte == b'_' { b'-' } else { byte }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const B: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
    const POD: &str = "7e44ee88-1e65-4a16-8cdf-9a90c819180e";

    /// Parses a text in which `A` and `B` stand for ids, `POD` for the uid of a pod, and `POD_` for
    /// the same with underscores. Returns `RUNTIME ID POD UNIT`, each `-` if there is none.
    fn parse(text: &str) -> String {
        let text = text
            .replace("POD_", &POD.replace('-', "_"))
            .replace("POD", POD)
            .replace('A', A)
            .replace('B', B);
        let place = Place::parse(text.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let container = place.container.as_ref();
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let fields = [
            container.and_then(|c| c.runtime).map(str::to_owned),
            container.map(|container| text(&container.id)),
            container.and_then(|container| container.pod_uid.as_deref().map(text)),
            place.unit.as_deref().map(text),
        ];
        let line = fields.map(or_none).join(" ");
        line.replace(A, "A").replace(B, "B").replace(POD, "POD")
    }

    #[track_caller]
    fn check(cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            assert_eq!(parse(text), *expected, "{text}");
        }
    }

    #[test]
    fn docker_is_known_with_each_cgroup_driver() {
        check(&[
            ("0::/system.slice/docker-A.scope", "docker A - -"),
            ("0::/system.slice/docker-A.scope/sub/group", "docker A - -"),
            (
                "12:pids:/docker/A\n1:name=systemd:/docker/A\n0::/",
                "docker A - -",
            ),
            // A hybrid host, where docker makes no cgroup in the hierarchy of v2.
            (
                "4:memory:/docker/A\n1:name=systemd:/docker/A\n0::/system.slice/containerd.service",
                "docker A - -",
            ),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-A.scope",
                "docker A - user@1000.service",
            ),
            ("0::/docker/A/docker/B", "docker B - -"),
            ("0::/system.slice:docker:A", "docker A - -"),
            // A parent of the user's choice.
            ("0::/actions_job/A", "- A - -"),
            ("0::/ci.slice/docker-A.scope", "docker A - -"),
            ("9:perf_event:/A", "- A - -"),
            ("0::/../../system.slice/docker-A.scope", "docker A - -"),
        ]);
    }

    #[test]
    fn kubernetes_is_known_with_its_pods() {
        check(&[
            ("0::/kubepods/burstable/podPOD/A", "- A POD -"),
            ("0::/kubepods/podPOD/A", "- A POD -"),
            (
                "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podPOD_.slice/\
                 cri-containerd-A.scope",
                "containerd A POD -",
            ),
            (
                "0::/kubepods.slice/kubepods-podPOD_.slice/crio-A.scope/container",
                "cri-o A POD -",
            ),
            (
                "0::/kubepods.slice/kubepods-besteffort.slice/\
                 kubepods-besteffort-podPOD_.slice/docker-A.scope",
                "docker A POD -",
            ),
            ("0::/kubepods/besteffort/podPOD/crio-A", "cri-o A POD -"),
            (
                "0::/kubepods-besteffort-podPOD_.slice:cri-containerd:A",
                "containerd A POD -",
            ),
            (
                "0::/system.slice/containerd.service/kubepods-burstable-podPOD_.slice:\
                 cri-containerd:A",
                "containerd A POD containerd.service",
            ),
            // The uid of a pod from a file is a hash.
            (
                "0::/kubepods/burstable/pod0123456789abcdef0123456789abcdef/A",
                "- A 0123456789abcdef0123456789abcdef -",
            ),
            // kind: a node in a container, whose scope tells of the outer one.
            (
                "0::/system.slice/docker-A.scope/kubelet.slice/kubelet-kubepods.slice/\
                 kubelet-kubepods-podPOD_.slice/cri-containerd-B.scope",
                "containerd B POD docker-A.scope",
            ),
            ("0::/docker/A/kubelet/kubepods/podPOD/B", "- B POD -"),
            // The process that watches the container, and one that is in the pod alone.
            (
                "0::/kubepods.slice/kubepods-podPOD_.slice/crio-conmon-A.scope",
                "- - - crio-conmon-A.scope",
            ),
            ("0::/kubepods/burstable/podPOD", "- - - -"),
        ]);
    }

    #[test]
    fn podman_and_containerd_are_known() {
        check(&[
            ("0::/machine.slice/libpod-A.scope", "podman A - -"),
            ("0::/machine.slice/libpod-A.scope/container", "podman A - -"),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-A.scope/container",
                "podman A - user@1000.service",
            ),
            (
                "0::/machine.slice/machine-libpod_pod_B.slice/libpod-A.scope/container",
                "podman A - -",
            ),
            (
                "0::/srv.slice/web.service/libpod-payload-A",
                "podman A - web.service",
            ),
            ("0::/srv.slice/web.service/runtime", "- - - web.service"),
            ("5:pids:/libpod_parent/libpod-A\n0::/", "podman A - -"),
            ("5:pids:/libpod_parent/libpod-A/conmon", "- - - -"),
            (
                "0::/machine.slice/libpod-conmon-A.scope",
                "- - - libpod-conmon-A.scope",
            ),
            ("0::/system.slice/nerdctl-A.scope", "containerd A - -"),
            ("0::/default/A", "- A - -"),
            ("0::/system.slice/runc-A.scope", "- A - -"),
            (
                "0::/docker/buildkit/k2h8u1b5x0w9q3r7t6y4o1p2s",
                "buildkit k2h8u1b5x0w9q3r7t6y4o1p2s - -",
            ),
        ]);
    }

    #[test]
    fn machines_are_known_by_name() {
        check(&[
            ("0::/lxc.payload.web", "lxc web - -"),
            (
                "0::/lxc.payload.web/system.slice/sshd.service",
                "lxc web - -",
            ),
            ("5:pids:/lxc.payload/web/init.scope", "lxc web - -"),
            ("5:pids:/lxc/101", "lxc 101 - -"),
            ("0::/lxc/101/ns/system.slice/cron.service", "lxc 101 - -"),
            ("0::/lxc.monitor.web", "- - - -"),
            ("0::/lxc.payload.web/docker/A", "docker A - -"),
            (
                "0::/machine.slice/machine-deb\\x2d12.scope/payload/system.slice/ssh.service",
                "systemd-nspawn deb-12 - -",
            ),
            (
                "0::/machine.slice/machine-web.scope/supervisor",
                "- - - machine-web.scope",
            ),
            (
                "0::/machine.slice/systemd-nspawn@web.service/payload/init.scope",
                "systemd-nspawn web - systemd-nspawn@web.service",
            ),
            (
                "1:name=systemd:/machine.slice/machine-web.scope/system.slice/dbus.service",
                "systemd-nspawn web - -",
            ),
            (
                "0::/machine.slice/machine-lxc\\x2d4711\\x2dold\\x2dweb.scope",
                "libvirt-lxc old-web - -",
            ),
            (
                "0::/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator",
                "- - - machine-qemu\\x2d1\\x2dvm.scope",
            ),
            (
                "0::/machine.slice/machine-vm.scope",
                "- - - machine-vm.scope",
            ),
        ]);
    }

    #[test]
    fn amazon_ecs_is_known_on_ec2_and_fargate() {
        let task = "0123456789abcdef0123456789abcdef";
        check(&[
            ("11:memory:/ecs/POD/A", "docker A - -"),
            (
                "0::/ecstasks.slice/ecstasks-T.slice/docker-A.scope",
                "docker A - -",
            ),
        ]);
        let text = format!("11:memory:/ecs/{task}/{task}-2531612879");
        assert_eq!(parse(&text), format!("containerd {task}-2531612879 - -"));
    }

    #[test]
    fn a_unit_is_one_of_the_systems_own() {
        check(&[
            ("0::/system.slice/ssh.service", "- - - ssh.service"),
            (
                "0::/system.slice/system-getty.slice/getty@tty1.service",
                "- - - getty@tty1.service",
            ),
            (
                "0::/system.slice/foo.service/delegated/x",
                "- - - foo.service",
            ),
            (
                "0::/system.slice/foo.service (deleted)",
                "- - - foo.service",
            ),
            (
                "0::/user.slice/user-1000.slice/session-3.scope",
                "- - - session-3.scope",
            ),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/sshd.service",
                "- - - user@1000.service",
            ),
            ("0::/init.scope", "- - - init.scope"),
            ("0::/system.slice/_cgroup.service", "- - - cgroup.service"),
            (
                "3:cpu:/\n1:name=systemd:/system.slice/a.service",
                "- - - a.service",
            ),
            (
                "9:pids:/system.slice/b.service\n1:name=systemd:/system.slice/a.service\n0::/",
                "- - - a.service",
            ),
        ]);
    }

    #[test]
    fn nothing_is_made_of_other_names() {
        check(&[
            ("", "- - - -"),
            ("0::/", "- - - -"),
            ("0::/user.slice", "- - - -"),
            ("garbage\n:\n::\n0:x\n", "- - - -"),
            ("4:memory:/jobs/47d4524b87ee6f42894cd59eede7705d", "- - - -"),
            ("0::/docker/web", "- - - -"),
            ("0::/.service/.scope", "- - - -"),
            ("1:name=systemd:/user/1000.user/c3.session", "- - - -"),
            ("0::/lxc.payload.", "- - - -"),
            ("0::/podx/A/podPOD", "- A - -"),
        ]);
    }
}
