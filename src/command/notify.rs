//! What a service manager is told (sd_notify(3)): that the program is ready, alive, reloading or
//! stopping, and how it is doing. Without a service manager nobody is told anything.
//!
//! The marshaller's loop says that it is alive when it comes round, and nothing else does: a thread
//! of its own would go on saying so while the loop hangs. An output that takes nothing for as long
//! as the watchdog waits therefore counts as a hang too.

use std::{
    env,
    time::{Duration, Instant},
};

use sd_notify::NotifyState;

/// How often the status is renewed, if the watchdog wants no more.
const BETWEEN_STATUSES: Duration = Duration::from_secs(10);

/// The way to the service manager.
#[derive(Debug)]
pub(crate) struct Notify {
    is_managed: bool,
    every: Duration,
    next: Option<Instant>,
}

impl Notify {
    /// Finds out from the environment whether there is a service manager, and how often it wants
    /// to hear that the program is alive. Half of that time is what it recommends
    /// (sd_watchdog_enabled(3)).
    pub(crate) fn from_environment() -> Notify {
        let watchdog = sd_notify::watchdog_enabled().map(|time| time / 2);
        Notify {
            is_managed: env::var_os("NOTIFY_SOCKET").is_some(),
            every: watchdog
                .unwrap_or(BETWEEN_STATUSES)
                .clamp(Duration::from_millis(1), BETWEEN_STATUSES),
            next: None,
        }
    }

    /// The source is open; or what was asked with [`reloading`](Self::reloading) is done.
    pub(crate) fn ready(&mut self, now: Instant) {
        self.tell(&[NotifyState::Ready]);
        self.next = self.is_managed.then_some(now);
    }

    /// When the loop should come round for [`alive`](Self::alive).
    pub(crate) fn due(&self) -> Option<Instant> {
        self.next
    }

    /// The loop came round: says so, with the counters, if it is time.
    pub(crate) fn alive(&mut self, now: Instant, status: impl FnOnce() -> String) {
        if self.next.is_some_and(|next| now >= next) {
            self.next = Some(now + self.every);
            self.tell(&[NotifyState::Watchdog, NotifyState::Status(&status())]);
        }
    }

    /// The output is opened again.
    pub(crate) fn reloading(&self) {
        let mut states = vec![NotifyState::Reloading];
        // `Type=notify-reload` wants to know when; plain `Type=notify` does not mind.
        states.extend(NotifyState::monotonic_usec_now());
        self.tell(&states);
    }

    /// What is in flight is finished, and then the program ends.
    pub(crate) fn stopping(&self) {
        self.tell(&[NotifyState::Stopping]);
    }

    fn tell(&self, states: &[NotifyState<'_>]) {
        if self.is_managed
            && let Err(error) = sd_notify::notify(states)
        {
            log::warn!("cannot tell the service manager: {error}");
        }
    }
}
