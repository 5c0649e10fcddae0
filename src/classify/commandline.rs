//! A command line that a shell reads back as the same words.

use bumpalo::{Bump, collections::Vec};

/// Joins arguments with spaces. A word is put in single quotes only if a POSIX shell would read it
/// as anything but itself.
pub(crate) fn join<'a>(argv: &[&[u8]], arena: &'a Bump) -> &'a [u8] {
    let size: usize = argv.iter().map(|word| word.len() + 3).sum();
    let mut line = Vec::with_capacity_in(size, arena);
    for (index, word) in argv.iter().enumerate() {
        if index > 0 {
            line.push(b' ');
        }
        // In front, `a=b` would be an assignment.
        if is_plain(word) && (index > 0 || !word.contains(&b'=')) {
            line.extend_from_slice_copy(word);
        } else {
            quote(word, &mut line);
        }
    }
    line.into_bump_slice()
}

fn is_plain(word: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(byte);
    !word.is_empty() && word.iter().all(plain)
}

/// Nothing is special between single quotes, and only a single quote cannot stand there.
fn quote(word: &[u8], line: &mut Vec<'_, u8>) {
    line.push(b'\'');
    for (index, part) in word.split(|byte| *byte == b'\'').enumerate() {
        if index > 0 {
            line.extend_from_slice_copy(br"'\''");
        }
        line.extend_from_slice_copy(part);
    }
    line.push(b'\'');
}

/// A process title, whose parts end in NUL, on one line.
pub(crate) fn title<'a>(title: &'a [u8], arena: &'a Bump) -> &'a [u8] {
    if memchr::memchr(0, title).is_none() {
        return title;
    }
    let line = arena.alloc_slice_copy(title);
    for byte in line.iter_mut().filter(|byte| **byte == 0) {
        *byte = b' ';
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(argv: &[&str], expected: &str) {
        let arena = Bump::new();
        let argv: std::vec::Vec<_> = argv.iter().map(|word| word.as_bytes()).collect();
        assert_eq!(str::from_utf8(join(&argv, &arena)).unwrap(), expected);
    }

    #[test]
    fn only_words_that_need_it_are_quoted() {
        check(&["ls", "-la", "/tmp/x.txt"], "ls -la /tmp/x.txt");
        check(&["echo", "", "a b", "it's"], r"echo '' 'a b' 'it'\''s'");
        check(
            &["echo", "~", "*", "$x", "a\nb"],
            "echo '~' '*' '$x' 'a\nb'",
        );
        check(&["dd", "if=/dev/zero"], "dd if=/dev/zero");
        check(&["a=b", "c"], "'a=b' c");
        check(&[], "");
    }

    #[test]
    fn the_parts_of_a_title_are_set_apart() {
        let arena = Bump::new();
        assert_eq!(title(b"ls\0-l\0\0x", &arena), b"ls -l  x");
        assert_eq!(title(b"bash", &arena), b"bash");
    }
}
