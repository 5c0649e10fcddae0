//! The messages between the scanner process and the one that asks it.

use crate::enrich::{Answer, Found};

/// Maximum size of a message: the texts of one process, or all pids.
pub(super) const MESSAGE_BYTES: usize = 160 << 10;

#[derive(Clone, Copy, Debug)]
pub(super) enum Question {
    /// All pids.
    Pids,
    /// A process, with its ancestors before it.
    One(u32),
    /// Some more processes, each after its parent.
    Some,
}

impl Question {
    pub(super) fn to_bytes(self) -> [u8; 5] {
        let (kind, pid) = match self {
            Question::Pids => (b'a', 0),
            Question::One(pid) => (b'o', pid),
            Question::Some => (b's', 0),
        };
        let [a, b, c, d] = u32::to_ne_bytes(pid);
        [kind, a, b, c, d]
    }

    /// `None` for anything else, such as the empty message of a closed socket.
    pub(super) fn read(message: &[u8]) -> Option<Question> {
        let (kind, pid) = message.split_first()?;
        Some(match kind {
            b'a' => Question::Pids,
            b'o' => Question::One(u32::from_ne_bytes(pid.try_into().ok()?)),
            b's' => Question::Some,
            _ => return None,
        })
    }
}

/// A part of an answer.
#[derive(Debug)]
pub(super) enum Part {
    /// The whole answer to [`Question::Pids`].
    Pids(Vec<u32>),
    /// A process, which not only answers the last question.
    Found(Found),
    EndOfOne,
    EndOfSome,
    /// As `EndOfSome`, and all processes are read.
    EndOfAll,
}

impl Part {
    /// Writes the message in place of the last one.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.clear();
        match self {
            Part::Pids(pids) => {
                out.push(b'a');
                pids.iter().for_each(|pid| out.extend(pid.to_ne_bytes()));
            }
            Part::Found(found) => {
                out.push(b'f');
                write(found, out);
            }
            Part::EndOfOne => out.push(b'o'),
            Part::EndOfSome => out.push(b's'),
            Part::EndOfAll => out.push(b'.'),
        }
    }

    /// `None` if it is not one, as when the process has ended.
    pub(super) fn read(message: &[u8]) -> Option<Part> {
        let (kind, mut rest) = message.split_first()?;
        Some(match kind {
            b'a' => {
                let (pids, _) = rest.as_chunks();
                Part::Pids(pids.iter().copied().map(u32::from_ne_bytes).collect())
            }
            b'f' => Part::Found(read(&mut rest)?),
            b'o' => Part::EndOfOne,
            b's' => Part::EndOfSome,
            b'.' => Part::EndOfAll,
            _ => return None,
        })
    }
}

fn write(found: &Found, out: &mut Vec<u8>) {
    let Found {
        pid,
        ppid,
        uid,
        auid,
        session,
        answer,
        exe,
        cmdline,
        cgroup,
    } = found;
    for id in [pid, ppid, uid, auid, session] {
        out.extend(id.to_ne_bytes());
    }
    let (kind, number) = match answer {
        Answer::Silence => (0, 0),
        Answer::Gone => (1, 0),
        Answer::Process(number) => (2, *number),
    };
    out.push(kind);
    out.extend(number.to_ne_bytes());
    for text in [exe, cmdline, cgroup] {
        let length = u32::try_from(text.len()).unwrap_or(0);
        out.extend(length.to_ne_bytes());
        out.extend(&text[..length as usize]);
    }
}

fn read(message: &mut &[u8]) -> Option<Found> {
    let mut found = Found::gone(id(message)?);
    let ids = [
        &mut found.ppid,
        &mut found.uid,
        &mut found.auid,
        &mut found.session,
    ];
    for place in ids {
        *place = id(message)?;
    }
    let [kind] = *take(message)?;
    let number = u64::from_ne_bytes(*take(message)?);
    found.answer = match kind {
        0 => Answer::Silence,
        1 => Answer::Gone,
        _ => Answer::Process(number),
    };
    for text in [&mut found.exe, &mut found.cmdline, &mut found.cgroup] {
        let length = id(message)? as usize;
        let (taken, rest) = message.split_at_checked(length)?;
        *text = taken.to_vec();
        *message = rest;
    }
    Some(found)
}

fn id(message: &mut &[u8]) -> Option<u32> {
    take(message).copied().map(u32::from_ne_bytes)
}

fn take<'m, const N: usize>(message: &mut &'m [u8]) -> Option<&'m [u8; N]> {
    let (taken, rest) = message.split_first_chunk()?;
    *message = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_the_same_after_its_way_through_a_message() {
        let found = Found {
            ppid: 1,
            uid: 1000,
            auid: 1001,
            session: 3,
            answer: Answer::Process(u64::MAX - 1),
            exe: b"/bin/sh".to_vec(),
            cmdline: b"sh\0-c\0id\0".to_vec(),
            cgroup: b"0::/user.slice\n".to_vec(),
            ..Found::gone(7)
        };
        let mut message = Vec::new();
        for found in [found, Found::gone(8)] {
            let text = format!("{found:?}");
            Part::Found(found).write(&mut message);
            let Some(Part::Found(read)) = Part::read(&message) else {
                panic!("{message:?}");
            };
            assert_eq!(format!("{read:?}"), text);
            for length in 0..message.len() {
                assert!(Part::read(&message[..length]).is_none(), "{length}");
            }
        }
    }
}
