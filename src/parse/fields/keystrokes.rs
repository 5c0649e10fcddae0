//! What was typed on a terminal, with names for the keys that have no character.

use bumpalo::{Bump, collections::Vec};

/// The sequences that terminals send for keys (console_codes(4), xterm's control sequences), and
/// the names of the keys.
const SEQUENCES: [(&[u8], &str); 46] = [
    (b"\x1b[A", "up"),
    (b"\x1b[B", "down"),
    (b"\x1b[C", "right"),
    (b"\x1b[D", "left"),
    (b"\x1b[F", "end"),
    (b"\x1b[H", "home"),
    (b"\x1b[Z", "backtab"),
    (b"\x1bOA", "up"),
    (b"\x1bOB", "down"),
    (b"\x1bOC", "right"),
    (b"\x1bOD", "left"),
    (b"\x1bOF", "end"),
    (b"\x1bOH", "home"),
    (b"\x1bOP", "f1"),
    (b"\x1bOQ", "f2"),
    (b"\x1bOR", "f3"),
    (b"\x1bOS", "f4"),
    (b"\x1b[[A", "f1"),
    (b"\x1b[[B", "f2"),
    (b"\x1b[[C", "f3"),
    (b"\x1b[[D", "f4"),
    (b"\x1b[[E", "f5"),
    (b"\x1b[1~", "home"),
    (b"\x1b[2~", "insert"),
    (b"\x1b[3~", "delete"),
    (b"\x1b[4~", "end"),
    (b"\x1b[5~", "page-up"),
    (b"\x1b[6~", "page-down"),
    (b"\x1b[7~", "home"),
    (b"\x1b[8~", "end"),
    (b"\x1b[11~", "f1"),
    (b"\x1b[12~", "f2"),
    (b"\x1b[13~", "f3"),
    (b"\x1b[14~", "f4"),
    (b"\x1b[15~", "f5"),
    (b"\x1b[17~", "f6"),
    (b"\x1b[18~", "f7"),
    (b"\x1b[19~", "f8"),
    (b"\x1b[20~", "f9"),
    (b"\x1b[21~", "f10"),
    (b"\x1b[23~", "f11"),
    (b"\x1b[24~", "f12"),
    (b"\x1b[200~", "paste"),
    (b"\x1b[201~", "end-paste"),
    (b"\x1b[I", "focus"),
    (b"\x1b[O", "blur"),
];

/// The text with each control character and key sequence as a name in angle brackets:
/// `ls<tab><ret>`. `None` if it has none.
///
/// The name of a key is in lower case; a control character without a key of its own is `<^C>`. The
/// names are for readers: a typed `<tab>` looks the same.
pub(in crate::parse) fn named_keys<'a>(data: &'a [u8], arena: &'a Bump) -> Option<&'a [u8]> {
    if !data.iter().any(u8::is_ascii_control) {
        return None;
    }
    let mut line = Vec::with_capacity_in(2 * data.len(), arena);
    let mut rest = data;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        let name = match byte {
            b'\r' => "ret",
            b'\n' => "nl",
            b'\t' => "tab",
            0x08 | 0x7f => "backspace",
            0x1b => {
                let (name, tail) = sequence(tail);
                rest = tail;
                name
            }
            0..0x20 => {
                line.extend_from_slice_copy(&[b'<', b'^', byte ^ 0x40, b'>']);
                continue;
            }
            visible => {
                line.push(*visible);
                continue;
            }
        };
        line.push(b'<');
        line.extend_from_slice_copy(name.as_bytes());
        line.push(b'>');
    }
    Some(line.into_bump_slice())
}

/// The name of the key whose sequence has this rest after its escape character, and the text after
/// it. An escape character that starts no known sequence is a key itself.
fn sequence(tail: &[u8]) -> (&'static str, &[u8]) {
    let found = SEQUENCES
        .iter()
        .find_map(|(keys, name)| Some((*name, tail.strip_prefix(keys.get(1..)?)?)));
    found.unwrap_or(("esc", tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(data: &[u8], expected: Option<&str>) {
        let arena = Bump::new();
        let got = named_keys(data, &arena);
        assert_eq!(got, expected.map(str::as_bytes));
    }

    #[test]
    fn keys_without_a_character_have_names() {
        check(b"echo test\r", Some("echo test<ret>"));
        check(b"l\x7fls\t\n", Some("l<backspace>ls<tab><nl>"));
        check(b"\x03\x04\0", Some("<^C><^D><^@>"));
        check(b"\x1b[A\x1bOA\x1b[3~\x1b[15~", Some("<up><up><delete><f5>"));
        check(b"\x1b\x1b[x\x1b", Some("<esc><esc>[x<esc>"));
    }

    #[test]
    fn text_without_such_keys_stays_as_it_is() {
        check(b"su - alice", None);
        check("größe".as_bytes(), None);
        check(b"", None);
    }

    #[test]
    fn no_sequence_starts_another_one() {
        for (keys, _) in SEQUENCES {
            let starts = |other: &&(&[u8], &str)| keys.starts_with(other.0);
            assert_eq!(SEQUENCES.iter().filter(starts).count(), 1, "{keys:?}");
        }
    }
}
