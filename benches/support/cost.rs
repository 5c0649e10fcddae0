//! The cost of running a program.

use std::{
    io,
    process::Command,
    slice,
    time::{Duration, Instant},
};

use super::{log::Size, sys};

/// CPU time, wall-clock time, and memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    /// Peak resident memory, in bytes.
    pub(crate) peak: u64,
}

impl Cost {
    /// Runs a program, which must succeed.
    pub(crate) fn of(command: &mut Command) -> io::Result<Cost> {
        Cost::together(slice::from_mut(command))
    }

    /// Runs programs at the same time, all of which must succeed. The memory is the sum of their
    /// peaks.
    pub(crate) fn together(commands: &mut [Command]) -> io::Result<Cost> {
        let start = Instant::now();
        let children: io::Result<Vec<_>> = commands.iter_mut().map(Command::spawn).collect();
        let (mut cpu, mut peak) = (Duration::ZERO, 0);
        for (child, command) in children?.iter().zip(commands) {
            let usage = sys::wait(child)?;
            if !usage.success {
                return Err(io::Error::other(format!("{command:?} failed")));
            }
            cpu += usage.user + usage.system;
            peak += usage.peak;
        }
        Ok(Cost {
            cpu,
            wall: start.elapsed(),
            peak,
        })
    }

    /// The least cost of several runs, because other load on the machine only ever adds to it.
    pub(crate) fn least(runs: u64, mut run: impl FnMut() -> io::Result<Cost>) -> io::Result<Cost> {
        let mut least = run()?;
        for _ in 1..runs {
            least = least.or_less(&run()?);
        }
        Ok(least)
    }

    /// The lesser times of two runs, and the larger peak.
    pub(crate) fn or_less(&self, other: &Cost) -> Cost {
        Cost {
            cpu: self.cpu.min(other.cpu),
            wall: self.wall.min(other.wall),
            peak: self.peak.max(other.peak),
        }
    }

    /// Megabytes per second of CPU time.
    pub(crate) fn rate(&self, size: &Size) -> f64 {
        size.megabytes() / self.cpu.as_secs_f64()
    }

    /// Records per second of CPU time.
    pub(crate) fn records(&self, size: &Size) -> f64 {
        size.records as f64 / self.cpu.as_secs_f64()
    }

    /// Peak resident memory, in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.peak as f64 / f64::from(1 << 20)
    }
}
