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
fn control_characters_in_names_are_shown_escaped() {
    // Escapes for red text and a window title, and a right-to-left override.
    let name = "\u{1b}[31m\u{1b}]0;x\u{7}\u{202e}\u{9b}2J";
    let hex: String = name.bytes().map(|byte| format!("{byte:02X}")).collect();
    let log = login(1).replace("acct=\"alice\"", &format!("acct={hex}"));
    let row = &rows(log.as_bytes())[0];
    let expected = "acct=\\u{1b}[31m\\u{1b}]0;x\\u{7}\\u{202e}\\u{9b}2J addr=";
    assert!(row.contains(expected), "{row}");
}
