//! `auditrd check`: everything that keeps events from arriving.
//!
//! Each module gathers the facts of one group of causes, and judges them in a function without side
//! effects. Nothing is changed: no setting, no rule, no file.

mod drift;
mod finding;
mod journal;
mod kernel;
mod output;
mod place;
mod report;
mod rules;
mod units;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Result;
use auditrd::Error;

use super::cli::CheckArgs;
use finding::Finding;
use journal::Journal;
use kernel::Kernel;
use place::Place;
use units::Units;

/// All facts that are judged.
#[derive(Debug, Default)]
struct Facts {
    place: Place,
    kernel: Kernel,
    journal: Journal,
    units: Units,
}

impl Facts {
    fn gather() -> Facts {
        Facts {
            place: Place::gather(),
            kernel: Kernel::gather(),
            journal: Journal::gather(),
            units: Units::gather(),
        }
    }

    /// The findings, the worst first.
    fn judge(&self) -> Vec<Finding> {
        let groups = [
            place::judge(self),
            kernel::judge(self),
            rules::judge(self),
            journal::judge(self),
            units::judge(self),
        ];
        let mut findings: Vec<Finding> = groups.into_iter().flatten().collect();
        findings.sort_by_key(|finding| finding.level);
        findings
    }
}

/// Gathers the facts, prints the findings, and fails if there is one that events are lost by.
///
/// # Errors
///
/// If a file of expected rules cannot be read, or standard output cannot be written.
pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode> {
    let facts = Facts::gather();
    let mut findings = facts.judge();
    findings.extend(drift::judge(&facts, &args.expect)?);
    findings.extend(args.output.as_deref().and_then(output::judge));
    findings.sort_by_key(|finding| finding.level);
    let text = if args.json {
        report::json(&facts, &findings)
    } else {
        report::words(&facts, &findings)
    };
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Error::new("write to standard output", error))?;
    let is_bad = findings.iter().any(Finding::is_problem);
    Ok(ExitCode::from(u8::from(is_bad)))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    #[test]
    fn every_cause_is_in_the_guide() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        let guide = fs::read_to_string(top.join("docs/troubleshooting.md")).unwrap();
        let mut count = 0;
        for file in fs::read_dir(top.join("src/command/check")).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in text.split('"').skip(1).step_by(2) {
                let is_cause = word.contains('_')
                    && word
                        .bytes()
                        .all(|byte| byte == b'_' || byte.is_ascii_lowercase());
                if is_cause && !NO_CAUSES.contains(&word) {
                    count += 1;
                    assert!(guide.contains(&format!("`{word}`")), "{word}");
                }
            }
        }
        assert!(count >= 25, "{count}");
    }

    /// Keys of the report.
    const NO_CAUSES: [&str; 1] = ["backlog_limit"];
}
