//! Files and networks (landlock(7)).
//!
//! A process in a Landlock domain may not look into any process outside of it, not even at the links
//! in `/proc/PID/fd` (security/landlock/task.c). That is why another process does so.

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

/// The newest version that this was tested with. Of what a kernel does not have, nothing is asked.
const TESTED: ABI = ABI::V6;

/// What is done with the output and beside it: it is appended to, made, mended, renamed and removed.
const WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadDir | ReadFile | WriteFile | Truncate | MakeReg | RemoveFile
});
/// What is done with an output that is no file, such as a pipe.
const WRITE_DEVICE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | WriteFile});
const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadDir | ReadFile});
const READ_FILE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile});

/// Leaves nothing to open but the outputs, and for a listener `/proc`; no TCP; and nobody outside to
/// send signals to.
pub(super) fn restrict(duty: Duty, writable: &[PathBuf]) {
    if duty == Duty::Inspect {
        return;
    }
    match try_to_restrict(duty, writable) {
        Ok(RulesetStatus::FullyEnforced) => log::debug!("files are confined by Landlock"),
        Ok(RulesetStatus::PartiallyEnforced) => {
            log::debug!("files are confined by Landlock, as far as this kernel has it");
        }
        Ok(RulesetStatus::NotEnforced) => {
            log::info!("this kernel has no Landlock to confine files")
        }
        Err(error) => log::info!("files are not confined by Landlock: {error}"),
    }
}

fn try_to_restrict(duty: Duty, writable: &[PathBuf]) -> Result<RulesetStatus, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(TESTED))?
        .handle_access(AccessNet::from_all(TESTED))?
        .scope(Scope::Signal)?
        .create()?;
    for file in writable {
        let (place, access) = place(file);
        if let Ok(place) = PathFd::new(place) {
            ruleset = ruleset.add_rule(PathBeneath::new(place, access))?;
        }
    }
    // Who it is that has taken the registration from us is in /proc/PID/comm. The other is read by
    // the C library before it gives memory back; not to let it would be a record of a denial.
    let (readable, access) = match duty {
        Duty::Listen => ("/proc", READ),
        _ => ("/proc/sys/vm/overcommit_memory", READ_FILE),
    };
    if let Ok(place) = PathFd::new(readable) {
        ruleset = ruleset.add_rule(PathBeneath::new(place, access))?;
    }
    Ok(ruleset.restrict_self()?.ruleset)
}

/// Where something may be written for an output to be written. A file may be renamed and made again,
/// so it is the directory; but not for what is no file: the directory of `/dev/null` is `/dev`.
///
/// A directory that was removed and made again is another one to Landlock. One that is the output's
/// own may vanish so, and for that it is the directory above it; one that is shared stays.
fn place(file: &Path) -> (PathBuf, BitFlags<AccessFs>) {
    if file.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return (file.to_owned(), WRITE_DEVICE);
    }
    let absolute = absolute(file).unwrap_or_else(|_| file.to_owned());
    let directory = absolute.parent().unwrap_or(&absolute);
    if !directory.is_dir() {
        // It may be made later; what is there of the way to it counts.
        let there = directory.ancestors().find(|above| above.is_dir());
        let there = there.filter(|above| above.parent().is_some());
        return (there.unwrap_or(directory).to_owned(), WRITE);
    }
    let above = directory.parent().filter(|above| above.parent().is_some());
    match above {
        Some(above) if is_own(directory, file) || is_mounted(directory, above) => {
            (above.to_owned(), WRITE)
        }
        _ => (directory.to_owned(), WRITE),
    }
}

/// Whether another file system begins at a directory; one may be mounted in its place.
fn is_mounted(directory: &Path, above: &Path) -> bool {
    let device = |path: &Path| path.metadata().map(|metadata| metadata.dev());
    device(directory).ok() != device(above).ok()
}

/// Whether there is nothing in a directory but a file and what was made of it, such as `FILE.1`.
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
    fn an_output_is_written_in_its_directory_and_a_device_by_itself() {
        let root = tempfile::tempdir().unwrap();
        let (own, shared) = (root.path().join("own"), root.path().join("shared"));
        for directory in [&own, &shared] {
            fs::create_dir(directory).unwrap();
            fs::write(directory.join("events"), "").unwrap();
            fs::write(directory.join("events.1"), "").unwrap();
        }
        fs::write(shared.join("others"), "").unwrap();
        assert_eq!(place(&shared.join("events")), (shared.clone(), WRITE));
        assert_eq!(place(&own.join("events")), (root.path().to_owned(), WRITE));
        assert_eq!(place(Path::new("/events")).0, Path::new("/"));
        assert_eq!(place(Path::new("/no-such/events")).0, Path::new("/no-such"));
        let null = Path::new("/dev/null");
        assert_eq!(place(null), (null.to_owned(), WRITE_DEVICE));
    }
}
