//! Independent checks: libauparse for every decoded field, and a shell for every command line.

use std::{
    collections::HashMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
    thread,
};

use serde_json::Value;

use crate::{
    common::{auditrd, data, lines},
    formats::tools::python_with,
    live::audit::skip,
};

/// The logs to compare: the captures, and one of a busy host.
const LOGS: [&str; 4] = ["fim.log", "proc.log", "misc.log", "mix.log"];

/// The log of the busy host, unpacked; `None` without xz.
fn unpacked() -> Option<&'static Path> {
    static LOG: LazyLock<Option<(tempfile::TempDir, PathBuf)>> = LazyLock::new(|| {
        let directory = tempfile::tempdir().ok()?;
        let path = directory.path().join("mix.log");
        let file = std::fs::File::create(&path).ok()?;
        let xz = Command::new("xz")
            .arg("-dc")
            .arg(data("mix.log.xz"))
            .stdout(file)
            .status();
        xz.is_ok_and(|status| status.success())
            .then_some((directory, path))
    });
    LOG.as_ref().map(|(_, path)| path.as_path())
}

fn log(name: &str) -> Option<PathBuf> {
    if name == "mix.log" {
        unpacked().map(Path::to_owned)
    } else {
        Some(data(name))
    }
}

fn our_events(log: &Path) -> Vec<Value> {
    let output = auditrd()
        .args(["--min", "1000", "--max", "2999", "-i"])
        .arg(log)
        .output()
        .expect("the binary runs");
    assert!(output.status.success());
    lines(&output.stdout)
}

/// A record as parsed by libauparse.
struct Record {
    record_type: String,
    fields: Vec<Field>,
}

struct Field {
    name: String,
    raw: Vec<u8>,
    interpreted: Vec<u8>,
}

impl Record {
    fn get(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("a string");
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).expect("a byte"))
        .collect()
}

fn their_events(log: &Path) -> Option<HashMap<u64, Vec<Record>>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/oracle.py");
    let python = python_with("import ctypes; ctypes.CDLL('libauparse.so.0')")?;
    let output = Command::new(python).arg(script).arg(log).output();
    let output = output.expect("it ran a moment ago");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let field = |value: &Value| Field {
        name: value[0].as_str().expect("a name").to_owned(),
        raw: bytes(&value[1]),
        interpreted: bytes(&value[2]),
    };
    let record = |value: &Value| Record {
        record_type: value[0].as_str().expect("a type").to_owned(),
        fields: value[1]
            .as_array()
            .expect("fields")
            .iter()
            .map(field)
            .collect(),
    };
    let event = |line: &[u8]| {
        let value: Value = serde_json::from_slice(line).expect("JSON");
        let records = value[1]
            .as_array()
            .expect("records")
            .iter()
            .map(record)
            .collect();
        (value[0].as_u64().expect("a serial"), records)
    };
    let events = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    Some(events.map(event).collect())
}

/// The exact bytes of a key: from its `_hex` key, if its value is not UTF-8.
fn exact(event: &Value, key: &str) -> Option<Vec<u8>> {
    match event.get(format!("{key}_hex")) {
        Some(hex) => Some(unhex(hex.as_str()?)),
        None => event
            .get(key)?
            .as_str()
            .map(|text| text.as_bytes().to_vec()),
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    (0..hex.len()).step_by(2).map(pair).collect()
}

fn argv(event: &Value) -> Vec<Vec<u8>> {
    let words = event["argv"]
        .as_array()
        .expect("arguments")
        .iter()
        .enumerate();
    let word = |(index, word): (usize, &Value)| match event["argv_hex"].get(index.to_string()) {
        Some(hex) => unhex(hex.as_str().expect("hex")),
        None => word.as_str().expect("text").as_bytes().to_vec(),
    };
    words.map(word).collect()
}

/// Compares an event with the records of the same serial. Returns the number of compared fields.
///
/// Intended differences:
/// - ids: libauparse prints `root` and `unset`; its raw text is compared.
/// - placeholders, `(none)`, `(null)` and `?`: we omit them.
/// - `exit`: libauparse names errors, which is our `error`; the numbers are compared as printed.
/// - several keys: libauparse joins them with 0x01, we with commas.
/// - arguments in pieces: libauparse has a field for each; they are joined first.
/// - the process title: libauparse omits the bytes after its end; we omit its last NUL.
/// - paths: libauparse has the names as passed to the syscall; ours must end in one of them.
fn compare(event: &Value, records: &[Record]) -> usize {
    let mut compared = 0;
    let mut same = |key: &str, theirs: Option<&[u8]>| {
        let nothing: [&[u8]; 4] = [b"(none)", b"(null)", b"?", b""];
        let theirs = theirs
            .filter(|text| !nothing.contains(text))
            .map(<[u8]>::to_vec);
        assert_eq!(exact(event, key), theirs, "{key} of {event}");
        compared += 1;
    };
    let find = |record_type: &str| {
        records
            .iter()
            .find(|record| record.record_type == record_type)
    };
    let is_user = event["name"] == "user_event";
    let main = match is_user {
        true => find(event["type"].as_str().expect("a type")),
        false => find("SYSCALL"),
    };
    let Some(main) = main else { return 0 };
    let interpreted = |name| main.get(name).map(|field| field.interpreted.as_slice());
    let keys: &[&str] = match is_user {
        true => &[
            "op", "acct", "hostname", "addr", "terminal", "cmd", "cwd", "comm",
        ],
        false => &["arch", "success", "syscall", "tty", "comm", "key"],
    };
    for key in keys {
        same(key, interpreted(key));
    }
    same("exectuable", interpreted("exe"));
    if is_user {
        same("res", main.get("res").map(|field| field.raw.as_slice()));
    } else {
        if let Some(cwd) = find("CWD").and_then(|record| record.get("cwd")) {
            same("cwd", Some(&cwd.interpreted));
        }
        if event["name"] == "fim_event"
            && let Some(title) = find("PROCTITLE").and_then(|record| record.get("proctitle"))
        {
            same("commandline", Some(&title.interpreted));
        }
        let exit = main
            .get("exit")
            .map(|exit| String::from_utf8_lossy(&exit.raw).into_owned());
        assert_eq!(
            event["exit"].to_string(),
            exit.unwrap_or("0".to_owned()),
            "{event}"
        );
        if event["exit"].as_i64().is_some_and(|exit| exit < 0) {
            let name = interpreted("exit").and_then(|text| text.split(|b| *b == b'(').next());
            same("error", name);
        }
    }
    compared
        + compare_ids(event, main)
        + compare_argv(event, records)
        + compare_names(event, records)
}

fn compare_ids(event: &Value, main: &Record) -> usize {
    let ids = [
        "pid", "uid", "auid", "ppid", "gid", "euid", "suid", "fsuid", "egid", "sgid", "fsgid",
    ];
    for (key, field) in ids
        .iter()
        .map(|key| (*key, *key))
        .chain([("session", "ses")])
    {
        let raw = main
            .get(field)
            .map(|field| String::from_utf8_lossy(&field.raw).into_owned());
        assert_eq!(
            event[key].to_string(),
            raw.unwrap_or("4294967295".to_owned()),
            "{key} of {event}"
        );
    }
    ids.len() + 1
}

fn compare_argv(event: &Value, records: &[Record]) -> usize {
    if event.get("argv").is_none() {
        return 0;
    }
    let fields = records
        .iter()
        .filter(|record| record.record_type == "EXECVE");
    let mut theirs: Vec<(usize, Vec<u8>)> = Vec::new();
    for field in fields.flat_map(|record| &record.fields) {
        let number = field.name[1..].split('[').next().expect("a number").parse();
        let Ok(number) = number else { continue };
        match theirs.last_mut() {
            Some((last, argument)) if *last == number => argument.extend(&field.interpreted),
            _ => theirs.push((number, field.interpreted.clone())),
        }
    }
    let theirs: Vec<_> = theirs.into_iter().map(|(_, argument)| argument).collect();
    assert_eq!(argv(event), theirs, "{event}");
    theirs.len()
}

fn compare_names(event: &Value, records: &[Record]) -> usize {
    let paths = || records.iter().filter(|record| record.record_type == "PATH");
    let last = |path: &[u8]| {
        let path = path.strip_suffix(b"/").unwrap_or(path);
        path.rsplit(|byte| *byte == b'/')
            .next()
            .unwrap_or_default()
            .to_vec()
    };
    let mut compared = 0;
    for key in ["path", "dest_path"] {
        if paths().any(|path| path.get("name").is_some_and(|name| name.raw != b"(null)"))
            && let Some(ours) = exact(event, key)
        {
            let same = |record: &Record| {
                record
                    .get("name")
                    .is_some_and(|name| last(&name.interpreted) == last(&ours))
            };
            assert!(paths().any(same), "{key} of {event}");
            compared += 1;
        }
    }
    for key in ["inode", "mode"] {
        if let Some(ours) = event.get(key) {
            let same = |record: &Record| {
                record
                    .get(key)
                    .is_some_and(|field| field.raw == ours.as_str().unwrap().as_bytes())
            };
            assert!(paths().any(same), "{key} of {event}");
            compared += 1;
        }
    }
    compared
}

#[test]
fn libauparse_agrees_on_every_record() {
    for name in LOGS {
        let Some(log) = log(name) else {
            skip("needs xz, to unpack a log");
            continue;
        };
        let Some(theirs) = their_events(&log) else {
            return;
        };
        let ours = our_events(&log);
        let mut fields = 0;
        for event in &ours {
            let serial = event["sequence"].as_u64().expect("a serial");
            let compared = theirs
                .get(&serial)
                .map_or(0, |records| compare(event, records));
            // libauparse has no separate event for LOGIN.
            assert!(compared > 10 || event["type"] == "LOGIN", "{name}: {event}");
            fields += compared;
        }
        assert!(fields > 20 * ours.len(), "{name}: {fields} fields");
    }
}

#[test]
fn a_shell_parses_every_command_line_to_the_same_words() {
    for name in LOGS {
        let Some(log) = log(name) else {
            skip("needs xz, to unpack a log");
            continue;
        };
        let events = our_events(&log);
        let programs: Vec<_> = events
            .iter()
            .filter(|event| event.get("argv").is_some())
            .collect();
        let mut script = b"words() { printf '%s\\0' $# \"$@\"; }\n".to_vec();
        for program in &programs {
            script.extend(b"words ");
            script.extend(exact(program, "commandline").expect("a command line"));
            script.push(b'\n');
        }
        for shell in ["sh", "bash"] {
            let Some(output) = run(shell, &script) else {
                skip(&format!("needs {shell}"));
                continue;
            };
            let mut words = output.split(|byte| *byte == 0).map(<[u8]>::to_vec);
            for program in &programs {
                let count = String::from_utf8(words.next().expect("a count")).unwrap();
                let read: Vec<_> = words.by_ref().take(count.parse().unwrap()).collect();
                assert_eq!(read, argv(program), "{shell}: {program}");
            }
        }
    }
}

fn run(shell: &str, script: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new(shell)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take()?;
    thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(script));
        child.wait_with_output().ok().map(|output| output.stdout)
    })
}
