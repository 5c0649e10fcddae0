//! What a rename moves, and whether its records tell.

use smallvec::SmallVec;

use crate::{
    classify::{
        claims::{Namer, file_of},
        identify,
        names::Named,
    },
    model::{FileId, FileType},
    parse::{NameType, PathRecord},
    resolve::text,
};

/// What is known of a rename before it changes what is known.
#[derive(Clone, Copy)]
pub(super) struct Rename {
    /// Each file that it moves is known at its old place, through no symbolic link.
    pub(super) was_entry: bool,
    /// Its records are those of a rename as well as those of an exchange.
    pub(super) may_be_exchange: bool,
}

impl Rename {
    pub(super) fn of(namer: &mut Namer, named: &Named) -> Rename {
        let may_be_exchange = !named.exchanged && may_be_exchange(namer, named);
        Rename {
            was_entry: !may_be_exchange && was_entry(namer, named),
            may_be_exchange,
        }
    }
}

fn was_entry(namer: &mut Namer, named: &Named) -> bool {
    let (from, to) = (
        named.real_path.or(named.path),
        named.real_dest_path.or(named.dest_path),
    );
    let Some(from) = from else {
        let file = named.subject.and_then(|file| file.file);
        return !named.exchanged && file.is_some_and(|file| namer.memory.has_proved_name(file));
    };
    // Where only a directory is known, its path ends in a slash.
    let mut is_entry = |path: &[u8]| !path.ends_with(b"/") && namer.memory.is_entry(path);
    is_entry(from) && (!named.exchanged || to.is_some_and(is_entry))
}

/// Whether a rename may be an exchange. Where both names have the same last part and what stands
/// before it is equally long, the DELETE records of an exchange are one, about the second file, and
/// so are its CREATE records (kernel/auditsc.c, `audit_compare_dname_path`).
fn may_be_exchange(namer: &mut Namer, named: &Named) -> bool {
    let name = |nametype| namer.of(nametype).next()?.name.map(text::split);
    let names = name(NameType::Delete).zip(name(NameType::Create));
    if !names.is_some_and(|(old, new)| old.0.len() == new.0.len() && old.1 == new.1)
        || identify(namer.call).0 != Some("renameat2")
        || replaced(namer, named).next().is_some()
    {
        return false;
    }
    let moved = named.subject.and_then(|file| file.file);
    let (from, to) = (
        named.real_path.or(named.path),
        named.real_dest_path.or(named.dest_path),
    );
    // The file was at the old name, or the live system tells that it is at the new one.
    let was_there = from
        .zip(moved)
        .is_some_and(|(from, moved)| namer.memory.leads_to(from, moved));
    let is_there = |(to, moved)| namer.ask().is_at(to, moved);
    !was_there && !to.zip(moved).is_some_and(is_there)
}

/// The files that a rename replaced.
pub(super) fn replaced<'a, 'm>(
    namer: &Namer<'a, 'm>,
    named: &Named<'a>,
) -> impl Iterator<Item = &'a PathRecord<'a>> + use<'a, 'm> {
    let (is_exchange, moved) = (named.exchanged, named.subject.and_then(|file| file.file));
    let deleted = namer.of(NameType::Delete);
    deleted.filter(move |file| !is_exchange && file.file.is_some() && file.file != moved)
}

/// The file that a file has changed places with. Names with the same last part share records, so any
/// may have it.
pub(super) fn partner(
    namer: &Namer,
    file: Option<(FileId, FileType)>,
) -> Option<(FileId, FileType)> {
    let (file, _) = file?;
    let mut moved = [NameType::Delete, NameType::Create]
        .into_iter()
        .flat_map(|nametype| namer.of(nametype))
        .filter_map(file_of);
    moved.find(|(other, _)| *other != file)
}

/// Directories were moved, and with them all paths that are known to lead through them. Paths that
/// perhaps do are forgotten.
pub(super) fn moved_below(namer: &mut Namer, was_entry: bool) {
    let holders: SmallVec<[FileId; 2]> = namer
        .of(NameType::Parent)
        .filter_map(|parent| parent.file)
        .collect();
    let deleted = namer.of(NameType::Delete);
    let directories = deleted.filter(|moved| moved.file_type == FileType::Directory);
    // An exchange moves two.
    let moved: Option<SmallVec<[&[u8]; 2]>> = directories
        .map(|moved| moved.name.map(text::basename))
        .collect();
    match moved {
        Some(none) if none.is_empty() => {}
        Some(moved) => namer.memory.forget_lookalikes(&moved, &holders, was_entry),
        // Linux before 6.14 leaves out a name that ends in a slash.
        None if was_entry => namer.memory.relinked(),
        None => namer.memory.overturned(),
    }
}
