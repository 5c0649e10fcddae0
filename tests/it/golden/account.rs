//! Counts every syscall and message of the captures independently, from their text.

use std::collections::BTreeMap;

use super::{ALL, log};
use crate::common::{Value, replay};

/// The kind of a syscall of the captures, from `ausyscall --dump` and the manual pages.
fn kind(arch: &str, number: u32) -> Option<&'static str> {
    let (exec, fork, file): (&[u32], &[u32], &[u32]) = match arch {
        "c000003e" => (
            &[59, 322],
            &[56, 57, 58, 435],
            &[
                // read, write, open, close, mmap, pread64, pwrite64, readv, writev, dup, dup2
                0, 1, 2, 3, 9, 17, 18, 19, 20, 32, 33,
                // truncate, ftruncate, rename, mkdir, rmdir, creat, link, unlink, symlink
                76, 77, 82, 83, 84, 85, 86, 87, 88,
                // chmod, fchmod, chown, fchown, lchown, utime, mknod
                90, 91, 92, 93, 94, 132, 133,
                // pivot_root, mount, umount2, setxattr … fsetxattr, removexattr … fremovexattr
                155, 165, 166, 188, 189, 190, 197, 198, 199,
                // utimes, openat … fchmodat, utimensat, fallocate, dup3
                235, 257, 258, 259, 260, 261, 263, 264, 265, 266, 268, 280, 285, 292,
                // renameat2, copy_file_range, openat2, fchmodat2
                316, 326, 437, 452,
            ],
        ),
        "40000003" => (&[11, 358], &[2, 120, 190], &[5, 8, 10, 38, 295]),
        _ => panic!("the captures have no {arch}"),
    };
    if exec.contains(&number) || fork.contains(&number) {
        Some("process_event")
    } else if file.contains(&number) {
        Some("fim_event")
    } else {
        None
    }
}

/// The kind of event that a record makes, and the priority of the record for that decision.
fn meaning(kind_name: &str, body: &str) -> Option<(u8, &'static str)> {
    let field = |key: &str| {
        let mut words = body.split(' ');
        words.find_map(|word| word.strip_prefix(key))
    };
    match kind_name {
        "SYSCALL" => kind(field("arch=")?, field("syscall=")?.parse().ok()?).map(|kind| (0, kind)),
        "LOGIN" | "ADD_USER" | "DEL_USER" | "CRED_ACQ" | "CRED_DISP" => Some((1, "user_event")),
        name if name.starts_with("USER_") => Some((1, "user_event")),
        _ => None,
    }
}

#[track_caller]
fn check(name: &str, least: usize) {
    let log = String::from_utf8(log(name)).unwrap();
    let mut expected: BTreeMap<u64, (u8, &str)> = BTreeMap::new();
    for line in log.lines() {
        let (head, body) = line.split_once("): ").unwrap();
        let (kind, stamp) = head.split_once(" msg=").unwrap();
        let serial = stamp.rsplit(':').next().unwrap().parse().unwrap();
        if let Some(meaning) = meaning(&kind["type=".len()..], body) {
            let known = expected.entry(serial).or_insert(meaning);
            *known = meaning.max(*known);
        }
    }
    let mut got: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    for event in replay(log.as_bytes(), &ALL) {
        let serial = event["sequence"].as_u64().unwrap();
        got.entry(serial).or_default().push(event["name"].clone());
    }
    let expected: BTreeMap<u64, Vec<Value>> = expected
        .into_iter()
        .map(|(serial, (_, name))| (serial, vec![name.into()]))
        .collect();
    assert_eq!(got, expected, "{name}");
    assert!(got.len() >= least, "{name}: {}", got.len());
}

#[test]
fn every_syscall_and_every_message_makes_exactly_one_line() {
    check("fim", 100);
    check("proc", 30);
    check("misc", 40);
}
