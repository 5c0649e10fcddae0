//! Wakes the marshaller thread for new events or a control message.
//!
//! The thread sleeps without spinning first, as channels do: spinning pays when the next message is
//! a microsecond away, and records are milliseconds apart.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::source::Waker;

/// Wakes the one waiting thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bell(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
    /// Wakes the thread while it waits for the source.
    waker: Waker,
}

#[derive(Debug, Default)]
struct State {
    /// Rung since the last wait.
    rung: bool,
    /// Interrupted since the last wait.
    interrupted: bool,
    waits: Waits,
}

/// The cause that the thread waits for, which decides how to wake it. To wake a thread that does
/// not wait would waste a system call.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Waits {
    #[default]
    Not,
    ForRing,
    ForSource,
}

impl Bell {
    /// A bell for a thread that may also wait for a source.
    pub(crate) fn new(waker: Waker) -> Bell {
        Bell(Arc::new(Inner {
            waker,
            ..Inner::default()
        }))
    }

    /// Announces new events in the queue.
    pub(crate) fn ring(&self) {
        self.change(|state| state.rung = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let waits = std::mem::take(&mut state.waits);
        drop(state);
        match waits {
            Waits::Not => {}
            Waits::ForRing => self.0.changed.notify_one(),
            Waits::ForSource => self.0.waker.wake(),
        }
    }

    /// Whether the thread waits to be rung: it has handled all events that it knows of.
    pub(crate) fn is_awaited(&self) -> bool {
        self.lock().waits == Waits::ForRing
    }

    /// Calls `wait`, which waits for the source and is woken by an interruption. `None` if there
    /// was one before.
    pub(crate) fn during<T>(&self, wait: impl FnOnce() -> T) -> Option<T> {
        let mut state = self.lock();
        if std::mem::take(&mut state.interrupted) {
            return None;
        }
        state.waits = Waits::ForSource;
        drop(state);
        let result = wait();
        self.lock().waits = Waits::Not;
        Some(result)
    }

    /// Waits until rung. Check the queue first. Returns `false` on interruption or timeout.
    pub(crate) fn wait(&self, until: Option<Instant>) -> bool {
        let mut state = self.lock();
        state.waits = Waits::ForRing;
        let mut is_over = false;
        while !state.rung && !state.interrupted && !is_over {
            state = match until {
                None => self.0.changed.wait(state),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    is_over = left.is_zero();
                    let waited = self.0.changed.wait_timeout(state, left);
                    waited.map(|(state, _)| state).map_err(|poisoned| {
                        let (state, _) = poisoned.into_inner();
                        PoisonError::new(state)
                    })
                }
            }
            .unwrap_or_else(PoisonError::into_inner);
        }
        state.waits = Waits::Not;
        state.rung = false;
        !std::mem::take(&mut state.interrupted) && !is_over
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a wait of an [`AuditReader`](crate::AuditReader) from another thread.
#[derive(Clone, Debug)]
pub struct Interrupter(Bell);

impl Interrupter {
    pub(crate) fn new(bell: Bell) -> Interrupter {
        Interrupter(bell)
    }

    /// Ends the current wait, or the next one if there is none.
    pub fn interrupt(&self) {
        self.0.change(|state| state.interrupted = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{thread, time::Duration};

    #[test]
    fn a_ring_before_the_wait_ends_it() {
        let bell = Bell::default();
        bell.ring();
        assert!(bell.wait(None));
        Interrupter::new(bell.clone()).interrupt();
        assert!(!bell.wait(None));
        assert!(!bell.wait(Some(Instant::now())));
    }

    #[test]
    fn a_ring_and_an_interruption_wake_the_waiting_thread() {
        let bell = Bell::default();
        for interrupts in [false, true] {
            let other = bell.clone();
            let ringer = thread::spawn(move || {
                while !other.is_awaited() {
                    thread::yield_now();
                }
                if interrupts {
                    Interrupter::new(other).interrupt();
                } else {
                    other.ring();
                }
            });
            assert_eq!(bell.wait(None), !interrupts);
            ringer.join().unwrap();
        }
    }

    #[test]
    fn a_wait_ends_at_its_deadline_and_not_before() {
        let until = Instant::now() + Duration::from_millis(20);
        assert!(!Bell::default().wait(Some(until)));
        assert!(Instant::now() >= until);
    }
}
