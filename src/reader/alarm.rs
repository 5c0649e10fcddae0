//! Wakes the reader thread when it has to read again.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use crate::{error::Error, sys};

/// A timer, and the one thread that waits for it. Setting it wakes no thread.
#[derive(Debug)]
pub(crate) struct Alarm(OwnedFd);

impl Alarm {
    pub(crate) fn new() -> Result<Alarm, Error> {
        let timer = sys::timer().map_err(|error| Error::new("create a timer", error))?;
        Ok(Alarm(timer))
    }

    /// Rings after a time, unless it is set again or cleared before.
    pub(crate) fn set(&self, after: Duration) {
        // This fails only for invalid arguments.
        let _ = sys::set_timer(self.0.as_fd(), after);
    }

    pub(crate) fn clear(&self) {
        self.set(Duration::ZERO);
    }

    pub(crate) fn ring(&self) {
        self.set(Duration::from_nanos(1));
    }

    /// Waits until it has rung since the last wait. A signal ends the wait early.
    pub(crate) fn wait(&self) -> Result<(), Error> {
        match sys::read(self.0.as_fd(), &mut Vec::new(), size_of::<u64>()) {
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
        alarm.set(Duration::from_millis(20));
        alarm.wait().unwrap();
        assert!(start.elapsed() >= Duration::from_millis(20));
        thread::scope(|scope| {
            let waits = scope.spawn(|| alarm.wait());
            alarm.ring();
            waits.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_later_setting_replaces_an_earlier_one() {
        let alarm = Alarm::new().unwrap();
        let start = Instant::now();
        alarm.set(Duration::from_millis(1));
        alarm.clear();
        alarm.set(Duration::from_millis(30));
        alarm.wait().unwrap();
        assert!(start.elapsed() >= Duration::from_millis(30));
    }
}
