//! Which of the two threads reads.

use std::{
    io::{PipeReader, PipeWriter, Read},
    os::fd::AsFd,
    panic,
    sync::mpsc::{Receiver, Sender, channel},
    thread::ThreadId,
};

use super::*;
use crate::{source::Stop, sys};

/// So long that the alarm does not ring.
const LONG: Duration = Duration::from_secs(3600);

/// Makes the source panic.
const BROKEN: u8 = 1;

/// A source with an event for each byte of a pipe.
struct Calm {
    patience: Duration,
    bytes: PipeReader,
    stop: Stop,
    /// Told when a thread begins to wait, and when it has read.
    told: Sender<(ThreadId, bool)>,
    serial: u32,
}

impl Source for Calm {
    fn fill(&mut self, batch: &mut Batch, until: Option<Instant>) -> Result<Fill, Error> {
        let tell = |has_read| self.told.send((thread::current().id(), has_read));
        // The test may have ended.
        let _ = tell(false);
        let waited = sys::wait_until([self.stop.as_fd(), self.bytes.as_fd()], until);
        let [is_told, is_readable] = waited.expect("pipes can be waited for");
        if is_told && self.stop.is_asked().expect("a pipe can be read") {
            return Ok(Fill::End);
        }
        if is_readable {
            let mut byte = [0];
            self.bytes.read_exact(&mut byte).expect("there is a byte");
            assert_ne!(byte, [BROKEN], "the source is broken");
            self.serial += 1;
            let id = EventId {
                serial: self.serial,
                ..EventId::default()
            };
            batch.push(super::record(id, AUDIT_USER_AUTH));
            let _ = tell(true);
        }
        Ok(Fill::Drained(Instant::now()))
    }

    fn patience(&self) -> Option<Duration> {
        Some(self.patience)
    }
}

struct Setting {
    reader: AuditReader,
    bytes: PipeWriter,
    told: Receiver<(ThreadId, bool)>,
}

impl Setting {
    /// A reader that this thread has waited for once, so that it is its turn.
    fn with_turn_here(patience: Duration) -> Setting {
        let (output, bytes) = io::pipe().expect("a pipe");
        let (stopper, stop) = source::stop().expect("a pipe");
        let (tell, told) = channel();
        let source = Calm {
            patience,
            bytes: output,
            stop,
            told: tell,
            serial: 0,
        };
        let config = ReaderConfig::live(ReassemblyConfig::new(AUDIT_USER_AUTH, AUDIT_AVC));
        let reader = AuditReader::spawn(Box::new(source), stopper, config).expect("a thread");
        let mut setting = Setting {
            reader,
            bytes,
            told,
        };
        let bell = setting.reader.bell.clone();
        let mut bytes = setting.bytes.try_clone().expect("a descriptor");
        let writer = thread::spawn(move || {
            while !bell.is_awaited() {
                thread::yield_now();
            }
            bytes.write_all(&[0]).expect("there is room");
        });
        assert_eq!(setting.next(), 1);
        writer.join().expect("it has written");
        assert_ne!(setting.read_by(), thread::current().id());
        setting
    }

    fn send(&mut self) {
        self.bytes.write_all(&[0]).expect("there is room");
    }

    /// The serial of the next event.
    fn next(&mut self) -> u32 {
        let event = self.reader.next().expect("it can be read");
        event.expect("an event").id.serial
    }

    /// The thread that reads the next event.
    fn read_by(&self) -> ThreadId {
        let mut told = self.told.iter().filter(|(_, has_read)| *has_read);
        told.next().expect("it reads").0
    }
}

#[test]
fn the_thread_that_handles_events_reads_them_too_while_few_come() {
    let mut setting = Setting::with_turn_here(LONG);
    for serial in 2..5 {
        setting.send();
        assert_eq!(setting.next(), serial);
        assert_eq!(setting.read_by(), thread::current().id());
    }
}

#[test]
fn the_reader_thread_reads_while_an_event_takes_long() {
    let mut setting = Setting::with_turn_here(Duration::from_millis(1));
    setting.send();
    assert_eq!(setting.next(), 2);
    setting.read_by();
    // This thread does nothing now but look.
    for _ in 0..3 {
        setting.send();
        assert_ne!(setting.read_by(), thread::current().id());
    }
    for serial in 3..6 {
        assert_eq!(setting.next(), serial);
    }
}

#[test]
fn an_alarm_that_was_left_set_during_a_wait_does_not_change_the_turn() {
    let patience = Duration::from_millis(500);
    let mut setting = Setting::with_turn_here(patience);
    let mut bytes = setting.bytes.try_clone().expect("a descriptor");
    // Two short waits, and one during which the alarm rings.
    setting.send();
    setting.send();
    for serial in 2..4 {
        assert_eq!(setting.next(), serial);
        setting.read_by();
    }
    let writer = thread::spawn(move || {
        thread::sleep(patience * 3 / 2);
        bytes.write_all(&[0]).expect("there is room");
    });
    assert_eq!(setting.next(), 4);
    writer.join().expect("it has written");
    assert_eq!(setting.read_by(), thread::current().id());
    // Time for the other thread to take the turn, if it did.
    thread::sleep(patience / 20);
    setting.send();
    assert_eq!(setting.next(), 5);
    assert_eq!(setting.read_by(), thread::current().id());
}

#[test]
fn events_stay_in_order_however_the_turns_change() {
    let mut setting = Setting::with_turn_here(Duration::from_micros(1));
    let mut bytes = setting.bytes.try_clone().expect("a descriptor");
    let writer = thread::spawn(move || {
        for _ in 0..2000 {
            bytes.write_all(&[0]).expect("there is room");
            thread::yield_now();
        }
    });
    for serial in 2..=2001 {
        assert_eq!(setting.next(), serial);
    }
    writer.join().expect("it has written");
}

#[test]
fn an_interruption_ends_the_wait_of_a_thread_that_reads() {
    let mut setting = Setting::with_turn_here(LONG);
    while setting.told.try_recv().is_ok() {}
    let interrupter = setting.reader.interrupter();
    let told = mem::replace(&mut setting.told, channel().1);
    let other = thread::spawn(move || {
        told.recv().expect("it begins to wait");
        interrupter.interrupt();
    });
    assert!(matches!(setting.reader.step(None), Ok(Step::Idle)));
    assert!(matches!(setting.reader.step(None), Ok(Step::Interrupted)));
    other.join().expect("it has interrupted");
}

#[test]
fn a_deadline_ends_the_wait_of_a_thread_that_reads() {
    let mut setting = Setting::with_turn_here(LONG);
    assert!(matches!(setting.reader.step(None), Ok(Step::Idle)));
    let until = Instant::now() + Duration::from_millis(20);
    let step = setting.reader.step(Some(until));
    assert!(matches!(step, Ok(Step::Interrupted)));
    assert!(Instant::now() >= until);
}

#[test]
fn a_reader_ends_after_a_panic_while_this_thread_read() {
    let mut setting = Setting::with_turn_here(LONG);
    setting.bytes.write_all(&[BROKEN]).expect("there is room");
    let read = panic::catch_unwind(panic::AssertUnwindSafe(|| setting.next()));
    read.expect_err("the source is broken");
    setting.reader.finish().expect("the source is told to stop");
}

#[test]
fn a_source_that_this_thread_has_read_ends_when_it_is_told_to() {
    let mut setting = Setting::with_turn_here(LONG);
    setting.send();
    assert_eq!(setting.next(), 2);
    setting.reader.stop();
    assert!(matches!(setting.reader.next(), Ok(None)));
}
