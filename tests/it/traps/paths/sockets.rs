//! Names that sockets get in the file system.

use super::{last, right, step};

/// The address of a unix socket, as SOCKADDR has it on a little-endian machine.
fn address(path: &str) -> String {
    let hex: String = path.bytes().map(|byte| format!("{byte:02X}")).collect();
    format!("SOCKADDR saddr=0100{hex}00")
}

#[test]
fn a_socket_that_is_bound_to_a_name_is_a_new_file() {
    for (cwd, name, parent, path) in [
        ("/w", "/run/x.sock", "/run/", "/run/x.sock"),
        ("/run", "x.sock", "/run", "/run/x.sock"),
        ("/", "run/x.sock", "run/", "/run/x.sock"),
        ("/run/a", "../x.sock", "../", "/run/x.sock"),
    ] {
        let bind = step("bind", "a0=3 a2=6e")
            .in_directory(cwd)
            .parent(parent, 10)
            .path(Some(name), 11, "0140755", "CREATE");
        for mut bind in [bind.clone(), bind.reversed()] {
            bind.records.insert(0, address(name));
            let event = last(&[bind.clone()]);
            right(&event, path);
            assert_eq!(
                (&event["name"], &event["action"]),
                (&"fim_event".into(), &"created".into())
            );
            let event = last(&[bind.returns(-98)]);
            assert_eq!(
                (&event["success"], &event["error"]),
                (&"no".into(), &"EADDRINUSE".into())
            );
        }
    }
}

#[test]
fn a_socket_that_is_bound_to_no_name_is_no_file() {
    for saddr in [
        "SOCKADDR saddr=0100007800",
        "SOCKADDR saddr=02000016000000000000000000000000",
        "SOCKADDR saddr=100000000000000001000000",
    ] {
        let event = last(&[step("bind", "a0=3").record(saddr)]);
        assert_ne!(event["name"], "fim_event", "{event}");
    }
}

#[test]
fn a_bound_socket_is_known_by_its_inode() {
    let bind = step("bind", "a0=3")
        .record(address("/run/x.sock"))
        .parent("/run/", 10)
        .path(Some("/run/x.sock"), 11, "0140755", "CREATE");
    let unlink = step("unlinkat", "a0=9")
        .by(200, 1)
        .parent("/w", 10)
        .deleted("x.sock", 11);
    right(&last(&[bind, unlink]), "/run/x.sock");
}
