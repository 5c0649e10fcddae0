//! The ids of processes, kept as they were written.

use super::object::{Object, key};
use crate::model::Identity;

/// Processes whose ids are kept. Few are at work at the same time.
const PROCESSES: usize = 32;

/// Room for twelve ids with their keys.
const ROOM: usize = 224;

/// The ids of the last few processes.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    /// By pid.
    processes: Vec<Process>,
    /// The one that was written last.
    last: usize,
}

#[derive(Clone, Copy, Debug)]
struct Process {
    ids: Identity,
    text: [u8; ROOM],
    /// Where the ids begin that are not those of the process and its parent.
    others_at: usize,
    /// 0 if there are no ids yet.
    length: usize,
}

impl Default for Ids {
    fn default() -> Ids {
        let none = Process {
            ids: Identity::default(),
            text: [0; ROOM],
            others_at: 0,
            length: 0,
        };
        Ids {
            processes: vec![none; PROCESSES],
            last: 0,
        }
    }
}

impl Ids {
    /// Appends the ids of a process. Usually it is one of the last few.
    #[inline]
    pub(super) fn append(&mut self, ids: &Identity, out: &mut Vec<u8>) {
        let place = ids.pid as usize % PROCESSES;
        match self.processes.get(place) {
            Some(known)
                if (known.ids.pid, known.ids.ppid) == (ids.pid, ids.ppid)
                    && known.has_others_of(ids) =>
            {
                out.extend_from_slice(known.from(0));
            }
            _ => self.write(place, ids, out),
        }
    }

    /// Writes ids and keeps them. Usually a new process has the user and the session of the last
    /// one.
    #[inline(never)]
    fn write(&mut self, place: usize, ids: &Identity, out: &mut Vec<u8>) {
        let start = out.len();
        write_own(ids, &mut Object { out });
        let others_at = out.len() - start;
        match self.processes.get(self.last) {
            Some(last) if last.has_others_of(ids) => {
                out.extend_from_slice(last.from(last.others_at));
            }
            _ => write_others(ids, &mut Object { out }),
        }
        let text = &out[start..];
        if let Some(process) = self.processes.get_mut(place)
            && let Some(room) = process.text.get_mut(..text.len())
        {
            room.copy_from_slice(text);
            process.ids = *ids;
            process.others_at = others_at;
            process.length = text.len();
            self.last = place;
        }
    }
}

impl Process {
    /// The text from here on.
    fn from(&self, start: usize) -> &[u8] {
        self.text.get(start..self.length).unwrap_or_default()
    }

    /// Whether these are its ids, but for those of the process and its parent.
    fn has_others_of(&self, ids: &Identity) -> bool {
        let same = Identity {
            ppid: ids.ppid,
            pid: ids.pid,
            ..self.ids
        };
        same == *ids && self.length > 0
    }
}

fn write_own(ids: &Identity, object: &mut Object) {
    object.id(key!("ppid"), ids.ppid);
    object.id(key!("pid"), ids.pid);
}

fn write_others(ids: &Identity, object: &mut Object) {
    object.id(key!("auid"), ids.auid);
    object.id(key!("uid"), ids.uid);
    object.id(key!("gid"), ids.gid);
    object.id(key!("euid"), ids.euid);
    object.id(key!("egid"), ids.egid);
    object.id(key!("fsuid"), ids.fsuid);
    object.id(key!("fsgid"), ids.fsgid);
    object.id(key!("suid"), ids.suid);
    object.id(key!("sgid"), ids.sgid);
    object.id(key!("session"), ids.session);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_lines_do_not_change_the_text_of_ids() {
        let values = [0, 1, 9, 1000, u32::MAX - 1, Identity::UNSET];
        let mut known = Ids::default();
        let mut state = 1u64;
        let mut ids = Identity::default();
        for step in 0..20_000 {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let value = values[(state >> 40) as usize % values.len()];
            // Few of them change from one to the next, and often none.
            match state >> 59 {
                0 => ids.ppid = value,
                1 => ids.auid = value,
                2 => ids.uid = value,
                3 => ids.gid = value,
                4 => ids.euid = value,
                5 => ids.egid = value,
                6 => ids.fsuid = value,
                7 => ids.fsgid = value,
                8 => ids.suid = value,
                9 => ids.sgid = value,
                10 => ids.session = value,
                11..20 => ids.pid = value,
                _ => {}
            }
            let (mut out, mut expected) = (b"before".to_vec(), b"before".to_vec());
            known.append(&ids, &mut out);
            let mut object = Object { out: &mut expected };
            write_own(&ids, &mut object);
            write_others(&ids, &mut object);
            assert!(out == expected, "{ids:?} in step {step}");
        }
    }
}
