//! A line as auditd writes it: `[node=NAME ]type=TYPE msg=audit(STAMP): BODY`.

use std::ops::Range;

use memchr::memmem;

use crate::{
    bytes::find,
    model::{
        EventId, RecordType,
        record_type::{
            AUDIT_BPRM_FCAPS, AUDIT_CRED_ACQ, AUDIT_CRED_DISP, AUDIT_CRED_REFR, AUDIT_CWD,
            AUDIT_EOE, AUDIT_EXECVE, AUDIT_LOGIN, AUDIT_PATH, AUDIT_PROCTITLE, AUDIT_SYSCALL,
            AUDIT_USER_ACCT, AUDIT_USER_AUTH, AUDIT_USER_CMD, AUDIT_USER_END, AUDIT_USER_START,
        },
    },
    source::stamp::Stamps,
};

/// The parts of a line. `node` and `body` are byte ranges of it.
pub(super) struct Line {
    pub(super) node: Range<usize>,
    pub(super) record_type: RecordType,
    pub(super) id: EventId,
    pub(super) body: Range<usize>,
}

/// Splits a line. `None` if it is not in auditd's form.
pub(super) fn split(text: &[u8], stamps: &mut Stamps) -> Option<Line> {
    let (node, record_type, stamp) = match common(text) {
        Some((record_type, stamp)) => (0..0, record_type, stamp),
        None => any(text)?,
    };
    let (id, body) = stamps.read(stamp)?;
    let end = text.len();
    Some(Line {
        node,
        record_type,
        id,
        body: end - body.len()..end,
    })
}

/// The start of a line of a frequent type, up to the stamp. The eight bytes that tell the types
/// apart and the last twelve cover it.
#[derive(Clone, Copy)]
struct Start {
    record_type: RecordType,
    /// The length in bytes.
    length: usize,
    /// The last twelve bytes.
    end: [u8; 12],
}

impl Start {
    const fn new(record_type: RecordType, text: &[u8]) -> Start {
        let Some(end) = text.last_chunk() else {
            panic!("it is too short");
        };
        assert!(text.len() <= 8 + end.len(), "it is too long");
        Start {
            record_type,
            length: text.len(),
            end: *end,
        }
    }

    /// The type and the text that starts with the stamp, if the last bytes are right too.
    #[inline(always)]
    fn split(self, text: &[u8]) -> Option<(RecordType, &[u8])> {
        let (head, stamp) = text.split_at_checked(self.length)?;
        (*head.last_chunk()? == self.end).then_some((self.record_type, stamp))
    }
}

/// Eight bytes as an integer, which is compared at once.
const fn word(text: &[u8; 8]) -> u64 {
    u64::from_le_bytes(*text)
}

/// Splits a line into type and the text that starts with the stamp, if it has one of the most
/// frequent types, as most lines have. The first eight bytes tell seven of them apart.
#[inline(always)]
pub(super) fn common(text: &[u8]) -> Option<(RecordType, &[u8])> {
    const PATH: u64 = word(b"type=PAT");
    const SYSCALL: u64 = word(b"type=SYS");
    const CWD: u64 = word(b"type=CWD");
    const PROCTITLE: u64 = word(b"type=PRO");
    const EOE: u64 = word(b"type=EOE");
    const EXECVE: u64 = word(b"type=EXE");
    const BPRM_FCAPS: u64 = word(b"type=BPR");
    let start = match word(text.first_chunk()?) {
        PATH => const { Start::new(AUDIT_PATH, b"type=PATH msg=") },
        SYSCALL => const { Start::new(AUDIT_SYSCALL, b"type=SYSCALL msg=") },
        CWD => const { Start::new(AUDIT_CWD, b"type=CWD msg=") },
        PROCTITLE => const { Start::new(AUDIT_PROCTITLE, b"type=PROCTITLE msg=") },
        EOE => const { Start::new(AUDIT_EOE, b"type=EOE msg=") },
        EXECVE => const { Start::new(AUDIT_EXECVE, b"type=EXECVE msg=") },
        BPRM_FCAPS => const { Start::new(AUDIT_BPRM_FCAPS, b"type=BPRM_FCAPS msg=") },
        _ => of_program(text)?,
    };
    start.split(text)
}

/// The start of a line of a type that programs write at each login, and for each command of sudo
/// and cron. The eight bytes behind `type=` tell these apart.
#[inline(always)]
fn of_program(text: &[u8]) -> Option<Start> {
    const AUTH: u64 = word(b"USER_AUT");
    const ACCT: u64 = word(b"USER_ACC");
    const CMD: u64 = word(b"USER_CMD");
    const OPEN: u64 = word(b"USER_STA");
    const CLOSE: u64 = word(b"USER_END");
    const ACQUIRED: u64 = word(b"CRED_ACQ");
    const DISPOSED: u64 = word(b"CRED_DIS");
    const REFRESHED: u64 = word(b"CRED_REF");
    const LOGIN: u64 = word(b"LOGIN ms");
    Some(match word(text.strip_prefix(b"type=")?.first_chunk()?) {
        AUTH => const { Start::new(AUDIT_USER_AUTH, b"type=USER_AUTH msg=") },
        ACCT => const { Start::new(AUDIT_USER_ACCT, b"type=USER_ACCT msg=") },
        CMD => const { Start::new(AUDIT_USER_CMD, b"type=USER_CMD msg=") },
        OPEN => const { Start::new(AUDIT_USER_START, b"type=USER_START msg=") },
        CLOSE => const { Start::new(AUDIT_USER_END, b"type=USER_END msg=") },
        ACQUIRED => const { Start::new(AUDIT_CRED_ACQ, b"type=CRED_ACQ msg=") },
        DISPOSED => const { Start::new(AUDIT_CRED_DISP, b"type=CRED_DISP msg=") },
        REFRESHED => const { Start::new(AUDIT_CRED_REFR, b"type=CRED_REFR msg=") },
        LOGIN => const { Start::new(AUDIT_LOGIN, b"type=LOGIN msg=") },
        _ => return None,
    })
}

/// Splits a line that starts with a type or a node into the range of its node, the type, and the
/// text that starts with the stamp.
fn any(text: &[u8]) -> Option<(Range<usize>, RecordType, &[u8])> {
    let (node, rest) = match text.strip_prefix(b"type=") {
        Some(rest) => (0..0, rest),
        None => after_node(text)?,
    };
    let (record_type, rest) = rest.split_at(find(b' ', rest)?);
    let stamp = rest.get(1..)?;
    let stamp = stamp.strip_prefix(b"msg=").unwrap_or(stamp);
    Some((node, RecordType::parse(record_type)?, stamp))
}

/// The range of the node and the text after `type=`, in a line that starts with `node=`. A name may
/// contain spaces.
#[cold]
fn after_node(text: &[u8]) -> Option<(Range<usize>, &[u8])> {
    const KEY: &[u8] = b"node=";
    if !text.starts_with(KEY) {
        return None;
    }
    let at = memmem::find(text, b" type=")?;
    let rest = text.get(at + b" type=".len()..)?;
    Some((KEY.len()..at, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, u16, u32, &str)>) {
        let got = split(text.as_bytes(), &mut Stamps::default()).map(|line| {
            (
                &text[line.node],
                line.record_type.0,
                line.id.serial,
                &text[line.body],
            )
        });
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn all_forms_of_a_line_are_parsed() {
        check(
            "type=CWD msg=audit(1.002:3): cwd=\"/\"",
            Some(("", 1307, 3, "cwd=\"/\"")),
        );
        check(
            "node=h1 type=CWD msg=audit(1.002:3): x",
            Some(("h1", 1307, 3, "x")),
        );
        check("type=1307 audit(1.002:3): x", Some(("", 1307, 3, "x")));
        check(
            "type=UNKNOWN[1334] msg=audit(1.002:3): x",
            Some(("", 1334, 3, "x")),
        );
        check("type=EOE msg=audit(1.002:3): ", Some(("", 1320, 3, "")));
        check(
            "node=two words type=CWD msg=audit(1.002:3): x",
            Some(("two words", 1307, 3, "x")),
        );
    }

    #[test]
    fn frequent_types_are_read_as_any_others() {
        let mut frequent = 0;
        for record_type in (0..=u16::MAX).map(RecordType) {
            let Some(name) = record_type.name() else {
                continue;
            };
            let line = format!("type={name} msg=audit(1.002:3): x");
            let expected = Some((record_type, &line.as_bytes()[line.len() - 17..]));
            let got = common(line.as_bytes());
            assert!(got.is_none() || got == expected, "{line}");
            frequent += u32::from(got.is_some());
            for at in 0..line.len() - 17 {
                let mut line = line.clone().into_bytes();
                line[at] ^= 1;
                let other = any(&line).map(|(_, record_type, stamp)| (record_type, stamp));
                let got = common(&line);
                assert!(got.is_none() || got == other, "{}", line.escape_ascii());
            }
        }
        assert_eq!(frequent, 16);
    }

    #[test]
    fn a_line_without_a_record_is_rejected() {
        for text in [
            "----",
            "time->Sun Nov 22 10:00:00 2026",
            "type=",
            "type=CWD",
            "type=CWD msg=",
            "type=CWD msg=audit(1.002)",
            "type=NOSUCH msg=audit(1.002:3): x",
            "type=99999 msg=audit(1.002:3): x",
            "msg=audit(1.002:3): x",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_stamp_in_the_body_is_part_of_the_body() {
        let text = "type=CWD msg=audit(1.002:3): cwd=\"/ type=EOE msg=audit(9.9:9): \"";
        check(
            text,
            Some(("", 1307, 3, "cwd=\"/ type=EOE msg=audit(9.9:9): \"")),
        );
    }
}
