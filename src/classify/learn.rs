//! What an event says about paths, told to the memory for the events after it.
//!
//! Only calls that succeeded teach anything, but for descriptors: one that the kernel says is not
//! open is not what it was. What a call may have changed, if no record tells, is not known any
//! more.

mod descriptors;
mod mounts;
mod renames;

use crate::{
    classify::{
        calls::Names,
        claims::{Namer, Outcome, file_of},
        names::Named,
    },
    model::{Action, FileId, FileType},
    parse::NameType,
    resolve::{Seen, Sighting, text},
};
pub(crate) use descriptors::{executed, exited, forked, makes_thread, returned, silent};
use renames::Rename;

/// A call may have made a new file. Names that are known for its inode are of one before it.
pub(crate) fn new_file(namer: &mut Namer, names: Names) {
    let gives_names = matches!(names, Names::Rename(..) | Names::Link(..));
    if gives_names || !namer.succeeded() {
        return;
    }
    for new in namer.of(NameType::Create).filter_map(|new| new.file) {
        namer.memory.forget_names(new);
    }
}

/// A file was touched, or not.
pub(crate) fn file(namer: &mut Namer, named: &Named, names: Names) {
    if let Names::Descriptor(arg) | Names::Duplicate(arg) = names
        && let Some(fd) = namer.descriptor_argument(arg)
    {
        // close(2) closes the descriptor even if it fails.
        if namer.is_bad_descriptor() || named.action == Action::Closed {
            return namer.memory.forget_descriptor(namer.caller.pid, fd);
        }
    }
    match namer.outcome {
        Outcome::Succeeded => {}
        Outcome::Failed => return,
        Outcome::Unknown => return may_have_changed(namer, named),
    }
    if let Names::Duplicate(arg) = names {
        return descriptors::copied(namer, arg);
    }
    if let (Action::Linked, Some(file)) = (named.action, named.subject.and_then(|file| file.file)) {
        namer.memory.linked(file);
    }
    if matches!(named.action, Action::Mounted | Action::Unmounted) {
        return mounts::changed(namer, named);
    }
    let rename = (named.action == Action::Renamed).then(|| Rename::of(namer, named));
    if named.unresolved {
        half_known(namer, named, rename);
    } else {
        changed(namer, named, rename);
    }
    if let Some(rename) = rename {
        renames::moved_below(namer, rename.was_entry);
    }
    if (rename.is_some() || named.action == Action::Deleted) && takes_link(namer) {
        namer.memory.relinked();
    }
    descriptors::opened(namer, named, names);
}

/// Whether a symbolic link is no more at the place where it was.
fn takes_link(namer: &Namer) -> bool {
    let mut gone = namer.of(NameType::Delete);
    gone.any(|gone| gone.file_type == FileType::Symlink)
}

/// A call may have touched a file, or not: what it would have changed is not known any more.
#[cold]
fn may_have_changed(namer: &mut Namer, named: &Named) {
    match named.action {
        // No record tells the descriptor.
        Action::Closed => namer.memory.forget_descriptors(namer.caller.pid),
        Action::Deleted | Action::Renamed => {
            let from = named.real_path.or(named.path);
            let to = named.real_dest_path.or(named.dest_path);
            for path in [from, to].into_iter().flatten() {
                // A part of a path says nothing of the paths from the root.
                if path.starts_with(b"/") {
                    namer.memory.forget_path(path);
                }
            }
            if takes_link(namer) {
                namer.memory.relinked();
            }
            forget_files(namer);
            renames::moved_below(namer, false);
        }
        Action::Linked => {
            if let Some(file) = named.subject.and_then(|file| file.file) {
                namer.memory.linked(file);
            }
        }
        _ => {
            // Its record shows a nameless file only if there is one.
            if let Some(new) = named.nameless() {
                namer.memory.forget_names(new);
            }
        }
    }
}

/// A file was touched whose names are all proved.
fn changed(namer: &mut Namer, named: &Named, rename: Option<Rename>) {
    let host = namer.host;
    let file = named.subject.and_then(file_of);
    let (path, dest) = (
        named.real_path.or(named.path),
        named.real_dest_path.or(named.dest_path),
    );
    match (named.action, path, dest) {
        (Action::Deleted, Some(path), _) if is_elsewhere(namer, file) => {
            namer.memory.forget_path(path);
        }
        (Action::Deleted, Some(path), _) => namer.memory.removed(path, file, host),
        (Action::Renamed, Some(from), Some(to)) => {
            // The file that had the name before is gone.
            for gone in renames::replaced(namer, named) {
                namer.memory.removed(to, file_of(gone), host);
            }
            if named.exchanged {
                let other = renames::partner(namer, file);
                if !namer.memory.exchanged((from, file), (to, other), host) {
                    return forget_files(namer);
                }
            } else if rename.is_some_and(|rename| rename.may_be_exchange) {
                namer.memory.forget_path(from);
                namer.memory.forget_path(to);
                return forget_files(namer);
            } else {
                namer.memory.renamed(from, to, file, host);
            }
        }
        _ => {}
    }
    if let (Action::Linked, Some(path), Some((file, file_type))) = (named.action, path, file) {
        let seen = Seen {
            file,
            file_type,
            sighting: Sighting::Reached,
        };
        namer.memory.seen(path, seen, host);
    }
    let Some(path) = dest.or(path) else { return };
    let seen = file.filter(|_| named.action != Action::Deleted);
    let seen = seen.map(|(file, file_type)| Seen {
        file,
        file_type,
        sighting: sighting(namer, named, path),
    });
    // A directory that was replaced takes with it what is known in it.
    parent(namer, named, path);
    if let Some(seen) = seen {
        namer.memory.seen(path, seen, host);
    }
}

/// Whether the inode of a removed file is known in other directories alone. Events come in the
/// order in which calls returned, so another process may have made a new file with that number by
/// now.
fn is_elsewhere(namer: &mut Namer, removed: Option<(FileId, FileType)>) -> bool {
    match (removed, namer.only_parent()) {
        (Some((file, _)), Some(parent)) => namer.memory.is_elsewhere(file, parent),
        _ => false,
    }
}

/// Forgets the names of all files of a call.
fn forget_files(namer: &mut Namer) {
    for file in [NameType::Delete, NameType::Create] {
        for file in namer.of(file).filter_map(|record| record.file) {
            namer.memory.forget_names(file);
        }
    }
}

/// How the file of a call is known to have its path.
fn sighting(namer: &mut Namer, named: &Named, path: &[u8]) -> Sighting {
    let nametype = named.subject.map(|file| file.nametype);
    match named.action {
        _ if nametype != Some(NameType::Create) => Sighting::Reached,
        // Through a link it was created in the directory of the link's target.
        _ if named.follows && !is_in_its_directory(namer, path) => Sighting::Reached,
        Action::Renamed | Action::Linked => Sighting::Entry,
        _ => Sighting::Created,
    }
}

/// Whether nothing is known against the PARENT record of a call being about the directory of a
/// path.
fn is_in_its_directory(namer: &mut Namer, path: &[u8]) -> bool {
    let Some(parent) = namer.only_parent() else {
        return false;
    };
    let directory = text::directory(path);
    let known = namer.memory.known_file(directory);
    known.is_none_or(|known| known == parent)
}

/// A file was touched of which not all names are proved. The call still makes known names void.
fn half_known(namer: &mut Namer, named: &Named, rename: Option<Rename>) {
    let host = namer.host;
    let file = named.subject.and_then(file_of);
    let full = |path: &&[u8]| path.starts_with(b"/") && !path.ends_with(b"/");
    let (from, to) = (named.path.filter(full), named.dest_path.filter(full));
    if !matches!(
        named.action,
        Action::Renamed | Action::Linked | Action::Deleted
    ) {
        return;
    }
    for path in [from, to].into_iter().flatten() {
        if named.action != Action::Linked {
            namer.memory.removed(path, file, host);
        }
    }
    if let (Action::Renamed, None, Some((file, _))) = (named.action, from, file) {
        namer.memory.forget_names(file);
    }
    for gone in namer.of(NameType::Delete) {
        if is_elsewhere(namer, file_of(gone)) {
            continue;
        }
        match (gone.name, file_of(gone)) {
            (Some(name), Some(file)) => {
                namer
                    .memory
                    .removed_somewhere(text::basename(name), file, None);
            }
            (None, Some((file, _))) => namer.memory.forget_names(file),
            _ => {}
        }
    }
    if let (Some(path), Some((file, file_type))) = (to, file)
        && !named.exchanged
        && !rename.is_some_and(|rename| rename.may_be_exchange)
        && !namer.facts.lacks_paths()
    {
        let seen = Seen {
            file,
            file_type,
            sighting: Sighting::Entry,
        };
        namer.memory.seen(path, seen, host);
    }
}

/// The directory of a file, where there is just one of them, and it is surely the one of the name.
fn parent(namer: &mut Namer, named: &Named, path: &[u8]) {
    let Some(file) = namer.only_parent() else {
        return;
    };
    let directory = text::directory(path);
    let is_cwd = namer.cwd() == Some(directory);
    if named.follows {
        // Most files are created in a directory that is known, and asking the live system costs
        // more than the rest of the event.
        if namer.memory.is_placed(file, directory) || !namer.ask().is_at(directory, file) {
            return;
        }
    }
    let seen = Seen {
        file,
        file_type: FileType::Directory,
        sighting: if is_cwd {
            Sighting::Entry
        } else {
            Sighting::Reached
        },
    };
    namer.memory.seen(directory, seen, namer.host);
}
