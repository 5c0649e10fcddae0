//! Paths as text.

use bumpalo::{Bump, collections::Vec};

use crate::parse::find;

/// Joins a name to an absolute directory and cleans the result: no `.`, `..`, `//` or `/` at the
/// end. Symbolic links are not followed, so `..` is taken as text. An absolute name needs no
/// directory.
pub(crate) fn join<'a>(directory: &[u8], name: &[u8], arena: &'a Bump) -> &'a [u8] {
    let mut path = Vec::with_capacity_in(directory.len() + name.len() + 2, arena);
    if !name.starts_with(b"/") {
        append(&mut path, directory);
    }
    append(&mut path, name);
    if path.is_empty() {
        path.push(b'/');
    }
    path.into_bump_slice()
}

fn append(path: &mut Vec<'_, u8>, text: &[u8]) {
    for name in names(text) {
        match name {
            b"." => {}
            b".." => path.truncate(memchr::memrchr(b'/', path).unwrap_or(0)),
            name => {
                path.push(b'/');
                path.extend_from_slice_copy(name);
            }
        }
    }
}

/// The names that a path is made of.
pub(crate) fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = path;
    std::iter::from_fn(move || {
        while let [b'/', tail @ ..] = rest {
            rest = tail;
        }
        let end = find(b'/', rest).unwrap_or(rest.len());
        let (name, tail) = rest.split_at(end);
        rest = tail;
        (!name.is_empty()).then_some(name)
    })
}

/// A clean path with the `/` that says "somewhere in this directory".
pub(crate) fn as_directory<'a>(path: &[u8], arena: &'a Bump) -> &'a [u8] {
    let mut text = Vec::with_capacity_in(path.len() + 1, arena);
    text.extend_from_slice_copy(path);
    if !path.ends_with(b"/") {
        text.push(b'/');
    }
    text.into_bump_slice()
}

/// The last name of a path, without slashes behind it.
pub(crate) fn basename(path: &[u8]) -> &[u8] {
    let end = path
        .iter()
        .rposition(|byte| *byte != b'/')
        .map_or(0, |last| last + 1);
    let path = path.get(..end).unwrap_or_default();
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// What stands before the last name of a path, or nothing if that is all there is.
pub(crate) fn dirname(path: &[u8]) -> &[u8] {
    let end = path
        .iter()
        .rposition(|byte| *byte != b'/')
        .map_or(0, |last| last + 1);
    let path = path.get(..end).unwrap_or_default();
    memchr::memrchr(b'/', path)
        .and_then(|slash| path.get(..slash + 1))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(directory: &str, name: &str, expected: &str) {
        let arena = Bump::new();
        let path = join(directory.as_bytes(), name.as_bytes(), &arena);
        assert_eq!(
            str::from_utf8(path).unwrap(),
            expected,
            "{directory} + {name}"
        );
    }

    #[test]
    fn paths_are_joined_and_cleaned_as_text() {
        check("/a/b", "c", "/a/b/c");
        check("/a/b/", "./c/", "/a/b/c");
        check("/a/b", "../c//d", "/a/c/d");
        check("/a/b", "/c/./d/..", "/c");
        check("/a", "../../../x", "/x");
        check("/a", "..", "/");
        check("/", "", "/");
        check("/a", "", "/a");
        check("/a", "...", "/a/...");
    }

    #[test]
    fn a_path_is_cut_before_its_last_name() {
        for (path, directory, name) in [
            ("a/b", "a/", "b"),
            ("a", "", "a"),
            ("/a", "/", "a"),
            ("a/b///", "a/", "b"),
            ("/", "", ""),
            ("", "", ""),
        ] {
            assert_eq!(dirname(path.as_bytes()), directory.as_bytes());
            assert_eq!(basename(path.as_bytes()), name.as_bytes());
        }
    }
}
