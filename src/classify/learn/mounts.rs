//! What a call that mounts or unmounts something changes: the paths that lead through a few files.

use crate::{
    classify::{claims::Namer, identify, names::Named},
    model::{Action, FileId},
    parse::NameType,
    resolve::text,
};

/// Flags of mount(2) (linux/mount.h).
const MS_REMOUNT: u64 = 0x20;
const MS_BIND: u64 = 0x1000;
const MS_MOVE: u64 = 0x2000;
/// `MS_UNBINDABLE`, `MS_PRIVATE`, `MS_SLAVE` and `MS_SHARED`.
const MS_PROPAGATION: u64 = 0x1e_0000;
/// Programs from the time of Linux 2.2 have these bits, which count for nothing then.
const MS_MGC_VAL: u64 = 0xc0ed_0000;
const MS_MGC_MSK: u64 = 0xffff_0000;

/// What a call does to paths.
enum Change {
    /// It changes how something is mounted, which leaves all paths as they are.
    None,
    /// It covers a file, or takes away what was on it.
    One,
    /// It moves a mount: away from its root, and onto another file.
    Two,
    /// It changes what `/` is.
    Root,
}

/// Takes in a call that has succeeded.
///
/// The record of a covered file has the inode that was there before. That of umount2 has the root of
/// the file system that is gone (fs/namei.c, `path_lookupat` and `handle_lookup_down`). A name that
/// ends in `.` stands for the directory itself, even if something is mounted over it; then the path
/// tells more than the inode.
pub(super) fn changed(namer: &mut Namer, named: &Named) {
    let files = match Change::of(namer) {
        Change::None => return,
        Change::One => named.subject.and_then(|file| file.file).map(|it| [it; 2]),
        Change::Two => both(namer),
        Change::Root => None,
    };
    let place = match named.action {
        Action::Unmounted => named.path,
        _ => named.dest_path,
    };
    let is_dot = |name| matches!(text::basename(name), b"" | b".");
    if let Some(place) = place
        && named.subject.and_then(|file| file.name).is_none_or(is_dot)
    {
        namer.memory.forget_path(place);
    }
    match files.filter(|_| !namer.facts.lacks_paths()) {
        Some(files) => namer.memory.remounted(files),
        None => namer.memory.overturned(),
    }
}

impl Change {
    fn of(namer: &Namer) -> Change {
        match identify(namer.call).0 {
            Some("mount") => namer.call.arg(3).map_or(Change::Root, Change::by_flags),
            Some("mount_setattr") => Change::None,
            Some("umount" | "umount2") => Change::One,
            Some("move_mount") => Change::Two,
            _ => Change::Root,
        }
    }

    /// The kernel looks at the flags in this order (fs/namespace.c, `path_mount`).
    fn by_flags(flags: u64) -> Change {
        let is_old = flags & MS_MGC_MSK == MS_MGC_VAL;
        let flags = if is_old { flags & !MS_MGC_MSK } else { flags };
        let has = |flag| flags & flag != 0;
        if has(MS_REMOUNT) || !has(MS_BIND) && has(MS_PROPAGATION) {
            Change::None
        } else if has(MS_MOVE) && !has(MS_BIND) {
            Change::Two
        } else {
            Change::One
        }
    }
}

/// The root of a mount that is moved, and the file that it covers then. Of mount(2), which looks up
/// both, one record is that of both: they have one inode.
fn both(namer: &Namer) -> Option<[FileId; 2]> {
    let files = namer.facts.paths.iter();
    let named = files.filter(|path| path.nametype != NameType::Parent);
    let mut files = named.filter_map(|path| path.file);
    let first = files.next()?;
    let is_one = identify(namer.call).0 == Some("mount");
    Some([first, files.next().or(is_one.then_some(first))?])
}
