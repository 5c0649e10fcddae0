//! Paths as text.

use bumpalo::{Bump, collections::Vec};

use crate::bytes::{find, find_last, has_pair};

/// The longest path that is resolved, in bytes. The kernel takes no name of more than 4 KiB at
/// once, but directories can be deeper than that.
pub(crate) const MAX_PATH_BYTES: usize = 64 << 10;

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
    let rest = text.strip_prefix(b"/").unwrap_or(text);
    if is_clean(rest) {
        path.push(b'/');
        return path.extend_from_slice_copy(rest);
    }
    for name in names(text) {
        match name {
            b"." => {}
            b".." => path.truncate(find_last(b'/', path).unwrap_or(0)),
            name => {
                path.push(b'/');
                path.extend_from_slice_copy(name);
            }
        }
    }
}

/// As [`join`], but a `..` is removed only where `is_directory` says that the path before it is a
/// directory, and no symbolic link; `directory` must be clean.
pub(crate) fn join_checked<'a>(
    directory: &[u8],
    name: &'a [u8],
    mut is_directory: impl FnMut(&[u8]) -> bool,
    arena: &'a Bump,
) -> &'a [u8] {
    match name {
        [b'/', rest @ ..] if is_clean(rest) => return name,
        [b'/', ..] => {}
        name if is_clean(name) => return concat(directory, name, arena),
        _ => {}
    }
    let mut path = Vec::with_capacity_in(directory.len() + name.len() + 2, arena);
    if !name.starts_with(b"/") && directory != b"/" {
        path.extend_from_slice_copy(directory);
    }
    for part in names(name) {
        match part {
            b"." => {}
            // There is nothing above the root.
            b".." if path.is_empty() => {}
            b".." if !path.ends_with(b"/..") && is_directory(&path) => {
                path.truncate(find_last(b'/', &path).unwrap_or(0));
            }
            part => {
                path.push(b'/');
                path.extend_from_slice_copy(part);
            }
        }
    }
    if path.is_empty() {
        path.push(b'/');
    }
    path.into_bump_slice()
}

/// A clean name behind a clean directory.
fn concat<'a>(directory: &[u8], name: &[u8], arena: &'a Bump) -> &'a [u8] {
    let directory = directory.strip_suffix(b"/").unwrap_or(directory);
    let mut path = Vec::with_capacity_in(directory.len() + name.len() + 1, arena);
    path.extend_from_slice_copy(directory);
    path.push(b'/');
    path.extend_from_slice_copy(name);
    path.into_bump_slice()
}

/// An entry in a clean directory. `None` if that is longer than a path that is resolved.
pub(crate) fn entry<'a>(directory: &[u8], name: &[u8], arena: &'a Bump) -> Option<&'a [u8]> {
    if directory.len() + name.len() >= MAX_PATH_BYTES {
        return None;
    }
    Some(concat(directory, name, arena))
}

/// An absolute path cleaned as [`join`] does, which most are as they came.
pub(crate) fn clean<'a>(path: &'a [u8], arena: &'a Bump) -> &'a [u8] {
    match path {
        [b'/', rest @ ..] if is_clean(rest) => path,
        _ => join(b"/", path, arena),
    }
}

/// Whether a path without its first slash is clean. One with a name that begins with a dot is taken
/// for one that is not.
pub(super) fn is_clean(rest: &[u8]) -> bool {
    if let [] | [b'/' | b'.', ..] | [.., b'/'] = rest {
        return false;
    }
    !has_pair(b'/', [b'/', b'.'], rest)
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

/// What is left of a name whose root is the directory that it is relative to: without the `/` and
/// `..` that it begins with, which lead nowhere. `None` if a `..` behind them may lead out too.
pub(crate) fn within_root(name: &[u8]) -> Option<&[u8]> {
    let mut rest = name;
    loop {
        while let [b'/', tail @ ..] = rest {
            rest = tail;
        }
        let end = find(b'/', rest).unwrap_or(rest.len());
        match rest.split_at(end) {
            (b"." | b"..", tail) => rest = tail,
            _ => break,
        }
    }
    let mut depth = 0usize;
    for part in names(rest) {
        depth = match part {
            b"." => depth,
            b".." => depth.checked_sub(1)?,
            _ => depth + 1,
        };
    }
    Some(if rest.is_empty() { b"." } else { rest })
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
    split(path).1
}

/// What stands before the last name of a path, and that name, without slashes behind it.
#[inline]
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let path = match path {
        [.., b'/'] => without_end(path),
        _ => path,
    };
    let start = find_last(b'/', path).map_or(0, |slash| slash + 1);
    path.split_at(start)
}

#[cold]
fn without_end(path: &[u8]) -> &[u8] {
    let last = path.iter().rposition(|byte| *byte != b'/');
    let length = last.map_or(0, |last| last + 1);
    path.get(..length).unwrap_or_default()
}

/// The directory of a clean, absolute path. That of the root is the root.
pub(crate) fn directory(path: &[u8]) -> &[u8] {
    match dirname(path) {
        b"" | b"/" => b"/",
        directory => directory.strip_suffix(b"/").unwrap_or(directory),
    }
}

/// What stands before the last name of a path, or nothing if that is all there is.
pub(crate) fn dirname(path: &[u8]) -> &[u8] {
    split(path).0
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
    fn a_path_of_any_length_is_cleaned_where_it_has_to_be() {
        let arena = Bump::new();
        for length in 1..60 {
            for at in 1..=length {
                for unclean in ["/", "/.", "/../x", "//", "./", "x"] {
                    let mut path = "/".to_owned() + &"n".repeat(length);
                    path.insert_str(at, unclean);
                    let mut expected = std::vec::Vec::new();
                    for name in names(path.as_bytes()).filter(|name| name != b".") {
                        match name {
                            b".." => {
                                expected.truncate(memchr::memrchr(b'/', &expected).unwrap_or(0))
                            }
                            name => expected.extend(b"/".iter().chain(name)),
                        }
                    }
                    assert_eq!(clean(path.as_bytes(), &arena), expected, "{path}");
                }
            }
        }
        assert_eq!(clean(b"/", &arena), b"/");
        assert_eq!(clean(b"/a/", &arena), b"/a");
    }

    #[test]
    fn no_name_leads_out_of_the_root_that_it_is_given() {
        for (name, within) in [
            ("a/b", Some("a/b")),
            ("/a", Some("a")),
            ("//.././../a/", Some("a/")),
            ("..", Some(".")),
            ("/", Some(".")),
            (".a/..b", Some(".a/..b")),
            ("a/../b", Some("a/../b")),
            ("a/./../..", None),
            ("../a/../../b", None),
        ] {
            let within = within.map(str::as_bytes);
            assert_eq!(within_root(name.as_bytes()), within, "{name}");
        }
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
