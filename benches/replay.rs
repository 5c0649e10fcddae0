//! Measures the binary replaying a whole log, from a file and from a pipe, against a scan for line
//! ends.
//!
//! `cargo bench --bench replay -- [--copies N] [--runs N] [--binary PATH]`; ten copies of the busy
//! host's log are about 280 MB.
//!
//! `cargo bench --bench replay -- --jobs N` measures `auditrd --jobs` instead, on N such logs: one
//! after the other on one core and on N, and all at the same time on N; and N processes, each with
//! a log of its own, which are as fast as these cores allow. It runs them in turn, and needs
//! taskset.

#![expect(clippy::print_stdout, reason = "the results go there")]

mod support;

use std::{
    io,
    path::Path,
    process::{Command, Stdio},
};

use support::{
    cost::Cost,
    has, log, number,
    programs::{self, Program},
};

fn main() -> io::Result<()> {
    if programs::is_scan()? || !support::is_bench() {
        return Ok(());
    }
    let (log, size) = log::grown(number("--copies", 10), None)?;
    let runs = number("--runs", 5);
    if has("--jobs") {
        return jobs(&log, size.megabytes(), runs);
    }
    println!(
        "{:.0} MB, {} records, {} events; the least of {runs} runs",
        size.megabytes(),
        size.records,
        size.events
    );
    println!(
        "{:<18} {:>7} {:>7} {:>9} {:>7} {:>12} {:>9}",
        "", "CPU s", "wall s", "wall/CPU", "MB/s", "records/s", "peak MiB"
    );
    let ours = [
        Program::ours(),
        Program::ours_from_pipe(),
        Program::ours_to_file(),
    ];
    for program in [Program::line_ends()?].iter().chain(&ours) {
        let cost = Cost::least(runs, || program.run(&log))?;
        let (cpu, wall) = (cost.cpu.as_secs_f64(), cost.wall.as_secs_f64());
        println!(
            "{:<18} {cpu:>7.3} {wall:>7.3} {:>9.2} {:>7.0} {:>12.0} {:>9.1}",
            program.name,
            wall / cpu,
            cost.rate(&size),
            cost.records(&size),
            cost.peak_mib(),
        );
    }
    Ok(())
}

/// Compares replays of several logs, one after the other and at the same time.
fn jobs(log: &Path, megabytes: f64, runs: u64) -> io::Result<()> {
    let count = number("--jobs", 2);
    let one = |cores, jobs: u64| {
        let name = format!("`auditrd -j {jobs}`");
        (name, cores, vec![replay(log, count, cores, jobs)])
    };
    let each = (0..count).map(|_| replay(log, 1, count, 1)).collect();
    let each = (format!("{count} processes"), count, each);
    let mut ways = [one(1, 1), one(count, 1), one(count, count), each];
    let mut costs: Vec<Cost> = Vec::new();
    for run in 0..runs {
        for (index, (_, _, commands)) in ways.iter_mut().enumerate() {
            let cost = Cost::together(commands)?;
            match costs.get_mut(index) {
                Some(least) if run > 0 => *least = least.or_less(&cost),
                _ => costs.push(cost),
            }
        }
    }
    println!("{count} logs of {megabytes:.0} MB each; the least of {runs} runs\n");
    println!("| cores | command | CPU s | wall s | speed | peak MiB |");
    println!("|---:|---|---:|---:|---:|---:|");
    for ((name, cores, _), cost) in ways.iter().zip(&costs) {
        let (cpu, wall) = (cost.cpu.as_secs_f64(), cost.wall.as_secs_f64());
        let speed = costs[0].wall.as_secs_f64() / wall;
        let peak = cost.peak_mib();
        println!("| {cores} | {name} | {cpu:.2} | {wall:.2} | {speed:.2} | {peak:.0} |");
    }
    Ok(())
}

/// Replays a log several times, on the first cores only.
fn replay(log: &Path, count: u64, cores: u64, jobs: u64) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &format!("0-{}", cores - 1)]);
    command.arg(programs::auditrd());
    command.args(["-q", "-j", &jobs.to_string()]);
    command.args((0..count).map(|_| log));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}
