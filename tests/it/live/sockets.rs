//! Real connections, and the addresses that their events have.

use std::{
    env,
    io::Write,
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener, UnixStream},
    },
};

use serde_json::json;

use super::{
    audit::Audit,
    daemon::{Daemon, Ended},
    directory, os,
};
use crate::common::Value;

const KEY: &str = "auditrd-sockets";

/// Runs a workload in a process whose calls on sockets are recorded. Returns its events.
fn record(workload: impl FnOnce()) -> Option<(u32, Ended)> {
    let mut audit = Audit::borrow()?;
    let program = env::current_exe().unwrap().canonicalize().unwrap();
    let exe = format!("exe={}", program.display());
    let calls = "connect,bind,listen,accept4,sendto,recvfrom,ptrace";
    audit.rule(&[
        "always,exit",
        "-F",
        "arch=b64",
        "-S",
        calls,
        "-F",
        &exe,
        "-k",
        KEY,
    ]);
    let daemon = Daemon::listen(&["--events", "all", "--enrich", "none"]);
    let child = os::fork(workload);
    assert!(os::wait(child), "the workload succeeds");
    daemon.wait_until_all_is_read();
    Some((child, daemon.stop()))
}

/// The events of a process on sockets, by their keys.
fn of(child: u32, ended: &Ended, action: &str, family: &str) -> Vec<Value> {
    let is_it = |event: &&Value| {
        event["pid"] == child && event["action"] == action && event["family"] == family
    };
    ended.events.iter().filter(is_it).cloned().collect()
}

#[test]
fn connections_have_the_addresses_that_the_kernel_used() {
    let directory = directory();
    let path = directory.path().join("a socket");
    let tcp = |host: &str| TcpListener::bind((host, 0)).unwrap();
    let listeners = [tcp("127.0.0.1"), tcp("::1")];
    let ports = listeners
        .each_ref()
        .map(|listener| listener.local_addr().unwrap().port());
    let name = SocketAddr::from_abstract_name(format!("auditrd-{}", ports[0])).unwrap();
    let _unnamed = UnixListener::bind_addr(&name).unwrap();
    let workload = || {
        for (host, port) in ["127.0.0.1", "::1"].into_iter().zip(ports) {
            TcpStream::connect((host, port)).unwrap();
        }
        UnixStream::connect_addr(&name).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(b"x").unwrap();
        listener.accept().unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.send_to(b"x", udp.local_addr().unwrap()).unwrap();
        udp.recv_from(&mut [0; 1]).unwrap();
        assert!(TcpStream::connect("127.0.0.1:1").is_err());
    };
    let Some((child, ended)) = record(workload) else {
        return;
    };
    let inet = of(child, &ended, "connect", "inet");
    let expected = json!([
        ["127.0.0.1", ports[0], "succeeded", null],
        ["127.0.0.1", 1, "failed", "ECONNREFUSED"]
    ]);
    let got = inet.iter().map(|event| {
        json!([
            event["remote_address"],
            event["remote_port"],
            event["status"],
            event["error"]
        ])
    });
    assert_eq!(Value::from_iter(got), expected);
    let inet6 = of(child, &ended, "connect", "inet6");
    assert_eq!(
        (&inet6[0]["remote_address"], &inet6[0]["remote_port"]),
        (&json!("::1"), &json!(ports[1]))
    );
    let path = path.to_str().unwrap();
    let names = of(child, &ended, "connect", "unix");
    let sockets: Vec<&Value> = names.iter().map(|event| &event["socket"]).collect();
    assert_eq!(
        sockets,
        [&json!(format!("@auditrd-{}", ports[0])), &json!(path)]
    );
    assert_eq!(names[1]["path"], path);
    let bound = of(child, &ended, "bind", "unix");
    let members = ["socket", "path", "mode"].map(|key| &bound[0][key]);
    assert_eq!(members[..2], [path, path]);
    assert!(
        members[2].as_str().unwrap().starts_with("014"),
        "{}",
        bound[0]
    );
    let sent = of(child, &ended, "send", "inet");
    let received = of(child, &ended, "receive", "inet");
    assert_eq!(sent[0]["remote_port"], received[0]["remote_port"]);
    for event in ended.events.iter().filter(|event| event["pid"] == child) {
        let members = (&event["key"], &event["incomplete"]);
        assert_eq!(members, (&json!(KEY), &Value::Null), "{event}");
    }
}
