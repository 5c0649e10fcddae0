//! `--pretty`.

use crate::{
    golden::{LOGS, log, output},
    process::login,
};

fn rows(log: &[u8]) -> Vec<String> {
    let text = String::from_utf8(output(log, &["--pretty"])).expect("rows are UTF-8");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn each_event_is_one_row_without_escapes_unless_on_a_terminal() {
    for name in LOGS {
        let rows = rows(&log(name));
        let events = output(&log(name), &[]);
        assert_eq!(
            rows.len(),
            events.split_inclusive(|byte| *byte == b'\n').count()
        );
        for row in rows {
            assert!(!row.chars().any(char::is_control), "{row}");
        }
    }
}

#[test]
fn a_row_shows_time_event_user_and_object() {
    let rows = rows(&log("users"));
    assert_eq!(
        rows[0],
        "2023-11-14 22:14:00.000  user_auth     uid=0 sshd[70]                    \
         op=PAM:authentication acct=alice addr=192.0.2.7 terminal=ssh exe=/usr/sbin/sshd \
         grantors=pam_unix"
    );
    assert!(rows[1].ends_with(" failed"), "{}", rows[1]);
}

#[test]
fn a_row_shows_names_the_parent_and_the_address_of_the_login() {
    let stamp = |serial: u32| format!("msg=audit(1700000000.000:{serial})");
    let names = "\x1dUID=\"alice\" AUID=\"alice\"";
    let program = |serial: u32, pid: u32, exe: &str| {
        let stamp = stamp(serial);
        format!(
            "type=SYSCALL {stamp}: arch=c000003e syscall=59 success=yes exit=0 items=0 ppid={} \
             pid={pid} auid=1000 uid=1000 gid=1000 euid=1000 ses=3 comm=\"x\" exe=\"{exe}\"{names}\n\
             type=EXECVE {stamp}: argc=1 a0=\"{exe}\"\ntype=PROCTITLE {stamp}: proctitle=\"x\"\n",
            pid - 1
        )
    };
    let log = [
        format!(
            "type=USER_AUTH {}: pid=50 uid=0 auid=4294967295 ses=4294967295 msg='op=x \
             acct=\"alice\" exe=\"/usr/sbin/sshd\" addr=192.0.2.7 terminal=ssh res=success'\n",
            stamp(1)
        ),
        format!(
            "type=LOGIN {stamp}: pid=50 uid=0 old-auid=4294967295 auid=1000 ses=3 res=1\n\
             type=SYSCALL {stamp}: arch=c000003e syscall=1 success=yes exit=4 items=0 ppid=1 \
             pid=50 auid=1000 uid=0 gid=0 euid=0 ses=3 comm=\"sshd\" exe=\"/usr/sbin/sshd\"\n\
             type=PROCTITLE {stamp}: proctitle=\"sshd\"\n",
            stamp = stamp(2)
        ),
        program(3, 60, "/bin/sh"),
        program(4, 61, "/bin/id"),
    ];
    let rows = rows(log.concat().as_bytes());
    let row = rows.iter().find(|row| row.contains(" x[61] ")).unwrap();
    assert!(row.contains(" uid=alice auid=alice x[61] "), "{row}");
    let end = "/bin/id parent=sh[60] from=192.0.2.7";
    assert!(row.ends_with(end), "{row}");
}

#[test]
fn control_characters_in_names_are_shown_escaped() {
    // Escapes for red text and a window title, and a right-to-left override.
    let name = "\u{1b}[31m\u{1b}]0;x\u{7}\u{202e}\u{9b}2J";
    let hex: String = name.bytes().map(|byte| format!("{byte:02X}")).collect();
    let log = login(1).replace("acct=\"alice\"", &format!("acct={hex}"));
    let row = &rows(log.as_bytes())[0];
    let expected = "acct=\\u{1b}[31m\\u{1b}]0;x\\u{7}\\u{202e}\\u{9b}2J addr=";
    assert!(row.contains(expected), "{row}");
}
