use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{
    model::{Arena, EventId, Groups, RecordType, record_type::*},
    parse_audit_event,
};

/// Calls `test` with the event of some records.
fn with_event<T>(records: &[(RecordType, &str)], test: impl FnOnce(&mut AuditEvent<'_>) -> T) -> T {
    let mut groups = Groups::default();
    let mut builder = groups.begin(EventId::default(), b"");
    for (record_type, data) in records {
        builder.push(*record_type, data.as_bytes());
    }
    let arena = Arena::new();
    let mut event = parse_audit_event(&groups.last().unwrap(), &arena).unwrap();
    test(&mut event)
}

fn filters(lines: &str) -> Filters {
    let mut lists = Lists::default();
    lists.read(lines).unwrap();
    Filters::new(lists)
}

const UNLINK: &[(RecordType, &str)] = &[
    (
        AUDIT_SYSCALL,
        "arch=c000003e syscall=87 success=yes exit=0 items=1 ppid=1 pid=7 auid=1000 uid=0 gid=5 \
         comm=\"rm\" exe=\"/usr/bin/rm\" key=77656201617069",
    ),
    (AUDIT_CWD, "cwd=\"/tmp\""),
    (
        AUDIT_PATH,
        "item=0 name=\"/tmp/a/x.log\" inode=3 dev=fe:00 nametype=DELETE",
    ),
];
const LOGIN: &[(RecordType, &str)] = &[(
    AUDIT_USER_LOGIN,
    "pid=9 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=\"alice\" \
     exe=\"/usr/sbin/sshd\" hostname=? addr=10.1.2.3 terminal=ssh res=success'",
)];

#[test]
fn conditions_are_met_by_decoded_values() {
    for (records, met, others) in [
        (
            UNLINK,
            "key=web key=api key=a* exe=/usr/bin/rm exe=/usr/*/rm exe=/usr/** exe=/usr/bin/{ls,rm} \
             path=/tmp/a/*.log path=**/x.log comm=[a-z]m comm!=ls uid=0 uid=root auid=1000-1999 \
             auid=1000- uid!=1-9 gid=5 name=fim name=fim_event syscall=unlink action=deleted \
             type=SYSCALL success=yes success=success exit=0 pid=7 incomplete!=true arch=x86_64 \
             path=/tmp/a/x\\.log key!=x",
            "key=we exe=/usr/* exe=rm path=*.log comm=RM uid=1-9 auid=-1--0 acct=x acct!=x \
             addr=0.0.0.0/0 dest_path!=x success=no incomplete=true session=1 container!=x \
             key!=web",
        ),
        (
            LOGIN,
            "addr=10.0.0.0/8 addr=10.1.2.3 addr=10.1.2.2/31 addr=10.1.* acct=a* success=yes \
             auid=unset terminal=ssh op=login type=USER_* exe=/usr/sbin/sshd name=user_event",
            "addr=10.1.2.4/31 addr=::/1 auid=0- hostname!=x syscall!=x exit=0 path!=x \
             addr!=10.0.0.0/8",
        ),
    ] {
        with_event(records, |event| {
            for text in met.split_whitespace() {
                let filters = filters(&format!("drop {text}"));
                assert_eq!(filters.drops(event), Some(0), "{text}");
                let both = format!("drop {text},comm=no-such\ndrop {text},pid=1-10");
                let filters = super::tests::filters(&both);
                assert_eq!(filters.drops(event), Some(1), "{text}");
            }
            for text in others.split_whitespace() {
                let filters = filters(&format!("drop {text}"));
                assert_eq!(filters.drops(event), None, "{text}");
            }
        });
    }
}

#[test]
fn unusual_events_are_left_out_only_by_an_expression_that_says_so() {
    let drops = |lines: &str, event: &AuditEvent<'_>| filters(lines).drops(event).is_some();
    with_event(UNLINK, |event| {
        event.success = Some(b"no");
        assert!(!drops("drop uid=0", event));
        assert!(drops("drop uid=0,success=no", event));
        assert!(drops("drop success!=yes", event));
        (event.exit, event.error) = (-2, Some("ENOENT"));
        assert!(drops("drop uid=0,error=ENOENT", event));
        assert!(drops("drop uid=0,exit=-2", event));
        (event.exit, event.error) = (0, None);
        event.success = Some(b"yes");
        event.incomplete = true;
        assert!(!drops("drop uid=0", event));
        assert!(drops("drop uid=0,incomplete=true", event));
        event.incomplete = false;
        event.truncated = true;
        assert!(!drops("drop uid=0", event));
        assert!(drops("drop truncated=true", event));
    });
}

#[test]
fn keeping_wins_over_dropping() {
    with_event(UNLINK, |event| {
        let all = filters("# all\n\ndrop uid=0\nkeep path=/tmp/**,auid=1000\n");
        assert_eq!(all.drops(event), None);
        event.truncated = true;
        let all = filters("drop uid=0,truncated=true\nkeep path=/tmp/**");
        assert_eq!(all.drops(event), None);
    });
}

#[test]
fn the_error_about_an_expression_names_the_mistake() {
    for (text, cause) in [
        ("drop", "line 1: neither drop EXPR nor keep EXPR"),
        ("\nlose uid=0", "line 2: neither"),
        ("drop uid", "not KEY=VALUE"),
        ("drop user=0", "no key \"user\"; there are key exe comm"),
        (
            "drop uid=no-such-user",
            "uid: no-such-user is not in /etc/passwd",
        ),
        ("drop uid=9-1", "empty range"),
        ("drop pid=x", "pid: x is not a number"),
        ("drop addr=10.0.0.0/33", "not a network"),
        ("drop exe=[a", "exe: "),
        ("drop exe=", "exe has no value"),
        ("drop incomplete=false", "the only value is true"),
        ("drop uid=0,", "not KEY=VALUE"),
    ] {
        let error = Lists::default().read(text).unwrap_err();
        assert!(error.contains(cause), "{text}: {error}");
    }
}

/// The first expression that an event meets, found by trying all.
fn slow(lists: &Lists, event: &AuditEvent<'_>) -> bool {
    let meets = |expression: &Expression| expression.is_met(event);
    let mut drop = lists.drop.iter().cloned().map(Expression::sparing);
    drop.any(|expression| meets(&expression)) && !lists.keep.iter().any(meets)
}

fn condition() -> impl Strategy<Value = String> {
    let keys = [
        "key",
        "exe",
        "comm",
        "path",
        "acct",
        "addr",
        "uid",
        "auid",
        "pid",
        "syscall",
        "action",
        "success",
        "type",
        "name",
        "incomplete",
        "truncated",
    ];
    let values = |key: &'static str| {
        let values: &[&str] = match key {
            "key" => &["web", "api", "w*", "x"],
            "exe" => &[
                "/usr/bin/rm",
                "/usr/bin/*",
                "/usr/**",
                "/opt/**",
                "**/rm",
                "/usr/sbin/sshd",
            ],
            "comm" => &["rm", "r?", "ls", "*"],
            "path" => &["/tmp/a/*", "/tmp/**", "/etc/**", "/tmp/a/x.log"],
            "acct" => &["alice", "a*", "bob"],
            "addr" => &[
                "10.0.0.0/8",
                "10.1.2.3",
                "10.1.0.0/16",
                "192.168.0.0/16",
                "::/0",
            ],
            "uid" | "auid" | "pid" => &["0", "1000", "7", "0-7", "1000-", "unset", "1-6"],
            "syscall" => &["unlink", "un*", "open"],
            "action" => &["deleted", "opened"],
            "success" => &["yes", "no"],
            "type" => &["SYSCALL", "USER_*"],
            "name" => &["fim", "user", "process_event"],
            _ => &["true"],
        };
        select(values)
    };
    (select(keys.to_vec()), any::<bool>()).prop_flat_map(move |(key, is_negative)| {
        let sign = if is_negative { "!=" } else { "=" };
        values(key).prop_map(move |value| format!("{key}{sign}{value}"))
    })
}

fn expressions(most: usize) -> impl Strategy<Value = Vec<String>> {
    vec(
        vec(condition(), 1..4).prop_map(|all| all.join(",")),
        0..most,
    )
}

proptest! {
    #[test]
    fn the_index_finds_the_same_expressions_as_a_search_of_all(
        drop in expressions(12),
        keep in expressions(3),
        is_login in any::<bool>(),
        success in select(vec!["yes", "no", "success", "failed"]),
        unusual in any::<(bool, bool)>(),
    ) {
        let parse = |texts: &[String]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let lists = Lists { drop: parse(&drop), keep: parse(&keep) };
        let filters = Filters::new(lists.clone());
        with_event(if is_login { LOGIN } else { UNLINK }, |event| {
            event.success = Some(success.as_bytes());
            (event.incomplete, event.truncated) = unusual;
            assert_eq!(filters.drops(event).is_some(), slow(&lists, event), "{drop:?} {keep:?}");
            if let Some(found) = filters.drops(event) {
                assert!(filters.drop_expressions()[found].is_met(event));
            }
        });
    }
}
