//! Properties of any input, tested with random records.
//!
//! The tests drive the library without its threads, from records to lines.

use auditrd::{
    Arena, Classifier, Kinds, ReassemblyConfig, RecordType, encode,
    model::{Detail, EventId, Groups, Record, Timestamp},
    parse_audit_event,
    reassemble::Reassembler,
    record_type::{
        AUDIT_CWD, AUDIT_EOE, AUDIT_EXECVE, AUDIT_PATH, AUDIT_PROCTITLE, AUDIT_SYSCALL,
        AUDIT_USER_LOGIN,
    },
    resolve::Absent,
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::golden::check_line;

/// A record and the number of its event.
#[derive(Clone, Debug)]
struct Given {
    event: u8,
    record_type: RecordType,
    body: Vec<u8>,
}

impl Given {
    fn record(&self) -> Record<'_> {
        Record {
            id: EventId {
                time: Timestamp {
                    seconds: 1_700_000_000,
                    millis: 0,
                },
                serial: self.event.into(),
            },
            record_type: self.record_type,
            // Every second event is from another node.
            node: if self.event.is_multiple_of(2) {
                b""
            } else {
                b"host"
            },
            body: &self.body,
            cut: false,
            relayed: false,
        }
    }
}

/// A value: a word, a number, hex, quoted, or random bytes.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        select(vec![
            "(null)", "?", "/a/b", "\"/tmp\"", "ffffff9c", "3", "-2", "2F746D70", "\"", "'"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        any::<u32>().prop_map(|number| number.to_string().into_bytes()),
        vec(any::<u8>(), 0..12),
        vec(any::<u8>(), 0..12).prop_map(|text| [b"\"", &text[..], b"\""].concat()),
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let key = select(vec![
        "arch=c000003e syscall",
        "syscall",
        "success",
        "exit",
        "items",
        "pid",
        "a0",
        "a1",
        "a2",
        "comm",
        "exe",
        "key",
        "cwd",
        "item",
        "name",
        "nametype",
        "inode",
        "dev",
        "mode",
        "proctitle",
        "argc",
        "a0_len",
        "a1[0]",
        "a1[1]",
        "op",
        "acct",
        "msg",
        "subj",
        "\u{1d}UID",
    ]);
    vec((key, value()), 0..8).prop_map(|pairs| {
        let pairs = pairs
            .iter()
            .map(|(key, value)| [key.as_bytes(), b"=", value].concat());
        pairs.collect::<Vec<_>>().join(&b' ')
    })
}

fn given() -> impl Strategy<Value = Given> {
    let kinds = [
        AUDIT_SYSCALL,
        AUDIT_PATH,
        AUDIT_CWD,
        AUDIT_EXECVE,
        AUDIT_PROCTITLE,
        AUDIT_USER_LOGIN,
        AUDIT_EOE,
    ];
    let record_type = prop_oneof![
        9 => select(kinds.to_vec()),
        1 => (1000u16..3000).prop_map(RecordType)
    ];
    (0u8..6, record_type, body()).prop_map(|(event, record_type, body)| Given {
        event,
        record_type,
        body,
    })
}

fn groups(records: &[Given]) -> Groups {
    let mut reassembler =
        Reassembler::new(ReassemblyConfig::new(RecordType(1000), RecordType(2999)));
    for given in records {
        reassembler.push(0, given.record());
    }
    reassembler.drain();
    let mut groups = Groups::default();
    reassembler.hand_over(&mut groups);
    groups
}

/// The line of each event, and its line cut to `max` bytes.
fn lines(records: &[Given], max: usize) -> Vec<(String, String)> {
    let mut classifier = Classifier::new(Box::new(Absent)).with_kinds(Kinds::ALL);
    let mut lines = Vec::new();
    for group in groups(records).iter() {
        let arena = Arena::new();
        if let Some(mut event) = classifier.classify(&group, &arena) {
            let (mut line, mut short) = (Vec::new(), Vec::new());
            encode::line(&event, &mut line);
            encode::line_within(&mut event, max, &arena, &mut short);
            let text = |line| String::from_utf8(line).expect("lines are UTF-8");
            lines.push((text(line), text(short)));
        }
    }
    lines
}

/// The lines of all events, without state from earlier events, which depends on their order.
fn lines_alone(records: &[Given]) -> Vec<String> {
    let mut lines: Vec<String> = groups(records)
        .iter()
        .filter_map(|group| {
            let (arena, mut line) = (Arena::new(), Vec::new());
            encode::line(&parse_audit_event(&group, &arena)?, &mut line);
            Some(String::from_utf8(line).expect("lines are UTF-8"))
        })
        .collect();
    lines.sort();
    lines
}

/// The bodies of the EXECVE records that the kernel prints for these arguments. An argument is
/// quoted if every byte is printable and neither a space nor a quote, and else hex; if it is longer
/// than `limit`, it is split (kernel/auditsc.c, `audit_log_execve_info`, where the limit is 7,500).
fn printed(argv: &[Vec<u8>], limit: usize) -> Vec<Vec<u8>> {
    let is_plain = |text: &[u8]| text.iter().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e));
    let print = |text: &[u8]| match is_plain(text) {
        true => [b"\"", text, b"\""].concat(),
        false => text
            .iter()
            .flat_map(|byte| format!("{byte:02X}").into_bytes())
            .collect(),
    };
    let mut records = vec![format!("argc={}", argv.len()).into_bytes()];
    for (index, word) in argv.iter().enumerate() {
        let length = if is_plain(word) {
            word.len()
        } else {
            2 * word.len()
        };
        let last = records.last_mut().expect("there is one");
        if length <= limit && last.len() + length < limit {
            last.extend([format!(" a{index}=").as_bytes(), &print(word)].concat());
        } else if length <= limit {
            records.push([format!(" a{index}=").as_bytes(), &print(word)].concat());
        } else {
            for (part, piece) in word.chunks(limit / 2).enumerate() {
                let header = if part == 0 {
                    format!(" a{index}_len={length}")
                } else {
                    String::new()
                };
                let key = format!("{header} a{index}[{part}]=");
                records.push([key.as_bytes(), &print(piece)].concat());
            }
        }
    }
    records
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => vec(0x20u8..0x7f, 0..20),
        3 => vec(1u8.., 0..20),
        1 => vec(0x21u8..0x23, 0..400),
        1 => vec(1u8.., 0..400),
    ]
}

proptest! {
    #[test]
    fn every_line_is_well_formed_json_within_the_limit(
        records in vec(given(), 0..40),
        max in 4096usize..8192,
    ) {
        for (line, short) in lines(&records, max) {
            check_line(line.trim_end());
            check_line(short.trim_end());
            prop_assert!(short.len() <= max, "{} > {max}", short.len());
        }
    }

    #[test]
    fn the_interleaving_of_records_does_not_change_the_events(
        records in vec(given(), 0..40),
        turns in vec(any::<prop::sample::Index>(), 40),
    ) {
        // A record after the end of its event would start another, so ends come last.
        let (ends, records): (Vec<_>, Vec<_>) = records
            .into_iter()
            .partition(|given| given.record_type == AUDIT_EOE);
        let mut left: Vec<Vec<Given>> = (0..6)
            .map(|event| records.iter().filter(|given| given.event == event).cloned().collect())
            .collect();
        let mut mixed = Vec::new();
        for turn in turns {
            left.retain(|event| !event.is_empty());
            if !left.is_empty() {
                let event = turn.index(left.len());
                mixed.push(left[event].remove(0));
            }
        }
        mixed.extend(left.concat());
        prop_assert_eq!(
            lines_alone(&[mixed, ends.clone()].concat()),
            lines_alone(&[records, ends].concat())
        );
    }

    #[test]
    fn arguments_printed_by_the_kernel_are_parsed_back(
        argv in vec(word(), 1..40),
        limit in prop_oneof![Just(7500usize), 16usize..200],
        turn in any::<prop::sample::Index>(),
    ) {
        let mut records = printed(&argv, limit);
        let turn = turn.index(records.len());
        // A relay may reorder them.
        records.rotate_left(turn);
        let mut groups = Groups::default();
        let mut group = groups.begin(EventId::default(), b"");
        group.push(AUDIT_SYSCALL, b"arch=c000003e syscall=59 success=yes exit=0 items=0 pid=5");
        for record in &records {
            group.push(AUDIT_EXECVE, record);
        }
        let group = groups.last().expect("it has one");
        let arena = Arena::new();
        let event = parse_audit_event(&group, &arena).expect("an execve is an event");
        let Detail::Process(detail) = &event.detail else { panic!("execve is about a process") };
        let got: Vec<Vec<u8>> = detail.argv.expect("arguments").iter().map(|w| w.to_vec()).collect();
        prop_assert_eq!(&got, &argv);
        prop_assert!(!event.incomplete);

        let mut line = Vec::new();
        encode::line(&event, &mut line);
        let line: serde_json::Value = serde_json::from_slice(&line).expect("JSON");
        for (index, word) in argv.iter().enumerate() {
            match str::from_utf8(word) {
                Ok(text) => prop_assert_eq!(&line["argv"][index], text),
                Err(_) => {
                    let hex: String = word.iter().map(|byte| format!("{byte:02X}")).collect();
                    prop_assert_eq!(&line["argv_hex"][index.to_string()], &hex);
                }
            }
        }
    }
}
