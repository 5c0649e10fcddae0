//! `packaging/spark/reprocess.py`, on the Spark of PyPI in local mode.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use super::tools::{is_there, python_with};
use crate::common::{auditrd, data, replay_raw};

/// The records of three hosts: parts of one host's log.
fn hosts() -> [(&'static str, Vec<u8>); 3] {
    let output = Command::new("xz")
        .arg("-dc")
        .arg(data("mix.log.xz"))
        .output();
    let log = output.expect("xz runs").stdout;
    let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    let part = |index: usize| lines[index * 6000..(index + 1) * 6000].concat();
    [
        ("db1", part(0)),
        ("web-1", part(1)),
        ("web-2.example", part(2)),
    ]
}

fn compressed(program: &str, text: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(text).unwrap());
        child.wait_with_output().unwrap().stdout
    })
}

/// Writes a host's log as rotated files, split in the middle of events.
fn archive(directory: &Path, log: &[u8]) {
    fs::create_dir_all(directory).unwrap();
    let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    let (first, rest) = lines.split_at(lines.len() / 3 + 1);
    let (second, third) = rest.split_at(rest.len() / 2 + 1);
    let write = |name: &str, text: Vec<u8>| fs::write(directory.join(name), text).unwrap();
    write("audit.log.10.xz", compressed("xz", &first.concat()));
    write("audit.log.9.gz", compressed("gzip", &second.concat()));
    write("audit.log", third.concat());
}

#[test]
fn spark_produces_the_same_events_for_each_host_as_auditrd() {
    let Some(python) = python_with("import pyspark") else {
        return;
    };
    if !is_there("java") || !is_there("xz") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let logs = directory.path().join("archive");
    let mut expected = Vec::new();
    for (host, log) in hosts() {
        archive(&logs.join(host), &log);
        let text = String::from_utf8(log).expect("the log is ASCII");
        let named = text.replace("\ntype=", &format!("\nnode={host} type="));
        let named = format!("node={host} {named}");
        let events = replay_raw(named, &["--max", "2999"]);
        expected.extend(
            events
                .stdout
                .split(|byte| *byte == b'\n')
                .map(<[u8]>::to_vec),
        );
    }
    let made = directory.path().join("events");
    let binary = auditrd();
    let output = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/spark/reprocess.py"))
        .arg("--auditrd")
        .arg(binary.get_program())
        .args([&logs, &made])
        .args(["--max", "2999"])
        .env("SPARK_LOCAL_IP", "127.0.0.1")
        .env("SPARK_LOCAL_DIRS", directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let mut got = Vec::new();
    for entry in fs::read_dir(made).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("part-") {
            let text = fs::read(path).unwrap();
            got.extend(text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
        }
    }
    for lines in [&mut got, &mut expected] {
        lines.retain(|line| !line.is_empty());
        lines.sort();
    }
    assert!(expected.len() > 1000, "{}", expected.len());
    assert!(
        got == expected,
        "{} and {} events differ",
        got.len(),
        expected.len()
    );
}
