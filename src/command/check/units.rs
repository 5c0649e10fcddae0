//! The states of the systemd units that matter here, as `systemctl show` prints them.

use std::{collections::BTreeMap, path::Path, process::Command};

use super::{Facts, finding::Finding};

/// The directory of a running systemd (sd_booted(3)).
const BOOTED: &str = "/run/systemd/system";

const UNITS: [&str; 9] = [
    "auditrd.socket",
    "auditrd.service",
    "auditrd-multicast.service",
    "auditrd-unicast.service",
    "auditrd-rules.service",
    "auditd.service",
    "audit-rules.service",
    "systemd-journald-audit.socket",
    "systemd-journald.service",
];

const PROPERTIES: &str = "--property=Id,LoadState,ActiveState,UnitFileState,Result,\
                          ConditionResult,ConditionTimestampMonotonic,ExecMainStatus";

/// The properties of each unit that is installed.
#[derive(Debug, Default)]
pub(super) struct Units(BTreeMap<String, Unit>);

type Unit = BTreeMap<String, String>;

impl Units {
    pub(super) fn gather() -> Units {
        if !Path::new(BOOTED).exists() {
            return Units::default();
        }
        let output = Command::new("systemctl")
            .args(["show", PROPERTIES])
            .args(UNITS)
            .output();
        output.map_or_else(
            |_| Units::default(),
            |output| Units::parse(&String::from_utf8_lossy(&output.stdout)),
        )
    }

    /// Parses blocks of `KEY=VALUE` lines, separated by empty lines.
    fn parse(text: &str) -> Units {
        let pair = |line: &str| {
            let (key, value) = line.split_once('=')?;
            Some((key.to_owned(), value.to_owned()))
        };
        let unit = |block: &str| -> Unit { block.lines().filter_map(pair).collect() };
        let units = text.split("\n\n").map(unit);
        let is_loaded = |unit: &Unit| value(unit, "LoadState") == "loaded";
        let named = |unit: Unit| Some((unit.get("Id")?.clone(), unit));
        Units(units.filter(is_loaded).filter_map(named).collect())
    }

    pub(super) fn is_active(&self, name: &str) -> bool {
        let unit = self.0.get(name);
        unit.is_some_and(|unit| value(unit, "ActiveState") == "active")
    }

    /// Whether systemd holds an audit socket for the service.
    pub(super) fn has_socket(&self) -> bool {
        self.is_active("auditrd.socket")
    }

    fn of_auditrd(&self) -> impl Iterator<Item = (&str, &Unit)> {
        let units = self.0.iter().map(|(name, unit)| (name.as_str(), unit));
        units.filter(|(name, _)| name.starts_with("auditrd"))
    }

    fn is_any_active(&self) -> bool {
        let mut units = self.of_auditrd();
        units.any(|(name, _)| name != "auditrd-rules.service" && self.is_active(name))
    }
}

fn value<'a>(unit: &'a Unit, key: &str) -> &'a str {
    unit.get(key).map_or("", String::as_str)
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let units = &facts.units;
    let mut findings: Vec<Finding> = units
        .0
        .iter()
        .filter_map(|(name, unit)| failed(name, unit))
        .collect();
    if units.is_any_active() {
        return findings;
    }
    findings.extend(
        units
            .of_auditrd()
            .filter_map(|(name, unit)| inactive(name, unit)),
    );
    let is_installed = units.of_auditrd().next().is_some();
    if is_installed && findings.is_empty() {
        findings.push(Finding::note(
            "no_service",
            "no service of auditrd is enabled or running",
            "sudo systemctl enable --now auditrd.socket, unless you start auditrd otherwise",
        ));
    }
    findings
}

fn failed(name: &str, unit: &Unit) -> Option<Finding> {
    if value(unit, "ActiveState") != "failed" {
        return None;
    }
    let mut detail = format!("{name} has failed ({}", value(unit, "Result"));
    if let status @ ("1" | "2" | "4" | "6") = value(unit, "ExecMainStatus") {
        detail = format!("{detail}, status {status}");
    }
    let remedy = format!("journalctl -u {name} says why; then sudo systemctl restart {name}");
    let finding = if name.starts_with("auditrd") {
        Finding::error
    } else {
        Finding::warning
    };
    Some(finding("unit_failed", format!("{detail})"), remedy))
}

/// A unit that is enabled, but was not started, while none of them runs.
fn inactive(name: &str, unit: &Unit) -> Option<Finding> {
    let is_enabled = value(unit, "UnitFileState") == "enabled";
    // The service is started by the first record.
    if !is_enabled || value(unit, "ActiveState") != "inactive" || name == "auditrd-rules.service" {
        return None;
    }
    let was_checked = !matches!(value(unit, "ConditionTimestampMonotonic"), "" | "0");
    if was_checked && value(unit, "ConditionResult") == "no" {
        return Some(Finding::error(
            "unit_condition_failed",
            format!("{name} is enabled, but a condition for its start failed"),
            format!(
                "systemctl status {name} names it: ConditionSecurity=audit fails in a container \
                 and with audit=0"
            ),
        ));
    }
    Some(Finding::error(
        "unit_inactive",
        format!("{name} is enabled, but not active"),
        format!("sudo systemctl start {name}"),
    ))
}

/// Units from the output of systemctl, for tests.
#[cfg(test)]
pub(super) fn parsed(text: &str) -> Units {
    Units::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::check::finding::causes;

    fn judged(text: &str) -> Vec<&'static str> {
        let facts = Facts {
            units: Units::parse(text),
            ..Facts::default()
        };
        causes(&judge(&facts))
    }

    const SOCKET: &str = "Id=auditrd.socket\nLoadState=loaded\nUnitFileState=enabled\n";

    #[test]
    fn a_running_socket_or_service_has_no_finding() {
        assert!(judged("").is_empty());
        assert!(judged(&format!("{SOCKET}ActiveState=active\n")).is_empty());
        let other = "Id=auditrd-unicast.service\nLoadState=loaded\nActiveState=active\n";
        let both = format!("{SOCKET}ActiveState=inactive\n\n{other}");
        assert!(judged(&both).is_empty());
    }

    #[test]
    fn a_unit_that_does_not_run_says_why() {
        let inactive = format!("{SOCKET}ActiveState=inactive\n");
        assert_eq!(judged(&inactive), ["unit_inactive"]);
        let condition = format!("{inactive}ConditionResult=no\nConditionTimestampMonotonic=7\n");
        assert_eq!(judged(&condition), ["unit_condition_failed"]);
        let failed = "Id=auditrd.service\nLoadState=loaded\nActiveState=failed\n\
                      Result=exit-code\nExecMainStatus=4\n";
        assert_eq!(judged(failed), ["unit_failed"]);
        assert_eq!(
            judged(&inactive.replace("=enabled", "=disabled")),
            ["no_service"]
        );
        let missing = inactive.replace("=loaded", "=not-found");
        assert!(judged(&missing).is_empty());
    }
}
