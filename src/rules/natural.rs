//! The order of names that augenrules(8) takes from `ls -v`: runs of digits are numbers, and what
//! looks like a suffix counts last. `ls` is that of GNU coreutils, whose order is the same in every
//! locale.

use std::{cmp::Ordering, iter};

/// Compares two names of files that do not start with a dot.
pub(super) fn compare(one: &[u8], other: &[u8]) -> Ordering {
    versions(stem(one), stem(other))
        .then_with(|| versions(one, other))
        .then_with(|| one.cmp(other))
}

/// A name without its suffixes: a dot and a letter, and letters and digits after them.
fn stem(name: &[u8]) -> &[u8] {
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'~';
    let is_suffix = |part: &[u8]| {
        part.first().is_some_and(is_letter)
            && part
                .iter()
                .all(|byte| is_letter(byte) || byte.is_ascii_digit())
    };
    let mut end = name.len();
    while let Some(dot) = name[..end].iter().rposition(|byte| *byte == b'.') {
        if dot == 0 || !is_suffix(&name[dot + 1..end]) {
            break;
        }
        end = dot;
    }
    &name[..end]
}

/// Compares a part without digits, then a number, and so on.
fn versions(mut one: &[u8], mut other: &[u8]) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        let (text, other_text) = (split(&mut one, false), split(&mut other, false));
        let (number, other_number) = (split(&mut one, true), split(&mut other, true));
        let order = weights(text)
            .cmp(weights(other_text))
            .then_with(|| significant(number).cmp(&significant(other_number)));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// Takes the bytes from the start of a text that are digits, or that are not.
fn split<'t>(text: &mut &'t [u8], digits: bool) -> &'t [u8] {
    let run = text
        .iter()
        .take_while(|byte| byte.is_ascii_digit() == digits);
    let (run, rest) = text.split_at(run.count());
    *text = rest;
    run
}

/// The places of bytes in the order: `~`, the end of the text, letters, and all others.
fn weights(text: &[u8]) -> impl Iterator<Item = u16> {
    let weight = |byte: &u8| match byte {
        b'~' => 0,
        letter if letter.is_ascii_alphabetic() => 0x100 + u16::from(*letter),
        other => 0x200 + u16::from(*other),
    };
    text.iter().map(weight).chain(iter::once(1))
}

/// A number by its length and its digits, without the zeros at its start.
fn significant(digits: &[u8]) -> (usize, &[u8]) {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    (digits.len() - zeros, &digits[zeros..])
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use proptest::prelude::*;

    use super::*;

    fn sorted(names: &[&str]) -> Vec<String> {
        let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        names.sort_by(|one, other| compare(one.as_bytes(), other.as_bytes()));
        names
    }

    #[test]
    fn numbers_count_as_numbers_and_suffixes_count_last() {
        for names in [
            &["9-z", "010", "10-a", "a", "a9", "a9b", "a10", "b"][..],
            &["10-base.rules", "10-base-config.rules", "10-base_x.rules"],
            &["30-ab.rules", "30-a-b.rules"],
            &["a~.rules", "a.b.rules", "a.rules", "a.9.rules"],
        ] {
            let mut shuffled = names.to_vec();
            shuffled.reverse();
            assert_eq!(sorted(&shuffled), names);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn names_are_sorted_as_ls_sorts_them(
            names in prop::collection::btree_set("[a01_-][ab019.~_+-]{0,6}", 2..12)
        ) {
            let ls = Command::new("ls").arg("--version").output();
            if !ls.is_ok_and(|ls| String::from_utf8_lossy(&ls.stdout).contains("GNU")) {
                eprintln!("skipped: needs ls of GNU coreutils");
                return Ok(());
            }
            let directory = tempfile::tempdir().unwrap();
            for name in &names {
                fs::write(directory.path().join(name), "").unwrap();
            }
            let listed = Command::new("ls").arg("-1v").arg(directory.path()).output().unwrap();
            let listed = String::from_utf8(listed.stdout).unwrap();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            prop_assert_eq!(sorted(&names), listed.lines().collect::<Vec<_>>());
        }
    }
}
