//! What it costs to run a program.

use std::{
    io,
    process::Command,
    time::{Duration, Instant},
};

use super::{log::Size, sys};

/// CPU time, time on the clock, and memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    /// Bytes resident at most.
    pub(crate) peak: u64,
}

impl Cost {
    /// Runs a program to its end, which must be a good one.
    pub(crate) fn of(command: &mut Command) -> io::Result<Cost> {
        let start = Instant::now();
        let child = command.spawn()?;
        let usage = sys::wait(&child)?;
        if !usage.success {
            return Err(io::Error::other(format!("{command:?} failed")));
        }
        Ok(Cost {
            cpu: usage.user + usage.system,
            wall: start.elapsed(),
            peak: usage.peak,
        })
    }

    /// The cheapest of several runs: what others do on the machine only ever adds.
    pub(crate) fn least(runs: u64, mut run: impl FnMut() -> io::Result<Cost>) -> io::Result<Cost> {
        let mut least = run()?;
        for _ in 1..runs {
            let next = run()?;
            least = Cost {
                cpu: least.cpu.min(next.cpu),
                wall: least.wall.min(next.wall),
                peak: least.peak.max(next.peak),
            };
        }
        Ok(least)
    }

    /// Megabytes for each second of CPU time.
    pub(crate) fn rate(&self, size: &Size) -> f64 {
        size.megabytes() / self.cpu.as_secs_f64()
    }

    /// Records for each second of CPU time.
    pub(crate) fn records(&self, size: &Size) -> f64 {
        size.records as f64 / self.cpu.as_secs_f64()
    }

    /// The most memory resident at once, in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.peak as f64 / f64::from(1 << 20)
    }
}
