//! What a rule means depends on the host: its architecture, its users, and which paths are
//! directories.

use std::{fs, path::Path};

use crate::model::Arch;

/// What a path names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PathKind {
    /// Nothing, or nothing that may be seen.
    Missing,
    /// A directory, perhaps through symbolic links.
    Directory,
    /// Anything else.
    Other,
}

/// The host that rules are for.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// The architecture of its kernel.
    pub arch: Option<Arch>,
    /// The id of a user by name.
    pub user: fn(&str) -> Option<u32>,
    /// The id of a group by name.
    pub group: fn(&str) -> Option<u32>,
    /// What a path names. `-w` watches a directory with everything below it.
    pub kind: fn(&Path) -> PathKind,
    /// The version of its kernel, such as (6, 12), if it is known.
    pub kernel: Option<(u32, u32)>,
}

impl Host {
    /// This host.
    pub fn current() -> Host {
        Host {
            arch: Arch::host(),
            user,
            group,
            kind,
            kernel: kernel(),
        }
    }
}

fn kind(path: &Path) -> PathKind {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => PathKind::Directory,
        Ok(_) => PathKind::Other,
        Err(_) => PathKind::Missing,
    }
}

#[cfg(feature = "confine")]
fn user(name: &str) -> Option<u32> {
    uzers::get_user_by_name(name).map(|user| user.uid())
}

#[cfg(feature = "confine")]
fn group(name: &str) -> Option<u32> {
    uzers::get_group_by_name(name).map(|group| group.gid())
}

#[cfg(not(feature = "confine"))]
fn user(name: &str) -> Option<u32> {
    id("/etc/passwd", name)
}

#[cfg(not(feature = "confine"))]
fn group(name: &str) -> Option<u32> {
    id("/etc/group", name)
}

/// The third field of the line of a name, as in passwd(5) and group(5).
#[cfg(not(feature = "confine"))]
fn id(file: &str, name: &str) -> Option<u32> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}

/// The version of the running kernel.
fn kernel() -> Option<(u32, u32)> {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    version(&text)
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_kernels_have_two_numbers_that_matter() {
        assert_eq!(version("6.18.44-fc-v669\n"), Some((6, 18)));
        assert_eq!(version("5.4\n"), Some((5, 4)));
        assert_eq!(version("next"), None);
        assert!(kernel().is_some());
    }
}
