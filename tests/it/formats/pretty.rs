//! `--pretty`, rows for eyes.

use crate::{
    golden::{LOGS, log, output},
    process::login,
};

fn rows(log: &[u8]) -> Vec<String> {
    let text = String::from_utf8(output(log, &["--pretty"])).expect("rows are UTF-8");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn there_is_one_row_for_each_event_and_no_escape_where_there_is_no_terminal() {
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
fn a_row_says_when_what_who_and_to_what() {
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
fn a_name_that_speaks_to_terminals_is_shown_as_what_it_is() {
    // Red text, a new title, and letters from right to left.
    let name = "\u{1b}[31m\u{1b}]0;x\u{7}\u{202e}\u{9b}2J";
    let hex: String = name.bytes().map(|byte| format!("{byte:02X}")).collect();
    let log = login(1).replace("acct=\"alice\"", &format!("acct={hex}"));
    let row = &rows(log.as_bytes())[0];
    let expected = "acct=\\u{1b}[31m\\u{1b}]0;x\\u{7}\\u{202e}\\u{9b}2J addr=";
    assert!(row.contains(expected), "{row}");
}
