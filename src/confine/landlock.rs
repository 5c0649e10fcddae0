//! Restricts access to files and networks with landlock(7).
//!
//! A process in a Landlock domain cannot inspect processes outside it, not even the links in
//! `/proc/PID/fd` (security/landlock/task.c). That is why the inspector and the scanner are not
//! restricted here.

use std::{
    fs::DirEntry,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf, absolute},
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags,
};

use crate::confine::Duty;

/// The newest version tested. Access rights that the kernel does not know are left out.
const TESTED: ABI = ABI::V6;

/// Access to an output file's directory: files are created, appended to, truncated, renamed,
/// removed.
const WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadDir | ReadFile | WriteFile | Truncate | MakeReg | RemoveFile
});
/// Access to an output that is not a regular file, such as a pipe.
const WRITE_DEVICE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | WriteFile});
const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadDir | ReadFile});
const READ_FILE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile});
const READ_DIRECTORY: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadDir});

/// Allows opening the outputs and, for a listener, `/proc`, and nothing else; or, for a process
/// that reads directories, nothing but those. Denies TCP, and signals to other processes. Returns
/// whether the kernel enforces that.
pub(super) fn restrict(duty: Duty, writable: &[PathBuf], readable: &[PathBuf]) -> bool {
    if matches!(duty, Duty::Inspect | Duty::Scan) {
        return false;
    }
    let restricted = try_to_restrict(duty, writable, readable);
    match &restricted {
        Ok(RulesetStatus::FullyEnforced) => log::debug!("files are confined by Landlock"),
        Ok(RulesetStatus::PartiallyEnforced) => {
            log::debug!("files are confined by Landlock, as far as this kernel supports it");
        }
        Ok(RulesetStatus::NotEnforced) => {
            log::info!("files are not confined: this kernel has no Landlock")
        }
        Err(error) => log::info!("files are not confined by Landlock: {error}"),
    }
    restricted.is_ok_and(|status| status != RulesetStatus::NotEnforced)
}

fn try_to_restrict(
    duty: Duty,
    writable: &[PathBuf],
    readable: &[PathBuf],
) -> Result<RulesetStatus, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(TESTED))?
        .handle_access(AccessNet::from_all(TESTED))?
        .scope(Scope::Signal)?
        .create()?;
    for file in writable {
        let (path, access) = grant(file);
        if let Ok(fd) = PathFd::new(path) {
            ruleset = ruleset.add_rule(PathBeneath::new(fd, access))?;
        }
    }
    for file in readable {
        let absolute = absolute(file).unwrap_or_else(|_| file.clone());
        if let Ok(fd) = PathFd::new(absolute.parent().unwrap_or(&absolute)) {
            ruleset = ruleset.add_rule(PathBeneath::new(fd, READ_FILE))?;
        }
    }
    // /proc/PID/comm names the process that replaced us as the audit daemon. glibc reads
    // overcommit_memory before it trims the heap; denying that would log an audit record.
    let (readable, access) = match duty {
        Duty::Listen => ("/proc", READ),
        Duty::List => ("/", READ_DIRECTORY),
        _ => ("/proc/sys/vm/overcommit_memory", READ_FILE),
    };
    if let Ok(fd) = PathFd::new(readable) {
        ruleset = ruleset.add_rule(PathBeneath::new(fd, access))?;
    }
    Ok(ruleset.restrict_self()?.ruleset)
}

/// The path to grant write access to, and the access, for an output. For a file it is the
/// directory, since rotation renames and recreates the file; for a device it is the device itself.
///
/// To Landlock, a directory that was removed and recreated is a different one. A directory that
/// holds only the output may be recreated, so its parent is granted instead.
fn grant(file: &Path) -> (PathBuf, BitFlags<AccessFs>) {
    if file.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return (file.to_owned(), WRITE_DEVICE);
    }
    let absolute = absolute(file).unwrap_or_else(|_| file.to_owned());
    let directory = absolute.parent().unwrap_or(&absolute);
    if !directory.is_dir() {
        // It may be created later: grant its nearest ancestor that exists, but never the root.
        let existing = directory.ancestors().find(|above| above.is_dir());
        let existing = existing.filter(|above| above.parent().is_some());
        return (existing.unwrap_or(directory).to_owned(), WRITE);
    }
    let above = directory.parent().filter(|above| above.parent().is_some());
    match above {
        Some(above) if is_own(directory, file) || is_mounted(directory, above) => {
            (above.to_owned(), WRITE)
        }
        _ => (directory.to_owned(), WRITE),
    }
}

/// Whether a directory is a mount point: a file system may be mounted there again.
fn is_mounted(directory: &Path, above: &Path) -> bool {
    let device = |path: &Path| path.metadata().map(|metadata| metadata.dev());
    device(directory).ok() != device(above).ok()
}

/// Whether a directory holds only a file and names that start with its name, such as `FILE.1`.
fn is_own(directory: &Path, file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().as_encoded_bytes();
    let is_ours = |entry: DirEntry| entry.file_name().as_encoded_bytes().starts_with(name);
    directory
        .read_dir()
        .is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(is_ours)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_grants_its_directory_and_a_device_only_itself() {
        let root = tempfile::tempdir().unwrap();
        let (own, shared) = (root.path().join("own"), root.path().join("shared"));
        for directory in [&own, &shared] {
            fs::create_dir(directory).unwrap();
            fs::write(directory.join("events"), "").unwrap();
            fs::write(directory.join("events.1"), "").unwrap();
        }
        fs::write(shared.join("others"), "").unwrap();
        assert_eq!(grant(&shared.join("events")), (shared.clone(), WRITE));
        assert_eq!(grant(&own.join("events")), (root.path().to_owned(), WRITE));
        assert_eq!(grant(Path::new("/events")).0, Path::new("/"));
        assert_eq!(grant(Path::new("/no-such/events")).0, Path::new("/no-such"));
        let null = Path::new("/dev/null");
        assert_eq!(grant(null), (null.to_owned(), WRITE_DEVICE));
    }
}
