//! Measures the binary replaying a whole log, from a file and from a pipe, against a scan for line
//! ends.
//!
//! `cargo bench --bench replay -- [--copies N] [--runs N] [--binary PATH]`; ten copies of the busy
//! host's log are about 280 MB.

#![expect(clippy::print_stdout, reason = "the results go there")]

mod support;

use std::io;

use support::{
    cost::Cost,
    log, number,
    programs::{self, Program},
};

fn main() -> io::Result<()> {
    if programs::is_scan()? || !support::is_bench() {
        return Ok(());
    }
    let (log, size) = log::grown(number("--copies", 10), None)?;
    let runs = number("--runs", 5);
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
