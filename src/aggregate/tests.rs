use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    encode,
    model::{EventId, Groups, Login},
    parse_audit_event,
    record_type::{AUDIT_SYSCALL, AUDIT_USER_LOGIN},
};

const MINUTE: Duration = Duration::from_secs(60);

fn at(millis: u64) -> Timestamp {
    Timestamp {
        seconds: millis / 1000,
        millis: (millis % 1000) as u16,
    }
}

/// Hands over a record, and returns the line if it is to be written at once.
fn see(
    aggregator: &mut Aggregator,
    node: &str,
    millis: u64,
    serial: u32,
    text: &str,
) -> Option<String> {
    let mut groups = Groups::default();
    let id = EventId {
        time: at(millis),
        serial,
    };
    let record_type = if text.starts_with("arch=") {
        AUDIT_SYSCALL
    } else {
        AUDIT_USER_LOGIN
    };
    groups
        .begin(id, node.as_bytes())
        .push(record_type, text.as_bytes());
    let (group, arena) = (groups.last().unwrap(), Arena::new());
    let mut event = parse_audit_event(&group, &arena).unwrap();
    let write = |event: &mut AuditEvent<'_>, line: &mut Vec<u8>| {
        encode::line(event, line);
        false
    };
    if aggregator.holds(&mut event, 2, &arena, write) {
        return None;
    }
    let mut line = Vec::new();
    encode::line(&event, &mut line);
    Some(String::from_utf8(line).unwrap())
}

fn taken(aggregator: &mut Aggregator) -> Vec<Held> {
    std::iter::from_fn(|| aggregator.take()).collect()
}

/// A line that is written: its serial, and the events that it stands for, if they were held.
type Written = (u32, Option<(u64, Timestamp, Timestamp)>);

fn written(held: &Held) -> Written {
    let line: serde_json::Value = serde_json::from_slice(&held.line).unwrap();
    let number = |key: &str| line[key].as_u64().unwrap();
    let (count, serial) = (number("count"), number("sequence"));
    assert_eq!((held.events, held.records), (count, 2 * count));
    let time = |key: &str| {
        let text = line[key].as_str().unwrap();
        // 1970-01-01T00:MM:SS.mmmZ
        let part = |range: std::ops::Range<usize>| text.get(range).unwrap().parse::<u64>().unwrap();
        let hours = part(11..13) * 3600;
        at((hours + part(14..16) * 60 + part(17..19)) * 1000 + part(20..23))
    };
    (
        u32::try_from(serial).unwrap(),
        Some((count, time("first"), time("last"))),
    )
}

/// The slow, obvious version: a list of windows, searched from its beginning.
#[derive(Default)]
struct Model {
    /// In the order of use.
    windows: Vec<Open>,
    max_windows: usize,
    interval: u64,
    begun: u64,
    latest: u64,
    /// For each host, how far its stamps are ahead, and its time.
    hosts: BTreeMap<usize, (i64, u64)>,
    next_look: u64,
    written: Vec<Written>,
}

struct Open {
    key: (usize, u32),
    due: (u64, u64),
    held: Vec<(u64, u32)>,
}

impl Model {
    /// Ends the windows that are over, the first one first, and writes their lines.
    fn end(&mut self, is_over: impl Fn(&Open) -> bool, next: Option<u64>) {
        loop {
            let over = self.windows.iter().filter(|window| is_over(window));
            let Some(due) = over.map(|window| window.due).min() else {
                return;
            };
            let place = self.windows.iter().position(|window| window.due == due);
            let window = self.windows.remove(place.unwrap());
            if self.write(&window)
                && let Some(due) = next
            {
                self.begin(window.key, due);
            }
        }
    }

    fn write(&mut self, window: &Open) -> bool {
        let Some((_, serial)) = window.held.last() else {
            return false;
        };
        let times = window.held.iter().map(|(time, _)| *time);
        let repeats = (
            window.held.len() as u64,
            at(times.clone().min().unwrap()),
            at(times.max().unwrap()),
        );
        self.written.push((*serial, Some(repeats)));
        true
    }

    fn begin(&mut self, key: (usize, u32), due: u64) {
        self.begun += 1;
        self.windows.push(Open {
            key,
            due: (due, self.begun),
            held: Vec::new(),
        });
    }

    fn see(&mut self, key: (usize, u32), millis: u64, serial: u32) {
        let latest = self.latest;
        let host = self
            .hosts
            .entry(key.0)
            .or_insert((millis as i64 - latest as i64, 0));
        host.1 = host.1.max((millis as i64 - host.0).max(0) as u64);
        let now = host.1;
        self.latest = latest.max(now);
        self.end(
            |window| window.key.0 == key.0 && window.due.0 <= now,
            Some(now + self.interval),
        );
        if self.latest >= self.next_look {
            self.next_look = self.latest + SILENCE / 4;
            let overdue = self.latest.saturating_sub(SILENCE);
            self.end(|window| window.due.0 <= overdue, None);
        }
        match self.windows.iter().position(|window| window.key == key) {
            Some(place) => {
                let mut window = self.windows.remove(place);
                window.held.push((millis, serial));
                self.windows.push(window);
            }
            None => {
                self.written.push((serial, None));
                self.begin(key, now + self.interval);
            }
        }
        while self.windows.len() > self.max_windows {
            let window = self.windows.remove(0);
            self.write(&window);
        }
    }
}

proptest! {
    #[test]
    fn the_lines_are_those_of_a_slow_model_and_no_event_is_lost(
        steps in prop::collection::vec((0..3_usize, 0..6_u32, 0..9_000_u64, 0..9_u32), 1..200),
        interval in 1..40_000_u64,
        max_windows in 1..12_usize,
    ) {
        let mut model = Model { max_windows, interval, ..Model::default() };
        let mut aggregator = Aggregator::of_log(Duration::from_millis(interval));
        aggregator.windows = Windows::new(max_windows, usize::MAX);
        // A host's stamps go back a little at times.
        let mut clocks = [50_000_u64, 20_000, 1_000_000];
        let mut lines = Vec::new();
        for (serial, (host, kind, step, back)) in (0..).zip(&steps) {
            clocks[*host] += step;
            let millis = clocks[*host] - u64::from(*back) * 100;
            let (node, pid) = (["", "web1", "web2"][*host], serial + 10);
            model.see((*host, *kind), millis, serial);
            aggregator.pass_to(node.as_bytes(), at(millis));
            lines.extend(taken(&mut aggregator).iter().map(written));
            let text = format!("pid={pid} uid={kind} ses={serial} msg='op=login'");
            if see(&mut aggregator, node, millis, serial, &text).is_some() {
                lines.push((serial, None));
            }
            lines.extend(taken(&mut aggregator).iter().map(written));
        }
        model.end(|_| true, None);
        aggregator.end_all();
        lines.extend(taken(&mut aggregator).iter().map(written));
        prop_assert_eq!(&lines, &model.written);
        let counts = lines.iter().map(|(_, repeats)| repeats.map_or(1, |(count, ..)| count));
        let events: u64 = counts.sum();
        prop_assert_eq!(events, steps.len() as u64);
        prop_assert_eq!(aggregator.windows.size(), (0, 0));
    }
}

#[test]
fn events_that_go_on_have_a_line_in_each_interval() {
    let mut aggregator = Aggregator::live(MINUTE);
    let mut counts = Vec::new();
    for second in 0..600 {
        aggregator.pass(second * 1000);
        counts.extend(taken(&mut aggregator).iter().map(|held| held.events));
        let line = see(
            &mut aggregator,
            "",
            second * 1000,
            1,
            "pid=1 uid=0 msg='op=login'",
        );
        assert_eq!(line.is_some(), second == 0);
    }
    assert_eq!(counts, [59, 60, 60, 60, 60, 60, 60, 60, 60]);
    // The last ones, and then silence.
    aggregator.pass(600_000);
    assert_eq!(aggregator.take().unwrap().events, 60);
    assert_eq!(aggregator.due(), Some(660_000));
    aggregator.pass(660_000);
    assert_eq!((aggregator.take(), aggregator.due()), (None, None));
    assert!(
        see(
            &mut aggregator,
            "",
            700_000,
            1,
            "pid=1 uid=0 msg='op=login'"
        )
        .is_some()
    );
}

#[test]
fn a_host_that_falls_silent_has_its_line_while_others_go_on() {
    let mut aggregator = Aggregator::of_log(Duration::from_secs(1));
    for serial in 0..3 {
        aggregator.pass_to(b"web1", at(1000));
        see(
            &mut aggregator,
            "web1",
            1000,
            serial,
            "pid=1 uid=0 msg='op=login'",
        );
    }
    let lines = (0..90).flat_map(|second| {
        aggregator.pass_to(b"web2", at(5_000_000 + second * 1000));
        taken(&mut aggregator)
            .into_iter()
            .map(move |held| (second, held.events))
    });
    let lines: Vec<_> = lines.collect();
    assert!(matches!(lines[..], [(61..=76, 2)]), "{lines:?}");
}

/// Many different events, and huge ones: they cannot fill the memory, and none is left out.
#[test]
fn memory_is_bounded_and_lines_without_room_are_written_early() {
    const WINDOWS: usize = 256;
    const BYTES: usize = 1 << 20;
    let mut aggregator = Aggregator::live(MINUTE);
    aggregator.windows = Windows::new(WINDOWS, BYTES);
    let (mut shown, mut held) = (0, 0);
    for serial in 0..4000_u32 {
        let kind = serial / 2;
        // A few are large.
        let padding = "x".repeat(if kind % 100 == 0 { 300_000 } else { 10 });
        let text = format!("pid=1 uid={kind} msg='op={padding}'");
        shown += u64::from(see(&mut aggregator, "", 0, serial, &text).is_some());
        held += taken(&mut aggregator)
            .iter()
            .map(|held| held.events)
            .sum::<u64>();
        let (windows, bytes) = aggregator.windows.size();
        assert!(
            windows <= MAX_WINDOWS && bytes <= MAX_BYTES,
            "{windows} {bytes}"
        );
    }
    assert_eq!(shown, 2000);
    aggregator.end_all();
    held += taken(&mut aggregator)
        .iter()
        .map(|held| held.events)
        .sum::<u64>();
    assert_eq!(held, 2000);
}

#[test]
fn an_event_that_has_no_room_at_all_is_written_at_once() {
    let mut aggregator = Aggregator::live(MINUTE);
    aggregator.windows = Windows::new(16, 1 << 16);
    let text = format!("pid=1 uid=0 msg='op={}'", "x".repeat(1 << 16));
    for serial in 0..3 {
        assert!(see(&mut aggregator, "", 0, serial, &text).is_some());
        assert_eq!(
            (taken(&mut aggregator).len(), aggregator.windows.size()),
            (0, (0, 0))
        );
    }
}

/// Whether two records are the same but for ids.
#[track_caller]
fn is_same(one: &str, other: &str) -> bool {
    let mut aggregator = Aggregator::live(MINUTE);
    assert!(see(&mut aggregator, "", 1, 1, one).is_some());
    see(&mut aggregator, "", 2, 2, other).is_none()
}

/// Logind makes a unit for each session, and the context of an event has times and ids too.
#[test]
fn the_context_is_the_same_but_for_ids() {
    let mut groups = Groups::default();
    let record = b"pid=5 uid=0 ses=7 msg='op=login'";
    groups
        .begin(EventId::default(), b"")
        .push(AUDIT_USER_LOGIN, record);
    let (group, arena) = (groups.last().unwrap(), Arena::new());
    let with = |session, unit, since, acct| {
        let mut event = parse_audit_event(&group, &arena).unwrap();
        event.actor.ids.session = session;
        event.who.unit = Some(unit);
        event.who.entity_id = Some(unit);
        let (acct, since) = (Some(acct), Some(at(since)));
        event.who.login = Some(Login {
            acct,
            since,
            ..Login::default()
        });
        let mut line = Vec::new();
        encode::line(&same::without_ids(&event, &arena), &mut line);
        line
    };
    let one = with(7, &b"session-7.scope"[..], 1, &b"alice"[..]);
    assert_eq!(one, with(8, b"session-8.scope", 2, b"alice"));
    // The session of another event, another unit, and another account.
    assert_ne!(one, with(7, b"session-8.scope", 1, b"alice"));
    assert_ne!(one, with(7, b"cron.service", 1, b"alice"));
    assert_ne!(one, with(7, b"session-7.scope", 1, b"bob"));
}

const OPEN: &str = "arch=c000003e syscall=2 success=yes exit=3 a0=1 a1=0 items=0 ppid=1 pid=5 \
                    auid=1000 uid=0 ses=7 comm=\"sh\" exe=\"/bin/sh\" key=\"k\"";

#[test]
fn events_are_the_same_if_only_ids_of_a_loop_differ() {
    for (from, to) in [
        (" pid=5", " pid=6"),
        ("ppid=1", "ppid=99"),
        ("ses=7", "ses=8"),
        ("exit=3", "exit=4"),
        ("a0=1", "a0=2"),
    ] {
        assert!(is_same(OPEN, &OPEN.replace(from, to)), "{to}");
    }
    let fork = OPEN.replace("syscall=2 ", "syscall=57 ");
    assert!(is_same(&fork, &fork.replace("exit=3", "exit=4")));
}

#[test]
fn every_other_difference_keeps_events_apart() {
    for (from, to) in [
        ("success=yes exit=3", "success=no exit=-13"),
        ("syscall=2 ", "syscall=85 "),
        ("arch=c000003e syscall=2", "arch=40000003 syscall=5"),
        ("auid=1000", "auid=1001"),
        (" uid=0", " uid=1"),
        ("ses=7", "ses=4294967295"),
        ("comm=\"sh\"", "comm=\"bash\""),
        ("exe=\"/bin/sh\"", "exe=\"/bin/bash\""),
        ("key=\"k\"", "key=\"l\""),
        // A record is missing, so the event is incomplete.
        ("items=0", "items=1"),
    ] {
        assert!(!is_same(OPEN, &OPEN.replace(from, to)), "{to}");
    }
    let failed = OPEN.replace("success=yes exit=3", "success=no exit=-13");
    assert!(is_same(&failed, &failed.replace(" pid=5", " pid=6")));
    assert!(!is_same(&failed, &failed.replace("-13", "-2")));
    // An exit status is no id.
    let exit = OPEN.replace("syscall=2 success=yes exit=3 a0=1", "syscall=231 a0=0");
    assert!(is_same(&exit, &exit.replace(" pid=5", " pid=6")));
    assert!(!is_same(&exit, &exit.replace("a0=0", "a0=1")));
}
