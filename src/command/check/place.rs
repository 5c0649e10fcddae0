//! Where this process runs: its namespaces, its capabilities, and whether it can listen.

use std::{fs, io, path::Path};

use auditrd::source::{ClientConfig, Membership, NetlinkClient};

use super::{Facts, finding::Finding};

/// The inode numbers of the initial namespaces (include/linux/proc_ns.h).
const INITIAL_USER: &str = "user:[4026531837]";
const INITIAL_PID: &str = "pid:[4026531836]";
/// A setting of the whole system, which only the initial network namespace shows
/// (net/core/sysctl_net_core.c, `net_core_table`).
const GLOBAL_SETTING: &str = "/proc/sys/net/core/netdev_max_backlog";

const CAP_AUDIT_CONTROL: u32 = 30;
const CAP_AUDIT_READ: u32 = 37;

/// Whether and where this process runs apart from the host.
#[derive(Debug)]
pub(super) struct Place {
    /// The effective capabilities, one bit each (`CapEff` in proc(5)).
    pub(super) capabilities: u64,
    pub(super) is_in_user_namespace: bool,
    pub(super) is_in_pid_namespace: bool,
    pub(super) is_in_network_namespace: bool,
    /// The error of joining the multicast group, if it failed.
    pub(super) join_error: Option<i32>,
}

/// Root on the host.
impl Default for Place {
    fn default() -> Place {
        Place {
            capabilities: u64::MAX,
            is_in_user_namespace: false,
            is_in_pid_namespace: false,
            is_in_network_namespace: false,
            join_error: None,
        }
    }
}

impl Place {
    pub(super) fn gather() -> Place {
        let differs = |name: &str, initial: &str| {
            let own = fs::read_link(format!("/proc/self/ns/{name}"));
            own.is_ok_and(|own| own.as_os_str() != initial)
        };
        let has_settings = Path::new("/proc/sys/net/core").exists();
        Place {
            capabilities: capabilities(),
            is_in_user_namespace: differs("user", INITIAL_USER),
            is_in_pid_namespace: differs("pid", INITIAL_PID),
            is_in_network_namespace: has_settings && !Path::new(GLOBAL_SETTING).exists(),
            join_error: join().err().and_then(|error| error.raw_os_error()),
        }
    }

    pub(super) fn has(&self, capability: u32) -> bool {
        self.capabilities >> capability & 1 == 1
    }

    /// Whether questions to the kernel are refused for lack of this capability alone.
    pub(super) fn lacks_control(&self) -> bool {
        !self.has(CAP_AUDIT_CONTROL)
    }

    fn is_refused(&self) -> bool {
        matches!(self.join_error, Some(libc::EPERM | libc::EACCES))
    }
}

/// Joins the multicast group for a moment.
fn join() -> io::Result<()> {
    let mut config = ClientConfig::new(Membership::ReadLog);
    // The default size, which needs no permission.
    config.receive_buffer = 0;
    let joined = NetlinkClient::open(&config).map(drop);
    joined.map_err(|error| {
        let number = error.cause().raw_os_error();
        number.map_or_else(|| io::ErrorKind::Other.into(), io::Error::from_raw_os_error)
    })
}

fn capabilities() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut values = status
        .lines()
        .filter_map(|line| line.strip_prefix("CapEff:"));
    let value = values.next().unwrap_or_default().trim();
    u64::from_str_radix(value, 16).unwrap_or(0)
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let place = &facts.place;
    let mut findings = Vec::new();
    if place.is_in_network_namespace {
        findings.push(Finding::error(
            "network_namespace",
            "this process runs in a network namespace of its own, and the kernel sends records \
             only to the initial one",
            "run auditrd on the host, or the container with --net=host; a service needs \
             PrivateNetwork=no, or the socket of auditrd.socket",
        ));
    }
    if place.is_in_user_namespace {
        findings.push(Finding::error(
            "user_namespace",
            "this process runs in a user namespace, as in a rootless container, where no \
             capability gives access to audit records",
            "run auditrd on the host, or in a container that root started without a user namespace",
        ));
    } else if place.is_refused() {
        findings.push(no_capability(facts));
    }
    if place.is_in_pid_namespace {
        findings.push(Finding::note(
            "pid_namespace",
            "this process runs in a process namespace of its own, as in a container, where the \
             kernel refuses questions, rules and --unicast",
            "run auditrd check on the host as well",
        ));
    }
    findings
}

fn no_capability(facts: &Facts) -> Finding {
    let detail = "this process lacks CAP_AUDIT_READ, which listening needs";
    if facts.units.has_socket() {
        let remedy = "none for auditrd.service, which gets its socket from auditrd.socket; \
                      otherwise run auditrd with sudo";
        return Finding::note("no_capability", detail, remedy);
    }
    let has_bit = facts.place.has(CAP_AUDIT_READ);
    let detail = if has_bit {
        "the kernel refuses to let this process listen, although it has CAP_AUDIT_READ; a \
         security module may be the reason"
    } else {
        detail
    };
    Finding::error(
        "no_capability",
        detail,
        "run auditrd with sudo, grant CAP_AUDIT_READ, or start auditrd.socket, whose service \
         needs no capability",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::check::{finding::causes, units};

    fn judged(place: Place) -> Vec<&'static str> {
        let facts = Facts {
            place,
            ..Facts::default()
        };
        causes(&judge(&facts))
    }

    #[test]
    fn root_on_the_host_can_listen() {
        assert!(judged(Place::default()).is_empty());
    }

    #[test]
    fn each_namespace_is_a_cause_of_its_own() {
        let place = Place {
            is_in_network_namespace: true,
            ..Place::default()
        };
        assert_eq!(judged(place), ["network_namespace"]);
        let place = Place {
            is_in_pid_namespace: true,
            ..Place::default()
        };
        assert_eq!(judged(place), ["pid_namespace"]);
        // The kernel refuses to let it join, but not for lack of a capability.
        let place = Place {
            is_in_user_namespace: true,
            join_error: Some(libc::EPERM),
            ..Place::default()
        };
        assert_eq!(judged(place), ["user_namespace"]);
    }

    #[test]
    fn a_missing_capability_is_a_note_where_a_socket_is_handed_over() {
        let place = || Place {
            capabilities: 0,
            join_error: Some(libc::EPERM),
            ..Place::default()
        };
        let mut facts = Facts {
            place: place(),
            ..Facts::default()
        };
        assert!(judge(&facts)[0].is_problem());
        facts.units = units::parsed("Id=auditrd.socket\nLoadState=loaded\nActiveState=active\n");
        assert!(!judge(&facts)[0].is_problem());
    }
}
