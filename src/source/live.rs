//! Records as the kernel makes them.

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
        Batch, Entry, Record, RecordType, Sightings, Timestamp, narrow,
        record_type::{AUDIT_CONFIG_CHANGE, AUDIT_REPLACE},
    },
    source::{
        ClientConfig, Fill, Membership, NetlinkClient, NetlinkMessage, Source, Stop,
        backlog::Backlog,
        netlink::ROOM,
        pace::Pace,
        stamp::Stamps,
        watch::{Registration, Watch},
        wire::Header,
    },
    sys::{self, Received, Rooms},
};

/// Listens to the kernel.
#[derive(Debug)]
pub struct LiveSource {
    client: NetlinkClient,
    membership: Membership,
    /// What the kernel was told of its backlog while we are registered.
    backlog: Option<Backlog>,
    stop: Stop,
    stamps: Stamps,
    /// Where datagrams are received. What goes on from here is only what they fill: much room that comes
    /// back from somewhere else each time would be in no cache.
    rooms: Rooms,
    /// What was received last.
    datagrams: Vec<Received>,
    /// What came while we registered.
    first: Option<Batch>,
    /// For questions to the kernel, where we may ask them.
    control: Option<NetlinkClient>,
    next_check: Instant,
    lost: u32,
    drops: u32,
    /// The kernel has said that it dropped something, and the socket was never empty since.
    congested: bool,
    /// How fast records come.
    pace: Pace,
    /// There will soon be more, which is let gather for so long.
    nap: Option<Duration>,
    watch: Watch,
    /// We were told to stop.
    finishing: Option<Finishing>,
}

/// How long to go on after the end was asked for.
#[derive(Clone, Copy, Debug)]
struct Finishing {
    /// What happened before this is still wanted. Others may keep the kernel busy for ever.
    asked: Timestamp,
    /// Even a clock that was set back does not keep us from ending then.
    deadline: Instant,
}

/// Records in one batch, about, at most.
const BATCH: usize = 256;
/// How often the kernel is asked for its state.
const CHECK: Duration = Duration::from_secs(5);
/// How soon it is asked when it has said that something was changed.
const SOON: Duration = Duration::from_millis(100);
/// How much later a record must be for all that happened before the end to have come: records are
/// stamped at the start of a call, by a coarse clock, and sent at its end.
const SLACK: Duration = Duration::from_millis(100);
/// How long the socket is drained for at the end, if nothing else ends it.
const LAST_DRAIN: Duration = Duration::from_secs(30);

impl LiveSource {
    /// Opens the socket, or takes the one that a service manager passed, and registers if that is
    /// the membership. Says in the log where auditing is off.
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
            backlog = Backlog::set(config.backlog_limit);
        }
        let drops = client.drops().unwrap_or(0);
        let room = client.room();
        let (control, lost, watch) = ask_for_state();
        Ok(LiveSource {
            client,
            membership,
            backlog,
            stop,
            stamps: Stamps::default(),
            rooms: Rooms::new(ROOM),
            datagrams: Vec::new(),
            first: Some(first),
            control,
            next_check: Instant::now() + CHECK,
            lost,
            drops,
            congested: false,
            pace: Pace::new(Instant::now(), room),
            nap: None,
            watch,
            finishing: None,
        })
    }

    /// Receives until there is nothing more, or the batch is full. Says whether it is empty now.
    fn receive(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        while batch.len() < BATCH {
            self.datagrams.clear();
            let mut start = batch.bytes.len();
            let received =
                self.client
                    .receive_many(&mut self.rooms, &mut batch.bytes, &mut self.datagrams);
            for datagram in &self.datagrams {
                let place = start..start + datagram.length;
                start = place.end;
                take(batch, place, datagram, &mut self.stamps);
            }
            match received {
                // Less than there was room for is all there was. At the end we make sure.
                Ok(()) if self.datagrams.len() < sys::MAX_DATAGRAMS && self.finishing.is_none() => {
                    self.count_late_drops(batch);
                    return Ok(true);
                }
                Ok(()) => {}
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

    /// The kernel says once that there was no room, and then drops what comes until all has been
    /// read.
    fn count_late_drops(&mut self, batch: &mut Batch) {
        if std::mem::take(&mut self.congested) {
            self.count_drops(&mut batch.sightings);
        }
    }

    /// Counts what the kernel dropped since the last look. What it could not give to the registered
    /// daemon it keeps, and tries again, so that is no loss.
    fn count_drops(&mut self, sightings: &mut Sightings) {
        if self.membership == Membership::Unicast {
            return;
        }
        match self.client.drops() {
            Ok(drops) => {
                sightings.dropped += u64::from(drops.wrapping_sub(self.drops));
                self.drops = drops;
            }
            // Kernels before 4.12 do not say how many it was.
            Err(_) => sightings.dropped += 1,
        }
    }

    /// Where something was changed it is time to ask what, soon, as such records come in numbers.
    fn look_for_changes(&mut self, batch: &mut Batch) {
        let is_change = |record: &Record<'_>| record.record_type == AUDIT_CONFIG_CHANGE;
        let mut interruptions = 0;
        for record in batch.records().filter(is_change) {
            if self.control.is_some() {
                self.next_check = self.next_check.min(Instant::now() + SOON);
            } else {
                interruptions += self.watch.hear(&record);
            }
        }
        batch.sightings.interruptions += interruptions;
    }

    /// Asks the kernel what it has lost, and whether it still audits, and for us.
    fn check(&mut self, batch: &mut Batch) {
        self.next_check = Instant::now() + CHECK;
        let Some(control) = self.control.as_mut() else {
            return;
        };
        let Ok(status) = control.status() else {
            return;
        };
        let rules = control.count_rules().ok();
        batch.sightings.kernel_lost += u64::from(status.lost.wrapping_sub(self.lost));
        self.lost = status.lost;
        batch.sightings.interruptions += self.watch.see(&status, rules);
        if self.membership == Membership::Unicast {
            self.check_registration(status.pid, batch);
        }
    }

    /// Registers again where the registration is free.
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

    /// Ends the registration first, so that the kernel sends nothing more. What it has sent is read
    /// after that.
    fn finish(&mut self, batch: &mut Batch) {
        self.check(batch);
        if self.membership == Membership::Unicast
            && !self.watch.is_replaced()
            && let Err(error) = self.client.unregister(|message| keep(&message, batch))
        {
            log::warn!("{error}");
        }
        self.backlog = None;
        // While an answer was waited for, the kernel may have said that it dropped something.
        self.congested = true;
        self.finishing = Some(Finishing {
            asked: Timestamp::from_system(SystemTime::now() + SLACK),
            deadline: Instant::now() + LAST_DRAIN,
        });
    }

    /// Whether all has been read that was to be read after the end was asked for.
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
            log::warn!("ended while there were still records to read");
        }
        is_over
    }

    /// Waits for a record, for a point in time or that to ask the kernel for its state, or to be
    /// told to stop.
    fn wait(&mut self, batch: &mut Batch, until: Option<Instant>) -> Result<(), Error> {
        let check = self.control.is_some().then_some(self.next_check);
        let waited = if let Some(nap) = self.nap {
            sys::wait([self.stop.as_fd()], Some(nap)).map(|[stopped]| stopped)
        } else {
            let first = [check, until].into_iter().flatten().min();
            sys::wait_until([self.stop.as_fd(), self.client.as_fd()], first)
                .map(|[stopped, _]| stopped)
        };
        if waited.map_err(|error| Error::new("wait for the audit socket", error))? {
            self.finish(batch);
        } else if check.is_some_and(|check| Instant::now() >= check) {
            self.check(batch);
        }
        Ok(())
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
        self.look_for_changes(batch);
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
}

/// Adds a message that came beside an answer to the batch.
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

/// Adds a datagram that lies in the batch's bytes to its records.
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

/// Adds the text of a message, which lies in the batch's bytes, to its records, if it is one.
fn add(
    batch: &mut Batch,
    text: Range<usize>,
    record_type: RecordType,
    sender: u32,
    cut: bool,
    stamps: &mut Stamps,
) {
    if sender != 0 {
        // Whoever has CAP_NET_ADMIN can send here; only the kernel is believed.
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
            batch.add(Entry {
                id,
                record_type,
                cut,
                node: 0..0,
                body: narrow(end - body.len()..end),
            });
        }
        // Answers to requests, and the kernel's question whether we are still alive.
        None if record_type.0 < 1100 || record_type == AUDIT_REPLACE => {}
        None => {
            batch.sightings.malformed += 1;
            let text = data.escape_ascii();
            log::info!("not an audit record of type {record_type}: {text}");
        }
    }
}

/// Whether a service manager has passed a socket to this very process (sd_listen_fds(3)).
fn is_socket_passed() -> bool {
    let number = |name| {
        env::var(name)
            .ok()
            .and_then(|text: String| text.parse::<u32>().ok())
    };
    number("LISTEN_PID") == Some(process::id()) && number("LISTEN_FDS").is_some_and(|n| n >= 1)
}

/// Opens a socket for questions, and says what would keep records from coming. Only those who may
/// control auditing may ask; they also get how many records the kernel had lost before.
fn ask_for_state() -> (Option<NetlinkClient>, u32, Watch) {
    let state = NetlinkClient::control().map(|mut control| (control.status(), control));
    let (status, mut control) = match state {
        Ok((Ok(status), control)) => (status, control),
        Ok((Err(error), _)) => {
            log::info!(
                "cannot ask whether auditing is on: {error}; if nothing comes, see `auditctl -s`"
            );
            return (None, 0, Watch::default());
        }
        Err(error) => {
            log::info!("{error}");
            return (None, 0, Watch::default());
        }
    };
    let rules = control.count_rules();
    if status.enabled == 0 {
        log::warn!(
            "auditing is off, so no events will come; turn it on with `auditctl -e 1`, or for \
             good with audit=1 on the kernel command line"
        );
    } else if let Ok(0) = rules {
        log::warn!(
            "no audit rules are loaded, so only messages of programs will come; see \
             auditctl(8), for example `auditctl -a always,exit -F arch=b64 -S execve`"
        );
    }
    let watch = Watch::new(&status, rules.unwrap_or(0));
    (Some(control), status.lost, watch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record_type::{AUDIT_CWD, AUDIT_GET};

    /// What becomes of a datagram: the bodies of its records, and what else was seen.
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
    fn a_record_ends_before_the_nul_that_the_kernel_may_put_behind_it() {
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
    fn answers_and_the_question_whether_we_live_are_no_records_and_not_malformed() {
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
    fn what_is_no_text_of_the_kernel_is_counted() {
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
