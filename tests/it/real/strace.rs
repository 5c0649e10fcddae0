//! What strace(1) has written of a workload.

use std::{fs, path::Path};

/// A system call that came to its end.
#[derive(Debug)]
pub(super) struct Line {
    /// When it began, in microseconds since 1970.
    pub(super) at: u64,
    pub(super) tid: u32,
    pub(super) name: String,
    pub(super) args: Vec<String>,
    pub(super) result: i64,
    /// What the descriptor is that it returned.
    pub(super) opened: Option<Place>,
    /// The name of the error, such as `ENOENT`.
    pub(super) error: Option<String>,
}

impl Line {
    /// Whether one of its arguments is or has this flag.
    pub(super) fn has(&self, flag: &str) -> bool {
        let is_text = |arg: &str| arg.starts_with(['"', '[']);
        let mut args = self.args.iter().filter(|arg| !is_text(arg));
        args.any(|arg| arg.contains(flag))
    }
}

/// What an argument says of a descriptor: `3</dir>`, `AT_FDCWD</dir>`.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) path: Vec<u8>,
    /// It has this path no more.
    pub(super) is_gone: bool,
}

/// All calls of all threads, in the order in which they began. There is one file per thread.
pub(super) fn read(directory: &Path) -> Vec<Line> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(directory).expect("what strace wrote") {
        let path = entry.expect("a file").path();
        let tid = path.extension().and_then(|tid| tid.to_str()?.parse().ok());
        let tid = tid.expect("strace ends the name of a file with the thread");
        let text = fs::read_to_string(&path).expect("strace writes ASCII");
        lines.extend(text.lines().filter_map(|line| parse(line, tid)));
    }
    lines.sort_by_key(|line: &Line| (line.at, line.tid));
    lines
}

/// Reads a line. Signals, ends of processes and calls that did not return are none.
fn parse(line: &str, tid: u32) -> Option<Line> {
    let (stamp, call) = line.split_once(' ')?;
    let (seconds, micros) = stamp.split_once('.')?;
    let (name, rest) = call.split_once('(')?;
    let (args, rest) = arguments(rest)?;
    let result = rest.trim_start().strip_prefix("= ")?;
    let (number, note) = result.split_at(result.find([' ', '<']).unwrap_or(result.len()));
    // A process in a namespace is told the number that its child has there.
    let outer = note.strip_suffix(" in strace's PID NS */");
    let outer = outer.and_then(|note| note.rsplit_once("/* ")?.1.parse().ok());
    let word = note.trim_start().split(' ').next();
    let error = word.filter(|word| word.starts_with('E'));
    Some(Line {
        at: seconds.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?,
        tid,
        name: name.to_owned(),
        args,
        result: outer.or_else(|| number.parse().ok())?,
        opened: place(result),
        error: error.map(str::to_owned),
    })
}

/// Takes arguments apart up to the bracket that closes them, and returns what follows it.
fn arguments(text: &str) -> Option<(Vec<String>, &str)> {
    let (mut args, mut depth, mut start) = (Vec::new(), 0_u32, 0);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            // What a structure has become: `{…} => {…}`.
            '>' if text[..at].ends_with('=') => {}
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            ',' | ')' if depth == 0 => {
                args.push(text[start..at].trim().to_owned());
                start = at + 1;
                if c == ')' {
                    args.retain(|arg| !arg.is_empty());
                    return Some((args, &text[start..]));
                }
            }
            '[' | '{' | '(' | '<' => depth += 1,
            ']' | '}' | ')' | '>' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// The bytes of an argument in quotes.
pub(super) fn string(arg: &str) -> Option<Vec<u8>> {
    let inner = arg.strip_prefix('"')?.strip_suffix('"')?;
    Some(unescape(inner))
}

/// The strings of an array, such as the arguments of a program.
pub(super) fn strings(arg: &str) -> Option<Vec<Vec<u8>>> {
    let inner = arg.strip_prefix('[')?.strip_suffix(']')?;
    let (items, _) = arguments(&format!("{inner})"))?;
    items.iter().map(|item| string(item)).collect()
}

/// The path of a descriptor.
pub(super) fn place(arg: &str) -> Option<Place> {
    let (text, is_gone) = match arg.strip_suffix("(deleted)") {
        Some(text) => (text, true),
        None => (arg, false),
    };
    let (_, path) = text.strip_suffix('>')?.split_once('<')?;
    let path = unescape(path);
    let is_path = path.starts_with(b"/");
    is_path.then_some(Place { path, is_gone })
}

/// Undoes the escapes of C, of which strace writes those in octal and of one letter.
fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'\\' {
            out.push(byte);
            rest = after;
            continue;
        }
        let digits = after.iter().take(3).take_while(|b| b.is_ascii_digit());
        let digits = digits.count();
        if digits > 0 {
            let value = after[..digits].iter();
            let value = value.fold(0_u32, |sum, digit| sum * 8 + u32::from(digit - b'0'));
            out.push(u8::try_from(value).expect("octal of a byte"));
            rest = &after[digits..];
            continue;
        }
        let letter = after.first().copied().expect("a letter is escaped");
        out.push(match letter {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'v' => 0x0b,
            b'f' => 0x0c,
            other => other,
        });
        rest = &after[1..];
    }
    out
}

#[test]
fn a_line_of_strace_is_read_whatever_names_are_in_it() {
    let text = r#"1700000000.000005 renameat2(AT_FDCWD</w/a b>, "x\") = 0\377", 5</w/c\74d\76>(deleted), "y\n", RENAME_NOREPLACE) = -1 EEXIST (File exists)"#;
    let line = parse(text, 7).expect("a call");
    assert_eq!((line.at, line.tid), (1_700_000_000_000_005, 7));
    assert_eq!((line.result, line.error.as_deref()), (-1, Some("EEXIST")));
    assert_eq!(string(&line.args[1]).unwrap(), b"x\") = 0\xff");
    assert_eq!(string(&line.args[3]).unwrap(), b"y\n");
    let (from, to) = (place(&line.args[0]), place(&line.args[2]));
    let (from, to) = (from.expect("a directory"), to.expect("a directory"));
    assert_eq!(
        (from.path.as_slice(), from.is_gone),
        (&b"/w/a b"[..], false)
    );
    assert_eq!((to.path.as_slice(), to.is_gone), (&b"/w/c<d>"[..], true));

    let program = parse(
        r#"1.2 execve("/bin/a", ["a", "b, ]", ""], 0x7f /* 3 vars */) = 0"#,
        7,
    );
    let argv = strings(&program.expect("a call").args[1]);
    assert_eq!(argv.unwrap(), [&b"a"[..], b"b, ]", b""]);

    let child = parse("1.2 vfork() = 2 /* 4742 in strace's PID NS */", 7);
    assert_eq!(child.expect("a call").result, 4742);
    let thread = parse(
        "1.2 clone3({flags=CLONE_THREAD} => {parent_tid=[9]}, 88) = 9",
        7,
    );
    assert_eq!(thread.expect("a call").result, 9);
    assert!(parse("1.2 exit_group(0) = ?", 7).is_none());
    assert!(parse("1.2 +++ exited with 0 +++", 7).is_none());
}
