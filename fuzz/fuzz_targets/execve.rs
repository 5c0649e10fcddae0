//! EXECVE: arguments printed in the kernel's format are parsed back exactly, in any order of the
//! records; and any text in such records yields a line.
#![no_main]

use arbitrary::Arbitrary;
use auditrd::{
    Arena, encode,
    model::{Detail, EventId, Groups},
    parse_audit_event,
    record_type::{AUDIT_EXECVE, AUDIT_SYSCALL},
};
use auditrd_fuzz::{check_lines, execve_records};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// Arguments separated by NUL.
    Words {
        limit: u16,
        turn: u8,
        words: &'a [u8],
    },
    /// Bodies of EXECVE records, one per line.
    Records(&'a [u8]),
}

fuzz_target!(|input: Input| match input {
    Input::Words { limit, turn, words } => round_trip(words, usize::from(limit), turn),
    Input::Records(text) => {
        let records: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        let arena = Arena::new();
        let groups = groups(&records);
        let group = groups.last().expect("it has one");
        let event = parse_audit_event(&group, &arena).expect("an execve is an event");
        let mut lines = Vec::new();
        encode::line(&event, &mut lines);
        assert_eq!(check_lines(&lines).len(), 1);
    }
});

fn groups<R: AsRef<[u8]>>(records: &[R]) -> Groups {
    let mut groups = Groups::default();
    let mut group = groups.begin(EventId::default(), b"");
    group.push(
        AUDIT_SYSCALL,
        b"arch=c000003e syscall=59 success=yes exit=0 items=0 pid=5",
    );
    for record in records {
        group.push(AUDIT_EXECVE, record.as_ref());
    }
    groups
}

fn round_trip(words: &[u8], limit: usize, turn: u8) {
    let argv: Vec<&[u8]> = words.split(|byte| *byte == 0).collect();
    let mut records = execve_records(&argv, limit);
    let turn = usize::from(turn) % records.len();
    records.rotate_left(turn);
    let (arena, groups) = (Arena::new(), groups(&records));
    let group = groups.last().expect("it has one");
    let event = parse_audit_event(&group, &arena).expect("an execve is an event");
    let Detail::Process(detail) = &event.detail else {
        panic!("execve is about a process");
    };
    assert_eq!(detail.argv, Some(&argv[..]));
    assert!(!event.incomplete);
    let mut lines = Vec::new();
    encode::line(&event, &mut lines);
    let line = check_lines(&lines).remove(0);
    let written = line["argv"].as_array().expect("argv is a list");
    let exact = line.get("argv_hex");
    for (index, word) in argv.iter().enumerate() {
        match str::from_utf8(word) {
            Ok(text) => assert_eq!(written[index], *text),
            Err(_) => {
                let hex: String = word.iter().map(|byte| format!("{byte:02X}")).collect();
                assert_eq!(exact.expect("exact bytes")[index.to_string()], *hex);
            }
        }
    }
}
