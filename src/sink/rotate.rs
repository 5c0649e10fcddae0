//! Rotated files, by number: FILE.1 is the newest, FILE.N the oldest.
//!
//! Each step renames a file to a free number, or over the oldest file. A crash between two steps
//! leaves a number free, which the next rotation fills: no file is lost and the order is kept.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

/// Renames a file to FILE.1, after shifting the older files up by one, and keeps `keep` of them.
///
/// # Errors
///
/// If a file cannot be renamed or removed. Earlier steps are not undone, which is harmless.
pub(super) fn shift(file: &Path, keep: u32) -> io::Result<()> {
    let is_file =
        |number| fs::symlink_metadata(name(file, number)).is_ok_and(|found| found.is_file());
    for number in surplus(keep, is_file) {
        fs::remove_file(name(file, number))?;
    }
    for (from, to) in plan(keep, |number| {
        fs::symlink_metadata(name(file, number)).is_ok()
    }) {
        fs::rename(name(file, from), name(file, to))?;
    }
    Ok(())
}

/// The files above the limit, oldest first: a higher limit may have applied before. A crash leaves
/// at most one number free, so two free numbers end the series, and `FILE.2024` is not taken for a
/// part of it.
fn surplus(keep: u32, is_there: impl Fn(u32) -> bool) -> Vec<u32> {
    let mut found = Vec::new();
    let mut is_last_free = false;
    for number in keep.saturating_add(1)..u32::MAX {
        let is_free = !is_there(number);
        if is_free && is_last_free {
            break;
        }
        if !is_free {
            found.push(number);
        }
        is_last_free = is_free;
    }
    found.reverse();
    found
}

/// The renames in order, as pairs of numbers; 0 is the file itself.
fn plan(keep: u32, is_there: impl Fn(u32) -> bool) -> Vec<(u32, u32)> {
    let last = (1..keep).find(|number| !is_there(*number)).unwrap_or(keep);
    (0..last).rev().map(|number| (number, number + 1)).collect()
}

fn name(file: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return file.to_owned();
    }
    let mut name = OsString::from(file);
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Files by number, each with a serial: the newest file has the highest.
    type Files = BTreeMap<u32, u32>;

    fn run(files: &mut Files, steps: &[(u32, u32)]) {
        for (from, to) in steps {
            let moved = files.remove(from).unwrap();
            files.insert(*to, moved);
        }
    }

    #[test]
    fn the_newest_files_are_kept() {
        let mut files = Files::new();
        for serial in 0..10 {
            files.insert(0, serial);
            let steps = plan(3, |number| files.contains_key(&number));
            run(&mut files, &steps);
        }
        assert_eq!(files, Files::from([(1, 9), (2, 8), (3, 7)]));
    }

    #[test]
    fn files_above_a_lowered_limit_are_removed() {
        let is_there = |number| [1, 2, 3, 4, 6, 7, 10, 2024].contains(&number);
        assert_eq!(surplus(2, is_there), [7, 6, 4, 3]);
        assert_eq!(surplus(7, is_there), [0; 0]);
        assert_eq!(surplus(u32::MAX, is_there), [0; 0]);

        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("events");
        for name in ["events", "events.1", "events.2", "events.3", "events.2024"] {
            fs::write(directory.path().join(name), name).unwrap();
        }
        shift(&file, 1).unwrap();
        let read = |name| fs::read_to_string(directory.path().join(name)).ok();
        assert_eq!(read("events.1").as_deref(), Some("events"));
        assert_eq!((read("events.2"), read("events.3")), (None, None));
        assert!(read("events.2024").is_some());
    }

    #[test]
    fn a_crash_between_two_renames_loses_and_swaps_nothing() {
        for keep in 1..6 {
            for old in 0..=keep {
                for crash in 0..=old + 1 {
                    let mut files: Files = (1..=old).map(|number| (number, 100 - number)).collect();
                    files.insert(0, 100);
                    let before: Vec<u32> = files.values().copied().collect();
                    let steps = plan(keep, |number| files.contains_key(&number));
                    let done = steps.len().min(crash as usize);
                    run(&mut files, &steps[..done]);
                    // The file is created if it is missing, and rotated once more.
                    files.entry(0).or_insert(101);
                    let steps = plan(keep, |number| files.contains_key(&number));
                    run(&mut files, &steps);
                    let after: Vec<u32> = files.values().copied().collect();
                    assert!(
                        after.is_sorted_by(|newer, older| newer > older),
                        "{after:?}"
                    );
                    let all = after.iter().filter(|serial| **serial <= 100).count();
                    // Only the oldest may be gone, one for each rotation with no free number.
                    let oldest_gone = before.len() - all;
                    assert!(before.starts_with(&after[after.len() - all..]));
                    assert!(oldest_gone <= 2, "{before:?} {after:?}");
                    assert!(files.len() <= keep as usize && !files.contains_key(&0));
                    if before.len() <= keep as usize && done < before.len() {
                        assert_eq!(oldest_gone, 0, "{before:?} {after:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_name_with_an_extension_gets_the_number_behind_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("events.log");
        for text in ["one", "two", "three", "four"] {
            fs::write(&file, text).unwrap();
            shift(&file, 2).unwrap();
            assert!(!file.exists());
        }
        let read = |name| fs::read_to_string(directory.path().join(name)).unwrap();
        assert_eq!(
            (read("events.log.1"), read("events.log.2")),
            ("four".into(), "three".into())
        );
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}
