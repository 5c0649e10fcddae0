//! The processes that are there at the start.

use crate::enrich::Found;

/// Reads the processes of the live system that were there at the start, while events already come.
///
/// There may be thousands, and the first events need only a few: their own processes and the
/// ancestors of these. So those are asked for, and the rest is taken in between events.
pub trait Census {
    /// Reads a process, and before it its ancestors, unless they were read already or have begun
    /// after the start. Waits for them.
    fn find(&mut self, pid: u32, put: &mut dyn FnMut(Found));

    /// Takes in the processes that were read since the last call, each after its parent, and has
    /// some more read. Does not wait. Returns whether there are more.
    fn advance(&mut self, put: &mut dyn FnMut(Found)) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Classifier,
        enrich::{Answer, Enricher, Kernel, Keys, Start},
        model::{Arena, EventId, Groups, Identity, Origin, Timestamp, record_type::*},
        parse,
        resolve::Absent,
    };

    struct Silent;

    impl Kernel for Silent {
        fn process(&self, _: u32) -> Answer {
            Answer::Silence
        }
    }

    /// Processes, each after its parent, and those that were asked for.
    struct Listed(Vec<Found>);

    impl Census for Listed {
        fn find(&mut self, pid: u32, put: &mut dyn FnMut(Found)) {
            if let Some(place) = self.0.iter().position(|found| found.pid == pid) {
                let found = self.0.remove(place);
                self.find(found.ppid, put);
                put(found);
            }
        }

        fn advance(&mut self, put: &mut dyn FnMut(Found)) -> bool {
            self.0.drain(..self.0.len().min(1)).for_each(put);
            !self.0.is_empty()
        }
    }

    fn found(pid: u32, ppid: u32, exe: &str) -> Found {
        Found {
            ppid,
            uid: 0,
            answer: Answer::Silence,
            exe: exe.as_bytes().to_vec(),
            ..Found::gone(pid)
        }
    }

    #[test]
    fn the_ancestors_of_a_process_are_known_at_its_first_event() {
        let time = Timestamp {
            seconds: 1000,
            millis: 0,
        };
        let processes = vec![
            found(1, 0, "/sbin/init"),
            found(7, 1, "/bin/login"),
            found(8, 7, "/bin/sh"),
            found(9, 1, "/sbin/cron"),
        ];
        let mut enricher = Enricher::new(Keys::ALL);
        enricher.start(Start {
            kernel: Box::new(Silent),
            boot_id: Vec::new(),
            census: Some(Box::new(Listed(processes))),
            pids: (32_768, 20_000),
            time,
        });
        let mut groups = Groups::default();
        let id = EventId { time, serial: 1 };
        let call = format!(
            "arch=c000003e syscall=59 success=yes exit=0 ppid=8 pid=20001 auid={} uid=0 euid=0 \
             ses={} exe=\"/bin/id\"",
            Identity::UNSET,
            Identity::UNSET
        );
        groups
            .begin(id, b"")
            .push(AUDIT_SYSCALL, call.as_bytes())
            .push(AUDIT_EXECVE, b"argc=1 a0=\"id\"");
        let (arena, mut classifier) = (Arena::new(), Classifier::new(Box::new(Absent)));
        let group = groups.get(0).unwrap();
        let facts = parse::facts(&group, &arena);
        let event = classifier.classify_facts(&group, &facts, &arena);
        enricher.observe(&group, &facts, event.as_deref(), Some(time));
        let who = enricher.who(&arena);
        let parent = who.parent.unwrap();
        assert_eq!((parent.exe, parent.origin), (&b"/bin/sh"[..], Origin::Proc));
        let ancestors = [&b"/bin/sh"[..], b"/bin/login", b"/sbin/init"];
        assert_eq!(who.ancestors.unwrap(), ancestors);
        assert!(enricher.has_census(), "one process is left");
        assert!(!enricher.take_census());
        assert!(!enricher.has_census());
    }
}
