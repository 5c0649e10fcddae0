//! Log shippers, with the configurations in `packaging/shippers`.

use std::{
    fs,
    io::Read,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use super::tools::{is_there, python_with};
use crate::golden::{LOGS, log, output};

/// The events of all logs, including lines of 60,000 bytes.
fn events() -> Vec<u8> {
    LOGS.iter()
        .flat_map(|name| output(&log(name), &[]))
        .collect()
}

fn packaged(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join("packaging").join(name)).unwrap()
}

/// Runs a program that follows a file and sends its lines over TCP, with a packaged configuration
/// in which paths and addresses are replaced. Exactly the bytes of the file must arrive.
fn check(configuration: &str, program: &str, arguments: impl Fn(&Path) -> Vec<String>) {
    if !is_there(program) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let place = path.display().to_string();
    let text = packaged(configuration)
        .replace("/var/log/auditrd", &place)
        .replace("/var/spool/rsyslog", &place)
        .replace("logs.example.com", "127.0.0.1")
        .replace("6514", &address.port().to_string());
    fs::write(path.join("conf"), text).unwrap();
    let expected = events();
    fs::write(path.join("events.json"), &expected).unwrap();

    // The program is killed when all has arrived, which also ends the wait for it.
    let mut child = Command::new("timeout")
        .args(["60", program])
        .args(arguments(path))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id().to_string();
    let ended = thread::spawn(move || {
        child.wait().unwrap();
        drop(TcpStream::connect(address));
    });
    let mut got = vec![0; expected.len()];
    let (mut stream, _) = listener.accept().unwrap();
    stream.read_exact(&mut got).expect("all lines arrive");
    Command::new("kill").arg(&pid).status().unwrap();
    stream.read_to_end(&mut got).unwrap();
    ended.join().unwrap();
    assert!(got == expected, "what arrives is not what was written");
}

#[test]
fn rsyslog_delivers_every_line_unchanged() {
    check("shippers/rsyslog.conf", "rsyslogd", |path| {
        let file = |name: &str| path.join(name).display().to_string();
        [
            "-n".into(),
            "-f".into(),
            file("conf"),
            "-i".into(),
            file("pid"),
        ]
        .into()
    });
}

#[test]
fn syslog_ng_delivers_every_line_unchanged() {
    check("shippers/syslog-ng.conf", "syslog-ng", |path| {
        let file = |option: &str, name: &str| format!("{option}={}", path.join(name).display());
        [
            "--foreground".to_owned(),
            "--no-caps".to_owned(),
            file("--cfgfile", "conf"),
            file("--persist-file", "persist"),
            file("--pidfile", "pid"),
            file("--control", "control"),
        ]
        .into()
    });
}

#[test]
fn the_other_configurations_parse() {
    let Some(python) = python_with("import tomllib") else {
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let script = "import json, sys, tomllib\n\
                  tomllib.load(open(sys.argv[1] + '/shippers/vector.toml', 'rb'))\n\
                  json.load(open(sys.argv[1] + '/elasticsearch/index-template.json'))";
    let status = Command::new(python)
        .args(["-c", script])
        .arg(&root)
        .status();
    assert!(status.unwrap().success());
    let Some(python) = python_with("import yaml") else {
        return;
    };
    // Each part of a pipeline of the collector is declared.
    let script = "import sys, yaml\n\
                  yaml.safe_load(open(sys.argv[1] + '/shippers/filebeat.yml'))\n\
                  c = yaml.safe_load(open(sys.argv[1] + '/shippers/otel-collector.yaml'))\n\
                  [c[part][name] for pipeline in c['service']['pipelines'].values()\n\
                  \x20for part, names in pipeline.items() for name in names]";
    let status = Command::new(python).args(["-c", script]).arg(root).status();
    assert!(status.unwrap().success());
}
