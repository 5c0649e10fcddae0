//! The state of the kernel's audit system.

use std::{fs, io, path::Path};

use auditrd::source::{AuditStatus, NetlinkClient, Rules};

use super::{Facts, finding::Finding};

/// What the kernel answers.
#[derive(Debug)]
pub(super) struct Kernel {
    /// What it says of itself, or why it does not answer.
    pub(super) status: Result<AuditStatus, Silence>,
    pub(super) rules: Option<Rules>,
    /// The command line of the kernel.
    pub(super) command_line: String,
    /// Whether the kernel was built with audit support, as far as can be seen without asking it.
    pub(super) is_built_in: bool,
    /// The name of the registered process; `None` if there is no such process.
    pub(super) holder: Option<String>,
}

/// Why the kernel does not answer, with the error number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Silence {
    /// There is no audit socket.
    NoSocket(i32),
    /// It refuses the question.
    Refused(i32),
}

/// Auditing is on, with room for records and without rules.
impl Default for Kernel {
    fn default() -> Kernel {
        let mut status = AuditStatus::default();
        (status.enabled, status.failure, status.backlog_limit) = (1, 1, 8192);
        Kernel {
            status: Ok(status),
            rules: None,
            command_line: "audit=1".to_owned(),
            is_built_in: true,
            holder: None,
        }
    }
}

impl Kernel {
    pub(super) fn gather() -> Kernel {
        let mut rules = None;
        let number = |error: &io::Error| error.raw_os_error().unwrap_or(0);
        let asked =
            NetlinkClient::control().map_err(|error| Silence::NoSocket(number(error.cause())));
        let status = asked.and_then(|mut client| {
            let status = client.status();
            rules = client.rules().ok();
            status.map_err(|error| Silence::Refused(number(&error)))
        });
        let pid = status.as_ref().map_or(0, |status| status.pid);
        let name = fs::read_to_string(format!("/proc/{pid}/comm"));
        Kernel {
            status,
            rules,
            command_line: fs::read_to_string("/proc/cmdline").unwrap_or_default(),
            // The file is there with CONFIG_AUDIT (fs/proc/base.c).
            is_built_in: Path::new("/proc/self/loginuid").exists(),
            holder: name.ok().map(|name| auditrd::error::plain(name.trim_end())),
        }
    }

    /// The last value of `audit=` on the kernel command line: whether it turns auditing on at boot.
    pub(super) fn at_boot(&self) -> Option<bool> {
        let words = self.command_line.split_whitespace();
        let mut values = words.filter_map(|word| word.strip_prefix("audit="));
        // kernel/audit.c, `audit_enable`.
        match values.next_back()? {
            "0" | "off" => Some(false),
            _ => Some(true),
        }
    }
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    match &facts.kernel.status {
        Ok(status) => answered(&facts.kernel, status),
        Err(silence) => vec![silent(facts, *silence)],
    }
}

/// The cause why the kernel does not answer.
fn silent(facts: &Facts, silence: Silence) -> Finding {
    let kernel = &facts.kernel;
    if kernel.at_boot() == Some(false) {
        return Finding::error(
            "disabled_at_boot",
            "the kernel was started with audit=0, which turns auditing off until the next boot",
            "remove audit=0 from the kernel command line, for example in /etc/default/grub, and \
             reboot",
        );
    }
    if !kernel.is_built_in || silence == Silence::NoSocket(libc::EPROTONOSUPPORT) {
        return Finding::error(
            "kernel_without_audit",
            "the kernel was built without audit support (CONFIG_AUDIT)",
            "boot a kernel with CONFIG_AUDIT=y and CONFIG_AUDITSYSCALL=y, as those of all \
             distributions have",
        );
    }
    let number = match silence {
        Silence::NoSocket(number) => {
            return Finding::error(
                "no_audit_socket",
                format!(
                    "this process may not open an audit socket ({}), probably because of the \
                     system call filter of a container",
                    message(number)
                ),
                "run auditrd on the host, or without that filter, for example with \
                 SYSTEMD_SECCOMP=0 for systemd-nspawn",
            );
        }
        Silence::Refused(number) => number,
    };
    let place = &facts.place;
    let why = if place.is_in_user_namespace || place.is_in_pid_namespace {
        "from a namespace".to_owned()
    } else if place.lacks_control() {
        "without CAP_AUDIT_CONTROL".to_owned()
    } else {
        format!("({})", message(number))
    };
    Finding::warning(
        "not_permitted_to_ask",
        format!("cannot find out {why} whether auditing is on and which rules are loaded"),
        "run `sudo auditrd check` on the host",
    )
}

/// The message of an error number, without the number.
fn message(number: i32) -> String {
    let text = io::Error::from_raw_os_error(number).to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn answered(kernel: &Kernel, status: &AuditStatus) -> Vec<Finding> {
    let mut findings = Vec::new();
    match status.enabled {
        0 => findings.push(Finding::error(
            "auditing_off",
            "auditing is off (enabled 0), so the kernel makes no records of system calls",
            "sudo systemctl enable --now auditrd-rules.service, or `sudo auditctl -e 1` until the next \
             boot",
        )),
        2 => findings.push(Finding::note(
            "locked",
            "the audit configuration is locked until the next boot (enabled 2)",
            "to change rules, change the files in /etc/audit/rules.d and reboot",
        )),
        _ => {}
    }
    if status.enabled > 0 && kernel.at_boot() != Some(true) {
        findings.push(Finding::note(
            "started_before_auditing",
            "auditing was not turned on by the kernel command line, so the system calls of \
             processes that started before it was turned on are never recorded",
            "restart those services; for every boot, put audit=1 on the kernel command line",
        ));
    }
    findings.extend(registration(kernel, status));
    findings.extend(losses(status));
    if status.failure == 2 {
        findings.push(Finding::warning(
            "panics_on_failure",
            "the failure mode is 2: the kernel panics when it cannot write a record",
            "sudo auditctl -f 1, unless that is intended",
        ));
    }
    findings
}

fn registration(kernel: &Kernel, status: &AuditStatus) -> Option<Finding> {
    let pid = status.pid;
    match &kernel.holder {
        _ if pid == 0 && status.enabled > 0 => Some(Finding::note(
            "kernel_log",
            "no process is registered as the audit daemon, so the kernel also prints records to \
             its log (dmesg)",
            "start auditd, which runs beside auditrd, or auditrd-unicast.service",
        )),
        _ if pid == 0 => None,
        Some(name) => Some(Finding::note(
            "registered",
            format!("process {pid} ({name}) is registered as the audit daemon"),
            "none if you listen beside it; --unicast needs it to stop",
        )),
        None => Some(Finding::warning(
            "registered_process_is_gone",
            format!("process {pid} is registered as the audit daemon, but is not there"),
            "start auditd again; the kernel drops the registration at the next record",
        )),
    }
}

fn losses(status: &AuditStatus) -> Vec<Finding> {
    let (backlog, limit, lost) = (status.backlog, status.backlog_limit, status.lost);
    let raise = "raise the limit, for example `sudo auditctl -b 8192`, or record less";
    let mut findings = Vec::new();
    // 0 is no limit.
    if limit > 0 && backlog >= limit - limit / 10 {
        findings.push(Finding::warning(
            "backlog_full",
            format!(
                "{backlog} records wait in a backlog of {limit}; when it is full, processes wait \
                 or records are lost"
            ),
            raise,
        ));
    }
    if lost > 0 {
        findings.push(Finding::warning(
            "lost",
            format!("the kernel has lost {lost} records so far, with a backlog limit of {limit}"),
            format!("{raise}; `sudo auditctl --reset-lost` starts the count again"),
        ));
    }
    if status.rate_limit > 0 {
        findings.push(Finding::warning(
            "rate_limit",
            format!(
                "the kernel drops records above {} per second",
                status.rate_limit
            ),
            "sudo auditctl -r 0",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::check::finding::causes;

    /// The causes in a kernel that is changed from the default, in which there are none.
    fn judged(change: impl FnOnce(&mut AuditStatus, &mut Kernel)) -> Vec<&'static str> {
        let mut kernel = Kernel::default();
        let mut status = kernel.status.unwrap();
        (status.pid, kernel.holder) = (7, Some("auditd".to_owned()));
        change(&mut status, &mut kernel);
        kernel.status = Ok(status);
        let found = answered(&kernel, &status);
        causes(&found)
    }

    #[test]
    fn each_state_of_the_kernel_is_a_cause_of_its_own() {
        assert_eq!(judged(|_, _| {}), ["registered"]);
        let own = |change: fn(&mut AuditStatus)| {
            let mut causes = judged(|status, _| change(status));
            causes.retain(|cause| *cause != "registered");
            causes
        };
        assert_eq!(own(|status| status.enabled = 0), ["auditing_off"]);
        assert_eq!(own(|status| status.enabled = 2), ["locked"]);
        assert_eq!(own(|status| status.lost = 1), ["lost"]);
        assert_eq!(own(|status| status.rate_limit = 1), ["rate_limit"]);
        assert_eq!(own(|status| status.failure = 2), ["panics_on_failure"]);
        assert_eq!(own(|status| status.backlog = 7373), ["backlog_full"]);
        assert!(own(|status| status.backlog = 7372).is_empty());
        let unlimited = |status: &mut AuditStatus| (status.backlog, status.backlog_limit) = (99, 0);
        assert!(own(unlimited).is_empty());
        assert_eq!(own(|status| status.pid = 0), ["kernel_log"]);
        let off = |status: &mut AuditStatus| (status.pid, status.enabled) = (0, 0);
        assert_eq!(own(off), ["auditing_off"]);
        let gone = judged(|_, kernel| kernel.holder = None);
        assert_eq!(gone, ["registered_process_is_gone"]);
        let late = judged(|_, kernel| kernel.command_line = "quiet".to_owned());
        assert_eq!(late, ["started_before_auditing", "registered"]);
    }

    #[test]
    fn the_last_value_on_the_command_line_counts() {
        let at_boot = |text: &str| {
            let kernel = Kernel {
                command_line: text.to_owned(),
                ..Kernel::default()
            };
            kernel.at_boot()
        };
        assert_eq!(at_boot("quiet audit=0\n"), Some(false));
        assert_eq!(at_boot("audit=0 audit=1"), Some(true));
        assert_eq!(at_boot("audit=off"), Some(false));
        assert_eq!(at_boot("audit_backlog_limit=0 noaudit=0"), None);
    }

    #[test]
    fn a_silent_kernel_has_one_cause() {
        let cause = |silence, change: fn(&mut Facts)| {
            let mut facts = Facts::default();
            facts.kernel.status = Err(silence);
            change(&mut facts);
            let [finding] = &judge(&facts)[..] else {
                panic!("one finding")
            };
            finding.cause
        };
        let missing = Silence::NoSocket(libc::EPROTONOSUPPORT);
        let without = cause(missing, |_| {});
        assert_eq!(without, "kernel_without_audit");
        let disabled = cause(missing, |facts| {
            facts.kernel.command_line = "audit=0".to_owned();
        });
        assert_eq!(disabled, "disabled_at_boot");
        let filtered = cause(Silence::NoSocket(libc::EAFNOSUPPORT), |_| {});
        assert_eq!(filtered, "no_audit_socket");
        let refused = Silence::Refused(libc::EPERM);
        let refused = cause(refused, |facts| facts.place.capabilities = 0);
        assert_eq!(refused, "not_permitted_to_ask");
    }
}
