//! Secrets: a planted one appears nowhere in the output, wherever it is and however it is spelled.

use auditrd::{
    Arena, AuditMessageGroup, Classifier, Kinds, RecordType,
    encode::{self, ecs, ocsf, pretty, raw},
    model::{EventId, Groups},
    record_type::*,
    redact::Redactor,
    resolve::Absent,
};
use memchr::memmem;
use proptest::{prelude::*, sample::select};

use crate::common::{auditrd, replay, replay_raw};

/// Command lines in which `%` is a secret of any characters.
const COMMANDS: &[&[&str]] = &[
    &["mysql", "-u", "root", "-p%", "db"],
    &["mysqldump", "--password=%", "--all-databases"],
    &["sudo", "-u", "app", "mysqladmin", "password", "%"],
    &["env", "PGPASSWORD=%", "psql", "-h", "db"],
    &["/usr/bin/sshpass", "-p", "%", "ssh", "host"],
    &["sshpass", "-vp%", "ssh", "host"],
    &["openssl", "rsa", "-in", "x.pem", "-passin", "pass:%"],
    &["curl", "-su", "alice:%", "https://host/"],
    &["curl", "-H", "Authorization: Bearer %", "https://host/"],
    &["curl", "--header", "x-api-key: %"],
    &["tool", "--token", "%", "--verbose"],
    &["tool", "--api-key=%"],
    &["docker", "run", "-e", "AWS_SECRET_ACCESS_KEY=%", "image"],
    &["docker", "login", "-u", "alice", "-p", "%", "registry"],
    &["ldapsearch", "-xw", "%", "-b", "dc=x"],
    &["redis-cli", "-a", "%", "ping"],
    &["htpasswd", "-bc", "file", "alice", "%"],
    &["nmcli", "dev", "wifi", "connect", "home", "password", "%"],
    &["smbclient", "//host/share", "-U", "alice%%"],
    &["java", "-Dspring.datasource.password=%", "-jar", "x.jar"],
];

/// Command lines whose secrets are words without characters that mean something in a URL.
const URLS: &[&[&str]] = &[
    &["git", "clone", "https://alice:%@host/repo.git"],
    &["psql", "postgres://app:%@db:5432/x"],
    &["wget", "https://host/x?user=a&access_token=%&y=z"],
    &["tool", "ghp_%%"],
];

/// A command and its secret, in an alphabet that no command uses.
fn planted() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<u8>)> {
    let any = (
        "[A-Z0-9 !\"#$%&'()*+,./:;<=>?@^_`{|}~\\\\\u{e4}-]{9,30}",
        select(COMMANDS),
    );
    let url = ("[A-Z0-9]{16,30}", select(URLS));
    prop_oneof![3 => any, 1 => url].prop_map(|(secret, command)| {
        // A command line option is no secret, and neither is an empty word.
        let secret = format!("Q{}Z", secret.trim());
        let place = |word: &&str| match word.split_once("%%") {
            Some(("alice", _)) => format!("alice%{secret}"),
            Some((start, _)) => format!("{start}{secret}"),
            None => word.replacen('%', &secret, 1),
        };
        let words = command.iter().map(|word| place(word).into_bytes());
        (words.collect(), secret.clone().into_bytes())
    })
}

/// The places where a record can carry a command line.
#[derive(Clone, Copy, Debug)]
enum Place {
    Arguments,
    Script,
    NestedScript,
    Title,
    Command,
    Message,
    Cmdline,
    Typed,
}

const PLACES: [Place; 8] = [
    Place::Arguments,
    Place::Script,
    Place::NestedScript,
    Place::Title,
    Place::Command,
    Place::Message,
    Place::Cmdline,
    Place::Typed,
];

/// A word as someone may write it for a shell.
fn quoted(word: &[u8], style: u8) -> Vec<u8> {
    let escape = |special: &[u8]| {
        let escaped = word.iter().flat_map(|byte| {
            let slash = special.contains(byte).then_some(b'\\');
            slash.into_iter().chain([*byte])
        });
        escaped.collect::<Vec<u8>>()
    };
    match style % 3 {
        0 => [
            b"'",
            &word
                .split(|b| *b == b'\'')
                .collect::<Vec<_>>()
                .join(&b"'\\''"[..])[..],
            b"'",
        ]
        .concat(),
        1 => [b"\"", &escape(b"\"\\$`")[..], b"\""].concat(),
        _ => escape(b" !\"#$&'()*;<>?[\\]^`{|}~"),
    }
}

fn script(words: &[Vec<u8>], style: u8) -> Vec<u8> {
    let words = words.iter().map(|word| quoted(word, style));
    words.collect::<Vec<_>>().join(&b' ')
}

fn hex(text: &[u8]) -> Vec<u8> {
    text.iter()
        .flat_map(|byte| format!("{byte:02X}").into_bytes())
        .collect()
}

/// A text as the kernel prints it.
fn printed(text: &[u8]) -> Vec<u8> {
    match text.iter().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e)) {
        true => [b"\"", text, b"\""].concat(),
        false => hex(text),
    }
}

/// EXECVE records of at most about `limit` bytes an argument.
fn execve(argv: &[Vec<u8>], limit: usize) -> Vec<Vec<u8>> {
    let mut records = vec![format!("argc={}", argv.len()).into_bytes()];
    for (index, word) in argv.iter().enumerate() {
        if word.len() <= limit {
            let last = records.last_mut().unwrap();
            last.extend([format!(" a{index}=").as_bytes(), &printed(word)].concat());
            continue;
        }
        for (part, piece) in word.chunks(limit).enumerate() {
            let length = if part == 0 {
                format!(" a{index}_len={}", word.len())
            } else {
                String::new()
            };
            let text = [
                format!("{length} a{index}[{part}]=").as_bytes(),
                &printed(piece),
            ]
            .concat();
            records.push(text);
        }
    }
    records
}

/// The records of an event that has a command line in a place.
fn records(words: &[Vec<u8>], place: Place, style: u8, limit: usize) -> Vec<(RecordType, Vec<u8>)> {
    let syscall = |number: u32| {
        let text = format!("arch=c000003e syscall={number} success=yes exit=0 items=0 pid=5 uid=0");
        (AUDIT_SYSCALL, text.into_bytes())
    };
    let shell = |text: Vec<u8>| vec![b"sh".to_vec(), b"-c".to_vec(), text];
    let argv = match place {
        Place::Arguments => words.to_vec(),
        Place::Script => shell(script(words, style)),
        Place::NestedScript => shell(script(&shell(script(words, style)), style / 3)),
        Place::Title => {
            let title = words.join(&0);
            let title = &title[..title.len().min(128)];
            let text = [b"proctitle=", &printed(title)[..]].concat();
            return vec![syscall(87), (AUDIT_PROCTITLE, text)];
        }
        Place::Command => {
            let text = printed(&words.join(&b' '));
            let text = [
                b"pid=5 uid=0 msg='cwd=\"/\" cmd=",
                &text[..],
                b" terminal=pts/0 res=success'",
            ];
            return vec![(AUDIT_USER_CMD, text.concat())];
        }
        Place::Message => {
            let text = words.join(&b' ');
            let text = [
                b"pid=5 msg='",
                &text[..],
                b" exe=\"/sbin/auditctl\" res=success'",
            ];
            return vec![(AUDIT_USER, text.concat())];
        }
        Place::Cmdline => {
            let text = words.join(&b' ');
            let text = [
                b"pid=1 msg='avc:  denied cmdline=\"",
                &text[..],
                b"\" exe=\"/x\"'",
            ];
            return vec![(AUDIT_USER_AVC, text.concat())];
        }
        Place::Typed => {
            let text = hex(&[&script(words, style)[..], b"\rls\r"].concat());
            let text = [
                b"tty pid=5 uid=0 auid=0 ses=1 major=136 minor=0 comm=\"bash\" data=",
                &text[..],
            ];
            return vec![(AUDIT_TTY, text.concat())];
        }
    };
    let mut records = vec![syscall(59)];
    records.extend(
        execve(&argv, limit)
            .into_iter()
            .map(|text| (AUDIT_EXECVE, text)),
    );
    records
}

/// All lines of an event, in every format.
fn lines(group: &AuditMessageGroup<'_>, arena: &Arena) -> Vec<u8> {
    let mut out = Vec::new();
    raw::line(group, None, &mut out);
    let mut classifier = Classifier::new(Box::new(Absent)).with_kinds(Kinds::ALL);
    let event = classifier.classify(group, arena).expect("an event");
    assert!(event.redacted);
    encode::line(&event, &mut out);
    ecs::line(&event, None, &mut out);
    ocsf::line(&event, None, &mut out);
    pretty::line(&event, pretty::View::default(), &mut out);
    out
}

/// Whether part of a secret is in a text, as it is, in hex, with JSON's escapes, or with a shell's
/// quotes.
fn leaks(secret: &[u8], out: &[u8]) -> Option<String> {
    let is_bare = |byte: &u8| !matches!(byte, b'\\' | b'"' | b'\'');
    let bare = |text: &[u8]| text.iter().copied().filter(is_bare).collect::<Vec<u8>>();
    let json = serde_json::to_string(&String::from_utf8_lossy(secret)).unwrap();
    let spellings = [
        (secret.to_vec(), 6, out.to_vec()),
        (hex(secret), 12, out.to_vec()),
        (json.trim_matches('"').into(), 8, out.to_vec()),
        (bare(secret), 6, bare(out)),
    ];
    let part = spellings.iter().find_map(|(text, length, out)| {
        text.windows(*length)
            .find(|part| memmem::find(out, part).is_some())
    })?;
    let text = String::from_utf8_lossy;
    Some(format!("{} in {}", text(part), text(out)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_planted_secret_is_in_no_format(
        (words, secret) in planted(),
        place in select(&PLACES[..]),
        style in any::<u8>(),
        limit in 5usize..60,
        turn in any::<prop::sample::Index>(),
    ) {
        // In quotes, no program writes others as they are.
        let is_in_quotes = matches!(place, Place::Message | Place::Cmdline);
        let is_quote = |byte: &u8| is_in_quotes && matches!(byte, b'"' | b'\'');
        let without = |text: &Vec<u8>| -> Vec<u8> {
            text.iter().map(|byte| if is_quote(byte) { b'_' } else { *byte }).collect()
        };
        let (words, secret) = (words.iter().map(without).collect::<Vec<_>>(), without(&secret));
        let mut records = records(&words, place, style, limit);
        let turn = turn.index(records.len());
        records[1.min(turn)..].rotate_left(turn.saturating_sub(1));
        let mut groups = Groups::default();
        let mut group = groups.begin(EventId::default(), b"");
        for (record_type, data) in &records {
            group.push(*record_type, data);
        }
        let (mut redactor, arena) = (Redactor::new(true, Vec::new(), false), Arena::new());
        let group = groups.last().unwrap();
        let before = { let mut out = Vec::new(); raw::line(&group, None, &mut out); out };
        let group = redactor.redact(group, &arena);
        // The kernel cuts a title, perhaps before the secret.
        if !group.redacted {
            let is_cut_off = matches!(place, Place::Title);
            prop_assert!(is_cut_off && leaks(&secret, &before).is_none(), "not redacted: {records:?}");
        } else {
            let leak = leaks(&secret, &lines(&group, &arena));
            prop_assert!(leak.is_none(), "{} of {:?}", leak.unwrap(), String::from_utf8_lossy(&secret));
        }
    }
}

const LOG: &str = "\
type=SYSCALL msg=audit(1.000:1): arch=c000003e syscall=59 success=yes exit=0 items=0 pid=5 uid=0
type=EXECVE msg=audit(1.000:1): argc=3 a0=\"mysql\" a1=\"-pS3cr3t\" a2=\"db\"
type=PROCTITLE msg=audit(1.000:1): proctitle=6D7973716C002D705333637233740064620A
type=SYSCALL msg=audit(1.001:2): arch=c000003e syscall=59 success=yes exit=0 items=0 pid=6 ppid=5
type=EXECVE msg=audit(1.001:2): argc=1 a0=\"id\"
type=PROCTITLE msg=audit(1.001:2): proctitle=\"id\"
";

#[test]
fn a_redacted_line_says_so_and_others_do_not() {
    for (options, argv) in [
        (
            &["--redact", "default"][..],
            &["mysql", "-pREDACTED", "db"][..],
        ),
        (&["--redact", "mysql:-p"], &["mysql", "-pREDACTED", "db"]),
        (&["--no-args"], &["mysql"]),
        (&["--no-args", "--redact", "default,x:--pin"], &["mysql"]),
    ] {
        let events = replay(LOG, options);
        assert_eq!(events[0]["argv"], serde_json::json!(argv));
        assert_eq!(events[0]["commandline"], argv.join(" "));
        assert_eq!(events[0]["redacted"], true);
        assert_eq!(events[1].get("redacted"), None);
        for format in [
            &["--format", "ecs"][..],
            &["--format", "ocsf"],
            &["--format", "raw"],
            &["--pretty"],
        ] {
            let output = replay_raw(LOG, &[options, format].concat());
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(
                !text.contains("S3cr3t") && !text.contains("533363723374"),
                "{text}"
            );
            assert!(text.contains("redacted"), "{text}");
        }
    }
    assert_eq!(
        replay(LOG, &["--redact", "other:-p"])[0]["argv"][1],
        "-pS3cr3t"
    );
}

#[test]
fn the_log_quotes_no_text_of_records_that_may_hold_secrets() {
    let log = format!("{LOG}mysql -pS3cr3t\ntype=EXECVE audit(x): a0=\"-pS3cr3t\"\n");
    let output = replay_raw(&log, &["--redact", "default", "-vvv"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("not an audit record; it is not quoted"),
        "{said}"
    );
    assert!(!said.contains("S3cr3t"), "{said}");
    let said = replay_raw(&log, &["-v"]).stderr;
    assert!(String::from_utf8_lossy(&said).contains("mysql -pS3cr3t"));
}

#[test]
fn a_wrong_option_to_redact_is_a_usage_error() {
    for value in ["defaults", "x", ":--pin", "tool:", "tool:--pin=1"] {
        let output = auditrd()
            .args(["-i", "-", "--redact", value])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{value}");
        assert!(
            said.contains("PROGRAM:OPTION") || said.contains("option"),
            "{said}"
        );
    }
}
