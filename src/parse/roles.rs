//! The roles of files in records of kernels that do not write them.
//!
//! PATH records have a `nametype` since Linux 3.10 (`objtype` in some vendors' kernels before).
//! Older kernels write the files in the order in which they looked them up (kernel/auditsc.c,
//! `audit_inode` and `audit_inode_child`): the directories before their entries.

use crate::{
    model::{Arch, syscall_name},
    parse::{CallRecord, NameType, PathRecord},
};

/// The flags of open(2) with which a success proves that the file is new: O_CREAT and O_EXCL, the
/// same on all architectures but two, which no kernel without `nametype` supported in this audit
/// form (include/uapi/asm-generic/fcntl.h).
const CREATES: u64 = 0o300;

/// Fills in the roles of records that lack them, as far as the call determines them.
#[cold]
pub(super) fn infer(paths: &mut [PathRecord<'_>], call: &CallRecord<'_>) {
    use NameType::Parent;
    let Some(entries) = entries(call, paths.len()) else {
        return;
    };
    if call.success == Some(b"no") {
        // The entry may be missing, but a directory that was looked up for it is known.
        let is_parent = |path: &&mut PathRecord| path.is_directory() && ends_in_slash(path);
        paths
            .iter_mut()
            .filter(is_parent)
            .for_each(|path| path.nametype = Parent);
        return;
    }
    let (parents, entered) = paths.split_at_mut(paths.len().saturating_sub(entries.len()));
    for path in parents.iter_mut() {
        path.nametype = Parent;
    }
    for (path, role) in entered.iter_mut().zip(entries) {
        path.nametype = *role;
    }
    // Some vendors' kernels write the name with the directory, and the entry without a name.
    if let ([directory, ..], [entry]) = (parents, entered)
        && entry.name.is_none()
        && !ends_in_slash(directory)
    {
        entry.name = directory.name.take();
    }
}

fn ends_in_slash(path: &PathRecord<'_>) -> bool {
    path.name.is_some_and(|name| name.ends_with(b"/"))
}

/// The roles of the last of `count` names of a call; the names before them are directories. `None`
/// if the call neither adds nor removes names, or has another number of them.
fn entries(call: &CallRecord<'_>, count: usize) -> Option<&'static [NameType]> {
    use NameType::{Create, Delete, Normal, Parent};
    let (arch, _) = call.arch?;
    let number = call.number?;
    let name = syscall_name(Arch::of(arch, number)?, number)?;
    let creates = |flags: usize| {
        call.arg(flags)
            .is_some_and(|flags| flags & CREATES == CREATES)
    };
    match (name, count) {
        ("open", _) if creates(1) => Some(&[Create]),
        ("openat", _) if creates(2) => Some(&[Create]),
        ("mkdir" | "mkdirat" | "mknod" | "mknodat" | "symlink" | "symlinkat", _) => Some(&[Create]),
        ("unlink" | "unlinkat" | "rmdir", _) => Some(&[Delete]),
        // The third of five is the file that the new name had belonged to.
        ("rename" | "renameat", 5) => Some(&[Delete, Delete, Create]),
        ("rename" | "renameat", 4) => Some(&[Delete, Create]),
        ("link" | "linkat", 3) => Some(&[Normal, Parent, Create]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::facts;
    use crate::{
        Arena,
        model::{
            EventId, Groups,
            record_type::{AUDIT_PATH, AUDIT_SYSCALL},
        },
    };

    /// The roles and names of records without a nametype, each a name and a mode.
    #[track_caller]
    fn check(call: &str, paths: &[(&str, &str)], expected: &[(NameType, Option<&str>)]) {
        let mut groups = Groups::default();
        let mut group = groups.begin(EventId::default(), b"");
        group.push(AUDIT_SYSCALL, format!("arch=c000003e {call}").as_bytes());
        for (item, (name, mode)) in paths.iter().enumerate() {
            let body = format!("item={item} name={name} inode={item} dev=fd:00 mode={mode}");
            group.push(AUDIT_PATH, body.as_bytes());
        }
        let (arena, group) = (Arena::new(), groups.last().unwrap());
        let facts = facts(&group, &arena);
        let got = facts.paths.iter().map(|path| {
            (
                path.nametype,
                path.name.map(|name| str::from_utf8(name).unwrap()),
            )
        });
        assert_eq!(got.collect::<Vec<_>>(), expected, "{call}");
    }

    const DIRECTORY: &str = "040755";
    const FILE: &str = "0100644";

    #[test]
    fn a_directory_is_never_taken_for_the_entry() {
        use NameType::{Create, Delete, Parent};
        let entry = [("\"/srv/\"", DIRECTORY), ("\"/srv/new\"", FILE)];
        let named = |role| [(Parent, Some("/srv/")), (role, Some("/srv/new"))];
        check("syscall=2 success=yes a1=c1", &entry, &named(Create));
        check("syscall=257 success=yes a2=2c2", &entry, &named(Create));
        check("syscall=87 success=yes", &entry, &named(Delete));
        check("syscall=83 success=yes", &entry, &named(Create));
        // Without O_EXCL, the file may have existed.
        let unknown = named(NameType::Unknown).map(|(_, name)| (NameType::Unknown, name));
        check("syscall=2 success=yes a1=41", &entry, &unknown);
    }

    #[test]
    fn a_failed_call_names_only_directories() {
        let paths = [("\"/srv/\"", DIRECTORY)];
        check(
            "syscall=87 success=no exit=-2",
            &paths,
            &[(NameType::Parent, Some("/srv/"))],
        );
    }

    #[test]
    fn the_name_of_an_entry_that_was_written_with_its_directory_goes_to_the_entry() {
        let paths = [
            ("\"n\"", DIRECTORY),
            ("(null)", DIRECTORY),
            ("(null)", FILE),
        ];
        let expected = [
            (NameType::Parent, None),
            (NameType::Parent, None),
            (NameType::Create, Some("n")),
        ];
        check("syscall=2 success=yes a1=c1", &paths, &expected);
    }

    #[test]
    fn a_rename_has_both_names_and_the_file_that_it_replaced() {
        use NameType::{Create, Delete, Parent};
        let paths = [
            ("\"/a/\"", DIRECTORY),
            ("\"/b/\"", DIRECTORY),
            ("\"/a/x\"", FILE),
            ("\"/b/y\"", FILE),
            ("\"/b/y\"", FILE),
        ];
        let expected = [
            (Parent, Some("/a/")),
            (Parent, Some("/b/")),
            (Delete, Some("/a/x")),
            (Delete, Some("/b/y")),
            (Create, Some("/b/y")),
        ];
        check("syscall=82 success=yes", &paths, &expected);
        let four = [0, 1, 2, 4].map(|index: usize| expected[index]);
        check(
            "syscall=82 success=yes",
            &[paths[0], paths[1], paths[2], paths[4]],
            &four,
        );
    }
}
