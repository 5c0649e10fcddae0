//! `auditrd rules`: checks, loads, lists and compares audit rules.

mod report;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use auditrd::{
    Error,
    model::Arch,
    rules::{Difference, Host, Kernel, Loaded, Problem, Rule, Ruleset, Severity, differences},
    source::NetlinkClient,
};

use super::cli::{RulesArgs, RulesCommand};

/// The word that stands for the rules that come with auditrd.
const DEFAULT: &str = "default";

/// Does what the command line says.
///
/// # Errors
///
/// If files cannot be read, or the kernel refuses a request.
pub(crate) fn run(args: &RulesArgs) -> Result<ExitCode> {
    match &args.command {
        RulesCommand::Check { files, json } => check(files, *json),
        RulesCommand::Load { files, immutable } => load(files, *immutable),
        RulesCommand::List => list(),
        RulesCommand::Diff { files } => diff(files),
    }
}

/// Reads files and directories; the word `default` stands for the rules that come with auditrd.
///
/// # Errors
///
/// If one cannot be read.
pub(crate) fn read(files: &[PathBuf], host: &Host) -> Result<Ruleset, Error> {
    let mut rules = Ruleset::default();
    for file in files {
        if file == Path::new(DEFAULT) {
            add_default(&mut rules, host);
        } else {
            rules.read(file, host)?;
        }
    }
    Ok(rules)
}

/// Adds the rules that come with auditrd. Those that this host cannot have are left out: for its
/// kernel, or for directories that it does not have.
fn add_default(rules: &mut Ruleset, host: &Host) {
    const X86_64: &str = include_str!("../../../packaging/rules/30-auditrd.rules");
    const AARCH64: &str = include_str!("../../../packaging/rules/30-auditrd-aarch64.rules");
    const IO_URING: &str = include_str!("../../../packaging/rules/31-auditrd-io_uring.rules");
    let calls = match host.arch {
        // Their 64-bit programs have only the calls that all architectures have.
        Some(Arch::Aarch64 | Arch::Riscv64) => AARCH64,
        _ => X86_64,
    };
    rules.add_common_text(Path::new("default"), calls.as_bytes(), host);
    rules.add_common_text(Path::new("default-io_uring"), IO_URING.as_bytes(), host);
}

fn check(files: &[PathBuf], json: bool) -> Result<ExitCode> {
    let host = Host::current();
    let problems = read(files, &host)?.check(&host);
    let lines = match json {
        true => report::json(&problems),
        false => report::lines(&problems),
    };
    print(&lines)?;
    let mut problems = problems.iter();
    Ok(match problems.any(|one| one.severity == Severity::Error) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

fn load(files: &[PathBuf], immutable: bool) -> Result<ExitCode> {
    let rules = read(files, &Host::current())?;
    if let Some(statement) = rules.lock().filter(|_| !immutable) {
        let tried = format!("load {}", statement.place);
        let error = "it cannot be undone until the next boot";
        let error = io::Error::new(io::ErrorKind::InvalidInput, error);
        return Err(Error::new(tried, error)
            .help("add --immutable if that is intended; nothing was changed")
            .into());
    }
    let loaded = rules.load(&mut NetlinkClient::control()?)?;
    let left_out = || rules.problems.iter().chain(&loaded.refused);
    left_out().for_each(Problem::log);
    let Loaded { added, already, .. } = loaded;
    log::info!("added {added} rules; {already} were loaded already");
    let is_incomplete = left_out().any(|problem| !problem.is_expected);
    Ok(match rules.reports_errors() && is_incomplete {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

fn list() -> Result<ExitCode> {
    let rules = loaded_rules()?;
    print(&report::listing(&rules))?;
    Ok(ExitCode::SUCCESS)
}

fn diff(files: &[PathBuf]) -> Result<ExitCode> {
    let host = Host::current();
    let rules = read(files, &host)?;
    rules.problems.iter().for_each(Problem::log);
    let loaded = loaded_rules()?;
    let expected = rules.rules(&host);
    let differences: Vec<Difference<'_>> = differences(&expected, &loaded);
    print(&report::differences(&differences))?;
    Ok(match differences.is_empty() && !rules.has_errors() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn loaded_rules() -> Result<Vec<Rule>, Error> {
    let mut kernel = NetlinkClient::control()?;
    Kernel::rules(&mut kernel).map_err(|error| {
        let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
        let error = Error::new("list the audit rules", error);
        match is_denied {
            true => error.help("needs CAP_AUDIT_CONTROL; try sudo"),
            false => error,
        }
    })
}

fn print(text: &[u8]) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text).and_then(|()| out.flush());
    written.map_err(|error| Error::new("write to standard output", error))
}
