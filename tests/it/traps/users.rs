//! Records from user space.

use serde_json::json;

use super::{call, event, events};

fn user(record_type: &str, msg: &str) -> serde_json::Value {
    event(&[&format!(
        "{record_type} pid=5 uid=6 auid=7 ses=8 msg='{msg}'"
    )])
}

#[test]
fn a_programs_claims_never_replace_the_kernels_ids() {
    let event = user(
        "USER_START",
        "op=PAM:session_open acct=\"x\" uid=0 pid=1 auid=0 ses=0 res=success",
    );
    assert_eq!((&event["pid"], &event["uid"]), (&json!(5), &json!(6)));
    assert_eq!((&event["auid"], &event["session"]), (&json!(7), &json!(8)));
    assert_eq!(
        event["fields"],
        json!({"uid": "0", "pid": "1", "auid": "0", "ses": "0"})
    );
}

#[test]
fn a_claimed_uid_is_a_number_and_not_hex() {
    let event = user(
        "USER_LOGIN",
        "uid=1000 exe=\"/usr/libexec/gdm\" hostname=? addr=? terminal=? res=failed",
    );
    assert_eq!(
        (&event["fields"], &event["success"]),
        (&json!({"uid": "1000"}), &json!("failed"))
    );
    for key in ["hostname", "addr", "terminal"] {
        assert!(event.get(key).is_none(), "{key}");
    }
}

#[test]
fn a_message_ends_at_the_last_quote_of_its_record() {
    let event = user(
        "USER_ACCT",
        "op=x acct=\"system-property('xsl:vendor')/>\" res=failed",
    );
    assert_eq!(event["acct"], "system-property('xsl:vendor')/>");
    assert_eq!(event["res"], "failed");
}

#[test]
fn values_of_several_words_are_kept_whole() {
    let event = user(
        "USER_MGMT",
        "op=adding user id=1001 exe=\"/usr/sbin/useradd\" res=success",
    );
    assert_eq!(
        (&event["op"], &event["fields"]["id"]),
        (&json!("adding user"), &json!("1001"))
    );
    let event = user("USER_MGMT", "op=changing new_gid=4550 res=success");
    assert_eq!(
        (&event["op"], &event["fields"]["new_gid"]),
        (&json!("changing"), &json!("4550"))
    );
}

#[test]
fn operations_of_shadow_utils_are_kept_whole() {
    for op in [
        "adding group to /etc/group",
        "changing /etc/group; group tstg/1002, new name: tstg2",
        "user tstu added by root to group tstg2",
        "login add",
    ] {
        let event = user(
            "USER_ACCT",
            &format!("op={op} acct=\"g\" exe=\"/usr/sbin/groupmod\" hostname=? res=success"),
        );
        assert_eq!((&event["op"], &event["acct"]), (&json!(op), &json!("g")));
    }
    let event = user(
        "ADD_GROUP",
        "op= id=1002 exe=\"/usr/sbin/groupadd\" res=success",
    );
    assert!(event.get("op").is_none());
    assert_eq!(event["fields"]["id"], "1002");
}

#[test]
fn punctuation_around_values_is_removed() {
    let event = event(&[
        "USER_AUTH user pid=5 uid=6 auid=7 msg='PAM: authentication acct=root : exe=\"/usr/sbin/crond\" (hostname=?, addr=?, terminal=cron res=success)'",
    ]);
    assert_eq!(
        (&event["acct"], &event["terminal"]),
        (&json!("root"), &json!("cron"))
    );
    assert_eq!(
        (&event["res"], &event["success"]),
        (&json!("success"), &json!("success"))
    );
    assert_eq!(
        (&event["exectuable"], &event["pid"]),
        (&json!("/usr/sbin/crond"), &json!(5))
    );
    let event = user(
        "USER_CHAUTHTOK",
        "op=updating-password id=7 uid=1000, exe=\"/bin/p\" res=success",
    );
    assert_eq!(event["fields"]["uid"], "1000");
}

#[test]
fn accounts_and_commands_are_decoded_and_addresses_are_not() {
    let event = user(
        "USER_AUTH",
        "op=login acct=6D616C206C6F7279 exe=2F782079 hostname=4142 addr=::1 terminal=ssh res=failed",
    );
    assert_eq!(
        (&event["acct"], &event["exectuable"]),
        (&json!("mal lory"), &json!("/x y"))
    );
    assert_eq!(
        (&event["hostname"], &event["addr"]),
        (&json!("4142"), &json!("::1"))
    );
    let event = user(
        "USER_CMD",
        "cwd=\"/root\" cmd=6C73202D6C terminal=pts/0 res=success",
    );
    assert_eq!(
        (&event["cmd"], &event["cwd"]),
        (&json!("ls -l"), &json!("/root"))
    );
}

#[test]
fn an_account_that_is_not_utf_8_is_also_given_in_hex() {
    let event = user("USER_LOGIN", "op=login acct=62FF res=failed");
    assert_eq!(
        (&event["acct"], &event["acct_hex"]),
        (&json!("b\u{fffd}"), &json!("62FF"))
    );
}

#[test]
fn free_text_before_the_pairs_is_in_the_message() {
    let msg = "avc:  received policyload notice (seqno=2)  exe=2F757372202864656C6574656429 sauid=81 hostname=? addr=? terminal=?";
    let event = user("USER_AVC", msg);
    assert_eq!(
        (&event["msg"], &event["exectuable"]),
        (&json!(msg), &json!("/usr (deleted)"))
    );
    assert_eq!(event["fields"]["sauid"], "81");
    let text = "avc:  netlink recvfrom: error 9 (Bad file descriptor)";
    assert_eq!(user("USER_AVC", text)["msg"], text);
}

#[test]
fn the_avc_text_of_a_user_avc_becomes_fields() {
    let event = user(
        "USER_AVC",
        "avc:  denied  { send_msg } for msgtype=method_call dest=:1.2 spid=9 scontext=a:b:c tclass=dbus permissive=0  exe=\"/usr/bin/dbus-daemon\" sauid=81",
    );
    assert_eq!(
        (&event["fields"]["tclass"], &event["fields"]["spid"]),
        (&json!("dbus"), &json!("9"))
    );
    assert_eq!(event["exectuable"], "/usr/bin/dbus-daemon");
}

#[test]
fn colons_angle_brackets_and_empty_values_are_kept() {
    let event = user(
        "CRYPTO_KEY_USER",
        "op=destroy kind=server fp=SHA256:02:11:aa direction=? spid=9 suid=0  exe=\"/usr/sbin/sshd\" res=success",
    );
    assert_eq!(
        (&event["fields"]["fp"], &event["fields"]["suid"]),
        (&json!("SHA256:02:11:aa"), &json!("0"))
    );
    let event = user(
        "CRYPTO_SESSION",
        "op=start mac=<implicit> pfs=curve res=success",
    );
    assert_eq!(event["fields"]["mac"], "<implicit>");
    let event = user("CRYPTO_SESSION", "op=start mac= pfs=curve res=success");
    assert_eq!(
        (&event["fields"]["mac"], &event["fields"]["pfs"]),
        (&json!(""), &json!("curve"))
    );
}

#[test]
fn a_repeated_key_is_kept_twice() {
    let event = user(
        "VIRT_CONTROL",
        "op=start exe=? exe=\"/usr/bin/dockerd\" auid=1000 auid=1001 vm=2A res=success",
    );
    assert_eq!(event["exectuable"], "/usr/bin/dockerd");
    assert_eq!(
        (&event["fields"]["auid"], &event["fields"]["auid_2"]),
        (&json!("1000"), &json!("1001"))
    );
    assert_eq!(event["fields"]["vm"], "*");
}

#[test]
fn several_keys_are_joined_with_commas() {
    let event = user("USER_ACCT", "op=x key=61016263 key=\"d\" res=success");
    assert_eq!(event["key"], "a,bc,d");
}

#[test]
fn typed_text_is_decoded() {
    let event = user("USER_TTY", "data=6C730D res=success");
    assert_eq!(event["fields"]["data"], "ls\r");
}

#[test]
fn names_appended_by_auditd_are_separate_fields() {
    let event = event(&[
        "USER_LOGIN pid=5 uid=6 auid=7 ses=8 msg='op=login id=1000 res=success'\u{1d}UID=\"root\" AUID=\"u\" ID=\"alice\"",
    ]);
    assert_eq!(
        (&event["uid"], &event["fields"]["UID"]),
        (&json!(6), &json!("root"))
    );
    assert_eq!(
        (&event["fields"]["id"], &event["fields"]["ID"]),
        (&json!("1000"), &json!("alice"))
    );
    assert_eq!(event["msg"], "op=login id=1000 res=success");
}

#[test]
fn a_name_that_auditd_appended_for_an_id_in_the_message_is_not_that_of_the_process() {
    // systemd asks about the process 1000; pam_faillock (after a report of auditd's) names 1003.
    let avc = "USER_AVC pid=1 uid=0 auid=4294967295 ses=4294967295 msg='avc:  denied  { start } for \
               auid=1000 uid=1000 gid=1000 path=\"/x.service\" exe=\"/usr/lib/systemd/systemd\" \
               sauid=0 hostname=? addr=? terminal=?'\u{1d}UID=\"root\" AUID=\"unset\" AUID=\"alice\" \
               UID=\"alice\" GID=\"alice\" SAUID=\"root\"";
    let failures = "ANOM_LOGIN_FAILURES pid=9 uid=0 auid=1000 ses=7 msg='pam_faillock uid=1003  \
                    exe=\"/usr/bin/login\" hostname=host1 addr=? terminal=pts/2 res=success'\u{1d}\
                    UID=\"root\" AUID=\"administrator\" UID=\"testuser\"";
    for (record, names) in [
        (avc, json!({"uid": "root"})),
        (failures, json!({"uid": "root", "auid": "administrator"})),
    ] {
        assert_eq!(event(&[record])["names"], names);
    }
}

#[test]
fn a_separator_written_by_a_program_adds_no_names() {
    let event = user("USER_LOGIN", "op=login \u{1d}UID=\"root\" res=failed");
    assert_eq!(
        (&event["uid"], &event["res"]),
        (&json!(6), &json!("failed"))
    );
}

#[test]
fn a_user_record_of_an_unnamed_type_is_an_event() {
    let event = user("UNKNOWN[2345]", "op=x res=1");
    assert_eq!(
        (&event["type"], &event["success"]),
        (&json!("UNKNOWN[2345]"), &json!("success"))
    );
}

#[test]
fn a_login_event_has_the_old_and_the_new_ids() {
    let old_style = "LOGIN login pid=13015 uid=0 old auid=4294967295 new auid=1000 old ses=4294967295 new ses=9";
    let new_style = "LOGIN pid=13015 uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=9 res=1";
    for record in [old_style, new_style] {
        let event = event(&[record]);
        assert_eq!(
            (&event["type"], &event["name"]),
            (&json!("LOGIN"), &json!("user_event"))
        );
        assert_eq!(
            (&event["auid"], &event["session"]),
            (&json!(1000), &json!(9))
        );
        let before = json!({"old-auid": "4294967295", "old-ses": "4294967295"});
        assert_eq!((&event["pid"], &event["fields"]), (&json!(13015), &before));
        assert!(event.get("incomplete").is_none());
    }
}

#[test]
fn a_login_and_the_write_that_caused_it_are_one_event() {
    let login =
        "LOGIN pid=2 uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=3 res=1";
    let event = event(&[
        login,
        &call(1, "a0=3 items=0"),
        "PROCTITLE proctitle=\"sshd\"",
    ]);
    assert_eq!(
        (&event["type"], &event["exectuable"]),
        (&json!("LOGIN"), &json!("/bin/x"))
    );
    assert_eq!(
        (&event["success"], &event["res"]),
        (&json!("success"), &json!("1"))
    );
}

#[test]
fn records_with_the_serial_of_a_message_join_its_event() {
    let events = events(&[
        "SERVICE_START pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=x comm=\"systemd\" exe=\"/lib/systemd\" res=success'",
        &call(44, "a0=3 items=0"),
        "SOCKADDR saddr=100000000000000000000000",
        "EOE",
    ]);
    assert_eq!(events.len(), 1);
    assert_eq!(
        (&events[0]["type"], &events[0]["comm"]),
        (&json!("SERVICE_START"), &json!("systemd"))
    );
}

#[test]
fn a_cut_message_is_parsed_up_to_its_end() {
    let event = event(&["USER_AUTH pid=5 uid=6 auid=7 ses=8 msg='op=login acct=\"alic"]);
    assert_eq!(
        (&event["op"], &event["acct"]),
        (&json!("login"), &json!("alic"))
    );
}

#[test]
fn a_value_that_is_not_utf_8_reserves_its_hex_name() {
    let event = super::events(&["USER_TTY pid=5 msg='data=FF data_hex=41 res=success'"]).remove(0);
    let fields = json!({"data": "\u{fffd}", "data_hex": "FF", "data_hex_2": "41"});
    assert_eq!(event["fields"], fields);
}

#[test]
fn too_many_fields_are_cut_and_marked() {
    let many: String = (0..100_000).map(|n| format!("f{n}=x key=k{n} ")).collect();
    let event = user("USER_MGMT", &format!("op=x {many}res=success"));
    assert_eq!(event["truncated"], true);
    assert_eq!(event["fields"].as_object().unwrap().len(), 256);
}

#[test]
fn a_login_has_the_ids_of_the_call_that_caused_it() {
    let login = "LOGIN pid=2 uid=0 old-auid=4294967295 auid=1000 ses=3 res=1";
    let event = event(&[login, &call(1, "a0=3 items=0")]);
    assert_eq!((&event["ppid"], &event["euid"]), (&json!(1), &json!(0)));
}

#[test]
fn the_oldest_type_of_message_is_a_user_event_too() {
    let event = event(&["USER pid=7 uid=0 auid=0 ses=4 msg='text=hello exe=\"/x\" res=success'"]);
    assert_eq!(
        (&event["name"], &event["type"]),
        (&json!("user_event"), &json!("USER"))
    );
    assert_eq!(event["fields"]["text"], json!("hello"));
}
