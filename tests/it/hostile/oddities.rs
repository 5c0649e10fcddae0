//! Single records that have crashed readers of audit logs.

use super::survive;

/// A record of this type with a stamp and this body.
fn record(record_type: &str, body: &str) -> String {
    format!("type={record_type} msg=audit(1700000000.123:7): {body}")
}

/// An event of this syscall, with these records between SYSCALL and EOE.
fn call(number: u32, records: &[String]) -> String {
    let head = record(
        "SYSCALL",
        &format!(
            "arch=c000003e syscall={number} success=yes exit=0 items=2 pid=5 uid=0 comm=\"x\""
        ),
    );
    [&[head][..], records, &[record("EOE", "")]]
        .concat()
        .join("\n")
}

#[test]
fn malformed_headers_are_skipped() {
    let cases = [
        "",
        " ",
        "\t",
        "type=",
        "type=SYSCALL",
        "type=SYSCALL ",
        "type=SYSCALL msg=",
        "type=SYSCALL msg=audit(",
        "type=SYSCALL msg=audit()",
        "type=SYSCALL msg=audit():",
        "type=SYSCALL msg=audit(): x",
        "type=SYSCALL msg=audit(1700000000.123:7",
        "type=SYSCALL msg=audit(1700000000.123:7 arch=c000003e",
        "type=SYSCALL msg=audit(1700000000.123): arch=c000003e syscall=59",
        "type=SYSCALL msg=audit(1700000000:7): arch=c000003e syscall=59",
        "type=SYSCALL msg=audit(.123:7): x",
        "type=SYSCALL msg=audit(1700000000.:7): x",
        "type=SYSCALL msg=audit(1700000000.123:): x",
        "type=SYSCALL msg=audit(-1.123:7): x",
        "type=SYSCALL msg=audit(1.-5:7): x",
        "type=SYSCALL msg=audit(1.123:-7): x",
        "type=SYSCALL msg=audit(1.5555:7): x",
        "type=SYSCALL msg=audit(99999999999999999999.123:7): x",
        "type=SYSCALL msg=audit(18446744073709551615.123:7): x",
        "type=SYSCALL msg=audit(1700000000.123:9223372036854775808): x",
        "type=SYSCALL msg=audit(1700000000.123:18446744073709551616): x",
        "type=99999 msg=audit(1700000000.123:7): x",
        "type=-1 msg=audit(1700000000.123:7): x",
        "type=UNKNOWN[] msg=audit(1700000000.123:7): x",
        "type=UNKNOWN[1300 msg=audit(1700000000.123:7): x",
        "type=UNKNOWN[99999] msg=audit(1700000000.123:7): x",
        "type=NOSUCH msg=audit(1700000000.123:7): x",
        "msg=audit(1700000000.123:7): x",
        "node= type=NOSUCH",
        "node=",
        "----",
        "time->Sun Nov 22 10:00:00 2026",
        "\0",
        "\0\0\0\0",
        "{\"name\":\"process_event\"}",
        "type=type=type= msg=msg=audit(audit(",
    ];
    assert!(survive(cases, &[]).is_empty());
}

#[test]
fn an_empty_event_is_skipped_or_marked_as_incomplete() {
    let cases = [
        record("SYSCALL", ""),
        "type=SYSCALL msg=audit(1700000000.123:8)".to_owned(),
        "type=SYSCALL msg=audit(1700000000.123:9):".to_owned(),
        record("EOE", ""),
        record("EOE", "something after the end"),
        call(59, &[record("EXECVE", "")]),
        call(59, &[record("EXECVE", "argc=0")]),
        call(82, &[record("PATH", "")]),
        call(82, &[record("CWD", "")]),
        call(82, &[record("PROCTITLE", "")]),
        record("USER_LOGIN", ""),
        record("USER_LOGIN", "msg="),
        record("USER_LOGIN", "msg='"),
        record("USER_LOGIN", "msg=''"),
        record("LOGIN", ""),
        record("URINGOP", ""),
    ];
    let events = survive(cases, &[]);
    let of = |name: &str| events.iter().filter(|event| event["name"] == name).count();
    assert_eq!(
        (of("process_event"), of("fim_event"), of("user_event")),
        (2, 3, 5)
    );
}

#[test]
fn numbers_out_of_range_are_harmless() {
    let mut cases = Vec::new();
    for number in [
        "-1",
        "7",
        "2000000000",
        "4294967295",
        "4294967296",
        "9223372036854775808",
        "18446744073709551616",
        "99999999999999999999999999",
        "0x10",
        "1e9",
        "",
        "\"\"",
        "+1",
    ] {
        let exec = |body: &str| call(59, &[record("EXECVE", body)]);
        cases.push(exec(&format!("argc={number} a0=\"x\"")));
        cases.push(exec(&format!("argc=1 a{number}=\"x\"")));
        cases.push(exec(&format!("argc=1 a0_len={number} a0[0]=\"x\"")));
        cases.push(exec(&format!("argc=1 a0_len=5 a0[{number}]=\"x\"")));
        cases.push(exec(&format!("argc=1 a0[{number}]=\"x\" a0[0]=\"y\"")));
        let path = |body: &str| call(82, &[record("PATH", body)]);
        cases.push(path(&format!(
            "item={number} name=\"x\" inode=1 nametype=CREATE"
        )));
        cases.push(path(&format!(
            "item=0 name=\"x\" inode={number} dev=fe:01 nametype=DELETE"
        )));
        cases.push(path(&format!(
            "item=0 name=\"x\" mode={number} ouid={number} nametype=NORMAL"
        )));
        cases.push(
            record(
                "SYSCALL",
                &format!("arch=c000003e syscall={number} items=1"),
            ) + "\n"
                + &record("EOE", ""),
        );
        for key in [
            "exit", "pid", "uid", "a0", "a1", "items", "ses", "arch", "success",
        ] {
            cases.push(call(257, &[]).replacen("comm", &format!("{key}={number} comm"), 1));
        }
        cases.push(call(
            9,
            &[record("MMAP", &format!("fd={number} flags={number}"))],
        ));
        cases.push(call(
            437,
            &[record("OPENAT2", &format!("oflag={number} mode={number}"))],
        ));
        cases.push(record(
            "USER_LOGIN",
            &format!("pid={number} uid={number} msg='id={number}'"),
        ));
        cases.push(
            record("URINGOP", &format!("uring_op={number} items={number}"))
                + "\n"
                + &record("EOE", ""),
        );
    }
    assert!(survive(&cases, &[]).len() > cases.len() / 2);
}

#[test]
fn malformed_values_are_harmless() {
    let mut cases = Vec::new();
    for value in [
        "\"",
        "\"\"\"",
        "\"open",
        "'",
        "''",
        "'open",
        "4",
        "414",
        "41ZZ",
        "00",
        "0000",
        "FF",
        "FFFE",
        "(null)",
        "\"(null)\"",
        "(none)",
        "?",
        "=",
        "==",
        "\"a\"b\"",
        "\0",
        "\"\0\"",
        "\x1d",
        "a\x1db",
        "\u{feff}",
        "ünï",
        "\\",
        "\\u0000",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"\\\"",
        "../../../..",
        "/../..",
        "//",
        "/",
        ".",
        "..",
        "C3",
        "EDA080",
        "F4908080",
    ] {
        let all = [
            record("CWD", &format!("cwd={value}")),
            record(
                "PATH",
                &format!("item=0 name={value} inode=1 dev=fe:01 nametype=DELETE"),
            ),
            record(
                "PATH",
                &format!("item=1 name={value} inode=1 dev={value} nametype={value}"),
            ),
            record("PROCTITLE", &format!("proctitle={value}")),
        ];
        cases.extend([59, 82, 87, 88, 257, 263, 316, 322].map(|number| call(number, &all)));
        cases.push(call(
            59,
            &[record("EXECVE", &format!("argc=2 a0={value} a1={value}"))],
        ));
        cases.push(call(87, &all).replacen("\"x\"", value, 1));
        cases.push(record(
            "USER_LOGIN",
            &format!("pid=1 subj={value} msg='acct={value} x={value}'"),
        ));
        cases.push(record(
            "USER_LOGIN",
            &format!("{value}={value} msg='{value}={value} {value}"),
        ));
    }
    assert!(survive(&cases, &[]).len() >= cases.len());
}

#[test]
fn more_path_records_than_any_syscall_has_are_harmless() {
    let path = |item: usize, nametype: &str| {
        record(
            "PATH",
            &format!("item={item} name=\"n{item}\" inode={item} nametype={nametype}"),
        )
    };
    // An exchange has six; the fifth has crashed other readers.
    let nametypes = [
        "PARENT", "PARENT", "DELETE", "DELETE", "CREATE", "CREATE", "NORMAL", "UNKNOWN",
    ];
    let paths: Vec<String> = nametypes
        .iter()
        .enumerate()
        .map(|(i, n)| path(i, n))
        .collect();
    let mut cases = Vec::new();
    for number in [2, 59, 82, 86, 88, 165, 257, 264, 265, 316, 429] {
        for end in 0..paths.len() {
            cases.push(call(number, &paths[..end]));
            cases.push(call(number, &paths[end..]));
        }
    }
    assert_eq!(survive(&cases, &[]).len(), cases.len());
}
