//! Notifications to the service manager (sd_notify(3)): ready, alive, reloading, stopping, and a
//! status line. Without a service manager, this does nothing.
//!
//! Only the marshaller thread's loop sends the watchdog ping: a separate thread would go on sending
//! it while the loop hangs. An output that blocks for the watchdog's timeout therefore counts as a
//! hang.

use std::{
    env,
    time::{Duration, Instant},
};

use sd_notify::NotifyState;

/// How often the status line is sent, unless the watchdog needs a shorter interval.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

/// The connection to the service manager.
#[derive(Debug)]
pub(crate) struct Notify {
    is_managed: bool,
    interval: Duration,
    next: Option<Instant>,
}

impl Notify {
    /// Reads NOTIFY_SOCKET and WATCHDOG_USEC. Pings are sent at half the watchdog's timeout, as
    /// sd_watchdog_enabled(3) recommends.
    pub(crate) fn from_environment() -> Notify {
        let watchdog = sd_notify::watchdog_enabled().map(|time| time / 2);
        Notify {
            is_managed: env::var_os("NOTIFY_SOCKET").is_some(),
            interval: watchdog
                .unwrap_or(STATUS_INTERVAL)
                .clamp(Duration::from_millis(1), STATUS_INTERVAL),
            next: None,
        }
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

    /// Sends a watchdog ping and the status line, if they are due.
    pub(crate) fn alive(&mut self, now: Instant, status: impl FnOnce() -> String) {
        if self.next.is_some_and(|next| now >= next) {
            self.next = Some(now + self.interval);
            self.send(&[NotifyState::Watchdog, NotifyState::Status(&status())]);
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
