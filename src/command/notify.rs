//! Notifications to the service manager (sd_notify(3)): ready, alive, reloading, stopping, and a
//! status line. Without a service manager, this does nothing.
//!
//! Only the marshaller thread's loop sends the watchdog ping, and only if the reader thread has
//! gone through its loop since the last one: a separate thread would go on sending it while they
//! hang. An output that blocks for the watchdog's timeout therefore counts as a hang.

use std::{
    env,
    time::{Duration, Instant},
};

#[cfg(doc)]
use auditrd::Totals;
use sd_notify::NotifyState;

/// How often the status line is sent, unless the watchdog needs a shorter interval.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

/// The connection to the service manager.
#[derive(Debug)]
pub(crate) struct Notify {
    is_managed: bool,
    has_watchdog: bool,
    interval: Duration,
    next: Option<Instant>,
    /// [`Totals::rounds`] at the last ping, once one was sent.
    rounds: Option<u64>,
}

impl Notify {
    /// Reads NOTIFY_SOCKET and WATCHDOG_USEC. Pings are sent at half the watchdog's timeout, as
    /// sd_watchdog_enabled(3) recommends.
    pub(crate) fn from_environment() -> Notify {
        let watchdog = sd_notify::watchdog_enabled().map(|time| time / 2);
        Notify {
            is_managed: env::var_os("NOTIFY_SOCKET").is_some(),
            has_watchdog: watchdog.is_some(),
            interval: watchdog
                .unwrap_or(STATUS_INTERVAL)
                .clamp(Duration::from_millis(1), STATUS_INTERVAL),
            next: None,
            rounds: None,
        }
    }

    /// The interval at which the reader thread must go round, if there is a watchdog.
    pub(crate) fn heartbeat(&self) -> Option<Duration> {
        self.has_watchdog.then_some(self.interval / 2)
    }

    /// Reports that the source is open, or that [`reloading`](Self::reloading) is complete.
    pub(crate) fn ready(&mut self, now: Instant) {
        self.send(&[NotifyState::Ready]);
        self.next = self.is_managed.then_some(now);
    }

    /// When [`alive`](Self::alive) should be called next.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.next
    }

    /// Sends a watchdog ping and the status line, if they are due. No ping is sent if `rounds`,
    /// which the reader thread increases, is that of the last one; `None` does not check it.
    pub(crate) fn alive(
        &mut self,
        now: Instant,
        rounds: Option<u64>,
        status: impl FnOnce() -> String,
    ) {
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        self.next = Some(now + self.interval);
        let status = status();
        if rounds.is_some() && rounds == self.rounds {
            log::warn!("the reader thread does not respond; the watchdog is not notified");
            self.send(&[NotifyState::Status(&status)]);
        } else {
            self.rounds = rounds;
            self.send(&[NotifyState::Watchdog, NotifyState::Status(&status)]);
        }
    }

    /// Reports that the output is being reopened.
    pub(crate) fn reloading(&self) {
        let mut states = vec![NotifyState::Reloading];
        // `Type=notify-reload` requires the time; `Type=notify` ignores it.
        states.extend(NotifyState::monotonic_usec_now());
        self.send(&states);
    }

    /// Reports that the program is about to exit.
    pub(crate) fn stopping(&self) {
        self.send(&[NotifyState::Stopping]);
    }

    fn send(&self, states: &[NotifyState<'_>]) {
        if self.is_managed
            && let Err(error) = sd_notify::notify(states)
        {
            log::warn!("cannot notify the service manager: {error}");
        }
    }
}
