//! What lines of each kind turn out to be.

use super::*;

const RECORD: &str = "type=CWD msg=audit(1.002:3): cwd=\"/\"";

/// A record as (node, relayed, type, serial, body).
type Got = (String, bool, u16, u32, String);

fn read_with(unwrapper: &mut Unwrapper, line: &str) -> (Verdict, Vec<Got>) {
    let mut found = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let verdict = unwrapper.line(line.as_bytes(), &mut |inner| {
        let (node, body) = (text(inner.node), text(inner.body));
        found.push((
            node,
            inner.relayed,
            inner.record_type.0,
            inner.id.serial,
            body,
        ));
    });
    (verdict, found)
}

fn read(line: &str) -> (Verdict, Vec<Got>) {
    read_with(&mut Unwrapper::default(), line)
}

#[track_caller]
fn check(line: &str, node: &str, relayed: bool) {
    let expected = (node.to_owned(), relayed, 1307, 3, "cwd=\"/\"".to_owned());
    assert_eq!(read(line), (Verdict::Records, vec![expected]), "{line}");
}

#[test]
fn the_host_of_a_syslog_header_is_the_node() {
    for header in [
        "Feb 22 14:25:25 web1 audit ",
        "Feb  2 14:25:25 web1 audispd: ",
        "<13>Feb 22 14:25:25 web1 tag_audit_log: ",
        "Feb 22 2026 14:25:25 web1 audit[77]: ",
        "2026-02-22T14:25:25.123456+01:00 web1 audit_log: ",
        "2026-02-22T14:25:25Z web1 auditd[7] ",
        "<13>1 2026-02-22T14:25:25Z web1 audispd 7 - - ",
        "<13>1 2026-02-22T14:25:25.003Z web1 audispd - ID47 [x@1 a=\"] \\\" b\"][y@1] ",
        "412 <13>1 2026-02-22T14:25:25Z web1 audispd 7 - - ",
        "1771770325.070000 web1 audit[1]: ",
        "Sun 2026-02-22 14:25:25 UTC web1 audit[1]: ",
        "messages:Feb 22 14:25:25 web1 audit: ",
        "Feb 22 14:25:25 web1 kernel: [ 12.345678] audit: ",
    ] {
        check(&format!("{header}{RECORD}"), "web1", true);
    }
}

#[test]
fn a_header_without_a_host_leaves_the_node_empty() {
    for header in [
        "Feb 22 14:25:25 audispd: ",
        "<13>audispd[7]: ",
        "<13>1 2026-02-22T14:25:25Z - audispd 7 - - ",
        "[   12.345678] audit: ",
        "2026-02-22T14:25:25.123456789Z stdout F ",
    ] {
        check(&format!("{header}{RECORD}"), "", true);
    }
}

#[test]
fn the_node_in_a_record_is_nearer_than_that_of_a_header() {
    check(
        &format!("Feb 22 14:25:25 relay audispd: node=h 1 {RECORD}"),
        "h 1",
        true,
    );
    check(&format!("node=h 1 {RECORD}"), "h 1", false);
}

#[test]
fn names_of_files_before_a_record_are_skipped() {
    for name in [
        "audit.log:",
        "audit.log-",
        "audit.log:12:",
        "audit.log-12-",
        "12:",
        "/a/b.1:",
    ] {
        check(&format!("{name}{RECORD}"), "", false);
        check(&format!("{name}node=h {RECORD}"), "h", false);
    }
    check(&format!("\u{feff}{RECORD}\r"), "", false);
    check(&format!("who knows: {RECORD}"), "", true);
}

#[test]
#[cfg(feature = "json")]
fn records_in_json_are_read_without_its_escapes() {
    let escaped = RECORD.replace('"', "\\\"");
    let json = format!("{{\"log\":\"{escaped}\\n\",\"stream\":\"stdout\",\"host\":\"h\"}}");
    check(&json, "h", true);
    check(&format!("2026-02-22T14:25:25Z stdout F {json}"), "h", true);
    check(&format!("Feb 22 14:25:25 web1 app: {json}"), "h", true);
    let inner = json.replace('\\', "\\\\").replace('"', "\\\"");
    check(&format!("{{\"message\":\"{inner}\"}}"), "h", true);
}

#[test]
fn broken_json_is_malformed_and_not_read_as_text() {
    for line in [
        format!("{{\"log\":\"{RECORD}\"}}"),
        format!("{{\"log\":\"{}", RECORD.replace('"', "\\\"")),
        format!("{{\"log\":{}}}", "[".repeat(1000)),
    ] {
        assert_eq!(read(&line), (Verdict::Malformed, vec![]), "{line}");
    }
}

#[test]
#[cfg(feature = "json")]
fn journald_fields_make_a_record() {
    let line = r#"{"_TRANSPORT":"audit","_HOSTNAME":"h","_AUDIT_TYPE":"1307","_AUDIT_ID":"3",
        "_SOURCE_REALTIME_TIMESTAMP":"1002000","MESSAGE":"CWD cwd=\"/\""}"#;
    check(&line.replace('\n', ""), "h", true);
}

#[test]
fn records_without_a_stamp_are_numbered() {
    let mut unwrapper = Unwrapper {
        year: Some(2026),
        ..Unwrapper::default()
    };
    let mut read = |line: &str| read_with(&mut unwrapper, line).1.remove(0);
    let header = "Feb 22 14:25:25 h audit";
    assert_eq!(read(&format!("{header}[7]: SYSCALL syscall=90")).3, 1);
    assert_eq!(read(&format!("{header}: CWD cwd=\"/\"")).3, 1);
    assert_eq!(read("Feb 22 14:25:25 other audit: SYSCALL syscall=90").3, 2);
    assert_eq!(read(&format!("{header}: PROCTITLE proctitle=\"x\"")).3, 1);
    let expected = (
        "h".to_owned(),
        true,
        1130,
        2,
        "pid=1 msg='unit=x'".to_owned(),
    );
    assert_eq!(
        read(&format!("{header}[1]: SERVICE_START pid=1 msg='unit=x'")),
        expected
    );
}

#[test]
fn joined_records_are_separated() {
    let serials = |line: &str| {
        let (_, found) = read(line);
        found
            .into_iter()
            .map(|got| (got.2, got.4))
            .collect::<Vec<_>>()
    };
    let cwd = (1307, "cwd=\"/\"".to_owned());
    let end = (1320, String::new());
    let eoe = "type=EOE msg=audit(1.002:3):";
    assert_eq!(
        serials(&format!("{RECORD} {RECORD} {eoe}")),
        [cwd.clone(), cwd.clone(), end.clone()]
    );
    assert_eq!(
        serials(&format!("{RECORD}{RECORD}")),
        [cwd.clone(), cwd.clone()]
    );
    let user = "type=USER_CMD msg=audit(1.002:4): pid=1 msg='cmd=6C73 res=success'";
    let body = (1123, "pid=1 msg='cmd=6C73 res=success'".to_owned());
    assert_eq!(
        serials(&format!("{user} {RECORD}")),
        [body.clone(), cwd.clone()]
    );
    let named = (1123, body.1.clone() + "\x1dUID=\"o'k\"");
    assert_eq!(
        serials(&format!("{user}\x1dUID=\"o'k\" {RECORD}")),
        [named, cwd]
    );
}

#[test]
fn look_alikes_inside_quotes_are_part_of_the_record() {
    for line in [
        format!(
            "type=CWD msg=audit(1.002:3): cwd=\"/ {}\"",
            RECORD.replace('"', "")
        ),
        format!(
            "type=USER_CMD msg=audit(1.002:3): pid=1 msg='cmd=\"ls {}\" res=success'",
            RECORD.replace('"', "")
        ),
        format!("type=USER_CMD msg=audit(1.002:3): pid=1 msg='cmd=ls {RECORD} res=success'"),
    ] {
        assert_eq!(read(&line).1.len(), 1, "{line}");
    }
}

#[test]
fn a_time_in_a_record_is_no_header_of_its_line() {
    let body = r#"cwd="msg=audit(1.002:3):2026-02-22T14:25:25+00:00 h 00""#;
    for before in ["audit.log:", "audit.log-12-", "who knows: "] {
        let line = format!("{before}type=CWD msg=audit(1.002:3): {body}");
        let (verdict, found) = read(&line);
        let bodies: Vec<_> = found.iter().map(|got| got.4.as_str()).collect();
        assert_eq!((verdict, bodies), (Verdict::Records, vec![body]), "{line}");
    }
}

#[test]
fn lines_without_records_are_told_apart() {
    for (line, expected) in [
        ("----", Verdict::Decoration),
        ("time->Tue Jun 24 10:40:43 2025", Verdict::Decoration),
        ("", Verdict::Decoration),
        (
            "type=CWD msg=audit(07/03/2024 11:39:20.891:42) : cwd=/",
            Verdict::Interpreted,
        ),
        (
            "type=CWD msg=audit(16523210---): cwd=\"/\"",
            Verdict::Malformed,
        ),
        (
            "Feb 22 14:25:25 h kernel: audit: backlog limit exceeded",
            Verdict::Lost(0),
        ),
        (
            "Feb 22 14:25:25 h kernel: audit_printk_skb: 7 callbacks suppressed",
            Verdict::Lost(7),
        ),
        ("Feb 22 14:25:25 h sshd[7]: hello", Verdict::Malformed),
    ] {
        assert_eq!(read(line), (expected, vec![]), "{line}");
    }
}
