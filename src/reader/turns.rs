//! Which thread reads.
//!
//! Each wake-up of a thread costs more than an event. So while few records come, the marshaller
//! thread waits for them, reads them and handles their events by itself, and the reader thread
//! sleeps. The socket must not stay unread, though, if handling an event takes long, because the
//! output is slow for example. Whenever the marshaller thread stops reading, it therefore sets an
//! alarm. If the alarm rings before that thread reads again, or if many records come, the reader
//! thread reads, and events go through the queue. It gives its turn back when the marshaller thread
//! has handled all events and few records come again.
//!
//! To clear the alarm and to set it again takes two system calls. So it stays set during a wait if
//! the one before was short, and is usually put off before it rings. If it does ring during a wait,
//! the reader thread goes back to sleep.
//!
//! The first turn is the reader thread's. It never gives it up for a log, which has no patience.

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use super::{alarm::Alarm, bell::Bell, queue::Inlet, reading::Reading};
use crate::{error::Error, model::Groups};

/// The reading, which belongs to the thread whose turn it is.
pub(super) struct Turns {
    /// Empty once the reader thread has ended.
    turn: Mutex<Option<Turn>>,
    /// Whether the marshaller thread reads. Meanwhile the reader thread ignores the alarm.
    reads_directly: AtomicBool,
    /// Wakes the reader thread.
    alarm: Alarm,
    /// Wakes the marshaller thread.
    bell: Bell,
}

/// What the thread whose turn it is reads with.
struct Turn {
    reading: Reading,
    /// The reader thread's way to the other one.
    inlet: Inlet,
    /// Whether the thread that handles the events may read.
    is_given: bool,
    /// Whether the last wait of that thread was short.
    is_brisk: bool,
}

impl Turn {
    /// Sends the whole events. `false` if the outlet is closed.
    fn send(&mut self) -> bool {
        let mut groups = self.inlet.used().unwrap_or_default();
        self.reading.exchange(&mut groups);
        match self.inlet.send(groups) {
            None => return false,
            Some(dropped) if dropped.events > 0 => self.reading.count_dropped(dropped),
            Some(_) => {}
        }
        true
    }
}

impl Turns {
    pub(super) fn new(reading: Reading, inlet: Inlet, bell: Bell) -> Result<Turns, Error> {
        let turn = Turn {
            reading,
            inlet,
            is_given: false,
            is_brisk: false,
        };
        Ok(Turns {
            turn: Mutex::new(Some(turn)),
            reads_directly: AtomicBool::new(false),
            alarm: Alarm::new()?,
            bell,
        })
    }

    /// The reader thread: reads in its turns until the source ends or the outlet is closed.
    pub(super) fn run(&self) -> Result<(), Error> {
        let _end = End(self);
        loop {
            if let Some(result) = self.read_for_queue() {
                return result;
            }
            self.alarm.wait()?;
            while self.reads_directly.load(Ordering::Acquire) {
                self.alarm.wait()?;
            }
        }
    }

    /// A turn of the reader thread. Returns the result of the source, if that was the last turn.
    fn read_for_queue(&self) -> Option<Result<(), Error>> {
        let mut place = self.lock();
        let turn = place.as_mut()?;
        turn.is_given = false;
        while turn.reading.ended.is_none() {
            if !turn.reading.round(None) {
                continue;
            }
            // The events that were read now wake the marshaller thread anyway.
            let is_awaited = self.bell.is_awaited() && turn.inlet.is_empty();
            let patience = turn.reading.patience().filter(|_| is_awaited);
            if !turn.send() {
                break;
            }
            if let Some(patience) = patience {
                turn.is_given = true;
                self.alarm.set(Instant::now(), patience);
                drop(place);
                self.bell.ring();
                return None;
            }
            self.bell.ring();
        }
        Some(turn.reading.ended.take().unwrap_or(Ok(())))
    }

    /// A turn of the marshaller thread: reads until there are whole events or other news, but no
    /// longer than until the deadline or an interruption. Puts the events into `groups`, and
    /// returns whether there is news. `None` if it is not its turn, or events in the queue come
    /// first.
    pub(super) fn read_directly(
        &self,
        until: Option<Instant>,
        groups: &mut Groups,
    ) -> Option<bool> {
        let mut place = self.turn.try_lock().ok()?;
        let turn = place.as_mut()?;
        if !turn.is_given || !turn.inlet.is_empty() {
            return None;
        }
        let has_news = self.wait_for_news(turn, until);
        if has_news {
            turn.reading.exchange(groups);
        }
        let patience = turn.reading.patience();
        turn.is_given = patience.is_some();
        drop(place);
        match patience {
            Some(patience) => self.alarm.set(Instant::now(), patience),
            None => self.alarm.ring(),
        }
        Some(has_news)
    }

    /// Reads until there are whole events or other news, but no longer than until the deadline or
    /// an interruption. Returns whether there is news.
    fn wait_for_news(&self, turn: &mut Turn, until: Option<Instant>) -> bool {
        let reading = &mut turn.reading;
        self.reads_directly.store(true, Ordering::Release);
        if !turn.is_brisk {
            self.alarm.clear();
        }
        let start = Instant::now();
        let is_early = || until.is_none_or(|until| Instant::now() < until);
        let mut has_news = self.bell.during(|| reading.round(until));
        while has_news == Some(false) && reading.ended.is_none() && is_early() {
            has_news = self.bell.during(|| reading.round(until));
        }
        turn.is_brisk = reading
            .patience()
            .is_some_and(|patience| start.elapsed() < patience / 2);
        self.reads_directly.store(false, Ordering::Release);
        has_news == Some(true)
    }

    /// Lets the reader thread read. Call this in the marshaller thread, which does not read then,
    /// even if a panic has ended its reading.
    pub(super) fn wake(&self) {
        self.reads_directly.store(false, Ordering::Release);
        self.alarm.ring();
    }

    fn lock(&self) -> MutexGuard<'_, Option<Turn>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").finish_non_exhaustive()
    }
}

/// Closes the queue when dropped, even by a panic, and then wakes the marshaller thread, which
/// finds it closed.
struct End<'a>(&'a Turns);

impl Drop for End<'_> {
    fn drop(&mut self) {
        drop(self.0.lock().take());
        self.0.bell.ring();
    }
}
