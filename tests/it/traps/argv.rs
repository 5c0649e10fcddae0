//! EXECVE and PROCTITLE.

use serde_json::json;

use super::{call, event, syscall};

const EXECVE: u32 = 59;

fn argv(records: &[&str]) -> serde_json::Value {
    let call = call(EXECVE, "");
    let records: Vec<_> = std::iter::once(call.as_str())
        .chain(records.iter().copied())
        .collect();
    event(&records)
}

#[test]
fn quoted_digits_are_an_argument_and_not_hex() {
    assert_eq!(
        argv(&[r#"EXECVE argc=2 a0="id" a1="3005""#])["argv"],
        json!(["id", "3005"])
    );
}

#[test]
fn bare_hex_is_an_argument_with_special_characters() {
    let event = argv(&[r#"EXECVE argc=3 a0="useradd" a1="-c" a2=75736520776F726473"#]);
    assert_eq!(event["argv"], json!(["useradd", "-c", "use words"]));
    assert_eq!(event["commandline"], "useradd -c 'use words'");
}

#[test]
fn the_arguments_of_a_syscall_are_numbers_and_never_text() {
    let call = call(EXECVE, "a0=3005 a1=6120 a2=41 a3=4142");
    let event = event(&[&call, r#"EXECVE argc=1 a0="x""#]);
    assert_eq!(event["argv"], json!(["x"]));
}

#[test]
fn empty_arguments_are_kept() {
    let event = argv(&[r#"EXECVE argc=2 a0="/bin/echo" a1="""#]);
    assert_eq!(event["argv"], json!(["/bin/echo", ""]));
    assert_eq!(event["commandline"], "/bin/echo ''");
}

#[test]
fn arguments_beyond_argc_are_kept_and_marked() {
    let event = argv(&[r#"EXECVE argc=0 a0="x""#]);
    assert_eq!(
        (&event["argv"], &event["incomplete"]),
        (&json!(["x"]), &json!(true))
    );
}

#[test]
fn pieces_are_joined_into_one_argument() {
    let event = argv(&[
        r#"EXECVE argc=3 a0="/bin/echo" a1_len=6 a1[0]="xxx""#,
        r#"EXECVE  a1[1]="yyy" a2="z""#,
        "EOE",
    ]);
    assert_eq!(event["argv"], json!(["/bin/echo", "xxxyyy", "z"]));
    assert!(event.get("incomplete").is_none());
}

#[test]
fn reordered_pieces_are_sorted() {
    let event = argv(&[
        r#"EXECVE  a1[1]="yyy" a2="z""#,
        r#"EXECVE argc=3 a0="/bin/echo" a1_len=6 a1[0]="xxx""#,
    ]);
    assert_eq!(event["argv"], json!(["/bin/echo", "xxxyyy", "z"]));
}

#[test]
fn a_missing_piece_makes_the_event_incomplete() {
    let event = argv(&[
        r#"EXECVE argc=2 a0="e" a1_len=9 a1[0]="xxx""#,
        r#"EXECVE  a1[2]="zzz""#,
    ]);
    assert_eq!(
        (&event["argv"], &event["incomplete"]),
        (&json!(["e", "xxxzzz"]), &json!(true))
    );
}

#[test]
fn arguments_are_sorted_by_number() {
    let event = argv(&[
        r#"EXECVE argc=12 a0="a" a1="b" a2="c" a3="d" a4="e" a5="f" a6="g" a7="h" a8="i" a9="j" a10="k" a11="l""#,
    ]);
    let letters = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    assert_eq!(event["argv"], json!(letters));
}

#[test]
fn newlines_in_an_argument_are_kept() {
    let event = argv(&[r#"EXECVE argc=2 a0="echo" a1=666F6F0A6261720A"#]);
    assert_eq!(event["argv"], json!(["echo", "foo\nbar\n"]));
}

#[test]
fn arguments_that_are_not_utf_8_are_also_given_in_hex() {
    let event = argv(&[r#"EXECVE argc=3 a0="echo" a1=626164FFFE a2=C3A9"#]);
    assert_eq!(event["argv"], json!(["echo", "bad\u{fffd}\u{fffd}", "é"]));
    assert_eq!(event["argv_hex"], json!({"1": "626164FFFE"}));
    assert_eq!(
        event["commandline_hex"],
        "6563686F2027626164FFFE272027C3A927"
    );
}

#[test]
fn literal_null_is_an_argument() {
    let event = argv(&[r#"EXECVE argc=3 a0="echo" a1="(null)" a2="DEADBEEF""#]);
    assert_eq!(event["argv"], json!(["echo", "(null)", "DEADBEEF"]));
}

#[test]
fn a_failed_exec_is_an_event_without_arguments() {
    let call = syscall("arch=c000003e syscall=59 success=no exit=-2 a0=1 items=1");
    let event = event(&[
        &call,
        "CWD cwd=\"/root\"",
        "PATH item=0 name=\"./none\" nametype=UNKNOWN",
        "PROCTITLE proctitle=\"bash\"",
    ]);
    assert_eq!(
        (&event["success"], &event["exit"]),
        (&json!("no"), &json!(-2))
    );
    assert_eq!(
        (&event["path"], &event["error"]),
        (&json!("/root/none"), &json!("ENOENT"))
    );
    assert!(event.get("argv").is_none() && event.get("commandline").is_none());
}

#[test]
fn a_process_title_is_joined_with_spaces_without_its_last_nul() {
    let unlink = call(87, "items=0");
    let title = |text: &str| {
        let event = event(&[&unlink, &format!("PROCTITLE proctitle={text}")]);
        event.get("commandline").cloned()
    };
    assert_eq!(title("6C73002D6C"), Some(json!("ls -l")));
    assert_eq!(title("6C73002D6C00"), Some(json!("ls -l")));
    assert_eq!(title("6C7300002D6C"), Some(json!("ls  -l")));
    assert_eq!(title("\"bash\""), Some(json!("bash")));
}

#[test]
fn a_null_process_title_is_absent_even_in_quotes() {
    let unlink = call(87, "items=0");
    for text in ["\"(null)\"", "(null)"] {
        let event = event(&[&unlink, &format!("PROCTITLE proctitle={text}")]);
        assert!(event.get("commandline").is_none());
    }
}

#[test]
fn arguments_take_precedence_over_the_process_title() {
    let event = argv(&[r#"EXECVE argc=1 a0="new""#, "PROCTITLE proctitle=\"old\""]);
    assert_eq!(event["commandline"], "new");
}

#[test]
fn a_script_has_the_arguments_of_its_longest_record() {
    let event = event(&[
        &call(59, "items=0"),
        "EXECVE argc=4 a0=\"/bin/perl\" a1=\"-w\" a2=\"/x.pl\" a3=\"--all\"",
        "EXECVE argc=3 a0=\"/bin/perl\" a1=\"-w\" a2=\"/x.pl\"",
        "EOE",
    ]);
    assert_eq!(event["argv"], json!(["/bin/perl", "-w", "/x.pl", "--all"]));
    assert_eq!(event.get("incomplete"), None);
}
