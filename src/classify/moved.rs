//! The working directory of a rename that moved it.
//!
//! The path of the CWD record is made when the call returns (kernel/auditsc.c, `audit_log_exit`).
//! If the call renamed a directory above the caller's, that is the new path, but the names of the
//! call were relative to the old one.

use bumpalo::Bump;
use smallvec::SmallVec;

use crate::resolve::{Base, text};

type Parts<'q> = SmallVec<[&'q [u8]; 16]>;

/// A name of a rename, and the directory that it is relative to.
#[derive(Clone, Copy)]
pub(super) enum Side<'q> {
    Cwd(&'q [u8]),
    Absolute(&'q [u8]),
    /// The directory of a descriptor, or one that the call does not tell.
    Elsewhere(&'q [u8]),
}

/// The base of the names of a rename, if it may not be the directory in the CWD record: the working
/// directory before the call, as far as the names tell it. Inodes have to prove it.
///
/// Names alone do not always tell whether a directory above the caller's was moved: the new name
/// may also be that of another directory.
pub(super) fn base<'a>(
    after: &[u8],
    old: Side<'_>,
    new: Side<'_>,
    arena: &'a Bump,
) -> Option<Base<'a>> {
    let leads_up = |side| matches!(side, Side::Cwd(name) if name.starts_with(b".."));
    if !leads_up(old) && !leads_up(new) {
        return None;
    }
    let parts: Parts = text::names(after).collect();
    let (old_name, new_name) = (Name::of(old), Name::of(new));
    let mut found = None;
    for depth in 0..=parts.len() {
        let (place, below) = parts.split_at(depth);
        let before = match old_place(place, below.len(), &old_name, &new_name) {
            Old::Contradicted => continue,
            Old::Untold => None,
            Old::At(mut old) => {
                old.extend_from_slice(below);
                Some(path(&old, arena))
            }
        };
        let is_same = |side| match (side, before) {
            (Side::Cwd(name), Some(before)) => {
                text::join(after, name, arena) == text::join(before, name, arena)
            }
            (Side::Cwd(_), None) => false,
            _ => true,
        };
        if !(is_same(old) && is_same(new)) {
            let only = before.filter(|_| found.is_none());
            found = Some(Base::Unknown(only));
        }
    }
    found
}

/// Where a directory was before the call.
enum Old<'q> {
    /// The names contradict that it was moved.
    Contradicted,
    /// The names do not tell.
    Untold,
    At(Vec<&'q [u8]>),
}

/// Where a directory was that is now at `place`, this many levels above the working directory.
fn old_place<'q>(place: &[&'q [u8]], levels: usize, old: &Name<'q>, new: &Name<'q>) -> Old<'q> {
    let is_old = match old.side {
        Side::Cwd(_) => !old.parts.is_empty() && old.ups == levels + old.parts.len(),
        _ => true,
    };
    let is_new = match new.side {
        // A directory cannot be moved into itself, so the name leads out of it.
        Side::Cwd(_) => new.ups > levels && place.ends_with(&new.parts),
        Side::Absolute(_) => *place == *new.parts,
        Side::Elsewhere(_) => place.ends_with(&new.parts),
    };
    if !is_old || !is_new {
        return Old::Contradicted;
    }
    // The new name goes this many levels above the old place, and down again.
    let common = match new.side {
        Side::Cwd(_) => Some((&place[..place.len() - new.parts.len()], new.ups - levels)),
        _ => None,
    };
    match (old.side, common) {
        (Side::Elsewhere(_), _) | (Side::Cwd(_), None) => Old::Untold,
        (Side::Absolute(_), None) => Old::At(old.parts.to_vec()),
        (_, Some((common, height))) => {
            let Some(shown) = old.parts.len().checked_sub(height) else {
                return match old.side {
                    Side::Cwd(_) => Old::Untold,
                    _ => Old::Contradicted,
                };
            };
            let (above, below) = old.parts.split_at(shown);
            let agrees = match old.side {
                Side::Absolute(_) => *common == *above,
                _ => common.ends_with(above),
            };
            match agrees {
                true => Old::At(common.iter().chain(below).copied().collect()),
                false => Old::Contradicted,
            }
        }
    }
}

/// A name as text: the levels that it goes up, and the parts after them.
struct Name<'q> {
    side: Side<'q>,
    ups: usize,
    parts: Parts<'q>,
}

impl<'q> Name<'q> {
    fn of(side: Side<'q>) -> Name<'q> {
        let (Side::Cwd(name) | Side::Absolute(name) | Side::Elsewhere(name)) = side;
        let mut cleaned = Name {
            side,
            ups: 0,
            parts: Parts::new(),
        };
        for part in text::names(name) {
            match part {
                b"." => {}
                b".." if cleaned.parts.pop().is_none() => cleaned.ups += 1,
                b".." => {}
                part => cleaned.parts.push(part),
            }
        }
        cleaned
    }
}

fn path<'a>(parts: &[&[u8]], arena: &'a Bump) -> &'a [u8] {
    text::join(b"/", &parts.join(&b'/'), arena)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All absolute paths of one to `depth` parts.
    fn paths(depth: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..depth {
            let longer = |path: &String| ["a", "b"].map(|part| format!("{path}/{part}"));
            last = last.iter().flat_map(longer).collect();
            all.extend(last.iter().cloned());
        }
        all.remove(0);
        all
    }

    /// The name that leads from a directory to a path by the fewest parts.
    fn relative(from: &str, to: &str) -> String {
        let from: Vec<&str> = from.split('/').skip(1).collect();
        let to: Vec<&str> = to.split('/').skip(1).collect();
        let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        let shared = shared.min(to.len() - 1);
        let ups = std::iter::repeat_n("..", from.len() - shared);
        let parts: Vec<&str> = ups.chain(to[shared..].iter().copied()).collect();
        parts.join("/")
    }

    fn is_within(path: &str, directory: &str) -> bool {
        path.strip_prefix(directory)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn joins(cwd: &str, name: &str, path: &str) -> bool {
        text::join(cwd.as_bytes(), name.as_bytes(), &Bump::new()) == path.as_bytes()
    }

    /// The sides that a path can be given by.
    fn sides<'q>(absolute: &'q str, relative: &'q str) -> [Side<'q>; 3] {
        let last = absolute.rsplit('/').next().unwrap_or_default();
        [
            Side::Cwd(relative.as_bytes()),
            Side::Absolute(absolute.as_bytes()),
            Side::Elsewhere(last.as_bytes()),
        ]
    }

    /// Each rename of a directory in a small tree: the working directory, the old and the new path.
    fn renames() -> Vec<[String; 3]> {
        let mut all = Vec::new();
        for (cwd, old) in pairs(paths(4), &paths(3)) {
            for (old, new) in pairs(vec![old], &paths(3)) {
                let is_nested = is_within(&new, &old) || is_within(&old, &new);
                if !is_nested && !is_within(&cwd, &new) {
                    all.push([cwd.clone(), old, new]);
                }
            }
        }
        all
    }

    fn pairs(left: Vec<String>, right: &[String]) -> Vec<(String, String)> {
        let with_each = |one: String| right.iter().map(move |other| (one.clone(), other.clone()));
        left.into_iter().flat_map(with_each).collect()
    }

    #[test]
    fn no_name_is_joined_to_a_directory_that_it_was_not_relative_to() {
        let mut told = 0;
        for [cwd, old, new] in renames() {
            let after = match cwd.strip_prefix(&old) {
                Some(rest) if is_within(&cwd, &old) => format!("{new}{rest}"),
                _ => cwd.clone(),
            };
            let (from, to) = (relative(&cwd, &old), relative(&cwd, &new));
            let (olds, news) = (sides(&old, &from), sides(&new, &to));
            for (old_side, new_side) in olds.iter().flat_map(|old| news.map(|new| (*old, new))) {
                let arena = Bump::new();
                let base = base(after.as_bytes(), old_side, new_side, &arena);
                let directory = match base {
                    None => after.as_str(),
                    Some(Base::Unknown(Some(before))) if after != cwd => {
                        told += 1;
                        str::from_utf8(before).unwrap()
                    }
                    Some(_) => continue,
                };
                for (side, name, path) in [(old_side, &from, &old), (new_side, &to, &new)] {
                    let is_right = !matches!(side, Side::Cwd(_)) || joins(directory, name, path);
                    assert!(is_right, "{cwd}: {old} to {new}, {directory}");
                }
            }
        }
        assert!(told > 0);
    }

    #[test]
    fn a_rename_beside_the_working_directory_is_joined_to_it() {
        let check = |after: &str, old: &str, new: &str| {
            let (old, new) = (Side::Cwd(old.as_bytes()), Side::Cwd(new.as_bytes()));
            base(after.as_bytes(), old, new, &Bump::new()).is_none()
        };
        assert!(check("/srv/app/src", "../lib", "../old/lib"));
        assert!(check("/srv/app/src", "lib", "../lib"));
        assert!(check("/srv/app", "../app2", "../app3"));
        // The directory itself, under another name in the same directory.
        assert!(check("/srv/app", "../app2", "../app"));
        assert!(!check("/srv/x/y/b/c", "../../../a/b", "../../../x/y/b"));
    }
}
