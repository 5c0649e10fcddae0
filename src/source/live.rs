//! Reads records live from the kernel.

use std::{
    env, io,
    ops::Range,
    os::fd::AsFd,
    process,
    time::{Duration, Instant, SystemTime},
};

use crate::{
    error::Error,
    model::{
        Batch, Record, RecordType, Sightings, Span, Timestamp, narrow,
        record_type::{AUDIT_CONFIG_CHANGE, AUDIT_REPLACE},
    },
    rules::{Action, List, Rule},
    source::{
        ClientConfig, EXCERPTS, Fill, Membership, NetlinkClient, NetlinkMessage, Rules, Source,
        Stop,
        backlog::Backlog,
        hints::Hints,
        netlink::MAX_DATAGRAM_BYTES,
        pace::Pace,
        stamp::Stamps,
        watch::{Registration, Watch},
        wire::Header,
    },
    sys::{self, Received, Rooms},
};

/// Receives records from the kernel's audit socket.
#[derive(Debug)]
pub struct LiveSource {
    client: NetlinkClient,
    membership: Membership,
    /// The kernel's backlog settings to restore, while we are registered.
    backlog: Option<Backlog>,
    stop: Stop,
    stamps: Stamps,
    /// Receive buffers of maximum size. They are reused at once and so stay in the cache; only the
    /// received bytes are copied to the batch.
    rooms: Rooms,
    /// The datagrams of the last receive call.
    datagrams: Vec<Received>,
    /// Records that arrived during registration.
    first: Option<Batch>,
    /// A socket for status requests, if we may send them.
    control: Option<NetlinkClient>,
    /// When to ask the kernel for its state; `None` if nothing can have changed.
    next_check: Option<Instant>,
    /// The kernel's count of lost records at the last check.
    lost: u32,
    /// The socket's count of dropped datagrams at the last look.
    drops: u32,
    /// The kernel has reported dropped datagrams, and the socket has not been empty since.
    congested: bool,
    pace: Pace,
    /// How long to sleep so that more records accumulate; `None` reads at once.
    nap: Option<Duration>,
    watch: Watch,
    /// For a process that may not ask for the kernel's state.
    hints: Option<Hints>,
    /// The rules at the last check.
    rules: Rules,
    /// Set once we have been told to stop.
    finishing: Option<Finishing>,
}

/// How long to keep reading after the stop signal.
#[derive(Clone, Copy, Debug)]
struct Finishing {
    /// Earlier records are still read. Without this bound, a busy host could keep us reading for
    /// ever.
    asked: Timestamp,
    /// Reading ends here even if the system clock has been set back.
    deadline: Instant,
}

/// Most events have fewer records, and at ordinary rates there is one event to receive.
const EVENT_RECORDS: usize = 12;
/// A batch with this many records is full.
const FULL_BATCH_RECORDS: usize = 256;
/// The interval between status requests to the kernel, while records arrive or one may be missing.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// How long to wait for the answers to such a request. Meanwhile no records are read.
const CHECK_TIMEOUT: Duration = Duration::from_millis(250);
/// The delay of a status request after a CONFIG_CHANGE record.
const CHECK_DELAY: Duration = Duration::from_millis(100);
/// A record stamped this long after the stop signal tells that all earlier ones have arrived:
/// records are stamped with a coarse clock when a syscall starts, and sent when it ends.
const STAMP_SLACK: Duration = Duration::from_millis(100);
/// The longest time to drain the socket after the stop signal. The services' `TimeoutStopSec=` is
/// longer, so that the lines that are held back are written as well.
const MAX_DRAIN: Duration = Duration::from_secs(10);

impl LiveSource {
    /// Opens the socket, or takes the one that a service manager passed, and registers if `config`
    /// says so. Logs a warning if auditing is off.
    ///
    /// # Errors
    ///
    /// As [`NetlinkClient::open`] and [`NetlinkClient::register`].
    pub fn open(config: &ClientConfig, stop: Stop) -> Result<LiveSource, Error> {
        let membership = config.membership;
        let mut first = Batch::default();
        let mut client = if membership == Membership::ReadLog && is_socket_passed() {
            NetlinkClient::passed(config.receive_buffer)?
        } else {
            NetlinkClient::open(config)?
        };
        let mut backlog = None;
        if membership == Membership::Unicast {
            client.register(|message| keep(&message, &mut first))?;
            backlog = Backlog::set(config.backlog_limit, config.backlog_note.as_deref());
        }
        let drops = client.drops().unwrap_or(0);
        let buffer_bytes = client.buffer_bytes();
        let (control, lost, watch, rules) = ask_for_state();
        let hints = control
            .is_none()
            .then(|| Hints::new(Instant::now(), process::id()));
        let mut source = LiveSource {
            client,
            membership,
            backlog,
            stop,
            stamps: Stamps::default(),
            rooms: Rooms::new(MAX_DATAGRAM_BYTES),
            datagrams: Vec::new(),
            first: Some(first),
            control,
            next_check: None,
            lost,
            drops,
            congested: false,
            pace: Pace::new(Instant::now(), buffer_bytes),
            nap: None,
            watch,
            hints,
            rules,
            finishing: None,
        };
        source.plan_check();
        Ok(source)
    }

    /// The rules that were loaded when the socket had been opened. `None` if this process may not
    /// ask for them.
    pub fn rules(&self) -> Option<&Rules> {
        self.control.as_ref().map(|_| &self.rules)
    }

    /// Receives until the socket is empty or the batch is full. Returns whether the socket is
    /// empty.
    fn receive(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        while batch.len() < FULL_BATCH_RECORDS {
            self.datagrams.clear();
            let mut start = batch.bytes.len();
            let most = match batch.is_empty() {
                true => EVENT_RECORDS,
                false => sys::MAX_DATAGRAMS,
            };
            let (rooms, datagrams) = (&mut self.rooms, &mut self.datagrams);
            let received = (self.client).receive_many(most, rooms, &mut batch.bytes, datagrams);
            for datagram in &self.datagrams {
                let place = start..start + datagram.length;
                start = place.end;
                take(batch, place, datagram, &mut self.stamps);
            }
            match received {
                // While finishing, only EAGAIN means that the socket is empty.
                Ok(false) if self.finishing.is_none() => {
                    self.count_late_drops(batch);
                    return Ok(true);
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.count_late_drops(batch);
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    self.congested = true;
                    batch.sightings.overflows += 1;
                    self.count_drops(&mut batch.sightings);
                }
                Err(error) => return Err(Error::new("read the audit socket", error)),
            }
        }
        Ok(false)
    }

    /// The kernel reports an overflow once, and then drops datagrams until the socket has been
    /// emptied.
    fn count_late_drops(&mut self, batch: &mut Batch) {
        if std::mem::take(&mut self.congested) {
            self.count_drops(&mut batch.sightings);
        }
    }

    /// Counts the datagrams dropped since the last call. In unicast mode the kernel queues and
    /// retries them, so nothing is lost.
    fn count_drops(&mut self, sightings: &mut Sightings) {
        if self.membership == Membership::Unicast {
            return;
        }
        match self.client.drops() {
            Ok(drops) => {
                sightings.dropped += u64::from(drops.wrapping_sub(self.drops));
                self.drops = drops;
            }
            // Kernels before 4.12 do not tell the number.
            Err(_) => sightings.dropped += 1,
        }
    }

    /// Schedules a status request after records: soon after a CONFIG_CHANGE record, but not now,
    /// because such records come in bursts.
    fn look_for_changes(&mut self, batch: &mut Batch, now: Instant) {
        let is_change = |record: &Record<'_>| record.record_type == AUDIT_CONFIG_CHANGE;
        let mut interruptions = 0;
        for record in batch.records().filter(is_change) {
            if self.control.is_some() {
                let soon = now + CHECK_DELAY;
                self.next_check = Some(self.next_check.map_or(soon, |at| at.min(soon)));
            } else {
                interruptions += self.watch.hear(&record);
            }
        }
        batch.sightings.interruptions += interruptions;
        if !batch.is_empty() && self.control.is_some() {
            self.next_check.get_or_insert(now + CHECK_INTERVAL);
        }
    }

    /// Schedules a status request for a change that no record tells: another process registers, or
    /// auditing is turned on.
    ///
    /// An idle listener is otherwise not woken. Rules change with a CONFIG_CHANGE record, and so
    /// does auditing when it is turned off; and the kernel loses records only when there are some.
    fn plan_check(&mut self) {
        let is_silent = self.membership == Membership::Unicast || self.watch.is_off();
        self.next_check =
            (is_silent && self.control.is_some()).then(|| Instant::now() + CHECK_INTERVAL);
    }

    /// Queries the kernel's state: lost records, whether auditing is on, and the registration.
    fn check(&mut self, batch: &mut Batch) {
        self.ask(batch);
        self.plan_check();
    }

    fn ask(&mut self, batch: &mut Batch) {
        let Some(control) = self.control.as_mut() else {
            return;
        };
        let Ok((status, rules)) = control.state() else {
            return;
        };
        let rules = rules.ok();
        batch.sightings.kernel_lost += u64::from(status.lost.wrapping_sub(self.lost));
        self.lost = status.lost;
        let count = rules.as_ref().map(|rules| rules.count);
        batch.sightings.interruptions += self.watch.see(&status, count);
        if let Some(rules) = rules
            && self.rules != rules
        {
            let is_other = self.rules.watched != rules.watched;
            batch.sightings.rule_changes += u64::from(is_other);
            self.rules = rules;
        }
        if self.membership == Membership::Unicast {
            self.check_registration(status.pid, batch);
        }
    }

    /// Registers again if no process is registered.
    fn check_registration(&mut self, pid: u32, batch: &mut Batch) {
        let (registration, interruptions) = self.watch.see_registration(pid);
        batch.sightings.interruptions += interruptions;
        if registration == Registration::Free {
            match self.client.register(|message| keep(&message, batch)) {
                Ok(()) => self.watch.registered_again(),
                Err(error) => log::warn!("{error}"),
            }
        }
    }

    /// Ends the registration, so that the kernel sends no more records. Those already sent are read
    /// afterwards.
    fn finish(&mut self, batch: &mut Batch) {
        self.check(batch);
        if self.membership == Membership::Unicast
            && !self.watch.is_replaced()
            && let Err(error) = self.client.unregister(|message| keep(&message, batch))
        {
            log::warn!("{error}");
        }
        self.backlog = None;
        // The kernel may have reported an overflow while we waited for an answer.
        self.congested = true;
        self.finishing = Some(Finishing {
            asked: Timestamp::from_system(SystemTime::now() + STAMP_SLACK),
            deadline: Instant::now() + MAX_DRAIN,
        });
    }

    /// Whether all records from before the stop signal have been read.
    fn is_finished(&self, is_empty: bool, batch: &Batch) -> bool {
        let Some(finishing) = self.finishing else {
            return false;
        };
        let is_later = |record: Record<'_>| record.id.time > finishing.asked;
        if is_empty || batch.records().last().is_some_and(is_later) {
            return true;
        }
        let is_over = Instant::now() >= finishing.deadline;
        if is_over {
            log::warn!("stopped with unread records in the audit socket");
        }
        is_over
    }

    /// Waits for a record, the deadline, or the stop signal. Queries the kernel's state when it is
    /// due.
    fn wait(&mut self, batch: &mut Batch, until: Option<Instant>) -> Result<(), Error> {
        let stop = self.stop.as_fd();
        let waited = if let Some(nap) = self.nap {
            sys::wait([stop], Some(nap)).map(|[told]| told)
        } else {
            let hint = self.hints.as_ref().and_then(Hints::due);
            let first = [self.next_check, hint, until].into_iter().flatten().min();
            sys::wait_until([stop, self.client.as_fd()], first).map(|[told, _]| told)
        };
        let stopped = waited.and_then(|told| Ok(told && self.stop.is_asked()?));
        if stopped.map_err(|error| Error::new("wait for the audit socket", error))? {
            self.finish(batch);
        } else if self.next_check.is_some_and(|check| Instant::now() >= check) {
            self.check(batch);
        }
        Ok(())
    }

    /// Logs hints about why records may be missing.
    fn hint(&mut self, batch: &Batch) {
        let Some(hints) = &mut self.hints else {
            return;
        };
        let now = Instant::now();
        for record in batch.records() {
            if let Some(text) = hints.hear(&record, now) {
                log::warn!("{text}");
            }
        }
        if let Some(text) = hints.due_hint(now) {
            log::warn!("{text}");
        }
    }
}

impl Source for LiveSource {
    fn fill(&mut self, batch: &mut Batch, until: Option<Instant>) -> Result<Fill, Error> {
        if let Some(first) = self.first.take() {
            *batch = first;
            return Ok(Fill::More);
        }
        if self.finishing.is_none() {
            self.wait(batch, until)?;
        }
        let now = Instant::now();
        let is_empty = self.receive(batch)?;
        self.look_for_changes(batch, now);
        self.hint(batch);
        self.pace.count(batch.len());
        self.nap = is_empty.then(|| self.pace.nap(now)).flatten();
        Ok(if self.is_finished(is_empty, batch) {
            Fill::End
        } else if is_empty {
            Fill::Drained(now)
        } else {
            Fill::More
        })
    }

    fn patience(&self) -> Option<Duration> {
        match self.finishing {
            None => self.pace.patience(),
            Some(_) => None,
        }
    }
}

/// Adds a message that arrived while waiting for an answer to the batch.
fn keep(message: &NetlinkMessage<'_>, batch: &mut Batch) {
    let start = batch.bytes.len();
    batch.bytes.extend_from_slice(message.data);
    let text = start..batch.bytes.len();
    let (record_type, stamps) = (RecordType(message.message_type), &mut Stamps::default());
    add(
        batch,
        text,
        record_type,
        message.sender,
        message.cut,
        stamps,
    );
}

/// Adds a datagram that is stored at `place` in the batch's bytes to its records.
fn take(batch: &mut Batch, place: Range<usize>, datagram: &Received, stamps: &mut Stamps) {
    let data = batch.bytes.get(place.clone()).unwrap_or_default();
    let (record_type, text) = Header::read(data).map_or((0, place.end), |(header, text)| {
        (header.message_type, place.end - text.len())
    });
    let text = text..place.end;
    let record_type = RecordType(record_type);
    add(
        batch,
        text,
        record_type,
        datagram.sender,
        datagram.cut,
        stamps,
    );
}

/// Adds a message, whose text is stored in the batch's bytes, to its records, if it is a record.
fn add(
    batch: &mut Batch,
    text: Range<usize>,
    record_type: RecordType,
    sender: u32,
    cut: bool,
    stamps: &mut Stamps,
) {
    if sender != 0 {
        // Any process with CAP_NET_ADMIN can send here; only the kernel is trusted.
        batch.sightings.foreign += 1;
        return;
    }
    let data = batch.bytes.get(text.clone()).unwrap_or_default();
    let end = data
        .iter()
        .rposition(|byte| *byte != 0 && *byte != b'\n')
        .map_or(0, |last| last + 1);
    let data = data.get(..end).unwrap_or_default();
    match stamps.read(data) {
        Some((id, body)) => {
            let end = text.start + data.len();
            let span = Span::new(record_type, narrow(end - body.len()..end));
            batch.add(id, 0..0, Span { cut, ..span });
        }
        // Replies to requests, and the kernel's check that we are alive (AUDIT_REPLACE).
        None if record_type.0 < 1100 || record_type == AUDIT_REPLACE => {}
        None => {
            batch.sightings.malformed += 1;
            let text = data.escape_ascii();
            log::info!(target: EXCERPTS, "not an audit record of type {record_type}: {text}");
        }
    }
}

/// Whether a service manager has passed a socket to this process (sd_listen_fds(3)).
fn is_socket_passed() -> bool {
    let number = |name| {
        env::var(name)
            .ok()
            .and_then(|text: String| text.parse::<u32>().ok())
    };
    number("LISTEN_PID") == Some(process::id()) && number("LISTEN_FDS").is_some_and(|n| n >= 1)
}

/// Opens a socket for status requests, which need CAP_AUDIT_CONTROL, and warns if auditing is off
/// or no rules are loaded. Also returns the kernel's count of lost records, the initial state and
/// the rules.
fn ask_for_state() -> (Option<NetlinkClient>, u32, Watch, Rules) {
    let state = NetlinkClient::control().map(|mut control| (control.state(), control));
    let ((status, rules), mut control) = match state {
        Ok((Ok(state), control)) => (state, control),
        Ok((Err(error), _)) => {
            log::info!(
                "cannot check whether auditing is on: {error}; if no events arrive, \
                 `sudo auditrd check` says why"
            );
            return (None, 0, Watch::default(), Rules::default());
        }
        Err(error) => {
            log::info!("{error}");
            return (None, 0, Watch::default(), Rules::default());
        }
    };
    let rules = rules.inspect_err(|error| log::warn!("cannot list the audit rules: {error}"));
    if status.enabled == 0 {
        log::warn!(
            "auditing is off, so no events will arrive; turn it on with `auditctl -e 1`, or \
             permanently with audit=1 on the kernel command line; `auditrd check` looks for all \
             causes"
        );
    } else if rules.as_ref().is_ok_and(|rules| rules.count == 0) {
        log::warn!(
            "no audit rules are loaded, so only user-space messages will arrive; `auditrd rules \
             load default` loads those that come with auditrd"
        );
    } else if rules.as_ref().is_ok_and(has_never_task) {
        log::warn!(
            "the rule `-a never,task` is loaded, so no system calls of new processes will arrive; \
             `auditrd check` has the remedy"
        );
    }
    let rules = rules.unwrap_or_default();
    let watch = Watch::new(&status, rules.count);
    control.set_patience(CHECK_TIMEOUT);
    (Some(control), status.lost, watch, rules)
}

/// Whether a rule keeps the system calls of new processes from being recorded.
fn has_never_task(rules: &Rules) -> bool {
    let is_such = |rule: &Rule| rule.list == List::TASK && rule.action == Action::Never;
    rules.loaded.iter().any(is_such)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record_type::{AUDIT_CWD, AUDIT_GET};

    /// The bodies of the records in a datagram, and the counters.
    fn check(record_type: RecordType, data: &[u8], sender: u32) -> (Vec<Vec<u8>>, Sightings) {
        let mut batch = Batch::default();
        batch.bytes.extend_from_slice(data);
        let text = 0..data.len();
        add(
            &mut batch,
            text,
            record_type,
            sender,
            false,
            &mut Stamps::default(),
        );
        let bodies = batch.records().map(|r| r.body.to_vec()).collect();
        (bodies, batch.sightings)
    }

    #[test]
    fn a_trailing_nul_is_not_part_of_a_record() {
        for data in [
            &b"audit(1.002:3): x"[..],
            b"audit(1.002:3): x\0",
            b"audit(1.002:3): x\n\0\0",
        ] {
            let (bodies, seen) = check(AUDIT_CWD, data, 0);
            assert_eq!((bodies, seen), (vec![b"x".to_vec()], Sightings::default()));
        }
    }

    #[test]
    fn replies_and_liveness_checks_are_neither_records_nor_malformed() {
        for (record_type, data) in [
            (AUDIT_REPLACE, &b"\x2a\0\0\0"[..]),
            (AUDIT_GET, &[0; 44][..]),
            (RecordType(2), &[0; 20][..]),
        ] {
            assert_eq!(
                check(record_type, data, 0),
                (vec![], Sightings::default()),
                "{record_type}"
            );
        }
    }

    #[test]
    fn malformed_and_foreign_messages_are_counted() {
        let malformed = Sightings {
            malformed: 1,
            ..Sightings::default()
        };
        assert_eq!(check(AUDIT_CWD, b"\xff\xff", 0), (vec![], malformed));
        assert_eq!(check(AUDIT_CWD, b"", 0), (vec![], malformed));
        let foreign = Sightings {
            foreign: 1,
            ..Sightings::default()
        };
        assert_eq!(
            check(AUDIT_CWD, b"audit(1.002:3): x", 77),
            (vec![], foreign)
        );
    }
}
