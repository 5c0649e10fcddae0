//! Wakes the reader thread when it has to read again.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{error::Error, sys};

/// A timer, and the one thread that waits for it. Setting it wakes no thread.
#[derive(Debug)]
pub(crate) struct Alarm {
    timer: OwnedFd,
    /// When it rings, or has rung.
    at: Mutex<Option<Instant>>,
}

impl Alarm {
    pub(crate) fn new() -> Result<Alarm, Error> {
        let timer = sys::timer().map_err(|error| Error::new("create a timer", error))?;
        Ok(Alarm {
            timer,
            at: Mutex::default(),
        })
    }

    /// Rings after this time at the latest and after half of it at the earliest, unless it is set
    /// again or cleared before. Often this takes no system call.
    pub(crate) fn set(&self, now: Instant, after: Duration) {
        let mut at = self.at();
        let rings = now + after / 2..=now + after;
        if at.is_none_or(|at| !rings.contains(&at)) {
            *at = Some(now + after);
            self.set_timer(after);
        }
    }

    pub(crate) fn clear(&self) {
        if self.at().take().is_some() {
            self.set_timer(Duration::ZERO);
        }
    }

    pub(crate) fn ring(&self) {
        *self.at() = None;
        self.set_timer(Duration::from_nanos(1));
    }

    fn at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_timer(&self, after: Duration) {
        // This fails only for invalid arguments.
        let _ = sys::set_timer(self.timer.as_fd(), after);
    }

    /// Waits until it has rung since the last wait. A signal ends the wait early.
    pub(crate) fn wait(&self) -> Result<(), Error> {
        match sys::read(self.timer.as_fd(), &mut Vec::new(), size_of::<u64>()) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                Err(Error::new("wait for a timer", error))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Instant};

    use super::*;

    #[test]
    fn it_rings_when_the_time_has_passed_or_at_once() {
        let alarm = Alarm::new().unwrap();
        let start = Instant::now();
        alarm.set(start, Duration::from_millis(20));
        alarm.wait().unwrap();
        assert!(start.elapsed() >= Duration::from_millis(20));
        alarm.set(Instant::now(), Duration::from_millis(1));
        alarm.wait().unwrap();
        thread::scope(|scope| {
            let waits = scope.spawn(|| alarm.wait());
            alarm.ring();
            waits.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_setting_is_kept_if_it_rings_after_half_of_the_time_and_before_all_of_it() {
        let alarm = Alarm::new().unwrap();
        let (now, hour) = (Instant::now(), Duration::from_secs(3600));
        let set = |passed, after| {
            alarm.set(now + passed, after);
            alarm.at().unwrap() - now
        };
        assert_eq!(set(Duration::ZERO, hour), hour);
        assert_eq!(set(hour / 2, hour), hour, "half of it is left");
        assert_eq!(set(hour * 2 / 3, hour), hour * 5 / 3);
        assert_eq!(set(hour, hour / 2), hour * 3 / 2, "it would ring too late");
        set(Duration::ZERO, Duration::from_millis(1));
        alarm.wait().unwrap();
    }

    #[test]
    fn a_later_setting_replaces_an_earlier_one() {
        let alarm = Alarm::new().unwrap();
        let start = Instant::now();
        alarm.set(start, Duration::from_millis(1));
        alarm.clear();
        alarm.set(start, Duration::from_millis(30));
        alarm.wait().unwrap();
        assert!(start.elapsed() >= Duration::from_millis(30));
    }
}
