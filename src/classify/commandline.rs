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
    !word.is_empty() && word.iter().all(|byte| PLAIN[usize::from(*byte)])
}

/// The bytes that mean nothing to a shell.
static PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut rest: &[u8] = b"_@%+=:,./-";
    while let [byte, tail @ ..] = rest {
        table[*byte as usize] = true;
        rest = tail;
    }
    table
};

/// Nothing is special between single quotes, and only a single quote cannot stand there.
fn quote(word: &[u8], line: &mut Vec<'_, u8>) {
    line.push(b'\'');
    let mut rest = word;
    while let Some(at) = memchr::memchr(b'\'', rest) {
        let (part, tail) = rest.split_at(at);
        line.extend_from_slice_copy(part);
        line.extend_from_slice_copy(br"'\''");
        rest = tail.get(1..).unwrap_or_default();
    }
    line.extend_from_slice_copy(rest);
    line.push(b'\'');
}

/// A process title, whose parts end in NUL, on one line.
pub(crate) fn title<'a>(title: &'a [u8], arena: &'a Bump) -> &'a [u8] {
    if memchr::memchr(0, title).is_none() {
        return title;
    }
    let line = arena.alloc_slice_copy(title);
    for byte in line.iter_mut() {
        *byte = if *byte == 0 { b' ' } else { *byte };
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
